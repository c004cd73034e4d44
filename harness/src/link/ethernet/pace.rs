//! How fast a station may send: a token bucket, in the form of the generic cell rate algorithm
//! (ITU-T I.371, annex A).
//!
//! It holds senders back and knows nothing of what they send. A segment that was held back is
//! stamped when it leaves; whether that was too late is for the drive to say.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of what a second may have, this part may leave at once, and the rest evenly.
const BURST: f64 = 0.1;

/// The bucket.
#[derive(Debug)]
pub(super) struct Pace {
    /// From one frame to the next.
    interval: Duration,
    /// How far ahead of the even flow a frame may be.
    ahead: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the next frame would leave in an even flow.
    due: Instant,
    held: Held,
}

/// What was held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// So many frames.
    pub frames: u64,
    /// The longest of the delays.
    pub longest: Duration,
}

impl Pace {
    /// At most so many frames in any second.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let most = f64::from(per_second.max(1));
        let burst = (most * BURST).max(1.0);
        // Beyond its first frame, what leaves at once comes off the even flow.
        let interval = Duration::from_secs_f64(1.0 / (most - (burst - 1.0)));
        Self {
            interval,
            ahead: interval.mul_f64(burst - 1.0),
            state: Mutex::new(State {
                due: now,
                held: Held::default(),
            }),
        }
    }

    /// How long the next frame has to wait. It counts as sent.
    pub(super) fn next(&self, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = state
            .due
            .saturating_duration_since(now)
            .saturating_sub(self.ahead);
        state.due = state.due.max(now) + self.interval;
        if !wait.is_zero() {
            state.held.frames += 1;
            state.held.longest = state.held.longest.max(wait);
        }
        wait
    }

    /// What was held back so far.
    pub(super) fn held(&self) -> Held {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    proptest! {
        /// Whoever comes when, and however many at once: no second has more than it may have.
        #[test]
        fn no_second_has_more(
            most in 1_u32..2_000,
            arrivals in prop::collection::vec(0_u64..20_000, 1..400),
        ) {
            let start = Instant::now();
            let pace = Pace::new(most, start);
            let mut now = start;
            let mut left = Vec::new();
            for microseconds in arrivals {
                now += Duration::from_micros(microseconds);
                left.push(now + pace.next(now));
            }
            for (nth, &at) in left.iter().enumerate() {
                let in_a_second = left[nth..].iter().filter(|&&it| it < at + SECOND).count();
                prop_assert!(in_a_second <= most as usize + 1, "{in_a_second} of {most}");
            }
        }

        /// A frame that comes when it may is not held back.
        #[test]
        fn an_even_flow_is_left_alone(most in 2_u32..2_000, count in 1_usize..200) {
            let start = Instant::now();
            let pace = Pace::new(most, start);
            let interval = SECOND.mul_f64(1.2 / f64::from(most) / 0.9);
            for nth in 0..count {
                prop_assert_eq!(pace.next(start + interval * nth as u32), Duration::ZERO);
            }
            prop_assert_eq!(pace.held(), Held::default());
        }
    }

    #[test]
    fn what_is_held_back_is_counted() {
        let now = Instant::now();
        let pace = Pace::new(10, now);
        assert_eq!(pace.next(now), Duration::ZERO);
        let second = pace.next(now);
        let third = pace.next(now);
        assert!(second >= SECOND / 10 && third > second);
        let held = Held {
            frames: 2,
            longest: third,
        };
        assert_eq!(pace.held(), held);
    }
}
