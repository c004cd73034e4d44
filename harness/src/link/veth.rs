//! A pair of virtual Ethernet devices, for whoever may not open the TUN node: one end has the
//! device's addresses, the other is ours and has none.
//!
//! Both ends lie in one namespace. The device's end resolves no addresses (`IFF_NOARP`): its
//! frames carry its own address as their destination, so that our end's kernel takes them for
//! somebody else's and only the tap looks at them. Checksum and segmentation offloads are off,
//! else packets would be seen before they are finished.

use super::netlink::{Netlink, Request};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

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
                info.attribute(libc::IFLA_INFO_KIND, b"veth")
                    .nested(libc::IFLA_INFO_DATA, |data| {
                        data.nested(VETH_INFO_PEER, |end| {
                            end.octets(&peer)
                                .attribute(libc::IFLA_IFNAME, &terminated(TESTER_END))
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
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn terminated(name: &str) -> Vec<u8> {
    let mut octets = name.as_bytes().to_vec();
    octets.push(0);
    octets
}
