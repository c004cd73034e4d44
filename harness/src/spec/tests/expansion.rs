//! What a spec unrolls to.

use super::super::case::{Case, Family, Level, Pattern, Verb};
use super::super::*;
use rstest::rstest;

/// The cases of a spec on a profile that claims `claims`.
fn cases(text: &str, claims: &[&str]) -> Vec<Case> {
    let sources = Sources::embedded().without_specs();
    let suite = load(&sources.with_text("3.6-closing/sample.yaml", text))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut profile = suite.profile("bundled").unwrap().clone();
    profile.claims = claims.iter().map(|claim| (*claim).to_owned()).collect();
    suite
        .cases(&profile, &[Family::V4, Family::V6])
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn spec(rest: &str) -> String {
    format!("spec: 1\ntitle: A sample\ncovers: [MUST-13]\n{rest}")
}

/// Number and verb of each of the spec's own steps, branches flattened.
fn line(case: &Case) -> Vec<String> {
    let mut all = Vec::new();
    visit::steps(&case.steps, &mut |step| {
        if step.preamble.is_none() {
            let verb = match &step.verb {
                Verb::Silence(time) => time.to_string(),
                Verb::State { state, .. } => state.name().to_owned(),
                Verb::Inject(inject) => format!("inject {}", inject.flags),
                Verb::Expect(_) => "expect".to_owned(),
                Verb::OneOf(_) => "one_of".to_owned(),
                other => format!("{other:?}"),
            };
            all.push(format!("{} {verb}", step.number));
        }
    });
    all
}

#[rstest]
#[case::repeat_of_a_range(
    "start: CLOSED\nsteps:\n  - repeat: {i: 2..3}\n    steps: [{silence: $i*1s}, {silence: 1s}]\n",
    &["1 2*1s", "2 1s", "3 3*1s", "4 1s"]
)]
#[case::repeat_of_a_list(
    "start: CLOSED\nsteps:\n  - repeat: {t: [2s, 4s]}\n    steps: [{silence: $t}]\n",
    &["1 2s", "2 4s"]
)]
#[case::repeats_nest(
    "start: CLOSED\nsteps:\n  - repeat: {i: 1..2}\n    steps:\n      - repeat: {j: [5, 6]}\n\
     \x20       steps: [{silence: ($i+$j)*1s}]\n",
    &["1 (1+5)*1s", "2 (1+6)*1s", "3 (2+5)*1s", "4 (2+6)*1s"]
)]
#[case::policy_of_the_profile(
    "start: CLOSED\nsteps:\n  - when: profile.rst_in_time_wait\n    close: [{state: CLOSED}]\n    \
     ignore: [{state: TIME-WAIT}]\n  - silence: 1s\n",
    &["1 CLOSED", "2 1s"]
)]
#[case::claim_of_the_profile(
    "start: CLOSED\nsteps:\n  - when: profile.sack\n    true: [{silence: 1s}]\n    \
     false: [{silence: 2s}]\n",
    &["1 1s"]
)]
#[case::branches(
    "start: CLOSED\nsteps:\n  - silence: 1s\n  - one_of:\n      - {as: x, steps: [{silence: 1s}, \
     {silence: 2s}]}\n      - {as: y, unless: sack, steps: [{silence: 3s}]}\n      \
     - {as: z, unless: ecn, steps: [{silence: 4s}]}\n  - silence: 5s\n",
    &["1 1s", "2 one_of", "2/x.1 1s", "2/x.2 2s", "2/z.1 4s", "3 5s"]
)]
fn the_straight_line(#[case] rest: &str, #[case] expected: &[&str]) {
    let cases = cases(&spec(rest), &["sack"]);
    assert_eq!(cases.len(), 2);
    assert_eq!(line(&cases[0]), expected);
}

#[test]
fn parameters_stand_anywhere() {
    let text = "spec: 1
title: A sample
covers: [SM-$cell.id-RST_EXACT]
cases:
  cell:
    - {name: one, id: ESTAB, at: {state: ESTABLISHED, via: active}, flags: FIN, seg: {flags: RST}}
    - {name: two, id: LISTEN, at: LISTEN, flags: SYN, seg: {flags: URG, seq: IRS}}
  n: [1, 2]
start: $cell.at
steps:
  - inject: {flags: $cell.flags-ACK, seq: RCV.NXT+$n}
  - inject: $cell.seg
  - silence: 1s
";
    let cases = cases(text, &[]);
    let ids: Vec<&str> = cases.iter().map(|case| &*case.id).collect();
    assert_eq!(
        ids[..3],
        [
            "3.6/sample[cell=one,n=1,v4]",
            "3.6/sample[cell=one,n=1,v6]",
            "3.6/sample[cell=one,n=2,v4]"
        ]
    );
    assert_eq!(cases.len(), 8);
    assert_eq!(cases[0].covers, ["SM-ESTAB-RST_EXACT"]);
    assert_eq!(
        line(&cases[0]),
        ["1 inject FIN,ACK", "2 inject RST", "3 1s"]
    );
    assert_eq!(
        line(&cases[7]),
        ["1 inject SYN,ACK", "2 inject URG", "3 1s"]
    );
    assert!(
        cases[0]
            .steps
            .iter()
            .any(|step| step.preamble.as_deref() == Some("ESTABLISHED"))
    );
}

#[rstest]
#[case("start: ESTABLISHED", 5)]
#[case("start: {state: ESTABLISHED, accept: manual}", 4)]
#[case("start: {state: ESTABLISHED, via: active}", 5)]
#[case("start: CLOSE-WAIT", 8)]
#[case("start: {state: CLOSE-WAIT, read: manual}", 7)]
#[case("start: CLOSED", 0)]
fn preambles_fit_the_application(#[case] start: &str, #[case] steps: usize) {
    let cases = cases(&spec(&format!("{start}\nsteps: [{{silence: 1s}}]\n")), &[]);
    let preamble = cases[0].steps.iter().filter(|step| step.preamble.is_some());
    assert_eq!(preamble.count(), steps);
}

#[rstest]
#[case("", Some("LINK.MSS"))]
#[case(", with: {mss: absent}", None)]
#[case(", with: {mss: 536, ws: 2}", Some("536"))]
fn options_of_the_handshake(#[case] with: &str, #[case] mss: Option<&str>) {
    let start = format!("start: {{state: ESTABLISHED{with}}}\nsteps: [{{silence: 1s}}]\n");
    let cases = cases(&spec(&start), &[]);
    let Verb::Inject(syn) = &cases[0].steps[1].verb else {
        panic!("no SYN")
    };
    assert_eq!(syn.mss.as_ref().map(ToString::to_string).as_deref(), mss);
    assert_eq!(syn.ws.is_some(), with.contains("ws"));
}

#[test]
fn what_is_not_claimed_is_skipped_by_name() {
    let text = spec("needs: [sack, rack]\nfamily: 6\nstart: CLOSED\nsteps: [{silence: 1s}]\n");
    let cases = cases(&text, &["sack"]);
    assert_eq!(cases.len(), 1);
    assert_eq!(
        cases[0].skip.as_deref(),
        Some("needs rack, which bundled does not claim")
    );
    assert_eq!(cases[0].needs, ["sack", "rack"]);
}

#[test]
fn defaults_are_filled_in_and_noted() {
    let text = spec(
        "level: should\nstart: ESTABLISHED\nsteps:\n  - inject: {flags: ACK}\n  - inject: \
         {flags: RST, wnd_raw: 1}\n  - expect: {flags: RST, data: any}\n",
    );
    let cases = cases(&text, &[]);
    let own: Vec<_> = cases[0]
        .steps
        .iter()
        .filter(|step| step.preamble.is_none())
        .collect();
    assert_eq!(cases[0].level, Level::Should);
    assert_eq!(own[0].defaults, ["seq", "ack", "wnd=65535"]);
    assert_eq!(own[1].defaults, ["seq"]);
    assert_eq!(own[2].defaults, ["seq"]);
    assert_eq!(
        own.iter().map(|step| step.line).collect::<Vec<_>>(),
        [7, 8, 9]
    );
    let Verb::Expect(expect) = &own[2].verb else {
        panic!("no expectation")
    };
    let case::Expected::Segment(segment) = &expect.what else {
        panic!("no segment")
    };
    assert_eq!(segment.ack, None);
    assert!(matches!(segment.seq, Some(Pattern::Is(_))));
    assert_eq!(segment.flags[0].mask, case::Flags(0x37));
}

#[test]
fn the_least_time_is_that_of_silences_and_timers() {
    let text = spec(
        "start: ESTABLISHED\nsteps:\n  - expect: {flags: ACK, as: x}\n  - expect: \
         {again: x, within: 4s}\n    should: {after: 1s, covers: SHLD-18}\n  - expect: \
         {again: x, after: 1.5*prev.after..3s}\n  - silence: 2*MSL\n",
    );
    assert_eq!(
        cases(&text, &[])[0].least_time.as_millis(),
        1000 + 1500 + 60_000
    );
}

#[test]
fn the_most_time_is_that_of_all_bounds() {
    let text = spec(
        "start: ESTABLISHED\nsteps:\n  - expect: {flags: ACK, as: x, within: 10s}\n  - expect: \
         {again: x, after: 1.5*prev.after..2.5*prev.after}\n  - silence: 2*MSL\n  - app: \
         timeout\n    within: 30m\n  - state: CLOSED\n    within: 3s\n",
    );
    assert_eq!(
        cases(&text, &[])[0].most_time.as_secs(),
        10 + 25 + 60 + 1800 + 3
    );
}

#[test]
fn an_id_belongs_to_one_file() {
    let text = spec("start: CLOSED\nsteps: [{silence: 1s}]\n");
    let sources = Sources::embedded()
        .without_specs()
        .with_text("3.6-closing/sample.yaml", &text)
        .with_text("3.6-other/sample.yaml", &text)
        .with_text("3.6-other/second.yml", &text);
    let codes: Vec<&str> = load(&sources)
        .unwrap_err()
        .0
        .iter()
        .map(|one| one.code)
        .collect();
    assert_eq!(codes, ["spec::duplicate-id", "spec::extension"]);
}

#[rstest]
#[case("3.6/sample", true)]
#[case("3.6/*", true)]
#[case("3.6/sample[v4]", true)]
#[case("3.6/sample[v6]", false)]
#[case("3.*[rst=inside]", true)]
#[case("3.6/sample[*,rst=in*]", true)]
#[case("3.6/sample[rst=outside]", false)]
#[case("3.6/sam", false)]
fn globs_of_cases(#[case] glob: &str, #[case] matches: bool) {
    let id = "3.6/sample[state=CLOSING,rst=inside,v4]";
    assert_eq!(CaseGlob::new(glob).unwrap().matches(id), matches);
}

/// What lint relies on: a spec of which it looks at one IP version only unrolls alike for both.
#[test]
fn only_icmp_and_the_link_tell_the_ip_versions_apart() {
    let suite = load(&Sources::embedded()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let profile = suite.profile("bundled").unwrap();
    let cases = suite.cases(profile, &[Family::V4, Family::V6]).unwrap();
    let mut looked = 0;
    for pair in cases.windows(2) {
        let spec = suite.specs().iter().find(|spec| spec.file == pair[0].file);
        let both = pair[0].file == pair[1].file && pair[0].params == pair[1].params;
        if both && lint::families(spec.unwrap()).len() == 1 {
            let own = |case: &Case| {
                let steps = case.steps.iter().filter(|step| step.preamble.is_none());
                steps.map(|step| format!("{step:?}")).collect::<Vec<_>>()
            };
            assert_eq!(own(&pair[0]), own(&pair[1]), "{}", pair[0].id);
            looked += 1;
        }
    }
    assert!(looked > 1000, "{looked} pairs");
}
