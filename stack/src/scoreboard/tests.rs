//! The scoreboard against one flag per octet, as RFC 6675 §4 is written.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

const SMSS: u32 = 10;

/// RFC 6675 §4 by the letter.
struct Naive {
    sacked: Vec<bool>,
    /// SND.UNA, SND.NXT and HighRxt plus one, from the start on.
    una: usize,
    nxt: usize,
    high_rxt: usize,
}

impl Naive {
    fn is_lost(&self, seq: usize) -> bool {
        let above = seq + 1..self.nxt;
        let sequences = above
            .clone()
            .filter(|at| self.sacked[*at] && !self.sacked[at - 1])
            .count();
        let octets = above.filter(|at| self.sacked[*at]).count();
        sequences >= 3 || octets > 2 * SMSS as usize
    }

    fn set_pipe(&self) -> usize {
        let not_sacked = (self.una..self.nxt).filter(|at| !self.sacked[*at]);
        not_sacked
            .map(|at| usize::from(!self.is_lost(at)) + usize::from(at < self.high_rxt))
            .sum()
    }

    /// Where rules (1) and (3) begin, and whether it is rule (1).
    fn again(&self) -> Option<(usize, bool)> {
        let highest = (self.una..self.nxt).rev().find(|at| self.sacked[*at])?;
        let mut candidates = self.una.max(self.high_rxt)..highest;
        let first = candidates.find(|at| !self.sacked[*at])?;
        Some((first, self.is_lost(first)))
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Block(u32, u32),
    Ack(u32),
    Send(u32),
    Again,
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0_u32..200, 1_u32..25).prop_map(|(from, len)| Change::Block(from, len)),
        1 => (0_u32..60).prop_map(Change::Ack),
        2 => (1_u32..40).prop_map(Change::Send),
        2 => Just(Change::Again),
    ]
}

proptest! {
    #[test]
    fn is_what_the_rfc_says_octet_by_octet(
        start in prop_oneof![any::<u32>(), Just(u32::MAX - 100)],
        changes in proptest::collection::vec(any_change(), 1..60),
    ) {
        let at = |offset: usize| SeqNum(start) + offset as u32;
        let mut board = Scoreboard::new(SeqNum(start));
        let mut naive = Naive { sacked: vec![false; 4000], una: 0, nxt: 100, high_rxt: 0 };
        for change in changes {
            let mut blocks = Vec::new();
            match change {
                Change::Block(from, len) => {
                    let (left, right) = (naive.una + from as usize, len as usize);
                    if left + right <= naive.nxt {
                        naive.sacked[left..left + right].fill(true);
                    }
                    blocks.push((at(left), at(left + right)));
                }
                Change::Ack(octets) => {
                    naive.una = (naive.una + octets as usize).min(naive.nxt);
                    naive.sacked[..naive.una].fill(false);
                }
                Change::Send(octets) => naive.nxt += octets as usize,
                Change::Again => {
                    if let Some((first, _)) = naive.again() {
                        naive.high_rxt = first + 1;
                        board.high_rxt = at(first + 1);
                    }
                }
            }
            let out = Outstanding { una: at(naive.una), nxt: at(naive.nxt), smss: SMSS };
            board.update(&blocks, &out);
            for octet in (naive.una..naive.nxt).filter(|octet| !naive.sacked[*octet]) {
                prop_assert_eq!(board.is_lost(at(octet), SMSS), naive.is_lost(octet));
            }
            prop_assert_eq!(board.set_pipe(&out) as usize, naive.set_pipe());
            let (with, without) = (board.next_seg(&out, true), board.next_seg(&out, false));
            if let Some((first, true)) = naive.again() {
                prop_assert!(matches!(with, Some(NextSeg::Again(left, _)) if left == at(first)));
            } else {
                prop_assert_eq!(with, Some(NextSeg::New));
            }
            match (naive.again(), without) {
                (Some((first, _)), Some(NextSeg::Again(left, right))) => {
                    prop_assert_eq!(left, at(first));
                    let len = right.since(left) as usize;
                    prop_assert!((first..first + len).all(|octet| !naive.sacked[octet]));
                    prop_assert!(naive.sacked[first + len]);
                }
                (None, Some(NextSeg::Rescue(left, right))) => {
                    let (from, to) = (left.since(at(0)) as usize, right.since(at(0)) as usize);
                    prop_assert!((from..to).all(|octet| !naive.sacked[octet]));
                    prop_assert!((to..naive.nxt).all(|octet| naive.sacked[octet]));
                }
                (None, None) => {
                    let after = naive.high_rxt.max(naive.una)..naive.nxt;
                    prop_assert!(after.clone().all(|octet| naive.sacked[octet]));
                }
                (again, next) => prop_assert!(false, "{again:?}, {next:?}"),
            }
        }
    }

    #[test]
    fn hostile_blocks_neither_panic_nor_pile_up(
        una: u32, len in 0_u32..(1 << 30),
        blocks in proptest::collection::vec(any::<(u32, u32)>(), 0..600),
        near in proptest::collection::vec((0_u32..3000, 0_u32..3), 0..600),
    ) {
        let una = SeqNum(una);
        let out = Outstanding { una, nxt: una + len, smss: 1460 };
        let mut board = Scoreboard::new(una);
        let far = blocks.iter().map(|&(left, right)| (SeqNum(left), SeqNum(right)));
        let near = near.iter().map(|&(at, len)| (una + at, una + at + len));
        for block in far.chain(near) {
            board.update(&[block], &out);
            prop_assert!(board.sacked().as_slice().len() <= MAX_RANGES as usize);
            prop_assert!(board.sacked().octets() <= len);
            prop_assert!(board.set_pipe(&out) <= len);
        }
    }
}

#[rstest]
#[case::before_una(90, 110, 10)]
#[case::below_una(80, 90, 0)]
#[case::beyond_nxt(190, 201, 0)]
#[case::reversed(150, 140, 0)]
#[case::empty(150, 150, 0)]
#[case::all(100, 200, 100)]
fn only_what_is_outstanding_counts(#[case] left: u32, #[case] right: u32, #[case] news: u32) {
    let out = Outstanding {
        una: SeqNum(100),
        nxt: SeqNum(200),
        smss: SMSS,
    };
    let mut board = Scoreboard::new(SeqNum(100));
    let reported = board.update(&[(SeqNum(left), SeqNum(right))], &out);
    let octets: u32 = reported.iter().map(|(from, to)| to.since(*from)).sum();
    assert_eq!(octets, news);
}

#[test]
fn there_is_one_rescue_until_the_ack_passes_it() {
    let mut out = Outstanding {
        una: SeqNum(100),
        nxt: SeqNum(200),
        smss: SMSS,
    };
    let mut board = Scoreboard::new(SeqNum(100));
    board.rescue_rxt = Some(SeqNum(110));
    board.high_rxt = SeqNum(110);
    assert_eq!(board.next_seg(&out, false), None);
    out.una = SeqNum(111);
    let rescue = NextSeg::Rescue(SeqNum(111), SeqNum(200));
    assert_eq!(board.next_seg(&out, false), Some(rescue));
    board.rescue_rxt = Some(out.nxt);
    assert_eq!(board.next_seg(&out, false), None);
}

#[test]
fn what_was_just_sent_again_is_not_rescued() {
    let out = Outstanding {
        una: SeqNum(120),
        nxt: SeqNum(200),
        smss: SMSS,
    };
    let mut board = Scoreboard::new(SeqNum(100));
    board.update(&[(SeqNum(130), SeqNum(200))], &out);
    board.rescue_rxt = Some(SeqNum(110));
    board.high_rxt = SeqNum(130);
    assert_eq!(board.next_seg(&out, false), None);
}
