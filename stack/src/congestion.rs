//! How much may be in flight beside what the peer's window allows (RFC 5681).
//!
//! This is the seam, not yet the mechanism: congestion windows, fast retransmit, SACK and RACK
//! belong behind these three functions. What is here already is the least that a sender without
//! a congestion window needs: after a timeout, one segment per acknowledgment until everything
//! that was in flight then is acknowledged.

use crate::seq::SeqNum;

/// The congestion state of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Congestion {
    /// SND.NXT at the last timeout, while SND.UNA is below it.
    recover: Option<SeqNum>,
}

impl Congestion {
    /// The retransmission timer expired with `nxt` as SND.NXT.
    pub(crate) fn on_timeout(&mut self, nxt: SeqNum) {
        self.recover = Some(nxt);
    }

    /// What was in flight below `nxt` was too big for the path and goes out again: one segment
    /// until acknowledgments come. It is no sign of congestion.
    pub(crate) fn on_too_big(&mut self, nxt: SeqNum) {
        self.recover = Some(nxt);
    }

    /// SND.UNA moved to `una`.
    pub(crate) fn on_ack(&mut self, una: SeqNum) {
        self.recover = self.recover.filter(|recover| una.before(*recover));
    }

    /// Whether a segment that begins at `next` may be sent while SND.UNA is `una`.
    pub(crate) fn permits(self, una: SeqNum, next: SeqNum) -> bool {
        self.recover.is_none() || next == una
    }
}
