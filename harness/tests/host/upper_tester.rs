//! The same host driven in three ways: by the extension group, and by the standard primitives over
//! UDP and over TCP, as any TC8 upper tester has them.

use crate::rig::{self, Rig};
use libtest_mimic::Failed;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where sockets are opened, closed and spoken to in every state.
const CASES: [&str; 4] = ["3.5", "3.6", "3.8", "3.10.7.4"];
/// A case, as the command line selects it.
const CASE: &str = "3.5/passive-open[v4]";

/// A way to drive the host.
struct Way {
    name: &'static str,
    from: &'static str,
    agent: &'static str,
    token: Option<&'static str>,
}

const EXTENSION: Way = Way {
    name: "extension",
    from: "192.0.2.100-107",
    agent: rig::AGENT,
    token: Some(rig::TOKEN),
};
const UDP: Way = Way {
    name: "udp",
    from: "192.0.2.110-117",
    agent: "udp:192.0.2.7:30701",
    token: None,
};
const TCP: Way = Way {
    name: "tcp",
    from: "192.0.2.120-127",
    agent: "tcp:192.0.2.7:30701",
    token: None,
};
/// An agent with the extension group asks for its token over UDP as well.
const GREETED: Way = Way {
    name: "greeted",
    from: "192.0.2.130",
    agent: "udp:192.0.2.7:30700",
    token: Some(rig::TOKEN),
};

impl Way {
    fn run(&self, rig: &Rig, cases: &[&str]) -> Result<BTreeMap<String, Value>, Failed> {
        let report = rig.file(&format!("{}.json", self.name));
        let mut arguments = vec!["run", "-d", "192.0.2.7", "--from", self.from];
        arguments.extend(["--profile", "linux", "--agent", self.agent, "-j", "16"]);
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
                case["id"].as_str().unwrap_or_default().to_owned(),
                case.clone(),
            )
        });
        Ok(by_id.collect())
    }
}

/// What the primitives can express has the verdict that the extension gives; what they cannot is
/// skipped with a reason that names them.
pub(crate) fn three_ways(_: &Rig) -> Result<(), Failed> {
    // An agent with the extension changes settings of its host, and leaves them till it ends.
    let rig = &Rig::build()?;
    let by_primitives = [(UDP, UDP.run(rig, &CASES)?), (TCP, TCP.run(rig, &CASES)?)];
    let reference = EXTENSION.run(rig, &CASES)?;
    let mut different = Vec::new();
    for (way, cases) in by_primitives {
        let (mut same, mut skipped) = (0, 0);
        for (id, case) in cases {
            let (verdict, reason) = (&case["verdict"], &case["reason"]);
            let wanted = &reference[&id]["verdict"];
            // A deviation that only the application sees is not seen here.
            let is_unseen = !reference[&id]["known"].is_null() && case["unchecked"] != 0;
            // A tester that was late proves nothing, either way.
            let reasons = [reason, &reference[&id]["reason"]];
            if reasons
                .iter()
                .any(|reason| reason.as_str().is_some_and(was_late))
            {
                continue;
            }
            // Octets that should not have been taken are dropped, and prove nothing.
            let is_dropped = wanted == "deviates" && reason.as_str().is_some_and(is_dropped);
            if verdict == wanted || verdict != "fail" && verdict != "skipped" && is_unseen {
                same += 1;
            } else if is_dropped {
                println!("{}: {id}: {reason} instead of {wanted}", way.name);
            } else if verdict == "skipped" {
                skipped += 1;
                if !reason.as_str().is_some_and(is_said) {
                    different.push(format!("{}: {id}: skipped: {reason}", way.name));
                }
            } else {
                let symptoms = &case["mismatches"];
                different.push(format!(
                    "{}: {id}: {verdict} instead of {wanted}: {reason} {symptoms}",
                    way.name
                ));
            }
        }
        println!(
            "{}: {same} cases as by the extension, {skipped} beyond the primitives",
            way.name
        );
        if same < 500 {
            return Err(format!("{}: only {same} cases are the same", way.name).into());
        }
    }
    if different.is_empty() {
        return Ok(());
    }
    Err(different.join("\n").into())
}

fn was_late(reason: &str) -> bool {
    reason.contains("the tester was not fit to judge")
}

fn is_dropped(reason: &str) -> bool {
    reason.contains("dropped them")
}

/// The reason is one of those that the primitives give.
fn is_said(reason: &str) -> bool {
    reason.contains("standard primitives only") || reason.contains("whole host")
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
