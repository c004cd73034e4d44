//! The worker as a process: the built `tcpspec`, as root and as an ordinary user.
//!
//! Where namespaces are forbidden these tests say so and check nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tcpspec::spec::case::Case;
use tcpspec::worker::{self, Answer, Job, Probe, RunOrder};
use tcpspec_reports::record::{CaseRecord, Verdict};

/// The user and the group `nobody`.
const NOBODY: &str = "65534";

fn tcpspec() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tcpspec"))
}

/// An ordinary user with a copy of the program: a build directory is often closed to others.
struct Nobody {
    folder: tempfile::TempDir,
}

impl Nobody {
    /// If we may become one.
    fn new() -> Option<Self> {
        let mut trial = Self::setpriv(Path::new("true"));
        let works = trial.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !works.is_ok_and(|status| status.success()) {
            eprintln!("skipped: setpriv cannot make an ordinary user of us");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(tcpspec(), folder.path().join("tcpspec")).unwrap();
        Some(Self { folder })
    }

    /// The command that starts a worker as that user.
    fn worker(&self) -> Command {
        let mut command = Self::setpriv(&self.folder.path().join("tcpspec"));
        command.args(worker::arguments());
        command
    }

    fn setpriv(program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        command.args(ids).arg("--clear-groups").arg(program);
        command
    }
}

/// The probes; `None`, with a word on why, if this machine forbids what the kernel device needs.
fn allowed(command: Command) -> Option<Vec<Probe>> {
    let probes = worker::probe(command).unwrap();
    if let Some(refused) = probes.iter().find(|probe| probe.needed && !probe.ok) {
        eprintln!(
            "skipped: {}: {} ({:?})",
            refused.name, refused.reason, refused.cure
        );
        return None;
    }
    Some(probes)
}

/// Some of the embedded cases that take no time.
fn quick_cases(count: usize) -> Vec<Job> {
    let suite = tcpspec::spec::load(&tcpspec::spec::Sources::embedded()).unwrap();
    let profile = suite.profile("linux").unwrap();
    let families = [
        tcpspec::spec::case::Family::V4,
        tcpspec::spec::case::Family::V6,
    ];
    let cases = suite.cases(profile, &families).unwrap();
    let quick = cases.iter().filter(|case| {
        case.skip.is_none() && case.folder == "3.5-establishing" && case.least_time.is_zero()
    });
    quick
        .cycle()
        .take(count)
        .map(|case| Job {
            id: case.id.clone(),
            seed: 1,
        })
        .collect()
}

fn records(command: Command, jobs: Vec<Job>) -> Vec<CaseRecord> {
    let answers = worker::run_cases(command, RunOrder::new("linux"), jobs).unwrap();
    answers
        .filter_map(|answer| match answer {
            Answer::Case(record) => Some(*record),
            Answer::Ready { .. } | Answer::Begun(_) => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_probe_says_what_is_allowed_and_how_to_get_the_rest() {
    let probes = worker::probe(worker::command(tcpspec())).unwrap();
    assert_eq!(probes[0].name, "user namespace");
    for probe in &probes {
        assert!(!probe.reason.is_empty(), "{probe:?}");
    }
    if probes.iter().all(|probe| probe.ok || !probe.needed) {
        let names: Vec<_> = probes.iter().map(|probe| probe.name.as_str()).collect();
        assert_eq!(
            names,
            ["user namespace", "network namespace", "tun", "veth", "IPv6"]
        );
        assert!(
            probes
                .iter()
                .any(|probe| probe.ok && ["tun", "veth"].contains(&&*probe.name))
        );
    }
}

#[test]
fn an_ordinary_user_runs_cases_on_the_kernel() {
    let Some(nobody) = Nobody::new() else { return };
    if allowed(nobody.worker()).is_none() {
        return;
    }
    let jobs = quick_cases(8);
    assert!(!jobs.is_empty());
    let played = records(nobody.worker(), jobs.clone());
    assert_eq!(played.len(), jobs.len());
    let passed = played
        .iter()
        .filter(|record| record.verdict == Verdict::Pass)
        .count();
    assert!(passed > 0, "{:?}", played.first());
}

#[test]
fn sixty_four_cases_run_side_by_side() {
    if allowed(worker::command(tcpspec())).is_none() {
        return;
    }
    let jobs = quick_cases(64);
    assert_eq!(jobs.len(), 64);
    let played = records(worker::command(tcpspec()), jobs);
    assert_eq!(played.len(), 64);
    assert!(played.iter().all(|record| !record.events.is_empty()));
}

#[test]
fn the_canaries_of_a_run_are_played_and_fail() {
    if allowed(worker::command(tcpspec())).is_none() {
        return;
    }
    let suite = tcpspec::spec::load(&tcpspec::spec::Sources::embedded()).unwrap();
    let canaries = suite.canaries(suite.profile("linux").unwrap()).unwrap();
    let job = |case: &Case| Job {
        id: case.id.clone(),
        seed: 1,
    };
    let jobs: Vec<Job> = canaries.iter().map(job).collect();
    assert_eq!(jobs.len(), 3);
    for record in records(worker::command(tcpspec()), jobs) {
        assert_eq!(record.verdict, Verdict::Fail, "{}", record.id);
    }
}

#[test]
fn a_case_that_is_not_there_is_lost_by_name() {
    if allowed(worker::command(tcpspec())).is_none() {
        return;
    }
    let jobs = vec![Job {
        id: "9.9/nothing[v4]".to_owned(),
        seed: 1,
    }];
    let order = RunOrder::new("linux");
    let answers: Vec<_> = worker::run_cases(worker::command(tcpspec()), order, jobs)
        .unwrap()
        .collect();
    assert!(
        answers.iter().any(|answer| {
            matches!(answer, Answer::Lost(lost) if lost.reason.contains("9.9/nothing[v4]"))
        }),
        "{answers:?}"
    );
}

#[test]
fn a_worker_without_its_parent_does_not_start() {
    let mut orphan = Command::new(tcpspec());
    orphan.args([worker::SUBCOMMAND, "1"]).stdin(Stdio::null());
    let output = orphan.output().unwrap();
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is gone"),
        "{output:?}"
    );
}

/// A case that takes its time, on `tcpspec run`, which is then killed in the harshest way.
#[test]
fn a_killed_run_leaves_no_process() {
    if allowed(worker::command(tcpspec())).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("3.5-long").join("long.yaml");
    fs::create_dir(spec.parent().unwrap()).unwrap();
    let text = "spec: 1\ntitle: Nothing happens for a long time\ncovers: [MUST-2]\nstart: LISTEN\n\
        steps:\n  - silence: 10m\n";
    fs::write(&spec, text).unwrap();
    let mut run = Command::new(tcpspec())
        .args(["run", "--slow", "--device", "kernel", "--family", "4"])
        .arg(&spec)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let arguments = [worker::SUBCOMMAND.to_owned(), run.id().to_string()];
    let end = Instant::now() + Duration::from_secs(60);
    while processes_with(&arguments) == 0 {
        assert!(Instant::now() < end, "no worker was started");
        assert!(run.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    while processes_with(&arguments) > 0 {
        assert!(Instant::now() < end, "the worker outlived its parent");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many processes have these for their last arguments.
fn processes_with(arguments: &[String]) -> usize {
    let wanted: Vec<u8> = arguments
        .iter()
        .flat_map(|argument| [argument.as_bytes(), b"\0"].concat())
        .collect();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            line.ends_with(&wanted)
        })
        .count()
}
