//! Which cases are played again, and what then stands.
//!
//! On a real clock a failure may be chance: a tick of the machine, a packet that came late. So it
//! stands only if one of its symptoms comes again; if another attempt goes as it should, the case
//! is flaky, and what went wrong at first stays in its record. A case that the tester was not fit
//! to judge is played again as well. This module decides; it starts nothing and knows no clock.

use super::{Answer, Job, Lost};
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use tcpspec_reports::record::{CaseRecord, Verdict};

/// So many failures are always played again, however few cases there are.
const ALWAYS: usize = 20;
/// More failures than one case in so many are no chance: they stand as they are.
const ONE_IN: usize = 20;

/// The symptoms of a record that nobody foretold; none for a pass.
type Strange<'a> = dyn Fn(&CaseRecord) -> Vec<String> + 'a;

/// How much of what goes wrong is played again.
pub struct Leniency<'a> {
    /// How often a failure, or a case without a judgement, is played again at most.
    pub retries: u32,
    /// After so many failures nothing new is begun before it is known whether they stand.
    pub max_fail: Option<u32>,
    /// A SHOULD that is not followed is a failure too.
    pub strict: bool,
    /// The symptoms of a record that nobody foretold; none for a pass.
    pub strange: Box<Strange<'a>>,
    /// Is told how many cases are about to be played again.
    pub told: Box<dyn Fn(usize) + 'a>,
}

impl Leniency<'_> {
    /// Nothing is played again.
    pub fn none() -> Self {
        Self {
            retries: 0,
            max_fail: None,
            strict: false,
            strange: Box::new(|_| Vec::new()),
            told: Box::new(|_| ()),
        }
    }
}

/// The cases that are to be played again, with all that they have shown so far.
pub struct Replays<'a> {
    leniency: Leniency<'a>,
    /// More failures than these are not chance.
    limit: usize,
    /// The way to the device loses packets: a symptom has to come every time.
    is_lossy: bool,
    /// Cases that went wrong at least once.
    wrong: usize,
    /// Failures that stand.
    stand: u32,
    held: BTreeMap<String, Held>,
    /// Cases that were lost in their midst, and what the first was lost by.
    lost: Option<(usize, String)>,
}

/// A case that is to be played again.
#[derive(Debug, Default)]
struct Held {
    seed: u64,
    /// Its attempts, the last one last.
    attempts: Vec<CaseRecord>,
    /// Symptoms that nobody foretold, of any attempt.
    symptoms: BTreeSet<String>,
    /// Those that came with every attempt that failed.
    constant: BTreeSet<String>,
    /// Attempts that failed, and attempts without a judgement.
    failed: u32,
    unjudged: u32,
    /// Why the last attempt has no record, if it has none.
    lost: Option<String>,
    /// The next attempt has begun: its record is still to come.
    out: bool,
}

impl Held {
    /// An attempt failed with these symptoms.
    fn note(&mut self, strange: Vec<String>) {
        let strange: BTreeSet<String> = strange.into_iter().collect();
        if self.symptoms.is_empty() {
            self.constant.clone_from(&strange);
        } else {
            self.constant.retain(|symptom| strange.contains(symptom));
        }
        self.symptoms.extend(strange);
    }
}

impl<'a> Replays<'a> {
    /// For a run of so many cases.
    pub fn new(leniency: Leniency<'a>, cases: usize) -> Self {
        Self {
            leniency,
            limit: ALWAYS.max(cases / ONE_IN),
            is_lossy: false,
            wrong: 0,
            stand: 0,
            held: BTreeMap::new(),
            lost: None,
        }
    }

    /// Over a network that loses packets. As many as one case in `one_in` may fail by chance, and
    /// the loss of the same packet comes again in one of some thousand cases: so a failure stands
    /// only if one symptom comes with every attempt.
    #[must_use]
    pub fn of_a_network(mut self, one_in: usize, cases: usize) -> Self {
        self.limit = ALWAYS.max(cases / one_in);
        self.is_lossy = true;
        self
    }

    /// A case was played: what is settled by that.
    pub fn take(&mut self, record: CaseRecord) -> Vec<Answer> {
        let strange = match record.verdict {
            Verdict::Inconclusive => Vec::new(),
            _ => (self.leniency.strange)(&record),
        };
        let mut held = self.held.remove(&record.id).unwrap_or_default();
        let retries = self.leniency.retries;
        let again = if record.verdict == Verdict::Inconclusive {
            held.unjudged += 1;
            held.unjudged <= retries
        } else if strange.is_empty() {
            false
        } else {
            self.wrong += usize::from(held.symptoms.is_empty());
            held.failed += 1;
            let came_again = strange
                .iter()
                .any(|symptom| held.symptoms.contains(symptom));
            held.note(strange);
            let is_settled = came_again && !self.is_lossy;
            !is_settled && held.failed <= retries && self.wrong <= self.limit
        };
        held.seed = record.seed;
        held.lost = None;
        held.out = false;
        let id = record.id.clone();
        held.attempts.push(record);
        let stands = if again {
            self.held.insert(id, held);
            None
        } else {
            self.conclude(held).map(settled)
        };
        stands
            .into_iter()
            .chain(self.release_if_hopeless())
            .collect()
    }

    /// A case could not be played: the same, if that stands.
    pub fn lose(&mut self, lost: Lost) -> Vec<Answer> {
        let mut held = self.held.remove(&lost.job.id).unwrap_or_default();
        let first = || (0, lost.reason.clone());
        self.lost.get_or_insert_with(first).0 += 1;
        held.unjudged += 1;
        held.seed = lost.job.seed;
        held.out = false;
        if held.unjudged <= self.leniency.retries {
            held.lost = Some(lost.reason);
            self.held.insert(lost.job.id, held);
            return Vec::new();
        }
        let Some(last) = held.attempts.last() else {
            return vec![Answer::Lost(lost)];
        };
        held.attempts.push(CaseRecord {
            verdict: Verdict::Inconclusive,
            reason: Some(lost.reason),
            mismatches: Vec::new(),
            events: Vec::new(),
            earlier: Vec::new(),
            ..last.clone()
        });
        self.conclude(held).into_iter().map(settled).collect()
    }

    /// The next attempts, of all that is held: they are about to begin.
    pub fn jobs(&mut self) -> Vec<Job> {
        if !self.held.is_empty() {
            (self.leniency.told)(self.held.len());
        }
        let job = |(id, held): (&String, &mut Held)| {
            held.out = true;
            Job {
                id: id.clone(),
                seed: held.seed,
            }
        };
        self.held.iter_mut().map(job).collect()
    }

    /// There are as many failures, in hand and standing, as the user wants to see.
    pub fn are_enough(&self) -> bool {
        let fails = |held: &&Held| {
            let last = held.attempts.last();
            !held.symptoms.is_empty() && last.is_some_and(|last| self.fails(last))
        };
        let held = || self.held.values().filter(fails).count();
        let most = self.leniency.max_fail.map(|most| most as usize);
        most.is_some_and(|most| held() > 0 && self.stand as usize + held() >= most)
    }

    /// What is to be known of the whole: why failures stand that were seen but once, and how many
    /// cases were lost.
    pub fn remark(&self) -> Option<String> {
        let hopeless = self.leniency.retries > 0 && self.wrong > self.limit;
        let hopeless = hopeless.then(|| {
            format!(
                "more than {} cases failed, which is no chance: the others that failed were not \
                 played again",
                self.limit
            )
        });
        let lost = self.lost.as_ref().map(|(count, reason)| {
            let s = if *count == 1 { "" } else { "s" };
            format!("{count} attempt{s} lost in the middle: {reason}")
        });
        let remarks: Vec<String> = hopeless.into_iter().chain(lost).collect();
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }

    /// Everything that is held, as it is.
    pub fn release(&mut self) -> Vec<Answer> {
        let held = mem::take(&mut self.held);
        let answer = |(id, held): (String, Held)| match held.lost.clone() {
            Some(reason) if held.attempts.is_empty() => {
                let job = Job {
                    id,
                    seed: held.seed,
                };
                Some(Answer::Lost(Lost { job, reason }))
            }
            _ => self.conclude(held).map(settled),
        };
        held.into_iter().filter_map(answer).collect()
    }

    /// Everything that is held, when nothing can be played again for that reason: a failure that
    /// was to come again has no judgement.
    pub fn abandon(&mut self, reason: &str) -> Vec<Answer> {
        let unconfirmed = |held: &&mut Held| !held.symptoms.is_empty();
        for held in self.held.values_mut().filter(unconfirmed) {
            if let Some(last) = held.attempts.last_mut()
                && last.verdict != Verdict::Inconclusive
            {
                last.verdict = Verdict::Inconclusive;
                last.reason = Some(reason.to_owned());
            }
        }
        self.release()
    }

    fn release_if_hopeless(&mut self) -> Vec<Answer> {
        if self.wrong <= self.limit {
            return Vec::new();
        }
        let held = mem::take(&mut self.held);
        // What is being played again is settled by the record that is on its way.
        let stands = |(_, held): &(String, Held)| !held.symptoms.is_empty() && !held.out;
        let (wrong, others): (Vec<_>, Vec<_>) = held.into_iter().partition(stands);
        self.held = others.into_iter().collect();
        let stand = wrong
            .into_iter()
            .filter_map(|(_, held)| self.conclude(held));
        stand.map(settled).collect()
    }

    /// The last attempt, with what the earlier ones showed.
    fn conclude(&mut self, mut held: Held) -> Option<CaseRecord> {
        let mut record = held.attempts.pop()?;
        let strange = !held.symptoms.is_empty();
        if record.verdict != Verdict::Inconclusive {
            record.flaky = strange && (self.leniency.strange)(&record).is_empty();
            if strange && !record.flaky && held.constant.is_empty() && self.is_lossy {
                record.verdict = Verdict::Inconclusive;
                record.reason = Some(differently(&held.symptoms));
            }
        } else if strange {
            record.reason = Some(once(&held.symptoms, record.reason.as_deref()));
        }
        let earlier = held.attempts.into_iter().flat_map(|mut attempt| {
            let mut before = mem::take(&mut attempt.earlier);
            before.push(attempt);
            before
        });
        let before = mem::take(&mut record.earlier);
        record.earlier = earlier.chain(before).collect();
        record.attempts = 1 + record.earlier.len() as u32;
        self.stand += u32::from(strange && !record.flaky && self.fails(&record));
        Some(record)
    }

    fn fails(&self, record: &CaseRecord) -> bool {
        record.fails(self.leniency.strict)
    }
}

fn settled(record: CaseRecord) -> Answer {
    Answer::Case(Box::new(record))
}

/// Why a case that failed every time, and every time in another way, has no judgement.
fn differently(symptoms: &BTreeSet<String>) -> String {
    let symptoms: Vec<&str> = symptoms.iter().map(String::as_str).collect();
    format!(
        "every attempt failed in another way, as over a network that loses packets: `{}`",
        symptoms.join("`, `")
    )
}

/// Why a case that failed has no judgement.
fn once(symptoms: &BTreeSet<String>, reason: Option<&str>) -> String {
    let symptoms: Vec<&str> = symptoms.iter().map(String::as_str).collect();
    format!(
        "an attempt showed `{}`, and no later one could be judged: {}",
        symptoms.join("`, `"),
        reason.unwrap_or("no reason given")
    )
}

#[cfg(test)]
pub(super) mod tests;
