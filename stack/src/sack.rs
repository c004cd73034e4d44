//! What the receiver of data reports by selective acknowledgments (RFC 2018 §4, RFC 2883).
//!
//! The receive queue alone knows what is held; here is only in which order it is worth telling.
//! So a block can never report what is not there, and what is held is never given up before the
//! connection ends: this receiver does not renege (RFC 2018 §8). What the sender of data makes
//! of such reports is not here.

use crate::segment::{SackBlock, SackBlocks};
use crate::seq::SeqNum;
use crate::tcb::Rcv;
use std::ops::Range;

/// Blocks whose last arrivals are remembered. Three of them can be repeated beside the newest one;
/// more are kept because some are filled up by then, or melt into one.
const REMEMBERED: usize = 8;

/// What selective acknowledgments report beside what the queue holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct SackReport {
    /// Made when the first segment comes out of order, or twice: on most connections none does.
    memory: Option<Box<Memory>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// Sequence numbers of the last segments that came out of order in each block, the newest
    /// first.
    newest: [SeqNum; REMEMBERED],
    /// How many there are.
    known: u8,
    /// Octets that came again, for the next ACK to report once (RFC 2883 §4).
    duplicate: Option<SackBlock>,
}

impl SackReport {
    /// A segment that begins at `seq` came out of order; `block` holds it now.
    pub(crate) fn arrived(&mut self, seq: SeqNum, (left, right): SackBlock) {
        let memory = self.memory.get_or_insert_default();
        let former = **memory;
        let others = former.newest[..usize::from(former.known)].iter();
        // The newest arrival stands for all of its block.
        let others = others.filter(|other| other.before(left) || other.after_or_eq(right));
        let newest = [seq].into_iter().chain(others.copied());
        memory.known = 0;
        for (place, seq) in memory.newest.iter_mut().zip(newest) {
            *place = seq;
            memory.known += 1;
        }
    }

    /// These octets came again; the next ACK reports the last such.
    pub(crate) fn came_again(&mut self, duplicate: SackBlock) {
        self.memory.get_or_insert_default().duplicate = Some(duplicate);
    }

    /// What came again and has not been reported.
    pub(crate) fn duplicate(&self) -> Option<SackBlock> {
        self.memory.as_ref()?.duplicate
    }

    /// An ACK has left.
    pub(crate) fn reported(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.duplicate = None;
        }
    }

    /// The blocks for an ACK, `most` at most.
    pub(crate) fn blocks(&self, rcv: &Rcv, most: usize) -> SackBlocks {
        let mut report = SackBlocks::default();
        // RFC 2883 §4:
        //   (1) A D-SACK block is only used to report a duplicate contiguous
        //       sequence of data received by the receiver in the most recent
        //       packet.
        let Some(memory) = &self.memory else {
            return report;
        };
        if let Some(duplicate) = memory.duplicate {
            report.push(duplicate);
        }
        if !rcv.queue.has_held() {
            return report;
        }
        let first = report.len();
        // RFC 2018 §4:
        //   The first SACK block (i.e., the one immediately following the
        //   kind and length fields in the option) MUST specify the contiguous
        //   block of data containing the segment which triggered this ACK,
        //   unless that segment advanced the Acknowledgment Number field in
        //   the header.
        let recent = memory.newest[..usize::from(memory.known)].iter();
        let recent = recent.filter_map(|seq| {
            let offset = seq.since(rcv.nxt) as usize;
            rcv.queue.held_around(offset)
        });
        // RFC 2018 §4:
        //   The data receiver SHOULD include as many distinct SACK blocks as
        //   possible in the SACK option.
        for piece in recent.chain(rcv.queue.held()) {
            let block = block_at(rcv.nxt, &piece);
            if report.len() == most {
                break;
            }
            if !report.as_slice()[first..].contains(&block) {
                report.push(block);
            }
        }
        report
    }
}

/// The block that reports a piece of the receive queue.
pub(crate) fn block_at(nxt: SeqNum, piece: &Range<usize>) -> SackBlock {
    (nxt + piece.start as u32, nxt + piece.end as u32)
}

/// The first octets of text at `seq` that were received before.
pub(crate) fn duplicate(rcv: &Rcv, seq: SeqNum, len: u32) -> Option<SackBlock> {
    let end = seq + len;
    if seq.before(rcv.nxt) {
        // RFC 2883 §4.2:
        //   If the data packet being acknowledged contains multiple
        //   partial duplicate sub-segments, then only the first such duplicate
        //   sub-segment is reported in the SACK option.
        let received = rcv.nxt - u32::from(rcv.finished);
        return Some((seq, end.earliest(received))).filter(|(left, right)| left.before(*right));
    }
    let (from, to) = (seq.since(rcv.nxt) as usize, end.since(rcv.nxt) as usize);
    let held = rcv.queue.held_of(&(from..to))?;
    Some((rcv.nxt + held.start as u32, rcv.nxt + held.end as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::tcb::Settings;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    /// A receiver whose RCV.NXT is `nxt`.
    fn receiver(nxt: SeqNum) -> Rcv {
        let config = Config::default();
        let local = Ipv4Addr::LOCALHOST.into();
        let mut rcv = Rcv::new(&Settings::of_host(&config), local, &config);
        rcv.edge = rcv.nxt + 65_535;
        rcv.begin(nxt - 1);
        rcv
    }

    /// Takes text as the seventh check does, and returns the blocks of its ACK.
    fn takes(rcv: &mut Rcv, seq: SeqNum, len: u32) -> Vec<(u32, u32)> {
        if let Some(duplicate) = duplicate(rcv, seq, len) {
            rcv.sack.came_again(duplicate);
        } else {
            rcv.sack.reported();
        }
        let (start, end) = (seq.latest(rcv.nxt), seq + len);
        if end.after(start) {
            let text = vec![7; end.since(start) as usize];
            let advance = rcv.queue.insert(start.since(rcv.nxt) as usize, &text) as u32;
            rcv.nxt += advance;
            let offset = start.since(rcv.nxt) as usize;
            if let Some(block) = rcv.queue.held_around(offset).filter(|_| advance == 0) {
                rcv.sack.arrived(start, block_at(rcv.nxt, &block));
            }
        }
        let blocks = rcv.sack.blocks(rcv, 4);
        let pair = |(left, right): &SackBlock| (left.0, right.0);
        blocks.as_slice().iter().map(pair).collect()
    }

    #[test]
    fn the_newest_block_comes_first_and_the_latest_ones_follow() {
        let mut rcv = receiver(SeqNum(5000));
        assert_eq!(takes(&mut rcv, SeqNum(5500), 500), [(5500, 6000)]);
        assert_eq!(
            takes(&mut rcv, SeqNum(6500), 500),
            [(6500, 7000), (5500, 6000)]
        );
        assert_eq!(
            takes(&mut rcv, SeqNum(7500), 500),
            [(7500, 8000), (6500, 7000), (5500, 6000)]
        );
        // RFC 2018 §7, case 3: the fourth segment, then the second.
        assert_eq!(
            takes(&mut rcv, SeqNum(6000), 500),
            [(5500, 7000), (7500, 8000)]
        );
        assert_eq!(takes(&mut rcv, SeqNum(5000), 500), [(7500, 8000)]);
    }

    #[test]
    fn a_block_that_grows_for_long_does_not_make_the_others_forgotten() {
        let mut rcv = receiver(SeqNum(0));
        takes(&mut rcv, SeqNum(5000), 100);
        takes(&mut rcv, SeqNum(1000), 100);
        for grown in 1..19 {
            let blocks = [(3000, 3000 + 100 * grown), (1000, 1100), (5000, 5100)];
            assert_eq!(takes(&mut rcv, SeqNum(2900 + 100 * grown), 100), blocks);
        }
    }

    #[test]
    fn the_first_duplicate_of_several_is_reported() {
        let mut rcv = receiver(SeqNum(1000));
        takes(&mut rcv, SeqNum(3500), 500);
        takes(&mut rcv, SeqNum(1500), 500);
        takes(&mut rcv, SeqNum(2500), 500);
        // RFC 2883 §4.2.3.
        assert_eq!(
            takes(&mut rcv, SeqNum(1500), 1500),
            [(1500, 2000), (1500, 3000), (3500, 4000)]
        );
    }

    proptest! {
        /// Against one flag per octet: no block reports more or less than what is held around
        /// some octet, the newest first; the duplicate is what the flags say.
        #[test]
        fn blocks_are_whole_runs_of_what_is_held(
            start in prop_oneof![any::<u32>(), Just(u32::MAX - 100)],
            segments in proptest::collection::vec((-60_i32..120, 1_u32..30), 1..30),
        ) {
            let mut rcv = receiver(SeqNum(start));
            let mut held = vec![false; 4000];
            let mut nxt = 0;
            for (at, len) in segments {
                let first = (nxt as i32 + at).max(0) as usize;
                let octets = first..first + len as usize;
                let again = octets.clone().find(|octet| *octet < nxt || held[*octet]);
                let (before, known) = (nxt, held.clone());
                held[octets.clone()].fill(true);
                nxt = (nxt..4000).find(|octet| !held[*octet]).expect("a gap");

                let blocks = takes(&mut rcv, SeqNum(start) + first as u32, len);
                let mut blocks = blocks.iter().map(|&(left, right)| {
                    (left.wrapping_sub(start) as usize, right.wrapping_sub(start) as usize)
                });
                if let Some(again) = again {
                    let run = (again..octets.end).find(|octet| {
                        *octet >= before && !known[*octet]
                    });
                    prop_assert_eq!(blocks.next(), Some((again, run.unwrap_or(octets.end))));
                }
                let mut count = 0;
                for (left, right) in blocks {
                    prop_assert!(held[left..right].iter().all(|held| *held) && left > nxt);
                    prop_assert!(!held[left - 1] && !held[right]);
                    let newest = left <= octets.start && octets.end <= right;
                    prop_assert!(count > 0 || newest || nxt > before || octets.end <= before);
                    count += 1;
                }
                let runs = (nxt + 1..4000).filter(|at| held[*at] && !held[at - 1]).count();
                prop_assert_eq!(count, runs.min(4 - usize::from(again.is_some())));
            }
        }
    }
}
