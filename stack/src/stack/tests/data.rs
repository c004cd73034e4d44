//! Data in both directions: Nagle, silly windows, reassembly, windows, urgent data, timestamps.

use super::millis;
use super::testing::{Established, Probe, Seen, segment, syn};
use crate::segment::{Control, Segment, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale, WireWindow};
use crate::{CallError, Config, Event, SocketOptions};
use rstest::rstest;
use std::time::Duration;

fn lengths(seen: &[Seen]) -> Vec<usize> {
    seen.iter().map(|seen| seen.text.len()).collect()
}

fn with_mss(mss: u16) -> Established {
    let options = SynOptions {
        mss: Some(mss),
        ..SynOptions::default()
    };
    Established::with(Config::default(), options, SocketOptions::default())
}

#[test]
fn nagle_holds_a_short_segment_while_data_is_outstanding() {
    let mut conn = with_mss(1000);
    conn.send(b"first");
    assert_eq!(lengths(&conn.sent()), [5]);
    conn.send(b"second");
    assert_eq!(lengths(&conn.sent()), [0; 0]);
    conn.send(&[0; 1000]);
    assert_eq!(lengths(&conn.sent()), [1000], "a full segment goes");
    assert_eq!(
        lengths(&conn.ack(1005)),
        [6],
        "and the rest when nothing is outstanding"
    );
}

#[test]
fn without_nagle_everything_goes_at_once() {
    let mut conn = with_mss(1000);
    conn.set(SocketOptions {
        nodelay: Some(true),
        ..SocketOptions::default()
    });
    conn.send(b"first");
    conn.send(b"second");
    assert_eq!(
        lengths(&conn.sent()),
        [11],
        "what one SEND leaves, the next joins"
    );
    conn.send(b"third");
    assert_eq!(lengths(&conn.sent()), [5]);
}

#[test]
fn push_marks_the_last_segment_of_what_is_buffered() {
    let mut conn = with_mss(1000);
    conn.send(&[0; 2500]);
    let sent = conn.sent();
    // Nagle holds the rest.
    assert_eq!((lengths(&sent), sent[1].push), (vec![1000, 1000], false));
    let rest = conn.ack(2000);
    assert_eq!((lengths(&rest), rest[0].push), (vec![500], true));
}

#[rstest]
#[case::ipv4_default(None, 1500, 536)]
#[case::as_offered(Some(1200), 1500, 1200)]
#[case::path_is_smaller(Some(9000), 1500, 1460)]
#[case::tiny(Some(0), 1500, 1)]
fn no_segment_is_larger_than_the_mss(
    #[case] mss: Option<u16>,
    #[case] mtu: u16,
    #[case] largest: usize,
) {
    let config = Config {
        mtu,
        ..Config::default()
    };
    let options = SynOptions {
        mss,
        ..SynOptions::default()
    };
    let mut conn = Established::with(config, options, SocketOptions::default());
    conn.send(&[0; 3000]);
    assert_eq!(conn.sent()[0].text.len(), largest);
}

#[test]
fn timestamps_take_their_room_from_the_text() {
    let mut probe = Probe::new(Config::default());
    let listener = probe
        .stack
        .listen(probe.local, 1, SocketOptions::default())
        .expect("free");
    let stamped = |segment: Segment<'static>, val, ecr| Segment {
        timestamps: Some(Timestamps { val, ecr }),
        ..segment
    };
    let options = SynOptions {
        mss: Some(1460),
        ..SynOptions::default()
    };
    let syn_ack = probe.inject(stamped(syn(0, options), 77, 0));
    let (val, ecr) = syn_ack[0].timestamps.expect("agreed upon");
    assert_eq!(ecr, 77);
    let ack = segment(SeqNum(1), syn_ack[0].seq + 1, Control::None, b"");
    probe.inject(stamped(ack, 78, val));
    let id = probe.stack.accept(listener).expect("established");
    let now = probe.now;
    probe.stack.send(now, id, &[0; 1460], false).expect("room");
    let sent = probe.sent();
    assert_eq!(
        (sent[0].text.len(), sent[0].timestamps),
        (1448, Some((val, 78)))
    );
}

#[test]
fn a_slowly_opening_window_gets_no_tiny_segments() {
    let mut conn = with_mss(1000);
    conn.wnd = WireWindow(4000);
    conn.say(Control::None, b"");
    conn.send(&[0; 6000]);
    assert_eq!(conn.sent().len(), 4);
    // The window is full; its right edge moves by 100 octets only.
    conn.wnd = WireWindow(3100);
    assert_eq!(lengths(&conn.ack(1000)), [0; 0]);
    assert_eq!(lengths(&conn.wait(millis(499))), [0; 0]);
    assert_eq!(
        lengths(&conn.wait(millis(2))),
        [100],
        "the override timeout"
    );
}

#[test]
fn a_window_that_shrinks_stops_new_data_and_what_is_inside_is_sent_again() {
    let mut conn = with_mss(1000);
    conn.send(&[0; 3000]);
    assert_eq!(conn.sent().len(), 3);
    conn.wnd = WireWindow(1500);
    conn.say(Control::None, b"");
    conn.send(&[0; 1000]);
    assert_eq!(lengths(&conn.sent()), [0; 0]);
    let again = conn.wait(millis(1100));
    assert_eq!((lengths(&again), again[0].seq), (vec![1000], conn.una));
    conn.wnd = WireWindow(0);
    conn.say(Control::None, b"");
    assert_eq!(
        lengths(&conn.wait(Duration::from_secs(3))),
        [1],
        "a zero window is probed"
    );
}

#[test]
fn segments_in_any_order_become_one_stream_and_one_ack_covers_what_was_held() {
    let mut conn = with_mss(1000);
    let start = conn.seq;
    let first = conn.say_at(start + 6, Control::Fin, b"ghi");
    assert_eq!(first[0].ack, Some(start));
    let second = conn.say_at(start + 2, Control::None, b"cdefgh");
    assert_eq!(second[0].ack, Some(start));
    let third = conn.say_at(start, Control::None, b"abc");
    assert_eq!((third.len(), third[0].ack), (1, Some(start + 10)));
    assert_eq!(conn.recv(20), Ok(b"abcdefghi".to_vec()));
    assert_eq!(conn.recv(20), Ok(vec![]));
    let id = conn.id;
    assert_eq!(
        conn.events(),
        [Event::Readable { id }, Event::PeerClosed { id }]
    );
}

fn with_rcvbuf(octets: u32) -> Established {
    let options = SocketOptions {
        rcvbuf: Some(octets),
        ..SocketOptions::default()
    };
    Established::with(Config::default(), SynOptions::default(), options)
}

#[test]
fn a_full_buffer_closes_the_window_and_reading_opens_it_again() {
    let mut conn = with_rcvbuf(2000);
    conn.say(Control::None, &[1; 1000]);
    let ack = conn.say(Control::None, &[2; 1000]).pop();
    let ack = ack
        .or_else(|| conn.wait(millis(300)).pop())
        .expect("an ACK");
    assert_eq!(ack.wnd, 0);
    let probed = conn.say_at(conn.seq, Control::None, b"x");
    assert_eq!((probed[0].ack, probed[0].wnd), (Some(conn.seq), 0));
    conn.recv(100).expect("data");
    assert_eq!(conn.sent(), [], "too little for an update");
    conn.recv(1000).expect("data");
    let update = conn.sent();
    assert_eq!((update.len(), update[0].wnd), (1, 1100));
}

#[test]
fn the_right_edge_moves_in_large_steps_and_never_back() {
    let mut conn = with_rcvbuf(10_000);
    let mut edge: Option<SeqNum> = None;
    for step in 0..200 {
        conn.say(Control::None, &[7; 50]);
        if let Some(ack) = conn.wait(millis(250)).pop() {
            let new = ack.ack.expect("ACK") + u32::from(ack.wnd);
            let moved = edge.map_or(0, |edge| new - edge);
            assert!(
                moved == 0 || moved >= 536,
                "step {step}: the edge moves by {moved}"
            );
            edge = Some(new);
        }
        conn.recv(50).expect("data");
    }
}

#[test]
fn windows_are_scaled_in_both_directions_but_never_on_a_syn() {
    let config = Config {
        window_scale: Some(2),
        ..Config::default()
    };
    let options = SynOptions {
        window_scale: Some(WindowScale::new(3)),
        ..SynOptions::default()
    };
    let socket = SocketOptions {
        rcvbuf: Some(200_000),
        ..SocketOptions::default()
    };
    let mut conn = Established::with(config, options, socket);
    assert_eq!(conn.status().snd_wnd, 65_535 << 3);
    assert_eq!((conn.status().rcv_wscale, conn.status().snd_wscale), (2, 3));
    conn.send(b"x");
    let sent = conn.sent();
    assert_eq!(u32::from(sent[0].wnd) << 2, 200_000);
}

#[test]
fn urgent_data_ends_where_the_pointer_points() {
    let mut conn = with_mss(1000);
    let now = conn.now();
    let id = conn.id;
    assert_eq!(conn.probe.stack.send(now, id, &[0; 1500], true), Ok(1500));
    let sent = conn.sent();
    assert_eq!((lengths(&sent), sent[0].urgent), (vec![1000], Some(1500)));
    let rest = conn.ack(1000);
    assert_eq!((lengths(&rest), rest[0].urgent), (vec![500], Some(500)));
    conn.ack(500);
    conn.send(b"calm");
    assert_eq!(conn.sent()[0].urgent, None);
}

#[test]
fn the_application_hears_of_urgent_data_whenever_the_pointer_advances() {
    let mut conn = with_mss(1000);
    let (seq, una) = (conn.seq, conn.una);
    let urgent = |at: u32, pointer, text| Segment {
        urgent: Some(pointer),
        ..segment(seq + at, una, Control::None, text)
    };
    let id = conn.id;
    conn.probe.inject(urgent(0, 8, b"abcd"));
    assert_eq!(
        conn.events(),
        [Event::Urgent { id }, Event::Readable { id }]
    );
    assert_eq!(conn.status().urgent, 8);
    conn.probe.inject(urgent(4, 4, b"efgh"));
    assert_eq!(conn.events(), [], "the pointer stays");
    conn.recv(3).expect("data");
    assert_eq!(conn.status().urgent, 5);
    conn.probe.inject(urgent(8, 2, b"ij"));
    assert_eq!(
        conn.events(),
        [Event::Urgent { id }, Event::Readable { id }]
    );
    conn.recv(20).expect("data");
    assert_eq!(conn.status().urgent, 0);
}

#[test]
fn on_the_narrowest_path_blocks_leave_room_for_text() {
    let config = Config {
        mtu: 68,
        ..Config::default()
    };
    let permits = SynOptions {
        sack_permitted: true,
        ..SynOptions::default()
    };
    let mut conn = Established::with(config, permits, SocketOptions::default());
    for (gaps, blocks) in [(1, 1), (2, 2), (3, 2), (4, 2)] {
        let acks = conn.say_at(conn.seq + 100 * gaps, Control::None, b"held");
        assert_eq!((acks.len(), acks[0].blocks), (1, blocks), "{gaps} gaps");
    }
    conn.send(b"in packets of 68");
    let sent = conn.sent();
    // Headers take 40 octets, two blocks 20.
    let first = (sent[0].text.as_slice(), sent[0].blocks);
    assert_eq!(first, (&b"in packe"[..], 2));
}

#[test]
fn an_urgent_pointer_is_forgotten_with_its_data() {
    let mut conn = with_mss(1000);
    let id = conn.id;
    let say_urgent = |conn: &mut Established| {
        let urgent = segment(conn.seq, conn.una, Control::None, b"u");
        conn.probe.inject(Segment {
            urgent: Some(1),
            ..urgent
        });
        conn.seq += 1;
        assert!(conn.events().contains(&Event::Urgent { id }));
        assert_eq!((conn.status().urgent, conn.recv(1)), (1, Ok(vec![b'u'])));
    };
    say_urgent(&mut conn);
    // Half of the sequence space further on it would lie ahead again, and a new one behind it.
    let tcb = conn.probe.stack.connections.at_mut(id.slot).expect("there");
    tcb.rcv.nxt += 1 << 31;
    tcb.rcv.edge += 1 << 31;
    conn.seq += 1 << 31;
    assert_eq!(conn.status().urgent, 0);
    say_urgent(&mut conn);
}

/// A connection with timestamps whose peer's clock stands at 1000.
fn with_timestamps() -> (Probe, SeqNum, SeqNum) {
    let mut probe = Probe::new(Config::default());
    probe
        .stack
        .listen(probe.local, 1, SocketOptions::default())
        .expect("free");
    let timestamps = Some(Timestamps { val: 1000, ecr: 0 });
    let syn = Segment {
        timestamps,
        ..syn(0, SynOptions::default())
    };
    let iss = probe.inject(syn)[0].seq;
    let ack = Segment {
        timestamps,
        ..segment(SeqNum(1), iss + 1, Control::None, b"")
    };
    probe.inject(ack);
    (probe, SeqNum(1), iss + 1)
}

#[test]
fn the_echoed_timestamp_is_that_of_the_earliest_unacknowledged_segment() {
    let (mut probe, seq, una) = with_timestamps();
    let mut say = |at: u32, val| {
        let timestamps = Some(Timestamps { val, ecr: 0 });
        probe.inject(Segment {
            timestamps,
            ..segment(seq + at, una, Control::None, &[0; 1448])
        })
    };
    let echo = |seen: Vec<Seen>| seen.first().and_then(|seen| seen.timestamps).map(|ts| ts.1);
    assert_eq!(echo(say(0, 1001)), None, "delayed");
    assert_eq!(echo(say(1448, 1002)), Some(1001), "delayed ACKs: case A");
    assert_eq!(echo(say(4344, 1003)), Some(1001), "a gap: case B");
    assert_eq!(
        echo(say(2896, 1004)),
        Some(1004),
        "the gap is filled: case C"
    );
}

#[test]
fn an_old_timestamp_counts_again_after_24_days_of_silence() {
    let (mut probe, seq, una) = with_timestamps();
    let old = Timestamps { val: 995, ecr: 0 };
    let data = Segment {
        timestamps: Some(old),
        ..segment(seq, una, Control::None, b"x")
    };
    probe.wait(Duration::from_secs(24 * 24 * 3600 - 10));
    assert_eq!(probe.inject(data)[0].ack, Some(seq), "PAWS");
    probe.wait(Duration::from_secs(20));
    probe.inject(data);
    assert_eq!(probe.wait(millis(300))[0].ack, Some(seq + 1));
}

#[test]
fn send_takes_what_the_buffer_has_room_for_and_says_when_there_is_more() {
    let options = SocketOptions {
        sndbuf: Some(3000),
        ..SocketOptions::default()
    };
    let mut conn = Established::with(Config::default(), SynOptions::default(), options);
    let (now, id) = (conn.now(), conn.id);
    assert_eq!(conn.probe.stack.send(now, id, &[0; 5000], false), Ok(3000));
    assert_eq!(
        conn.probe.stack.send(now, id, &[0; 5000], false),
        Err(CallError::WouldBlock)
    );
    conn.sent();
    assert_eq!(conn.events(), []);
    conn.ack(1072);
    assert_eq!(conn.events(), [Event::Writable { id }]);
}
