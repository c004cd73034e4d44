//! Any host, by its address: raw packets over somebody's Ethernet, and the real clock. An agent on
//! the host may drive its application; without one, nothing tells what that does, and a service
//! listens on the device's port already, so that LISTEN is carried out by doing nothing and no
//! other call can be.
//!
//! One value is one case. What it opened it resets when it is dropped, so
//! that nothing stays half-open on the device.

mod agent;
mod blocks;
mod fitness;
mod ping;

use super::{
    AppCall, ConnId, Crowd, Device, DeviceError, FourTuple, LinkInfo, Output, Ports, Refused,
    Setup, Waitable,
};
use crate::agent::extension::Ask;
use crate::device::kernel::settings::of_a_socket;
use crate::link::clock::CaseClock;
use crate::link::ethernet::{Mailbox, Station};
use crate::spec::case::{Case, State};
use crate::time::Instant;
use crate::wire::{self, Outgoing, bit};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

pub use agent::{Abilities, Agent, Contact, LOST, Standards, Transport};
pub use blocks::{Block, Blocks};
pub use fitness::{Reach, demand, fit, flooders, listens};
pub use ping::{Answered, Pinger, RoundTrip};

/// How long a challenge ACK to our last RST is waited for, beside its way.
const CHALLENGE: Duration = Duration::from_millis(20);
/// How often an end is tried to be made, and how much is listened to before each try. The first
/// may be lost on the way.
const LAST_TRIES: u32 = 3;
const LEAST_TRIES: u32 = 2;
const LAST_WORDS: u32 = 16_384;
/// Guesses at a device's RCV.NXT that are kept.
const GUESSES: usize = 16;

/// The ports from which the host is pinged.
pub const PING_PORTS: u16 = PORTS_PER_CASE;
/// Ports that one case may use on either side: no spec has more connections.
pub const PORTS_PER_CASE: u16 = 16;
/// With an agent every case has listeners of its own: one of so many blocks of ports from here on,
/// each of which a case of another tester may have. The runner adds up to 10,000 for connections
/// that the device opens.
const AGENT_PORTS: u16 = 20_000;
const AGENT_BLOCKS: usize = 5_000 / PORTS_PER_CASE as usize;

/// A host, and what is known of it beside its profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its address.
    pub address: IpAddr,
    /// What can be reached there.
    pub reach: Reach,
    /// Where the agent is, if [`Reach::Agent`] says that there is one.
    pub agent: Option<Contact>,
    /// Settings that hold for every case: of the host, where its agent may change them, or else
    /// those that sockets can have for themselves.
    pub pinned: Vec<(String, String)>,
    /// Largest IP packet on the way to it, octets.
    pub mtu: u16,
    /// Addresses that it reaches by way of the tester: floods come from them.
    pub crowd: Option<Crowd>,
    /// What a segment and its answer take on the way, as it was measured.
    pub round_trip: Duration,
}

/// Why a case did not begin.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The host cannot play it.
    #[error("{0}")]
    Unfit(String),
    /// The way to the host is broken.
    #[error(transparent)]
    Broken(#[from] DeviceError),
}

impl Host {
    /// A session with the agent, with the host as the case wants it.
    fn arranged(
        &self,
        contact: &Contact,
        abilities: Abilities,
        case: &Case,
        station: &Station,
    ) -> Result<Agent, NotStarted> {
        let agent = Agent::open(contact, abilities);
        let mut agent = agent.map_err(broken("speak to the agent"))?;
        let demand = demand(case);
        if agent.has_whole_host() {
            let settings = self.settings_for(case);
            let alone = demand.is_some_and(|demand| demand.alone);
            let halted = || station.halted();
            agent.arrange(settings, alone, &halted).map_err(|error| {
                if error.kind() == io::ErrorKind::Unsupported {
                    NotStarted::Unfit(error.to_string())
                } else {
                    broken("arrange the host")(error).into()
                }
            })?;
        } else if let Some(demand) = demand {
            let reason = format!("{} (start the agent with --whole-host)", demand.reason);
            return Err(NotStarted::Unfit(reason));
        } else {
            let pinned = self.pinned.iter().filter(|(name, _)| of_a_socket(name));
            agent.give_sockets(pinned.cloned().collect());
        }
        Ok(agent)
    }

    /// What is pinned for all cases, and over it what this one sets.
    pub fn settings_for(&self, case: &Case) -> BTreeMap<String, String> {
        let own = case.application.set.system.iter();
        self.pinned.iter().chain(own).cloned().collect()
    }

    /// Ports that answer a SYN; those that it costs nothing come first.
    pub fn ping_ports(&self) -> Vec<u16> {
        match self.reach {
            Reach::Agent(_) => vec![AGENT_PORTS - 1],
            Reach::Service { port, closed_port } => closed_port.into_iter().chain([port]).collect(),
        }
    }

    /// The blocks of ports that an agent's listeners may have.
    pub fn blocks() -> Blocks {
        Blocks::new(AGENT_BLOCKS)
    }

    /// What a case is told of the link: with an agent, it has that block of the device's ports.
    pub fn link(&self, case: &Case, tester: SocketAddr, block: usize) -> LinkInfo {
        let device = match self.reach {
            Reach::Agent(_) => AGENT_PORTS + (block % AGENT_BLOCKS) as u16 * PORTS_PER_CASE,
            Reach::Service { port, closed_port } => {
                let closed = closed_port.filter(|_| !listens(case));
                closed.unwrap_or(port)
            }
        };
        LinkInfo {
            tester: tester.ip(),
            device: self.address,
            mtu: self.mtu,
            ports: Some(Ports {
                tester: tester.port(),
                device,
            }),
            // A case that floods is not played where there is no crowd.
            crowd: self.crowd.unwrap_or(Crowd::of(case.family)),
        }
    }
}

/// A host behind a [`Station`], in the middle of one case.
#[derive(Debug)]
pub struct External {
    clock: CaseClock,
    station: Arc<Station>,
    mailbox: Arc<Mailbox>,
    agent: Option<Agent>,
    /// Readable when the mailbox or the agent is.
    ready: Epoll,
    /// What went wrong where it could not be said.
    trouble: Option<DeviceError>,
    /// Somebody else has a port that was wanted.
    is_taken: bool,
    info: LinkInfo,
    /// How long what the device says last is waited for.
    patience: Duration,
    open: BTreeMap<FourTuple, Traces>,
    dropped_before: u64,
}

impl External {
    /// Begins a case over that station; `tester` is an end that no other case of the run has, and
    /// neither has another that block of the device's ports. Waits until an agent has its host as
    /// the case wants it.
    pub fn start(
        case: &Case,
        station: &Arc<Station>,
        host: &Host,
        tester: SocketAddr,
        block: usize,
    ) -> Result<Self, NotStarted> {
        let agent = match (&host.agent, host.reach) {
            (Some(contact), Reach::Agent(abilities)) => {
                Some(host.arranged(contact, abilities, case, station)?)
            }
            _ => None,
        };
        let mailbox = station.mailbox().map_err(broken("make a mailbox"))?;
        let ready = watch(&mailbox, agent.as_ref(), station);
        let ready = ready.map_err(broken("wait for the host"))?;
        Ok(Self {
            clock: CaseClock::start(),
            dropped_before: station.dropped(),
            station: Arc::clone(station),
            mailbox,
            agent,
            ready,
            trouble: None,
            is_taken: false,
            info: host.link(case, tester, block),
            patience: CHALLENGE + host.round_trip,
            open: BTreeMap::new(),
        })
    }

    /// The clock of the case, by which packets are stamped.
    pub fn clock(&self) -> CaseClock {
        self.clock
    }

    /// The device refused a call because somebody else has the port: another tester, perhaps.
    pub fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// The next packet and its stamp.
    fn take(&mut self) -> io::Result<Option<(Duration, Vec<u8>)>> {
        let taken = self.mailbox.take()?;
        if let Some((_, packet)) = &taken {
            self.heard(packet);
        }
        Ok(taken)
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
                traces.acknowledged = Some(tcp.ack);
            }
        }
    }

    /// Remembers where the device's RCV.NXT may be after a packet of ours, and tells the agent of
    /// octets that are to come.
    fn said(&mut self, packet: &[u8]) -> Result<(), DeviceError> {
        let packet = wire::decode(packet.to_vec());
        let (Some((tester, device)), Some(tcp)) = (packet.ends(), packet.tcp()) else {
            return Ok(());
        };
        let tuple = FourTuple { tester, device };
        if let Some(traces) = self.open.get_mut(&tuple) {
            if tcp.has(bit::SYN) {
                // Its answer may still be on the way when the case ends, and what it carries may
                // not be taken.
                traces.answered = true;
                traces.note(tcp.seq.wrapping_add(1));
            }
            traces.note(tcp.end());
        }
        match &mut self.agent {
            Some(agent) if !packet.payload().is_empty() || !tcp.has(bit::SYN) => agent
                .on_segment(tuple, !packet.payload().is_empty())
                .map_err(broken("have the application read")),
            _ => Ok(()),
        }
    }
}

/// Where the RCV.NXT of a connection may be: an RST has to hit it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Traces {
    /// The device may have something open.
    answered: bool,
    /// What the device acknowledged last.
    acknowledged: Option<u32>,
    /// Where our latest segments ended: it may have taken one and not have acknowledged it yet.
    ends: VecDeque<u32>,
}

impl Traces {
    fn note(&mut self, end: u32) {
        self.ends.retain(|known| *known != end);
        self.ends.truncate(GUESSES - 1);
        self.ends.push_front(end);
    }

    /// Each once, the likeliest first.
    fn guesses(&self) -> impl Iterator<Item = u32> {
        let others = self.ends.iter().copied();
        let others = others.filter(|end| Some(*end) != self.acknowledged);
        self.acknowledged.into_iter().chain(others)
    }
}

impl Device for External {
    fn link(&self) -> LinkInfo {
        self.info
    }

    fn setup(&mut self, _now: Instant, setup: &Setup) -> Result<(), DeviceError> {
        match &mut self.agent {
            Some(agent) => agent
                .set_up(setup)
                .map_err(broken("tell the agent how to behave")),
            None => Ok(()),
        }
    }

    fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        if let Some(agent) = &mut self.agent
            && let Err(error) = agent.attach(conn, tuple)
        {
            self.trouble
                .get_or_insert(broken("name a connection")(error));
        }
        self.station.open(tuple.tester, &self.mailbox);
        if self.agent.is_some() {
            // No other case has that port: what it says to the crowd is for this one.
            self.station.open(tuple.device, &self.mailbox);
        }
        self.open.entry(tuple).or_default();
    }

    fn inject(&mut self, _now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.said(packet)?;
        // Before it is sent: on a short link its answer is stamped before the call returns.
        let at = self.clock.now();
        self.station.send(packet).map_err(|source| DeviceError {
            what: "inject a packet",
            source,
        })?;
        Ok(at)
    }

    fn flood(&mut self, _now: Instant, packets: &[Vec<u8>]) -> Result<(), DeviceError> {
        self.station
            .send_all(packets)
            .map_err(broken("inject packets"))
    }

    fn call(&mut self, _now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        match (&mut self.agent, call) {
            (Some(agent), call) => {
                let outcome = agent.call(conn, call).unwrap_or_else(|error| {
                    self.trouble
                        .get_or_insert(broken("call the application")(error));
                    Ok(())
                });
                self.is_taken |= agent::says_taken(&outcome);
                outcome
            }
            (None, AppCall::Listen { .. }) => Ok(()),
            (None, other) => Err(Refused::Unsupported(other.name())),
        }
    }

    fn poll(&mut self, _now: Instant) -> Result<Option<Output>, DeviceError> {
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        if let Some(reason) = self.station.halted() {
            return Err(broken("go on")(io::Error::other(reason)));
        }
        if self.station.is_broken() {
            let gone = io::Error::other("the interface is down or gone");
            return Err(broken("read from the interface")(gone));
        }
        let taken = self.take().map_err(broken("read the mailbox"))?;
        if let Some((stamp, packet)) = taken {
            let at = self.clock.at_stamp(stamp);
            return Ok(Some(Output::Packet { at, packet }));
        }
        let Some(agent) = &mut self.agent else {
            return Ok(None);
        };
        let seen = agent.next_seen().map_err(broken("hear the agent"))?;
        Ok(seen.map(|(conn, event)| Output::App { conn, event }))
    }

    fn state(&mut self, _now: Instant, conn: ConnId) -> Option<State> {
        self.agent.as_mut()?.state(conn)
    }

    fn info(&mut self, _now: Instant, conn: ConnId, field: &str) -> Option<i64> {
        let ask = Ask::Info(conn, field.to_owned());
        self.agent.as_mut()?.number(&ask)
    }

    /// A host's counters count for all cases that are side by side, and for everybody else.
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
        self.ready.0.as_fd()
    }
}

/// An epoll that is readable when one of them is, or when no case is to go on.
fn watch(mailbox: &Mailbox, agent: Option<&Agent>, station: &Station) -> io::Result<Epoll> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(station.bell(), EpollEvent::new(EpollFlags::EPOLLIN, 2))?;
    epoll.add(mailbox, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    if let Some(agent) = agent {
        epoll.add(agent, EpollEvent::new(EpollFlags::EPOLLIN, 1))?;
    }
    Ok(epoll)
}

fn broken(what: &'static str) -> impl FnOnce(io::Error) -> DeviceError {
    move |source| DeviceError { what, source }
}

impl External {
    /// Resets what the device has open; `again` says that it is done once more whatever is heard.
    /// True if there was anything.
    fn reset(&mut self, again: bool) -> bool {
        for _ in 0..LAST_WORDS {
            // What an application saw does not matter any more, nor whether the run goes on.
            let Ok(Some(_)) = self.take() else {
                break;
            };
        }
        let mut any = false;
        for (tuple, traces) in &mut self.open {
            if !traces.answered {
                continue;
            }
            traces.answered = again;
            any = true;
            for seq in traces.guesses() {
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
        let challenge = PollTimeout::try_from(self.patience).unwrap_or(PollTimeout::MAX);
        // A device that answers every RST does not hold us up.
        for nth in 1..=LAST_TRIES {
            if !self.reset(nth < LEAST_TRIES) {
                break;
            }
            let mut bell = [PollFd::new(self.mailbox.as_fd(), PollFlags::POLLIN)];
            let is_quiet = !matches!(poll(&mut bell, challenge), Ok(1..));
            if is_quiet && nth >= LEAST_TRIES {
                break;
            }
        }
        for tuple in self.open.keys() {
            self.station.close(tuple.tester);
            self.station.close(tuple.device);
        }
    }
}
