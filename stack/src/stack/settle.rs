//! After anything happened to a connection: queues, counters, schedule, events.

use super::Stack;
use crate::demux::Sockets;
use crate::listeners::Listener;
use crate::seq::SeqNum;
use crate::tcb::{Context, Origin, Tcb};
use crate::time_wait::TimeWait;
use crate::timeouts::{self, Timer};
use crate::user_timeout;
use crate::{CloseReason, Config, ConnectionId, Event, Instant, Schedule, SocketOptions, State};

impl Stack {
    /// Lets something happen to the connection in `slot`, and draws the consequences.
    pub(super) fn act<T>(
        &mut self,
        slot: u32,
        now: Instant,
        happens: impl FnOnce(&mut Tcb, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let accept_queue_full = self.accept_queue_is_full(slot);
        let tcb = self.connections.at_mut(slot)?;
        let (id, before, was_orphan) = (tcb.id, tcb.state, tcb.is_orphan());
        let mut cx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            events: &mut self.events,
            accept_queue_full,
            ce: false,
            route: None,
            ect: false,
        };
        let result = happens(tcb, &mut cx);
        timeouts::settle(tcb, &mut cx);
        reschedule(tcb, &mut self.schedule);
        if !tcb.in_output {
            tcb.in_output = true;
            self.output.push_back(slot);
        }
        let is_orphan = tcb.is_orphan();
        self.changed_state(slot, before, now);
        match (was_orphan, is_orphan) {
            (false, true) => self.orphaned(id, now),
            (true, false) => self.counters.orphans -= 1,
            _ => {}
        }
        Some(result)
    }

    /// Whether the handshake of the connection would find no room in the accept queue.
    fn accept_queue_is_full(&self, slot: u32) -> bool {
        let tcb = self.connections.at(slot);
        let Some(tcb) = tcb.filter(|tcb| tcb.state == State::SynReceived) else {
            return false;
        };
        match tcb.origin {
            // A connection that was opened with text has its place already.
            Origin::Passive(id) if !tcb.fast_opened() => {
                self.listeners.get(id).is_none_or(Listener::is_full)
            }
            _ => false,
        }
    }

    fn changed_state(&mut self, slot: u32, before: State, now: Instant) {
        let Some(tcb) = self.connections.at(slot) else {
            return;
        };
        // Where nobody owns it any more, the block goes in these two.
        if tcb.state == before && !matches!(before, State::Closed | State::TimeWait) {
            return;
        }
        let (after, id, origin, owned) = (tcb.state, tcb.id, tcb.origin, tcb.owned);
        let sockets = (tcb.local, tcb.remote);
        let timed_out = tcb.reason == Some(CloseReason::TimedOut);
        let was_reset = tcb.reason == Some(CloseReason::Reset);
        let reset = timed_out || was_reset;
        match (before.is_current(), after.is_current()) {
            (false, true) => self.counters.curr_estab += 1,
            (true, false) => self.counters.curr_estab -= 1,
            _ => {}
        }
        let opened = tcb.fast_opened();
        if origin == Origin::Active {
            self.opening += usize::from(is_opening(after));
            self.opening -= usize::from(is_opening(before));
        }
        if before == State::SynSent && after != before {
            self.learn(slot, now);
        }
        if before == State::SynReceived && after != before {
            let fast_open = opened.then_some((was_reset, now));
            self.left_syn_received(id, origin, after, fast_open);
        } else if before == State::SynSent && after == State::Established {
            self.events.push_back(Event::Connected { id });
        }
        if after == State::Closed {
            self.counters.aborts_on_timeout += u64::from(before != after && timed_out);
            if matches!(before, State::SynSent | State::SynReceived) {
                self.counters.attempt_fails += 1;
            } else if before.is_current() && reset {
                self.counters.estab_resets += 1;
            }
            self.ended(id, origin, sockets, owned);
        } else if before < State::Established && after >= State::Established {
            self.took_over(sockets, now);
            // Many connections are idle from here on.
            if let Some(tcb) = self.connections.at_mut(slot) {
                tcb.give_back();
            }
        }
        match (before == State::TimeWait, after == State::TimeWait) {
            (false, true) => self.enter_time_wait(slot, now),
            (true, false) => self.leave_time_wait(id, sockets),
            (true, true) if !owned => self.give_up_in_time_wait(slot, sockets),
            _ => {}
        }
    }

    /// `fast_open` says of a connection opened with text whether it was reset, and when.
    fn left_syn_received(
        &mut self,
        id: ConnectionId,
        origin: Origin,
        after: State,
        fast_open: Option<(bool, Instant)>,
    ) {
        match origin {
            Origin::Active if after != State::Closed => {
                self.events.push_back(Event::Connected { id });
            }
            Origin::Active => {}
            Origin::Passive(listener) => {
                let Some(queues) = self.listeners.get_mut(listener) else {
                    return;
                };
                queues.half_open -= 1;
                if let Some((reset, now)) = fast_open {
                    queues.fast_open_ends(reset, now);
                } else if after != State::Closed {
                    queues.ready.push_back(id);
                    self.events.push_back(Event::Acceptable { listener });
                }
            }
        }
    }

    /// The connection is established: one in TIME-WAIT between the same sockets, which has waited
    /// for that in the background, is over (RFC 9293 §3.6.1, RFC 6191). Had the SYN turned out to
    /// be an old duplicate, segments would find that one again.
    fn took_over(&mut self, sockets: Sockets, now: Instant) {
        if let Some(old) = self.time_waits.remove(sockets) {
            self.counters.time_wait_reuses += 1;
            self.time_wait_is_over(&old, now);
        }
    }

    /// A record takes the place of the connection; the application may still read.
    fn enter_time_wait(&mut self, slot: u32, now: Instant) {
        let Some(tcb) = self.connections.at_mut(slot) else {
            return;
        };
        tcb.timers.stop_all();
        self.schedule.set(slot, None);
        let owes = std::mem::take(&mut tcb.owed).ack;
        let record = TimeWait::of(tcb, now, &self.config);
        let (sockets, owned) = (record.sockets(), tcb.owned);
        if owes {
            let route = record.route.as_deref();
            self.reply(sockets, record.acknowledgment(now), record.ip, route);
        }
        self.connections.unlink(sockets, slot);
        if !owned {
            self.connections.remove(slot);
        }
        self.counters.time_waits += 1;
        self.time_waits.add(record);
        if let Some(oldest) = self.time_waits.shed(self.config.time_wait_limit) {
            self.counters.time_wait_overflows += 1;
            self.time_wait_is_over(&oldest, now);
        }
    }

    /// The record of a connection is gone, or is about to go: so is TIME-WAIT for its owner.
    pub(super) fn time_wait_is_over(&mut self, record: &TimeWait, now: Instant) {
        self.counters.time_waits -= 1;
        let Some(id) = record.owner else { return };
        if self.connections.at(id.slot).is_some_and(|tcb| tcb.id == id) {
            self.act(id.slot, now, |tcb, cx| {
                end(tcb, Some(CloseReason::Normal), cx);
            });
        }
    }

    /// The block of a connection in TIME-WAIT ended: by ABORT, or since its record is gone.
    fn leave_time_wait(&mut self, id: ConnectionId, sockets: Sockets) {
        let record = self.time_waits.find(sockets);
        if record.is_some_and(|record| record.owner == Some(id)) {
            self.time_waits.remove(sockets);
            self.counters.time_waits -= 1;
        }
    }

    /// The application has given up a connection in TIME-WAIT: the record is enough.
    fn give_up_in_time_wait(&mut self, slot: u32, sockets: Sockets) {
        self.connections.remove(slot);
        self.time_waits
            .change(sockets, |record| record.owner = None);
    }

    /// The connection is CLOSED: segments find it no more, the application may still read.
    fn ended(&mut self, id: ConnectionId, origin: Origin, sockets: Sockets, owned: bool) {
        self.connections.unlink(sockets, id.slot);
        if let Origin::Passive(listener) = origin
            && !owned
            && let Some(queues) = self.listeners.get_mut(listener)
        {
            queues.ready.retain(|ready| *ready != id);
        }
        if !owned {
            self.connections.remove(id.slot);
        }
    }
}

/// Before the handshake is complete.
fn is_opening(state: State) -> bool {
    matches!(state, State::SynSent | State::SynReceived)
}

/// Brings the schedule of the host in line with the timers of a connection.
pub(super) fn reschedule(tcb: &Tcb, schedule: &mut Schedule) {
    schedule.set(tcb.id.slot, tcb.timers.next());
}

/// Enters CLOSED; without a reason the user is not informed.
pub(super) fn end(tcb: &mut Tcb, reason: Option<CloseReason>, cx: &mut Context<'_>) {
    if tcb.state == State::Closed {
        return;
    }
    tcb.state = State::Closed;
    tcb.reason = reason;
    tcb.timers.stop_all();
    tcb.snd.queue.flush();
    tcb.rcv.queue.drop_held();
    // RFC 9293 §3.10.7.4:
    //   All segment queues
    //   should be flushed.
    if reason != Some(CloseReason::Normal) {
        tcb.rcv.queue.flush();
        tcb.rcv.finished = false;
        tcb.rcv.up = None::<SeqNum>;
    }
    if let Some(reason) = reason {
        tcb.tell(Event::Closed { id: tcb.id, reason }, cx);
    }
}

/// Settings that act on running timers.
pub(super) fn options_changed(
    tcb: &mut Tcb,
    options: &SocketOptions,
    now: Instant,
    config: &Config,
) {
    // An adopted user timeout may make the keep-alive timer too short (RFC 5482 §4.2).
    if options.keepalive.is_some() || options.advertised_timeout.is_some() {
        tcb.timers.stop(Timer::KeepAlive);
        timeouts::heard(tcb, now, config);
    }
    if options.user_timeout.is_some() {
        user_timeout::begin_anew(tcb);
    }
}
