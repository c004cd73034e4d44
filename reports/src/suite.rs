//! Results by the ids of somebody else's suite (`run --suite tc8`).
//!
//! A case of ours may show several of its ids, and several cases may show one of them. An id comes
//! to what the worst of its cases came to, and was skipped if none of them ran.

use crate::record::{CaseRecord, Known, Outcome, Run, Suite, SuiteResult, Verdict};
use crate::text::{COLUMNS, clean, count, wrap};
use std::fmt::Write;

/// The reason of an id for which there is no case in this run.
const NOT_SELECTED: &str = "no case that shows it is in this run";

impl Outcome {
    fn of(case: &CaseRecord) -> Self {
        match case.verdict {
            Verdict::Fail | Verdict::Deviates if case.foretold().is_some() => Self::Known,
            Verdict::Fail => Self::Fail,
            Verdict::Deviates => Self::Deviates,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Pass => Self::Pass,
            Verdict::Skipped => Self::Skipped,
        }
    }

    /// As screens show it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "FAIL",
            Self::Inconclusive => "inconclusive",
            Self::Deviates => "deviates",
            Self::Known => "known",
            Self::Pass => "pass",
            Self::Skipped => "skipped",
        }
    }
}

/// Judges every id of the run's suite by the cases of the run.
pub fn judge(run: &mut Run) {
    let Some(suite) = &mut run.suite else { return };
    for result in &mut suite.results {
        let shows = |case: &&CaseRecord| case.covers.iter().any(|one| one.id == result.id);
        let cases: Vec<&CaseRecord> = run.cases.iter().filter(shows).collect();
        let worst = cases.iter().min_by_key(|case| Outcome::of(case));
        result.outcome = worst.map_or(Outcome::Skipped, |case| Outcome::of(case));
        result.reason = match worst {
            None => Some(NOT_SELECTED.to_owned()),
            Some(case) => reason(case),
        };
        result.cases = cases.iter().map(|case| case.id.clone()).collect();
    }
}

fn reason(case: &CaseRecord) -> Option<String> {
    match case.verdict {
        Verdict::Pass => None,
        Verdict::Skipped => case.reason.clone(),
        Verdict::Fail | Verdict::Deviates | Verdict::Inconclusive => {
            let known = case.foretold().map(Known::told);
            let told = known.unwrap_or_else(|| case.headline());
            Some(format!("{}: {told}", case.id))
        }
    }
}

/// `OPEN Alliance TC8, TCP: 116 cases: 110 pass, 6 skipped`.
pub(crate) fn sentence(suite: &Suite) -> String {
    let mut outcomes: Vec<Outcome> = suite.results.iter().map(|result| result.outcome).collect();
    outcomes.sort_unstable();
    let parts: Vec<String> = outcomes
        .chunk_by(Outcome::eq)
        .map(|alike| format!("{} {}", alike.len(), alike[0].word()))
        .collect();
    let all = count(suite.results.len(), "case");
    format!("{}: {all}: {}", clean(&suite.title), parts.join(", "))
}

/// A line per id: what it came to, by how many cases, and its title; below it, why it is no pass.
pub(crate) fn table(suite: &Suite) -> String {
    let ids = suite.results.iter().map(|result| result.id.chars().count());
    let width = ids.max().unwrap_or_default();
    let mut text = String::new();
    for result in &suite.results {
        let SuiteResult { id, title, .. } = result;
        let cases = count(result.cases.len(), "case");
        let word = result.outcome.word();
        let line = format!("  {:width$}  {word:<12}  {cases:>9}  ", clean(id));
        let taken = line.chars().count();
        let room = COLUMNS.saturating_sub(taken);
        let told = [Some(title), result.reason.as_ref()];
        let told = told.into_iter().flatten();
        let lines: Vec<String> = told.flat_map(|part| wrap(&clean(part), room)).collect();
        let indent = format!("\n{:taken$}", "");
        let _ = writeln!(text, "{line}{}", lines.join(&indent));
    }
    let _ = writeln!(text, "\n  {}\n", sentence(suite));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample;
    use rstest::rstest;

    /// What the ids of the sample suite come to in a run of these cases.
    fn judged(cases: Vec<CaseRecord>) -> Vec<(Outcome, usize)> {
        let mut run = sample::of_suite(cases);
        judge(&mut run);
        let results = run.suite.into_iter().flat_map(|suite| suite.results);
        results.map(|one| (one.outcome, one.cases.len())).collect()
    }

    #[rstest]
    #[case::worst_counts(vec![sample::pass(), sample::fail("CLOSING")], Outcome::Fail)]
    #[case::known_is_not_failed(vec![sample::known(), sample::pass()], Outcome::Known)]
    #[case::unjudged(vec![sample::pass(), sample::inconclusive()], Outcome::Inconclusive)]
    #[case::deviates(vec![sample::deviates(), sample::known()], Outcome::Deviates)]
    #[case::one_that_ran_is_enough(vec![sample::skipped("a"), sample::pass()], Outcome::Pass)]
    #[case::none_ran(vec![sample::skipped("a"), sample::skipped("b")], Outcome::Skipped)]
    fn the_worst_of_the_cases_counts(#[case] cases: Vec<CaseRecord>, #[case] outcome: Outcome) {
        let shown = cases.into_iter().map(sample::shows_first_id).collect();
        let first = judged(shown)[0];
        assert_eq!(first, (outcome, 2));
    }

    #[test]
    fn an_id_without_a_case_is_skipped_with_the_reason() {
        let mut run = sample::of_suite(Vec::new());
        judge(&mut run);
        let result = &run.suite.expect("a suite").results[0];
        assert_eq!(result.outcome, Outcome::Skipped);
        assert_eq!(result.reason.as_deref(), Some(NOT_SELECTED));
    }
}
