//! The way to a host for one run: the station, what keeps this machine's kernel out of it, and how
//! long the way is. Once it stands, the process gives up what it does not need any more.

use super::{Failure, Remote};
use crate::device::external::{
    Abilities, Answered, Blocks, Contact, Host, LOST, Pinger, Reach, RoundTrip, listens,
};
use crate::link::ethernet::{Plan, Station, StationError};
use crate::link::firewall::{Guard, Guarded};
use crate::link::privilege::{self, Capability};
use crate::seed::Sequence;
use crate::spec::case::Case;
use crate::spec::profile::Slack;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tcpspec_reports::record::{CaseRecord, Verdict};

/// What lets a program that is not root open raw sockets.
pub(in crate::cli) const SETCAP: &str =
    "sudo setcap cap_net_raw,cap_net_admin+ep \"$(command -v tcpspec)\"";
/// No way adds more than this to what a reply may take.
const LONGEST_WAY: Duration = Duration::from_secs(2);
/// Neighbours are asked so often how far away they are.
const QUESTIONS: usize = 5;

/// Why a run ends before its time.
pub(super) const GONE: &str = "the host stopped answering, and does not say where it is any more";
pub(super) const MUTE: &str = "the host still says where it is, but does not answer a SYN any more";
pub(super) const MUTE_AGENT: &str = "the host is there, but its agent does not answer any more";
/// How long an agent that cannot be reached is left alone.
const PAUSE: Duration = Duration::from_millis(500);

/// The way to a host.
#[derive(Debug)]
pub(in crate::cli) struct Connection {
    pub(super) station: Arc<Station>,
    pinger: Option<Pinger>,
    trip: Option<RoundTrip>,
    /// How many cases had their turn: none has the ports of another.
    pub(in crate::cli) turns: AtomicUsize,
    /// The device's ports that no case has, where an agent opens them.
    pub(super) blocks: Blocks,
    /// When the host was last asked whether it is there, and answered.
    answered: Mutex<Option<Instant>>,
    /// The agent, if there is one, and when it was last asked and answered.
    agent: Option<Contact>,
    agent_answered: Mutex<Option<Instant>>,
    /// The agent may be asked while it has sessions: upper testers of other makes may take one at
    /// a time.
    is_sociable: bool,
    _guard: Option<Guard>,
}

impl Connection {
    /// Opens what has to be opened, measures the way, and gives up all other powers.
    fn open(remote: &Remote, seed: u64, wants_listener: bool) -> Result<Self, Failure> {
        let guard = remote.own.then(|| raise_guard(remote)).transpose()?;
        let station = remote.station(seed).map_err(|error| refused(&error))?;
        give_up_powers()?;
        let (pinger, trip) = reach(remote, &station, wants_listener)?;
        let trip = trip.or_else(|| neighbour(&station));
        see_crowd_routed(remote, &station)?;
        Ok(Self {
            station,
            pinger,
            trip,
            turns: AtomicUsize::new(0),
            blocks: Host::blocks(),
            answered: Mutex::new(None),
            agent: remote.host.agent.clone(),
            agent_answered: Mutex::new(None),
            is_sociable: matches!(remote.host.reach, Reach::Agent(Abilities::Extension { .. })),
            _guard: guard,
        })
    }

    /// What a reply takes on the way, as far as it is allowed for.
    pub(super) fn round_trip(&self) -> Duration {
        self.trip
            .map_or(Duration::ZERO, |trip| trip.slack().min(LONGEST_WAY))
    }

    /// Makes room for the way: a reply takes as long as on a cable, and the way beside.
    pub(in crate::cli) fn widen(&self, slack: &mut Slack) {
        if let Some(trip) = self.trip {
            let way = self.round_trip();
            slack.reply += way;
            slack.late += way;
            slack.early += trip.jitter().min(LONGEST_WAY);
        }
    }

    /// What the banner says of the way.
    pub(in crate::cli) fn describe(&self, slack: &Slack) -> String {
        let Some(trip) = self.trip else {
            return "round trip not measured: the host answers neither a SYN nor its neighbours"
                .to_owned();
        };
        let capped = if trip.slack() > LONGEST_WAY {
            ", which is as much as is allowed for; replies may come too late to count"
        } else {
            ""
        };
        format!(
            "round trip {} ± {}: a reply may take {}{capped}",
            milliseconds(trip.median),
            milliseconds(trip.spread),
            milliseconds(slack.reply)
        )
    }

    /// Whether the host is there still; if not, no case goes on. Takes a while to find out.
    pub(super) fn check(&self, begun: Instant) -> Option<&'static str> {
        let wanted = Instant::now();
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever was before us may have found out what we want to know.
        if answered.is_some_and(|at| at >= wanted) || self.station.halted().is_some() {
            return self.station.halted();
        }
        let asked = Instant::now();
        if self.pinger.as_ref().is_some_and(Pinger::is_answered) {
            *answered = Some(asked);
            return None;
        }
        if self.station.is_deserted_since(begun) {
            self.station.halt(GONE);
        } else if self.pinger.is_some() {
            self.station.halt(MUTE);
        }
        self.station.halted()
    }

    /// Whether the agent is there still, if there is one; if not, no case goes on. Takes a while to
    /// find out.
    pub(super) fn check_agent(&self, begun: Instant) -> Option<&'static str> {
        let agent = self.agent.as_ref()?;
        let wanted = Instant::now();
        let answered = self.agent_answered.lock();
        let mut answered = answered.unwrap_or_else(PoisonError::into_inner);
        // Whoever was before us may have found out what we want to know.
        if answered.is_some_and(|at| at >= wanted) {
            return self.station.halted();
        }
        let asked = Instant::now();
        while self.station.halted().is_none() {
            if agent.is_answered() {
                *answered = Some(asked);
                return None;
            }
            if asked.elapsed() >= LOST {
                // It may have gone with its host.
                if self.check(begun).is_none() {
                    self.station.halt(MUTE_AGENT);
                }
                break;
            }
            thread::sleep(PAUSE);
        }
        self.station.halted()
    }

    /// The agent may be asked at any time whether it is there.
    pub(super) fn watches_agent(&self) -> bool {
        self.is_sociable
    }

    /// Why a record of a case that began then proves nothing. A failure counts only if the host
    /// and its agent answer after it, and a silence that was asked for proves nothing of a host
    /// that is gone.
    pub(super) fn doubt(&self, begun: Instant, record: &CaseRecord) -> Option<&'static str> {
        let is_fine = record.verdict == Verdict::Pass && self.station.has_heard_since(begun);
        if is_fine || self.station.halted().is_some() {
            return self.station.halted();
        }
        self.check(begun).or_else(|| self.check_agent(begun))
    }
}

/// `0.21 ms`
pub(in crate::cli) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn raise_guard(remote: &Remote) -> Result<Guard, Failure> {
    let guarded = Guarded {
        from: remote.host.address,
        to: remote.from[0],
        ports: remote.ports.clone(),
    };
    Guard::raise(&guarded).map_err(|error| {
        let cure = match error.kind() {
            ErrorKind::PermissionDenied => format!("it needs CAP_NET_ADMIN: {SETCAP}"),
            _ if error.raw_os_error() == Some(libc::EEXIST) => {
                "a killed run left one with this name behind: tcpspec doctor --fix".to_owned()
            }
            _ => "this kernel may lack nf_tables (`modprobe nf_tables`); else use a spare \
                  address: --from"
                .to_owned(),
        };
        Failure::Environment(format!(
            "cannot put a firewall rule in place that keeps this machine's TCP away from \
             the tester's connections: {error}; {cure}"
        ))
    })
}

fn refused(error: &StationError) -> Failure {
    let cure = match error {
        StationError::Refused(_, cause) if cause.kind() == ErrorKind::PermissionDenied => {
            format!("; raw packets need CAP_NET_RAW: {SETCAP}")
        }
        _ => String::new(),
    };
    Failure::Environment(format!("{error}{cure}"))
}

/// From now on only what was opened can be used. Reports may still be written where root alone
/// may write, if that is where they go.
fn give_up_powers() -> Result<(), Failure> {
    let files = [Capability::DacOverride];
    let kept = if privilege::has(Capability::DacOverride) {
        &files[..]
    } else {
        &[]
    };
    privilege::keep(kept, &[]).map_err(|error| unshed(&error))
}

/// Before anything is opened: what no run against a host needs. Whether reports need more is seen
/// when they are tried.
pub(in crate::cli) fn shed_powers() -> Result<(), Failure> {
    privilege::forbid_more().map_err(|error| unshed(&error))?;
    let used = [Capability::NetRaw, Capability::NetAdmin];
    privilege::keep(&used, &[Capability::DacOverride]).map_err(|error| unshed(&error))
}

fn unshed(error: &io::Error) -> Failure {
    Failure::Environment(format!(
        "cannot give up the powers that this run does not need: {error}"
    ))
}

/// Who answers a SYN, and how long that takes.
type Reached = (Option<Pinger>, Option<RoundTrip>);

/// What of the host answers a SYN; no case is played where nobody does, or somebody else than was
/// said. `wants_listener`: a case needs somebody on the service's port.
fn reach(
    remote: &Remote,
    station: &Arc<Station>,
    wants_listener: bool,
) -> Result<Reached, Failure> {
    let Reach::Service { port, closed_port } = remote.host.reach else {
        for port in remote.host.ping_ports() {
            let pinger = remote.pinger(station, port);
            if let Some((trip, _)) = pinger.measure().map_err(|error| unheard(&error))? {
                return Ok((Some(pinger), Some(trip)));
            }
        }
        return Ok((None, None));
    };
    let mut reached = None;
    if let Some(closed) = closed_port {
        let pinger = remote.pinger(station, closed);
        match pinger.measure().map_err(|error| unheard(&error))? {
            Some((_, Answered::Open)) => return Err(not_closed(closed)),
            Some((trip, Answered::Closed)) => reached = Some((pinger, trip)),
            None => {}
        }
    }
    if reached.is_none() || wants_listener {
        let pinger = remote.pinger(station, port);
        match pinger.measure_listener().map_err(|error| unheard(&error))? {
            Some((_, Answered::Closed)) if wants_listener => return Err(nobody(remote, port)),
            Some((trip, _)) => reached = reached.or(Some((pinger, trip))),
            None => {}
        }
    }
    let reached = reached.ok_or_else(|| mute(remote, port))?;
    Ok(Some(reached).unzip())
}

fn unheard(error: &io::Error) -> Failure {
    Failure::Environment(format!("cannot ping: {error}"))
}

fn not_closed(port: u16) -> Failure {
    Failure::Environment(format!(
        "somebody listens on port {port}; --closed-port needs one on which nobody does"
    ))
}

fn nobody(remote: &Remote, port: u16) -> Failure {
    let address = remote.host.address;
    let named = match address {
        IpAddr::V4(_) => address.to_string(),
        IpAddr::V6(_) => format!("[{address}]"),
    };
    Failure::Environment(format!(
        "nobody listens on port {port} of {address}: it answers a SYN with RST. Name the port of \
         a service (`-d {named}:PORT`), or drive the host by an agent: `tcpspec agent` there, and \
         `--agent {named}:30700` here"
    ))
}

fn mute(remote: &Remote, port: u16) -> Failure {
    Failure::Environment(format!(
        "{} does not answer a SYN to port {port}: is a service there, and does a firewall let it \
         be reached?",
        remote.host.address
    ))
}

/// What the host answers to somebody of the crowd has to come here: to nobody else, and to the
/// specs that count it.
fn see_crowd_routed(remote: &Remote, station: &Arc<Station>) -> Result<(), Failure> {
    let Some(crowd) = remote.host.crowd else {
        return Ok(());
    };
    for port in remote.host.ping_ports() {
        let tester = SocketAddr::new(crowd.first, *remote.ports.start());
        let pinger = Pinger::new(station, tester, SocketAddr::new(remote.host.address, port));
        if pinger.measure().map_err(|error| unheard(&error))?.is_some() {
            return Ok(());
        }
    }
    Err(Failure::Environment(format!(
        "{} does not answer {} by way of the tester: on the device, a route for the network of \
         --flood-from has to lead to {}",
        remote.host.address, crowd.first, remote.from[0]
    )))
}

/// How far away the neighbour is, where that is the host itself.
fn neighbour(station: &Station) -> Option<RoundTrip> {
    let asked = (0..QUESTIONS).filter_map(|_| station.ask_neighbour().ok().flatten());
    RoundTrip::of(asked.collect())
}

impl Remote {
    /// Opens the way to the host, for these cases.
    pub(in crate::cli) fn connect(&self, seed: u64, cases: &[Case]) -> Result<Connection, Failure> {
        let mut played = cases.iter().filter(|case| case.skip.is_none());
        Connection::open(self, seed, played.any(listens))
    }

    /// Makes sure that the addresses can be used and that the host is there.
    pub(in crate::cli) fn station(&self, seed: u64) -> Result<Arc<Station>, StationError> {
        let plan = Plan {
            device: self.host.address,
            addresses: self.from.clone(),
            own: self.own,
            crowd: self.host.crowd,
            most_per_second: self.most_per_second,
            interface: self.interface,
            vlan: self.vlan,
            seed: Sequence::new(seed).next_u64(),
        };
        Station::start(&plan).map(Arc::new)
    }

    /// Asks that port of the host.
    pub(in crate::cli) fn pinger(&self, station: &Arc<Station>, port: u16) -> Pinger {
        let tester = SocketAddr::new(self.from[0], *self.ports.start());
        Pinger::new(station, tester, SocketAddr::new(self.host.address, port))
    }
}
