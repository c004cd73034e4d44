//! A segment (RFC 9293 §3.1, §3.2): only a legal one can be built.
//!
//! The options of a handshake hang on the SYN, so that no other segment can carry an MSS
//! (MUST-65); a RST has neither SYN nor FIN. Bytes are not known here: see [`crate::wire`].

use crate::fast_open::FastOpenOption;
use crate::seq::{SeqNum, WindowScale, WireWindow};
use crate::user_timeout::UserTimeout;
use std::fmt;

/// A segment without its ports; `'a` is where its text lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// SEG.SEQ.
    pub seq: SeqNum,
    /// SEG.ACK, if the ACK bit is set.
    pub ack: Option<SeqNum>,
    /// What it does to the connection beside carrying text.
    pub control: Control,
    /// SEG.WND as on the wire.
    pub wnd: WireWindow,
    /// The urgent pointer, if the URG bit is set.
    pub urgent: Option<u16>,
    /// The PSH bit.
    pub push: bool,
    /// The ECE and CWR bits (RFC 3168).
    pub ecn: Ecn,
    /// The timestamp option (RFC 7323 §3).
    pub timestamps: Option<Timestamps>,
    /// The SACK option (RFC 2018 §3); a SYN or RST says none.
    pub sack: SackBlocks,
    /// The User Timeout option (RFC 5482 §3.3), if the others leave it room.
    pub user_timeout: Option<UserTimeout>,
    /// Segment text.
    pub text: &'a [u8],
}

/// The control bits that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// None of them.
    None,
    /// SYN, with the options that only a SYN may carry. SYN with FIN is legal, if rare.
    Syn {
        /// The options.
        options: SynOptions,
        /// The FIN bit is set as well.
        fin: bool,
    },
    /// FIN.
    Fin,
    /// RST.
    Rst,
}

/// What only a SYN may offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SynOptions {
    /// Maximum Segment Size (RFC 9293 §3.7.1).
    pub mss: Option<u16>,
    /// Window Scale (RFC 7323 §2.2).
    pub window_scale: Option<WindowScale>,
    /// SACK Permitted (RFC 2018 §2).
    pub sack_permitted: bool,
    /// Fast Open (RFC 7413 §4.1.1).
    pub fast_open: Option<FastOpenOption>,
}

/// The timestamp option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval.
    pub val: u32,
    /// TSecr.
    pub ecr: u32,
}

/// The blocks of a SACK option, in the order of the wire (RFC 2018 §3).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [SackBlock; Self::MOST],
    count: u8,
}

/// A block: its first sequence number, and the one that follows its last.
pub type SackBlock = (SeqNum, SeqNum);

impl SackBlocks {
    /// As many blocks as 40 octets of options hold.
    pub const MOST: usize = 4;

    /// Appends a block; without room it is lost, as any block of a SACK option may be.
    pub fn push(&mut self, block: SackBlock) {
        if let Some(free) = self.blocks.get_mut(usize::from(self.count)) {
            *free = block;
            self.count += 1;
        }
    }

    /// The blocks.
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..usize::from(self.count)]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.count)
    }
}

impl FromIterator<SackBlock> for SackBlocks {
    fn from_iter<I: IntoIterator<Item = SackBlock>>(blocks: I) -> Self {
        let mut all = Self::default();
        for block in blocks.into_iter().take(Self::MOST) {
            all.push(block);
        }
        all
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// The ECN bits of the TCP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ecn {
    /// ECN-Echo.
    pub ece: bool,
    /// Congestion Window Reduced.
    pub cwr: bool,
}

impl<'a> Segment<'a> {
    /// The RST that answers `offender` (RFC 9293 §3.5.2, §3.10.7.1); `None` if that is a RST.
    pub(crate) fn reset_for(offender: &Segment<'_>) -> Option<Segment<'a>> {
        if offender.control == Control::Rst {
            return None;
        }
        let mut reset = match offender.ack {
            // RFC 9293 §3.10.7.1:
            //   If the ACK bit is on,
            Some(ack) => Self::bare(ack, Control::Rst),
            // RFC 9293 §3.10.7.1:
            //   If the ACK bit is off, sequence number zero is used,
            None => Self {
                ack: Some(offender.seq + offender.len()),
                ..Self::bare(SeqNum(0), Control::Rst)
            },
        };
        // RFC 7323 §5.2:
        //   In the <RST> segment,
        //   SEG.TSecr SHOULD be set to SEG.TSval from the incoming segment and
        //   SEG.TSval SHOULD be set to zero.
        reset.timestamps = offender.timestamps.map(|ts| Timestamps {
            val: 0,
            ecr: ts.val,
        });
        Some(reset)
    }

    /// A segment with nothing in it but a sequence number and a control.
    pub fn bare(seq: SeqNum, control: Control) -> Self {
        Self {
            seq,
            ack: None,
            control,
            wnd: WireWindow(0),
            urgent: None,
            push: false,
            ecn: Ecn::default(),
            timestamps: None,
            sack: SackBlocks::default(),
            user_timeout: None,
            text: &[],
        }
    }

    /// SEG.LEN: the octets of text, counting SYN and FIN.
    pub(crate) fn len(&self) -> u32 {
        self.text.len() as u32 + u32::from(self.is_syn()) + u32::from(self.is_fin())
    }

    /// The SYN bit.
    pub(crate) fn is_syn(&self) -> bool {
        matches!(self.control, Control::Syn { .. })
    }

    /// The FIN bit.
    pub(crate) fn is_fin(&self) -> bool {
        matches!(self.control, Control::Fin | Control::Syn { fin: true, .. })
    }

    /// The RST bit.
    pub(crate) fn is_rst(&self) -> bool {
        self.control == Control::Rst
    }

    /// The sequence number that follows the last one of the segment.
    pub(crate) fn end(&self) -> SeqNum {
        self.seq + self.len()
    }

    /// SEG.UP: the octet that the urgent pointer points to, if the URG bit is set.
    pub(crate) fn up(&self) -> Option<SeqNum> {
        // RFC 9293 §3.1:
        //   This field communicates the current value of the urgent pointer as
        //   a positive offset from the sequence number in this segment.
        self.urgent.map(|pointer| self.seq + u32::from(pointer))
    }

    /// Cuts the SYN off the front: it has been dealt with.
    pub(crate) fn without_syn(self) -> Self {
        match self.control {
            Control::Syn { fin, .. } => Self {
                seq: self.seq + 1,
                control: if fin { Control::Fin } else { Control::None },
                ..self
            },
            _ => self,
        }
    }

    /// Cuts off what lies outside the window that starts at `left` and is `len` long.
    ///
    /// The segment has no SYN, and at least part of it is inside. Its urgent pointer counts from
    /// where it began before: ask for [`up`](Self::up) first.
    pub(crate) fn trim(&mut self, left: SeqNum, len: u32) {
        let before = (left.since(self.seq) as usize).min(self.text.len());
        self.seq += before as u32;
        self.text = &self.text[before..];
        let room = (left + len).since(self.seq) as usize;
        if self.text.len() > room {
            self.text = &self.text[..room];
            self.control = Control::None;
        } else if self.text.len() == room && self.control == Control::Fin {
            self.control = Control::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn data(seq: u32, text: &[u8], control: Control) -> Segment<'_> {
        Segment {
            text,
            ..Segment::bare(SeqNum(seq), control)
        }
    }

    #[rstest]
    #[case::inside(100, 100, b"abc", true)]
    #[case::old_part(98, 100, b"c", true)]
    #[case::fin_beyond(107, 107, b"abc", false)]
    #[case::text_beyond(109, 109, b"a", false)]
    fn trimming_leaves_what_is_in_the_window(
        #[case] seq: u32,
        #[case] start: u32,
        #[case] text: &[u8],
        #[case] fin: bool,
    ) {
        let mut trimmed = data(seq, b"abc", Control::Fin);
        trimmed.trim(SeqNum(100), 10);
        assert_eq!(
            (trimmed.seq, trimmed.text, trimmed.is_fin()),
            (SeqNum(start), text, fin)
        );
    }

    #[test]
    fn a_reset_never_answers_a_reset() {
        assert_eq!(
            Segment::reset_for(&Segment::bare(SeqNum(7), Control::Rst)),
            None
        );
    }

    #[test]
    fn a_reset_without_ack_to_go_by_acknowledges_the_segment() {
        let syn = Control::Syn {
            options: SynOptions::default(),
            fin: false,
        };
        let reset = Segment::reset_for(&data(7, b"abc", syn)).expect("not a RST");
        assert_eq!((reset.seq, reset.ack), (SeqNum(0), Some(SeqNum(11))));
    }
}
