//! Silences, and the time after the last step.

use super::*;

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
