//! The reference page of the language, `specs/README.md`: prose with the tables put in.

use super::claims::{self, CLAIMS, OBSERVABLES, POLICIES, Values};
use super::deviations::DEVIATION;
use super::profiles::{PROFILE, SLACK};
use super::service::{REPLY, SERVICE};
use super::table::{self, Entry, Shape};
use std::fmt::Write as _;

/// The prose; `{{NAME}}` stands where a table belongs.
const PROSE: &str = include_str!("reference.md");

/// The page.
pub fn reference() -> String {
    let tables = [
        ("FILE", entries(table::FILE)),
        ("START", entries(table::START)),
        ("CONN", entries(table::CONN)),
        ("WITH", entries(table::WITH)),
        ("VERBS", entries(table::VERBS)),
        ("BESIDE", entries(table::BESIDE)),
        ("BRANCH", entries(table::BRANCH)),
        ("FLOOD", entries(table::FLOOD)),
        ("FIELDS", entries(table::FIELDS)),
        ("INJECT_FIELDS", entries(table::INJECT_FIELDS)),
        ("INJECT_NOTES", entries(table::INJECT_NOTES)),
        ("IP", entries(table::IP)),
        ("PIECE", entries(table::PIECE)),
        ("ICMP", entries(table::ICMP)),
        ("ICMP_KINDS", icmp_kinds()),
        ("QUOTE", entries(table::QUOTE)),
        ("EXPECT_FIELDS", entries(table::EXPECT_FIELDS)),
        ("EXPECT_NOTES", entries(table::EXPECT_NOTES)),
        ("SHOULD_NOTES", entries(table::SHOULD_NOTES)),
        ("VARIABLES", entries(table::VARIABLES)),
        ("CONSTANTS", entries(table::CONSTANTS)),
        ("CAPTURE_FIELDS", entries(table::CAPTURE_FIELDS)),
        ("FUNCTIONS", entries(table::FUNCTIONS)),
        ("CALLS", entries(table::CALLS)),
        ("CONNECT", entries(table::CONNECT)),
        ("SETTINGS", entries(table::SETTINGS)),
        ("KEEPALIVE", entries(table::KEEPALIVE)),
        ("EVENTS", entries(table::EVENTS)),
        ("INFO", entries(table::INFO)),
        ("COUNTERS", entries(table::COUNTERS)),
        ("IGNORABLE", entries(table::IGNORABLE)),
        ("INVARIANTS", entries(table::INVARIANTS)),
        ("PROFILE", entries(PROFILE)),
        ("SLACK", entries(SLACK)),
        ("CLAIMS", entries(CLAIMS)),
        ("OBSERVABLES", entries(OBSERVABLES)),
        ("POLICIES", policies()),
        ("DEVIATION", entries(DEVIATION)),
        ("SERVICE", entries(SERVICE)),
        ("REPLY", entries(REPLY)),
    ];
    let mut page = PROSE.to_owned();
    for (name, text) in tables {
        page = page.replace(&format!("{{{{{name}}}}}"), text.trim_end());
    }
    page
}

/// A table of words; the column of values is left out where there are none.
fn entries(entries: &[Entry]) -> String {
    let plain = entries
        .iter()
        .all(|entry| matches!(entry.shape, Shape::Nothing));
    let mut text = String::from(if plain {
        "| word | meaning |\n| --- | --- |\n"
    } else {
        "| word | value | meaning |\n| --- | --- | --- |\n"
    });
    for Entry { name, shape, doc } in entries {
        let value = if plain {
            String::new()
        } else {
            format!(" {} |", value(*shape))
        };
        row(&mut text, name, &value, doc);
    }
    text
}

fn policies() -> String {
    let mut text = String::from("| policy | value | meaning |\n| --- | --- | --- |\n");
    for claims::Policy { name, values, doc } in POLICIES {
        let value = match values {
            Values::Duration => "a duration".to_owned(),
            Values::Number => "a number".to_owned(),
            Values::OneOf(words) => coded(words),
        };
        row(&mut text, name, &format!(" {value} |"), doc);
    }
    text
}

fn icmp_kinds() -> String {
    let mut text = String::from("| kind | IPv4 | IPv6 |\n| --- | --- | --- |\n");
    let numbers = |numbers: Option<(u8, u8)>| match numbers {
        Some((kind, code)) => format!("type {kind}, code {code}"),
        None => "none".to_owned(),
    };
    for kind in table::ICMP_KINDS {
        row(
            &mut text,
            kind.name,
            &format!(" {} |", numbers(kind.v4)),
            &numbers(kind.v6),
        );
    }
    text
}

fn row(text: &mut String, name: &str, value: &str, doc: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| `{name}` |{value} {} |", doc.replace('|', "\\|"));
}

fn coded(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(" ")
}

/// A shape in words.
fn value(shape: Shape) -> String {
    let text = match shape {
        Shape::Text => "a text",
        Shape::Name => "a name",
        Shape::Word(words) => return coded(words),
        Shape::Words(_) => "a list of words (below)",
        Shape::Requirements => "a list of ids",
        Shape::Requirement => "an id",
        Shape::Bool => "`true` `false`",
        Shape::Count(most) => return format!("0 to {most}"),
        Shape::Number => "a number",
        Shape::Sequence => "a sequence number",
        Shape::Duration => "a duration",
        Shape::NumberPattern => "a number, or looser",
        Shape::SequencePattern => "a sequence number, or looser",
        Shape::DurationPattern => "a duration, or a range",
        Shape::Flags => "`SYN-ACK`",
        Shape::FlagsPattern => "`SYN-ACK`, a list of such, `any`",
        Shape::Payload => "a number, or `\"text\"`",
        Shape::PayloadPattern => "a number, or looser, or `\"text\"`",
        Shape::Presence => "`present` `absent`",
        Shape::Blocks => "`[{from, to}, …]`",
        Shape::BlocksPattern => "`[{from, to}, …]`, `{first: {from, to}}`, `present` `absent`",
        Shape::Timestamps | Shape::TimestampsPattern => "`{val, ecr}` `present` `absent`",
        Shape::Octets => "`\"fd 04 00 00\"`",
        Shape::Map(_) => "a map",
        Shape::Action(_) => "a word, or `{word: argument}`",
        Shape::State => "a state",
        Shape::Nothing => "–",
        Shape::Steps => "a list of steps",
        Shape::Special(text) => return format!("`{text}`"),
    };
    text.to_owned()
}
