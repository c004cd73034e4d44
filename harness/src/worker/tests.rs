//! The parent's side, with shell scripts for workers. The real worker is tested as a process, in
//! `harness/tests/worker.rs`.

use super::*;
use std::time::{Duration, Instant};

fn script(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(text);
    command
}

fn jobs(ids: &[&str]) -> Vec<Job> {
    ids.iter()
        .map(|id| Job {
            id: (*id).to_owned(),
            seed: 7,
        })
        .collect()
}

#[test]
fn a_worker_that_dies_loses_its_open_cases_and_says_why() {
    let answer = r#"{"lost":{"job":{"id":"a","seed":7},"reason":"mine"}}"#;
    let worker = script(&format!(
        "cat >/dev/null; echo '{answer}'; echo 'out of luck' >&2; exit 3"
    ));
    let answers: Vec<_> = run_cases(worker, RunOrder::new("linux"), jobs(&["a", "b"]))
        .unwrap()
        .collect();
    let lost = |id: &str, reason: &str| {
        Answer::Lost(Lost {
            job: Job {
                id: id.to_owned(),
                seed: 7,
            },
            reason: reason.to_owned(),
        })
    };
    let why = "the worker ended before the case did (exit status: 3) out of luck";
    assert_eq!(answers, [lost("a", "mine"), lost("b", why)]);
}

#[test]
fn nonsense_from_a_worker_is_not_believed() {
    let worker = script("cat >/dev/null; echo 'all passed'");
    let answers: Vec<_> = run_cases(worker, RunOrder::new("linux"), jobs(&["a"]))
        .unwrap()
        .collect();
    assert!(
        matches!(&answers[..], [Answer::Lost(lost)] if lost.reason.contains("unintelligible")),
        "{answers:?}"
    );
}

#[test]
fn a_worker_reads_its_order_first_and_then_the_jobs() {
    // A worker that returns each job as lost, with the order as the reason.
    let worker = script(
        r#"read order; while read job; do echo "{\"lost\":{\"job\":$job,\"reason\":\"$(
            echo "$order" | tr -d '"')\"}}"; done"#,
    );
    let order = RunOrder {
        jobs: 3,
        ..RunOrder::new("linux")
    };
    let answers: Vec<_> = run_cases(worker, order, jobs(&["x", "y"]))
        .unwrap()
        .collect();
    let reasons: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Answer::Lost(lost) => (lost.job.id.as_str(), lost.reason.contains("jobs:3")),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons, [("x", true), ("y", true)]);
}

#[test]
fn dropping_a_run_ends_the_worker() {
    let begun = Instant::now();
    let running = run_cases(
        script("echo nonsense; exec sleep 100"),
        RunOrder::new("linux"),
        jobs(&["a"]),
    )
    .unwrap();
    let pid = running.child.lock().unwrap().id();
    drop(running.answers.recv_timeout(Duration::from_millis(10)));
    drop(running);
    assert!(begun.elapsed() < Duration::from_secs(50));
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    let missing = command(Path::new("/nonexistent/tcpspec"));
    assert!(run_cases(missing, RunOrder::new("linux"), Vec::new()).is_err());
    assert!(probe(command(Path::new("/nonexistent/tcpspec"))).is_err());
}
