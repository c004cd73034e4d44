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

/// Whose fragments belong together.
type Key = (IpAddr, IpAddr, u32, u8);

#[derive(Debug)]
struct Partial {
    key: Key,
    began: Instant,
    /// Header of the fragment that came first in the packet, if it has come.
    header: Option<IpHeader>,
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
        if limit == 0 {
            return None;
        }
        let Fragment {
            ip, id, protocol, ..
        } = *fragment;
        self.0.retain(|partial| now.since(partial.began) < PATIENCE);
        let key = (ip.src, ip.dst, id, protocol);
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
        let mut header = whole.header?;
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
        let in_units = fragment.payload.len().is_multiple_of(8);
        let misfits = fragment.more && !in_units || piece.is_empty() || piece.end > MAX_OCTETS;
        let beyond = self.end.is_some_and(|end| piece.end > end);
        if misfits || beyond {
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
            self.header = Some(fragment.ip);
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
