//! A host on the network as the device: what the command line says of it, and its cases side by
//! side over one station.

mod connection;
mod end;
mod flood;
mod gate;
mod ports;
mod range;
mod rehearsal;
mod round;
pub(super) mod settings;
mod watch;

pub(super) use connection::{Connection, SETCAP, milliseconds, shed_powers};
pub(super) use end::{Slip, end};
pub(super) use flood::FloodNetwork;
pub(super) use range::AddressRange;
pub(super) use round::Session;

use super::Failure;
use super::arguments::HostArguments;
use crate::device::Crowd;
use crate::device::external::{Abilities, Contact, Host, PORTS_PER_CASE, Reach, Transport, fit};
use crate::link::ethernet::way_to;
use crate::spec::case::{Case, Family};
use crate::spec::service::Service;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The tester's ports: above those that a device's own services have, and enough of them that
/// none comes again while the device may still remember it.
const FIRST_PORT: u16 = 20_000;
/// The profile of a host where nobody says.
pub(super) const DEFAULT_PROFILE: &str = "host";

/// A host that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    host: Host,
    /// The addresses that the tester speaks from.
    from: Vec<IpAddr>,
    /// They are this machine's own.
    own: bool,
    /// The tester's ports: the first ones for pings, then a block for each case.
    ports: RangeInclusive<u16>,
    /// Connections that may be half-open at once, and frames that may leave in a second.
    most_half_open: u16,
    most_per_second: Option<u32>,
    interface: Option<u32>,
    vlan: Option<u16>,
    profile: String,
    /// What listens there: a name, or a file.
    service: Option<String>,
    /// Somebody says that it has the settings which the profile pins.
    pinned: bool,
}

impl Remote {
    /// What the command line says of the host with that address.
    pub(super) fn new(
        (address, port): (IpAddr, u16),
        arguments: &HostArguments,
    ) -> Result<Self, Failure> {
        if address.is_multicast() || address.is_unspecified() || is_broadcast(address) {
            return Err(Failure::Usage(format!(
                "{address} is not the address of one host"
            )));
        }
        if !arguments.i_may_test_this_host && !is_somebody_we_know(address) {
            return Err(Failure::Usage(format!(
                "{address} is a public address; the suite sends it malformed and unsolicited \
                 segments. If you may test it: --i-may-test-this-host"
            )));
        }
        let agent = contact(arguments);
        let interface = arguments.interface.as_ref().map(index_of).transpose()?;
        let from = addresses(address, interface, arguments)?;
        if let Some(other) = from.iter().find(|from| from.is_ipv4() != address.is_ipv4()) {
            return Err(Failure::Usage(format!(
                "--from {other} and the device {address} are of different IP versions"
            )));
        }
        Ok(Self {
            host: Host {
                address,
                reach: reach(agent.as_ref(), port, arguments)?,
                agent,
                pinned: Vec::new(),
                mtu: crate::link::MTU,
                crowd: crowd(address, &from, arguments)?,
                round_trip: Duration::ZERO,
            },
            from,
            own: arguments.own_address,
            ports: if arguments.own_address {
                ports::unused()?
            } else {
                FIRST_PORT..=u16::MAX
            },
            most_half_open: arguments.max_half_open,
            most_per_second: arguments.max_pps,
            interface,
            vlan: arguments.vlan,
            profile: arguments.profile.clone(),
            service: arguments.service.clone(),
            pinned: arguments.pinned,
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

    /// What somebody tells of what goes on in the host.
    pub(super) fn observes(&self) -> BTreeSet<String> {
        let names: &[&str] = match self.host.reach {
            Reach::Service { .. } => &[],
            Reach::Agent(Abilities::Extension { .. }) => &["app", "info", "state"],
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

    /// What can be reached there.
    pub(super) fn reach(&self) -> Reach {
        self.host.reach
    }

    /// What the tester's addresses are.
    pub(super) fn speaks_from(&self) -> String {
        match (self.own, self.from.as_slice()) {
            (true, [own, ..]) => format!(
                "{own} is this machine's own; its TCP is kept off ports {} to {} during a run",
                self.ports.start(),
                self.ports.end()
            ),
            (false, [first, .., last]) => format!("{first} to {last} are free"),
            (_, addresses) => {
                let all: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
                format!("{} is free", all.join(", "))
            }
        }
    }

    /// The profile by which it is judged.
    pub(super) fn profile(&self) -> &str {
        &self.profile
    }

    /// What listens there, as the command line has it: a name, or a file.
    pub(super) fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// Makes the cases what this host can play; skips what nobody can make it do, with the reason.
    pub(super) fn fit(&self, cases: &mut [Case], service: Option<&Service>) {
        for case in cases.iter_mut().filter(|case| case.skip.is_none()) {
            match fit(case, self.host.reach, service) {
                Ok(fitting) => *case = fitting,
                Err(reason) => case.skip = Some(reason),
            }
            if case.skip.is_none() {
                let flood = flood::unfit(case, self.host.crowd);
                case.skip = flood.or_else(|| self.overload(case));
            }
        }
    }

    /// The tester's first end of the case whose turn it is: no other case of the run has it, and
    /// another run most likely begins elsewhere.
    fn end_of(&self, seed: u64, turn: usize) -> SocketAddr {
        // The first block is for pings.
        let blocks = self.ports.len() / usize::from(PORTS_PER_CASE) - 1;
        let address = self.from[turn % self.from.len()];
        let block = 1 + (turn / self.from.len() + seed as usize % blocks) % blocks;
        let first = self.ports.start() + block as u16 * PORTS_PER_CASE;
        SocketAddr::new(address, first)
    }

    /// Why a case would ask more of the device than is allowed.
    fn overload(&self, case: &Case) -> Option<String> {
        let connections = case.conns.len();
        (connections > usize::from(self.most_half_open)).then(|| {
            format!(
                "may leave {connections} connections half-open at once (--max-half-open {})",
                self.most_half_open
            )
        })
    }
}

/// The addresses that the tester is to speak from.
fn addresses(
    device: IpAddr,
    interface: Option<u32>,
    arguments: &HostArguments,
) -> Result<Vec<IpAddr>, Failure> {
    if arguments.own_address {
        let way = way_to(device, interface)
            .map_err(|error| Failure::Environment(format!("no way to {device}: {error}")))?;
        let none = || {
            Failure::Environment(format!(
                "this machine has no address to reach {device} from"
            ))
        };
        return Ok(vec![way.source.ok_or_else(none)?]);
    }
    let range = arguments.from.as_ref().ok_or_else(|| {
        Failure::Usage(format!(
            "`-d {device}` needs `--from ADDRESS`: a spare address of the same network, \
             which nobody has; the tester answers for it (this machine's own TCP would \
             reset connections that it does not know). Where there is none: `--own-address`, \
             which keeps this machine's TCP away by a firewall rule for as long as the run takes"
        ))
    })?;
    Ok(range.addresses())
}

/// The addresses that floods come from.
fn crowd(
    device: IpAddr,
    from: &[IpAddr],
    arguments: &HostArguments,
) -> Result<Option<Crowd>, Failure> {
    let Some(network) = arguments.flood_from else {
        return Ok(None);
    };
    let crowd = network.crowd();
    let usage = |words: String| Err(Failure::Usage(format!("--flood-from {network} {words}")));
    if crowd.first.is_ipv4() != device.is_ipv4() {
        return usage(format!(
            "and the device {device} are of different IP versions"
        ));
    }
    if let Some(address) = from
        .iter()
        .chain([&device])
        .find(|address| network.contains(**address))
    {
        return usage(format!(
            "has {address} in it; take a network that nobody lives in"
        ));
    }
    if !arguments.i_may_test_this_host && !is_somebody_we_know(crowd.first) {
        return usage(
            "is a public network: the answers to a flood may reach those whose it is. If that \
             cannot be: --i-may-test-this-host"
                .to_owned(),
        );
    }
    Ok(Some(crowd))
}

fn index_of(name: &String) -> Result<u32, Failure> {
    nix::net::if_::if_nametoindex(name.as_str())
        .map_err(|_| Failure::Usage(format!("no interface `{name}`; `ip link` lists them")))
}

/// The limited broadcast address (RFC 919 §7).
fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

/// The agent that is to be spoken to.
pub(super) fn contact(arguments: &HostArguments) -> Option<Contact> {
    arguments.agent.map(|at| Contact {
        transport: at.transport,
        address: at.address,
        service: arguments.agent_service_id.0,
        token: arguments.token.clone(),
    })
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
        let cure = if error.kind() == ErrorKind::PermissionDenied {
            String::new()
        } else {
            format!(
                "; is one there? On the device: `tcpspec agent --listen {at} --allow ADDRESS \
                 --token WORD` (README, \"Run against any host\")"
            )
        };
        Failure::Environment(format!("cannot speak to the agent at {at}: {error}{cure}"))
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
pub(super) fn is_somebody_we_know(address: IpAddr) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
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
}
