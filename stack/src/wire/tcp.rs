//! The TCP header and its options (RFC 9293 §3.1, §3.2).

use super::checksum::Sum;
use super::{
    IpHeader, MOST_OPTIONS, Malformed, Packet, TCP, TIMESTAMPS_LEN, USER_TIMEOUT_LEN,
    checksum_holds,
};
use crate::fast_open::{Cookie, FastOpenOption};
use crate::segment::{Control, Ecn, SackBlock, SackBlocks, Segment, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale, WireWindow};
use crate::user_timeout::UserTimeout;

const CWR: u8 = 0x80;
const ECE: u8 = 0x40;
const URG: u8 = 0x20;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const RST: u8 = 0x04;
const SYN: u8 = 0x02;
const FIN: u8 = 0x01;

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const USER_TIMEOUT: u8 = 28;
const FAST_OPEN: u8 = 34;

/// The segment in the payload of an IP packet.
pub(crate) fn decode(ip: IpHeader, octets: &[u8]) -> Result<Packet<'_>, Malformed> {
    let header = octets.get(..20).ok_or(Malformed::TcpHeader)?;
    // RFC 9293 §3.1 (MUST-3):
    //   The TCP checksum is never optional.
    if !checksum_holds(ip.src, ip.dst, TCP, octets) {
        return Err(Malformed::Checksum);
    }
    let offset = usize::from(header[12] >> 4) * 4;
    if offset < 20 || octets.len() < offset {
        return Err(Malformed::DataOffset);
    }
    let options = Options::decode(&octets[20..offset])?;
    let flags = header[13];
    Ok(Packet {
        ip,
        src_port: half(&header[..2]),
        dst_port: half(&header[2..4]),
        segment: Segment {
            seq: SeqNum(word(&header[4..8])),
            ack: (flags & ACK != 0).then(|| SeqNum(word(&header[8..12]))),
            control: control(flags, options.syn),
            wnd: WireWindow(half(&header[14..16])),
            urgent: (flags & URG != 0).then(|| half(&header[18..20])),
            push: flags & PSH != 0,
            ecn: Ecn {
                ece: flags & ECE != 0,
                cwr: flags & CWR != 0,
            },
            timestamps: options.timestamps,
            sack: if flags & SYN == 0 {
                options.sack
            } else {
                SackBlocks::default()
            },
            user_timeout: options.user_timeout,
            text: &octets[offset..],
        },
    })
}

/// RST beats SYN and FIN, since every state checks it first; SYN keeps a FIN.
fn control(flags: u8, options: SynOptions) -> Control {
    if flags & RST != 0 {
        Control::Rst
    } else if flags & SYN != 0 {
        Control::Syn {
            options,
            fin: flags & FIN != 0,
        }
    } else if flags & FIN != 0 {
        Control::Fin
    } else {
        Control::None
    }
}

#[derive(Default)]
struct Options {
    syn: SynOptions,
    timestamps: Option<Timestamps>,
    sack: SackBlocks,
    user_timeout: Option<UserTimeout>,
}

impl Options {
    fn decode(mut rest: &[u8]) -> Result<Self, Malformed> {
        let mut options = Self::default();
        while let [kind, after @ ..] = rest {
            match *kind {
                END => break,
                NOP => rest = after,
                kind => {
                    // RFC 9293 §3.1 (MUST-7):
                    //   TCP implementations MUST be prepared to handle
                    //   an illegal option length (e.g., zero)
                    let len = usize::from(*after.first().ok_or(Malformed::OptionLength)?);
                    if len < 2 || rest.len() < len {
                        return Err(Malformed::OptionLength);
                    }
                    options.take(kind, &rest[2..len])?;
                    rest = &rest[len..];
                }
            }
        }
        Ok(options)
    }

    fn take(&mut self, kind: u8, value: &[u8]) -> Result<(), Malformed> {
        match (kind, value) {
            (MSS, value) if value.len() == 2 => self.syn.mss = Some(half(value)),
            (WINDOW_SCALE, [shift]) => self.syn.window_scale = Some(WindowScale::new(*shift)),
            (SACK_PERMITTED, []) => self.syn.sack_permitted = true,
            (TIMESTAMPS, value) if value.len() == 8 => {
                let (val, ecr) = (word(&value[..4]), word(&value[4..]));
                self.timestamps = Some(Timestamps { val, ecr });
            }
            (SACK, value) if !value.is_empty() && value.len() % 8 == 0 => {
                let block = |block: &[u8]| (SeqNum(word(&block[..4])), SeqNum(word(&block[4..])));
                self.sack = value.chunks_exact(8).map(block).collect();
            }
            (FAST_OPEN, []) => self.syn.fast_open = Some(FastOpenOption::Request),
            // RFC 7413 §4.1.1:
            //   Options with invalid Length values or without the SYN flag set MUST
            //   be ignored.
            (FAST_OPEN, value) => {
                self.syn.fast_open = Cookie::new(value).map(FastOpenOption::Cookie);
            }
            (USER_TIMEOUT, value) if value.len() == 2 => {
                self.user_timeout = Some(UserTimeout(half(value)));
            }
            (MSS | WINDOW_SCALE | SACK_PERMITTED | SACK | TIMESTAMPS | USER_TIMEOUT, _) => {
                return Err(Malformed::OptionLength);
            }
            // RFC 9293 §3.1 (MUST-6):
            //   A TCP implementation MUST (MUST-6) ignore without error any TCP
            //   Option it does not implement
            _ => {}
        }
        Ok(())
    }
}

/// Octets of the segment on the wire.
pub(super) fn len(segment: &Segment<'_>) -> usize {
    20 + options_len(segment) + segment.text.len()
}

fn options_len(segment: &Segment<'_>) -> usize {
    let user_timeout = match segment.user_timeout {
        Some(_) if user_timeout_fits(segment) => USER_TIMEOUT_LEN as usize,
        _ => 0,
    };
    negotiated_len(segment) + user_timeout
}

/// Whether a User Timeout option has room beside the other options.
pub(crate) fn user_timeout_fits(segment: &Segment<'_>) -> bool {
    negotiated_len(segment) + USER_TIMEOUT_LEN as usize <= MOST_OPTIONS as usize
}

/// The options without the user timeout.
fn negotiated_len(segment: &Segment<'_>) -> usize {
    let timestamps = segment.timestamps.is_some();
    let Control::Syn { options, .. } = segment.control else {
        let timestamps = if timestamps {
            TIMESTAMPS_LEN as usize
        } else {
            0
        };
        return timestamps + sack_len(sack(segment).len());
    };
    let mss = if options.mss.is_some() { 4 } else { 0 };
    let sack_and_timestamps = match (options.sack_permitted, timestamps) {
        (_, true) => 12,
        (true, false) => 4,
        (false, false) => 0,
    };
    let scale = if options.window_scale.is_some() { 4 } else { 0 };
    mss + sack_and_timestamps + scale + fast_open_len(options.fast_open)
}

/// Octets of the option with its padding.
fn fast_open_len(option: Option<FastOpenOption>) -> usize {
    option.map_or(0, |option| option.len().next_multiple_of(4))
}

/// Octets of a SACK option with so many blocks and its padding.
pub(crate) fn sack_len(blocks: usize) -> usize {
    if blocks == 0 { 0 } else { 4 + 8 * blocks }
}

/// How many blocks have room beside the timestamps option or without it.
pub(crate) fn most_sack_blocks(timestamps: bool) -> usize {
    // RFC 2018 §3:
    //   a maximum of 3 SACK blocks will be allowed in this case.
    if timestamps { 3 } else { SackBlocks::MOST }
}

/// The blocks that a segment carries.
fn sack<'s>(segment: &'s Segment<'_>) -> &'s [SackBlock] {
    let blocks = segment.sack.as_slice();
    let most = most_sack_blocks(segment.timestamps.is_some());
    if segment.is_syn() {
        &[]
    } else {
        &blocks[..blocks.len().min(most)]
    }
}

/// Appends the segment to its IP header.
pub(super) fn encode(
    ip: &IpHeader,
    (src_port, dst_port): (u16, u16),
    segment: &Segment<'_>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let offset = ((20 + options_len(segment)) / 4) as u8;
    let mut header = [0; 20];
    header[..2].copy_from_slice(&src_port.to_be_bytes());
    header[2..4].copy_from_slice(&dst_port.to_be_bytes());
    header[4..8].copy_from_slice(&segment.seq.0.to_be_bytes());
    header[8..12].copy_from_slice(&segment.ack.unwrap_or_default().0.to_be_bytes());
    header[12] = offset << 4;
    header[13] = flags(segment);
    header[14..16].copy_from_slice(&segment.wnd.0.to_be_bytes());
    header[18..].copy_from_slice(&segment.urgent.unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&header);
    encode_options(segment, out);
    out.extend_from_slice(segment.text);
    let len = out.len() - start;
    let sum = Sum::pseudo_header(ip.src, ip.dst, TCP, len).add(&out[start..]);
    out[start + 16..start + 18].copy_from_slice(&sum.finish().to_be_bytes());
}

fn flags(segment: &Segment<'_>) -> u8 {
    let bit = |set: bool, flag: u8| if set { flag } else { 0 };
    bit(segment.ack.is_some(), ACK)
        | bit(segment.urgent.is_some(), URG)
        | bit(segment.push, PSH)
        | bit(segment.is_rst(), RST)
        | bit(segment.is_syn(), SYN)
        | bit(segment.is_fin(), FIN)
        | bit(segment.ecn.ece, ECE)
        | bit(segment.ecn.cwr, CWR)
}

fn encode_options(segment: &Segment<'_>, out: &mut Vec<u8>) {
    let mut sack_permitted = false;
    if let Control::Syn { options, .. } = segment.control {
        if let Some(mss) = options.mss {
            out.extend_from_slice(&[MSS, 4]);
            out.extend_from_slice(&mss.to_be_bytes());
        }
        sack_permitted = options.sack_permitted;
    }
    match (sack_permitted, segment.timestamps) {
        (true, Some(_)) => out.extend_from_slice(&[SACK_PERMITTED, 2]),
        (false, Some(_)) => out.extend_from_slice(&[NOP, NOP]),
        (true, None) => out.extend_from_slice(&[NOP, NOP, SACK_PERMITTED, 2]),
        (false, None) => {}
    }
    if let Some(timestamps) = segment.timestamps {
        let mut option = [TIMESTAMPS, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        option[2..6].copy_from_slice(&timestamps.val.to_be_bytes());
        option[6..].copy_from_slice(&timestamps.ecr.to_be_bytes());
        out.extend_from_slice(&option);
    }
    if let Control::Syn { options, .. } = segment.control {
        if let Some(scale) = options.window_scale {
            out.extend_from_slice(&[NOP, WINDOW_SCALE, 3, scale.shift()]);
        }
        if let Some(option) = options.fast_open {
            encode_fast_open(option, out);
        }
    }
    let blocks = sack(segment);
    if !blocks.is_empty() {
        out.extend_from_slice(&[NOP, NOP, SACK, 2 + 8 * blocks.len() as u8]);
        for (left, right) in blocks {
            out.extend_from_slice(&left.0.to_be_bytes());
            out.extend_from_slice(&right.0.to_be_bytes());
        }
    }
    if let Some(UserTimeout(field)) = segment.user_timeout.filter(|_| user_timeout_fits(segment)) {
        out.extend_from_slice(&[USER_TIMEOUT, 4]);
        out.extend_from_slice(&field.to_be_bytes());
    }
}

fn encode_fast_open(option: FastOpenOption, out: &mut Vec<u8>) {
    let len = option.len();
    out.resize(out.len() + fast_open_len(Some(option)) - len, NOP);
    out.extend_from_slice(&[FAST_OPEN, len as u8]);
    if let FastOpenOption::Cookie(cookie) = option {
        out.extend_from_slice(cookie.as_slice());
    }
}

fn half(octets: &[u8]) -> u16 {
    u16::from_be_bytes([octets[0], octets[1]])
}

fn word(octets: &[u8]) -> u32 {
    u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]])
}
