//! One host: the outer face of the stack.
//!
//! It finds the connection that an event belongs to, lets the modules named after the sections
//! of RFC 9293 §3.10 act on it, and carries out what they decide. Protocol is not decided here.

mod arrivals;
mod fast_open;
mod listening;
mod orphans;
mod settle;

use crate::calls::{self, Aftermath};
use crate::demux::{Connections, Secret, Sockets};
use crate::ecn;
use crate::fast_open::Servers;
use crate::half_open::SynCache;
use crate::listeners::{Listener, Listeners};
use crate::path_mtu::Paths;
use crate::reassembly::Reassembly;
use crate::tcb::{Context, Origin, Settings, Tcb};
use crate::time_wait::TimeWaits;
use crate::timeouts::{self, Timer};
use crate::transmit;
use crate::wire::{self, IpHeader};
use crate::{
    CallError, Config, ConnectionId, Counters, Event, Instant, ListenerId, Schedule, SocketOptions,
    State, Status,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// One host.
///
/// Its methods are of four kinds: `on_*` say what happened, `poll_*` ask what to do next, the
/// calls of the application act on a connection, the rest look. Time never runs back. After
/// every single `on_*` or call, ask [`poll_transmit`](Self::poll_transmit) until it has no more,
/// then [`poll_event`](Self::poll_event), then [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Stack {
    config: Config,
    addresses: Vec<IpAddr>,
    secret: Secret,
    connections: Connections,
    time_waits: TimeWaits,
    listeners: Listeners,
    half_open: SynCache,
    /// What is known of servers (RFC 7413 §4.1.3).
    servers: Servers,
    /// What is known of paths (RFC 1191 §6.2).
    paths: Paths,
    orphans: orphans::Orphans,
    schedule: Schedule,
    /// Packets that answer segments of no connection, or of one that is gone.
    replies: VecDeque<Vec<u8>>,
    reassembly: Reassembly,
    /// Connections that may have something to send.
    output: VecDeque<u32>,
    events: VecDeque<Event>,
    counters: Counters,
    /// SYNs that made a connection, which gives them their order.
    arrivals: u64,
    /// Active OPENs that wait for their handshake.
    opening: usize,
    /// IPv4 identification of the last packet.
    ip_id: u16,
}

/// Packets that wait in [`Stack::replies`] at most; what would be more is lost like any packet.
const MAX_REPLIES: usize = 4096;

impl Stack {
    /// A host with these addresses. All that it chooses at random follows from `secret`.
    pub fn new(config: Config, addresses: &[IpAddr], secret: [u8; 16]) -> Self {
        let secret = Secret::new(secret);
        Self {
            config,
            addresses: addresses.to_vec(),
            secret,
            connections: Connections::new(secret),
            time_waits: TimeWaits::new(secret),
            listeners: Listeners::default(),
            half_open: SynCache::default(),
            servers: Servers::default(),
            paths: Paths::default(),
            orphans: orphans::Orphans::default(),
            schedule: Schedule::default(),
            replies: VecDeque::new(),
            reassembly: Reassembly::default(),
            output: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            arrivals: 0,
            opening: 0,
            ip_id: 0,
        }
    }

    /// The time that `poll_timeout` named has come.
    pub fn on_timeout(&mut self, now: Instant) {
        self.half_open_timeouts(now);
        while let Some(slot) = self.schedule.due(now) {
            self.act(slot, now, |tcb, cx| {
                let end = timeouts::expire(tcb, cx);
                if let Some(reason) = end {
                    settle::end(tcb, Some(reason), cx);
                }
            });
        }
        // RFC 9293 §3.10.8:
        //   If the time-wait timeout expires on a connection, delete the TCB,
        //   enter the CLOSED state, and return.
        while let Some(record) = self.time_waits.expire(now) {
            self.time_wait_is_over(&record, now);
        }
    }

    /// Writes one IP packet over `packet` and returns true, if there is one to send.
    pub fn poll_transmit(&mut self, now: Instant, packet: &mut Vec<u8>) -> bool {
        packet.clear();
        if let Some(reply) = self.replies.pop_front() {
            packet.extend_from_slice(&reply);
            self.counters.segs_out += 1;
            return true;
        }
        while let Some(slot) = self.output.front().copied() {
            if self.transmit(slot, now, packet) {
                self.counters.segs_out += 1;
                return true;
            }
            self.output.pop_front();
            self.freeze(slot);
        }
        false
    }

    /// When `on_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.schedule.first().map(|(at, _)| at),
            self.half_open.next(),
            self.time_waits.next(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// The next event for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Passive OPEN. An unspecified local address listens on all of them; one more
    /// than `backlog` connections may be half open, and as many may wait to be accepted. A backlog
    /// above [`Config::somaxconn`] is cut to that, as listen(2) has it.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        backlog: usize,
        options: SocketOptions,
    ) -> Result<ListenerId, CallError> {
        if !local.ip().is_unspecified() && !self.addresses.contains(&local.ip()) {
            return Err(CallError::Illegal);
        }
        if local.port() == 0 {
            return Err(CallError::Resources);
        }
        check_route(&options, local)?;
        let backlog = backlog.min(self.config.somaxconn);
        let listener = Listener::new(local, backlog, options);
        self.listeners.add(listener).ok_or(CallError::Exists)
    }

    /// Takes an established connection from the listener's queue.
    pub fn accept(&mut self, listener: ListenerId) -> Result<ConnectionId, CallError> {
        let queue = self
            .listeners
            .get_mut(listener)
            .ok_or(CallError::NotConnected)?;
        let id = queue.ready.pop_front().ok_or(CallError::WouldBlock)?;
        if let Some(tcb) = self.connections.at_mut(id.slot) {
            tcb.owned = true;
            // What happened before the application knew the connection is told now.
            if tcb.rcv.queue.ready() > 0 {
                tcb.told.readable = true;
                self.events.push_back(Event::Readable { id });
            }
            if tcb.urgent_unread() > 0 {
                self.events.push_back(Event::Urgent { id });
            }
            if tcb.rcv.finished {
                self.events.push_back(Event::PeerClosed { id });
            }
        }
        Ok(id)
    }

    /// Active OPEN. Local address and port may be unspecified.
    pub fn connect(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        options: SocketOptions,
    ) -> Result<ConnectionId, CallError> {
        let tcb = self.opener(now, local, remote, options)?;
        let id = tcb.id;
        self.connections.insert(tcb);
        self.act(id.slot, now, calls::open_active);
        Ok(id)
    }

    /// The block of an active OPEN.
    fn opener(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        options: SocketOptions,
    ) -> Result<Tcb, CallError> {
        let sockets = self.sockets_for(now, local, remote)?;
        check_route(&options, remote)?;
        self.refuse_open()?;
        let mut settings = Settings::of_host(&self.config);
        settings.apply(&options);
        let id = self.connections.reserve();
        let mut iss = self.secret.isn(sockets, now);
        if let Some(old) = self.time_waits.find(sockets) {
            iss = iss.latest(old.snd_nxt + 1);
        }
        let iss = options.iss.unwrap_or(iss);
        let mut tcb = Tcb::new(id, sockets, Origin::Active, iss, settings, &self.config);
        tcb.ts.enabled = self.config.timestamps;
        tcb.ts.offset = self.secret.timestamp_offset(sockets);
        Ok(tcb)
    }

    /// SEND. Returns how many octets were taken; with `urgent`, the urgent data ends with them.
    pub fn send(
        &mut self,
        now: Instant,
        id: ConnectionId,
        data: &[u8],
        urgent: bool,
    ) -> Result<usize, CallError> {
        self.call(id, now, |tcb, _| calls::send(tcb, data, urgent))
    }

    /// RECEIVE. `Ok(0)` is the end of the stream.
    pub fn recv(
        &mut self,
        now: Instant,
        id: ConnectionId,
        into: &mut [u8],
    ) -> Result<usize, CallError> {
        self.call(id, now, |tcb, _| calls::receive(tcb, into))
    }

    /// The RFC's CLOSE: no more data will be sent, receiving goes on.
    pub fn shutdown_write(&mut self, now: Instant, id: ConnectionId) -> Result<(), CallError> {
        let aftermath = self.call(id, now, |tcb, _| calls::close(tcb))?;
        self.follow(id.slot, now, aftermath);
        Ok(())
    }

    /// Gives up both directions and the id. Unread data, or data that still comes, is answered
    /// with a RST (RFC 9293 §3.6.1, SHLD-3).
    pub fn close(&mut self, now: Instant, id: ConnectionId) -> Result<(), CallError> {
        let aftermath = self.call(id, now, |tcb, _| Ok(calls::release(tcb)))?;
        self.follow(id.slot, now, aftermath);
        Ok(())
    }

    /// ABORT. The id is gone.
    pub fn abort(&mut self, now: Instant, id: ConnectionId) -> Result<(), CallError> {
        let aftermath = self.call(id, now, |tcb, _| Ok(calls::abort(tcb)))?;
        self.follow(id.slot, now, aftermath);
        self.act(id.slot, now, |tcb, _| tcb.owned = false);
        Ok(())
    }

    /// Ends a passive OPEN; connections that were not accepted are aborted.
    pub fn close_listener(&mut self, now: Instant, listener: ListenerId) {
        self.forget_all(listener);
        let Some(listener) = self.listeners.remove(listener) else {
            return;
        };
        for id in listener.ready {
            let aftermath = self.connections.at(id.slot).map(calls::abort);
            self.follow(id.slot, now, aftermath.unwrap_or(Aftermath::Stays));
        }
    }

    /// Changes settings of a connection.
    pub fn set_options(
        &mut self,
        now: Instant,
        id: ConnectionId,
        options: &SocketOptions,
    ) -> Result<(), CallError> {
        self.call(id, now, |tcb, cx| {
            check_route(options, tcb.remote)?;
            tcb.settings.apply(options);
            tcb.rcv.buffer = tcb.settings.rcvbuf;
            settle::options_changed(tcb, options, cx.now, cx.config);
            Ok(())
        })
    }

    /// STATUS of a connection; `None` once its id is gone.
    pub fn status(&self, now: Instant, id: ConnectionId) -> Option<Status> {
        let tcb = self.connections.owned(id)?;
        let mut status = calls::status(tcb, now, &self.config);
        let record = self.time_waits.find((tcb.local, tcb.remote));
        if let Some(record) = record.filter(|record| record.owner == Some(id)) {
            status.timers.push((Timer::TimeWait, record.until));
        }
        Some(status)
    }

    /// STATUS of whatever connection has these sockets.
    pub fn status_of(&self, now: Instant, local: SocketAddr, remote: SocketAddr) -> Option<Status> {
        if let Some(entry) = self.half_open.get((local, remote)) {
            let tcb = self.remembered(listening::NOBODY, (local, remote), entry)?;
            return Some(calls::status(&tcb, now, &self.config));
        }
        let connection = self.connections.find((local, remote));
        if let Some(tcb) = connection.and_then(|slot| self.connections.at(slot)) {
            return Some(calls::status(tcb, now, &self.config));
        }
        let record = self.time_waits.find((local, remote))?;
        Some(calls::status_of_record(record, now))
    }

    /// The state for these sockets: CLOSED if nothing is there, LISTEN if only a listener is.
    pub fn state(&self, local: SocketAddr, remote: SocketAddr) -> State {
        let connection = self.connections.find((local, remote));
        match connection.and_then(|slot| self.connections.at(slot)) {
            Some(tcb) => tcb.state,
            None if self.half_open.get((local, remote)).is_some() => State::SynReceived,
            None if self.time_waits.find((local, remote)).is_some() => State::TimeWait,
            None if self.listeners.find(local).is_some() => State::Listen,
            None => State::Closed,
        }
    }

    /// The remote socket of a connection.
    pub fn remote_of(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.connections.owned(id).map(|tcb| tcb.remote)
    }

    /// The local socket of a connection.
    pub fn local_of(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.connections.owned(id).map(|tcb| tcb.local)
    }

    /// What was counted since the host began.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Checks the sockets of an active OPEN and fills in what is unspecified.
    fn sockets_for(
        &self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Sockets, CallError> {
        // RFC 9293 §3.9.1.1 (MUST-46):
        //   reject as an error a local OPEN call for an invalid remote IP address
        if !is_unicast(remote.ip()) || self.is_broadcast(remote.ip()) || remote.port() == 0 {
            return Err(CallError::RemoteUnspecified);
        }
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(CallError::RemoteUnspecified);
        }
        let ip = if local.ip().is_unspecified() {
            let same_version = |ip: &&IpAddr| ip.is_ipv4() == remote.is_ipv4();
            *self
                .addresses
                .iter()
                .find(same_version)
                .ok_or(CallError::Illegal)?
        } else if self.addresses.contains(&local.ip()) {
            local.ip()
        } else {
            return Err(CallError::Illegal);
        };
        if local.port() != 0 {
            let local = SocketAddr::new(ip, local.port());
            return if self.is_free(now, (local, remote)) {
                Ok((local, remote))
            } else {
                Err(CallError::Exists)
            };
        }
        // The dynamic ports, from a place that only this host knows (RFC 6056 §3.3.3).
        let offset = self.secret.port_offset(ip, remote);
        let dynamic = || {
            (0..16_384_u16)
                .map(|step| SocketAddr::new(ip, 49_152 + offset.wrapping_add(step) % 16_384))
                .filter(|local| self.listeners.find(*local).is_none())
                .map(|local| (local, remote))
        };
        // One in TIME-WAIT is the second choice.
        let unused = |sockets: &Sockets| {
            !self.is_taken(*sockets) && self.time_waits.find(*sockets).is_none()
        };
        dynamic()
            .find(unused)
            .or_else(|| dynamic().find(|sockets| self.is_free(now, *sockets)))
            .ok_or(CallError::Resources)
    }

    /// Whether an active OPEN may have these sockets.
    fn is_free(&self, now: Instant, sockets: Sockets) -> bool {
        // RFC 9293 §3.10.1:
        //   Return "error: connection already exists".
        let reuse = self.config.time_wait_reuse;
        !self.is_taken(sockets)
            && self
                .time_waits
                .find(sockets)
                .is_none_or(|record| reuse && record.may_be_reopened(now))
    }

    fn is_taken(&self, sockets: Sockets) -> bool {
        self.connections.find(sockets).is_some() || self.half_open.get(sockets).is_some()
    }

    /// Lets the application act on a connection that it owns.
    fn call<T>(
        &mut self,
        id: ConnectionId,
        now: Instant,
        act: impl FnOnce(&mut Tcb, &mut Context<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.connections.owned(id).ok_or(CallError::NotConnected)?;
        self.act(id.slot, now, act).ok_or(CallError::NotConnected)?
    }

    /// Carries out what a call has left to be done.
    fn follow(&mut self, slot: u32, now: Instant, aftermath: Aftermath) {
        if aftermath == Aftermath::Stays {
            return;
        }
        if aftermath == Aftermath::GoneWithReset {
            self.send_reset(slot, now);
        }
        self.act(slot, now, |tcb, cx| {
            settle::end(tcb, Some(crate::CloseReason::Aborted), cx);
        });
    }

    /// `<SEQ=SND.NXT><CTL=RST>` of a connection.
    fn send_reset(&mut self, slot: u32, now: Instant) {
        if let Some(tcb) = self.connections.at(slot) {
            let segment = calls::reset_of(tcb, now);
            let (ttl, tos) = (tcb.settings.ttl, tcb.settings.tos);
            let (sockets, route) = ((tcb.local, tcb.remote), tcb.route().copied());
            self.reply(sockets, segment, (ttl, tos), route.as_ref());
        }
    }

    /// Writes the next segment of a connection, if it has one.
    fn transmit(&mut self, slot: u32, now: Instant, packet: &mut Vec<u8>) -> bool {
        let Some(tcb) = self.connections.at_mut(slot) else {
            return false;
        };
        if self.paths.has_news(&tcb.path_mtu) {
            tcb.hear_of_path(&self.paths, now);
        }
        let mut cx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            events: &mut self.events,
            accept_queue_full: false,
            ce: false,
            route: None,
            ect: false,
        };
        let mut ip = IpHeader {
            src: tcb.local.ip(),
            dst: tcb.remote.ip(),
            tos: tcb.settings.tos,
            ttl: tcb.settings.ttl,
            id: if tcb.local.is_ipv4() {
                u32::from(self.ip_id)
            } else {
                0
            },
            df: self.config.path_mtu_discovery,
        };
        let ports = (tcb.local.port(), tcb.remote.port());
        let route = tcb.route().copied();
        let segment = transmit::next(tcb, &mut cx);
        let sent = segment.is_some();
        if let Some(segment) = &segment {
            if cx.ect {
                ip.tos = ip.tos & !ecn::FIELD | ecn::ECT0;
            }
            wire::encode(&ip, ports, segment, route.as_ref(), packet);
            tcb.path_mtu.sent(packet.len());
            self.ip_id = self.ip_id.wrapping_add(1);
        }
        tcb.in_output = sent;
        timeouts::settle(tcb, &mut cx);
        // Its deadline is asked for when it has no more to send.
        if !sent {
            settle::reschedule(tcb, &mut self.schedule);
        }
        sent
    }
}

#[cfg(test)]
impl Stack {
    /// The first address of the host.
    pub(crate) fn first_address(&self) -> IpAddr {
        self.addresses[0]
    }

    /// The policies, to change them under way.
    pub(crate) fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

#[cfg(test)]
mod tests;

/// Only IPv4 has source routes.
fn check_route(options: &SocketOptions, socket: SocketAddr) -> Result<(), CallError> {
    if options.source_route.is_some() && socket.is_ipv6() {
        return Err(CallError::Illegal);
    }
    Ok(())
}

/// An address that one host can have.
pub(crate) fn is_unicast(ip: IpAddr) -> bool {
    // Above multicast is what no host has: class E, and broadcast as its last address.
    let class_e = matches!(ip, IpAddr::V4(v4) if v4.octets()[0] >= 240);
    !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback() && !class_e
}
