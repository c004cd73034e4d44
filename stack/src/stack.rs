//! One host: the outer face of the stack.

use crate::{
    CallError, Config, ConnectionId, Counters, Event, Instant, ListenerId, SocketOptions, State,
    Status,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// One host.
///
/// Its methods are of four kinds: `on_*` say what happened, `poll_*` ask what to do next, the
/// calls of the application act on a connection, the rest look. Time never runs back. After any
/// `on_*` or call, ask `poll_transmit` until it has no more, then `poll_event`, then
/// `poll_timeout`.
#[derive(Debug)]
pub struct Stack {
    config: Config,
    addresses: Vec<IpAddr>,
    secret: [u8; 16],
    counters: Counters,
    events: VecDeque<Event>,
}

impl Stack {
    /// A host with these addresses. All that it chooses at random follows from `secret`.
    pub fn new(config: Config, addresses: &[IpAddr], secret: [u8; 16]) -> Self {
        Self {
            config,
            addresses: addresses.to_vec(),
            secret,
            counters: Counters::default(),
            events: VecDeque::new(),
        }
    }

    /// An IP packet arrived.
    pub fn on_packet(&mut self, now: Instant, packet: &[u8]) {
        let _ = (now, packet, &self.config, &self.addresses, self.secret);
        self.counters.segs_in += 1;
    }

    /// The time that `poll_timeout` named has come.
    pub fn on_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Writes one IP packet over `packet` and returns true, if there is one to send.
    pub fn poll_transmit(&mut self, now: Instant, packet: &mut Vec<u8>) -> bool {
        let _ = now;
        packet.clear();
        false
    }

    /// When `on_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next event for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Passive OPEN. An unspecified local address listens on all of them; `backlog` is the length
    /// of the accept queue, at least 1.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        backlog: usize,
        options: SocketOptions,
    ) -> Result<ListenerId, CallError> {
        let _ = (local, backlog, options);
        Err(CallError::Resources)
    }

    /// Takes an established connection from the listener's queue.
    pub fn accept(&mut self, listener: ListenerId) -> Result<ConnectionId, CallError> {
        let _ = listener;
        Err(CallError::WouldBlock)
    }

    /// Active OPEN. Local address and port may be unspecified.
    pub fn connect(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        options: SocketOptions,
    ) -> Result<ConnectionId, CallError> {
        let _ = (now, local, remote, options);
        Err(CallError::Resources)
    }

    /// SEND. Returns how many octets were taken; with `urgent`, the urgent data ends with them.
    pub fn send(
        &mut self,
        now: Instant,
        id: ConnectionId,
        data: &[u8],
        urgent: bool,
    ) -> Result<usize, CallError> {
        let _ = (now, id, data, urgent);
        Err(CallError::NotConnected)
    }

    /// RECEIVE. `Ok(0)` is the end of the stream.
    pub fn recv(
        &mut self,
        now: Instant,
        id: ConnectionId,
        into: &mut [u8],
    ) -> Result<usize, CallError> {
        let _ = (now, id, into);
        Err(CallError::NotConnected)
    }

    /// The RFC's CLOSE: no more data will be sent, receiving goes on.
    pub fn shutdown_write(&mut self, now: Instant, id: ConnectionId) -> Result<(), CallError> {
        let _ = (now, id);
        Err(CallError::NotConnected)
    }

    /// Gives up both directions and the id. Unread data, or data that still comes, is answered
    /// with a RST (RFC 9293 §3.6.1, SHLD-3).
    pub fn close(&mut self, now: Instant, id: ConnectionId) -> Result<(), CallError> {
        let _ = (now, id);
        Err(CallError::NotConnected)
    }

    /// ABORT. The id is gone.
    pub fn abort(&mut self, now: Instant, id: ConnectionId) -> Result<(), CallError> {
        let _ = (now, id);
        Err(CallError::NotConnected)
    }

    /// Ends a passive OPEN; connections that were not accepted are reset.
    pub fn close_listener(&mut self, now: Instant, listener: ListenerId) {
        let _ = (now, listener);
    }

    /// Changes settings of a connection.
    pub fn set_options(
        &mut self,
        now: Instant,
        id: ConnectionId,
        options: &SocketOptions,
    ) -> Result<(), CallError> {
        let _ = (now, id, options);
        Err(CallError::NotConnected)
    }

    /// STATUS of a connection; `None` once its id is gone.
    pub fn status(&self, id: ConnectionId) -> Option<Status> {
        let _ = id;
        None
    }

    /// STATUS of whatever connection has these sockets.
    pub fn status_of(&self, local: SocketAddr, remote: SocketAddr) -> Option<Status> {
        let _ = (local, remote);
        None
    }

    /// The state for these sockets: CLOSED if nothing is there, LISTEN if only a listener is.
    pub fn state(&self, local: SocketAddr, remote: SocketAddr) -> State {
        let _ = (local, remote);
        State::Closed
    }

    /// The remote socket of a connection.
    pub fn remote_of(&self, id: ConnectionId) -> Option<SocketAddr> {
        let _ = id;
        None
    }

    /// The local socket of a connection.
    pub fn local_of(&self, id: ConnectionId) -> Option<SocketAddr> {
        let _ = id;
        None
    }

    /// What was counted since the host began.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
