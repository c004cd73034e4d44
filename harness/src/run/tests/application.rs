//! What the application sees, and what it is refused.

use super::*;

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
