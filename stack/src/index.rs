//! Which slot stands for which sockets: a hash table of slot numbers.
//!
//! Eight octets a place, a quarter to a half of the places free; the sockets themselves stand in
//! the slots, whose owner compares. The hash is keyed with the host's secret, so that a stranger
//! cannot choose sockets that collide (RFC 4987 §3.5 has a secret hash do this). Nobody walks the
//! table: its order means nothing.

use crate::demux::{Secret, Sockets};

/// The slot of a place that is free.
const FREE: u32 = u32::MAX;
/// Places of the smallest table.
const LEAST: usize = 16;

/// Slots by their sockets.
#[derive(Debug)]
pub(crate) struct Index {
    secret: Secret,
    /// A power of two of them, or none.
    places: Vec<Place>,
    used: usize,
}

/// A slot stands in the place that its hash names, or in the next one that was free.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    slot: u32,
}

impl Index {
    /// An empty table.
    pub(crate) fn new(secret: Secret) -> Self {
        Self {
            secret,
            places: Vec::new(),
            used: 0,
        }
    }

    /// Slots in the table.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The slot that stands for these sockets; `is_it` says whether a slot does.
    pub(crate) fn find(&self, sockets: Sockets, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.used == 0 {
            return None;
        }
        let hash = self.secret.place(sockets);
        let mut at = self.home(hash);
        while self.places[at].slot != FREE {
            let Place { hash: other, slot } = self.places[at];
            if other == hash && is_it(slot) {
                return Some(slot);
            }
            at = self.after(at);
        }
        None
    }

    /// Adds a slot; none must stand for these sockets yet.
    pub(crate) fn insert(&mut self, sockets: Sockets, slot: u32) {
        if (self.used + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        self.used += 1;
        let hash = self.secret.place(sockets);
        self.put(Place { hash, slot });
    }

    /// Takes a slot out, if it is there.
    pub(crate) fn remove(&mut self, sockets: Sockets, slot: u32) {
        if self.used == 0 {
            return;
        }
        let mut at = self.home(self.secret.place(sockets));
        while self.places[at].slot != slot {
            if self.places[at].slot == FREE {
                return;
            }
            at = self.after(at);
        }
        self.used -= 1;
        self.close(at);
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    fn put(&mut self, place: Place) {
        let mut at = self.home(place.hash);
        while self.places[at].slot != FREE {
            at = self.after(at);
        }
        self.places[at] = place;
    }

    fn grow(&mut self) {
        let twice = (self.places.len() * 2).max(LEAST);
        let free = Place {
            hash: 0,
            slot: FREE,
        };
        let places = std::mem::replace(&mut self.places, vec![free; twice]);
        for place in places.into_iter().filter(|place| place.slot != FREE) {
            self.put(place);
        }
    }

    /// Frees a place, and moves up what would not be found any more behind it.
    fn close(&mut self, mut gap: usize) {
        let mut at = self.after(gap);
        while self.places[at].slot != FREE {
            let place = self.places[at];
            let from_home = self.distance(self.home(place.hash), at);
            if from_home >= self.distance(gap, at) {
                self.places[gap] = place;
                gap = at;
            }
            at = self.after(at);
        }
        self.places[gap].slot = FREE;
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn sockets(port: u16) -> Sockets {
        (([10, 0, 0, 1], 80).into(), ([10, 0, 0, 2], port).into())
    }

    /// Slots and their ports, as an owner of slots would have them.
    fn found(index: &Index, ports: &BTreeMap<u32, u16>, port: u16) -> Option<u32> {
        index.find(sockets(port), |slot| ports.get(&slot) == Some(&port))
    }

    proptest! {
        /// Whatever comes and goes: what is in is found, and nothing else.
        #[test]
        fn it_is_an_ordered_table(
            moves in prop::collection::vec((0_u16..60, any::<bool>()), 0..400)
        ) {
            let mut index = Index::new(Secret::new([7; 16]));
            let mut ports = BTreeMap::new();
            for (port, comes) in moves {
                let slot = 1000 + u32::from(port);
                match (comes, ports.contains_key(&slot)) {
                    (true, false) => {
                        index.insert(sockets(port), slot);
                        ports.insert(slot, port);
                    }
                    (false, true) => {
                        index.remove(sockets(port), slot);
                        ports.remove(&slot);
                    }
                    _ => {}
                }
                prop_assert_eq!(index.len(), ports.len());
                for port in 0..60 {
                    let slot = 1000 + u32::from(port);
                    let there = ports.contains_key(&slot).then_some(slot);
                    prop_assert_eq!(found(&index, &ports, port), there);
                }
            }
        }
    }

    #[test]
    fn it_grows_and_keeps_room() {
        let mut index = Index::new(Secret::new([7; 16]));
        assert_eq!(index.find(sockets(1), |_| true), None);
        index.remove(sockets(1), 1);
        let ports: BTreeMap<u32, u16> = (0..5000).map(|slot| (slot, slot as u16)).collect();
        for (slot, port) in &ports {
            index.insert(sockets(*port), *slot);
        }
        assert!(index.places.len() * 3 >= index.len() * 4);
        assert!((0..5000).all(|port| found(&index, &ports, port) == Some(u32::from(port))));
        assert_eq!(found(&index, &ports, 5000), None);
    }
}
