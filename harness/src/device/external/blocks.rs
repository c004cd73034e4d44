//! Blocks of the device's ports, for cases whose listeners an agent opens: each case has one of
//! its own for as long as it takes.
//!
//! Other testers may have cases on the same host, and nobody tells what ports they are at. So a
//! run begins at a block chosen at random, whatever its seed is, and begins anew at another when
//! it has met somebody. Blocks follow each other: testers that are apart stay apart for long.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The blocks of one run.
#[derive(Debug)]
pub struct Blocks {
    count: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: usize,
    lent: BTreeSet<usize>,
}

/// A block that one case has.
#[derive(Debug)]
pub struct Block<'b> {
    owner: &'b Blocks,
    number: usize,
}

impl Blocks {
    /// So many, at least one, from one on that is chosen at random.
    pub(super) fn new(count: usize) -> Self {
        let state = State {
            next: anywhere(count),
            lent: BTreeSet::new(),
        };
        Self {
            count,
            state: Mutex::new(state),
        }
    }

    /// The next block that no case has; where all are lent, one that was lent long ago.
    pub fn lend(&self) -> Block<'_> {
        let mut state = self.state();
        let first = state.next;
        let mut all = (0..self.count).map(|nth| (first + nth) % self.count);
        let number = all.find(|number| !state.lent.contains(number));
        let number = number.unwrap_or(first);
        state.next = (number + 1) % self.count;
        state.lent.insert(number);
        Block {
            owner: self,
            number,
        }
    }

    /// Goes on somewhere else: somebody has ports here.
    pub fn begin_anew(&self) {
        self.state().next = anywhere(self.count);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block<'_> {
    /// Which it is, from 0 on.
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        self.owner.state().lent.remove(&self.number);
    }
}

/// One of so many, by the machine's own randomness: two testers may have the same seed.
fn anywhere(count: usize) -> usize {
    (RandomState::new().hash_one(count) % count.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_what_another_has() {
        let blocks = Blocks::new(8);
        let mut held: Vec<Block<'_>> = (0..7).map(|_| blocks.lend()).collect();
        let back = held.remove(3);
        let number = back.number();
        drop(back);
        blocks.begin_anew();
        held.extend([blocks.lend(), blocks.lend()]);
        let numbers: BTreeSet<_> = held.iter().map(Block::number).collect();
        assert_eq!(numbers, (0..8).collect());
        assert!(numbers.contains(&number));
        // More cases than blocks share them.
        assert!(blocks.lend().number() < 8);
    }

    #[test]
    fn what_was_given_back_comes_last() {
        let blocks = Blocks::new(5);
        let numbers: Vec<_> = (0..6).map(|_| blocks.lend().number()).collect();
        let first = numbers[0];
        let wanted: Vec<_> = (0..6).map(|nth| (first + nth) % 5).collect();
        assert_eq!(numbers, wanted);
    }

    #[test]
    fn two_testers_begin_apart() {
        let starts: BTreeSet<_> = (0..8)
            .map(|_| Blocks::new(1 << 40).lend().number())
            .collect();
        assert_eq!(starts.len(), 8);
    }
}
