//! The tester's side of an agent: the calls of one case, and what its application sees.
//!
//! What an agent can do it is asked once a run ([`Abilities::of`]). One of ours takes the calls of
//! specs as they are ([`extended`]); any other upper tester takes the standard primitives
//! ([`standard`]).

mod extended;
mod line;
mod standard;

use super::super::{AppCall, ConnId, FourTuple, Refused, Seen, Setup};
use crate::agent::extension::{self, Answer, Ask};
use crate::agent::message::Result as Outcome;
use crate::agent::primitives::{Primitive, Protocol, Release, Request, SocketId};
use crate::spec::case::State;
use extended::Extended;
use line::{Line, PATIENCE, Repeat};
use standard::Standard;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// An agent without our extension group may be silent about it; then this is all that is lost.
const SILENCE: Duration = Duration::from_secs(1);
/// An agent that has not answered anybody for so long, two time limits of an answer, is lost.
pub const LOST: Duration = PATIENCE.saturating_mul(2);
/// No upper tester has so many sockets.
const NO_SOCKET: SocketId = SocketId(0xffff);

/// Where an agent is, and the word that it wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its control address.
    pub address: SocketAddr,
    /// The service id of its messages.
    pub service: u16,
    /// The token.
    pub token: Option<String>,
}

impl Contact {
    /// What the settings of its host with these names are, of those that the host has.
    pub fn settings(&self, names: Vec<String>) -> io::Result<BTreeMap<String, String>> {
        Extended::open(Line::open(self)?, self)?.settings(names)
    }

    /// True if the agent answers somebody who is new, be it by hanging up. Says nothing of what
    /// it can do.
    pub fn is_answered(&self) -> bool {
        let version = Request::GetVersion.write();
        let answer =
            Line::open(self).and_then(|mut line| line.ask(version, Repeat::Harmless, PATIENCE));
        answer.map_or_else(
            |error| error.kind() == io::ErrorKind::ConnectionAborted,
            |_| true,
        )
    }
}

/// How an agent is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One connection for each case.
    Tcp,
    /// One port of the tester's for each case.
    Udp,
}

/// What an agent can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abilities {
    /// The calls of specs as they are, and what the host tells of its connections.
    Extension {
        /// Its host is given over to tests: settings are made as a case wants them.
        whole_host: bool,
    },
    /// The primitives of the Testability Protocol.
    Standard(Standards),
}

/// What an agent with the standard primitives can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standards {
    /// The release that it says it has.
    pub release: Release,
    /// It has SHUTDOWN: the sending side alone can be closed.
    pub shutdown: bool,
    /// It is one of ours, wants to be greeted, and recognises requests that come again.
    pub greets: bool,
}

impl std::fmt::Display for Abilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Standard(standards) = self else {
            return f.write_str("agent of tcpspec");
        };
        let lacks = if standards.shutdown {
            ""
        } else {
            " without SHUTDOWN"
        };
        write!(f, "testability protocol {}{lacks}", standards.release)
    }
}

impl Abilities {
    /// Asks an agent what it can do.
    pub fn of(contact: &Contact) -> io::Result<Self> {
        let mut line = Line::open(contact)?;
        let version = line.ask(Request::GetVersion.write(), Repeat::Harmless, PATIENCE)?;
        let (is_known, release) = match version {
            (Outcome::OK, parameters) => (true, Release::read(&parameters)),
            (outcome, _) => (outcome != Outcome::NOT_OK, None),
        };
        match greet(&mut line, contact, SILENCE) {
            Ok(Greeting::Welcome {
                calls: true,
                whole_host,
                ..
            }) => return Ok(Self::Extension { whole_host }),
            Ok(Greeting::Welcome { calls: false, .. }) => {}
            Ok(Greeting::Refused(Outcome::NOT_OK)) if !is_known => {
                let text = "the agent refuses this tester: is the token right?";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
            Ok(Greeting::Refused(_)) => return Ok(Self::Standard(stranger(&mut line, release))),
            Err(error) if !is_known => return Err(error),
            // It does not say a word to what it does not know, or hangs up.
            Err(_) => {
                let mut line = Line::open(contact)?;
                return Ok(Self::Standard(stranger(&mut line, release)));
            }
        }
        Ok(Self::Standard(Standards {
            greets: true,
            ..stranger(&mut line, release)
        }))
    }
}

/// What an agent can do that does not know ours.
fn stranger(line: &mut Line, release: Option<Release>) -> Standards {
    let how = std::net::Shutdown::Write;
    let socket = NO_SOCKET;
    let shutdown = Request::Socket(Protocol::Tcp, Primitive::Shutdown { socket, how });
    let answer = line.ask(shutdown.write(), Repeat::Harmless, SILENCE);
    let unsaid = Release {
        major: 1,
        minor: 0,
        patch: 0,
    };
    Standards {
        release: release.unwrap_or(unsaid),
        shutdown: answer.is_ok_and(|(outcome, _)| outcome != Outcome::NOT_FOUND),
        greets: false,
    }
}

/// What came of a greeting.
enum Greeting {
    /// The agent is one of ours.
    Welcome {
        identity: String,
        calls: bool,
        whole_host: bool,
    },
    /// It has no such group, or does not know us.
    Refused(Outcome),
}

/// Says hello, and the token.
fn greet(line: &mut Line, contact: &Contact, patience: Duration) -> io::Result<Greeting> {
    let hello = extension::request(&Ask::Hello {
        version: extension::VERSION,
        token: contact.token.clone(),
    });
    let (outcome, parameters) = line.ask(hello.clone(), Repeat::Harmless, patience)?;
    if outcome != Outcome::OK {
        return Ok(Greeting::Refused(outcome));
    }
    let response = hello.answered(outcome, parameters);
    match extension::parameters(&response) {
        Some(Answer::Welcome {
            version,
            identity,
            calls,
            whole_host,
        }) if version == extension::VERSION => {
            line.recognises_repeats();
            Ok(Greeting::Welcome {
                identity,
                calls,
                whole_host,
            })
        }
        other => {
            let text = match other {
                Some(Answer::Welcome { version, .. }) => format!(
                    "the agent speaks version {version} of the extension, this tester {}; use \
                     the same tcpspec on both",
                    extension::VERSION
                ),
                _ => "the agent greets in words of another version; use the same tcpspec on both"
                    .to_owned(),
            };
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        }
    }
}

/// A session with an agent.
#[derive(Debug)]
pub enum Agent {
    /// It takes the calls of specs as they are.
    Extended(Box<Extended>),
    /// It takes the standard primitives.
    Standard(Box<Standard>),
}

impl Agent {
    /// Opens a session with an agent that can do that.
    pub fn open(contact: &Contact, abilities: Abilities) -> io::Result<Self> {
        let line = Line::open(contact)?;
        Ok(match abilities {
            Abilities::Extension { .. } => Self::Extended(Box::new(Extended::open(line, contact)?)),
            Abilities::Standard(standards) => {
                Self::Standard(Box::new(Standard::open(line, contact, standards)?))
            }
        })
    }

    /// True if the agent's host is given over to tests.
    pub(super) fn has_whole_host(&self) -> bool {
        match self {
            Self::Extended(agent) => agent.has_whole_host(),
            Self::Standard(_) => false,
        }
    }

    /// Waits until the host is so: other cases may have it otherwise for long. Gives up when no
    /// case goes on any more, for the reason that `halted` gives.
    pub(super) fn arrange(
        &mut self,
        settings: BTreeMap<String, String>,
        alone: bool,
        halted: &dyn Fn() -> Option<&'static str>,
    ) -> io::Result<()> {
        match self {
            Self::Extended(agent) => agent.arrange(settings, alone, halted),
            Self::Standard(_) => Err(io::Error::other("the primitives cannot arrange a host")),
        }
    }

    /// Every socket is to have these settings of the host for itself, where it can be told.
    pub(super) fn give_sockets(&mut self, settings: Vec<(String, String)>) {
        if let Self::Extended(agent) = self {
            agent.give_sockets(settings);
        }
    }

    pub(super) fn set_up(&mut self, setup: &Setup) -> io::Result<()> {
        match self {
            Self::Extended(agent) => agent.set_up(setup),
            Self::Standard(agent) => {
                agent.set_up(setup);
                Ok(())
            }
        }
    }

    pub(super) fn attach(&mut self, conn: ConnId, tuple: FourTuple) -> io::Result<()> {
        match self {
            Self::Extended(agent) => agent.attach(conn, tuple),
            Self::Standard(agent) => {
                agent.attach(conn, tuple);
                Ok(())
            }
        }
    }

    /// A segment with an ACK is about to be sent, with octets for the application or without.
    pub(super) fn on_segment(&mut self, tuple: FourTuple, has_data: bool) -> io::Result<()> {
        match self {
            Self::Extended(_) => Ok(()),
            Self::Standard(agent) => agent.on_segment(tuple, has_data),
        }
    }

    pub(super) fn call(&mut self, conn: ConnId, call: &AppCall) -> io::Result<Result<(), Refused>> {
        match self {
            Self::Extended(agent) => agent.call(conn, call),
            Self::Standard(agent) => agent.call(conn, call),
        }
    }

    pub(super) fn state(&mut self, conn: ConnId) -> Option<State> {
        match self {
            Self::Extended(agent) => agent.state(conn),
            Self::Standard(_) => None,
        }
    }

    pub(super) fn number(&mut self, ask: &Ask) -> Option<i64> {
        match self {
            Self::Extended(agent) => agent.number(ask),
            Self::Standard(_) => None,
        }
    }

    /// The next thing that the application saw.
    pub(super) fn next_seen(&mut self) -> io::Result<Option<(ConnId, Seen)>> {
        match self {
            Self::Extended(agent) => agent.next_seen(),
            Self::Standard(agent) => agent.next_seen(),
        }
    }
}

/// True if a call was refused because of a port that somebody has: in our agent's words, or in
/// what the primitives have for it.
pub(super) fn says_taken(outcome: &Result<(), Refused>) -> bool {
    let outcomes = [Outcome::NOT_BOUND, Outcome::EXISTS];
    match outcome {
        Err(Refused::Failed(words)) => {
            words.starts_with("EADDRINUSE") || outcomes.iter().any(|it| it.to_string() == *words)
        }
        _ => false,
    }
}

impl AsFd for Agent {
    /// Readable when the application may have seen something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Extended(agent) => agent.as_fd(),
            Self::Standard(agent) => agent.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests;
