//! The receive queue: octets for the user, and those that wait for a gap before them to close.

use crate::work;
use std::collections::VecDeque;
use std::ops::Range;

/// So many separate pieces are held out of order; what would be one more is not taken, so that
/// tiny segments cannot make the list long.
const MAX_PIECES: usize = 128;

/// An empty queue keeps so many octets at most for what comes next.
const KEPT: usize = 4096;

/// Octets up to RCV.NXT that the user has not read, and pieces beyond RCV.NXT.
///
/// The caller only inserts what lies in the receive window, which bounds the memory.
#[derive(Debug, Default)]
pub(crate) struct ReceiveQueue {
    /// Everything from the first unread octet to the last one held; gaps are zeros.
    octets: VecDeque<u8>,
    /// How many of `octets` are in order.
    ready: usize,
    /// The pieces that are held, as ranges of `octets` beyond `ready`: sorted, never touching.
    held: Vec<Range<usize>>,
}

impl ReceiveQueue {
    /// Octets that the user can read.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// Something waits for a gap to close.
    pub(crate) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// The piece that holds the octet `offset` octets after RCV.NXT, as offsets from there.
    pub(crate) fn held_around(&self, offset: usize) -> Option<Range<usize>> {
        let at = self.ready + offset;
        let piece = self.held.partition_point(|piece| piece.end <= at);
        let piece = self.held.get(piece).filter(|piece| piece.start <= at)?;
        Some(piece.start - self.ready..piece.end - self.ready)
    }

    /// The pieces that wait, the last one first, as offsets from RCV.NXT.
    pub(crate) fn held(&self) -> impl Iterator<Item = Range<usize>> {
        let pieces = self.held.iter().rev().inspect(|_| work::steps(1));
        pieces.map(|piece| piece.start - self.ready..piece.end - self.ready)
    }

    /// The first octets of `new`, offsets from RCV.NXT, that are held already.
    pub(crate) fn held_of(&self, new: &Range<usize>) -> Option<Range<usize>> {
        let (start, end) = (self.ready + new.start, self.ready + new.end);
        let piece = self.held.partition_point(|piece| piece.end <= start);
        let piece = self.held.get(piece).filter(|piece| piece.start < end)?;
        let (from, to) = (piece.start.max(start), piece.end.min(end));
        Some(from - self.ready..to - self.ready)
    }

    /// Takes text that begins `offset` octets after RCV.NXT. Returns by how much RCV.NXT moves.
    /// What is already there stays as it came first.
    pub(crate) fn insert(&mut self, offset: usize, text: &[u8]) -> usize {
        if text.is_empty() {
            return 0;
        }
        if offset == 0 && self.held.is_empty() {
            self.octets.extend(text);
            self.ready += text.len();
            return text.len();
        }
        let start = self.ready + offset;
        let new = start..start + text.len();
        let touched = self.touched(&new);
        if touched.is_empty() && self.held.len() >= MAX_PIECES && offset > 0 {
            return 0;
        }
        self.fill_gaps(&new, text, &touched);
        self.merge(new, touched);
        self.close_gap()
    }

    /// Reads up to `into.len()` octets.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> usize {
        let len = self.ready.min(into.len());
        let (front, back) = self.octets.as_slices();
        let from_front = len.min(front.len());
        into[..from_front].copy_from_slice(&front[..from_front]);
        into[from_front..len].copy_from_slice(&back[..len - from_front]);
        self.octets.drain(..len);
        self.ready -= len;
        work::steps(self.held.len());
        for piece in &mut self.held {
            *piece = piece.start - len..piece.end - len;
        }
        if self.octets.is_empty() && self.octets.capacity() > KEPT {
            self.octets = VecDeque::new();
        }
        len
    }

    /// Drops the pieces that wait: nothing follows RCV.NXT.
    pub(crate) fn drop_held(&mut self) {
        self.held.clear();
        self.octets.truncate(self.ready);
    }

    /// Empties everything.
    pub(crate) fn flush(&mut self) {
        *self = Self::default();
    }

    /// Which pieces `new` overlaps or touches, as a range of `held`.
    fn touched(&self, new: &Range<usize>) -> Range<usize> {
        let first = self.held.partition_point(|piece| piece.end < new.start);
        let last = self.held.partition_point(|piece| piece.start <= new.end);
        first..last
    }

    /// Copies the octets of `new` that no piece has yet.
    fn fill_gaps(&mut self, new: &Range<usize>, text: &[u8], touched: &Range<usize>) {
        if self.octets.len() < new.end {
            self.octets.resize(new.end, 0);
        }
        let mut at = new.start;
        for piece in self.held[touched.clone()]
            .iter()
            .chain([&(new.end..new.end)])
        {
            for position in at..piece.start.min(new.end) {
                self.octets[position] = text[position - new.start];
            }
            at = at.max(piece.end);
        }
    }

    fn merge(&mut self, new: Range<usize>, touched: Range<usize>) {
        let start = self
            .held
            .get(touched.start)
            .map_or(new.start, |piece| piece.start);
        let end = touched
            .end
            .checked_sub(1)
            .map_or(new.end, |last| self.held[last].end);
        let merged = if touched.is_empty() {
            new
        } else {
            start.min(new.start)..end.max(new.end)
        };
        work::steps(self.held.len() - touched.start);
        self.held.splice(touched, [merged]);
    }

    /// Hands over the first piece if it begins where the order ends.
    fn close_gap(&mut self) -> usize {
        if self
            .held
            .first()
            .is_none_or(|piece| piece.start > self.ready)
        {
            return 0;
        }
        work::steps(self.held.len());
        let advance = self.held.remove(0).end - self.ready;
        self.ready += advance;
        advance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_stream_with_one_cell_per_octet(
            pieces in proptest::collection::vec((0_usize..60, 1_usize..20, 0_usize..15), 1..40)
        ) {
            let mut queue = ReceiveQueue::default();
            let mut model: Vec<Option<u8>> = vec![None; 400];
            let (mut nxt, mut read, mut stamp) = (0, 0, 0_u8);
            for (offset, len, reads) in pieces {
                stamp = stamp.wrapping_add(1);
                let text = vec![stamp; len];
                for cell in &mut model[nxt + offset..nxt + offset + len] {
                    cell.get_or_insert(stamp);
                }
                let next = (nxt..model.len()).find(|at| model[*at].is_none()).expect("a gap");
                prop_assert_eq!(queue.insert(offset, &text), next - nxt);
                nxt = next;
                let mut into = vec![0; reads];
                let got = queue.read(&mut into);
                prop_assert_eq!(got, reads.min(nxt - read));
                for (octet, cell) in into[..got].iter().zip(&model[read..]) {
                    prop_assert_eq!(Some(*octet), *cell);
                }
                read += got;
                prop_assert_eq!(queue.ready(), nxt - read);
                prop_assert_eq!(queue.has_held(), model[nxt..].iter().any(Option::is_some));
                if nxt > 300 {
                    break;
                }
            }
        }
    }

    #[test]
    fn tiny_pieces_do_not_pile_up() {
        let mut queue = ReceiveQueue::default();
        for offset in (2..2000).step_by(2) {
            assert_eq!(queue.insert(offset, b"x"), 0);
        }
        assert_eq!(queue.held.len(), MAX_PIECES);
        assert_eq!(queue.insert(0, b"ab"), 3);
    }
}
