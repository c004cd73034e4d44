//! Loss recovery by SACK as a peer and a network see it (RFC 2018 §5, RFC 6675, RFC 8985).

use super::testing::{Established, Pair, Seen, segment};
use super::{millis, transfer};
use crate::segment::{Control, Segment, SynOptions};
use crate::seq::SeqNum;
use crate::{Config, SocketOptions, Timer};
use proptest::prelude::*;
use rstest::rstest;

const MSS: u32 = 1000;

/// An established connection whose peer permits SACK.
fn permitting(config: Config) -> Established {
    let permits = SynOptions {
        mss: Some(MSS as u16),
        sack_permitted: true,
        ..SynOptions::default()
    };
    Established::with(config, permits, SocketOptions::default())
}

/// An established connection that has sent as many of `segments` full segments as it may.
fn in_flight(rack: bool, tlp: bool, segments: usize) -> Established {
    let config = Config {
        rack,
        tlp,
        nodelay: true,
        ..Config::default()
    };
    let mut host = permitting(config);
    host.send(&vec![7; segments * MSS as usize]);
    host.sent();
    host
}

/// What the peer does next; segments count from SND.UNA.
#[derive(Clone, Copy, Debug)]
enum Step {
    Report(u32, u32),
    Acknowledge(u32),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u32..12, 1_u32..4).prop_map(|(first, count)| Step::Report(first, count)),
        2 => (1_u32..4).prop_map(Step::Acknowledge),
        2 => prop_oneof![0..300_u64, 0..5000_u64].prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// RFC 2018 §5: what was reported is passed over, until a timeout forgets it.
    #[test]
    fn what_was_reported_is_not_sent_again_before_a_timeout(
        rack: bool, tlp: bool, steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let mut host = in_flight(rack, tlp, 200);
        let start = host.una;
        let index = |seen: &Seen| (seen.seq.since(start) / MSS) as usize;
        let mut reported = [false; 400];
        let mut timeouts = 0;
        let mut una = 0;
        for step in steps {
            let nxt = host.status().snd_nxt.since(start) / MSS;
            let sent = match step {
                Step::Report(first, count) => {
                    let (left, right) = (una + first, (una + first + count).min(nxt));
                    if left >= right {
                        continue;
                    }
                    reported[left as usize..right as usize].fill(true);
                    let block = (start + left * MSS, start + right * MSS);
                    host.probe.inject(Segment {
                        wnd: host.wnd,
                        sack: [block].into_iter().collect(),
                        ..segment(host.seq, host.una, Control::None, b"")
                    })
                }
                Step::Acknowledge(count) => {
                    let count = count.min(nxt - una);
                    una += count;
                    host.ack(count * MSS)
                }
                Step::Wait(ms) => host.wait(millis(ms)),
            };
            let now = host.probe.stack.counters().timeouts;
            if now > timeouts {
                timeouts = now;
                reported.fill(false);
                continue;
            }
            for seen in sent.iter().filter(|seen| !seen.text.is_empty()) {
                prop_assert!(!reported[index(seen)], "segment {} again", index(seen));
            }
        }
    }
}

#[rstest]
#[case::by_time(true, true)]
#[case::by_time_without_probes(true, false)]
#[case::by_duplicates(false, false)]
fn a_megabyte_arrives_whatever_is_lost(#[case] rack: bool, #[case] tlp: bool) {
    let config = Config {
        rack,
        tlp,
        ..Config::default()
    };
    for step in [3, 7, 11, 50] {
        let mut pair = Pair::new(&config);
        pair.loses = Box::new(move |packet| packet > 10 && packet % step == 0);
        transfer(&mut pair, 1_000_000);
        assert!(pair.a.counters().retrans_segs > 0);
    }
}

#[test]
fn most_losses_are_repaired_without_a_timeout() {
    for rack in [true, false] {
        let config = Config {
            rack,
            ..Config::default()
        };
        let mut pair = Pair::new(&config);
        pair.loses = Box::new(|packet| packet > 100 && packet % 97 == 0);
        transfer(&mut pair, 1_000_000);
        let counters = pair.a.counters();
        assert!(counters.retrans_segs >= 5, "{}", counters.retrans_segs);
        assert!(counters.timeouts <= 1, "{}", counters.timeouts);
    }
}

/// Octets from SND.UNA of an acknowledgment on, and a block counted from `start`.
fn reports(host: &mut Established, octets: u32, start: SeqNum, block: (u32, u32)) -> Vec<Seen> {
    host.una += octets;
    let block = (start + block.0 * MSS, start + block.1 * MSS);
    host.probe.inject(Segment {
        wnd: host.wnd,
        sack: [block].into_iter().collect(),
        ..segment(host.seq, host.una, Control::None, b"")
    })
}

/// RFC 3708 §3, (A.3): whatever has sent it again, the last copy may be what came twice.
#[rstest]
#[case::as_it_was_late(true, false)]
#[case::by_a_timeout(true, true)]
#[case::by_a_timeout_without_rack(false, true)]
fn what_was_sent_again_twice_is_no_proof(#[case] rack: bool, #[case] timeout: bool) {
    let mut host = in_flight(rack, false, 10);
    let start = host.una;
    host.wait(millis(100));
    assert_eq!(reports(&mut host, 0, start, (1, 9)).len(), 1);
    let mut flight = 10;
    if timeout {
        assert_eq!(host.wait(millis(1500)).len(), 1);
    } else {
        reports(&mut host, 0, start, (1, 10));
        host.send(&[7; MSS as usize]);
        assert_eq!(host.sent().len(), 1);
        flight = 11;
        host.wait(millis(100));
        assert_eq!(reports(&mut host, 0, start, (1, 11)).len(), 1);
    }
    host.wait(millis(100));
    host.ack(flight * MSS);
    let before = host.status();
    reports(&mut host, 0, start, (0, 1));
    let after = host.status();
    assert!(before.ssthresh < 5 * MSS, "{}", before.ssthresh);
    assert_eq!((after.cwnd, after.ssthresh), (before.cwnd, before.ssthresh));
}

/// RFC 8985 §8: one of the two timers runs, and when it has no more to do, the other one.
#[test]
fn the_reordering_timer_takes_the_place_of_the_timeout() {
    let config = Config {
        // The handshake took no time: that has to be forgotten.
        min_rtt_window: millis(1),
        tlp: false,
        nodelay: true,
        ..Config::default()
    };
    let mut host = permitting(config);
    for segments in [1, 1, 3] {
        host.send(&vec![7; segments * MSS as usize]);
        host.sent();
        host.wait(millis(400));
        if segments == 1 {
            host.ack(MSS);
        }
    }
    let timers = |host: &Established| {
        let running = host.status().timers;
        let timers: Vec<_> = running.into_iter().map(|(timer, _)| timer).collect();
        timers
    };
    assert_eq!(timers(&host), [Timer::Retransmission]);
    let start = host.una;
    assert!(reports(&mut host, 0, start, (1, 2)).is_empty());
    assert_eq!(timers(&host), [Timer::Reordering]);
    assert_eq!(host.wait(millis(150)).len(), 1);
    assert_eq!(timers(&host), [Timer::Retransmission]);
    assert_eq!(host.probe.stack.counters().timeouts, 0);
}
