//! [`Outgoing`] to octets: anything that fits into the fields can be said.

use super::Packet;
use super::decode::checksum;
use super::ip::{self, Header, Place};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::tcp::MutableTcpPacket;
use std::net::SocketAddr;
use std::ops::Range;

/// A segment to be written, with all that may be wrong about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Our end.
    pub source: SocketAddr,
    /// The device's end; of the same IP version.
    pub destination: SocketAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS octet or traffic class.
    pub tos: u8,
    /// Don't fragment (IPv4).
    pub df: bool,
    /// Identification (IPv4, and fragments of IPv6).
    pub id: u16,
    /// IPv4 options, or the options of a Destination Options header of IPv6.
    pub ip_options: &'a [u8],
    /// SEG.SEQ.
    pub seq: u32,
    /// The acknowledgment field.
    pub ack: u32,
    /// Control bits.
    pub flags: u8,
    /// The 16-bit window field.
    pub window: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// The options as octets; filled up with zeros to whole words.
    pub options: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// Data offset in words, if it is not to be the true one.
    pub data_offset: Option<u8>,
    /// The four reserved bits.
    pub reserved: u8,
    /// Write a checksum that is wrong.
    pub bad_checksum: bool,
    /// Write zero for the checksum.
    pub zero_checksum: bool,
}

impl<'a> Outgoing<'a> {
    /// A segment of nothing but a header with these control bits, SEQ and ACK zero.
    pub fn bare(source: SocketAddr, destination: SocketAddr, flags: u8) -> Self {
        Self {
            source,
            destination,
            ttl: 64,
            tos: 0,
            df: true,
            id: 0,
            ip_options: &[],
            seq: 0,
            ack: 0,
            flags,
            window: 0,
            urgent: 0,
            options: &[],
            payload: &[],
            data_offset: None,
            reserved: 0,
            bad_checksum: false,
            zero_checksum: false,
        }
    }

    /// The same segment again, as it was read; `None` if the packet is not a TCP segment.
    pub fn again(packet: &'a Packet) -> Option<Self> {
        let (ip, tcp) = (packet.ip.as_ref()?, packet.tcp()?);
        let (source, destination) = packet.ends()?;
        Some(Self {
            source,
            destination,
            ttl: ip.ttl,
            tos: ip.tos,
            df: ip.df,
            id: ip.id,
            ip_options: &[],
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            window: tcp.window,
            urgent: tcp.urgent,
            options: packet.raw_options(),
            payload: packet.payload(),
            data_offset: None,
            reserved: tcp.reserved,
            bad_checksum: false,
            zero_checksum: false,
        })
    }

    fn header(&self) -> Header<'a> {
        Header {
            source: self.source.ip(),
            destination: self.destination.ip(),
            ttl: self.ttl,
            tos: self.tos,
            df: self.df,
            id: self.id,
            protocol: IpNextHeaderProtocols::Tcp,
            options: self.ip_options,
        }
    }
}

/// Writes the segment in its IP packet.
///
/// Only the lowest four bits of `data_offset` and `reserved` are written. Options beyond what
/// the data offset can say (40 octets) leave a wrong data offset, and that may be wanted.
///
/// # Panics
///
/// If source and destination are of different IP versions, which no link has.
pub fn emit(segment: &Outgoing<'_>) -> Vec<u8> {
    ip::packet(&segment.header(), None, &tcp(segment))
}

/// Writes a fragment of the segment: these octets of it, its header counted. `None` if it has not
/// so many.
///
/// # Panics
///
/// As [`emit`].
pub fn emit_fragment(
    segment: &Outgoing<'_>,
    octets: Range<usize>,
    garbled: bool,
) -> Option<Vec<u8>> {
    let tcp = tcp(segment);
    let more = octets.end < tcp.len();
    let end = octets.end.min(tcp.len());
    let offset = octets.start as u16;
    let mut part = tcp.get(octets.start..end)?.to_vec();
    if garbled {
        for octet in &mut part {
            *octet = !*octet;
        }
    }
    let place = Place { offset, more };
    Some(ip::packet(&segment.header(), Some(place), &part))
}

/// The segment without its IP header.
fn tcp(segment: &Outgoing<'_>) -> Vec<u8> {
    const TCP_HEADER: usize = 20;
    let options = segment.options.len().next_multiple_of(4);
    let mut tcp = vec![0; TCP_HEADER + options + segment.payload.len()];
    tcp[TCP_HEADER..][..segment.options.len()].copy_from_slice(segment.options);
    tcp[TCP_HEADER + options..].copy_from_slice(segment.payload);
    let data_offset = segment
        .data_offset
        .unwrap_or(((TCP_HEADER + options) / 4) as u8);
    // There are at least the 20 octets of the fixed header.
    let mut header = MutableTcpPacket::new(&mut tcp).expect("room for a header");
    header.set_source(segment.source.port());
    header.set_destination(segment.destination.port());
    header.set_sequence(segment.seq);
    header.set_acknowledgement(segment.ack);
    header.set_data_offset(data_offset & 0xf);
    header.set_reserved(segment.reserved & 0xf);
    header.set_flags(segment.flags);
    header.set_window(segment.window);
    header.set_urgent_ptr(segment.urgent);
    let ends = (segment.source.ip(), segment.destination.ip());
    let right = checksum(&header.to_immutable(), ends);
    header.set_checksum(if segment.zero_checksum {
        0
    } else if segment.bad_checksum {
        right ^ 0x5555
    } else {
        right
    });
    tcp
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Fault, decode};
    use super::*;
    use rstest::rstest;

    fn segment(v6: bool, options: &[u8]) -> Outgoing<'_> {
        let ends = |last: u8| -> SocketAddr {
            if v6 {
                ([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)], 80).into()
            } else {
                ([192, 0, 2, last], 80).into()
            }
        };
        Outgoing {
            ip_options: options,
            payload: b"0123456789",
            ..Outgoing::bare(ends(1), ends(2), 0x10)
        }
    }

    #[rstest]
    fn a_segment_behind_ip_options_is_read_back(
        #[values(false, true)] v6: bool,
        #[values(&[], &[0x5e, 4, 0, 0], &[0x1e, 5, 0, 0, 0])] options: &[u8],
    ) {
        let packet = decode(emit(&segment(v6, options)));
        assert_eq!(packet.faults, []);
        assert_eq!(packet.payload(), b"0123456789");
    }

    #[rstest]
    #[case(false, 20)]
    #[case(true, 48)]
    fn fragments_are_stretches_of_the_segment(#[case] v6: bool, #[case] header: usize) {
        let outgoing = segment(v6, &[]);
        let whole = tcp(&outgoing);
        let part = |from, to, garbled| emit_fragment(&outgoing, from..to, garbled).unwrap();
        let [first, last] = [part(0, 16, false), part(16, usize::MAX, false)];
        assert_eq!([&first[header..], &last[header..]].concat(), whole);
        let inverted: Vec<u8> = whole[..8].iter().map(|octet| !octet).collect();
        assert_eq!(part(0, 8, true)[header..], inverted);
        let packet = decode(last);
        assert_eq!(
            (packet.faults, packet.body),
            (vec![Fault::Fragment], body(v6))
        );
        assert_eq!(emit_fragment(&outgoing, 40..48, false), None);
    }

    fn body(v6: bool) -> Body {
        Body::Other(if v6 { 44 } else { 6 })
    }
}
