//! A fake player: every case shows, attempt by attempt, what its script says.

use super::*;
use crate::deviations;
use rstest::rstest;

/// What an attempt shows: nothing wrong, a symptom, no judgement, or no record at all.
#[derive(Clone, Copy, Debug)]
pub(in crate::worker) enum Shows {
    Pass,
    Fail(&'static str),
    /// The deviation list foretold it.
    Known,
    Late,
    Dies,
}
use Shows::{Dies, Fail, Known, Late, Pass};

const FORETOLD: &str = "step 9: as ever";

/// The record of an attempt.
pub(in crate::worker) fn record(id: &str, shows: Shows) -> Option<CaseRecord> {
    let (verdict, symptom) = match shows {
        Pass => (Verdict::Pass, None),
        Fail(symptom) => (Verdict::Fail, Some(symptom)),
        Known => (Verdict::Fail, Some(FORETOLD)),
        Late => (Verdict::Inconclusive, None),
        Dies => return None,
    };
    let symptoms: Vec<&str> = symptom.into_iter().collect();
    Some(CaseRecord {
        reason: (verdict == Verdict::Inconclusive).then(|| "too late".to_owned()),
        seed: 7,
        ..deviations::tests::record(id, verdict, &symptoms)
    })
}

pub(in crate::worker) fn leniency(retries: u32) -> Leniency<'static> {
    let strange = |record: &CaseRecord| {
        let symptoms = record.mismatches.iter().map(|found| found.symptom.clone());
        symptoms.filter(|symptom| symptom != FORETOLD).collect()
    };
    Leniency {
        retries,
        strange: Box::new(strange),
        ..Leniency::none()
    }
}

/// Plays one attempt of a case.
fn attempt(replays: &mut Replays, id: &str, shows: Shows) -> Vec<Answer> {
    match record(id, shows) {
        Some(record) => replays.take(record),
        None => replays.lose(Lost {
            job: Job {
                id: id.to_owned(),
                seed: 7,
            },
            reason: "it died".to_owned(),
        }),
    }
}

/// Plays a case until something stands; how often it was played, and what stands.
fn play(retries: u32, script: &[Shows]) -> (usize, Answer) {
    play_with(Replays::new(leniency(retries), 1), script)
}

fn play_with(mut replays: Replays, script: &[Shows]) -> (usize, Answer) {
    for (at, shows) in script.iter().enumerate() {
        let mut settled = attempt(&mut replays, "a", *shows);
        assert_eq!(settled.is_empty(), !replays.jobs().is_empty());
        if let Some(answer) = settled.pop() {
            return (at + 1, answer);
        }
        assert_eq!(replays.jobs()[0].seed, 7, "the replay has the same seed");
    }
    panic!("nothing stands after {script:?}");
}

#[rstest]
#[case::a_symptom_that_stays(&[Fail("x"), Fail("x"), Fail("x")], 3, Verdict::Fail, false)]
#[case::twice_is_chance(&[Fail("x"), Fail("x"), Pass], 3, Verdict::Pass, true)]
#[case::one_that_changes(&[Fail("x"), Fail("x"), Fail("y")], 3, Verdict::Inconclusive, false)]
#[case::what_was_foretold(&[Known], 1, Verdict::Fail, false)]
fn over_a_network(
    #[case] script: &[Shows],
    #[case] played: usize,
    #[case] verdict: Verdict,
    #[case] flaky: bool,
) {
    let replays = Replays::new(leniency(2), 1).of_a_network(4, 1);
    let (attempts, answer) = play_with(replays, script);
    let Answer::Case(record) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (attempts, record.verdict, record.flaky),
        (played, verdict, flaky)
    );
}

#[rstest]
#[case::a_pass_stands(2, &[Pass], 1, Verdict::Pass, false)]
#[case::what_was_foretold_stands(2, &[Known], 1, Verdict::Fail, false)]
#[case::chance(2, &[Fail("x"), Pass], 2, Verdict::Pass, true)]
#[case::chance_at_a_known_deviation(2, &[Fail("x"), Known], 2, Verdict::Fail, true)]
#[case::it_comes_again(2, &[Fail("x"), Fail("x")], 2, Verdict::Fail, false)]
#[case::it_comes_again_later(2, &[Fail("x"), Fail("y"), Fail("x")], 3, Verdict::Fail, false)]
#[case::each_time_another(2, &[Fail("x"), Fail("y"), Fail("z")], 3, Verdict::Fail, false)]
#[case::a_pass_at_last(2, &[Fail("x"), Fail("y"), Pass], 3, Verdict::Pass, true)]
#[case::no_retries(0, &[Fail("x")], 1, Verdict::Fail, false)]
#[case::one_retry(1, &[Fail("x"), Fail("y")], 2, Verdict::Fail, false)]
#[case::late_is_not_flaky(2, &[Late, Late, Pass], 3, Verdict::Pass, false)]
#[case::late_for_good(2, &[Late, Late, Late], 3, Verdict::Inconclusive, false)]
#[case::a_failure_after_doubt_must_come_again(2, &[Late, Fail("x"), Pass], 3, Verdict::Pass, true)]
#[case::dead_at_first(2, &[Dies, Pass], 2, Verdict::Pass, false)]
#[case::failed_then_late(2, &[Fail("x"), Late, Late, Late], 4, Verdict::Inconclusive, false)]
#[case::failed_then_dead(1, &[Fail("x"), Dies, Dies], 3, Verdict::Inconclusive, false)]
fn what_stands(
    #[case] retries: u32,
    #[case] script: &[Shows],
    #[case] played: usize,
    #[case] verdict: Verdict,
    #[case] flaky: bool,
) {
    let (times, Answer::Case(record)) = play(retries, script) else {
        panic!("no record");
    };
    assert_eq!(
        (times, record.verdict, record.flaky),
        (played, verdict, flaky)
    );
    assert_eq!(record.attempts as usize, 1 + record.earlier.len());
}

#[test]
fn the_first_symptom_stays_in_the_record() {
    let (_, Answer::Case(record)) = play(2, &[Fail("x"), Late, Fail("y"), Pass]) else {
        panic!("no record");
    };
    let earlier: Vec<&str> = record.earlier.iter().map(CaseRecord::symptom).collect();
    assert_eq!(earlier, ["x", "too late", "y"]);
    assert_eq!(record.attempts, 4);
}

#[test]
fn a_failure_that_could_not_be_judged_again_says_so() {
    let (_, Answer::Case(record)) = play(1, &[Fail("x"), Late, Late]) else {
        panic!("no record");
    };
    let reason = record.reason.unwrap_or_default();
    assert_eq!(
        reason,
        "an attempt showed `x`, and no later one could be judged: too late"
    );
}

#[test]
fn a_case_that_is_lost_each_time_is_lost() {
    let (times, answer) = play(2, &[Dies, Dies, Dies]);
    assert_eq!(times, 3);
    assert!(matches!(answer, Answer::Lost(lost) if lost.reason == "it died"));
}

/// The ids of what stands.
fn ids(answers: &[Answer]) -> Vec<&str> {
    let mut ids = Vec::new();
    for answer in answers {
        match answer {
            Answer::Case(record) => ids.push(record.id.as_str()),
            other => panic!("{other:?}"),
        }
    }
    ids
}

#[test]
fn too_many_failures_are_no_chance() {
    let mut replays = Replays::new(leniency(2), 1_000);
    assert!(attempt(&mut replays, "late", Late).is_empty());
    for n in 0..50 {
        assert!(attempt(&mut replays, &format!("{n:02}"), Fail("x")).is_empty());
    }
    assert_eq!((replays.held.len(), replays.remark()), (51, None));
    // The next one is one too many: all stand at once, and so do those that follow.
    let stand = attempt(&mut replays, "50", Fail("x"));
    assert_eq!(ids(&stand).len(), 51);
    assert_eq!(ids(&attempt(&mut replays, "51", Fail("x"))), ["51"]);
    let remark = replays.remark().unwrap_or_default();
    assert!(remark.starts_with("more than 50 cases failed"), "{remark}");
    // What nobody judged is played again all the same.
    assert_eq!(replays.jobs().len(), 1);
    assert_eq!(ids(&attempt(&mut replays, "late", Pass)), ["late"]);
}

#[test]
fn what_is_being_played_again_stands_once() {
    let mut replays = Replays::new(leniency(2), 3);
    assert!(attempt(&mut replays, "late", Late).is_empty());
    for n in 0..20 {
        assert!(attempt(&mut replays, &format!("{n:02}"), Fail("x")).is_empty());
    }
    assert_eq!(replays.jobs().len(), 21);
    // One too many, when the others have begun again: theirs are still to come.
    let mut stand = attempt(&mut replays, "late", Fail("x"));
    for n in 0..20 {
        stand.extend(attempt(&mut replays, &format!("{n:02}"), Fail("x")));
    }
    stand.extend(replays.release());
    let mut ids = ids(&stand);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((stand.len(), ids.len()), (21, 21));
}

#[test]
fn a_few_failures_of_a_few_cases_are_played_again() {
    let mut replays = Replays::new(leniency(2), 3);
    for id in ["a", "b", "c"] {
        assert!(attempt(&mut replays, id, Fail("x")).is_empty());
    }
    assert_eq!(replays.jobs().len(), 3);
}

#[test]
fn failures_in_hand_are_enough_for_the_user() {
    let max_fail = Some(2);
    let mut replays = Replays::new(
        Leniency {
            max_fail,
            ..leniency(2)
        },
        100,
    );
    attempt(&mut replays, "a", Fail("x"));
    assert!(!replays.are_enough());
    attempt(&mut replays, "b", Fail("x"));
    assert!(replays.are_enough());
    attempt(&mut replays, "a", Pass);
    assert!(!replays.are_enough());
    attempt(&mut replays, "b", Fail("x"));
    attempt(&mut replays, "c", Fail("x"));
    assert!(replays.are_enough());
}

#[test]
fn the_user_is_told_how_many_are_played_again() {
    let told = std::cell::RefCell::new(Vec::new());
    let leniency = Leniency {
        told: Box::new(|cases| told.borrow_mut().push(cases)),
        ..leniency(2)
    };
    let mut replays = Replays::new(leniency, 3);
    assert!(replays.jobs().is_empty());
    attempt(&mut replays, "a", Fail("x"));
    attempt(&mut replays, "b", Late);
    assert_eq!(replays.jobs().len(), 2);
    drop(replays);
    assert_eq!(told.into_inner(), [2]);
}

#[test]
fn what_is_held_is_released_as_it_is() {
    let mut replays = Replays::new(leniency(2), 3);
    attempt(&mut replays, "a", Fail("x"));
    attempt(&mut replays, "b", Late);
    attempt(&mut replays, "c", Dies);
    let released = replays.release();
    assert_eq!(released.len(), 3);
    assert!(matches!(&released[0], Answer::Case(a) if a.verdict == Verdict::Fail && !a.flaky));
    assert!(matches!(&released[1], Answer::Case(b) if b.verdict == Verdict::Inconclusive));
    assert!(matches!(&released[2], Answer::Lost(c) if c.job.id == "c"));
    assert!(replays.jobs().is_empty());
}

#[test]
fn a_failure_that_cannot_come_again_has_no_judgement() {
    let mut replays = Replays::new(leniency(2), 2);
    attempt(&mut replays, "a", Fail("x"));
    attempt(&mut replays, "b", Late);
    let reasons = replays.abandon("nobody answers").into_iter().map(|answer| {
        let Answer::Case(record) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(record.verdict, Verdict::Inconclusive);
        assert_eq!(record.attempts, 1);
        record.reason.unwrap_or_default()
    });
    let unconfirmed = "an attempt showed `x`, and no later one could be judged: nobody answers";
    assert_eq!(reasons.collect::<Vec<_>>(), [unconfirmed, "too late"]);
    assert!(replays.jobs().is_empty());
}

#[test]
fn what_was_lost_on_the_way_is_told_of_though_the_next_attempt_is_fine() {
    let mut replays = Replays::new(leniency(2), 1);
    assert!(attempt(&mut replays, "a", Dies).is_empty());
    let answers = attempt(&mut replays, "a", Pass);
    assert!(matches!(&answers[..], [Answer::Case(_)]), "{answers:?}");
    let remark = replays.remark().unwrap_or_default();
    assert_eq!(remark, "1 attempt lost in the middle: it died");
}
