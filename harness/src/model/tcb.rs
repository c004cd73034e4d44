//! The device's transmission control block as the wire shows it (RFC 9293 §3.3.1).
//!
//! SND.NXT, ISS and the device's windows are observed in its segments ([`Sent`]); RCV.NXT, SND.UNA,
//! SND.WND and TS.Recent are computed from what was injected, by the rules of RFC 9293 §3.10.7 and
//! RFC 7323 §5.3. RCV.NXT is never read from the device's acknowledgments, so that expecting
//! `ack: RCV.NXT` is never a tautology.

use super::received::Received;
use super::sent::{Offer, Sent, window};
use super::seq;
use crate::time::Instant;
use crate::wire::{Fault, Packet, Tcp, bit};
use std::time::Duration;

/// RFC 7323 §5.5: after this long without a segment TS.Recent no longer counts.
const TS_RECENT_LIFETIME: Duration = Duration::from_secs(24 * 24 * 3600);

/// One connection of the device, as far as it follows from the packets in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tcb {
    /// The device's own segments, in the order of the wire.
    pub sent: Sent,
    /// The tester's SYN that counts; its SEQ is IRS.
    pub offer: Option<Offer>,
    /// A later SYN of the tester, which counts if the device answers it with a SYN of its own.
    later_syn: Option<Offer>,
    received: Option<Received>,
    snd_una: Option<u32>,
    snd_wnd: u32,
    snd_wl1: u32,
    snd_wl2: u32,
    /// MAX.SND.WND of RFC 5961 §5.2.
    max_snd_wnd: u32,
    ts_recent: Option<(u32, Instant)>,
    /// A RST that was exactly right ended the connection.
    reset: bool,
    /// The device drops segments whose ACK lies too far back (RFC 5961 §5.2).
    drops_ancient_acks: bool,
}

impl Tcb {
    /// A connection of which nothing has been seen.
    pub fn new(drops_ancient_acks: bool) -> Self {
        Self {
            drops_ancient_acks,
            ..Self::default()
        }
    }

    /// IRS.
    pub fn irs(&self) -> Option<u32> {
        self.offer.as_ref().map(|offer| offer.seq)
    }

    /// RCV.NXT.
    pub fn rcv_nxt(&self) -> Option<u32> {
        self.received.as_ref().map(Received::nxt)
    }

    /// The highest right edge that the device advertised, minus RCV.NXT.
    pub fn rcv_wnd(&self, sent: &Sent) -> Option<u32> {
        Some(seq::distance(sent.edge?, self.rcv_nxt()?).max(0) as u32)
    }

    /// Octets that the device holds beyond a gap.
    pub fn held(&self) -> &[(u32, u32)] {
        self.received.as_ref().map_or(&[], Received::held)
    }

    /// The number of a FIN that the device holds beyond a gap.
    pub fn held_fin(&self) -> Option<u32> {
        self.received.as_ref()?.held_fin()
    }

    /// SND.UNA.
    pub fn snd_una(&self) -> Option<u32> {
        self.snd_una
    }

    /// SND.WND in octets; `None` before the tester's first window.
    pub fn snd_wnd(&self) -> Option<u32> {
        self.offer.as_ref().map(|_| self.snd_wnd)
    }

    /// The tester's FIN has been counted: its windows no longer matter.
    pub fn finished(&self) -> bool {
        self.received.as_ref().is_some_and(Received::finished)
    }

    /// What the tester's last SYN offered, even if it is not the one that counts.
    pub fn newest_offer(&self) -> Option<&Offer> {
        self.later_syn.as_ref().or(self.offer.as_ref())
    }

    /// SND.MSS, if the tester offered one.
    pub fn offered_mss(&self) -> Option<u16> {
        self.offer.as_ref()?.mss
    }

    /// TS.Recent: the TSval that the device must echo.
    pub fn ts_recent(&self) -> Option<u32> {
        self.ts_recent.map(|(val, _)| val)
    }

    /// Both SYNs offered timestamps.
    pub fn timestamps(&self) -> bool {
        self.both(|offer| offer.ts.is_some())
    }

    /// The tester's SYN permits SACK to the device.
    pub fn may_send_sack(&self) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.sack_ok)
    }

    /// How far the windows of the device are shifted, as negotiated.
    pub fn device_shift(&self) -> u8 {
        self.shifts().map_or(0, |(device, _)| device)
    }

    /// How far the windows of the tester are shifted, as negotiated.
    pub fn tester_shift(&self) -> u8 {
        self.shifts().map_or(0, |(_, tester)| tester)
    }

    fn shifts(&self) -> Option<(u8, u8)> {
        Some((
            self.sent.syn.as_ref()?.shift()?,
            self.offer.as_ref()?.shift()?,
        ))
    }

    fn both(&self, has: impl Fn(&Offer) -> bool) -> bool {
        self.offer.as_ref().is_some_and(&has) && self.sent.syn.as_ref().is_some_and(&has)
    }

    /// Takes in a segment of the device, in the order of the wire.
    pub fn on_sent(&mut self, tcp: &Tcp) {
        if self.sent.begins_anew(tcp) {
            if self.sent.syn.is_some() {
                self.begin_anew(tcp);
            }
            self.snd_una = Some(tcp.seq);
        }
        self.sent.on_segment(tcp, self.device_shift());
    }

    /// The device opens another incarnation: by itself, or because it took a later SYN as new.
    fn begin_anew(&mut self, tcp: &Tcp) {
        let later = self.later_syn.take();
        if !tcp.has(bit::ACK) {
            *self = Self::new(self.drops_ancient_acks);
        } else if let Some(offer) = later {
            *self = Self::new(self.drops_ancient_acks);
            self.accept_syn(offer, Instant::START);
        }
    }

    /// Takes in a segment of the tester.
    pub fn on_injected(&mut self, at: Instant, packet: &Packet) {
        let Some(tcp) = packet.tcp() else { return };
        if !well_formed(packet) {
            return;
        }
        if tcp.has(bit::RST) {
            self.on_injected_rst(tcp);
        } else if tcp.has(bit::SYN) {
            self.on_injected_syn(at, tcp);
        } else if tcp.has(bit::ACK) && self.sent.syn.is_some() && !self.reset {
            self.on_injected_ack(at, tcp);
        }
    }

    fn on_injected_rst(&mut self, tcp: &Tcp) {
        self.reset |= match self.rcv_nxt() {
            Some(rcv_nxt) => tcp.seq == rcv_nxt,
            None => tcp.has(bit::ACK) && Some(tcp.ack) == self.sent.nxt,
        };
    }

    fn on_injected_syn(&mut self, at: Instant, tcp: &Tcp) {
        if self.reset {
            *self = Self::new(self.drops_ancient_acks);
        }
        let in_syn_sent = self.sent.syn.is_some() && self.received.is_none();
        if in_syn_sent {
            let acceptable = !tcp.has(bit::ACK) || self.acknowledges_syn(tcp.ack);
            if acceptable {
                self.accept_syn(Offer::of(tcp), at);
                if tcp.has(bit::ACK) {
                    self.snd_una = Some(tcp.ack);
                    self.snd_wl2 = tcp.ack;
                }
            }
        } else if self.sent.syn.is_none() {
            self.accept_syn(Offer::of(tcp), at);
        } else {
            self.later_syn = Some(Offer::of(tcp));
        }
    }

    /// RFC 9293 §3.10.7.3: ISS < SEG.ACK =< SND.NXT. A SYN with text has several such values.
    fn acknowledges_syn(&self, ack: u32) -> bool {
        let (iss, nxt) = (self.sent.iss(), self.sent.nxt);
        iss.is_some_and(|iss| seq::lt(iss, ack)) && nxt.is_some_and(|nxt| seq::le(ack, nxt))
    }

    /// The device takes the text of this SYN (RFC 7413 §4.2.2).
    pub fn take_syn_text(&mut self, tcp: &Tcp) {
        if let Some(received) = &mut self.received {
            let (first, len) = (tcp.seq.wrapping_add(1), tcp.payload_len());
            received.take(first, len, false, first.wrapping_add(len));
        }
    }

    fn accept_syn(&mut self, offer: Offer, at: Instant) {
        self.received = Some(Received::new(offer.seq.wrapping_add(1)));
        self.snd_wnd = u32::from(offer.window);
        self.max_snd_wnd = self.snd_wnd;
        self.snd_wl1 = offer.seq;
        self.ts_recent = offer.ts.map(|val| (val, at));
        self.offer = Some(offer);
    }

    fn on_injected_ack(&mut self, at: Instant, tcp: &Tcp) {
        let (Some(rcv_nxt), Some(edge)) = (self.rcv_nxt(), self.sent.edge) else {
            return;
        };
        if !self.paws_valid(at, tcp) || !Self::in_window(tcp, rcv_nxt, edge) {
            return;
        }
        self.record_timestamp(at, tcp);
        if self.take_ack(tcp)
            && let Some(received) = &mut self.received
        {
            received.take(tcp.seq, tcp.payload_len(), tcp.has(bit::FIN), edge);
        }
    }

    // RFC 7323 §5.3:
    //   R1)  If there is a Timestamps option in the arriving segment,
    //        SEG.TSval < TS.Recent, TS.Recent is valid (see later
    //        discussion), and if the RST bit is not set, then treat the
    //        arriving segment as not acceptable:
    fn paws_valid(&self, at: Instant, tcp: &Tcp) -> bool {
        if !self.timestamps() {
            return true;
        }
        match (tcp.options.ts, self.ts_recent) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some((val, _)), Some((recent, since))) => {
                seq::le(recent, val) || at.since(since) > TS_RECENT_LIFETIME
            }
        }
    }

    /// RFC 9293 §3.10.7.4, first, Table 6; with a window of zero, pure ACKs and the ACK field of
    /// segments at RCV.NXT still count.
    fn in_window(tcp: &Tcp, rcv_nxt: u32, edge: u32) -> bool {
        let inside = |at: u32| seq::le(rcv_nxt, at) && seq::lt(at, edge);
        let window_is_zero = seq::le(edge, rcv_nxt);
        if window_is_zero {
            tcp.seq == rcv_nxt
        } else if tcp.is_empty() {
            inside(tcp.seq)
        } else {
            inside(tcp.seq) || inside(tcp.end().wrapping_sub(1))
        }
    }

    // RFC 7323 §5.3:
    //   R3)  If an arriving segment satisfies SEG.TSval >= TS.Recent and
    //        SEG.SEQ <= Last.ACK.sent (see Section 4.3), then record its
    //        timestamp in TS.Recent.
    fn record_timestamp(&mut self, at: Instant, tcp: &Tcp) {
        if self.timestamps()
            && let Some((val, _)) = tcp.options.ts
            && self.sent.last_ack.is_none_or(|last| seq::le(tcp.seq, last))
        {
            self.ts_recent = Some((val, at));
        }
    }

    /// The fifth check: false if the segment goes no further.
    fn take_ack(&mut self, tcp: &Tcp) -> bool {
        let (Some(una), Some(nxt)) = (self.snd_una, self.sent.nxt) else {
            return false;
        };
        let syn_acknowledged = self.sent.iss() != Some(una);
        if seq::lt(nxt, tcp.ack) || (!syn_acknowledged && seq::le(tcp.ack, una)) {
            return false;
        }
        if seq::lt(tcp.ack, una) {
            let ancient = seq::lt(tcp.ack, una.wrapping_sub(self.max_snd_wnd));
            return !(ancient && self.drops_ancient_acks);
        }
        self.snd_una = Some(tcp.ack);
        // RFC 9293 §3.10.7.4:
        //   If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ
        //   and SND.WL2 =< SEG.ACK)), set SND.WND <- SEG.WND, set
        //   SND.WL1 <- SEG.SEQ, and set SND.WL2 <- SEG.ACK.
        let newer = seq::lt(self.snd_wl1, tcp.seq);
        if newer || !syn_acknowledged || seq::le(self.snd_wl2, tcp.ack) && self.snd_wl1 == tcp.seq {
            self.snd_wnd = window(tcp, self.tester_shift());
            self.max_snd_wnd = self.max_snd_wnd.max(self.snd_wnd);
            self.snd_wl1 = tcp.seq;
            self.snd_wl2 = tcp.ack;
        }
        true
    }
}

/// The device has no reason to drop it before it looks at the connection.
fn well_formed(packet: &Packet) -> bool {
    packet.faults.iter().all(|fault| match fault {
        Fault::Reserved(_) => true,
        Fault::Options(error) => {
            matches!(error.fault, crate::wire::OptionFault::PaddingNotZero { .. })
        }
        _ => false,
    })
}
