//! What a host counts of recoveries, probes, marks and Fast Opens, and what the status tells of
//! them.

use super::testing::{Established, Probe, Seen, segment, syn};
use super::{Pair, Side, millis};
use crate::fast_open::FastOpenOption;
use crate::segment::{Control, Ecn, Segment, SynOptions};
use crate::{Algorithm, Config, Counters, EcnPolicy, FastOpenPolicy, SocketOptions};
use rstest::rstest;
use std::net::{IpAddr, SocketAddr};

const MSS: u32 = 1000;

/// A connection that has sent so many full segments; its round trip took 100 ms.
fn in_flight(config: &Config, sack: bool, segments: u32) -> Established {
    let permits = SynOptions {
        mss: Some(MSS as u16),
        sack_permitted: sack,
        ..SynOptions::default()
    };
    let config = Config {
        nodelay: true,
        ..config.clone()
    };
    let mut host = Established::with(config, permits, SocketOptions::default());
    host.send(&vec![7; MSS as usize]);
    host.sent();
    host.wait(millis(100));
    host.ack(MSS);
    host.send(&vec![7; (segments * MSS) as usize]);
    host.sent();
    host
}

/// Acknowledges `octets` more and reports segments counted from there.
fn report(host: &mut Established, octets: u32, left: i32, right: i32) -> Vec<Seen> {
    host.una += octets;
    let at = |segments: i32| host.una + (segments * MSS as i32) as u32;
    host.probe.inject(Segment {
        wnd: host.wnd,
        sack: [(at(left), at(right))].into_iter().collect(),
        ..segment(host.seq, host.una, Control::None, b"")
    })
}

fn counters(host: &Established) -> Counters {
    host.probe.stack.counters().clone()
}

#[test]
fn a_duplicate_counts_once_whichever_end_reports_it() {
    let mut host = in_flight(&Config::default(), true, 1);
    host.say(Control::None, b"hello");
    host.wait(millis(500));
    assert_eq!(counters(&host).dsacks_sent, 0);
    let again = host.seq - 5;
    assert_eq!(host.say_at(again, Control::None, b"hello").len(), 1);
    host.say(Control::None, b"world");
    host.wait(millis(500));
    assert_eq!(counters(&host).dsacks_sent, 1);
    report(&mut host, MSS, -1, 0);
    let counted = counters(&host);
    assert_eq!((counted.dsacks_sent, counted.dsacks_received), (1, 1));
}

#[rstest]
#[case::it_was_false(-10, 1)]
#[case::another_segment_came_twice(-9, 0)]
fn a_recovery_that_was_false_counts(#[case] twice: i32, #[case] undone: u64) {
    let mut host = in_flight(&Config::default(), true, 10);
    host.wait(millis(100));
    assert_eq!(report(&mut host, 0, 1, 10).len(), 1);
    host.wait(millis(100));
    host.ack(10 * MSS);
    assert_eq!(counters(&host).recoveries_undone, 0);
    report(&mut host, 0, twice, twice + 1);
    let counted = counters(&host);
    assert_eq!(counted.recoveries_undone, undone);
    assert_eq!((counted.fast_retransmits, counted.dsacks_received), (1, 1));
}

#[rstest]
fn a_timeout_that_was_spurious_counts(
    #[values(true, false)] sack: bool,
    #[values(true, false)] spurious: bool,
) {
    let config = Config {
        tlp: false,
        ..Config::default()
    };
    let mut host = in_flight(&config, sack, 40);
    host.wait(millis(1000));
    host.ack(MSS);
    assert_eq!(counters(&host).timeouts, 1);
    assert_eq!(counters(&host).spurious_timeouts, 0);
    host.ack(if spurious { MSS } else { 0 });
    assert_eq!(counters(&host).timeouts, 1);
    assert_eq!(counters(&host).spurious_timeouts, u64::from(spurious));
}

#[rstest]
#[case::it_repaired_a_loss(false)]
#[case::nothing_was_lost(true)]
fn a_tail_loss_probe_counts_and_what_it_repaired(#[case] twice: bool) {
    let mut host = in_flight(&Config::default(), true, 4);
    assert_eq!(host.wait(millis(300)).len(), 1);
    let probed = counters(&host);
    assert_eq!((probed.loss_probes, probed.timeouts), (1, 0));
    if twice {
        report(&mut host, 4 * MSS, -1, 0);
    } else {
        host.ack(4 * MSS);
    }
    host.send(&vec![7; MSS as usize]);
    host.sent();
    host.wait(millis(50));
    host.ack(MSS);
    let counted = counters(&host);
    assert_eq!(counted.loss_probe_recoveries, u64::from(!twice));
    assert_eq!((counted.loss_probes, counted.timeouts), (1, 0));
}

#[test]
fn marks_of_congestion_count_and_the_status_tells_of_ecn() {
    for policy in [EcnPolicy::Answer, EcnPolicy::Off] {
        let agreed = policy == EcnPolicy::Answer;
        let ecn = |ece, cwr| Ecn { ece, cwr };
        let config = Config {
            ecn: policy,
            ..Config::default()
        };
        let mut probe = Probe::new(config);
        let options = SocketOptions::default();
        let listener = probe.stack.listen(probe.local, 4, options).expect("free");
        let syn_ack = probe.inject(Segment {
            ecn: ecn(true, true),
            ..syn(1000, SynOptions::default())
        });
        let una = syn_ack[0].seq + 1;
        probe.inject(segment(
            syn_ack[0].ack.expect("ACK"),
            una,
            Control::None,
            b"",
        ));
        let id = probe.stack.accept(listener).expect("established");
        let status = probe.stack.status(probe.now, id).expect("owned");
        assert_eq!(status.ecn, agreed);
        assert_eq!(status.to_string().contains(" ecn "), agreed, "{status}");
        let text = segment(syn_ack[0].ack.expect("ACK"), una, Control::None, b"hello");
        for codepoint in 0..4 {
            let mut packet = probe.packet(Segment {
                ecn: ecn(true, false),
                ..text
            });
            packet[1] = codepoint;
            let sum = u16::from_be_bytes([packet[10], packet[11]]) - u16::from(codepoint);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            probe.inject_packet(&packet);
        }
        let counted = probe.stack.counters();
        assert_eq!(counted.ce_received, 1);
        // Three of the four come too late for their ACK to be looked at.
        assert_eq!(counted.ece_received, u64::from(agreed));
    }
}

#[test]
fn syns_that_are_sent_again_count_on_either_side() {
    let mut probe = Probe::new(Config::default());
    let options = SocketOptions::default();
    probe.stack.listen(probe.local, 4, options).expect("free");
    probe.inject(syn(1000, SynOptions::default()));
    assert_eq!(probe.wait(millis(3500)).len(), 2);
    let counted = probe.stack.counters();
    assert_eq!((counted.syn_retrans, counted.retrans_segs), (2, 2));

    let mut pair = Pair::new(&Config::default());
    pair.loses = Box::new(|packet| packet == 0);
    let b = SocketAddr::new(pair.b.first_address(), 80);
    let a = SocketAddr::new(pair.a.first_address(), 0);
    pair.b.listen(b, 8, options).expect("free");
    let now = pair.now;
    pair.a.connect(now, a, b, options).expect("free");
    pair.run(millis(1500));
    assert_eq!(pair.summary(Side::A), ["S", "S", "A"]);
    assert_eq!(pair.a.counters().syn_retrans, 1);
    assert_eq!(pair.b.counters().syn_retrans, 0);
}

#[test]
fn fast_opens_count_by_what_became_of_them() {
    let config = Config {
        fast_open: FastOpenPolicy::Both,
        ..Config::default()
    };
    let mut pair = Pair::new(&config);
    let b = SocketAddr::new(pair.b.first_address(), 80);
    let a = SocketAddr::new(pair.a.first_address(), 0);
    let takes = SocketOptions {
        fast_open: Some(1),
        ..SocketOptions::default()
    };
    pair.b.listen(b, 8, takes).expect("free");
    for _ in 0..2 {
        let (now, options) = (pair.now, SocketOptions::default());
        let opened = pair.a.connect_with(now, a, b, options, b"hello");
        opened.expect("free");
        pair.run(millis(500));
    }
    let client = pair.a.counters();
    assert_eq!(client.fast_opens_active, 1);
    assert_eq!(client.fast_opens_active_failed, 0);
    let server = pair.b.counters();
    assert_eq!(server.fast_open_requests, 1);
    assert_eq!(server.fast_opens_passive, 1);
    assert_eq!(server.fast_open_cookies_failed, 0);
    assert_eq!(server.fast_open_overflows, 0);

    // A server that no longer takes text, and one with another secret.
    let other: IpAddr = pair.b.first_address();
    pair.b = crate::Stack::new(config, &[other], [9; 16]);
    pair.b.listen(b, 8, takes).expect("free");
    let (now, options) = (pair.now, SocketOptions::default());
    let opened = pair.a.connect_with(now, a, b, options, b"hello");
    opened.expect("free");
    pair.run(millis(500));
    assert_eq!(pair.a.counters().fast_opens_active, 1);
    assert_eq!(pair.a.counters().fast_opens_active_failed, 1);
    assert_eq!(pair.b.counters().fast_open_cookies_failed, 1);
    assert_eq!(pair.b.counters().fast_opens_passive, 0);
}

#[test]
fn a_fast_open_counts_that_finds_too_many_pending() {
    let config = Config {
        fast_open: FastOpenPolicy::Both,
        ..Config::default()
    };
    let mut probe = Probe::new(config);
    let takes = SocketOptions {
        fast_open: Some(1),
        ..SocketOptions::default()
    };
    probe.stack.listen(probe.local, 8, takes).expect("free");
    let asks = |option| SynOptions {
        fast_open: Some(option),
        ..SynOptions::default()
    };
    let syn_ack = probe.inject(syn(1, asks(FastOpenOption::Request)));
    let Control::Syn { options, .. } = syn_ack[0].control else {
        panic!("no SYN,ACK");
    };
    let cookie = options.fast_open.expect("a cookie");
    for port in [4001, 4002] {
        probe.remote.set_port(port);
        probe.inject(syn(1, asks(cookie)));
    }
    let counted = probe.stack.counters();
    assert_eq!(counted.fast_opens_passive, 1);
    assert_eq!(counted.fast_open_overflows, 1);
    assert_eq!(counted.fast_open_requests, 1);
}

#[rstest]
#[case(Algorithm::Reno, " reno ")]
#[case(Algorithm::Cubic, " cubic ")]
fn the_status_names_the_congestion_control(#[case] algorithm: Algorithm, #[case] name: &str) {
    let config = Config {
        congestion_control: algorithm,
        ..Config::default()
    };
    let host = Established::new(config);
    assert_eq!(host.status().congestion_control, Some(algorithm));
    assert!(
        host.status().to_string().contains(name),
        "{}",
        host.status()
    );
}

#[test]
fn the_status_tells_the_least_round_trip() {
    let mut host = in_flight(&Config::default(), false, 1);
    // The handshake took no time.
    assert_eq!(host.status().min_rtt, Some(millis(0)));
    host.wait(millis(300));
    host.ack(MSS);
    assert_eq!(host.status().min_rtt, Some(millis(0)));
    let mut pair = Pair::new(&Config::default());
    let (a, _, _) = pair.connect();
    let status = pair.a.status(pair.now, a).expect("owned");
    assert_eq!(status.min_rtt, Some(millis(20)));
    assert!(status.to_string().ends_with(" minrtt:20.000"), "{status}");
}
