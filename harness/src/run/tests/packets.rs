//! Packets that are more, or less, than one segment: fragments, and ICMP errors.

use super::fake::{self, Does, segment};
use super::*;
use crate::wire::{Body, Fault};

fn data(ip: InjectIp) -> Verb {
    Verb::Inject(Box::new(Inject {
        data: Some(Payload::Pattern(Expr::Number(100))),
        ip,
        ..ack()
    }))
}

fn piece(from: u16, to: Option<u16>) -> Piece {
    Piece {
        from,
        to,
        garbled: false,
        tos: None,
    }
}

#[test]
fn a_segment_in_fragments_counts_when_the_last_one_is_out() {
    let fragments = vec![piece(40, None), piece(0, Some(40))];
    let ip = InjectIp {
        fragments,
        ..InjectIp::default()
    };
    let case = opened([data(ip), Verb::Expect(Box::new(ack_expected()))]);
    let answer = (NOW, Does::Send(segment(bit::ACK, 1, 101)));
    let mut device = opening([vec![], vec![answer]]);
    let record = run(&case, &mut device);
    assert_eq!((record.verdict, record.mismatches), (Verdict::Pass, vec![]));
    let is_fragment = |packet: &crate::wire::Packet| packet.faults == [Fault::Fragment];
    let sent: Vec<bool> = device.injected.iter().map(is_fragment).collect();
    assert_eq!(sent, [false, false, true, true]);
}

/// Only the device knows its MSS: what is longer than the link carries shows when it is sent.
#[rstest]
#[case::it_fits(860, vec![], None)]
#[case::one_too_many(861, vec![], Some(1501))]
#[case::in_two_pieces(861, vec![piece(0, Some(800)), piece(800, None)], None)]
#[case::in_a_piece_that_is_too_long(900, vec![piece(0, None)], Some(1540))]
fn no_packet_is_longer_than_the_link_carries(
    #[case] more: i64,
    #[case] fragments: Vec<Piece>,
    #[case] octets: Option<usize>,
) {
    let sent = fragments.len().max(1);
    let ip = InjectIp {
        fragments,
        ..InjectIp::default()
    };
    let mut case = opened([data(ip)]);
    if let Verb::Inject(inject) = &mut case.steps[4].verb {
        let known_late = Expr::Sub(Box::new(var(Var::SndNxt)), Box::new(var(Var::Iss)));
        inject.data = Some(Payload::Pattern(plus(known_late, 599 + more)));
    }
    let mut device = opening([]);
    let record = run(&case, &mut device);
    let reason = octets.map(|octets| {
        format!(
            "step 5 (specs/3.5-by-hand/by-hand.yaml:1): this packet has {octets} octets, and the \
             link's MTU is 1500: nobody sends it in one; send less, or in `ip: {{fragments: \
             [{{from, to}}, …]}}`"
        )
    });
    assert_eq!(record.reason, reason);
    let verdict = octets.map_or(Verdict::Pass, |_| Verdict::Inconclusive);
    assert_eq!(record.verdict, verdict, "{:?}", record.mismatches);
    let sent = if octets.is_some() { 0 } else { sent };
    assert_eq!(device.injected.len(), 2 + sent, "after the handshake");
}

#[test]
fn a_packet_from_elsewhere_moves_nothing() {
    let ip = InjectIp {
        source: Some(IpEnd::Multicast),
        ..InjectIp::default()
    };
    let case = opened([data(ip), Verb::Expect(Box::new(ack_expected()))]);
    let answer = (NOW, Does::Send(segment(bit::ACK, 1, 1)));
    let mut device = opening([vec![answer]]);
    let record = run(&case, &mut device);
    assert_eq!((record.verdict, record.mismatches), (Verdict::Pass, vec![]));
    let ip = device.injected[2].ip.as_ref().unwrap();
    assert_eq!(ip.source.to_string(), "224.0.0.1");
}

#[rstest]
#[case(None, None, fake::ISS)]
#[case(Some(plus(var(Var::SndNxt), 5)), None, fake::ISS + 6)]
#[case(None, Some(8), fake::ISS)]
fn an_error_quotes_what_the_device_sent_last(
    #[case] seq: Option<Expr>,
    #[case] octets: Option<u16>,
    #[case] quoted: u32,
) {
    const ICMP_HEADER: usize = 20 + 8;
    let error = InjectIcmp {
        name: "frag-needed",
        kind: (3, 4),
        mtu: Some(Expr::Number(1000)),
        from: IcmpSender::Router,
        quote: Quote {
            seq,
            octets,
            ..Quote::default()
        },
        bad_checksum: false,
    };
    let case = opened([Verb::InjectIcmp(Box::new(error)), Verb::Silence(span(100))]);
    let mut device = opening([]);
    assert_eq!(run(&case, &mut device).verdict, Verdict::Pass);
    let packet = &device.injected[2];
    assert_eq!(packet.body, Body::Icmp { kind: 3, code: 4 });
    let ip = packet.ip.as_ref().unwrap();
    assert_eq!(ip.source.to_string(), "192.0.2.254");
    assert_eq!(packet.octets[26..28], 1000_u16.to_be_bytes());
    let quote = &packet.octets[ICMP_HEADER..];
    assert_eq!(quote[24..28], quoted.to_be_bytes());
    assert_eq!(quote.len(), 20 + usize::from(octets.unwrap_or(20)));
}

#[test]
fn nothing_is_quoted_before_the_device_has_sent_anything() {
    let error = InjectIcmp {
        name: "port-unreachable",
        kind: (3, 3),
        mtu: None,
        from: IcmpSender::Tester,
        quote: Quote::default(),
        bad_checksum: false,
    };
    let verbs = vec![Verb::InjectIcmp(Box::new(error)), Verb::Silence(span(100))];
    let record = run(&case(verbs), &mut Fake::new([]));
    assert_eq!(record.verdict, Verdict::Inconclusive);
    let reason = record.reason.unwrap_or_default();
    assert!(reason.contains("the device's last segment"), "{reason}");
}
