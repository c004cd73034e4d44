//! How connections begin and end, beside the cells of the matrix.

use super::millis;
use super::testing::{Established, Pair, Probe, Seen, Side, segment, syn};
use crate::WireWindow;
use crate::segment::{Control, Segment, SynOptions, Timestamps};
use crate::seq::SeqNum;
use crate::{
    AcceptOverflow, CallError, CloseReason, Config, Event, IcmpHard, SocketOptions, State, SynFin,
    SynInTimeWait,
};
use rstest::rstest;
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn both_sides_may_open_at_once() {
    let mut pair = Pair::new(&Config::default());
    let (a, b): (SocketAddr, SocketAddr) = (
        "10.0.0.1:1000".parse().expect("an address"),
        "10.0.0.2:2000".parse().expect("an address"),
    );
    let now = pair.now;
    let id_a = pair
        .a
        .connect(now, a, b, SocketOptions::default())
        .expect("free");
    let id_b = pair
        .b
        .connect(now, b, a, SocketOptions::default())
        .expect("free");
    pair.run(millis(900));
    assert_eq!(pair.events(Side::A), [Event::Connected { id: id_a }]);
    assert_eq!(pair.events(Side::B), [Event::Connected { id: id_b }]);
    assert_eq!(pair.summary(Side::A), ["S", "SA", "A"]);
}

#[test]
fn both_sides_may_close_at_once() {
    let mut pair = Pair::new(&Config::default());
    let (a, b, _) = pair.connect();
    let now = pair.now;
    pair.a.shutdown_write(now, a).expect("open");
    pair.b.shutdown_write(now, b).expect("open");
    pair.run(millis(15));
    assert_eq!(
        pair.a.status(pair.now, a).expect("owned").state,
        State::Closing
    );
    pair.run(millis(100));
    assert_eq!(
        pair.a.status(pair.now, a).expect("owned").state,
        State::TimeWait
    );
    assert_eq!(
        pair.b.status(pair.now, b).expect("owned").state,
        State::TimeWait
    );
}

#[test]
fn a_connection_to_a_closed_port_is_refused() {
    let mut pair = Pair::new(&Config::default());
    let (a, b) = (
        SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::from(([10, 0, 0, 2], 9)),
    );
    let now = pair.now;
    let id = pair
        .a
        .connect(now, a, b, SocketOptions::default())
        .expect("free");
    pair.run(millis(100));
    let end = Event::Closed {
        id,
        reason: CloseReason::Refused,
    };
    assert_eq!(pair.events(Side::A), [end]);
    let now = pair.now;
    assert_eq!(pair.a.recv(now, id, &mut [0; 9]), Err(CallError::Refused));
    assert_eq!(pair.a.close(now, id), Ok(()));
    assert_eq!(
        pair.a.recv(now, id, &mut [0; 9]),
        Err(CallError::NotConnected)
    );
}

#[test]
fn half_closed_the_other_direction_goes_on() {
    let mut conn = Established::new(Config::default());
    conn.shutdown();
    conn.sent();
    conn.ack(1);
    conn.say(Control::None, b"still here");
    assert_eq!(conn.recv(99), Ok(b"still here".to_vec()));
    let (now, id) = (conn.now(), conn.id);
    assert_eq!(
        conn.probe.stack.send(now, id, b"x", false),
        Err(CallError::Closing)
    );
    assert_eq!(
        conn.probe.stack.shutdown_write(now, id),
        Err(CallError::Closing)
    );
    assert_eq!(conn.sent(), [], "no second FIN");
}

#[test]
fn closing_over_unread_data_resets() {
    let mut conn = Established::new(Config::default());
    conn.say(Control::None, b"unread");
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.close(now, id).expect("open");
    let sent = conn.sent();
    assert_eq!(
        (sent.len(), sent[0].summary(), sent[0].seq),
        (1, "R".into(), conn.una)
    );
    assert_eq!(
        (conn.state(), conn.events().len()),
        (State::Listen, 1),
        "only the Readable"
    );
}

#[test]
fn data_after_both_directions_were_given_up_draws_a_reset() {
    let mut conn = Established::new(Config::default());
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.close(now, id).expect("open");
    assert_eq!(conn.sent()[0].summary(), "FA");
    assert_eq!(conn.ack(1), []);
    assert_eq!(conn.state(), State::FinWait2);
    assert_eq!(conn.say(Control::None, b"late")[0].summary(), "R");
    assert_eq!(conn.state(), State::Listen);
}

#[test]
fn a_fin_after_both_directions_were_given_up_ends_in_time_wait() {
    let mut conn = Established::new(Config::default());
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.close(now, id).expect("open");
    conn.sent();
    conn.una += 1;
    assert_eq!(conn.say(Control::Fin, b"")[0].summary(), "A");
    assert_eq!(conn.state(), State::TimeWait);
}

#[test]
fn an_abort_resets_and_forgets() {
    let mut conn = Established::new(Config::default());
    conn.send(b"hello");
    conn.sent();
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.abort(now, id).expect("open");
    let sent = conn.sent();
    assert_eq!(
        (sent.len(), sent[0].summary(), sent[0].seq),
        (1, "R".into(), conn.una + 5)
    );
    assert_eq!(
        conn.events(),
        [Event::Closed {
            id,
            reason: CloseReason::Aborted
        }]
    );
    assert_eq!(conn.probe.stack.status(conn.probe.now, id), None);
}

#[test]
fn a_reset_is_told_and_flushes_what_was_not_read() {
    let mut conn = Established::new(Config::default());
    conn.say(Control::None, b"lost");
    conn.events();
    conn.say(Control::Rst, b"");
    let id = conn.id;
    assert_eq!(
        conn.events(),
        [Event::Closed {
            id,
            reason: CloseReason::Reset
        }]
    );
    assert_eq!(conn.recv(9), Err(CallError::Reset));
}

#[test]
fn what_was_acknowledged_can_be_read_after_the_end() {
    let mut conn = Established::new(Config::default());
    conn.say(Control::Fin, b"last words");
    conn.shutdown();
    conn.sent();
    conn.ack(1);
    assert_eq!(conn.status().state, State::Closed);
    assert_eq!(conn.recv(99), Ok(b"last words".to_vec()));
    assert_eq!(conn.recv(99), Ok(vec![]));
}

#[test]
fn a_full_accept_queue_takes_no_syn() {
    let mut probe = Probe::new(Config::default());
    let listener = probe
        .stack
        .listen(probe.local, 0, SocketOptions::default())
        .expect("free");
    let mut shake = |port| {
        probe.remote.set_port(port);
        let Some(syn_ack) = probe.inject(syn(5, SynOptions::default())).pop() else {
            return false;
        };
        probe.inject(segment(SeqNum(6), syn_ack.seq + 1, Control::None, b""));
        true
    };
    assert!(shake(1));
    assert!(!shake(2));
    assert!(probe.stack.accept(listener).is_ok());
    assert_eq!(probe.stack.accept(listener), Err(CallError::WouldBlock));
    assert_eq!(probe.stack.counters().listen_drops, 1);
}

#[rstest]
#[case::drop(AcceptOverflow::Drop, "", State::SynReceived)]
#[case::reset(AcceptOverflow::Reset, "R", State::Listen)]
fn a_handshake_that_completes_into_a_full_queue(
    #[case] policy: AcceptOverflow,
    #[case] reply: &str,
    #[case] state: State,
) {
    let config = Config {
        accept_overflow: policy,
        ..Config::default()
    };
    let mut probe = Probe::new(config);
    probe
        .stack
        .listen(probe.local, 2, SocketOptions::default())
        .expect("free");
    let mut iss = Vec::new();
    // Two wait already; two more are half open while there is room for one.
    for [first, second] in [[1, 2], [3, 4]] {
        for port in [first, second] {
            probe.remote.set_port(port);
            iss.push(probe.inject(syn(5, SynOptions::default()))[0].seq);
        }
        if first == 1 {
            for port in [1, 2] {
                probe.remote.set_port(port);
                let ack = iss[usize::from(port) - 1] + 1;
                probe.inject(segment(SeqNum(6), ack, Control::None, b""));
            }
        }
    }
    probe.remote.set_port(3);
    probe.inject(segment(SeqNum(6), iss[2] + 1, Control::None, b""));
    probe.remote.set_port(4);
    let sent = probe.inject(segment(SeqNum(6), iss[3] + 1, Control::None, b""));
    assert_eq!(sent.first().map(Seen::summary).unwrap_or_default(), reply);
    assert_eq!(probe.state(), state);
}

/// A connection in TIME-WAIT, with or without timestamps that stand at 1000.
fn time_wait(config: Config, timestamps: bool) -> (Probe, SeqNum, SeqNum) {
    let mut probe = Probe::new(config);
    let listener = probe
        .stack
        .listen(probe.local, 1, SocketOptions::default())
        .expect("free");
    let stamp = timestamps.then_some(Timestamps { val: 1000, ecr: 0 });
    let iss = probe.inject(Segment {
        timestamps: stamp,
        ..syn(0, SynOptions::default())
    })[0]
        .seq;
    let say = |probe: &mut Probe, ack, control| {
        let segment = segment(SeqNum(1), ack, control, b"");
        probe.inject(Segment {
            timestamps: stamp,
            ..segment
        })
    };
    say(&mut probe, iss + 1, Control::None);
    let id = probe.stack.accept(listener).expect("established");
    probe.stack.shutdown_write(probe.now, id).expect("open");
    probe.sent();
    say(&mut probe, iss + 2, Control::Fin);
    assert_eq!(probe.state(), State::TimeWait);
    (probe, SeqNum(2), iss + 2)
}

#[rstest]
#[case::newer_timestamp(true, Some(1001), -5, true)]
#[case::same_timestamp_newer_isn(true, Some(1000), 0, true)]
#[case::same_timestamp_older_isn(true, Some(1000), -5, false)]
#[case::older_timestamp(true, Some(999), 5, false)]
#[case::timestamps_given_up_newer_isn(true, None, 5, true)]
#[case::timestamps_given_up_older_isn(true, None, -5, false)]
#[case::timestamps_taken_up(false, Some(1), -5, true)]
#[case::no_timestamps_newer_isn(false, None, 0, true)]
#[case::no_timestamps_older_isn(false, None, -1, false)]
fn a_syn_in_time_wait_by_rfc_6191(
    #[case] before: bool,
    #[case] val: Option<u32>,
    #[case] isn: i32,
    #[case] accepted: bool,
) {
    let (mut probe, seq, nxt) = time_wait(Config::default(), before);
    let timestamps = val.map(|val| Timestamps { val, ecr: 0 });
    let seq = SeqNum(seq.0.wrapping_add_signed(isn));
    let sent = probe.inject(Segment {
        timestamps,
        ..syn(seq.0, SynOptions::default())
    });
    // RFC 9293 keeps its own answer for a SYN without timestamps.
    let refusal = if val.is_some() {
        vec![]
    } else {
        vec!["A".to_owned()]
    };
    let summaries: Vec<String> = sent.iter().map(Seen::summary).collect();
    assert_eq!(
        summaries,
        if accepted {
            vec!["SA".to_owned()]
        } else {
            refusal
        }
    );
    if accepted {
        assert!(
            sent[0].seq.after(nxt),
            "the new ISN is larger than what was used"
        );
        assert_eq!(probe.state(), State::SynReceived);
    } else {
        assert_eq!(probe.state(), State::TimeWait);
    }
}

#[test]
fn a_reopened_connection_falls_back_to_time_wait_if_nobody_opened() {
    let (mut probe, seq, nxt) = time_wait(Config::default(), false);
    let syn_ack = probe
        .inject(syn(seq.0 + 9, SynOptions::default()))
        .remove(0);
    assert_eq!(syn_ack.summary(), "SA");
    probe.inject(Segment::bare(seq + 10, Control::Rst));
    assert_eq!(probe.state(), State::TimeWait);
    let again = probe.inject(segment(seq - 1, nxt, Control::Fin, b""));
    assert_eq!((again[0].summary(), again[0].ack), ("A".into(), Some(seq)));
    probe.wait(millis(60_000));
    assert_eq!(probe.state(), State::Listen);
}

#[test]
fn a_reopened_connection_ends_time_wait_when_it_is_established() {
    let (mut probe, seq, _) = time_wait(Config::default(), false);
    let syn_ack = probe
        .inject(syn(seq.0 + 9, SynOptions::default()))
        .remove(0);
    probe.events();
    probe.inject(segment(seq + 10, syn_ack.seq + 1, Control::None, b""));
    assert_eq!(probe.state(), State::Established);
    assert_eq!(
        probe.events().len(),
        2,
        "one is acceptable, the other closed"
    );
    probe.wait(millis(120_000));
    assert_eq!(probe.state(), State::Established);
}

#[test]
fn a_host_may_be_told_to_challenge_every_syn_in_time_wait() {
    let config = Config {
        syn_in_time_wait: SynInTimeWait::Challenge,
        ..Config::default()
    };
    let (mut probe, seq, _) = time_wait(config, false);
    assert_eq!(
        probe.inject(syn(seq.0 + 9, SynOptions::default()))[0].summary(),
        "A"
    );
}

#[test]
fn a_host_may_be_told_to_drop_syn_with_fin() {
    let mut probe = Probe::new(Config {
        syn_fin: SynFin::Drop,
        ..Config::default()
    });
    probe
        .stack
        .listen(probe.local, 1, SocketOptions::default())
        .expect("free");
    let syn_fin = Control::Syn {
        options: SynOptions::default(),
        fin: true,
    };
    assert_eq!(probe.inject(Segment::bare(SeqNum(1), syn_fin)), []);
}

#[test]
fn without_rfc_5961_a_syn_or_rst_in_the_window_resets() {
    let config = Config {
        rfc5961: false,
        ..Config::default()
    };
    let mut conn = Established::new(config.clone());
    let sent = conn.probe.inject(syn(1101, SynOptions::default()));
    assert_eq!(
        (sent[0].summary(), conn.state()),
        ("RA".into(), State::Listen)
    );
    let mut conn = Established::new(config);
    assert_eq!(conn.say_at(SeqNum(1101), Control::Rst, b""), []);
    assert_eq!(conn.state(), State::Listen);
}

#[test]
fn challenge_acks_are_throttled_per_connection() {
    let config = Config {
        challenge_ack_limit: 3,
        ..Config::default()
    };
    let mut conn = Established::new(config);
    let flood = |conn: &mut Established| -> usize {
        (0..10)
            .map(|_| conn.say_at(SeqNum(1101), Control::Rst, b"").len())
            .sum()
    };
    assert_eq!(flood(&mut conn), 3);
    conn.wait(millis(5000));
    assert_eq!(flood(&mut conn), 3);
    assert_eq!(conn.probe.stack.counters().challenge_acks_throttled, 14);
}

/// An ICMP error about the segment of 1040 octets that `conn` sent with this number.
pub(super) fn icmp(conn: &Established, kind: (u8, u8), mtu: u16, seq: SeqNum) -> Vec<u8> {
    icmp_about(&conn.probe, kind, mtu, seq)
}

/// The same for a host whose connection may have any state.
pub(super) fn icmp_about(probe: &Probe, kind: (u8, u8), mtu: u16, seq: SeqNum) -> Vec<u8> {
    let mut quoted = vec![
        0x45, 0, 4, 16, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    quoted.extend(probe.local.port().to_be_bytes());
    quoted.extend(probe.remote.port().to_be_bytes());
    quoted.extend(seq.0.to_be_bytes());
    let [high, low] = mtu.to_be_bytes();
    let mut message = vec![kind.0, kind.1, 0, 0, 0, 0, high, low];
    message.extend(quoted);
    let words = message
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    probe.ip_packet(1, &message)
}

#[rstest]
#[case::soft((3, 1), IcmpHard::Abort, State::Established, Some((3, 1)))]
#[case::hard_kept_soft((3, 3), IcmpHard::Soft, State::Established, Some((3, 3)))]
#[case::hard((3, 3), IcmpHard::Abort, State::Closed, None)]
#[case::source_quench((4, 0), IcmpHard::Abort, State::Established, None)]
fn an_icmp_error(
    #[case] kind: (u8, u8),
    #[case] icmp_hard: IcmpHard,
    #[case] state: State,
    #[case] soft_error: Option<(u8, u8)>,
) {
    let mut conn = Established::new(Config {
        icmp_hard,
        ..Config::default()
    });
    conn.send(b"x");
    let seq = conn.sent()[0].seq;
    let stale = icmp(&conn, kind, 0, seq - 1);
    conn.probe.inject_packet(&stale);
    assert_eq!(
        conn.status().soft_error,
        None,
        "nothing in flight has that number"
    );
    let error = icmp(&conn, kind, 0, seq);
    conn.probe.inject_packet(&error);
    assert_eq!(
        (conn.status().state, conn.status().soft_error),
        (state, soft_error)
    );
}

#[test]
fn a_smaller_path_mtu_cuts_what_was_too_big_and_sends_it_again() {
    let options = SynOptions {
        mss: Some(1460),
        ..SynOptions::default()
    };
    let mut conn = Established::with(Config::default(), options, SocketOptions::default());
    conn.send(&[0; 1460]);
    let seq = conn.sent()[0].seq;
    let error = icmp(&conn, (3, 4), 1000, seq);
    let sent = conn.probe.inject_packet(&error);
    let lengths: Vec<usize> = sent.iter().map(|seen| seen.text.len()).collect();
    assert_eq!((lengths, sent[0].seq), (vec![960], seq), "one at a time");
    assert_eq!(conn.probe.inject_packet(&error), [], "once is enough");
}

#[test]
fn what_goes_out_again_for_the_path_has_a_whole_timeout_of_its_own() {
    let options = SynOptions {
        mss: Some(1460),
        ..SynOptions::default()
    };
    let mut conn = Established::with(Config::default(), options, SocketOptions::default());
    conn.send(&[0; 1460]);
    let seq = conn.sent()[0].seq;
    conn.wait(millis(900));
    let error = icmp(&conn, (3, 4), 1000, seq);
    assert_eq!(conn.probe.inject_packet(&error).len(), 1);
    assert_eq!(conn.wait(millis(999)), []);
    assert_eq!(conn.wait(millis(1))[0].text.len(), 960);
}

#[rstest]
#[case::broadcast("255.255.255.255:80")]
#[case::broadcast_of_the_network("10.0.0.255:80")]
#[case::multicast("224.0.0.1:80")]
#[case::unspecified("0.0.0.0:80")]
#[case::port_zero("10.0.0.2:0")]
#[case::another_version("[fd00::2]:80")]
fn an_open_to_nowhere_is_an_error(#[case] remote: &str) {
    let mut probe = Probe::new(Config::default());
    let remote = remote.parse().expect("an address");
    let local = SocketAddr::from(([0, 0, 0, 0], 0));
    let result = probe
        .stack
        .connect(probe.now, local, remote, SocketOptions::default());
    assert_eq!(result, Err(CallError::RemoteUnspecified));
}

#[test]
fn data_queued_before_the_handshake_follows_it_and_so_does_the_close() {
    let mut probe = Probe::new(Config::default());
    let now = probe.now;
    let id = probe.connect();
    let iss = probe.sent()[0].seq;
    assert_eq!(probe.stack.send(now, id, b"early", false), Ok(5));
    // A simultaneous open, so that CLOSE meets SYN-RECEIVED with data queued.
    assert_eq!(
        probe.inject(syn(9, SynOptions::default()))[0].summary(),
        "SA"
    );
    probe.stack.shutdown_write(now, id).expect("open");
    assert_eq!(probe.sent(), []);
    let sent = probe.inject(segment(SeqNum(10), iss + 1, Control::None, b""));
    assert_eq!(
        (sent.len(), sent[0].summary(), sent[0].seq),
        (1, "FA5".into(), iss + 1)
    );
    assert_eq!(probe.state(), State::FinWait1);
}

#[test]
fn closing_in_syn_received_sends_the_fin_at_once() {
    let mut probe = Probe::new(Config::default());
    let now = probe.now;
    let id = probe.connect();
    let iss = probe.sent()[0].seq;
    probe.inject(syn(9, SynOptions::default()));
    probe.stack.shutdown_write(now, id).expect("open");
    let sent = probe.sent();
    assert_eq!((sent[0].summary(), sent[0].seq), ("FA".into(), iss + 1));
    probe.inject(segment(SeqNum(10), iss + 2, Control::None, b""));
    assert_eq!(probe.state(), State::FinWait2);
}

#[test]
fn while_our_syn_is_unacknowledged_only_that_is_sent_again() {
    let mut probe = Probe::new(Config::default());
    let now = probe.now;
    let id = probe.connect();
    let iss = probe.sent()[0].seq;
    // The window of this SYN is closed, and there is a FIN that wants to be sent.
    let closed = Segment {
        wnd: WireWindow(0),
        ..syn(9, SynOptions::default())
    };
    probe.inject(closed);
    probe.stack.shutdown_write(now, id).expect("open");
    assert_eq!(probe.state(), State::FinWait1);
    let sent = probe.wait(Duration::from_secs(20));
    assert!(sent.len() > 2, "{sent:?}");
    for again in &sent {
        assert_eq!(
            (again.summary(), again.seq),
            ("SA".into(), iss),
            "{again:?}"
        );
    }
    // It comes at last: the window is still closed, and it is the FIN that probes it.
    let ack = Segment {
        wnd: WireWindow(0),
        ..segment(SeqNum(10), iss + 1, Control::None, b"")
    };
    let mut sent = probe.inject(ack);
    sent.extend(probe.wait(Duration::from_secs(20)));
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|probe| probe.seq == iss + 1), "{sent:?}");
}

#[rstest]
#[case::more_than_half_the_numbers((1 << 31) + 5)]
#[case::all_of_them(0)]
fn numbers_that_come_round_are_new_ones(#[case] octets: u32) {
    let mut host = Established::new(Config::default());
    // As if so many octets had been sent and acknowledged, modulo 2^32.
    let una = host.una;
    let tcb = host.probe.stack.connections.at_mut(host.id.slot);
    tcb.expect("a connection").snd.iss = una - octets;
    // Nothing is in flight, so Nagle's algorithm holds nothing back; and no SYN is sent.
    host.send(b"x");
    let sent = host.sent();
    assert_eq!((sent[0].summary(), sent[0].seq), ("A1".into(), una));
    let sent = host.wait(Duration::from_secs(2));
    assert_eq!((sent[0].summary(), sent[0].seq), ("A1".into(), una));
}
