//! CUBIC (RFC 9438; section numbers are those of its last draft): growth by the time since the
//! last congestion, not by round trips.
//!
//! Windows are octets, times are milliseconds, and no decision depends on a float: a cube of
//! milliseconds fits 128 bits, and the cube root is found bit by bit. What a division cuts off is
//! less than an octet per acknowledgment, and the next target makes up for it.
//!
//! HyStart++ (§4.10) is not here: slow start is Reno's.

use super::{CongestionControl, Sender, Window};
use crate::time::Instant;

/// Growth since the last congestion.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cubic {
    /// Wmax: what cwnd was before the last reduction, or less to give way; octets.
    w_max: Option<u32>,
    /// cwnd when ssthresh was set last.
    prior: u32,
    /// The last reduction followed a timeout.
    timed_out: bool,
    /// The congestion avoidance that is going on.
    epoch: Option<Epoch>,
}

/// A stage of congestion avoidance.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// When it began; later by the time in which cwnd was not used.
    start: Instant,
    /// When cwnd was updated last.
    updated: Instant,
    /// K, milliseconds.
    k: i64,
    /// The plateau of the cubic function, octets.
    origin: u32,
    /// West in 1024ths of an octet.
    reno: u64,
}

/// Multiplicative decrease, in tenths (§4.6).
const BETA_TENTHS: u32 = 7;

impl CongestionControl for Cubic {
    fn avoid(&mut self, window: &mut Window, acked: u32, sender: &Sender) {
        let mut epoch = self.epoch.unwrap_or_else(|| self.begin(*window, sender));
        let (mss, cwnd) = (sender.mss, window.cwnd);
        let elapsed = millis(sender.now.since(epoch.start));
        epoch.reno += self.reno_increment(epoch.reno, acked, mss, cwnd);
        epoch.updated = sender.now;
        let reno = u32::try_from(epoch.reno / 1024).unwrap_or(u32::MAX);
        window.cwnd = if epoch.cubic(elapsed, mss) < reno {
            // §4.3: in the Reno-friendly region, cwnd is West.
            cwnd.max(reno)
        } else {
            // §4.2: the target lies within [cwnd, 1.5*cwnd]; §4.4, §4.5: per segment
            // acknowledged, (target - cwnd)/cwnd segments are added.
            let target = epoch
                .cubic(elapsed + millis(sender.srtt), mss)
                .clamp(cwnd, cwnd + cwnd / 2);
            let step = u64::from(target - cwnd) * u64::from(acked.min(mss)) / u64::from(cwnd);
            cwnd + step as u32
        };
        self.epoch = Some(epoch);
    }

    fn reduce(&mut self, window: Window, flight: u32, timeout: bool) -> u32 {
        let cwnd = window.cwnd;
        // §4.7, fast convergence: a window that never came back to Wmax gives way further.
        let gives_way = self.w_max.is_some_and(|w_max| cwnd < w_max);
        self.w_max = Some(if gives_way {
            part(cwnd, 10 + BETA_TENTHS, 20)
        } else {
            cwnd
        });
        self.prior = cwnd;
        self.timed_out = timeout;
        self.epoch = None;
        part(flight, BETA_TENTHS, 10)
    }

    fn pause(&mut self, now: Instant) {
        // §4.2: the elapsed time MUST NOT include periods in which cwnd was not updated since
        // the application had nothing to send.
        if let Some(epoch) = &mut self.epoch {
            let unused = now.since(epoch.updated);
            epoch.start += unused;
            epoch.updated = now;
        }
    }
}

impl Cubic {
    fn begin(&mut self, window: Window, sender: &Sender) -> Epoch {
        let cwnd = window.cwnd;
        // §4.8: after a timeout, and where no loss ended slow start, K is 0 and Wmax is cwnd.
        let above = self.w_max.filter(|w_max| !self.timed_out && *w_max > cwnd);
        let origin = above.unwrap_or(cwnd);
        if self.w_max.is_none() {
            self.prior = cwnd;
        }
        self.w_max = Some(origin);
        // K = cbrt((Wmax - cwnd)/C), in milliseconds, with C = 0.4 segments/s^3.
        let cube = u64::from(origin - cwnd) * 2_500_000_000 / u64::from(sender.mss);
        Epoch {
            start: sender.now,
            updated: sender.now,
            k: cube_root(cube) as i64,
            origin,
            reno: u64::from(cwnd) * 1024,
        }
    }

    /// alpha * acked/cwnd segments (§4.3), in 1024ths of an octet.
    fn reno_increment(&self, reno: u64, acked: u32, mss: u32, cwnd: u32) -> u64 {
        let per_window = u64::from(acked) * u64::from(mss) * 1024 / u64::from(cwnd.max(1));
        if reno / 1024 >= u64::from(self.prior) {
            per_window
        } else {
            // alpha = 3*(1 - beta)/(1 + beta) = 9/17
            per_window * 9 / 17
        }
    }
}

impl Epoch {
    /// Wcubic(t) = C*(t - K)^3 + Wmax (§4.2), octets, not below zero.
    fn cubic(&self, t: i64, mss: u32) -> u32 {
        // Four hours beyond the plateau every window is at its largest.
        let distance = i128::from((t - self.k).clamp(-(1 << 24), 1 << 24));
        let grown = distance.pow(3) * i128::from(mss) * 4 / 10_000_000_000;
        let octets = (grown + i128::from(self.origin)).clamp(0, i128::from(super::MAX_CWND));
        u32::try_from(octets).unwrap_or(super::MAX_CWND)
    }
}

/// `octets * numerator / denominator`.
fn part(octets: u32, numerator: u32, denominator: u32) -> u32 {
    (u64::from(octets) * u64::from(numerator) / u64::from(denominator)) as u32
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

/// The largest number whose cube is at most `cube`.
fn cube_root(cube: u64) -> u64 {
    (0..22).rev().fold(0, |root: u64, bit| {
        let next = root | 1 << bit;
        if next.pow(3) <= cube { next } else { root }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::SeqNum;
    use proptest::prelude::*;
    use std::time::Duration;

    const MSS: u32 = 1000;

    fn at(seconds: f64) -> Sender {
        Sender {
            una: SeqNum(0),
            nxt: SeqNum(0),
            next: SeqNum(0),
            mss: MSS,
            now: Instant((seconds * 1e9) as u64),
            srtt: Duration::ZERO,
            sack: false,
        }
    }

    /// Acknowledges a window of segments every 100 ms and tells cwnd in segments by the second.
    fn grown(cubic: &mut Cubic, window: &mut Window, seconds: u32) -> Vec<u32> {
        let mut by_second = Vec::new();
        for tick in 0..seconds * 10 {
            for _ in 0..window.cwnd / MSS {
                cubic.avoid(window, MSS, &at(f64::from(tick) / 10.0));
            }
            if tick % 10 == 9 {
                by_second.push(window.cwnd / MSS);
            }
        }
        by_second
    }

    #[test]
    fn growth_is_concave_up_to_the_old_window_and_convex_beyond() {
        let mut cubic = Cubic::default();
        let mut window = Window {
            cwnd: 1_000_000,
            ssthresh: 0,
        };
        window.ssthresh = cubic.reduce(window, 1_000_000, false);
        window.cwnd = window.ssthresh;
        assert_eq!(window.cwnd, 700_000);
        // K = cbrt(300/0.4) = 9.086 s.
        let grown = grown(&mut cubic, &mut window, 16);
        let steps: Vec<u32> = grown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            steps[..7].windows(2).all(|pair| pair[1] <= pair[0]),
            "{grown:?}"
        );
        assert!(
            steps[10..].windows(2).all(|pair| pair[1] >= pair[0]),
            "{grown:?}"
        );
        assert!((995..=1001).contains(&grown[8]), "{grown:?}");
    }

    #[test]
    fn small_windows_grow_like_reno() {
        let mut cubic = Cubic::default();
        let mut window = Window {
            cwnd: 20_000,
            ssthresh: 0,
        };
        window.ssthresh = cubic.reduce(window, 20_000, false);
        window.cwnd = window.ssthresh;
        // Ten round trips at 9/17 of a segment each.
        let grown = grown(&mut cubic, &mut window, 1);
        assert!((18..=19).contains(&grown[0]), "{grown:?}");
    }

    #[test]
    fn a_second_loss_below_the_old_window_gives_way() {
        let mut cubic = Cubic::default();
        let window = Window {
            cwnd: 100_000,
            ssthresh: 0,
        };
        assert_eq!(cubic.reduce(window, 100_000, false), 70_000);
        assert_eq!(cubic.w_max, Some(100_000));
        let window = Window {
            cwnd: 80_000,
            ssthresh: 0,
        };
        assert_eq!(cubic.reduce(window, 80_000, false), 56_000);
        assert_eq!(cubic.w_max, Some(68_000));
    }

    #[test]
    fn after_a_timeout_the_plateau_is_where_avoidance_begins() {
        let mut cubic = Cubic::default();
        let mut window = Window {
            cwnd: 100_000,
            ssthresh: 0,
        };
        window.ssthresh = cubic.reduce(window, 100_000, true);
        window.cwnd = window.ssthresh;
        cubic.avoid(&mut window, MSS, &at(1.0));
        let epoch = cubic.epoch.expect("begun");
        assert_eq!((epoch.k, epoch.origin), (0, 70_000));
    }

    #[test]
    fn an_idle_time_does_not_count() {
        let mut cubic = Cubic::default();
        let mut window = Window {
            cwnd: 70_000,
            ssthresh: 70_000,
        };
        cubic.avoid(&mut window, MSS, &at(0.0));
        cubic.avoid(&mut window, MSS, &at(1.0));
        cubic.pause(Instant(3_601_000_000_000));
        let before = window.cwnd;
        cubic.avoid(&mut window, MSS, &at(3601.0));
        assert!(window.cwnd - before < MSS, "{}", window.cwnd);
    }

    proptest! {
        #[test]
        fn the_cube_root_is_the_floor(root in 0..1_u64 << 21, above: u64) {
            let cube = root.pow(3);
            let next = (root + 1).pow(3);
            prop_assert_eq!(cube_root(cube + above % (next - cube)), root);
        }

        #[test]
        fn avoidance_never_shrinks_the_window_and_never_grows_it_by_more_than_half(
            cwnd in 2000..1_000_000_u32,
            times in prop::collection::vec(0..100_000_u32, 1..50),
        ) {
            let mut cubic = Cubic::default();
            let mut window = Window { cwnd, ssthresh: cwnd };
            let mut now = 0.0;
            for time in times {
                now += f64::from(time) / 1000.0;
                let before = window.cwnd;
                cubic.avoid(&mut window, MSS, &at(now));
                prop_assert!(window.cwnd >= before && window.cwnd - before <= before / 2);
            }
        }
    }
}
