//! A page of Markdown for the summary of a CI job.
//!
//! The counts as a table, then at most twenty failures, each with its exchange as a diagram. What
//! was cut is said; the reports beside the page have everything.

use crate::attempts;
use crate::counts::{Counts, chapters};
use crate::ladder::{self, FieldRow};
use crate::names;
use crate::record::{Run, Suite};
use crate::suite;
use crate::terminal::{self, Group};
use crate::text::{clean, shell_word};
use std::fmt::Write;

/// At most so many failures are shown.
const FAILURES: usize = 20;

/// The page. Under `strict` a SHOULD that is not followed is a failure.
pub fn write(run: &Run, strict: bool) -> String {
    let counts: Counts = run.cases.iter().collect();
    let mut page = format!(
        "## {} · {} · {} clock\n\n{} · seed {}\n\n",
        markdown(&run.tool),
        markdown(&run.device.name),
        markdown(&run.device.clock),
        markdown(&counts.sentence()),
        code(&names::seed(run.seed)),
    );
    page.push_str(&table(run));
    page.push_str(&run.suite.as_ref().map(suite_table).unwrap_or_default());
    page.push_str(&warnings(run));
    let groups = terminal::groups(run, strict);
    for group in groups.iter().take(FAILURES) {
        page.push_str(&failure(group, run));
    }
    if let Some(cut) = groups.len().checked_sub(FAILURES).filter(|cut| *cut > 0) {
        let _ = writeln!(page, "\n{cut} more differences are not shown here.");
    }
    page + &flaky(run) + &device(run)
}

/// The cases that went wrong at first, and what they showed.
fn flaky(run: &Run) -> String {
    let mut text = String::new();
    for case in run.cases.iter().filter(|case| case.flaky) {
        if text.is_empty() {
            text.push_str("\n### Flaky\n\n");
        }
        let told = markdown(&attempts::flaky(case));
        let _ = writeln!(text, "- {} {told}", code(&case.id));
    }
    text
}

/// What the device was taken for: the policies that decided where the RFCs leave a choice.
fn device(run: &Run) -> String {
    let device = &run.device;
    let words = run.command.iter().map(|word| shell_word(&clean(word)));
    let policies = device
        .policies
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    let lines = [
        ("command", code(&words.collect::<Vec<_>>().join(" "))),
        (
            "device",
            format!(
                "{}, link {}",
                markdown(&device.identity),
                markdown(&device.link)
            ),
        ),
        ("claims", markdown(&device.claims.join(", "))),
        (
            "policies",
            markdown(&policies.collect::<Vec<_>>().join(", ")),
        ),
        ("remarks", markdown(&run.remarks.join("; "))),
    ];
    let mut text = String::from("\n### This run\n\n");
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text
}

/// The counts of every chapter.
fn table(run: &Run) -> String {
    let mut table = String::from(
        "| section | | pass | FAIL | deviate | known | inconclusive | skipped |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for chapter in chapters(run) {
        let label = names::chapter_label(chapter.key);
        let cells = cells(&chapter.counts());
        let _ = writeln!(
            table,
            "| {} | {} | {cells} |",
            markdown(&label),
            markdown(&chapter.title)
        );
    }
    let total: Counts = run.cases.iter().collect();
    let _ = writeln!(table, "| | **total** | {} |", cells(&total));
    table
}

/// The results of a suite that was asked for, by its ids.
fn suite_table(suite: &Suite) -> String {
    let mut table = format!(
        "\n### {}\n\n{}\n\n| id | title | verdict | cases | |\n| --- | --- | --- | ---: | --- |\n",
        markdown(&suite.title),
        markdown(&suite::sentence(suite)),
    );
    for result in &suite.results {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} |",
            code(&result.id),
            markdown(&result.title),
            result.outcome.word(),
            result.cases.len(),
            markdown(result.reason.as_deref().unwrap_or_default()),
        );
    }
    table
}

/// Zeros are left blank, so that a failure is seen.
fn cells(counts: &Counts) -> String {
    let Counts {
        pass,
        fail,
        deviates,
        known,
        inconclusive,
        skipped,
        ..
    } = *counts;
    let cell = |number: usize| {
        if number == 0 {
            String::new()
        } else {
            number.to_string()
        }
    };
    [pass, fail, deviates, known, inconclusive, skipped]
        .map(cell)
        .join(" | ")
}

/// What is wrong with the run itself.
fn warnings(run: &Run) -> String {
    let mut text = String::new();
    if run.interrupted {
        text.push_str("\n**The run was interrupted:** the cases that had not ended are skipped.\n");
    }
    for canary in run.canaries.iter().filter(|canary| canary.was_missed()) {
        let name = markdown(&canary.name);
        let _ = writeln!(
            text,
            "\n**This harness cannot see failures here:** {name} was not caught."
        );
    }
    for finding in &run.findings {
        let place = code(&format!("{}:{}", finding.file, finding.line));
        let (title, message) = (code(&finding.code), markdown(&finding.message));
        let _ = writeln!(text, "\n{title} {place}: {message}");
    }
    text
}

fn failure(group: &Group, run: &Run) -> String {
    let case = group.first;
    let ladder = ladder::layout(case);
    let mut text = format!("\n### {} {}\n\n", case.verdict.word(), code(&case.id));
    if !group.others.is_empty() {
        let others = crate::text::count(group.others.len(), "other case");
        let _ = writeln!(text, "and {others} of this spec with the same difference\n");
    }
    let _ = writeln!(text, "{}\n", markdown(&case.headline()));
    if !ladder.rows.is_empty() {
        let _ = writeln!(text, "```mermaid\n{}```\n", ladder::mermaid::write(&ladder));
    }
    if !ladder.fields.is_empty() {
        let _ = writeln!(text, "{}", comparison(&ladder.fields));
    }
    for requirement in terminal::violated(case) {
        let _ = writeln!(text, "- {}", markdown(&terminal::cited(requirement)));
    }
    let _ = writeln!(text, "- spec {}", code(&case.place()));
    if let Some(capture) = &case.capture {
        let _ = writeln!(text, "- pcap {}", code(capture));
    }
    if let Some(tried) = attempts::tried(case) {
        let _ = writeln!(text, "- tried {}", markdown(&tried));
    }
    let _ = writeln!(text, "- again {}", code(&terminal::again(case, run)));
    text
}

fn comparison(fields: &[FieldRow]) -> String {
    let side = |(words, value): &(Option<String>, Option<String>)| {
        let parts: Vec<&str> = [words, value]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        markdown(&parts.join(" = "))
    };
    let mut table = String::from("| field | expected | got | |\n| --- | --- | --- | --- |\n");
    for field in fields {
        let mark = if field.holds { "" } else { "✗ " };
        let remark = markdown(field.remark.as_deref().unwrap_or_default());
        let (expected, got) = (side(&field.expected), side(&field.got));
        let name = markdown(&field.name);
        let _ = writeln!(table, "| {name} | {expected} | {got} | {mark}{remark} |");
    }
    table
}

/// Text in which nothing is markup.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A code span, fenced by more backticks than it has in a row.
fn code(text: &str) -> String {
    let text = clean(text);
    if !text.contains('`') {
        return format!("`{text}`");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Run;
    use crate::tests::golden;
    use crate::tests::sample;
    use rstest::rstest;

    #[rstest]
    #[case("green", sample::green())]
    #[case("failing", sample::run())]
    #[case("hostile", sample::run_of(vec![sample::hostile()]))]
    #[case("interrupted", sample::interrupted())]
    #[case("suite", sample::suite())]
    fn pages(#[case] name: &str, #[case] run: Run) {
        golden::check(&format!("summary/{name}.md"), write(&run, false));
    }

    #[test]
    fn what_is_cut_is_said() {
        let cases = (0..25).map(|n| {
            let mut case = sample::missing();
            case.mismatches[0].symptom = format!("step {n}: none");
            case
        });
        let page = write(&sample::run_of(cases.collect()), false);
        assert_eq!(page.matches("\n### FAIL ").count(), 20);
        assert!(page.contains("\n5 more differences are not shown here.\n"));
    }

    #[test]
    fn code_survives_backticks() {
        assert_eq!(code("a``b"), "``` a``b ```");
        assert_eq!(code("a"), "`a`");
    }
}
