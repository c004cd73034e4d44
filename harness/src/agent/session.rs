//! One session: requests in, calls on the host's sockets, answers and events out.

use super::Offer;
use super::control::Control;
use super::extension::{self, Answer, Ask, Sighting};
use super::message::{Kind, Message, Result as Outcome};
use super::primitives::Request;
use super::upper_tester::UpperTester;
use super::whole_host::{Loan, WholeHost, Wish};
use crate::device::kernel::Kernel;
use crate::device::kernel::application::Manner;
use crate::device::kernel::settings::of_a_socket;
use crate::device::kernel::sockets::Sockets;
use crate::device::kernel::sysctls;
use crate::device::{AppCall, Refused};
use crate::spec::case::SocketSettings;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Connections that one session may have: no spec has more than a handful.
const MOST_CONNECTIONS: usize = 64;
/// Who has not said by then who it is will not.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// Responses that are kept for requests that come again: a tester waits for one at a time.
const RESPONSES_KEPT: usize = 4;
/// Events that are told before the tester is listened to again.
const EVENTS_AT_ONCE: usize = 64;

/// A session.
pub(super) struct Session<'s> {
    control: Control<'s>,
    offer: &'s Offer,
    /// The host, if it is given over to tests.
    host: Option<&'s WholeHost>,
    loan: Option<Loan<'s>>,
    open: bool,
    /// The tester numbers its requests, and repeats those whose response did not come.
    repeats: bool,
    /// Responses to the latest requests, by [`digest`].
    responses: VecDeque<(u64, Message)>,
    connections: usize,
    /// What the extension group drives; not over UDP.
    sockets: Option<Sockets>,
    upper_tester: UpperTester,
    /// Whether the standard primitives have sockets, for whoever wants to know.
    busy: Option<&'s AtomicBool>,
}

/// What to do after a request.
enum Next {
    Answer(Answer),
    Refuse(Outcome),
    /// Answer, and hang up.
    Leave(Outcome),
}

impl<'s> Session<'s> {
    /// A session on that control connection.
    pub(super) fn new(control: Control<'s>, offer: &'s Offer) -> io::Result<Self> {
        let drives = offer.extension && !control.is_lossy();
        let sockets = drives.then(|| Sockets::new(control.as_fd())).transpose();
        let mut session = Self {
            sockets: sockets.map_err(io::Error::other)?,
            control,
            offer,
            host: None,
            loan: None,
            open: false,
            repeats: false,
            responses: VecDeque::new(),
            connections: 0,
            upper_tester: UpperTester::new()?,
            busy: None,
        };
        if offer.admission.token.is_none() {
            session.admit();
        }
        Ok(session)
    }

    /// Lends that host to its tester.
    pub(super) fn lending(mut self, host: Option<&'s WholeHost>) -> Self {
        self.host = host;
        self
    }

    /// Tells there whether the standard primitives have sockets.
    pub(super) fn telling(mut self, busy: &'s AtomicBool) -> Self {
        self.busy = Some(busy);
        self
    }

    /// Serves until the tester hangs up, or says something that is none of the protocol.
    pub(super) fn serve(mut self) -> io::Result<()> {
        loop {
            if !self.wait()? {
                return Ok(());
            }
            let is_open = self.control.take_in()?;
            while let Some(message) = self.control.next_message()? {
                let leave = self.handle(&message)?;
                self.tell()?;
                if leave {
                    return Ok(());
                }
            }
            self.tell()?;
            if let Some(busy) = self.busy {
                busy.store(self.upper_tester.is_busy(), Ordering::Relaxed);
            }
            if !is_open {
                return Ok(());
            }
        }
    }

    /// Waits for news; false if a tester does not say who it is.
    fn wait(&self) -> io::Result<bool> {
        let timeout = if self.open {
            PollTimeout::NONE
        } else {
            PollTimeout::try_from(INTRODUCTION).unwrap_or(PollTimeout::MAX)
        };
        let mut waited = vec![
            PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.upper_tester.as_fd(), PollFlags::POLLIN),
        ];
        let sockets = self.sockets.as_ref();
        waited.extend(sockets.map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN)));
        match poll(&mut waited, timeout) {
            Ok(0) => Ok(false),
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn admit(&mut self) {
        self.open = true;
        self.control.trust();
    }

    /// Answers a request; true if that was the last one.
    fn handle(&mut self, message: &Message) -> io::Result<bool> {
        if message.kind != Kind::Request {
            return Ok(false);
        }
        let digest = digest(message);
        let kept = self.responses.iter().find(|(of, _)| *of == digest);
        if let Some((_, response)) = kept.filter(|_| self.repeats) {
            self.control.send(response)?;
            return Ok(false);
        }
        let (response, leave) = if message.group == extension::GROUP && self.offer.extension {
            self.handle_extension(message)
        } else if self.open {
            let done = Request::read(message).and_then(|it| self.upper_tester.carry_out(it));
            let (outcome, parameters) = match done {
                Ok(parameters) => (Outcome::OK, parameters),
                Err(outcome) => (outcome, Vec::new()),
            };
            (message.answered(outcome, parameters), false)
        } else {
            (message.answered(Outcome::NOT_OK, Vec::new()), false)
        };
        self.control.send(&response)?;
        if self.repeats {
            self.responses.truncate(RESPONSES_KEPT - 1);
            self.responses.push_front((digest, response));
        }
        Ok(leave)
    }

    fn handle_extension(&mut self, message: &Message) -> (Message, bool) {
        let next = match extension::parameters::<Ask>(message) {
            None => Next::Refuse(Outcome::INVALID),
            Some(Ask::Hello { version, token }) => self.hello(version, token.as_deref()),
            Some(_) if !self.open => Next::Leave(Outcome::NOT_OK),
            Some(ask) => self.act(ask),
        };
        match next {
            Next::Answer(answer) => (extension::response(message, &answer), false),
            Next::Refuse(outcome) => (message.answered(outcome, Vec::new()), false),
            Next::Leave(outcome) => (message.answered(outcome, Vec::new()), true),
        }
    }

    fn hello(&mut self, version: u32, token: Option<&str>) -> Next {
        if !self.offer.admission.knows(token) {
            return Next::Leave(Outcome::NOT_OK);
        }
        if version == extension::VERSION {
            self.admit();
            self.repeats = self.control.is_lossy();
        }
        Next::Answer(Answer::Welcome {
            version: extension::VERSION,
            identity: Kernel::identity(),
            whole_host: self.host.is_some(),
            calls: self.sockets.is_some(),
        })
    }

    fn act(&mut self, ask: Ask) -> Next {
        let may_set = match &ask {
            Ask::Call(_, AppCall::Set(set)) => self.may_set(set),
            _ => true,
        };
        let Some(sockets) = &mut self.sockets else {
            return Next::Refuse(Outcome::NOT_FOUND);
        };
        Next::Answer(match ask {
            Ask::Hello { .. } => Answer::Done,
            Ask::Arrange { settings, alone } => self.arrange(Wish { settings, alone }),
            Ask::Settings(names) => Answer::Settings(told(names)),
            Ask::Behave { set, .. } if !set.system.iter().all(|(name, _)| of_a_socket(name)) => {
                Answer::Unsupported("settings of the whole host in `behave`".to_owned())
            }
            Ask::Call(_, AppCall::Set(_)) if !may_set => {
                Answer::Unsupported("settings of the whole host for this session".to_owned())
            }
            Ask::Behave {
                accepts,
                reads,
                backlog,
                set,
            } => {
                sockets.behave(Manner {
                    accepts,
                    reads,
                    backlog,
                    set,
                });
                Answer::Done
            }
            Ask::Attach(..) if self.connections >= MOST_CONNECTIONS => {
                return Next::Refuse(Outcome::INSUFFICIENT);
            }
            Ask::Attach(conn, tuple) => {
                self.connections += 1;
                if let Some(loan) = &mut self.loan {
                    loan.meet(tuple.tester.ip());
                }
                sockets.attach(conn, tuple);
                Answer::Done
            }
            Ask::Call(conn, call) => match sockets.call(conn, &call) {
                Ok(()) => Answer::Done,
                Err(Refused::Failed(words)) => Answer::Refused(words),
                Err(Refused::Unsupported(what)) => Answer::Unsupported(what.to_owned()),
            },
            Ask::State(conn) => Answer::State(sockets.state(conn)),
            Ask::Info(conn, field) => Answer::Number(sockets.info(conn, &field)),
        })
    }

    fn arrange(&mut self, wish: Wish) -> Answer {
        let Some(host) = self.host else {
            return Answer::Unsupported("settings of the whole host".to_owned());
        };
        // One session never waits for itself.
        self.loan = None;
        match host.lend(wish) {
            Ok(loan) => {
                self.loan = Some(loan);
                Answer::Done
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let text = "right to do so on its host: it needs CAP_NET_ADMIN there";
                Answer::Unsupported(text.to_owned())
            }
            Err(error) => Answer::Refused(error.to_string()),
        }
    }

    /// Notes what the host's settings are before the application changes them.
    fn may_set(&self, set: &SocketSettings) -> bool {
        let loan = self.loan.as_ref();
        set.system.is_empty() || loan.is_some_and(|loan| loan.set(&set.system).is_ok())
    }

    /// Tells what the application saw meanwhile.
    fn tell(&mut self) -> io::Result<()> {
        if let Some(sockets) = &mut self.sockets {
            while let Some((conn, seen)) = sockets.next_seen()? {
                self.control
                    .send(&extension::event(&Sighting(conn, seen)))?;
            }
        }
        for _ in 0..EVENTS_AT_ONCE {
            match self.upper_tester.next_event()? {
                Some(event) => self.control.send(&event)?,
                None => break,
            }
        }
        Ok(())
    }
}

/// What settings of the host are; a secret is none of them.
fn told(names: Vec<String>) -> BTreeMap<String, String> {
    let is_told = |name: &String| !name.ends_with("_key") && !name.ends_with("_secret");
    let value = |name: String| sysctls::get(&name).ok().map(|value| (name, value));
    names
        .into_iter()
        .filter(is_told)
        .filter_map(value)
        .collect()
}

/// What tells a request from others of the same session: its number, and all that it says.
fn digest(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    let method = (message.number, message.group, message.primitive);
    (method, &message.parameters).hash(&mut hasher);
    hasher.finish()
}
