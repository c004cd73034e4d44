//! What is killed leaves nothing: no process, no network namespace, no interface; neither a run,
//! nor an agent, nor the networks of these tests. And a run ends whose agent hangs.

use super::care::{busy_with, cases, count, count_verdicts};
use super::rig::Rig;
use super::{V4, rig};
use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

/// The first argument that makes this program make a network and wait.
pub(crate) const HOLD: &str = "hold";
/// An agent of the test's own.
const AGENT: &str = "192.0.2.7:30702";
/// So many connections, those to the agent included, and some cases are over.
const ENOUGH: u32 = 250;
/// How long the kernel may take to clear up, and a run to begin, in steps of [`STEP`].
const STEPS: u32 = 600;
const STEP: Duration = Duration::from_millis(100);

/// Makes a network and keeps it until it is killed.
pub(crate) fn hold() -> ExitCode {
    let Ok(_rig) = Rig::build() else {
        return ExitCode::FAILURE;
    };
    println!("held");
    let _ = std::io::stdin().read(&mut [0]);
    ExitCode::SUCCESS
}

/// A process with all that it has started, and the namespaces that they live in beside ours.
#[derive(Debug)]
pub(crate) struct Family {
    /// Their numbers, and when each began: numbers come again.
    processes: BTreeSet<(u32, String)>,
    networks: BTreeSet<String>,
}

impl Family {
    /// The family of a process as it is now.
    pub(crate) fn of(eldest: u32, ours: &BTreeSet<String>) -> Self {
        let all: Vec<Process> = processes().collect();
        let mut numbers = BTreeSet::from([eldest]);
        while let Some(child) = all
            .iter()
            .find(|it| numbers.contains(&it.parent) && !numbers.contains(&it.number))
        {
            numbers.insert(child.number);
        }
        let family = all.iter().filter(|it| numbers.contains(&it.number));
        let networks: BTreeSet<String> = numbers.iter().copied().flat_map(networks).collect();
        Self {
            processes: family.map(|it| (it.number, it.begun.clone())).collect(),
            networks: networks.difference(ours).cloned().collect(),
        }
    }

    /// It has at least so many members, and lives in so many networks beside ours.
    pub(crate) fn has(&self, processes: usize, networks: usize) -> Result<(), Failed> {
        if self.processes.len() >= processes && self.networks.len() >= networks {
            return Ok(());
        }
        Err(format!("before it was killed it was {self:?}").into())
    }

    /// Waits until none of them is there any more, and nobody is in their networks.
    pub(crate) fn is_gone(&self) -> Result<(), Failed> {
        for _ in 0..STEPS {
            if self.left().is_empty() {
                return Ok(());
            }
            thread::sleep(STEP);
        }
        Err(format!("left: {}", self.left().join(", ")).into())
    }

    fn left(&self) -> Vec<String> {
        let is_left = |it: &Process| {
            self.processes.contains(&(it.number, it.begun.clone()))
                || !networks(it.number).is_disjoint(&self.networks)
        };
        let left = processes().filter(is_left);
        let mut left: Vec<String> = left
            .map(|it| format!("process {} ({})", it.number, it.name))
            .collect();
        // A namespace without processes can be kept by a mount.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let kept = self.networks.iter().filter(|it| mounts.contains(*it));
        left.extend(kept.cloned());
        left
    }
}

/// What `/proc` says of a process.
struct Process {
    number: u32,
    parent: u32,
    name: String,
    begun: String,
}

/// All processes but those that are dead and only wait for somebody to ask.
fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(|number: u32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name stands in brackets, and may hold brackets itself.
        let (head, tail) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = tail.split(' ').collect();
        (fields.first() != Some(&"Z")).then_some(())?;
        Some(Process {
            number,
            parent: fields.get(1)?.parse().ok()?,
            name: head.split_once('(')?.1.to_owned(),
            begun: (*fields.get(19)?).to_owned(),
        })
    })
}

/// The network namespaces of a process: each of its threads may have its own.
pub(crate) fn networks(process: u32) -> BTreeSet<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let network = threads.filter_map(|thread| fs::read_link(thread.path().join("ns/net")).ok());
    network.map(|link| link.display().to_string()).collect()
}

/// The network of a test that is killed, alone or with all that it started, goes with it.
pub(crate) fn tests() -> Result<(), Failed> {
    let ours = networks(std::process::id());
    let ways: [fn(Pid) -> nix::Result<()>; 3] = [
        |test| kill(test, Signal::SIGKILL),
        |test| killpg(test, Signal::SIGKILL),
        // Ctrl-C reaches the whole group; a shell does not pass it on to what runs behind it.
        |test| killpg(test, Signal::SIGINT),
    ];
    for end in ways {
        let mut test = held()?;
        let family = Family::of(test.id(), &ours);
        let is_whole = family.has(8, 2);
        end(Pid::from_raw(test.id().cast_signed()))?;
        test.wait()?;
        is_whole?;
        family.is_gone()?;
    }
    Ok(())
}

/// This program, in a process group of its own, when its network stands.
fn held() -> Result<Child, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(HOLD)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut test = command.spawn()?;
    let mut line = String::new();
    if let Some(out) = test.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    if line.trim() == "held" {
        return Ok(test);
    }
    test.kill()?;
    test.wait()?;
    Err("no network was made".into())
}

/// A run on the `kernel` device, which has a worker and a namespace for each case.
pub(crate) fn workers() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let ours = networks(std::process::id());
    let ours = &ours | &rig.networks();
    let before = rig.on_the_tester(&["ip", "-o", "link"])?;
    let run = ["run", "-d", "kernel", "-j", "16", "--pcap", "none", "-q"];
    let mut run = rig.spawn(&run)?;
    let mut family = Family::of(run.id(), &ours);
    for _ in 0..STEPS {
        if family.has(2, 8).is_ok() {
            break;
        }
        thread::sleep(STEP);
        family = Family::of(run.id(), &ours);
    }
    run.kill()?;
    run.wait()?;
    family.has(2, 8)?;
    family.is_gone()?;
    let after = rig.on_the_tester(&["ip", "-o", "link"])?;
    if before == after {
        return Ok(());
    }
    Err(format!("before:\n{before}after:\n{after}").into())
}

/// Says whether anybody listens where [`AGENT`] does.
const LISTENING: [&str; 5] = ["ss", "-Htln", "sport", "=", ":30702"];

/// An agent of the test's own, when it listens.
fn agent_on(rig: &Rig) -> Result<Child, Failed> {
    let agent = ["agent", "--listen", AGENT, "--allow", "192.0.2.1"];
    let rest = ["--whole-host", "--token", rig::TOKEN];
    let program = [env!("CARGO_BIN_EXE_tcpspec")];
    let agent = rig.spawn_on_the_host(&[&program[..], &agent, &rest].concat())?;
    for _ in 0..STEPS {
        if !rig.on_the_host(&LISTENING)?.is_empty() {
            break;
        }
        thread::sleep(STEP);
    }
    Ok(agent)
}

/// A run that needs that agent.
fn run_on(rig: &Rig, report: &str) -> Result<Child, Failed> {
    let way = ["run", "--specs", rig::few(), "-d", "192.0.2.7"];
    let way = [&way[..], &["--from", V4.from, "--agent", AGENT]].concat();
    let rest = [
        "--token",
        rig::TOKEN,
        "--profile",
        "linux",
        "--json",
        report,
    ];
    Ok(rig.spawn(&[&way[..], &rest, &["--pcap", "none", "-q"]].concat())?)
}

/// An agent that hangs in the middle of cases: its host lives, and the kernel answers for it.
pub(crate) fn hung_agents() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let mut agent = agent_on(&rig)?;
    let report = rig.file("report.json");
    let mut run = run_on(&rig, &report)?;
    let begun = busy_with(&rig, ENOUGH);
    let pid = Pid::from_raw(agent.id().cast_signed());
    kill(pid, Signal::SIGSTOP)?;
    let mut code = None;
    for _ in 0..STEPS {
        code = run.try_wait()?;
        if code.is_some() {
            break;
        }
        thread::sleep(STEP);
    }
    // Whatever came of it, neither is left.
    run.kill()?;
    run.wait()?;
    kill(pid, Signal::SIGCONT)?;
    agent.kill()?;
    agent.wait()?;
    begun?;
    let code = code.ok_or("the run goes on")?.code();
    let cases = cases(&report)?;
    let lost: Vec<_> = cases
        .iter()
        .filter(|case| {
            let reason = case["reason"].as_str().unwrap_or_default();
            reason.contains("its agent does not answer any more")
        })
        .collect();
    let again = lost.iter().filter(|case| case["attempts"] != 1).count();
    let (passed, failed) = (count(&cases, "pass"), count(&cases, "fail"));
    if code == Some(3) && failed == 0 && passed > 0 && !lost.is_empty() && again == 0 {
        return Ok(());
    }
    let lost = lost.len();
    let words = format!("{passed} passed, {failed} failed, {lost} lost, {again} of them retried");
    Err(format!("exit {code:?}, {words}").into())
}

/// An agent in the middle of cases: its sockets go with it, and the run ends and blames nobody.
pub(crate) fn agents() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let mut agent = agent_on(&rig)?;
    let report = rig.file("report.json");
    let mut run = run_on(&rig, &report)?;
    let begun = busy_with(&rig, ENOUGH);
    let family = Family::of(agent.id(), &rig.networks());
    agent.kill()?;
    agent.wait()?;
    let code = run.wait()?.code();
    begun?;
    family.is_gone()?;
    let sockets = ["ss", "-Htan", "dst", "192.0.2.200/30"];
    let open = [
        "state",
        "established",
        "state",
        "syn-recv",
        "state",
        "syn-sent",
    ];
    let left = [
        rig.on_the_host(&LISTENING)?,
        rig.on_the_host(&[&sockets[..2], &open, &sockets[2..]].concat())?,
    ];
    let (passed, failed) = count_verdicts(&report)?;
    if code == Some(3) && failed == 0 && passed > 0 && left.concat().trim().is_empty() {
        return Ok(());
    }
    Err(format!("exit {code:?}, {passed} passed, {failed} failed, left:\n{left:?}").into())
}
