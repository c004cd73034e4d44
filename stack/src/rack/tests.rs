//! RACK by itself: what is found lost, and when.

use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const MIN_RTT: Duration = Duration::from_millis(100);

fn flight(at_ms: u64, index: u32, again: bool) -> Flight {
    let (seq, end) = (SeqNum(index * 100), SeqNum(index * 100 + 100));
    Flight {
        at: Instant(at_ms * MS),
        seq,
        end,
        again,
    }
}

fn about(recovering: bool, segs_sacked: u32) -> Circumstances {
    Circumstances {
        recovering,
        segs_sacked,
        srtt: MIN_RTT,
        min_rtt: MIN_RTT,
    }
}

/// What is lost at this time, and how long to wait, with a minimum RTT of 100 ms.
fn lost(rack: &mut Rack, now_ms: u64, about: &Circumstances) -> (Vec<u32>, Option<u64>) {
    let mut found = Vec::new();
    let wait = rack.detect_loss(
        about,
        Instant(now_ms * MS),
        |_| true,
        |_, flight| found.push(flight.seq.0 / 100),
    );
    (found, wait.map(|wait| wait.as_millis() as u64))
}

fn rack() -> Rack {
    Rack::new(SeqNum(0))
}

#[test]
fn what_was_sent_before_a_delivered_segment_is_lost_a_quarter_of_the_rtt_later() {
    let mut rack = rack();
    for index in 0..4 {
        rack.sent(flight(u64::from(index), index, false));
    }
    rack.delivered(&[flight(2, 2, false)], Instant(102 * MS), MIN_RTT, |_| {
        false
    });
    let (found, wait) = lost(&mut rack, 102, &about(false, 1));
    assert_eq!((found, wait), (vec![], Some(24)));
    assert_eq!(lost(&mut rack, 125, &about(false, 1)).0, [0]);
    assert_eq!(lost(&mut rack, 127, &about(false, 1)), (vec![1], None));
}

#[test]
fn three_segments_or_a_recovery_make_the_window_zero_unless_there_was_reordering() {
    for (recovering, sacked) in [(true, 1), (false, 3)] {
        let mut rack = rack();
        rack.sent(flight(0, 0, false));
        rack.delivered(&[flight(1, 1, false)], Instant(101 * MS), MIN_RTT, |_| {
            false
        });
        assert_eq!(lost(&mut rack, 101, &about(recovering, sacked)).0, [0]);
        rack.sent(flight(102, 2, false));
        rack.delivered(&[flight(103, 4, false)], Instant(203 * MS), MIN_RTT, |_| {
            false
        });
        rack.delivered(&[flight(103, 3, false)], Instant(203 * MS), MIN_RTT, |_| {
            false
        });
        let (found, wait) = lost(&mut rack, 203, &about(recovering, sacked));
        assert_eq!((found, wait), (vec![], Some(24)));
    }
}

#[test]
fn dsack_rounds_widen_the_window_up_to_srtt_for_sixteen_recoveries() {
    let mut rack = rack();
    let window = |rack: &Rack| rack.reo_wnd(&about(false, 1)).as_millis();
    assert_eq!(window(&rack), 25);
    for (round, expected) in [(1, 50), (2, 75), (3, 100), (4, 100)] {
        let (una, nxt) = (SeqNum(round * 1000), SeqNum(round * 1000 + 1000));
        rack.adapt(true, false, una, nxt);
        rack.adapt(true, false, una + 1, nxt);
        assert_eq!(window(&rack), expected, "round {round}");
    }
    for recovery in 0..16 {
        assert_eq!(window(&rack), 100, "recovery {recovery}");
        rack.adapt(false, true, SeqNum(9000), SeqNum(9000));
    }
    assert_eq!(window(&rack), 25);
}

#[test]
fn a_retransmission_that_is_answered_too_soon_tells_nothing() {
    let mut rack = rack();
    rack.sent(flight(0, 0, false));
    rack.sent(flight(50, 1, true));
    rack.delivered(&[flight(50, 1, true)], Instant(60 * MS), MIN_RTT, |_| false);
    assert_eq!(lost(&mut rack, 500, &about(true, 1)), (vec![], None));
    rack.delivered(&[flight(50, 1, true)], Instant(160 * MS), MIN_RTT, |_| true);
    assert_eq!(lost(&mut rack, 500, &about(true, 1)), (vec![], None));
    rack.delivered(&[flight(50, 1, true)], Instant(160 * MS), MIN_RTT, |_| {
        false
    });
    assert_eq!(lost(&mut rack, 500, &about(true, 1)).0, [0]);
}

#[test]
fn a_timeout_takes_the_first_segment_and_the_old_ones() {
    let mut rack = rack();
    rack.delivered(&[flight(0, 9, false)], Instant(100 * MS), MIN_RTT, |_| {
        false
    });
    let segments = [(0, 0), (5, 1), (990, 2), (3, 3), (901, 4), (900, 5)];
    let segments = segments.map(|(at, index)| flight(at, index, false));
    let now = Instant(1000 * MS);
    rack.on_timeout(segments.into_iter(), SeqNum(0), now, &about(true, 0));
    let expected = [(0, 200), (300, 400), (500, 600)];
    let expected = expected.map(|(left, right)| (SeqNum(left), SeqNum(right)));
    assert_eq!(rack.lost.as_slice(), expected);
}

proptest! {
    /// Against the loop of §6.2: the same segments are lost at the same ack.
    #[test]
    fn finds_what_a_look_at_every_segment_finds(
        events in proptest::collection::vec((0_u32..12, 0_u64..60), 1..40),
    ) {
        let mut rack = rack();
        let mut naive: Vec<Flight> = (0..12).map(|index| flight(0, index, false)).collect();
        let mut gone = [false; 12];
        for flight in &naive {
            rack.sent(*flight);
        }
        let mut now = 0;
        for (index, wait) in events {
            now += wait;
            if gone[index as usize] {
                continue;
            }
            gone[index as usize] = true;
            let segment = naive[index as usize];
            rack.delivered(&[segment], Instant(now * MS), MIN_RTT, |_| false);
            let about = about(false, 1);
            let (newest, deadline) = (rack.newest, Duration::from(rack.rtt) + rack.reo_wnd(&about));
            let expected: Vec<u32> = (0..12)
                .filter(|index| !gone[*index as usize])
                .filter(|index| {
                    let segment = naive[*index as usize];
                    let before = newest.is_some_and(|(at, end)| {
                        at > segment.at || at == segment.at && end.after(segment.end)
                    });
                    before && Instant(now * MS) >= segment.at + deadline
                })
                .collect();
            let mut found = Vec::new();
            rack.detect_loss(
                &about,
                Instant(now * MS),
                |flight| {
                    let index = (flight.seq.0 / 100) as usize;
                    !gone[index] && naive[index] == *flight
                },
                |_, flight| found.push(flight.seq.0 / 100),
            );
            found.sort_unstable();
            prop_assert_eq!(&found, &expected);
            // What is lost is sent again at once.
            for index in found {
                let again = flight(now, index, true);
                naive[index as usize] = again;
                rack.sent(again);
            }
        }
    }
}
