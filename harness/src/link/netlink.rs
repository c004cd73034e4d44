//! As much netlink as a link of our own and the kernel's socket diagnosis take: a request, its
//! attributes, the acknowledgement, the one answer or the many.
//!
//! RFC 3549 describes the message format. Multicast groups and events are left out.

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{recv, send, socket};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Length of a message header.
const HEADER: usize = 16;
/// The kernel never answers a request of ours with more.
const LARGEST_ANSWER: usize = 16 * 1024;

/// A netlink socket, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// Speaks to the kernel's link, address and route configuration.
    pub fn route() -> io::Result<Self> {
        Self::open(SockProtocol::NetlinkRoute)
    }

    /// Speaks to the kernel's socket diagnosis.
    pub fn sock_diag() -> io::Result<Self> {
        Self::open(SockProtocol::NetlinkSockDiag)
    }

    /// Speaks to whatever service of the kernel has a name.
    pub fn generic() -> io::Result<Self> {
        Self::open(SockProtocol::NetlinkGeneric)
    }

    /// Speaks to the kernel's packet filters.
    pub fn netfilter() -> io::Result<Self> {
        Self::open(SockProtocol::NetlinkNetFilter)
    }

    fn open(protocol: SockProtocol) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Asks the kernel to do something, and waits until it has.
    pub fn order(&mut self, request: Request) -> io::Result<()> {
        self.order_all([request])
    }

    /// Orders several things at once, the first one first, and waits until all are done. One that
    /// fails does not keep the kernel from those that follow; the first failure is returned.
    pub fn order_all<const N: usize>(&mut self, requests: [Request; N]) -> io::Result<()> {
        let first = self.sequence + 1;
        let mut octets = Vec::new();
        for request in requests {
            self.sequence += 1;
            octets.extend(request.finish(libc::NLM_F_ACK as u16, self.sequence));
        }
        send(self.socket.as_raw_fd(), &octets, MsgFlags::empty())?;
        let answers = (first..=self.sequence).map(|sequence| self.receive(sequence));
        let answers: Vec<_> = answers.collect();
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// Asks a question that has one answer; `None` if there is no such thing.
    pub fn ask(&mut self, request: Request) -> io::Result<Option<Vec<u8>>> {
        self.sequence += 1;
        let octets = request.finish(0, self.sequence);
        send(self.socket.as_raw_fd(), &octets, MsgFlags::empty())?;
        match self.receive(self.sequence) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            answered => answered,
        }
    }

    /// Asks a question that has any number of answers.
    pub fn dump(&mut self, request: Request) -> io::Result<Vec<Vec<u8>>> {
        self.sequence += 1;
        let octets = request.finish(libc::NLM_F_DUMP as u16, self.sequence);
        send(self.socket.as_raw_fd(), &octets, MsgFlags::empty())?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; LARGEST_ANSWER];
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            for (kind, sequence, payload) in messages(buffer.get(..length).unwrap_or_default()) {
                match i32::from(kind) {
                    _ if sequence != self.sequence => {}
                    libc::NLMSG_DONE => return Ok(answers),
                    libc::NLMSG_ERROR => outcome(payload)?,
                    _ => answers.push(payload.to_vec()),
                }
            }
        }
    }

    /// Asks the kernel's packet filter for several things, of which it does all or none.
    pub fn batch(&mut self, requests: Vec<Request>) -> io::Result<()> {
        // struct nfgenmsg: family, version, subsystem in network order.
        let mark = |kind: i32| {
            let subsystem = (libc::NFNL_SUBSYS_NFTABLES as u16).to_be_bytes();
            Request::new(kind as u16, 0)
                .octets(&[0, 0])
                .octets(&subsystem)
        };
        let mut octets = mark(libc::NFNL_MSG_BATCH_BEGIN).finish(0, self.sequence);
        let mut open = requests.len();
        let first = self.sequence + 1;
        for request in requests {
            self.sequence += 1;
            octets.extend(request.finish(libc::NLM_F_ACK as u16, self.sequence));
        }
        let last = self.sequence;
        self.sequence += 1;
        octets.extend(mark(libc::NFNL_MSG_BATCH_END).finish(0, self.sequence));
        send(self.socket.as_raw_fd(), &octets, MsgFlags::empty())?;
        let mut buffer = vec![0; LARGEST_ANSWER];
        while open > 0 {
            let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            for (kind, sequence, payload) in messages(buffer.get(..length).unwrap_or_default()) {
                // What is wrong with the whole is said of its first mark.
                if i32::from(kind) == libc::NLMSG_ERROR && sequence + 1 >= first {
                    outcome(payload)?;
                    open -= usize::from((first..=last).contains(&sequence));
                }
            }
        }
        Ok(())
    }

    /// The payload of the answer to that request; `None` for a bare acknowledgement.
    fn receive(&self, sequence: u32) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; LARGEST_ANSWER];
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            let answer = buffer.get(..length).unwrap_or_default();
            let (Some(kind), Some(answered)) = (u16_at(answer, 4), u32_at(answer, 8)) else {
                return Err(io::Error::other(
                    "the kernel sent a netlink message without a header",
                ));
            };
            if answered != sequence {
                continue;
            }
            let payload = answer.get(HEADER..).unwrap_or_default();
            if i32::from(kind) != libc::NLMSG_ERROR {
                return Ok(Some(payload.to_vec()));
            }
            return outcome(payload).map(|()| None);
        }
    }
}

/// The messages in what was received at once: kind, sequence number and payload.
fn messages(mut octets: &[u8]) -> impl Iterator<Item = (u16, u32, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32_at(octets, 0)? as usize;
        let (kind, sequence) = (u16_at(octets, 4)?, u32_at(octets, 8)?);
        let payload = octets.get(HEADER..length)?;
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, sequence, payload))
    })
}

/// What an error message says; zero is an acknowledgement.
fn outcome(payload: &[u8]) -> io::Result<()> {
    match u32_at(payload, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(-errno)),
        None => Err(io::Error::other(
            "the kernel sent a netlink error without a number",
        )),
    }
}

/// A message under construction.
#[derive(Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// A message of `kind`; `flags` beside `NLM_F_REQUEST`.
    pub fn new(kind: u16, flags: i32) -> Self {
        let mut octets = vec![0; HEADER];
        octets[4..6].copy_from_slice(&kind.to_ne_bytes());
        octets[6..8].copy_from_slice(&((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
        Self(octets)
    }

    /// A message of that kind for nf_tables, in the tables of that family.
    pub fn netfilter(kind: u16, flags: i32, family: u8) -> Self {
        let subsystem = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8;
        Self::new(subsystem | kind, flags).octets(&[family, 0, 0, 0])
    }

    /// Appends octets of the fixed part.
    #[must_use]
    pub fn octets(mut self, octets: &[u8]) -> Self {
        self.0.extend_from_slice(octets);
        self
    }

    /// Appends an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.0
            .extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.pad();
        self
    }

    /// Appends an attribute that consists of what `inside` appends.
    #[must_use]
    pub fn nested(mut self, kind: u16, inside: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self = inside(self);
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn finish(mut self, flags: u16, sequence: u32) -> Vec<u8> {
        let length = self.0.len() as u32;
        let flags = u16_at(&self.0, 6).unwrap_or_default() | flags;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0[6..8].copy_from_slice(&flags.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// The attributes that follow the fixed part of an answer: kind and value.
pub fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(octets, 0)?);
        let kind = u16_at(octets, 2)?;
        let value = octets.get(4..length)?;
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The number in the machine's order at `at`.
pub fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets
        .get(at..at + 2)?
        .try_into()
        .ok()
        .map(u16::from_ne_bytes)
}

/// The number in the machine's order at `at`.
pub fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_attribute_counts_its_padding() {
        let request = Request::new(7, 0)
            .octets(&[1, 2, 3, 4])
            .nested(18, |inside| inside.attribute(1, b"veth\0"))
            .finish(0, 9);
        assert_eq!(u32_at(&request, 0), Some(request.len() as u32));
        let outer: Vec<_> = attributes(&request[HEADER + 4..]).collect();
        assert_eq!(outer.len(), 1);
        let inner: Vec<_> = attributes(outer[0].1).collect();
        assert_eq!(inner, [(1, &b"veth\0"[..])]);
    }

    #[test]
    fn broken_attributes_end_the_walk() {
        assert_eq!(attributes(&[0, 0, 1, 0, 9, 9]).count(), 0);
        assert_eq!(attributes(&[200, 0, 1, 0]).count(), 0);
        assert_eq!(attributes(&[5, 0, 1]).count(), 0);
    }

    #[test]
    fn the_kernel_says_what_it_thinks_of_nonsense() {
        let mut route = Netlink::route().unwrap();
        let nonsense = Request::new(libc::RTM_NEWLINK, 0).octets(&[0xff; 16]);
        assert!(route.order(nonsense).is_err());
    }

    #[test]
    fn one_failure_among_several_orders_is_told_and_the_next_answer_is_the_next_ones() {
        let mut route = Netlink::route().unwrap();
        let nonsense = |octets: &[u8]| Request::new(libc::RTM_NEWLINK, 0).octets(octets);
        let harmless = || Request::new(libc::NLMSG_NOOP as u16, 0);
        let mixed = [harmless(), nonsense(&[0xff; 16]), harmless()];
        assert!(route.order_all(mixed).is_err());
        route.order_all([harmless(), harmless()]).unwrap();
    }
}
