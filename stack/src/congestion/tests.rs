use super::*;
use proptest::prelude::*;
use rstest::rstest;

const MSS: u32 = 1000;

fn sender(una: u32, nxt: u32) -> Sender {
    Sender {
        una: SeqNum(una),
        nxt: SeqNum(nxt),
        next: SeqNum(nxt),
        mss: MSS,
        now: Instant::ZERO,
        srtt: Duration::ZERO,
        sack: false,
    }
}

fn begun(cwnd: u32, ssthresh: Option<u32>) -> Congestion {
    let config = Config {
        initial_window: cwnd,
        initial_ssthresh: ssthresh,
        ..Config::default()
    };
    let mut congestion = Congestion::new(SeqNum(0), &Config::default());
    congestion.begin(&sender(0, 1), 0, &config);
    congestion
}

#[rstest]
#[case(10, 1460, 14_600)]
#[case(10, 1000, 10_000)]
#[case(10, 8960, 17_920)]
#[case(10, 3000, 14_600)]
#[case(4, 536, 2144)]
#[case(3, 1460, 4380)]
#[case(1, 1460, 1460)]
#[case(0, 1460, 1460)]
#[case(16, 1460, 23_360)]
fn the_initial_window_is_bounded(#[case] segments: u32, #[case] mss: u32, #[case] octets: u32) {
    assert_eq!(initial_window(segments, mss), octets);
}

#[rstest]
#[case(0, 10)]
#[case(1, 10)]
#[case(2, 1)]
fn a_lost_handshake_segment_may_cost_the_initial_window(#[case] lost: u32, #[case] segments: u32) {
    let mut congestion = Congestion::new(SeqNum(0), &Config::default());
    congestion.begin(&sender(0, 1), lost, &Config::default());
    assert_eq!(congestion.window().cwnd, segments * MSS);
}

#[test]
fn slow_start_adds_what_was_acknowledged_but_at_most_a_segment() {
    let mut congestion = begun(10, None);
    congestion.on_ack(SeqNum(2000), true, &sender(0, 10_000));
    assert_eq!(congestion.window().cwnd, 11_000);
    congestion.on_ack(SeqNum(2010), true, &sender(2000, 13_000));
    assert_eq!(congestion.window().cwnd, 11_010);
}

#[test]
fn congestion_avoidance_adds_a_segment_per_window() {
    let mut congestion = begun(4, Some(2));
    let mut una = 0;
    let mut grown = Vec::new();
    for _ in 0..9 {
        let cwnd = congestion.window().cwnd;
        congestion.on_ack(SeqNum(una + MSS), true, &sender(una, una + cwnd));
        una += MSS;
        grown.push(congestion.window().cwnd / MSS);
    }
    assert_eq!(grown, [4, 4, 4, 5, 5, 5, 5, 5, 6]);
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut congestion = begun(10, None);
    congestion.on_ack(SeqNum(1000), true, &sender(0, 4000));
    assert_eq!(congestion.window().cwnd, 10_000);
}

#[test]
fn the_third_duplicate_halves_and_inflates_and_a_full_ack_deflates() {
    let mut congestion = begun(10, None);
    let at = sender(1, 10_001);
    assert_eq!(congestion.on_duplicate(&at), Reaction::default());
    assert_eq!(congestion.allowance(10_000, true, MSS), 1000);
    assert_eq!(congestion.allowance(10_000, false, MSS), 0);
    assert_eq!(congestion.on_duplicate(&at), Reaction::default());
    assert_eq!(congestion.allowance(10_000, true, MSS), 2000);
    // Two segments went out in limited transmit; they do not count.
    let at = sender(1, 12_001);
    assert!(congestion.on_duplicate(&at).retransmit);
    let window = congestion.window();
    assert_eq!((window.ssthresh, window.cwnd), (5000, 8000));
    congestion.on_duplicate(&at);
    assert_eq!(congestion.window().cwnd, 9000);
    let reaction = congestion.on_ack(SeqNum(3001), true, &at);
    assert_eq!((reaction.retransmit, reaction.keep_timer), (true, false));
    assert_eq!(congestion.window().cwnd, 7000);
    let reaction = congestion.on_ack(SeqNum(4001), true, &sender(3001, 12_001));
    assert_eq!((reaction.retransmit, reaction.keep_timer), (true, true));
    assert_eq!(congestion.window().cwnd, 7000);
    let reaction = congestion.on_ack(SeqNum(12_001), true, &sender(4001, 13_001));
    assert_eq!(reaction, Reaction::default());
    assert_eq!(congestion.window().cwnd, 2000);
}

#[test]
fn duplicates_below_recover_do_not_begin_recovery_again() {
    let mut congestion = begun(10, None);
    congestion.on_timeout(&sender(1, 10_001), false);
    congestion.on_ack(SeqNum(5001), true, &sender(1, 10_001));
    for _ in 0..5 {
        assert!(!congestion.on_duplicate(&sender(5001, 10_001)).retransmit);
    }
    congestion.on_ack(SeqNum(10_002), true, &sender(5001, 12_001));
    let again = (0..3).map(|_| congestion.on_duplicate(&sender(10_002, 13_001)).retransmit);
    assert_eq!(again.collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn a_timeout_leaves_one_segment_and_the_second_one_keeps_ssthresh() {
    let mut congestion = begun(24, None);
    let at = sender(1, 24_001);
    congestion.on_timeout(&at, false);
    let window = congestion.window();
    assert_eq!((window.cwnd, window.ssthresh), (1000, 12_000));
    assert_eq!(congestion.allowance(0, false, MSS), 1000);
    assert_eq!(congestion.allowance(100, false, MSS), 0);
    congestion.on_timeout(&at, true);
    assert_eq!(congestion.window().ssthresh, 12_000);
}

#[test]
fn the_loss_of_a_retransmission_halves_twice() {
    let mut congestion = begun(16, None);
    let at = sender(1, 16_001);
    for _ in 0..8 {
        congestion.on_duplicate(&at);
    }
    assert_eq!(congestion.window().ssthresh, 8000);
    congestion.on_timeout(&at, false);
    assert_eq!(congestion.window().ssthresh, 4000);
}

/// A timeout with ten segments in flight, and the first one acknowledged then.
fn doubting() -> Congestion {
    let mut congestion = begun(10, None);
    congestion.on_timeout(&sender(1, 10_001), false);
    let at = Sender {
        next: SeqNum(1001),
        ..sender(1, 10_001)
    };
    let reaction = congestion.on_ack(SeqNum(1001), true, &at);
    assert_eq!(reaction.resume, Some(Resume::Nxt));
    congestion
}

#[test]
fn after_the_first_ack_two_new_segments_go_out_and_the_second_ack_decides() {
    let mut congestion = doubting();
    assert_eq!(congestion.allowance(9000, true, MSS), 2000);
    assert_eq!(congestion.allowance(9000, false, MSS), 0);
    congestion.sent(1000, Instant::ZERO);
    assert_eq!(congestion.allowance(10_000, true, MSS), 1000);
    congestion.on_ack(SeqNum(2001), true, &sender(1001, 12_001));
    let window = congestion.window();
    // FlightSize is ten segments, and one was acknowledged.
    assert_eq!((window.cwnd, window.ssthresh), (11_000, NO_THRESHOLD));
}

#[test]
fn a_duplicate_says_that_the_timeout_was_right() {
    let mut congestion = doubting();
    let reaction = congestion.on_duplicate(&sender(1001, 12_001));
    assert_eq!(reaction.resume, Some(Resume::Una));
    let window = congestion.window();
    assert_eq!((window.cwnd, window.ssthresh), (3000, 5000));
}

#[rstest]
#[case::covers_recover(10_001, true)]
#[case::covers_a_part(500, true)]
#[case::nothing_new(1001, false)]
fn otherwise_recovery_is_the_conventional_one(#[case] ack: u32, #[case] has_new: bool) {
    let mut congestion = begun(10, None);
    congestion.on_timeout(&sender(1, 10_001), false);
    let at = Sender {
        next: SeqNum(1001),
        ..sender(1, 10_001)
    };
    let reaction = congestion.on_ack(SeqNum(ack), has_new, &at);
    assert_eq!(reaction, Reaction::default());
}

#[test]
fn after_an_idle_time_the_window_is_the_restart_window() {
    let mut congestion = begun(10, None);
    for round in 0..20 {
        let una = round * MSS;
        congestion.on_ack(SeqNum(una + MSS), true, &sender(una, una + 30_000));
    }
    let rto = Duration::from_secs(1);
    let at = |now| Sender {
        now: Instant(now),
        ..sender(50_000, 50_000)
    };
    congestion.sent(0, Instant(0));
    congestion.restart_if_idle(&at(1_000_000_000), rto);
    assert_eq!(congestion.window().cwnd, 30_000);
    congestion.restart_if_idle(&at(1_000_000_001), rto);
    assert_eq!(congestion.window().cwnd, 10_000);
}

#[rstest]
#[case::in_the_first_window(1000, 10_000, 4000)]
#[case::of_little(1000, 4096, 10_000)]
#[case::later(10_001, 20_000, 10_000)]
fn a_loss_in_the_first_window_lowers_the_restart_window(
    #[case] una: u32,
    #[case] nxt: u32,
    #[case] restart: u32,
) {
    let mut congestion = begun(10, None);
    congestion.enter_loss_recovery(&sender(una, nxt));
    congestion.on_ack(SeqNum(nxt), true, &sender(una, nxt));
    for round in 0..100 {
        let una = nxt + round * MSS;
        congestion.on_ack(SeqNum(una + MSS), true, &sender(una, una + 30_000));
    }
    let at = Sender {
        now: Instant(2_000_000_000),
        ..sender(50_000, 50_000)
    };
    congestion.restart_if_idle(&at, Duration::from_secs(1));
    assert_eq!(congestion.window().cwnd, restart);
}

/// A recovery by a scoreboard that has just ended, after which cwnd is half of what it was.
fn recovered() -> Congestion {
    let mut congestion = begun(10, None);
    congestion.enter_loss_recovery(&sender(0, 10_000));
    congestion.on_ack(SeqNum(10_000), true, &sender(0, 10_000));
    assert_eq!(congestion.window().cwnd, 5000);
    congestion
}

#[rstest]
#[case::nothing(|_: &mut Congestion| {}, 10_000, NO_THRESHOLD)]
#[case::an_echo(
    |it: &mut Congestion| assert!(it.on_echo(SeqNum(10_001), &sender(10_001, 15_000))),
    2500,
    2500
)]
#[case::a_repaired_tail(|it: &mut Congestion| it.respond(&sender(10_000, 15_000)), 2500, 2500)]
#[case::an_idle_time(
    |it: &mut Congestion| {
        let now = Instant::ZERO + Duration::from_secs(9);
        let sender = Sender { now, ..sender(10_000, 10_000) };
        it.restart_if_idle(&sender, Duration::from_secs(1));
    },
    4000,
    5000
)]
#[case::smaller_segments(|it: &mut Congestion| it.mss_shrank(1000, 500), 2500, 5000)]
#[case::growth_beyond(|it: &mut Congestion| it.window.cwnd = 11_000, 11_000, 5000)]
fn a_recovery_is_taken_back_unless_something_else_has_happened(
    #[case] happens: fn(&mut Congestion),
    #[case] cwnd: u32,
    #[case] ssthresh: u32,
) {
    let mut congestion = recovered();
    happens(&mut congestion);
    congestion.take_back();
    assert_eq!(congestion.window(), Window { cwnd, ssthresh });
    assert!(!congestion.take_back());
    assert_eq!(congestion.window(), Window { cwnd, ssthresh });
}

#[test]
fn echoes_lower_the_window_to_a_segment_and_then_hold_it() {
    let mut congestion = begun(5, None);
    let mut windows = Vec::new();
    while !congestion.is_held() {
        let una = windows.len() as u32 * (MSS + 1);
        assert!(congestion.on_echo(SeqNum(una), &sender(una, una + MSS)));
        windows.push(congestion.window().cwnd);
    }
    assert_eq!(windows, [2500, 1250, 1000, 1000]);
    assert_eq!(congestion.allowance(0, true, MSS), 0);
    assert!(congestion.release() && !congestion.release());
    assert_eq!(congestion.allowance(0, true, MSS), MSS);
}

#[test]
fn smaller_segments_make_a_smaller_window() {
    let mut congestion = begun(10, None);
    congestion.mss_shrank(1000, 500);
    assert_eq!(congestion.window().cwnd, 5000);
    congestion.mss_shrank(500, 6000);
    assert_eq!(congestion.window().cwnd, 60_000);
    congestion.mss_shrank(u32::MAX, 100);
    assert_eq!(congestion.window().cwnd, 100);
}

/// What a hostile peer, the network and the application can do to a sender.
#[derive(Clone, Debug)]
enum Happens {
    Ack(u32),
    Duplicate,
    Timeout,
    Send(u32),
    Smaller(u32),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        any::<u32>().prop_map(Happens::Ack),
        Just(Happens::Duplicate),
        Just(Happens::Timeout),
        (0..100_000_u32).prop_map(Happens::Send),
        (1..9000_u32).prop_map(Happens::Smaller),
    ]
}

proptest! {
    #[test]
    fn the_window_stays_between_a_segment_and_the_largest_window(
        start: u32,
        mss in 1..9000_u32,
        cubic: bool,
        events in prop::collection::vec(happens(), 0..300),
    ) {
        let algorithm = if cubic { Algorithm::Cubic } else { Algorithm::Reno };
        let config = Config { congestion_control: algorithm, ..Config::default() };
        let mut at = Sender { mss, ..sender(start, start) };
        let mut congestion = Congestion::new(SeqNum(start), &config);
        congestion.begin(&at, 0, &config);
        for event in events {
            at.now = Instant(at.now.0 + 1_000_000);
            match event {
                Happens::Ack(octets) => {
                    let ack = at.una + octets % (at.flight() + 1);
                    if ack != at.una {
                        congestion.on_ack(ack, true, &at);
                        at.una = ack;
                    }
                }
                Happens::Duplicate => {
                    let before = congestion.window();
                    let reaction = congestion.on_duplicate(&at);
                    let window = congestion.window();
                    let most = before.ssthresh.max(at.flight()).max(2 * at.mss);
                    prop_assert!(window.ssthresh <= most);
                    let cut = reaction.retransmit || reaction.resume.is_some();
                    prop_assert!(cut || window.cwnd >= before.cwnd);
                }
                Happens::Timeout => congestion.on_timeout(&at, false),
                Happens::Send(octets) => {
                    let flight = at.nxt.since(at.una);
                    at.nxt += octets.min(congestion.allowance(flight, true, at.mss));
                    at.next = at.nxt;
                    congestion.sent(octets, at.now);
                }
                Happens::Smaller(to) => {
                    let to = to.min(at.mss);
                    congestion.mss_shrank(at.mss, to);
                    at.mss = to;
                }
            }
            let window = congestion.window();
            prop_assert!((at.mss..=MAX_CWND).contains(&window.cwnd), "{window:?}");
            prop_assert!(window.ssthresh >= 2 * at.mss);
        }
    }
}

#[test]
fn an_echo_counts_once_in_a_window() {
    let mut congestion = begun(10, None);
    assert!(congestion.on_echo(SeqNum(10), &sender(10, 30)));
    assert!(!congestion.on_echo(SeqNum(20), &sender(20, 40)));
    assert!(!congestion.on_echo(SeqNum(30), &sender(30, 40)));
    congestion.on_ack(SeqNum(31), true, &sender(30, 40));
    // An older acknowledgment comes late.
    assert!(!congestion.on_echo(SeqNum(20), &sender(31, 40)));
    assert!(congestion.on_echo(SeqNum(31), &sender(31, 40)));
}

#[test]
fn an_echo_after_two_gibioctets_without_one_counts() {
    let mut congestion = begun(10, None);
    assert!(congestion.on_echo(SeqNum(10), &sender(10, 30)));
    congestion.on_ack(SeqNum(31), true, &sender(10, 31));
    let far = 30 + (1 << 31) + 5;
    assert!(congestion.on_echo(SeqNum(far), &sender(far, far)));
}

#[rstest]
#[case::by_duplicates(|it: &mut Congestion| it.enter_recovery(&sender(2000, 10_000)), 5000)]
#[case::by_a_scoreboard(|it: &mut Congestion| it.enter_loss_recovery(&sender(2000, 10_000)), 5000)]
#[case::by_a_probe(|it: &mut Congestion| it.respond(&sender(2000, 10_000)), 5000)]
#[case::by_the_timer(|it: &mut Congestion| it.on_timeout(&sender(0, 10_000), false), 5000)]
#[case::of_less_by_the_timer(
    |it: &mut Congestion| it.on_timeout(&sender(4000, 10_000), false),
    3000
)]
#[case::of_what_came_after(|it: &mut Congestion| it.enter_recovery(&sender(10_000, 15_000)), 2500)]
fn a_mark_and_a_loss_in_one_window_count_as_one(
    #[case] loses: fn(&mut Congestion),
    #[case] ssthresh: u32,
) {
    let mut congestion = begun(10, None);
    assert!(congestion.on_echo(SeqNum(1000), &sender(1000, 10_000)));
    assert_eq!(congestion.window().ssthresh, 5000);
    loses(&mut congestion);
    assert_eq!(congestion.window().ssthresh, ssthresh);
}

#[rstest]
#[case::by_duplicates(|it: &mut Congestion| it.enter_recovery(&sender(0, 10_000)))]
#[case::by_a_scoreboard(|it: &mut Congestion| it.enter_loss_recovery(&sender(0, 10_000)))]
#[case::by_a_probe(|it: &mut Congestion| it.respond(&sender(0, 10_000)))]
#[case::by_the_timer(|it: &mut Congestion| it.on_timeout(&sender(0, 10_000), false))]
fn a_loss_and_a_mark_in_one_window_count_as_one(#[case] loses: fn(&mut Congestion)) {
    let mut congestion = begun(10, None);
    loses(&mut congestion);
    assert!(congestion.take_reduced() && !congestion.take_reduced());
    congestion.on_ack(SeqNum(10_000), true, &sender(0, 10_000));
    assert!(!congestion.on_echo(SeqNum(10_000), &sender(10_000, 11_000)));
    assert_eq!(congestion.window().ssthresh, 5000);
    assert!(!congestion.take_reduced());
    congestion.on_ack(SeqNum(11_000), true, &sender(10_000, 11_000));
    assert!(congestion.on_echo(SeqNum(11_000), &sender(11_000, 12_000)));
    assert!(congestion.take_reduced());
}

#[test]
fn a_mark_counts_in_a_window_whose_loss_was_a_mistake() {
    let mut congestion = begun(10, None);
    congestion.enter_loss_recovery(&sender(0, 10_000));
    congestion.on_ack(SeqNum(10_000), true, &sender(0, 10_000));
    assert!(congestion.take_back());
    assert!(congestion.on_echo(SeqNum(10_000), &sender(10_000, 10_000)));
}

#[rstest]
#[case::recent(0)]
#[case::almost_half_the_circle(3)]
#[case::half_the_circle(4)]
#[case::more(6)]
#[case::once_round(9)]
fn the_third_duplicate_counts_however_much_came_before_without_loss(#[case] half_gibs: u32) {
    let mut congestion = begun(10, Some(2));
    let mut una = 1;
    for _ in 0..half_gibs {
        let ack = SeqNum(una) + (1 << 29);
        congestion.on_ack(ack, true, &sender(una, (ack + 10_000).0));
        una = ack.0;
    }
    let at = sender(una, (SeqNum(una) + 10_000).0);
    let reactions = [(); 3].map(|()| congestion.on_duplicate(&at).retransmit);
    assert_eq!(reactions, [false, false, true]);
}

#[rstest]
#[case::within(0, 4 * MSS)]
#[case::once_round(8, 10 * MSS)]
fn only_a_loss_in_the_first_window_lowers_the_restart_window(
    #[case] half_gibs: u32,
    #[case] restart: u32,
) {
    let mut congestion = begun(10, None);
    let mut una = 1;
    for _ in 0..half_gibs {
        let ack = SeqNum(una) + (1 << 29);
        congestion.on_ack(ack, true, &sender(una, (ack + 10_000).0));
        una = ack.0;
    }
    congestion.enter_recovery(&sender(una, (SeqNum(una) + 10_000).0));
    assert_eq!(congestion.restart, restart);
}
