//! Passive OPENs and their two queues (listen(2); RFC 4987 §2.2 calls the limit the backlog).

use crate::{Config, ConnectionId, Instant, ListenerId, SocketOptions};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// So long a Fast Open request that was reset counts as pending: the time that an unanswered one
/// takes to be given up.
const RESET_COUNTS: Duration = Duration::from_secs(60);

/// A passive OPEN and its queues.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The local socket; an unspecified address stands for all of them.
    pub(crate) local: SocketAddr,
    /// The backlog that the application asked for, as far as the host grants it.
    pub(crate) backlog: usize,
    /// What its connections get.
    pub(crate) options: SocketOptions,
    /// Connections in SYN-RECEIVED.
    pub(crate) half_open: usize,
    /// Those of them whose SYN brought text.
    fast_opens: usize,
    /// Others of that kind were reset: until when they count, the oldest first.
    fast_open_resets: VecDeque<Instant>,
    /// Connections that nobody has accepted yet.
    pub(crate) ready: VecDeque<ConnectionId>,
    /// When it sent its last SYN cookie.
    pub(crate) last_cookie: Option<Instant>,
}

impl Listener {
    /// A listener that has heard nothing yet.
    pub(crate) fn new(local: SocketAddr, backlog: usize, options: SocketOptions) -> Self {
        Self {
            local,
            backlog,
            options,
            half_open: 0,
            fast_opens: 0,
            fast_open_resets: VecDeque::new(),
            ready: VecDeque::new(),
            last_cookie: None,
        }
    }

    /// How many connections can wait to be accepted: one more than the backlog, as Linux counts,
    /// so that a backlog of 0 still lets one in.
    pub(crate) fn accept_limit(&self) -> usize {
        self.backlog.saturating_add(1)
    }

    /// The accept queue has no room.
    pub(crate) fn is_full(&self) -> bool {
        self.ready.len() >= self.accept_limit()
    }

    /// How many connections can be half open: as many as can wait, and no more than the host
    /// allows.
    pub(crate) fn half_open_limit(&self, config: &Config) -> usize {
        self.accept_limit().min(config.syn_backlog)
    }

    /// The SYN queue has no room.
    pub(crate) fn is_flooded(&self, config: &Config) -> bool {
        self.half_open >= self.half_open_limit(config)
    }

    /// PendingFastOpenRequests (RFC 7413 §4.2).
    pub(crate) fn pending_fast_opens(&mut self, now: Instant) -> usize {
        while self
            .fast_open_resets
            .front()
            .is_some_and(|until| *until <= now)
        {
            self.fast_open_resets.pop_front();
        }
        self.fast_opens + self.fast_open_resets.len()
    }

    /// A SYN has brought text.
    pub(crate) fn fast_open_begins(&mut self) {
        self.fast_opens += 1;
    }

    /// Its connection has left SYN-RECEIVED, by a reset or in another way.
    pub(crate) fn fast_open_ends(&mut self, reset: bool, now: Instant) {
        self.fast_opens -= 1;
        // RFC 7413 §5.1:
        //   by continuing to account for those connection requests that
        //   have just been reset against the listener's PendingFastOpenRequests
        //   until a timeout period has passed.
        if reset {
            self.fast_open_resets.push_back(now + RESET_COUNTS);
        }
    }

    /// The SYN queue is more than half full. One with room for a few only is never pressed.
    pub(crate) fn is_pressed(&self, config: &Config) -> bool {
        self.half_open * 2 > self.half_open_limit(config).max(8)
    }
}

/// All passive OPENs of a host.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    by_id: BTreeMap<ListenerId, Listener>,
    by_socket: BTreeMap<SocketAddr, ListenerId>,
    last: u64,
}

impl Listeners {
    /// Adds a listener; `None` if the socket has one.
    pub(crate) fn add(&mut self, listener: Listener) -> Option<ListenerId> {
        if self.by_socket.contains_key(&listener.local) {
            return None;
        }
        self.last += 1;
        let id = ListenerId(self.last);
        self.by_socket.insert(listener.local, id);
        self.by_id.insert(id, listener);
        Some(id)
    }

    /// Takes a listener away.
    pub(crate) fn remove(&mut self, id: ListenerId) -> Option<Listener> {
        let listener = self.by_id.remove(&id)?;
        self.by_socket.remove(&listener.local);
        Some(listener)
    }

    /// Who listens on a local socket: its own listener before one for all addresses.
    pub(crate) fn find(&self, local: SocketAddr) -> Option<ListenerId> {
        let any: IpAddr = match local {
            SocketAddr::V4(_) => [0_u8; 4].into(),
            SocketAddr::V6(_) => [0_u8; 16].into(),
        };
        let all = SocketAddr::new(any, local.port());
        self.by_socket
            .get(&local)
            .or_else(|| self.by_socket.get(&all))
            .copied()
    }

    /// A listener.
    pub(crate) fn get(&self, id: ListenerId) -> Option<&Listener> {
        self.by_id.get(&id)
    }

    /// A listener, to change it.
    pub(crate) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.by_id.get_mut(&id)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn listener(local: &str, backlog: usize) -> Listener {
        let local = local.parse().expect("an address");
        Listener::new(local, backlog, SocketOptions::default())
    }

    #[test]
    fn the_nearest_listener_hears() {
        let mut listeners = Listeners::default();
        let all = listeners.add(listener("0.0.0.0:80", 1));
        let one = listeners.add(listener("10.0.0.1:80", 1));
        assert_eq!(listeners.add(listener("10.0.0.1:80", 1)), None);
        let find = |local: &str| listeners.find(local.parse().expect("an address"));
        assert_eq!(find("10.0.0.1:80"), one);
        assert_eq!(find("10.0.0.2:80"), all);
        assert_eq!(find("[fd00::1]:80"), None);
    }

    #[rstest]
    #[case(0, 1, 1)]
    #[case(1, 2, 2)]
    #[case(128, 129, 129)]
    #[case(4096, 4097, 1024)]
    fn a_backlog_says_how_many_may_wait(
        #[case] backlog: usize,
        #[case] ready: usize,
        #[case] half_open: usize,
    ) {
        let listener = listener("10.0.0.1:80", backlog);
        let limits = (
            listener.accept_limit(),
            listener.half_open_limit(&Config::default()),
        );
        assert_eq!(limits, (ready, half_open));
    }

    #[test]
    fn a_reset_fast_open_counts_for_a_minute() {
        let at = |secs| Instant::ZERO + Duration::from_secs(secs);
        let mut queues = listener("0.0.0.0:80", 8);
        for _ in 0..3 {
            queues.fast_open_begins();
        }
        queues.fast_open_ends(true, at(0));
        queues.fast_open_ends(false, at(1));
        queues.fast_open_ends(true, at(2));
        assert_eq!(
            [59, 60, 61, 62].map(|secs| queues.pending_fast_opens(at(secs))),
            [2, 1, 1, 0]
        );
    }
}
