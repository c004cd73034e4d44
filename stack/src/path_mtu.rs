//! The path MTU of a connection (RFC 1191, RFC 8201), and which claims about it are believed.
//!
//! Every connection finds out for itself: there is no cache that a stranger could poison for
//! others. That a claim quotes a segment in flight is checked by [`crate::icmp`].

use crate::{Config, Instant};
use std::net::IpAddr;

const NEVER: Instant = Instant(u64::MAX);

/// What is known of the path to the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathMtu {
    /// Largest packet that may be sent, octets.
    estimate: u16,
    /// MTU of the own link, or of every path, above which the estimate never rises.
    link: u16,
    /// The smallest MTU that a link may have.
    least: u16,
    /// The largest packet sent since the estimate fell for the last time (RFC 5927 §7.2).
    largest_sent: u16,
    /// When a larger packet may be tried; never, while none was too large.
    raise_at: Instant,
}

impl PathMtu {
    /// As the own link allows, or where nothing is discovered, every path.
    pub(crate) fn new(local: IpAddr, remote: IpAddr, config: &Config) -> Self {
        // RFC 1191 §3:
        //   A host MUST never reduce its estimate of the Path MTU below 68
        //   octets.
        let least = if local.is_ipv4() { 68 } else { 1280 };
        let link = if config.path_mtu_discovery {
            config.mtu
        } else {
            config.mtu.min(everywhere(local, remote, config))
        };
        Self {
            estimate: link,
            link,
            least,
            largest_sent: least,
            raise_at: NEVER,
        }
    }

    /// It is smaller than at first.
    pub(crate) fn has_fallen(&self) -> bool {
        self.estimate < self.link
    }

    /// Largest packet that may be sent now, octets.
    pub(crate) fn get(&self) -> u16 {
        self.estimate
    }

    /// A packet of so many octets was sent.
    pub(crate) fn sent(&mut self, octets: usize) {
        let octets = u16::try_from(octets).unwrap_or(u16::MAX);
        self.largest_sent = self.largest_sent.max(octets);
    }

    /// A router says that no packet above `claim` gets through. True if the estimate fell.
    pub(crate) fn too_big(&mut self, claim: u16, now: Instant, config: &Config) -> bool {
        // RFC 1191 §3:
        //   A host MUST not increase its estimate of the Path MTU in response to
        //   the contents of a Datagram Too Big message.
        let falls = claim.max(self.least) < self.estimate;
        // RFC 5927 §7.2:
        //   If claimedmtu is larger than maxsizesent, then the
        //   ICMP error message is silently discarded.
        if !falls || config.rfc5927 && claim > self.largest_sent {
            return false;
        }
        self.estimate = claim.max(self.least);
        self.largest_sent = self.least;
        self.raise_at = now + config.path_mtu_raise;
        true
    }

    /// Time passes: in the end a larger packet is tried, as large as the own link allows.
    pub(crate) fn age(&mut self, now: Instant) {
        if now >= self.raise_at {
            self.estimate = self.link;
            self.raise_at = NEVER;
        }
    }
}

/// What a host may send that does not discover path MTUs.
fn everywhere(local: IpAddr, remote: IpAddr, config: &Config) -> u16 {
    let (IpAddr::V4(local), IpAddr::V4(remote)) = (local, remote) else {
        // RFC 8200 §5:
        //   sending packets no larger than 1280 octets
        return 1280;
    };
    // RFC 1122 §3.3.3:
    //   EMTU_S <= 576 whenever the destination address is not on a
    //   connected network
    let hosts = u32::MAX.checked_shr(u32::from(config.ipv4_prefix));
    let connected = local.to_bits() | hosts.unwrap_or(0) == remote.to_bits() | hosts.unwrap_or(0);
    if connected { u16::MAX } else { 576 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(600);

    fn of_link(local: IpAddr, config: &Config) -> PathMtu {
        PathMtu::new(local, local, config)
    }
    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[rstest]
    #[case::lower(V4, 1500, 1000, Some(1000))]
    #[case::least(V4, 1500, 68, Some(68))]
    #[case::below_the_least(V4, 1500, 20, Some(68))]
    #[case::equal(V4, 1500, 1500, None)]
    #[case::higher(V4, 1500, 9000, None)]
    #[case::never_sent(V4, 600, 1000, None)]
    #[case::just_sent(V4, 1000, 1000, Some(1000))]
    #[case::least_of_ipv6(V6, 1500, 1280, Some(1280))]
    fn a_claim_is_believed_if_it_can_be_true(
        #[case] local: IpAddr,
        #[case] sent: usize,
        #[case] claim: u16,
        #[case] estimate: Option<u16>,
    ) {
        let config = Config::default();
        let mut path = of_link(local, &config);
        path.sent(sent);
        let fell = path.too_big(claim, Instant::ZERO, &config);
        assert_eq!(fell.then(|| path.get()), estimate);
        assert!(
            !path.too_big(claim, Instant::ZERO, &config),
            "once is enough"
        );
    }

    #[test]
    fn after_a_fall_only_what_was_sent_since_counts() {
        let config = Config::default();
        let mut path = of_link(V4, &config);
        path.sent(1500);
        assert!(path.too_big(1400, Instant::ZERO, &config));
        path.sent(1000);
        assert!(!path.too_big(1300, Instant::ZERO, &config));
        assert!(path.too_big(900, Instant::ZERO, &config));
        assert!(!path.too_big(800, Instant::ZERO, &config));
    }

    #[test]
    fn the_estimate_rises_to_the_link_when_its_time_has_come() {
        let config = Config {
            path_mtu_raise: PATIENCE,
            ..Config::default()
        };
        let mut path = of_link(V4, &config);
        path.sent(1500);
        assert!(path.too_big(1000, Instant::ZERO, &config));
        path.age(Instant::ZERO + Duration::from_secs(599));
        assert_eq!(path.get(), 1000);
        path.age(Instant::ZERO + PATIENCE);
        assert_eq!(path.get(), 1500);
    }
}
