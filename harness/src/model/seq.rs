//! Comparison of sequence numbers modulo 2^32 (RFC 9293 §3.4).

/// How far `a` is ahead of `b`; negative if it is behind.
pub fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// `a < b`.
pub fn lt(a: u32, b: u32) -> bool {
    distance(a, b) < 0
}

/// `a =< b`.
pub fn le(a: u32, b: u32) -> bool {
    distance(a, b) <= 0
}

/// The one that is behind.
pub fn min(a: u32, b: u32) -> u32 {
    if lt(b, a) { b } else { a }
}

/// The one that is ahead.
pub fn max(a: u32, b: u32) -> u32 {
    if lt(a, b) { b } else { a }
}
