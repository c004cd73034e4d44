//! What this kernel tells of its connections.

use super::*;

#[rstest]
fn all_eleven_states_are_told(
    #[values(Kind::Tun, Kind::Veth)] kind: Kind,
    #[values(Family::V4, Family::V6)] family: Family,
) {
    let Some(mut tester) = started(kind, family, &plain(family)) else {
        return;
    };
    assert_eq!(tester.state(), State::Closed);
    tester.call(&AppCall::Listen { backlog: None });
    assert_eq!(tester.state(), State::Listen);
    tester.send(Flags::SYN, &[]);
    assert_eq!(tester.state(), State::SynReceived);
    tester.expect(SYN_ACK);
    tester.send(Flags::ACK, &[]);
    assert_eq!(tester.state(), State::Established);
    tester.sees(&Seen::Accepted);
    tester.send(FIN_ACK, &[]);
    assert_eq!(tester.state(), State::CloseWait);
    tester.expect(Flags::ACK);
    tester.sees(&Seen::Eof);
    tester.call(&AppCall::ShutdownWrite);
    assert_eq!(tester.state(), State::LastAck);
    tester.expect(FIN_ACK);
    tester.send(Flags::ACK, &[]);
    assert_eq!(tester.state(), State::Closed);
}

#[test]
fn a_reset_in_syn_received_returns_to_listen() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.call(&AppCall::Listen { backlog: None });
    tester.send(Flags::SYN, &[]);
    tester.expect(SYN_ACK);
    assert_eq!(tester.state(), State::SynReceived);
    tester.send(Flags::RST, &[]);
    assert_eq!(tester.state(), State::Listen);
}

#[rstest]
fn closing_first_goes_through_the_other_states(
    #[values(Family::V4, Family::V6)] family: Family,
    #[values(true, false)] at_the_same_time: bool,
) {
    let Some(mut tester) = started(Kind::available(), family, &plain(family)) else {
        return;
    };
    tester.call(&AppCall::Connect);
    assert_eq!(tester.state(), State::SynSent);
    tester.expect(Flags::SYN);
    tester.send(SYN_ACK, &[]);
    tester.expect(Flags::ACK);
    tester.sees(&Seen::Connected);
    tester.call(&AppCall::ShutdownWrite);
    assert_eq!(tester.state(), State::FinWait1);
    let before_fin = tester.rcv_nxt;
    tester.expect(FIN_ACK);
    if at_the_same_time {
        let after_fin = std::mem::replace(&mut tester.rcv_nxt, before_fin);
        tester.send(FIN_ACK, &[]);
        assert_eq!(tester.state(), State::Closing);
        tester.rcv_nxt = after_fin;
        tester.send(Flags::ACK, &[]);
    } else {
        tester.send(Flags::ACK, &[]);
        assert_eq!(tester.state(), State::FinWait2);
        tester.send(FIN_ACK, &[]);
    }
    assert_eq!(tester.state(), State::TimeWait);
    tester.sees(&Seen::Eof);
}

#[test]
fn a_closed_connection_lingers_without_its_application() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.establish();
    tester.call(&AppCall::Close);
    tester.expect(FIN_ACK);
    tester.send(Flags::ACK, &[]);
    assert_eq!(tester.state(), State::FinWait2);
    let refused = tester
        .kernel
        .call(Instant::START, A, &AppCall::ShutdownWrite);
    assert!(matches!(refused, Err(Refused::Failed(why)) if why.contains("ENOTCONN")));
}

#[test]
fn status_and_counters_are_the_connections_own() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.establish();
    let info = |tester: &mut Tester, field| tester.kernel.info(Instant::START, A, field);
    assert_eq!(info(&mut tester, "cwnd"), Some(5_360));
    assert_eq!(info(&mut tester, "retransmits"), Some(0));
    assert_eq!(info(&mut tester, "nonsense"), None);
    let challenges = |tester: &mut Tester| {
        tester
            .kernel
            .counter(Instant::START, "TCPChallengeACK")
            .unwrap()
    };
    assert_eq!(challenges(&mut tester), 0);
    tester.send(Flags::SYN, &[]);
    assert_eq!(challenges(&mut tester), 1);
}

#[test]
fn a_connection_belongs_to_the_youngest_owner_of_its_tuple() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.establish();
    tester.call(&AppCall::Abort);
    tester.expect(Flags::RST.with(Flags::ACK));
    let b = ConnId(1);
    tester.kernel.attach(b, tester.tuple);
    tester.snd_nxt = 9_000;
    tester.send(Flags::SYN, &[]);
    tester.expect(SYN_ACK);
    tester.send(Flags::ACK, &[]);
    let now = tester.now();
    let seen = tester.kernel.poll(now).unwrap();
    assert_eq!(
        seen,
        Some(Output::App {
            conn: b,
            event: Seen::Accepted
        })
    );
}
