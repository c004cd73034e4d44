//! A run does no harm: not to the device, not to the machine that it runs on, not to other
//! testers; and neither a bad network nor a bad neighbour makes it say what is not so.

use super::cable::{LONG, LONGER, LOSSY, TAGGED, VLAN};
use super::killed::{Family, networks};
use super::rig::{self, Ran, Rig};
use super::{BUSY, V4, Way, column};
use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use tcpspec::link::firewall::{self, Guarded};

/// A process that cannot be there: Linux has no such numbers.
const NOBODY: u32 = 4_300_000;
/// So many connections, and a run is well under way.
const ENOUGH: u32 = 40;
/// What most of these tests play: some hundred cases without an agent.
const SOME: [&str; 2] = ["3.5", "3.10.7.4"];
const QUIET: [&str; 3] = ["--pcap", "none", "-q"];

/// Prints the firewall tables of testers.
pub(crate) fn tables() -> ExitCode {
    match firewall::tables() {
        Ok(tables) => print!("{}", tables.join(" ")),
        Err(error) => print!("{error}"),
    }
    ExitCode::SUCCESS
}

/// Leaves a firewall table as a killed tester on an old kernel does.
pub(crate) fn leave() -> ExitCode {
    let guarded = Guarded {
        from: Ipv4Addr::new(192, 0, 2, 7).into(),
        to: Ipv4Addr::new(192, 0, 2, 1).into(),
        ports: 20_000..=20_001,
    };
    match firewall::leave_behind(NOBODY, &guarded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Over this machine's own address its kernel does not say a word, and the rule goes with the run.
pub(crate) fn own_address() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let own = [
        "run",
        "--specs",
        rig::few(),
        "-d",
        V4.device,
        "--own-address",
        "--profile",
        "linux",
    ];
    let rest = ["--closed-port", "10"];
    passes(&rig, "own.json", &[&own[..], &rest, &SOME].concat(), 150)?;
    let counters = rig.on_the_tester(&["cat", "/proc/net/snmp"])?;
    if column(&counters, "Tcp:", "OutSegs") != Some("0") {
        return Err(format!("the tester's kernel spoke:\n{counters}").into());
    }
    nothing_is_left(&rig)?;
    // Killed in the middle, it leaves no rule, process or connection of the kernel's either.
    let mut run = rig.spawn(&[&own[..], &rest, &QUIET, &SOME].concat())?;
    let table = format!("tcpspec-{}", run.id());
    for _ in 0..600 {
        if helper(&rig, "tables")?.contains(&table) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    if !helper(&rig, "tables")?.contains(&table) {
        return Err("there was no rule while it ran".into());
    }
    thread::sleep(Duration::from_secs(1));
    let family = Family::of(run.id(), &(&networks(std::process::id()) | &rig.networks()));
    run.kill()?;
    run.wait()?;
    family.has(1, 0)?;
    family.is_gone()?;
    nothing_is_left(&rig)
}

fn nothing_is_left(rig: &Rig) -> Result<(), Failed> {
    let tables = helper(rig, "tables")?;
    let addresses = rig.on_the_tester(&["ip", "-o", "-4", "address", "show", "dev", "tester0"])?;
    let link = rig.on_the_tester(&["ip", "-d", "link", "show", "tester0"])?;
    if tables.is_empty() && addresses.lines().count() == 1 && link.contains("promiscuity 0") {
        return Ok(());
    }
    Err(format!("left: `{tables}`\n{addresses}{link}").into())
}

/// Waits until a run is well under way: the host has accepted connections.
pub(crate) fn busy(rig: &Rig) -> Result<(), Failed> {
    busy_with(rig, ENOUGH)
}

/// Waits until the host has accepted more than so many connections.
pub(crate) fn busy_with(rig: &Rig, enough: u32) -> Result<(), Failed> {
    for _ in 0..600 {
        let counters = rig.on_the_host(&["cat", "/proc/net/snmp"])?;
        let opens = column(&counters, "Tcp:", "PassiveOpens").unwrap_or("0");
        if opens.parse::<u32>()? > enough {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err("the run did not begin".into())
}

fn helper(rig: &Rig, what: &str) -> Result<String, Failed> {
    let exe = std::env::current_exe()?.display().to_string();
    Ok(rig.on_the_tester(&[&exe, what])?)
}

/// What a killed run left on an old kernel is found, named, and removed when that is asked for.
pub(crate) fn leftovers() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let table = format!("tcpspec-{NOBODY}");
    helper(&rig, "leave")?;
    let found = rig.tcpspec(&["doctor"])?;
    if !found.out.contains(&table) || helper(&rig, "tables")? != table {
        return Err(format!("not found, or removed unasked:\n{}", found.out).into());
    }
    let removed = rig.tcpspec(&["doctor", "--fix"])?;
    if removed.out.contains("removed") && helper(&rig, "tables")?.is_empty() {
        return Ok(());
    }
    Err(removed.out.into())
}

/// Two testers at once do not see each other, though they have the same seed.
pub(crate) fn two_at_once() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let run = |from| {
        let (arguments, seed) = (Way { from, ..V4 }.arguments(), ["10", "--seed", "7"]);
        let report = format!("{from}.json");
        passes(&rig, &report, &[&arguments[..], &seed, &SOME].concat(), 150)
    };
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| run("192.0.2.200-201"));
        (run("192.0.2.210-211"), one.join())
    });
    one?;
    other.map_err(|_| "it panicked")?
}

/// A host that is there, and whose TCP says nothing any more: what is left is inconclusive.
pub(crate) fn falls_silent() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let report = rig.file("report.json");
    let rest = ["10", "-j", "8", "--json", &report];
    let mut run = rig.spawn(&[&V4.arguments()[..], &rest, &QUIET].concat())?;
    busy(&rig)?;
    rig.on_the_host(&["ip", "route", "add", "blackhole", "192.0.2.200/30"])?;
    let code = run.wait()?.code();
    let cases = cases(&report)?;
    let failed = count(&cases, "fail");
    let mute = cases.iter().filter(|case| {
        let reason = case["reason"].as_str().unwrap_or_default();
        reason.contains("does not answer a SYN any more")
    });
    if code == Some(3) && failed == 0 && mute.count() > 0 && count(&cases, "pass") > 0 {
        return Ok(());
    }
    Err(format!("exit {code:?}, {failed} failed").into())
}

/// Ctrl-C in the middle of long cases ends them, and leaves nothing open on the host.
pub(crate) fn interrupted() -> Result<(), Failed> {
    interrupted_on(&Rig::build()?)
}

/// Nor does it if what the host said last is still on its way.
pub(crate) fn interrupted_far_away() -> Result<(), Failed> {
    interrupted_on(&Rig::build_over(LONG)?)
}

fn interrupted_on(rig: &Rig) -> Result<(), Failed> {
    let report = rig.file("report.json");
    let rest = ["10", "--slow", "--json", &report];
    let mut run = rig.spawn(&[&V4.arguments()[..], &rest, &QUIET].concat())?;
    busy(rig)?;
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGINT)?;
    let code = run.wait()?.code();
    let passed = count(&cases(&report)?, "pass");
    if code == Some(130) && passed > 0 {
        return nothing_is_open(rig, 0);
    }
    Err(format!("exit {code:?}, {passed} passed").into())
}

/// Pings whose answers come too late open nothing either.
pub(crate) fn too_far_away() -> Result<(), Failed> {
    let rig = Rig::build_over(LONGER)?;
    let ran = rig.tcpspec(&[&V4.arguments()[..], &["10", "3.5"], &QUIET].concat())?;
    if !ran.errors.contains("does not answer a SYN to port 9") {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    nothing_is_open(&rig, 0)
}

/// The host has so many connections at most with the tester of [`V4`].
fn nothing_is_open(rig: &Rig, most: usize) -> Result<(), Failed> {
    let states = ["state", "established", "state", "syn-recv"];
    let open =
        rig.on_the_host(&[&["ss", "-Htan"], &states[..], &["dst", "192.0.2.200/30"]].concat())?;
    if open.lines().count() <= most {
        return Ok(());
    }
    Err(format!("the host has\n{open}").into())
}

/// A case at whose end nobody knows what the device has taken: it had a stretch of octets that was
/// forgotten over what followed, and what makes it count is acknowledged when the case is over. A
/// case that fails is over at once.
const RIDDLE: &str = "\
spec: 1
title: The last segment makes an earlier one count, and the case fails
covers: [SHLD-31]
start: ESTABLISHED
steps:
  - inject: {flags: ACK, seq: RCV.NXT+100, data: 100, counts: false}
  - expect: {flags: ACK}
  - repeat: {i: 1..20}
    steps:
      - inject: {flags: ACK, seq: RCV.NXT+1000*$i, data: 1, checksum: bad, counts: false}
  - inject: {flags: ACK, data: 100}
  - check: RCV.NXT == IRS
";

/// What a case leaves is reset also if the host has first to say where, from far away.
pub(crate) fn reset_far_away() -> Result<(), Failed> {
    let rig = Rig::build_over(LONG)?;
    let spec = rig.file("riddle.yaml");
    std::fs::write(&spec, RIDDLE)?;
    let rest = ["10", "--retries", "0", &spec];
    let ran = rig.tcpspec(&[&V4.arguments()[..], &rest, &QUIET].concat())?;
    // A busy machine is unfit to judge, which makes no difference here.
    if ran.code != Some(3) {
        expect(&ran, 1)?;
    }
    nothing_is_open(&rig, 0)
}

/// Each of these cases has a connection half-open for a while.
const HALF_OPEN: &str = "\
spec: 1
title: Half-open for half a second
covers: [SM-LISTEN-SYN_IW]
cases:
  nth: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
start: LISTEN
steps:
  - inject: {flags: SYN, seq: IRS, wnd: $nth}
  - expect: {flags: SYN-ACK, seq: any, ack: IRS+1}
  - silence: 500ms
";

/// Few packets and few half-open connections at once make a run slow, and nothing else.
pub(crate) fn gently() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let spec = rig.file("half-open.yaml");
    std::fs::write(&spec, HALF_OPEN)?;
    let (rate, _) = load(&rig, &["--max-pps", "100", "3.5"])?;
    let (_, half_open) = load(&rig, &["--max-half-open", "2", &spec])?;
    // A ping may be half-open too.
    if rate < 150.0 && (2..=3).contains(&half_open) {
        return Ok(());
    }
    Err(format!("{rate:.0} segments in a second, {half_open} half-open").into())
}

/// The most that a run lays on the host: segments in a second, and half-open connections.
fn load(rig: &Rig, limit: &[&str]) -> Result<(f64, usize), Failed> {
    let mut run = rig.spawn(&[&V4.arguments()[..], &["10"], &QUIET, limit].concat())?;
    let (mut rate, mut half_open): (f64, usize) = (0.0, 0);
    let mut window: VecDeque<(Instant, f64)> = VecDeque::new();
    let code = loop {
        if let Some(status) = run.try_wait()? {
            break status.code();
        }
        let looked = rig.on_the_host(&["ss", "-Htan", "state", "syn-recv"])?;
        half_open = half_open.max(looked.lines().count());
        let counters = rig.on_the_host(&["cat", "/proc/net/snmp"])?;
        let arrived = column(&counters, "Tcp:", "InSegs").unwrap_or("0").parse()?;
        let now = Instant::now();
        window.push_back((now, arrived));
        // A stretch of at least a second, and no longer than need be.
        while let [Some((began, before)), Some((next, _))] = [0, 1].map(|nth| window.get(nth)) {
            let time = now - *began;
            if time >= Duration::from_secs(1) {
                rate = rate.max((arrived - before) / time.as_secs_f64());
            }
            if now - *next < Duration::from_secs(1) {
                break;
            }
            window.pop_front();
        }
        thread::sleep(Duration::from_millis(20));
    };
    if code == Some(0) {
        return Ok((rate, half_open));
    }
    Err(format!("exit {code:?} with {limit:?}").into())
}

/// A host in a VLAN is reached with its tag, and not without.
pub(crate) fn in_a_vlan() -> Result<(), Failed> {
    let rig = Rig::build_over(TAGGED)?;
    let arguments = [&V4.arguments()[..], &["10", "3.5"]].concat();
    passes(
        &rig,
        "tagged.json",
        &[&arguments[..], &["--vlan", VLAN]].concat(),
        20,
    )?;
    let without = rig.tcpspec(&arguments)?;
    if without.code == Some(3) && without.errors.contains("does not answer ARP") {
        return Ok(());
    }
    expect(&without, 3)
}

/// One frame in a hundred is lost, either way: of three runs of the suite one case at most fails.
pub(crate) fn in_spite_of_loss() -> Result<(), Failed> {
    let rig = Rig::build_over(LOSSY)?;
    let run = |from| -> Result<Vec<Value>, Failed> {
        let report = rig.file(&format!("from-{from}.json"));
        let (arguments, rest) = (
            Way { from, ..V4 }.with_all_specs(),
            ["10", "--json", &report],
        );
        rig.tcpspec(&[&arguments[..], &rest, &QUIET].concat())?;
        cases(&report)
    };
    let runs = thread::scope(|scope| {
        let froms = ["192.0.2.200", "192.0.2.201", "192.0.2.202"];
        let runs = froms.map(|from| scope.spawn(move || run(from)));
        runs.map(|run| run.join().map_err(|_| "it panicked")?)
    });
    let (mut failed, mut again) = (Vec::new(), 0);
    for cases in runs {
        let cases = cases?;
        again += cases
            .iter()
            .filter(|case| case["attempts"].as_u64() > Some(1))
            .count();
        let fails = cases
            .iter()
            .filter(|case| case["verdict"] == "fail" && case["known"].is_null());
        failed.extend(fails.map(|case| case["id"].to_string()));
    }
    if again == 0 {
        return Err("nothing was lost".into());
    }
    // The RST that ends a connection may be lost too; two of them seldom are.
    nothing_is_open(&rig, 1)?;
    if failed.len() > 1 {
        return Err(format!(
            "failed, though only packets were lost: {}",
            failed.join(" ")
        )
        .into());
    }
    Ok(())
}

/// Garbage, and segments that lie, neither crash the tester nor hold it up.
pub(crate) fn among_enemies() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let exe = std::env::current_exe()?.display().to_string();
    let report = rig.file("report.json");
    let rest = ["10", "--retries", "0", "--json", &report];
    let arguments = [&V4.arguments()[..], &rest, &QUIET, &SOME].concat();
    let ran = thread::scope(|scope| -> Result<Ran, Failed> {
        let run = scope.spawn(|| rig.tcpspec(&arguments));
        // Before, it would take the tester's address, and there would be no run.
        let begun = busy(&rig);
        let mut enemy = rig.spawn_on_the_host(&[&exe, "plague"])?;
        let ran = run.join();
        enemy.kill()?;
        enemy.wait()?;
        begun?;
        ran.map_err(|_| "it panicked")?.map_err(Failed::from)
    })?;
    let cases = cases(&report)?;
    let played = cases.len() - count(&cases, "skipped");
    let broke = |text: &str| text.contains("panic");
    let is_fine = matches!(ran.code, Some(0 | 1 | 3)) && played > 100;
    if is_fine && !broke(&ran.errors) && !cases.iter().any(|case| broke(&case.to_string())) {
        return Ok(());
    }
    Err(format!("exit {:?}, {played} played\n{}", ran.code, ran.errors).into())
}

/// What would be sent is shown without a device or any powers; strangers are sent nothing.
pub(crate) fn rehearsed() -> Result<(), Failed> {
    let ran = |arguments: &[&str]| rig::tcpspec_here(arguments);
    let dry = [
        "run",
        "--dry-run",
        "--seed",
        "7",
        "-d",
        "192.0.2.7:9",
        "--from",
        "192.0.2.200",
    ];
    let shown = ran(&[&dry[..], &["3.5/passive-open"]].concat())?;
    expect(&shown, 0)?;
    let lines: Vec<&str> = shown.out.lines().map(str::trim).collect();
    let has = |words: &str| {
        lines
            .iter()
            .any(|line| line.starts_with("192.0.2.200:") && line.contains(words))
    };
    if !has(" > 192.0.2.7:9  <SEQ=IRS><CTL=SYN>") || !has("<CTL=RST>  (what stays open)") {
        return Err(shown.out.into());
    }
    for (device, from) in [
        ("203.0.112.9", "203.0.112.10"),
        ("::ffff:8.8.8.8", "::ffff:8.8.8.9"),
    ] {
        // Malformed segments are for nobody's ears without leave, and neither are floods.
        for select in ["3.10.7.4/bad-checksum", "3.1"] {
            let stranger = ran(&["run", "-d", device, "--from", from, select])?;
            if stranger.code != Some(2) || !stranger.errors.contains("--i-may-test-this-host") {
                return expect(&stranger, 2);
            }
        }
    }
    expect(
        &ran(&[
            "run",
            "-d",
            "224.0.0.1",
            "--from",
            "192.0.2.9",
            "--i-may-test-this-host",
        ])?,
        2,
    )
}

/// Cases of a report that passed, and that failed as nobody foretold.
pub(crate) fn count_verdicts(report: &str) -> Result<(usize, usize), Failed> {
    let cases = cases(report)?;
    Ok((count(&cases, "pass"), count(&cases, "fail")))
}

/// The cases of a report.
pub(crate) fn cases(report: &str) -> Result<Vec<Value>, Failed> {
    let run: Value = serde_json::from_str(&std::fs::read_to_string(report)?)?;
    Ok(run["cases"].as_array().ok_or("no cases")?.clone())
}

/// How many have that verdict, and no known reason for it.
pub(crate) fn count(cases: &[Value], verdict: &str) -> usize {
    let has = |case: &&Value| case["verdict"] == verdict && case["known"].is_null();
    cases.iter().filter(has).count()
}

/// Plays these cases: nothing fails, and so many pass.
fn passes(rig: &Rig, report: &str, arguments: &[&str], least: usize) -> Result<(), Failed> {
    let report = rig.file(report);
    let ran = rig.tcpspec(&[arguments, &[BUSY, "--json", &report], &QUIET].concat())?;
    expect(&ran, 0)?;
    let passed = count(&cases(&report)?, "pass");
    if passed < least {
        return Err(format!("only {passed} passed\n{}", ran.out).into());
    }
    Ok(())
}

fn expect(ran: &Ran, code: i32) -> Result<(), Failed> {
    if ran.code == Some(code) {
        return Ok(());
    }
    Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into())
}
