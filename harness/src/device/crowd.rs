//! The addresses that floods come from. Whoever answers them speaks to the tester.

use crate::spec::case::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// The lowest.
    pub first: IpAddr,
    /// How many there are.
    pub size: u32,
}

impl Crowd {
    /// The one of a link of our own.
    pub fn of(family: Family) -> Self {
        let first = match family {
            Family::V4 => Ipv4Addr::new(10, 0, 0, 1).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1).into(),
        };
        let size = 1 << 23;
        Self { first, size }
    }

    /// The address with that number; beyond the last it begins again.
    pub fn address(self, number: u32) -> IpAddr {
        let number = number % self.size.max(1);
        match self.first {
            IpAddr::V4(first) => Ipv4Addr::from(u32::from(first).wrapping_add(number)).into(),
            IpAddr::V6(first) => {
                Ipv6Addr::from(u128::from(first).wrapping_add(u128::from(number))).into()
            }
        }
    }

    /// The number of an address; `None` if it is somebody else's.
    pub fn number_of(self, address: IpAddr) -> Option<u32> {
        let number = match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                u32::from(address).checked_sub(first.into())?
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let number = u128::from(address).checked_sub(first.into())?;
                u32::try_from(number).ok()?
            }
            _ => return None,
        };
        (number < self.size).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_an_address_of_its_own_that_leads_back_to_it() {
        for family in [Family::V4, Family::V6] {
            let crowd = Crowd::of(family);
            for number in [0, 1, 255, 65_536, 999_999, crowd.size - 1] {
                assert_eq!(crowd.number_of(crowd.address(number)), Some(number));
            }
        }
    }

    #[test]
    fn others_have_none() {
        let crowd = Crowd {
            first: Ipv4Addr::new(10, 0, 0, 1).into(),
            size: 254,
        };
        for other in ["10.0.0.0", "10.0.0.255", "9.255.255.255", "::a00:1"] {
            assert_eq!(crowd.number_of(other.parse().unwrap()), None, "{other}");
        }
    }
}
