//! What a YAML parser complains about, in the words of somebody who writes specs.
//!
//! The parser's own message names what it was doing; the author asks which character is wrong. Only
//! slips that are likely have words of their own here.

use crate::spec::diagnostic::Diagnostic;
use crate::spec::source::{Source, Span};
use std::sync::Arc;

/// What the parser says where a brace or a bracket is not closed.
const UNCLOSED: [&str; 3] = [
    "did not find expected ',' or",
    "expected ',' or ']'",
    "illegal placement of ':'",
];

/// The fault behind the parser's message `info` at a place; `open` is where the innermost list or
/// map begins that is not complete.
pub(super) fn fault(source: &Arc<Source>, info: &str, at: Span, open: Option<Span>) -> Diagnostic {
    let line = Line::of(source, at);
    let (message, help) = match info {
        _ if UNCLOSED.iter().any(|words| info.contains(words)) => {
            return unclosed(source, info, at, open);
        }
        _ if info.contains("quoted scalar") => {
            let message = "a quotation mark has no partner";
            (message.to_owned(), "write the second one behind the text")
        }
        _ if info.contains("expected '-' indicator") && line.is_first => (
            "this line is indented otherwise than the items of the list".to_owned(),
            "the hyphens of a list stand in one column",
        ),
        _ if info.contains("expected key") && line.is_first => (
            "this line is indented otherwise than the keys before it".to_owned(),
            "the keys of a map stand in one column",
        ),
        _ if info.contains("expected key") => (
            "the value before this is complete".to_owned(),
            "begin a new line, or put the whole value in quotes",
        ),
        _ if info.contains("mapping values are not allowed") && line.before.contains(": ") => (
            "a second colon in one line: a value ends where a key would begin".to_owned(),
            "put a text that holds a colon and a blank in quotes",
        ),
        _ if info.contains("mapping values are not allowed") => (
            "a key cannot stand here".to_owned(),
            "the keys of a map stand in one column, and a key without a value ends in a colon",
        ),
        _ if info.starts_with("unexpected character") => (
            format!("no value can begin with `{}`", line.letter),
            "put the value in quotes",
        ),
        "misplaced bracket" => (
            format!("this `{}` closes nothing", line.letter),
            "remove it, or open it before",
        ),
        "simple key expected" => (
            "this line has no key".to_owned(),
            "a key ends in a colon and a blank: `key: value`",
        ),
        _ => return Diagnostic::error("yaml::syntax", source, at, not_yaml(info)),
    };
    Diagnostic::error("yaml::syntax", source, at, message).help(help)
}

fn not_yaml(info: &str) -> String {
    format!("this is not YAML: {info}")
}

/// A brace or a bracket without its partner; the decisive place is where it was opened.
fn unclosed(source: &Arc<Source>, info: &str, at: Span, open: Option<Span>) -> Diagnostic {
    let opening = |span: &Span| source.text[span.start as usize..].chars().next();
    let opened = open.and_then(|span| Some((span, opening(&span)?)));
    let (span, close) = match opened {
        Some((span, '{')) => (span, '}'),
        Some((span, '[')) => (span, ']'),
        _ => return Diagnostic::error("yaml::syntax", source, at, not_yaml(info)),
    };
    let span = Span {
        end: span.start + 1,
        ..span
    };
    let message = format!("what is opened here is not closed by `{close}`, or lacks a comma");
    let fault = Diagnostic::error("yaml::syntax", source, span, message);
    fault.also(at, "this cannot belong to it")
}

/// The line on which reading stopped.
struct Line<'s> {
    /// What stands before the place.
    before: &'s str,
    /// Nothing but blanks and hyphens of lists does.
    is_first: bool,
    /// What stands at the place.
    letter: char,
}

impl<'s> Line<'s> {
    fn of(source: &'s Source, at: Span) -> Self {
        let (before, after) = source
            .text
            .split_at_checked(at.start as usize)
            .unwrap_or((&source.text, ""));
        let before = before.rsplit('\n').next().unwrap_or_default();
        Self {
            before,
            is_first: before.chars().all(|letter| [' ', '-'].contains(&letter)),
            letter: after.chars().next().unwrap_or(' '),
        }
    }
}
