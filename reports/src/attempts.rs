//! What the earlier attempts of a case showed, in words: the same on every screen and in every
//! report. That a case was played again is never left out.

use crate::record::{CaseRecord, Verdict};
use crate::text::clean;

impl CaseRecord {
    /// The earlier attempts that failed, or that did not follow a recommendation.
    pub fn earlier_failures(&self) -> impl Iterator<Item = &CaseRecord> {
        let is_wrong = |case: &&CaseRecord| {
            matches!(case.verdict, Verdict::Fail | Verdict::Deviates) && case.known.is_none()
        };
        self.earlier.iter().filter(is_wrong)
    }
}

/// `passed on attempt 2; before: step 3: too early (retransmitted after 0.20 s; expected 1 s)`.
pub fn flaky(case: &CaseRecord) -> String {
    let before = case.earlier_failures().map(|attempt| {
        let (symptom, headline) = (clean(attempt.symptom()), clean(&attempt.headline()));
        if headline.is_empty() || headline == symptom {
            symptom
        } else {
            format!("{symptom} ({headline})")
        }
    });
    let mut before: Vec<String> = before.collect();
    before.dedup();
    let end = match case.foretold() {
        None => format!("passed on attempt {}", case.attempts),
        Some(_) => format!("as foretold on attempt {}", case.attempts),
    };
    format!("{end}; before: {}", before.join(", then "))
}

/// `2 times, the same difference each time`; nothing if the case was played once.
pub fn tried(case: &CaseRecord) -> Option<String> {
    if case.earlier.is_empty() {
        return None;
    }
    let times = format!("{} times", case.attempts);
    let before: Vec<String> = case
        .earlier
        .iter()
        .map(|attempt| clean(attempt.symptom()))
        .collect();
    let last = clean(case.symptom());
    if before.iter().all(|symptom| *symptom == last) {
        return Some(format!("{times}, the same difference each time"));
    }
    let mut all: Vec<&String> = before.iter().chain([&last]).collect();
    all.sort();
    all.dedup();
    let told = if all.len() > before.len() {
        "another difference each time"
    } else {
        "not always the same difference"
    };
    Some(format!(
        "{times}, {told}; before: {}",
        before.join(", then ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample;
    use rstest::rstest;

    #[rstest]
    #[case::once(sample::missing(), None)]
    #[case::again(sample::came_again(), Some("2 times, the same difference each time"))]
    #[case::differently(
        sample::unsteady(),
        Some("3 times, another difference each time; before: step 2: none, then step 4: none")
    )]
    fn failures_say_how_often(#[case] case: CaseRecord, #[case] said: Option<&str>) {
        assert_eq!(tried(&case).as_deref(), said);
    }

    #[test]
    fn a_difference_that_came_twice_of_three_times() {
        let mut case = sample::unsteady();
        case.earlier[0].mismatches = case.mismatches.clone();
        let said = tried(&case).unwrap_or_default();
        assert_eq!(
            said,
            "3 times, not always the same difference; before: step 5: none, then step 4: none"
        );
    }

    #[test]
    fn a_flaky_case_says_what_it_showed() {
        assert!(flaky(&sample::flaky()).starts_with("passed on attempt 2; before: step 6: "));
        let known = CaseRecord {
            earlier: sample::flaky().earlier,
            attempts: 2,
            ..sample::known()
        };
        assert!(flaky(&known).starts_with("as foretold on attempt 2; before: step 6: "));
    }
}
