//! The table of variables in `specs/README.md`, line by line.

use super::tcb::Tcb;
use crate::time::Instant;
use crate::wire::{self, Options, Outgoing, Packet, bit};
use rstest::rstest;
use std::time::Duration;

const IRS: u32 = 100;
const ISS: u32 = 300;
const ACK: u8 = bit::ACK;
const SYN: u8 = bit::SYN;
const FIN: u8 = bit::FIN;
const RST: u8 = bit::RST;
const NOW: Instant = Instant::START;

/// A segment with relative numbers; the payload is so many zeros.
struct Segment {
    flags: u8,
    seq: u32,
    ack: u32,
    window: u16,
    len: usize,
    options: Options,
    bad_checksum: bool,
}

fn segment(flags: u8, seq: u32, ack: u32) -> Segment {
    Segment {
        flags,
        seq,
        ack,
        window: 1000,
        len: 0,
        options: Options::default(),
        bad_checksum: false,
    }
}

impl Segment {
    fn with(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    fn len(mut self, len: usize) -> Self {
        self.len = len;
        self
    }

    fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    fn packet(&self, seq: u32, ack: u32) -> Packet {
        let octets = wire::emit(&Outgoing {
            source: "192.0.2.1:4000".parse().unwrap(),
            destination: "192.0.2.2:80".parse().unwrap(),
            ttl: 64,
            tos: 0,
            df: true,
            id: 0,
            ip_options: &[],
            seq: seq.wrapping_add(self.seq),
            ack: ack.wrapping_add(self.ack),
            flags: self.flags,
            window: self.window,
            urgent: 0,
            options: &wire::options::write(&self.options),
            payload: &vec![0; self.len],
            data_offset: None,
            reserved: 0,
            bad_checksum: self.bad_checksum,
            zero_checksum: false,
        });
        wire::decode(octets)
    }
}

/// A connection under observation.
struct Link {
    tcb: Tcb,
    irs: u32,
    iss: u32,
}

impl Link {
    fn new(irs: u32, iss: u32) -> Self {
        Self {
            tcb: Tcb::new(false),
            irs,
            iss,
        }
    }

    fn inject(&mut self, segment: &Segment) {
        self.inject_at(NOW, segment);
    }

    fn inject_at(&mut self, at: Instant, segment: &Segment) {
        let packet = segment.packet(self.irs, self.iss);
        self.tcb.on_injected(at, &packet);
    }

    fn sends(&mut self, segment: &Segment) {
        let packet = segment.packet(self.iss, self.irs);
        self.tcb.on_sent(packet.tcp().unwrap());
    }

    /// Passive open with these options on the tester's and the device's SYN.
    fn opened_with(irs: u32, iss: u32, ours: &Options, theirs: &Options) -> Self {
        let mut link = Self::new(irs, iss);
        link.inject(&segment(SYN, 0, 0).with(ours.clone()));
        link.sends(&segment(SYN | ACK, 0, 1).with(theirs.clone()));
        let ts = ours.ts.filter(|_| link.tcb.timestamps());
        link.inject(&segment(ACK, 1, 1).with(Options {
            ts,
            ..Options::default()
        }));
        link
    }

    fn opened() -> Self {
        Self::opened_with(IRS, ISS, &Options::default(), &Options::default())
    }

    fn rcv_nxt(&self) -> Option<u32> {
        self.tcb.rcv_nxt().map(|nxt| nxt.wrapping_sub(self.irs))
    }

    fn snd_una(&self) -> Option<u32> {
        self.tcb.snd_una().map(|una| una.wrapping_sub(self.iss))
    }

    fn snd_nxt(&self) -> Option<u32> {
        self.tcb.sent.nxt.map(|nxt| nxt.wrapping_sub(self.iss))
    }

    fn rcv_wnd(&self) -> Option<u32> {
        self.tcb.rcv_wnd(&self.tcb.sent)
    }
}

fn ws(shift: u8) -> Options {
    Options {
        ws: Some(shift),
        ..Options::default()
    }
}

fn ts(val: u32) -> Options {
    Options {
        ts: Some((val, 0)),
        ..Options::default()
    }
}

#[test]
fn nothing_is_known_before_the_first_segment() {
    let link = Link::new(IRS, ISS);
    assert_eq!(
        (link.rcv_nxt(), link.snd_nxt(), link.tcb.irs()),
        (None, None, None)
    );
    assert_eq!((link.tcb.snd_wnd(), link.rcv_wnd()), (None, None));
}

#[rstest]
#[case::plain(IRS, ISS)]
#[case::across_the_wrap(u32::MAX, u32::MAX)]
fn a_passive_open_binds_both_sides(#[case] irs: u32, #[case] iss: u32) {
    let link = Link::opened_with(irs, iss, &Options::default(), &Options::default());
    assert_eq!(
        (link.tcb.irs(), link.tcb.sent.iss()),
        (Some(irs), Some(iss))
    );
    assert_eq!(
        (link.rcv_nxt(), link.snd_nxt(), link.snd_una()),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!(
        (link.rcv_wnd(), link.tcb.snd_wnd()),
        (Some(1000), Some(1000))
    );
}

#[rstest]
#[case::syn_ack(segment(SYN | ACK, 0, 1), Some(1))]
#[case::simultaneous_syn(segment(SYN, 0, 0), Some(1))]
#[case::syn_ack_of_nothing(segment(SYN | ACK, 0, 7), None)]
fn in_syn_sent_a_syn_counts_if_its_ack_does(#[case] reply: Segment, #[case] nxt: Option<u32>) {
    let mut link = Link::new(IRS, ISS);
    link.sends(&segment(SYN, 0, 0));
    link.inject(&reply);
    assert_eq!(link.rcv_nxt(), nxt);
}

#[test]
fn a_syn_in_listen_takes_the_place_of_an_unanswered_one() {
    let mut link = Link::new(IRS, ISS);
    link.inject(&segment(SYN, 0, 0));
    link.inject(&segment(SYN, 5000, 0).len(10));
    assert_eq!(link.tcb.irs(), Some(IRS + 5000));
    assert_eq!(link.rcv_nxt(), Some(5001), "data on a SYN does not count");
}

#[test]
fn a_syn_in_a_synchronized_state_does_not_count() {
    let mut link = Link::opened();
    link.inject(&segment(SYN, 5, 0));
    assert_eq!((link.tcb.irs(), link.rcv_nxt()), (Some(IRS), Some(1)));
}

#[test]
fn a_syn_that_the_device_takes_as_new_begins_another_incarnation() {
    let mut link = Link::opened();
    link.inject(&segment(SYN, 500, 0));
    link.sends(&segment(SYN | ACK, 9000, 501));
    assert_eq!(
        (link.tcb.irs(), link.rcv_nxt()),
        (Some(IRS + 500), Some(501))
    );
    assert_eq!(
        (link.tcb.sent.iss(), link.snd_una()),
        (Some(ISS + 9000), Some(9000))
    );
}

#[test]
fn after_an_exact_reset_a_syn_is_the_first_of_a_new_connection() {
    let mut link = Link::opened();
    link.inject(&segment(RST, 1, 0));
    link.inject(&segment(SYN, 40, 0));
    assert_eq!(
        (link.tcb.irs(), link.tcb.sent.iss()),
        (Some(IRS + 40), None)
    );
}

#[rstest]
#[case::in_order(segment(ACK, 1, 1).len(10), 11)]
#[case::fin(segment(ACK | FIN, 1, 1).len(10), 12)]
#[case::without_ack(segment(0, 1, 0).len(10), 1)]
#[case::ack_of_something_not_sent(segment(ACK, 1, 2).len(10), 1)]
#[case::beyond_the_window(segment(ACK, 1001, 1).len(10), 1)]
#[case::straddling_the_right_edge(segment(ACK, 1, 1).len(1400), 1001)]
#[case::old(segment(ACK, 0, 1).len(1), 1)]
#[case::bad_checksum(Segment { bad_checksum: true, ..segment(ACK, 1, 1).len(10) }, 1)]
#[case::reset(segment(RST | ACK, 1, 1).len(10), 1)]
fn octets_count_only_in_segments_that_the_device_must_take(
    #[case] injected: Segment,
    #[case] rcv_nxt: u32,
) {
    let mut link = Link::opened();
    link.inject(&injected);
    assert_eq!(link.rcv_nxt(), Some(rcv_nxt));
}

#[test]
fn with_a_window_of_zero_only_the_ack_counts() {
    let mut link = Link::opened();
    link.inject(&segment(ACK, 1, 1).len(1000));
    link.sends(&segment(ACK, 1, 1001).window(0));
    link.sends(&segment(ACK, 1, 1001).window(0).len(5));
    link.inject(&segment(ACK, 1001, 6).len(1));
    assert_eq!(
        (link.rcv_nxt(), link.rcv_wnd(), link.snd_una()),
        (Some(1001), Some(0), Some(6))
    );
}

#[test]
fn the_highest_right_edge_counts() {
    let mut link = Link::opened();
    link.sends(&segment(ACK, 1, 1).window(2000));
    link.sends(&segment(ACK, 1, 1).window(500));
    assert_eq!(link.rcv_wnd(), Some(2000));
}

#[test]
fn a_retransmission_does_not_move_snd_nxt_and_a_reset_moves_nothing() {
    let mut link = Link::opened();
    link.sends(&segment(ACK, 1, 1).len(10));
    link.sends(&segment(ACK, 1, 1).len(5));
    assert_eq!(link.snd_nxt(), Some(11));
    link.sends(&segment(RST, 5000, 0).window(0));
    assert_eq!((link.snd_nxt(), link.rcv_wnd()), (Some(11), Some(1000)));
    link.sends(&segment(FIN | ACK, 11, 1));
    assert_eq!(link.snd_nxt(), Some(12));
}

#[rstest]
#[case::newer_seq(2, 1, 700)]
#[case::same_seq_newer_ack(1, 2, 700)]
#[case::same_seq_same_ack(1, 1, 700)]
#[case::older_ack(1, 0, 1000)]
fn the_send_window_follows_wl1_and_wl2(#[case] seq: u32, #[case] ack: u32, #[case] window: u32) {
    let mut link = Link::opened();
    link.sends(&segment(ACK, 1, 1).len(10));
    link.inject(&segment(ACK, seq, ack).window(700));
    assert_eq!(link.tcb.snd_wnd(), Some(window));
}

#[test]
fn windows_are_scaled_only_if_both_syns_say_so() {
    let mut link = Link::opened_with(IRS, ISS, &ws(7), &ws(2));
    assert_eq!(link.rcv_wnd(), Some(1000), "never on a SYN");
    link.sends(&segment(ACK, 1, 1));
    assert_eq!(
        (link.rcv_wnd(), link.tcb.snd_wnd()),
        (Some(4000), Some(128_000))
    );
    let mut link = Link::opened_with(IRS, ISS, &ws(7), &Options::default());
    link.sends(&segment(ACK, 1, 1));
    assert_eq!(
        (link.rcv_wnd(), link.tcb.snd_wnd()),
        (Some(1000), Some(1000))
    );
    let link = Link::opened_with(IRS, ISS, &ws(15), &ws(2));
    assert_eq!(link.tcb.tester_shift(), 14, "RFC 7323 §2.3");
}

#[rstest]
#[case::newer(Some(20), 11, 20)]
#[case::equal(Some(10), 11, 10)]
#[case::older(Some(9), 1, 10)]
#[case::missing(None, 1, 10)]
fn timestamps_decide_what_counts(
    #[case] val: Option<u32>,
    #[case] rcv_nxt: u32,
    #[case] recent: u32,
) {
    let mut link = Link::opened_with(IRS, ISS, &ts(10), &ts(500));
    let options = Options {
        ts: val.map(|val| (val, 500)),
        ..Options::default()
    };
    link.inject(&segment(ACK, 1, 1).len(10).with(options));
    assert_eq!(
        (link.rcv_nxt(), link.tcb.ts_recent()),
        (Some(rcv_nxt), Some(recent))
    );
}

#[test]
fn a_segment_beyond_a_gap_is_not_echoed() {
    let mut link = Link::opened_with(IRS, ISS, &ts(10), &ts(500));
    link.inject(&segment(ACK, 101, 1).len(10).with(ts(30)));
    assert_eq!(link.tcb.ts_recent(), Some(10));
}

#[test]
fn after_24_days_an_old_timestamp_counts() {
    let mut link = Link::opened_with(IRS, ISS, &ts(10_000), &ts(500));
    let days = |days: u64| NOW + Duration::from_secs(days * 24 * 3600);
    link.inject_at(days(23), &segment(ACK, 1, 1).len(10).with(ts(1)));
    assert_eq!(link.rcv_nxt(), Some(1));
    link.inject_at(days(25), &segment(ACK, 1, 1).len(10).with(ts(1)));
    assert_eq!(link.rcv_nxt(), Some(11));
}

#[rstest]
#[case::checked(true, 1)]
#[case::not_checked(false, 11)]
fn an_ancient_ack_is_dropped_where_rfc_5961_is_claimed(#[case] claims: bool, #[case] nxt: u32) {
    let mut link = Link::opened();
    link.tcb = Tcb::new(claims);
    link.inject(&segment(SYN, 0, 0));
    link.sends(&segment(SYN | ACK, 0, 1));
    link.inject(&segment(ACK, 1, 1));
    link.inject(&segment(ACK, 1, 1_u32.wrapping_sub(1001)).len(10));
    assert_eq!(link.rcv_nxt(), Some(nxt));
}
