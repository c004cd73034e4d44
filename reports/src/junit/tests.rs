use super::*;
use crate::tests::golden;
use crate::tests::sample;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rstest::rstest;

/// The rules of `tests/junit-10.xsd` for the elements that we write: name, attributes that must
/// be there, attributes that may be there, children.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);
const RULES: [Rule; 12] = [
    (
        "testsuites",
        &[],
        &["name", "time", "tests", "failures", "errors"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &["name", "tests", "failures", "errors"],
        &["time", "skipped", "timestamp", "hostname", "id", "package"],
        &["testcase", "system-out"],
    ),
    (
        "testcase",
        &["name"],
        &["time", "classname", "group"],
        &[
            "skipped",
            "error",
            "failure",
            "system-out",
            "flakyFailure",
            "flakyError",
            "rerunFailure",
            "rerunError",
        ],
    ),
    ("flakyFailure", &["type"], &["message"], &["stackTrace"]),
    ("flakyError", &["type"], &["message"], &["stackTrace"]),
    ("rerunFailure", &["type"], &["message"], &["stackTrace"]),
    ("rerunError", &["type"], &["message"], &["stackTrace"]),
    ("stackTrace", &[], &[], &[]),
    ("failure", &[], &["type", "message"], &[]),
    ("error", &[], &["type", "message"], &[]),
    ("skipped", &[], &["type", "message"], &[]),
    ("system-out", &[], &[], &[]),
];

/// All that is wrong with a document by the rules.
fn faults(xml: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Err(error) => return vec![format!("not well-formed: {error}")],
            Ok(Event::Eof) => break,
            Ok(Event::Start(tag)) => {
                faults.extend(tag_faults(&tag, open.last()));
                open.push(name_of(&tag));
            }
            Ok(Event::Empty(tag)) => faults.extend(tag_faults(&tag, open.last())),
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Text(text)) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                let is_blank = text.trim().is_empty();
                faults.extend((!is_blank).then(|| format!("text outside of CDATA: {text}")));
            }
            Ok(_) => {}
        }
    }
    let is_xml =
        |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    faults.extend(
        xml.chars()
            .filter(|c| !is_xml(*c))
            .map(|c| format!("character {c:?}")),
    );
    faults
}

fn name_of(tag: &BytesStart) -> String {
    String::from_utf8_lossy(tag.name().as_ref()).into_owned()
}

fn tag_faults(tag: &BytesStart, parent: Option<&String>) -> Vec<String> {
    let name = name_of(tag);
    let Some((_, must, may, _)) = RULES.iter().find(|rule| rule.0 == name) else {
        return vec![format!("no element `{name}`")];
    };
    let allowed = RULES
        .iter()
        .find(|rule| Some(rule.0) == parent.map(String::as_str));
    let mut faults = Vec::new();
    if allowed.is_some_and(|rule| !rule.3.contains(&name.as_str())) {
        faults.push(format!("`{name}` in `{parent:?}`"));
    }
    let mut seen = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.expect("an attribute");
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        if !must.contains(&key.as_str()) && !may.contains(&key.as_str()) {
            faults.push(format!("attribute `{key}` of `{name}`"));
        }
        if key == "time" && !is_surefire_time(&value) {
            faults.push(format!("time {value}"));
        }
        seen.push(key);
    }
    let missing = must
        .iter()
        .filter(|key| !seen.iter().any(|seen| seen == *key));
    faults.extend(missing.map(|key| format!("`{name}` lacks `{key}`")));
    faults
}

/// `SUREFIRE_TIME` of the schema, without the thousands separators that nobody writes.
fn is_surefire_time(value: &str) -> bool {
    let (seconds, decimals) = value.split_once('.').unwrap_or((value, ""));
    let are_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    are_digits(seconds) && are_digits(decimals) && decimals.len() <= 3
}

fn hostile() -> Run {
    sample::run_of(vec![sample::hostile(), sample::pass()])
}

#[rstest]
#[case("green", sample::green(), false)]
#[case("failing", sample::run(), false)]
#[case("strict", sample::run_of(vec![sample::deviates()]), true)]
#[case("hostile", hostile(), false)]
#[case("nothing", sample::run_of(Vec::new()), false)]
#[case("interrupted", sample::interrupted(), false)]
#[case("suite", sample::suite(), false)]
fn files_are_valid(#[case] name: &str, #[case] run: Run, #[case] strict: bool) {
    let xml = write(&run, strict);
    assert_eq!(faults(&xml), Vec::<String>::new());
    golden::check(&format!("junit/{name}.xml"), xml);
}

#[test]
fn the_rules_find_faults() {
    let case = |inner: &str| {
        let suite = "<testsuite name='' tests='' failures='' errors=''>";
        format!("<testsuites>{suite}{inner}</testsuite></testsuites>")
    };
    assert!(faults(&case("<testcase name='a'/>")).is_empty());
    for wrong in [
        "<testcase/>",
        "<testcase name='a' file='b'/>",
        "<testcase name='a' time='1.1179999'/>",
        "<testcase name='a'><testcase name='b'/></testcase>",
        "<testcase name='a'><system-out>\u{1b}</system-out></testcase>",
        "<testcase name='a'><failure>a<b</failure></testcase>",
        "<properties/>",
    ] {
        assert!(!faults(&case(wrong)).is_empty(), "{wrong}");
    }
}

/// The schema itself, where its tool is installed: `cargo test -- --ignored`.
#[test]
#[ignore = "needs xmllint (libxml2-utils)"]
fn the_schema_accepts_every_golden_file() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for name in [
        "green",
        "failing",
        "strict",
        "hostile",
        "nothing",
        "interrupted",
    ] {
        let output = std::process::Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(tests.join("junit-10.xsd"))
            .arg(tests.join(format!("golden/junit/{name}.xml")))
            .output()
            .expect("xmllint");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn times_that_binary_fractions_cannot_say_are_rounded() {
    let slow = CaseRecord {
        wall_ns: 1_118_000_000,
        ..sample::pass()
    };
    let xml = write(&sample::run_of(vec![slow.clone(), slow]), false);
    assert!(
        xml.contains("time=\"1.118\"") && xml.contains("time=\"2.236\""),
        "{xml}"
    );
    assert_eq!(faults(&xml), Vec::<String>::new());
}

#[test]
fn what_the_deviation_list_foretold_is_skipped_with_its_reason() {
    let xml = write(&sample::run_of(vec![sample::known()]), true);
    assert!(
        xml.contains(
            "<skipped type=\"known\" message=\"RFC9293-3.4-3, RFC5961-3.2-1: the kernel counts"
        ),
        "{xml}"
    );
    assert!(!xml.contains("<failure"));
}

#[test]
fn every_attempt_stands_in_its_own_case() {
    let late = CaseRecord {
        earlier: vec![sample::inconclusive()],
        ..sample::pass()
    };
    let cases = vec![
        late,
        sample::flaky(),
        sample::came_again(),
        sample::unsteady(),
    ];
    let xml = write(&sample::run_of(cases), false);
    assert_eq!(faults(&xml), Vec::<String>::new());
    let found: Vec<(&str, Vec<usize>)> = xml
        .split("<testcase ")
        .skip(1)
        .map(|case| {
            let tags = ["<flakyError ", "<flakyFailure ", "<rerunFailure "];
            let name = case.split('"').nth(1).unwrap_or_default();
            (name, tags.map(|tag| case.matches(tag).count()).into())
        })
        .collect();
    let want = [
        ("passive-open[v4]", [1, 0, 0]),
        ("passive-open[v6]", [0, 1, 0]),
        ("rst-validation[state=ESTABLISHED,rst=beyond,v4]", [0, 0, 1]),
        ("zero-window-probe[v4]", [0, 0, 2]),
    ];
    assert_eq!(found, want.map(|(name, counts)| (name, counts.into())));
}

#[test]
fn packages_end_at_the_dots_of_the_class_name_only() {
    let mut run = sample::green();
    run.device.name = "192.0.2.7".into();
    assert!(write(&run, false).contains("classname=\"192_0_2_7.RFC9293.3_5\""));
    assert!(write(&run, false).contains("classname=\"192_0_2_7.RFC7323.3\""));
}

#[test]
fn the_end_of_time_is_a_time() {
    let run = Run {
        started_unix_ms: u64::MAX,
        ..sample::green()
    };
    assert!(write(&run, false).contains("timestamp=\"9999-12-31T23:59:59"));
}

proptest! {
    #[test]
    fn no_text_makes_a_file_invalid(text in ".*", ns in any::<u64>()) {
        let mut case = sample::fail("CLOSING");
        case.mismatches[0].headline.clone_from(&text);
        case.mismatches[0].fields[2].remark = Some(text.clone());
        case.covers[0].sentence.clone_from(&text);
        let id = format!("3.6/{text}");
        let earlier = vec![case.clone()];
        let case = CaseRecord { id, wall_ns: ns, capture: Some(text), earlier, ..case };
        let xml = write(&sample::run_of(vec![case]), false);
        prop_assert_eq!(faults(&xml), Vec::<String>::new());
    }
}
