//! The deadlines of a million connections: what arming, moving, cancelling and expiring one costs,
//! beside two peers from the standard library in the same run.
//!
//! `Schedule` is what the stack uses. `BinaryHeap` leaves what was cancelled or moved in the heap
//! and skips it when it comes up; `BTreeSet` is an ordered set of (deadline, connection). Every
//! benchmark does a thousand operations on structures that hold a million deadlines.

use divan::Bencher;
use divan::counter::ItemsCount;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::hint::black_box;
use tcpspec_stack::{Instant, Schedule};

const CONNECTIONS: u32 = 1_000_000;
const OPERATIONS: u32 = 1_000;
/// Deadlines lie within two minutes, as retransmission and TIME-WAIT timers do.
const SPAN: u64 = 120_000_000_000;

fn main() {
    divan::main();
}

/// The same chance in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn slot(&mut self) -> u32 {
        (self.next() % u64::from(CONNECTIONS)) as u32
    }

    fn deadline(&mut self) -> Instant {
        Instant(self.next() % SPAN)
    }
}

/// Deadlines by connection.
trait Deadlines: Default {
    fn set(&mut self, slot: u32, deadline: Option<Instant>);
    /// Takes the first deadline and puts it off.
    fn put_off_first(&mut self);
}

impl Deadlines for Schedule {
    fn set(&mut self, slot: u32, deadline: Option<Instant>) {
        Schedule::set(self, slot, deadline);
    }

    fn put_off_first(&mut self) {
        if let Some((Instant(at), slot)) = self.first() {
            Schedule::set(self, slot, Some(Instant(at + SPAN)));
        }
    }
}

/// An ordered set, and where each connection stands in it.
#[derive(Default)]
struct Ordered {
    set: BTreeSet<(Instant, u32)>,
    deadlines: Vec<Option<Instant>>,
}

impl Deadlines for Ordered {
    fn set(&mut self, slot: u32, deadline: Option<Instant>) {
        let at = slot as usize;
        if self.deadlines.len() <= at {
            self.deadlines.resize(at + 1, None);
        }
        if let Some(before) = std::mem::replace(&mut self.deadlines[at], deadline) {
            self.set.remove(&(before, slot));
        }
        if let Some(deadline) = deadline {
            self.set.insert((deadline, slot));
        }
    }

    fn put_off_first(&mut self) {
        if let Some((Instant(at), slot)) = self.set.first().copied() {
            self.set(slot, Some(Instant(at + SPAN)));
        }
    }
}

/// A heap in which what does not count any more is skipped when it comes up.
#[derive(Default)]
struct Lazy {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    deadlines: Vec<Option<Instant>>,
}

impl Deadlines for Lazy {
    fn set(&mut self, slot: u32, deadline: Option<Instant>) {
        let at = slot as usize;
        if self.deadlines.len() <= at {
            self.deadlines.resize(at + 1, None);
        }
        self.deadlines[at] = deadline;
        if let Some(deadline) = deadline {
            self.heap.push(Reverse((deadline, slot)));
        }
    }

    fn put_off_first(&mut self) {
        while let Some(Reverse((at, slot))) = self.heap.pop() {
            if self.deadlines[slot as usize] == Some(at) {
                self.set(slot, Some(Instant(at.0 + SPAN)));
                return;
            }
        }
    }
}

fn full<D: Deadlines>() -> (D, Chance) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut deadlines = D::default();
    for slot in 0..CONNECTIONS {
        deadlines.set(slot, Some(chance.deadline()));
    }
    (deadlines, chance)
}

/// Every operation of a benchmark goes on with what the one before has left.
fn operate<D: Deadlines>(bencher: Bencher<'_, '_>, mut operation: impl FnMut(&mut D, &mut Chance)) {
    let (mut deadlines, mut chance) = full::<D>();
    bencher
        .counter(ItemsCount::new(OPERATIONS))
        .bench_local(|| {
            for _ in 0..OPERATIONS {
                operation(black_box(&mut deadlines), &mut chance);
            }
        });
}

/// An ACK of new data: the deadline of some connection moves.
#[divan::bench(types = [Schedule, Ordered, Lazy])]
fn move_one<D: Deadlines>(bencher: Bencher<'_, '_>) {
    operate::<D>(bencher, |deadlines, chance| {
        deadlines.set(chance.slot(), Some(chance.deadline()));
    });
}

/// Everything is acknowledged, then something is sent: cancelled and armed.
#[divan::bench(types = [Schedule, Ordered, Lazy])]
fn cancel_and_arm<D: Deadlines>(bencher: Bencher<'_, '_>) {
    operate::<D>(bencher, |deadlines, chance| {
        let slot = chance.slot();
        deadlines.set(slot, None);
        deadlines.set(slot, Some(chance.deadline()));
    });
}

/// The first deadline of all comes, and that timer is started anew.
#[divan::bench(types = [Schedule, Ordered, Lazy])]
fn expire<D: Deadlines>(bencher: Bencher<'_, '_>) {
    operate::<D>(bencher, |deadlines, _| deadlines.put_off_first());
}
