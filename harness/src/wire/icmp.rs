//! ICMP and ICMPv6 errors about packets of the device (RFC 792, RFC 4443 §3).
//!
//! What is quoted may be changed and cut off in any way: whether a device believes a lie is what
//! specs ask. Messages of the device are only recognized, not read.

use super::ip::{self, Header};
use pnet::packet::icmp::{self, IcmpPacket};
use pnet::packet::icmpv6::{self, Icmpv6Packet};
use pnet::packet::ipv4::{self, Ipv4Packet};
use std::net::IpAddr;

/// An ICMP error to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError<'a> {
    /// The IP header, whose protocol is that of ICMP for its IP version.
    pub ip: Header<'a>,
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// The four octets that follow the checksum: the MTU, or zero.
    pub rest: u32,
    /// The packet that the error is about, as far as it is quoted.
    pub quote: &'a [u8],
    /// Write a checksum that is wrong.
    pub bad_checksum: bool,
}

/// Writes the message in its IP packet.
///
/// # Panics
///
/// If source and destination are of different IP versions, which no link has.
pub fn emit_icmp(error: &IcmpError<'_>) -> Vec<u8> {
    let mut message = vec![error.kind, error.code, 0, 0];
    message.extend_from_slice(&error.rest.to_be_bytes());
    message.extend_from_slice(error.quote);
    let right = match (error.ip.source, error.ip.destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => Icmpv6Packet::new(&message)
            .map(|message| icmpv6::checksum(&message, &source, &destination)),
        _ => IcmpPacket::new(&message).map(|message| icmp::checksum(&message)),
    };
    // Eight octets, which every message begins with, have been written above.
    let right = right.expect("a message");
    let checksum = if error.bad_checksum {
        right ^ 0x5555
    } else {
        right
    };
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    ip::packet(&error.ip, None, &message)
}

/// What a quotation says otherwise than the packet did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lies {
    /// SEG.SEQ.
    pub seq: Option<u32>,
    /// The port of the device.
    pub port: Option<u16>,
    /// The protocol that follows the IP header.
    pub protocol: Option<u8>,
    /// The length in the IP header, of the whole packet.
    pub length: Option<u16>,
}

/// A TCP packet as an error quotes it: changed, and cut off after `octets` octets of TCP.
pub fn quotation(packet: &[u8], lies: &Lies, octets: usize) -> Vec<u8> {
    let mut quote = packet.to_vec();
    let is_v4 = quote.first().is_some_and(|first| first >> 4 == 4);
    let header = if is_v4 { 20 } else { 40 };
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = quote.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    if let Some(protocol) = lies.protocol {
        put(if is_v4 { 9 } else { 6 }, &[protocol]);
    }
    if let Some(length) = lies.length {
        let (at, length) = if is_v4 {
            (2, length)
        } else {
            (4, length.saturating_sub(40))
        };
        put(at, &length.to_be_bytes());
    }
    if let Some(port) = lies.port {
        put(header, &port.to_be_bytes());
    }
    if let Some(seq) = lies.seq {
        put(header + 4, &seq.to_be_bytes());
    }
    if is_v4 && let Some(ip) = Ipv4Packet::new(&quote) {
        let checksum = ipv4::checksum(&ip).to_be_bytes();
        quote[10..12].copy_from_slice(&checksum);
    }
    quote.truncate(header + octets);
    quote
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Outgoing, decode, emit};
    use super::*;
    use pnet::packet::ip::IpNextHeaderProtocols;
    use rstest::rstest;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

    fn ends(v6: bool) -> (IpAddr, IpAddr) {
        if v6 {
            let host = |last| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
            (host(1), host(2))
        } else {
            let host = |last| IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
            (host(1), host(2))
        }
    }

    fn segment(v6: bool) -> Vec<u8> {
        let (tester, device) = ends(v6);
        let (source, destination) = (SocketAddr::new(device, 80), SocketAddr::new(tester, 20_000));
        emit(&Outgoing {
            payload: &[7; 100],
            ..Outgoing::bare(source, destination, 0x10)
        })
    }

    #[rstest]
    #[case(false, 20)]
    #[case(true, 40)]
    fn a_quotation_lies_only_as_it_is_told_to(#[case] v6: bool, #[case] header: usize) {
        let packet = segment(v6);
        assert_eq!(quotation(&packet, &Lies::default(), 1000), packet);
        let lies = Lies {
            seq: Some(9),
            port: Some(81),
            protocol: Some(17),
            length: Some(1500),
        };
        let quote = quotation(&packet, &lies, 8);
        assert_eq!(quote.len(), header + 8);
        assert_eq!(quote[header..], [0, 81, 0x4e, 0x20, 0, 0, 0, 9]);
        let faults = decode(quote).faults;
        let checksum = |fault: &super::super::Fault| format!("{fault}").contains("checksum");
        assert!(!faults.iter().any(checksum), "{faults:?}");
    }

    #[rstest]
    #[case(false, IpNextHeaderProtocols::Icmp)]
    #[case(true, IpNextHeaderProtocols::Icmpv6)]
    fn an_error_is_read_back(
        #[case] v6: bool,
        #[case] protocol: pnet::packet::ip::IpNextHeaderProtocol,
    ) {
        let (source, destination) = ends(v6);
        let ip = Header {
            source,
            destination,
            ttl: 64,
            tos: 0,
            df: false,
            id: 0,
            protocol,
            options: &[],
        };
        let error = IcmpError {
            ip,
            kind: 3,
            code: 4,
            rest: 1000,
            quote: &segment(v6),
            bad_checksum: false,
        };
        let packet = decode(emit_icmp(&error));
        assert_eq!(packet.body, Body::Icmp { kind: 3, code: 4 });
        assert_eq!(packet.faults, []);
    }
}
