//! Where chance comes from: one number per run, and from it one number per case.
//!
//! A case replays alike whether it runs alone or among a thousand others, since its seed depends
//! on the run's seed and its own id only.

use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// The seed of the case `id` in a run with seed `run`.
pub fn of_case(run: u64, id: &str) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(run, 0x7463_7073_7065_6331);
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// A sequence of numbers that follows from a seed (the SplitMix64 generator).
#[derive(Clone, Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// The sequence that starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_its_own_seed_in_every_run() {
        let [a, b, c] = [(1, "x"), (1, "y"), (2, "x")].map(|(run, id)| of_case(run, id));
        assert!(a != b && a != c && b != c);
        assert_eq!(a, of_case(1, "x"));
    }

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut sequence = Sequence::new(1_234_567);
        assert_eq!(sequence.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(sequence.next_u64(), 3_203_168_211_198_807_973);
    }
}
