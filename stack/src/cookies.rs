//! SYN cookies (RFC 4987 §3.6 and its Appendix A): a listener that keeps nothing of a SYN and
//! knows its ACK again.
//!
//! What would be the state is sent to the peer: the MSS in the sequence number, and what only
//! options can say in the low bits of the timestamp, which the peer echoes. This module makes and
//! checks cookies; when one is sent is [`crate::stack`]'s question. A SYN proxy, which does this
//! in front of other hosts, is a middlebox (RFC 4987 §3.8) and not to be found here.

use crate::Instant;
use crate::demux::{Secret, Sockets};
use crate::segment::{Ecn, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale};
use std::net::IpAddr;
use std::time::Duration;

/// How long the counter of a cookie stays the same.
const PERIOD: Duration = Duration::from_secs(60);
/// A cookie is good in the period in which it was made, and in the next one.
const GOOD_FOR: u64 = 2;
/// After so many periods a new key is derived from the secret.
const KEY_PERIODS: u64 = 32;
/// So long after it has sent a cookie, a listener still looks for one in an ACK.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60 * GOOD_FOR);

/// The MSS values that a cookie can say, ascending, by IP version.
const MSS_V4: [u16; 8] = [64, 536, 1220, 1300, 1400, 1440, 1460, 8960];
const MSS_V6: [u16; 8] = [64, 536, 1220, 1280, 1380, 1420, 1440, 8940];

fn table(ip: IpAddr) -> &'static [u16; 8] {
    if ip.is_ipv4() { &MSS_V4 } else { &MSS_V6 }
}

/// The ISS that says what has to be remembered of a SYN; `None` if the peer's MSS is too small
/// for every entry of the table, since a larger one must not be used.
pub(crate) fn make(
    secret: Secret,
    sockets: Sockets,
    irs: SeqNum,
    mss: u16,
    now: Instant,
) -> Option<SeqNum> {
    // RFC 4987 §A:
    //   find the largest i for which msstab[i] <= the incoming
    //   MSS.
    let index = table(sockets.0.ip())
        .iter()
        .rposition(|entry| *entry <= mss)? as u32;
    Some(SeqNum(
        irs.0 ^ sealed(secret, sockets, irs, period(now), index),
    ))
}

/// The MSS that the cookie `iss` says, if this host has made it lately for this SYN.
pub(crate) fn check(
    secret: Secret,
    sockets: Sockets,
    irs: SeqNum,
    iss: SeqNum,
    now: Instant,
) -> Option<u16> {
    let said = iss.0 ^ irs.0;
    let index = said >> 24 & 7;
    let latest = period(now);
    // RFC 4987 §A:
    //   recomputing y as above, for each of the counters
    //   that could have been used in the last few minutes
    (latest.saturating_sub(GOOD_FOR - 1)..=latest)
        .any(|period| sealed(secret, sockets, irs, period, index) == said)
        .then(|| table(sockets.0.ip())[index as usize])
}

/// RFC 4987 §A:
///   the top five bits come
///   from a 32-bit counter value modulo 32, where the counter increases
///   every 64 seconds, the next 3 bits encode a usable MSS near to the one
///   in the SYN, and the bottom 24 bits are a server-selected secret
///   function
fn sealed(secret: Secret, sockets: Sockets, irs: SeqNum, period: u64, index: u32) -> u32 {
    let key = secret.derived(period / KEY_PERIODS);
    let seal = key.cookie(sockets, irs, period, index) as u32;
    (period as u32) << 27 | index << 24 | seal & 0x00ff_ffff
}

fn period(now: Instant) -> u64 {
    now.0 / PERIOD.as_nanos() as u64
}

/// The bits of a timestamp that say which options the peer offered.
const MARK: u32 = 0x3f;
/// The window scale that says that there was none: no shift is above 14.
const NO_SCALE: u32 = 0xf;

/// A timestamp of `clock`, or a little earlier, that says what the SYN offered.
///
/// It is never later than the clock, so that timestamps do not run back (RFC 7323 §5.4).
pub(crate) fn stamp(clock: u32, options: SynOptions, ecn: Ecn) -> u32 {
    let scale = options
        .window_scale
        .map_or(NO_SCALE, |scale| u32::from(scale.shift()));
    let mark = scale | u32::from(options.sack_permitted) << 4 | u32::from(ecn.ece && ecn.cwr) << 5;
    let stamp = clock & !MARK | mark;
    if SeqNum(stamp).after(SeqNum(clock)) {
        stamp.wrapping_sub(MARK + 1)
    } else {
        stamp
    }
}

/// What the SYN offered, by the timestamp that came back without its offset. Without one, nothing
/// but the MSS is remembered.
pub(crate) fn offered(mss: u16, echoed: Option<u32>) -> (SynOptions, Ecn) {
    let mark = echoed.unwrap_or(NO_SCALE) & MARK;
    let scale = mark & NO_SCALE;
    let options = SynOptions {
        mss: Some(mss),
        window_scale: (scale != NO_SCALE).then(|| WindowScale::new(scale as u8)),
        sack_permitted: mark & 0x10 != 0,
        fast_open: None,
    };
    let asks = mark & 0x20 != 0;
    let ecn = Ecn {
        ece: asks,
        cwr: asks,
    };
    (options, ecn)
}

/// What a cookie can say of these options: without timestamps, only the MSS.
pub(crate) fn sayable(
    options: SynOptions,
    ecn: Ecn,
    timestamps: Option<Timestamps>,
) -> (SynOptions, Ecn) {
    // RFC 4987 §3.6:
    //   A limitation is that the technique
    //   can only be used if the SYN itself contains a Timestamp option
    if timestamps.is_some() {
        return (options, ecn);
    }
    let only_mss = SynOptions {
        mss: options.mss,
        ..SynOptions::default()
    };
    (only_mss, Ecn::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const MINUTE: u64 = 60_000_000_000;

    fn sockets(port: u16) -> Sockets {
        (([10, 0, 0, 1], 80).into(), ([10, 0, 0, 2], port).into())
    }

    fn secret() -> Secret {
        Secret::new([7; 16])
    }

    #[rstest]
    #[case(63, None)]
    #[case(64, Some(64))]
    #[case(535, Some(64))]
    #[case(536, Some(536))]
    #[case(1299, Some(1220))]
    #[case(1300, Some(1300))]
    #[case(1439, Some(1400))]
    #[case(1440, Some(1440))]
    #[case(1460, Some(1460))]
    #[case(9000, Some(8960))]
    fn a_cookie_says_the_largest_mss_that_is_not_too_large(
        #[case] offered: u16,
        #[case] said: Option<u16>,
    ) {
        let (irs, now) = (SeqNum(99), Instant(5 * MINUTE));
        let cookie = make(secret(), sockets(1), irs, offered, now);
        let back = cookie.and_then(|iss| check(secret(), sockets(1), irs, iss, now));
        assert_eq!(back, said);
    }

    #[rstest]
    #[case::at_once(0, true)]
    #[case::in_the_next_minute(1, true)]
    #[case::too_late(2, false)]
    #[case::when_the_five_bits_come_again(32, false)]
    fn a_cookie_grows_old(#[case] minutes: u64, #[case] good: bool) {
        // The key changes on the way.
        let (irs, made) = (SeqNum(99), Instant((KEY_PERIODS - 1) * MINUTE));
        let cookie = make(secret(), sockets(1), irs, 1460, made).expect("in the table");
        let later = Instant(made.0 + minutes * MINUTE);
        let back = check(secret(), sockets(1), irs, cookie, later);
        assert_eq!(back.is_some(), good);
    }

    #[test]
    fn a_cookie_of_another_secret_or_connection_is_no_cookie() {
        let (irs, now) = (SeqNum(99), Instant(MINUTE));
        let cookie = make(secret(), sockets(1), irs, 1460, now).expect("in the table");
        assert_eq!(check(secret(), sockets(2), irs, cookie, now), None);
        assert_eq!(check(secret(), sockets(1), irs + 1, cookie, now), None);
        // Nor can a cookie for another SYN of the same sockets be made from this one.
        let (next, said) = (SeqNum(irs.0 ^ 1), SeqNum(cookie.0 ^ 1));
        assert_eq!(check(secret(), sockets(1), next, said, now), None);
        let other = Secret::new([8; 16]);
        assert_eq!(check(other, sockets(1), irs, cookie, now), None);
    }

    proptest! {
        #[test]
        fn no_bit_of_a_cookie_can_be_changed(irs: u32, mss in 64_u16.., bit in 0..32) {
            let (irs, now) = (SeqNum(irs), Instant(MINUTE));
            let cookie = make(secret(), sockets(1), irs, mss, now).expect("in the table");
            let changed = SeqNum(cookie.0 ^ (1_u32 << bit));
            prop_assert_eq!(check(secret(), sockets(1), irs, changed, now), None);
        }

        #[test]
        fn a_timestamp_remembers_the_options_and_is_not_ahead(
            clock: u32,
            scale in proptest::option::of(0_u8..15),
            sack: bool,
            asks: bool,
        ) {
            let options = SynOptions {
                mss: Some(1460),
                window_scale: scale.map(WindowScale::new),
                sack_permitted: sack,
                fast_open: None,
            };
            let ecn = Ecn { ece: asks, cwr: asks };
            let stamp = stamp(clock, options, ecn);
            prop_assert!(clock.wrapping_sub(stamp) <= MARK);
            prop_assert_eq!(offered(1460, Some(stamp)), (options, ecn));
        }
    }
}
