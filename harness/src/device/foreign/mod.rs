//! Stacks that others wrote, as devices in this process: each behind a cargo feature of its name.
//!
//! An adapter has two halves. The stack's own half implements [`Stack`]: frames, timers, and the
//! calls of the stack's own interface. The other half is the same for all: an [`Application`] that
//! does with that interface what specs ask for, as any application would.
//!
//! What it deliberately does not do: mend a stack. What a stack's interface cannot say is refused
//! or left unanswered, and a case that needs it is skipped beforehand (`unfit`).

mod application;
mod asks;
#[cfg(feature = "netstack3")]
pub mod netstack3;
#[cfg(feature = "smoltcp")]
pub mod smoltcp;

use super::FourTuple;
use crate::spec::case::{SocketSettings, State};
use std::net::SocketAddr;

use super::Seen;

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Received {
    /// So many octets, at least one.
    Octets(usize),
    /// Nothing yet.
    Nothing,
    /// The peer closed its side, and all before that has been read.
    Eof,
    /// There is no connection to read from.
    Gone,
}

/// The calls that an application has, in the words of the stack.
trait Stack {
    /// A connection of the stack.
    type Id: Copy + PartialEq + std::fmt::Debug;

    /// Passive OPEN.
    fn listen(&mut self, local: SocketAddr, backlog: usize, set: &SocketSettings) -> Outcome<()>;

    /// Ends a passive OPEN and what waits there to be accepted.
    fn unlisten(&mut self, local: SocketAddr);

    /// Takes an established connection from the listener.
    fn accept(&mut self, local: SocketAddr) -> Option<(Self::Id, FourTuple)>;

    /// Active OPEN.
    fn connect(&mut self, tuple: FourTuple, set: &SocketSettings) -> Outcome<Self::Id>;

    /// RECEIVE.
    fn recv(&mut self, id: Self::Id, buffer: &mut [u8]) -> Received;

    /// SEND; tells how many octets were taken.
    fn send(&mut self, id: Self::Id, octets: &[u8]) -> Outcome<usize>;

    /// CLOSE.
    fn shutdown(&mut self, id: Self::Id) -> Outcome<()>;

    /// Gives up both directions.
    fn close(&mut self, id: Self::Id) -> Outcome<()>;

    /// ABORT.
    fn abort(&mut self, id: Self::Id) -> Outcome<()>;

    /// Sets options of a connection.
    fn set(&mut self, id: Self::Id, set: &SocketSettings) -> Outcome<()>;

    /// Its state.
    fn state(&mut self, id: Self::Id) -> State;

    /// What has ended it, if nobody was told yet: reset, refused, timed out.
    fn ending(&mut self, id: Self::Id) -> Option<Seen>;
}

/// What came of a call; the error is in the stack's own words.
type Outcome<T> = Result<T, String>;
