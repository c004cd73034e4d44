//! Ways for IP packets between the tester and a device outside this process, and the clock by
//! which they are stamped.
//!
//! [`Link`] is a private link to this machine's own kernel, in the network namespace of the
//! calling thread. It knows nothing of TCP.

pub mod clock;
mod echo;
pub mod ethernet;
pub mod firewall;
pub mod netlink;
pub mod packet_socket;
pub mod privilege;
pub mod readiness;
pub mod tun;
pub mod veth;

use crate::device::{Crowd, LinkInfo};
use netlink::{Netlink, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use packet_socket::{PacketSocket, Tapped};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};
use tcpspec_reports::record::Family;
use tun::Tun;

/// The interface that has the device's addresses.
pub const DEVICE_END: &str = "device0";
/// MTU of the link, octets.
pub const MTU: u16 = 1500;

/// `IFLA_GSO_MAX_SEGS` of `linux/if_link.h`.
const IFLA_GSO_MAX_SEGS: u16 = 40;
/// `IFLA_INET6_ADDR_GEN_MODE` of `linux/if_link.h`, and its value for no addresses at all.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
/// How often an echo request is repeated before the link is given up.
const WARM_UP_TRIES: u16 = 5_000;
/// How long an echo reply is waited for.
const WARM_UP_PAUSE_MS: u8 = 2;

/// How packets get to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TUN device: needs its node to be open to us.
    Tun,
    /// A pair of virtual Ethernet devices.
    Veth,
}

impl Kind {
    /// TUN where its node can be opened, else veth.
    pub fn available() -> Self {
        let node = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(tun::NODE);
        if node.is_ok() { Self::Tun } else { Self::Veth }
    }

    /// `tun`, `veth`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tun => "tun",
            Self::Veth => "veth",
        }
    }
}

/// The tester's address on a private link.
fn tester_address(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, 2).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into(),
    }
}

/// The device's address on a private link.
fn device_address(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    }
}

/// The ends of a private link.
pub fn info(family: Family) -> LinkInfo {
    LinkInfo {
        tester: tester_address(family),
        device: device_address(family),
        mtu: MTU,
        ports: None,
        crowd: Crowd::of(family),
    }
}

/// A private link to the kernel, in one network namespace.
#[derive(Debug)]
pub struct Link {
    tap: PacketSocket,
    way: Way,
}

/// How packets are handed to the kernel.
#[derive(Debug)]
enum Way {
    Tun(Tun),
    Veth(PacketSocket),
}

impl Link {
    /// Makes the link in the namespace of the calling thread, ready for use.
    pub fn create(kind: Kind, family: Family) -> io::Result<Self> {
        let mut route = Netlink::route()?;
        let mut link = match kind {
            Kind::Tun => {
                let tun = Tun::create(DEVICE_END)?;
                let device = index_of(DEVICE_END)?;
                configure(&mut route, device, family)?;
                let tap = PacketSocket::tap(device)?;
                Self {
                    tap,
                    way: Way::Tun(tun),
                }
            }
            Kind::Veth => {
                veth::create(&mut route, DEVICE_END)?;
                veth::disable_offloads(DEVICE_END)?;
                let ours = index_of(veth::TESTER_END)?;
                silence_ipv6(&mut route, ours)?;
                route.order(bring_up(ours))?;
                configure(&mut route, index_of(DEVICE_END)?, family)?;
                let way = Way::Veth(PacketSocket::sender(ours)?);
                Self {
                    tap: PacketSocket::tap(ours)?,
                    way,
                }
            }
        };
        link.warm_up(info(family))?;
        Ok(link)
    }

    /// Repeats an echo request until it is answered: a new veth pair loses packets at first.
    fn warm_up(&mut self, ends: LinkInfo) -> io::Result<()> {
        for sequence in 0..WARM_UP_TRIES {
            self.send(&echo::request(ends.tester, ends.device, sequence)?)?;
            while self.wait(WARM_UP_PAUSE_MS)? {
                while let Some((seen, from_device)) = self.receive()? {
                    // The answer to the latest request: no answer can follow it.
                    if from_device && echo::is_reply(&seen.packet, sequence) {
                        return Ok(());
                    }
                }
            }
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the device never answered an echo request",
        ))
    }

    /// True if something was seen within so many milliseconds.
    fn wait(&self, milliseconds: u8) -> io::Result<bool> {
        let mut waited = [PollFd::new(self.tap.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut waited, PollTimeout::from(milliseconds))? > 0)
    }

    /// Hands the kernel an IP packet.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        match &self.way {
            Way::Tun(tun) => tun.send(packet),
            Way::Veth(sender) => sender.send(packet, veth::DEVICE_MAC),
        }
    }

    /// The next packet on the link, in either direction, and whether it came from the device.
    pub fn receive(&mut self) -> io::Result<Option<(Tapped, bool)>> {
        let Some(tapped) = self.tap.receive()? else {
            if let Way::Tun(tun) = &self.way {
                tun.drain()?;
            }
            return Ok(None);
        };
        // The tap sits on the device's own interface, or on the other end of its cable.
        let from_device = match self.way {
            Way::Tun(_) => tapped.outgoing,
            Way::Veth(_) => !tapped.outgoing,
        };
        Ok(Some((tapped, from_device)))
    }

    /// Packets that the tap lost.
    pub fn dropped(&mut self) -> io::Result<u64> {
        self.tap.dropped()
    }
}

impl AsFd for Link {
    /// Readable when [`Link::receive`] has something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tap.as_fd()
    }
}

/// Gives the device's end its address, and routes everything there is over it, so that the tester
/// can speak as anybody.
fn configure(route: &mut Netlink, device: u32, family: Family) -> io::Result<()> {
    silence_ipv6(route, device)?;
    let (version, prefix, address) = match device_address(family) {
        IpAddr::V4(address) => (libc::AF_INET as u8, 24, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6 as u8, 64, address.octets().to_vec()),
    };
    let own_address = new_address(version, prefix, device, &address);
    let main = (libc::RT_TABLE_MAIN, libc::RTN_UNICAST);
    let everywhere = new_route(version, main, device, None);
    match family {
        Family::V4 => route.order_all([bring_up(device), own_address, everywhere]),
        Family::V6 => {
            // The kernel makes this route by itself, but some time later: 0.1 ms, or seconds where
            // many namespaces are made at once.
            let local = (libc::RT_TABLE_LOCAL, libc::RTN_LOCAL);
            let here = new_route(version, local, device, Some(&address));
            route.order_all([bring_up(device), own_address, here, everywhere])
        }
    }
}

/// Gives the device's end another address, of a network that nobody else is on.
pub fn add_address(address: IpAddr) -> io::Result<()> {
    let device = index_of(DEVICE_END)?;
    let mut route = Netlink::route()?;
    match address {
        IpAddr::V4(address) => {
            let (version, octets) = (libc::AF_INET as u8, address.octets());
            route.order(new_address(version, 32, device, &octets))
        }
        IpAddr::V6(address) => {
            let (version, octets) = (libc::AF_INET6 as u8, address.octets());
            let local = (libc::RT_TABLE_LOCAL, libc::RTN_LOCAL);
            let here = new_route(version, local, device, Some(&octets));
            route.order_all([new_address(version, 128, device, &octets), here])
        }
    }
}

/// An address of the interface, at once and without asking whether somebody has it.
fn new_address(version: u8, prefix: u8, index: u32, address: &[u8]) -> Request {
    let flags = libc::IFA_F_NODAD as u8;
    // struct ifaddrmsg: family, prefix length, flags, scope, index.
    Request::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
        .octets(&[version, prefix, flags, libc::RT_SCOPE_UNIVERSE])
        .octets(&index.to_ne_bytes())
        .attribute(libc::IFA_LOCAL, address)
        .attribute(libc::IFA_ADDRESS, address)
}

/// No link-local address, and so no router solicitation: else a host speaks without being asked.
/// Must come before the interface is up.
///
/// The kernel settings `net.ipv6.conf.default.*` would say the same, but whoever writes them polls
/// for the lock of the network configuration: 1 ms of processor time and more, where namespaces
/// are made and removed by the hundred.
fn silence_ipv6(route: &mut Netlink, index: u32) -> io::Result<()> {
    let silence = Request::new(libc::RTM_NEWLINK, 0)
        .octets(&[0; 4])
        .octets(&index.to_ne_bytes())
        .octets(&[0; 8])
        .nested(libc::IFLA_AF_SPEC, |families| {
            families.nested(libc::AF_INET6 as u16, |ipv6| {
                ipv6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE])
            })
        });
    match route.order(silence) {
        // A kernel without IPv6 makes no noise either.
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(()),
        done => done,
    }
}

/// A route in that table and of that type over the interface: to one address, or to everything.
fn new_route(version: u8, (table, kind): (u8, u8), index: u32, to: Option<&[u8]>) -> Request {
    let length = to.map_or(0, |address| address.len() as u8 * 8);
    let (protocol, scope) = (libc::RTPROT_STATIC, libc::RT_SCOPE_UNIVERSE);
    // struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type.
    let request = Request::new(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
        .octets(&[version, length, 0, 0, table, protocol, scope, kind])
        .octets(&[0; 4])
        .attribute(libc::RTA_OIF, &index.to_ne_bytes());
    match to {
        Some(address) => request.attribute(libc::RTA_DST, address),
        None => request,
    }
}

/// Up, and without address resolution: there is nobody to ask.
///
/// The kernel may hand over one segment at a time only. If it can hand over more, it waits for
/// the next ACK to have more to hand over, and a tester that looks at what one ACK lets go waits
/// for ever.
fn bring_up(index: u32) -> Request {
    let flags = (libc::IFF_UP | libc::IFF_NOARP) as u32;
    // struct ifinfomsg: family, padding, type, index, flags, mask of flags.
    Request::new(libc::RTM_NEWLINK, 0)
        .octets(&[0; 4])
        .octets(&index.to_ne_bytes())
        .octets(&flags.to_ne_bytes())
        .octets(&flags.to_ne_bytes())
        .attribute(libc::IFLA_MTU, &u32::from(MTU).to_ne_bytes())
        .attribute(IFLA_GSO_MAX_SEGS, &1_u32.to_ne_bytes())
}

fn index_of(interface: &str) -> io::Result<u32> {
    Ok(nix::net::if_::if_nametoindex(interface)?)
}

/// An `ifreq` for that interface, with everything else zero.
fn interface_request(interface: &str) -> io::Result<libc::ifreq> {
    let mut name: [libc::c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    if interface.len() >= name.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the interface's name is too long",
        ));
    }
    for (to, from) in name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: an ifreq consists of integers and pointers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name = name;
    Ok(request)
}
