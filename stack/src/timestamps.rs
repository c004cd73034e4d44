//! Timestamps and PAWS (RFC 7323 §3 to §5).

use crate::segment::{Segment, Timestamps};
use crate::seq::SeqNum;
use crate::time::Instant;
use std::time::Duration;

/// After so long without a segment, TS.Recent means nothing (§5.5).
const OUTDATED: Duration = Duration::from_secs(24 * 24 * 3600);

/// The timestamp state of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimestampState {
    /// Offered, while the handshake lasts; then agreed upon.
    pub(crate) enabled: bool,
    /// What this side's clock is ahead of the host's (§7.1).
    pub(crate) offset: u32,
    /// TS.Recent.
    recent: u32,
    /// When TS.Recent was updated.
    recent_at: Instant,
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: SeqNum,
}

impl TimestampState {
    /// The clock: one tick per millisecond.
    pub(crate) fn clock(&self, now: Instant) -> u32 {
        now.millis().wrapping_add(self.offset)
    }

    /// The option of a segment that leaves now.
    pub(crate) fn option(&self, now: Instant, acknowledges: bool) -> Timestamps {
        // RFC 7323 §3.2:
        //   If
        //   the ACK bit is not set in the outgoing TCP header, the sender of that
        //   segment SHOULD set the TSecr field to zero.
        Timestamps {
            val: self.clock(now),
            ecr: if acknowledges { self.recent } else { 0 },
        }
    }

    /// Takes the timestamp of the peer's SYN.
    pub(crate) fn begin(&mut self, val: u32, now: Instant, ack: SeqNum) {
        self.recent = val;
        self.recent_at = now;
        self.last_ack_sent = ack;
    }

    /// R1 of §5.3: the segment is older than what was seen already.
    pub(crate) fn is_old(&self, val: u32, now: Instant) -> bool {
        // RFC 7323 §5.5:
        //   If
        //   TS.Recent is found to be invalid, then the segment is accepted,
        //   regardless of the failure of the timestamp check
        let outdated = now.since(self.recent_at) > OUTDATED;
        !outdated && SeqNum(val).before(SeqNum(self.recent))
    }

    /// R3 of §5.3, for a segment that has passed R1.
    pub(crate) fn update(&mut self, segment: &Segment<'_>, now: Instant) {
        // RFC 7323 §5.2:
        //   When an <RST> segment is
        //   received, it MUST NOT be subjected to the PAWS check
        let Some(timestamps) = segment.timestamps.filter(|_| !segment.is_rst()) else {
            return;
        };
        // RFC 7323 §5.3:
        //   R3)  If an arriving segment satisfies SEG.TSval >= TS.Recent and
        //        SEG.SEQ <= Last.ACK.sent (see Section 4.3), then record its
        //        timestamp in TS.Recent.
        if segment.seq.before_or_eq(self.last_ack_sent) && !self.is_old(timestamps.val, now) {
            self.recent = timestamps.val;
            self.recent_at = now;
        }
    }

    /// How long TS.Recent has not moved.
    pub(crate) fn idle(&self, now: Instant) -> Duration {
        now.since(self.recent_at)
    }

    /// TS.Recent.
    pub(crate) fn recent(&self) -> u32 {
        self.recent
    }

    /// The round trip that an echoed timestamp measures.
    pub(crate) fn round_trip(&self, ecr: u32, now: Instant) -> Option<Duration> {
        let millis = self.clock(now).wrapping_sub(ecr);
        // An echo from the future, or older than any RTO, is not ours.
        (ecr != 0 && millis <= 60_000).then(|| Duration::from_millis(u64::from(millis)))
    }
}
