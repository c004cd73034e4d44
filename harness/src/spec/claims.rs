//! Every claim and every policy that a device profile may hold, with their values.
//!
//! A claim is something that a device has; a spec that `needs` it is skipped where it is not
//! claimed. A policy is a choice that the RFCs leave open or contradict; a spec asks for its
//! value by `when: profile.NAME`, or uses it as a constant.

use super::table::{Entry, Shape};

const fn claim(name: &'static str, doc: &'static str) -> Entry {
    Entry {
        name,
        shape: Shape::Nothing,
        doc,
    }
}

/// Claims, in the order of the alphabet.
pub const CLAIMS: &[Entry] = &[
    claim(
        "active-backlog",
        "a limit on active OPENs whose handshake is not complete",
    ),
    claim(
        "challenge-throttle",
        "a limit on the challenge ACKs of a connection (RFC 5961 §7)",
    ),
    claim("cubic", "CUBIC congestion control (RFC 9438)"),
    claim("dsack", "duplicate SACK (RFC 2883)"),
    claim(
        "dsack-undo",
        "takes back the reduction of a recovery that D-SACK shows to be false (RFC 2883 §5.2)",
    ),
    claim("ecn", "explicit congestion notification (RFC 3168)"),
    claim("frto", "forward RTO recovery (RFC 5682)"),
    claim(
        "half-duplex-close",
        "close with unread data sends a RST (RFC 9293 §3.6.1)",
    ),
    claim(
        "initial-cwnd",
        "cwnd and ssthresh can be set: `tcp_initial_cwnd`, `tcp_initial_ssthresh`",
    ),
    claim("iw10", "an initial window of ten segments (RFC 6928)"),
    claim("keep-alive", "keep-alive probes (RFC 9293 §3.8.4)"),
    claim("limited-transmit", "limited transmit (RFC 3042)"),
    claim("newreno", "NewReno fast recovery (RFC 6582)"),
    claim("pmtud", "path MTU discovery (RFC 1191, RFC 8201)"),
    claim("prr", "proportional rate reduction (RFC 6937)"),
    claim("prr-switch", "it can be switched off: `tcp_prr`"),
    claim("rack", "RACK loss detection (RFC 8985)"),
    claim("reno", "Reno congestion control (RFC 5681)"),
    claim(
        "rfc5927",
        "checks of ICMP errors against forgery (RFC 5927)",
    ),
    claim(
        "rfc5961",
        "defence against blind attacks, challenge ACKs (RFC 5961)",
    ),
    claim("sack", "selective acknowledgement (RFC 2018)"),
    claim("sack-recovery", "loss recovery based on SACK (RFC 6675)"),
    claim(
        "small-buffers",
        "buffers as small as `rcvbuf` and `sndbuf` ask for",
    ),
    claim(
        "source-routes",
        "source routes of IPv4 (RFC 9293 §3.9.2.1), where the host is set to take them",
    ),
    claim("syn-cookies", "SYN cookies (RFC 4987)"),
    claim(
        "syn-cookies-scaled",
        "SYN cookies that keep window scale and SACK in timestamps (RFC 4987 §3.6)",
    ),
    claim(
        "syn-eviction",
        "the oldest half-open connection can give way to a new one (RFC 4987 §3.4)",
    ),
    claim("tfo", "TCP Fast Open (RFC 7413)"),
    claim("timestamps", "timestamps and PAWS (RFC 7323)"),
    claim("tlp", "tail loss probes (RFC 8985)"),
    claim(
        "trouble-reports",
        "R1 is reported to the application (RFC 9293 §3.8.3, SHLD-9)",
    ),
    claim("urgent", "urgent data (RFC 6093)"),
    claim(
        "user-timeout",
        "a user timeout per connection (RFC 9293 §3.8.3, RFC 5482)",
    ),
    claim("uto", "the user timeout option (RFC 5482)"),
    claim("window-scale", "window scale (RFC 7323)"),
];

/// A policy.
#[derive(Debug)]
pub struct Policy {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub values: Values,
    /// What it means, one line.
    pub doc: &'static str,
}

/// What a policy may be.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// A duration.
    Duration,
    /// A number.
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

const fn policy(name: &'static str, values: Values, doc: &'static str) -> Policy {
    Policy { name, values, doc }
}

/// Policies, in the order of the alphabet.
pub const POLICIES: &[Policy] = &[
    policy(
        "accept_overflow",
        Values::OneOf(&["drop", "reset"]),
        "the last ACK of a handshake when the accept queue is full",
    ),
    policy(
        "active_backlog",
        Values::Number,
        "active OPENs that may wait for their handshake at the same time",
    ),
    policy(
        "fast_retransmit",
        Values::OneOf(&["never", "newreno", "reno"]),
        "the third duplicate ACK where there is no SACK (RFC 5681 §3.2, RFC 6582)",
    ),
    policy(
        "fin_wait_2",
        Values::Duration,
        "longest FIN-WAIT-2 of a connection that nobody owns: FIN2.TIMEOUT",
    ),
    policy(
        "icmp_hard",
        Values::OneOf(&["abort", "soft"]),
        "an ICMP hard error on a synchronized connection (MUST-56, RFC 5927 §5.2)",
    ),
    policy(
        "initial_rto",
        Values::Duration,
        "first retransmission timeout: RTO.INITIAL",
    ),
    policy(
        "initial_window",
        Values::Number,
        "initial window in segments (RFC 6928)",
    ),
    policy(
        "keepalive.count",
        Values::Number,
        "unanswered probes before it gives up: KEEPALIVE.COUNT",
    ),
    policy(
        "keepalive.idle",
        Values::Duration,
        "idle time before the first probe: KEEPALIVE.IDLE",
    ),
    policy(
        "keepalive.interval",
        Values::Duration,
        "time between probes: KEEPALIVE.INTERVAL",
    ),
    policy(
        "max_persist",
        Values::Duration,
        "longest pause between zero-window probes: PERSIST.MAX",
    ),
    policy(
        "max_rto",
        Values::Duration,
        "largest retransmission timeout: RTO.MAX",
    ),
    policy(
        "min_rto",
        Values::Duration,
        "least retransmission timeout: RTO.MIN",
    ),
    policy("msl", Values::Duration, "maximum segment lifetime: MSL"),
    policy(
        "path_mtu_raise",
        Values::Duration,
        "time from a reduced path MTU to the next larger packet (RFC 1191 §6.3): PMTU.RAISE",
    ),
    policy(
        "rst_in_time_wait",
        Values::OneOf(&["close", "ignore"]),
        "an acceptable RST in TIME-WAIT (RFC 9293 §3.10.7.4, RFC 1337)",
    ),
    policy(
        "somaxconn",
        Values::Number,
        "largest backlog that a listener can have: SOMAXCONN",
    ),
    policy(
        "syn_backlog",
        Values::Number,
        "half-open connections that a listener may have, whatever its backlog is",
    ),
    policy(
        "syn_cookies",
        Values::OneOf(&["always", "never", "on-overflow"]),
        "when a SYN is answered with a cookie (RFC 4987 §3.6)",
    ),
    policy(
        "syn_fin",
        Values::OneOf(&["drop", "syn"]),
        "SYN and FIN in one segment at a listener: dropped, or taken as a SYN",
    ),
    policy(
        "syn_in_time_wait",
        Values::OneOf(&["ack", "challenge", "reopen"]),
        "a new SYN in TIME-WAIT (MAY-2, RFC 6191, RFC 5961 §4)",
    ),
    policy(
        "syn_queue_full",
        Values::OneOf(&["drop", "evict"]),
        "a SYN without cookie when the SYN queue is full (RFC 4987 §3.4)",
    ),
    policy(
        "syn_retries",
        Values::Number,
        "retransmissions of a SYN: SYN.RETRIES",
    ),
    policy(
        "synack_retries",
        Values::Number,
        "retransmissions of a SYN-ACK: SYNACK.RETRIES",
    ),
    policy(
        "synack_retries_pressed",
        Values::Number,
        "the same while more than half of the SYN queue is taken (RFC 4987 §3.3): SYNACK.PRESSED",
    ),
    policy(
        "time_wait_limit",
        Values::Number,
        "connections that may be in TIME-WAIT at the same time",
    ),
    policy(
        "time_wait_reuse",
        Values::OneOf(&["never", "timestamps"]),
        "an active OPEN of sockets in TIME-WAIT: refused, or allowed where timestamps tell the \
         two connections apart (RFC 6191 §3)",
    ),
];

/// What can be observed of a device beside its frames.
pub const OBSERVABLES: &[Entry] = &[
    claim("app", "what the device's application sees"),
    claim("app-accepted", "of that: connections that are accepted"),
    claim("app-data", "of that: octets that are delivered"),
    claim("counter", "counters of the device"),
    claim("info", "status of a connection: cwnd, rto, …"),
    claim("state", "state of a connection"),
];

/// The policy with this name.
pub fn find(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}
