//! What network hardware does for a sender that leaves it the cutting of a long segment: segments
//! of one size, with headers and checksums of their own.

use super::address;
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{MutableTcpPacket, TcpFlags, TcpPacket};

/// Octets of an IPv6 header.
const IPV6: usize = 40;

/// The segments that a long one stands for, with `size` octets of text in all but the last. What
/// is no TCP, or short enough, is left as it is.
pub(super) fn cut(packet: &[u8], size: u16) -> Vec<Vec<u8>> {
    let size = usize::from(size);
    let Some(text) = text_of(packet).filter(|text| size > 0 && packet.len() > text + size) else {
        return vec![packet.to_vec()];
    };
    let (headers, text) = packet.split_at(text);
    let last = text.len().div_ceil(size) - 1;
    let segments = text.chunks(size).enumerate().map(|(nth, text)| {
        let mut segment = [headers, text].concat();
        renumber(&mut segment, nth, nth * size, nth == last);
        address::finish_checksum(&mut segment);
        segment
    });
    segments.collect()
}

/// Where the text of the segment begins.
fn text_of(packet: &[u8]) -> Option<usize> {
    let tcp = address::tcp_of(packet)?;
    let header = TcpPacket::new(packet.get(tcp..)?)?.get_data_offset();
    let text = tcp + usize::from(header) * 4;
    (text <= packet.len()).then_some(text)
}

/// Makes the headers of the `nth` segment, whose text lies `offset` octets into the whole.
fn renumber(segment: &mut [u8], nth: usize, offset: usize, is_last: bool) {
    let length = segment.len();
    if segment.first().is_some_and(|first| first >> 4 == 6) {
        if let Some(mut ip) = MutableIpv6Packet::new(segment) {
            ip.set_payload_length((length - IPV6) as u16);
        }
    } else if let Some(mut ip) = MutableIpv4Packet::new(segment) {
        ip.set_total_length(length as u16);
        ip.set_identification(ip.get_identification().wrapping_add(nth as u16));
        let sum = ipv4::checksum(&ip.to_immutable());
        ip.set_checksum(sum);
    }
    let Some(start) = address::tcp_of(segment) else {
        return;
    };
    if let Some(mut tcp) = segment.get_mut(start..).and_then(MutableTcpPacket::new) {
        tcp.set_sequence(tcp.get_sequence().wrapping_add(offset as u32));
        let mut flags = tcp.get_flags();
        // What ends the text belongs to its end, and CWR to the first new data (RFC 3168 §6.1.2).
        if !is_last {
            flags &= !(TcpFlags::FIN | TcpFlags::PSH);
        }
        if nth > 0 {
            flags &= !TcpFlags::CWR;
        }
        tcp.set_flags(flags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, Outgoing, bit};
    use proptest::prelude::*;
    use rstest::rstest;

    fn long(v6: bool, text: &[u8]) -> Vec<u8> {
        let (from, to) = if v6 {
            ("[2001:db8::7]:80", "[2001:db8::200]:20000")
        } else {
            ("192.0.2.7:80", "192.0.2.200:20000")
        };
        wire::emit(&Outgoing {
            seq: u32::MAX - 10,
            payload: text,
            options: &[1; 12],
            ..Outgoing::bare(
                from.parse().unwrap(),
                to.parse().unwrap(),
                bit::ACK | bit::PSH | bit::FIN | bit::CWR,
            )
        })
    }

    #[rstest]
    fn a_long_segment_becomes_several(#[values(false, true)] v6: bool) {
        let text: Vec<u8> = (0..250).collect();
        let segments: Vec<_> = cut(&long(v6, &text), 100)
            .into_iter()
            .map(wire::decode)
            .collect();
        assert_eq!(segments.len(), 3);
        assert!(segments.iter().all(|segment| segment.faults.is_empty()));
        let whole: Vec<u8> = segments
            .iter()
            .flat_map(|segment| segment.payload().to_vec())
            .collect();
        assert_eq!(whole, text);
        let seen: Vec<_> = segments
            .iter()
            .filter_map(|segment| segment.tcp())
            .map(|tcp| (tcp.seq, tcp.flags))
            .collect();
        let expected = [
            (u32::MAX - 10, bit::ACK | bit::CWR),
            (89, bit::ACK),
            (189, bit::ACK | bit::PSH | bit::FIN),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_short_one_stays() {
        let packet = long(false, &[7; 100]);
        for size in [0, 100] {
            assert_eq!(cut(&packet, size), std::slice::from_ref(&packet));
        }
    }

    proptest! {
        #[test]
        fn nothing_from_the_wire_panics(
            octets in prop::collection::vec(any::<u8>(), 0..200),
            size in any::<u16>(),
        ) {
            let _ = cut(&octets, size);
        }
    }
}
