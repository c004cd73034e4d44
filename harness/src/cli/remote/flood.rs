//! `--flood-from`: a network that the host reaches by way of the tester, for floods to come from.

use crate::device::Crowd;
use crate::device::external::flooders;
use crate::spec::case::Case;
use pnet::ipnetwork::IpNetwork;
use std::net::IpAddr;

/// The network, as the command line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct FloodNetwork(IpNetwork);

impl FloodNetwork {
    /// Reads `10.0.0.0/8`.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        let network: IpNetwork = text
            .parse()
            .map_err(|_| format!("`{text}` is no network; write `10.0.0.0/8`"))?;
        let network = Self(network);
        if network.crowd().size == 0 {
            return Err(format!("{text} has no addresses for hosts"));
        }
        Ok(network)
    }

    /// Its addresses but for the lowest, which is the network's, and the highest, which may be for
    /// everybody.
    pub(super) fn crowd(self) -> Crowd {
        let bits = match self.0 {
            IpNetwork::V4(network) => 32 - network.prefix(),
            IpNetwork::V6(network) => 128 - network.prefix(),
        };
        let all = 1_u32.checked_shl(bits.into()).unwrap_or(u32::MAX);
        let first = match self.0.network() {
            IpAddr::V4(lowest) => IpAddr::V4((u32::from(lowest) | 1).into()),
            IpAddr::V6(lowest) => IpAddr::V6((u128::from(lowest) | 1).into()),
        };
        let size = all.saturating_sub(2);
        Crowd { first, size }
    }

    /// The host itself, and where the tester speaks from, are no part of the crowd.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        self.0.contains(address)
    }
}

impl std::fmt::Display for FloodNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a case that floods cannot; `None` if it can, or does not flood.
pub(super) fn unfit(case: &Case, crowd: Option<Crowd>) -> Option<String> {
    let wanted = flooders(case);
    match crowd {
        _ if wanted == 0 => None,
        None => Some("floods the host (--flood-from: from which network?)".to_owned()),
        Some(crowd) if crowd.size < wanted => Some(format!(
            "floods the host from {wanted} addresses; the network of --flood-from has {}",
            crowd.size
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.0.0.0/8", "10.0.0.1", (1 << 24) - 2)]
    #[case("10.1.2.3/24", "10.1.2.1", 254)]
    #[case("0.0.0.0/0", "0.0.0.1", u32::MAX - 2)]
    #[case("2001:db8:f::/64", "2001:db8:f::1", u32::MAX - 2)]
    #[case("2001:db8:f::/120", "2001:db8:f::1", 254)]
    fn networks(#[case] text: &str, #[case] first: IpAddr, #[case] size: u32) {
        let crowd = FloodNetwork::parse(text).unwrap().crowd();
        assert_eq!(crowd, Crowd { first, size });
    }

    #[rstest]
    #[case("10.0.0.0/33")]
    #[case("10.0.0.0/31")]
    #[case("10.0.0.1")]
    #[case("ten")]
    fn no_networks(#[case] text: &str) {
        assert!(FloodNetwork::parse(text).is_err());
    }
}
