//! One timer structure for all connections of a host: the next deadline of each, by time.
//!
//! A heap with four children per node and a place for every entry: arming, moving and cancelling
//! a deadline cost O(log n), finding the next one O(1), and a cancelled deadline leaves nothing
//! behind. Four children make the tree half as deep as two, and they lie side by side. Which
//! timer of the connection it is (RFC 9293 §3.10.8) the schedule does not know, nor the time.

use crate::Instant;

const CHILDREN: usize = 4;
/// The place of a slot that has no deadline.
const NOWHERE: u32 = u32::MAX;

/// Deadlines by slot; at equal times the lower slot comes first.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    heap: Vec<(Instant, u32)>,
    /// Where in the heap each slot is.
    places: Vec<u32>,
}

impl Schedule {
    /// Gives a slot its deadline, moves it, or takes it away.
    pub fn set(&mut self, slot: u32, deadline: Option<Instant>) {
        let place = self.place(slot);
        match (place, deadline) {
            (None, None) => {}
            (None, Some(at)) => self.arm(slot, at),
            (Some(place), None) => self.cancel(place),
            (Some(place), Some(at)) => {
                let before = std::mem::replace(&mut self.heap[place].0, at);
                if at < before {
                    self.rise(place);
                } else if at > before {
                    self.sink(place);
                }
            }
        }
    }

    /// The first deadline of all, and whose it is.
    pub fn first(&self) -> Option<(Instant, u32)> {
        self.heap.first().copied()
    }

    /// A slot whose deadline has come.
    pub fn due(&self, now: Instant) -> Option<u32> {
        let (at, slot) = self.first()?;
        (at <= now).then_some(slot)
    }

    fn place(&self, slot: u32) -> Option<usize> {
        let place = *self.places.get(slot as usize)?;
        (place != NOWHERE).then_some(place as usize)
    }

    fn arm(&mut self, slot: u32, at: Instant) {
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, NOWHERE);
        }
        let place = self.heap.len();
        self.heap.push((at, slot));
        self.places[slot as usize] = place as u32;
        self.rise(place);
    }

    fn cancel(&mut self, place: usize) {
        let (_, slot) = self.heap.swap_remove(place);
        self.places[slot as usize] = NOWHERE;
        if let Some((_, moved)) = self.heap.get(place) {
            self.places[*moved as usize] = place as u32;
            self.rise(place);
            self.sink(place);
        }
    }

    fn rise(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.heap[parent] <= entry {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    fn sink(&mut self, mut place: usize) {
        let entry = self.heap[place];
        loop {
            let first = place * CHILDREN + 1;
            let last = (first + CHILDREN).min(self.heap.len());
            let least = (first..last).min_by_key(|child| self.heap[*child]);
            let Some(child) = least.filter(|child| self.heap[*child] < entry) else {
                break;
            };
            self.put(place, self.heap[child]);
            place = child;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: usize, entry: (Instant, u32)) {
        self.heap[place] = entry;
        self.places[entry.1 as usize] = place as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_first_of_many_is_known() {
        let mut schedule = Schedule::default();
        schedule.set(1, Some(Instant(20)));
        schedule.set(2, Some(Instant(10)));
        schedule.set(1, Some(Instant(5)));
        assert_eq!(
            (schedule.first(), schedule.due(Instant(4))),
            (Some((Instant(5), 1)), None)
        );
        schedule.set(1, None);
        schedule.set(1, None);
        assert_eq!(schedule.due(Instant(10)), Some(2));
    }

    proptest! {
        /// Whatever is armed, moved and cancelled: the first is the first of an ordered table.
        #[test]
        fn it_is_an_ordered_table(
            moves in prop::collection::vec((0_u32..40, prop::option::of(0_u64..100)), 0..300)
        ) {
            let mut schedule = Schedule::default();
            let mut table = BTreeMap::new();
            for (slot, at) in moves {
                schedule.set(slot, at.map(Instant));
                match at {
                    Some(at) => { table.insert(slot, Instant(at)); }
                    None => { table.remove(&slot); }
                }
                let first = table.iter().map(|(slot, at)| (*at, *slot)).min();
                prop_assert_eq!(schedule.first(), first);
            }
        }
    }
}
