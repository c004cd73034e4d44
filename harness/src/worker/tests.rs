//! The parent's side, with shell scripts for workers. The real worker is tested as a process, in
//! `harness/tests/worker.rs`.

use super::replays::tests::{Shows, leniency, record};
use super::*;
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tcpspec_reports::record::Verdict;

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

/// A worker that plays nothing: it says what it was told to say.
fn parrot(shown: &[(&str, Shows)]) -> Command {
    let mut text = "cat >/dev/null".to_owned();
    for (id, shows) in shown {
        let record = record(id, *shows).expect("the attempt has a record");
        let answer = serde_json::to_string(&Answer::Case(Box::new(record))).unwrap();
        text.extend(["; echo '", &answer, "'"]);
    }
    script(&text)
}

/// What stands, case by case, where each worker in turn says what it was told to say; and the
/// jobs that each was given.
fn patiently(
    leniency: Leniency<'_>,
    ids: &[&str],
    workers: &[&[(&str, Shows)]],
) -> (Vec<CaseRecord>, Vec<(usize, Vec<String>)>) {
    let given = RefCell::new(Vec::new());
    let start = |order: RunOrder, jobs: Vec<Job>| {
        let turn = given.borrow().len();
        let ids = jobs.iter().map(|job| job.id.clone()).collect();
        given.borrow_mut().push((order.jobs, ids));
        let worker = workers.get(turn).ok_or(io::ErrorKind::NotFound)?;
        run_cases(parrot(worker), order, jobs)
    };
    let order = RunOrder::new("linux");
    let answers = Patient::new(Box::new(start), order, jobs(ids), leniency).unwrap();
    let records = answers.map(|answer| match answer {
        Answer::Case(record) => *record,
        other => panic!("{other:?}"),
    });
    let records = records.collect();
    (records, given.into_inner())
}

fn told(records: &[CaseRecord]) -> Vec<(&str, Verdict, bool, u32)> {
    let mut told = Vec::new();
    for record in records {
        let CaseRecord {
            id,
            verdict,
            flaky,
            attempts,
            ..
        } = record;
        told.push((id.as_str(), *verdict, *flaky, *attempts));
    }
    told
}

#[test]
fn what_fails_is_played_again_when_all_else_is_done() {
    let first = [
        ("a", Shows::Fail("x")),
        ("b", Shows::Pass),
        ("c", Shows::Fail("y")),
    ];
    let second = [("a", Shows::Pass), ("c", Shows::Fail("y"))];
    let (records, given) = patiently(leniency(2), &["a", "b", "c"], &[&first, &second]);
    let expected = [
        ("b", Verdict::Pass, false, 1),
        ("a", Verdict::Pass, true, 2),
        ("c", Verdict::Fail, false, 2),
    ];
    assert_eq!(told(&records), expected);
    assert_eq!(given[1], (4, vec!["a".to_owned(), "c".to_owned()]));
    assert_eq!(given.len(), 2);
}

#[test]
fn enough_failures_are_checked_before_the_rest_is_begun() {
    let enough = Leniency {
        max_fail: Some(1),
        ..leniency(2)
    };
    let first = [("a", Shows::Fail("x"))];
    let again = [("a", Shows::Pass)];
    let rest = [("b", Shows::Pass)];
    let (records, given) = patiently(enough, &["a", "b"], &[&first, &again, &rest]);
    let expected = [
        ("a", Verdict::Pass, true, 2),
        ("b", Verdict::Pass, false, 1),
    ];
    assert_eq!(told(&records), expected);
    assert_eq!(given[2].1, ["b"]);
}

#[test]
fn without_another_worker_a_failure_stands() {
    let first = [("a", Shows::Fail("x")), ("b", Shows::Pass)];
    let (records, given) = patiently(leniency(2), &["a", "b"], &[&first]);
    let expected = [
        ("b", Verdict::Pass, false, 1),
        ("a", Verdict::Fail, false, 1),
    ];
    assert_eq!(told(&records), expected);
    assert_eq!(given.len(), 2);
}
