//! The send queue: octets from SND.UNA on, and the segments in which they were sent.

use crate::seq::SeqNum;
use crate::time::Instant;
use crate::work;
use std::collections::VecDeque;

/// Octets that the user has sent and the peer has not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    octets: VecDeque<u8>,
    /// Made for the first segment whose text lies at the end and at the start of the ring.
    seam: Option<Box<Seam>>,
    /// Sequence number of the first octet.
    start: SeqNum,
    /// Segments in flight, in order and without overlap.
    sent: VecDeque<Sent>,
}

/// Text of a segment that was put together.
#[derive(Debug, Default)]
struct Seam(Vec<u8>);

/// An empty queue keeps so many octets at most for what comes next.
const KEPT: usize = 4096;

/// A segment of the retransmission queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.SEQ+SEG.LEN.
    pub(crate) end: SeqNum,
    /// When it was sent for the last time.
    pub(crate) at: Instant,
    /// It was sent more than once.
    pub(crate) again: bool,
    /// All of it was selectively acknowledged.
    pub(crate) sacked: bool,
}

/// What the acknowledgment of segments tells about the round-trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acked {
    /// No whole segment.
    Nothing,
    /// All were sent once, the last one then.
    Once(Instant),
    /// At least one was sent again: Karn's ambiguity.
    Again,
}

impl SendQueue {
    /// An empty queue whose first octet will be `start`.
    pub(crate) fn starting_at(start: SeqNum) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// Octets in the queue.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// The sequence number of the first octet, or of the next if there is none.
    pub(crate) fn start(&self) -> SeqNum {
        self.start
    }

    /// The sequence number that the next octet will have; a FIN comes there.
    pub(crate) fn end(&self) -> SeqNum {
        self.start + self.len() as u32
    }

    /// Appends octets.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets.extend(octets);
    }

    /// Up to `len` octets from `seq` on.
    pub(crate) fn text(&mut self, seq: SeqNum, len: u32) -> &[u8] {
        let from = (seq.since(self.start) as usize).min(self.len());
        let to = (from + len as usize).min(self.len());
        let (front, back) = self.octets.as_slices();
        if to <= front.len() {
            &front[from..to]
        } else if let Some(from) = from.checked_sub(front.len()) {
            &back[from..to - front.len()]
        } else {
            let Seam(text) = self.seam.get_or_insert_default().as_mut();
            text.clear();
            text.extend_from_slice(&front[from..]);
            text.extend_from_slice(&back[..to - front.len()]);
            text
        }
    }

    /// Forgets everything before `una`.
    pub(crate) fn acknowledge(&mut self, una: SeqNum) -> Acked {
        let octets = (una.since(self.start) as usize).min(self.len());
        self.start += octets as u32;
        self.octets.drain(..octets);
        let mut acked = Acked::Nothing;
        while let Some(sent) = self.sent.front().filter(|sent| sent.end.before_or_eq(una)) {
            acked = match (acked, sent.again) {
                (Acked::Again, _) | (_, true) => Acked::Again,
                (_, false) => Acked::Once(sent.at),
            };
            self.sent.pop_front();
            work::steps(1);
        }
        if self.octets.capacity() > KEPT && self.sent.is_empty() {
            self.give_back();
        }
        if let Some(partly) = self.sent.front_mut() {
            partly.seq = partly.seq.latest(una);
        }
        acked
    }

    /// Nothing waits and nothing is in flight: gives back the memory that this took.
    pub(crate) fn give_back(&mut self) {
        if self.len() == 0 && self.sent.is_empty() {
            self.octets = VecDeque::new();
            self.seam = None;
            self.sent = VecDeque::new();
        }
    }

    /// SEG.LEN of the longest segment in flight.
    pub(crate) fn longest_in_flight(&self) -> u32 {
        let lengths = self.sent.iter().map(|sent| sent.end.since(sent.seq));
        lengths.max().unwrap_or(0)
    }

    /// The segment in flight that covers `seq`.
    pub(crate) fn in_flight(&mut self, seq: SeqNum) -> Option<&mut Sent> {
        let at = self.first_after(seq);
        self.sent
            .get_mut(at)
            .filter(|sent| sent.seq.before_or_eq(seq))
    }

    /// Segments in flight.
    pub(crate) fn in_flight_count(&self) -> usize {
        self.sent.len()
    }

    /// Looks at the segment in flight that covers `seq`.
    pub(crate) fn find(&self, seq: SeqNum) -> Option<&Sent> {
        let at = self.first_after(seq);
        self.sent.get(at).filter(|sent| sent.seq.before_or_eq(seq))
    }

    /// The index of the first segment that ends after `seq`.
    fn first_after(&self, seq: SeqNum) -> usize {
        // What is asked for most is what would come next, and the first segment.
        let ends_before = |sent: &Sent| sent.end.before_or_eq(seq);
        if self.sent.back().is_none_or(ends_before) {
            self.sent.len()
        } else if self.sent.front().is_some_and(|sent| !ends_before(sent)) {
            0
        } else {
            self.sent.partition_point(ends_before)
        }
    }

    /// The segments in flight.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.sent.iter().inspect(|_| work::steps(1))
    }

    /// The segments in flight that `left..right` overlaps, all of them with `SeqNum` edges that
    /// lie in the queue.
    pub(crate) fn overlapping(
        &mut self,
        left: SeqNum,
        right: SeqNum,
    ) -> impl Iterator<Item = &mut Sent> {
        let at = self.first_after(left);
        let sent = self.sent.range_mut(at..);
        let sent = sent.take_while(move |sent| sent.seq.before(right));
        sent.inspect(|_| work::steps(1))
    }

    /// Notes that a new segment was sent.
    pub(crate) fn sent(&mut self, seq: SeqNum, end: SeqNum, at: Instant) {
        self.sent.push_back(Sent {
            seq,
            end,
            at,
            again: false,
            sacked: false,
        });
    }

    /// Empties everything.
    pub(crate) fn flush(&mut self) {
        *self = Self::starting_at(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_octets_and_segments_leave_the_queue() {
        let mut queue = SendQueue::starting_at(SeqNum(u32::MAX - 1));
        queue.push(b"abcdef");
        queue.sent(SeqNum(u32::MAX - 1), SeqNum(1), Instant(1));
        queue.sent(SeqNum(1), SeqNum(4), Instant(2));
        assert_eq!(queue.acknowledge(SeqNum(0)), Acked::Nothing);
        assert_eq!(queue.text(SeqNum(0), 2), b"cd");
        assert_eq!(queue.acknowledge(SeqNum(4)), Acked::Once(Instant(2)));
        assert_eq!((queue.len(), queue.end()), (0, SeqNum(4)));
    }

    #[test]
    fn text_is_in_one_piece_wherever_it_lies_in_the_ring() {
        let mut queue = SendQueue::starting_at(SeqNum(0));
        let mut octets = (0..=u8::MAX).cycle();
        let (mut una, mut end) = (SeqNum(0), SeqNum(0));
        for _ in 0..200 {
            let new: Vec<u8> = octets.by_ref().take(37).collect();
            queue.push(&new);
            end += 37;
            for len in [0, 1, 20, 60] {
                let expected: Vec<u8> = (0..end.since(una).min(len))
                    .map(|at| (una + at).0 as u8)
                    .collect();
                assert_eq!(queue.text(una, len), expected);
            }
            una = end - 50_u32.min(end.0);
            queue.acknowledge(una);
        }
        assert!(queue.seam.is_some());
    }

    #[test]
    fn a_segment_that_was_sent_again_spoils_the_sample() {
        let mut queue = SendQueue::starting_at(SeqNum(0));
        queue.push(b"abcdef");
        queue.sent(SeqNum(0), SeqNum(3), Instant(1));
        queue.sent(SeqNum(3), SeqNum(6), Instant(2));
        queue.in_flight(SeqNum(1)).expect("in flight").again = true;
        assert_eq!(queue.acknowledge(SeqNum(6)), Acked::Again);
    }
}
