//! Every rule is broken once, and kept once.

use super::*;
use crate::wire::{self, Options, Outgoing, bit};
use rstest::rstest;
use std::collections::BTreeSet;
use std::time::Duration;

const ACK: u8 = bit::ACK;
const SYN: u8 = bit::SYN;
const IRS: u32 = 100;
const ISS: u32 = 300;
const NONE: [&str; 0] = [];

/// A segment in relative numbers, before anything is wrong with it.
#[derive(Clone)]
struct Segment {
    flags: u8,
    seq: u32,
    ack: u32,
    window: u16,
    urgent: u16,
    tos: u8,
    options: Vec<u8>,
    payload: Vec<u8>,
}

fn segment(flags: u8, seq: u32, ack: u32) -> Segment {
    Segment {
        flags,
        seq,
        ack,
        window: 1000,
        urgent: 0,
        tos: 0,
        options: Vec::new(),
        payload: Vec::new(),
    }
}

fn text(seq: u32, len: usize) -> Segment {
    Segment {
        payload: vec![0; len],
        ..segment(ACK, seq, 1)
    }
}

fn with(options: &Options, segment: Segment) -> Segment {
    Segment {
        options: wire::options::write(options),
        ..segment
    }
}

fn ts(val: u32) -> Options {
    Options {
        ts: Some((val, 0)),
        ..Options::default()
    }
}

fn packet(segment: &Segment, seq: u32, ack: u32, change: impl Fn(&mut Outgoing<'_>)) -> Packet {
    let mut outgoing = Outgoing {
        source: "[fd00::2]:80".parse().unwrap(),
        destination: "[fd00::1]:4000".parse().unwrap(),
        ttl: 64,
        tos: segment.tos,
        df: true,
        id: 0,
        ip_options: &[],
        seq: seq.wrapping_add(segment.seq),
        ack: ack.wrapping_add(segment.ack),
        flags: segment.flags,
        window: segment.window,
        urgent: segment.urgent,
        options: &segment.options,
        payload: &segment.payload,
        data_offset: None,
        reserved: 0,
        bad_checksum: false,
        zero_checksum: false,
    };
    change(&mut outgoing);
    wire::decode(wire::emit(&outgoing))
}

/// A connection under the eye of the rules.
struct Watched {
    tcb: Tcb,
    history: History,
    now: Instant,
}

impl Watched {
    /// Established, with these options on both SYNs.
    fn opened(ours: &Options, theirs: &Options) -> Self {
        let (tcb, history) = (Tcb::new(false), History::default());
        let mut watched = Self {
            tcb,
            history,
            now: Instant::START,
        };
        watched.inject(&with(ours, segment(SYN, 0, 0)));
        assert_eq!(watched.sends(&with(theirs, segment(SYN | ACK, 0, 1))), NONE);
        let ts = ours.ts.filter(|_| watched.tcb.timestamps());
        let answer = Options {
            ts,
            ..Options::default()
        };
        watched.inject(&with(&answer, segment(ACK, 1, 1)));
        watched
    }

    fn plain() -> Self {
        Self::opened(&Options::default(), &Options::default())
    }

    fn inject(&mut self, segment: &Segment) {
        self.now = self.now + Duration::from_millis(1);
        let packet = packet(segment, IRS, ISS, |_| {});
        let edge = send_edge(&self.tcb);
        self.tcb.on_injected(self.now, &packet);
        self.history
            .on_injected(self.now, packet.tcp().unwrap(), edge, &self.tcb);
    }

    fn sends(&mut self, segment: &Segment) -> Vec<&'static str> {
        self.sends_changed(segment, |_| {})
    }

    /// The names of the rules that the segment breaks.
    fn sends_changed(
        &mut self,
        segment: &Segment,
        change: impl Fn(&mut Outgoing<'_>),
    ) -> Vec<&'static str> {
        self.now = self.now + Duration::from_millis(1);
        let packet = packet(segment, ISS, IRS, change);
        let violations = check(&self.tcb, &self.history, self.now, &packet);
        let tcp = packet.tcp().unwrap();
        self.history.on_sent(self.now, tcp);
        self.tcb.on_sent(tcp);
        violations.iter().map(|violation| violation.rule).collect()
    }
}

#[test]
fn an_ordinary_exchange_breaks_no_rule() {
    let mut watched = Watched::plain();
    assert_eq!(watched.sends(&text(1, 536)), NONE);
    assert_eq!(watched.sends(&text(537, 464)), NONE, "up to the right edge");
    assert_eq!(watched.sends(&text(1, 536)), NONE, "again");
    watched.inject(&segment(ACK, 1, 1001));
    assert_eq!(watched.sends(&segment(bit::FIN | ACK, 1001, 1)), NONE);
}

#[rstest]
#[case::checksum("checksum", |segment: &mut Outgoing<'_>| segment.bad_checksum = true)]
#[case::header_length("header-length", |segment: &mut Outgoing<'_>| segment.data_offset = Some(4))]
#[case::reserved("reserved-bits", |segment: &mut Outgoing<'_>| segment.reserved = 2)]
#[case::options("options", |segment: &mut Outgoing<'_>| segment.options = &[8, 0, 0, 0])]
#[case::padding("options", |segment: &mut Outgoing<'_>| segment.options = &[0, 0, 0, 1])]
#[case::ws_late("options", |segment: &mut Outgoing<'_>| segment.options = &[1, 3, 3, 7])]
#[case::mss_late("mss-only-on-syn", |segment: &mut Outgoing<'_>| segment.options = &[2, 4, 5, 0])]
#[case::sack_ok_late("sack", |segment: &mut Outgoing<'_>| segment.options = &[1, 1, 4, 2])]
#[case::no_ack("ack-bit", |segment: &mut Outgoing<'_>| segment.flags = bit::PSH)]
#[case::ect_on_a_pure_ack("ecn", |segment: &mut Outgoing<'_>| segment.tos = 2)]
#[case::ect_on_a_syn("ecn", |segment: &mut Outgoing<'_>| {
    segment.flags = bit::SYN;
    segment.tos = 2;
})]
#[case::urgent("urgent", |segment: &mut Outgoing<'_>| segment.flags |= bit::URG)]
#[case::too_large("segment-size", |segment: &mut Outgoing<'_>| segment.payload = &[0; 1221])]
#[case::beyond_the_window("window", |segment: &mut Outgoing<'_>| segment.payload = &[0; 1001])]
#[case::shrunk("window", |segment: &mut Outgoing<'_>| segment.window = 999)]
fn a_single_field_breaks_a_rule(#[case] rule: &str, #[case] change: impl Fn(&mut Outgoing<'_>)) {
    let broken = Watched::plain().sends_changed(&segment(ACK, 1, 1), change);
    assert!(broken.contains(&rule), "{broken:?}");
    assert_eq!(Watched::plain().sends(&segment(ACK, 1, 1)), NONE);
}

#[test]
fn a_probe_of_one_octet_may_lie_right_behind_the_window() {
    let mut watched = Watched::plain();
    watched.inject(&Segment {
        window: 0,
        ..segment(ACK, 1, 1)
    });
    assert_eq!(watched.sends(&text(1, 1)), NONE);
    assert_eq!(watched.sends(&text(1, 1)), NONE);
    assert_eq!(watched.sends(&text(2, 2)), ["window"]);
}

#[test]
fn what_was_inside_a_window_may_be_sent_again_after_it_shrank() {
    let mut watched = Watched::plain();
    watched.sends(&text(1, 800));
    watched.inject(&Segment {
        window: 100,
        ..segment(ACK, 1, 1)
    });
    assert_eq!(watched.sends(&text(1, 800)), NONE);
    assert_eq!(watched.sends(&text(801, 100)), ["window"]);
}

#[test]
fn no_reset_answers_a_reset() {
    let reset = segment(bit::RST, 1, 0);
    let mut watched = Watched::plain();
    assert_eq!(watched.sends(&reset), NONE);
    watched.inject(&segment(bit::RST, 1, 0));
    assert_eq!(watched.sends(&reset), ["rst-to-rst"]);
    watched.history.on_call(false);
    assert_eq!(watched.sends(&reset), NONE, "the application aborted");
}

#[test]
fn urgent_data_may_be_marked_once_the_application_sent_some() {
    let mut watched = Watched::plain();
    watched.history.on_call(true);
    let urgent = Segment {
        flags: ACK | bit::URG,
        urgent: 1,
        ..text(1, 1)
    };
    assert_eq!(watched.sends(&urgent), NONE);
}

#[test]
fn negotiated_timestamps_are_always_there_and_never_run_back() {
    let mut watched = Watched::opened(&ts(7), &ts(500));
    assert_eq!(watched.sends(&segment(ACK, 1, 1)), ["timestamps"]);
    assert_eq!(watched.sends(&with(&ts(501), segment(ACK, 1, 1))), NONE);
    assert_eq!(
        watched.sends(&with(&ts(500), segment(ACK, 1, 1))),
        ["timestamps"]
    );
    assert_eq!(
        watched.sends(&segment(bit::RST, 1, 0)),
        NONE,
        "a RST may lack them"
    );
    let mut watched = Watched::opened(&ts(7), &Options::default());
    assert_eq!(
        watched.sends(&with(&ts(1), segment(ACK, 1, 1))),
        ["timestamps"]
    );
}

#[test]
fn a_clock_may_have_wrapped_after_24_days() {
    let mut watched = Watched::opened(&ts(7), &ts(500));
    watched.now = watched.now + Duration::from_secs(25 * 24 * 3600);
    assert_eq!(watched.sends(&with(&ts(499), segment(ACK, 1, 1))), NONE);
}

#[rstest]
#[case::held(&[(11, 21)], true, &[])]
#[case::part_of_what_is_held(&[(11, 20)], true, &[])]
#[case::duplicate_first(&[(0, 1), (11, 21)], true, &[])]
#[case::duplicate_later(&[(11, 21), (0, 1)], true, &["sack"])]
#[case::never_received(&[(11, 22)], true, &["sack"])]
#[case::reversed(&[(21, 11)], true, &["sack"])]
#[case::not_permitted(&[(11, 21)], false, &["sack"])]
fn sack_blocks_report_what_is_held(
    #[case] blocks: &[(u32, u32)],
    #[case] permitted: bool,
    #[case] broken: &[&str],
) {
    let offer = Options {
        sack_ok: permitted,
        ..Options::default()
    };
    let mut watched = Watched::opened(&offer, &offer);
    watched.inject(&text(11, 10));
    let sack = blocks
        .iter()
        .map(|(left, right)| (IRS + left, IRS + right))
        .collect();
    let report = Options {
        sack,
        ..Options::default()
    };
    assert_eq!(watched.sends(&with(&report, segment(ACK, 1, 1))), broken);
}

#[rstest]
#[case::text(21, &[])]
#[case::fin(22, &[])]
#[case::beyond_the_fin(23, &["sack"])]
fn a_fin_that_is_held_may_be_reported(#[case] right: u32, #[case] broken: &[&str]) {
    let offer = Options {
        sack_ok: true,
        ..Options::default()
    };
    let mut watched = Watched::opened(&offer, &offer);
    let fin = Segment {
        flags: ACK | bit::FIN,
        ..text(11, 10)
    };
    watched.inject(&fin);
    let report = Options {
        sack: vec![(IRS + 11, IRS + right)],
        ..Options::default()
    };
    assert_eq!(watched.sends(&with(&report, segment(ACK, 1, 1))), broken);
}

#[test]
fn a_syn_ack_offers_only_what_the_syn_offered() {
    let mut watched = Watched::plain();
    watched.inject(&segment(SYN, 500, 0));
    let all = Options {
        mss: Some(1460),
        ws: Some(7),
        sack_ok: true,
        ts: Some((1, 0)),
        ..Options::default()
    };
    let broken = watched.sends(&with(&all, segment(SYN | ACK, 9000, 501)));
    // RFC 2018 §2 lets any SYN carry SACK-permitted.
    assert_eq!(broken, ["options", "timestamps"]);
}

#[test]
fn in_a_simultaneous_open_the_syn_ack_repeats_the_syn() {
    let offer = Options {
        ws: Some(7),
        ts: Some((1, 0)),
        ..Options::default()
    };
    let mut watched = Watched {
        tcb: Tcb::new(false),
        history: History::default(),
        now: Instant::START,
    };
    assert_eq!(watched.sends(&with(&offer, segment(SYN, 0, 0))), NONE);
    watched.inject(&segment(SYN, 0, 0));
    assert_eq!(watched.sends(&with(&offer, segment(SYN | ACK, 0, 1))), NONE);
}

#[test]
fn a_window_is_scaled_after_the_syn_and_not_in_it() {
    let scale = Options {
        ws: Some(4),
        ..Options::default()
    };
    let mut watched = Watched::opened(&scale, &scale);
    assert_eq!(watched.sends(&segment(ACK, 1, 1)), ["unscaled-syn-window"]);
    let mut watched = Watched::opened(&scale, &scale);
    let scaled = Segment {
        window: 63,
        ..segment(ACK, 1, 1)
    };
    assert_eq!(
        watched.sends(&scaled),
        NONE,
        "1000 octets less what the scale cannot say"
    );
    let shrunk = Segment {
        window: 62,
        ..scaled
    };
    assert_eq!(watched.sends(&shrunk), ["window"]);
}

#[test]
fn names_are_listed_once() {
    assert_eq!(NAMES.iter().collect::<BTreeSet<_>>().len(), NAMES.len());
}
