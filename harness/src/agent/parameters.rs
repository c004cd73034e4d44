//! The data types of the protocol's parameters: numbers in network order, octets behind their
//! count, addresses as four or sixteen octets.
//!
//! Reading gives `None` as soon as something is missing or cannot be.

use std::net::IpAddr;

/// Parameters that are read one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'p>(&'p [u8]);

impl<'p> Reader<'p> {
    /// From the first parameter on.
    pub fn new(parameters: &'p [u8]) -> Self {
        Self(parameters)
    }

    /// A `uint8`.
    pub fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    /// A `boolean`: all but zero is true.
    pub fn flag(&mut self) -> Option<bool> {
        self.octet().map(|octet| octet != 0)
    }

    /// A `uint16`.
    pub fn number(&mut self) -> Option<u16> {
        self.take(2)
            .map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// A `vint8`: a count, and so many octets.
    pub fn octets(&mut self) -> Option<&'p [u8]> {
        let count = self.number()?;
        self.take(usize::from(count))
    }

    /// An `ipxaddr`: the octets of an IPv4 or IPv6 address.
    pub fn address(&mut self) -> Option<IpAddr> {
        let octets = self.octets()?;
        let v4 = || octets.try_into().ok().map(|it: [u8; 4]| IpAddr::from(it));
        let v6 = || octets.try_into().ok().map(|it: [u8; 16]| IpAddr::from(it));
        v4().or_else(v6)
    }

    /// Whether all was read.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'p [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Parameters that are written one after the other.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A `uint8`.
    #[must_use]
    pub fn octet(mut self, octet: u8) -> Self {
        self.0.push(octet);
        self
    }

    /// A `boolean`.
    #[must_use]
    pub fn flag(self, flag: bool) -> Self {
        self.octet(u8::from(flag))
    }

    /// A `uint16`.
    #[must_use]
    pub fn number(mut self, number: u16) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// A `vint8`; its count is 16 bits wide, and what goes beyond is cut off.
    #[must_use]
    pub fn octets(self, octets: &[u8]) -> Self {
        let count = octets.len().min(usize::from(u16::MAX));
        let mut counted = self.number(count as u16);
        counted.0.extend(&octets[..count]);
        counted
    }

    /// An `ipxaddr`.
    #[must_use]
    pub fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.octets(&address.octets()),
            IpAddr::V6(address) => self.octets(&address.octets()),
        }
    }

    /// All of them.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_four_or_sixteen_octets() {
        let read = |octets: &[u8]| Reader::new(octets).address();
        assert_eq!(
            read(&[0, 4, 192, 0, 2, 7]),
            Some("192.0.2.7".parse().unwrap())
        );
        assert_eq!(read(&[0, 3, 192, 0, 2]), None);
        assert_eq!(read(&[0, 4, 192, 0, 2]), None);
        assert_eq!(read(&[0, 0]), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            octet: u8,
            flag: bool,
            number: u16,
            octets in prop::collection::vec(any::<u8>(), 0..40),
            address: IpAddr,
        ) {
            let written = Writer::default().octet(octet).flag(flag).number(number);
            let written = written.octets(&octets).address(address).finish();
            let mut reader = Reader::new(&written);
            prop_assert_eq!(reader.octet(), Some(octet));
            prop_assert_eq!(reader.flag(), Some(flag));
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.octets(), Some(octets.as_slice()));
            prop_assert_eq!(reader.address(), Some(address));
            prop_assert!(reader.is_at_end());
        }
    }
}
