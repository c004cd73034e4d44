//! A session with an agent of ours: calls go over as they are, and all that the application sees
//! comes back.

use super::line::{Line, PATIENCE, Repeat, late};
use super::{Contact, Greeting, greet};
use crate::agent::extension::{self, Answer, Ask, Sighting};
use crate::agent::message::{Message, Result as Outcome};
use crate::device::{AppCall, ConnId, FourTuple, Refused, Seen, Setup};
use crate::spec::case::{SocketSettings, State};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How often a case that waits for others looks whether any goes on.
const GLANCE: Duration = Duration::from_millis(100);
/// Longest that a case waits for others to be done with the host: longer than the agent waits.
const LONG_PATIENCE: Duration = Duration::from_secs(1230);

/// A session.
#[derive(Debug)]
pub struct Extended {
    line: Line,
    identity: String,
    whole_host: bool,
    /// Settings of the host that each socket gets instead.
    of_sockets: Vec<(String, String)>,
}

impl Extended {
    pub(super) fn open(mut line: Line, contact: &Contact) -> io::Result<Self> {
        match greet(&mut line, contact, PATIENCE)? {
            Greeting::Welcome {
                identity,
                whole_host,
                ..
            } => Ok(Self {
                line,
                identity,
                whole_host,
                of_sockets: Vec::new(),
            }),
            Greeting::Refused(outcome) => Err(refused(outcome)),
        }
    }

    /// What the agent's host is: `linux-6.18.44`.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) fn has_whole_host(&self) -> bool {
        self.whole_host
    }

    pub(super) fn arrange(
        &mut self,
        settings: BTreeMap<String, String>,
        alone: bool,
        halted: &dyn Fn() -> Option<&'static str>,
    ) -> io::Result<()> {
        let request = extension::request(&Ask::Arrange { settings, alone });
        let end = Instant::now() + LONG_PATIENCE;
        let pending = self.line.begin(request.clone(), end)?;
        let response = loop {
            let glance = end.min(Instant::now() + GLANCE);
            if let Some(response) = self.line.wait_for(&pending, glance)? {
                break response;
            }
            if let Some(reason) = halted() {
                return Err(io::Error::other(reason));
            }
            if Instant::now() >= end {
                return Err(late(LONG_PATIENCE, false));
            }
        };
        match understood(&request, response)? {
            Answer::Done => Ok(()),
            Answer::Refused(why) => Err(io::Error::other(format!(
                "the agent cannot arrange its host: {why}"
            ))),
            other => Err(strange(&other)),
        }
    }

    /// What the settings with these names are, of those that the host has.
    pub(super) fn settings(&mut self, names: Vec<String>) -> io::Result<BTreeMap<String, String>> {
        match self.ask(&Ask::Settings(names))? {
            Answer::Settings(settings) => Ok(settings),
            other => Err(strange(&other)),
        }
    }

    /// Every socket is to have these settings of the host for itself.
    pub(super) fn give_sockets(&mut self, settings: Vec<(String, String)>) {
        self.of_sockets = settings;
    }

    pub(super) fn set_up(&mut self, setup: &Setup) -> io::Result<()> {
        let answer = self.ask(&Ask::Behave {
            accepts: setup.accepts,
            reads: setup.reads,
            backlog: setup.backlog,
            // The whole host was arranged before, or stays as it is.
            set: SocketSettings {
                system: self.of_sockets.clone(),
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
        while let Some(event) = self.line.next_event()? {
            if let Some(Sighting(conn, seen)) = extension::parameters(&event) {
                return Ok(Some((conn, seen)));
            }
        }
        Ok(None)
    }

    fn ask(&mut self, ask: &Ask) -> io::Result<Answer> {
        let request = extension::request(ask);
        let response = self.line.ask(request.clone(), Repeat::Twice, PATIENCE)?;
        understood(&request, response)
    }
}

/// What the response to a request says.
fn understood(request: &Message, response: (Outcome, Vec<u8>)) -> io::Result<Answer> {
    let (outcome, parameters) = response;
    if outcome != Outcome::OK {
        return Err(refused(outcome));
    }
    let unknown = || io::Error::other("the agent's answer has unknown words");
    extension::parameters(&request.answered(outcome, parameters)).ok_or_else(unknown)
}

impl AsFd for Extended {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

fn refused(outcome: Outcome) -> io::Error {
    io::Error::other(match outcome {
        Outcome::NOT_FOUND => "this agent has no extension group of tcpspec".to_owned(),
        Outcome::NOT_OK => "the agent refuses this tester: is the token right?".to_owned(),
        outcome => format!("the agent answers {outcome}"),
    })
}

fn strange(answer: &Answer) -> io::Error {
    match answer {
        Answer::Unsupported(what) => {
            let text = format!("the agent has no {what}");
            io::Error::new(io::ErrorKind::Unsupported, text)
        }
        other => io::Error::other(format!("an answer to another question: {other:?}")),
    }
}
