//! What follows from the device's own segments: ISS, SND.NXT, the window it advertised.

use super::seq;
use crate::wire::{Tcp, bit};

/// What a SYN offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// SEG.SEQ of the SYN.
    pub seq: u32,
    /// Maximum segment size option.
    pub mss: Option<u16>,
    /// Window scale option.
    pub ws: Option<u8>,
    /// SACK-permitted option.
    pub sack_ok: bool,
    /// TSval of the timestamps option.
    pub ts: Option<u32>,
    /// The window field, which is never scaled on a SYN.
    pub window: u16,
}

impl Offer {
    /// Reads what the SYN `tcp` offers.
    pub fn of(tcp: &Tcp) -> Self {
        Self {
            seq: tcp.seq,
            mss: tcp.options.mss,
            ws: tcp.options.ws,
            sack_ok: tcp.options.sack_ok,
            ts: tcp.options.ts.map(|(val, _)| val),
            window: tcp.window,
        }
    }

    // RFC 7323 §2.3:
    //   If a Window Scale option is received with a shift.cnt value larger than 14, the TCP SHOULD
    //   log the error but MUST use 14 instead of the specified value.
    /// The shift count that takes effect.
    pub fn shift(&self) -> Option<u8> {
        self.ws.map(|shift| shift.min(14))
    }
}

/// The device's side as its segments show it, up to some point in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What its SYN offered; the SYN's SEQ is ISS.
    pub syn: Option<Offer>,
    /// SND.NXT.
    pub nxt: Option<u32>,
    /// The highest right edge of the receive window that it advertised.
    pub edge: Option<u32>,
    /// The last acknowledgment that it sent.
    pub last_ack: Option<u32>,
    /// The last TSval that it sent.
    pub ts_val: Option<u32>,
}

impl Sent {
    /// ISS.
    pub fn iss(&self) -> Option<u32> {
        self.syn.as_ref().map(|syn| syn.seq)
    }

    /// True if `tcp` is a SYN that begins another incarnation of the connection.
    pub fn begins_anew(&self, tcp: &Tcp) -> bool {
        tcp.has(bit::SYN) && !tcp.has(bit::RST) && self.iss() != Some(tcp.seq)
    }

    /// Takes in the next segment; `shift` scales its window if it is not a SYN.
    ///
    /// A RST moves nothing: it occupies no sequence space, and its SEQ may be of the tester's
    /// making (RFC 9293 §3.10.7.1, `<SEQ=SEG.ACK>`).
    pub fn on_segment(&mut self, tcp: &Tcp, shift: u8) {
        if self.begins_anew(tcp) {
            *self = Self {
                syn: Some(Offer::of(tcp)),
                nxt: Some(tcp.end()),
                ..Self::default()
            };
        }
        if tcp.has(bit::RST) {
            return;
        }
        if let Some((val, _)) = tcp.options.ts {
            self.ts_val = Some(val);
        }
        self.nxt = self.nxt.map(|nxt| seq::max(nxt, tcp.end()));
        if tcp.has(bit::ACK) {
            self.last_ack = Some(tcp.ack);
            let edge = tcp.ack.wrapping_add(window(tcp, shift));
            self.edge = Some(self.edge.map_or(edge, |highest| seq::max(highest, edge)));
        }
    }
}

/// The window of a segment in octets (RFC 7323 §2.2: the field of a SYN is never scaled).
pub fn window(tcp: &Tcp, shift: u8) -> u32 {
    let shift = if tcp.has(bit::SYN) { 0 } else { shift };
    u32::from(tcp.window) << shift
}
