//! What the peer has selectively acknowledged, and what follows from that (RFC 6675 §3, §4).
//!
//! The functions have the names of the RFC: Update, IsLost, SetPipe, NextSeg. Where the RFC names
//! the highest octet of something, the number that follows it stands here, as in SND.NXT. What a
//! peer can make of this is bounded: ranges are few, blocks outside SND.UNA to SND.NXT count for
//! nothing, and no function looks at single octets. When to recover is not decided here.

use crate::ranges::Ranges;
use crate::segment::SackBlock;
use crate::seq::SeqNum;
use crate::work;

/// Separate ranges that are kept; what would be one more counts as not acknowledged, which costs
/// a retransmission at worst.
const MAX_RANGES: u32 = 256;
/// DupThresh (RFC 5681 §3.2).
pub(crate) const DUP_THRESH: u32 = 3;

/// The sender's side of SACK.
#[derive(Clone, Debug)]
pub(crate) struct Scoreboard {
    sacked: Ranges,
    /// HighRxt of this recovery, plus one.
    pub(crate) high_rxt: SeqNum,
    /// RescueRxt plus one.
    pub(crate) rescue_rxt: Option<SeqNum>,
}

/// The edges between which everything lies, and SMSS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    /// SND.UNA: HighACK plus one.
    pub(crate) una: SeqNum,
    /// SND.NXT: HighData plus one.
    pub(crate) nxt: SeqNum,
    /// SMSS, octets.
    pub(crate) smss: u32,
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextSeg {
    /// From the first number on, again; what follows the second one has arrived (rules 1 and 3).
    Again(SeqNum, SeqNum),
    /// New data (rule 2).
    New,
    /// What ends with the second number, and does not begin before the first (rule 4).
    Rescue(SeqNum, SeqNum),
}

impl Scoreboard {
    /// Of a connection that has sent nothing yet.
    pub(crate) fn new(iss: SeqNum) -> Self {
        Self {
            sacked: Ranges::at_most(MAX_RANGES),
            high_rxt: iss,
            rescue_rxt: None,
        }
    }

    /// Update: marks what the blocks report, and forgets what is below SND.UNA. Returns what is
    /// newly reported.
    pub(crate) fn update(&mut self, blocks: &[SackBlock], out: &Outstanding) -> Vec<SackBlock> {
        if let Some((first, _)) = self.sacked.as_slice().first()
            && first.before(out.una)
        {
            self.sacked.remove(*first, out.una);
        }
        let len = out.nxt.since(out.una);
        let known = |&&(left, right): &&SackBlock| {
            let inside = |at: SeqNum| (at - 1).within(out.una, len);
            inside(right) && left.before(right)
        };
        let mut news = Vec::new();
        for &(left, right) in blocks.iter().filter(known) {
            let left = left.latest(out.una);
            let known = news.len();
            news.extend(self.sacked.missing(left, right));
            if self.sacked.insert(left, right) == 0 {
                news.truncate(known);
            }
        }
        news
    }

    /// After a timeout nothing that was reported counts any more.
    pub(crate) fn forget(&mut self) {
        self.sacked.clear();
        self.rescue_rxt = None;
    }

    /// The octets that are reported above SND.UNA.
    pub(crate) fn sacked(&self) -> &Ranges {
        &self.sacked
    }

    /// `IsLost`.
    pub(crate) fn is_lost(&self, seq: SeqNum, smss: u32) -> bool {
        self.lost_edge(smss).is_some_and(|edge| seq.before(edge))
    }

    /// What is not reported and lies before this number is lost, by `IsLost`.
    fn lost_edge(&self, smss: u32) -> Option<SeqNum> {
        // RFC 6675 §4:
        //   The routine returns true when either
        //   DupThresh discontiguous SACKed sequences have arrived above
        //   'SeqNum' or more than (DupThresh - 1) * SMSS bytes with sequence
        //   numbers greater than 'SeqNum' have been SACKed.
        let mut octets = 0;
        let from_the_top = self.sacked.as_slice().iter().rev().zip(1..);
        for ((left, right), count) in from_the_top {
            work::steps(1);
            octets += right.since(*left);
            if count >= DUP_THRESH || octets > (DUP_THRESH - 1) * smss {
                return Some(*left);
            }
        }
        None
    }

    /// `SetPipe`: an estimate of the octets that are in the network.
    pub(crate) fn set_pipe(&self, out: &Outstanding) -> u32 {
        // RFC 6675 §4:
        //   (a) If IsLost (S1) returns false:
        let edge = self.lost_edge(out.smss).unwrap_or(out.una);
        let not_lost = out.nxt.since(edge) - self.sacked.octets_in(edge, out.nxt);
        // RFC 6675 §4:
        //   (b) If S1 <= HighRxt:
        let again = self.high_rxt.earliest(out.nxt);
        not_lost + again.since(out.una) - self.sacked.octets_in(out.una, again)
    }

    /// `NextSeg`; `new_data` says whether there is some that the peer's window allows.
    pub(crate) fn next_seg(&self, out: &Outstanding, new_data: bool) -> Option<NextSeg> {
        let hole = self.hole(self.high_rxt.latest(out.una));
        match hole {
            // RFC 6675 §4:
            //   (1.c) IsLost (S2) returns true.
            Some((left, right)) if self.is_lost(left, out.smss) => {
                Some(NextSeg::Again(left, right))
            }
            // RFC 6675 §4:
            //   (2) If no sequence number 'S2' per rule (1) exists but there
            //       exists available unsent data and the receiver's advertised
            //       window allows
            _ if new_data => Some(NextSeg::New),
            // RFC 6675 §4:
            //   (specifically excluding step (1.c))
            Some((left, right)) => Some(NextSeg::Again(left, right)),
            None => self.rescue(out),
        }
    }

    /// The first octets from `from` on that are not reported, below some that are.
    pub(crate) fn hole(&self, from: SeqNum) -> Option<(SeqNum, SeqNum)> {
        let (left, right) = self.sacked.at_or_above(from)?;
        if from.before(left) {
            return Some((from, left));
        }
        let (next, _) = self.sacked.at_or_above(right)?;
        Some((right, next))
    }

    /// Rule (4).
    fn rescue(&self, out: &Outstanding) -> Option<NextSeg> {
        // RFC 6675 §4:
        //   If HighACK is greater than RescueRxt (or RescueRxt is
        //   undefined), then one segment of up to SMSS octets that MUST
        //   include the highest outstanding unSACKed sequence number
        //   SHOULD be returned
        if self.rescue_rxt.is_some_and(|rescue| !out.una.after(rescue)) {
            return None;
        }
        let (end, below) = match self.sacked.as_slice() {
            [below @ .., (left, right)] if *right == out.nxt => (*left, below),
            all => (out.nxt, all),
        };
        // What has just been sent again is not what would be rescued: it is no loss at the end.
        if !end.after(self.high_rxt) {
            return None;
        }
        let start = below.last().map_or(out.una, |(_, right)| *right);
        start.before(end).then_some(NextSeg::Rescue(start, end))
    }
}

#[cfg(test)]
mod tests;
