//! What the application on this kernel does and sees.

use super::*;

#[test]
fn the_application_sees_what_happens_to_its_connection() {
    let Some(mut tester) = started(Kind::available(), Family::V6, &plain(Family::V6)) else {
        return;
    };
    tester.establish();
    tester.send(Flags::ACK.with(Flags::PSH), b"hello");
    tester.sees(&Seen::Data(b"hello".to_vec()));
    tester.expect(Flags::ACK);
    tester.send(Flags::ACK.with(Flags::URG), b"now");
    tester.sees(&Seen::Urgent);
    let data = |seen: &VecDeque<Seen>| -> Vec<u8> {
        let octets = seen.iter().filter_map(|seen| match seen {
            Seen::Data(octets) => Some(octets.clone()),
            _ => None,
        });
        octets.flatten().collect()
    };
    assert!(
        tester.wait(Duration::from_secs(5), |tester| data(&tester.seen)
            == b"now")
    );
    tester.send(Flags::RST, &[]);
    tester.sees(&Seen::Reset);
    assert_eq!(tester.state(), State::Closed);
}

#[test]
fn urgent_data_is_announced_before_it_comes() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.establish();
    // The pointer of `segment` is the length of the payload: here it points behind what is sent.
    let (seq, ack) = (tester.snd_nxt, tester.rcv_nxt);
    let mut ahead = segment(tester.tuple, Flags::ACK.with(Flags::URG), seq, ack, &[], 0);
    ahead[38..40].copy_from_slice(&3_u16.to_be_bytes());
    let sum = u32::from(u16::from_be_bytes([ahead[36], ahead[37]]));
    let sum = ((sum + 0xffff - 3) % 0xffff) as u16;
    ahead[36..38].copy_from_slice(&sum.to_be_bytes());
    tester.kernel.inject(tester.now(), &ahead).unwrap();
    tester.sees(&Seen::Urgent);
    tester.send(Flags::ACK.with(Flags::URG), b"abc");
    let octets = |tester: &Tester| -> usize {
        let lengths = tester.seen.iter().map(|seen| match seen {
            Seen::Data(octets) => octets.len(),
            other => panic!("{other:?} was seen too"),
        });
        lengths.sum()
    };
    assert!(tester.wait(Duration::from_secs(5), |tester| octets(tester) == 3));
}

#[test]
fn a_refused_open_is_seen_as_such() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.call(&AppCall::Connect);
    tester.expect(Flags::SYN);
    tester.send(Flags::RST.with(Flags::ACK), &[]);
    tester.sees(&Seen::Refused);
    assert_eq!(tester.state(), State::Closed);
}

#[test]
fn an_abort_resets() {
    let Some(mut tester) = started(Kind::available(), Family::V4, &plain(Family::V4)) else {
        return;
    };
    tester.establish();
    tester.call(&AppCall::Abort);
    tester.expect(Flags::RST.with(Flags::ACK));
    assert_eq!(tester.state(), State::Closed);
}

#[test]
fn a_manual_application_only_does_what_it_is_told() {
    let manual = Setup {
        accepts: false,
        reads: false,
        ..plain(Family::V4)
    };
    let Some(mut tester) = started(Kind::available(), Family::V4, &manual) else {
        return;
    };
    tester.call(&AppCall::Listen { backlog: None });
    tester.send(Flags::SYN, &[]);
    tester.expect(SYN_ACK);
    tester.send(Flags::ACK, &[]);
    tester.send(Flags::ACK, b"abcdef");
    tester.expect(Flags::ACK);
    assert!(!tester.wait(Duration::from_millis(50), |tester| !tester.seen.is_empty()));
    tester.call(&AppCall::Accept);
    tester.sees(&Seen::Accepted);
    assert!(!tester.wait(Duration::from_millis(50), |tester| !tester.seen.is_empty()));
    tester.call(&AppCall::Recv(4));
    tester.sees(&Seen::Data(b"abcd".to_vec()));
    tester.call(&AppCall::Recv(4));
    tester.sees(&Seen::Data(b"ef".to_vec()));
    tester.call(&AppCall::Recv(4));
    tester.send(FIN_ACK, &[]);
    tester.sees(&Seen::Eof);
}

#[test]
fn the_window_offered_is_the_buffer_asked_for() {
    let set = SocketSettings {
        rcvbuf: Some(5_840),
        ..SocketSettings::default()
    };
    let setup = Setup {
        set,
        ..plain(Family::V4)
    };
    let Some(mut tester) = started(Kind::available(), Family::V4, &setup) else {
        return;
    };
    tester.call(&AppCall::Listen { backlog: None });
    tester.send(Flags::SYN, &[]);
    assert_eq!(tester.expect(SYN_ACK).wnd, 5_840);
}
