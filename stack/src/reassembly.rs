//! Fragments to packets (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722).
//!
//! Memory is bounded: so many packets at a time as the host was told, and none above 65,535
//! octets; the oldest gives way. What has waited too long is forgotten when the next fragment
//! comes. Nothing is ever sent about it in ICMP.

use crate::Instant;
use crate::ecn;
use crate::wire::{Fragment, IpHeader};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

/// Octets of the payload of an IP packet at most.
const MAX_OCTETS: usize = 65_535;
/// Pieces of a packet that have gaps between them at most.
const MAX_PIECES: usize = 64;
// RFC 8200 §4.5:
//   If insufficient fragments are received to complete reassembly
//   of a packet within 60 seconds of the reception of the first-
//   arriving fragment of that packet, reassembly of that packet
//   must be abandoned
const PATIENCE: Duration = Duration::from_secs(60);

/// Packets of which some fragments have come, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Reassembly(VecDeque<Partial>);

/// Whose fragments belong together: addresses, identification, and in IPv4 the protocol.
type Key = (IpAddr, IpAddr, u32, Option<u8>);

#[derive(Debug)]
struct Partial {
    key: Key,
    began: Instant,
    /// Header and protocol of the fragment that came first in the packet, if it has come.
    header: Option<(IpHeader, u8)>,
    /// One of the fragments is marked CE.
    congested: bool,
    /// One of the fragments is Not-ECT.
    incapable: bool,
    octets: Vec<u8>,
    /// What has come, in order, joined where it touches.
    pieces: Vec<Range<usize>>,
    /// Where the packet ends, once the last fragment has come.
    end: Option<usize>,
    /// Fragments overlapped: all of them are dropped, and what is still to come of them.
    abandoned: bool,
}

/// A packet that is whole again: header, protocol, payload.
pub(crate) type Whole = (IpHeader, u8, Vec<u8>);

impl Reassembly {
    /// A fragment arrived, of one of at most `limit` packets. Returns the packet that it completes.
    pub(crate) fn arrives(
        &mut self,
        now: Instant,
        fragment: &Fragment<'_>,
        limit: usize,
    ) -> Option<Whole> {
        if limit == 0 || misfits(fragment) {
            return None;
        }
        self.0.retain(|partial| now.since(partial.began) < PATIENCE);
        let key = key_of(fragment);
        let known = self.0.iter().position(|partial| partial.key == key);
        let at = known.unwrap_or_else(|| self.begin(key, now, limit));
        let partial = &mut self.0[at];
        if !partial.abandoned && partial.take(fragment).is_none() {
            partial.abandon();
        }
        if !partial.is_whole() {
            return None;
        }
        let whole = self.0.remove(at)?;
        let (mut header, protocol) = whole.header?;
        if whole.congested {
            // RFC 3168 §5.3:
            //   Set the CE codepoint on the reassembled packet.  However, this
            //   MUST NOT occur if any of the other fragments contributing to
            //   this reassembly carries the Not-ECT codepoint.
            if whole.incapable {
                return None;
            }
            header.tos |= ecn::CE;
        }
        Some((header, protocol, whole.octets))
    }

    /// Makes room for a packet of which nothing has come before.
    fn begin(&mut self, key: Key, now: Instant, limit: usize) -> usize {
        while self.0.len() >= limit {
            self.0.pop_front();
        }
        self.0.push_back(Partial::new(key, now));
        self.0.len() - 1
    }
}

fn key_of(fragment: &Fragment<'_>) -> Key {
    let (src, dst) = (fragment.ip.src, fragment.ip.dst);
    // RFC 8200 §4.5:
    //   The Next Header values in the Fragment headers of different
    //   fragments of the same original packet may differ.  Only the value
    //   from the Offset zero fragment packet is used for reassembly.
    let protocol = src.is_ipv4().then_some(fragment.protocol);
    (src, dst, fragment.id, protocol)
}

/// It can be part of no packet, and says nothing about the one that it names.
fn misfits(fragment: &Fragment<'_>) -> bool {
    // RFC 8200 §4.5:
    //   If the length of a fragment, as derived from the fragment
    //   packet's Payload Length field, is not a multiple of 8 octets
    //   and the M flag of that fragment is 1, then that fragment must
    //   be discarded
    let len = fragment.payload.len();
    let odd = fragment.more && !len.is_multiple_of(8);
    // RFC 8200 §4.5:
    //   If the length and offset of a fragment are such that the
    //   Payload Length of the packet reassembled from that fragment
    //   would exceed 65,535 octets, then that fragment must be
    //   discarded
    odd || len == 0 || fragment.offset + len > MAX_OCTETS
}

impl Partial {
    fn new(key: Key, now: Instant) -> Self {
        Self {
            key,
            began: now,
            header: None,
            congested: false,
            incapable: false,
            octets: Vec::new(),
            pieces: Vec::new(),
            end: None,
            abandoned: false,
        }
    }

    /// Takes a fragment in; `None` if it cannot belong to the others.
    fn take(&mut self, fragment: &Fragment<'_>) -> Option<()> {
        let piece = fragment.offset..fragment.offset + fragment.payload.len();
        if self.end.is_some_and(|end| piece.end > end) {
            return None;
        }
        if !fragment.more {
            let short = self.pieces.last().is_some_and(|last| last.end > piece.end);
            if short || self.end.is_some_and(|end| end != piece.end) {
                return None;
            }
            self.end = Some(piece.end);
        }
        let overlaps = |other: &Range<usize>| other.start < piece.end && piece.start < other.end;
        if self.pieces.iter().any(overlaps) && self.key.0.is_ipv6() {
            // RFC 8200 §4.5:
            //   If any of the fragments being reassembled overlap with any
            //   other fragments being reassembled for the same packet,
            //   reassembly of that packet must be abandoned
            return None;
        }
        // RFC 791 §3.2:
        //   this procedure
        //   will use the more recently arrived copy in the data buffer
        if self.octets.len() < piece.end {
            self.octets.resize(piece.end, 0);
        }
        self.octets[piece.clone()].copy_from_slice(fragment.payload);
        self.congested |= fragment.ip.tos & ecn::FIELD == ecn::CE;
        self.incapable |= fragment.ip.tos & ecn::FIELD == 0;
        if fragment.offset == 0 {
            self.header = Some((fragment.ip, fragment.protocol));
        }
        self.join(piece);
        (self.pieces.len() <= MAX_PIECES).then_some(())
    }

    /// Adds a piece; what it touches becomes one with it.
    fn join(&mut self, mut piece: Range<usize>) {
        self.pieces.retain(|other| {
            let touches = other.start <= piece.end && piece.start <= other.end;
            if touches {
                piece = piece.start.min(other.start)..piece.end.max(other.end);
            }
            !touches
        });
        let at = self
            .pieces
            .partition_point(|other| other.start < piece.start);
        self.pieces.insert(at, piece);
    }

    fn abandon(&mut self) {
        self.abandoned = true;
        self.octets = Vec::new();
        self.pieces = Vec::new();
    }

    fn is_whole(&self) -> bool {
        let [piece] = &self.pieces[..] else {
            return false;
        };
        piece.start == 0 && self.end == Some(piece.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const LIMIT: usize = 16;

    fn fragment(v6: bool, offset: usize, more: bool, payload: &[u8]) -> Fragment<'_> {
        let host = |last: u8| -> IpAddr {
            if v6 {
                [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last].into()
            } else {
                [10, 0, 0, last].into()
            }
        };
        Fragment {
            ip: IpHeader {
                src: host(1),
                dst: host(2),
                tos: 0,
                ttl: 64,
                id: 0,
                df: false,
            },
            id: 7,
            protocol: 6,
            offset,
            more,
            payload,
        }
    }

    fn arrive(parts: &mut Reassembly, fragment: &Fragment<'_>) -> Option<Vec<u8>> {
        parts
            .arrives(Instant::ZERO, fragment, LIMIT)
            .map(|(_, _, octets)| octets)
    }

    proptest! {
        #[test]
        fn fragments_in_any_order_make_the_packet(
            order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
            v6 in any::<bool>(),
        ) {
            let whole: Vec<u8> = (0..61).collect();
            let mut parts = Reassembly::default();
            let mut done = None;
            for (count, at) in order.into_iter().enumerate() {
                let piece = &whole[at * 8..whole.len().min(at * 8 + 8)];
                done = arrive(&mut parts, &fragment(v6, at * 8, at < 7, piece));
                prop_assert_eq!(done.is_some(), count == 7);
            }
            prop_assert_eq!(done, Some(whole));
        }

        #[test]
        fn nothing_that_comes_makes_it_panic(
            pieces in prop::collection::vec((0..9000_usize, any::<bool>(), 0..40_usize), 0..50),
            v6 in any::<bool>(),
        ) {
            let mut parts = Reassembly::default();
            for (offset, more, len) in pieces {
                arrive(&mut parts, &fragment(v6, offset * 8, more, &vec![0; len]));
            }
            prop_assert!(parts.0.len() <= LIMIT);
        }
    }

    #[test]
    fn the_later_copy_counts_for_ipv4_and_none_for_ipv6() {
        for v6 in [false, true] {
            let mut parts = Reassembly::default();
            arrive(&mut parts, &fragment(v6, 0, true, &[1; 16]));
            arrive(&mut parts, &fragment(v6, 8, true, &[2; 8]));
            let done = arrive(&mut parts, &fragment(v6, 16, false, &[3; 4]));
            let expected = [[1; 8].as_slice(), &[2; 8], &[3; 4]].concat();
            assert_eq!(done, (!v6).then_some(expected));
        }
    }

    #[test]
    fn the_oldest_gives_way_and_patience_ends() {
        let mut parts = Reassembly::default();
        arrive(&mut parts, &fragment(false, 0, true, &[1; 8]));
        for id in 100..100 + LIMIT as u32 {
            let other = Fragment {
                id,
                ..fragment(false, 0, true, &[1; 8])
            };
            arrive(&mut parts, &other);
        }
        assert_eq!(parts.0.len(), LIMIT);
        let last = fragment(false, 8, false, &[2; 8]);
        assert_eq!(arrive(&mut parts, &last), None);
        let late = Instant::ZERO + PATIENCE;
        assert!(
            parts
                .arrives(late, &fragment(false, 0, true, &[1; 8]), LIMIT)
                .is_none()
        );
        assert_eq!(parts.0.len(), 1);
    }

    #[rstest]
    #[case::ipv4(false, None)]
    #[case::ipv6(true, Some(6))]
    fn next_header_values_may_differ_in_ipv6_only(
        #[case] v6: bool,
        #[case] protocol: Option<u8>,
        #[values(false, true)] first_comes_last: bool,
    ) {
        let mut parts = Reassembly::default();
        let first = fragment(v6, 0, true, &[1; 8]);
        let other = Fragment {
            protocol: 60,
            ..fragment(v6, 8, false, &[2; 8])
        };
        let mut order = [first, other];
        if first_comes_last {
            order.reverse();
        }
        let [_, done] = order.map(|part| parts.arrives(Instant::ZERO, &part, LIMIT));
        assert_eq!(done.map(|(_, protocol, _)| protocol), protocol);
    }

    #[rstest]
    #[case::one_octet(8, true, 1)]
    #[case::seven(8, true, 7)]
    #[case::nine(8, true, 9)]
    #[case::empty(8, true, 0)]
    #[case::one_too_long(65_528, false, 8)]
    #[case::much_too_long(65_528, true, 16)]
    fn what_can_be_no_part_is_dropped_alone(
        #[values(false, true)] v6: bool,
        #[case] offset: usize,
        #[case] more: bool,
        #[case] len: usize,
    ) {
        let mut parts = Reassembly::default();
        arrive(&mut parts, &fragment(v6, 0, true, &[1; 8]));
        assert!(arrive(&mut parts, &fragment(v6, offset, more, &vec![9; len])).is_none());
        let done = arrive(&mut parts, &fragment(v6, 8, false, &[2; 8]));
        assert_eq!(done, Some([[1; 8], [2; 8]].concat()));
    }

    #[rstest]
    #[case::odd_and_last(8, false, 7)]
    #[case::in_units(8, true, 16)]
    #[case::the_longest(65_528, false, 7)]
    fn what_can_be_a_part_is_taken(#[case] at: usize, #[case] more: bool, #[case] len: usize) {
        assert!(!misfits(&fragment(true, at, more, &vec![0; len])));
    }

    #[rstest]
    #[case::none(0, [false, false])]
    #[case::one(1, [false, true])]
    #[case::both(2, [true, true])]
    fn as_many_packets_are_kept_as_told(#[case] limit: usize, #[case] complete: [bool; 2]) {
        let mut parts = Reassembly::default();
        let part = |id, offset, more| Fragment {
            id,
            ..fragment(false, offset, more, &[1; 8])
        };
        for id in [1, 2] {
            parts.arrives(Instant::ZERO, &part(id, 0, true), limit);
        }
        // The newer one first: asking for the older may push it out.
        let newer = parts.arrives(Instant::ZERO, &part(2, 8, false), limit);
        let older = parts.arrives(Instant::ZERO, &part(1, 8, false), limit);
        assert_eq!([older.is_some(), newer.is_some()], complete);
    }
}
