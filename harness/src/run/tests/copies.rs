//! Segments that come again, and what a SHOULD asks beside an `expect`.

use super::*;

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

#[rstest]
#[case::news(2, true, Verdict::Pass)]
#[case::no_news(1, true, Verdict::Fail)]
#[case::not_let_pass(2, false, Verdict::Fail)]
fn an_acknowledgment_may_come_with_a_copy(
    #[case] acknowledges: u32,
    #[case] retransmission: bool,
    #[case] verdict: Verdict,
) {
    let (mut verbs, mut device) = retransmitting(60_000);
    let text = Inject {
        data: Some(Payload::Pattern(Expr::Number(1))),
        ..ack()
    };
    verbs.extend([
        Verb::Inject(Box::new(text)),
        Verb::Expect(Box::new(ack_expected())),
    ]);
    let mut copy = segment(bit::ACK, 1, acknowledges);
    copy.payload = vec![0];
    device.then(vec![(ms(100), Does::Send(copy))]);
    let mut case = opened(verbs);
    case.ignore.retransmission = retransmission;
    assert_eq!(run(&case, &mut device).verdict, verdict);
}

/// After the data a segment that may stay away, then a RST that may not.
#[rstest]
#[case::in_time(&[(100, bit::ACK), (150, bit::RST)], "")]
#[case::stays_away(&[(250, bit::RST)], "")]
#[case::something_else(&[(100, bit::RST)], "")]
#[case::too_late(&[(250, bit::ACK)], "step 8: ctl ACK")]
#[case::twice(&[(100, bit::ACK), (150, bit::ACK)], "step 8: ctl ACK")]
#[case::nothing(&[], "step 8: none")]
fn a_segment_may_stay_away(#[case] sent: &[(u64, u8)], #[case] symptom: &str) {
    let (mut verbs, _) = retransmitting(0);
    let mut octet = segment(bit::ACK, 1, 1);
    octet.payload = vec![0];
    let later = sent
        .iter()
        .map(|&(pause, flags)| (ms(pause), Does::Send(segment(flags, 2, 1))));
    let does = [(NOW, Does::Send(octet))]
        .into_iter()
        .chain(later)
        .collect();
    let mut maybe = ack_expected();
    maybe.optional = true;
    maybe.after = Some(Pattern::Range(None, Some(span(200))));
    let mut reset = ack_expected();
    if let Expected::Segment(wanted) = &mut reset.what {
        wanted.flags[0].set = Flags::RST;
    }
    verbs.extend([maybe, reset].map(|one| Verb::Expect(Box::new(one))));
    let record = run(&opened(verbs), &mut opening([does]));
    let found = record
        .mismatches
        .first()
        .map(|found| found.symptom.as_str());
    assert_eq!(found.unwrap_or_default(), symptom);
}
