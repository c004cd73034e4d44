//! Rules that a segment keeps or breaks by itself.

use super::Violation;
use crate::wire::{Fault, OptionFault, Packet, Tcp, bit};

/// What the codec found wrong.
pub(super) fn faults(packet: &Packet, violations: &mut Vec<Violation>) {
    violations.extend(packet.faults.iter().map(|fault| {
        let (rule, requirement) = match fault {
            Fault::Checksum { .. } => ("checksum", "MUST-2"),
            Fault::TcpTooShort(_) | Fault::DataOffset(_) => ("header-length", "RFC9293-3.1-4"),
            Fault::Reserved(_) => ("reserved-bits", "RFC9293-3.1-1"),
            Fault::Options(error) => match error.fault {
                OptionFault::PaddingNotZero { .. } => ("options", "MUST-69"),
                _ => ("options", "MUST-68"),
            },
            Fault::NotIp
            | Fault::IpHeaderLength(_)
            | Fault::IpLength { .. }
            | Fault::IpChecksum { .. }
            | Fault::Fragment => ("ip-header", "RFC9293-3.1-7"),
        };
        Violation::must(rule, requirement, fault.to_string())
    }));
}

/// Rules about single fields.
pub(super) fn fields(packet: &Packet, tcp: &Tcp, violations: &mut Vec<Violation>) {
    let syn = tcp.has(bit::SYN);
    let mut breaks = |rule, requirement, text: &str| {
        violations.push(Violation::must(rule, requirement, text.to_owned()));
    };
    if tcp.options.mss.is_some() && !syn {
        breaks(
            "mss-only-on-syn",
            "MUST-65",
            "an MSS option on a segment without SYN",
        );
    }
    if tcp.options.ws.is_some() && !syn {
        breaks(
            "options",
            "RFC7323-2.2-1",
            "a window scale option on a segment without SYN",
        );
    }
    if tcp.options.ws.is_some_and(|shift| shift > 14) {
        breaks("options", "RFC7323-2.3-5", "a window scale above 14");
    }
    if tcp.options.sack_ok && !syn {
        breaks(
            "sack",
            "RFC2018-2-1",
            "SACK-permitted on a segment without SYN",
        );
    }
    if let Some(cookie) = &tcp.options.fast_open {
        if !syn {
            breaks(
                "options",
                "RFC7413-4.1.1-2",
                "a Fast Open option on a segment without SYN",
            );
        }
        if !matches!(cookie.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16) {
            breaks(
                "options",
                "RFC7413-4.1.1-1",
                "a Fast Open cookie of an illegal length",
            );
        }
    }
    if !tcp.has(bit::ACK) && !syn && !tcp.has(bit::RST) {
        breaks(
            "ack-bit",
            "RFC9293-3.1-3",
            "neither ACK nor SYN nor RST is set",
        );
    }
    let ecn = packet.ip.as_ref().map_or(0, |ip| ip.tos & 3);
    let pure_ack = tcp.payload_len() == 0 && !syn && !tcp.has(bit::FIN) && !tcp.has(bit::RST);
    if ecn != 0 && syn {
        breaks("ecn", "RFC3168-6.1.1-11", "an ECN codepoint on a SYN");
    }
    if ecn != 0 && pure_ack {
        breaks("ecn", "RFC3168-6.1.4-1", "an ECN codepoint on a pure ACK");
    }
}
