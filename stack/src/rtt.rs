//! The retransmission timeout (RFC 6298), with Karn's rule left to the caller.
//!
//! It deliberately knows neither segments nor timers: samples go in, the RTO comes out.

use crate::Config;
use crate::time::{Instant, Nanos};
use std::time::Duration;

/// The clock granularity G.
const GRANULARITY: Duration = Duration::from_millis(1);

/// So many samples of a round trip are told apart; more would make no difference.
const MOST_SAMPLES: u32 = 1 << 16;

/// A sample of an unambiguous round trip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// R.
    pub(crate) rtt: Duration,
    /// When it was taken.
    pub(crate) at: Instant,
    /// So many samples are expected of one round trip (RFC 7323 §G).
    pub(crate) expected: u32,
}

/// SRTT, RTTVAR and RTO of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    srtt: Nanos,
    rttvar: Nanos,
    rto: Nanos,
    /// The least sample of this window of time and of the one before it, microseconds; the longest
    /// time if there was none.
    least: [u32; 2],
    /// When this window of time began, milliseconds.
    window: u32,
    /// Doublings; more are not counted than fit.
    backoff: u8,
    /// There was a sample.
    sampled: bool,
}

impl Rtt {
    /// Before the first sample (§2.1).
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            srtt: Nanos::default(),
            rttvar: Nanos::default(),
            rto: config.initial_rto.into(),
            least: [u32::MAX; 2],
            window: 0,
            backoff: 0,
            sampled: false,
        }
    }

    /// The RTO, backed off as it stands.
    pub(crate) fn rto(&self) -> Duration {
        self.rto.into()
    }

    /// How often the RTO was doubled since the last sample.
    pub(crate) fn backoff(&self) -> u32 {
        self.backoff.into()
    }

    /// SRTT, once there is a sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.sampled.then_some(self.srtt.into())
    }

    /// RTTVAR.
    pub(crate) fn rttvar(&self) -> Duration {
        self.rttvar.into()
    }

    /// The least of the samples of late, once there is one: `RACK.min_RTT` (RFC 8985 §6.2).
    pub(crate) fn least(&self) -> Option<Duration> {
        let [this, last] = self.least;
        let least = Duration::from_micros(this.min(last).into());
        self.sampled.then_some(least)
    }

    /// Takes a sample of an unambiguous round trip.
    pub(crate) fn sample(&mut self, sample: Sample, config: &Config) {
        let r = sample.rtt;
        let (srtt, rttvar) = match self.srtt() {
            // RFC 6298 §2.2: SRTT <- R, RTTVAR <- R/2.
            None => (r, r / 2),
            // RFC 6298 §2.3, with alpha = 1/8 and beta = 1/4; RTTVAR comes first.
            // RFC 7323 §G:
            //   alpha' = alpha / ExpectedSamples
            Some(srtt) => {
                let expected = sample.expected.clamp(1, MOST_SAMPLES);
                let (alpha, beta) = (8 * expected, 4 * expected);
                let rttvar = (self.rttvar() * (beta - 1) + srtt.abs_diff(r)) / beta;
                ((srtt * (alpha - 1) + r) / alpha, rttvar)
            }
        };
        (self.srtt, self.rttvar) = (srtt.into(), rttvar.into());
        self.remember_least(sample, config);
        self.sampled = true;
        self.backoff = 0;
        let rto = srtt + GRANULARITY.max(rttvar * 4);
        self.rto = rto.clamp(config.min_rto, config.max_rto).into();
    }

    fn remember_least(&mut self, sample: Sample, config: &Config) {
        // RFC 8985 §6.2:
        //   The sender SHOULD track a
        //   windowed min-filtered estimate of recent RTT measurements
        let now = sample.at.millis();
        let old = Duration::from_millis(now.wrapping_sub(self.window).into());
        if !self.sampled {
            self.window = now;
        } else if old > config.min_rtt_window {
            self.least = [u32::MAX, self.least[0]];
            self.window = now;
        }
        let micros = u32::try_from(sample.rtt.as_micros()).unwrap_or(u32::MAX);
        self.least[0] = self.least[0].min(micros);
    }

    /// The timer expired (§5.5).
    pub(crate) fn back_off(&mut self, config: &Config) {
        self.rto = (self.rto() * 2).min(config.max_rto).into();
        self.backoff = self.backoff.saturating_add(1);
    }

    /// The handshake is complete, and its SYN had to be sent again.
    pub(crate) fn after_lost_syn(&mut self) {
        // RFC 6298 §5.7:
        //   If the timer expires awaiting the ACK of a SYN segment and the
        //   TCP implementation is using an RTO less than 3 seconds, the RTO
        //   MUST be re-initialized to 3 seconds when data transmission
        //   begins (i.e., after the three-way handshake completes).
        self.backoff = 0;
        let least = Duration::from_secs(3);
        self.rto = if self.sampled {
            self.rto().max(least).into()
        } else {
            least.into()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A sample of `ms`, the only one of its round trip.
    fn of(ms: u64) -> Sample {
        Sample {
            rtt: millis(ms),
            at: Instant::ZERO,
            expected: 1,
        }
    }

    #[test]
    fn samples_move_srtt_and_rttvar_by_the_formulas() {
        let config = Config {
            min_rto: millis(1),
            ..Config::default()
        };
        let mut rtt = Rtt::new(&config);
        assert_eq!((rtt.rto(), rtt.least()), (millis(1000), None));
        rtt.sample(of(100), &config);
        assert_eq!(
            (rtt.srtt(), rtt.rttvar(), rtt.rto()),
            (Some(millis(100)), millis(50), millis(300))
        );
        rtt.sample(of(180), &config);
        // RTTVAR = 3/4 * 50 + 1/4 * |100 - 180|, SRTT = 7/8 * 100 + 1/8 * 180.
        assert_eq!(rtt.rttvar(), Duration::from_micros(57_500));
        assert_eq!((rtt.srtt(), rtt.rto()), (Some(millis(110)), millis(340)));
        assert_eq!(rtt.least(), Some(millis(100)));
        rtt.sample(of(90), &config);
        assert_eq!(rtt.least(), Some(millis(90)));
    }

    #[test]
    fn backing_off_doubles_up_to_the_maximum_and_a_sample_ends_it() {
        let config = Config::default();
        let mut rtt = Rtt::new(&config);
        let seconds: Vec<u64> = (0..8)
            .map(|_| {
                rtt.back_off(&config);
                rtt.rto().as_secs()
            })
            .collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60, 60]);
        rtt.sample(of(100), &config);
        assert_eq!(rtt.rto(), config.min_rto);
    }

    #[test]
    fn a_constant_round_trip_keeps_the_variance_at_the_granularity() {
        let config = Config {
            min_rto: Duration::ZERO,
            ..Config::default()
        };
        let mut rtt = Rtt::new(&config);
        for _ in 0..200 {
            rtt.sample(of(100), &config);
        }
        assert_eq!(rtt.rto(), millis(101));
    }

    #[test]
    fn many_samples_of_a_round_trip_count_about_as_one() {
        let config = Config::default();
        let after = |expected, count| {
            let mut rtt = Rtt::new(&config);
            rtt.sample(of(100), &config);
            for _ in 0..count {
                let sample = Sample {
                    expected,
                    ..of(300)
                };
                rtt.sample(sample, &config);
            }
            rtt.srtt().expect("sampled").as_millis()
        };
        assert_eq!(after(1, 1), 125);
        assert_eq!(after(10, 10), 123);
        assert_eq!(after(1000, 1000), 123);
        assert_eq!(after(1, 10), 247);
        assert_eq!(after(0, 1), 125);
        assert_eq!(after(u32::MAX, 1), 100);
    }

    #[test]
    fn the_least_sample_is_forgotten_after_a_while() {
        let config = Config::default();
        let window = config.min_rtt_window.as_secs();
        let mut rtt = Rtt::new(&config);
        let mut least_at = |seconds, ms| {
            let at = Instant(seconds * 1_000_000_000);
            rtt.sample(Sample { at, ..of(ms) }, &config);
            rtt.least().expect("sampled").as_millis()
        };
        assert_eq!(least_at(1000, 100), 100);
        assert_eq!(least_at(1000 + window, 400), 100);
        assert_eq!(least_at(1001 + window, 400), 100);
        assert_eq!(least_at(1001 + 2 * window, 300), 100);
        assert_eq!(least_at(1002 + 2 * window, 400), 300);
        assert_eq!(least_at(1003 + 2 * window, 200), 200);
    }
}
