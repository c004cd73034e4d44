//! The tester's side of an agent: the calls of one case, and what its application sees.

use crate::agent::extension::{self, Answer, Ask, Sighting};
use crate::agent::message::{HEADER, Kind, LARGEST, Message, Result as Outcome};
use crate::device::{AppCall, ConnId, FourTuple, Refused, Seen, Setup};
use crate::spec::case::{SocketSettings, State};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// An agent that is silent for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest that a case waits for others to be done with the host: longer than the agent waits.
const LONG_PATIENCE: Duration = Duration::from_secs(1230);
/// Events that wait for the runner, in octets: an agent that reports more is broken.
const MOST_HELD: usize = 64 << 20;
/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// Where an agent is, and the word that it wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its control address.
    pub address: SocketAddr,
    /// The token.
    pub token: Option<String>,
}

/// A session with an agent.
#[derive(Debug)]
pub struct Agent {
    control: TcpStream,
    input: Vec<u8>,
    seen: VecDeque<(ConnId, Seen)>,
    /// Octets of the events in `seen`.
    held: usize,
    identity: String,
    whole_host: bool,
}

impl Agent {
    /// Opens a session.
    pub fn open(contact: &Contact) -> io::Result<Self> {
        let control = TcpStream::connect_timeout(&contact.address, PATIENCE)?;
        control.set_nodelay(true)?;
        control.set_nonblocking(true)?;
        let mut agent = Self {
            control,
            input: Vec::new(),
            seen: VecDeque::new(),
            held: 0,
            identity: String::new(),
            whole_host: false,
        };
        let hello = Ask::Hello {
            version: extension::VERSION,
            token: contact.token.clone(),
        };
        match agent.ask(&hello)? {
            Answer::Welcome {
                version,
                identity,
                whole_host,
            } if version == extension::VERSION => {
                agent.identity = identity;
                agent.whole_host = whole_host;
                Ok(agent)
            }
            Answer::Welcome { version, .. } => Err(io::Error::other(format!(
                "the agent speaks version {version} of the extension, this tester {}; use the \
                 same tcpspec on both",
                extension::VERSION
            ))),
            other => Err(strange(&other)),
        }
    }

    /// What the agent's host is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// True if the agent's host is given over to tests.
    pub(super) fn has_whole_host(&self) -> bool {
        self.whole_host
    }

    /// Waits until the host is so: other cases may have it otherwise for long.
    pub(super) fn arrange(
        &mut self,
        settings: BTreeMap<String, String>,
        alone: bool,
    ) -> io::Result<()> {
        match self.ask_for(LONG_PATIENCE, &Ask::Arrange { settings, alone })? {
            Answer::Done => Ok(()),
            Answer::Refused(why) => Err(io::Error::other(format!(
                "the agent cannot arrange its host: {why}"
            ))),
            other => Err(strange(&other)),
        }
    }

    pub(super) fn set_up(&mut self, setup: &Setup) -> io::Result<()> {
        let answer = self.ask(&Ask::Behave {
            accepts: setup.accepts,
            reads: setup.reads,
            backlog: setup.backlog,
            // The whole host was arranged before.
            set: SocketSettings {
                system: Vec::new(),
                ..setup.set.clone()
            },
        })?;
        match answer {
            Answer::Done => Ok(()),
            other => Err(strange(&other)),
        }
    }

    pub(super) fn attach(&mut self, conn: ConnId, tuple: FourTuple) -> io::Result<()> {
        self.ask(&Ask::Attach(conn, tuple)).map(drop)
    }

    pub(super) fn call(&mut self, conn: ConnId, call: &AppCall) -> io::Result<Result<(), Refused>> {
        match self.ask(&Ask::Call(conn, call.clone()))? {
            Answer::Done => Ok(Ok(())),
            Answer::Refused(words) => Ok(Err(Refused::Failed(words))),
            Answer::Unsupported(_) => Ok(Err(Refused::Unsupported(call.name()))),
            other => Err(strange(&other)),
        }
    }

    pub(super) fn state(&mut self, conn: ConnId) -> Option<State> {
        match self.ask(&Ask::State(conn)) {
            Ok(Answer::State(state)) => state,
            _ => None,
        }
    }

    pub(super) fn number(&mut self, ask: &Ask) -> Option<i64> {
        match self.ask(ask) {
            Ok(Answer::Number(number)) => number,
            _ => None,
        }
    }

    /// The next thing that the application saw.
    pub(super) fn next_seen(&mut self) -> io::Result<Option<(ConnId, Seen)>> {
        if self.seen.is_empty() {
            self.take_in()?;
            while let Some(message) = self.next_message()? {
                self.keep_event(&message)?;
            }
        }
        let next = self.seen.pop_front();
        if self.seen.is_empty() {
            self.held = 0;
        }
        Ok(next)
    }

    /// Asks, and waits for the answer; events that come before it are kept.
    fn ask(&mut self, ask: &Ask) -> io::Result<Answer> {
        self.ask_for(PATIENCE, ask)
    }

    fn ask_for(&mut self, patience: Duration, ask: &Ask) -> io::Result<Answer> {
        let end = Instant::now() + patience;
        self.send(&extension::request(ask).write(), end)?;
        loop {
            while let Some(message) = self.next_message()? {
                match message.kind {
                    Kind::Response(Outcome::OK) => {
                        let unknown = || io::Error::other("the agent's answer has unknown words");
                        return extension::parameters(&message).ok_or_else(unknown);
                    }
                    Kind::Response(outcome) => return Err(refused(outcome)),
                    Kind::Event => self.keep_event(&message)?,
                    Kind::Request => {}
                }
            }
            self.wait(PollFlags::POLLIN, end)?;
            self.take_in()?;
        }
    }

    fn keep_event(&mut self, message: &Message) -> io::Result<()> {
        if let (Kind::Event, Some(Sighting(conn, seen))) =
            (message.kind, extension::parameters(message))
        {
            self.held += HEADER + message.parameters.len();
            self.seen.push_back((conn, seen));
        }
        if self.held > MOST_HELD {
            return Err(io::Error::other(
                "the agent reports more than a case can mean",
            ));
        }
        Ok(())
    }

    fn next_message(&mut self) -> io::Result<Option<Message>> {
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let read = Message::read(&self.input).map_err(broken)?;
        Ok(read.map(|(message, length)| {
            self.input.drain(..length);
            message
        }))
    }

    fn take_in(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        // The rest is read when this is understood.
        while self.input.len() <= HEADER + LARGEST {
            match self.control.read(&mut chunk) {
                Ok(0) => {
                    let gone =
                        "the agent hung up (is this tester allowed, and is the token right?)";
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, gone));
                }
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send(&mut self, mut octets: &[u8], end: Instant) -> io::Result<()> {
        while !octets.is_empty() {
            match self.control.write(octets) {
                Ok(count) => octets = &octets[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(PollFlags::POLLOUT, end)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait(&self, what: PollFlags, end: Instant) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the agent did not answer in time");
        if left.is_zero() {
            return Err(late());
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut waited = [PollFd::new(self.control.as_fd(), what)];
        match poll(&mut waited, timeout)? {
            0 => Err(late()),
            _ => Ok(()),
        }
    }
}

impl AsFd for Agent {
    /// Readable when the application may have seen something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

fn refused(outcome: Outcome) -> io::Error {
    io::Error::other(match outcome {
        Outcome::NOT_FOUND => "this agent has no extension group of tcpspec".to_owned(),
        Outcome::NOT_OK => "the agent refuses this tester: is the token right?".to_owned(),
        Outcome(result) => format!("the agent answers with result {result:#04x}"),
    })
}

fn strange(answer: &Answer) -> io::Error {
    match answer {
        Answer::Unsupported(what) => io::Error::other(format!("the agent has no {what}")),
        other => io::Error::other(format!("an answer to another question: {other:?}")),
    }
}
