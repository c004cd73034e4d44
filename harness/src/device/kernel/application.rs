//! The application on the device: listeners, connections, and one place to wait for all of them.
//!
//! Calls are real socket calls. What the specs leave to the application by default (accept at
//! once, read at once) it does when the kernel says that there is something.

use super::connection::Connection;
use super::{failed, settings};
use crate::device::{AppCall, ConnId, FourTuple, Refused, Seen, unspecified};
use crate::spec::case::SocketSettings;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Length of the accept queue where nobody says.
const BACKLOG: u32 = 128;
/// What the epoll of the application says of the link: the packets are there.
const LINK: u64 = 0;
/// Listeners are told apart from connections by this bit, and by the port below it.
const LISTENER: u64 = 1 << 32;
/// Events fetched at once.
const EVENTS: usize = 64;

/// How the application behaves when nobody tells it what to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// It accepts at once.
    pub(crate) accepts: bool,
    /// It reads at once.
    pub(crate) reads: bool,
    /// Length of the accept queue where a `listen` does not say.
    pub(crate) backlog: Option<u32>,
    /// Options of every socket.
    pub(crate) set: SocketSettings,
}

/// A socket in LISTEN.
#[derive(Debug)]
struct Listener {
    socket: Socket,
    /// ACCEPTs that found nothing yet.
    waiting: usize,
}

/// The application.
#[derive(Debug)]
pub(crate) struct Application {
    epoll: Epoll,
    manner: Manner,
    /// The tuples of the connections, the youngest last.
    tuples: Vec<(ConnId, FourTuple)>,
    listeners: BTreeMap<u16, Listener>,
    connections: BTreeMap<ConnId, Connection>,
    /// Options for sockets that do not exist yet.
    early: BTreeMap<ConnId, Vec<SocketSettings>>,
    /// Accepted connections that no step owns: they are kept open, and nothing is read.
    strays: Vec<Socket>,
    seen: VecDeque<(ConnId, Seen)>,
}

impl Drop for Application {
    /// Resets what is open. A connection that is merely closed would live on without its
    /// application until the kernel gives it up, and would keep its network namespace alive for
    /// minutes.
    fn drop(&mut self) {
        for connection in std::mem::take(&mut self.connections).into_values() {
            // A socket that refuses is no longer connected, and keeps nothing alive.
            let _ = connection.abort();
        }
        for stray in &self.strays {
            let _ = stray.set_linger(Some(Duration::ZERO));
        }
    }
}

impl Application {
    /// An application that also waits for `link`.
    pub(crate) fn new(link: BorrowedFd<'_>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(link, EpollEvent::new(EpollFlags::EPOLLIN, LINK))?;
        Ok(Self {
            epoll,
            manner: Manner {
                accepts: true,
                reads: true,
                ..Manner::default()
            },
            tuples: Vec::new(),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            early: BTreeMap::new(),
            strays: Vec::new(),
            seen: VecDeque::new(),
        })
    }

    /// Readable when the link or a socket has something.
    pub(crate) fn readiness(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }

    /// From now on it behaves so.
    pub(crate) fn behave(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// `tuple` belongs to `conn` now.
    pub(crate) fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.tuples.retain(|(owner, _)| *owner != conn);
        self.tuples.push((conn, tuple));
    }

    /// The four-tuple of the connection.
    pub(crate) fn tuple(&self, conn: ConnId) -> Option<FourTuple> {
        self.tuples
            .iter()
            .find(|(owner, _)| *owner == conn)
            .map(|(_, tuple)| *tuple)
    }

    /// Whether an ICMP error waits for the application; asking takes it away.
    pub(crate) fn soft_error(&self, conn: ConnId) -> Option<i64> {
        self.connections.get(&conn)?.soft_error()
    }

    /// The next thing that the application saw.
    pub(crate) fn next_seen(&mut self) -> io::Result<Option<(ConnId, Seen)>> {
        if self.seen.is_empty() {
            self.collect()?;
        }
        Ok(self.seen.pop_front())
    }

    /// Carries out a call.
    pub(crate) fn call(&mut self, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        // What happened before the call was seen before it.
        self.collect().map_err(|error| failed(&error))?;
        let Some(tuple) = self.tuple(conn) else {
            return Err(Refused::Failed(
                "the connection has no addresses yet".to_owned(),
            ));
        };
        let listener = tuple.device.port();
        match call {
            AppCall::Listen { backlog } => self.listen(conn, tuple.device, *backlog),
            AppCall::Connect => self.connect(conn, tuple.device, tuple.tester, None),
            AppCall::ConnectWith(data) => {
                self.connect(conn, tuple.device, tuple.tester, Some(data))
            }
            AppCall::ConnectFromAny => {
                self.connect(conn, unspecified(tuple.device), tuple.tester, None)
            }
            AppCall::ConnectTo(to) => {
                let to = SocketAddr::new(*to, tuple.tester.port());
                self.connect(conn, tuple.device, to, None)
            }
            AppCall::Accept => self.accept_one(listener),
            AppCall::Close | AppCall::Abort if !self.connections.contains_key(&conn) => {
                self.unlisten(listener)
            }
            AppCall::Close => self.close(conn),
            AppCall::Abort => self
                .connections
                .remove(&conn)
                .map_or(Ok(()), Connection::abort)
                .map_err(lift),
            AppCall::Set(settings) => self.set(conn, listener, settings),
            AppCall::Send { data, .. } if !self.connections.contains_key(&conn) => {
                self.send_unconnected(tuple.device, data).map_err(lift)
            }
            AppCall::Send { data, urgent } => {
                self.on_connection(conn, |open, seen| open.send(data, *urgent, seen))
            }
            AppCall::Recv(octets) => {
                self.on_connection(conn, |open, seen| open.receive(*octets, seen))
            }
            AppCall::ShutdownWrite => self.on_connection(conn, Connection::shut_write),
        }
    }

    /// Has the kernel's news turned into what the application saw.
    fn collect(&mut self) -> io::Result<()> {
        for (conn, connection) in &mut self.connections {
            let mut seen = Vec::new();
            connection.look_for_urgent(&mut seen);
            self.seen.extend(seen.into_iter().map(|seen| (*conn, seen)));
        }
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            Err(nix::errno::Errno::EINTR) => 0,
            waited => waited?,
        };
        for event in events.iter().take(count) {
            match event.data() {
                LINK => {}
                token if token & LISTENER != 0 => self.on_listener(token as u16)?,
                token => {
                    let conn = ConnId(token as usize - 1);
                    if let Some(connection) = self.connections.get_mut(&conn) {
                        let mut seen = Vec::new();
                        connection.on_ready(event.events(), &mut seen);
                        self.seen.extend(seen.into_iter().map(|seen| (conn, seen)));
                    }
                }
            }
        }
        Ok(())
    }

    fn on_listener(&mut self, port: u16) -> io::Result<()> {
        while let Some(listener) = self.listeners.get_mut(&port) {
            if !self.manner.accepts && listener.waiting == 0 {
                return Ok(());
            }
            match listener.socket.accept() {
                Ok((socket, _)) => {
                    listener.waiting = listener.waiting.saturating_sub(1);
                    self.admit(socket)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The connection was reset while it waited: the next may be well.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives an accepted socket to the youngest owner of its four-tuple.
    fn admit(&mut self, socket: Socket) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let ends = (socket.local_addr()?.as_socket(), socket.peer_addr().ok());
        let ends = (ends.0, ends.1.and_then(|peer| peer.as_socket()));
        let owner = self
            .tuples
            .iter()
            .rev()
            .find(|(_, tuple)| (Some(tuple.device), Some(tuple.tester)) == ends);
        let Some(&(conn, _)) = owner else {
            self.strays.push(socket);
            return Ok(());
        };
        self.seen.push_back((conn, Seen::Accepted));
        let connection = Connection::accepted(socket, self.manner.reads);
        self.watch(conn, connection)
    }

    /// Edge-triggered: every change is told once, and everything is dealt with at once.
    fn watch(&mut self, conn: ConnId, connection: Connection) -> io::Result<()> {
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        self.epoll
            .add(&connection, EpollEvent::new(flags, conn.0 as u64 + 1))?;
        if let Some(former) = self.connections.insert(conn, connection) {
            self.epoll.delete(&former)?;
            self.strays.push(former.into_socket());
        }
        Ok(())
    }

    fn listen(
        &mut self,
        conn: ConnId,
        at: SocketAddr,
        backlog: Option<u32>,
    ) -> Result<(), Refused> {
        let backlog = backlog.or(self.manner.backlog).unwrap_or(BACKLOG);
        if let Some(listener) = self.listeners.get(&at.port()) {
            // A second listen only changes the length of the queue.
            return listener.socket.listen(backlog.cast_signed()).map_err(lift);
        }
        let socket = self.socket(conn, at).map_err(lift)?;
        socket.listen(backlog.cast_signed()).map_err(lift)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        let event = EpollEvent::new(flags, LISTENER | u64::from(at.port()));
        self.epoll.add(&socket, event).map_err(lift)?;
        self.listeners
            .insert(at.port(), Listener { socket, waiting: 0 });
        Ok(())
    }

    fn connect(
        &mut self,
        conn: ConnId,
        from: SocketAddr,
        to: SocketAddr,
        data: Option<&[u8]>,
    ) -> Result<(), Refused> {
        let socket = self.socket(conn, from).map_err(lift)?;
        let remote = SockAddr::from(to);
        // Without a cookie the kernel asks for one, and takes no octet yet.
        let begun = match data {
            None => socket.connect(&remote).map(|()| 0),
            Some(data) => socket.send_to_with_flags(data, &remote, libc::MSG_FASTOPEN),
        };
        let taken = match begun {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                return Err(failed(&error));
            }
            begun => begun.unwrap_or(0),
        };
        let mut connection = Connection::opening(socket, self.manner.reads);
        if taken > 0 {
            self.seen.push_back((conn, Seen::Sent(taken)));
        }
        if let Some(rest) = data.and_then(|data| data.get(taken..)) {
            connection.send_later(rest);
        }
        self.watch(conn, connection).map_err(lift)
    }

    /// A socket at the device's end, with all options that were asked for.
    fn socket(&mut self, conn: ConnId, at: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        // RFC 6093 §3: urgent data is part of the stream.
        socket.set_out_of_band_inline(true)?;
        settings::apply(&socket, &self.manner.set)?;
        for early in self.early.remove(&conn).unwrap_or_default() {
            settings::apply(&socket, &early)?;
        }
        socket.bind(&SockAddr::from(at))?;
        Ok(socket)
    }

    /// SEND in LISTEN or without a connection: the kernel is asked, so that the answer is its own.
    fn send_unconnected(&self, at: SocketAddr, octets: &[u8]) -> io::Result<()> {
        let sent = match self.listeners.get(&at.port()) {
            Some(listener) => listener.socket.send(octets),
            None => Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?
                .send(octets),
        };
        sent.map(|_| ())
    }

    fn accept_one(&mut self, port: u16) -> Result<(), Refused> {
        let Some(listener) = self.listeners.get_mut(&port) else {
            return Err(Refused::Failed(format!("nobody listens on port {port}")));
        };
        listener.waiting += 1;
        self.on_listener(port).map_err(lift)
    }

    fn unlisten(&mut self, port: u16) -> Result<(), Refused> {
        match self.listeners.remove(&port) {
            Some(_) => Ok(()),
            None => Err(Refused::Failed("there is no socket to close".to_owned())),
        }
    }

    fn close(&mut self, conn: ConnId) -> Result<(), Refused> {
        let Some(connection) = self.connections.remove(&conn) else {
            return Ok(());
        };
        connection.close().map_err(|(connection, refused)| {
            self.connections.insert(conn, connection);
            refused
        })
    }

    fn set(&mut self, conn: ConnId, port: u16, wanted: &SocketSettings) -> Result<(), Refused> {
        settings::apply_system(wanted).map_err(lift)?;
        let socket = match (self.connections.get(&conn), self.listeners.get(&port)) {
            (Some(connection), _) => Some(connection.socket()),
            (None, Some(listener)) => Some(&listener.socket),
            (None, None) => None,
        };
        if let Some(socket) = socket {
            return settings::apply(socket, wanted).map_err(lift);
        }
        self.early.entry(conn).or_default().push(wanted.clone());
        Ok(())
    }

    fn on_connection(
        &mut self,
        conn: ConnId,
        act: impl FnOnce(&mut Connection, &mut Vec<Seen>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let Some(connection) = self.connections.get_mut(&conn) else {
            let why = "ENOTCONN: the application has no socket for this connection";
            return Err(Refused::Failed(why.to_owned()));
        };
        let mut seen = Vec::new();
        let done = act(connection, &mut seen);
        self.seen.extend(seen.into_iter().map(|seen| (conn, seen)));
        done
    }
}

fn lift(error: impl Into<io::Error>) -> Refused {
    failed(&error.into())
}
