//! IP headers to octets (RFC 791 §3.1, RFC 8200 §3, §4): options, fragments and odd addresses too.

use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::{self, Ipv4Flags, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IP header of a packet to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
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
    /// IPv4 options, or the options of a Destination Options header of IPv6.
    pub options: &'a [u8],
}

/// Where a fragment stands in the packet that it is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its first octet, a multiple of 8.
    pub offset: u16,
    /// More is to follow.
    pub more: bool,
}

/// The packet that carries `payload`, or the fragment that carries this part of it.
///
/// # Panics
///
/// If source and destination are of different IP versions, which no link has.
pub(super) fn packet(header: &Header<'_>, place: Option<Place>, payload: &[u8]) -> Vec<u8> {
    match (header.source, header.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet_v4(header, (source, destination), place, payload)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet_v6(header, (source, destination), place, payload)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            unreachable!("both ends of a four-tuple are of one IP version")
        }
    }
}

fn packet_v4(
    ip: &Header<'_>,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    place: Option<Place>,
    payload: &[u8],
) -> Vec<u8> {
    let header_len = 20 + ip.options.len().next_multiple_of(4);
    let mut octets = vec![0; header_len];
    octets[20..][..ip.options.len()].copy_from_slice(ip.options);
    octets.extend_from_slice(payload);
    let total = octets.len() as u16;
    let more = place.is_some_and(|place| place.more);
    let flags = [
        (ip.df, Ipv4Flags::DontFragment),
        (more, Ipv4Flags::MoreFragments),
    ];
    let set = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| flag);
    // There are at least the 20 octets of the fixed header.
    let mut header = MutableIpv4Packet::new(&mut octets).expect("room for a header");
    header.set_version(4);
    header.set_header_length((header_len / 4) as u8);
    header.set_dscp(ip.tos >> 2);
    header.set_ecn(ip.tos & 3);
    header.set_total_length(total);
    header.set_identification(ip.id);
    header.set_flags(set.sum());
    header.set_fragment_offset(place.map_or(0, |place| place.offset / 8));
    header.set_ttl(ip.ttl);
    header.set_next_level_protocol(ip.protocol);
    header.set_source(source);
    header.set_destination(destination);
    header.set_checksum(ipv4::checksum(&header.to_immutable()));
    octets
}

fn packet_v6(
    ip: &Header<'_>,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    place: Option<Place>,
    payload: &[u8],
) -> Vec<u8> {
    let mut next = ip.protocol;
    let mut rest = payload.to_vec();
    if let Some(Place { offset, more }) = place {
        let mut fragment = vec![next.0, 0];
        fragment.extend((offset & 0xfff8 | u16::from(more)).to_be_bytes());
        fragment.extend(u32::from(ip.id).to_be_bytes());
        rest.splice(..0, fragment);
        next = IpNextHeaderProtocols::Ipv6Frag;
    }
    if !ip.options.is_empty() {
        let len = (2 + ip.options.len()).next_multiple_of(8);
        let mut options = vec![next.0, (len / 8 - 1) as u8];
        options.extend_from_slice(ip.options);
        // What is left over is filled with Pad1.
        options.resize(len, 0);
        rest.splice(..0, options);
        next = IpNextHeaderProtocols::Ipv6Opts;
    }
    let mut octets = vec![0; 40];
    // There are the 40 octets of the header.
    let mut header = MutableIpv6Packet::new(&mut octets).expect("room for a header");
    header.set_version(6);
    header.set_traffic_class(ip.tos);
    header.set_payload_length(rest.len() as u16);
    header.set_next_header(next);
    header.set_hop_limit(ip.ttl);
    header.set_source(source);
    header.set_destination(destination);
    octets.append(&mut rest);
    octets
}
