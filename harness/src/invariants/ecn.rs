//! What the two ends said of ECN, and what the device may therefore mark (RFC 3168 §6.1).

use super::Violation;
use crate::model::{Tcb, seq};
use crate::wire::{Packet, Tcp, bit};

/// The handshake as far as ECN goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Negotiation {
    device: Said,
    tester: Said,
}

/// What the SYNs and SYN,ACKs of one end said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    /// Sequence number of the SYN, which tells incarnations apart.
    initial: Option<u32>,
    /// At least one was an ECN-setup packet.
    setup: bool,
    /// At least one was not.
    plain: bool,
}

impl Said {
    fn add(&mut self, tcp: &Tcp) {
        if self.initial != Some(tcp.seq) {
            *self = Self {
                initial: Some(tcp.seq),
                ..Self::default()
            };
        }
        let setup = is_setup(tcp);
        self.setup |= setup;
        self.plain |= !setup;
    }
}

/// ECE and CWR on a SYN, ECE alone on a SYN,ACK.
fn is_setup(tcp: &Tcp) -> bool {
    tcp.has(bit::ECE) && tcp.has(bit::CWR) != tcp.has(bit::ACK)
}

impl Negotiation {
    /// A segment of the device.
    pub(super) fn on_sent(&mut self, tcp: &Tcp) {
        if tcp.has(bit::SYN) && !tcp.has(bit::RST) {
            if !tcp.has(bit::ACK) && self.device.initial != Some(tcp.seq) {
                self.tester = Said::default();
            }
            self.device.add(tcp);
        }
    }

    /// A segment of the tester.
    pub(super) fn on_injected(&mut self, tcp: &Tcp) {
        if tcp.has(bit::SYN) && !tcp.has(bit::RST) {
            self.tester.add(tcp);
        }
    }

    pub(super) fn check(
        &self,
        tcb: &Tcb,
        edge: Option<u32>,
        packet: &Packet,
        tcp: &Tcp,
        violations: &mut Vec<Violation>,
    ) {
        let mut must = |requirement, text: &str| {
            violations.push(Violation::must("ecn", requirement, text.to_owned()));
        };
        if tcp.has(bit::SYN) {
            if tcp.has(bit::ACK) && is_setup(tcp) && !self.tester.setup {
                must(
                    "RFC3168-6.1.1-3",
                    "an ECN-setup SYN,ACK for a SYN without ECN",
                );
            }
            return;
        }
        if tcp.payload_len() == 0 {
            return;
        }
        let marked = packet.ip.as_ref().is_some_and(|ip| ip.tos & 3 != 0);
        let cwr = tcp.has(bit::CWR);
        let text_end = tcp.seq.wrapping_add(tcp.payload_len());
        let again = tcb.sent.nxt.is_some_and(|nxt| seq::lt(tcp.seq, nxt));
        let probe = tcp.payload_len() == 1 && edge.is_some_and(|edge| seq::lt(edge, text_end));
        if marked && (self.device.plain || !self.device.setup || !self.tester.setup) {
            must(
                "RFC3168-6.1.1-5",
                "an ECN codepoint, though the handshake did not agree on ECN",
            );
        }
        if marked && again {
            must("RFC3168-6.1.5-1", "an ECN codepoint on a retransmission");
        }
        if (marked || cwr) && probe {
            must(
                "RFC3168-6.1.6-1",
                "an ECN codepoint or CWR on a window probe",
            );
        }
        let mut should = |requirement, text: &str| {
            violations.push(Violation::should("ecn", requirement, text.to_owned()));
        };
        if marked && self.tester.plain {
            should(
                "RFC3168-6.1.1-6",
                "an ECN codepoint, though the tester sent a SYN without ECN",
            );
        }
        if cwr && again {
            should("RFC3168-6.1.2-7", "CWR on a retransmission");
        }
    }
}
