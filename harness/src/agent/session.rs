//! One control connection: requests in, calls on the host's sockets, answers and events out.

use super::extension::{self, Answer, Ask, Sighting};
use super::message::{HEADER, Kind, LARGEST, Message, Result};
use super::whole_host::{Loan, WholeHost, Wish};
use crate::device::kernel::Kernel;
use crate::device::kernel::application::Manner;
use crate::device::kernel::sockets::Sockets;
use crate::device::{AppCall, Refused};
use crate::spec::case::SocketSettings;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

/// Connections that one session may have: no spec has more than a handful.
const MOST_CONNECTIONS: usize = 64;
/// A tester that does not take its answers for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A session.
pub(super) struct Session<'s> {
    control: &'s TcpStream,
    token: Option<&'s str>,
    /// The host, if it is given over to tests.
    host: Option<&'s WholeHost>,
    loan: Option<Loan<'s>>,
    input: Vec<u8>,
    open: bool,
    connections: usize,
    sockets: Sockets,
}

/// What to do after a request.
enum Next {
    Answer(Answer),
    Refuse(Result),
    /// Answer, and hang up.
    Leave(Result),
}

impl<'s> Session<'s> {
    /// A session on that control connection.
    pub(super) fn new(
        control: &'s TcpStream,
        token: Option<&'s str>,
        host: Option<&'s WholeHost>,
    ) -> io::Result<Self> {
        control.set_nonblocking(true)?;
        control.set_nodelay(true)?;
        Ok(Self {
            control,
            token,
            host,
            loan: None,
            input: Vec::new(),
            open: false,
            connections: 0,
            sockets: Sockets::new(control.as_fd()).map_err(io::Error::other)?,
        })
    }

    /// Serves until the tester hangs up, or says something that is none of the protocol.
    pub(super) fn serve(mut self) -> io::Result<()> {
        loop {
            let mut waited = [PollFd::new(self.sockets.as_fd(), PollFlags::POLLIN)];
            poll(&mut waited, PollTimeout::NONE)?;
            let is_open = self.take_in()?;
            while let Some(message) = self.next_message()? {
                let leave = self.handle(&message)?;
                self.tell()?;
                if leave {
                    return Ok(());
                }
            }
            self.tell()?;
            if !is_open {
                return Ok(());
            }
        }
    }

    /// Reads what there is; false at the end of the stream.
    fn take_in(&mut self) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        // What has come but was not handled yet has a bound: the longest message.
        while self.input.len() <= HEADER + LARGEST {
            match self.control.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn next_message(&mut self) -> io::Result<Option<Message>> {
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let read = Message::read(&self.input).map_err(broken)?;
        Ok(read.map(|(message, length)| {
            self.input.drain(..length);
            message
        }))
    }

    /// Answers a request; true if that was the last one.
    fn handle(&mut self, message: &Message) -> io::Result<bool> {
        if message.kind != Kind::Request {
            return Ok(false);
        }
        let next = match extension::parameters::<Ask>(message) {
            _ if message.group != extension::GROUP => Next::Refuse(Result::NOT_FOUND),
            None => Next::Refuse(Result::INVALID),
            Some(Ask::Hello { version, token }) => self.hello(version, token.as_deref()),
            Some(_) if !self.open => Next::Leave(Result::NOT_OK),
            Some(ask) => self.act(ask),
        };
        let (answer, leave) = match next {
            Next::Answer(answer) => (extension::response(&answer), false),
            Next::Refuse(result) => (refusal(message, result), false),
            Next::Leave(result) => (refusal(message, result), true),
        };
        self.send(&answer)?;
        Ok(leave)
    }

    fn hello(&mut self, version: u32, token: Option<&str>) -> Next {
        if self
            .token
            .is_some_and(|wanted| !same(wanted, token.unwrap_or_default()))
        {
            return Next::Leave(Result::NOT_OK);
        }
        self.open = version == extension::VERSION;
        Next::Answer(Answer::Welcome {
            version: extension::VERSION,
            identity: Kernel::identity(),
            whole_host: self.host.is_some(),
        })
    }

    fn act(&mut self, ask: Ask) -> Next {
        Next::Answer(match ask {
            Ask::Hello { .. } => Answer::Done,
            Ask::Arrange { settings, alone } => self.arrange(Wish { settings, alone }),
            Ask::Behave { set, .. } if !set.system.is_empty() => {
                Answer::Unsupported("settings of the whole host in `behave`".to_owned())
            }
            Ask::Call(_, AppCall::Set(set)) if !self.may_set(&set) => {
                Answer::Unsupported("settings of the whole host for this session".to_owned())
            }
            Ask::Behave {
                accepts,
                reads,
                backlog,
                set,
            } => {
                self.sockets.behave(Manner {
                    accepts,
                    reads,
                    backlog,
                    set,
                });
                Answer::Done
            }
            Ask::Attach(..) if self.connections >= MOST_CONNECTIONS => {
                return Next::Refuse(Result::INSUFFICIENT);
            }
            Ask::Attach(conn, tuple) => {
                self.connections += 1;
                if let Some(loan) = &mut self.loan {
                    loan.meet(tuple.tester.ip());
                }
                self.sockets.attach(conn, tuple);
                Answer::Done
            }
            Ask::Call(conn, call) => match self.sockets.call(conn, &call) {
                Ok(()) => Answer::Done,
                Err(Refused::Failed(words)) => Answer::Refused(words),
                Err(Refused::Unsupported(what)) => Answer::Unsupported(what.to_owned()),
            },
            Ask::State(conn) => Answer::State(self.sockets.state(conn)),
            Ask::Info(conn, field) => Answer::Number(self.sockets.info(conn, &field)),
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
        while let Some((conn, seen)) = self.sockets.next_seen()? {
            self.send(&extension::event(&Sighting(conn, seen)))?;
        }
        Ok(())
    }

    fn send(&self, message: &Message) -> io::Result<()> {
        let octets = message.write();
        let mut rest = octets.as_slice();
        while !rest.is_empty() {
            match (&mut &*self.control).write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for_room()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self) -> io::Result<()> {
        let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
        let mut waited = [PollFd::new(self.control.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut waited, timeout)? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

fn refusal(request: &Message, result: Result) -> Message {
    Message {
        kind: Kind::Response(result),
        parameters: Vec::new(),
        ..request.clone()
    }
}

/// Compares secrets in a time that depends on their lengths only.
fn same(wanted: &str, given: &str) -> bool {
    let differences = wanted
        .bytes()
        .zip(given.bytes())
        .map(|(one, other)| one ^ other);
    wanted.len() == given.len() && differences.fold(0, |sum, difference| sum | difference) == 0
}
