//! Timers: what is sent when nothing comes back.

use super::millis;
use super::testing::{Established, Pair, Probe, Seen, Side, segment, syn};
use crate::segment::{Control, SynOptions};
use crate::seq::{SeqNum, WireWindow};
use crate::{CloseReason, Config, Event, Instant, KeepAlive, RstInTimeWait, SocketOptions, State};
use rstest::rstest;
use std::time::Duration;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// When each segment was sent, in milliseconds since `start`.
fn times(seen: &[Seen], start: Instant) -> Vec<u64> {
    seen.iter()
        .map(|seen| seen.at.since(start).as_millis() as u64)
        .collect()
}

#[test]
fn a_syn_is_sent_again_after_1_2_4_seconds_for_at_least_three_minutes() {
    let mut probe = Probe::new(Config::default());
    let start = probe.now;
    let id = probe.connect();
    let syns = probe.wait(seconds(600));
    let expected = [0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000];
    assert_eq!(times(&syns, start), expected);
    assert!(
        syns.iter()
            .all(|seen| seen.summary() == "S" && seen.seq == syns[0].seq)
    );
    let end = Event::Closed {
        id,
        reason: CloseReason::TimedOut,
    };
    let trouble = Event::Trouble { id, retransmits: 3 };
    assert_eq!(
        (probe.events(), probe.state()),
        (vec![trouble, end], State::Closed)
    );
}

#[test]
fn a_syn_ack_is_sent_again_five_times_and_then_the_port_listens_as_before() {
    let mut probe = Probe::new(Config::default());
    probe
        .stack
        .listen(probe.local, 1, SocketOptions::default())
        .expect("free");
    let start = probe.now;
    let mut seen = probe.inject(syn(100, SynOptions::default()));
    seen.extend(probe.wait(seconds(600)));
    assert_eq!(times(&seen, start), [0, 1000, 3000, 7000, 15_000, 31_000]);
    assert!(seen.iter().all(|seen| seen.summary() == "SA"));
    assert_eq!((probe.state(), probe.events()), (State::Listen, vec![]));
}

#[test]
fn data_is_sent_again_until_r2_and_then_the_connection_is_given_up() {
    let mut conn = Established::new(Config::default());
    let start = conn.now();
    conn.send(b"hello");
    let seen = conn.wait(seconds(600));
    let expected = [
        0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000,
    ];
    assert_eq!(times(&seen, start), expected);
    assert!(seen.iter().all(|seen| seen.text == b"hello" && seen.push));
    let end = Event::Closed {
        id: conn.id,
        reason: CloseReason::TimedOut,
    };
    let trouble = Event::Trouble {
        id: conn.id,
        retransmits: 3,
    };
    assert_eq!(conn.events(), [trouble, end]);
    let reset = conn.say(Control::None, b"");
    assert_eq!(reset[0].summary(), "R", "what comes later finds nothing");
}

#[test]
fn a_user_timeout_takes_the_place_of_r2() {
    let mut conn = Established::new(Config::default());
    conn.set(SocketOptions {
        user_timeout: Some(seconds(5)),
        ..SocketOptions::default()
    });
    let start = conn.now();
    conn.send(b"hello");
    assert_eq!(times(&conn.wait(seconds(600)), start), [0, 1000, 3000]);
    let end = Event::Closed {
        id: conn.id,
        reason: CloseReason::TimedOut,
    };
    assert_eq!(conn.events(), [end]);
}

#[test]
fn a_fin_is_sent_again_like_data() {
    let mut conn = Established::new(Config::default());
    let start = conn.now();
    conn.shutdown();
    let seen = conn.wait(seconds(8));
    assert_eq!(times(&seen, start), [0, 1000, 3000, 7000]);
    assert!(seen.iter().all(|seen| seen.summary() == "FA"));
}

#[test]
fn only_the_earliest_segment_is_sent_again_and_two_when_it_is_acknowledged() {
    let mut conn = Established::new(Config::default());
    conn.send(&[1; 536 * 3]);
    let first = conn.sent();
    assert_eq!(first.len(), 3);
    let again = conn.wait(millis(1001));
    assert_eq!((again.len(), again[0].seq), (1, first[0].seq));
    conn.una = first[1].seq;
    let next = conn.say(Control::None, b"");
    assert_eq!(
        (next.len(), next[0].seq, &next[0].text),
        (2, first[1].seq, &first[1].text)
    );
}

#[test]
fn after_a_lost_syn_the_rto_is_three_seconds() {
    let mut probe = Probe::new(Config::default());
    let id = probe.connect();
    let iss = probe.wait(millis(1500))[0].seq;
    let reply = Control::Syn {
        options: SynOptions::default(),
        fin: false,
    };
    probe.inject(segment(SeqNum(500), iss + 1, reply, b""));
    assert_eq!(
        probe.stack.status(probe.now, id).expect("owned").rto,
        seconds(3)
    );
}

#[test]
fn a_zero_window_is_probed_with_one_octet_ever_more_slowly_for_ever() {
    let mut conn = Established::new(Config::default());
    conn.wnd = WireWindow(0);
    conn.say(Control::None, b"");
    let start = conn.now();
    conn.send(b"hello");
    let mut seen = Vec::new();
    for _ in 0..30 {
        let probes = conn.wait(seconds(10));
        // The peer answers, and takes nothing.
        for _ in &probes {
            assert_eq!(conn.say(Control::None, b""), []);
        }
        seen.extend(probes);
    }
    let expected = [
        1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000, 243_000,
    ];
    assert_eq!(times(&seen, start), expected);
    assert!(
        seen.iter()
            .all(|seen| seen.text == b"h" && seen.seq == conn.una)
    );
    conn.wnd = WireWindow(1000);
    let sent = conn.say(Control::None, b"");
    assert_eq!((sent.len(), &sent[0].text[..]), (1, &b"hello"[..]));
}

#[test]
fn a_probe_that_is_taken_counts() {
    let mut conn = Established::new(Config::default());
    conn.wnd = WireWindow(0);
    conn.say(Control::None, b"");
    conn.send(b"hello");
    assert_eq!(conn.wait(millis(1100)).len(), 1);
    conn.una += 1;
    conn.wnd = WireWindow(1000);
    let sent = conn.say(Control::None, b"");
    assert_eq!(
        (sent.len(), &sent[0].text[..], sent[0].seq),
        (1, &b"ello"[..], conn.una)
    );
}

#[test]
fn unanswered_probes_end_the_connection() {
    let mut conn = Established::new(Config::default());
    conn.wnd = WireWindow(0);
    conn.say(Control::None, b"");
    conn.send(b"hello");
    assert_eq!(conn.wait(seconds(1000)).len(), 9);
    let end = Event::Closed {
        id: conn.id,
        reason: CloseReason::TimedOut,
    };
    assert_eq!(conn.events(), [end]);
}

#[rstest]
#[case::r2(None, 243)]
#[case::user_timeout(Some(seconds(25)), 25)]
fn what_is_dropped_answers_no_probe(#[case] timeout: Option<Duration>, #[case] least: u64) {
    let mut conn = Established::new(Config::default());
    conn.set(SocketOptions {
        user_timeout: timeout,
        ..SocketOptions::default()
    });
    conn.wnd = WireWindow(0);
    conn.say(Control::None, b"");
    let start = conn.now();
    conn.send(b"hello");
    while conn.state() == State::Established {
        conn.wait(seconds(1));
        // Not in the window, and an acknowledgment of what was never sent.
        conn.say_at(conn.seq + 1_000_000, Control::None, b"");
        let una = conn.una;
        conn.una += 1000;
        conn.say(Control::None, b"");
        conn.una = una;
    }
    let lasted = conn.now().since(start).as_secs();
    assert!((least..=least + 61).contains(&lasted), "{lasted} s");
}

#[test]
fn a_user_timeout_is_put_off_as_long_as_probes_are_answered() {
    let mut conn = Established::new(Config::default());
    conn.set(SocketOptions {
        user_timeout: Some(seconds(5)),
        ..SocketOptions::default()
    });
    conn.wnd = WireWindow(0);
    conn.say(Control::None, b"");
    conn.send(b"hello");
    for _ in 0..60 {
        conn.wait(seconds(1));
        conn.say(Control::None, b"");
    }
    assert_eq!(conn.state(), State::Established);
    conn.wait(seconds(600));
    assert_ne!(conn.state(), State::Established, "nobody answers");
}

#[test]
fn two_hosts_that_close_their_windows_to_each_other_probe_for_ever() {
    let mut pair = Pair::new(&Config::default());
    let (a, b, _) = pair.connect();
    let full = |pair: &mut Pair, side, id| {
        let now = pair.now;
        let sent = pair.stack(side).send(now, id, &vec![7; 100_000], false);
        assert_eq!(sent, Ok(100_000));
    };
    full(&mut pair, Side::A, a);
    full(&mut pair, Side::B, b);
    pair.run(seconds(7200));
    let before = pair.sent.len();
    pair.run(seconds(3600));
    let probes = pair.sent.len() - before;
    assert!((120..500).contains(&probes), "{probes} segments in an hour");
    for (side, id) in [(Side::A, a), (Side::B, b)] {
        let (mut all, mut into) = (0, vec![0; 100_000]);
        for _ in 0..200 {
            let now = pair.now;
            let read = pair.stack(side).recv(now, id, &mut into);
            all += read.unwrap_or(0);
            pair.run(seconds(1));
        }
        assert_eq!(all, 100_000, "read by {side:?}");
    }
}

#[test]
fn keep_alive_is_off_unless_asked_for() {
    let mut conn = Established::new(Config::default());
    assert_eq!(conn.wait(seconds(100_000)), []);
    assert_eq!(conn.state(), State::Established);
}

#[test]
fn nine_unanswered_keep_alives_end_the_connection() {
    let mut conn = Established::new(Config::default());
    let start = conn.now();
    let keepalive = Some(KeepAlive::default());
    conn.set(SocketOptions {
        keepalive,
        ..SocketOptions::default()
    });
    let seen = conn.wait(seconds(10_000));
    let expected: Vec<u64> = (0..9).map(|probe| (7200 + 75 * probe) * 1000).collect();
    assert_eq!(times(&seen, start), expected);
    let empty =
        |seen: &Seen| seen.summary() == "A" && seen.seq == conn.una - 1 && seen.urgent.is_none();
    assert!(seen.iter().all(empty), "{seen:?}");
    let end = Event::Closed {
        id: conn.id,
        reason: CloseReason::TimedOut,
    };
    assert_eq!(conn.events(), [end]);
}

#[test]
fn an_answered_keep_alive_begins_anew() {
    let mut conn = Established::new(Config::default());
    let keepalive = Some(KeepAlive {
        idle: seconds(10),
        interval: seconds(1),
        count: 2,
    });
    conn.set(SocketOptions {
        keepalive,
        ..SocketOptions::default()
    });
    for _ in 0..20 {
        assert_eq!(conn.wait(seconds(10)).len(), 1);
        assert_eq!(conn.say(Control::None, b""), []);
    }
    assert_eq!(conn.state(), State::Established);
}

#[test]
fn time_wait_lasts_two_msl_and_a_repeated_fin_restarts_it() {
    let mut conn = Established::new(Config::default());
    conn.shutdown();
    conn.sent();
    conn.una += 1;
    conn.say(Control::Fin, b"");
    conn.wait(seconds(59));
    assert_eq!(conn.state(), State::TimeWait);
    conn.seq = conn.seq - 1;
    assert_eq!(conn.say(Control::Fin, b"")[0].summary(), "A");
    conn.wait(millis(59_999));
    assert_eq!(conn.state(), State::TimeWait);
    conn.wait(millis(2));
    assert_eq!(conn.state(), State::Listen);
}

#[rstest]
#[case::rfc9293(RstInTimeWait::Close, State::Listen)]
#[case::rfc1337(RstInTimeWait::Ignore, State::TimeWait)]
fn a_rst_in_time_wait(#[case] policy: RstInTimeWait, #[case] state: State) {
    let config = Config {
        rst_in_time_wait: policy,
        ..Config::default()
    };
    let mut conn = Established::new(config);
    conn.shutdown();
    conn.sent();
    conn.una += 1;
    conn.say(Control::Fin, b"");
    conn.say(Control::Rst, b"");
    assert_eq!(conn.state(), state);
}

#[test]
fn an_acknowledgment_is_delayed_but_not_for_every_second_full_segment() {
    let mut conn = Established::new(Config::default());
    let start = conn.now();
    assert_eq!(conn.say(Control::None, b"x"), []);
    assert_eq!(times(&conn.wait(seconds(1)), start), [200]);
    assert_eq!(conn.say(Control::None, &[1; 1460]), []);
    assert_eq!(conn.say(Control::None, &[2; 1460]).len(), 1);
    assert_eq!(conn.say(Control::None, &[3; 1000]), []);
    assert_eq!(conn.say(Control::None, &[4; 460]), []);
    assert_eq!(conn.say(Control::None, &[5; 1]).len(), 1);
}

#[test]
fn the_rto_follows_the_measured_round_trip() {
    let config = Config {
        min_rto: millis(1),
        timestamps: false,
        ..Config::default()
    };
    let mut conn = Established::new(config);
    // The handshake was answered at once: SRTT 0, RTTVAR 0. A sample of 80 ms moves them.
    conn.send(b"x");
    conn.sent();
    assert_eq!(conn.wait(millis(0)), []);
    let start = conn.now();
    conn.probe.now = start + Duration::from_micros(800);
    conn.una += 1;
    conn.say(Control::None, b"");
    let status = conn
        .probe
        .stack
        .status(conn.probe.now, conn.id)
        .expect("owned");
    assert_eq!(status.srtt, Some(Duration::from_micros(100)));
    assert_eq!(status.rttvar, Duration::from_micros(200));
    assert_eq!(status.rto, Duration::from_micros(1100));
}
