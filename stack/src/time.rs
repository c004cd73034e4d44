//! Virtual time: the stack is told what time it is and never asks.
//!
//! It deliberately has no way to read a clock; whoever drives the stack owns one.

use std::ops::{Add, AddAssign};
use std::time::Duration;

/// A point in time, in nanoseconds since an origin that the driver chose. It never runs back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// How much later than `earlier` this is; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Whole milliseconds since the origin, modulo 2^32: the timestamp clock of RFC 7323 §5.4.
    pub(crate) fn millis(self) -> u32 {
        (self.0 / 1_000_000) as u32
    }

    /// Ticks of 4 microseconds since the origin, modulo 2^32: the ISN clock of RFC 9293 §3.4.1.
    pub(crate) fn isn_ticks(self) -> u32 {
        (self.0 / 4_000) as u32
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a deadline beyond the end of time never comes.
    fn add(self, duration: Duration) -> Self {
        let Nanos(nanos) = duration.into();
        Self(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// A duration in half of the room, for blocks that hold many. It saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(u64);

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        let seconds = duration.as_secs().saturating_mul(1_000_000_000);
        Self(seconds.saturating_add(duration.subsec_nanos().into()))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Self::from_nanos(nanos.0)
    }
}
