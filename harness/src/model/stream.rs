//! The known pattern: what a stream holds at each offset.
//!
//! Payload that a spec gives as a count of octets is the pattern at its stream offset, so that
//! octets which are lost, doubled or out of place are seen as such. Text that a spec gives
//! literally stands in its place.

/// Octets of one direction of one connection, by stream offset (0 is the octet after the SYN).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    texts: Vec<(u32, Vec<u8>)>,
}

/// The pattern's period: a prime, so that segments of common sizes are not copies of each other.
const PERIOD: u32 = 251;

/// The octet of the pattern at `offset`.
pub fn pattern(offset: u32) -> u8 {
    (offset % PERIOD) as u8
}

impl Stream {
    /// Puts literal text at `offset`; the first text at a place stays.
    pub fn put(&mut self, offset: u32, text: &[u8]) {
        self.texts.push((offset, text.to_vec()));
    }

    /// The octet at `offset`.
    pub fn octet(&self, offset: u32) -> u8 {
        let literal = self.texts.iter().find_map(|(start, text)| {
            text.get(usize::try_from(offset.checked_sub(*start)?).ok()?)
                .copied()
        });
        literal.unwrap_or_else(|| pattern(offset))
    }

    /// So many octets from `offset` on.
    pub fn octets(&self, offset: u32, count: usize) -> Vec<u8> {
        (0..count as u32)
            .map(|at| self.octet(offset.wrapping_add(at)))
            .collect()
    }

    /// Index in `got`, and the octet that belongs there, of the first that is not right.
    pub fn first_wrong(&self, offset: u32, got: &[u8]) -> Option<(usize, u8)> {
        got.iter()
            .zip(0u32..)
            .enumerate()
            .find_map(|(index, (&octet, at))| {
                let right = self.octet(offset.wrapping_add(at));
                (octet != right).then_some((index, right))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_in_its_place() {
        let mut stream = Stream::default();
        stream.put(3, b"xy");
        assert_eq!(stream.octets(2, 4), [2, b'x', b'y', 5]);
    }

    #[test]
    fn an_octet_out_of_place_is_found() {
        let stream = Stream::default();
        assert_eq!(stream.first_wrong(10, &[10, 11, 13]), Some((2, 12)));
        assert_eq!(stream.first_wrong(10, &[10, 11, 12]), None);
    }
}
