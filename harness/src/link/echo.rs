//! Echo requests and replies (RFC 792, RFC 4443), to see that a link works both ways.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Identifier of our requests.
const IDENTIFIER: u16 = 0x7463;

/// An echo request from `tester` to `device`.
pub(super) fn request(tester: IpAddr, device: IpAddr, sequence: u16) -> io::Result<Vec<u8>> {
    match (tester, device) {
        (IpAddr::V4(tester), IpAddr::V4(device)) => Ok(request_v4(tester, device, sequence)),
        (IpAddr::V6(tester), IpAddr::V6(device)) => Ok(request_v6(tester, device, sequence)),
        _ => Err(io::Error::other(
            "the two ends of a link speak one IP version",
        )),
    }
}

/// RFC 792, page 14.
fn request_v4(tester: Ipv4Addr, device: Ipv4Addr, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 1, 0, 0];
    packet.extend(tester.octets());
    packet.extend(device.octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut message = echo(8, sequence);
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    packet.extend(message);
    packet
}

/// RFC 4443 §4.1.
fn request_v6(tester: Ipv6Addr, device: Ipv6Addr, sequence: u16) -> Vec<u8> {
    let mut message = echo(128, sequence);
    let mut covered = [tester.octets(), device.octets()].concat();
    covered.extend([0, 0, 0, 8, 0, 0, 0, 58]);
    covered.extend(message);
    let sum = checksum(&covered);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x60, 0, 0, 0, 0, 8, 58, 64];
    packet.extend(tester.octets());
    packet.extend(device.octets());
    packet.extend(message);
    packet
}

fn echo(kind: u8, sequence: u16) -> [u8; 8] {
    let ([id_high, id_low], [high, low]) = (IDENTIFIER.to_be_bytes(), sequence.to_be_bytes());
    [kind, 0, 0, 0, id_high, id_low, high, low]
}

/// True for the answer to the request with that number.
pub(super) fn is_reply(packet: &[u8], sequence: u16) -> bool {
    let (header, kind) = match packet.first().map(|first| first >> 4) {
        Some(4) if packet.get(9) == Some(&1) => (20, 0),
        Some(6) if packet.get(6) == Some(&58) => (40, 129),
        _ => return false,
    };
    let wanted = echo(kind, sequence);
    packet.get(header).is_some_and(|got| *got == kind)
        && packet.get(header + 4..header + 8) == wanted.get(4..)
}

/// The Internet checksum (RFC 1071) of an even number of octets.
fn checksum(octets: &[u8]) -> u16 {
    let sum: u32 = octets
        .chunks_exact(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_known_by_its_kind_and_number() {
        let (tester, device) = (Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 1));
        let mut packet = request(tester.into(), device.into(), 7).unwrap();
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(checksum(&packet[20..]), 0);
        assert!(!is_reply(&packet, 7));
        packet[20] = 0;
        assert!(is_reply(&packet, 7));
        assert!(!is_reply(&packet, 8));
        assert!(!is_reply(&packet[..22], 7));
        assert!(!is_reply(&[], 7));
    }
}
