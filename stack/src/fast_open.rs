//! TCP Fast Open (RFC 7413): the option, what a host remembers of servers, and what one
//! connection knows of its own SYN.
//!
//! Which cookies a server gives out follows from the host's secret (`demux`).

use crate::time::Instant;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A cookie (RFC 7413 §4.1.1): 4 to 16 octets, an even number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    octets: [u8; 16],
    len: u8,
}

impl Cookie {
    /// These octets, if a cookie may be so long.
    pub fn new(from: &[u8]) -> Option<Self> {
        let allowed = (4..=16).contains(&from.len()) && from.len().is_multiple_of(2);
        let mut octets = [0; 16];
        octets.get_mut(..from.len())?.copy_from_slice(from);
        let len = from.len() as u8;
        allowed.then_some(Self { octets, len })
    }

    /// The cookie of these octets.
    pub(crate) fn of_eight(from: [u8; 8]) -> Self {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&from);
        Self { octets, len: 8 }
    }

    /// The octets.
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

/// The Fast Open option of a SYN or SYN,ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastOpenOption {
    /// Without a cookie: the request for one.
    Request,
    /// With a cookie.
    Cookie(Cookie),
}

impl FastOpenOption {
    /// Octets of the option without its padding.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Request => 2,
            Self::Cookie(cookie) => 2 + cookie.as_slice().len(),
        }
    }
}

/// What a connection knows of its own fast open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastOpen {
    /// The option of the first SYN or SYN,ACK.
    pub(crate) option: Option<FastOpenOption>,
    /// So much text the first SYN may carry, octets.
    pub(crate) syn_text: u32,
    /// The text of the peer's SYN was taken: FastOpened of RFC 7413 §4.2.
    pub(crate) opened: bool,
    /// The cookie of the peer's SYN,ACK.
    pub(crate) granted: Option<Cookie>,
}

/// So many servers are remembered at most, and so many refusals.
const MOST: usize = 1024;

/// What a host remembers as a client (RFC 7413 §4.1.3).
#[derive(Debug, Default)]
pub(crate) struct Servers {
    /// Cookie and MSS by own address and server address.
    cookies: BTreeMap<(IpAddr, IpAddr), (Cookie, u16)>,
    /// Until when Fast Open is not tried, by own address and server socket.
    refusals: BTreeMap<(IpAddr, SocketAddr), Instant>,
}

impl Servers {
    /// How to open towards a server: the option, and how much text may go with it. `None` while
    /// Fast Open is not tried.
    pub(crate) fn open(&self, local: IpAddr, remote: SocketAddr, now: Instant) -> Option<FastOpen> {
        let refused = self.refusals.get(&(local, remote));
        if refused.is_some_and(|until| now < *until) {
            return None;
        }
        // RFC 7413 §4.2.1:
        //   Any client attempting TFO MUST first request a cookie from the server
        let Some((cookie, mss)) = self.cookies.get(&(local, remote.ip())) else {
            return Some(FastOpen {
                option: Some(FastOpenOption::Request),
                ..FastOpen::default()
            });
        };
        // RFC 7413 §4.1.3:
        //   the client MAY limit the cached MSS
        //   to 1460 bytes for IPv4 or 1440 for IPv6.
        let typical = if local.is_ipv4() { 1460 } else { 1440 };
        // All options count against it (RFC 6691 §2).
        let syn_text = u32::from(*mss).min(typical).saturating_sub(40);
        Some(FastOpen {
            option: Some(FastOpenOption::Cookie(*cookie)),
            syn_text,
            ..FastOpen::default()
        })
    }

    /// A server has answered with a cookie and this MSS.
    pub(crate) fn granted(&mut self, local: IpAddr, remote: SocketAddr, cookie: Cookie, mss: u16) {
        bounded(&mut self.cookies, (local, remote.ip()), (cookie, mss));
        self.refusals.remove(&(local, remote));
    }

    /// Fast Open has failed with a server.
    pub(crate) fn refused(&mut self, local: IpAddr, remote: SocketAddr, until: Instant) {
        // RFC 7413 §4.1.3.1:
        //   The client MUST cache negative responses from the server in order to
        //   avoid potential connection failures.
        bounded(&mut self.refusals, (local, remote), until);
    }
}

/// Inserts, and forgets another entry if there are too many.
fn bounded<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    if map.len() >= MOST && !map.contains_key(&key) {
        map.pop_first();
    }
    map.insert(key, value);
}

/// The number of the key under which cookies are made now; the one before it still counts.
pub(crate) fn key_number(now: Instant, life: Duration) -> u64 {
    now.0 / (life.as_nanos() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn server(last: u8) -> SocketAddr {
        ([10, 0, 1, last], 80).into()
    }

    #[rstest]
    #[case(0, false)]
    #[case(2, false)]
    #[case(4, true)]
    #[case(5, false)]
    #[case(16, true)]
    #[case(18, false)]
    fn only_some_lengths_are_cookies(#[case] len: usize, #[case] allowed: bool) {
        assert_eq!(Cookie::new(&vec![7; len]).is_some(), allowed);
    }

    #[test]
    fn a_cookie_is_asked_for_then_used_and_not_after_a_refusal() {
        let mut servers = Servers::default();
        let cookie = Cookie::new(&[1; 8]).expect("eight octets");
        let first = servers
            .open(LOCAL, server(1), Instant(0))
            .expect("it is tried");
        assert_eq!(
            (first.option, first.syn_text),
            (Some(FastOpenOption::Request), 0)
        );
        servers.granted(LOCAL, server(1), cookie, 9000);
        let next = servers
            .open(LOCAL, server(1), Instant(0))
            .expect("it is tried");
        assert_eq!(
            (next.option, next.syn_text),
            (Some(FastOpenOption::Cookie(cookie)), 1420)
        );
        servers.refused(LOCAL, server(1), Instant(5));
        assert!(servers.open(LOCAL, server(1), Instant(4)).is_none());
        assert!(servers.open(LOCAL, server(1), Instant(5)).is_some());
        let other = servers.open(LOCAL, server(2), Instant(0));
        let asks = |own: FastOpen| own.option == Some(FastOpenOption::Request);
        assert!(other.is_some_and(asks));
    }
}
