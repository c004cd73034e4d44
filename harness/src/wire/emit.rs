//! [`Outgoing`] to octets: anything that fits into the fields can be said.

use super::Packet;
use super::decode::checksum;
use super::ip::{self, Header};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::tcp::MutableTcpPacket;
use std::net::SocketAddr;

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
    /// Identification (IPv4).
    pub id: u16,
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

    fn header(&self) -> Header {
        Header {
            source: self.source.ip(),
            destination: self.destination.ip(),
            ttl: self.ttl,
            tos: self.tos,
            df: self.df,
            id: self.id,
            protocol: IpNextHeaderProtocols::Tcp,
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
    ip::packet(&segment.header(), &tcp(segment))
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
