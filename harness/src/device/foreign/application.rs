//! The application beside a foreign stack: it accepts and reads at once unless told otherwise, and
//! goes on sending what SEND did not take.
//!
//! It polls, as applications of such stacks do: whenever the stack may have moved, [`act`] looks at
//! all of its connections once.
//!
//! [`act`]: Application::act

use super::{Received, Stack};
use crate::device::{AppCall, ConnId, FourTuple, Output, Refused, Seen, Setup};
use crate::spec::case::{SocketSettings, State};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How much it reads at once.
const READ: usize = 16_384;
/// Accept queue of a `listen` that does not say.
const BACKLOG: usize = 16;

/// What the application knows.
#[derive(Debug)]
pub(super) struct Application<Id> {
    accepts: bool,
    reads: bool,
    backlog: usize,
    settings: SocketSettings,
    sockets: Vec<Socket<Id>>,
    listeners: Vec<SocketAddr>,
    seen: VecDeque<Output>,
}

/// A connection of the case, from the application's side.
#[derive(Debug)]
struct Socket<Id> {
    conn: ConnId,
    tuple: FourTuple,
    id: Option<Id>,
    settings: SocketSettings,
    /// An active OPEN of which nothing was heard yet.
    opening: bool,
    /// It was given up: nobody is told of it any more.
    released: bool,
    /// Octets that SEND has not taken yet.
    unsent: VecDeque<Vec<u8>>,
    /// CLOSE waits for them.
    closing: bool,
    /// Octets that a RECEIVE waits for.
    wants: usize,
    eof: bool,
}

impl<Id: Copy + PartialEq + std::fmt::Debug> Application<Id> {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            accepts: setup.accepts,
            reads: setup.reads,
            backlog: setup.backlog.map_or(BACKLOG, |backlog| backlog as usize),
            settings: setup.set.clone(),
            sockets: Vec::new(),
            listeners: Vec::new(),
            seen: VecDeque::new(),
        }
    }

    pub(super) fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.sockets.push(Socket {
            conn,
            tuple,
            id: None,
            settings: self.settings.clone(),
            opening: false,
            released: false,
            unsent: VecDeque::new(),
            closing: false,
            wants: 0,
            eof: false,
        });
    }

    /// The next thing that it has seen.
    pub(super) fn next_seen(&mut self) -> Option<Output> {
        self.seen.pop_front()
    }

    fn is_listening(&self, local: SocketAddr) -> bool {
        self.listeners.contains(&local)
    }

    /// The state of a connection, where `told` is what the stack says of its two ends: an end of
    /// which the stack knows nothing is LISTEN or CLOSED.
    pub(super) fn state_of(
        &self,
        conn: ConnId,
        told: impl FnOnce(FourTuple) -> Option<State>,
    ) -> Option<State> {
        let socket = self.sockets.iter().find(|socket| socket.conn == conn)?;
        let idle = if self.is_listening(socket.tuple.device) {
            State::Listen
        } else {
            State::Closed
        };
        Some(told(socket.tuple).unwrap_or(idle))
    }

    /// Looks at everything once. True if it did something.
    pub(super) fn act(&mut self, stack: &mut impl Stack<Id = Id>) -> bool {
        let before = self.seen.len();
        if self.accepts {
            for at in 0..self.listeners.len() {
                while self.accept(stack, self.listeners[at]) {}
            }
        }
        for at in 0..self.sockets.len() {
            let Some(id) = self.sockets[at].id else {
                continue;
            };
            self.look(stack, at, id);
        }
        self.seen.len() > before
    }

    fn look(&mut self, stack: &mut impl Stack<Id = Id>, at: usize, id: Id) {
        if self.sockets[at].opening && is_synchronized(stack.state(id)) {
            self.sockets[at].opening = false;
            self.saw(at, Seen::Connected);
        }
        let wants = if self.reads {
            usize::MAX
        } else {
            self.sockets[at].wants
        };
        self.read(stack, at, id, wants);
        // A connection that is gone tells so by what ended it.
        let _ = self.flush(stack, at, id);
        if let Some(seen) = stack.ending(id) {
            self.saw(at, seen);
        }
    }

    fn saw(&mut self, at: usize, event: Seen) {
        let Socket { conn, released, .. } = self.sockets[at];
        if !released {
            self.seen.push_back(Output::App { conn, event });
        }
    }

    /// Takes a connection and gives it to the youngest socket of its four-tuple.
    fn accept(&mut self, stack: &mut impl Stack<Id = Id>, local: SocketAddr) -> bool {
        let Some((id, tuple)) = stack.accept(local) else {
            return false;
        };
        let mut sockets = self.sockets.iter_mut().enumerate().rev();
        if let Some((at, socket)) = sockets.find(|(_, socket)| socket.tuple == tuple) {
            (socket.id, socket.eof) = (Some(id), false);
            self.saw(at, Seen::Accepted);
        }
        true
    }

    /// Reads until there is nothing more, or `wanted` octets are read.
    fn read(&mut self, stack: &mut impl Stack<Id = Id>, at: usize, id: Id, mut wanted: usize) {
        let mut buffer = [0; READ];
        while wanted > 0 {
            match stack.recv(id, &mut buffer[..wanted.min(READ)]) {
                Received::Octets(count) => {
                    wanted -= count;
                    self.saw(at, Seen::Data(buffer[..count].to_vec()));
                }
                Received::Eof => {
                    if !std::mem::replace(&mut self.sockets[at].eof, true) {
                        self.saw(at, Seen::Eof);
                    }
                    break;
                }
                Received::Nothing | Received::Gone => break,
            }
        }
        self.sockets[at].wants = if self.reads { 0 } else { wanted };
    }

    /// Sends what SEND has not taken yet, then closes if that was asked for.
    fn flush(&mut self, stack: &mut impl Stack<Id = Id>, at: usize, id: Id) -> Result<(), Refused> {
        if !is_synchronized(stack.state(id)) && self.sockets[at].opening {
            return Ok(());
        }
        let mut sent = 0;
        while let Some(octets) = self.sockets[at].unsent.pop_front() {
            let count = stack.send(id, &octets).map_err(Refused::Failed)?;
            sent += count;
            if count < octets.len() {
                self.sockets[at].unsent.push_front(octets[count..].to_vec());
                break;
            }
        }
        if sent > 0 {
            self.saw(at, Seen::Sent(sent));
        }
        let socket = &mut self.sockets[at];
        if socket.unsent.is_empty() && std::mem::take(&mut socket.closing) {
            stack.shutdown(id).map_err(Refused::Failed)?;
        }
        Ok(())
    }

    /// Carries out a call of a spec.
    pub(super) fn call(
        &mut self,
        stack: &mut impl Stack<Id = Id>,
        conn: ConnId,
        call: &AppCall,
    ) -> Result<(), Refused> {
        let found = self.sockets.iter().position(|socket| socket.conn == conn);
        let at = found.ok_or_else(|| failed("the connection is not attached"))?;
        let local = self.sockets[at].tuple.device;
        match (call, self.sockets[at].id) {
            (AppCall::Listen { backlog }, _) => self.listen(stack, at, *backlog),
            (AppCall::Connect, _) => self.connect(stack, at),
            (AppCall::ConnectWith(octets), _) => {
                self.connect(stack, at)?;
                self.sockets[at].unsent.push_back(octets.clone());
                Ok(())
            }
            (AppCall::ConnectFromAny | AppCall::ConnectTo(_), _) => {
                Err(Refused::Unsupported("choice of addresses"))
            }
            (AppCall::Accept, _) => {
                let took = self.is_listening(local) && self.accept(stack, local);
                took.then_some(()).ok_or_else(|| failed("nobody waits"))
            }
            (AppCall::Send { urgent: true, .. }, _) => Err(Refused::Unsupported("urgent data")),
            (AppCall::Send { data, .. }, Some(id)) => {
                self.sockets[at].unsent.push_back(data.clone());
                let sent = self.flush(stack, at, id);
                if sent.is_err() {
                    self.sockets[at].unsent.clear();
                }
                sent
            }
            (AppCall::Recv(count), Some(id)) => {
                self.read(stack, at, id, *count);
                let gone = stack.recv(id, &mut []) == Received::Gone;
                let waits = self.sockets[at].wants > 0 && !self.sockets[at].opening;
                if gone && waits {
                    return Err(failed("there is no connection any more"));
                }
                Ok(())
            }
            (AppCall::ShutdownWrite, Some(_)) if !self.sockets[at].unsent.is_empty() => {
                self.sockets[at].closing = true;
                Ok(())
            }
            (AppCall::ShutdownWrite, Some(id)) => stack.shutdown(id).map_err(Refused::Failed),
            (AppCall::Close, Some(id)) => {
                self.sockets[at].released = true;
                stack.close(id).map_err(Refused::Failed)
            }
            (AppCall::Abort, Some(id)) => {
                self.sockets[at].released = true;
                stack.abort(id).map_err(Refused::Failed)
            }
            (AppCall::ShutdownWrite | AppCall::Close | AppCall::Abort, None)
                if self.is_listening(local) =>
            {
                self.listeners.retain(|known| *known != local);
                stack.unlisten(local);
                Ok(())
            }
            (AppCall::Set(set), id) => {
                merge(&mut self.sockets[at].settings, set);
                id.map_or(Ok(()), |id| stack.set(id, set).map_err(Refused::Failed))
            }
            (_, None) => Err(failed("there is no connection")),
        }
    }

    fn listen(
        &mut self,
        stack: &mut impl Stack<Id = Id>,
        at: usize,
        backlog: Option<u32>,
    ) -> Result<(), Refused> {
        let backlog = backlog.map_or(self.backlog, |backlog| backlog as usize);
        let socket = &self.sockets[at];
        let local = socket.tuple.device;
        stack
            .listen(local, backlog, &socket.settings)
            .map_err(Refused::Failed)?;
        self.listeners.push(local);
        Ok(())
    }

    fn connect(&mut self, stack: &mut impl Stack<Id = Id>, at: usize) -> Result<(), Refused> {
        let socket = &mut self.sockets[at];
        let id = stack.connect(socket.tuple, &socket.settings);
        socket.id = Some(id.map_err(Refused::Failed)?);
        socket.opening = true;
        Ok(())
    }
}

fn failed(why: &str) -> Refused {
    Refused::Failed(why.to_owned())
}

fn is_synchronized(state: State) -> bool {
    !matches!(
        state,
        State::Closed | State::Listen | State::SynSent | State::SynReceived
    )
}

/// Puts newer settings over older ones.
fn merge(settings: &mut SocketSettings, newer: &SocketSettings) {
    let newer = newer.clone();
    settings.nodelay = newer.nodelay.or(settings.nodelay);
    settings.rcvbuf = newer.rcvbuf.or(settings.rcvbuf);
    settings.sndbuf = newer.sndbuf.or(settings.sndbuf);
    settings.keepalive = newer.keepalive.or(settings.keepalive.take());
    settings.user_timeout = newer.user_timeout.or(settings.user_timeout);
    settings.ttl = newer.ttl.or(settings.ttl);
    settings.tos = newer.tos.or(settings.tos);
}
