//! IPv4 and IPv6 headers (RFC 791, RFC 8200), as far as a TCP end needs them.
//!
//! Fragments are read here and put together by [`crate::reassembly`]; none are made, since TCP
//! keeps its segments below the path MTU. Extension headers are skipped, and IP options but for
//! source routes, which [`crate::source_route`] reads.

use super::Malformed;
use super::checksum::Sum;
use crate::source_route::SourceRoute;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The protocol number of TCP.
pub(crate) const TCP: u8 = 6;
/// The protocol number of ICMP for IPv4.
pub(crate) const ICMP: u8 = 1;
/// The protocol number of ICMP for IPv6.
pub(crate) const ICMPV6: u8 = 58;

/// An IP header without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same version.
    pub dst: IpAddr,
    /// Diffserv field and ECN bits; the traffic class of IPv6.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IPv4 identification; the flow label of IPv6.
    pub id: u32,
    /// Don't Fragment; always true for IPv6.
    pub df: bool,
}

impl IpHeader {
    /// Octets on the wire.
    pub(crate) fn len(&self) -> usize {
        header_len(self.src)
    }
}

/// Octets of an IP header of the version of `address`.
pub(crate) fn header_len(address: IpAddr) -> usize {
    if address.is_ipv4() { 20 } else { 40 }
}

/// A part of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment<'a> {
    /// Its own header.
    pub(crate) ip: IpHeader,
    /// Which packet it is a part of: the identification.
    pub(crate) id: u32,
    /// What the whole packet carries.
    pub(crate) protocol: u8,
    /// Where the part stands in the payload of the whole packet, octets.
    pub(crate) offset: usize,
    /// More is to follow.
    pub(crate) more: bool,
    /// The part.
    pub(crate) payload: &'a [u8],
}

impl Fragment<'_> {
    /// The first part of an IPv6 packet, and too short for the header of TCP.
    pub(crate) fn hides_header(&self) -> bool {
        // RFC 8200 §4.5:
        //   If the first fragment does not include all headers through an
        //   Upper-Layer header, then that fragment should be discarded
        let short = self.protocol == TCP && self.payload.len() < super::TCP_HEADER_LEN as usize;
        self.ip.src.is_ipv6() && self.offset == 0 && short
    }
}

/// Reads what [`decode`] has refused as a fragment.
pub(crate) fn decode_fragment(packet: &[u8]) -> Option<Fragment<'_>> {
    if packet.first()? >> 4 == 4 {
        fragment_v4(packet)
    } else {
        fragment_v6(packet)
    }
}

fn fragment_v4(packet: &[u8]) -> Option<Fragment<'_>> {
    let ip = header_v4(packet.get(..20)?);
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let place = u16::from_be_bytes([packet[6], packet[7]]);
    Some(Fragment {
        ip,
        id: ip.id,
        protocol: packet[9],
        offset: usize::from(place & 0x1fff) * 8,
        more: place & 0x2000 != 0,
        payload: packet.get(header_len..total)?,
    })
}

fn fragment_v6(packet: &[u8]) -> Option<Fragment<'_>> {
    let ip = header_v6(packet.get(..40)?);
    let total = 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    let (next, rest) = skip_to_fragment(packet[6], packet.get(40..total)?).ok()?;
    let header = rest.get(..8).filter(|_| next == FRAGMENT)?;
    let place = u16::from_be_bytes([header[2], header[3]]);
    Some(Fragment {
        ip,
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        protocol: header[0],
        offset: usize::from(place & 0xfff8),
        more: place & 1 != 0,
        payload: &rest[8..],
    })
}

/// Header, protocol and payload of an IP packet.
pub(crate) fn decode(packet: &[u8]) -> Result<(IpHeader, u8, &[u8]), Malformed> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => decode_v4(packet),
        Some(6) => decode_v6(packet),
        _ => Err(Malformed::NotIp),
    }
}

fn decode_v4(packet: &[u8]) -> Result<(IpHeader, u8, &[u8]), Malformed> {
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    if header_len < 20 || packet.len() < header_len {
        return Err(Malformed::IpHeader);
    }
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if total < header_len || packet.len() < total {
        return Err(Malformed::IpHeader);
    }
    if Sum::default().add(&packet[..header_len]).finish() != 0 {
        return Err(Malformed::IpHeader);
    }
    let fragment = u16::from_be_bytes([packet[6], packet[7]]);
    if fragment & 0x3fff != 0 {
        return Err(Malformed::Fragment);
    }
    // RFC 9293 §3.9.2 (MUST-50):
    //   When received options are passed up to TCP from the IP layer, a TCP
    //   implementation MUST ignore options that it does not understand
    Ok((header_v4(packet), packet[9], &packet[header_len..total]))
}

/// The fields of a header of 20 octets or more.
fn header_v4(packet: &[u8]) -> IpHeader {
    IpHeader {
        src: v4(&packet[12..16]),
        dst: v4(&packet[16..20]),
        tos: packet[1],
        ttl: packet[8],
        id: u32::from(u16::from_be_bytes([packet[4], packet[5]])),
        df: packet[6] & 0x40 != 0,
    }
}

fn decode_v6(packet: &[u8]) -> Result<(IpHeader, u8, &[u8]), Malformed> {
    if packet.len() < 40 {
        return Err(Malformed::IpHeader);
    }
    let total = 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    if packet.len() < total {
        return Err(Malformed::IpHeader);
    }
    let (protocol, payload) = skip_extensions(packet[6], &packet[40..total])?;
    Ok((header_v6(packet), protocol, payload))
}

/// The fields of a header of 40 octets or more.
fn header_v6(packet: &[u8]) -> IpHeader {
    let word = u32::from_be_bytes([packet[0], packet[1], packet[2], packet[3]]);
    IpHeader {
        src: v6(&packet[8..24]),
        dst: v6(&packet[24..40]),
        tos: (word >> 20) as u8,
        ttl: packet[7],
        id: word & 0x000f_ffff,
        df: true,
    }
}

/// The next header that stands before a fragment of IPv6.
const FRAGMENT: u8 = 44;

/// What follows all extension headers; a packet that is a fragment of itself is a whole one
/// (RFC 8200 §4.5).
pub(crate) fn skip_extensions(next: u8, rest: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    let (next, rest) = skip_to_fragment(next, rest)?;
    if next != FRAGMENT {
        return Ok((next, rest));
    }
    let header = rest.get(..8).ok_or(Malformed::IpHeader)?;
    if header[2..4] != [0, 0] {
        return Err(Malformed::Fragment);
    }
    skip_to_fragment(header[0], &rest[8..])
}

/// Skips hop-by-hop options, routing headers without segments left, and destination options.
fn skip_to_fragment(mut next: u8, mut rest: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION: u8 = 60;
    while let HOP_BY_HOP | ROUTING | DESTINATION = next {
        let header = rest.get(..8).ok_or(Malformed::IpHeader)?;
        if next == ROUTING && header[3] != 0 {
            return Err(Malformed::IpHeader);
        }
        next = header[0];
        rest = rest
            .get(8 + usize::from(header[1]) * 8..)
            .ok_or(Malformed::IpHeader)?;
    }
    Ok((next, rest))
}

/// Appends the header for a payload of `payload` octets; over IPv4 it may go by a source route.
pub(crate) fn encode(
    header: &IpHeader,
    route: Option<&SourceRoute>,
    protocol: u8,
    payload: usize,
    packet: &mut Vec<u8>,
) {
    match (header.src, header.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let len = 20 + route.map_or(0, SourceRoute::option_len);
            let mut octets = [0; 60];
            octets[0] = 0x40 | (len / 4) as u8;
            octets[1] = header.tos;
            octets[2..4].copy_from_slice(&((len + payload) as u16).to_be_bytes());
            octets[4..6].copy_from_slice(&(header.id as u16).to_be_bytes());
            octets[6] = if header.df { 0x40 } else { 0 };
            octets[8] = header.ttl;
            octets[9] = protocol;
            octets[12..16].copy_from_slice(&src.octets());
            let next = route.map_or(dst, SourceRoute::first);
            octets[16..20].copy_from_slice(&next.octets());
            if let Some(route) = route {
                route.write(dst, &mut octets[20..len]);
            }
            let checksum = Sum::default().add(&octets[..len]).finish();
            octets[10..12].copy_from_slice(&checksum.to_be_bytes());
            packet.extend_from_slice(&octets[..len]);
        }
        (src, dst) => {
            let word = 6 << 28 | u32::from(header.tos) << 20 | header.id & 0x000f_ffff;
            packet.extend_from_slice(&word.to_be_bytes());
            packet.extend_from_slice(&(payload as u16).to_be_bytes());
            packet.extend_from_slice(&[protocol, header.ttl]);
            for address in [src, dst] {
                if let IpAddr::V6(address) = address {
                    packet.extend_from_slice(&address.octets());
                }
            }
        }
    }
}

/// An IPv4 address from four octets.
pub(crate) fn v4(octets: &[u8]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))
}

/// An IPv6 address from sixteen octets.
pub(crate) fn v6(octets: &[u8]) -> IpAddr {
    let mut address = [0; 16];
    address.copy_from_slice(octets);
    IpAddr::V6(Ipv6Addr::from(address))
}
