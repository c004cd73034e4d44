//! What the application does and sees, and what a device tells of a connection.

use super::{Entry, Shape, entry};

/// Calls of the application.
pub const CALLS: &[Entry] = &[
    entry(
        "listen",
        Shape::Map(&[LISTEN]),
        "passive OPEN; the map may be left out",
    ),
    entry("connect", Shape::Nothing, "active OPEN"),
    entry(
        "accept",
        Shape::Nothing,
        "take a connection from the listener",
    ),
    entry(
        "send",
        Shape::Payload,
        "SEND n octets, a text, or {count, urgent: true}",
    ),
    entry("recv", Shape::Number, "RECEIVE n octets"),
    entry(
        "shutdown",
        Shape::Word(&["write"]),
        "the RFC's CLOSE: receiving goes on",
    ),
    entry("close", Shape::Nothing, "gives up both directions"),
    entry("abort", Shape::Nothing, "ABORT"),
    entry("set", Shape::Map(&[SETTINGS]), "socket options"),
];

/// Argument of `listen`.
pub const LISTEN: &[Entry] = &[entry(
    "backlog",
    Shape::Count(65_535),
    "length of the accept queue",
)];

/// Argument of `send`, in its long form.
pub const SEND: &[Entry] = &[
    entry("count", Shape::Payload, "what is sent"),
    entry("urgent", Shape::Bool, "with the urgent mark"),
];

/// Socket options.
pub const SETTINGS: &[Entry] = &[
    entry("nodelay", Shape::Bool, "Nagle's algorithm off"),
    entry("rcvbuf", Shape::Count(1 << 30), "receive buffer, octets"),
    entry("sndbuf", Shape::Count(1 << 30), "send buffer, octets"),
    entry(
        "keepalive",
        Shape::Map(&[KEEPALIVE]),
        "keep-alive on, with these times",
    ),
    entry("user_timeout", Shape::Duration, "user timeout"),
];

/// Keep-alive times.
pub const KEEPALIVE: &[Entry] = &[
    entry("idle", Shape::Duration, "idle time before the first probe"),
    entry("interval", Shape::Duration, "time between probes"),
    entry(
        "count",
        Shape::Count(255),
        "unanswered probes before it gives up",
    ),
];

/// Events that the application sees.
pub const EVENTS: &[Entry] = &[
    entry("accepted", Shape::Nothing, "a connection was accepted"),
    entry("connected", Shape::Nothing, "an active OPEN succeeded"),
    entry("refused", Shape::Nothing, "an active OPEN was refused"),
    entry("reset", Shape::Nothing, "the connection was reset"),
    entry("timeout", Shape::Nothing, "the connection timed out"),
    entry("eof", Shape::Nothing, "the peer closed its side"),
    entry("urgent", Shape::Nothing, "urgent data is pending"),
    entry(
        "data",
        Shape::Payload,
        "n more octets were delivered, content checked",
    ),
    entry("sent", Shape::Number, "n more octets were taken by SEND"),
];

/// Fields of `info:`. Durations compare as durations, all others as numbers.
pub const INFO: &[Entry] = &[
    entry("cwnd", Shape::NumberPattern, "congestion window, octets"),
    entry(
        "ssthresh",
        Shape::NumberPattern,
        "slow start threshold, octets",
    ),
    entry("rto", Shape::DurationPattern, "retransmission timeout"),
    entry("srtt", Shape::DurationPattern, "smoothed round-trip time"),
    entry(
        "rttvar",
        Shape::DurationPattern,
        "variation of the round-trip time",
    ),
    entry(
        "retransmits",
        Shape::NumberPattern,
        "retransmissions of the oldest segment",
    ),
    entry(
        "backoff",
        Shape::NumberPattern,
        "doublings of the retransmission timeout",
    ),
    entry(
        "snd_mss",
        Shape::NumberPattern,
        "effective send MSS, octets",
    ),
    entry(
        "rcv_mss",
        Shape::NumberPattern,
        "MSS of the other end as it is seen, octets",
    ),
    entry("pmtu", Shape::NumberPattern, "path MTU, octets"),
    entry("unacked", Shape::NumberPattern, "segments in flight"),
    entry(
        "unsent",
        Shape::NumberPattern,
        "octets that wait in the send queue",
    ),
    entry(
        "unread",
        Shape::NumberPattern,
        "octets that wait for the application",
    ),
    entry(
        "urgent",
        Shape::NumberPattern,
        "octets to be read before the urgent data ends",
    ),
];
