//! The way to an agent: requests, the responses that belong to them, and events in between.
//!
//! Over UDP a request or its response may be lost. A request is sent again only if that can do no
//! harm: what it asks for is the same once or twice, or the agent recognises requests that come
//! again. Responses are told apart by the number of their request where the agent repeats it;
//! where it does not, a request that was sent again may be answered twice, and the second answer
//! is waited for before anything else is asked.

use super::{Contact, Transport};
use crate::agent::message::{HEADER, Kind, LARGEST, LARGEST_DATAGRAM, Message, Result as Outcome};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// An agent that is silent for so long is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// When a request is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long an answer to a copy of a request may be behind that to the first.
const STRAGGLER: Duration = Duration::from_millis(200);
/// Messages that nobody has asked for yet, in octets: an agent that says more is broken.
const MOST_HELD: usize = 64 << 20;
/// How much is read at once; no datagram is longer.
const CHUNK: usize = 64 * 1024;

/// What it means to send a request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing: once is as good as twice.
    Harmless,
    /// It is carried out again, unless the agent recognises it.
    Twice,
}

/// A request whose response has not come.
#[derive(Debug)]
pub(super) struct Pending(Message);

/// A control connection, or a port of the tester's that speaks to an agent.
#[derive(Debug)]
pub(super) struct Line {
    way: Way,
    service: u16,
    input: Vec<u8>,
    buffer: Vec<u8>,
    /// The number of the latest request.
    number: u32,
    /// The agent repeats the numbers of requests; `None`: it has not answered yet.
    echoes: Option<bool>,
    /// The agent recognises requests that come again.
    recognises: bool,
    /// What came and was not asked for yet: events, and late responses.
    events: VecDeque<Message>,
    responses: VecDeque<Message>,
    /// Octets of those.
    held: usize,
}

#[derive(Debug)]
enum Way {
    Stream(TcpStream),
    Datagrams(UdpSocket),
}

impl Line {
    /// Connects.
    pub(super) fn open(contact: &Contact) -> io::Result<Self> {
        let way = match contact.transport {
            Transport::Tcp => {
                let stream = TcpStream::connect_timeout(&contact.address, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Way::Stream(stream)
            }
            Transport::Udp => {
                let any: IpAddr = match contact.address {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                let socket = UdpSocket::bind((any, 0))?;
                socket.connect(contact.address)?;
                socket.set_nonblocking(true)?;
                Way::Datagrams(socket)
            }
        };
        Ok(Self {
            way,
            service: contact.service,
            input: Vec::new(),
            buffer: vec![0; CHUNK],
            number: 0,
            echoes: None,
            recognises: false,
            events: VecDeque::new(),
            responses: VecDeque::new(),
            held: 0,
        })
    }

    /// From now on every request may be sent again.
    pub(super) fn recognises_repeats(&mut self) {
        self.recognises = true;
    }

    /// The most octets of parameters that a message may have.
    pub(super) fn room(&self) -> usize {
        match self.way {
            Way::Stream(_) => LARGEST,
            Way::Datagrams(_) => LARGEST_DATAGRAM - HEADER,
        }
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask(
        &mut self,
        request: Message,
        repeat: Repeat,
        patience: Duration,
    ) -> io::Result<(Outcome, Vec<u8>)> {
        let end = Instant::now() + patience;
        let pending = self.begin(request, end)?;
        let is_lossy = matches!(self.way, Way::Datagrams(_));
        let may_repeat = is_lossy && (self.recognises || repeat == Repeat::Harmless);
        let mut copies = 0_u32;
        loop {
            let turn = if may_repeat {
                end.min(Instant::now() + AGAIN)
            } else {
                end
            };
            if let Some(answer) = self.wait_for(&pending, turn)? {
                if copies > 0 && self.echoes == Some(false) {
                    self.let_pass(&pending)?;
                }
                return Ok(answer);
            }
            if !may_repeat || Instant::now() >= end {
                return Err(late(patience, is_lossy && !may_repeat));
            }
            self.send(&pending.0, end)?;
            copies += 1;
        }
    }

    /// Asks without waiting for the answer.
    pub(super) fn begin(&mut self, request: Message, end: Instant) -> io::Result<Pending> {
        self.number += 1;
        let number = self.number;
        let request = Message { number, ..request };
        self.send(&request, end)?;
        Ok(Pending(request))
    }

    /// Waits for the answer until then.
    pub(super) fn wait_for(
        &mut self,
        pending: &Pending,
        until: Instant,
    ) -> io::Result<Option<(Outcome, Vec<u8>)>> {
        loop {
            self.take_in()?;
            if let Some(answer) = self.answer_to(pending) {
                return Ok(Some(answer));
            }
            if !self.wait(PollFlags::POLLIN, until)? {
                return Ok(None);
            }
        }
    }

    /// The answer, if it has been read.
    pub(super) fn answer_to(&mut self, pending: &Pending) -> Option<(Outcome, Vec<u8>)> {
        let request = &pending.0;
        let echoes = self.echoes;
        let belongs = |response: &Message| {
            let method = (response.group, response.primitive);
            let is_numbered = response.number == request.number;
            method == (request.group, request.primitive) && (is_numbered || echoes != Some(true))
        };
        let at = self.responses.iter().position(belongs)?;
        let response = self.responses.remove(at)?;
        self.echoes.get_or_insert(response.number == request.number);
        self.held = self.held.saturating_sub(size(&response));
        match response.kind {
            Kind::Response(outcome) => Some((outcome, response.parameters)),
            _ => None,
        }
    }

    /// The next event that has come.
    pub(super) fn next_event(&mut self) -> io::Result<Option<Message>> {
        if self.events.is_empty() {
            self.take_in()?;
        }
        let event = self.events.pop_front();
        if let Some(event) = &event {
            self.held = self.held.saturating_sub(size(event));
        }
        Ok(event)
    }

    /// Waits for an event until then.
    pub(super) fn wait_for_event(&mut self, until: Instant) -> io::Result<Option<Message>> {
        loop {
            if let Some(event) = self.next_event()? {
                return Ok(Some(event));
            }
            if !self.wait(PollFlags::POLLIN, until)? {
                return Ok(None);
            }
        }
    }

    /// A copy of the request may be answered as well: that answer is nobody's.
    fn let_pass(&mut self, pending: &Pending) -> io::Result<()> {
        let until = Instant::now() + STRAGGLER;
        while self.wait_for(pending, until)?.is_some() {}
        Ok(())
    }

    /// Reads what there is.
    fn take_in(&mut self) -> io::Result<()> {
        // The rest is read when this is understood.
        while self.held <= MOST_HELD {
            let read = match &mut self.way {
                Way::Stream(stream) => stream.read(&mut self.buffer),
                Way::Datagrams(socket) => socket.recv(&mut self.buffer),
            };
            match (read, &self.way) {
                // What it said before that counts.
                (Ok(0), Way::Stream(_)) if self.held > 0 => return Ok(()),
                (Ok(0), Way::Stream(_)) => {
                    let gone =
                        "the agent hung up (is this tester allowed, and is the token right?)";
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, gone));
                }
                (Ok(count), Way::Stream(_)) => {
                    self.input.extend_from_slice(&self.buffer[..count]);
                    self.cut()?;
                }
                // What is no message of the protocol is none of the agent's.
                (Ok(count), Way::Datagrams(_)) => {
                    let datagram = &self.buffer[..count];
                    if let Some(message) = Message::read_whole(self.service, datagram) {
                        self.keep(message);
                    }
                }
                (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
                (Err(error), _) => return Err(error),
            }
        }
        Err(io::Error::other(
            "the agent reports more than a case can mean",
        ))
    }

    /// Cuts messages off the stream.
    fn cut(&mut self) -> io::Result<()> {
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        while let Some((message, length)) =
            Message::read(self.service, &self.input).map_err(broken)?
        {
            self.input.drain(..length);
            self.keep(message);
        }
        Ok(())
    }

    fn keep(&mut self, message: Message) {
        self.held += size(&message);
        match message.kind {
            Kind::Event(_) => self.events.push_back(message),
            Kind::Response(_) => self.responses.push_back(message),
            // An agent asks for nothing.
            Kind::Request => self.held -= size(&message),
        }
    }

    fn send(&mut self, message: &Message, end: Instant) -> io::Result<()> {
        let octets = message.write(self.service);
        let mut rest = octets.as_slice();
        while !rest.is_empty() {
            let sent = match &mut self.way {
                Way::Stream(stream) => stream.write(rest),
                Way::Datagrams(socket) => socket.send(rest),
            };
            match sent {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.wait(PollFlags::POLLOUT, end)? {
                        return Err(late(PATIENCE, false));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for that; false if it has not come until then.
    fn wait(&self, what: PollFlags, until: Instant) -> io::Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        // A poll counts whole milliseconds, and would wait for less.
        let left = left + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut waited = [PollFd::new(self.as_fd(), what)];
        match poll(&mut waited, timeout) {
            Ok(count) => Ok(count > 0),
            Err(nix::errno::Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Line {
    /// Readable when the agent said something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Stream(stream) => stream.as_fd(),
            Way::Datagrams(socket) => socket.as_fd(),
        }
    }
}

fn size(message: &Message) -> usize {
    HEADER + message.parameters.len()
}

/// Why a request has failed whose answer has not come in time.
pub(super) fn late(patience: Duration, is_unsure: bool) -> io::Error {
    let why = if is_unsure {
        "; asked again, it might do twice what it was asked for"
    } else {
        ""
    };
    let text = format!("the agent did not answer within {patience:?}{why}");
    io::Error::new(io::ErrorKind::TimedOut, text)
}
