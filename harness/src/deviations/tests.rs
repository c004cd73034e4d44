use super::*;
use crate::spec::{self, Sources};
use rstest::rstest;
use tcpspec_reports::record::{Family, Level};

const LIST: &str = "
- case: 3.6/closing[state=TIME-WAIT]
  device: linux-*
  requirement: [MUST-13]
  symptom: \"step 2: none\"
  reason: the kernel has always done so
  expires: 2027-05-31
- case: 3.6/closing
  device: linux-*
  requirement: [MUST-13]
  symptom: \"invariant: window\"
  reason: rounding
  expires: 2027-05-31
";

fn list() -> Vec<Deviation> {
    read(LIST)
}

fn read(list: &str) -> Vec<Deviation> {
    let sources = Sources::embedded()
        .without_specs()
        .with_text("deviations/linux.yaml", list);
    let suite = spec::load(&sources).unwrap_or_else(|wrong| panic!("{wrong}"));
    suite.deviations().to_vec()
}

/// The record of a case that showed these symptoms.
pub(crate) fn record(id: &str, verdict: Verdict, symptoms: &[&str]) -> CaseRecord {
    let mismatch = |symptom: &&str| Mismatch {
        level: Level::Must,
        requirement: None,
        step: None,
        event: None,
        symptom: (*symptom).to_owned(),
        headline: String::new(),
        fields: Vec::new(),
    };
    CaseRecord {
        id: id.to_owned(),
        folder: "3.6-closing".to_owned(),
        section: "3.6".to_owned(),
        title: String::new(),
        family: Family::V4,
        params: Vec::new(),
        covers: Vec::new(),
        level: Level::Must,
        verdict,
        reason: None,
        known: None,
        attempts: 1,
        flaky: false,
        earlier: Vec::new(),
        unchecked: 0,
        assertions: 1,
        seed: 0,
        mismatches: symptoms.iter().map(mismatch).collect(),
        branches: Vec::new(),
        connections: Vec::new(),
        events: Vec::new(),
        device_ns: 0,
        wall_ns: 0,
        file: String::new(),
        capture: None,
    }
}

const TIME_WAIT: &str = "3.6/closing[state=TIME-WAIT,v4]";
const LAST_ACK: &str = "3.6/closing[state=LAST-ACK,v4]";

#[rstest]
#[case::foretold(&["step 2: none"], true, &["deviation::fixed"])]
#[case::both_foretold(&["step 2: none", "invariant: window"], true, &[])]
#[case::one_of_two_is_new(&["step 2: none", "step 3: none"], false, &["deviation::changed"])]
#[case::another_symptom(&["step 3: none"], false, &["deviation::changed", "deviation::changed"])]
fn a_case_is_known_if_all_its_differences_are(
    #[case] symptoms: &[&str],
    #[case] known: bool,
    #[case] findings: &[&str],
) {
    let mut records = [record(TIME_WAIT, Verdict::Fail, symptoms)];
    let able = [TIME_WAIT.to_owned()];
    let found = apply(
        &list(),
        "linux-6.18",
        "2026-11-21",
        Some(&able),
        &mut records,
    );
    assert_eq!(records[0].known.is_some(), known);
    assert_eq!(
        found
            .iter()
            .map(|found| found.code.as_str())
            .collect::<Vec<_>>(),
        findings
    );
}

#[test]
fn one_cause_may_show_in_several_ways() {
    let entries = read(
        "
- case: [\"3.6/closing[state=TIME-WAIT]\", 3.5/open]
  device: linux-*
  requirement: [MUST-13]
  symptom: [\"step 2: none\", \"step 4: none\"]
  reason: it is silent
  expires: 2027-05-31
",
    );
    assert_eq!(entries[0].requirements, ["MUST-13"]);
    assert_eq!(entries[0].symptoms_cited(), "`step 2: none` or 1 others");
    let mut records = [
        record(TIME_WAIT, Verdict::Fail, &["step 4: none"]),
        record("3.5/open[v4]", Verdict::Fail, &["step 2: none"]),
        record(LAST_ACK, Verdict::Fail, &["step 2: none"]),
    ];
    let found = apply(&entries, "linux-6.18", "2026-11-21", None, &mut records);
    let asked = records.map(|record| record.known.map(|known| known.requirements.join(" ")));
    let asked = asked.each_ref().map(Option::as_deref);
    assert_eq!(
        (asked, found.len()),
        ([Some("MUST-13"), Some("MUST-13"), None], 0)
    );
}

/// What is found if both cases of the suite can be played.
fn found(records: &mut [CaseRecord]) -> Vec<String> {
    let able = [TIME_WAIT, LAST_ACK].map(str::to_owned);
    let found = apply(&list(), "linux-6.18", "2026-11-21", Some(&able), records);
    found
        .iter()
        .map(|found| format!("{} {}", found.code, found.line))
        .collect()
}

#[rstest]
#[case::all_of_both(&[TIME_WAIT, LAST_ACK], &["deviation::fixed 2", "deviation::fixed 8"])]
#[case::all_of_the_first(&[TIME_WAIT], &["deviation::fixed 2"])]
#[case::a_part_of_the_second(&[LAST_ACK], &[])]
fn an_entry_is_gone_if_none_of_all_its_cases_shows_it(
    #[case] ran: &[&str],
    #[case] findings: &[&str],
) {
    let mut records: Vec<CaseRecord> = ran
        .iter()
        .map(|id| record(id, Verdict::Pass, &[]))
        .collect();
    assert_eq!(found(&mut records), findings);
}

#[test]
fn a_case_that_was_not_judged_may_show_it_yet() {
    let mut records = [
        record(TIME_WAIT, Verdict::Pass, &[]),
        record(LAST_ACK, Verdict::Inconclusive, &[]),
    ];
    assert_eq!(found(&mut records), ["deviation::fixed 2"]);
}

#[test]
fn where_nobody_knows_all_cases_nothing_is_gone() {
    let mut records = [record(TIME_WAIT, Verdict::Pass, &[])];
    assert!(apply(&list(), "linux-6.18", "2026-11-21", None, &mut records).is_empty());
}

#[test]
fn an_expired_entry_excuses_nothing() {
    let mut records = [record(LAST_ACK, Verdict::Deviates, &["invariant: window"])];
    let found = apply(&list(), "linux-6.18", "2027-06-01", None, &mut records);
    assert!(records[0].known.is_none());
    assert_eq!(found[0].code, "deviation::expired");
}

#[rstest]
#[case::other_device("freebsd-15", TIME_WAIT, Verdict::Fail)]
#[case::other_case("linux-6.18", "3.5/open[v4]", Verdict::Fail)]
#[case::unjudged("linux-6.18", TIME_WAIT, Verdict::Inconclusive)]
fn entries_that_do_not_apply_say_nothing(
    #[case] identity: &str,
    #[case] id: &str,
    #[case] verdict: Verdict,
) {
    let mut records = [record(id, verdict, &["step 2: none"])];
    assert!(apply(&list(), identity, "2026-11-21", None, &mut records).is_empty());
    assert!(records[0].known.is_none());
}
