//! What the device reports of itself: states, fields of a connection, counters.

use super::*;

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
