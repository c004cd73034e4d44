//! Any host, by its address: raw packets over somebody's Ethernet, the real clock, and nothing
//! that tells what its application does.
//!
//! A service listens on the device's port already, so LISTEN is carried out by doing nothing; no
//! other call can be. One value is one case. What it opened it resets when it is dropped, so
//! that nothing stays half-open on the device.

mod fitness;

use super::{
    AppCall, ConnId, Device, DeviceError, FourTuple, LinkInfo, Output, Ports, Refused, Setup,
    Waitable,
};
use crate::link::clock::CaseClock;
use crate::link::ethernet::{Mailbox, Station};
use crate::spec::case::{Case, State};
use crate::time::Instant;
use crate::wire::{self, Outgoing, bit};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

pub use fitness::{Reach, unfit};

/// How long a challenge ACK to our last RST is waited for.
const CHALLENGE_MS: u8 = 20;
/// Guesses at a device's RCV.NXT that are kept.
const GUESSES: usize = 16;

/// A host, and what is known of it beside its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its address.
    pub address: IpAddr,
    /// Its ports.
    pub reach: Reach,
    /// Largest IP packet on the way to it, octets.
    pub mtu: u16,
}

impl Host {
    /// What a case is told of the link: a case without a listener goes to the closed port.
    fn link(&self, case: &Case, tester: SocketAddr) -> LinkInfo {
        let closed = self.reach.closed_port.filter(|_| !fitness::listens(case));
        LinkInfo {
            tester: tester.ip(),
            device: self.address,
            mtu: self.mtu,
            ports: Some(Ports {
                tester: tester.port(),
                device: closed.unwrap_or(self.reach.port),
            }),
        }
    }
}

/// A host behind a [`Station`], in the middle of one case.
#[derive(Debug)]
pub struct External {
    clock: CaseClock,
    station: Arc<Station>,
    mailbox: Arc<Mailbox>,
    info: LinkInfo,
    open: BTreeMap<FourTuple, Traces>,
    dropped_before: u64,
}

impl External {
    /// Begins a case over that station; `tester` is an end that no other case has.
    pub fn start(
        case: &Case,
        station: &Arc<Station>,
        host: &Host,
        tester: SocketAddr,
    ) -> Result<Self, DeviceError> {
        let mailbox = station.mailbox().map_err(|source| DeviceError {
            what: "make a mailbox",
            source,
        })?;
        Ok(Self {
            clock: CaseClock::start(),
            dropped_before: station.dropped(),
            station: Arc::clone(station),
            mailbox,
            info: host.link(case, tester),
            open: BTreeMap::new(),
        })
    }

    /// The clock of the case, by which packets are stamped.
    pub fn clock(&self) -> CaseClock {
        self.clock
    }

    /// Remembers what would end the connection that a packet of the device belongs to.
    fn heard(&mut self, packet: &[u8]) {
        let packet = wire::decode(packet.to_vec());
        let (Some((device, tester)), Some(tcp)) = (packet.ends(), packet.tcp()) else {
            return;
        };
        if let Some(traces) = self.open.get_mut(&FourTuple { tester, device }) {
            // Its RST may refuse one segment only (RFC 9293 §3.5.2) and leave the connection.
            if tcp.has(bit::ACK) && !tcp.has(bit::RST) {
                traces.answered = true;
                traces.note(tcp.ack);
            }
        }
    }

    /// Remembers where the device's RCV.NXT may be after a packet of ours.
    fn said(&mut self, packet: &[u8]) {
        let packet = wire::decode(packet.to_vec());
        let (Some((tester, device)), Some(tcp)) = (packet.ends(), packet.tcp()) else {
            return;
        };
        if let Some(traces) = self.open.get_mut(&FourTuple { tester, device }) {
            traces.note(tcp.end());
        }
    }
}

/// Where the RCV.NXT of a connection may be: an RST has to hit it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Traces {
    /// The device has something open.
    answered: bool,
    /// The latest guesses: what the device acknowledged, and where our segments ended (it may
    /// have taken one and not have acknowledged it yet).
    rcv_nxt: VecDeque<u32>,
}

impl Traces {
    fn note(&mut self, seq: u32) {
        if !self.rcv_nxt.contains(&seq) {
            self.rcv_nxt.truncate(GUESSES - 1);
            self.rcv_nxt.push_front(seq);
        }
    }
}

impl Device for External {
    fn link(&self) -> LinkInfo {
        self.info
    }

    fn setup(&mut self, _now: Instant, _setup: &Setup) -> Result<(), DeviceError> {
        Ok(())
    }

    fn attach(&mut self, _conn: ConnId, tuple: FourTuple) {
        self.station.open(tuple.tester, &self.mailbox);
        self.open.entry(tuple).or_default();
    }

    fn inject(&mut self, _now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.said(packet);
        self.station.send(packet).map_err(|source| DeviceError {
            what: "inject a packet",
            source,
        })?;
        Ok(self.clock.now())
    }

    fn call(&mut self, _now: Instant, _conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        match call {
            AppCall::Listen { .. } => Ok(()),
            other => Err(Refused::Unsupported(other.name())),
        }
    }

    fn poll(&mut self, _now: Instant) -> Result<Option<Output>, DeviceError> {
        let broken = |what| move |source| DeviceError { what, source };
        if self.station.is_broken() {
            let gone = io::Error::other("the interface is down or gone");
            return Err(broken("read from the interface")(gone));
        }
        let taken = self
            .mailbox
            .take()
            .map_err(broken("read from the mailbox"))?;
        Ok(taken.map(|(stamp, packet)| {
            self.heard(&packet);
            let at = self.clock.at_stamp(stamp);
            Output::Packet { at, packet }
        }))
    }

    fn state(&mut self, _now: Instant, _conn: ConnId) -> Option<State> {
        None
    }

    fn info(&mut self, _now: Instant, _conn: ConnId, _field: &str) -> Option<i64> {
        None
    }

    fn counter(&mut self, _now: Instant, _name: &str) -> Option<i64> {
        None
    }

    /// All cases share the station: what it lost, any of them may have lost.
    fn dropped(&mut self) -> u64 {
        self.station.dropped() - self.dropped_before + self.mailbox.lost()
    }
}

impl Waitable for External {
    fn readiness(&self) -> BorrowedFd<'_> {
        self.mailbox.as_fd()
    }
}

impl External {
    /// Resets what the device has open. True if there was anything.
    fn reset(&mut self) -> bool {
        while let Ok(Some(_)) = self.poll(self.clock.now()) {}
        let mut any = false;
        for (tuple, traces) in &mut self.open {
            if !std::mem::take(&mut traces.answered) {
                continue;
            }
            any = true;
            for &seq in &traces.rcv_nxt {
                let reset = wire::emit(&Outgoing {
                    seq,
                    ..Outgoing::bare(tuple.tester, tuple.device, bit::RST)
                });
                // A device that cannot be reached keeps its connection until it gives up.
                let _ = self.station.send(&reset);
            }
        }
        any
    }
}

impl Drop for External {
    /// RFC 9293 §3.10.7.4: an RST at RCV.NXT ends the connection in every state. One beside it
    /// draws a challenge ACK that says where RCV.NXT is, and the next RST is right.
    fn drop(&mut self) {
        let challenge = PollTimeout::from(CHALLENGE_MS);
        while self.reset() {
            let mut bell = [PollFd::new(self.mailbox.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut bell, challenge), Ok(1..)) {
                break;
            }
        }
        for tuple in self.open.keys() {
            self.station.close(tuple.tester);
        }
    }
}
