//! The list of known deviations, applied to results: foretold failures, and a list that cannot rot.
//!
//! An entry excuses a failure only if the symptom is the very one that it names. An entry that no
//! longer happens, happens differently, or has expired is itself a finding.

use crate::spec::Deviation;
use tcpspec_reports::record::{CaseRecord, DeviationFinding, Known, Verdict};

/// Marks foretold failures as known and tells what is wrong with the list.
///
/// `identity` is what answered (`linux-6.18.44`), `today` is `YYYY-MM-DD`. Entries for other
/// devices, and entries none of whose cases ran, are left alone.
pub fn apply(
    entries: &[Deviation],
    identity: &str,
    today: &str,
    records: &mut [CaseRecord],
) -> Vec<DeviationFinding> {
    for record in records.iter_mut().filter(|record| is_judged(record)) {
        record.known = excuse(entries, identity, today, record);
    }
    let mut findings: Vec<_> =
        entries.iter().filter_map(|entry| judge(entry, identity, today, records)).collect();
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    findings
}

fn is_judged(record: &CaseRecord) -> bool {
    matches!(record.verdict, Verdict::Pass | Verdict::Fail | Verdict::Deviates)
}

/// A failure is foretold if each of its differences is, be it by entries of their own.
fn excuse(
    entries: &[Deviation],
    identity: &str,
    today: &str,
    record: &CaseRecord,
) -> Option<Known> {
    let mut foretold = record.mismatches.iter().map(|mismatch| {
        entries.iter().find(|entry| {
            entry.symptom == mismatch.symptom
                && entry.expires.as_str() >= today
                && entry.applies_to(&record.id, identity)
        })
    });
    let first = foretold.next()??;
    let mut known = Known { reason: first.reason.clone(), expires: first.expires.clone() };
    for entry in foretold {
        let entry = entry?;
        if entry.reason != known.reason {
            known.reason = format!("{}; {}", known.reason, entry.reason);
        }
        known.expires = known.expires.min(entry.expires.clone());
    }
    Some(known)
}

fn judge(
    entry: &Deviation,
    identity: &str,
    today: &str,
    records: &[CaseRecord],
) -> Option<DeviationFinding> {
    let mut ran = 0;
    let mut shown = 0;
    let mut other_symptom = None;
    for record in records.iter().filter(|record| entry.applies_to(&record.id, identity)) {
        if !is_judged(record) {
            continue;
        }
        ran += 1;
        if record.verdict == Verdict::Pass {
            continue;
        }
        if record.mismatches.iter().any(|mismatch| mismatch.symptom == entry.symptom) {
            shown += 1;
        } else if record.known.is_none() {
            other_symptom = Some((record.id.clone(), record.symptom().to_owned()));
        }
    }
    if ran == 0 {
        return None;
    }
    let cases = if ran == 1 { "its case passed".to_owned() } else { format!("all {ran} cases passed") };
    match (shown, other_symptom) {
        (0, None) => Some(finding(
            entry,
            "fixed",
            format!("expected `{}`, {cases}; remove the entry", entry.symptom),
        )),
        (0, Some((id, symptom))) => Some(finding(
            entry,
            "changed",
            format!("expected `{}`, but {id} shows `{symptom}`", entry.symptom),
        )),
        _ if entry.expires.as_str() < today => Some(finding(
            entry,
            "expired",
            format!("expired on {}; look again, then renew or remove the entry", entry.expires),
        )),
        _ => None,
    }
}

fn finding(entry: &Deviation, code: &str, message: String) -> DeviationFinding {
    DeviationFinding {
        code: format!("deviation::{code}"),
        message,
        file: entry.source.name.to_string(),
        line: entry.line(),
    }
}
