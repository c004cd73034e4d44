//! Each switch of [`Config`] in both of its positions, where no other test turns it.

use super::ends::icmp;
use super::millis;
use super::testing::{Established, Seen, segment};
use crate::segment::{Control, Segment, SynOptions};
use crate::{Config, FastRetransmit, SocketOptions, UrgentPointer};
use rstest::rstest;
use std::time::Duration;

const MSS: u32 = 1000;

/// A connection that sends segments of 1000 octets.
fn host(config: Config, sack: bool) -> Established {
    let options = SynOptions {
        mss: Some(MSS as u16),
        sack_permitted: sack,
        ..SynOptions::default()
    };
    Established::with(config, options, SocketOptions::default())
}

/// Queues so many segments, and returns those that go out.
fn send(host: &mut Established, segments: u32) -> Vec<Seen> {
    host.send(&vec![7; (segments * MSS) as usize]);
    host.sent()
}

/// The peer reports a block, counted in segments from SND.UNA.
fn report(host: &mut Established, left: u32, right: u32) -> Vec<Seen> {
    let block = (host.una + left * MSS, host.una + right * MSS);
    host.probe.inject(Segment {
        wnd: host.wnd,
        sack: [block].into_iter().collect(),
        ..segment(host.seq, host.una, Control::None, b"")
    })
}

#[rstest]
fn limited_transmit_lets_new_segments_out(
    #[values(true, false)] on: bool,
    #[values(true, false)] sack: bool,
) {
    let config = Config {
        limited_transmit: on,
        rack: false,
        ..Config::default()
    };
    let mut host = host(config, sack);
    assert_eq!(send(&mut host, 20).len(), 10);
    for count in 1..=2 {
        let sent = if sack {
            report(&mut host, count, count + 1)
        } else {
            host.say(Control::None, b"")
        };
        assert_eq!(sent.len(), usize::from(on), "{count}");
    }
    // The third sign begins the recovery either way.
    let sent = if sack {
        report(&mut host, 3, 4)
    } else {
        host.say(Control::None, b"")
    };
    assert_eq!(sent[0].seq, host.una);
}

#[rstest]
#[case::never(FastRetransmit::Never, 0, 0)]
#[case::reno(FastRetransmit::Reno, 1, 0)]
#[case::newreno(FastRetransmit::NewReno, 1, 1)]
fn the_third_duplicate_does_as_told(
    #[case] fast_retransmit: FastRetransmit,
    #[case] after_duplicates: usize,
    #[case] after_a_partial_ack: usize,
) {
    let config = Config {
        fast_retransmit,
        ..Config::default()
    };
    let mut host = host(config, false);
    assert_eq!(send(&mut host, 10).len(), 10);
    let sent: Vec<Seen> = (0..3).flat_map(|_| host.say(Control::None, b"")).collect();
    assert_eq!(sent.len(), after_duplicates);
    assert!(sent.iter().all(|seen| seen.seq == host.una));
    let sent = host.ack(MSS);
    assert_eq!(sent.len(), after_a_partial_ack);
    assert!(sent.iter().all(|seen| seen.seq == host.una));
    if fast_retransmit == FastRetransmit::Reno {
        assert_eq!(host.status().cwnd, host.status().ssthresh);
    }
    // What nothing else repairs, the timer does.
    let sent = host.wait(millis(1000));
    assert_eq!(sent[0].seq, host.una);
}

#[rstest]
#[case::on(true, 2)]
#[case::off(false, 6)]
fn a_pause_lowers_the_window_or_not(#[case] restart_after_idle: bool, #[case] segments: usize) {
    let config = Config {
        restart_after_idle,
        initial_window: 2,
        ..Config::default()
    };
    let mut host = host(config, false);
    assert_eq!(send(&mut host, 10).len(), 2);
    let mut sent = 2;
    for _ in 0..4 {
        sent += host.ack(MSS).len();
    }
    assert_eq!((sent, host.status().cwnd), (10, 6 * MSS));
    host.ack(6 * MSS);
    let cwnd = host.status().cwnd;
    host.wait(Duration::from_secs(5));
    let sent = send(&mut host, 10).len();
    assert!(
        sent == segments || !restart_after_idle && sent as u32 == cwnd / MSS,
        "{sent}"
    );
}

#[rstest]
fn probes_are_never_further_apart(#[values(3, 60)] most: u64) {
    let config = Config {
        max_persist: Duration::from_secs(most),
        ..Config::default()
    };
    let mut host = host(config, false);
    host.wnd.0 = 0;
    host.say(Control::None, b"");
    assert_eq!(send(&mut host, 1).len(), 0);
    let probes = host.wait(Duration::from_secs(600));
    let gaps = probes.windows(2).map(|pair| pair[1].at.since(pair[0].at));
    assert_eq!(gaps.max(), Some(Duration::from_secs(most)));
}

#[rstest]
#[case::discovered(true, 24, 1460, 960)]
#[case::own_network(false, 24, 1460, 1460)]
#[case::beyond_it(false, 32, 536, 536)]
fn path_mtus_are_discovered_or_not(
    #[case] on: bool,
    #[case] ipv4_prefix: u8,
    #[case] first: usize,
    #[case] then: usize,
) {
    let config = Config {
        path_mtu_discovery: on,
        ipv4_prefix,
        nodelay: true,
        ..Config::default()
    };
    let options = SynOptions {
        mss: Some(1460),
        ..SynOptions::default()
    };
    let mut host = Established::with(config, options, SocketOptions::default());
    host.send(&[7; 5000]);
    let sent = host.sent();
    assert_eq!((sent[0].text.len(), sent[0].df), (first, on));
    let error = icmp(&host, (3, 4), 1000, sent[0].seq);
    host.probe.inject_packet(&error);
    let left = host.status().snd_nxt.since(host.una);
    host.ack(left);
    host.send(&[7; 5000]);
    let sent = host.sent();
    assert_eq!((sent[0].text.len(), sent[0].df), (then, on));
}

#[rstest]
fn icmp_errors_are_checked_or_not(#[values(true, false)] on: bool) {
    let config = Config {
        rfc5927: on,
        ..Config::default()
    };
    let mut host = host(config, false);
    let sent = send(&mut host, 1);
    // §4.1: a segment that is not in flight; §7.2: an MTU that nothing was too big for.
    let stale = icmp(&host, (3, 1), 0, sent[0].seq - 1);
    host.probe.inject_packet(&stale);
    assert_eq!(host.status().soft_error.is_none(), on);
    let too_large = icmp(&host, (3, 4), 1400, sent[0].seq);
    host.probe.inject_packet(&too_large);
    assert_eq!(host.status().pmtu, if on { 1500 } else { 1400 });
}

#[rstest]
#[case::following(UrgentPointer::Following, 5, 3)]
#[case::last(UrgentPointer::Last, 4, 4)]
fn urgent_pointers_point_where_told(
    #[case] urgent_pointer: UrgentPointer,
    #[case] pointer: u16,
    #[case] unread: u32,
) {
    let config = Config {
        urgent_pointer,
        ..Config::default()
    };
    let mut host = host(config, false);
    let (now, id) = (host.now(), host.id);
    host.probe
        .stack
        .send(now, id, b"12345", true)
        .expect("room");
    assert_eq!(host.sent()[0].urgent, Some(pointer));
    let seq = host.seq;
    host.probe.inject(Segment {
        urgent: Some(3),
        wnd: host.wnd,
        ..segment(seq, host.una, Control::None, b"abcdef")
    });
    assert_eq!(host.status().urgent, unread);
}

#[rstest]
fn a_false_recovery_is_taken_back_or_not(#[values(true, false)] on: bool) {
    let config = Config {
        dsack_undo: on,
        ..Config::default()
    };
    let mut host = host(config, true);
    assert_eq!(send(&mut host, 10).len(), 10);
    host.wait(millis(100));
    assert_eq!(report(&mut host, 1, 10).len(), 1);
    host.wait(millis(100));
    host.ack(10 * MSS);
    let start = host.una - 10 * MSS;
    host.probe.inject(Segment {
        wnd: host.wnd,
        sack: [(start, start + MSS)].into_iter().collect(),
        ..segment(host.seq, host.una, Control::None, b"")
    });
    assert_eq!(host.status().cwnd, if on { 10 * MSS } else { 5 * MSS });
}
