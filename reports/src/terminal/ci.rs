//! The last lines for CI systems: annotations, what was written, and one line that says it all.

use super::{Group, groups};
use crate::counts::Counts;
use crate::record::{Requirement, Run, Verdict};
use crate::text::clean;
use std::fmt::Write;

/// GitHub shows ten annotations of a kind per step; the summary has the others.
const ANNOTATIONS: usize = 10;

/// Annotations in the form that GitHub's runner reads from a log, one line each.
pub fn github(run: &Run, strict: bool) -> String {
    let mut text = String::new();
    for group in groups(run, strict).iter().take(ANNOTATIONS) {
        text.push_str(&annotation(group));
    }
    for finding in &run.findings {
        let _ = writeln!(
            text,
            "::error file={},line={},title={}::{}",
            property(&finding.file),
            finding.line,
            property(&finding.code),
            message(&finding.message),
        );
    }
    for canary in run.canaries.iter().filter(|canary| canary.was_missed()) {
        let name = message(&canary.name);
        let _ = writeln!(
            text,
            "::error title=canary::this harness cannot see failures here: `{name}` was not caught"
        );
    }
    text
}

/// `::error file=…,line=25,title=RFC 9293 §3.10.7.4 (MUST)::name: what   (+1 alike)`.
fn annotation(group: &Group) -> String {
    let case = group.first;
    let kind = if case.verdict == Verdict::Deviates {
        "warning"
    } else {
        "error"
    };
    let level = super::failure::level(case).word();
    let requirement = case
        .decisive()
        .and_then(|mismatch| mismatch.requirement.as_deref());
    let named = |covered: &&Requirement| Some(covered.id.as_str()) == requirement;
    let covered = case.covers.iter().find(named).or(case.covers.first());
    let title = match (case.verdict, covered) {
        (Verdict::Inconclusive, _) => "inconclusive".to_owned(),
        (_, Some(covered)) if covered.place.is_empty() => format!("{} ({level})", covered.id),
        (_, Some(covered)) => format!("{} ({level})", covered.place),
        (_, None) => level.to_owned(),
    };
    let line = case
        .line()
        .map(|line| format!(",line={line}"))
        .unwrap_or_default();
    let alike = match group.others.len() {
        0 => String::new(),
        others => format!("   (+{others} alike)"),
    };
    format!(
        "::{kind} file={}{line},title={}::{}: {}{alike}\n",
        property(&case.file),
        property(&title),
        message(case.short_name()),
        message(&case.headline()),
    )
}

/// The text of an annotation.
fn message(text: &str) -> String {
    clean(text).replace('%', "%25")
}

/// A property of an annotation, where `:` and `,` have a meaning.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// What was written and what came of it:
///
/// ```text
/// tcpspec: wrote out/junit.xml, 2 captures to out
/// tcpspec: 642 cases: 633 pass, 2 FAIL, 2 deviate (SHOULD), 5 skipped; exit 1
/// ```
pub fn last_lines(run: &Run, wrote: &[String], exit: u8) -> String {
    let counts: Counts = run.cases.iter().collect();
    let mut text = String::new();
    if !wrote.is_empty() {
        let wrote = wrote
            .iter()
            .map(|name| clean(name))
            .collect::<Vec<_>>()
            .join(", ");
        let _ = writeln!(text, "tcpspec: wrote {wrote}");
    }
    let interrupted = if run.interrupted { "; interrupted" } else { "" };
    let sentence = counts.sentence();
    let _ = writeln!(text, "tcpspec: {sentence}{interrupted}; exit {exit}");
    text
}
