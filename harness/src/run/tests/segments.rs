//! What is expected of a segment, and what is always checked.

use super::*;

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
