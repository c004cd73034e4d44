//! How many cases came to which verdict: the one place where reports count.
//!
//! A failure that the deviation list foretold counts as known and as nothing else. Canaries are
//! not cases and are never counted.

use crate::names;
use crate::record::{CaseRecord, Run, Verdict};

/// Cases by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Everything that was checked holds.
    pub pass: usize,
    /// A MUST is violated, and no entry of the deviation list foretold it.
    pub fail: usize,
    /// A SHOULD is not followed, and no entry of the deviation list foretold it.
    pub deviates: usize,
    /// No judgement could be reached.
    pub inconclusive: usize,
    /// A capability is absent.
    pub skipped: usize,
    /// Failures and deviations that the deviation list foretold.
    pub known: usize,
    /// Of the passes: those that needed a retry.
    pub flaky: usize,
    /// Assertions that the device could not answer, in all cases that ran.
    pub unchecked: u64,
    /// Assertions in all cases that ran.
    pub assertions: u64,
}

impl Counts {
    /// Counts one more case.
    pub fn add(&mut self, record: &CaseRecord) {
        let place = match record.verdict {
            Verdict::Fail | Verdict::Deviates if record.foretold().is_some() => &mut self.known,
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Deviates => &mut self.deviates,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Skipped => &mut self.skipped,
        };
        *place += 1;
        if record.verdict != Verdict::Skipped {
            self.flaky += usize::from(record.flaky);
            self.unchecked += u64::from(record.unchecked);
            self.assertions += u64::from(record.assertions);
        }
    }

    /// All cases.
    pub fn total(&self) -> usize {
        self.pass + self.fail + self.deviates + self.inconclusive + self.skipped + self.known
    }

    /// Each verdict that occurs, with its word: `[(635, "pass"), (2, "deviate")]`.
    pub fn parts(&self) -> Vec<(usize, &'static str)> {
        let all = [
            (self.pass, "pass"),
            (self.fail, "FAIL"),
            (self.deviates, "deviate"),
            (self.known, "known"),
            (self.inconclusive, "inconclusive"),
            (self.skipped, "skipped"),
        ];
        all.into_iter().filter(|(number, _)| *number > 0).collect()
    }

    /// `642 cases: 633 pass, 2 FAIL, 2 deviate (SHOULD), 5 skipped`.
    pub fn sentence(&self) -> String {
        let part = |(number, word): &(usize, &str)| match *word {
            "deviate" => format!("{number} deviate (SHOULD)"),
            "pass" if self.flaky > 0 => format!("{number} pass ({} flaky)", self.flaky),
            _ => format!("{number} {word}"),
        };
        let cases = crate::text::count(self.total(), "case");
        match self.parts() {
            parts if parts.is_empty() => cases,
            parts => format!(
                "{cases}: {}",
                parts.iter().map(part).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

impl<'a> FromIterator<&'a CaseRecord> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a CaseRecord>>(records: I) -> Self {
        let mut counts = Self::default();
        records.into_iter().for_each(|record| counts.add(record));
        counts
    }
}

/// The cases of one chapter (see [`CaseRecord::chapter`]).
#[derive(Clone, Debug)]
pub struct Chapter<'a> {
    /// `3.10` or `rfc5961`.
    pub key: &'a str,
    /// `Event processing`.
    pub title: String,
    /// Its cases, in the order of the run.
    pub cases: Vec<&'a CaseRecord>,
}

impl Chapter<'_> {
    /// Its counts.
    pub fn counts(&self) -> Counts {
        self.cases.iter().copied().collect()
    }
}

/// The cases of a run by chapter, in the order in which chapters first appear.
pub fn chapters(run: &Run) -> Vec<Chapter<'_>> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for record in &run.cases {
        let key = record.chapter();
        // Cases come in the order of their sections: the chapter is nearly always the last.
        match chapters.iter_mut().rev().find(|chapter| chapter.key == key) {
            Some(chapter) => chapter.cases.push(record),
            None => chapters.push(Chapter {
                key,
                title: names::chapter_title(key, &record.folder),
                cases: vec![record],
            }),
        }
    }
    chapters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample;

    #[test]
    fn every_case_counts_once() {
        let run = sample::run();
        let counts: Counts = run.cases.iter().collect();
        assert_eq!(counts.total(), run.cases.len());
        assert_eq!(
            chapters(&run)
                .iter()
                .map(|c| c.counts().total())
                .sum::<usize>(),
            counts.total()
        );
    }

    #[test]
    fn a_known_failure_is_no_failure() {
        let counts: Counts = [&sample::known()].into_iter().collect();
        assert_eq!((counts.known, counts.fail), (1, 0));
    }

    #[test]
    fn an_expected_failure_that_stayed_inconclusive_is_inconclusive() {
        let record = CaseRecord {
            verdict: Verdict::Inconclusive,
            ..sample::known()
        };
        let counts: Counts = [&record].into_iter().collect();
        assert_eq!((counts.known, counts.inconclusive), (0, 1));
    }

    #[test]
    fn a_run_of_nothing_says_so() {
        assert_eq!(Counts::default().sentence(), "0 cases");
    }
}
