//! Hosts on a network of our own: two network namespaces with a cable between them. In one lives
//! the tester, in the other a Linux host with a service that reads and says nothing.
//!
//! Where the machine forbids namespaces, or lacks `unshare`, `nsenter` and `ip`, every test is
//! shown as ignored.

mod cable;
mod care;
mod comparison;
mod enemy;
mod flood;
mod garbage;
mod killed;
mod nobody;
mod powers;
mod rig;
mod service;
mod services;
mod tap;
mod upper_tester;

use libtest_mimic::{Arguments, Failed, Trial};
use rig::Rig;
use serde_json::Value;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The first argument that makes this program the service.
const SERVE: &str = "serve";
/// The one that makes it throw garbage at an agent.
const SHOUT: &str = "shout";

/// On a busy machine a tester may find itself unfit to judge a case. That is no failure where so
/// many cases have to pass; one that fails is.
const BUSY: &str = "--allow-inconclusive";

/// What a test does with the network.
type Test = fn(&Rig) -> Result<(), Failed>;

/// Tests side by side for each processor: most of the time they wait for timers.
const TESTS_PER_PROCESSOR: usize = 3;

/// The tests that are there on every machine which allows networks; the longest ones first.
const TESTS: &[(&str, Test)] = &[
    ("host/linux-as-the-kernel-device-sees-it", |_| {
        comparison::same_verdicts()
    }),
    ("host/the-standard-primitives", |_| {
        upper_tester::three_ways()
    }),
    ("host/linux-with-an-agent", |_| with_an_agent()),
    ("host/over-a-network-that-loses", |_| {
        care::in_spite_of_loss()
    }),
    ("host/few-packets-and-connections", |_| care::gently()),
    ("host/a-flood", |_| flood::floods()),
    ("host/linux-as-it-is", |_| as_it_is()),
    ("host/linux-over-ipv4", |rig| conforms(rig, &V4)),
    ("host/linux-over-ipv6", |rig| conforms(rig, &V6)),
    ("host/discard-echo-and-ssh", services::our_own),
    ("host/among-enemies", |_| care::among_enemies()),
    ("host/an-agent-shouted-at", upper_tester::after_garbage),
    ("host/an-agent-greeted-over-udp", upper_tester::greeted),
    ("host/an-agent-that-wants-another-token", wrong_token),
    ("host/nothing-stays-open", |_| nothing_stays_open()),
    ("host/an-address-that-somebody-has", taken),
    ("host/an-address-of-the-tester-itself", own),
    ("host/a-host-that-is-silent", silent),
    ("host/nobody-listens", nobody::listens),
    ("host/somebody-listens-now-and-then", nobody::always),
    ("host/a-host-that-dies", |_| dies()),
    ("host/a-service-that-is-another", services::another),
    ("host/a-host-that-falls-silent", |_| care::falls_silent()),
    ("host/an-address-of-our-own", |_| care::own_address()),
    ("host/what-killed-runs-leave", |_| care::leftovers()),
    ("host/two-testers-at-once", |_| care::two_at_once()),
    ("host/ctrl-c", |_| care::interrupted()),
    ("host/ctrl-c-far-away", |_| care::interrupted_far_away()),
    ("host/a-reset-far-away", |_| care::reset_far_away()),
    ("host/a-host-too-far-away", |_| care::too_far_away()),
    ("host/a-killed-test", |_| killed::tests()),
    ("host/a-killed-run-on-this-kernel", |_| killed::workers()),
    ("host/a-killed-agent", |_| killed::agents()),
    ("host/two-testers-on-one-agent", |_| {
        upper_tester::two_testers()
    }),
    ("host/a-hung-agent", |_| killed::hung_agents()),
    ("host/powers-of-root", |_| powers::of_root()),
    ("host/powers-over-files", |_| powers::over_files()),
    ("host/powers-of-a-user", |_| powers::of_a_user()),
    ("host/in-a-vlan", |_| care::in_a_vlan()),
    ("host/dry-run", |_| care::rehearsed()),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(SERVE) => return service::serve(),
        Some("cable") => return cable::carry(words.get(1).map_or("", String::as_str)),
        Some("plague") => return enemy::plague(),
        Some("tables") => return care::tables(),
        Some("leave") => return care::leave(),
        Some(killed::HOLD) => return killed::hold(),
        Some(nobody::BLINK) => return nobody::blink(),
        Some(upper_tester::SQUAT) => return upper_tester::squat(),
        Some(SHOUT) => return garbage::throw(words.get(1).map_or("", String::as_str)),
        _ => {}
    }
    let mut arguments = Arguments::from_args();
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let side_by_side = processors * TESTS_PER_PROCESSOR;
    arguments.test_threads.get_or_insert(side_by_side);
    let forbidden = rig::forbidden();
    if let Some(reason) = &forbidden {
        eprintln!("tests of hosts are ignored: {reason}");
    }
    let is_wanted = !arguments.list && forbidden.is_none();
    let rig = is_wanted.then(|| Rig::build().map(Arc::new));
    let trials = TESTS.iter().map(|&(name, test)| {
        let rig = rig.clone();
        // Where networks are allowed, one that cannot be made is a failure.
        let run = move || match rig {
            Some(Ok(rig)) => test(&rig),
            Some(Err(reason)) => Err(format!("no network: {reason}").into()),
            None => Err("there is no network".into()),
        };
        Trial::test(name, run).with_ignored_flag(forbidden.is_some())
    });
    let mut all = services::of_others(forbidden.is_some());
    all.extend(tap::of_others(forbidden.is_some()));
    all.extend(trials);
    libtest_mimic::run(&arguments, all).exit_code()
}

/// How a family reaches the host.
struct Way {
    device: &'static str,
    from: &'static str,
}

const V4: Way = Way {
    device: "192.0.2.7:9",
    from: "192.0.2.200-203",
};
const V6: Way = Way {
    device: "[2001:db8::7]:9",
    from: "2001:db8::200-203",
};

impl Way {
    /// With the folder of few specs, as far as the number of the closed port.
    fn arguments(&self) -> [&'static str; 10] {
        let (device, from) = (self.device, self.from);
        [
            "run",
            "--specs",
            rig::few(),
            "--device",
            device,
            "--from",
            from,
            "--profile",
            "linux",
            "--closed-port",
        ]
    }

    /// As [`Way::arguments`], with the whole suite.
    fn with_all_specs(&self) -> Vec<&'static str> {
        let mut words = self.arguments().to_vec();
        words.retain(|word| *word != "--specs" && *word != rig::few());
        words
    }
}

/// A Linux host passes whatever can be asked without an agent, but for its known deviations.
fn conforms(rig: &Rig, way: &Way) -> Result<(), Failed> {
    let report = rig.file(&format!("from-{}.json", way.from));
    let rest = ["10", BUSY, "--pcap", "none", "--quiet", "--json", &report];
    let ran = rig.tcpspec(&[&way.with_all_specs()[..], &rest].concat())?;
    if ran.code != Some(0) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let passed = cases
        .iter()
        .filter(|case| case["verdict"] == "pass")
        .count();
    // Most specs make the application act; more than five hundred do not.
    if passed < 500 {
        return Err(format!("only {passed} of {} cases passed", cases.len()).into());
    }
    // Nobody can tell the settings of a host without an agent, which the profile counts on.
    if !run["remarks"]
        .to_string()
        .contains("tcp_congestion_control=reno")
    {
        return Err(format!("no word of settings among {}", run["remarks"]).into());
    }
    Ok(())
}

/// With an agent the host closes, sends and connects too, and nearly nothing is left out, also over
/// IPv6; `same_verdicts` has more over IPv4.
fn with_an_agent() -> Result<(), Failed> {
    // It changes settings of its host, which other tests would not like.
    let rig = Rig::build()?;
    let report = rig.file("agent.json");
    let from = [
        "run",
        "--specs",
        rig::few(),
        "-d",
        "2001:db8::7",
        "--from",
        "2001:db8::220-223",
        "--profile",
        "linux",
    ];
    let agent = [
        "--agent",
        rig::AGENT,
        "--token",
        rig::TOKEN,
        "--json",
        &report,
    ];
    // On a busy machine a case may find the tester unfit; what counts is how many pass.
    let rest = [BUSY, "--pcap", "none", "-q"];
    let rest = [&rest[..], &["3.5", "3.6", "3.10.7.4"]].concat();
    let ran = rig.tcpspec(&[&from[..], &agent, &rest].concat())?;
    if ran.code != Some(0) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let unplayed =
        |case: &&Value| case["verdict"] == "skipped" || case["verdict"] == "inconclusive";
    let unplayed = cases.iter().filter(unplayed).count();
    if cases.len() < 500 || unplayed * 20 > cases.len() {
        return Err(format!("{unplayed} of {} cases were not played", cases.len()).into());
    }
    Ok(())
}

/// A host whose settings nobody makes fails nothing that it passes with them: what leans on them is
/// left out by name, and its sockets have Reno whatever the host has.
fn as_it_is() -> Result<(), Failed> {
    let rig = Rig::build()?;
    for setting in [
        "tcp_congestion_control=bbr",
        "tcp_congestion_control=cubic",
        "tcp_early_retrans=3",
        "tcp_invalid_ratelimit=500",
        "tcp_no_metrics_save=0",
    ] {
        let (name, value) = setting.split_once('=').ok_or("no value")?;
        // Not every kernel has each algorithm, nor gives it to every namespace.
        let write = format!("echo {value} > /proc/sys/net/ipv4/{name} || true");
        rig.on_the_host(&["sh", "-c", &write])?;
    }
    let (agent, from) = ("192.0.2.7:30702", "192.0.2.120-127");
    let listen = ["agent", "--listen", agent, "--allow", "192.0.2.1"];
    let token = ["--token", rig::TOKEN];
    let serve = [&[env!("CARGO_BIN_EXE_tcpspec")], &listen[..], &token].concat();
    let mut serving = rig.spawn_on_the_host(&serve)?;
    let listens = ["ss", "-Hltn", "sport = :30702"];
    while rig.on_the_host(&listens)?.is_empty() && serving.try_wait()?.is_none() {
        thread::sleep(Duration::from_millis(10));
    }
    let report = rig.file("as-it-is.json");
    let host = ["run", "-d", "192.0.2.7", "--from", from, "--agent", agent];
    let rest = ["--profile", "linux", "-q", BUSY, "--json", &report];
    let which = ["3.4", "3.5", "3.8.6", "rfc1122", "rfc2018.5", "rfc2883.5"];
    let more = ["rfc3042.2", "rfc5681.3.1", "rfc5961.7", "rfc6298"];
    let none = ["--pcap", "none"];
    let ran = rig.tcpspec(&[&host[..], &token, &rest, &none, &which, &more].concat());
    serving.kill()?;
    serving.wait()?;
    let ran = ran?;
    if ran.code != Some(0) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let is_left_out = |setting: &str| {
        let reason = format!("leans on {setting}");
        let says = |case: &Value| {
            case["reason"]
                .as_str()
                .is_some_and(|it| it.starts_with(&reason))
        };
        cases.iter().any(says)
    };
    let told = ["tcp_early_retrans=0", "tcp_invalid_ratelimit=0"];
    let passed = cases.iter().filter(|case| case["verdict"] == "pass");
    let is_told = run["remarks"]
        .to_string()
        .contains("tcp_early_retrans=3 (not 0)");
    if !told.iter().all(|setting| is_left_out(setting)) || !is_told || passed.count() < 200 {
        return Err(format!("{}\n{}", run["remarks"], ran.out).into());
    }
    if is_left_out("tcp_congestion_control") {
        return Err("its sockets can have Reno".into());
    }
    Ok(())
}

fn wrong_token(rig: &Rig) -> Result<(), Failed> {
    let from = [
        "run",
        "--specs",
        rig::few(),
        "-d",
        "192.0.2.7",
        "--from",
        "192.0.2.230",
        "--profile",
        "linux",
    ];
    let agent = [
        "--agent",
        rig::AGENT,
        "--token",
        "guessed",
        "3.5/passive-open",
        "--pcap",
        "none",
    ];
    let ran = rig.tcpspec(&[&from[..], &agent].concat())?;
    let words = "the agent refuses this tester: is the token right?";
    if ran.code == Some(3) && ran.errors.contains(words) {
        return Ok(());
    }
    Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into())
}

/// The host has no connection of ours left, and the tester's kernel never said a word of TCP.
fn nothing_stays_open() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let from = "192.0.2.210";
    let way = Way { from, ..V4 };
    let mut arguments = way.arguments().to_vec();
    arguments.extend(["10", "--pcap", "none", "--quiet", "3.5", "3.10.7.4"]);
    rig.tcpspec(&arguments)?;
    let states = ["state", "established", "state", "syn-recv"];
    let open = rig.on_the_host(&[&["ss", "-Htan"], &states[..], &["dst", from]].concat())?;
    if !open.trim().is_empty() {
        return Err(format!("the host still has\n{open}").into());
    }
    let counters = rig.on_the_tester(&["cat", "/proc/net/snmp"])?;
    let sent = column(&counters, "Tcp:", "OutSegs").ok_or("no OutSegs")?;
    if sent != "0" {
        return Err(format!("the tester's kernel sent {sent} segments").into());
    }
    Ok(())
}

/// A number of `/proc/net/snmp`: names in one line, values in the next.
fn column<'t>(text: &'t str, table: &str, name: &str) -> Option<&'t str> {
    let mut lines = text.lines().filter(|line| line.starts_with(table));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split(' ').position(|word| word == name)?;
    values.split(' ').nth(at)
}

fn taken(rig: &Rig) -> Result<(), Failed> {
    let arguments = ["-d", "192.0.2.7:9", "--from", "192.0.2.8"];
    refused(rig, &arguments, "192.0.2.8 is in use by 02:")
}

fn own(rig: &Rig) -> Result<(), Failed> {
    let arguments = ["-d", "192.0.2.7:9", "--from", "192.0.2.1"];
    refused(
        rig,
        &arguments,
        "192.0.2.1 is in use by this machine itself",
    )
}

fn silent(rig: &Rig) -> Result<(), Failed> {
    let arguments = ["-d", "192.0.2.77:9", "--from", "192.0.2.229"];
    refused(
        rig,
        &arguments,
        "192.0.2.77 does not answer ARP on the interface tester0:",
    )
}

/// A host that goes away in the middle leaves the rest inconclusive, and the run ends.
fn dies() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let report = rig.file("report.json");
    let mut arguments = V4.arguments().to_vec();
    let rest = ["10", "-j", "16", "--pcap", "none", "-q", "--json", &report];
    arguments.extend(rest);
    let ran = thread::scope(|scope| -> Result<_, Failed> {
        let run = scope.spawn(|| rig.tcpspec(&arguments));
        care::busy(&rig)?;
        rig.on_the_host(&["ip", "link", "set", "host0", "down"])?;
        Ok(run.join().map_err(|_| "it panicked")??)
    })?;
    if ran.code != Some(3) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let with = |verdict| move |case: &&Value| case["verdict"] == verdict && case["known"].is_null();
    let (passed, left) = (with("pass"), with("inconclusive"));
    let (passed, left) = (
        cases.iter().filter(passed).count(),
        cases.iter().filter(left).count(),
    );
    if passed == 0 || left == 0 || cases.iter().any(|case| with("fail")(&case)) {
        return Err(format!("{passed} passed, {left} inconclusive").into());
    }
    Ok(())
}

/// The run ends with exit 3 and these words, before any case.
fn refused(rig: &Rig, arguments: &[&str], words: &str) -> Result<(), Failed> {
    let run = ["run", "--specs", rig::few()];
    let ran = rig.tcpspec(&[&run, arguments].concat())?;
    if ran.code == Some(3) && ran.errors.contains(words) {
        return Ok(());
    }
    Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into())
}
