//! Sets of sequence numbers, as sorted ranges.
//!
//! All numbers of a set lie within half of the sequence space (between SND.UNA and SND.NXT, say),
//! so that they have an order; the caller sees to that. A set that a peer can fill has a bound.

use crate::seq::SeqNum;
use crate::work;
use std::ops::Range;

/// Ranges that neither overlap nor touch, in order.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    sorted: Vec<(SeqNum, SeqNum)>,
    /// How many numbers they hold together.
    octets: u32,
    /// How many ranges there may be.
    most: u32,
}

impl Ranges {
    /// An empty set of at most so many ranges.
    pub(crate) fn at_most(most: u32) -> Self {
        Self {
            sorted: Vec::new(),
            octets: 0,
            most,
        }
    }

    /// The ranges: first number, and the one that follows the last.
    pub(crate) fn as_slice(&self) -> &[(SeqNum, SeqNum)] {
        &self.sorted
    }

    /// How many numbers there are.
    pub(crate) fn octets(&self) -> u32 {
        self.octets
    }

    /// How many of `from..to` are there.
    pub(crate) fn octets_in(&self, from: SeqNum, to: SeqNum) -> u32 {
        let first = self.first_after(from);
        let ranges = self.sorted[first..].iter();
        ranges
            .take_while(|(left, _)| left.before(to))
            .inspect(|_| work::steps(1))
            .map(|(left, right)| right.earliest(to).since(left.latest(from)))
            .sum()
    }

    /// The range that holds `at`, or the first one above it.
    pub(crate) fn at_or_above(&self, at: SeqNum) -> Option<(SeqNum, SeqNum)> {
        self.sorted.get(self.first_after(at)).copied()
    }

    /// The parts of `left..right` that are not there.
    pub(crate) fn missing(
        &self,
        left: SeqNum,
        right: SeqNum,
    ) -> impl Iterator<Item = (SeqNum, SeqNum)> {
        let ranges = self.sorted[self.first_after(left)..].iter();
        let inside = ranges.take_while(move |range| range.0.before(right));
        let inside = inside.inspect(|_| work::steps(1));
        let ends = inside.copied().chain([(right, right)]);
        let mut at = left;
        let gaps = ends.map(move |(from, to)| (std::mem::replace(&mut at, to), from));
        gaps.filter(|(from, to)| from.before(*to))
    }

    /// Adds `left..right`. Returns how many numbers are new; a range that would be one too many
    /// is not taken.
    pub(crate) fn insert(&mut self, left: SeqNum, right: SeqNum) -> u32 {
        let touched = self.touched(left, right);
        if touched.is_empty() && self.sorted.len() >= self.most as usize {
            return 0;
        }
        work::steps(self.sorted.len() - touched.start);
        let known: u32 = self.count(&touched);
        let (mut from, mut to) = (left, right);
        for (left, right) in &self.sorted[touched.clone()] {
            (from, to) = (from.earliest(*left), to.latest(*right));
        }
        self.sorted.splice(touched, [(from, to)]);
        let new = to.since(from) - known;
        self.octets += new;
        new
    }

    /// Takes `left..right` out. Returns how many numbers were there.
    pub(crate) fn remove(&mut self, left: SeqNum, right: SeqNum) -> u32 {
        if self.sorted.is_empty() {
            return 0;
        }
        let touched = self.touched(left, right);
        work::steps(self.sorted.len() - touched.start);
        let mut rest = Vec::new();
        for (from, to) in &self.sorted[touched.clone()] {
            rest.push((*from, to.earliest(left)));
            rest.push((from.latest(right), *to));
        }
        rest.retain(|(from, to)| from.before(*to));
        let known = self.count(&touched);
        self.sorted.splice(touched, rest.iter().copied());
        let left: u32 = rest.iter().map(|(from, to)| to.since(*from)).sum();
        self.octets -= known - left;
        known - left
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        self.sorted.clear();
        self.octets = 0;
    }

    /// The index of the first range that ends after `at`.
    fn first_after(&self, at: SeqNum) -> usize {
        self.sorted
            .partition_point(|(_, right)| right.before_or_eq(at))
    }

    /// Which ranges overlap or touch `left..right`.
    fn touched(&self, left: SeqNum, right: SeqNum) -> Range<usize> {
        let first = self.sorted.partition_point(|range| range.1.before(left));
        let last = self
            .sorted
            .partition_point(|range| range.0.before_or_eq(right));
        first..last.max(first)
    }

    fn count(&self, ranges: &Range<usize>) -> u32 {
        let ranges = self.sorted[ranges.clone()].iter();
        ranges.map(|(left, right)| right.since(*left)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_set_with_one_flag_per_number(
            start in prop_oneof![any::<u32>(), Just(u32::MAX - 100)],
            changes in proptest::collection::vec((any::<bool>(), 0_u32..200, 1_u32..30), 1..60),
        ) {
            let at = |offset: u32| SeqNum(start) + offset;
            let mut ranges = Ranges::at_most(1000);
            let mut flags = [false; 240];
            for (insert, from, len) in changes {
                let cells = &mut flags[from as usize..(from + len) as usize];
                let changed = cells.iter().filter(|flag| **flag != insert).count() as u32;
                cells.fill(insert);
                let (left, right) = (at(from), at(from + len));
                let told = if insert {
                    ranges.insert(left, right)
                } else {
                    ranges.remove(left, right)
                };
                prop_assert_eq!(told, changed);
                let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as u32;
                prop_assert_eq!(ranges.octets(), count(&flags));
                prop_assert_eq!(ranges.octets_in(at(50), at(150)), count(&flags[50..150]));
                let missing = ranges.missing(at(50), at(150));
                let octets: u32 = missing.map(|(from, to)| to.since(from)).sum();
                prop_assert_eq!(octets, 100 - count(&flags[50..150]));
                let runs = (0..240).filter(|at| flags[*at] && (*at == 0 || !flags[at - 1]));
                let starts: Vec<SeqNum> = runs.map(|run| at(run as u32)).collect();
                let told: Vec<SeqNum> = ranges.as_slice().iter().map(|range| range.0).collect();
                prop_assert_eq!(told, starts);
            }
        }
    }

    #[test]
    fn what_would_be_one_too_many_is_not_taken() {
        let mut ranges = Ranges::at_most(2);
        assert_eq!(ranges.insert(SeqNum(10), SeqNum(20)), 10);
        assert_eq!(ranges.insert(SeqNum(30), SeqNum(40)), 10);
        assert_eq!(ranges.insert(SeqNum(50), SeqNum(60)), 0);
        assert_eq!(ranges.insert(SeqNum(15), SeqNum(35)), 10);
        assert_eq!(ranges.insert(SeqNum(50), SeqNum(60)), 10);
    }
}
