//! The retransmission timeout (RFC 6298), with Karn's rule left to the caller.
//!
//! It deliberately knows neither segments nor timers: samples go in, the RTO comes out.

use crate::Config;
use crate::time::Nanos;
use std::time::Duration;

/// The clock granularity G.
const GRANULARITY: Duration = Duration::from_millis(1);

/// SRTT, RTTVAR and RTO of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    srtt: Nanos,
    rttvar: Nanos,
    rto: Nanos,
    /// The least sample.
    least: Nanos,
    backoff: u32,
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
            least: Nanos::MAX,
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
        self.backoff
    }

    /// SRTT, once there is a sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.sampled.then_some(self.srtt.into())
    }

    /// RTTVAR.
    pub(crate) fn rttvar(&self) -> Duration {
        self.rttvar.into()
    }

    /// The least sample of the connection, once there is one. RACK forgets old ones, and has its
    /// own (RFC 8985 §6.2).
    pub(crate) fn least(&self) -> Option<Duration> {
        self.sampled.then_some(self.least.into())
    }

    /// Takes a sample of an unambiguous round trip.
    pub(crate) fn sample(&mut self, r: Duration, config: &Config) {
        let (srtt, rttvar) = match self.srtt() {
            // RFC 6298 §2.2: SRTT <- R, RTTVAR <- R/2.
            None => (r, r / 2),
            // RFC 6298 §2.3, with alpha = 1/8 and beta = 1/4; RTTVAR comes first.
            Some(srtt) => {
                let rttvar = (self.rttvar() * 3 + srtt.abs_diff(r)) / 4;
                ((srtt * 7 + r) / 8, rttvar)
            }
        };
        (self.srtt, self.rttvar) = (srtt.into(), rttvar.into());
        self.least = self.least.min(r.into());
        self.sampled = true;
        self.backoff = 0;
        let rto = srtt + GRANULARITY.max(rttvar * 4);
        self.rto = rto.clamp(config.min_rto, config.max_rto).into();
    }

    /// The timer expired (§5.5).
    pub(crate) fn back_off(&mut self, config: &Config) {
        self.rto = (self.rto() * 2).min(config.max_rto).into();
        self.backoff += 1;
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

    #[test]
    fn samples_move_srtt_and_rttvar_by_the_formulas() {
        let config = Config {
            min_rto: millis(1),
            ..Config::default()
        };
        let mut rtt = Rtt::new(&config);
        assert_eq!((rtt.rto(), rtt.least()), (millis(1000), None));
        rtt.sample(millis(100), &config);
        assert_eq!(
            (rtt.srtt(), rtt.rttvar(), rtt.rto()),
            (Some(millis(100)), millis(50), millis(300))
        );
        rtt.sample(millis(180), &config);
        // RTTVAR = 3/4 * 50 + 1/4 * |100 - 180|, SRTT = 7/8 * 100 + 1/8 * 180.
        assert_eq!(rtt.rttvar(), Duration::from_micros(57_500));
        assert_eq!((rtt.srtt(), rtt.rto()), (Some(millis(110)), millis(340)));
        assert_eq!(rtt.least(), Some(millis(100)));
        rtt.sample(millis(90), &config);
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
        rtt.sample(millis(100), &config);
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
            rtt.sample(millis(100), &config);
        }
        assert_eq!(rtt.rto(), millis(101));
    }
}
