//! Requests to a service, and what it says without being asked.

use super::fake::{self, Does, Segment, segment};
use super::*;

/// A request of four octets that draws these.
fn request(reply: &[u8]) -> Verb {
    Verb::Inject(Box::new(Inject {
        data: Some(Payload::Text(b"PING".to_vec())),
        draws: Some(Draws::Text(reply.to_vec())),
        ..ack()
    }))
}

fn octets(count: i64) -> Verb {
    let mut pattern = pattern(Flags::ACK, is(var(Var::SndNxt)), is(var(Var::RcvNxt)));
    pattern.data = Some(DataPattern::Count(Pattern::Is(Expr::Number(count))));
    Verb::Expect(Box::new(expect(pattern)))
}

fn says(seq: u32, ack: u32, payload: &[u8]) -> Segment {
    Segment {
        payload: payload.to_vec(),
        ..segment(bit::ACK | bit::PSH, seq, ack)
    }
}

fn send(segment: Segment) -> (std::time::Duration, Does) {
    (NOW, Does::Send(segment))
}

#[rstest]
#[case::apart(vec![send(segment(bit::ACK, 1, 5)), send(says(1, 5, b"PONG"))], Verdict::Pass)]
#[case::together(vec![send(says(1, 5, b"PONG"))], Verdict::Pass)]
#[case::twice(
    vec![
        send(segment(bit::ACK, 1, 5)),
        send(segment(bit::ACK, 1, 5)),
        send(says(1, 5, b"PONG")),
    ],
    Verdict::Fail
)]
#[case::other_octets(vec![send(says(1, 5, b"PUNG"))], Verdict::Fail)]
#[case::too_few(vec![send(says(1, 5, b"PON"))], Verdict::Fail)]
#[case::not_all_is_acknowledged(vec![send(says(1, 4, b"PONG"))], Verdict::Fail)]
#[case::an_ack_of_less(
    vec![send(segment(bit::ACK, 1, 4)), send(says(1, 5, b"PONG"))],
    Verdict::Fail
)]
fn a_reply_is_the_data_that_a_spec_expects(#[case] does: Reaction, #[case] verdict: Verdict) {
    let case = opened([request(b"PONG"), octets(4)]);
    assert_eq!(run(&case, &mut opening([does])).verdict, verdict);
}

#[test]
fn times_are_not_counted_from_the_acknowledgment_of_a_request() {
    let mut late = expect(pattern(
        Flags::ACK,
        is(var(Var::SndNxt)),
        is(var(Var::RcvNxt)),
    ));
    late.after = Some(Pattern::Range(Some(span(150)), Some(span(250))));
    if let Expected::Segment(segment) = &mut late.what {
        segment.data = Some(DataPattern::Count(Pattern::Is(Expr::Number(4))));
    }
    let case = opened([request(b"PONG"), Verb::Expect(Box::new(late))]);
    let does = vec![
        (ms(40), Does::Send(segment(bit::ACK, 1, 5))),
        (ms(200), Does::Send(says(1, 5, b"PONG"))),
    ];
    assert_eq!(run(&case, &mut opening([does])).verdict, Verdict::Pass);
}

/// A request after which the service closes, and the FIN.
fn closing() -> Case {
    let request = Verb::Inject(Box::new(Inject {
        data: Some(Payload::Text(b"QUIT".to_vec())),
        draws: Some(Draws::Unsaid),
        ..ack()
    }));
    let fin = pattern(
        Flags::FIN.with(Flags::ACK),
        is(plus(var(Var::Iss), 1)),
        is(var(Var::RcvNxt)),
    );
    opened([
        request,
        Verb::Drain(Until::Fin),
        Verb::Expect(Box::new(expect(fin))),
    ])
}

const FIN: u8 = bit::FIN | bit::ACK;

#[test]
fn last_words_are_acknowledged_and_the_fin_is_left_to_the_spec() {
    let does = vec![
        send(says(1, 5, b"good")),
        send(says(5, 5, b"bye")),
        send(segment(FIN, 8, 5)),
    ];
    let mut device = opening([does]);
    assert_eq!(run(&closing(), &mut device).verdict, Verdict::Pass);
    let acks: Vec<u32> = device.injected[3..]
        .iter()
        .map(|packet| packet.tcp().unwrap().ack - fake::ISS)
        .collect();
    assert_eq!(acks, [5, 8], "and not the FIN");
}

#[rstest]
#[case::fin_out_of_place(vec![send(says(1, 5, b"bye")), send(segment(FIN, 5, 5))])]
#[case::text_with_the_fin(vec![send(Segment { flags: FIN, ..says(1, 5, b"bye") })])]
#[case::reset(vec![send(segment(bit::RST | bit::ACK, 1, 5))])]
#[case::nothing(vec![])]
fn a_service_that_does_not_close_as_it_is_told_proves_nothing(#[case] does: Reaction) {
    let record = run(&closing(), &mut opening([does]));
    assert_eq!(record.verdict, Verdict::Inconclusive);
    assert!(record.reason.unwrap().contains("the service"));
}

#[test]
fn a_wrong_fin_of_a_service_is_judged() {
    let does = vec![send(says(1, 5, b"bye")), send(segment(FIN, 4, 6))];
    assert_eq!(run(&closing(), &mut opening([does])).verdict, Verdict::Fail);
}

#[test]
fn a_greeting_is_no_part_of_what_a_spec_counts() {
    let greeting = Verb::Drain(Until::Text(b"\n".to_vec()));
    let case = opened([greeting, request(b"PONG"), octets(4)]);
    let device = &mut opening([]);
    *device = Fake::new([
        vec![send(segment(bit::SYN | bit::ACK, 0, 1))],
        vec![
            (NOW, Does::See(Seen::Accepted)),
            (NOW, Does::Be(State::Established)),
            send(says(1, 1, b"SSH-")),
            send(says(5, 1, b"2\n")),
        ],
        vec![],
        vec![],
        vec![send(says(7, 5, b"PONG"))],
    ]);
    assert_eq!(run(&case, device).verdict, Verdict::Pass);
}
