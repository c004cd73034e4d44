//! The user timeout (RFC 9293 §3.9.1.1) and the option by which two ends suggest one to each other
//! (RFC 5482).
//!
//! ENABLED is that the application has named a value to advertise, ADV_UTO; CHANGEABLE is that it
//! has not set the user timeout itself. The option is advice: it is neither negotiated nor sent
//! reliably.

use crate::segment::Segment;
use crate::tcb::{Context, Tcb};
use crate::{Config, Instant, SocketOptions, timeouts};
use std::time::Duration;

/// The value of a User Timeout option (RFC 5482 §3.3), as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserTimeout(pub u16);

/// The granularity bit: minutes.
const MINUTES: u16 = 0x8000;

impl UserTimeout {
    /// A timeout, in seconds while they fit, else in minutes; rounded up. Never zero.
    pub fn of(timeout: Duration) -> Self {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        let field = u64::from(MINUTES - 1);
        // RFC 5482 §3.4:
        //   Current TCP implementations MUST NOT send it and
        //   MUST ignore it upon reception.
        if seconds <= field {
            Self(seconds.max(1) as u16)
        } else {
            Self(MINUTES | seconds.div_ceil(60).min(field) as u16)
        }
    }

    /// What it says; `None` if it is the reserved value zero.
    pub fn duration(self) -> Option<Duration> {
        // RFC 5482 §3.3:
        //   When set (G = 1), the time interval in the "User Timeout"
        //   field MUST be interpreted as minutes.
        let unit = if self.0 & MINUTES == 0 { 1 } else { 60 };
        let seconds = u64::from(self.0 & !MINUTES) * unit;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

/// What was set, said and heard about the user timeout of a connection, under the names of
/// RFC 5482 §3.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserTimeouts {
    /// USER_TIMEOUT, if the application has set it.
    set: Option<Duration>,
    /// ADV_UTO, if the option is enabled.
    advertised: Option<Duration>,
    /// REMOTE_UTO.
    remote: Option<Duration>,
    /// The own value has been in a segment other than a SYN.
    given: bool,
    /// Since when something waits to be acknowledged.
    waiting_since: Option<Instant>,
}

impl UserTimeouts {
    /// Takes over what `options` says; zero takes back.
    pub(crate) fn apply(&mut self, options: &SocketOptions) {
        let unless_zero = |timeout: Duration| Some(timeout).filter(|timeout| !timeout.is_zero());
        if let Some(timeout) = options.user_timeout {
            self.set = unless_zero(timeout);
        }
        if let Some(timeout) = options.advertised_timeout {
            self.advertised = unless_zero(timeout);
            // RFC 5482 §3:
            //   A host that supports the UTO option SHOULD include one in the next
            //   possible outgoing segment whenever it starts using a new user timeout
            //   for the connection.
            self.given = false;
        }
    }
}

/// Takes the option of an acceptable segment.
pub(crate) fn hear(tcb: &mut Tcb, segment: &Segment<'_>, cx: &Context<'_>) {
    let own = tcb.settings.user_timeouts.as_mut();
    if let Some(own) = own.filter(|own| own.advertised.is_some())
        && let Some(heard) = segment.user_timeout.and_then(UserTimeout::duration)
    {
        own.remote = Some(heard);
        // The keep-alive timer may be too short for it.
        timeouts::heard(tcb, cx.now, cx.config);
    }
}

/// The option of the next segment.
pub(crate) fn option(tcb: &Tcb, syn: bool) -> Option<UserTimeout> {
    // RFC 5482 §3:
    //   connection that has enabled UTO options SHOULD include a UTO option
    //   in the first packet that does not have the SYN flag set.
    let own = tcb.settings.user_timeouts.as_ref()?;
    let due = own.advertised.filter(|_| syn || !own.given);
    due.map(UserTimeout::of)
}

/// The option is in a segment that leaves now.
pub(crate) fn given(tcb: &mut Tcb, syn: bool) {
    if let Some(own) = &mut tcb.settings.user_timeouts {
        own.given |= !syn;
    }
}

/// When USER_TIMEOUT is over, if something is `unfinished`. A value that changes meanwhile counts
/// from when that began to wait.
pub(crate) fn deadline(tcb: &mut Tcb, unfinished: bool, cx: &Context<'_>) -> Option<Instant> {
    let timeout = effective(tcb, cx.config);
    let own = tcb.settings.user_timeouts.as_mut()?;
    if !unfinished {
        own.waiting_since = None;
        return None;
    }
    let since = *own.waiting_since.get_or_insert(cx.now);
    timeout.map(|timeout| since + timeout)
}

/// What waits has waited for nothing up to now: there was progress, or an answer.
pub(crate) fn begin_anew(tcb: &mut Tcb) {
    if let Some(own) = &mut tcb.settings.user_timeouts {
        own.waiting_since = None;
    }
}

/// USER_TIMEOUT; without one, R2 counts.
pub(crate) fn effective(tcb: &Tcb, config: &Config) -> Option<Duration> {
    // RFC 5482 §3.1:
    //   If the CHANGEABLE flag is false, USER_TIMEOUT MUST NOT
    //   be changed, regardless of the received UTO option.
    let own = tcb.settings.user_timeouts.as_ref()?;
    own.set.or_else(|| adopted(tcb, config))
}

/// The user timeout that follows from an exchange of options.
pub(crate) fn adopted(tcb: &Tcb, config: &Config) -> Option<Duration> {
    let own = tcb.settings.user_timeouts.as_ref()?;
    let (advertised, remote) = (own.advertised?, own.remote?);
    // RFC 5482 §3.3:
    //   Connections in other
    //   states MUST use the default timeout values defined in [RFC0793] and
    //   [RFC1122].
    if own.set.is_some() || !tcb.state.is_synchronized() {
        return None;
    }
    // RFC 5482 §3.1:
    //   Therefore, the lower limit (L_LIMIT) MUST be larger than the current
    //   retransmission timeout (RTO) for the connection.
    let (lower, upper) = config.user_timeout_limits;
    let lower = lower.max(tcb.rtt.rto() + Duration::from_secs(1));
    // RFC 5482 §3.1:
    //   USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))
    Some(advertised.max(remote).max(lower).min(upper.max(lower)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::rounded_up(Duration::from_millis(1), 1)]
    #[case::seconds(Duration::from_secs(32_767), 32_767)]
    #[case::minutes(Duration::from_secs(32_768), MINUTES + 547)]
    #[case::the_most(Duration::from_secs(u64::MAX), u16::MAX)]
    fn a_timeout_is_said_in_seconds_or_minutes(#[case] timeout: Duration, #[case] field: u16) {
        assert_eq!(UserTimeout::of(timeout), UserTimeout(field));
    }

    #[rstest]
    #[case(0, None)]
    #[case(MINUTES, None)]
    #[case(90, Some(90))]
    #[case(MINUTES + 2, Some(120))]
    fn zero_says_nothing(#[case] field: u16, #[case] seconds: Option<u64>) {
        let seconds = seconds.map(Duration::from_secs);
        assert_eq!(UserTimeout(field).duration(), seconds);
    }
}
