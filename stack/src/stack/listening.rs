//! Listening under load (RFC 4987): which SYN gets an entry, a cookie, or nothing; how entries
//! become blocks and back; what comes with a cookie.

use super::arrivals::Envelope;
use super::{Stack, settle};
use crate::arrives::listen;
use crate::config::{AcceptOverflow, SynCookies, SynQueueFull};
use crate::cookies;
use crate::demux::Sockets;
use crate::half_open::{HalfOpen, Request};
use crate::rtt::Rtt;
use crate::segment::Segment;
use crate::seq::{SeqNum, WireWindow};
use crate::tcb::{Context, Origin, Settings, Tcb};
use crate::timeouts::{self, Timer};
use crate::transmit;
use crate::{
    CallError, ConnectionId, Counters, Instant, ListenerId, ListenerStatus, SocketOptions, State,
};
use std::collections::{BTreeMap, VecDeque};

/// What becomes of a SYN that a listener would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// A connection in SYN-RECEIVED.
    Open,
    /// A SYN,ACK with a cookie; nothing is kept.
    Cookie,
    /// Nothing: the peer will try again.
    Drop,
}

/// The id of a block that is made for one answer and never stored.
pub(super) const NOBODY: ConnectionId = ConnectionId {
    slot: u32::MAX,
    generation: 0,
};

impl Stack {
    /// The two queues of a listener.
    pub fn listener_status(&self, listener: ListenerId) -> Option<ListenerStatus> {
        let queues = self.listeners.get(listener)?;
        Some(ListenerStatus {
            local: queues.local,
            waiting: queues.ready.len(),
            accept_limit: queues.accept_limit(),
            backlog: queues.backlog,
            half_open: queues.half_open,
            half_open_limit: queues.half_open_limit(&self.config),
        })
    }

    /// How many connections and listeners are in each state, as `ss -s` counts them.
    pub fn states(&self) -> BTreeMap<State, usize> {
        let mut counts = BTreeMap::new();
        // A connection in TIME-WAIT is a record, whether or not its block is still there.
        let blocks = self.connections.states();
        for state in blocks.filter(|state| *state != State::TimeWait) {
            *counts.entry(state).or_default() += 1;
        }
        let others = [
            (State::Listen, self.listeners.len()),
            (State::SynReceived, self.half_open.len()),
            (State::TimeWait, self.time_waits.len()),
        ];
        for (state, count) in others.into_iter().filter(|(_, count)| *count > 0) {
            *counts.entry(state).or_default() += count;
        }
        counts
    }

    /// A SYN for a listener.
    pub(super) fn passive_open(
        &mut self,
        now: Instant,
        listener: ListenerId,
        sockets: Sockets,
        request: Request,
        text: &[u8],
    ) {
        match self.admit(listener, sockets, &request) {
            Admission::Open => self.open_half(now, listener, sockets, &request, text),
            Admission::Cookie => self.send_cookie(now, listener, sockets, request),
            Admission::Drop => self.counters.listen_drops += 1,
        }
    }

    fn admit(&mut self, listener: ListenerId, sockets: Sockets, request: &Request) -> Admission {
        let Some(queues) = self.listeners.get(listener) else {
            return Admission::Drop;
        };
        let flooded = queues.is_flooded(&self.config);
        self.counters.syn_queue_overflows += u64::from(flooded);
        // A cookie has no room for an ISS above that of a connection in TIME-WAIT (MAY-2), nor for
        // a source route (MUST-53).
        let cookie = self.time_waits.find(sockets).is_none()
            && request.route.is_none()
            && match self.config.syn_cookies {
                SynCookies::Never => false,
                // RFC 4987 §3.7:
                //   in the event that the cache becomes full, then SYN cookies
                //   can be sent instead of purging cache entries upon the arrival of new
                //   SYNs.
                SynCookies::OnOverflow => flooded,
                SynCookies::Always => true,
            };
        if flooded && !cookie && self.config.syn_queue_full == SynQueueFull::Drop {
            return Admission::Drop;
        }
        if queues.is_full() {
            self.counters.listen_overflows += 1;
            return Admission::Drop;
        }
        if cookie {
            return Admission::Cookie;
        }
        // RFC 4987 §3.4:
        //   Once the entire backlog is exhausted, some implementations allow
        //   incoming SYNs to overwrite the oldest half-open TCB entry.
        match self.half_open.oldest(listener).filter(|_| flooded) {
            Some(oldest) => {
                self.forget(oldest);
                self.counters.syn_queue_evictions += 1;
                Admission::Open
            }
            // None of those that fill the queue can be put away.
            None if flooded => Admission::Drop,
            None => Admission::Open,
        }
    }

    fn open_half(
        &mut self,
        now: Instant,
        listener: ListenerId,
        sockets: Sockets,
        request: &Request,
        text: &[u8],
    ) {
        let mut iss = self.secret.isn(sockets, now);
        // RFC 9293 §3.6.1 (MAY-2):
        //   assigns its initial sequence number for the new connection to be
        //   larger than the largest sequence number it used on the previous
        //   connection incarnation
        if let Some(old) = self.time_waits.find(sockets) {
            iss = iss.latest(old.snd_nxt + 1);
        }
        let id = self.connections.reserve();
        let Some(mut tcb) = self.passive_block(id, listener, sockets, iss) else {
            return;
        };
        let fast_open = self.fast_open_answer(now, listener, sockets, request.options);
        tcb.fast_open = fast_open.map(Box::new);
        self.begin_passive(now, listener, tcb, request, text);
    }

    /// Puts in a new block and lets it take the SYN.
    fn begin_passive(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tcb: Tcb,
        request: &Request,
        text: &[u8],
    ) {
        let (id, opened) = (tcb.id, tcb.fast_opened());
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.connections.insert(tcb);
        if let Some(queues) = self.listeners.get_mut(listener) {
            queues.half_open += 1;
        }
        self.counters.passive_opens += 1;
        self.act(id.slot, now, |tcb, cx| {
            cx.route = request.route();
            let syn = Segment {
                text,
                ..request.segment()
            };
            listen::open(tcb, &syn, request.options, cx);
            arrived_as(tcb, arrival);
        });
        if opened {
            self.fast_opened(listener, id);
        }
    }

    /// A block in CLOSED for a connection of this listener.
    fn passive_block(
        &self,
        id: ConnectionId,
        listener: ListenerId,
        sockets: Sockets,
        iss: SeqNum,
    ) -> Option<Tcb> {
        let options: &SocketOptions = &self.listeners.get(listener)?.options;
        let mut settings = Settings::of_host(&self.config);
        settings.apply(options);
        let origin = Origin::Passive(listener);
        let mut tcb = Tcb::new(id, sockets, origin, iss, settings, &self.config);
        tcb.ts.enabled = self.config.timestamps;
        tcb.ts.offset = self.secret.timestamp_offset(sockets);
        Some(tcb)
    }

    /// The slot of the connection with these sockets; a half-open one gets its block back.
    pub(super) fn find(&mut self, sockets: Sockets) -> Option<u32> {
        let found = self.connections.addressee(sockets);
        found.or_else(|| self.thaw(sockets))
    }

    /// Makes the block of a half-open connection again.
    pub(super) fn thaw(&mut self, sockets: Sockets) -> Option<u32> {
        let entry = self.half_open.take(sockets)?;
        let id = self.connections.reserve();
        let tcb = self.remembered(id, sockets, &entry)?;
        settle::reschedule(&tcb, &mut self.schedule);
        self.connections.insert(tcb);
        Some(id.slot)
    }

    /// The block that an entry stands for: whatever happened to it happens once more.
    pub(super) fn remembered(
        &self,
        id: ConnectionId,
        sockets: Sockets,
        entry: &HalfOpen,
    ) -> Option<Tcb> {
        let mut tcb = self.passive_block(id, entry.listener, sockets, entry.iss)?;
        let (mut counters, mut events) = (Counters::default(), VecDeque::new());
        let mut cx = Context {
            now: entry.sent_at,
            config: &self.config,
            counters: &mut counters,
            events: &mut events,
            accept_queue_full: false,
            ce: false,
            route: None,
            ect: false,
        };
        cx.route = entry.request.route();
        let syn = entry.request.segment();
        listen::open(&mut tcb, &syn, entry.request.options, &mut cx);
        let _ = transmit::next(&mut tcb, &mut cx);
        for _ in 0..entry.retransmits {
            tcb.timers.start(Timer::Retransmission, cx.now);
            timeouts::expire(&mut tcb, &mut cx);
            let _ = transmit::next(&mut tcb, &mut cx);
        }
        tcb.timers.start(Timer::Retransmission, entry.deadline);
        arrived_as(&mut tcb, entry.arrival);
        tcb.rcv.edge = entry.edge;
        tcb.ts = entry.ts;
        tcb.ecn = entry.ecn;
        tcb.challenges = entry.challenges;
        tcb.soft_error = entry.soft_error;
        Some(tcb)
    }

    /// Puts the block of a half-open connection away, if nothing would be lost with it.
    pub(super) fn freeze(&mut self, slot: u32) {
        let Some(tcb) = self.connections.at(slot) else {
            return;
        };
        let sockets = (tcb.local, tcb.remote);
        let entry = HalfOpen::of(tcb);
        let Some(entry) = entry.filter(|entry| self.listeners.get(entry.listener).is_some()) else {
            return;
        };
        self.schedule.set(slot, None);
        self.connections.unlink(sockets, slot);
        self.connections.remove(slot);
        self.half_open.insert(sockets, entry);
    }

    /// A half-open connection is gone without a word.
    fn forget(&mut self, sockets: Sockets) {
        let Some(entry) = self.half_open.take(sockets) else {
            return;
        };
        self.counters.attempt_fails += 1;
        if let Some(queues) = self.listeners.get_mut(entry.listener) {
            queues.half_open -= 1;
        }
    }

    /// All half-open connections of a listener are gone.
    pub(super) fn forget_all(&mut self, listener: ListenerId) {
        while let Some(sockets) = self.half_open.oldest(listener) {
            self.forget(sockets);
        }
    }

    /// Lets the SYN,ACKs of half-open connections that are due be sent again.
    pub(super) fn half_open_timeouts(&mut self, now: Instant) {
        while let Some(sockets) = self.half_open.due(now) {
            if self.is_one_too_many(sockets) {
                self.forget(sockets);
            } else {
                self.thaw(sockets);
            }
        }
    }

    /// The SYN queue is filling up, and this connection has had its tries.
    fn is_one_too_many(&self, sockets: Sockets) -> bool {
        // RFC 4987 §3.3:
        //   This timer reduction is sometimes implemented
        //   as a response to crossing some threshold in the backlog occupancy
        self.half_open.get(sockets).is_some_and(|entry| {
            let queues = self.listeners.get(entry.listener);
            let pressed = queues.is_none_or(|queues| queues.is_pressed(&self.config));
            pressed && entry.retransmits >= self.config.synack_retries_pressed
        })
    }

    /// Answers a SYN with a SYN,ACK whose sequence number and timestamp say all that will be
    /// needed when its ACK comes.
    fn send_cookie(
        &mut self,
        now: Instant,
        listener: ListenerId,
        sockets: Sockets,
        mut request: Request,
    ) {
        let timestamps = request.timestamps.filter(|_| self.config.timestamps);
        (request.options, request.ecn) = cookies::sayable(request.options, request.ecn, timestamps);
        let Some(mut tcb) = self.passive_block(NOBODY, listener, sockets, SeqNum(0)) else {
            return;
        };
        let mss = request.options.mss.unwrap_or(tcb.snd.mss);
        let Some(iss) = cookies::make(self.secret, sockets, request.seq, mss, now) else {
            self.counters.listen_drops += 1;
            return;
        };
        tcb.snd.begin_at(iss);
        let (mut counters, mut events) = (Counters::default(), VecDeque::new());
        let mut cx = Context {
            now,
            config: &self.config,
            counters: &mut counters,
            events: &mut events,
            accept_queue_full: false,
            ce: false,
            route: None,
            ect: false,
        };
        listen::open(&mut tcb, &request.segment(), request.options, &mut cx);
        let (ttl, tos) = (tcb.settings.ttl, tcb.settings.tos);
        let (clock, offset) = (now.millis(), tcb.ts.offset);
        let Some(mut syn_ack) = transmit::next(&mut tcb, &mut cx) else {
            return;
        };
        if let Some(timestamps) = &mut syn_ack.timestamps {
            let stamp = cookies::stamp(clock, request.options, request.ecn);
            timestamps.val = stamp.wrapping_add(offset);
        }
        self.reply(sockets, syn_ack, (ttl, tos), None);
        self.counters.syn_cookies_sent += 1;
        if let Some(queues) = self.listeners.get_mut(listener) {
            queues.last_cookie = Some(now);
        }
    }

    /// An ACK for a listener that may bring a cookie back. False if it does not: then it is one
    /// like any other, and reset.
    pub(super) fn cookie_arrives(
        &mut self,
        now: Instant,
        listener: ListenerId,
        sockets: Sockets,
        segment: &Segment<'_>,
        envelope: &Envelope,
    ) -> bool {
        let lately = |at: Instant| now.since(at) < cookies::LIFETIME;
        let Some(queues) = self.listeners.get(listener) else {
            return false;
        };
        // RFC 4987 §A:
        //   If the "last overflow time" is earlier than a few minutes
        //   ago, give up.
        let looks =
            self.config.syn_cookies != SynCookies::Never && queues.last_cookie.is_some_and(lately);
        let Some(ack) = segment.ack.filter(|_| looks && !segment.is_syn()) else {
            return false;
        };
        let (irs, iss) = (segment.seq - 1, ack - 1);
        let Some(mss) = cookies::check(self.secret, sockets, irs, iss, now) else {
            self.counters.syn_cookies_failed += 1;
            return false;
        };
        self.counters.syn_cookies_received += 1;
        if queues.is_full() {
            self.counters.listen_overflows += 1;
            self.counters.listen_drops += 1;
            let resets = self.config.accept_overflow == AcceptOverflow::Reset;
            self.counters.listen_resets += u64::from(resets);
            return !resets;
        }
        self.open_by_cookie(now, listener, sockets, (irs, iss, mss), (segment, envelope));
        true
    }

    /// Opens the connection that a cookie stands for; the segment completes its handshake.
    fn open_by_cookie(
        &mut self,
        now: Instant,
        listener: ListenerId,
        sockets: Sockets,
        (irs, iss, mss): (SeqNum, SeqNum, u16),
        (segment, envelope): (&Segment<'_>, &Envelope),
    ) {
        let offset = self.secret.timestamp_offset(sockets);
        let timestamps = segment.timestamps.filter(|_| self.config.timestamps);
        let echoed = timestamps.map(|timestamps| timestamps.ecr.wrapping_sub(offset));
        let (options, ecn) = cookies::offered(mss, echoed);
        let request = Request {
            seq: irs,
            // The segment says what the window is.
            wnd: WireWindow(0),
            options,
            timestamps,
            ecn,
            user_timeout: None,
            route: None,
        };
        let id = self.connections.reserve();
        let Some(tcb) = self.passive_block(id, listener, sockets, iss) else {
            return;
        };
        self.begin_passive(now, listener, tcb, &request, &[]);
        // The SYN,ACK has been sent.
        self.act(id.slot, now, |tcb, cx| {
            let _ = transmit::next(tcb, cx);
        });
        self.connection_hears(now, id.slot, sockets, segment, envelope);
        if let Some(tcb) = self.connections.at_mut(id.slot) {
            // Nobody knows when, and a timestamp that carries options is not exact.
            tcb.rtt = Rtt::new(&self.config);
        }
    }

    /// Refuses an active OPEN while too many wait for their handshake.
    pub(super) fn refuse_open(&mut self) -> Result<(), CallError> {
        if self.opening < self.config.active_backlog {
            return Ok(());
        }
        self.counters.active_open_drops += 1;
        Err(CallError::Resources)
    }
}

/// Notes the place of a SYN in the order of arrival.
fn arrived_as(tcb: &mut Tcb, arrival: u64) {
    if let Some(handshake) = &mut tcb.handshake {
        handshake.arrival = arrival;
    }
}
