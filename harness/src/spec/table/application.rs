//! What the application does and sees.

use super::segment::IP_ENDS;
use super::{Entry, Shape, entry};

/// Calls of the application.
pub const CALLS: &[Entry] = &[
    entry(
        "listen",
        Shape::Map(&[LISTEN]),
        "passive OPEN; the map may be left out",
    ),
    entry(
        "connect",
        Shape::Map(&[CONNECT]),
        "active OPEN; the map may be left out",
    ),
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

/// Argument of `connect`: one of these.
pub const CONNECT: &[Entry] = &[
    entry(
        "data",
        Shape::Payload,
        "a first SEND, which the SYN carries if it may (RFC 7413)",
    ),
    entry(
        "from",
        Shape::Word(&["any"]),
        "the device chooses its own address, which is named otherwise (RFC 9293 §3.9.1.1)",
    ),
    entry(
        "to",
        Shape::Word(IP_ENDS),
        "instead of the tester an address that is no host's",
    ),
];

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
    entry(
        "uto",
        Shape::Duration,
        "user timeout to be advertised by the option (RFC 5482)",
    ),
    entry(
        "reports",
        Shape::Bool,
        "`false`: the application is not told of R1 (RFC 9293 §3.9.1.8)",
    ),
    entry("ttl", Shape::Count(255), "TTL or hop limit"),
    entry("tos", Shape::Count(255), "TOS octet or traffic class"),
    entry(
        "source_route",
        Shape::Octets,
        "IPv4: the option by whose route segments go, `\"83 07 04 c6 33 64 07 00\"`",
    ),
    entry(
        "fastopen",
        Shape::Count(65_535),
        "a listener takes text with a SYN, from so many at once (RFC 7413)",
    ),
    entry(
        "iss",
        Shape::Count(0xffff_ffff),
        "initial sequence number of an active OPEN; the device's choice",
    ),
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
    entry(
        "trouble",
        Shape::Nothing,
        "R1: one segment stays unacknowledged, the connection goes on",
    ),
    entry("urgent", Shape::Nothing, "urgent data is pending"),
    entry(
        "data",
        Shape::Payload,
        "n more octets were delivered, content checked",
    ),
    entry("sent", Shape::Number, "n more octets were taken by SEND"),
];
