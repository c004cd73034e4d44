//! When a case may begin: a small device has few half-open connections to give, and a slow one is
//! not sent more than it can take.
//!
//! A case that waits here has not begun: no clock of it runs.

use crate::link::ethernet::Station;
use crate::spec::case::{Branch, Case, Step, Verb};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often is looked whether the run goes on.
const GLANCE: Duration = Duration::from_millis(50);
/// What a case sends beside its steps: resets.
const CLEAN_UP: u32 = 3;
/// Cases begin so that they keep to this part of the rate: the rest is for chance to even out.
const SHARE: f64 = 0.8;

/// The gate that all cases of a run go through.
#[derive(Debug)]
pub(super) struct Gate {
    most_half_open: usize,
    half_open: Mutex<usize>,
    changed: Condvar,
    /// The time that one segment takes, and when the next case may begin.
    rate: Option<(Duration, Mutex<Instant>)>,
}

/// A case that is inside.
#[derive(Debug)]
pub(super) struct Inside<'g> {
    gate: &'g Gate,
    connections: usize,
}

impl Gate {
    /// At most so many connections that may be half-open, and so many segments in a second.
    pub(super) fn new(most_half_open: usize, per_second: Option<u32>) -> Self {
        let each = |most: u32| Duration::from_secs_f64(1.0 / (SHARE * f64::from(most.max(1))));
        Self {
            most_half_open,
            half_open: Mutex::new(0),
            changed: Condvar::new(),
            rate: per_second.map(|most| (each(most), Mutex::new(Instant::now()))),
        }
    }

    /// Waits until the case may begin; `None` if no case goes on.
    pub(super) fn enter(&self, case: &Case, station: &Station) -> Option<Inside<'_>> {
        let connections = case.conns.len().min(self.most_half_open);
        let mut open = self.half_open();
        while *open + connections > self.most_half_open {
            if station.halted().is_some() {
                return None;
            }
            let waited = self.changed.wait_timeout(open, GLANCE);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *open += connections;
        drop(open);
        let inside = Inside {
            gate: self,
            connections,
        };
        let begin = self.turn(case);
        loop {
            let left = begin.saturating_duration_since(Instant::now());
            if station.halted().is_some() {
                return None;
            }
            if left.is_zero() {
                return Some(inside);
            }
            thread::sleep(left.min(GLANCE));
        }
    }

    /// When the case may begin: after the segments of those before it.
    fn turn(&self, case: &Case) -> Instant {
        let now = Instant::now();
        let Some((each, next)) = &self.rate else {
            return now;
        };
        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = now.max(*next);
        *next = begin + *each * (injections(&case.steps) + CLEAN_UP);
        begin
    }

    fn half_open(&self) -> MutexGuard<'_, usize> {
        self.half_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.gate.half_open() -= self.connections;
        self.gate.changed.notify_all();
    }
}

/// Segments that the steps send; of alternatives, those of the longest.
fn injections(steps: &[Step]) -> u32 {
    let of = |step: &Step| match &step.verb {
        Verb::Inject(_) | Verb::InjectIcmp(_) => 1,
        Verb::Flood(flood) => flood.count,
        Verb::OneOf(branches) => {
            let of_branch = |branch: &Branch| injections(&branch.steps);
            branches.iter().map(of_branch).max().unwrap_or_default()
        }
        _ => 0,
    };
    steps.iter().map(of).sum()
}
