//! A host on the network as the device: what the command line says of it, and its cases side by
//! side over one station.

use super::Failure;
use super::arguments::HostArguments;
use super::interrupt::Interrupt;
use super::play::{Go, unplayed};
use crate::device::external::{
    Abilities, Contact, External, Host, NotStarted, PORTS_PER_CASE, Reach, Transport, demand, unfit,
};
use crate::drive::real_time;
use crate::link::ethernet::{self, Station, StationError};
use crate::seed::{self, Sequence};
use crate::spec::case::{Case, Family};
use crate::spec::profile::Profile;
use crate::worker::{self, Answer, Leniency, Replays};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tcpspec_reports::record::{CaseRecord, Verdict};

/// Cases side by side where nobody says: a small device has few connections to give.
const DEFAULT_JOBS: usize = 32;
/// No case takes longer than this and twice what its bounds allow.
const PATIENCE: Duration = Duration::from_secs(120);
/// The tester's ports: above those that a device's own services have, and enough of them that
/// none comes again while the device may still remember it.
const FIRST_PORT: u16 = 20_000;
/// The port of a host where nobody says.
const DEFAULT_PORT: u16 = 80;
/// The profile of a host where nobody says.
pub(super) const DEFAULT_PROFILE: &str = "host";

/// A host that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    host: Host,
    /// The addresses that the tester speaks from.
    from: Vec<IpAddr>,
    interface: Option<u32>,
    vlan: Option<u16>,
    profile: String,
}

impl Remote {
    /// Reads `ADDRESS` or `ADDRESS:PORT`; `None` if the text is neither.
    pub(super) fn named(text: &str) -> Option<(IpAddr, u16)> {
        let bare = |text: &str| text.parse::<IpAddr>().ok();
        bare(text)
            .or_else(|| bare(text.strip_prefix('[')?.strip_suffix(']')?))
            .map(|address| (address, DEFAULT_PORT))
            .or_else(|| {
                let end: SocketAddr = text.parse().ok()?;
                Some((end.ip(), end.port()))
            })
    }

    /// What the command line says of the host with that address.
    pub(super) fn new(
        (address, port): (IpAddr, u16),
        arguments: &HostArguments,
    ) -> Result<Self, Failure> {
        if !arguments.i_may_test_this_host && !is_somebody_we_know(address) {
            return Err(Failure::Usage(format!(
                "{address} is a public address; the suite sends it malformed and unsolicited \
                 segments. If you may test it: --i-may-test-this-host"
            )));
        }
        let agent = arguments.agent.map(|at| Contact {
            transport: at.transport,
            address: at.address,
            service: arguments.agent_service_id.0,
            token: arguments.token.clone(),
        });
        let from = match &arguments.from {
            Some(range) => range.addresses(),
            None => {
                return Err(Failure::Usage(format!(
                    "`-d {address}` needs `--from ADDRESS`: a spare address of the same network, \
                     which nobody has; the tester answers for it (this machine's own TCP would \
                     reset connections that it does not know)"
                )));
            }
        };
        if let Some(other) = from.iter().find(|from| from.is_ipv4() != address.is_ipv4()) {
            return Err(Failure::Usage(format!(
                "--from {other} and the device {address} are of different IP versions"
            )));
        }
        let index_of = |name: &String| {
            nix::net::if_::if_nametoindex(name.as_str())
                .map_err(|_| Failure::Usage(format!("no interface `{name}`; `ip link` lists them")))
        };
        Ok(Self {
            host: Host {
                address,
                reach: reach(agent.as_ref(), port, arguments)?,
                agent,
                pinned: Vec::new(),
                mtu: crate::link::MTU,
            },
            from,
            interface: arguments.interface.as_ref().map(index_of).transpose()?,
            vlan: arguments.vlan,
            profile: arguments.profile.clone(),
        })
    }

    /// The IP version of the host.
    pub(super) fn family(&self) -> Family {
        if self.host.address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        }
    }

    /// `192.0.2.7:80`
    pub(super) fn name(&self) -> String {
        match self.host.reach {
            Reach::Agent(_) => self.host.address.to_string(),
            Reach::Service { port, .. } => SocketAddr::new(self.host.address, port).to_string(),
        }
    }

    /// The host's settings can be pinned.
    pub(super) fn pins(&self) -> bool {
        matches!(self.host.reach, Reach::Agent(Abilities::Extension))
    }

    /// What somebody tells of what goes on in the host.
    pub(super) fn observes(&self) -> BTreeSet<String> {
        let names: &[&str] = match self.host.reach {
            Reach::Service { .. } => &[],
            Reach::Agent(Abilities::Extension) => &["app", "info", "state"],
            Reach::Agent(Abilities::Standard(_)) => &["app-accepted", "app-data"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// `ethernet`, and what the agent speaks.
    pub(super) fn link(&self) -> String {
        match self.host.reach {
            Reach::Service { .. } => "ethernet".to_owned(),
            Reach::Agent(abilities) => format!("ethernet, {abilities}"),
        }
    }

    /// Cases side by side where nobody says. What END_TEST ends, and whose an event is, differs
    /// from upper tester to upper tester: one case at a time is safe on each.
    fn default_jobs(&self) -> usize {
        match self.host.reach {
            Reach::Agent(Abilities::Standard(_)) => 1,
            _ => DEFAULT_JOBS,
        }
    }

    /// The profile by which it is judged.
    pub(super) fn profile(&self) -> &str {
        &self.profile
    }

    /// Skips what nobody can make this host do, with the reason.
    pub(super) fn skip_unfit(&self, cases: &mut [Case]) {
        for case in cases {
            if case.skip.is_none() {
                case.skip = unfit(case, self.host.reach);
            }
        }
    }

    /// Plays the cases with the given indices and hands over their records as they finish; what
    /// goes wrong is played again when all others are done. Gives a remark on the whole.
    pub(super) fn play(
        &self,
        session: &Session<'_>,
        cases: &[Case],
        ready: &[usize],
        leniency: Leniency<'_>,
        done: &mut dyn FnMut(usize, CaseRecord) -> Go,
    ) -> Result<Option<String>, Failure> {
        if ready.is_empty() {
            return Ok(None);
        }
        let station = self.station(session)?;
        let station = &station;
        let host = Host {
            pinned: session.profile.pinned.clone(),
            ..self.host.clone()
        };
        let mut replays = Replays::new(leniency, ready.len());
        let places: BTreeMap<&str, usize> = ready
            .iter()
            .map(|&index| (cases[index].id.as_str(), index))
            .collect();
        let mut hand_over = |answers: Vec<Answer>| {
            let mut go = Go::On;
            for answer in answers {
                if let Answer::Case(record) = answer
                    && let Some(&index) = places.get(record.id.as_str())
                    && done(index, *record) == Go::Stop
                {
                    go = Go::Stop;
                }
            }
            go
        };
        let mut round = Round {
            ready: in_order(&host, cases, ready),
            jobs: session.jobs.unwrap_or(self.default_jobs()),
            first_turn: 0,
        };
        while !round.ready.is_empty() {
            let mut heard = |record| hand_over(replays.take(record));
            if self.play_round(session, (station, &host), cases, &round, &mut heard) == Go::Stop {
                break;
            }
            let again = replays.jobs();
            let places = again.iter().filter_map(|job| places.get(job.id.as_str()));
            round = Round {
                first_turn: round.first_turn + round.ready.len(),
                jobs: round.jobs.min(worker::QUIET_JOBS),
                ready: places.copied().collect(),
            };
        }
        hand_over(replays.release());
        let remarks: Vec<String> = replays
            .remark()
            .into_iter()
            .chain(unseen_checksums(station.unfinished()))
            .collect();
        Ok((!remarks.is_empty()).then(|| remarks.join("; ")))
    }

    /// Every case of a round once; `Stop` if `heard` or the user says so.
    fn play_round(
        &self,
        session: &Session<'_>,
        way: (&Arc<Station>, &Host),
        cases: &[Case],
        round: &Round,
        heard: &mut dyn FnMut(CaseRecord) -> Go,
    ) -> Go {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let mut go = Go::On;
        std::thread::scope(|scope| {
            for _ in 0..round.jobs.min(round.ready.len()) {
                let sender = sender.clone();
                scope.spawn(|| {
                    let sender = sender;
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&index) = round.ready.get(at) else {
                            break;
                        };
                        if session.interrupt.is_set() {
                            break;
                        }
                        let turn = round.first_turn + at;
                        let record = self.play_one(session, way, &cases[index], turn);
                        if sender.send(record).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for record in &receiver {
                if heard(record) == Go::Stop {
                    go = Go::Stop;
                    next.store(round.ready.len(), Ordering::Relaxed);
                    break;
                }
            }
            drop(receiver);
        });
        if session.interrupt.is_set() {
            Go::Stop
        } else {
            go
        }
    }

    fn play_one(
        &self,
        session: &Session<'_>,
        (station, host): (&Arc<Station>, &Host),
        case: &Case,
        turn: usize,
    ) -> CaseRecord {
        let seed = seed::of_case(session.seed, &case.id);
        let limit = PATIENCE + case.most_time.saturating_mul(2);
        let tester = self.end_of(session.seed, turn);
        let unjudged = |reason| unplayed(case, seed, Verdict::Inconclusive, reason);
        let gone = "the host stopped answering, and does not say where it is any more";
        if station.is_deserted() {
            return unjudged(gone.to_owned());
        }
        let begun = Instant::now();
        let mut device = match External::start(case, station, host, tester, turn) {
            Ok(device) => device,
            Err(NotStarted::Unfit(reason)) => {
                return unplayed(case, seed, Verdict::Skipped, reason);
            }
            Err(NotStarted::Broken(error)) => return unjudged(error.to_string()),
        };
        let (profile, clock) = (session.profile, device.clock());
        let played = real_time::play(case, profile, &mut device, clock, seed, limit);
        // Also a silence that was asked for proves nothing of a host that is gone.
        if station.is_deserted_since(begun) {
            return unjudged(gone.to_owned());
        }
        played.record
    }

    /// The tester's first end of the case whose turn it is: no other case of the run has it, and
    /// another run most likely begins elsewhere.
    fn end_of(&self, seed: u64, turn: usize) -> SocketAddr {
        let blocks = usize::from((u16::MAX - FIRST_PORT) / PORTS_PER_CASE);
        let address = self.from[turn % self.from.len()];
        let block = (turn / self.from.len() + seed as usize % blocks) % blocks;
        SocketAddr::new(address, FIRST_PORT + block as u16 * PORTS_PER_CASE)
    }

    /// The station of this run: made for the first cases, kept for the others.
    fn station(&self, session: &Session<'_>) -> Result<Arc<Station>, Failure> {
        if let Some(station) = session.station.get() {
            return Ok(Arc::clone(station));
        }
        let station = Arc::new(self.make_station(session.seed)?);
        Ok(Arc::clone(session.station.get_or_init(|| station)))
    }

    fn make_station(&self, seed: u64) -> Result<Station, Failure> {
        let plan = ethernet::Plan {
            device: self.host.address,
            addresses: self.from.clone(),
            interface: self.interface,
            vlan: self.vlan,
            seed: Sequence::new(seed).next_u64(),
        };
        Station::start(&plan).map_err(|error| {
            let cure = match &error {
                StationError::Refused(_, cause)
                    if cause.kind() == std::io::ErrorKind::PermissionDenied =>
                {
                    "; raw packets need CAP_NET_RAW: \
                     sudo setcap cap_net_raw,cap_net_admin+ep \"$(command -v tcpspec)\""
                }
                _ => "",
            };
            Failure::Environment(format!("{error}{cure}"))
        })
    }
}

/// Cases that want the same of the whole host follow each other, those that want it alone last.
fn in_order(host: &Host, cases: &[Case], ready: &[usize]) -> Vec<usize> {
    let mut order = ready.to_vec();
    order.sort_by_cached_key(|&index| {
        let case = &cases[index];
        let settings = host.settings_for(case);
        let alone = demand(case).is_some_and(|demand| demand.alone);
        (alone, settings.len(), settings)
    });
    order
}

/// What can be reached on the host; an agent is asked what it can do.
fn reach(agent: Option<&Contact>, port: u16, arguments: &HostArguments) -> Result<Reach, Failure> {
    let Some(agent) = agent else {
        return Ok(Reach::Service {
            port,
            closed_port: arguments.closed_port,
        });
    };
    Abilities::of(agent).map(Reach::Agent).map_err(|error| {
        let at = agent.address;
        Failure::Environment(format!("cannot speak to the agent at {at}: {error}"))
    })
}

/// Where an agent is: `ADDRESS:PORT` for TCP, or `udp:ADDRESS:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AgentAt {
    transport: Transport,
    address: SocketAddr,
}

impl FromStr for AgentAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (transport, address) = match text.split_once(':') {
            Some(("udp", rest)) => (Transport::Udp, rest),
            Some(("tcp", rest)) => (Transport::Tcp, rest),
            _ => (Transport::Tcp, text),
        };
        let address = address.parse().map_err(|_| {
            format!("`{text}` is no agent; write `192.0.2.7:30700` or `udp:192.0.2.7:30700`")
        })?;
        Ok(Self { transport, address })
    }
}

/// Addresses that are no stranger's: private, link-local, loopback, documentation.
fn is_somebody_we_know(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || v4.is_documentation()
        }
        IpAddr::V6(v6) => {
            let is_documentation = v6.segments()[..2] == [0x2001, 0xdb8];
            let is_near = v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback();
            is_near || is_documentation
        }
    }
}

/// What a run has to say of segments whose checksum it could not judge.
fn unseen_checksums(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "{count} frames came without a checksum, which the host leaves to hardware that this \
             link does not have: their checksums were not checked"
        )
    })
}

/// Cases that are played side by side.
struct Round {
    /// Their indices.
    ready: Vec<usize>,
    /// So many at once.
    jobs: usize,
    /// How many cases had their turn before: no two have the same ports.
    first_turn: usize,
}

/// What all cases of a run share.
pub(super) struct Session<'s> {
    /// The profile by which the host is judged.
    pub(super) profile: &'s Profile,
    /// The seed of the run.
    pub(super) seed: u64,
    /// Cases side by side; `None`: what suits a host.
    pub(super) jobs: Option<usize>,
    /// Set when the user wants to stop.
    pub(super) interrupt: &'s Interrupt,
    /// The station, once there is one.
    pub(super) station: &'s OnceLock<Arc<Station>>,
}

/// Addresses that follow each other, at most 256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AddressRange {
    first: IpAddr,
    count: u16,
}

impl AddressRange {
    /// Reads `192.0.2.200` or `192.0.2.200-215` (the last part of the last address; hexadecimal
    /// for IPv6).
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, ""));
        let first: IpAddr = first
            .parse()
            .map_err(|_| format!("`{first}` is no IP address; write `192.0.2.200-215`"))?;
        let (radix, lowest, most) = match first {
            IpAddr::V4(address) => (10, u16::from(address.octets()[3]), 0xff),
            IpAddr::V6(address) => (16, address.segments()[7], 0xffff),
        };
        let end = match last {
            "" => lowest,
            last => u16::from_str_radix(last, radix)
                .map_err(|_| format!("`{last}` is not the last part of an address"))?,
        };
        if end < lowest || end > most || end - lowest > 255 {
            return Err(format!(
                "a range goes up, and has at most 256 addresses; this one is {lowest:x} to {end:x}"
            ));
        }
        Ok(Self {
            first,
            count: end - lowest + 1,
        })
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let nth = |offset: u16| match self.first {
            IpAddr::V4(first) => IpAddr::V4((u32::from(first) + u32::from(offset)).into()),
            IpAddr::V6(first) => IpAddr::V6((u128::from(first) + u128::from(offset)).into()),
        };
        (0..self.count).map(nth).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("192.0.2.200", &["192.0.2.200"])]
    #[case("192.0.2.254-255", &["192.0.2.254", "192.0.2.255"])]
    #[case("2001:db8::f-10", &["2001:db8::f", "2001:db8::10"])]
    fn ranges(#[case] text: &str, #[case] addresses: &[&str]) {
        let range = AddressRange::parse(text).unwrap();
        let shown: Vec<String> = range.addresses().iter().map(ToString::to_string).collect();
        assert_eq!(shown, addresses);
    }

    #[rstest]
    #[case("192.0.2.200-100")]
    #[case("192.0.2.200-256")]
    #[case("192.0.2.200-192.0.2.210")]
    #[case("host")]
    #[case("2001:db8::1-1000")]
    fn no_ranges(#[case] text: &str) {
        assert!(AddressRange::parse(text).is_err());
    }

    #[rstest]
    #[case("192.0.2.7:1", Some((Transport::Tcp, "192.0.2.7:1")))]
    #[case("tcp:192.0.2.7:1", Some((Transport::Tcp, "192.0.2.7:1")))]
    #[case("udp:[2001:db8::7]:1", Some((Transport::Udp, "[2001:db8::7]:1")))]
    #[case("[2001:db8::7]:1", Some((Transport::Tcp, "[2001:db8::7]:1")))]
    #[case("sctp:192.0.2.7:1", None)]
    #[case("udp:192.0.2.7", None)]
    fn agents(#[case] text: &str, #[case] at: Option<(Transport, &str)>) {
        let read = text.parse::<AgentAt>().ok();
        let read = read.map(|at| (at.transport, at.address));
        assert_eq!(read, at.map(|(way, end)| (way, end.parse().unwrap())));
    }

    #[rstest]
    #[case("192.0.2.7", true)]
    #[case("10.1.2.3", true)]
    #[case("fd00::7", true)]
    #[case("2001:db8::7", true)]
    #[case("8.8.8.8", false)]
    #[case("2001:4860::8888", false)]
    fn strangers(#[case] address: IpAddr, #[case] known: bool) {
        assert_eq!(is_somebody_we_know(address), known);
    }

    #[rstest]
    #[case("192.0.2.7", Some("192.0.2.7:80"))]
    #[case("192.0.2.7:8080", Some("192.0.2.7:8080"))]
    #[case("2001:db8::7", Some("[2001:db8::7]:80"))]
    #[case("[2001:db8::7]", Some("[2001:db8::7]:80"))]
    #[case("[2001:db8::7]:22", Some("[2001:db8::7]:22"))]
    #[case("bundled", None)]
    #[case("192.0.2.7:http", None)]
    fn devices(#[case] text: &str, #[case] end: Option<&str>) {
        let named = Remote::named(text).map(|(address, port)| SocketAddr::new(address, port));
        assert_eq!(named, end.map(|end| end.parse().unwrap()));
    }
}
