//! The upper tester: the sockets that the standard primitives make, and what they are told to do.
//!
//! One value is one session's. Sockets never block: SEND_DATA answers when its octets are on
//! their way, CONNECT when the attempt has begun. What the primitives leave open is decided here:
//! END_TEST resets connections, so that nothing of a test outlives it; a connection whose data
//! still waits for room when it is closed is closed when it has gone.

mod options;
mod stream;

use super::message::{LARGEST_DATAGRAM, Message, Result as Outcome};
use super::primitives::{
    ANY, Event, Primitive, Protocol, RELEASE, Request, SocketId, write_number,
};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{SockaddrStorage, recvfrom};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;
use stream::Stream;

/// Sockets that one session may have: no test has more than a handful.
const MOST_SOCKETS: usize = 64;
/// Connections that a session has closed, and whose data has not all gone.
const MOST_LINGERING: usize = 64;
/// Octets of an event beside its payload, header and all.
const AROUND_PAYLOAD: usize = 64;
/// The most that is read at once: its length and its event have to fit.
const PIECE: usize = 32 * 1024;
/// News fetched at once.
const NEWS: usize = 16;
/// Keys of sockets that have no number any more.
const UNNUMBERED: u32 = 1 << 16;

/// The upper tester of a session.
#[derive(Debug)]
pub(super) struct UpperTester {
    epoll: Epoll,
    /// By their numbers; beyond those, by [`UNNUMBERED`] keys.
    sockets: BTreeMap<u32, Watched>,
    next: u16,
    next_unnumbered: u32,
    events: VecDeque<Event>,
}

/// A socket, and what the epoll waits for on its behalf.
#[derive(Debug)]
struct Watched {
    kind: Kind,
    flags: EpollFlags,
}

#[derive(Debug)]
enum Kind {
    /// A TCP socket that does nothing yet.
    Idle(Socket),
    /// In LISTEN; so many connections are to be accepted yet.
    Listener(Socket, u16),
    Stream(Stream),
    Datagrams(Socket, Option<Forwarding>),
}

/// What is received is reported.
#[derive(Clone, Copy, Debug)]
struct Forwarding {
    most_each: usize,
    /// So many octets yet; `None`: there is no limit.
    left: Option<usize>,
}

impl Forwarding {
    fn new(most_each: u16, most: u16) -> Self {
        let room = LARGEST_DATAGRAM - AROUND_PAYLOAD;
        Self {
            most_each: usize::from(most_each).min(room),
            left: (most != ANY).then_some(usize::from(most)),
        }
    }

    /// How much may be read now.
    fn room(self) -> usize {
        self.left.map_or(PIECE, |left| left.min(PIECE))
    }

    fn count(&mut self, octets: usize) {
        self.left = self.left.map(|left| left.saturating_sub(octets));
    }
}

/// How a primitive went: the parameters of its response, or the result that says why not.
type Done = Result<Vec<u8>, Outcome>;

impl UpperTester {
    /// Without sockets.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sockets: BTreeMap::new(),
            next: 1,
            next_unnumbered: UNNUMBERED,
            events: VecDeque::new(),
        })
    }

    /// True if it has sockets.
    pub(super) fn is_busy(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Carries out a request.
    pub(super) fn carry_out(&mut self, request: Request) -> Done {
        match request {
            Request::GetVersion => Ok(RELEASE.write()),
            Request::StartTest => Ok(Vec::new()),
            Request::EndTest => {
                self.end();
                Ok(Vec::new())
            }
            Request::Socket(protocol, primitive) => self.act(protocol, primitive),
        }
    }

    /// What happened meanwhile, one after the other; `None` when there is no more for now.
    pub(super) fn next_event(&mut self) -> io::Result<Option<Message>> {
        if self.events.is_empty() {
            self.collect()?;
        }
        Ok(self.events.pop_front().map(|event| event.write()))
    }

    fn act(&mut self, protocol: Protocol, primitive: Primitive) -> Done {
        match primitive {
            Primitive::CreateAndBind {
                bind,
                port,
                address,
            } => {
                let at = SocketAddr::new(address, if port == ANY { 0 } else { port });
                self.create(protocol, at, bind)
            }
            Primitive::CloseSocket { socket, abort } => {
                let key = self.key(protocol, socket)?;
                self.close(key, abort);
                Ok(Vec::new())
            }
            Primitive::SendData {
                socket,
                total,
                urgent,
                data,
            } => self.on(protocol, socket, |kind| {
                send(kind, &repeated(data, total), urgent)
            }),
            Primitive::SendDatagram {
                socket,
                total,
                to,
                data,
            } => self.on(protocol, socket, |kind| match kind {
                Kind::Datagrams(socket, _) => socket
                    .send_to(&repeated(data, total), &SockAddr::from(to))
                    .map(drop)
                    .map_err(|error| outcome_of(&error)),
                _ => Err(Outcome::NO_SOCKET),
            }),
            Primitive::ReceiveAndForward {
                socket,
                most_each,
                most,
            } => self.forward(protocol, socket, Forwarding::new(most_each, most)),
            Primitive::ListenAndAccept {
                socket,
                connections,
            } => self.listen(protocol, socket, connections),
            Primitive::Connect { socket, to } => self.connect(protocol, socket, to),
            Primitive::ConfigureSocket {
                socket,
                option,
                value,
            } => self.on(protocol, socket, |kind| {
                options::set(kind.socket(), option, &value)
            }),
            Primitive::Shutdown { socket, how } => {
                self.on(protocol, socket, |kind| shut_down(kind, how))
            }
        }
    }

    fn create(&mut self, protocol: Protocol, at: SocketAddr, bind: bool) -> Done {
        let number = self.free_number().ok_or(Outcome::NOT_CREATED)?;
        let kind = match protocol {
            Protocol::Tcp => Type::STREAM,
            Protocol::Udp => Type::DGRAM,
        };
        let made = Socket::new(Domain::for_address(at), kind, None).and_then(|socket| {
            socket.set_nonblocking(true)?;
            if protocol == Protocol::Tcp {
                socket.set_reuse_address(true)?;
                // RFC 6093 §3: urgent data is part of the stream.
                socket.set_out_of_band_inline(true)?;
            }
            Ok(socket)
        });
        let socket = made.map_err(|_| Outcome::NOT_CREATED)?;
        if bind {
            let bound = socket.bind(&SockAddr::from(at));
            bound.map_err(|error| match error.kind() {
                ErrorKind::AddrNotAvailable => Outcome::NO_INTERFACE,
                _ => Outcome::NOT_BOUND,
            })?;
        }
        let kind = match protocol {
            Protocol::Tcp => Kind::Idle(socket),
            Protocol::Udp => Kind::Datagrams(socket, None),
        };
        self.keep(u32::from(number), kind);
        Ok(write_number(number))
    }

    /// The next number that no socket has; `None` if there are enough sockets.
    fn free_number(&mut self) -> Option<u16> {
        if self.sockets.range(..UNNUMBERED).count() >= MOST_SOCKETS {
            return None;
        }
        while self.sockets.contains_key(&u32::from(self.next)) || self.next == 0 {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        Some(number)
    }

    /// Where the socket is, if it is one of that protocol.
    fn key(&self, protocol: Protocol, socket: SocketId) -> Result<u32, Outcome> {
        let key = u32::from(socket.0);
        let watched = self.sockets.get(&key).ok_or(Outcome::NO_SOCKET)?;
        let is_udp = matches!(watched.kind, Kind::Datagrams(..));
        if is_udp == (protocol == Protocol::Udp) {
            Ok(key)
        } else {
            Err(Outcome::NO_SOCKET)
        }
    }

    fn on(
        &mut self,
        protocol: Protocol,
        socket: SocketId,
        act: impl FnOnce(&mut Kind) -> Result<(), Outcome>,
    ) -> Done {
        let key = self.key(protocol, socket)?;
        let watched = self.sockets.get_mut(&key).ok_or(Outcome::NO_SOCKET)?;
        let done = act(&mut watched.kind);
        self.watch(key);
        done.map(|()| Vec::new())
    }

    /// What came before is dropped, which opens the window; what comes from now on is reported.
    fn forward(&mut self, protocol: Protocol, socket: SocketId, wanted: Forwarding) -> Done {
        let key = self.key(protocol, socket)?;
        let watched = self.sockets.get_mut(&key).ok_or(Outcome::NO_SOCKET)?;
        let dropped = match &mut watched.kind {
            Kind::Stream(stream) => stream.forward(wanted)?,
            Kind::Datagrams(socket, forwarding) => {
                let dropped = drop_datagrams(socket);
                *forwarding = Some(wanted);
                dropped
            }
            Kind::Idle(_) | Kind::Listener(..) => return Err(Outcome::NO_CONNECTION),
        };
        self.watch(key);
        Ok(write_number(u16::try_from(dropped).unwrap_or(u16::MAX)))
    }

    fn listen(&mut self, protocol: Protocol, socket: SocketId, connections: u16) -> Done {
        let key = self.key(protocol, socket)?;
        let watched = self.sockets.get_mut(&key).ok_or(Outcome::NO_SOCKET)?;
        let (Kind::Idle(socket) | Kind::Listener(socket, _)) = &watched.kind else {
            return Err(Outcome::EXISTS);
        };
        let listening = socket.listen(i32::from(connections.max(1)));
        listening.map_err(|error| outcome_of(&error))?;
        if let Kind::Listener(_, left) = &mut watched.kind {
            *left = left.saturating_add(connections);
            self.watch(key);
        } else {
            self.promote(key, |socket| Kind::Listener(socket, connections));
        }
        Ok(Vec::new())
    }

    fn connect(&mut self, protocol: Protocol, socket: SocketId, to: SocketAddr) -> Done {
        let key = self.key(protocol, socket)?;
        let watched = self.sockets.get(&key).ok_or(Outcome::NO_SOCKET)?;
        // RFC 9293 §3.10.1:
        //   "error:  connection already exists"
        let Kind::Idle(socket) = &watched.kind else {
            return Err(Outcome::EXISTS);
        };
        if to.port() == 0 || to.ip().is_unspecified() {
            return Err(Outcome::FOREIGN_UNSPECIFIED);
        }
        match socket.connect(&SockAddr::from(to)) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                return Err(Outcome::EXISTS);
            }
            Err(error) => return Err(outcome_of(&error)),
        }
        self.promote(key, |socket| Kind::Stream(Stream::new(socket)));
        Ok(Vec::new())
    }

    /// An idle socket is something else from now on.
    fn promote(&mut self, key: u32, into: impl FnOnce(Socket) -> Kind) {
        if let Some(Watched {
            kind: Kind::Idle(socket),
            ..
        }) = self.sockets.remove(&key)
        {
            self.keep(key, into(socket));
        }
    }

    fn close(&mut self, key: u32, abort: bool) {
        let Some(Watched { kind, flags }) = self.sockets.remove(&key) else {
            return;
        };
        if !flags.is_empty() {
            // It may live on under another key.
            let _ = self.epoll.delete(kind.socket());
        }
        match kind {
            Kind::Stream(stream) if abort => stream.abort(),
            Kind::Stream(stream) if stream.has_unsent() => {
                let lingering = self.sockets.range(UNNUMBERED..);
                if lingering.count() < MOST_LINGERING {
                    let key = self.next_unnumbered;
                    self.next_unnumbered = key.checked_add(1).unwrap_or(UNNUMBERED);
                    self.keep(key, Kind::Stream(stream));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self) {
        for Watched { kind, .. } in std::mem::take(&mut self.sockets).into_values() {
            if let Kind::Stream(stream) = kind {
                stream.abort();
            }
        }
        self.events.clear();
        self.next = 1;
    }

    fn keep(&mut self, key: u32, kind: Kind) {
        let flags = EpollFlags::empty();
        self.sockets.insert(key, Watched { kind, flags });
        self.watch(key);
    }

    /// Has the epoll wait for what the socket needs now.
    fn watch(&mut self, key: u32) {
        let Some(watched) = self.sockets.get_mut(&key) else {
            return;
        };
        let wanted = watched.kind.waits_for();
        let (socket, had) = (watched.kind.socket(), watched.flags);
        let mut event = EpollEvent::new(wanted, u64::from(key));
        let done = match (had.is_empty(), wanted.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => self.epoll.add(socket, event),
            // Without this a connection that is gone would be reported for ever.
            (false, true) => self.epoll.delete(socket),
            (false, false) => self.epoll.modify(socket, &mut event),
        };
        // A socket that cannot be watched says nothing more; the tester sees that.
        watched.flags = done.map_or(EpollFlags::empty(), |()| wanted);
    }

    /// Turns news into events: one piece of each socket that has some.
    fn collect(&mut self) -> io::Result<()> {
        let mut news = [EpollEvent::empty(); NEWS];
        let count = match self.epoll.wait(&mut news, EpollTimeout::ZERO) {
            Err(nix::errno::Errno::EINTR) => 0,
            waited => waited?,
        };
        for event in news.iter().take(count) {
            let key = event.data() as u32;
            self.on_ready(key);
            if key >= UNNUMBERED && !self.has_unsent(key) {
                self.sockets.remove(&key);
            }
            self.watch(key);
        }
        Ok(())
    }

    fn has_unsent(&self, key: u32) -> bool {
        let kind = self.sockets.get(&key).map(|watched| &watched.kind);
        matches!(kind, Some(Kind::Stream(stream)) if stream.has_unsent())
    }

    fn on_ready(&mut self, key: u32) {
        let Some(watched) = self.sockets.get_mut(&key) else {
            return;
        };
        match &mut watched.kind {
            Kind::Idle(_) => {}
            Kind::Listener(listener, left) => match listener.accept() {
                Ok((socket, peer)) => {
                    *left = left.saturating_sub(1);
                    if let Some(peer) = peer.as_socket() {
                        self.admit(SocketId(key as u16), socket, peer);
                    }
                }
                // It was reset while it waited, or somebody was quicker.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::WouldBlock
                    ) => {}
                // Asking again at once would be as vain.
                Err(_) => *left = 0,
            },
            Kind::Stream(stream) => self.events.extend(stream.on_ready()),
            Kind::Datagrams(socket, forwarding) => {
                self.events.extend(receive_datagram(socket, forwarding));
            }
        }
    }

    /// A connection for which there is no number is reset.
    fn admit(&mut self, listener: SocketId, socket: Socket, peer: SocketAddr) {
        let number = self.free_number();
        let (Some(number), Ok(())) = (number, socket.set_nonblocking(true)) else {
            let _ = socket.set_linger(Some(Duration::ZERO));
            return;
        };
        self.keep(u32::from(number), Kind::Stream(Stream::new(socket)));
        self.events.push_back(Event::Accepted {
            listener,
            socket: SocketId(number),
            peer: canonical(peer),
        });
    }
}

impl AsFd for UpperTester {
    /// Readable when something happened.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Drop for UpperTester {
    fn drop(&mut self) {
        self.end();
    }
}

impl Kind {
    fn socket(&self) -> &Socket {
        match self {
            Self::Idle(socket) | Self::Listener(socket, _) | Self::Datagrams(socket, _) => socket,
            Self::Stream(stream) => stream.socket(),
        }
    }

    fn waits_for(&self) -> EpollFlags {
        let is_read = match self {
            Self::Idle(_) => false,
            Self::Listener(_, left) => *left > 0,
            Self::Stream(stream) => return stream.waits_for(),
            Self::Datagrams(_, forwarding) => {
                forwarding.is_some_and(|forwarding| forwarding.room() > 0)
            }
        };
        if is_read {
            EpollFlags::EPOLLIN
        } else {
            EpollFlags::empty()
        }
    }
}

fn send(kind: &mut Kind, octets: &[u8], urgent: bool) -> Result<(), Outcome> {
    match kind {
        Kind::Stream(stream) => stream.send(octets, urgent),
        // The kernel is asked, so that the answer is its own.
        Kind::Idle(socket) | Kind::Listener(socket, _) => {
            socket
                .send(octets)
                .map(drop)
                .map_err(|error| match error.kind() {
                    ErrorKind::BrokenPipe => Outcome::NO_CONNECTION,
                    _ => outcome_of(&error),
                })
        }
        Kind::Datagrams(..) => Err(Outcome::NO_SOCKET),
    }
}

fn shut_down(kind: &mut Kind, how: std::net::Shutdown) -> Result<(), Outcome> {
    match kind {
        Kind::Stream(stream) => stream.shut_down(how),
        other => other
            .socket()
            .shutdown(how)
            .map_err(|error| outcome_of(&error)),
    }
}

/// The data again and again until there are `total` octets; all of it once in any case.
fn repeated(data: Vec<u8>, total: u16) -> Vec<u8> {
    let total = usize::from(total);
    if data.is_empty() || total <= data.len() {
        return data;
    }
    data.iter().copied().cycle().take(total).collect()
}

/// Datagrams that wait are read away: their octets.
fn drop_datagrams(socket: &Socket) -> usize {
    let mut octets = 0;
    let mut piece = vec![0; PIECE];
    // What comes while it is dropped is dropped too, but not for ever.
    for _ in 0..PIECE {
        match io::Read::read(&mut &*socket, &mut piece) {
            Ok(count) => octets += count,
            Err(_) => break,
        }
    }
    octets
}

fn receive_datagram(socket: &Socket, forwarding: &mut Option<Forwarding>) -> Option<Event> {
    let forwarding = forwarding.as_mut()?;
    let mut datagram = vec![0; usize::from(u16::MAX)];
    let received = recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut datagram);
    let (count, from) = received.ok()?;
    let from = from?;
    let v4 = from.as_sockaddr_in().map(|it| SocketAddr::V4((*it).into()));
    let v6 = || {
        from.as_sockaddr_in6()
            .map(|it| SocketAddr::V6((*it).into()))
    };
    let from = v4.or_else(v6)?;
    forwarding.count(count);
    datagram.truncate(count.min(forwarding.most_each));
    Some(Event::ReceivedDatagram {
        full: count as u16,
        from: canonical(from),
        payload: datagram,
    })
}

/// IPv4 addresses as such, also where IPv6 carries them.
fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// What the protocol calls an error of the kernel.
fn outcome_of(error: &io::Error) -> Outcome {
    match error.raw_os_error().unwrap_or_default() {
        libc::EISCONN | libc::EALREADY | libc::EADDRINUSE => Outcome::EXISTS,
        libc::ENOTCONN | libc::EDESTADDRREQ => Outcome::NO_CONNECTION,
        libc::EPIPE => Outcome::CLOSING,
        libc::ECONNRESET | libc::ECONNABORTED => Outcome::RESET,
        libc::ETIMEDOUT => Outcome::TIMED_OUT,
        libc::ECONNREFUSED => Outcome::REFUSED,
        libc::ENOBUFS | libc::ENOMEM | libc::EMFILE | libc::ENFILE => Outcome::NO_RESOURCES,
        libc::EMSGSIZE => Outcome::INSUFFICIENT,
        libc::EINVAL | libc::EAFNOSUPPORT => Outcome::INVALID,
        _ => Outcome::NOT_OK,
    }
}

#[cfg(test)]
mod tests;
