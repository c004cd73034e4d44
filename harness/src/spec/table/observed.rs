//! What a device tells of a connection, and what it counts.

use super::{Entry, Shape, entry};

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
    entry(
        "cubic",
        Shape::NumberPattern,
        "1 if the congestion control is CUBIC (RFC 9438), else 0",
    ),
    entry("cwnd", Shape::NumberPattern, "congestion window, octets"),
    entry(
        "ecn",
        Shape::NumberPattern,
        "1 if both ends have agreed upon ECN (RFC 3168), else 0",
    ),
    entry(
        "lost",
        Shape::NumberPattern,
        "segments in flight that are taken for lost",
    ),
    entry(
        "min_rtt",
        Shape::DurationPattern,
        "least round-trip time of late: `tcp_min_rtt_wlen`, five minutes",
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
        "reno",
        Shape::NumberPattern,
        "1 if the congestion control is Reno (RFC 5681), else 0",
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
        "sack",
        Shape::NumberPattern,
        "1 if SACK is in use (RFC 2018), else 0",
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
        "timestamps",
        Shape::NumberPattern,
        "1 if timestamps are in use (RFC 7323), else 0",
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
    entry(
        "ce_received",
        Shape::Number,
        "segments received with the codepoint CE",
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
        "dsacks_received",
        Shape::Number,
        "duplicates that peers reported by D-SACK (RFC 2883)",
    ),
    entry(
        "dsacks_sent",
        Shape::Number,
        "duplicates reported by D-SACK (RFC 2883)",
    ),
    entry(
        "ece_received",
        Shape::Number,
        "acknowledgments received with ECE where ECN is in use",
    ),
    entry(
        "estab_resets",
        Shape::Number,
        "established connections that ended with a reset or a timeout",
    ),
    entry(
        "fast_open_cookies_failed",
        Shape::Number,
        "SYNs with a Fast Open cookie that was no good (RFC 7413)",
    ),
    entry(
        "fast_open_overflows",
        Shape::Number,
        "SYNs with a Fast Open option that found too many pending",
    ),
    entry(
        "fast_open_requests",
        Shape::Number,
        "SYNs that asked a listener for a Fast Open cookie",
    ),
    entry(
        "fast_opens_active",
        Shape::Number,
        "SYNs sent with text that the peer took",
    ),
    entry(
        "fast_opens_active_failed",
        Shape::Number,
        "SYNs sent with text that was to be sent again",
    ),
    entry(
        "fast_opens_passive",
        Shape::Number,
        "connections opened by a SYN with a good Fast Open cookie",
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
    entry(
        "loss_probe_recoveries",
        Shape::Number,
        "losses that a tail loss probe has repaired (RFC 8985)",
    ),
    entry(
        "loss_probes",
        Shape::Number,
        "tail loss probes sent (RFC 8985)",
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
    entry(
        "recoveries_undone",
        Shape::Number,
        "recoveries taken back since nothing was lost (RFC 3708)",
    ),
    entry("retrans_segs", Shape::Number, "segments sent again"),
    entry("segs_in", Shape::Number, "segments received, good or bad"),
    entry("segs_out", Shape::Number, "segments sent"),
    entry(
        "spurious_timeouts",
        Shape::Number,
        "retransmission timeouts that F-RTO found to be spurious (RFC 5682)",
    ),
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
    entry("syn_retrans", Shape::Number, "SYNs and SYN,ACKs sent again"),
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
