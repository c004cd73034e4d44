//! What specs set, as far as netstack3 has it.

use crate::device::foreign::asks::Asks;
use crate::spec::case::{Case, KeepAlive, SocketSettings};
use netstack3_core::tcp::SocketOptions;
use packet_formats::utils::NonZeroDuration;
use std::num::NonZeroU8;
use std::time::Duration;

/// Why the case cannot be played with netstack3; `None` if it can.
pub(super) fn unfit(case: &Case) -> Option<String> {
    let asks = Asks::of(case);
    let lacks = |what: &str| Some(format!("{what}, which netstack3 has not"));
    if let Some(what) = asks.beyond_any() {
        return lacks(&what);
    }
    for set in asks.settings() {
        if set.ttl.is_some() || set.tos.is_some() {
            return lacks("sets the TTL or type of service of a TCP socket");
        }
        if set.advertised_timeout.is_some() {
            return lacks("advertises a user timeout");
        }
        if set.rcvbuf == Some(0) || set.sndbuf == Some(0) {
            return lacks("sets a buffer of no octets");
        }
        if set.fastopen.is_some() {
            return lacks("lets a listener take text on SYNs");
        }
    }
    None
}

/// Sets what can be set of a socket at any time, but for the sizes of its buffers.
pub(super) fn apply(options: &mut SocketOptions, set: &SocketSettings) {
    if let Some(nodelay) = set.nodelay {
        options.nagle_enabled = !nodelay;
    }
    if let Some(timeout) = set.user_timeout {
        options.user_timeout = NonZeroDuration::new(timeout);
    }
    if let Some(keepalive) = &set.keepalive {
        keep_alive(options, keepalive);
    }
}

fn keep_alive(options: &mut SocketOptions, set: &KeepAlive) {
    let place = |place: &mut NonZeroDuration, asked: Option<Duration>| {
        if let Some(duration) = asked.and_then(NonZeroDuration::new) {
            *place = duration;
        }
    };
    let known = &mut options.keep_alive;
    known.enabled = true;
    place(&mut known.idle, set.idle);
    place(&mut known.interval, set.interval);
    let count = set.count.and_then(|count| u8::try_from(count).ok());
    known.count = count.and_then(NonZeroU8::new).unwrap_or(known.count);
}
