//! What the application does and sees, and what a device tells of a connection.

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

/// Fields of `info:`. Durations compare as durations, all others as numbers.
pub const INFO: &[Entry] = &[
    entry(
        "accept_backlog",
        Shape::NumberPattern,
        "backlog of the listener as it was granted (Send-Q of `ss -lnt`)",
    ),
    entry(
        "accept_queue",
        Shape::NumberPattern,
        "connections that wait at the listener to be accepted (Recv-Q of `ss -lnt`)",
    ),
    entry(
        "backoff",
        Shape::NumberPattern,
        "doublings of the retransmission timeout",
    ),
    entry(
        "bytes_received",
        Shape::NumberPattern,
        "octets of text that arrived in order (on Linux a FIN counts too)",
    ),
    entry(
        "bytes_retrans",
        Shape::NumberPattern,
        "octets of text sent again",
    ),
    entry(
        "bytes_sent",
        Shape::NumberPattern,
        "octets of text sent, retransmissions included",
    ),
    entry("cwnd", Shape::NumberPattern, "congestion window, octets"),
    entry(
        "lost",
        Shape::NumberPattern,
        "segments in flight that are taken for lost",
    ),
    entry("pmtu", Shape::NumberPattern, "path MTU, octets"),
    entry(
        "probes",
        Shape::NumberPattern,
        "unanswered probes of a zero window or an idle peer",
    ),
    entry(
        "rcv_space",
        Shape::NumberPattern,
        "octets for which the receive buffer is meant (Linux: of one round trip)",
    ),
    entry(
        "rcv_mss",
        Shape::NumberPattern,
        "MSS of the other end as it is seen, octets",
    ),
    entry("rcv_wnd", Shape::NumberPattern, "receive window, octets"),
    entry(
        "rcv_wscale",
        Shape::NumberPattern,
        "shift of the windows that the device sends",
    ),
    entry(
        "recv_q",
        Shape::NumberPattern,
        "Recv-Q of `ss`: octets that the application has not read (on Linux a FIN counts too)",
    ),
    entry(
        "retrans",
        Shape::NumberPattern,
        "segments in flight that were sent again",
    ),
    entry(
        "retransmits",
        Shape::NumberPattern,
        "retransmissions of the oldest segment",
    ),
    entry("rto", Shape::DurationPattern, "retransmission timeout"),
    entry(
        "rttvar",
        Shape::DurationPattern,
        "variation of the round-trip time",
    ),
    entry(
        "sacked",
        Shape::NumberPattern,
        "segments in flight that the peer has by its SACK blocks",
    ),
    entry(
        "send_q",
        Shape::NumberPattern,
        "Send-Q of `ss`: octets that the peer has not acknowledged (on Linux a FIN counts too)",
    ),
    entry(
        "snd_mss",
        Shape::NumberPattern,
        "effective send MSS, octets",
    ),
    entry("snd_wnd", Shape::NumberPattern, "send window, octets"),
    entry(
        "snd_wscale",
        Shape::NumberPattern,
        "shift of the windows that the peer sends",
    ),
    entry(
        "soft_error",
        Shape::NumberPattern,
        "1 if an ICMP error waits for the application that did not end the connection, else 0",
    ),
    entry("srtt", Shape::DurationPattern, "smoothed round-trip time"),
    entry(
        "ssthresh",
        Shape::NumberPattern,
        "slow start threshold, octets",
    ),
    entry(
        "syn_queue",
        Shape::NumberPattern,
        "half-open connections of the listener",
    ),
    entry(
        "syn_queue_limit",
        Shape::NumberPattern,
        "how many there may be",
    ),
    entry(
        "timer_delayed_ack",
        Shape::DurationPattern,
        "time left until a delayed ACK is sent",
    ),
    entry(
        "timer_fin_wait_2",
        Shape::DurationPattern,
        "time left of FIN-WAIT-2 for a connection that nobody owns",
    ),
    entry(
        "timer_keepalive",
        Shape::DurationPattern,
        "time left until the next keep-alive probe",
    ),
    entry(
        "timer_persist",
        Shape::DurationPattern,
        "time left until the next zero-window probe",
    ),
    entry(
        "timer_probe",
        Shape::DurationPattern,
        "time left until a tail loss probe",
    ),
    entry(
        "timer_reordering",
        Shape::DurationPattern,
        "time left of the reordering window of RACK",
    ),
    entry(
        "timer_retransmission",
        Shape::DurationPattern,
        "time left until the next retransmission",
    ),
    entry(
        "timer_time_wait",
        Shape::DurationPattern,
        "time left of TIME-WAIT",
    ),
    entry(
        "timer_user",
        Shape::DurationPattern,
        "time left of the user timeout",
    ),
    entry(
        "total_retrans",
        Shape::NumberPattern,
        "segments sent again since the connection began",
    ),
    entry("unacked", Shape::NumberPattern, "segments in flight"),
    entry(
        "unread",
        Shape::NumberPattern,
        "octets that wait for the application",
    ),
    entry(
        "unsent",
        Shape::NumberPattern,
        "octets that wait to be sent for the first time",
    ),
    entry(
        "urgent",
        Shape::NumberPattern,
        "octets to be read before the urgent data ends",
    ),
    entry(
        "user_timeout",
        Shape::DurationPattern,
        "user timeout in force (RFC 5482 §3.1)",
    ),
];

/// Counters that every device names alike, as far as it has them; a name that begins with a
/// capital is the device's own (`TCPSynRetrans`).
pub const COUNTERS: &[Entry] = &[
    entry(
        "aborts_on_timeout",
        Shape::Number,
        "connections given up by R2, the user timeout or keep-alive",
    ),
    entry(
        "active_open_drops",
        Shape::Number,
        "active OPENs refused because too many were half open",
    ),
    entry("active_opens", Shape::Number, "active OPENs"),
    entry(
        "attempt_fails",
        Shape::Number,
        "OPENs that failed, and half-open connections that went away",
    ),
    entry(
        "bad_checksums",
        Shape::Number,
        "segments with a wrong TCP checksum",
    ),
    entry("challenge_acks", Shape::Number, "challenge ACKs sent"),
    entry(
        "challenge_acks_throttled",
        Shape::Number,
        "challenge ACKs withheld by the throttle",
    ),
    entry(
        "curr_estab",
        Shape::Number,
        "connections in ESTABLISHED or CLOSE-WAIT",
    ),
    entry(
        "delayed_acks",
        Shape::Number,
        "acknowledgments that waited until their timer ran out",
    ),
    entry(
        "estab_resets",
        Shape::Number,
        "established connections that ended with a reset or a timeout",
    ),
    entry(
        "fast_retransmits",
        Shape::Number,
        "losses found without a timeout (on Linux segments sent again for them)",
    ),
    entry("in_close_wait", Shape::Number, "connections in CLOSE-WAIT"),
    entry("in_closing", Shape::Number, "connections in CLOSING"),
    entry(
        "in_established",
        Shape::Number,
        "connections in ESTABLISHED",
    ),
    entry("in_fin_wait_1", Shape::Number, "connections in FIN-WAIT-1"),
    entry("in_fin_wait_2", Shape::Number, "connections in FIN-WAIT-2"),
    entry("in_last_ack", Shape::Number, "connections in LAST-ACK"),
    entry("in_listen", Shape::Number, "listeners"),
    entry(
        "in_syn_received",
        Shape::Number,
        "connections in SYN-RECEIVED",
    ),
    entry("in_syn_sent", Shape::Number, "connections in SYN-SENT"),
    entry("in_time_wait", Shape::Number, "connections in TIME-WAIT"),
    entry("keepalive_probes", Shape::Number, "keep-alive probes sent"),
    entry(
        "listen_drops",
        Shape::Number,
        "SYNs and completing ACKs that a listener dropped for want of room",
    ),
    entry(
        "listen_overflows",
        Shape::Number,
        "those of them that found the accept queue full",
    ),
    entry(
        "listen_resets",
        Shape::Number,
        "handshakes reset because the accept queue was full",
    ),
    entry("out_of_order", Shape::Number, "segments held out of order"),
    entry("out_rsts", Shape::Number, "RSTs sent"),
    entry(
        "passive_opens",
        Shape::Number,
        "connections opened by a SYN of the peer",
    ),
    entry("paws_drops", Shape::Number, "segments that PAWS dropped"),
    entry(
        "reassembled",
        Shape::Number,
        "packets put together of fragments",
    ),
    entry("retrans_segs", Shape::Number, "segments sent again"),
    entry("segs_in", Shape::Number, "segments received, good or bad"),
    entry("segs_out", Shape::Number, "segments sent"),
    entry(
        "syn_cookies_failed",
        Shape::Number,
        "ACKs that ought to have brought a cookie back and did not",
    ),
    entry(
        "syn_cookies_received",
        Shape::Number,
        "ACKs that brought a good cookie back",
    ),
    entry(
        "syn_cookies_sent",
        Shape::Number,
        "SYN,ACKs sent that carry a cookie",
    ),
    entry(
        "syn_queue_evictions",
        Shape::Number,
        "half-open connections that gave way to newer ones",
    ),
    entry(
        "syn_queue_overflows",
        Shape::Number,
        "SYNs that found the SYN queue full, whatever became of them",
    ),
    entry(
        "time_wait_overflows",
        Shape::Number,
        "connections that had no place in TIME-WAIT, or gave theirs away",
    ),
    entry(
        "time_wait_reuses",
        Shape::Number,
        "connections that left TIME-WAIT for a new incarnation",
    ),
    entry("timeouts", Shape::Number, "retransmission timeouts"),
    entry(
        "trouble_reports",
        Shape::Number,
        "delivery problems that applications were told of (R1)",
    ),
    entry(
        "user_timeouts_put_off",
        Shape::Number,
        "segments without room for a User Timeout option that was due",
    ),
    entry("window_probes", Shape::Number, "zero-window probes sent"),
];
