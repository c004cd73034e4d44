//! Differences in one line: for people (the headline) and for deviation lists (the symptom).

use super::Compared;
use super::pattern::written;
use crate::model::words::{Near, duration, seconds};
use crate::model::{Scope, Space};
use crate::spec::case::{DataPattern, Flags, Pattern, SegmentPattern};
use crate::wire::{Tcp, bit};
use std::fmt::Write;
use tcpspec_reports::record::{Field, Quantity, Value};

/// The part of the symptom after `step 2: `; control bits that are wrong say enough.
pub fn symptom(fields: &[Compared]) -> String {
    let wrong: Vec<&Compared> = fields.iter().filter(|one| !one.field.holds).collect();
    match wrong.first() {
        Some(first) if first.field.name == "CTL" => first.symptom.clone(),
        _ => wrong
            .iter()
            .map(|one| one.symptom.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// `expected ACK, got RST,ACK; ACK is RCV.NXT+1`.
pub fn headline(fields: &[Compared]) -> String {
    let mut parts = Vec::new();
    let mut ctl_differs = false;
    for Compared { field, .. } in fields.iter().filter(|one| !one.field.holds) {
        if field.name == "CTL" {
            ctl_differs = true;
            parts.push(format!(
                "expected {}, got {}",
                said(&field.expected),
                said(&field.got)
            ));
        } else if field.name == "after" {
            parts.push(timing(field, "came"));
        } else if ctl_differs {
            parts.push(format!("{} is {}", field.name, said(&field.got)));
        } else {
            parts.push(unlike(field));
        }
    }
    parts.join("; ")
}

fn unlike(field: &Field) -> String {
    let got = said(&field.got);
    match &field.remark {
        Some(remark) if field.expected.value == field.got.value => {
            format!("{} is {got}, but {remark}", field.name)
        }
        _ => format!(
            "{} is {got}, expected {}",
            field.name,
            said(&field.expected)
        ),
    }
}

/// `retransmitted after 0.20 s; expected 1 s (0.90 … 1.30 s with this device's slack)`.
pub fn timing(field: &Field, verb: &str) -> String {
    let Value::Duration(took) = field.got.value else {
        return String::new();
    };
    let expected = match field.expected.value {
        Value::Duration(nanos) => duration(nanos),
        _ => field.expected.words.clone().unwrap_or_default(),
    };
    let slack = field
        .remark
        .as_ref()
        .map(|remark| format!(" ({remark})"))
        .unwrap_or_default();
    format!("{verb} after {}; expected {expected}{slack}", seconds(took))
}

/// A quantity in one word.
pub fn said(quantity: &Quantity) -> String {
    if let Some(words) = &quantity.words {
        return words.clone();
    }
    match &quantity.value {
        Value::None => "nothing".to_owned(),
        Value::DeviceSeq(at) | Value::TesterSeq(at) => at.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Duration(nanos) => duration(*nanos),
        Value::Text(text) => text.clone(),
    }
}

/// A segment of the device in figure notation: `<SEQ=SND.NXT><ACK=RCV.NXT+1><CTL=ACK>`.
pub fn figure(scope: &Scope<'_>, tcp: &Tcp) -> String {
    let near = |at: u32, space: Space| {
        Near::find(scope, at, space, None).map_or_else(|| at.to_string(), |near| near.to_string())
    };
    let mut text = format!("<SEQ={}>", near(tcp.seq, Space::Device));
    if tcp.has(bit::ACK) {
        write_field(&mut text, "ACK", &near(tcp.ack, Space::Tester));
    }
    if tcp.payload_len() > 0 {
        write_field(&mut text, "DATA", &tcp.payload_len());
    }
    write_field(&mut text, "CTL", &Flags(tcp.flags));
    text
}

fn write_field(text: &mut String, name: &str, value: &dyn std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(text, "<{name}={value}>");
}

/// An expected segment in figure notation.
pub fn expected_figure(scope: &Scope<'_>, pattern: &SegmentPattern) -> String {
    let mut text = String::new();
    let mut field = |name: &str, words: String| write_field(&mut text, name, &words);
    if let Some(seq) = &pattern.seq {
        field("SEQ", written(scope, seq));
    }
    let with_ack = pattern
        .flags
        .iter()
        .any(|flags| flags.set.contains(Flags::ACK));
    if let Some(ack) = pattern.ack.as_ref().filter(|_| with_ack) {
        field("ACK", written(scope, ack));
    }
    match &pattern.data {
        Some(DataPattern::Count(count))
            if *count != Pattern::Is(crate::spec::case::Expr::Number(0)) =>
        {
            field("DATA", written(scope, count));
        }
        Some(DataPattern::Text(text)) => field("DATA", text.len().to_string()),
        Some(DataPattern::Count(_)) | None => {}
    }
    let flags: Vec<String> = pattern.flags.iter().map(ToString::to_string).collect();
    if !flags.is_empty() {
        field("CTL", flags.join(" or "));
    }
    text
}

/// All fields of an expected segment that did not come.
pub fn expected_fields(scope: &Scope<'_>, pattern: &SegmentPattern) -> Vec<Field> {
    let flags: Vec<String> = pattern.flags.iter().map(ToString::to_string).collect();
    let with_ack = pattern
        .flags
        .iter()
        .any(|flags| flags.set.contains(Flags::ACK));
    let count = match &pattern.data {
        Some(DataPattern::Count(count)) => Some(count),
        Some(DataPattern::Text(_)) | None => None,
    };
    let mut fields = vec![missing("CTL", None, Value::Text(flags.join(" or ")))];
    let patterns = [
        ("SEQ", pattern.seq.as_ref()),
        ("ACK", pattern.ack.as_ref().filter(|_| with_ack)),
        ("DATA", count),
    ];
    for (name, expected) in patterns {
        let Some(expected) = expected else { continue };
        let value = match expected {
            Pattern::Is(expr) => scope
                .value(expr)
                .map_or(Value::None, super::pattern::recorded),
            _ => Value::None,
        };
        fields.push(missing(name, Some(written(scope, expected)), value));
    }
    fields
}

fn missing(name: &str, words: Option<String>, value: Value) -> Field {
    Field {
        name: name.to_owned(),
        expected: Quantity { words, value },
        got: Quantity {
            words: None,
            value: Value::None,
        },
        holds: false,
        remark: None,
    }
}
