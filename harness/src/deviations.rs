//! The list of known deviations, applied to results: foretold failures, and a list that cannot rot.
//!
//! An entry excuses a difference only if its symptom is the very one that the entry names, and a
//! case is known only if all its differences are excused. An entry that no longer happens, that
//! happens differently, or that has expired is itself a finding.

use crate::spec::Deviation;
use tcpspec_reports::record::{CaseRecord, DeviationFinding, Known, Mismatch, Verdict};

/// Marks foretold failures as known and tells what is wrong with the list.
///
/// `identity` is what answered (`linux-6.18.44`), `today` is `YYYY-MM-DD`. Entries for other
/// devices, and entries none of whose cases ran, are left alone. That an entry no longer happens
/// can only be said if all its cases were judged: those of `able`, the ids of all cases that the
/// device can play (`None`: nobody knows).
pub fn apply(
    entries: &[Deviation],
    identity: &str,
    today: &str,
    able: Option<&[String]>,
    records: &mut [CaseRecord],
) -> Vec<DeviationFinding> {
    let mut tallies = vec![Tally::default(); entries.len()];
    for record in records.iter_mut().filter(|record| is_judged(record)) {
        let about: Vec<usize> = (0..entries.len())
            .filter(|&entry| entries[entry].applies_to(&record.id, identity))
            .collect();
        let excuse = |mismatch: &Mismatch| {
            about
                .iter()
                .copied()
                .find(|&entry| entries[entry].foretells(&mismatch.symptom))
        };
        let excuses: Vec<Option<usize>> = record.mismatches.iter().map(excuse).collect();
        let strange = excuses.iter().position(Option::is_none);
        for &entry in &about {
            let tally = &mut tallies[entry];
            tally.ran += 1;
            tally.shown += usize::from(excuses.contains(&Some(entry)));
            if let Some(at) = strange {
                let symptom = record.mismatches[at].symptom.clone();
                tally.strange.get_or_insert((record.id.clone(), symptom));
            }
        }
        let in_force = |entry: &usize| !entries[*entry].has_expired(today);
        if let (None, Some(&Some(first))) = (strange, excuses.first()) {
            record.known = excuses.iter().flatten().all(in_force).then(|| Known {
                requirements: entries[first].requirements.clone(),
                reason: entries[first].reason.clone(),
                expires: entries[first].expires.clone(),
            });
        }
    }
    let is_complete = |entry: &Deviation, tally: &Tally| {
        let is_its = |id: &&String| entry.is_about(id);
        able.is_some_and(|able| able.iter().filter(is_its).count() <= tally.ran)
    };
    let findings = entries.iter().zip(tallies);
    findings
        .filter_map(|(entry, tally)| {
            let complete = tally.is_unseen() && is_complete(entry, &tally);
            tally.finding(entry, today, complete)
        })
        .collect()
}

/// The symptoms of a record that no entry in force foretold; none unless the case went wrong.
pub fn unforetold(
    entries: &[Deviation],
    identity: &str,
    today: &str,
    record: &CaseRecord,
) -> Vec<String> {
    if !matches!(record.verdict, Verdict::Fail | Verdict::Deviates) {
        return Vec::new();
    }
    let about: Vec<&Deviation> = entries
        .iter()
        .filter(|entry| !entry.has_expired(today) && entry.applies_to(&record.id, identity))
        .collect();
    if record.mismatches.is_empty() {
        return vec![record.symptom().to_owned()];
    }
    let symptoms = record.mismatches.iter().map(|mismatch| &mismatch.symptom);
    let is_new = |symptom: &&String| !about.iter().any(|entry| entry.foretells(symptom));
    symptoms.filter(is_new).cloned().collect()
}

fn is_judged(record: &CaseRecord) -> bool {
    matches!(
        record.verdict,
        Verdict::Pass | Verdict::Fail | Verdict::Deviates
    )
}

/// What became of an entry in this run.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Cases of the entry that were judged.
    ran: usize,
    /// Cases that showed its symptom.
    shown: usize,
    /// A case, and its symptom that no entry foretold.
    strange: Option<(String, String)>,
}

impl Tally {
    /// Cases of the entry were judged, and all went as they should.
    fn is_unseen(&self) -> bool {
        self.ran > 0 && self.shown == 0 && self.strange.is_none()
    }

    fn finding(self, entry: &Deviation, today: &str, complete: bool) -> Option<DeviationFinding> {
        let symptom = entry.symptoms_cited();
        let (code, message) = match (self.shown, self.strange) {
            _ if self.ran == 0 => return None,
            (0, None) if !complete => return None,
            (0, None) => {
                let passed = match self.ran {
                    1 => "its case passed".to_owned(),
                    cases => format!("all {cases} cases passed"),
                };
                (
                    "fixed",
                    format!("expected {symptom}, {passed}; remove the entry"),
                )
            }
            (0, Some((id, other))) => (
                "changed",
                format!("expected {symptom}, but {id} shows `{other}`"),
            ),
            _ if entry.has_expired(today) => {
                let expires = &entry.expires;
                (
                    "expired",
                    format!("expired on {expires}; look again, then renew or remove it"),
                )
            }
            _ => return None,
        };
        Some(DeviationFinding {
            code: format!("deviation::{code}"),
            message,
            file: entry.source.name.to_string(),
            line: entry.line(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
