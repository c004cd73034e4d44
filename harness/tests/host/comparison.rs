//! The same kernel twice: as the `kernel` device in namespaces of its own, and as a host that an
//! agent drives. The verdicts have to be the same, case by case.

use crate::rig::{self, Rig};
use libtest_mimic::Failed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::thread;

/// Of what the `kernel` device plays, so much has to come out alike on the host, in percent.
const ALIKE: usize = 90;

/// Parts of the suite, each for a host of its own: cases that want a host to themselves wait for
/// each other.
const HOSTS: usize = 4;

/// Plays the whole suite over IPv4 both ways, prints where they differ, and counts.
pub(crate) fn same_verdicts() -> Result<(), Failed> {
    let (kernel, host) = thread::scope(|scope| -> Result<_, Failed> {
        let host = |part| {
            scope.spawn(move || {
                let from = ["-d", "192.0.2.7", "--from", "192.0.2.240-243"];
                let agent = ["--agent", rig::AGENT, "--token", rig::TOKEN];
                let part = format!("{part}/{HOSTS}");
                let rest = ["--profile", "linux", "--shard", &part];
                verdicts(&Rig::build()?, &[&from[..], &agent, &rest].concat())
            })
        };
        let hosts: Vec<_> = (1..=HOSTS).map(host).collect();
        let kernel = verdicts(&Rig::build()?, &["-d", "kernel", "--family", "4"])?;
        let mut all = BTreeMap::new();
        for host in hosts {
            all.extend(host.join().map_err(|_| "it panicked")??);
        }
        Ok((kernel, all))
    })?;
    let played: Vec<(&String, &String)> = kernel
        .iter()
        .filter(|(_, verdict)| *verdict != "skipped")
        .collect();
    let mut alike = 0;
    for (id, on_the_kernel) in &played {
        let on_the_host = host.get(*id).map_or("missing", String::as_str);
        if on_the_host == *on_the_kernel {
            alike += 1;
        } else {
            println!("{id}: kernel {on_the_kernel}, host {on_the_host}");
        }
    }
    println!("{alike} of {} cases alike", played.len());
    let worse = |(id, verdict): &(&String, &String)| {
        *verdict == "fail" && kernel.get(*id).is_none_or(|kernel| kernel != "fail")
    };
    let worse: Vec<_> = host.iter().filter(worse).map(|(id, _)| id).collect();
    if alike * 100 < played.len() * ALIKE || !worse.is_empty() || played.len() < 2000 {
        let text = format!("{alike} of {} cases alike; failed: {worse:?}", played.len());
        return Err(text.into());
    }
    Ok(())
}

/// The verdict of every case; a failure that is known is `known`.
fn verdicts(rig: &Rig, device: &[&str]) -> Result<BTreeMap<String, String>, Failed> {
    let report = rig.file("report.json");
    let rest = ["--pcap", "none", "-q", "--json", &report];
    let ran = rig.tcpspec(&[&["run"], device, &rest].concat())?;
    let text = std::fs::read_to_string(&report)
        .map_err(|error| format!("{error}: {:?}\n{}{}", ran.code, ran.out, ran.errors))?;
    let run: Value = serde_json::from_str(&text)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let verdict = |case: &Value| {
        let known = (!case["known"].is_null()).then_some("known");
        let verdict = known.or(case["verdict"].as_str()).unwrap_or_default();
        (
            case["id"].as_str().unwrap_or_default().to_owned(),
            verdict.to_owned(),
        )
    };
    Ok(cases.iter().map(verdict).collect())
}
