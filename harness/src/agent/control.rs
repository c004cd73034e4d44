//! The way between a session and its tester: a TCP connection, or the datagrams of one peer.

use super::message::{HEADER, LARGEST, Message};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A tester that does not take its answers for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much is read at once; no datagram is longer.
const CHUNK: usize = 64 * 1024;
/// What is read before the tester has said who it is.
const FIRST_WORDS: usize = 4096;

/// A control connection.
#[derive(Debug)]
pub(super) struct Control<'c> {
    way: Way<'c>,
    service: u16,
    input: Vec<u8>,
    buffer: Vec<u8>,
    /// The most octets that may wait to be understood.
    most: usize,
}

#[derive(Debug)]
enum Way<'c> {
    Stream(&'c TcpStream),
    Datagrams {
        /// What the desk hands on, datagram by datagram.
        inward: OwnedFd,
        outward: &'c UdpSocket,
        peer: SocketAddr,
    },
}

impl<'c> Control<'c> {
    /// Over a TCP connection.
    pub(super) fn over(stream: &'c TcpStream, service: u16) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::new(Way::Stream(stream), service))
    }

    /// With one peer of a UDP socket; `inward` never blocks, and keeps datagrams apart.
    pub(super) fn with(
        peer: SocketAddr,
        inward: OwnedFd,
        outward: &'c UdpSocket,
        service: u16,
    ) -> Self {
        let way = Way::Datagrams {
            inward,
            outward,
            peer,
        };
        Self::new(way, service)
    }

    fn new(way: Way<'c>, service: u16) -> Self {
        Self {
            way,
            service,
            input: Vec::new(),
            buffer: vec![0; CHUNK],
            most: FIRST_WORDS,
        }
    }

    /// True if messages may be lost, or come twice.
    pub(super) fn is_lossy(&self) -> bool {
        matches!(self.way, Way::Datagrams { .. })
    }

    /// The tester said who it is: its messages may be as long as messages are.
    pub(super) fn trust(&mut self) {
        self.most = HEADER + LARGEST;
    }

    /// Reads what there is; false at the end. An error: nothing more can be understood.
    pub(super) fn take_in(&mut self) -> io::Result<bool> {
        while self.input.len() < self.most {
            let read = match &mut self.way {
                Way::Stream(stream) => stream.read(&mut self.buffer),
                // One at a time: what follows waits where it is.
                Way::Datagrams { .. } if !self.input.is_empty() => break,
                Way::Datagrams { inward, .. } => {
                    let received = recv(inward.as_raw_fd(), &mut self.buffer, MsgFlags::empty());
                    received.map_err(io::Error::from)
                }
            };
            match read {
                Ok(0) => return Ok(false),
                Ok(count) => self.input.extend_from_slice(&self.buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The next message of what was read.
    pub(super) fn next_message(&mut self) -> io::Result<Option<Message>> {
        if self.is_lossy() {
            let datagram = std::mem::take(&mut self.input);
            return Ok(Message::read_whole(self.service, &datagram));
        }
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        match Message::read(self.service, &self.input).map_err(broken)? {
            Some((message, length)) => {
                self.input.drain(..length);
                Ok(Some(message))
            }
            None if self.input.len() >= self.most => {
                let error = "a message that is longer than a stranger's may be";
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
            None => Ok(None),
        }
    }

    /// Sends; a datagram for which there is no room is lost, as others are.
    pub(super) fn send(&self, message: &Message) -> io::Result<()> {
        let octets = message.write(self.service);
        match &self.way {
            Way::Stream(stream) => write_all(stream, &octets),
            Way::Datagrams { outward, peer, .. } => match outward.send_to(&octets, peer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(error) if is_passing(&error) => Ok(()),
                sent => sent.map(drop),
            },
        }
    }
}

impl AsFd for Control<'_> {
    /// Readable when the tester said something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Stream(stream) => stream.as_fd(),
            Way::Datagrams { inward, .. } => inward.as_fd(),
        }
    }
}

/// An error of a UDP socket that concerns one datagram only.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::EAGAIN
                | Errno::ECONNREFUSED
                | Errno::EHOSTUNREACH
                | Errno::EMSGSIZE
                | Errno::ENETUNREACH
                | Errno::ENOBUFS
                | Errno::EPERM
        )
    )
}

fn write_all(mut stream: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_room(stream)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for_room(stream: &TcpStream) -> io::Result<()> {
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    let mut waited = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut waited, timeout)? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}
