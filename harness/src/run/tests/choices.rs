//! `one_of`: which branch is taken.

use super::*;

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
