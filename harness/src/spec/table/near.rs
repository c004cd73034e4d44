//! Which word of the language an author may have meant.

/// What other notations call a thing, and what the language does.
const ELSEWHERE: &[(&str, &str)] = &[
    ("send", "inject"),
    ("recv", "expect"),
    ("receive", "expect"),
    ("wait", "silence"),
    ("sleep", "silence"),
    ("assert", "check"),
    ("window", "wnd"),
    ("win", "wnd"),
    ("payload", "data"),
    ("len", "data"),
    ("length", "data"),
    ("length", "len"),
    ("urgent", "urg"),
    ("options", "opts"),
    ("timeout", "within"),
    ("timestamp", "ts"),
    ("timestamps", "ts"),
    ("wscale", "ws"),
    ("ttl", "ip"),
    ("tos", "ip"),
    ("name", "as"),
    ("close", "eof"),
    ("closed", "eof"),
    ("v4", "4"),
    ("ipv4", "4"),
    ("v6", "6"),
    ("ipv6", "6"),
    ("yes", "true"),
    ("no", "false"),
];

/// The known word that the author may have meant: another notation's word for it, one that differs
/// in few letters, or one that it abbreviates.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let near = alike(word, &known)
        .or_else(|| elsewhere(word, &known))
        .or_else(|| few_letters(word, &known))
        .or_else(|| abbreviated(word, &known));
    near.map(str::to_owned)
}

fn alike<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut known = known.iter();
    known.find(|have| letters(have) == letters(word)).copied()
}

fn elsewhere<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut there = ELSEWHERE.iter().filter(|(theirs, _)| *theirs == lower);
    there.find_map(|(_, ours)| known.iter().find(|have| *have == ours).copied())
}

fn few_letters<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let distance = |have: &&'a str| strsim::damerau_levenshtein(&lower, &have.to_lowercase());
    let is_near = |(distance, have): &(usize, &str)| {
        *distance <= have.len().min(word.len()) / 3 + 1 && *distance < have.chars().count()
    };
    let near = known.iter().map(|have| (distance(have), *have));
    let near = near.filter(is_near).min_by_key(|(distance, _)| *distance)?;
    Some(near.1)
}

/// `ESTAB`, `SYN-RCVD`: a longer word with these letters among its own, in their order.
fn abbreviated<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const LEAST: usize = 4;
    let short = letters(word);
    let is_longer = |have: &&&str| {
        let long = letters(have);
        let mut rest = long.chars();
        let is_in_order = short.chars().all(|letter| rest.any(|have| have == letter));
        long.chars().next() == short.chars().next() && is_in_order
    };
    let longer = known.iter().filter(is_longer).min_by_key(|have| have.len());
    longer.filter(|_| short.len() >= LEAST).copied()
}

/// Letters and digits, the small ones.
fn letters(word: &str) -> String {
    let kept = word.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::table::{FIELDS, VERBS, names, state_names};
    use rstest::rstest;

    #[rstest]
    #[case("ESTAB", Some("ESTABLISHED"))]
    #[case("established", Some("ESTABLISHED"))]
    #[case("SYN-RCVD", Some("SYN-RECEIVED"))]
    #[case("SYN_RECV", Some("SYN-RECEIVED"))]
    #[case("FIN_WAIT2", Some("FIN-WAIT-2"))]
    #[case("TIMEWAIT", Some("TIME-WAIT"))]
    #[case("TIME-WIAT", Some("TIME-WAIT"))]
    #[case("", None)]
    #[case("X", None)]
    #[case("OPEN", None)]
    fn states(#[case] word: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(word, state_names()).as_deref(), meant);
    }

    #[rstest]
    #[case("exepct", Some("expect"))]
    #[case("send", Some("inject"))]
    #[case("sleep", Some("silence"))]
    #[case("goto", None)]
    fn verbs(#[case] word: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(word, names(VERBS)).as_deref(), meant);
    }

    #[rstest]
    #[case("window", Some("wnd"))]
    #[case("payload", Some("data"))]
    #[case("len", Some("data"))]
    #[case("akc", Some("ack"))]
    #[case("SEQ", Some("seq"))]
    fn fields(#[case] word: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(word, names(FIELDS)).as_deref(), meant);
    }
}
