//! What stands above and below the ladder: requirements, how the case is judged, defaults.

use super::WIDTH;
use crate::spec::case::{Case, Family, Ignore, Level, Step};
use crate::spec::catalogue::Catalogue;
use crate::spec::{expr, visit};
use std::time::Duration;

/// The lines of a text; if one of them is too long, all of them anew.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let is_too_long = |line: &str| line.chars().count() + 2 > WIDTH;
    if !text.lines().any(is_too_long) {
        return text.lines().map(|line| format!("  {line}")).collect();
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last + word.chars().count() + 1 > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let blank = if line.is_empty() { "  " } else { " " };
            line.push_str(blank);
            line.push_str(word);
        }
    }
    lines
}

/// How the case is judged, where, and how long that takes.
pub(super) fn judged(case: &Case) -> Vec<String> {
    let level = match case.level {
        Level::Should => "as SHOULD",
        _ => "as MUST",
    };
    let mut parts = vec![level.to_owned()];
    let Ignore {
        retransmission,
        window_update,
        duplicate_ack,
    } = case.ignore;
    let ignored = [
        (retransmission, "retransmission"),
        (window_update, "window-update"),
        (duplicate_ack, "duplicate-ack"),
    ];
    let ignored: Vec<&str> = ignored
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    if !ignored.is_empty() {
        parts.push(format!("lets pass: {}", ignored.join(", ")));
    }
    if !case.except.is_empty() {
        parts.push(format!("does not check: {}", case.except.join(", ")));
    }
    parts.push(match case.family {
        Family::V4 => "on IPv4".to_owned(),
        Family::V6 => "on IPv6".to_owned(),
    });
    if !case.least_time.is_zero() {
        parts.push(format!("takes at least {}", time(case.least_time)));
    }
    if let Some(skip) = &case.skip {
        parts.push(format!("skipped: {skip}"));
    }
    parts
}

/// `step 2 seq, ack, data=0`.
/// What was filled in, and in which steps: `seq, ack in steps 2 3 5`.
pub(super) fn defaults(steps: &[Step]) -> Vec<String> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    visit::steps(steps, &mut |step| {
        if step.preamble.is_some() || step.defaults.is_empty() {
            return;
        }
        let filled = step.defaults.join(", ");
        match all.iter_mut().find(|(have, _)| *have == filled) {
            Some((_, numbers)) => numbers.push(step.number.clone()),
            None => all.push((filled, vec![step.number.clone()])),
        }
    });
    let told = |(filled, numbers): (String, Vec<String>)| match numbers.as_slice() {
        [one] => format!("{filled} in step {one}"),
        _ => format!("{filled} in steps {}", runs(&numbers).join(" ")),
    };
    all.into_iter().map(told).collect()
}

/// `2 3 4 7` as `2-4 7`.
fn runs(numbers: &[String]) -> Vec<String> {
    let mut runs: Vec<(String, String)> = Vec::new();
    for number in numbers {
        let before = number.parse::<u32>().ok().and_then(|it| it.checked_sub(1));
        match runs.last_mut() {
            Some((_, last)) if before.is_some() && last.parse().ok() == before => {
                last.clone_from(number);
            }
            _ => runs.push((number.clone(), number.clone())),
        }
    }
    let told = |(first, last): (String, String)| {
        if first == last {
            first
        } else {
            format!("{first}-{last}")
        }
    };
    runs.into_iter().map(told).collect()
}

/// Pieces in lines, the first line after `start`, the others below it.
pub(super) fn wrapped(start: &str, between: &str, pieces: &[String]) -> Vec<String> {
    let mut lines = vec![format!("{start} ")];
    for (at, piece) in pieces.iter().enumerate() {
        let end = if at + 1 < pieces.len() { between } else { "" };
        let last = lines.last().map_or(0, |line| line.chars().count());
        let piece = format!("{piece}{end}");
        if last + piece.trim_end().chars().count() > WIDTH {
            lines.push(" ".repeat(10));
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&piece);
        }
    }
    lines
}

/// Left and right on one line, if they fit.
pub(super) fn both_ends(left: &str, right: &str) -> String {
    let room = WIDTH.saturating_sub(left.chars().count() + right.chars().count());
    if room < 2 {
        return format!("{left}\n{right:>WIDTH$}");
    }
    format!("{left}{}{right}", " ".repeat(room))
}

pub(super) fn requirement(id: &str, catalogue: &Catalogue) -> Vec<String> {
    let Some(found) = catalogue.get(id) else {
        return vec![format!("covers  {id}")];
    };
    let mut lines = vec![format!("covers  {id}, {}: {}", found.place, found.keyword)];
    let words: Vec<String> = found.sentence.split(' ').map(str::to_owned).collect();
    lines.extend(wrapped("         ", " ", &words));
    lines
}

pub(super) fn exactly(duration: Duration) -> String {
    expr::duration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// To the millisecond, or to the second above ten of them.
pub(super) fn time(duration: Duration) -> String {
    let grain: i64 = if duration.as_secs() < 10 {
        1_000_000
    } else {
        1_000_000_000
    };
    let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    exactly(Duration::from_nanos((nanos / grain * grain).unsigned_abs()))
}
