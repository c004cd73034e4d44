//! The initial window (RFC 6928 §2). What lowers it after a lost SYN is not here.

use super::MAX_CWND;

/// IW, octets: `segments` within the bound of RFC 6928, unless they are more than its ten.
pub(super) fn initial_window(segments: u32, mss: u32) -> u32 {
    // RFC 6928 §2:
    //   min (10*MSS, max (2*MSS, 14600))                            (1)
    let bound = (2 * mss).max(segments.max(10).saturating_mul(1460));
    segments.max(1).saturating_mul(mss).min(bound).min(MAX_CWND)
}
