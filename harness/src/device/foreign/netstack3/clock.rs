//! Time as netstack3 knows it: instants, and timers that the host keeps for it.

use super::bindings::Bindings;
use crate::time::Instant;
use netstack3_core::TimerId;
use netstack3_core::inspect::{InspectableValue, Inspector};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A point on the clock of the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Moment(pub(super) Instant);

impl Moment {
    fn nanos(self) -> u64 {
        self.0.as_nanos()
    }
}

impl InspectableValue for Moment {
    fn record<I: Inspector>(&self, name: &str, inspector: &mut I) {
        inspector.record_uint(name, self.nanos());
    }
}

impl netstack3_core::Instant for Moment {
    fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        let nanos = self.nanos().checked_sub(earlier.nanos())?;
        Some(Duration::from_nanos(nanos))
    }

    fn checked_add(&self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        let nanos = self.nanos().checked_add(nanos)?;
        Some(Self(Instant::from_nanos(nanos)))
    }

    fn saturating_add(&self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }

    fn checked_sub(&self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        let nanos = self.nanos().checked_sub(nanos)?;
        Some(Self(Instant::from_nanos(nanos)))
    }
}

/// A point on the clock that is shared.
#[derive(Debug)]
pub(super) struct AtomicMoment(AtomicU64);

impl netstack3_core::AtomicInstant<Moment> for AtomicMoment {
    fn new(moment: Moment) -> Self {
        Self(AtomicU64::new(moment.nanos()))
    }

    fn load(&self, ordering: Ordering) -> Moment {
        Moment(Instant::from_nanos(self.0.load(ordering)))
    }

    fn store(&self, moment: Moment, ordering: Ordering) {
        self.0.store(moment.nanos(), ordering);
    }

    fn store_max(&self, moment: Moment, ordering: Ordering) {
        self.0.fetch_max(moment.nanos(), ordering);
    }
}

/// A timer of netstack3.
#[derive(Debug)]
pub(super) struct Timer {
    id: u64,
    dispatch: TimerId<Bindings>,
}

/// All timers, and when they expire.
#[derive(Debug, Default)]
pub(super) struct Timers {
    made: u64,
    /// What expires, in order.
    queue: BTreeMap<(Moment, u64), TimerId<Bindings>>,
    /// When each timer that runs expires.
    running: BTreeMap<u64, Moment>,
}

impl Timers {
    pub(super) fn make(&mut self, dispatch: TimerId<Bindings>) -> Timer {
        self.made += 1;
        Timer {
            id: self.made,
            dispatch,
        }
    }

    pub(super) fn start(&mut self, at: Moment, timer: &Timer) -> Option<Moment> {
        let before = self.stop(timer);
        self.running.insert(timer.id, at);
        self.queue.insert((at, timer.id), timer.dispatch.clone());
        before
    }

    pub(super) fn stop(&mut self, timer: &Timer) -> Option<Moment> {
        let at = self.running.remove(&timer.id)?;
        self.queue.remove(&(at, timer.id));
        Some(at)
    }

    pub(super) fn expires(&self, timer: &Timer) -> Option<Moment> {
        self.running.get(&timer.id).copied()
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// The next timer that is due, if one is; it no longer runs.
    pub(super) fn expire(&mut self, now: Moment) -> Option<(TimerId<Bindings>, u64)> {
        let entry = self.queue.first_entry()?;
        let (at, id) = *entry.key();
        if at > now {
            return None;
        }
        let dispatch = entry.remove();
        self.running.remove(&id);
        Some((dispatch, id))
    }
}

impl Timer {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}
