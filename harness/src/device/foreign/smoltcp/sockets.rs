//! smoltcp's sockets as an application uses them.
//!
//! A socket of smoltcp is one connection, also while it listens: a passive OPEN is as many
//! listening sockets as connections may wait to be accepted, and each that is taken is replaced.

use super::settings;
use crate::device::foreign::{Outcome, Received, Stack};
use crate::device::{FourTuple, Seen};
use crate::spec::case::{SocketSettings, State};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{self, RecvError};
use smoltcp::wire::{IpAddress, IpEndpoint};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// All sockets of a case, and the interface that they are on.
pub(super) struct Sockets {
    pub(super) iface: Interface,
    pub(super) set: SocketSet<'static>,
    listeners: Vec<Listener>,
    connections: Vec<Connection>,
}

/// A passive OPEN.
struct Listener {
    local: SocketAddr,
    settings: SocketSettings,
    /// Sockets that listen, or whose handshake is under way.
    pool: Vec<SocketHandle>,
    /// Sockets that wait to be accepted, the oldest first.
    ready: VecDeque<SocketHandle>,
}

/// A connection that the application has.
struct Connection {
    handle: SocketHandle,
    /// Its state when it was last looked at.
    state: tcp::State,
    /// It was given up by the application.
    released: bool,
    ending: Option<Seen>,
}

/// What made a connection end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A packet came.
    Packet,
    /// Time passed.
    Time,
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sockets").finish_non_exhaustive()
    }
}

impl Sockets {
    pub(super) fn new(iface: Interface) -> Self {
        Self {
            iface,
            set: SocketSet::new(Vec::new()),
            listeners: Vec::new(),
            connections: Vec::new(),
        }
    }

    /// Finds handshakes that are over, and connections that have ended. smoltcp gives no reason,
    /// but it closes a connection at once only for a RST, a user timeout, or the application.
    pub(super) fn notice(&mut self, cause: Cause) {
        for listener in &mut self.listeners {
            let is_there = |handle: &mut SocketHandle| {
                let state = self.set.get::<tcp::Socket<'_>>(*handle).state();
                !matches!(
                    state,
                    tcp::State::Listen | tcp::State::SynReceived | tcp::State::Closed
                )
            };
            listener
                .ready
                .extend(listener.pool.extract_if(.., is_there));
            for handle in &listener.pool {
                // One that was reset in the middle of its handshake listens again.
                let socket = self.set.get_mut::<tcp::Socket<'_>>(*handle);
                if socket.state() == tcp::State::Closed {
                    let _ = socket.listen(endpoint(listener.local));
                }
            }
        }
        for connection in &mut self.connections {
            let now = self.set.get::<tcp::Socket<'_>>(connection.handle).state();
            let before = std::mem::replace(&mut connection.state, now);
            if now == tcp::State::Closed && before != now && !connection.released {
                connection.ending = ending(before, cause);
            }
        }
    }

    /// The state of a connection by its two ends, whoever has it.
    pub(super) fn state_of(&self, tuple: FourTuple) -> Option<State> {
        let (local, remote) = (endpoint(tuple.device), endpoint(tuple.tester));
        let mut sockets = self.set.iter().filter_map(|(_, socket)| match socket {
            smoltcp::socket::Socket::Tcp(socket) => Some(socket),
            #[expect(
                unreachable_patterns,
                reason = "other features of smoltcp add variants"
            )]
            _ => None,
        });
        let socket = sockets.find(|socket| {
            socket.local_endpoint() == Some(local) && socket.remote_endpoint() == Some(remote)
        });
        socket.map(|socket| state_named(socket.state()))
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.set.get_mut(handle)
    }

    fn open(&mut self, settings: &SocketSettings) -> SocketHandle {
        let socket = settings::socket(settings);
        self.set.add(socket)
    }

    fn own(&mut self, handle: SocketHandle) {
        let state = self.socket(handle).state();
        self.connections.push(Connection {
            handle,
            state,
            released: false,
            ending: None,
        });
    }

    /// Gives a connection up, by one of smoltcp's calls.
    fn release(&mut self, handle: SocketHandle, call: fn(&mut tcp::Socket<'static>)) {
        let mut connections = self.connections.iter_mut();
        if let Some(connection) = connections.find(|known| known.handle == handle) {
            connection.released = true;
        }
        call(self.socket(handle));
    }

    /// Another socket for a listener.
    fn listening(&mut self, local: SocketAddr, set: &SocketSettings) -> Outcome<SocketHandle> {
        let handle = self.open(set);
        let listened = self.socket(handle).listen(endpoint(local));
        listened.map_err(|error| error.to_string())?;
        Ok(handle)
    }
}

impl Stack for Sockets {
    type Id = SocketHandle;

    fn listen(&mut self, local: SocketAddr, backlog: usize, set: &SocketSettings) -> Outcome<()> {
        let pool = (0..backlog.max(1))
            .map(|_| self.listening(local, set))
            .collect::<Outcome<_>>()?;
        self.listeners.push(Listener {
            local,
            settings: set.clone(),
            pool,
            ready: VecDeque::new(),
        });
        Ok(())
    }

    fn unlisten(&mut self, local: SocketAddr) {
        let ended = self.listeners.extract_if(.., |known| known.local == local);
        let ended: Vec<Listener> = ended.collect();
        for listener in ended {
            for handle in listener.pool.into_iter().chain(listener.ready) {
                self.socket(handle).abort();
            }
        }
    }

    fn accept(&mut self, local: SocketAddr) -> Option<(SocketHandle, FourTuple)> {
        let mut listeners = self.listeners.iter();
        let at = listeners.position(|it| it.local == local && !it.ready.is_empty())?;
        let handle = self.listeners[at].ready.pop_front()?;
        let settings = self.listeners[at].settings.clone();
        let next = self.listening(local, &settings).ok()?;
        self.listeners[at].pool.push(next);
        self.own(handle);
        let socket = self.socket(handle);
        let (device, tester) = (socket.local_endpoint()?, socket.remote_endpoint()?);
        let (device, tester) = (address(device), address(tester));
        Some((handle, FourTuple { tester, device }))
    }

    fn connect(&mut self, tuple: FourTuple, set: &SocketSettings) -> Outcome<SocketHandle> {
        let handle = self.open(set);
        let socket: &mut tcp::Socket<'_> = self.set.get_mut(handle);
        let (remote, local) = (endpoint(tuple.tester), endpoint(tuple.device));
        let connected = socket.connect(self.iface.context(), remote, local);
        connected.map_err(|error| error.to_string())?;
        self.own(handle);
        Ok(handle)
    }

    fn recv(&mut self, id: SocketHandle, buffer: &mut [u8]) -> Received {
        match self.socket(id).recv_slice(buffer) {
            Ok(0) => Received::Nothing,
            Ok(count) => Received::Octets(count),
            Err(RecvError::Finished) => Received::Eof,
            Err(RecvError::InvalidState) => Received::Gone,
        }
    }

    fn send(&mut self, id: SocketHandle, octets: &[u8]) -> Outcome<usize> {
        let sent = self.socket(id).send_slice(octets);
        sent.map_err(|error| error.to_string())
    }

    fn shutdown(&mut self, id: SocketHandle) -> Outcome<()> {
        self.socket(id).close();
        Ok(())
    }

    fn close(&mut self, id: SocketHandle) -> Outcome<()> {
        self.release(id, tcp::Socket::close);
        Ok(())
    }

    fn abort(&mut self, id: SocketHandle) -> Outcome<()> {
        self.release(id, tcp::Socket::abort);
        Ok(())
    }

    fn set(&mut self, id: SocketHandle, set: &SocketSettings) -> Outcome<()> {
        settings::apply(self.socket(id), set);
        Ok(())
    }

    fn state(&mut self, id: SocketHandle) -> State {
        state_named(self.set.get::<tcp::Socket<'_>>(id).state())
    }

    fn ending(&mut self, id: SocketHandle) -> Option<Seen> {
        let mut connections = self.connections.iter_mut();
        connections.find(|known| known.handle == id)?.ending.take()
    }
}

/// What the application is told of a connection that was in `before` and is gone.
fn ending(before: tcp::State, cause: Cause) -> Option<Seen> {
    match (before, cause) {
        // These end by themselves.
        (
            tcp::State::Closing
            | tcp::State::LastAck
            | tcp::State::TimeWait
            | tcp::State::Listen
            | tcp::State::Closed,
            _,
        ) => None,
        (_, Cause::Time) => Some(Seen::Timeout),
        (tcp::State::SynSent | tcp::State::SynReceived, Cause::Packet) => Some(Seen::Refused),
        (_, Cause::Packet) => Some(Seen::Reset),
    }
}

fn endpoint(address: SocketAddr) -> IpEndpoint {
    IpEndpoint::new(IpAddress::from(address.ip()), address.port())
}

fn address(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}

fn state_named(state: tcp::State) -> State {
    match state {
        tcp::State::Closed => State::Closed,
        tcp::State::Listen => State::Listen,
        tcp::State::SynSent => State::SynSent,
        tcp::State::SynReceived => State::SynReceived,
        tcp::State::Established => State::Established,
        tcp::State::FinWait1 => State::FinWait1,
        tcp::State::FinWait2 => State::FinWait2,
        tcp::State::CloseWait => State::CloseWait,
        tcp::State::Closing => State::Closing,
        tcp::State::LastAck => State::LastAck,
        tcp::State::TimeWait => State::TimeWait,
    }
}
