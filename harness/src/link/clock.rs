//! The clock of one case on real time, and how the kernel's time stamps are read on it.

use crate::time::Instant;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Two readings of an interrupted thread lie further apart; they are not compared.
const LONGEST_READING: Duration = Duration::from_micros(20);
/// How often a reading is repeated.
const READINGS: usize = 4;

/// The clock of one case: it starts at zero and never runs back, even if somebody sets the
/// machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct CaseClock {
    start: Duration,
}

impl CaseClock {
    /// The case starts now.
    pub fn start() -> Self {
        Self {
            start: read(ClockId::CLOCK_MONOTONIC),
        }
    }

    /// What it shows now.
    pub fn now(&self) -> Instant {
        self.at(read(ClockId::CLOCK_MONOTONIC))
    }

    /// What it showed at a stamp of the kernel's real-time clock.
    pub fn at_stamp(&self, stamp: Duration) -> Instant {
        let (monotonic, real) = both();
        match real.checked_sub(stamp) {
            Some(ago) => self.at(monotonic.saturating_sub(ago)),
            None => self.at(monotonic),
        }
    }

    /// `at` on the system's monotonic clock, for timers.
    pub fn monotonic(&self, at: Instant) -> TimeSpec {
        TimeSpec::from_duration(
            self.start
                .saturating_add(Duration::from_nanos(at.as_nanos())),
        )
    }

    fn at(&self, monotonic: Duration) -> Instant {
        Instant::START + monotonic.saturating_sub(self.start)
    }
}

/// The monotonic and the real-time clock at the same moment.
fn both() -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::ZERO, Duration::ZERO);
    for _ in 0..READINGS {
        let before = read(ClockId::CLOCK_MONOTONIC);
        let real = read(ClockId::CLOCK_REALTIME);
        let took = read(ClockId::CLOCK_MONOTONIC).saturating_sub(before);
        if took < best.0 {
            best = (took, before + took / 2, real);
        }
        if took < LONGEST_READING {
            break;
        }
    }
    (best.1, best.2)
}

fn read(clock: ClockId) -> Duration {
    // Both clocks exist on every Linux: a failure cannot happen, and zero would only stop time.
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}
