//! RCV.NXT, computed from what was injected (RFC 9293 §3.10.7.4, seventh and eighth).
//!
//! Octets count once, trimmed to the window; those beyond a gap are held until it closes; a FIN
//! counts once and nothing after it. Whether a segment gets this far is not decided here.

use super::seq;

/// What the device must have received, if it received all that was injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    nxt: u32,
    /// Octets beyond a gap, ascending, neither overlapping nor touching: first, one past last.
    held: Vec<(u32, u32)>,
    /// Sequence number of a FIN that was injected inside the window.
    fin: Option<u32>,
    /// The FIN has been counted.
    finished: bool,
}

impl Received {
    /// After a SYN, RCV.NXT is IRS+1.
    pub fn new(nxt: u32) -> Self {
        Self {
            nxt,
            held: Vec::new(),
            fin: None,
            finished: false,
        }
    }

    /// RCV.NXT.
    pub fn nxt(&self) -> u32 {
        self.nxt
    }

    /// Octets that are held beyond a gap: first, one past last.
    pub fn held(&self) -> &[(u32, u32)] {
        &self.held
    }

    /// The number of a FIN that is held beyond a gap.
    pub fn held_fin(&self) -> Option<u32> {
        self.fin.filter(|_| !self.finished)
    }

    /// The tester's FIN has been counted.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Counts the octets of a segment up to the right edge of the window.
    pub fn take(&mut self, first: u32, len: u32, fin: bool, edge: u32) {
        if self.finished {
            return;
        }
        let after_text = first.wrapping_add(len);
        let fits = seq::lt(after_text, edge) && !seq::lt(after_text, self.nxt);
        if fin && fits && self.fin.is_none() {
            self.fin = Some(after_text);
            self.held.retain(|&(from, _)| seq::lt(from, after_text));
            for (_, to) in &mut self.held {
                *to = seq::min(*to, after_text);
            }
        }
        let limit = self.fin.map_or(edge, |fin| seq::min(fin, edge));
        let from = seq::max(first, self.nxt);
        let to = seq::min(after_text, limit);
        if seq::lt(from, to) {
            self.hold(from, to);
        }
        self.close_gap();
    }

    /// Adds an interval and melts it with those that it overlaps or touches.
    fn hold(&mut self, mut from: u32, mut to: u32) {
        self.held.retain(|&(left, right)| {
            let apart = seq::lt(right, from) || seq::lt(to, left);
            if !apart {
                from = seq::min(from, left);
                to = seq::max(to, right);
            }
            apart
        });
        let at = self
            .held
            .iter()
            .take_while(|&&(left, _)| seq::lt(left, from))
            .count();
        self.held.insert(at, (from, to));
    }

    fn close_gap(&mut self) {
        if let Some(&(from, to)) = self.held.first()
            && from == self.nxt
        {
            self.nxt = to;
            self.held.remove(0);
        }
        if self.fin == Some(self.nxt) {
            self.nxt = self.nxt.wrapping_add(1);
            self.finished = true;
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::collections::BTreeSet;

    #[rstest]
    #[case::in_order(&[(0, 10, false)], 10)]
    #[case::old(&[(0, 10, false), (0, 10, false), (5, 3, false)], 10)]
    #[case::straddles_the_left_edge(&[(0, 10, false), (5, 10, false)], 15)]
    #[case::straddles_the_right_edge(&[(95, 10, false), (0, 95, false)], 100)]
    #[case::beyond(&[(100, 10, false)], 0)]
    #[case::gap(&[(20, 10, false)], 0)]
    #[case::gap_closes(&[(20, 10, false), (0, 20, false)], 30)]
    #[case::two_gaps(&[(20, 10, false), (40, 10, false), (0, 20, false)], 30)]
    #[case::fin(&[(0, 0, true)], 1)]
    #[case::fin_once(&[(0, 5, true), (0, 5, true), (6, 5, false)], 6)]
    #[case::fin_beyond_a_gap(&[(10, 5, true)], 0)]
    #[case::fin_when_the_gap_closes(&[(10, 5, true), (0, 10, false)], 16)]
    #[case::fin_outside_the_window(&[(90, 10, true), (0, 90, false)], 100)]
    #[case::fin_on_the_last_number(&[(90, 9, true), (0, 90, false)], 100)]
    #[case::nothing_after_a_fin(&[(10, 5, true), (15, 5, false), (0, 10, false)], 16)]
    fn octets_count_once(#[case] segments: &[(u32, u32, bool)], #[case] expected: u32) {
        for start in [1000, u32::MAX - 7] {
            let mut received = Received::new(start);
            for &(at, len, fin) in segments {
                received.take(start.wrapping_add(at), len, fin, start.wrapping_add(100));
            }
            assert_eq!(received.nxt().wrapping_sub(start), expected);
        }
    }

    /// The same rules over a set of octets without any arithmetic modulo 2^32.
    #[derive(Default)]
    struct Naive {
        octets: BTreeSet<u32>,
        fin: Option<u32>,
    }

    impl Naive {
        fn text(&self) -> u32 {
            (0..200).find(|at| !self.octets.contains(at)).unwrap()
        }

        fn nxt(&self) -> u32 {
            self.text() + u32::from(self.fin == Some(self.text()))
        }

        fn take(&mut self, first: u32, len: u32, fin: bool, edge: u32) {
            if self.fin == Some(self.text()) {
                return;
            }
            if fin && self.fin.is_none() && first + len < edge && first + len >= self.text() {
                let at = first + len;
                self.fin = Some(at);
                self.octets.retain(|&octet| octet < at);
            }
            let limit = self.fin.unwrap_or(edge).min(edge);
            self.octets.extend(first..(first + len).min(limit));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_octets(
            start in prop_oneof![any::<u32>(), Just(u32::MAX - 20)],
            window in 0u32..60,
            segments in proptest::collection::vec((0u32..80, 0u32..20, any::<u8>()), 0..24),
        ) {
            let mut received = Received::new(start);
            let mut naive = Naive::default();
            let mut edge = window;
            for (first, len, dice) in segments {
                let fin = dice % 16 == 0;
                edge = edge.max(naive.nxt() + window / 2);
                received.take(start.wrapping_add(first), len, fin, start.wrapping_add(edge));
                naive.take(first, len, fin, edge);
                prop_assert_eq!(received.nxt().wrapping_sub(start), naive.nxt());
                let octets = |&(from, to): &(u32, u32)| to.wrapping_sub(from);
                let held: u32 = received.held().iter().map(octets).sum();
                let beyond = naive.octets.iter().filter(|&&octet| octet >= naive.text()).count();
                let over = naive.fin == Some(naive.text());
                prop_assert_eq!(held as usize, if over { 0 } else { beyond });
            }
        }
    }
}
