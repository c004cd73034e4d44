//! The tap: a packet socket on an interface that sees every IP packet in both directions, with the
//! kernel's time stamp.
//!
//! "Cooked" sockets (`SOCK_DGRAM`) leave out the link header, so that a TUN device and an Ethernet
//! device look the same.

use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike,
};
use nix::sys::socket::{bind, recvmsg, sendto, setsockopt, socket};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Wanted receive buffer: about 5,000 small packets.
const RECEIVE_BUFFER: usize = 4 << 20;
/// No IP packet is longer.
pub(super) const LARGEST_PACKET: usize = 65_535;

/// A packet as the tap saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// When, on the kernel's real-time clock, since the Unix epoch.
    pub stamp: Duration,
    /// The interface's own machine sent it.
    pub outgoing: bool,
    /// From the IP header on.
    pub packet: Vec<u8>,
}

/// A packet socket bound to one interface. It does not block.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    index: u32,
    buffer: Vec<u8>,
    dropped: u64,
}

impl PacketSocket {
    /// Sees every packet of the interface with that index, in both directions, with stamps.
    pub fn tap(index: u32) -> io::Result<Self> {
        let tap = Self::open(index, libc::ETH_P_ALL as u16)?;
        setsockopt(&tap.socket, ReceiveTimestampns, &true)?;
        // Beyond net.core.rmem_max only with CAP_NET_ADMIN in the first user namespace.
        if setsockopt(&tap.socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&tap.socket, RcvBuf, &RECEIVE_BUFFER)?;
        }
        Ok(tap)
    }

    /// Only sends: sees nothing.
    pub fn sender(index: u32) -> io::Result<Self> {
        Self::open(index, 0)
    }

    /// A socket made with a protocol would collect packets of all interfaces until it is bound.
    fn open(index: u32, protocol: u16) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, None)?;
        bind(socket.as_raw_fd(), &link_address(index, protocol, [0; 6])?)?;
        let buffer = if protocol == 0 {
            Vec::new()
        } else {
            vec![0; LARGEST_PACKET]
        };
        Ok(Self {
            socket,
            index,
            buffer,
            dropped: 0,
        })
    }

    /// Sends an IP packet to the station with the address `mac`.
    pub fn send(&self, packet: &[u8], mac: [u8; 6]) -> io::Result<()> {
        let protocol = match packet.first().map(|first| first >> 4) {
            Some(6) => libc::ETH_P_IPV6,
            _ => libc::ETH_P_IP,
        };
        let to = link_address(self.index, protocol as u16, mac)?;
        sendto(self.socket.as_raw_fd(), packet, &to, MsgFlags::empty())?;
        Ok(())
    }

    /// The next packet that was seen, if there is one.
    pub fn receive(&mut self) -> io::Result<Option<Tapped>> {
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let received = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let message = match received {
            Ok(message) => message,
            Err(nix::errno::Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let outgoing = message
            .address
            .is_some_and(|from| from.pkttype() == libc::PACKET_OUTGOING);
        let stamp = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        let length = message.bytes;
        let stamp = stamp.ok_or_else(|| io::Error::other("the kernel gave no time stamp"))?;
        let packet = self.buffer.get(..length).unwrap_or_default().to_vec();
        Ok(Some(Tapped {
            stamp,
            outgoing,
            packet,
        }))
    }

    /// Packets that found the receive buffer full, since the socket was opened.
    pub fn dropped(&mut self) -> io::Result<u64> {
        // Reading resets the kernel's counters.
        self.dropped += u64::from(statistics(self.socket.as_fd())?.tp_drops);
        Ok(self.dropped)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The address of a station on the interface with that index, or, with a protocol, of what is
/// wanted from there.
pub fn link_address(index: u32, protocol: u16, mac: [u8; 6]) -> io::Result<LinkAddr> {
    let mut address = [0; 8];
    address[..6].copy_from_slice(&mac);
    let raw = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: address,
    };
    // SAFETY: `raw` is a complete sockaddr_ll of AF_PACKET, which lives during the call and is
    // copied by it.
    let address = unsafe {
        LinkAddr::from_raw(
            (&raw const raw).cast(),
            Some(size_of::<libc::sockaddr_ll>() as libc::socklen_t),
        )
    };
    address.ok_or_else(|| io::Error::other("a link address was not taken as one"))
}

pub(super) fn statistics(socket: BorrowedFd<'_>) -> io::Result<libc::tpacket_stats> {
    let mut statistics = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` octets to `statistics`, which has that size and
    // for which every bit pattern is valid.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut length,
        )
    };
    if done == 0 {
        Ok(statistics)
    } else {
        Err(io::Error::last_os_error())
    }
}
