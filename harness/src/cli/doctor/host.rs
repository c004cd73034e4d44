//! What stands between this machine and a run against a host.

use super::Finding;
use crate::cli::arguments::HostArguments;
use crate::cli::remote::{Remote, SETCAP, Slip, contact, end, is_somebody_we_know, milliseconds};
use crate::cli::{Context, Failure, ways};
use crate::device::external::{Abilities, Answered, Reach};
use crate::link::ethernet::{Station, StationError, way_to};
use crate::link::privilege::{self, Capability};
use std::net::IpAddr;
use std::sync::Arc;

/// Any seed: nothing that is found depends on it.
const SEED: u64 = 0;

/// Looks at everything that a run needs, in the order in which it needs it.
pub(super) fn examine(
    device: &str,
    arguments: &HostArguments,
    context: &Context,
) -> Result<Vec<Finding>, Failure> {
    let end @ (address, _) = end(device).map_err(|slip| {
        Failure::Usage(match slip {
            Slip::Host(wrong) => wrong,
            Slip::Name => format!("`{device}` is no address of a host; write `192.0.2.7:8080`"),
        })
    })?;
    if !arguments.i_may_test_this_host && !is_somebody_we_know(address) {
        let words = "a public address, which is not even greeted without your word";
        return Ok(vec![
            Finding::bad(words).cured_by("if you may test it: --i-may-test-this-host"),
        ]);
    }
    let mut findings = privileges(arguments);
    let is_allowed = privilege::has(Capability::NetRaw);
    let way = way(address, arguments);
    let is_reached = way.mark == super::Mark::Good;
    findings.push(way);
    let speaks = arguments.from.is_some() || arguments.own_address;
    if !speaks {
        findings.push(no_address(device));
    }
    if is_reached {
        // Whoever has not said from which address is looked at from this machine's own.
        let arguments = HostArguments {
            own_address: !speaks || arguments.own_address,
            agent: None,
            ..arguments.clone()
        };
        let remote = Remote::new(end, &arguments)?;
        if is_allowed {
            findings.extend(neighbourhood(&remote, speaks));
        }
    }
    findings.push(agent(end, arguments, context)?);
    Ok(findings)
}

fn privileges(arguments: &HostArguments) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut need = |capability, name: &str, why: &str| {
        findings.push(if privilege::has(capability) {
            Finding::good(format!("{why}: allowed ({name})"))
        } else {
            Finding::bad(format!("{why} need {name}")).cured_by(SETCAP)
        });
    };
    need(Capability::NetRaw, "CAP_NET_RAW", "raw packets");
    if arguments.own_address {
        need(Capability::NetAdmin, "CAP_NET_ADMIN", "firewall rules");
    }
    findings
}

fn way(address: IpAddr, arguments: &HostArguments) -> Finding {
    let index = arguments
        .interface
        .as_deref()
        .map(nix::net::if_::if_nametoindex);
    let Ok(interface) = index.transpose() else {
        return Finding::bad("there is no interface of that name").cured_by("ip link");
    };
    match way_to(address, interface) {
        Err(error) => Finding::bad(format!("no way there: {error}"))
            .cured_by("ip route; ip link: is an interface up and in the device's network?"),
        Ok(way) => {
            let name = way.interface();
            let hop = if way.next_hop == address {
                "directly".to_owned()
            } else {
                format!("by way of the router {}", way.next_hop)
            };
            Finding::good(format!("reached over {name}, {hop}"))
        }
    }
}

fn no_address(device: &str) -> Finding {
    Finding::warn(
        "this host would answer its SYN-ACKs with RST; use a spare address, which nobody has:",
    )
    .cured_by(format!("tcpspec run -d {device} --from ADDRESS"))
    .cured_by("or, where there is none, keep this machine's TCP away by a firewall rule:")
    .cured_by(format!("tcpspec run -d {device} --own-address"))
}

/// The addresses, the neighbour, and the ports.
fn neighbourhood(remote: &Remote, speaks: bool) -> Vec<Finding> {
    match remote.station(SEED) {
        Err(error) => {
            let finding = Finding::bad(error.to_string());
            vec![match error {
                StationError::Taken(..) => {
                    finding.cured_by("--from with an address that nobody has")
                }
                StationError::Silent(..) => finding.cured_by("is it up? ip neighbour"),
                StationError::NoWay(..) | StationError::Refused(..) => finding,
            }]
        }
        Ok(station) => {
            let mut findings = vec![Finding::good(format!(
                "its link-layer neighbour answers: {} is at {}",
                station.way().next_hop,
                station.neighbour()
            ))];
            if speaks {
                findings.push(Finding::good(remote.speaks_from()));
            }
            findings.extend(ports(remote, &station));
            findings
        }
    }
}

fn ports(remote: &Remote, station: &Arc<Station>) -> Vec<Finding> {
    let Reach::Service { port, closed_port } = remote.reach() else {
        return Vec::new();
    };
    let mut findings = vec![match remote.pinger(station, port).measure_listener() {
        Err(error) => Finding::bad(format!("port {port} cannot be asked: {error}")),
        Ok(None) => Finding::bad(format!("port {port} does not answer a SYN"))
            .cured_by("is a service there, and does a firewall let it be reached?"),
        Ok(Some((_, Answered::Closed))) => Finding::bad(format!("nobody listens on port {port}"))
            .cured_by(format!(
                "on the device: tcpspec agent, or nc -lk {port} >/dev/null"
            )),
        Ok(Some((trip, Answered::Open))) => Finding::good(format!(
            "port {port} is open; round trip {} ± {}",
            milliseconds(trip.median),
            milliseconds(trip.spread)
        )),
    }];
    if let Some(port) = closed_port {
        findings.push(match remote.pinger(station, port).measure() {
            Ok(Some((_, Answered::Closed))) => {
                Finding::good(format!("port {port} is closed, as --closed-port says"))
            }
            Ok(Some((_, Answered::Open))) => Finding::bad(format!(
                "somebody listens on port {port}, the --closed-port"
            )),
            _ => Finding::warn(format!("port {port}, the --closed-port, is silent"))
                .cured_by("a firewall swallows what is sent there"),
        });
    }
    findings
}

/// The agent, or how many cases there are without one.
fn agent(
    (address, port): (IpAddr, u16),
    arguments: &HostArguments,
    context: &Context,
) -> Result<Finding, Failure> {
    let Some(contact) = contact(arguments) else {
        let reach = Reach::Service {
            port,
            closed_port: arguments.closed_port,
        };
        return without_agent(address, reach, &arguments.profile, context);
    };
    let control = contact.address;
    Ok(match Abilities::of(&contact) {
        Ok(abilities) => Finding::good(format!("agent at {control}: {abilities}")),
        Err(error) => Finding::bad(format!("agent at {control}: {error}")).cured_by(format!(
            "on the device: tcpspec agent --listen {control} --allow ADDRESS --token WORD"
        )),
    })
}

fn without_agent(
    address: IpAddr,
    reach: Reach,
    profile: &str,
    context: &Context,
) -> Result<Finding, Failure> {
    use crate::spec::case::Family;
    let suite = context.suite(&[])?;
    let profile = suite
        .profile(profile)
        .cloned()
        .ok_or_else(|| Failure::Usage(format!("no profile specs/devices/{profile}.yaml")))?;
    let family = if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    let cases = suite.cases(&profile, &[family]).map_err(Failure::Specs)?;
    let ways = ways::all(&suite, &cases, reach, None);
    let services: Vec<String> = ways
        .iter()
        .map(|way| format!("{}: {}", way.flags, way.cases))
        .collect();
    Ok(Finding::warn(format!(
        "no agent; of {} cases can be played with {}",
        cases.len(),
        services.join(", ")
    ))
    .cured_by("on the device: tcpspec agent --whole-host; here: --agent ADDRESS:30700"))
}
