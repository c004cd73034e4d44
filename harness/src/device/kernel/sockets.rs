//! The sockets of this machine in the hands of one case: the application, and what the kernel
//! tells of its connections. The `kernel` device and the agent both drive it.

use super::application::{Application, Manner};
use super::counters::Counters;
use super::diag::Diag;
use super::states::States;
use crate::device::{AppCall, ConnId, DeviceError, FourTuple, Refused, Seen};
use crate::spec::case::State;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Application and observation, in the network namespace of the thread that made it.
#[derive(Debug)]
pub(crate) struct Sockets {
    application: Application,
    diag: Diag,
    counters: Counters,
    states: States,
    /// Connections that were seen beyond SYN-RECEIVED.
    synchronized: BTreeSet<ConnId>,
}

impl Sockets {
    /// None yet; readiness is also that of `other`.
    pub(crate) fn new(other: BorrowedFd<'_>) -> Result<Self, DeviceError> {
        let broken = |what| move |source| DeviceError { what, source };
        Ok(Self {
            application: Application::new(other).map_err(broken("wait for sockets"))?,
            diag: Diag::open().map_err(broken("open the socket diagnosis"))?,
            counters: Counters::default(),
            states: States::default(),
            synchronized: BTreeSet::new(),
        })
    }

    /// From now on the application behaves so.
    pub(crate) fn behave(&mut self, manner: Manner) {
        self.application.behave(manner);
    }

    /// `tuple` belongs to `conn` now.
    pub(crate) fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.application.attach(conn, tuple);
    }

    /// Carries out a call.
    pub(crate) fn call(&mut self, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        self.application.call(conn, call)
    }

    /// The next thing that the application saw.
    pub(crate) fn next_seen(&mut self) -> io::Result<Option<(ConnId, Seen)>> {
        let seen = self.application.next_seen()?;
        if let Some((conn, Seen::Accepted)) = seen {
            self.synchronized.insert(conn);
        }
        Ok(seen)
    }

    /// A connection that is gone is CLOSED, though a listener may wait for the next one. Only one
    /// that never got beyond SYN-RECEIVED returns to LISTEN (RFC 9293 §3.10.7.4, second check).
    pub(crate) fn state(&mut self, conn: ConnId) -> Option<State> {
        let state = self.diag.state(self.application.tuple(conn)?).ok()?;
        match state {
            State::Listen if self.synchronized.contains(&conn) => return Some(State::Closed),
            State::Listen | State::Closed => {}
            State::SynReceived => drop(self.synchronized.remove(&conn)),
            _ => drop(self.synchronized.insert(conn)),
        }
        Some(state)
    }

    /// Fields of `tcp_info`: `cwnd` and `ssthresh` in octets, `rto`, `srtt`, `rttvar` in
    /// nanoseconds, `retransmits`, `mss`, `unacked`, …
    pub(crate) fn info(&mut self, conn: ConnId, field: &str) -> Option<i64> {
        if field == "soft_error" {
            return self.application.soft_error(conn);
        }
        let tuple = self.application.tuple(conn)?;
        let queues = |diag: &mut Diag| diag.accept_queue(tuple.device).ok().flatten();
        match field {
            "accept_queue" => queues(&mut self.diag).map(|(waiting, _)| i64::from(waiting)),
            "accept_backlog" => queues(&mut self.diag).map(|(_, backlog)| i64::from(backlog)),
            "syn_queue" => self.states.syn_queue(tuple.device.port()),
            _ => self.diag.info(tuple, field).ok().flatten(),
        }
    }

    /// How many connections are in a state, or the names of `/proc/net/netstat` and
    /// `/proc/net/snmp`; which there are depends on the kernel's version.
    pub(crate) fn counter(&mut self, name: &str) -> Option<i64> {
        self.states.count(name).or_else(|| self.counters.read(name))
    }
}

impl AsFd for Sockets {
    /// Readable when a socket has something, or the other descriptor.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.application.readiness()
    }
}
