//! Earlier attempts in JUnit: `flakyFailure` and `flakyError` if the last one went as it should,
//! else `rerunFailure` and `rerunError`, as Maven's Surefire writes them.
//!
//! `junit-report` does not know these elements. They are put into the finished document, each
//! before the end of its `testcase`.

use super::{CDATA, CDATA_END, content, level, story};
use crate::record::{CaseRecord, Run, Verdict};
use crate::text::clean;
use std::fmt::Write;

/// The elements for the earlier attempts of a case; empty if there were none.
pub(super) fn elements(case: &CaseRecord, run: &Run) -> String {
    let settled = match case.verdict {
        Verdict::Pass | Verdict::Skipped => true,
        Verdict::Fail | Verdict::Deviates => case.foretold().is_some(),
        Verdict::Inconclusive => false,
    };
    let mut text = String::new();
    for attempt in &case.earlier {
        let (kind, what) = match attempt.verdict {
            Verdict::Inconclusive => ("Error", "inconclusive".to_owned()),
            _ => ("Failure", level(attempt).word().to_lowercase()),
        };
        let tag = format!("{}{kind}", if settled { "flaky" } else { "rerun" });
        let message = attribute(&format!(
            "{}, {}",
            clean(&attempt.headline()),
            clean(&attempt.place())
        ));
        let story = content(&story(attempt, run));
        let _ = writeln!(
            text,
            "<{tag} type=\"{what}\" message=\"{message}\">\n\
             <stackTrace>{CDATA}{story}{CDATA_END}</stackTrace>\n</{tag}>"
        );
    }
    text
}

/// Puts the elements of each case into the document, the cases being in its order.
pub(super) fn insert(xml: &str, elements: &[String]) -> String {
    const END: &str = "</testcase>";
    if elements.iter().all(String::is_empty) {
        return xml.to_owned();
    }
    let mut text = String::with_capacity(xml.len());
    let mut elements = elements.iter();
    let mut rest = xml;
    while !rest.is_empty() {
        let markup = rest.find(CDATA).unwrap_or(rest.len());
        let mut parts = rest[..markup].split(END);
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            text.push_str(elements.next().map_or("", String::as_str));
            text.push_str(END);
            text.push_str(part);
        }
        rest = &rest[markup..];
        let end = rest.find(CDATA_END).map_or(0, |end| end + CDATA_END.len());
        text.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    text
}

/// Text for an attribute.
fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
