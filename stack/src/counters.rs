//! What a host counts, like `netstat -s` (RFC 4022 and what hosts have added to it).
//!
//! Plain numbers that only grow, but for `curr_estab`, `time_waits` and `orphans`, which are
//! gauges. They are counted where things happen; nothing here is computed.

use std::fmt;

/// Makes the struct and the list of its fields from one table, so that no field can be missing
/// from a listing or lack its meaning.
macro_rules! counters {
    ($($name:ident: $meaning:literal,)+) => {
        /// Counters of a host.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $(#[doc = $meaning] pub $name: u64,)+
        }

        impl Counters {
            /// Every counter: its name, its meaning, its value.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), $meaning, self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    segs_in: "segments received, good or bad",
    segs_out: "segments sent, retransmissions and resets included",
    reassembled: "packets put together of fragments",
    bad_packets: "packets that were not TCP for this host, or malformed",
    bad_checksums: "segments with a wrong TCP checksum",
    active_opens: "active OPENs",
    passive_opens: "SYNs answered by a listener",
    attempt_fails: "active OPENs that failed, and half-open connections that went away",
    estab_resets: "established connections that ended with a reset or a timeout",
    curr_estab: "connections in ESTABLISHED or CLOSE-WAIT now",
    retrans_segs: "segments sent again",
    syn_retrans: "SYNs and SYN,ACKs sent again",
    timeouts: "retransmission timeouts",
    spurious_timeouts: "those of them that F-RTO found to be spurious",
    fast_retransmits: "losses found by duplicate acknowledgments",
    recoveries_undone: "recoveries taken back since D-SACK showed that nothing was lost",
    loss_probes: "tail loss probes sent",
    loss_probe_recoveries: "losses that a tail loss probe has repaired",
    dsacks_sent: "duplicates reported by D-SACK",
    dsacks_received: "duplicates that peers reported by D-SACK",
    ce_received: "segments received with the codepoint CE",
    ece_received: "acknowledgments received with ECE where ECN is in use",
    aborts_on_timeout: "connections given up by R2, the user timeout or keep-alive",
    out_rsts: "RSTs sent",
    challenge_acks: "challenge ACKs sent",
    challenge_acks_throttled: "challenge ACKs withheld by the throttle",
    paws_drops: "segments that PAWS dropped",
    missing_timestamps: "segments dropped because they lacked the negotiated timestamp",
    out_of_order: "segments held out of order",
    delayed_acks: "acknowledgments that were delayed until their timer ran out",
    window_probes: "zero-window probes sent",
    keepalive_probes: "keep-alive probes sent",
    listen_drops: "SYNs and completing ACKs that a listener dropped for want of room",
    listen_overflows: "those of them that found the accept queue full",
    listen_resets: "handshakes reset because the accept queue was full",
    syn_queue_overflows: "SYNs that found the SYN queue full, whatever became of them",
    syn_queue_evictions: "half-open connections that gave way to newer ones",
    syn_cookies_sent: "SYN,ACKs sent that carry a cookie",
    syn_cookies_received: "ACKs that brought a good cookie back",
    syn_cookies_failed: "ACKs that ought to have brought a cookie back and did not",
    fast_opens_active: "SYNs sent with text that the peer took",
    fast_opens_active_failed: "SYNs sent with text that was to be sent again",
    fast_opens_passive: "connections opened by a SYN with a good Fast Open cookie",
    fast_open_requests: "SYNs that asked a listener for a Fast Open cookie",
    fast_open_cookies_failed: "SYNs with a Fast Open cookie that was no good",
    fast_open_overflows: "SYNs with a Fast Open option that found too many pending",
    active_open_drops: "active OPENs refused because too many were half open",
    time_waits: "connections in TIME-WAIT now",
    time_wait_reuses: "connections that left TIME-WAIT for a new incarnation",
    time_wait_overflows: "connections that left TIME-WAIT because there were too many",
    orphans: "connections that their application has closed and that are not over",
    orphan_overflows: "those of them that were aborted because there were too many",
    trouble_reports: "delivery problems that applications were told of (R1)",
    user_timeouts_put_off: "segments without room for a User Timeout option that was due",
    icmp_errors: "ICMP errors that belonged to a connection",
}

impl fmt::Display for Counters {
    /// One line per counter that is not zero: `       12 segments received, good or bad`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, meaning, value) in self.all().filter(|(_, _, value)| *value > 0) {
            writeln!(f, "{value:>9} {meaning}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_listed_and_nothing_else() {
        let counters = Counters {
            segs_in: 12,
            out_rsts: 3,
            ..Counters::default()
        };
        assert_eq!(
            counters.to_string(),
            "       12 segments received, good or bad\n        3 RSTs sent\n"
        );
    }

    #[test]
    fn every_counter_has_one_name() {
        let counters = Counters::default();
        let mut names: Vec<_> = counters.all().map(|(name, _, _)| name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
