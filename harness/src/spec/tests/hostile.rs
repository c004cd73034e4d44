//! Nothing that stands in a file makes the reader panic, or takes long.

use super::super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<Suite, Diagnostics> {
    let sources = Sources::default().with_text(
        "preambles.yaml",
        include_str!("../../../../specs/preambles.yaml"),
    );
    load(&sources.with_text("3.5-establishing/hostile.yaml", text))
}

#[test]
fn limits_are_told() {
    let nested = "[".repeat(100);
    let keys: Vec<String> = (0..100_000).map(|key| format!("k{key}: 1")).collect();
    let keys = keys.join(
        "
",
    );
    let large = " ".repeat(2_000_000);
    let aliases = "a: &a [1, 1]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    for (text, code) in [
        (nested.as_str(), "yaml::too-deep"),
        (&keys, "yaml::too-large"),
        (&large, "yaml::too-large"),
        (aliases, "yaml::alias"),
    ] {
        let wrong = read(text).unwrap_err();
        let codes: Vec<&str> = wrong.0.iter().map(|one| one.code).collect();
        assert!(codes.contains(&code), "{codes:?}");
    }
}

#[test]
fn a_line_without_end_is_not_printed() {
    let told = read(&"[".repeat(100_000)).unwrap_err().to_string();
    assert!(told.contains("in specs/3.5-establishing/hostile.yaml:1"));
    assert!(told.len() < 500, "{} octets", told.len());
}

const WORDS: &[&str] = &[
    "spec", "1", "title", "covers", "start", "steps", "cases", "inject", "expect", "flags",
    "SYN-ACK", "$x", "$x.y", "{", "}", "[", "]", ":", ",", "- ", "\n", "\n  ", "\n    - ",
    "one_of", "when", "repeat", "1..5", "any", "\"", "'", "|", "&a", "*a", "!!str", "#", "\t",
    "as", "unless", "again", "LISTEN", "should", "$", "é", "null", "~", "0x10", "1e9", ".inf",
    "with", "ts", "sack", "call", "send", "app", "data",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn arbitrary_text(text in "\\PC{0,200}") {
        if let Err(wrong) = read(&text) {
            prop_assert!(!wrong.to_string().is_empty());
        }
    }

    #[test]
    fn arbitrary_words(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        if let Err(wrong) = read(&words.join(" ")) {
            prop_assert!(!wrong.to_string().is_empty());
        }
    }

    /// A good spec with a piece cut out or doubled.
    #[test]
    fn a_damaged_spec(from in 0_usize..900, length in 0_usize..60, twice in any::<bool>()) {
        let text = include_str!(
            "../../../../specs/3.10.7.4-other-states/rst-validation.yaml"
        );
        let clip = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let (from, to) = (clip(from).unwrap(), clip(from + length).unwrap());
        let damaged = if twice {
            format!("{}{}", &text[..to], &text[from..])
        } else {
            format!("{}{}", &text[..from], &text[to..])
        };
        if let Err(wrong) = read(&damaged) {
            prop_assert!(!wrong.to_string().is_empty());
        }
    }
}
