//! The bundled stack as a device: in process, on the virtual clock.
//!
//! Beside the stack stands an application that does what specs say: it accepts and reads at once
//! unless told otherwise, and goes on sending what SEND did not take. It touches the stack only
//! through calls and events, as any application would.

mod options;
mod policy;
mod status;
mod sysctl;

pub use policy::{PolicyError, config};

use super::{
    AppCall, ConnId, Device, DeviceError, FourTuple, LinkInfo, Output, Refused, Seen, Setup,
    Simulated, unspecified,
};
use crate::spec::case::{Family, SocketSettings, State};
use crate::time::Instant;
use options::{merge, options_of};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use tcpspec_stack::{
    CallError, CloseReason, Config, ConnectionId, Event, KeepAlive, ListenerId, SocketOptions,
    Stack,
};

/// Accept queue of a `listen` that does not say.
const BACKLOG: usize = 128;
/// How much the application reads at once.
const READ: usize = 16_384;

/// The bundled stack and its application.
#[derive(Debug)]
pub struct Bundled {
    config: Config,
    link: LinkInfo,
    stack: Stack,
    application: Application,
    outputs: VecDeque<Output>,
}

/// What the application knows.
#[derive(Debug, Default)]
struct Application {
    accepts: bool,
    reads: bool,
    backlog: usize,
    options: SocketOptions,
    /// What the host says of keep-alive.
    keepalive: KeepAlive,
    sockets: Vec<Socket>,
    listeners: Vec<(ListenerId, SocketAddr)>,
}

/// A connection of the case, from the application's side.
#[derive(Debug)]
struct Socket {
    conn: ConnId,
    tuple: FourTuple,
    id: Option<ConnectionId>,
    options: SocketOptions,
    /// Octets that SEND has not taken yet, and whether they are urgent.
    unsent: VecDeque<(Vec<u8>, bool)>,
    /// CLOSE waits for the octets that SEND has not taken.
    closing: bool,
    /// Octets that a RECEIVE waits for.
    wants: usize,
    eof: bool,
}

impl Bundled {
    /// A device with the policies of `config` on a link of this IP version.
    pub fn new(config: Config, family: Family) -> Self {
        let link = LinkInfo::in_memory(family, config.mtu);
        Self {
            stack: Stack::new(config.clone(), &[link.device], [0; 16]),
            config,
            link,
            application: Application::default(),
            outputs: VecDeque::new(),
        }
    }

    fn socket(&mut self, conn: ConnId) -> Result<&mut Socket, Refused> {
        let socket = self
            .application
            .sockets
            .iter_mut()
            .find(|socket| socket.conn == conn);
        socket.ok_or_else(|| Refused::Failed("the connection is not attached".to_owned()))
    }

    fn id(&mut self, conn: ConnId) -> Result<ConnectionId, Refused> {
        self.socket(conn)?
            .id
            .ok_or_else(|| refused(CallError::NotConnected))
    }

    fn saw(&mut self, conn: ConnId, event: Seen) {
        self.outputs.push_back(Output::App { conn, event });
    }

    /// The connection of the case that has this id.
    fn conn_of(&self, id: ConnectionId) -> Option<ConnId> {
        let sockets = &self.application.sockets;
        sockets
            .iter()
            .find(|socket| socket.id == Some(id))
            .map(|socket| socket.conn)
    }

    /// Gives an accepted connection to the youngest socket of its four-tuple.
    fn adopt(&mut self, now: Instant, id: ConnectionId) {
        let (Some(device), Some(tester)) = (self.stack.local_of(id), self.stack.remote_of(id))
        else {
            return;
        };
        let tuple = FourTuple { tester, device };
        let sockets = &mut self.application.sockets;
        let Some(socket) = sockets
            .iter_mut()
            .rev()
            .find(|socket| socket.tuple == tuple)
        else {
            return;
        };
        socket.id = Some(id);
        socket.eof = false;
        let conn = socket.conn;
        self.saw(conn, Seen::Accepted);
        if self.application.reads {
            self.read(now, conn, usize::MAX);
        }
    }

    fn accept(&mut self, now: Instant, listener: ListenerId) -> bool {
        match self.stack.accept(listener) {
            Ok(id) => {
                self.adopt(now, id);
                true
            }
            Err(_) => false,
        }
    }

    /// Reads until there is nothing more, or `wanted` octets are read.
    fn read(&mut self, now: Instant, conn: ConnId, mut wanted: usize) {
        let Ok(id) = self.id(conn) else { return };
        let mut buffer = [0; READ];
        while wanted > 0 {
            let most = wanted.min(READ);
            match self.stack.recv(at(now), id, &mut buffer[..most]) {
                Ok(0) => {
                    let first = self
                        .socket(conn)
                        .is_ok_and(|socket| !std::mem::replace(&mut socket.eof, true));
                    if first {
                        self.saw(conn, Seen::Eof);
                    }
                    return;
                }
                Ok(count) => {
                    wanted -= count;
                    self.saw(conn, Seen::Data(buffer[..count].to_vec()));
                }
                Err(_) => break,
            }
        }
        let reads = self.application.reads;
        if let Ok(socket) = self.socket(conn) {
            socket.wants = if reads { 0 } else { wanted };
        }
    }

    /// Sends what SEND has not taken yet, then closes if that was asked for.
    fn flush(&mut self, now: Instant, conn: ConnId) -> Result<(), Refused> {
        let id = self.id(conn)?;
        let mut sent = 0;
        while let Some((data, urgent)) = self.socket(conn)?.unsent.pop_front() {
            match self.stack.send(at(now), id, &data, urgent) {
                Ok(count) if count == data.len() => sent += count,
                Ok(count) => {
                    sent += count;
                    self.socket(conn)?
                        .unsent
                        .push_front((data[count..].to_vec(), urgent));
                    break;
                }
                Err(CallError::WouldBlock) => {
                    self.socket(conn)?.unsent.push_front((data, urgent));
                    break;
                }
                Err(error) => return Err(refused(error)),
            }
        }
        if sent > 0 {
            self.saw(conn, Seen::Sent(sent));
        }
        let socket = self.socket(conn)?;
        if socket.unsent.is_empty() && std::mem::take(&mut socket.closing) {
            self.stack.shutdown_write(at(now), id).map_err(refused)?;
        }
        Ok(())
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Acceptable { listener } => {
                while self.application.accepts && self.accept(now, listener) {}
            }
            Event::Connected { id } => self.tell(id, Seen::Connected),
            Event::Trouble { id, .. } => self.tell(id, Seen::Trouble),
            Event::Urgent { id } => self.tell(id, Seen::Urgent),
            Event::Readable { id } | Event::PeerClosed { id } => {
                let Some(conn) = self.conn_of(id) else { return };
                let wants = self.socket(conn).map_or(0, |socket| socket.wants);
                let wants = if self.application.reads {
                    usize::MAX
                } else {
                    wants
                };
                self.read(now, conn, wants);
            }
            Event::Writable { id } => {
                if let Some(conn) = self.conn_of(id) {
                    // A connection that is gone tells so by an event of its own.
                    let _ = self.flush(now, conn);
                }
            }
            Event::Closed { id, reason } => {
                let seen = match reason {
                    CloseReason::Normal | CloseReason::Aborted => return,
                    CloseReason::Reset => Seen::Reset,
                    CloseReason::Refused | CloseReason::Unreachable => Seen::Refused,
                    CloseReason::TimedOut => Seen::Timeout,
                };
                self.tell(id, seen);
            }
        }
    }

    fn tell(&mut self, id: ConnectionId, event: Seen) {
        if let Some(conn) = self.conn_of(id) {
            self.saw(conn, event);
        }
    }

    fn listener(&self, conn: ConnId) -> Option<ListenerId> {
        let socket = self
            .application
            .sockets
            .iter()
            .find(|socket| socket.conn == conn)?;
        let mut listeners = self.application.listeners.iter();
        listeners
            .find(|(_, local)| *local == socket.tuple.device)
            .map(|(listener, _)| *listener)
    }

    fn listen(&mut self, conn: ConnId, backlog: Option<u32>) -> Result<(), Refused> {
        let socket = self.socket(conn)?;
        let (local, options) = (socket.tuple.device, socket.options);
        let backlog = backlog.map_or(self.application.backlog, |backlog| backlog as usize);
        let listener = self
            .stack
            .listen(local, backlog, options)
            .map_err(refused)?;
        self.application.listeners.push((listener, local));
        Ok(())
    }

    /// Active OPEN.
    fn connect(
        &mut self,
        now: Instant,
        conn: ConnId,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Result<(), Refused> {
        let options = self.socket(conn)?.options;
        let id = self.stack.connect(at(now), from, to, options);
        self.socket(conn)?.id = Some(id.map_err(refused)?);
        Ok(())
    }

    /// Active OPEN; the SYN carries `data` if it may.
    fn connect_with(&mut self, now: Instant, conn: ConnId, data: &[u8]) -> Result<(), Refused> {
        let socket = self.socket(conn)?;
        let (FourTuple { tester, device }, options) = (socket.tuple, socket.options);
        let (id, taken) = self
            .stack
            .connect_with(at(now), device, tester, options, data)
            .map_err(refused)?;
        let socket = self.socket(conn)?;
        socket.id = Some(id);
        if taken < data.len() {
            socket.unsent.push_back((data[taken..].to_vec(), false));
        }
        self.saw(conn, Seen::Sent(taken));
        Ok(())
    }

    /// Ends what the socket stands for: its connection, or else its listener.
    fn end(
        &mut self,
        now: Instant,
        conn: ConnId,
        end: fn(&mut Stack, tcpspec_stack::Instant, ConnectionId) -> Result<(), CallError>,
    ) -> Result<(), Refused> {
        match (self.socket(conn)?.id, self.listener(conn)) {
            (Some(id), _) => end(&mut self.stack, at(now), id).map_err(refused),
            (None, Some(listener)) => {
                self.stack.close_listener(at(now), listener);
                self.application
                    .listeners
                    .retain(|(known, _)| *known != listener);
                Ok(())
            }
            (None, None) => Err(refused(CallError::NotConnected)),
        }
    }

    fn set(&mut self, now: Instant, conn: ConnId, set: &SocketSettings) -> Result<(), Refused> {
        let options = options_of(set, self.application.keepalive).map_err(refused)?;
        let socket = self.socket(conn)?;
        merge(&mut socket.options, options);
        match socket.id {
            Some(id) => self
                .stack
                .set_options(at(now), id, &options)
                .map_err(refused),
            None => Ok(()),
        }
    }
}

impl Device for Bundled {
    fn link(&self) -> LinkInfo {
        self.link
    }

    fn setup(&mut self, _now: Instant, setup: &Setup) -> Result<(), DeviceError> {
        let mut config = self.config.clone();
        for (name, value) in &setup.set.system {
            // A setting of another device, by its own name, is none of this one's business.
            match policy::apply(&mut config, name, value) {
                Ok(()) | Err(PolicyError::Name { .. }) => {}
                Err(error) => {
                    return Err(DeviceError {
                        what: "a setting of the bundled stack",
                        source: std::io::Error::other(error),
                    });
                }
            }
        }
        let mut secret = [0; 16];
        let mut chance = crate::seed::Sequence::new(setup.seed);
        for half in secret.chunks_exact_mut(8) {
            half.copy_from_slice(&chance.next_u64().to_be_bytes());
        }
        let keepalive = config.keepalive;
        let options = options_of(&setup.set, keepalive).map_err(|error| DeviceError {
            what: "an option of the socket",
            source: std::io::Error::other(error),
        })?;
        let second = setup.second_address.then(|| self.link.second_address());
        let addresses: Vec<IpAddr> = [self.link.device].into_iter().chain(second).collect();
        self.stack = Stack::new(config, &addresses, secret);
        self.outputs.clear();
        self.application = Application {
            accepts: setup.accepts,
            reads: setup.reads,
            backlog: setup.backlog.map_or(BACKLOG, |backlog| backlog as usize),
            options,
            keepalive,
            ..Application::default()
        };
        Ok(())
    }

    fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.application.sockets.push(Socket {
            conn,
            tuple,
            id: None,
            options: self.application.options,
            unsent: VecDeque::new(),
            closing: false,
            wants: 0,
            eof: false,
        });
    }

    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.stack.on_packet(at(now), packet);
        Ok(now)
    }

    fn call(&mut self, now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        match call {
            AppCall::Listen { backlog } => self.listen(conn, *backlog),
            AppCall::Connect => {
                let FourTuple { tester, device } = self.socket(conn)?.tuple;
                self.connect(now, conn, device, tester)
            }
            AppCall::ConnectFromAny => {
                let FourTuple { tester, device } = self.socket(conn)?.tuple;
                self.connect(now, conn, unspecified(device), tester)
            }
            AppCall::ConnectTo(to) => {
                let FourTuple { tester, device } = self.socket(conn)?.tuple;
                self.connect(now, conn, device, SocketAddr::new(*to, tester.port()))
            }
            AppCall::ConnectWith(data) => self.connect_with(now, conn, data),
            AppCall::Accept => {
                let listener = self
                    .listener(conn)
                    .ok_or_else(|| refused(CallError::NotConnected))?;
                let id = self.stack.accept(listener).map_err(refused)?;
                self.adopt(now, id);
                Ok(())
            }
            AppCall::Send { data, urgent } => {
                self.id(conn)?;
                self.socket(conn)?.unsent.push_back((data.clone(), *urgent));
                self.flush(now, conn)
            }
            AppCall::Recv(count) => {
                self.id(conn)?;
                self.read(now, conn, *count);
                Ok(())
            }
            AppCall::ShutdownWrite if self.socket(conn)?.unsent.is_empty() => {
                self.end(now, conn, Stack::shutdown_write)
            }
            AppCall::ShutdownWrite => {
                self.socket(conn)?.closing = true;
                Ok(())
            }
            AppCall::Close => self.end(now, conn, Stack::close),
            AppCall::Abort => self.end(now, conn, Stack::abort),
            AppCall::Set(set) => self.set(now, conn, set),
        }
    }

    fn poll(&mut self, now: Instant) -> Result<Option<Output>, DeviceError> {
        let mut packet = Vec::new();
        loop {
            if self.stack.poll_transmit(at(now), &mut packet) {
                return Ok(Some(Output::Packet { at: now, packet }));
            }
            if let Some(output) = self.outputs.pop_front() {
                return Ok(Some(output));
            }
            let Some(event) = self.stack.poll_event() else {
                return Ok(None);
            };
            self.on_event(now, event);
        }
    }

    fn state(&mut self, _now: Instant, conn: ConnId) -> Option<State> {
        let tuple = self.socket(conn).ok()?.tuple;
        Some(status::state_of(
            self.stack.state(tuple.device, tuple.tester),
        ))
    }

    fn info(&mut self, now: Instant, conn: ConnId, field: &str) -> Option<i64> {
        if let Some(listener) = self.listener(conn)
            && let Some(queue) = status::queue_of(&self.stack.listener_status(listener)?, field)
        {
            return Some(queue);
        }
        let tuple = self.socket(conn).ok()?.tuple;
        let status = self.stack.status_of(at(now), tuple.device, tuple.tester)?;
        status::field_of(&status, field)
    }

    fn counter(&mut self, _now: Instant, name: &str) -> Option<i64> {
        if let Some(state) = status::state_counted_as(name) {
            let states = self.stack.states();
            return Some(states.get(&state).map_or(0, |count| *count as i64));
        }
        let mut counters = self.stack.counters().all();
        let (_, _, value) = counters.find(|(known, _, _)| *known == name)?;
        i64::try_from(value).ok()
    }
}

impl Simulated for Bundled {
    fn next_deadline(&self) -> Option<Instant> {
        self.stack
            .poll_timeout()
            .map(|deadline| Instant::from_nanos(deadline.0))
    }

    fn on_timeout(&mut self, now: Instant) {
        self.stack.on_timeout(at(now));
    }
}

fn at(now: Instant) -> tcpspec_stack::Instant {
    tcpspec_stack::Instant(now.as_nanos())
}

fn refused(error: CallError) -> Refused {
    Refused::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
