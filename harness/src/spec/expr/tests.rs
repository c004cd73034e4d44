use super::*;
use crate::spec::case::{CaptureField, Var};
use proptest::prelude::*;
use rstest::rstest;

struct Known;

impl Names for Known {
    fn conn(&self, name: &str) -> Option<usize> {
        ["a", "b"].iter().position(|have| *have == name)
    }

    fn captured(&self, name: &str) -> bool {
        name == "probe"
    }

    fn known(&self) -> Vec<String> {
        ["a", "b", "probe"].map(str::to_owned).to_vec()
    }

    fn parameter(&self, name: &str) -> Result<String, String> {
        match name {
            "n" => Ok("2+3".to_owned()),
            "t" => Ok("2s".to_owned()),
            "seq.at" => Ok("RCV.NXT-1".to_owned()),
            "bad" => Ok("$n".to_owned()),
            _ => Err(format!("there is no parameter `{name}`")),
        }
    }

    fn constants(&self) -> Constants {
        Constants::default()
    }
}

#[rstest]
#[case("RCV.NXT+1", Type::Sequence)]
#[case("RCV.NXT+RCV.WND-1", Type::Sequence)]
#[case("SND.NXT-SND.UNA", Type::Number)]
#[case("b.ISS", Type::Sequence)]
#[case("2*MSL-1s", Type::Duration)]
#[case("1.5*prev.after", Type::Duration)]
#[case("min(2.5*prev.after, RTO.MAX)", Type::Duration)]
#[case("2*(LINK.MSS-12)", Type::Number)]
#[case("SND.WND-(1+2)", Type::Number)]
#[case("probe.end", Type::Sequence)]
#[case("-1", Type::Number)]
#[case("0", Type::Sequence)]
#[case("12500us", Type::Duration)]
#[case("1.5us", Type::Duration)]
fn a_value_is_printed_as_it_was_written(#[case] text: &str, #[case] want: Type) {
    let expr = value(text, want, &Known).unwrap();
    assert_eq!(value(&expr.written(&["a", "b"]), want, &Known), Ok(expr));
}

#[rstest]
#[case("+1", "1")]
#[case("1.5s", "1500ms")]
#[case("120m", "2h")]
#[case("60s", "60s")]
#[case("1..5", "1..5")]
#[case("1..", "1..")]
#[case("..5", "..5")]
#[case("any", "any")]
#[case("2*$n", "2*(2+3)")]
#[case("LINK.MSS+$n", "LINK.MSS+(2+3)")]
fn spellings(#[case] text: &str, #[case] printed: &str) {
    let want = if text.contains(['s', 'm']) && !text.contains("MSS") {
        Type::Duration
    } else {
        Type::Number
    };
    assert_eq!(pattern(text, want, &Known).unwrap().to_string(), printed);
}

#[test]
fn a_range_keeps_the_dots_apart_from_names() {
    let text = "1.5*prev.after..min(2.5*prev.after, RTO.MAX)";
    let found = pattern(text, Type::Duration, &Known).unwrap();
    assert_eq!(found.to_string(), text);
}

#[rstest]
#[case("probe.seq == RCV.NXT-1", Operator::Equal)]
#[case("probe.len in 1..100", Operator::In)]
#[case("probe.len in [1, 2, 5..]", Operator::In)]
#[case("SND.WND >= 2*RCV.MSS", Operator::GreaterOrEqual)]
fn comparisons(#[case] text: &str, #[case] operator: Operator) {
    let found = comparison(text, &Known).unwrap();
    assert_eq!(
        (found.operator, found.to_string().as_str()),
        (operator, text)
    );
}

#[rstest]
#[case("500", Type::Duration, "spec::type", 0..3)]
#[case("RCV.NXT+ISS", Type::Sequence, "spec::type", 0..11)]
#[case("1s+1", Type::Duration, "spec::type", 0..4)]
#[case("1.5", Type::Number, "spec::type", 0..3)]
#[case("2*ISS", Type::Sequence, "spec::type", 0..5)]
#[case("RCV.NTX+1", Type::Sequence, "spec::unknown-name", 0..7)]
#[case("synack.seq", Type::Sequence, "spec::unknown-name", 0..10)]
#[case("probe.sequence", Type::Sequence, "spec::unknown-name", 6..14)]
#[case("1+", Type::Number, "spec::expression", 1..2)]
#[case("(1", Type::Number, "spec::expression", 1..2)]
#[case("2^3", Type::Number, "spec::expression", 1..2)]
#[case("10d", Type::Duration, "spec::expression", 2..3)]
#[case("1 2", Type::Number, "spec::expression", 2..3)]
#[case("$x", Type::Number, "spec::unknown-parameter", 0..2)]
#[case("$bad", Type::Number, "spec::unknown-parameter", 0..4)]
#[case("99999999999999999999", Type::Number, "spec::expression", 0..20)]
#[case("0.0005", Type::Number, "spec::expression", 0..6)]
fn faults(#[case] text: &str, #[case] want: Type, #[case] code: &str, #[case] at: Range<usize>) {
    let fault = value(text, want, &Known).unwrap_err();
    assert_eq!((fault.code, fault.at), (code, at), "{}", fault.message);
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
    let fault = value(&deep, Type::Number, &Known).unwrap_err();
    assert!(fault.message.contains("nests at most"), "{}", fault.message);
}

fn numbers() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (-5_000_i64..5_000).prop_map(Expr::Number),
        Just(Expr::Var {
            conn: None,
            var: Var::RcvWnd
        }),
        Just(Expr::Var {
            conn: Some(1),
            var: Var::SndMss
        }),
        Just(Expr::Named("LINK.MSS", Box::new(Expr::Number(1460)))),
        Just(Expr::Capture {
            name: "probe".to_owned(),
            field: CaptureField::Len
        }),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Expr::Add(a, b)),
            pair.clone().prop_map(|(a, b)| Expr::Sub(a, b)),
            pair.clone().prop_map(|(a, b)| Expr::Mul(a, b)),
            pair.clone().prop_map(|(a, b)| Expr::Min(a, b)),
            pair.prop_map(|(a, b)| Expr::Max(a, b)),
            (0_i64..9_000, inner)
                .prop_map(|(r, e)| Expr::Mul(Box::new(Expr::Ratio(r)), Box::new(e))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(expr in numbers()) {
        let text = expr.written(&["a", "b"]);
        prop_assume!(text.len() <= MAX_LENGTH);
        prop_assert_eq!(value(&text, Type::Number, &Known), Ok(expr));
    }

    #[test]
    fn durations_read_as_they_are_printed(micros in 0_i64..10_000_000_000_000) {
        let expr = Expr::Duration(micros * 100);
        prop_assert_eq!(value(&expr.to_string(), Type::Duration, &Known), Ok(expr));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[A-Za-z0-9.+*$(){}\\[\\], =<>!äµ-]{0,40}") {
        for want in [Type::Number, Type::Sequence, Type::Duration] {
            if let Err(fault) = pattern(&text, want, &Known) {
                prop_assert!(fault.at.start <= fault.at.end && fault.at.end <= text.len());
            }
        }
        let _ = comparison(&text, &Known);
    }
}
