//! The Internet checksum (RFC 1071) with the pseudo-header of TCP (RFC 9293 §3.1).

use std::net::IpAddr;

/// A sum of 16-bit words that is not folded yet, in the byte order of this machine: the sum of
/// swapped words is the swapped sum (RFC 1071 §2 (B)), so that nothing is swapped but the result.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// The pseudo-header of RFC 9293 §3.1 or RFC 8200 §8.1; the length is 16 bits here because
    /// jumbograms are not supported.
    pub(crate) fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, len: usize) -> Self {
        let fixed = u32::from(protocol) + len as u32;
        let sum = Self(u64::from(fixed.to_be()));
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => sum.add(&src.octets()).add(&dst.octets()),
            (src, dst) => sum.add(&v6_octets(src)).add(&v6_octets(dst)),
        }
    }

    /// Adds octets; an odd one is padded with zero, so only the last call may have one.
    pub(crate) fn add(self, octets: &[u8]) -> Self {
        let (words, rest) = octets.as_chunks::<8>();
        let (mut all, mut upper) = (0_u64, 0);
        for word in words {
            let word = u64::from_ne_bytes(*word);
            all = all.wrapping_add(word);
            upper += word >> 32;
        }
        let last = rest.iter().rev();
        let last = u64::from_le(last.fold(0, |word, octet| word << 8 | u64::from(*octet)));
        all = all.wrapping_add(last);
        upper += last >> 32;
        // What carries took from `all` at the top was from the upper halves.
        let lower = all.wrapping_sub(upper << 32);
        Self(self.0 + lower + upper)
    }

    /// The checksum: zero over octets that contain a right one.
    pub(crate) fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::from_be(!(sum as u16))
    }
}

fn v6_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_definition_word_by_word(octets: Vec<u8>) {
            let mut sum = 0_u64;
            for word in octets.chunks(2) {
                sum += u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0));
                sum = (sum & 0xffff) + (sum >> 16);
            }
            prop_assert_eq!(Sum::default().add(&octets).finish(), !(sum as u16));
        }
    }
}
