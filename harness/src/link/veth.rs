//! A pair of virtual Ethernet devices, for whoever may not open the TUN node: one end has the
//! device's addresses, the other is ours and has none.
//!
//! Both ends lie in one namespace. The device's end resolves no addresses (`IFF_NOARP`): its
//! frames carry its own address as their destination, so that our end's kernel takes them for
//! somebody else's and only the tap looks at them. Checksum and segmentation offloads are off,
//! else packets would be seen before they are finished.

use super::netlink::{Netlink, Request};
use super::packet_socket::PacketSocket;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

/// Our end of the pair.
pub const TESTER_END: &str = "tester0";
/// The address of the device's end on the link: locally administered.
pub const DEVICE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

/// `VETH_INFO_PEER` of `linux/veth.h`.
const VETH_INFO_PEER: u16 = 1;
/// Commands of `linux/ethtool.h`: transmit checksums, TCP segmentation, generic segmentation.
const ETHTOOL_STXCSUM: u32 = 0x17;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_SGSO: u32 = 0x24;
/// Identifier of our echo requests, which the device has to answer before the case begins.
const WARM_UP: u16 = 0x7463;
/// How often an echo request is repeated, once in two milliseconds.
const WARM_UP_TRIES: u16 = 500;

/// Makes the pair, both ends down.
pub fn create(route: &mut Netlink, device_end: &str) -> io::Result<()> {
    let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let peer = [0; 16];
    route.order(
        Request::new(libc::RTM_NEWLINK, flags)
            .octets(&[0; 16])
            .attribute(libc::IFLA_IFNAME, &terminated(device_end))
            .attribute(libc::IFLA_ADDRESS, &DEVICE_MAC)
            .nested(libc::IFLA_LINKINFO, |info| {
                info.attribute(libc::IFLA_INFO_KIND, b"veth").nested(libc::IFLA_INFO_DATA, |data| {
                    data.nested(VETH_INFO_PEER, |end| {
                        end.octets(&peer).attribute(libc::IFLA_IFNAME, &terminated(TESTER_END))
                    })
                })
            }),
    )
}

/// Makes the interface finish its packets itself: checksums written, no segments joined.
pub fn disable_offloads(interface: &str) -> io::Result<()> {
    for command in [ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO] {
        set_feature(interface, command, 0)?;
    }
    Ok(())
}

/// `struct ethtool_value` of `linux/ethtool.h`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    value: u32,
}

fn set_feature(interface: &str, command: u32, value: u32) -> io::Result<()> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let mut value = EthtoolValue { command, value };
    let mut request = super::interface_request(interface)?;
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL reads one ifreq and, behind its data pointer, for the commands used
    // here, one ethtool_value; both live until the call returns.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Repeats an echo request until it is answered: before that, a new pair loses packets.
pub fn warm_up(
    sender: &PacketSocket,
    tap: &mut PacketSocket,
    tester: IpAddr,
    device: IpAddr,
) -> io::Result<()> {
    for sequence in 0..WARM_UP_TRIES {
        sender.send(&echo_request(tester, device, sequence)?, DEVICE_MAC)?;
        let mut waited = [PollFd::new(tap.as_fd(), PollFlags::POLLIN)];
        poll(&mut waited, PollTimeout::from(2_u8))?;
        while let Some(seen) = tap.receive()? {
            // The answer to the latest request: no other can follow it.
            if !seen.outgoing && is_echo_reply(&seen.packet, sequence) {
                return Ok(());
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the device's end never answered an echo request"))
}

fn echo_request(tester: IpAddr, device: IpAddr, sequence: u16) -> io::Result<Vec<u8>> {
    match (tester, device) {
        (IpAddr::V4(tester), IpAddr::V4(device)) => Ok(echo_request_v4(tester, device, sequence)),
        (IpAddr::V6(tester), IpAddr::V6(device)) => Ok(echo_request_v6(tester, device, sequence)),
        _ => Err(io::Error::other("the two ends of a link speak one IP version")),
    }
}

/// RFC 792, page 14.
fn echo_request_v4(tester: Ipv4Addr, device: Ipv4Addr, sequence: u16) -> Vec<u8> {
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
fn echo_request_v6(tester: Ipv6Addr, device: Ipv6Addr, sequence: u16) -> Vec<u8> {
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
    let ([id_high, id_low], [high, low]) = (WARM_UP.to_be_bytes(), sequence.to_be_bytes());
    [kind, 0, 0, 0, id_high, id_low, high, low]
}

fn is_echo_reply(packet: &[u8], sequence: u16) -> bool {
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
    let sum: u32 =
        octets.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

fn terminated(name: &str) -> Vec<u8> {
    let mut octets = name.as_bytes().to_vec();
    octets.push(0);
    octets
}
