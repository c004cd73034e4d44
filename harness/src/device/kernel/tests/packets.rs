//! Packets to this kernel and from it.

use super::*;

#[rstest]
fn a_hand_made_syn_is_answered_and_nothing_else_is_said(
    #[values(Kind::Tun, Kind::Veth)] kind: Kind,
    #[values(Family::V4, Family::V6)] family: Family,
) {
    let Some(mut tester) = started(kind, family, &plain(family)) else {
        return;
    };
    tester.quiet(Duration::from_millis(100));
    tester.call(&AppCall::Listen { backlog: None });
    let before = tester.now();
    let on_link = tester.send(Flags::SYN, &[]);
    assert!(before <= on_link && on_link <= tester.now());
    assert_eq!(tester.state(), State::SynReceived);
    let got = tester.expect(SYN_ACK);
    assert_eq!(got.ack, ISS + 1);
    assert_eq!(tester.kernel.dropped(), 0);
}

#[rstest]
fn a_wrong_checksum_is_not_mended_on_the_way(#[values(Kind::Tun, Kind::Veth)] kind: Kind) {
    let Some(mut tester) = started(kind, Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.call(&AppCall::Listen { backlog: None });
    let bad = segment(tester.tuple, Flags::SYN, ISS, 0, &[], 1);
    tester.kernel.inject(tester.now(), &bad).unwrap();
    tester.quiet(Duration::from_millis(50));
    assert_eq!(
        tester.kernel.counter(Instant::START, "TcpInCsumErrors"),
        Some(1)
    );
}

#[test]
fn large_sends_arrive_as_finished_segments() {
    let Some(mut tester) = started(Kind::Veth, Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.establish();
    tester.call(&AppCall::Send {
        data: vec![7; 5_000],
        urgent: false,
    });
    tester.sees(&Seen::Sent(5_000));
    let mut total = 0;
    while total < 5_000 {
        // Without an MSS option the kernel has to assume 536 octets.
        let got = tester.expect(Flags::ACK);
        assert!(got.payload.len() <= 536, "{}", got.payload.len());
        total += got.payload.len();
        tester.send(Flags::ACK, &[]);
    }
}
