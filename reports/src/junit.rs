//! JUnit XML that stays valid, whatever a device or a spec puts into it.
//!
//! The file keeps to the schema `junit-10` of Jenkins' xunit plugin: no `file` attribute, times in
//! whole milliseconds, and everything else that is known of a case as `[[PROPERTY|name=value]]`
//! lines in its `system-out`. `junit-report` does the writing; this module gives it only text
//! that XML can carry, and tidies its layout. Nothing is left out in silence: skipped cases and
//! foretold failures are there with their reasons.

mod attempts;
mod suite;

use crate::ladder;
use crate::names;
use crate::record::{
    CaseRecord, DeviationFinding, INTERRUPTED, INTERRUPTED_IN_PROGRESS, Level, Run, Verdict,
};
use crate::terminal;
use crate::text::{clean, without_escapes};
use junit_report::{Duration, OffsetDateTime, Report, TestCase, TestResult, TestSuite};
use std::fmt::Write;

/// The run as JUnit XML: a suite per section, and one for what is wrong with the deviation list.
/// The results by the ids of a suite that was asked for come first, as a suite of their own.
/// Under `strict` a SHOULD that is not followed is a failure; otherwise it is told in
/// `system-out` only.
pub fn write(run: &Run, strict: bool) -> String {
    let mut report = Report::new();
    let mut suites: Vec<(&str, TestSuite, Vec<String>)> = Vec::new();
    for case in &run.cases {
        // Cases come in the order of their sections: the suite is nearly always the last.
        let at = suites
            .iter()
            .rposition(|(section, ..)| *section == case.section);
        let at = at.unwrap_or_else(|| {
            suites.push((&case.section, suite(run, &case.section), Vec::new()));
            suites.len() - 1
        });
        let (_, suite, earlier) = &mut suites[at];
        suite.add_testcase(testcase(case, run, strict));
        earlier.push(attempts::elements(case, run));
    }
    let mut earlier = Vec::new();
    if let Some(suite) = &run.suite {
        report.add_testsuite(suite::testsuite(suite, run, strict));
        earlier.resize(suite.results.len(), String::new());
    }
    for (_, suite, elements) in suites {
        report.add_testsuite(suite);
        earlier.extend(elements);
    }
    if !run.findings.is_empty() {
        let mut suite = suite(run, "deviations");
        suite.add_testcases(run.findings.iter().map(|finding| deviation(finding, run)));
        report.add_testsuite(suite);
    }
    attempts::insert(&tidy(&written(&report)), &earlier)
}

fn written(report: &Report) -> String {
    let mut xml = Vec::new();
    // Invariant: memory takes every octet, and the time stamps are ones that RFC 3339 can write.
    report.write_xml(&mut xml).expect("writing to memory");
    String::from_utf8_lossy(&xml).into_owned()
}

/// An empty suite, `bundled/3.10.7.4`.
fn suite(run: &Run, part: &str) -> TestSuite {
    let device = clean(&run.device.name);
    TestSuite {
        name: format!("{device}/{}", clean(part)),
        package: device,
        timestamp: started(run.started_unix_ms),
        hostname: "localhost".into(),
        testcases: Vec::new(),
        system_out: run
            .interrupted
            .then(|| "[[PROPERTY|interrupted=true]]\n".to_owned()),
        system_err: None,
    }
}

/// The time stamp; RFC 3339 ends with the year 9999.
fn started(unix_ms: u64) -> OffsetDateTime {
    const LAST_SECOND: u64 = 253_402_300_799;
    let seconds = (unix_ms / 1_000).min(LAST_SECOND) as i64;
    let start = OffsetDateTime::from_unix_timestamp(seconds);
    let start = start.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    start + Duration::milliseconds((unix_ms % 1_000) as i64)
}

fn testcase(case: &CaseRecord, run: &Run, strict: bool) -> TestCase {
    TestCase {
        name: clean(case.short_name()),
        time: milliseconds(case.wall_ns),
        result: result(case, run, strict),
        classname: Some(format!(
            "{}.{}",
            package(&run.device.name),
            section(&case.section)
        )),
        filepath: None,
        system_out: Some(content(&properties(case, run))),
        system_err: None,
    }
}

/// Rounded to whole milliseconds: the schema has no room for more.
fn milliseconds(ns: u64) -> Duration {
    Duration::milliseconds((ns.saturating_add(500_000) / 1_000_000) as i64)
}

/// A name in which a dot does not begin another package: `192_0_2_7`.
fn package(name: &str) -> String {
    clean(name).replace(['.', ':'], "_")
}

/// `RFC9293.3_10_7_4`, `RFC5961.3_2`.
fn section(section: &str) -> String {
    let section = clean(section);
    match section.strip_prefix("rfc") {
        None => format!("RFC9293.{}", section.replace('.', "_")),
        Some(other) => match other.split_once('.') {
            None => format!("RFC{other}"),
            Some((rfc, section)) => format!("RFC{rfc}.{}", section.replace('.', "_")),
        },
    }
}

fn result(case: &CaseRecord, run: &Run, strict: bool) -> TestResult {
    let message = format!("{}, {}", clean(&case.headline()), clean(&case.place()));
    if let Some(known) = case.foretold() {
        let message = format!("{}: {}", known.told(), clean(case.symptom()));
        return skipped("known", message);
    }
    match case.verdict {
        Verdict::Pass => TestResult::Success,
        Verdict::Skipped => {
            let reason = case.reason.as_deref().unwrap_or("no reason given");
            let kind = if [INTERRUPTED, INTERRUPTED_IN_PROGRESS].contains(&reason) {
                "interrupted"
            } else {
                "capability"
            };
            skipped(kind, clean(reason))
        }
        Verdict::Inconclusive => TestResult::Error {
            type_: "inconclusive".into(),
            message,
            cause: Some(content(&story(case, run))),
        },
        Verdict::Deviates if !strict => TestResult::Success,
        Verdict::Fail | Verdict::Deviates => TestResult::Failure {
            type_: level(case).word().to_lowercase(),
            message,
            cause: Some(content(&story(case, run))),
        },
    }
}

fn skipped(kind: &str, message: String) -> TestResult {
    TestResult::SkippedWithCause {
        type_: kind.into(),
        message,
        cause: None,
    }
}

/// The level that was violated.
fn level(case: &CaseRecord) -> Level {
    case.decisive()
        .map_or(case.level, |mismatch| mismatch.level)
}

/// The exchange, the requirements and the command that plays it again.
fn story(case: &CaseRecord, run: &Run) -> String {
    let mut text = clean(&case.headline()) + "\n";
    let ladder = ladder::layout(case);
    if !ladder.rows.is_empty() {
        let lines = ladder::text::write(&ladder, &ladder::text::Options::default());
        let _ = write!(text, "\n{}\n", lines.join("\n"));
    }
    let sentences = terminal::sentences(case);
    if !sentences.is_empty() {
        let _ = writeln!(text, "\n{}", sentences.join("\n"));
    }
    text.push('\n');
    if let Some(tried) = crate::attempts::tried(case) {
        let _ = writeln!(text, "tried   {tried}");
    }
    let _ = writeln!(text, "again   {}", terminal::again(case, run));
    text
}

/// What the schema has no place for, one line each.
fn properties(case: &CaseRecord, run: &Run) -> String {
    let mut lines = String::new();
    let mut property = |name: &str, value: &str| {
        let _ = writeln!(lines, "[[PROPERTY|{name}={}]]", clean(value));
    };
    for requirement in &case.covers {
        property("requirement", &requirement.id);
    }
    property(
        "device",
        &format!("{} ({})", run.device.name, run.device.identity),
    );
    property("seed", &names::seed(run.seed));
    property("verdict", case.verdict.word());
    if let Some(mismatch) = case.decisive() {
        property("symptom", &mismatch.symptom);
    }
    if case.verdict == Verdict::Deviates {
        property(
            "deviates",
            &format!("{}, {}", case.headline(), case.place()),
        );
    }
    if case.flaky {
        property("flaky", &crate::attempts::flaky(case));
    } else if let Some(tried) = crate::attempts::tried(case) {
        property("tried", &tried);
    }
    if case.unchecked > 0 {
        property(
            "unchecked",
            &format!("{} of {}", case.unchecked, case.assertions),
        );
    }
    for branch in &case.branches {
        property("branch", branch);
    }
    for record in [case].into_iter().chain(&case.earlier) {
        if let Some(capture) = &record.capture {
            let _ = writeln!(lines, "[[ATTACHMENT|{}]]", clean(capture));
        }
    }
    lines
}

/// A finding on the deviation list: the run fails by it, so a reader of this file must see it.
fn deviation(finding: &DeviationFinding, run: &Run) -> TestCase {
    let place = format!("{}:{}", clean(&finding.file), finding.line);
    TestCase {
        name: place.clone(),
        time: Duration::ZERO,
        result: TestResult::Failure {
            type_: clean(&finding.code),
            message: format!("{}, {place}", clean(&finding.message)),
            cause: None,
        },
        classname: Some(format!("{}.deviations", package(&run.device.name))),
        filepath: None,
        system_out: None,
        system_err: None,
    }
}

/// Text for a CDATA section: no control character but the line end, and no end of the section.
fn content(text: &str) -> String {
    let lines = without_escapes(text);
    let lines = lines.lines().map(|line| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        line[..blanks].to_owned() + &clean(&line[blanks..])
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    text.replace("]]>", "]]]]><![CDATA[>")
}

const CDATA: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";

/// The document with one element per line and times of at most three decimals.
///
/// `junit-report` writes everything into one line, and seconds as the sum of two binary fractions
/// (1.118 s as `1.1179999999999999`), which the schema refuses. Text stands in CDATA sections only
/// and is left alone; within attributes `"`, `<` and `>` are escaped, so that what looks like a
/// tag or an attribute is one.
fn tidy(xml: &str) -> String {
    let mut tidied = String::with_capacity(xml.len() + xml.len() / 8);
    let mut rest = xml;
    loop {
        let markup = rest.find(CDATA).unwrap_or(rest.len());
        tidied.push_str(&round_times(&rest[..markup]).replace("><", ">\n<"));
        rest = &rest[markup..];
        if rest.is_empty() {
            return tidied + "\n";
        }
        let text = rest
            .find(CDATA_END)
            .map_or(rest.len(), |end| end + CDATA_END.len());
        tidied.push_str(&rest[..text]);
        rest = &rest[text..];
    }
}

/// Rewrites `time="seconds"` with at most three decimals.
fn round_times(markup: &str) -> String {
    const TIME: &str = " time=\"";
    let mut parts = markup.split(TIME);
    let mut rounded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (seconds, rest) = part.split_once('"').unwrap_or((part, ""));
        let seconds = seconds
            .parse::<f64>()
            .map_or_else(|_| "0".into(), |s| format!("{s:.3}"));
        let _ = write!(rounded, "{TIME}{seconds}\"{rest}");
    }
    rounded
}

#[cfg(test)]
mod tests;
