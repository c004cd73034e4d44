//! Octets to [`Packet`]. Never fails and never panics: what cannot be read becomes a [`Fault`].

use super::{Body, Fault, Ip, Packet, Tcp, options};
use pnet::packet::icmp::IcmpPacket;
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::{self, Ipv4Flags, Ipv4Packet};
use pnet::packet::ipv6::Ipv6Packet;
use pnet::packet::tcp::{self, TcpPacket};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// Options of IPv4 (RFC 791 §3.1).
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_ROUTE: u8 = 131;
const STRICT_ROUTE: u8 = 137;

/// Reads a packet as far as it can be read.
pub fn decode(octets: Vec<u8>) -> Packet {
    let mut faults = Vec::new();
    let header = match octets.first().map(|first| first >> 4) {
        Some(4) => read_v4(&octets, &mut faults),
        Some(6) => read_v6(&octets, &mut faults),
        _ => None,
    };
    let Some((ip, protocol, payload)) = header else {
        if faults.is_empty() {
            faults.push(Fault::NotIp);
        }
        return Packet {
            octets,
            ip: None,
            body: Body::Other(0),
            faults,
        };
    };
    let body = match protocol {
        _ if faults.contains(&Fault::Fragment) => Body::Other(protocol.0),
        IpNextHeaderProtocols::Tcp => read_tcp(&octets, payload, &ip, &mut faults),
        IpNextHeaderProtocols::Icmp | IpNextHeaderProtocols::Icmpv6 => {
            IcmpPacket::new(&octets[payload]).map_or(Body::Other(protocol.0), |icmp| Body::Icmp {
                kind: icmp.get_icmp_type().0,
                code: icmp.get_icmp_code().0,
            })
        }
        other => Body::Other(other.0),
    };
    Packet {
        octets,
        ip: Some(ip),
        body,
        faults,
    }
}

/// The IP header, the protocol that follows, and where it stands.
type Header = Option<(Ip, IpNextHeaderProtocol, Range<usize>)>;

fn read_v4(octets: &[u8], faults: &mut Vec<Fault>) -> Header {
    let packet = Ipv4Packet::new(octets)?;
    let words = packet.get_header_length();
    let header = usize::from(words) * 4;
    if words < 5 || header > octets.len() {
        faults.push(Fault::IpHeaderLength(words));
        return None;
    }
    let says = usize::from(packet.get_total_length());
    if says != octets.len() {
        faults.push(Fault::IpLength {
            says,
            is: octets.len(),
        });
    }
    let computed = ipv4::checksum(&packet);
    if packet.get_checksum() != computed {
        faults.push(Fault::IpChecksum {
            got: packet.get_checksum(),
            computed,
        });
    }
    if packet.get_fragment_offset() != 0 || packet.get_flags() & Ipv4Flags::MoreFragments != 0 {
        faults.push(Fault::Fragment);
    }
    let mut route = vec![packet.get_destination()];
    route.extend(source_route(
        &octets[Ipv4Packet::minimum_packet_size()..header],
    ));
    let destination = route.pop().map_or(packet.get_destination(), |last| last);
    let ip = Ip {
        source: IpAddr::V4(packet.get_source()),
        destination: IpAddr::V4(destination),
        route,
        ttl: packet.get_ttl(),
        tos: packet.get_dscp() << 2 | packet.get_ecn(),
        df: packet.get_flags() & Ipv4Flags::DontFragment != 0,
        id: packet.get_identification(),
    };
    let end = says.clamp(header, octets.len());
    Some((ip, packet.get_next_level_protocol(), header..end))
}

/// What is left of a loose or strict source route in the options of an IPv4 header (RFC 791 §3.1):
/// the addresses from the pointer on. A route that makes no sense is none.
fn source_route(mut options: &[u8]) -> Vec<Ipv4Addr> {
    loop {
        match options {
            [] | [END_OF_OPTIONS, ..] | [_] => return Vec::new(),
            [NO_OPERATION, rest @ ..] => options = rest,
            [kind, len, ..] => {
                let Some(option) = options.get(..usize::from(*len)).filter(|_| *len >= 2) else {
                    return Vec::new();
                };
                if !matches!(*kind, LOOSE_ROUTE | STRICT_ROUTE) {
                    options = &options[option.len()..];
                    continue;
                }
                // The pointer counts from the option's first octet, as one.
                let pointer = option.get(2).map_or(0, |pointer| usize::from(*pointer));
                let left = option.get(pointer.max(4) - 1..).unwrap_or_default();
                let addresses = left
                    .chunks_exact(4)
                    .map(|address| Ipv4Addr::new(address[0], address[1], address[2], address[3]));
                return addresses.collect();
            }
        }
    }
}

fn read_v6(octets: &[u8], faults: &mut Vec<Fault>) -> Header {
    let packet = Ipv6Packet::new(octets)?;
    let header = Ipv6Packet::minimum_packet_size();
    let says = header + usize::from(packet.get_payload_length());
    if says != octets.len() {
        faults.push(Fault::IpLength {
            says,
            is: octets.len(),
        });
    }
    let ip = Ip {
        source: IpAddr::V6(packet.get_source()),
        destination: IpAddr::V6(packet.get_destination()),
        route: Vec::new(),
        ttl: packet.get_hop_limit(),
        tos: packet.get_traffic_class(),
        df: true,
        id: 0,
    };
    let end = says.clamp(header, octets.len());
    let mut next = packet.get_next_header();
    let mut start = header;
    while let IpNextHeaderProtocols::Ipv6Opts = next {
        let [protocol, words] = *octets.get(start..end)?.first_chunk()?;
        next = IpNextHeaderProtocol(protocol);
        start += 8 + usize::from(words) * 8;
    }
    if next == IpNextHeaderProtocols::Ipv6Frag {
        faults.push(Fault::Fragment);
    }
    Some((ip, next, start.min(end)..end))
}

fn read_tcp(octets: &[u8], at: Range<usize>, ip: &Ip, faults: &mut Vec<Fault>) -> Body {
    let segment = &octets[at.clone()];
    let Some(packet) = TcpPacket::new(segment) else {
        faults.push(Fault::TcpTooShort(segment.len()));
        return Body::Other(IpNextHeaderProtocols::Tcp.0);
    };
    let (got, computed) = (
        packet.get_checksum(),
        checksum(&packet, (ip.source, ip.destination)),
    );
    // RFC 1071 §1:
    //   If the result
    //   is all 1 bits (-0 in 1's complement arithmetic), the check
    //   succeeds.
    let minus_zero = computed == 0 && got == 0xffff;
    if got != computed && !minus_zero {
        faults.push(Fault::Checksum { got, computed });
    }
    if packet.get_reserved() != 0 {
        faults.push(Fault::Reserved(packet.get_reserved()));
    }
    let fixed = TcpPacket::minimum_packet_size();
    let data_offset = packet.get_data_offset();
    let says = usize::from(data_offset) * 4;
    if says < fixed || says > segment.len() {
        faults.push(Fault::DataOffset(data_offset));
    }
    let header = says.clamp(fixed, segment.len());
    let (options, error) = options::read(&segment[fixed..header]);
    faults.extend(error.map(Fault::Options));
    Body::Tcp(Tcp {
        source_port: packet.get_source(),
        destination_port: packet.get_destination(),
        seq: packet.get_sequence(),
        ack: packet.get_acknowledgement(),
        data_offset,
        reserved: packet.get_reserved(),
        flags: packet.get_flags(),
        window: packet.get_window(),
        checksum: packet.get_checksum(),
        urgent: packet.get_urgent_ptr(),
        options,
        options_at: at.start + fixed..at.start + header,
        payload_at: at.start + header..at.end,
    })
}

/// The checksum that the segment ought to have (RFC 9293 §3.1).
pub(super) fn checksum(packet: &TcpPacket<'_>, ends: (IpAddr, IpAddr)) -> u16 {
    match ends {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            tcp::ipv4_checksum(packet, &source, &destination)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            tcp::ipv6_checksum(packet, &source, &destination)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    }
}
