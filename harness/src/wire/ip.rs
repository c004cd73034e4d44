//! IP headers to octets (RFC 791 §3.1, RFC 8200 §3, §4): options, fragments and odd addresses too.

use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{self, Ipv4Flags, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use std::net::IpAddr;

/// The IP header of a packet to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where it says that it comes from.
    pub source: IpAddr,
    /// Where it goes; of the same IP version.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS octet or traffic class.
    pub tos: u8,
    /// Don't fragment (IPv4).
    pub df: bool,
    /// Identification (IPv4).
    pub id: u16,
    /// What it carries.
    pub protocol: IpNextHeaderProtocol,
}

/// The packet that carries `payload`.
///
/// # Panics
///
/// If source and destination are of different IP versions, which no link has.
pub(super) fn packet(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut octets = match (header.source, header.destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) => vec![0; 20],
        (IpAddr::V6(_), IpAddr::V6(_)) => vec![0; 40],
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            unreachable!("both ends of a four-tuple are of one IP version")
        }
    };
    octets.extend_from_slice(payload);
    write(header, payload.len(), &mut octets);
    octets
}

fn write(ip: &Header, payload: usize, octets: &mut [u8]) {
    let total = octets.len() as u16;
    match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            // The caller made room for the header of this IP version.
            let mut header = MutableIpv4Packet::new(octets).expect("room for a header");
            header.set_version(4);
            header.set_header_length(5);
            header.set_dscp(ip.tos >> 2);
            header.set_ecn(ip.tos & 3);
            header.set_total_length(total);
            header.set_identification(ip.id);
            header.set_flags(if ip.df { Ipv4Flags::DontFragment } else { 0 });
            header.set_ttl(ip.ttl);
            header.set_next_level_protocol(ip.protocol);
            header.set_source(source);
            header.set_destination(destination);
            header.set_checksum(ipv4::checksum(&header.to_immutable()));
        }
        (source, destination) => {
            // The caller made room for the header of this IP version.
            let mut header = MutableIpv6Packet::new(octets).expect("room for a header");
            header.set_version(6);
            header.set_traffic_class(ip.tos);
            header.set_payload_length(payload as u16);
            header.set_next_header(ip.protocol);
            header.set_hop_limit(ip.ttl);
            if let (IpAddr::V6(source), IpAddr::V6(destination)) = (source, destination) {
                header.set_source(source);
                header.set_destination(destination);
            }
        }
    }
}
