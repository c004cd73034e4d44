//! What congestion control is told of the sender (RFC 5681 §2): where it is in its sequence space,
//! and how fast it hears. It decides nothing.

use crate::seq::SeqNum;
use crate::time::Instant;
use std::time::Duration;

/// The sender as it was when something happened, before SND.UNA moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// SND.UNA.
    pub(crate) una: SeqNum,
    /// SND.NXT.
    pub(crate) nxt: SeqNum,
    /// SMSS, octets.
    pub(crate) mss: u32,
    /// Where sending goes on: below SND.NXT while something is sent again.
    pub(crate) next: SeqNum,
    /// The time.
    pub(crate) now: Instant,
    /// SRTT, zero before there is one.
    pub(crate) srtt: Duration,
    /// A scoreboard finds the losses.
    pub(crate) sack: bool,
}

impl Sender {
    /// FlightSize.
    pub(super) fn flight(&self) -> u32 {
        self.nxt.since(self.una)
    }

    /// So many samples of the round-trip time what is in flight may give.
    pub(crate) fn expected_samples(&self) -> u32 {
        // RFC 7323 §G:
        //   ExpectedSamples = ceiling(FlightSize / (SMSS * 2))
        self.flight().div_ceil(2 * self.mss)
    }
}
