//! Rules that depend on what went before.

use super::Violation;
use super::ecn::Negotiation;
use crate::model::{Tcb, sent::window, seq};
use crate::time::Instant;
use crate::wire::{Packet, Tcp, bit};
use std::time::Duration;

/// What the rules need to know beyond the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The tester's last packet was a RST, and the application has not acted since.
    reset_by_tester: bool,
    /// The application has sent urgent data.
    urgent: bool,
    /// The highest right edge of the send window that the tester ever offered.
    highest_edge: Option<u32>,
    /// The right edge before the tester's last packet, and when that was on the link.
    edge_before: Option<(u32, Instant)>,
    /// The window field of the device's SYN, if that was its last segment.
    syn_window: Option<u16>,
    /// When the device's last segment was on the link.
    last_sent: Instant,
    /// Who agreed to ECN.
    ecn: Negotiation,
}

impl History {
    /// Takes in a segment of the device, after it was checked.
    pub fn on_sent(&mut self, at: Instant, tcp: &Tcp) {
        self.last_sent = at;
        self.ecn.on_sent(tcp);
        self.syn_window = tcp.has(bit::SYN).then_some(tcp.window);
    }

    /// Takes in a packet of the tester; `before` and `after` are the connection around it.
    pub fn on_injected(&mut self, at: Instant, tcp: &Tcp, before: Option<u32>, after: &Tcb) {
        self.reset_by_tester = tcp.has(bit::RST);
        self.ecn.on_injected(tcp);
        self.edge_before = before.map(|edge| (edge, at));
        if let Some(edge) = send_edge(after) {
            let highest = self.highest_edge.filter(|_| !tcp.has(bit::SYN));
            self.highest_edge = Some(highest.map_or(edge, |highest| seq::max(highest, edge)));
        }
    }

    /// The device's application acted.
    pub fn on_call(&mut self, urgent: bool) {
        self.reset_by_tester = false;
        self.urgent |= urgent;
    }

    pub(super) fn check(
        &self,
        tcb: &Tcb,
        at: Instant,
        packet: &Packet,
        violations: &mut Vec<Violation>,
    ) {
        let Some(tcp) = packet.tcp() else { return };
        if tcp.has(bit::URG) && !self.urgent {
            let text = "URG is set, but the application sent nothing urgent";
            violations.push(Violation::must("urgent", "MUST-62", text.to_owned()));
        }
        // RFC 9293 §3.10.7.1:
        //   An incoming segment containing a RST is discarded.
        if tcp.has(bit::RST) {
            if self.reset_by_tester {
                let text = "a RST in reply to a RST".to_owned();
                violations.push(Violation::must("rst-to-rst", "RFC9293-3.5.2-2", text));
            }
            return;
        }
        offers(tcb, tcp, violations);
        let idle = at.since(self.last_sent);
        timestamps(tcb, idle, tcp, violations);
        sack(tcb, tcp, violations);
        segment_size(tcb, packet, tcp, violations);
        self.ecn.check(tcb, send_edge(tcb), packet, tcp, violations);
        self.send_window(tcb, at, tcp, violations);
        self.receive_window(tcb, tcp, violations);
    }

    /// New data lies within the window; what is sent again lay within it once. A probe of one
    /// octet may lie right behind it (RFC 9293 §3.8.6.1).
    fn send_window(&self, tcb: &Tcb, at: Instant, tcp: &Tcp, violations: &mut Vec<Violation>) {
        let (Some(edge), Some(nxt)) = (send_edge(tcb), tcb.sent.nxt) else {
            return;
        };
        let text_end = tcp.seq.wrapping_add(tcp.payload_len());
        if tcp.payload_len() == 0 || tcp.has(bit::SYN) {
            return;
        }
        let in_flight = self.edge_before.filter(|(_, injected)| at < *injected);
        let mut allowed = in_flight.map_or(edge, |(before, _)| seq::max(before, edge));
        if seq::le(text_end, nxt) {
            allowed = self
                .highest_edge
                .map_or(allowed, |highest| seq::max(highest, allowed));
        }
        let probe = tcp.payload_len() == 1 && seq::le(tcp.seq, allowed);
        let beyond = seq::distance(text_end, allowed);
        if beyond > 0 && !probe {
            let text = format!("{beyond} octets beyond the send window");
            violations.push(Violation::must("window", "RFC7323-2.4-4", text));
        }
    }

    fn receive_window(&self, tcb: &Tcb, tcp: &Tcp, violations: &mut Vec<Violation>) {
        if !tcp.has(bit::ACK) || tcb.sent.begins_anew(tcp) || tcb.finished() {
            return;
        }
        let shift = tcb.device_shift();
        // RFC 9293 §3.8.6 (SHLD-14):
        //   A TCP receiver SHOULD NOT shrink the window, i.e., move the right
        //   window edge to the left
        if let Some(highest) = tcb.sent.edge {
            let edge = tcp.ack.wrapping_add(window(tcp, shift));
            // The field cannot say the lowest bits of a scaled window.
            let shrunk = seq::distance(highest, edge) - ((1 << shift) - 1);
            if shrunk > 0 {
                let text = format!("the right edge of the window moved left by {shrunk} octets");
                violations.push(Violation::should("window", "SHLD-14", text));
            }
        }
        let unscaled_twice = self.syn_window.is_some_and(|syn| {
            !tcp.has(bit::SYN) && shift > 0 && syn == tcp.window && (1..u16::MAX).contains(&syn)
        });
        if unscaled_twice {
            let text = format!(
                "the SYN and what follows both say {}: one of them is not scaled \
                as it must be",
                tcp.window
            );
            violations.push(Violation::must(
                "unscaled-syn-window",
                "RFC7323-2.2-6",
                text,
            ));
        }
    }
}

/// RFC 7323 §5.5: with a clock of 1 ms, older and newer change places after 24.8 days.
const SIGN_WRAPS: Duration = Duration::from_secs(24 * 24 * 3600);

/// SND.UNA + SND.WND.
pub fn send_edge(tcb: &Tcb) -> Option<u32> {
    Some(tcb.snd_una()?.wrapping_add(tcb.snd_wnd()?))
}

/// A SYN,ACK answers the options of the SYN, and offers none of its own accord, but for
/// SACK-permitted: RFC 2018 §2 lets any SYN carry it.
fn offers(tcb: &Tcb, tcp: &Tcp, violations: &mut Vec<Violation>) {
    // In a simultaneous open the SYN,ACK repeats what the device's own SYN offered.
    if !tcp.has(bit::SYN | bit::ACK) || !tcb.sent.begins_anew(tcp) {
        return;
    }
    let Some(offer) = &tcb.newest_offer() else {
        return;
    };
    let options = &tcp.options;
    let mut breaks = |rule, requirement, what: &str| {
        let text = format!("{what} in a SYN,ACK, which the SYN did not offer");
        violations.push(Violation::must(rule, requirement, text));
    };
    if options.ws.is_some() && offer.ws.is_none() {
        breaks("options", "RFC7323-2.2-4", "window scale");
    }
    if options.ts.is_some() && offer.ts.is_none() {
        breaks("timestamps", "RFC7323-3.2-2", "timestamps");
    }
}

fn timestamps(tcb: &Tcb, idle: Duration, tcp: &Tcp, violations: &mut Vec<Violation>) {
    let mut breaks = |requirement, text: &str| {
        violations.push(Violation::must("timestamps", requirement, text.to_owned()));
    };
    let Some((val, ecr)) = tcp.options.ts else {
        if tcb.timestamps() && !tcp.has(bit::SYN) {
            breaks(
                "RFC7323-3.2-3",
                "no timestamps, though both sides offered them",
            );
        }
        return;
    };
    if !tcp.has(bit::SYN) && !tcb.timestamps() {
        breaks(
            "RFC7323-3.2-2",
            "timestamps, though they were not negotiated",
        );
    }
    if !tcp.has(bit::ACK) && ecr != 0 {
        breaks(
            "RFC7323-3.2-8",
            "TSecr is not zero in a segment without ACK",
        );
    }
    let last = tcb.sent.ts_val.filter(|_| !tcb.sent.begins_anew(tcp));
    if last.is_some_and(|last| seq::lt(val, last)) && idle < SIGN_WRAPS {
        breaks("RFC7323-5.4-2", "TSval runs back");
    }
}

fn sack(tcb: &Tcb, tcp: &Tcp, violations: &mut Vec<Violation>) {
    let blocks = &tcp.options.sack;
    if blocks.is_empty() {
        return;
    }
    let mut breaks = |requirement, text: String| {
        violations.push(Violation::must("sack", requirement, text));
    };
    if !tcb.may_send_sack() {
        breaks(
            "RFC2018-4-1",
            "SACK blocks, though the tester did not permit SACK".to_owned(),
        );
    }
    let Some(rcv_nxt) = tcb.rcv_nxt() else { return };
    // A FIN has a number as an octet has, and may be reported behind the text that it follows.
    let with_fin = tcb.held_fin().map(|fin| (fin, fin.wrapping_add(1)));
    let held = |left: u32, right: u32| {
        let right = with_fin
            .filter(|(_, end)| *end == right)
            .map_or(right, |(fin, _)| fin);
        let inside = |&(from, to): &(u32, u32)| seq::le(from, left) && seq::le(right, to);
        tcb.held().iter().any(inside)
    };
    for (index, &(left, right)) in blocks.iter().enumerate() {
        let number = index + 1;
        let below = seq::le(right, rcv_nxt);
        if !seq::lt(left, right) {
            breaks(
                "RFC2018-3-1",
                format!("SACK block {number} is empty or reversed"),
            );
        } else if below && index > 0 {
            breaks(
                "RFC2018-4-8",
                format!("SACK block {number} lies below RCV.NXT"),
            );
        } else if !below && !held(left, right) {
            breaks(
                "RFC2018-3-1",
                format!("SACK block {number} reports octets never received"),
            );
        }
    }
}

// RFC 9293 §3.7.1 (MUST-16):
//   The maximum size of a segment that a TCP endpoint really sends, the
//   "effective send MSS", MUST be the smaller
fn segment_size(tcb: &Tcb, packet: &Packet, tcp: &Tcp, violations: &mut Vec<Violation>) {
    let v4 = packet.ip.as_ref().is_some_and(|ip| ip.source.is_ipv4());
    let default = if v4 { 536 } else { 1220 };
    let mss = tcb.offered_mss().unwrap_or(default);
    let options = tcp.options_at.len() as u32;
    let most = u32::from(mss).saturating_sub(options).max(1);
    if tcp.payload_len() > most && !tcp.has(bit::SYN) {
        let text = format!("{} octets of text, {most} fit the MSS", tcp.payload_len());
        violations.push(Violation::must("segment-size", "MUST-16", text));
    }
}
