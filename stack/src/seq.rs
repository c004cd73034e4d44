//! Sequence numbers and windows (RFC 9293 §3.4, RFC 7323 §2).
//!
//! A [`SeqNum`] has no `Ord`: modulo 2^32 "before" is not transitive over the whole circle, so
//! nothing may sort by it. The window on the wire, the real window and the scale between them are
//! three types that cannot be mixed up.

use std::fmt;
use std::ops::{Add, AddAssign, Shl, Shr, Sub};

/// A sequence number: all arithmetic is modulo 2^32.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// `self < other` modulo 2^32.
    pub fn before(self, other: Self) -> bool {
        self - other < 0
    }

    /// `self =< other` modulo 2^32.
    pub fn before_or_eq(self, other: Self) -> bool {
        self - other <= 0
    }

    /// `self > other` modulo 2^32.
    pub fn after(self, other: Self) -> bool {
        self - other > 0
    }

    /// `self >= other` modulo 2^32.
    pub fn after_or_eq(self, other: Self) -> bool {
        self - other >= 0
    }

    /// The later of the two.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        if self.after(other) { self } else { other }
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earliest(self, other: Self) -> Self {
        if self.before(other) { self } else { other }
    }

    /// How many sequence numbers lie from `earlier` up to here; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> u32 {
        if self.after(earlier) {
            self.0.wrapping_sub(earlier.0)
        } else {
            0
        }
    }

    /// `start =< self < start+len`.
    pub fn within(self, start: Self, len: u32) -> bool {
        self.0.wrapping_sub(start.0) < len
    }
}

impl fmt::Debug for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Add<u32> for SeqNum {
    type Output = Self;

    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNum {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for SeqNum {
    type Output = Self;

    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl Sub for SeqNum {
    type Output = i32;

    /// The signed distance: negative if `self` is before `other`.
    fn sub(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }
}

/// The window field of a header: a count of octets before scaling (RFC 9293 §3.1, MUST-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireWindow(pub u16);

/// A window in octets (REC-1: 32 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(pub u32);

/// A window shift, 0 to 14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowScale(u8);

impl WindowScale {
    /// No scaling.
    pub const NONE: Self = Self(0);

    /// A shift as it was received or configured.
    pub fn new(shift: u8) -> Self {
        // RFC 7323 §2.3:
        //   If a Window Scale option is received with a shift.cnt value
        //   larger than 14, the TCP SHOULD log the error but MUST use 14
        //   instead of the specified value.
        Self(shift.min(14))
    }

    /// The smallest shift, but at least `least`, with which a whole buffer can be advertised.
    pub fn for_buffer(octets: u32, least: u8) -> Self {
        let needed = (0..14)
            .find(|shift| u16::try_from(octets >> shift).is_ok())
            .unwrap_or(14);
        Self::new(needed.max(least))
    }

    /// The shift count.
    pub fn shift(self) -> u8 {
        self.0
    }

    /// Windows on the wire are multiples of so many octets.
    pub fn unit(self) -> u32 {
        1 << self.0
    }
}

impl Shl<WindowScale> for WireWindow {
    type Output = Window;

    /// The window that a received field stands for.
    fn shl(self, scale: WindowScale) -> Window {
        Window(u32::from(self.0) << scale.0)
    }
}

impl Shr<WindowScale> for Window {
    type Output = WireWindow;

    /// The field that advertises this window, rounded down, at most 65535.
    fn shr(self, scale: WindowScale) -> WireWindow {
        WireWindow(u16::try_from(self.0 >> scale.0).unwrap_or(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_one_of_before_equal_after_within_half_the_circle(
            a: u32, distance in 0..=0x7fff_ffff_u32
        ) {
            let (a, b) = (SeqNum(a), SeqNum(a) + distance);
            prop_assert_eq!(b.after(a), distance > 0);
            prop_assert_eq!(a.before(b), distance > 0);
            prop_assert_eq!(a.after_or_eq(b), distance == 0);
            prop_assert!(b.after_or_eq(a) && a.before_or_eq(b));
            prop_assert_eq!(b.since(a), distance);
            prop_assert_eq!(a.since(b), 0);
        }

        #[test]
        fn order_is_transitive_within_half_the_circle(
            a: u32, first in 0..0x3fff_ffff_u32, second in 0..0x3fff_ffff_u32
        ) {
            let (a, b, c) = (SeqNum(a), SeqNum(a) + first, SeqNum(a) + first + second);
            prop_assert!(a.before_or_eq(b) && b.before_or_eq(c) && a.before_or_eq(c));
        }

        #[test]
        fn adding_and_subtracting_undo_each_other(a: u32, octets: u32) {
            prop_assert_eq!(SeqNum(a) + octets - octets, SeqNum(a));
            prop_assert_eq!((SeqNum(a) + octets) - SeqNum(a), octets as i32);
        }

        #[test]
        fn a_window_survives_the_wire_up_to_its_unit(octets in 0..(1_u32 << 30), shift: u8) {
            let scale = WindowScale::for_buffer(octets, shift);
            let back = (Window(octets) >> scale) << scale;
            prop_assert!(back.0 <= octets && octets - back.0 < scale.unit());
        }

        #[test]
        fn within_is_the_half_open_interval(start: u32, len in 0..0x4000_0000_u32, at: u32) {
            let (start, at) = (SeqNum(start), SeqNum(at));
            let expected = at.after_or_eq(start) && at.before(start + len);
            prop_assert_eq!(at.within(start, len), expected);
        }
    }

    #[test]
    fn a_shift_above_14_is_used_as_14() {
        assert_eq!(WindowScale::new(200).shift(), 14);
        assert_eq!(WindowScale::for_buffer(u32::MAX, 0).shift(), 14);
        assert_eq!(WindowScale::for_buffer(65_535, 0).shift(), 0);
        assert_eq!(WindowScale::for_buffer(65_536, 0).shift(), 1);
    }
}
