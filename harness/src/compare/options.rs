//! The options of an expected segment.

use super::{Compared, Got, number, timestamp};
use crate::compare::pattern::{self, written};
use crate::model::{Resolved, Scope, Space, Unresolved};
use crate::spec::case::{FastOpenPattern, Pattern, SackPattern, SegmentPattern, TimestampsPattern};
use tcpspec_reports::record::{Field, Quantity, Value};

pub(super) fn compare(
    scope: &Scope<'_>,
    pattern: &SegmentPattern,
    got: &Got<'_>,
    fields: &mut Vec<Compared>,
) -> Result<(), Unresolved> {
    let options = &got.tcp.options;
    if let Some(mss) = &pattern.mss {
        fields.push(number("MSS", scope, mss, options.mss.map(i64::from))?);
    }
    if let Some(ws) = &pattern.ws {
        fields.push(number("WS", scope, ws, options.ws.map(i64::from))?);
    }
    if let Some(sack_ok) = &pattern.sack_ok {
        let wanted = *sack_ok != Pattern::Absent;
        let free = *sack_ok == Pattern::Any;
        fields.push(presence("SACK-OK", wanted, options.sack_ok, free));
    }
    if let Some(sack) = &pattern.sack {
        fields.push(blocks(scope, sack, &options.sack)?);
    }
    if let Some(ts) = &pattern.ts {
        timestamps(scope, ts, options.ts, fields)?;
    }
    if let Some(uto) = &pattern.uto {
        fields.push(number("UTO", scope, uto, options.uto.map(i64::from))?);
    }
    if let Some(tfo) = &pattern.tfo {
        fields.push(fast_open(scope, tfo, options.fast_open.as_deref())?);
    }
    if let Some(raw) = &pattern.opts {
        fields.push(octets("options", raw, got.packet.raw_options()));
    }
    Ok(())
}

/// An option that is there or not.
fn presence(name: &str, wanted: bool, is: bool, free: bool) -> Compared {
    let word = |there: bool| if there { "present" } else { "absent" };
    text(name, word(wanted), word(is), free || wanted == is, word(is))
}

fn text(name: &str, expected: &str, got: &str, holds: bool, symptom: &str) -> Compared {
    let quantity = |text: &str| Quantity {
        words: None,
        value: Value::Text(text.to_owned()),
    };
    Compared {
        symptom: format!("{} {symptom}", name.to_lowercase()),
        field: Field {
            name: name.to_owned(),
            expected: quantity(expected),
            got: quantity(got),
            holds,
            remark: None,
        },
    }
}

fn blocks(
    scope: &Scope<'_>,
    expected: &SackPattern,
    got: &[(u32, u32)],
) -> Result<Compared, Unresolved> {
    let edge = |at: u32| {
        crate::model::words::Near::find(scope, at, Space::Tester, None)
            .map_or_else(|| at.to_string(), |near| near.to_string())
    };
    let shown: Vec<String> = got
        .iter()
        .map(|&(left, right)| format!("{}..{}", edge(left), edge(right)))
        .collect();
    let shown = if shown.is_empty() {
        "absent".to_owned()
    } else {
        shown.join(" ")
    };
    let (wanted, only_first) = match expected {
        SackPattern::Present => return Ok(presence("SACK", true, !got.is_empty(), false)),
        SackPattern::Absent => return Ok(presence("SACK", false, !got.is_empty(), false)),
        SackPattern::Blocks(wanted) => {
            (wanted.iter().map(|(from, to)| (from, to)).collect(), false)
        }
        SackPattern::First(from, to) => (vec![(from, to)], true),
    };
    let mut holds = only_first || wanted.len() == got.len();
    for (&(from, to), &(left, right)) in wanted.iter().zip(got) {
        for (pattern, at) in [(from, left), (to, right)] {
            let value = Some(Resolved::Seq(at, Space::Tester));
            holds &= pattern::judge(scope, pattern, value)?.holds;
        }
    }
    let words: Vec<String> = wanted
        .iter()
        .map(|(from, to)| format!("{}..{}", written(scope, from), written(scope, to)))
        .collect();
    let rest = if only_first { ", … or absent" } else { "" };
    let symptom = match (only_first, got.is_empty()) {
        (true, _) => "first block",
        (false, true) => "absent",
        (false, false) => "blocks",
    };
    let expected = words.join(" ") + rest;
    Ok(text("SACK", &expected, &shown, holds, symptom))
}

fn timestamps(
    scope: &Scope<'_>,
    expected: &TimestampsPattern,
    got: Option<(u32, u32)>,
    fields: &mut Vec<Compared>,
) -> Result<(), Unresolved> {
    match expected {
        TimestampsPattern::Present => fields.push(presence("TS", true, got.is_some(), false)),
        TimestampsPattern::Absent => fields.push(presence("TS", false, got.is_some(), false)),
        TimestampsPattern::Values { val, ecr } => {
            fields.push(presence("TS", true, got.is_some(), false));
            if let (Some(val), Some((came, _))) = (val, got) {
                fields.push(timestamp("TSval", scope, val, came)?);
            }
            if let (Some(ecr), Some((_, came))) = (ecr, got) {
                fields.push(timestamp("TSecr", scope, ecr, came)?);
            }
        }
    }
    Ok(())
}

fn fast_open(
    scope: &Scope<'_>,
    expected: &FastOpenPattern,
    got: Option<&[u8]>,
) -> Result<Compared, Unresolved> {
    let legal = |cookie: &[u8]| matches!(cookie.len(), 4 | 6 | 8 | 10 | 12 | 14 | 16);
    let holds = match expected {
        FastOpenPattern::Present => got.is_some(),
        FastOpenPattern::Absent => got.is_none(),
        FastOpenPattern::AnyCookie => got.is_some_and(legal),
        FastOpenPattern::Is(option) => got == Some(&scope.cookie(option)?[..]),
    };
    let (shown, symptom) = match got {
        None => ("absent".to_owned(), "absent"),
        Some([]) => ("request".to_owned(), "request"),
        Some(cookie) => (hex(cookie), "cookie"),
    };
    Ok(text("TFO", &expected.to_string(), &shown, holds, symptom))
}

fn hex(octets: &[u8]) -> String {
    let all: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    all.join(" ")
}

/// Octets that are to be the same.
pub(super) fn octets(name: &str, expected: &[u8], got: &[u8]) -> Compared {
    text(name, &hex(expected), &hex(got), expected == got, "other")
}
