//! The same host driven in three ways: by the extension group, and by the standard primitives over
//! UDP and over TCP, as any TC8 upper tester has them.

use crate::rig::{self, Rig};
use libtest_mimic::Failed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Where sockets are opened, closed and spoken to in every state.
const CASES: [&str; 4] = ["3.5", "3.6", "3.8", "3.10.7.4"];
/// The host.
const V4: &str = "192.0.2.7";
/// A case, as the command line selects it.
const CASE: &str = "3.5/passive-open[v4]";

/// The first argument that makes this program listen where testers have ports on the device.
pub(crate) const SQUAT: &str = "squat";
/// Every second block of those ports.
const SQUATTED: std::ops::Range<u16> = 20_000..25_000;
const TWO_BLOCKS: usize = 32;
/// Cases in which the device listens at least once.
const LISTENING: [&str; 8] = [
    "3.5/passive-open",
    "3.5/repeated-syn",
    "3.5/completing-segment",
    "3.5/listener-keeps-listening",
    "3.5/old-duplicate-syn",
    "3.5/reset-returns-to-listen",
    "3.5/second-connection",
    "3.5/side-by-side-passive-opens",
];
/// Fewer sockets of squatters are not enough, nor are fewer cases of two testers.
const SQUATTERS: usize = 150;
const LEAST: usize = 50;

/// A few sections over IPv6: what drives the host is the same.
const SIX: [&str; 2] = ["3.5", "3.6"];

/// A way to drive the host.
struct Way {
    name: &'static str,
    device: &'static str,
    cases: &'static [&'static str],
    /// Fewer of them can come out alike only if something is wrong.
    least: usize,
    from: &'static str,
    agent: &'static str,
    token: Option<&'static str>,
}

const EXTENSION: Way = Way {
    name: "extension",
    device: V4,
    cases: &CASES,
    least: 500,
    from: "192.0.2.100-107",
    agent: rig::AGENT,
    token: Some(rig::TOKEN),
};
const UDP: Way = Way {
    name: "udp",
    device: V4,
    cases: &CASES,
    least: 500,
    from: "192.0.2.110-117",
    agent: "udp:192.0.2.7:30701",
    token: None,
};
const TCP: Way = Way {
    name: "tcp",
    device: V4,
    cases: &CASES,
    least: 500,
    from: "192.0.2.120-127",
    agent: "tcp:192.0.2.7:30701",
    token: None,
};
/// Sockets of IPv6, though the agent is spoken to over IPv4.
const TCP_SIX: Way = Way {
    name: "tcp, IPv6",
    device: "2001:db8::7",
    cases: &SIX,
    least: 100,
    from: "2001:db8::120-127",
    ..TCP
};
/// An agent with the extension group asks for its token over UDP as well.
const GREETED: Way = Way {
    name: "greeted",
    device: V4,
    cases: &CASES,
    least: 500,
    from: "192.0.2.130",
    agent: "udp:192.0.2.7:30700",
    token: Some(rig::TOKEN),
};

impl Way {
    /// The cases by their ids, those of IPv6 by those of IPv4.
    fn run(&self, rig: &Rig, cases: &[&str]) -> Result<BTreeMap<String, Value>, Failed> {
        let report = rig.file(&format!("{}.json", self.name));
        let mut arguments = vec![
            "run",
            "--specs",
            rig::few(),
            "-d",
            self.device,
            "--from",
            self.from,
        ];
        arguments.extend(["--profile", "linux", "--pinned", "-j", "16"]);
        arguments.extend(["--agent", self.agent]);
        if let Some(token) = self.token {
            arguments.extend(["--token", token]);
        }
        arguments.extend(["--pcap", "none", "-q", "--json", report.as_str()]);
        arguments.extend(cases);
        let ran = rig.tcpspec(&arguments)?;
        if !matches!(ran.code, Some(0 | 1 | 3)) {
            let Way { name, .. } = self;
            return Err(format!("{name}: exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
        }
        let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
        let cases = run["cases"].as_array().ok_or("no cases")?;
        let by_id = cases.iter().map(|case| {
            (
                case["id"]
                    .as_str()
                    .unwrap_or_default()
                    .replace("v6]", "v4]"),
                case.clone(),
            )
        });
        Ok(by_id.collect())
    }
}

/// What the primitives can express has the verdict that the extension gives; what they cannot is
/// skipped with a reason that names them.
pub(crate) fn three_ways() -> Result<(), Failed> {
    let (reference, by_primitives) = thread::scope(|scope| -> Result<_, Failed> {
        // Each on a host of its own: what a case of the extension arranges of the whole host, the
        // other agent's testers would not know of.
        let play = |way: Way| {
            scope.spawn(move || Ok::<_, Failed>((way.run(&Rig::build()?, way.cases)?, way)))
        };
        let ways = [EXTENSION, UDP, TCP, TCP_SIX].map(play);
        let [reference, udp, tcp, six] = ways.map(|way| -> Result<_, Failed> {
            let (cases, way) = way.join().map_err(|_| "it panicked")??;
            Ok((way, cases))
        });
        Ok((reference?.1, [udp?, tcp?, six?]))
    })?;
    let mut different = Vec::new();
    for (way, cases) in by_primitives {
        let (mut same, mut skipped) = (0, 0);
        // What there is over one IP version only has nothing to be compared with.
        for (id, case) in cases {
            let Some(wanted) = reference.get(&id) else {
                continue;
            };
            match compare(&case, wanted) {
                Compared::Same => same += 1,
                Compared::Skipped => skipped += 1,
                Compared::Unproven => println!("{}: {id}: {}", way.name, case["reason"]),
                Compared::Different => different.push(format!(
                    "{}: {id}: {} instead of {}: {} {}",
                    way.name,
                    case["verdict"],
                    wanted["verdict"],
                    case["reason"],
                    case["mismatches"]
                )),
            }
        }
        println!(
            "{}: {same} cases as by the extension, {skipped} beyond the primitives",
            way.name
        );
        if same < way.least {
            return Err(format!("{}: only {same} cases are the same", way.name).into());
        }
    }
    if different.is_empty() {
        return Ok(());
    }
    Err(different.join("\n").into())
}

/// A case by the primitives beside the same by the extension.
enum Compared {
    Same,
    /// Beyond what the primitives can say.
    Skipped,
    /// It says nothing of the host.
    Unproven,
    Different,
}

fn compare(case: &Value, reference: &Value) -> Compared {
    let (verdict, wanted) = (&case["verdict"], &reference["verdict"]);
    let says = |case: &Value, words: &str| {
        let reason = case["reason"].as_str();
        reason.is_some_and(|reason| reason.contains(words))
    };
    // A tester that was late proves nothing, either way.
    let was_late = |case| says(case, "the tester was not fit to judge");
    // Octets that should not have been taken are dropped, and prove nothing.
    let is_dropped = wanted == "deviates" && says(case, "dropped them");
    // A deviation that only the application sees is not seen here.
    let is_unseen = !reference["known"].is_null() && case["unchecked"] != 0;
    // The reason is one of those that the primitives give.
    let is_beyond = ["standard primitives only", "whole host"];
    let is_beyond = is_beyond.iter().any(|words| says(case, words));
    match verdict.as_str() {
        _ if was_late(case) || was_late(reference) => Compared::Unproven,
        _ if verdict == wanted => Compared::Same,
        Some("skipped") if is_beyond => Compared::Skipped,
        Some("skipped" | "fail") => Compared::Different,
        _ if is_unseen => Compared::Same,
        _ if is_dropped => Compared::Unproven,
        _ => Compared::Different,
    }
}

/// Over UDP an agent of ours takes the token, and then the primitives.
pub(crate) fn greeted(rig: &Rig) -> Result<(), Failed> {
    passes(&GREETED, rig)
}

/// An agent that was shouted at serves whoever comes next.
pub(crate) fn after_garbage(rig: &Rig) -> Result<(), Failed> {
    for agent in ["192.0.2.7:30700", "192.0.2.7:30701"] {
        let shouter = rig.shout_at(agent)?;
        let way = if agent == rig::AGENT { EXTENSION } else { TCP };
        let served = passes(&way, rig).and_then(|()| match agent {
            rig::AGENT => Ok(()),
            _ => passes(&UDP, rig),
        });
        drop(shouter);
        served?;
    }
    Ok(())
}

fn passes(way: &Way, rig: &Rig) -> Result<(), Failed> {
    let cases = way.run(rig, &[CASE])?;
    match cases.get(CASE) {
        Some(case) if case["verdict"] == "pass" => Ok(()),
        other => Err(format!("{}: {other:?}", way.name).into()),
    }
}

/// Listens at the first port of many blocks, until it is killed.
pub(crate) fn squat() -> ExitCode {
    let ports = SQUATTED.step_by(TWO_BLOCKS);
    let sockets = ports.filter_map(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok());
    let _sockets: Vec<TcpListener> = sockets.collect();
    loop {
        thread::park();
    }
}

/// Two testers with one seed on one agent do not disturb each other, and neither do others who
/// have ports on the device.
pub(crate) fn two_testers() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let (other, one) = thread::scope(|scope| {
        let run = |name, from| {
            Way {
                name,
                from,
                ..EXTENSION
            }
            .run(&rig, &["--seed", "7", "3.5"])
        };
        let one = scope.spawn(move || run("one", "192.0.2.200"));
        (run("other", "192.0.2.210"), one.join())
    });
    judged(&one.map_err(|_| "it panicked")??, LEAST)?;
    judged(&other?, LEAST)?;
    let exe = std::env::current_exe()?.display().to_string();
    let mut squatter = rig.spawn_on_the_host(&[&exe, SQUAT])?;
    let is_there = squatted(&rig);
    // Nothing is played again when all others are done.
    let once = [&["--seed", "7", "--retries", "0"], &LISTENING[..]].concat();
    let cases = EXTENSION.run(&rig, &once);
    squatter.kill()?;
    squatter.wait()?;
    is_there?;
    judged(&cases?, LISTENING.len())
}

/// Waits until the squatter has its ports.
fn squatted(rig: &Rig) -> Result<(), Failed> {
    for _ in 0..600 {
        if rig.on_the_host(&["ss", "-Htln"])?.lines().count() > SQUATTERS {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err("nobody squats".into())
}

/// So many passed at least, and of the others none failed or met somebody.
fn judged(cases: &BTreeMap<String, Value>, least: usize) -> Result<(), Failed> {
    let passed = cases.values().filter(|case| case["verdict"] == "pass");
    let passed = passed.count();
    let is_bad = |case: &&Value| match case["verdict"].as_str() {
        Some("inconclusive") => {
            let reason = case["reason"].as_str().unwrap_or_default();
            !reason.contains("the tester was not fit to judge")
        }
        Some("pass" | "skipped") => false,
        _ => case["known"].is_null(),
    };
    let bad: Vec<String> = cases
        .values()
        .filter(is_bad)
        .map(|case| format!("{}: {} {}", case["id"], case["verdict"], case["reason"]))
        .collect();
    if bad.is_empty() && passed >= least {
        return Ok(());
    }
    Err(format!("{passed} passed\n{}", bad.join("\n")).into())
}
