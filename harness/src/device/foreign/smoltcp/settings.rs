//! What specs set, as far as smoltcp has it.

use crate::device::foreign::asks::Asks;
use crate::spec::case::{Case, KeepAlive, SocketSettings};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Duration;

/// A socket's buffer, either way, where nobody asks for another size: as large as a window can be
/// without window scale.
const BUFFER: usize = 65_535;

/// The longest queue of a listener: each place is a socket with buffers of its own.
const LONGEST_QUEUE: u32 = 1024;

/// Why the case cannot be played with smoltcp; `None` if it can.
pub(super) fn unfit(case: &Case) -> Option<String> {
    let asks = Asks::of(case);
    let lacks = |what: &str| Some(format!("{what}, which smoltcp has not"));
    if let Some(what) = asks.beyond_any() {
        return lacks(&what);
    }
    if asks.backlog.is_some_and(|backlog| backlog > LONGEST_QUEUE) {
        return lacks(&format!("queues more than {LONGEST_QUEUE} connections"));
    }
    for set in asks.settings() {
        if set.tos.is_some() {
            return lacks("sets the type of service");
        }
        if set.advertised_timeout.is_some() {
            return lacks("advertises a user timeout");
        }
        if set.fastopen.is_some() {
            return lacks("lets a listener take text on SYNs");
        }
        if set.ttl == Some(0) {
            return lacks("sets a TTL of 0");
        }
        let interval_of = |keepalive: &KeepAlive| keepalive.idle == keepalive.interval;
        if set.keepalive.as_ref().is_some_and(|it| !interval_of(it)) {
            return lacks("sets an idle time before the first keep-alive");
        }
    }
    let resized = |set: &&SocketSettings| set.rcvbuf.or(set.sndbuf).is_some();
    if asks.later.iter().any(resized) {
        return lacks("resizes the buffers of a connection");
    }
    None
}

/// A closed socket with these settings.
pub(super) fn socket(set: &SocketSettings) -> Socket<'static> {
    let buffer = |asked: Option<u32>| {
        let size = asked.map_or(BUFFER, |octets| (octets as usize).max(1));
        SocketBuffer::new(vec![0; size])
    };
    let mut socket = Socket::new(buffer(set.rcvbuf), buffer(set.sndbuf));
    apply(&mut socket, set);
    socket
}

/// Sets what can be set of a socket at any time.
pub(super) fn apply(socket: &mut Socket<'static>, set: &SocketSettings) {
    if let Some(nodelay) = set.nodelay {
        socket.set_nagle_enabled(!nodelay);
    }
    if let Some(ttl) = set.ttl {
        socket.set_hop_limit(Some(ttl));
    }
    if let Some(keepalive) = &set.keepalive {
        let interval = keepalive.interval;
        socket.set_keep_alive(interval.map(Duration::from));
        // smoltcp gives up by the time since it heard something, not by a count.
        let probes = interval.zip(keepalive.count);
        let patience = probes.map(|(interval, count)| interval.saturating_mul(count + 1));
        socket.set_timeout(patience.map(Duration::from));
    }
    if let Some(timeout) = set.user_timeout {
        // Zero is none, as the option of other stacks has it.
        let timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        socket.set_timeout(timeout.map(Duration::from));
    }
}
