//! Text for people: durations, wrapped lines, and words that cannot harm a screen.
//!
//! Everything that a device or a spec put into the record passes [`clean`] before it is shown.
//! This module knows nothing of TCP.

use std::iter::Peekable;
use std::str::Chars;

/// The width of every screen, in columns.
pub const COLUMNS: usize = 100;

/// A duration in nanoseconds, as short as it can be said: `0 ms`, `250 µs`, `1.13 s`, `2 h 41 min`.
pub fn duration(ns: u64) -> String {
    const MICRO: u64 = 1_000;
    const MILLI: u64 = 1_000 * MICRO;
    const SECOND: u64 = 1_000 * MILLI;
    match ns {
        0 => "0 ms".into(),
        1..MICRO => format!("{ns} ns"),
        MICRO..MILLI => format!("{} µs", ns / MICRO),
        MILLI..SECOND => format!("{} ms", thousandths(ns / MICRO)),
        _ if ns < 120 * SECOND => format!("{} s", thousandths(ns / MILLI)),
        _ if ns < 7_200 * SECOND && ns % (60 * SECOND) < SECOND => {
            format!("{} min", ns / (60 * SECOND))
        }
        _ if ns < 3_600 * SECOND => {
            let seconds = ns / SECOND;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
        _ => hours(ns / (60 * SECOND)),
    }
}

/// A signed duration in nanoseconds.
pub fn signed_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", duration(ns.unsigned_abs()))
}

/// The duration of a whole run: tenths of a second are enough.
pub fn rough_duration(ns: u64) -> String {
    let tenths = ns.saturating_add(50_000_000) / 100_000_000;
    if tenths < 1_200 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        duration(tenths / 10 * 1_000_000_000)
    }
}

fn hours(minutes: u64) -> String {
    match minutes % 60 {
        0 => format!("{} h", minutes / 60),
        rest => format!("{} h {rest} min", minutes / 60),
    }
}

/// `1130` as `1.13`.
fn thousandths(number: u64) -> String {
    let text = format!("{}.{:03}", number / 1_000, number % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One line without terminal sequences, control characters and line ends.
///
/// What a device sends may reach a terminal, a CI log or an XML file by way of the record;
/// nothing in it may move a cursor or end an element.
pub fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in without_escapes(text).chars() {
        if c.is_whitespace() {
            shown.push(' ');
        } else if !is_invisible(c) {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, what XML 1.0 cannot carry, and marks that turn the direction of writing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{fffe}' | '\u{ffff}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` without the escape sequences of terminals (ECMA-48: CSI, OSC, and the short ones).
pub(crate) fn without_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let introducer = match c {
            '\u{1b}' => rest.next(),
            '\u{9b}' => Some('['),
            '\u{9d}' => Some(']'),
            _ => {
                kept.push(c);
                continue;
            }
        };
        match introducer {
            Some('[') => skip_control_sequence(&mut rest),
            Some(']') => skip_string(&mut rest),
            _ => {}
        }
    }
    kept
}

/// Parameters and the final letter of a CSI sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars>) {
    while rest
        .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
        .is_some()
    {}
    let _ = rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// An OSC sequence up to BEL or ST; one that never ends takes no more than its line.
fn skip_string(rest: &mut Peekable<Chars>) {
    while rest
        .next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n'))
        .is_some()
    {}
    if rest.next_if_eq(&'\u{1b}').is_some() {
        let _ = rest.next_if_eq(&'\\');
    }
    let _ = rest.next_if_eq(&'\u{7}');
}

/// `text` in lines of at most `width` columns, broken at spaces, and between `>` and `<` as in
/// figures; a longer word is cut. What fits is left as it is.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for (space, word) in words(text) {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        let gap = usize::from(space && line > 0);
        if line > 0 && line + gap + word.chars().count() > width {
            lines.push(String::new());
        } else if gap == 1 {
            append(&mut lines, " ");
        }
        for piece in pieces(word, width) {
            let line = lines.last().map_or(0, |line| line.chars().count());
            if line > 0 && line + piece.chars().count() > width {
                lines.push(String::new());
            }
            append(&mut lines, &piece);
        }
    }
    lines
}

fn append(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// The unbreakable words of `text`, each with whether a space stands before it.
fn words(text: &str) -> Vec<(bool, &str)> {
    text.split_whitespace()
        .flat_map(|word| {
            let mut parts = Vec::new();
            let mut rest = word;
            while let Some(at) = rest.find("><") {
                parts.push(&rest[..=at]);
                rest = &rest[at + 1..];
            }
            parts.push(rest);
            parts
                .into_iter()
                .enumerate()
                .map(|(index, part)| (index == 0, part))
        })
        .collect()
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters
        .chunks(width)
        .map(|chunk| chunk.iter().collect())
        .collect()
}

/// The plural where it is due: `1 segment`, `6 segments`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// `text` as one word of a POSIX shell.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0 ms")]
    #[case(900, "900 ns")]
    #[case(250_000, "250 µs")]
    #[case(1_500_000, "1.5 ms")]
    #[case(500_000_000, "500 ms")]
    #[case(1_000_000_000, "1 s")]
    #[case(1_130_400_000, "1.13 s")]
    #[case(62_000_000_000, "62 s")]
    #[case(120_000_000_000, "2 min")]
    #[case(161_000_000_000, "2 min 41 s")]
    #[case(9_660_000_000_000, "2 h 41 min")]
    #[case(7_200_000_000_000, "2 h")]
    fn durations_are_short(#[case] ns: u64, #[case] text: &str) {
        assert_eq!(duration(ns), text);
    }

    #[rstest]
    #[case(880_000_000, "0.9 s")]
    #[case(0, "0.0 s")]
    #[case(200_000_000_000, "3 min 20 s")]
    fn runs_are_rounded(#[case] ns: u64, #[case] text: &str) {
        assert_eq!(rough_duration(ns), text);
    }

    #[rstest]
    #[case("a\u{1b}[31mb\u{1b}[0m", "ab")]
    #[case("a\u{1b}]0;title\u{7}b", "ab")]
    #[case("a\u{1b}]0;title\u{1b}\\b", "ab")]
    #[case("a\u{1b}cb", "ab")]
    #[case("a\u{9b}2Jb", "ab")]
    #[case("a\r\nb\tc", "a  b c")]
    #[case("a\0\u{8}\u{ffff}\u{202e}b", "ab")]
    #[case("a\u{1b}", "a")]
    fn screens_are_safe(#[case] hostile: &str, #[case] shown: &str) {
        assert_eq!(clean(hostile), shown);
    }

    #[test]
    fn figures_break_between_their_brackets() {
        let lines = wrap("<SEQ=302><ACK=102><CTL=ACK>", 20);
        assert_eq!(lines, ["<SEQ=302><ACK=102>", "<CTL=ACK>"]);
    }

    #[rstest]
    #[case("3.6/a[v4]", "'3.6/a[v4]'")]
    #[case("it's", r"'it'\''s'")]
    #[case("kernel", "kernel")]
    fn shells_read_it_as_one_word(#[case] text: &str, #[case] word: &str) {
        assert_eq!(shell_word(text), word);
    }

    proptest! {
        #[test]
        fn no_control_character_survives(text in ".*") {
            prop_assert!(!clean(&text).chars().any(char::is_control));
        }

        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "[a-z<>= ]{0,200}", width in 1_usize..60) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width));
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }
    }
}
