//! Timeouts (RFC 9293 §3.10.8, §3.8): one table of timers per connection. The earliest of each
//! stands in the [`Schedule`](crate::Schedule) of the host; one without a running timer does not.

use crate::signals::CloseReason;
use crate::tcb::{Context, Origin, Tcb};
use crate::time::Instant;
use crate::{Config, Event, State, recovery, tail_loss, user_timeout};
use std::fmt;
use std::time::Duration;

/// The timers of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// RETRANSMISSION TIMEOUT.
    Retransmission,
    /// The tail loss probe (RFC 8985 §7).
    Probe,
    /// The reordering window of RACK (RFC 8985 §6.2).
    Reordering,
    /// Zero-window probes, and the override of silly-window avoidance.
    Persist,
    /// Keep-alive.
    KeepAlive,
    /// Delayed acknowledgment.
    DelayedAck,
    /// Waiting for the FIN of a peer whose connection nobody here owns any more.
    FinWait2,
    /// USER TIMEOUT.
    User,
    /// TIME-WAIT TIMEOUT, which the record of the connection keeps.
    TimeWait,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Retransmission => "retransmission",
            Self::Probe => "probe",
            Self::Reordering => "reordering",
            Self::Persist => "persist",
            Self::KeepAlive => "keepalive",
            Self::DelayedAck => "delayed-ack",
            Self::FinWait2 => "fin-wait-2",
            Self::TimeWait => "time-wait",
            Self::User => "user",
        })
    }
}

const TIMERS: [Timer; 8] = [
    Timer::User,
    // A probe takes the place of the timeout that would come at the same time.
    Timer::Probe,
    Timer::Reordering,
    Timer::Retransmission,
    Timer::Persist,
    Timer::KeepAlive,
    Timer::DelayedAck,
    Timer::FinWait2,
];

/// When each timer runs out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timers([Instant; TIMERS.len()]);

const NEVER: Instant = Instant(u64::MAX);

impl Default for Timers {
    fn default() -> Self {
        Self([NEVER; TIMERS.len()])
    }
}

impl Timers {
    /// (Re)starts a timer.
    pub(crate) fn start(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = at;
    }

    /// Starts a timer that is not running.
    pub(crate) fn start_if_idle(&mut self, timer: Timer, at: Instant) {
        if !self.is_running(timer) {
            self.start(timer, at);
        }
    }

    /// Stops a timer.
    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = NEVER;
    }

    /// Stops all of them.
    pub(crate) fn stop_all(&mut self) {
        *self = Self::default();
    }

    /// Whether a timer is running.
    pub(crate) fn is_running(&self, timer: Timer) -> bool {
        self.0[timer as usize] != NEVER
    }

    /// When a timer runs out, if it is running.
    pub(crate) fn deadline(&self, timer: Timer) -> Option<Instant> {
        Some(self.0[timer as usize]).filter(|at| *at != NEVER)
    }

    /// When the next timer runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.into_iter().min().filter(|at| *at != NEVER)
    }

    /// The timers that run, the earliest first.
    pub(crate) fn running(&self) -> Vec<(Timer, Instant)> {
        let mut running: Vec<_> = TIMERS
            .into_iter()
            .map(|timer| (timer, self.0[timer as usize]))
            .filter(|(_, at)| *at != NEVER)
            .collect();
        running.sort_by_key(|(_, at)| *at);
        running
    }

    /// Stops and returns a timer that has run out.
    fn expire(&mut self, now: Instant) -> Option<Timer> {
        let timer = TIMERS
            .into_iter()
            .find(|timer| self.0[*timer as usize] <= now)?;
        self.stop(timer);
        Some(timer)
    }
}

/// Lets every timer of the connection expire that has run out. Returns why it ends, if it does.
pub(crate) fn expire(tcb: &mut Tcb, cx: &mut Context<'_>) -> Option<CloseReason> {
    while let Some(timer) = tcb.timers.expire(cx.now) {
        let end = match timer {
            Timer::Retransmission => retransmission(tcb, cx),
            Timer::Probe => {
                tail_loss::on_timeout(tcb, cx);
                None
            }
            Timer::Reordering => {
                recovery::detect_loss(tcb, cx);
                None
            }
            Timer::Persist => persist(tcb, cx),
            Timer::KeepAlive => keep_alive(tcb, cx),
            Timer::DelayedAck => {
                cx.counters.delayed_acks += 1;
                tcb.owed.ack = true;
                None
            }
            // Nobody is left to be told; TIME-WAIT is kept in its own records.
            Timer::FinWait2 | Timer::TimeWait => Some(CloseReason::Normal),
            // RFC 9293 §3.10.8:
            //   For any state if the user timeout expires, flush all queues,
            //   signal the user "error: connection aborted due to user timeout" in
            //   general and for any outstanding calls, delete the TCB, enter the
            //   CLOSED state, and return.
            Timer::User => Some(CloseReason::TimedOut),
        };
        if end.is_some() {
            return end;
        }
    }
    None
}

fn retransmission(tcb: &mut Tcb, cx: &mut Context<'_>) -> Option<CloseReason> {
    let held = tcb.congestion.release();
    if !tcb.has_unacked() || held && tcb.must_probe() {
        return None;
    }
    cx.counters.timeouts += 1;
    if user_timeout::effective(tcb, cx.config).is_none()
        && tcb.retransmits >= retries(tcb, cx.config)
    {
        return Some(CloseReason::TimedOut);
    }
    tcb.retransmits += 1;
    // RFC 9293 §3.8.3 (SHLD-9):
    //   TCP implementations SHOULD inform the application of the
    //   delivery problem (unless such information has been disabled by
    //   the application; see the "Asynchronous Reports" section
    if tcb.retransmits == cx.config.r1 && tcb.settings.reports {
        let (id, retransmits) = (tcb.id, tcb.retransmits);
        cx.counters.trouble_reports += 1;
        tcb.tell(Event::Trouble { id, retransmits }, cx);
    }
    tcb.rtt.back_off(cx.config);
    let again = tcb.retransmits > 1;
    tcb.congestion.on_timeout(&tcb.sender(cx.now), again);
    tcb.owed.loss_probe = false;
    // RFC 9293 §3.10.8:
    //   For any state if the retransmission timeout expires on a segment
    //   in the retransmission queue, send the segment at the front of the
    //   retransmission queue again, reinitialize the retransmission timer,
    //   and return.
    let rest_stays = recovery::on_timeout(tcb, cx.now);
    tcb.owed.retransmit = rest_stays;
    if !rest_stays {
        tcb.snd.next = tcb.snd.una;
    }
    None
}

/// R2 of RFC 9293 §3.8.3, as a count of retransmissions.
fn retries(tcb: &Tcb, config: &Config) -> u32 {
    match (tcb.state, tcb.origin) {
        (State::SynReceived, Origin::Passive(_)) => config.synack_retries,
        (State::SynSent | State::SynReceived, _) => config.syn_retries,
        _ => config.r2,
    }
}

fn persist(tcb: &mut Tcb, cx: &mut Context<'_>) -> Option<CloseReason> {
    if !tcb.must_probe() {
        tcb.snd.sws_override = true;
        return None;
    }
    // RFC 9293 §3.8.6.1 (MUST-37):
    //   As long as the receiving TCP peer continues to
    //   send acknowledgments in response to the probe segments, the sending
    //   TCP peer MUST allow the connection to stay open (MUST-37).
    if user_timeout::effective(tcb, cx.config).is_none() && tcb.probes > cx.config.r2 {
        return Some(CloseReason::TimedOut);
    }
    tcb.probes += 1;
    tcb.probe_backoff += 1;
    tcb.owed.window_probe = true;
    cx.counters.window_probes += 1;
    None
}

/// How long to wait for the next zero-window probe.
pub(crate) fn probe_interval(tcb: &Tcb, config: &Config) -> Duration {
    // RFC 9293 §3.8.6.1 (SHLD-30):
    //   SHOULD increase exponentially the interval between successive probes (SHLD-30).
    tcb.rtt
        .rto()
        .saturating_mul(1 << tcb.probe_backoff.min(16))
        .min(config.max_persist)
}

fn keep_alive(tcb: &mut Tcb, cx: &mut Context<'_>) -> Option<CloseReason> {
    let keepalive = *tcb.settings.keepalive.as_deref()?;
    // RFC 9293 §3.8.4 (MUST-26):
    //   Keep-alive packets MUST only be sent when no sent data is
    //   outstanding, and no data or acknowledgment packets have been received
    //   for the connection within an interval (MUST-26).
    if tcb.has_unacked() || tcb.must_probe() {
        tcb.timers.start(Timer::KeepAlive, cx.now + keepalive.idle);
        return None;
    }
    // RFC 9293 §3.8.4 (MUST-29):
    //   it MUST NOT interpret failure to respond to any specific probe as a dead connection
    if tcb.probes >= keepalive.count {
        return Some(CloseReason::TimedOut);
    }
    tcb.probes += 1;
    tcb.owed.keepalive = true;
    cx.counters.keepalive_probes += 1;
    tcb.timers
        .start(Timer::KeepAlive, cx.now + keepalive.interval);
    None
}

/// The peer has been heard: what waited for a sign of life begins anew.
pub(crate) fn heard(tcb: &mut Tcb, now: Instant, config: &Config) {
    tcb.probes = 0;
    if let Some(keepalive) = tcb
        .settings
        .keepalive
        .as_ref()
        .filter(|_| tcb.state.is_synchronized() && tcb.state != State::TimeWait)
    {
        // RFC 5482 §4.2:
        //   then the keep-alive timer MUST be set to a
        //   value larger than that of the adopted USER TIMEOUT.
        let more = |timeout| timeout + Duration::from_secs(1);
        let least = user_timeout::adopted(tcb, config).map_or(Duration::ZERO, more);
        tcb.timers
            .start(Timer::KeepAlive, now + keepalive.idle.max(least));
    }
    if tcb.must_probe() {
        // An answered probe is no failure to deliver (MUST-37).
        user_timeout::begin_anew(tcb);
    }
}

/// Brings the timers of the sender in line with what is outstanding, after any event.
pub(crate) fn settle(tcb: &mut Tcb, cx: &mut Context<'_>) {
    if matches!(tcb.state, State::Closed | State::TimeWait) {
        return;
    }
    match cx
        .config
        .fin_wait_2
        .filter(|_| tcb.state == State::FinWait2 && !tcb.owned)
    {
        Some(timeout) => tcb.timers.start_if_idle(Timer::FinWait2, cx.now + timeout),
        None => tcb.timers.stop(Timer::FinWait2),
    }
    let (unacked, must_probe) = (tcb.has_unacked(), tcb.must_probe());
    let unfinished = unacked || tcb.snd.una.before(tcb.snd_end());
    match user_timeout::deadline(tcb, unfinished, cx) {
        Some(at) => tcb.timers.start(Timer::User, at),
        None => tcb.timers.stop(Timer::User),
    }
    if tcb.congestion.is_held() {
        // What is held back waits for this timer, whatever else happens.
        let at = cx.now + tcb.rtt.rto();
        tcb.timers.start_if_idle(Timer::Retransmission, at);
    } else if must_probe || !unacked {
        tcb.timers.stop(Timer::Retransmission);
    }
    if must_probe && !tcb.owed.window_probe {
        let interval = probe_interval(tcb, cx.config);
        tcb.timers.start_if_idle(Timer::Persist, cx.now + interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_gives_back_each_timer_once_when_its_time_has_come() {
        let mut timers = Timers::default();
        timers.start(Timer::KeepAlive, Instant(30));
        timers.start(Timer::DelayedAck, Instant(10));
        timers.start_if_idle(Timer::DelayedAck, Instant(99));
        assert_eq!(
            (timers.next(), timers.expire(Instant(9))),
            (Some(Instant(10)), None)
        );
        assert_eq!(timers.expire(Instant(10)), Some(Timer::DelayedAck));
        assert_eq!(
            (timers.expire(Instant(29)), timers.next()),
            (None, Some(Instant(30)))
        );
        timers.stop_all();
        assert_eq!(
            (timers.expire(NEVER.min(Instant(100))), timers.next()),
            (None, None)
        );
    }
}
