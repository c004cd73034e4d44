//! A packet socket that sees and sends whole Ethernet frames, also those for stations that this
//! machine does not know of.

use crate::link::packet_socket::{self, LARGEST_PACKET};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimeout, ReceiveTimestampns};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType,
};
use nix::sys::socket::{bind, recvmsg, sendmmsg, sendmsg, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// Wanted receive buffer: all cases share it.
const RECEIVE_BUFFER: usize = 32 << 20;
/// A frame around the largest packet, with a tag.
const LARGEST_FRAME: usize = LARGEST_PACKET + 18;
/// Frames that the kernel is handed at once.
const BATCH: usize = 64;
/// How long a receive waits before it says that nothing came.
const PATIENCE_MS: i64 = 20;

/// A frame as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// When, on the kernel's real-time clock, since the Unix epoch.
    pub stamp: Duration,
    /// The VLAN whose tag the kernel has taken off.
    pub vlan: Option<u16>,
    /// Its sender left the checksum to hardware that the frame never passed (a virtual link).
    pub unfinished: bool,
    /// Its sender left the cutting into segments to such hardware too: octets of text in each.
    pub segment: Option<u16>,
    /// From the Ethernet header on.
    pub octets: Vec<u8>,
}

/// The socket. Dropping it leaves promiscuous mode.
#[derive(Debug)]
pub struct FrameSocket {
    socket: OwnedFd,
}

impl FrameSocket {
    /// Opens it on the interface with that index. Needs CAP_NET_RAW.
    pub fn open(index: u32) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let this = Self { socket };
        this.enable(libc::PACKET_AUXDATA, &1_i32.to_ne_bytes())?;
        this.enable(libc::PACKET_VNET_HDR, &1_i32.to_ne_bytes())?;
        this.enable(libc::PACKET_IGNORE_OUTGOING, &1_i32.to_ne_bytes())?;
        this.enable(libc::PACKET_ADD_MEMBERSHIP, &promiscuous(index))?;
        setsockopt(&this.socket, ReceiveTimestampns, &true)?;
        setsockopt(
            &this.socket,
            ReceiveTimeout,
            &TimeVal::milliseconds(PATIENCE_MS),
        )?;
        // Beyond net.core.rmem_max only with CAP_NET_ADMIN in the first user namespace.
        if setsockopt(&this.socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&this.socket, RcvBuf, &RECEIVE_BUFFER)?;
        }
        let everything = packet_socket::link_address(index, libc::ETH_P_ALL as u16, [0; 6])?;
        bind(this.socket.as_raw_fd(), &everything)?;
        Ok(this)
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let parts = [IoSlice::new(&[0; OFFLOADS]), IoSlice::new(frame)];
        let flags = MsgFlags::empty();
        sendmsg::<()>(self.socket.as_raw_fd(), &parts, &[], flags, None)?;
        Ok(())
    }

    /// Sends frames, one after the other, as many as the kernel takes at once.
    pub fn send_all(&self, frames: &[Vec<u8>]) -> io::Result<()> {
        for batch in frames.chunks(BATCH) {
            let mut headers = MultiHeaders::<LinkAddr>::preallocate(batch.len(), None);
            let parts = batch
                .iter()
                .map(|frame| [IoSlice::new(&[0; OFFLOADS]), IoSlice::new(frame)]);
            let parts: Vec<[IoSlice<'_>; 2]> = parts.collect();
            let nowhere = vec![None; batch.len()];
            let socket = self.socket.as_raw_fd();
            let flags = MsgFlags::empty();
            let sent = sendmmsg(socket, &mut headers, &parts, nowhere, [], flags)?.count();
            // The kernel stops where it can take no more just now, and says why of the next alone.
            for frame in batch.get(sent..).unwrap_or_default() {
                self.send(frame)?;
            }
        }
        Ok(())
    }

    /// The next frame; `None` if none came within a while.
    pub fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<Option<Arrived>> {
        buffer.resize(OFFLOADS + LARGEST_FRAME, 0);
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, [u8; AUXILIARY]);
        let mut slices = [IoSliceMut::new(buffer)];
        let socket = self.socket.as_raw_fd();
        let received =
            recvmsg::<LinkAddr>(socket, &mut slices, Some(&mut control), MsgFlags::empty());
        let message = match received {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let mut arrived = Arrived {
            stamp: Duration::ZERO,
            vlan: None,
            unfinished: false,
            segment: None,
            octets: Vec::new(),
        };
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => arrived.stamp = stamp.into(),
                ControlMessageOwned::Unknown(other) => {
                    let auxiliary = Auxiliary::read(&other.data_bytes);
                    arrived.vlan = auxiliary.vlan;
                    arrived.unfinished = auxiliary.unfinished;
                }
                _ => {}
            }
        }
        let length = message.bytes;
        let received = buffer.get(..length).unwrap_or_default();
        let (offloads, frame) = received.split_at_checked(OFFLOADS).unwrap_or_default();
        arrived.segment = segment_size(offloads);
        arrived.octets = frame.to_vec();
        Ok(Some(arrived))
    }

    /// Frames that found the receive buffer full since this was last asked.
    pub fn dropped(&self) -> io::Result<u64> {
        Ok(u64::from(
            packet_socket::statistics(self.socket.as_fd())?.tp_drops,
        ))
    }

    fn enable(&self, option: libc::c_int, value: &[u8]) -> io::Result<()> {
        // SAFETY: the kernel copies `value`, whose length is given, during the call.
        let done = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                value.as_ptr().cast(),
                value.len() as libc::socklen_t,
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// A `struct packet_mreq`: index, type, length and octets of an address.
fn promiscuous(index: u32) -> [u8; 16] {
    let mut request = [0; 16];
    request[..4].copy_from_slice(&index.to_ne_bytes());
    request[4..6].copy_from_slice(&(libc::PACKET_MR_PROMISC as u16).to_ne_bytes());
    request
}

/// Octets of the `struct virtio_net_hdr` before every frame: flags, type of segmentation, length of
/// the headers, size of a segment, start and offset of the checksum.
const OFFLOADS: usize = 10;
/// Types of segmentation (`linux/virtio_net.h`), without the bit for ECN.
const SEGMENTATION: [u8; 2] = [1, 4];
const SEGMENTATION_ECN: u8 = 0x80;

/// The text of a segment, if the frame is to be cut into segments of TCP.
fn segment_size(offloads: &[u8]) -> Option<u16> {
    let kind = offloads.get(1)? & !SEGMENTATION_ECN;
    let size = u16::from_ne_bytes(*offloads.get(4..6)?.first_chunk()?);
    (SEGMENTATION.contains(&kind) && size > 0).then_some(size)
}

/// Octets of a `struct tpacket_auxdata`.
const AUXILIARY: usize = 20;

/// What the kernel says beside a frame.
#[derive(Debug, Default, PartialEq, Eq)]
struct Auxiliary {
    vlan: Option<u16>,
    unfinished: bool,
}

impl Auxiliary {
    /// Reads a `struct tpacket_auxdata`: status, length, captured length, two offsets, tag.
    fn read(octets: &[u8]) -> Self {
        let status = octets
            .first_chunk()
            .map_or(0, |word| u32::from_ne_bytes(*word));
        let tag = octets.get(16..18).and_then(|tag| tag.first_chunk());
        let tag = tag.map(|tag| u16::from_ne_bytes(*tag) & 0x0fff);
        Self {
            vlan: tag.filter(|_| status & libc::TP_STATUS_VLAN_VALID != 0),
            unfinished: status & libc::TP_STATUS_CSUMNOTREADY != 0,
        }
    }
}

const _: () = assert!(AUXILIARY == size_of::<[u32; 3]>() + size_of::<[u16; 4]>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_how_a_frame_is_to_be_cut() {
        let mut offloads = [0; OFFLOADS];
        offloads[4..6].copy_from_slice(&1448_u16.to_ne_bytes());
        assert_eq!(segment_size(&offloads), None);
        for kind in [1, 4, 0x81] {
            offloads[1] = kind;
            assert_eq!(segment_size(&offloads), Some(1448));
        }
        assert_eq!(segment_size(&offloads[..3]), None);
    }

    #[test]
    fn the_kernel_says_which_tag_it_took_off_and_which_checksum_is_missing() {
        let mut octets = [0; AUXILIARY];
        octets[16..18].copy_from_slice(&0x2064_u16.to_ne_bytes());
        assert_eq!(Auxiliary::read(&octets), Auxiliary::default());
        let status = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_CSUMNOTREADY;
        octets[..4].copy_from_slice(&status.to_ne_bytes());
        let told = Auxiliary {
            vlan: Some(100),
            unfinished: true,
        };
        assert_eq!(Auxiliary::read(&octets), told);
        assert_eq!(Auxiliary::read(&octets[..3]), Auxiliary::default());
    }
}
