//! Floods of a host that routes a whole network to the tester.

use crate::rig::{self, Rig};
use libtest_mimic::Failed;
use serde_json::Value;

/// Where the tester speaks from, which is the next hop to those who flood.
const FROM: &str = "192.0.2.90";
const NETWORK: &str = "10.0.0.0/8";
/// Specs that flood, but for the million, which takes a real clock half a minute.
const SPECS: [&str; 3] = ["rfc4987.4", "rfc4987.3/retries-under-attack", "rfc6528"];
/// So many of their cases flood and can be played.
const FLOODS: usize = 9;

/// What the specs say of floods holds of a host; one that sends its answers elsewhere is told
/// apart before the first case.
pub(crate) fn floods() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let report = rig.file("report.json");
    let way = [
        "run",
        "-d",
        "192.0.2.7",
        "--from",
        FROM,
        "--profile",
        "linux",
    ];
    let agent = ["--agent", rig::AGENT, "--token", rig::TOKEN];
    let flood = ["--flood-from", NETWORK, "-E", "!id(*million*)"];
    let rest = ["--json", &report, "--pcap", "none", "-q"];
    let run = || rig.tcpspec(&[&way[..], &agent, &flood, &rest, &SPECS].concat());
    let ran = run()?;
    let words = "does not answer 10.0.0.1 by way of the tester";
    if ran.code != Some(3) || !ran.errors.contains(words) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    rig.on_the_host(&["ip", "route", "add", NETWORK, "via", FROM])?;
    let ran = run()?;
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let cases = report["cases"].as_array().ok_or("no cases")?;
    let flooded = cases.iter().filter(|case| {
        let mut events = case["events"].as_array().into_iter().flatten();
        case["verdict"] == "pass" && events.any(|event| event.to_string().contains("flood: "))
    });
    let flooded = flooded.count();
    if ran.code == Some(0) && flooded >= FLOODS {
        return Ok(());
    }
    let (code, out, errors) = (ran.code, ran.out, ran.errors);
    Err(format!("exit {code:?}, {flooded} flooded\n{out}{errors}").into())
}
