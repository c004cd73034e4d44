//! Path MTUs (RFC 1191, RFC 8201): what a connection knows of its path, which claims about it are
//! believed, and what a host remembers for all connections that take the same path.
//!
//! That a claim quotes a segment in flight is checked by [`crate::icmp`], so that only who sees the
//! segments of a living connection, or is its peer, can say anything about the path to that host.
//! What is believed there may be believed by the other connections to the same host as well. A
//! stranger poisons nothing; a host that lies about itself, or shares its address with a liar, gets
//! small packets, until it is tried again.

use crate::{Config, Instant};
use std::collections::BTreeMap;
use std::net::IpAddr;

const NEVER: Instant = Instant(u64::MAX);
/// So many paths are remembered at most.
const MOST: usize = 1024;

/// Own address and that of the other end (RFC 1191 §6.2).
pub(crate) type Path = (IpAddr, IpAddr);

/// What a connection knows of the path to its peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathMtu {
    /// Largest packet that may be sent, octets.
    estimate: u16,
    /// The smallest MTU that a link may have.
    least: u16,
    /// The largest packet sent since the estimate fell for the last time (RFC 5927 §7.2).
    largest_sent: u16,
    /// The count of [`Paths`] when it was heard last.
    heard: u16,
    /// When a larger packet may be tried; never, while none was too large.
    raise_at: Instant,
}

impl PathMtu {
    /// As the own link allows, or where nothing is discovered, every path.
    pub(crate) fn new((local, remote): Path, config: &Config) -> Self {
        // RFC 1191 §3:
        //   A host MUST never reduce its estimate of the Path MTU below 68
        //   octets.
        let least = if local.is_ipv4() { 68 } else { 1280 };
        let estimate = if config.path_mtu_discovery {
            config.mtu
        } else {
            config.mtu.min(everywhere(local, remote, config))
        };
        Self {
            estimate,
            least,
            largest_sent: least,
            heard: 0,
            raise_at: NEVER,
        }
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

    /// A router says that no packet above `claim` gets through: that may be so.
    pub(crate) fn may_be(&self, claim: u16, config: &Config) -> bool {
        // RFC 5927 §7.2:
        //   If claimedmtu is larger than maxsizesent, then the
        //   ICMP error message is silently discarded.
        !config.rfc5927 || claim <= self.largest_sent
    }

    /// It is so. True if the estimate fell.
    pub(crate) fn too_big(&mut self, claim: u16, now: Instant, config: &Config) -> bool {
        let claim = claim.max(self.least);
        // RFC 1191 §3:
        //   A host MUST not increase its estimate of the Path MTU in response to
        //   the contents of a Datagram Too Big message.
        if claim >= self.estimate {
            return false;
        }
        self.estimate = claim;
        self.largest_sent = self.least;
        self.raise_at = now + config.path_mtu_raise;
        true
    }

    /// The estimate has not fallen for long enough: a larger packet may be tried.
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        now >= self.raise_at
    }

    /// It is again as large as the own link allows.
    pub(crate) fn raise(&mut self, path: Path, config: &Config) {
        let heard = self.heard;
        *self = Self {
            heard,
            ..Self::new(path, config)
        };
    }
}

/// What connections have learnt of paths.
///
/// Connections are not told: each asks before it sends, if anything was learnt since it asked last.
/// RFC 1191 §6.2 allows that, and a message never costs more than one connection's time.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    learnt: BTreeMap<Path, Learnt>,
    /// Counts what was learnt. Who sleeps through 65,536 lessons may miss them.
    lessons: u16,
}

/// What is known of a path.
#[derive(Clone, Copy, Debug)]
struct Learnt {
    mtu: u16,
    raise_at: Instant,
}

impl Paths {
    /// The estimate of a connection on `path` has fallen.
    pub(crate) fn learn(&mut self, path: Path, connection: &PathMtu, now: Instant) {
        let mut learnt = Learnt {
            mtu: connection.estimate,
            raise_at: connection.raise_at,
        };
        if let Some(known) = self.learnt.get(&path).filter(|known| now < known.raise_at) {
            learnt.mtu = learnt.mtu.min(known.mtu);
        } else if self.learnt.len() >= MOST {
            self.forget(now);
        }
        self.learnt.insert(path, learnt);
        self.lessons = self.lessons.wrapping_add(1);
    }

    /// Makes room: what is old goes, or if nothing is, what will be old first.
    fn forget(&mut self, now: Instant) {
        self.learnt.retain(|_, known| now < known.raise_at);
        let next = self.learnt.iter().min_by_key(|(_, known)| known.raise_at);
        if let Some((path, _)) = next.filter(|_| self.learnt.len() >= MOST) {
            let path = *path;
            self.learnt.remove(&path);
        }
    }

    /// Something was learnt since the connection asked.
    pub(crate) fn has_news(&self, connection: &PathMtu) -> bool {
        connection.heard != self.lessons
    }

    /// Tells a connection on `path` what others have learnt. True if its estimate fell.
    pub(crate) fn tell(&self, path: Path, connection: &mut PathMtu, now: Instant) -> bool {
        connection.heard = self.lessons;
        let Some(known) = self.learnt.get(&path).filter(|known| now < known.raise_at) else {
            return false;
        };
        // What was sent before may be in flight, so that `largest_sent` stays.
        let falls = known.mtu < connection.estimate;
        connection.estimate = connection.estimate.min(known.mtu);
        // RFC 1191 §3:
        //   MUST NOT be done less than 5 minutes after a Datagram Too
        //   Big message has been received for the given destination
        let first = falls && connection.raise_at == NEVER;
        if first || connection.raise_at < known.raise_at {
            connection.raise_at = known.raise_at;
        }
        falls
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
        PathMtu::new((local, local), config)
    }

    fn hears(path: &mut PathMtu, claim: u16, config: &Config) -> bool {
        path.may_be(claim, config) && path.too_big(claim, Instant::ZERO, config)
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
        let fell = hears(&mut path, claim, &config);
        assert_eq!(fell.then(|| path.get()), estimate);
        assert!(!hears(&mut path, claim, &config), "once is enough");
    }

    #[test]
    fn after_a_fall_only_what_was_sent_since_counts() {
        let config = Config::default();
        let mut path = of_link(V4, &config);
        path.sent(1500);
        assert!(hears(&mut path, 1400, &config));
        path.sent(1000);
        assert!(!hears(&mut path, 1300, &config));
        assert!(hears(&mut path, 900, &config));
        assert!(!hears(&mut path, 800, &config));
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
        assert!(!path.is_old(Instant::ZERO + Duration::from_secs(599)));
        assert!(path.is_old(Instant::ZERO + PATIENCE));
        path.raise((V4, V4), &config);
        assert_eq!(path.get(), 1500);
        assert!(!path.is_old(Instant(u64::MAX - 1)));
    }

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    fn to(host: u32) -> Path {
        (V4, IpAddr::V4(std::net::Ipv4Addr::from_bits(host)))
    }

    fn learns(paths: &mut Paths, path: Path, mtu: u16, now: Instant, config: &Config) {
        let mut connection = PathMtu::new(path, config);
        connection.sent(1500);
        assert!(connection.too_big(mtu, now, config));
        paths.learn(path, &connection, now);
    }

    /// What a connection knows that asks now.
    fn asks(paths: &Paths, path: Path, now: Instant) -> u16 {
        let mut connection = PathMtu::new(path, &Config::default());
        if paths.has_news(&connection) {
            paths.tell(path, &mut connection, now);
        }
        connection.get()
    }

    #[test]
    fn a_path_is_known_to_all_that_take_it_until_it_is_old() {
        let (config, mut paths) = (Config::default(), Paths::default());
        learns(&mut paths, to(1), 1300, at(0), &config);
        assert_eq!(asks(&paths, to(1), at(599)), 1300);
        assert_eq!(asks(&paths, to(1), at(600)), 1500);
        assert_eq!(asks(&paths, to(2), at(0)), 1500);
    }

    #[rstest]
    #[case::second_router(1300, 100, 1200, 1200)]
    #[case::a_wider_way(1300, 100, 1400, 1300)]
    #[case::after_it_was_old(1300, 600, 1400, 1400)]
    fn of_two_lessons_the_smaller_counts_until_the_later_is_old(
        #[case] first: u16,
        #[case] after: u64,
        #[case] second: u16,
        #[case] known: u16,
    ) {
        let (config, mut paths) = (Config::default(), Paths::default());
        let mut sleeper = PathMtu::new(to(1), &config);
        learns(&mut paths, to(1), first, at(0), &config);
        assert!(paths.tell(to(1), &mut sleeper, at(0)));
        learns(&mut paths, to(1), second, at(after), &config);
        assert_eq!(asks(&paths, to(1), at(after + 599)), known);
        assert_eq!(asks(&paths, to(1), at(after + 600)), 1500);
        assert!(paths.has_news(&sleeper));
        paths.tell(to(1), &mut sleeper, at(after));
        assert!(!paths.has_news(&sleeper));
        assert!(!sleeper.is_old(at(after + 599)) && sleeper.is_old(at(after + 600)));
    }

    #[test]
    fn who_knows_better_is_not_told() {
        let (config, mut paths) = (Config::default(), Paths::default());
        let mut connection = PathMtu::new(to(1), &config);
        assert!(connection.too_big(1000, at(50), &config));
        learns(&mut paths, to(1), 1300, at(0), &config);
        assert!(!paths.tell(to(1), &mut connection, at(60)));
        assert_eq!(connection.get(), 1000);
        assert!(!connection.is_old(at(649)) && connection.is_old(at(650)));
    }

    #[test]
    fn what_was_in_flight_when_others_learnt_may_meet_a_second_router() {
        let (config, mut paths) = (Config::default(), Paths::default());
        let mut connection = PathMtu::new(to(1), &config);
        connection.sent(1500);
        learns(&mut paths, to(1), 1300, at(0), &config);
        assert!(paths.tell(to(1), &mut connection, at(0)));
        assert!(hears(&mut connection, 1250, &config));
    }

    #[test]
    fn many_hosts_do_not_grow_it_and_the_oldest_gives_way() {
        let (config, mut paths) = (Config::default(), Paths::default());
        for host in 0..MOST as u32 + 10 {
            learns(&mut paths, to(host), 1300, at(u64::from(host) / 4), &config);
        }
        assert_eq!(paths.learnt.len(), MOST);
        assert_eq!(asks(&paths, to(9), at(300)), 1500);
        assert_eq!(asks(&paths, to(10), at(300)), 1300);
        learns(&mut paths, to(5000), 1300, at(750), &config);
        assert!(paths.learnt.len() < MOST / 2, "what is old goes first");
    }
}
