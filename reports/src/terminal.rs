//! What a person sees: the banner, a line per chapter, the failures, the totals.
//!
//! Every function returns text that ends with a line end (or is empty); nothing here writes. A
//! green run is quiet; a failure is shown in full, once for all cases with an equal symptom. The
//! lines for CI systems are in [`ci`].

pub mod ci;
mod failure;

pub use failure::{Group, again, groups};
pub(crate) use failure::{cited, sentences, violated};

use crate::attempts;
use crate::counts::{Chapter, Counts};
use crate::names;
use crate::palette::Palette;
use crate::record::{CaseRecord, DeviceRecord, Known, Level, Run, Verdict};
use crate::suite;
use crate::text::{self, COLUMNS, clean, count, wrap};
use anstyle::Style;
use std::fmt::Write;

/// How a screen is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// The colours.
    pub palette: Palette,
    /// Add the numbers as they were on the wire.
    pub verbose: bool,
    /// A SHOULD that is not followed is a failure.
    pub strict: bool,
}

/// What is known of a run before it begins.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Name and version of the tool.
    pub tool: &'a str,
    /// The device.
    pub device: &'a DeviceRecord,
    /// The seed of the run.
    pub seed: u64,
    /// How many specs were selected.
    pub specs: usize,
    /// How many cases they make.
    pub cases: usize,
}

/// At most so many failures are shown in full; the reports have them all.
const FAILURES: usize = 50;

/// At most so many lines of one kind follow the totals.
const NOTES: usize = 10;

/// Where the counts of a chapter begin.
const COUNTS: usize = 40;

impl Screen {
    /// The first line: what runs, against what, and the seed that repeats it.
    pub fn banner(&self, plan: &Plan) -> String {
        let device = match plan.device.name.as_str() {
            "bundled" => "bundled stack".into(),
            "kernel" if !plan.device.identity.is_empty() => {
                format!("this kernel ({})", clean(&plan.device.identity))
            }
            name => clean(name),
        };
        let parts = [
            clean(plan.tool),
            device,
            format!("{} clock", clean(&plan.device.clock)),
            format!("seed {}", names::seed(plan.seed)),
            format!(
                "{}, {}",
                count(plan.specs, "spec"),
                count(plan.cases, "case")
            ),
        ];
        parts.join(" · ") + "\n"
    }

    /// The line of one chapter; its columns do not depend on the others, so that it can be
    /// printed as soon as the chapter is finished.
    pub fn chapter(&self, chapter: &Chapter) -> String {
        let label = names::chapter_label(chapter.key);
        let counts = chapter.counts();
        let mut line = format!(
            "  {label:<8}  {:<26}{:>4} pass",
            clean(&chapter.title),
            counts.pass
        );
        for (number, word) in counts.parts() {
            if word != "pass" {
                let style = self.style_of(word);
                let _ = write!(line, "   {style}{number} {word}{style:#}");
            }
        }
        line + "\n"
    }

    /// All that follows the chapters: failures, the table of a suite that was asked for, totals,
    /// and what a reader must not overlook.
    pub fn end(&self, run: &Run) -> String {
        let failures = self.failures(run);
        let space = if failures.is_empty() { "" } else { "\n" };
        let suite = run.suite.as_ref().map(suite::table).unwrap_or_default();
        [
            space,
            &failures,
            &suite,
            &self.totals(run),
            &self.notes(run),
        ]
        .concat()
    }

    /// Every failure and every inconclusive case, equal symptoms together.
    pub fn failures(&self, run: &Run) -> String {
        let groups = groups(run, self.strict);
        let mut text = String::new();
        for group in groups.iter().take(FAILURES) {
            text.push_str(&failure::full(group, run, self));
            text.push('\n');
        }
        if let Some(more) = groups.len().checked_sub(FAILURES).filter(|more| *more > 0) {
            let _ = writeln!(
                text,
                "… and {more} more differences: the reports have them all\n"
            );
        }
        text
    }

    /// The line below the chapters.
    fn totals(&self, run: &Run) -> String {
        let counts: Counts = run.cases.iter().collect();
        let left = format!("  {}", counts.sentence());
        let device_ns = run
            .cases
            .iter()
            .fold(0_u64, |sum, case| sum.saturating_add(case.device_ns));
        let mut right = text::rough_duration(run.wall_ns);
        if run.device.clock == "virtual" {
            let _ = write!(right, "  ({} of TCP time)", text::duration(device_ns));
        }
        let (width, times) = (left.chars().count(), right.chars().count());
        // The times stand at the right edge; where there is no room, on a line of their own.
        let gap = match COLUMNS.checked_sub(width + times) {
            Some(gap) if gap >= 2 => " ".repeat(gap),
            _ => format!("\n{:1$}", "", COLUMNS - times),
        };
        let rule = "─".repeat(COLUMNS - COUNTS);
        let bad =
            counts.fail > 0 || counts.inconclusive > 0 || (self.strict && counts.deviates > 0);
        let style = if bad {
            self.palette.bad
        } else {
            self.palette.good
        };
        let dim = self.palette.dim;
        let left = &left[2..];
        format!(
            "{:COUNTS$}{dim}{rule}{dim:#}\n  {style}{left}{style:#}{gap}{right}\n",
            ""
        )
    }

    /// The lines below the totals: what was not judged, and what is wrong with the run itself.
    fn notes(&self, run: &Run) -> String {
        let mut text = String::new();
        for (label, lines) in [
            ("skipped", skipped(run)),
            (
                "deviates",
                if self.strict {
                    Vec::new()
                } else {
                    deviations(run)
                },
            ),
            ("known", known(run)),
            ("flaky", flaky(run)),
            ("retried", retried(run)),
            ("unchecked", unchecked(run)),
            (
                "remark",
                run.remarks.iter().map(|remark| clean(remark)).collect(),
            ),
            ("canaries", canaries(run)),
        ] {
            // Every flaky case has its line.
            let most = if label == "flaky" { usize::MAX } else { NOTES };
            text.push_str(&notes(label, &lines, most));
        }
        for finding in &run.findings {
            let bad = self.palette.bad;
            let code = clean(&finding.code);
            let message = clean(&finding.message);
            let place = format!("{}:{}", clean(&finding.file), finding.line);
            let _ = writeln!(text, "\n{bad}error[{code}]{bad:#}: {message}\n  {place}");
        }
        for canary in run.canaries.iter().filter(|canary| canary.was_missed()) {
            let bad = self.palette.bad;
            let _ = writeln!(
                text,
                "\n{bad}error[canary]{bad:#}: this harness cannot see failures here: \
                 `{}` was not caught\n  no verdict of this run can be trusted",
                clean(&canary.name)
            );
        }
        if run.interrupted {
            let _ = writeln!(
                text,
                "\ninterrupted: the cases that had not ended are skipped"
            );
        }
        text
    }

    /// The style of a word of [`Counts::parts`].
    fn style_of(&self, word: &str) -> Style {
        match word {
            "FAIL" => self.palette.bad,
            "deviate" | "inconclusive" => self.palette.warn,
            "skipped" | "known" => self.palette.dim,
            _ => Style::new(),
        }
    }
}

/// Lines under one label, hanging below each other, at most so many.
fn notes(label: &str, lines: &[String], most: usize) -> String {
    let mut text = String::new();
    let label = format!("  {label}: ");
    let hang = label.chars().count();
    let more = lines.len().saturating_sub(most);
    let more = (more > 0).then(|| format!("… and {more} more"));
    let shown = lines.iter().take(most).chain(&more);
    let wrapped = shown.flat_map(|line| {
        let lines = wrap(line, COLUMNS - hang - 2).into_iter().enumerate();
        lines.map(|(at, line)| if at == 0 { line } else { format!("  {line}") })
    });
    for (at, line) in wrapped.enumerate() {
        let label = if at == 0 { label.as_str() } else { "" };
        let _ = writeln!(text, "{label:hang$}{line}");
    }
    text
}

/// `5 need rfc7323.timestamps, which bundled does not claim`, by reason.
fn skipped(run: &Run) -> Vec<String> {
    let skipped = run
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::Skipped);
    let reasons = tally(skipped.map(|case| case.reason.as_deref().unwrap_or("no reason given")));
    let line = |(reason, number): (&str, usize)| {
        let reason = clean(reason);
        match reason.strip_prefix("needs ") {
            Some(what) if number > 1 => format!("{number} need {what}"),
            _ => format!("{number} {reason}"),
        }
    };
    reasons.into_iter().map(line).collect()
}

/// The recommendations that are not followed, equal symptoms together.
fn deviations(run: &Run) -> Vec<String> {
    let deviates = |case: &&CaseRecord| case.verdict == Verdict::Deviates && case.known.is_none();
    let groups = failure::grouped(run.cases.iter().filter(deviates));
    let line = |group: &Group| {
        let requirement = group
            .first
            .decisive()
            .and_then(|m| m.requirement.as_deref());
        let requirement = clean(requirement.unwrap_or(Level::Should.word()));
        let others = match group.others.len() {
            0 => String::new(),
            others => format!(" (+{others} alike)"),
        };
        let headline = clean(&group.first.headline());
        format!(
            "{} {requirement}: {headline}{others}",
            clean(&group.first.id)
        )
    };
    groups.iter().map(line).collect()
}

/// What the deviation list foretold, by reason.
fn known(run: &Run) -> Vec<String> {
    let reasons = run.cases.iter().filter_map(CaseRecord::foretold);
    let reasons = tally(reasons.map(Known::told));
    let line = |(told, number): (String, usize)| format!("{number} {told}");
    reasons.into_iter().map(line).collect()
}

/// `canaries: 3 caught`: that this run could see failures. Those that came to no judgement show
/// nothing, and say why.
fn canaries(run: &Run) -> Vec<String> {
    let caught = run.canaries.iter().filter(|canary| canary.caught).count();
    let unjudged = run.canaries.iter().filter_map(|canary| {
        let reason = canary.unjudged.as_deref()?;
        Some(format!(
            "`{}` not judged: {}",
            clean(&canary.name),
            clean(reason)
        ))
    });
    let caught = (caught > 0).then(|| format!("{caught} caught"));
    caught.into_iter().chain(unjudged).collect()
}

fn flaky(run: &Run) -> Vec<String> {
    let flaky = run.cases.iter().filter(|case| case.flaky);
    flaky
        .map(|case| format!("{} {}", clean(&case.id), attempts::flaky(case)))
        .collect()
}

/// Cases that the tester was not fit to judge at first.
fn retried(run: &Run) -> Vec<String> {
    let late = |case: &&CaseRecord| {
        case.verdict == Verdict::Pass && !case.flaky && !case.earlier.is_empty()
    };
    match run.cases.iter().filter(late).count() {
        0 => Vec::new(),
        cases => vec![format!(
            "{} passed on a later attempt: the tester was not fit to judge the first one",
            count(cases, "case")
        )],
    }
}

fn unchecked(run: &Run) -> Vec<String> {
    let counts: Counts = run.cases.iter().collect();
    let cases = run
        .cases
        .iter()
        .filter(|case| case.unchecked > 0 && ran(case))
        .count();
    if cases == 0 {
        return Vec::new();
    }
    let cases = count(cases, "case");
    let Counts {
        unchecked,
        assertions,
        ..
    } = counts;
    vec![format!(
        "{unchecked} of {assertions} assertions, in {cases}: the device cannot tell"
    )]
}

fn ran(case: &CaseRecord) -> bool {
    case.verdict != Verdict::Skipped
}

/// How often each item occurs, in the order of first occurrence.
fn tally<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut found: Vec<(T, usize)> = Vec::new();
    for item in items {
        match found.iter_mut().find(|(other, _)| *other == item) {
            Some((_, number)) => *number += 1,
            None => found.push((item, 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests;
