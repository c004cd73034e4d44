//! TCP options (RFC 9293 §3.1 and §3.2), read strictly and written freely.
//!
//! The packet library accepts every malformed list in silence, so the reader is ours: it names the
//! octet at which a list stops being well-formed. What it does not do is repair: options after
//! the fault are not read.

use std::fmt;

/// The options of one segment: those that are understood, each at most once (the last counts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size (kind 2).
    pub mss: Option<u16>,
    /// Window scale (kind 3, RFC 7323 §2): the shift count.
    pub ws: Option<u8>,
    /// SACK permitted (kind 4, RFC 2018 §2).
    pub sack_ok: bool,
    /// SACK blocks (kind 5, RFC 2018 §3): left edge, right edge.
    pub sack: Vec<(u32, u32)>,
    /// Timestamps (kind 8, RFC 7323 §3.2): TSval, TSecr.
    pub ts: Option<(u32, u32)>,
    /// User timeout (kind 28, RFC 5482 §3.3): granularity bit and value.
    pub uto: Option<u16>,
    /// Fast Open (kind 34, RFC 7413 §4.1.1): the cookie, empty in a request.
    pub fast_open: Option<Vec<u8>>,
    /// Kinds that are not understood, in order.
    pub unknown: Vec<u8>,
}

/// What is wrong with a list of options, and at which octet of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// Offset of the octet from the start of the list.
    pub at: usize,
    /// The fault.
    pub fault: OptionFault,
}

/// The ways in which a list of options can be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionFault {
    /// A kind without a length octet.
    NoLength {
        /// The kind.
        kind: u8,
    },
    /// A length below 2, which would not even hold kind and length.
    TooShort {
        /// The kind.
        kind: u8,
        /// The length.
        length: u8,
    },
    /// A length that reaches past the end of the header.
    PastEnd {
        /// The kind.
        kind: u8,
        /// The length.
        length: u8,
    },
    /// A length that this kind cannot have.
    WrongLength {
        /// The kind.
        kind: u8,
        /// The length.
        length: u8,
    },
    /// An octet after End of Option List that is not zero.
    PaddingNotZero {
        /// The octet.
        octet: u8,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            OptionFault::NoLength { kind } => write!(f, "option {kind} has no length octet"),
            OptionFault::TooShort { kind, length } => {
                write!(f, "option {kind} has length {length}; the least is 2")
            }
            OptionFault::PastEnd { kind, length } => {
                write!(
                    f,
                    "option {kind} with length {length} reaches past the header"
                )
            }
            OptionFault::WrongLength { kind, length } => {
                write!(f, "option {kind} cannot have length {length}")
            }
            OptionFault::PaddingNotZero { octet } => {
                write!(f, "octet {octet:#04x} after End of Option List is not zero")
            }
        }?;
        write!(f, " (octet {} of the options)", self.at)
    }
}

mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const USER_TIMEOUT: u8 = 28;
    pub(super) const FAST_OPEN: u8 = 34;
}

/// Reads a list; the options before the first fault are there in either case.
pub fn read(octets: &[u8]) -> (Options, Option<OptionError>) {
    let mut options = Options::default();
    let mut at = 0;
    while let Some(&kind) = octets.get(at) {
        match kind {
            kind::END => return (options, padding_fault(octets, at + 1)),
            kind::NO_OPERATION => at += 1,
            _ => match read_one(&mut options, kind, &octets[at..]) {
                Ok(length) => at += length,
                Err(fault) => return (options, Some(OptionError { at, fault })),
            },
        }
    }
    (options, None)
}

// RFC 9293 §3.1 (MUST-69):
//   The content of the header beyond the End of Option List Option MUST be header padding of zeros
fn padding_fault(octets: &[u8], from: usize) -> Option<OptionError> {
    let at = from + octets[from..].iter().position(|&octet| octet != 0)?;
    Some(OptionError {
        at,
        fault: OptionFault::PaddingNotZero { octet: octets[at] },
    })
}

/// Reads the option at the start of `rest` and says how long it is.
fn read_one(options: &mut Options, kind: u8, rest: &[u8]) -> Result<usize, OptionFault> {
    let &length = rest.get(1).ok_or(OptionFault::NoLength { kind })?;
    if length < 2 {
        return Err(OptionFault::TooShort { kind, length });
    }
    let value = rest
        .get(2..length as usize)
        .ok_or(OptionFault::PastEnd { kind, length })?;
    let wrong = OptionFault::WrongLength { kind, length };
    match (kind, value) {
        (kind::MSS, &[high, low]) => options.mss = Some(u16::from_be_bytes([high, low])),
        (kind::WINDOW_SCALE, &[shift]) => options.ws = Some(shift),
        (kind::SACK_PERMITTED, []) => options.sack_ok = true,
        (kind::SACK, blocks) if !blocks.is_empty() && blocks.len() % 8 == 0 => {
            options.sack = blocks
                .chunks_exact(8)
                .map(|block| (word(&block[..4]), word(&block[4..])))
                .collect();
        }
        (kind::TIMESTAMPS, times) if times.len() == 8 => {
            options.ts = Some((word(&times[..4]), word(&times[4..])));
        }
        (kind::USER_TIMEOUT, &[high, low]) => options.uto = Some(u16::from_be_bytes([high, low])),
        (kind::FAST_OPEN, cookie) => options.fast_open = Some(cookie.to_vec()),
        (
            kind::MSS
            | kind::WINDOW_SCALE
            | kind::SACK_PERMITTED
            | kind::SACK
            | kind::TIMESTAMPS
            | kind::USER_TIMEOUT,
            _,
        ) => return Err(wrong),
        _ => options.unknown.push(kind),
    }
    Ok(length as usize)
}

fn word(octets: &[u8]) -> u32 {
    octets
        .iter()
        .fold(0, |word, &octet| word << 8 | u32::from(octet))
}

/// Writes the options in the order and with the alignment that most hosts use: MSS,
/// SACK-permitted, timestamps, window scale, Fast Open, SACK, user timeout. Unknown kinds are
/// not written.
///
/// The result is a multiple of four octets. It may be longer than the 40 octets that a header
/// can hold; whoever builds the segment has to look.
pub fn write(options: &Options) -> Vec<u8> {
    let mut octets = Vec::with_capacity(40);
    if let Some(mss) = options.mss {
        octets.extend([kind::MSS, 4]);
        octets.extend(mss.to_be_bytes());
    }
    match (options.sack_ok, options.ts.is_some()) {
        (true, true) => octets.extend([kind::SACK_PERMITTED, 2]),
        (true, false) => octets.extend([1, 1, kind::SACK_PERMITTED, 2]),
        (false, true) => octets.extend([1, 1]),
        (false, false) => {}
    }
    if let Some((val, ecr)) = options.ts {
        octets.extend([kind::TIMESTAMPS, 10]);
        octets.extend(val.to_be_bytes());
        octets.extend(ecr.to_be_bytes());
    }
    if let Some(shift) = options.ws {
        octets.extend([1, kind::WINDOW_SCALE, 3, shift]);
    }
    if let Some(cookie) = &options.fast_open {
        let len = 2 + cookie.len();
        octets.resize(octets.len() + len.next_multiple_of(4) - len, 1);
        octets.extend([kind::FAST_OPEN, len as u8]);
        octets.extend(cookie);
    }
    if !options.sack.is_empty() {
        octets.extend([1, 1, kind::SACK, (2 + 8 * options.sack.len()) as u8]);
        for (left, right) in &options.sack {
            octets.extend(left.to_be_bytes());
            octets.extend(right.to_be_bytes());
        }
    }
    if let Some(uto) = options.uto {
        octets.extend([kind::USER_TIMEOUT, 4]);
        octets.extend(uto.to_be_bytes());
    }
    octets
}

/// Octets as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Display for Options {
    /// As reports show them: `MSS=1460 SACK-OK WS=7`; empty if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        let mut item = |text: fmt::Arguments<'_>| {
            let written = write!(f, "{gap}{text}");
            gap = " ";
            written
        };
        if let Some(mss) = self.mss {
            item(format_args!("MSS={mss}"))?;
        }
        if let Some(shift) = self.ws {
            item(format_args!("WS={shift}"))?;
        }
        if self.sack_ok {
            item(format_args!("SACK-OK"))?;
        }
        if let Some((val, ecr)) = self.ts {
            item(format_args!("TS={val}/{ecr}"))?;
        }
        if let Some(cookie) = &self.fast_open {
            item(format_args!("TFO={}", Hex(cookie)))?;
        }
        for (left, right) in &self.sack {
            item(format_args!("SACK={left}..{right}"))?;
        }
        if let Some(uto) = self.uto {
            item(format_args!("UTO={uto}"))?;
        }
        for kind in &self.unknown {
            item(format_args!("OPT{kind}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::none(&[], 0, None)]
    #[case::no_length(&[1, 2], 1, Some(OptionFault::NoLength { kind: 2 }))]
    #[case::length_zero(&[1, 1, 8, 0], 2, Some(OptionFault::TooShort { kind: 8, length: 0 }))]
    #[case::length_one(&[8, 1, 1, 1], 0, Some(OptionFault::TooShort { kind: 8, length: 1 }))]
    #[case::past_end(&[1, 2, 4, 5], 1, Some(OptionFault::PastEnd { kind: 2, length: 4 }))]
    #[case::mss_of_three(&[2, 3, 5, 0], 0, Some(OptionFault::WrongLength { kind: 2, length: 3 }))]
    #[case::half_a_block(
        &[5, 6, 1, 1, 1, 1], 0, Some(OptionFault::WrongLength { kind: 5, length: 6 }),
    )]
    #[case::padding(&[1, 0, 0, 9], 3, Some(OptionFault::PaddingNotZero { octet: 9 }))]
    #[case::end_then_zero(&[1, 0, 0, 0], 0, None)]
    fn the_octet_at_fault_is_named(
        #[case] octets: &[u8],
        #[case] at: usize,
        #[case] fault: Option<OptionFault>,
    ) {
        assert_eq!(read(octets).1, fault.map(|fault| OptionError { at, fault }));
    }

    #[test]
    fn options_before_a_fault_are_kept() {
        let (options, error) = read(&[2, 4, 5, 0xb4, 8, 3, 0, 0]);
        assert_eq!(options.mss, Some(1460));
        assert_eq!(error.unwrap().at, 4);
    }

    #[test]
    fn unknown_kinds_are_named_and_passed_over() {
        let (options, error) = read(&[254, 4, 1, 2, 3, 3, 7, 0]);
        assert_eq!(
            (options.unknown, options.ws, error),
            (vec![254], Some(7), None)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            mss in proptest::option::of(any::<u16>()),
            ws in proptest::option::of(any::<u8>()),
            sack_ok in any::<bool>(),
            sack in proptest::collection::vec(any::<(u32, u32)>(), 0..4),
            ts in proptest::option::of(any::<(u32, u32)>()),
            uto in proptest::option::of(any::<u16>()),
        ) {
            let options = Options {
                mss, ws, sack_ok, sack, ts, uto, fast_open: None, unknown: Vec::new(),
            };
            let octets = write(&options);
            prop_assert_eq!(octets.len() % 4, 0);
            prop_assert_eq!(read(&octets), (options, None));
        }

        #[test]
        fn hostile_octets_do_no_harm(octets in proptest::collection::vec(any::<u8>(), 0..41)) {
            read(&octets);
        }
    }
}
