//! After anything happened to a connection: queues, counters, schedule, events.

use super::Stack;
use crate::demux::Sockets;
use crate::seq::SeqNum;
use crate::tcb::{Context, Origin, Tcb};
use crate::timeouts::{self, Schedule, Timer};
use crate::{CloseReason, ConnectionId, Event, Instant, SocketOptions, State};

impl Stack {
    /// Lets something happen to the connection in `slot`, and draws the consequences.
    pub(super) fn act<T>(
        &mut self,
        slot: u32,
        now: Instant,
        happens: impl FnOnce(&mut Tcb, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let (accept_queue_full, has_listener) = self.listener_of(slot);
        let tcb = self.connections.at_mut(slot)?;
        let before = tcb.state;
        let mut cx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            events: &mut self.events,
            accept_queue_full,
            has_listener,
        };
        let result = happens(tcb, &mut cx);
        timeouts::settle(tcb, &mut cx);
        reschedule(tcb, &mut self.schedule);
        if !tcb.in_output {
            tcb.in_output = true;
            self.output.push_back(slot);
        }
        self.changed_state(slot, before, now);
        Some(result)
    }

    /// What the listener of a passive connection, and of the local socket, would say.
    fn listener_of(&self, slot: u32) -> (bool, bool) {
        let Some(tcb) = self.connections.at(slot) else {
            return (false, false);
        };
        let full = match (tcb.state, tcb.origin) {
            (State::SynReceived, Origin::Passive(id)) => self
                .listeners
                .get(id)
                .is_none_or(|listener| listener.ready.len() >= listener.backlog),
            _ => false,
        };
        // Only TIME-WAIT asks.
        let asks = tcb.state == State::TimeWait;
        (full, asks && self.listeners.find(tcb.local).is_some())
    }

    fn changed_state(&mut self, slot: u32, before: State, now: Instant) {
        let Some(tcb) = self.connections.at(slot) else {
            return;
        };
        let (after, id, origin, owned) = (tcb.state, tcb.id, tcb.origin, tcb.owned);
        let (sockets, previous) = ((tcb.local, tcb.remote), tcb.previous);
        let timed_out = tcb.reason == Some(CloseReason::TimedOut);
        let reset = timed_out || tcb.reason == Some(CloseReason::Reset);
        match (before.is_current(), after.is_current()) {
            (false, true) => self.counters.curr_estab += 1,
            (true, false) => self.counters.curr_estab -= 1,
            _ => {}
        }
        if before == State::SynReceived && after != before {
            self.left_syn_received(id, origin, after);
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
        }
        if let Some(previous) = previous.filter(|_| before == State::SynReceived && after != before)
        {
            self.replaced(previous, sockets, after, now);
        }
    }

    fn left_syn_received(&mut self, id: ConnectionId, origin: Origin, after: State) {
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
                if after != State::Closed {
                    queues.ready.push_back(id);
                    self.events.push_back(Event::Acceptable { listener });
                }
            }
        }
    }

    /// A connection in TIME-WAIT gave way to one that is established now, or never will be.
    fn replaced(&mut self, previous: ConnectionId, sockets: Sockets, now_is: State, now: Instant) {
        let old = self.connections.at(previous.slot);
        if old.is_none_or(|old| old.id != previous || old.state != State::TimeWait) {
            return;
        }
        if now_is == State::Closed {
            // RFC 9293 §3.6.1 (MAY-2):
            //   returns to TIME-WAIT state if the SYN turns out to be an old
            //   duplicate.
            self.connections.link(sockets, previous.slot);
        } else {
            self.act(previous.slot, now, |tcb, cx| {
                end(tcb, Some(CloseReason::Normal), cx);
            });
        }
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

/// Brings the schedule of the host in line with the timers of a connection.
pub(super) fn reschedule(tcb: &mut Tcb, schedule: &mut Schedule) {
    let next = tcb.timers.next();
    if next != tcb.scheduled {
        schedule.moved(tcb.id.slot, tcb.scheduled, next);
        tcb.scheduled = next;
    }
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
pub(super) fn options_changed(tcb: &mut Tcb, options: &SocketOptions, now: Instant) {
    if options.keepalive.is_some() {
        tcb.timers.stop(Timer::KeepAlive);
        timeouts::heard(tcb, now);
    }
    if options.user_timeout.is_some() {
        tcb.timers.stop(Timer::User);
    }
}
