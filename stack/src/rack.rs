//! Loss detection by time (RFC 8985 §6): a segment is lost if one that was sent sufficiently
//! later has arrived.
//!
//! Transmissions stand in a queue in the order in which they were made. Each enters it once and
//! leaves it once, at the front, so that an acknowledgment costs what it newly tells and no more.
//! What is found lost is a set of sequence numbers; sending it again is not done here.

use crate::ranges::Ranges;
use crate::seq::SeqNum;
use crate::time::{Instant, Nanos};
use crate::work;
use std::collections::VecDeque;
use std::time::Duration;

/// `RACK.reo_wnd` stays widened for so many recoveries.
const PERSIST: u32 = 16;

/// A transmission of a segment, new or again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    /// `Segment.xmit_ts`.
    pub(crate) at: Instant,
    /// SEG.SEQ when it was sent.
    pub(crate) seq: SeqNum,
    /// `Segment.end_seq`.
    pub(crate) end: SeqNum,
    /// `Segment.retransmitted`: this is not its first transmission.
    pub(crate) again: bool,
}

/// What an acknowledgment says beside what it delivers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// Fast or RTO recovery is under way.
    pub(crate) recovering: bool,
    /// `RACK.segs_sacked`.
    pub(crate) segs_sacked: u32,
    /// SRTT.
    pub(crate) srtt: Duration,
    /// `RACK.min_RTT`; zero before there is one.
    pub(crate) min_rtt: Duration,
}

/// The variables of RFC 8985 §5.3.
#[derive(Clone, Debug)]
pub(crate) struct Rack {
    /// Transmissions that may be found lost, the oldest first.
    flights: VecDeque<Flight>,
    /// What was found lost and has not been sent again.
    pub(crate) lost: Ranges,
    /// `RACK.segment`: when it was sent, and its end.
    newest: Option<(Instant, SeqNum)>,
    /// `RACK.rtt`.
    rtt: Nanos,
    /// `RACK.fack`.
    fack: SeqNum,
    /// `RACK.reordering_seen`.
    reordering_seen: bool,
    /// `RACK.dsack_round`.
    dsack_round: Option<SeqNum>,
    /// `RACK.reo_wnd_mult`.
    reo_wnd_mult: u32,
    /// `RACK.reo_wnd_persist`.
    reo_wnd_persist: u32,
}

impl Rack {
    /// Of a connection that has sent nothing yet.
    pub(crate) fn new(iss: SeqNum) -> Self {
        Self {
            flights: VecDeque::new(),
            lost: Ranges::at_most(u32::MAX),
            newest: None,
            rtt: Nanos::default(),
            fack: iss,
            reordering_seen: false,
            dsack_round: None,
            reo_wnd_mult: 1,
            reo_wnd_persist: 0,
        }
    }

    /// A segment was sent (§6.1).
    pub(crate) fn sent(&mut self, flight: Flight) {
        self.lost.remove(flight.seq, flight.end);
        self.flights.push_back(flight);
    }

    /// Nothing is in flight: gives back the memory that this took.
    pub(crate) fn give_back(&mut self) {
        if self.flights.is_empty() {
            self.flights = VecDeque::new();
        }
    }

    /// Segments were delivered (§6.2, steps 2 and 3), in ascending order of their ends;
    /// `not_that` says of a retransmission that the acknowledgment was not for it.
    pub(crate) fn delivered(
        &mut self,
        segments: &[Flight],
        now: Instant,
        min_rtt: Duration,
        not_that: impl Fn(&Flight) -> bool,
    ) {
        let mut latest = None;
        work::steps(segments.len());
        for segment in segments {
            if segment.end.after(self.fack) {
                self.fack = segment.end;
            } else if segment.end.before(self.fack) && !segment.again {
                // RFC 8985 §6.2:
                //   If a never-retransmitted segment
                //   that's below RACK.fack is (selectively or cumulatively) acknowledged,
                //   it has been delivered out of order.
                self.reordering_seen = true;
            }
            let rtt = now.since(segment.at);
            // RFC 8985 §6.2:
            //   To avoid spurious inferences, ignore a segment as invalid if any of
            //   its sequence range has been retransmitted before and if either of two
            //   conditions is true:
            if segment.again && (not_that(segment) || rtt < min_rtt) {
                continue;
            }
            latest = latest.max(Some(segment.at));
            if self.is_after_newest(segment) {
                self.newest = Some((segment.at, segment.end));
            }
        }
        if let Some(at) = latest {
            self.rtt = now.since(at).into();
        }
    }

    fn is_after_newest(&self, segment: &Flight) -> bool {
        self.newest
            .is_none_or(|(at, end)| segment.at > at || segment.at == at && segment.end.after(end))
    }

    /// `RACK_sent_after(RACK.xmit_ts, RACK.end_seq, Segment.xmit_ts, Segment.end_seq)`.
    fn is_before_newest(&self, segment: &Flight) -> bool {
        self.newest
            .is_some_and(|(at, end)| at > segment.at || at == segment.at && end.after(segment.end))
    }

    /// A D-SACK came, or a recovery ended, or neither (§6.2, step 4).
    pub(crate) fn adapt(&mut self, dsack: bool, recovered: bool, una: SeqNum, nxt: SeqNum) {
        self.dsack_round = self.dsack_round.filter(|round| una.before(*round));
        if dsack && self.dsack_round.is_none() {
            self.dsack_round = Some(nxt);
            self.reo_wnd_mult = self.reo_wnd_mult.saturating_add(1);
            self.reo_wnd_persist = PERSIST;
        } else if recovered {
            self.reo_wnd_persist = self.reo_wnd_persist.saturating_sub(1);
            if self.reo_wnd_persist == 0 {
                // RFC 8985 §6.2:
                //   RACK persists using the inflated RACK.reo_wnd for up to 16 loss
                //   recoveries, after which it resets RACK.reo_wnd to its starting value
                self.reo_wnd_mult = 1;
            }
        }
    }

    /// `RACK.reo_wnd`.
    fn reo_wnd(&self, about: &Circumstances) -> Duration {
        let enough = about.segs_sacked >= crate::scoreboard::DUP_THRESH;
        if !self.reordering_seen && (about.recovering || enough) {
            return Duration::ZERO;
        }
        // RFC 8985 §6.2:
        //   Return min(RACK.reo_wnd_mult * RACK.min_RTT / 4, SRTT)
        let widened = about.min_rtt.saturating_mul(self.reo_wnd_mult) / 4;
        widened.min(about.srtt)
    }

    /// Looks for losses (§6.2, step 5). `outstanding` says of a transmission whether it is the
    /// last one of a segment that has not been delivered; what is lost is given to `lost`.
    /// Returns how long to wait until more can be lost.
    pub(crate) fn detect_loss(
        &mut self,
        about: &Circumstances,
        now: Instant,
        outstanding: impl Fn(&Flight) -> bool,
        mut lost: impl FnMut(&mut Ranges, &Flight),
    ) -> Option<Duration> {
        let deadline = Duration::from(self.rtt) + self.reo_wnd(about);
        while let Some(flight) = self.flights.front().copied() {
            work::steps(1);
            if outstanding(&flight) {
                // RFC 8985 §6.2:
                //   For each segment that has not been SACKed, RACK considers that
                //   segment lost if another segment that was sent later has been
                //   delivered and the reordering window has passed.
                if !self.is_before_newest(&flight) {
                    return None;
                }
                if now < flight.at + deadline {
                    break;
                }
                lost(&mut self.lost, &flight);
            }
            self.flights.pop_front();
        }
        // RFC 8985 §6.2:
        //   This timer expires at the
        //   earliest moment when RACK would conclude that all the unacknowledged
        //   segments within the reordering window were lost.
        self.flights.front()?;
        let before = self
            .flights
            .partition_point(|flight| self.is_before_newest(flight));
        let last = self.flights.get(before.checked_sub(1)?)?;
        Some(Duration::from_nanos((last.at + deadline).0 - now.0))
    }

    /// The retransmission timer expired (§6.3): the first segment is lost, and of the others
    /// those that were sent long enough ago.
    pub(crate) fn on_timeout(
        &mut self,
        segments: impl Iterator<Item = Flight>,
        una: SeqNum,
        now: Instant,
        about: &Circumstances,
    ) {
        let deadline = Duration::from(self.rtt) + self.reo_wnd(about);
        self.lost.clear();
        self.flights.clear();
        for segment in segments {
            // RFC 8985 §6.3:
            //   RACK only marks the segment as lost if the time elapsed since the
            //   segment was transmitted is at least the sum of the recent RTT and the
            //   reordering window.
            if segment.seq.before_or_eq(una) || now >= segment.at + deadline {
                self.lost.insert(segment.seq, segment.end);
            } else {
                self.flights.push_back(segment);
            }
        }
        self.in_order();
    }

    /// The timeout was spurious (RFC 5682 §3.1, step 3b): these segments are in flight as they
    /// were before. What was taken for the arrival of the retransmission was that of the first
    /// copy, so that nothing is known to have overtaken them.
    pub(crate) fn nothing_was_lost(&mut self, segments: impl Iterator<Item = Flight>) {
        self.lost.clear();
        self.newest = None;
        self.flights.clear();
        self.flights.extend(segments);
        self.in_order();
    }

    fn in_order(&mut self) {
        self.flights
            .make_contiguous()
            .sort_by_key(|flight| flight.at);
    }
}

#[cfg(test)]
mod tests;
