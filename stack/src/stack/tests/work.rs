//! What a peer can make a host do is bounded, counted in steps and not in time: the flight may be
//! as large as it likes, and blocks, acknowledgments and text as odd.

use super::millis;
use super::testing::{Established, segment};
use crate::segment::{Control, Segment, SynOptions};
use crate::seq::{SeqNum, WindowScale};
use crate::{Config, SocketOptions, work};
use proptest::prelude::*;
use rstest::rstest;

const MSS: u32 = 100;
/// Steps that one packet, in or out, may cost beside the segments that it newly tells about: a
/// few passes over a scoreboard of 256 ranges and a receive queue of 128 pieces.
const PER_PACKET: u64 = 3000;

/// A connection with so many small segments in flight, none of them acknowledged.
fn in_flight(segments: u32, rack: bool) -> Established {
    let config = Config {
        rack,
        nodelay: true,
        initial_window: segments,
        sndbuf: 2 * segments * MSS,
        ..Config::default()
    };
    let permits = SynOptions {
        mss: Some(MSS as u16),
        window_scale: Some(WindowScale::new(10)),
        sack_permitted: true,
        ..SynOptions::default()
    };
    let mut host = Established::with(config, permits, SocketOptions::default());
    host.say(Control::None, b"");
    host.send(&vec![7; (segments * MSS) as usize]);
    host.sent();
    host.wait(millis(100));
    work::take();
    host
}

/// Blocks that begin and end so many octets from SND.UNA.
fn blocks(host: &mut Established, blocks: &[(u32, u32)]) -> usize {
    let una = host.una;
    let blocks = blocks
        .iter()
        .map(|(left, right)| (una + *left, una + *right));
    let answers = host.probe.inject(Segment {
        wnd: host.wnd,
        sack: blocks.collect(),
        ..segment(host.seq, una, Control::None, b"")
    });
    answers.len()
}

/// One way to be a nuisance, in its round `n`. Returns how many segments answered.
type Nuisance = fn(&mut Established, n: u32) -> usize;

/// Every second segment is reported, four blocks an ACK.
fn combs(host: &mut Established, n: u32) -> usize {
    let block = |k: u32| ((8 * n + 2 * k + 1) * MSS, (8 * n + 2 * k + 2) * MSS);
    blocks(host, &[0, 1, 2, 3].map(block))
}

/// Single octets are reported, each by itself.
fn crumbs(host: &mut Established, n: u32) -> usize {
    let block = |k: u32| (8 * n + 2 * k + 1, 8 * n + 2 * k + 2);
    blocks(host, &[0, 1, 2, 3].map(block))
}

/// The same everything, again and again.
fn copies(host: &mut Established, _: u32) -> usize {
    blocks(host, &[(MSS, 300 * MSS)])
}

/// Nothing but duplicates, and blocks from elsewhere.
fn lies(host: &mut Established, n: u32) -> usize {
    let far = 1 << 30;
    blocks(
        host,
        &[
            (far, far + n),
            (5 * MSS, 4 * MSS),
            (0_u32.wrapping_sub(MSS), 0),
        ],
    )
}

/// Losses, and then every second octet of what went out again as a duplicate.
fn duplicates(host: &mut Established, n: u32) -> usize {
    let left = 2 * n;
    let at = 4 * (n % 100) * MSS;
    let lost = blocks(host, &[(at + MSS, at + 4 * MSS)]);
    lost + blocks(host, &[(left, left + 1), (0, 400 * MSS)])
}

/// Acknowledgments of one octet each.
fn nibbles(host: &mut Established, _: u32) -> usize {
    host.ack(1).len()
}

/// Text in pieces of one octet, with gaps between them.
fn pieces(host: &mut Established, n: u32) -> usize {
    let seq = host.seq + 1 + 2 * (n % 20_000);
    host.say_at(seq, Control::None, b"x").len()
}

/// Text that lies over all that is held, but for the octet that would close the gap.
fn overlaps(host: &mut Established, n: u32) -> usize {
    let seq = host.seq + 1 + n % 50;
    pieces(host, n) + host.say_at(seq, Control::None, &[b'x'; 1400]).len()
}

#[rstest]
fn a_nuisance_costs_a_bounded_number_of_steps(
    #[values(combs, crumbs, copies, lies, duplicates, nibbles, pieces, overlaps)]
    nuisance: Nuisance,
    #[values(true, false)] rack: bool,
    #[values(500, 4000)] segments: u32,
) {
    let mut host = in_flight(segments, rack);
    let (mut packets, rounds) = (0, 500);
    for n in 0..rounds {
        packets += 2 + nuisance(&mut host, n) as u64;
    }
    let steps = work::take();
    let most = PER_PACKET * packets + 8 * u64::from(segments);
    assert!(steps <= most, "{steps} steps for {packets} packets");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever mixture comes, and however much is in flight.
    #[test]
    fn no_mixture_costs_more(
        rack: bool,
        segments in prop_oneof![Just(50_u32), Just(3000)],
        steps in proptest::collection::vec((0_usize..10, 0_u32..400), 1..300),
    ) {
        let ways: [Nuisance; 8] = [
            combs, crumbs, copies, lies, duplicates, nibbles, pieces, overlaps,
        ];
        let mut host = in_flight(segments, rack);
        let (mut packets, mut marked, mut taken) = (0, u64::from(segments), 0);
        for (way, n) in steps {
            packets += 2 + match way {
                8 => {
                    // A timeout looks at everything that is in flight.
                    marked += 4 * u64::from(segments);
                    host.wait(millis(u64::from(n))).len()
                }
                9 => host.ack(n.min(10) * MSS).len(),
                way => ways[way](&mut host, n),
            } as u64;
            taken += work::take();
            let nxt = host.status().snd_nxt;
            // Looking at the whole flight is our own wish, no packet's.
            work::take();
            prop_assume!(host.una.before_or_eq(nxt));
        }
        let most = PER_PACKET * packets + 8 * marked;
        prop_assert!(taken <= most, "{taken} steps for {packets} packets");
    }
}

#[test]
fn steps_are_counted() {
    let mut host = in_flight(500, true);
    let una: SeqNum = host.una;
    blocks(&mut host, &[(MSS, 400 * MSS)]);
    assert_eq!(host.una, una);
    assert!(work::take() >= 399);
}
