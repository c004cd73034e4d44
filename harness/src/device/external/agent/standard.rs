//! A session with an upper tester that has the standard primitives only: calls of specs said in
//! those, and what its events tell.
//!
//! RECEIVE_AND_FORWARD drops what came before it, and its events name no socket. So it is asked
//! for just before the first octets are sent to a connection, and on no other; cases that send to
//! two connections are not played (`fitness`). What never comes as an event (the end of the peer's
//! data, a reset, a connection that opened) is not claimed to be seen.

use super::line::{Line, PATIENCE, Pending, Repeat};
use super::{Contact, Greeting, Standards, greet};
use crate::agent::message::{Message, Result as Outcome};
use crate::agent::primitives::{
    ANY, Event, Primitive, Protocol, Request, SocketId, option, read_number,
};
use crate::device::{AppCall, ConnId, FourTuple, Refused, Seen, Setup};
use crate::spec::case::SocketSettings;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Connections that a listener accepts: no spec has more.
const CONNECTIONS: u16 = 16;
/// How long the answer to CONNECT is waited for. Some agents give it when the attempt is over, and
/// the segments that decide about it are still to be sent.
const ATTEMPT: Duration = Duration::from_millis(20);
/// How long the news of an accepted connection may be behind its handshake.
const NEWS: Duration = Duration::from_millis(50);
/// How long the end of a test is waited for.
const FAREWELL: Duration = Duration::from_secs(1);
/// Octets of SEND_DATA beside the data.
const AROUND_DATA: usize = 16;
/// What fits into a UDP datagram that is not cut into fragments.
const UNCUT: usize = 1024;

/// A session.
#[derive(Debug)]
pub struct Standard {
    line: Line,
    standards: Standards,
    reads: bool,
    set: SocketSettings,
    /// The tuples of the connections, the youngest last.
    tuples: Vec<(ConnId, FourTuple)>,
    listeners: BTreeMap<u16, SocketId>,
    connections: BTreeMap<ConnId, Connection>,
    /// Options for sockets that do not exist yet.
    early: BTreeMap<ConnId, Vec<SocketSettings>>,
    /// Connections that octets were sent to, whether they are accepted or not.
    fed: BTreeSet<ConnId>,
    /// Connections that were sent an ACK without octets: the last of a handshake, as a rule.
    acknowledged: BTreeSet<ConnId>,
    seen: VecDeque<(ConnId, Seen)>,
}

/// A connection that has a socket.
#[derive(Debug)]
struct Connection {
    socket: SocketId,
    /// What it receives is reported.
    forwards: bool,
    /// The attempt to open it is not over.
    opening: Option<Pending>,
}

/// A request went well, with these parameters; or the agent said no.
type Answered = Result<Vec<u8>, Outcome>;

/// The agent, or the way to it, is broken; or the call was refused.
enum Trouble {
    Broken(io::Error),
    Refused(Refused),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Outcome> for Trouble {
    fn from(outcome: Outcome) -> Self {
        Self::Refused(Refused::Failed(outcome.to_string()))
    }
}

impl Standard {
    pub(super) fn open(
        mut line: Line,
        contact: &Contact,
        standards: Standards,
    ) -> io::Result<Self> {
        if standards.greets {
            match greet(&mut line, contact, PATIENCE)? {
                Greeting::Welcome { .. } => {}
                Greeting::Refused(outcome) => {
                    return Err(io::Error::other(format!("the agent answers {outcome}")));
                }
            }
        }
        // An agent without it has nothing to prepare.
        let start = Request::StartTest.write();
        line.ask(start, Repeat::Harmless, PATIENCE)?;
        Ok(Self {
            line,
            standards,
            reads: true,
            set: SocketSettings::default(),
            tuples: Vec::new(),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            early: BTreeMap::new(),
            fed: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            seen: VecDeque::new(),
        })
    }

    pub(super) fn set_up(&mut self, setup: &Setup) {
        self.reads = setup.reads;
        self.set = setup.set.clone();
    }

    pub(super) fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.tuples.retain(|(owner, _)| *owner != conn);
        self.tuples.push((conn, tuple));
    }

    /// A segment is about to be sent to the youngest owner of the tuple, with octets or not.
    pub(super) fn on_segment(&mut self, tuple: FourTuple, has_data: bool) -> io::Result<()> {
        let owner = self.tuples.iter().rev().find(|(_, own)| *own == tuple);
        let Some(&(conn, _)) = owner.filter(|_| self.reads) else {
            return Ok(());
        };
        if !has_data {
            self.acknowledged.insert(conn);
            return Ok(());
        }
        let is_listening = self.listeners.contains_key(&tuple.device.port());
        if is_listening && self.acknowledged.contains(&conn) {
            // Its handshake is over, so that the event is on its way.
            let until = Instant::now() + NEWS;
            while !self.connections.contains_key(&conn)
                && let Some(event) = self.line.wait_for_event(until)?
            {
                self.on_event(&event)?;
            }
        }
        self.fed.insert(conn);
        self.forward(conn)
    }

    pub(super) fn call(&mut self, conn: ConnId, call: &AppCall) -> io::Result<Result<(), Refused>> {
        match self.carry_out(conn, call) {
            Ok(()) => Ok(Ok(())),
            Err(Trouble::Refused(refused)) => Ok(Err(refused)),
            Err(Trouble::Broken(error)) => Err(error),
        }
    }

    /// The next thing that the application saw.
    pub(super) fn next_seen(&mut self) -> io::Result<Option<(ConnId, Seen)>> {
        while self.seen.is_empty() {
            let Some(event) = self.line.next_event()? else {
                self.look_at_attempts();
                break;
            };
            self.on_event(&event)?;
        }
        Ok(self.seen.pop_front())
    }

    fn on_event(&mut self, event: &Message) -> io::Result<()> {
        match Event::read(event) {
            Some(Event::Accepted {
                listener,
                socket,
                peer,
            }) => self.on_accepted(listener, socket, peer),
            Some(Event::Received { full, payload }) => self.on_received(full, payload),
            Some(Event::ReceivedDatagram { .. }) | None => Ok(()),
        }
    }

    fn carry_out(&mut self, conn: ConnId, call: &AppCall) -> Result<(), Trouble> {
        let tuple = self.tuples.iter().find(|(owner, _)| *owner == conn);
        let Some(&(_, tuple)) = tuple else {
            return Err(no("the connection has no addresses yet"));
        };
        let unsupported = || Trouble::Refused(Refused::Unsupported(call.name()));
        let socket = self.connections.get(&conn).map(|open| open.socket);
        match (call, socket) {
            (AppCall::Listen { backlog: None }, _) => self.listen(conn, tuple),
            (AppCall::Connect, _) => self.connect(conn, tuple),
            (AppCall::Send { data, urgent }, Some(socket)) => self.send(socket, data, *urgent),
            (AppCall::Send { data, urgent }, None) => self.send_unconnected(tuple, data, *urgent),
            (AppCall::ShutdownWrite, Some(socket)) if self.standards.shutdown => {
                let how = Shutdown::Write;
                let shutdown = Primitive::Shutdown { socket, how };
                Ok(self.ask(shutdown, Repeat::Twice)?.map(drop)?)
            }
            (AppCall::ShutdownWrite | AppCall::Close, Some(socket)) => {
                self.connections.remove(&conn);
                self.close(socket, false)
            }
            (AppCall::Abort, Some(socket)) => {
                self.connections.remove(&conn);
                self.close(socket, true)
            }
            (AppCall::Close | AppCall::Abort, None) => {
                match self.listeners.remove(&tuple.device.port()) {
                    Some(listener) => self.close(listener, false),
                    None => Err(no("there is no socket to close")),
                }
            }
            (AppCall::ShutdownWrite, None) => Err(no("there is no socket to close")),
            (AppCall::Set(settings), _) => self.set(conn, tuple, settings),
            (
                AppCall::Listen { .. }
                | AppCall::ConnectWith(_)
                | AppCall::ConnectFromAny
                | AppCall::ConnectTo(_)
                | AppCall::Accept
                | AppCall::Recv(_),
                _,
            ) => Err(unsupported()),
        }
    }

    fn listen(&mut self, conn: ConnId, tuple: FourTuple) -> Result<(), Trouble> {
        let at = tuple.device;
        let socket = match self.listeners.get(&at.port()) {
            Some(listener) => *listener,
            None => self.create(conn, Some(at.port()), at.ip())?,
        };
        let connections = CONNECTIONS;
        let listen = Primitive::ListenAndAccept {
            socket,
            connections,
        };
        self.ask(listen, Repeat::Twice)??;
        self.listeners.insert(at.port(), socket);
        Ok(())
    }

    fn connect(&mut self, conn: ConnId, tuple: FourTuple) -> Result<(), Trouble> {
        let at = tuple.device;
        let socket = self.create(conn, Some(at.port()), at.ip())?;
        let to = tuple.tester;
        let connect = Request::Socket(Protocol::Tcp, Primitive::Connect { socket, to });
        let now = Instant::now();
        let pending = self.line.begin(connect.write(), now + PATIENCE)?;
        let answer = self.line.wait_for(&pending, now + ATTEMPT)?;
        if let Some((outcome, _)) = &answer
            && *outcome != Outcome::OK
        {
            let _ = self.close(socket, true);
            return Err((*outcome).into());
        }
        let connection = Connection {
            socket,
            forwards: false,
            opening: answer.is_none().then_some(pending),
        };
        self.connections.insert(conn, connection);
        Ok(())
    }

    /// A socket at the device's end, with all options that were asked for; `None`: not bound.
    fn create(
        &mut self,
        conn: ConnId,
        port: Option<u16>,
        address: IpAddr,
    ) -> Result<SocketId, Trouble> {
        let create = Primitive::CreateAndBind {
            bind: port.is_some(),
            port: port.unwrap_or(ANY),
            address,
        };
        let parameters = self.ask(create, Repeat::Twice)??;
        let number = read_number(&parameters);
        let number = number.ok_or_else(|| io::Error::other("the agent names no new socket"))?;
        let socket = SocketId(number);
        let mut wanted = vec![self.set.clone()];
        wanted.extend(self.early.remove(&conn).unwrap_or_default());
        for settings in wanted {
            self.configure(socket, &settings)?;
        }
        Ok(socket)
    }

    /// SEND where there is no connection: the device is asked, so that the answer is its own.
    fn send_unconnected(
        &mut self,
        tuple: FourTuple,
        data: &[u8],
        urgent: bool,
    ) -> Result<(), Trouble> {
        if let Some(listener) = self.listeners.get(&tuple.device.port()) {
            return self.send(*listener, data, urgent);
        }
        let any: IpAddr = match tuple.device.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let create = Primitive::CreateAndBind {
            bind: false,
            port: ANY,
            address: any,
        };
        let parameters = self.ask(create, Repeat::Twice)??;
        let Some(number) = read_number(&parameters) else {
            return Err(no("the agent names no new socket"));
        };
        let sent = self.send(SocketId(number), data, urgent);
        let _ = self.close(SocketId(number), true);
        sent
    }

    fn send(&mut self, socket: SocketId, data: &[u8], urgent: bool) -> Result<(), Trouble> {
        let most = (self.line.room() - AROUND_DATA).min(usize::from(u16::MAX));
        // A SEND of nothing is one too.
        let pieces = data.chunks(most).chain(data.is_empty().then_some(data));
        for piece in pieces {
            let send = Primitive::SendData {
                socket,
                total: piece.len() as u16,
                urgent,
                data: shortest(piece).to_vec(),
            };
            self.ask(send, Repeat::Twice)??;
        }
        Ok(())
    }

    fn close(&mut self, socket: SocketId, abort: bool) -> Result<(), Trouble> {
        let close = Primitive::CloseSocket { socket, abort };
        self.ask(close, Repeat::Twice)??;
        Ok(())
    }

    fn set(
        &mut self,
        conn: ConnId,
        tuple: FourTuple,
        settings: &SocketSettings,
    ) -> Result<(), Trouble> {
        let connection = self.connections.get(&conn).map(|open| open.socket);
        let listener = || self.listeners.get(&tuple.device.port()).copied();
        if let Some(socket) = connection.or_else(listener) {
            return self.configure(socket, settings);
        }
        self.early.entry(conn).or_default().push(settings.clone());
        Ok(())
    }

    fn configure(&mut self, socket: SocketId, settings: &SocketSettings) -> Result<(), Trouble> {
        let options = [
            (option::NAGLE, settings.nodelay.map(|off| u8::from(!off))),
            (option::TTL, settings.ttl),
            (option::TOS, settings.tos),
        ];
        for (option, value) in options {
            let Some(value) = value else { continue };
            let configure = Primitive::ConfigureSocket {
                socket,
                option,
                value: vec![value],
            };
            self.ask(configure, Repeat::Harmless)??;
        }
        Ok(())
    }

    /// Has the agent read the connection, if it does not yet and octets come.
    fn forward(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(&conn) else {
            return Ok(());
        };
        if connection.forwards || !self.reads || !self.fed.contains(&conn) {
            return Ok(());
        }
        let forward = Primitive::ReceiveAndForward {
            socket: connection.socket,
            most_each: ANY,
            most: ANY,
        };
        let Ok(parameters) = self.ask(forward, Repeat::Twice)? else {
            // A connection that is not open yet has nothing to forward: the next octets ask again.
            return Ok(());
        };
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.forwards = true;
        }
        match read_number(&parameters) {
            Some(dropped @ 1..) => Err(io::Error::other(format!(
                "{dropped} octets came before the agent could be asked to forward them, and it \
                 dropped them"
            ))),
            _ => Ok(()),
        }
    }

    fn on_accepted(
        &mut self,
        listener: SocketId,
        socket: SocketId,
        peer: std::net::SocketAddr,
    ) -> io::Result<()> {
        let port = self.listeners.iter().find(|(_, own)| **own == listener);
        let port = port.map(|(port, _)| *port);
        let owner = self.tuples.iter().rev().find(|(_, tuple)| {
            tuple.tester == peer && port.is_none_or(|port| port == tuple.device.port())
        });
        let Some(&(conn, _)) = owner else {
            return Ok(());
        };
        let connection = Connection {
            socket,
            forwards: false,
            opening: None,
        };
        self.connections.insert(conn, connection);
        // Not every device hands on the options of a listener.
        let settings = self.set.clone();
        if let Err(Trouble::Broken(error)) = self.configure(socket, &settings) {
            return Err(error);
        }
        self.seen.push_back((conn, Seen::Accepted));
        self.forward(conn)
    }

    fn on_received(&mut self, full: u16, payload: Vec<u8>) -> io::Result<()> {
        let mut forwarding = self.connections.iter().filter(|(_, open)| open.forwards);
        let (Some((&conn, _)), None) = (forwarding.next(), forwarding.next()) else {
            return Err(io::Error::other(
                "the agent forwards octets, and does not say of which connection",
            ));
        };
        if usize::from(full) != payload.len() {
            return Err(io::Error::other(format!(
                "the agent forwards {} of {full} octets",
                payload.len()
            )));
        }
        self.seen.push_back((conn, Seen::Data(payload)));
        Ok(())
    }

    /// Attempts to connect that came to an end meanwhile.
    fn look_at_attempts(&mut self) {
        for (&conn, connection) in &mut self.connections {
            let Some(pending) = &connection.opening else {
                continue;
            };
            let Some((outcome, _)) = self.line.answer_to(pending) else {
                continue;
            };
            connection.opening = None;
            let seen = match outcome {
                Outcome::OK => Seen::Connected,
                Outcome::TIMED_OUT => Seen::Timeout,
                Outcome::RESET => Seen::Reset,
                _ => Seen::Refused,
            };
            self.seen.push_back((conn, seen));
        }
    }

    fn ask(&mut self, primitive: Primitive, repeat: Repeat) -> io::Result<Answered> {
        let request = Request::Socket(Protocol::Tcp, primitive).write();
        let (outcome, parameters) = self.line.ask(request, repeat, PATIENCE)?;
        Ok(match outcome {
            Outcome::OK => Ok(parameters),
            refused => Err(refused),
        })
    }
}

impl AsFd for Standard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

impl Drop for Standard {
    /// The sockets of the case go with it.
    fn drop(&mut self) {
        let end = Request::EndTest.write();
        // An agent that is gone has none.
        let _ = self.line.ask(end, Repeat::Harmless, FAREWELL);
    }
}

fn no(why: &str) -> Trouble {
    Trouble::Refused(Refused::Failed(why.to_owned()))
}

/// The beginning of data that the agent can repeat to have all of it, where that spares fragments
/// of the datagram.
fn shortest(data: &[u8]) -> &[u8] {
    if data.len() <= UNCUT {
        return data;
    }
    let repeats = |period: &usize| {
        data.iter()
            .zip(&data[*period..])
            .all(|(one, next)| one == next)
    };
    match (1..=UNCUT).find(repeats) {
        Some(period) => &data[..period],
        None => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_known_pattern_is_said_once() {
        let pattern: Vec<u8> = (7..5007).map(crate::model::stream::pattern).collect();
        assert_eq!(shortest(&pattern).len(), 251);
        assert_eq!(shortest(&pattern[..1000]).len(), 1000);
    }

    proptest! {
        #[test]
        fn what_is_repeated_is_the_same(
            unit in prop::collection::vec(any::<u8>(), 1..300),
            length in 1..4000_usize,
        ) {
            let data: Vec<u8> = unit.iter().copied().cycle().take(length).collect();
            let said = shortest(&data);
            let heard: Vec<u8> = said.iter().copied().cycle().take(length).collect();
            prop_assert_eq!(heard, data);
        }
    }
}
