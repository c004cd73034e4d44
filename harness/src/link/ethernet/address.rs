//! Whose an IP packet is: by the tester's end of the connection that it belongs to.

use pnet::packet::Packet;
use pnet::packet::icmp::{IcmpPacket, IcmpTypes};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::ipv6::Ipv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket, TcpPacket};
use std::net::{IpAddr, SocketAddr};

/// An IP packet with what is said about its length taken at its word: the padding of a short
/// frame is cut off. `None` if it claims to be longer than it is, or is no IP.
pub(super) fn trimmed(octets: &[u8]) -> Option<&[u8]> {
    let length = match octets.first()? >> 4 {
        4 => usize::from(Ipv4Packet::new(octets)?.get_total_length()),
        6 => 40 + usize::from(Ipv6Packet::new(octets)?.get_payload_length()),
        _ => return None,
    };
    octets.get(..length)
}

/// The tester's end of the connection that a packet to us belongs to. An ICMP error belongs to
/// the connection whose segment it quotes.
pub(super) fn tester_end(packet: &[u8]) -> Option<SocketAddr> {
    let Body {
        to,
        protocol,
        octets,
        ..
    } = Body::of(packet)?;
    match protocol {
        IpNextHeaderProtocols::Tcp => {
            let ports: &[u8; 4] = octets.first_chunk()?;
            Some(SocketAddr::new(
                to,
                u16::from_be_bytes([ports[2], ports[3]]),
            ))
        }
        IpNextHeaderProtocols::Icmp => {
            let kind = IcmpPacket::new(octets)?.get_icmp_type();
            let is_error = [
                IcmpTypes::DestinationUnreachable,
                IcmpTypes::SourceQuench,
                IcmpTypes::TimeExceeded,
                IcmpTypes::ParameterProblem,
            ]
            .contains(&kind);
            is_error.then_some(quoted_source(octets)?)
        }
        // RFC 4443 §2.1: errors have types below 128.
        IpNextHeaderProtocols::Icmpv6 => {
            let is_error = *octets.first()? < 128;
            is_error.then_some(quoted_source(octets)?)
        }
        _ => None,
    }
}

/// The end that a segment comes from.
pub(super) fn source_end(packet: &[u8]) -> Option<SocketAddr> {
    let body = Body::of(packet)?;
    let ports: &[u8; 2] = body.octets.first_chunk()?;
    let is_tcp = body.protocol == IpNextHeaderProtocols::Tcp;
    is_tcp.then_some(SocketAddr::new(body.from, u16::from_be_bytes(*ports)))
}

/// The source of the TCP segment that an ICMP error quotes after its eight octets.
fn quoted_source(error: &[u8]) -> Option<SocketAddr> {
    let quoted = Body::of(error.get(8..)?)?;
    let ports: &[u8; 4] = quoted.octets.first_chunk()?;
    let is_tcp = quoted.protocol == IpNextHeaderProtocols::Tcp;
    let port = u16::from_be_bytes([ports[0], ports[1]]);
    is_tcp.then_some(SocketAddr::new(quoted.from, port))
}

/// What follows an IP header.
struct Body<'a> {
    from: IpAddr,
    to: IpAddr,
    protocol: IpNextHeaderProtocol,
    octets: &'a [u8],
}

impl<'a> Body<'a> {
    /// `None` for a later fragment, which has no ports. IPv6 extension headers are not walked: no
    /// TCP sends any by itself.
    fn of(packet: &'a [u8]) -> Option<Self> {
        if packet.first()? >> 4 == 6 {
            let ip = Ipv6Packet::new(packet)?;
            return Some(Self {
                from: ip.get_source().into(),
                to: ip.get_destination().into(),
                protocol: ip.get_next_header(),
                octets: packet.get(40..)?,
            });
        }
        let ip = Ipv4Packet::new(packet)?;
        let body = Self {
            from: ip.get_source().into(),
            to: ip.get_destination().into(),
            protocol: ip.get_next_level_protocol(),
            octets: packet.get(usize::from(ip.get_header_length()) * 4..)?,
        };
        (ip.get_fragment_offset() == 0).then_some(body)
    }
}

/// Writes the checksum that the sender of a TCP segment left to its hardware.
pub(super) fn finish_checksum(packet: &mut [u8]) {
    let Some((start, sum)) = checksum(packet) else {
        return;
    };
    if let Some(mut tcp) = packet.get_mut(start..).and_then(MutableTcpPacket::new) {
        tcp.set_checksum(sum);
    }
}

/// Where the TCP header of a packet begins, if it has one.
pub(super) fn tcp_of(packet: &[u8]) -> Option<usize> {
    let body = Body::of(packet)?;
    (body.protocol == IpNextHeaderProtocols::Tcp).then(|| packet.len() - body.octets.len())
}

/// Where the TCP header of a packet begins, and what its checksum should be.
fn checksum(packet: &[u8]) -> Option<(usize, u16)> {
    let body = Body::of(packet)?;
    if body.protocol != IpNextHeaderProtocols::Tcp {
        return None;
    }
    let segment = TcpPacket::new(body.octets)?;
    let start = packet.len() - segment.packet().len();
    let sum = match (body.from, body.to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => tcp::ipv4_checksum(&segment, &from, &to),
        (IpAddr::V6(from), IpAddr::V6(to)) => tcp::ipv6_checksum(&segment, &from, &to),
        _ => return None,
    };
    Some((start, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A Redis client's PING, as it was captured.
    const PING: &str = "4500004208d140003606149d0ab3b5610a605cd4989e18ebf65aec00fe33550480180\
        0e54b5f00000101080ab062ecacbab26fe62a310d0a24340d0a70696e670d0a";

    fn octets(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits
            .chunks(2)
            .map(|digits| pair(digits).unwrap())
            .collect()
    }

    #[test]
    fn a_segment_belongs_to_its_destination_and_its_padding_to_nobody() {
        let ping = octets(PING);
        let mut padded = ping.clone();
        padded.extend([0; 6]);
        assert_eq!(trimmed(&padded), Some(&ping[..]));
        let tester = Some("10.96.92.212:6379".parse().unwrap());
        assert_eq!(tester_end(&ping), tester);
        let device = Some("10.179.181.97:39070".parse().unwrap());
        assert_eq!(source_end(&ping), device);
        assert_eq!(trimmed(&ping[..40]), None);
    }

    #[test]
    fn an_icmp_error_belongs_to_the_connection_that_it_quotes() {
        let ping = octets(PING);
        let mut error = ping[..20].to_vec();
        error[9] = 1;
        error.extend([3, 3, 0, 0, 0, 0, 0, 0]);
        error.extend(&ping[..28]);
        let tester = Some("10.179.181.97:39070".parse().unwrap());
        assert_eq!(tester_end(&error), tester);
        error[20] = 8;
        assert_eq!(tester_end(&error), None, "an echo request");
    }

    #[test]
    fn an_unfinished_checksum_is_written() {
        let ping = octets(PING);
        let mut unfinished = ping.clone();
        unfinished[36..38].copy_from_slice(&[0xbe, 0xef]);
        finish_checksum(&mut unfinished);
        assert_eq!(unfinished, ping);
    }

    proptest! {
        #[test]
        fn nothing_from_the_wire_panics(mut octets in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = trimmed(&octets);
            let _ = tester_end(&octets);
            let _ = source_end(&octets);
            finish_checksum(&mut octets);
        }
    }
}
