//! Reports of duplicates as the sender reads them (RFC 2883 §5): which block is one, and whether
//! all that a recovery has sent again had arrived before, so that nothing was lost.
//!
//! Judged as in §3 of RFC 3708, once everything that was in flight is acknowledged: no hole is
//! left then which could be a loss. What a retransmission timeout has sent again is not judged
//! here but by F-RTO; what is taken back, and how, is said in [`crate::congestion`].

use crate::Config;
use crate::ranges::Ranges;
use crate::segment::SackBlock;
use crate::seq::SeqNum;

/// So many separate ranges of a recovery are kept; one more, and it stands.
const MAX_RANGES: u32 = 256;

/// The first block, if it reports a duplicate.
pub(crate) fn duplicate_of(blocks: &[SackBlock], ack: SeqNum) -> Option<SackBlock> {
    let &(left, right) = blocks.first()?;
    // RFC 2883 §5:
    //   should compare the sequence space in the first SACK block to the
    //   cumulative ACK which is carried IN THE SAME PACKET.
    let below = right.before_or_eq(ack);
    let inside = blocks
        .get(1)
        .is_some_and(|(from, to)| from.before_or_eq(left) && right.before_or_eq(*to));
    ((below || inside) && left.before(right)).then_some((left, right))
}

/// What duplicates have told on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Duplicates {
    /// The last recovery, as long as it may turn out to be false.
    doubted: Option<Box<Doubted>>,
    /// Recoveries are doubted: always, until something comes twice that was sent once.
    proves: bool,
}

/// A recovery that may have been false.
#[derive(Clone, Debug)]
struct Doubted {
    /// SND.UNA when it began.
    start: SeqNum,
    /// RecoveryPoint plus one.
    recover: SeqNum,
    /// What was sent again in it, once.
    again: Ranges,
    /// What of that was reported as a duplicate.
    reported: Ranges,
}

impl Duplicates {
    /// Of a connection that has sent nothing yet.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            doubted: None,
            proves: config.dsack_undo,
        }
    }

    /// A recovery begins, with all from `start` to `recover` in flight.
    pub(crate) fn doubt(&mut self, start: SeqNum, recover: SeqNum) {
        // RFC 3708 §3:
        //   In
        //   addition, the algorithm specified in this document MUST NOT
        //   be used for the remainder of the connection
        self.doubted = self.proves.then(|| {
            Box::new(Doubted {
                start,
                recover,
                again: Ranges::at_most(MAX_RANGES),
                reported: Ranges::at_most(MAX_RANGES),
            })
        });
    }

    /// The last recovery stands, whatever is reported.
    pub(crate) fn believe(&mut self) {
        self.doubted = None;
    }

    /// The recovery has sent `seq..end` again.
    pub(crate) fn sent_again(&mut self, seq: SeqNum, end: SeqNum) {
        let Some(doubted) = &mut self.doubted else {
            return;
        };
        // RFC 3708 §3:
        //   If the segment was retransmitted more than once processing
        //   of this DSACK MUST be terminated and the congestion control
        //   state MUST NOT be reverted
        let once = doubted.again.insert(seq, end) == end.since(seq);
        // What was sent since the recovery began and lost again is a loss of its own.
        if !once || end.after(doubted.recover) {
            self.believe();
        }
    }

    /// The peer says that `left..right` came twice; `never` says that nothing at all was ever
    /// sent again.
    pub(crate) fn reported(&mut self, (left, right): SackBlock, never: bool) {
        let strange = match &mut self.doubted {
            Some(doubted) => !doubted.reported(left, right),
            None => false,
        };
        if never || strange {
            // RFC 3708 §3:
            //   If the segment was not retransmitted the incoming DSACK
            //   indicates that the network duplicated the segment in
            //   question.
            self.proves = false;
            self.believe();
        }
    }

    /// Whether it has turned out, now that SND.UNA is `una`, that the recovery was false. It is
    /// said once.
    pub(crate) fn were_all(&mut self, una: SeqNum) -> bool {
        let proven = self.doubted.as_ref().is_some_and(|doubted| {
            // RFC 3708 §3:
            //   If all segments or chunks marked as retransmitted have also
            //   been marked as acknowledged and duplicated, we conclude
            //   that all retransmissions in the previous window of data
            //   were spurious and no loss occurred.
            let all = doubted.reported.octets() == doubted.again.octets();
            all && doubted.again.octets() > 0 && una.after_or_eq(doubted.recover)
        });
        if proven {
            self.believe();
        }
        proven
    }
}

impl Doubted {
    /// Takes a report. Returns whether the part of it that this recovery is about was sent again.
    fn reported(&mut self, left: SeqNum, right: SeqNum) -> bool {
        let (left, right) = (left.latest(self.start), right.earliest(self.recover));
        if !left.before(right) {
            return true;
        }
        self.reported.insert(left, right);
        self.again.missing(left, right).next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const START: SeqNum = SeqNum(u32::MAX - 4000);

    fn at(offset: u32) -> SeqNum {
        START + offset
    }

    fn block(left: u32, right: u32) -> SackBlock {
        (at(left), at(right))
    }

    /// A recovery of 10,000 octets that has sent these again.
    fn recovery(again: &[(u32, u32)]) -> Duplicates {
        let mut duplicates = Duplicates::new(&Config::default());
        duplicates.doubt(at(0), at(10_000));
        for (left, right) in again {
            duplicates.sent_again(at(*left), at(*right));
        }
        duplicates
    }

    #[rstest]
    #[case::nothing(&[], &[], false)]
    #[case::nothing_sent_again(&[], &[(0, 1000)], false)]
    #[case::all(&[(0, 1000)], &[(0, 1000)], true)]
    #[case::in_two_reports(&[(0, 1000)], &[(500, 1000), (0, 500)], true)]
    #[case::of_two(&[(0, 1000), (2000, 3000)], &[(2000, 3000), (0, 1000)], true)]
    #[case::one_of_two(&[(0, 1000), (2000, 3000)], &[(2000, 3000)], false)]
    #[case::all_but_an_octet(&[(0, 1000)], &[(0, 999)], false)]
    #[case::the_same_twice(&[(0, 1000), (2000, 3000)], &[(0, 1000), (0, 1000)], false)]
    #[case::others(&[(0, 1000)], &[(1000, 2000)], false)]
    #[case::others_too(&[(0, 1000)], &[(0, 1001)], false)]
    #[case::before_the_recovery(&[(0, 1000)], &[(u32::MAX - 999, 0)], false)]
    #[case::behind_the_recovery(&[(0, 1000)], &[(10_000, 11_000)], false)]
    #[case::behind_it_too(&[(0, 1000)], &[(10_000, 11_000), (0, 1000)], true)]
    #[case::sent_twice(&[(0, 1000), (0, 1000)], &[(0, 1000)], false)]
    #[case::sent_since_then(&[(0, 1000), (10_000, 11_000)], &[(0, 1000)], false)]
    #[case::from_half_the_space_away(&[(0, 1000)], &[(1 << 31, 0)], false)]
    fn a_recovery_was_false_if_all_and_no_more_was_reported(
        #[case] again: &[(u32, u32)],
        #[case] reported: &[(u32, u32)],
        #[case] was_false: bool,
    ) {
        let mut duplicates = recovery(again);
        for (left, right) in reported {
            duplicates.reported(block(*left, *right), false);
            assert!(
                !duplicates.were_all(at(9_999)),
                "before all is acknowledged"
            );
        }
        assert_eq!(duplicates.were_all(at(10_000)), was_false);
        assert!(!duplicates.were_all(at(10_000)), "said twice");
    }

    #[rstest]
    #[case::nothing_was_ever_sent_again((0, 1000), true)]
    #[case::this_was_not((1000, 2000), false)]
    fn one_replicated_segment_ends_all_doubts(#[case] of: (u32, u32), #[case] never: bool) {
        let mut duplicates = recovery(&[(0, 1000)]);
        duplicates.reported(block(of.0, of.1), never);
        duplicates.doubt(at(0), at(10_000));
        duplicates.sent_again(at(0), at(1000));
        duplicates.reported(block(0, 1000), false);
        assert!(!duplicates.were_all(at(10_000)));
    }

    #[test]
    fn more_ranges_than_are_kept_make_a_recovery_stand() {
        let again: Vec<_> = (0..=MAX_RANGES).map(|k| (20 * k, 20 * k + 10)).collect();
        for (count, was_false) in [(again.len() - 1, true), (again.len(), false)] {
            let mut duplicates = recovery(&again[..count]);
            for (left, right) in &again[..count] {
                duplicates.reported(block(*left, *right), false);
            }
            assert_eq!(duplicates.were_all(at(10_000)), was_false);
        }
    }

    proptest! {
        /// Whatever is reported, in whatever order: the recovery was false if each octet that was
        /// sent again was reported, and no other.
        #[test]
        fn equals_a_flag_per_octet(
            again in proptest::collection::btree_map(0_u32..20, 1_u32..=100, 0..6),
            reported in proptest::collection::vec((0_u32..2000, 1_u32..200), 0..12),
        ) {
            let again: Vec<_> = again.iter().map(|(k, len)| (100 * k, 100 * k + len)).collect();
            let mut sent = [false; 2000];
            for (left, right) in &again {
                sent[*left as usize..*right as usize].fill(true);
            }
            let mut duplicates = Duplicates::new(&Config::default());
            duplicates.doubt(at(0), at(2000));
            for (left, right) in &again {
                duplicates.sent_again(at(*left), at(*right));
            }
            let mut told = [false; 2200];
            for (left, len) in reported {
                told[left as usize..(left + len) as usize].fill(true);
                duplicates.reported(block(left, left + len), false);
            }
            let was_false = !again.is_empty() && told[..2000] == sent;
            prop_assert_eq!(duplicates.were_all(at(2000)), was_false);
        }
    }
}
