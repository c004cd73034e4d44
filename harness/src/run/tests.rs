mod fake;
mod packets;
mod service;

use super::builders::*;
use crate::device::{Device, Seen};
use crate::drive::virtual_time::{play, play_out};
use crate::spec::case::*;
use crate::time::Instant;
use crate::wire::bit;
use fake::{Does, Fake, Reaction, segment};
use rstest::rstest;
use tcpspec_reports::record::{CaseRecord, Event, EventKind, Judged, Verdict};

const NOW: std::time::Duration = std::time::Duration::ZERO;

/// How a device answers the handshake, and then to what follows.
fn opening(then: impl IntoIterator<Item = Reaction>) -> Fake {
    let mut reactions = vec![
        vec![
            (NOW, Does::Send(segment(bit::SYN | bit::ACK, 0, 1))),
            (NOW, Does::Be(State::SynReceived)),
        ],
        vec![
            (NOW, Does::See(Seen::Accepted)),
            (NOW, Does::Be(State::Established)),
        ],
    ];
    reactions.extend(then);
    Fake::new(reactions)
}

fn run(case: &Case, device: &mut Fake) -> CaseRecord {
    play(case, &profile(), device, 7)
}

#[track_caller]
fn assert_found(record: &CaseRecord, symptom: &str, headline: &str) {
    let found: Vec<_> = record
        .mismatches
        .iter()
        .map(|one| (one.symptom.as_str(), one.headline.as_str()))
        .collect();
    assert_eq!(
        found,
        [(symptom, headline)],
        "{:?} {:?}",
        record.verdict,
        record.reason
    );
}

fn rst() -> Verb {
    Verb::Inject(Box::new(inject(
        Flags::RST,
        plus(var(Var::RcvNxt), 1),
        None,
    )))
}

fn challenge() -> Verb {
    Verb::Expect(Box::new(ack_expected()))
}

#[test]
fn a_passive_open_passes() {
    let case = opened([
        Verb::Silence(span(200)),
        Verb::State {
            state: State::Established,
            within: None,
        },
    ]);
    let mut device = opening([]);
    let record = run(&case, &mut device);
    assert_eq!((record.verdict, &record.reason), (Verdict::Pass, &None));
    assert_eq!((record.assertions, record.unchecked), (4, 0));
    assert_eq!(record.mismatches, []);
    assert_eq!(
        record.device_ns, 250_000_000,
        "200 ms of silence, then 50 ms open for replies"
    );
    assert_eq!(record.connections[0].iss, Some(fake::ISS));
    assert_eq!(
        record.connections[0].irs,
        device.injected[0].tcp().map(|tcp| tcp.seq)
    );
    let states: Vec<_> = record
        .events
        .iter()
        .filter_map(|event| event.state.as_deref())
        .collect();
    assert_eq!(
        states,
        ["SYN-RECEIVED", "SYN-RECEIVED", "ESTABLISHED", "ESTABLISHED"]
    );
}

#[test]
fn a_seed_is_replayed_exactly() {
    let case = opened([Verb::Silence(span(200))]);
    // All but the real time that it took.
    let timeless = |record| CaseRecord {
        wall_ns: 0,
        ..record
    };
    let [one, same] = [7, 7].map(|seed| play(&case, &profile(), &mut opening([]), seed));
    assert_eq!(timeless(one.clone()), timeless(same));
    let other = play(&case, &profile(), &mut opening([]), 8);
    assert_ne!(one.connections, other.connections);
}

#[test]
fn wrong_fields_are_named_in_the_words_of_the_rfc() {
    let wrong = vec![(NOW, Does::Send(segment(bit::ACK, 1, 2)))];
    let record = run(&opened([rst(), challenge()]), &mut opening([wrong]));
    assert_eq!(record.verdict, Verdict::Fail);
    assert_found(
        &record,
        "step 6: ack RCV.NXT+1",
        "ACK is RCV.NXT+1, expected RCV.NXT",
    );
    let ack = record.mismatches[0]
        .fields
        .iter()
        .find(|field| field.name == "ACK")
        .unwrap();
    assert_eq!(ack.remark.as_deref(), Some("one too high"));
    assert_eq!(
        record.mismatches[0].fields.len(),
        4,
        "CTL, SEQ, ACK and DATA were compared"
    );
}

#[test]
fn wrong_control_bits_come_first() {
    let wrong = vec![(NOW, Does::Send(segment(bit::RST | bit::ACK, 1, 2)))];
    let record = run(
        &opened([ack_of_nothing(), challenge()]),
        &mut opening([wrong]),
    );
    assert_found(
        &record,
        "step 6: ctl RST,ACK",
        "expected ACK, got RST,ACK; ACK is RCV.NXT+1",
    );
}

/// A segment below the window, which must draw an ACK.
fn ack_of_nothing() -> Verb {
    let seq = plus(var(Var::RcvNxt), -1);
    Verb::Inject(Box::new(inject(Flags::ACK, seq, Some(var(Var::SndNxt)))))
}

#[test]
fn a_reply_that_stays_out_fails() {
    let record = run(&opened([rst(), challenge()]), &mut opening([]));
    assert_found(
        &record,
        "step 6: none",
        "expected <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> within 1 s; the device stayed silent",
    );
    assert!(
        record
            .events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Missing { .. }))
    );
}

#[test]
fn a_broken_silence_fails_at_once() {
    let broken = vec![(ms(212), Does::Send(segment(bit::ACK, 1, 1)))];
    let record = run(
        &opened([rst(), Verb::Silence(span(500))]),
        &mut opening([broken]),
    );
    assert_found(
        &record,
        "step 6: silence broken by ACK",
        "expected silence for 500 ms; after 212 ms came <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>",
    );
    assert_eq!(record.device_ns, 212_000_000);
}

#[test]
fn a_segment_at_the_end_of_a_silence_does_not_break_it() {
    let late = vec![(ms(500), Does::Send(segment(bit::ACK, 1, 1)))];
    let case = opened([rst(), Verb::Silence(span(500)), challenge()]);
    assert_eq!(run(&case, &mut opening([late])).verdict, Verdict::Pass);
}

#[test]
fn an_unexpected_segment_after_the_last_step_fails() {
    let extra = vec![(ms(50), Does::Send(segment(bit::ACK, 1, 1)))];
    let record = run(&opened([rst()]), &mut opening([extra]));
    assert_found(
        &record,
        "end: unexpected ACK",
        "expected nothing more; after 50 ms came <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>",
    );
    let too_late = vec![(ms(51), Does::Send(segment(bit::ACK, 1, 1)))];
    assert_eq!(
        run(&opened([rst()]), &mut opening([too_late])).verdict,
        Verdict::Pass
    );
}

#[test]
fn the_application_sees_something_else() {
    let seen = vec![(NOW, Does::See(Seen::Eof))];
    let wait = Verb::App(AppWait {
        event: AppEvent::Reset,
        within: None,
    });
    let record = run(&opened([rst(), wait]), &mut opening([seen]));
    assert_found(
        &record,
        "step 6: app eof",
        "expected the application to see reset; it saw end of file",
    );
}

#[test]
fn a_state_that_is_not_reached_fails_after_the_reply_time() {
    let state = Verb::State {
        state: State::CloseWait,
        within: None,
    };
    let record = run(&opened([rst(), state.clone()]), &mut opening([]));
    assert_found(
        &record,
        "step 6: state ESTABLISHED",
        "expected CLOSE-WAIT, the device reports ESTABLISHED",
    );
    assert_eq!(record.device_ns, 50_000_000);
    let reached = vec![(ms(49), Does::Be(State::CloseWait))];
    assert_eq!(
        run(&opened([rst(), state]), &mut opening([reached])).verdict,
        Verdict::Pass
    );
}

/// A timer of 3 s whose lower bound is a state between two silences: 12.5 % + 25 ms and the reply
/// time of 50 ms are let pass of all 3 s, not of the last one.
#[rstest]
#[case::as_late_as_may_be(3449, Verdict::Pass)]
#[case::too_late(3451, Verdict::Fail)]
fn successive_silences_are_one_wait(#[case] at: u64, #[case] verdict: Verdict) {
    let state = |state| Verb::State {
        state,
        within: None,
    };
    let case = opened([
        rst(),
        Verb::Silence(span(2000)),
        state(State::Established),
        Verb::Silence(span(1000)),
        state(State::Closed),
    ]);
    let mut profile = profile();
    profile.slack.late = ms(25);
    profile.slack.late_permille = 125;
    let closes = vec![(ms(at), Does::Be(State::Closed))];
    assert_eq!(
        play(&case, &profile, &mut opening([closes]), 7).verdict,
        verdict
    );
}

#[test]
fn a_device_that_cannot_tell_leaves_a_state_unchecked() {
    let state = Verb::State {
        state: State::CloseWait,
        within: None,
    };
    let record = run(&opened([state]), &mut opening([]).mute());
    assert_eq!(
        (record.verdict, record.assertions, record.unchecked),
        (Verdict::Pass, 3, 1)
    );
}

#[test]
fn an_always_checked_rule_fails_wherever_it_is_broken() {
    let mut bad = segment(bit::ACK, 1, 1);
    bad.bad_checksum = true;
    let record = run(
        &opened([rst(), challenge()]),
        &mut opening([vec![(NOW, Does::Send(bad))]]),
    );
    assert_eq!(record.verdict, Verdict::Fail);
    assert_eq!(record.mismatches[0].symptom, "invariant: checksum");
    let headline = &record.mismatches[0].headline;
    assert!(headline.starts_with("bad TCP checksum 0x"), "{headline}");
    assert!(headline.ends_with(" (MUST-2)"), "{headline}");
}

#[test]
fn a_rule_can_be_switched_off_by_name() {
    let mut bad = segment(bit::ACK, 1, 1);
    bad.bad_checksum = true;
    let mut case = opened([rst(), challenge()]);
    case.except.push("checksum".to_owned());
    let record = run(&case, &mut opening([vec![(NOW, Does::Send(bad))]]));
    assert_eq!(record.verdict, Verdict::Pass, "{:?}", record.mismatches);
}

#[test]
fn a_failing_preamble_is_inconclusive() {
    let mut case = opened([rst()]);
    for step in &mut case.steps {
        step.preamble = Some("ESTABLISHED".into());
    }
    let record = run(&case, &mut Fake::new([]));
    assert_eq!(record.verdict, Verdict::Inconclusive);
    assert_eq!(
        record.reason.as_deref(),
        Some(
            "could not reach ESTABLISHED: expected <SEQ=any><ACK=IRS+1><CTL=SYN,ACK> within 1 s; \
             the device stayed silent"
        ),
    );
    assert_eq!(record.assertions, 0);
}

#[test]
fn a_refused_call_is_recorded_and_not_judged() {
    let record = run(&opened([call(Call::Accept)]), &mut opening([]));
    assert_eq!(record.verdict, Verdict::Pass);
    let refused = |kind: &EventKind| match kind {
        EventKind::Call { refused, .. } => refused.clone(),
        _ => None,
    };
    let refusals: Vec<String> = record
        .events
        .iter()
        .filter_map(|e| refused(&e.kind))
        .collect();
    assert_eq!(refusals, ["nothing to accept"]);
}

/// The device refuses every `accept` and carries out all else.
#[rstest]
#[case::must_and_did(Call::Accept, Refusal::Must, Verdict::Pass, 1)]
#[case::must_and_did_not(Call::Abort, Refusal::Must, Verdict::Fail, 1)]
#[case::must_not_and_did(Call::Accept, Refusal::MustNot, Verdict::Fail, 1)]
#[case::must_not_and_did_not(Call::Abort, Refusal::MustNot, Verdict::Pass, 1)]
#[case::may_and_did(Call::Accept, Refusal::May, Verdict::Pass, 0)]
#[case::may_and_did_not(Call::Abort, Refusal::May, Verdict::Pass, 0)]
fn a_refusal_is_judged_as_the_spec_says(
    #[case] call: Call,
    #[case] refusal: Refusal,
    #[case] verdict: Verdict,
    #[case] assertions: u32,
) {
    let step = Verb::Call {
        call,
        refused: Some(refusal),
    };
    let record = run(&case(vec![step]), &mut Fake::new([]));
    assert_eq!((record.verdict, record.assertions), (verdict, assertions));
}

#[test]
fn a_call_that_is_carried_out_although_it_must_be_refused_is_found() {
    let data = Payload::Pattern(Expr::Number(1));
    let send = Call::Send {
        data,
        urgent: false,
    };
    let step = Verb::Call {
        call: send,
        refused: Some(Refusal::Must),
    };
    let record = run(&case(vec![step]), &mut Fake::new([]));
    let headline = "expected the device to refuse `send 1`; it was carried out";
    assert_found(&record, "step 1: send not refused", headline);
    let event = record.mismatches[0].event.expect("the call is cited");
    assert!(matches!(
        record.events[event].kind,
        EventKind::Call { refused: None, .. }
    ));
}

#[test]
fn a_preamble_may_be_refused_what_it_says() {
    let refused = Some(Refusal::May);
    let mut case = case(vec![Verb::Call {
        call: Call::Accept,
        refused,
    }]);
    case.steps[0].preamble = Some("LISTEN".into());
    assert_eq!(run(&case, &mut Fake::new([])).verdict, Verdict::Pass);
}

#[test]
fn a_refused_call_in_a_preamble_is_inconclusive() {
    let mut case = case(vec![call(Call::Accept)]);
    case.steps[0].preamble = Some("LISTEN".into());
    let record = run(&case, &mut Fake::new([]));
    assert_eq!(
        (record.verdict, record.reason.as_deref()),
        (
            Verdict::Inconclusive,
            Some("could not reach LISTEN: the device refused `accept`: nothing to accept")
        ),
    );
}

#[test]
fn segments_at_the_instant_of_the_verdict_are_recorded() {
    let two = vec![
        (NOW, Does::Send(segment(bit::RST, 1, 0))),
        (NOW, Does::Send(segment(bit::ACK, 1, 1))),
    ];
    let record = run(
        &opened([ack_of_nothing(), challenge()]),
        &mut opening([two]),
    );
    let judged: Vec<Judged> = record
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Received { judged, .. } => Some(*judged),
            _ => None,
        })
        .collect();
    assert_eq!(
        judged,
        [Judged::Matched, Judged::Mismatched, Judged::AfterVerdict]
    );
}

fn again(name: &str, after: Pattern) -> Expect {
    Expect {
        what: Expected::Again(name.to_owned()),
        after: Some(after),
        ..ack_expected()
    }
}

/// The device sends one octet of the pattern, and once more after `pause`.
fn retransmitting(pause: u64) -> (Vec<Verb>, Fake) {
    let mut octet = segment(bit::ACK, 1, 1);
    octet.payload = vec![0];
    let copy = octet.clone();
    let mut first = ack_expected();
    if let Expected::Segment(pattern) = &mut first.what {
        pattern.data = Some(DataPattern::Count(is(Expr::Number(1))));
    }
    first.name = Some("first".to_owned());
    let send = Call::Send {
        data: Payload::Pattern(Expr::Number(1)),
        urgent: false,
    };
    let device = opening([vec![
        (NOW, Does::Send(octet)),
        (ms(pause), Does::Send(copy)),
    ]]);
    (vec![call(send), Verb::Expect(Box::new(first))], device)
}

#[rstest]
#[case::too_early(200, "too early", "retransmitted after 0.20 s")]
#[case::too_late(
    1400,
    "none",
    "expected `first` again within 1 s; the device stayed silent"
)]
#[case::early_enough(950, "", "")]
#[case::late_enough(1149, "", "")]
fn a_retransmission_has_a_lower_and_an_upper_bound(
    #[case] pause: u64,
    #[case] symptom: &str,
    #[case] headline: &str,
) {
    let (mut verbs, mut device) = retransmitting(pause);
    verbs.push(Verb::Expect(Box::new(again("first", is(span(1000))))));
    let mut profile = profile();
    profile.slack.early = ms(50);
    profile.slack.late = ms(25);
    profile.slack.late_permille = 125;
    let record = play(&opened(verbs), &profile, &mut device, 7);
    let Some(found) = record.mismatches.first() else {
        assert_eq!((record.verdict, symptom), (Verdict::Pass, ""));
        return;
    };
    assert_eq!(found.symptom, format!("step 7: {symptom}"));
    assert!(found.headline.starts_with(headline), "{}", found.headline);
    if symptom == "too early" {
        let slack = "; expected 1 s (0.95 … 1.15 s with this device's slack)";
        assert!(found.headline.ends_with(slack), "{}", found.headline);
    }
}

#[test]
fn a_should_beside_an_expect_is_judged_apart() {
    let (mut verbs, mut device) = retransmitting(200);
    let mut copy = again("first", Pattern::Range(None, Some(span(1000))));
    copy.should = Some(ShouldPart {
        segment: Box::default(),
        after: Some(is(span(1000))),
        covers: "RFC6298-2-1".to_owned(),
    });
    verbs.extend([Verb::Expect(Box::new(copy)), Verb::Silence(span(100))]);
    let record = run(&opened(verbs), &mut device);
    assert_eq!(record.verdict, Verdict::Deviates);
    let found = &record.mismatches[0];
    assert_eq!(found.requirement.as_deref(), Some("RFC6298-2-1"));
    assert_eq!(found.symptom, "step 7: too early");
    let silence = |event: &Event| matches!(event.kind, EventKind::Silence { .. });
    assert!(record.events.iter().any(silence), "the case went on");
}

#[test]
fn a_should_that_stays_out_does_not_take_the_next_segment() {
    let ack = vec![(NOW, Does::Send(segment(bit::ACK, 1, 1)))];
    let mut reset = ack_expected();
    if let Expected::Segment(wanted) = &mut reset.what {
        wanted.flags[0].set = Flags::RST;
    }
    let mut case = opened([ack_of_nothing(), Verb::Expect(Box::new(reset)), challenge()]);
    case.steps[5].should = Some("SHLD-3".to_owned());
    let record = run(&case, &mut opening([ack]));
    assert_eq!(record.verdict, Verdict::Deviates, "{:?}", record.mismatches);
    assert_eq!(record.mismatches[0].symptom, "step 6: ctl ACK");
}

#[rstest]
#[case::let_pass(true, Verdict::Pass)]
#[case::not_named(false, Verdict::Fail)]
fn a_copy_may_be_let_pass_only_by_name(#[case] retransmission: bool, #[case] verdict: Verdict) {
    let (mut verbs, mut device) = retransmitting(200);
    verbs.push(Verb::Silence(span(500)));
    let mut case = opened(verbs);
    case.ignore.retransmission = retransmission;
    assert_eq!(run(&case, &mut device).verdict, verdict);
}

/// The two answers to a RST inside the window.
fn either() -> Verb {
    let branch = |name: &str, verbs: Vec<Verb>| Branch {
        name: name.to_owned(),
        steps: verbs
            .into_iter()
            .map(|verb| step(&format!("6/{name}"), verb))
            .collect(),
    };
    let reset = AppWait {
        event: AppEvent::Reset,
        within: None,
    };
    Verb::OneOf(vec![
        branch("rfc5961", vec![challenge(), Verb::Silence(span(100))]),
        branch("rfc793", vec![Verb::App(reset), Verb::Silence(span(100))]),
    ])
}

#[rstest]
#[case::by_segment(Does::Send(segment(bit::ACK, 1, 1)), "step 6: rfc5961")]
#[case::by_application(Does::See(Seen::Reset), "step 6: rfc793")]
fn the_first_thing_that_happens_decides(#[case] does: Does, #[case] branch: &str) {
    let record = run(
        &opened([rst(), either()]),
        &mut opening([vec![(ms(3), does)]]),
    );
    assert_eq!(
        (record.verdict, record.branches),
        (Verdict::Pass, vec![branch.to_owned()])
    );
}

#[test]
fn what_no_branch_expects_fails() {
    let wrong = vec![(NOW, Does::Send(segment(bit::ACK, 1, 3)))];
    let record = run(&opened([rst(), either()]), &mut opening([wrong]));
    assert_found(
        &record,
        "step 6: ack RCV.NXT+2",
        "ACK is RCV.NXT+2, expected RCV.NXT",
    );
    let record = run(&opened([rst(), either()]), &mut opening([]));
    let headline = "expected one of rfc5961, rfc793; none of them happened";
    assert_found(&record, "step 6: none", headline);
}

#[rstest]
#[case::segment(
    0,
    "expected <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> within 1 s; the device stayed silent"
)]
#[case::event(1, "expected the application to see reset; it saw nothing")]
fn a_choice_with_one_branch_left_says_what_is_missing(
    #[case] branch: usize,
    #[case] headline: &str,
) {
    let Verb::OneOf(mut branches) = either() else {
        unreachable!("a choice")
    };
    branches.swap(0, branch);
    branches.truncate(1);
    let record = run(&opened([rst(), Verb::OneOf(branches)]), &mut opening([]));
    assert_found(&record, "step 6: none", headline);
}

#[test]
fn payload_out_of_place_is_seen() {
    let mut octets = segment(bit::ACK, 1, 1);
    octets.payload = vec![0, 1, 3];
    let mut data = ack_expected();
    if let Expected::Segment(pattern) = &mut data.what {
        pattern.data = Some(DataPattern::Count(is(Expr::Number(3))));
    }
    let send = Call::Send {
        data: Payload::Pattern(Expr::Number(3)),
        urgent: false,
    };
    let case = opened([call(send), Verb::Expect(Box::new(data))]);
    let record = run(&case, &mut opening([vec![(NOW, Does::Send(octets))]]));
    assert_found(
        &record,
        "step 6: data content",
        "DATA is 3, but octet 2 is 0x03, 0x02 belongs there",
    );
}

#[test]
fn a_value_that_is_not_there_is_the_fault_of_the_spec() {
    let early = Verb::Check(Comparison {
        left: var(Var::Iss),
        operator: Operator::Equal,
        right: is(var(Var::SndNxt)),
        text: "ISS == SND.NXT".to_owned(),
    });
    let record = run(&case(vec![early]), &mut Fake::new([]));
    assert_eq!(record.verdict, Verdict::Inconclusive);
    let reason = "step 1 (specs/3.5-by-hand/by-hand.yaml:1): ISS has no value yet at this step";
    assert_eq!(record.reason.as_deref(), Some(reason));
}

#[rstest]
#[case(14_600, Verdict::Pass, "")]
#[case(10, Verdict::Fail, "expected cwnd to be 10, the device reports 14600")]
fn what_the_device_reports_is_compared(
    #[case] wanted: i64,
    #[case] verdict: Verdict,
    #[case] headline: &str,
) {
    let cwnd = ("cwnd".to_owned(), is(Expr::Number(wanted)));
    let rto = ("rto".to_owned(), Pattern::Any);
    let record = run(&opened([Verb::Info(vec![rto, cwnd])]), &mut opening([]));
    let found = record
        .mismatches
        .first()
        .map_or("", |found| found.headline.as_str());
    assert_eq!(
        (record.verdict, found, record.unchecked),
        (verdict, headline, 1)
    );
}

#[test]
fn a_counter_counts_from_the_start_of_the_case() {
    let moved = ("challenge_acks".to_owned(), is(Expr::Number(2)));
    let record = run(&opened([Verb::Counter(vec![moved])]), &mut opening([]));
    assert_eq!(record.verdict, Verdict::Pass, "{:?}", record.mismatches);
}

#[rstest]
#[case(&[], Verdict::Pass)]
#[case(&[[100, 200]], Verdict::Pass)]
#[case(&[[100, 200], [300, 400]], Verdict::Pass)]
#[case(&[[100, 201]], Verdict::Fail)]
#[case(&[[300, 400], [100, 200]], Verdict::Fail)]
fn of_a_sack_option_the_first_block_may_count_alone(
    #[case] blocks: &[[u32; 2]],
    #[case] verdict: Verdict,
) {
    let mut ack = segment(bit::ACK, 1, 1);
    if !blocks.is_empty() {
        let edges = blocks
            .as_flattened()
            .iter()
            .flat_map(|edge| edge.to_be_bytes());
        ack.options = vec![1, 1, 5, 2 + 8 * blocks.len() as u8];
        ack.options.extend(edges);
    }
    let mut wanted = ack_expected();
    if let Expected::Segment(wanted) = &mut wanted.what {
        let [from, to] = [100, 200].map(|edge| is(Expr::Number(edge)));
        wanted.sack = Some(SackPattern::First(from, to));
    }
    let mut case = opened([ack_of_nothing(), Verb::Expect(Box::new(wanted))]);
    case.except = vec!["sack".to_owned()];
    let record = run(&case, &mut opening([vec![(NOW, Does::Send(ack))]]));
    assert_eq!(record.verdict, verdict, "{:?}", record.mismatches);
    let symptoms = record.mismatches.iter().map(|one| one.symptom.as_str());
    assert!(
        symptoms
            .into_iter()
            .all(|one| one == "step 6: sack first block")
    );
}

#[test]
fn a_late_tester_proves_no_failure() {
    let play_in_doubt = |case: &Case, device: &mut Fake| {
        let profile = profile();
        let mut runner = crate::run::Runner::new(case, &profile, device.link(), 7);
        let mut now = Instant::START;
        play_out(&mut runner, device, &mut now).unwrap();
        runner.doubt("the tester was 20 ms late".to_owned());
        runner.finish(now).verdict
    };
    let failing = opened([rst(), challenge()]);
    assert_eq!(
        play_in_doubt(&failing, &mut opening([])),
        Verdict::Inconclusive
    );
    assert_eq!(play_in_doubt(&opened([]), &mut opening([])), Verdict::Pass);
}
