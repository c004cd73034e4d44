//! `--from`: the tester's addresses, as the command line says them.

use std::net::IpAddr;

/// Addresses that follow each other, at most 256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct AddressRange {
    first: IpAddr,
    count: u16,
}

impl AddressRange {
    /// Reads `192.0.2.200` or `192.0.2.200-215` (the last part of the last address; hexadecimal
    /// for IPv6).
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, ""));
        let first: IpAddr = first
            .parse()
            .map_err(|_| format!("`{first}` is no IP address; write `192.0.2.200-215`"))?;
        let (radix, lowest, most) = match first {
            IpAddr::V4(address) => (10, u16::from(address.octets()[3]), 0xff),
            IpAddr::V6(address) => (16, address.segments()[7], 0xffff),
        };
        let end = match last {
            "" => lowest,
            last => u16::from_str_radix(last, radix)
                .map_err(|_| format!("`{last}` is not the last part of an address"))?,
        };
        if end < lowest || end > most || end - lowest > 255 {
            let written = |part: u16| match first {
                IpAddr::V4(_) => part.to_string(),
                IpAddr::V6(_) => format!("{part:x}"),
            };
            let (lowest, end) = (written(lowest), written(end));
            return Err(format!(
                "a range goes up, and has at most 256 addresses; this one is {lowest} to {end}"
            ));
        }
        Ok(Self {
            first,
            count: end - lowest + 1,
        })
    }

    /// All of them.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let nth = |offset: u16| match self.first {
            IpAddr::V4(first) => IpAddr::V4((u32::from(first) + u32::from(offset)).into()),
            IpAddr::V6(first) => IpAddr::V6((u128::from(first) + u128::from(offset)).into()),
        };
        (0..self.count).map(nth).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("192.0.2.200", &["192.0.2.200"])]
    #[case("192.0.2.254-255", &["192.0.2.254", "192.0.2.255"])]
    #[case("2001:db8::f-10", &["2001:db8::f", "2001:db8::10"])]
    fn ranges(#[case] text: &str, #[case] addresses: &[&str]) {
        let range = AddressRange::parse(text).unwrap();
        let shown: Vec<String> = range.addresses().iter().map(ToString::to_string).collect();
        assert_eq!(shown, addresses);
    }

    #[rstest]
    #[case("192.0.2.200-100")]
    #[case("192.0.2.200-256")]
    #[case("192.0.2.200-192.0.2.210")]
    #[case("host")]
    #[case("2001:db8::1-1000")]
    fn no_ranges(#[case] text: &str) {
        assert!(AddressRange::parse(text).is_err());
    }

    #[rstest]
    #[case("192.0.2.215-200", "this one is 215 to 200")]
    #[case("2001:db8::d7-c8", "this one is d7 to c8")]
    fn the_parts_of_an_address_are_said_as_they_were_written(
        #[case] text: &str,
        #[case] says: &str,
    ) {
        let said = AddressRange::parse(text).unwrap_err();
        assert!(said.contains(says), "{said}");
    }
}
