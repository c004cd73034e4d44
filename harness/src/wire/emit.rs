//! [`Outgoing`] to octets: anything that fits into the fields can be said.

use super::decode::checksum;
use super::{Ip, Packet};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, Ipv4Flags, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::MutableTcpPacket;
use std::net::{IpAddr, SocketAddr};

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
}

impl<'a> Outgoing<'a> {
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
        })
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
    const TCP_HEADER: usize = 20;
    let options = segment.options.len().next_multiple_of(4);
    let tcp_length = TCP_HEADER + options + segment.payload.len();
    let ip_header = if segment.source.is_ipv4() { 20 } else { 40 };
    let mut octets = vec![0; ip_header + tcp_length];

    let ip = write_ip(&mut octets, segment, tcp_length);
    let tcp = &mut octets[ip_header..];
    tcp[TCP_HEADER..][..segment.options.len()].copy_from_slice(segment.options);
    tcp[TCP_HEADER + options..].copy_from_slice(segment.payload);
    let data_offset = segment
        .data_offset
        .unwrap_or(((TCP_HEADER + options) / 4) as u8);
    // The slice holds at least the 20 octets of the fixed header.
    let mut header = MutableTcpPacket::new(tcp).expect("room for a header");
    header.set_source(segment.source.port());
    header.set_destination(segment.destination.port());
    header.set_sequence(segment.seq);
    header.set_acknowledgement(segment.ack);
    header.set_data_offset(data_offset & 0xf);
    header.set_reserved(segment.reserved & 0xf);
    header.set_flags(segment.flags);
    header.set_window(segment.window);
    header.set_urgent_ptr(segment.urgent);
    let right = checksum(&header.to_immutable(), &ip);
    header.set_checksum(if segment.bad_checksum {
        right ^ 0x5555
    } else {
        right
    });
    octets
}

fn write_ip(octets: &mut [u8], segment: &Outgoing<'_>, tcp_length: usize) -> Ip {
    let total = octets.len() as u16;
    match (segment.source.ip(), segment.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            // The caller made room for the header of this IP version.
            let mut header = MutableIpv4Packet::new(octets).expect("room for a header");
            header.set_version(4);
            header.set_header_length(5);
            header.set_dscp(segment.tos >> 2);
            header.set_ecn(segment.tos & 3);
            header.set_total_length(total);
            header.set_identification(segment.id);
            header.set_flags(if segment.df {
                Ipv4Flags::DontFragment
            } else {
                0
            });
            header.set_ttl(segment.ttl);
            header.set_next_level_protocol(IpNextHeaderProtocols::Tcp);
            header.set_source(source);
            header.set_destination(destination);
            header.set_checksum(ipv4::checksum(&header.to_immutable()));
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            // The caller made room for the header of this IP version.
            let mut header = MutableIpv6Packet::new(octets).expect("room for a header");
            header.set_version(6);
            header.set_traffic_class(segment.tos);
            header.set_payload_length(tcp_length as u16);
            header.set_next_header(IpNextHeaderProtocols::Tcp);
            header.set_hop_limit(segment.ttl);
            header.set_source(source);
            header.set_destination(destination);
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            unreachable!("both ends of a four-tuple are of one IP version")
        }
    }
    Ip {
        source: segment.source.ip(),
        destination: segment.destination.ip(),
        ttl: segment.ttl,
        tos: segment.tos,
        df: segment.df,
        id: segment.id,
    }
}
