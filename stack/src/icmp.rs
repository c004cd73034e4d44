//! ICMP errors about segments of this host (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191, RFC 8201).
//!
//! Nothing is ever sent in ICMP. A report counts only if it quotes a segment in flight, so that
//! it takes more than an address to disturb a connection.

use crate::config::IcmpHard;
use crate::seq::SeqNum;
use crate::tcb::{Context, Tcb};
use crate::timeouts::Timer;
use crate::wire::{self, IpHeader};
use crate::{CloseReason, source_route};
use std::net::{IpAddr, SocketAddr};

/// An ICMP error and the segment that it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Type and code.
    pub(crate) kind: (u8, u8),
    /// What it means for the connection.
    pub(crate) meaning: Meaning,
    /// Sender of the quoted segment: this host.
    pub(crate) local: SocketAddr,
    /// Receiver of the quoted segment.
    pub(crate) remote: SocketAddr,
    /// SEG.SEQ of the quoted segment.
    pub(crate) seq: SeqNum,
}

/// What an ICMP error means for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It may pass.
    Soft,
    /// It will not pass.
    Hard,
    /// The segment was too big for a link of this MTU.
    TooBig(u16),
}

/// Reads an error message; `None` for anything else, and for Source Quench.
pub(crate) fn decode(ip: &IpHeader, protocol: u8, message: &[u8]) -> Option<Report> {
    let head = message.get(..8)?;
    let (kind, quoted) = ((head[0], head[1]), &message[8..]);
    let mtu = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let quote = Quote::decode(quoted)?;
    let meaning = match (protocol, ip.src) {
        (wire::ICMP, IpAddr::V4(_)) => {
            wire::plain_checksum_holds(message).then_some(())?;
            meaning_v4(kind, mtu as u16, quote.len)?
        }
        (wire::ICMPV6, IpAddr::V6(_)) => {
            wire::checksum_holds(ip.src, ip.dst, wire::ICMPV6, message).then_some(())?;
            meaning_v6(kind, mtu)?
        }
        _ => return None,
    };
    Some(Report {
        kind,
        meaning,
        local: quote.src,
        remote: quote.dst,
        seq: quote.seq,
    })
}

fn meaning_v4(kind: (u8, u8), mtu: u16, quoted: u16) -> Option<Meaning> {
    match kind {
        // A router that does not know RFC 1191 leaves the MTU at zero.
        (3, 4) if mtu == 0 => Some(Meaning::TooBig(plateau_below(quoted))),
        (3, 4) => Some(Meaning::TooBig(mtu)),
        (3, 2 | 3) => Some(Meaning::Hard),
        (3 | 11 | 12, _) => Some(Meaning::Soft),
        // RFC 9293 §3.9.2.2 (MUST-55):
        //   TCP implementations MUST silently discard any received ICMP Source
        //   Quench messages (MUST-55).
        _ => None,
    }
}

fn meaning_v6(kind: (u8, u8), mtu: u32) -> Option<Meaning> {
    /// The smallest MTU of IPv6 (RFC 8200 §5).
    const LEAST: u32 = 1280;
    match kind {
        // RFC 8201 §4:
        //   If a node receives a Packet Too Big message reporting a next-hop MTU
        //   that is less than the IPv6 minimum link MTU, it must discard it.
        (2, _) if mtu < LEAST => None,
        (2, _) => Some(Meaning::TooBig(u16::try_from(mtu).unwrap_or(u16::MAX))),
        (1, 1 | 4) => Some(Meaning::Hard),
        (1 | 3 | 4, _) => Some(Meaning::Soft),
        _ => None,
    }
}

/// The next lower MTU that links are known to have (RFC 1191 §7.1).
fn plateau_below(len: u16) -> u16 {
    const PLATEAUS: [u16; 10] = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];
    PLATEAUS
        .into_iter()
        .find(|plateau| *plateau < len)
        .unwrap_or(68)
}

/// The beginning of the packet that an error is about.
struct Quote {
    src: SocketAddr,
    dst: SocketAddr,
    seq: SeqNum,
    len: u16,
}

impl Quote {
    /// The quotation may be cut off after eight octets of TCP, so it cannot be a whole packet.
    fn decode(quoted: &[u8]) -> Option<Self> {
        let first = *quoted.first()?;
        let (src, dst, protocol, header_len, len) = match first >> 4 {
            4 => {
                let header = quoted.get(..20)?;
                let len = u16::from_be_bytes([header[2], header[3]]);
                let src = wire::v4(&header[12..16]);
                // On its way by a source route it has another destination in its header.
                let next = wire::v4(&header[16..20]);
                let dst = source_route::destination(quoted).unwrap_or(next);
                (src, dst, header[9], usize::from(first & 0x0f) * 4, len)
            }
            6 => {
                let header = quoted.get(..40)?;
                let len = u16::from_be_bytes([header[4], header[5]]).saturating_add(40);
                (
                    wire::v6(&header[8..24]),
                    wire::v6(&header[24..40]),
                    header[6],
                    40,
                    len,
                )
            }
            _ => return None,
        };
        let tcp = quoted
            .get(header_len..header_len + 8)
            .filter(|_| protocol == wire::TCP)?;
        Some(Self {
            src: SocketAddr::new(src, u16::from_be_bytes([tcp[0], tcp[1]])),
            dst: SocketAddr::new(dst, u16::from_be_bytes([tcp[2], tcp[3]])),
            seq: SeqNum(u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]])),
            len,
        })
    }
}

/// What is quoted was sent and is not acknowledged: only that can have met an error
/// (RFC 5927 §4.1).
pub(crate) fn is_in_flight(tcb: &Tcb, report: &Report) -> bool {
    !report.seq.before(tcb.snd.una) && report.seq.before(tcb.snd.nxt)
}

/// What an error does to the connection. Returns why it ends, if it does.
pub(crate) fn arrives(tcb: &mut Tcb, report: &Report, cx: &mut Context<'_>) -> Option<CloseReason> {
    if cx.config.rfc5927 && !is_in_flight(tcb, report) {
        return None;
    }
    cx.counters.icmp_errors += 1;
    match report.meaning {
        // RFC 9293 §3.9.2.2 (MUST-56, SHLD-25):
        //   Since these Unreachable messages indicate soft error conditions, a
        //   TCP implementation MUST NOT abort the connection (MUST-56), and it
        //   SHOULD make the information available to the application (SHLD-25).
        Meaning::Soft => {
            tcb.soft_error = Some(report.kind);
            None
        }
        Meaning::Hard => hard(tcb, report, cx),
        Meaning::TooBig(mtu) => {
            too_big(tcb, (report.seq, mtu), cx);
            None
        }
    }
}

fn hard(tcb: &mut Tcb, report: &Report, cx: &Context<'_>) -> Option<CloseReason> {
    // RFC 5927 §5.2: in synchronized states, hard errors are soft, unless the policy says no.
    if tcb.state.is_synchronized() && cx.config.icmp_hard == IcmpHard::Soft {
        tcb.soft_error = Some(report.kind);
        return None;
    }
    // RFC 9293 §3.9.2.2 (SHLD-26):
    //   These are hard error conditions, so TCP implementations SHOULD
    //   abort the connection (SHLD-26).
    // RFC 1122 §3.2.2.1: for the same purpose as a RST. So a half-open connection goes without a
    // word, its place in the queue is free, and the listener stays.
    Some(CloseReason::Unreachable)
}

/// Path MTU discovery: segments get smaller, and what did not fit goes out again.
fn too_big(tcb: &mut Tcb, (quoted, claim): (SeqNum, u16), cx: &Context<'_>) {
    if !cx.config.path_mtu_discovery || !tcb.path_mtu.may_be(claim, cx.config) {
        return;
    }
    let before = tcb.effective_mss();
    let fell = tcb.path_mtu.too_big(claim, cx.now, cx.config);
    let mss = tcb.effective_mss();
    if fell {
        tcb.congestion.mss_shrank(before, mss);
    }
    // RFC 1191 §6.2:
    //   Also, the instance that sent the datagram that elicited the Datagram
    //   Too Big message should be notified that its datagram has been
    //   dropped, even if the PMTU estimate has not changed
    // That is so if another connection has heard of it first.
    let quoted = tcb.snd.queue.find(quoted);
    let sent_before = quoted.is_some_and(|sent| !sent.again && sent.end.since(sent.seq) > mss);
    let dropped = fell || sent_before && tcb.snd.next == tcb.snd.nxt;
    let lost = tcb.snd.queue.longest_in_flight() > mss;
    if !dropped || !lost || !tcb.state.is_synchronized() {
        return;
    }
    // RFC 1191 §6.4:
    //   retransmission caused by a Datagram Too Big message should not change
    //   the congestion window.  It should, however, trigger the slow-start
    //   mechanism (i.e., only one segment should be retransmitted until
    //   acknowledgements begin to arrive again).
    // Nor is it a timeout: the RTO stays, and nothing counts towards R1 and R2.
    tcb.congestion.on_too_big(tcb.snd.nxt);
    tcb.snd.next = tcb.snd.una;
    tcb.timers.stop(Timer::Retransmission);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::net((3, 0), 0, Some(Meaning::Soft))]
    #[case::port((3, 3), 0, Some(Meaning::Hard))]
    #[case::frag_needed((3, 4), 1000, Some(Meaning::TooBig(1000)))]
    #[case::below_the_least((3, 4), 20, Some(Meaning::TooBig(20)))]
    #[case::old_router((3, 4), 0, Some(Meaning::TooBig(1492)))]
    #[case::source_quench((4, 0), 0, None)]
    #[case::time_exceeded((11, 0), 0, Some(Meaning::Soft))]
    #[case::echo((8, 0), 0, None)]
    fn the_kinds_of_ipv4(
        #[case] kind: (u8, u8),
        #[case] mtu: u16,
        #[case] meaning: Option<Meaning>,
    ) {
        assert_eq!(meaning_v4(kind, mtu, 1500), meaning);
    }

    #[rstest]
    #[case::no_route((1, 0), 0, Some(Meaning::Soft))]
    #[case::port((1, 4), 0, Some(Meaning::Hard))]
    #[case::too_big((2, 0), 1400, Some(Meaning::TooBig(1400)))]
    #[case::the_least((2, 0), 1280, Some(Meaning::TooBig(1280)))]
    #[case::below_the_least((2, 0), 1279, None)]
    #[case::echo((128, 0), 0, None)]
    fn the_kinds_of_ipv6(
        #[case] kind: (u8, u8),
        #[case] mtu: u32,
        #[case] meaning: Option<Meaning>,
    ) {
        assert_eq!(meaning_v6(kind, mtu), meaning);
    }
}
