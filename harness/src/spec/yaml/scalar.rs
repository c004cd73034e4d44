//! Scalars as values, by the rules of the YAML 1.2 core schema.

use serde_yaml::{Number, Value};

/// The value of a scalar; one in quotes, or over several lines, is a text.
pub(super) fn value(text: &str, plain: bool) -> Value {
    if !plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text) {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    let begins_as_one =
        |text: &str| text.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // Most texts are words: they are told by their first letter.
    if !begins_as_one(digits) {
        return None;
    }
    let is_decimal = digits.bytes().all(|octet| octet.is_ascii_digit());
    if is_decimal && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let radix = |mark: &str, radix| {
        let digits = digits.strip_prefix(mark)?;
        let unsigned = digits.bytes().all(|octet| octet.is_ascii_alphanumeric());
        u64::from_str_radix(digits, radix).ok().filter(|_| unsigned)
    };
    let whole = if is_decimal {
        digits.parse().ok()
    } else {
        radix("0x", 16)
            .or_else(|| radix("0o", 8))
            .or_else(|| radix("0b", 2))
    };
    match whole {
        Some(whole) if negative => 0_i64.checked_sub_unsigned(whole).map(Number::from),
        Some(whole) => Some(Number::from(whole)),
        None => {
            let float = text.parse().ok().filter(|float: &f64| float.is_finite());
            float.map(Number::from)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_read_alike(text: &str) {
        let theirs: Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(value(text, true), theirs, "{text:?}");
    }

    #[test]
    fn words_and_numbers_are_those_of_the_other_reader() {
        for text in [
            "~",
            "null",
            "true",
            "False",
            "yes",
            "0",
            "7",
            "-7",
            "+7",
            "007",
            "18446744073709551615",
            "0x1F",
            "0o17",
            "0b101",
            "-0x1F",
            "1.50",
            "-.5",
            "1e3",
            "500ms",
            "1.5*prev.after",
            "RCV.NXT+1",
            "4..5",
            "0.25*RTO.MIN",
            "2026-11-22",
            "+",
            ".",
            "3.10",
            "0x",
        ] {
            is_read_alike(text);
        }
    }

    proptest! {
        #[test]
        fn any_number_is_that_of_the_other_reader(
            text in "[+-]?[0-9]{1,12}([.][0-9]{0,4})?(e[0-9])?",
        ) {
            is_read_alike(&text);
        }
    }
}
