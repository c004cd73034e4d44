//! The part in which congestion controls differ, and the one that a connection has.

use super::cubic::Cubic;
use super::reno::Reno;
use super::{Sender, Window};
use crate::config::Algorithm;
use crate::time::Instant;

/// The part in which congestion controls differ: growth beyond slow start, and reduction.
pub(crate) trait CongestionControl {
    /// `acked` octets were newly acknowledged in congestion avoidance.
    fn avoid(&mut self, window: &mut Window, acked: u32, sender: &Sender);

    /// What is left of `flight` octets after loss was found, or the timer expired: ssthresh, as
    /// long as that is two segments.
    fn reduce(&mut self, window: Window, flight: u32, timeout: bool) -> u32;

    /// Until now cwnd was not used.
    fn pause(&mut self, _now: Instant) {}
}

/// The congestion control of a connection; boxed if it is large, since most connections are idle.
#[derive(Clone, Debug)]
pub(super) enum Control {
    Reno(Reno),
    Cubic(Box<Cubic>),
}

impl Control {
    pub(super) fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Reno => Self::Reno(Reno::default()),
            Algorithm::Cubic => Self::Cubic(Box::default()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Reno(_) => Algorithm::Reno,
            Self::Cubic(_) => Algorithm::Cubic,
        }
    }

    pub(super) fn as_mut(&mut self) -> &mut dyn CongestionControl {
        match self {
            Self::Reno(reno) => reno,
            Self::Cubic(cubic) => cubic.as_mut(),
        }
    }
}
