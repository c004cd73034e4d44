//! One failure on the screen: its name, its exchange, its requirement, and how to see it again.

use super::Screen;
use crate::attempts;
use crate::ladder;
use crate::names;
use crate::record::{CaseRecord, Level, Requirement, Run, Verdict};
use crate::text::{COLUMNS, clean, shell_word, wrap};
use anstyle::Style;
use std::fmt::Write;

/// Cases of one spec with an equal symptom: the first stands for all.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The case that is shown.
    pub first: &'a CaseRecord,
    /// The others.
    pub others: Vec<&'a CaseRecord>,
}

/// What went wrong in a run, equal symptoms together: failures first, then what stayed
/// inconclusive.
pub fn groups(run: &Run, strict: bool) -> Vec<Group<'_>> {
    let failed = grouped(run.cases.iter().filter(|case| case.fails(strict)));
    let unjudged = run
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::Inconclusive);
    failed.into_iter().chain(grouped(unjudged)).collect()
}

/// Cases of one spec with an equal symptom together, in the order of the run.
pub(crate) fn grouped<'a>(cases: impl Iterator<Item = &'a CaseRecord>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group> = Vec::new();
    for case in cases {
        let alike = |group: &&mut Group| {
            group.first.spec_name() == case.spec_name() && group.first.symptom() == case.symptom()
        };
        match groups.iter_mut().rev().find(alike) {
            Some(group) => group.others.push(case),
            None => groups.push(Group {
                first: case,
                others: Vec::new(),
            }),
        }
    }
    groups
}

/// The blanks before everything that belongs to a failure.
const INDENT: usize = 6;

/// At most so many other cases with the same difference are named.
const ALIKE: usize = 8;

/// At most so many requirement sentences are shown.
const SENTENCES: usize = 3;

/// A failure in full.
pub(super) fn full(group: &Group, run: &Run, screen: &Screen) -> String {
    let case = group.first;
    let mut text = title(case, screen);
    push(&mut text, Style::new(), &alike(group));
    for line in headlines(case) {
        push(&mut text, Style::new(), &line);
    }
    let ladder = ladder::layout(case);
    if !ladder.rows.is_empty() {
        text.push('\n');
        let options = ladder::text::Options {
            verbose: screen.verbose,
            palette: screen.palette,
            indent: INDENT,
        };
        push(
            &mut text,
            Style::new(),
            &ladder::text::write(&ladder, &options).join("\n"),
        );
    }
    let sentences = sentences(case);
    if !sentences.is_empty() {
        text.push('\n');
        push(&mut text, Style::new(), &sentences.join("\n"));
    }
    text.push('\n');
    push(&mut text, screen.palette.dim, &pointers(case, run));
    text
}

/// Lines below each other, indented; nothing for nothing.
fn push(text: &mut String, style: Style, lines: &str) {
    for line in lines.lines() {
        if !line.is_empty() {
            let _ = write!(text, "{:INDENT$}{style}{line}{style:#}", "");
        }
        text.push('\n');
    }
}

/// Verdict and name on the left, the key word on the right.
fn title(case: &CaseRecord, screen: &Screen) -> String {
    let style = if case.verdict == Verdict::Fail {
        screen.palette.bad
    } else {
        screen.palette.warn
    };
    let word = case.verdict.word();
    let id = clean(&case.id);
    let level = level(case).word();
    let taken = word.chars().count() + 2 + id.chars().count() + level.len();
    let gap = COLUMNS.saturating_sub(taken).max(2);
    let strong = screen.palette.strong;
    format!(
        "{style}{word}{style:#}  {strong}{id}{strong:#}{:gap$}{level}\n",
        ""
    )
}

/// The level that was violated.
pub(crate) fn level(case: &CaseRecord) -> Level {
    case.decisive()
        .map_or(case.level, |mismatch| mismatch.level)
}

/// `and [state=LAST-ACK,rst=inside,v4]: the same difference`.
fn alike(group: &Group) -> String {
    if group.others.is_empty() {
        return String::new();
    }
    let name = |case: &&CaseRecord| match case.constraints() {
        "" => clean(&case.id),
        constraints => clean(constraints),
    };
    let mut names: Vec<String> = group.others.iter().take(ALIKE).map(name).collect();
    if let Some(more) = group
        .others
        .len()
        .checked_sub(ALIKE)
        .filter(|more| *more > 0)
    {
        names.push(format!("{more} more"));
    }
    let sentence = format!("and {}: the same difference", names.join(", "));
    wrap(&sentence, COLUMNS - INDENT).join("\n")
}

/// What the exchange and its comparison do not say by themselves.
fn headlines(case: &CaseRecord) -> Vec<String> {
    let headline = clean(&case.headline());
    let unsaid = |found: &String| !headline.contains(found.as_str());
    let found = case
        .mismatches
        .iter()
        .map(|mismatch| clean(&mismatch.headline));
    let also: Vec<String> = found
        .filter(unsaid)
        .map(|found| format!("also: {found}"))
        .collect();
    let is_drawn = case
        .decisive()
        .is_some_and(|mismatch| !mismatch.fields.is_empty());
    let mut lines = Vec::new();
    if !is_drawn || case.verdict == Verdict::Inconclusive {
        lines.push(headline);
    }
    lines.extend(also);
    let branches = case
        .branches
        .iter()
        .map(|branch| format!("branch taken at {}", clean(branch)));
    lines.extend(branches);
    let room = COLUMNS - INDENT;
    lines.retain(|line| !line.is_empty());
    lines
        .iter()
        .map(|line| wrap(line, room).join("\n"))
        .collect()
}

/// The requirements that are violated, in their own words.
pub(crate) fn sentences(case: &CaseRecord) -> Vec<String> {
    let violated = violated(case);
    let shown = violated.iter().take(SENTENCES);
    let shown = shown.flat_map(|requirement| wrap(&cited(requirement), COLUMNS - INDENT));
    let mut lines: Vec<String> = shown.collect();
    if let Some(more) = violated
        .len()
        .checked_sub(SENTENCES)
        .filter(|more| *more > 0)
    {
        lines.push(format!("… and {more} more requirements"));
    }
    lines
}

/// `RFC 9293 §3.8.6.1 (MUST-36): a sender probes a closed window.`
pub(crate) fn cited(requirement: &Requirement) -> String {
    let id = clean(&requirement.id);
    let named = match clean(&requirement.place) {
        none if none.is_empty() => id,
        place => format!("{place} ({id})"),
    };
    match clean(&requirement.sentence) {
        none if none.is_empty() => named,
        sentence => format!("{named}: {sentence}"),
    }
}

/// The requirements that the differences name, or else all that the case covers.
pub(crate) fn violated(case: &CaseRecord) -> Vec<&Requirement> {
    let named: Vec<&str> = case
        .mismatches
        .iter()
        .filter_map(|mismatch| mismatch.requirement.as_deref())
        .collect();
    let is_named = |requirement: &&Requirement| named.contains(&requirement.id.as_str());
    match case.covers.iter().filter(is_named).collect::<Vec<_>>() {
        none if none.is_empty() => case.covers.iter().collect(),
        some => some,
    }
}

/// Where the spec and the capture are, and the command that shows it again.
fn pointers(case: &CaseRecord, run: &Run) -> String {
    let mut text = format!("spec    {}", clean(&case.place()));
    if let Some(capture) = &case.capture {
        let _ = write!(text, "\npcap    {}", clean(capture));
    }
    if let Some(tried) = attempts::tried(case) {
        let hang = format!("\n{:8}", "");
        let tried = wrap(&tried, COLUMNS - INDENT - hang.len() + 1).join(&hang);
        let _ = write!(text, "\ntried   {tried}");
    }
    let _ = write!(text, "\nagain   {}", again(case, run));
    text
}

/// The file of the case, if it was named on the command line.
fn own_file<'c>(case: &'c CaseRecord, run: &Run) -> Option<&'c str> {
    let named = |word: &String| {
        let word = word.trim_start_matches("./").trim_end_matches('/');
        case.file == word
            || case
                .file
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let is_own = !case.file.starts_with("specs/") && run.command.iter().skip(1).any(named);
    is_own.then_some(case.file.as_str())
}

/// Flags of the run that a repetition needs as well: where the specs are, and how the device is
/// reached.
const KEPT: [&str; 7] = [
    "--agent",
    "--specs",
    "--from",
    "--interface",
    "--vlan",
    "--closed-port",
    "--profile",
];

/// The [`KEPT`] flags of the run, as a shell reads them.
fn kept_flags(run: &Run) -> String {
    let mut kept = String::new();
    let mut words = run.command.iter();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        if KEPT.contains(&name)
            && let Some(value) = value.or_else(|| words.next().map(String::as_str))
        {
            let _ = write!(kept, " {name} {}", shell_word(&clean(value)));
        } else if name == "--i-may-test-this-host" {
            let _ = write!(kept, " {name}");
        }
    }
    kept
}

/// The command that plays a case again, as a shell reads it.
pub fn again(case: &CaseRecord, run: &Run) -> String {
    let id = match own_file(case, run) {
        None => shell_word(&clean(&case.id)),
        // A spec that is not in the suite has to be named as a file, and its case by a filter.
        Some(file) => format!(
            "{} -E {}",
            shell_word(&clean(file)),
            shell_word(&format!("id({})", clean(&case.id)))
        ),
    };
    let device = match run.device.name.as_str() {
        "bundled" => String::new(),
        name => format!(" -d {}", shell_word(&clean(name))),
    };
    let (flags, seed) = (kept_flags(run), names::seed(run.seed));
    format!("tcpspec run {id}{device}{flags} --seed {seed}")
}
