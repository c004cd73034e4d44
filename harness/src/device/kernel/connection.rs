//! The application's side of one connection: a socket that never blocks, what is still to be
//! written to it, and what it is to be read for.

use crate::device::{Refused, Seen};
use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, recv};
use socket2::Socket;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Octets read at once.
const READ_SIZE: usize = 64 * 1024;

/// One connection's socket.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    /// The active OPEN has not come to an end.
    opening: bool,
    /// Reads whatever comes; else only what a RECEIVE asks for.
    reads: bool,
    /// Octets that outstanding RECEIVEs ask for.
    wanted: usize,
    /// SENDs that found the send buffer full.
    unsent: VecDeque<Sending>,
    closing: Closing,
    /// The peer's CLOSE was seen.
    ended: bool,
    /// Urgent data is pending, and was told.
    urgent: bool,
    /// The connection broke: there is nothing more to see.
    broken: bool,
}

/// Whether the application has called CLOSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    /// It waits for the SENDs before it.
    WhenSent,
    Done,
}

/// A SEND that is under way.
#[derive(Debug)]
struct Sending {
    octets: Vec<u8>,
    taken: usize,
    urgent: bool,
}

impl Connection {
    /// A connection that a listener gave us.
    pub(super) fn accepted(socket: Socket, reads: bool) -> Self {
        Self::new(socket, reads, false)
    }

    /// A connection whose active OPEN is under way.
    pub(super) fn opening(socket: Socket, reads: bool) -> Self {
        Self::new(socket, reads, true)
    }

    fn new(socket: Socket, reads: bool, opening: bool) -> Self {
        let (unsent, closing, wanted) = (VecDeque::new(), Closing::No, 0);
        Self {
            socket,
            opening,
            reads,
            wanted,
            unsent,
            closing,
            ended: false,
            urgent: false,
            broken: false,
        }
    }

    /// Leaves the connection as it is, unobserved.
    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    /// The socket, for options.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// 1 if the socket holds an error that did not break the connection, else 0.
    pub(super) fn soft_error(&self) -> Option<i64> {
        let error = self.socket.take_error().ok()?;
        Some(i64::from(error.is_some()))
    }

    /// The kernel says that something changed: tells what the application sees of it, in the order
    /// in which the stream has it.
    pub(super) fn on_ready(&mut self, events: EpollFlags, seen: &mut Vec<Seen>) {
        if self.broken {
            return;
        }
        if self.opening && !self.finish_opening(events, seen) {
            return;
        }
        self.look_for_urgent(seen);
        self.read(seen);
        if events.contains(EpollFlags::EPOLLERR) && !self.broken {
            self.take_error(seen);
        }
        if !self.broken {
            // An error while writing is reported where the socket says which it is.
            let _ = self.write(seen);
        }
    }

    /// RFC 9293 §3.8.5 (MUST-31): the application learns of urgent data when it is announced, also
    /// if the octets themselves have not come. The kernel has no event for that which would name
    /// the socket, but reading out of band tells whether something is pending.
    pub(super) fn look_for_urgent(&mut self, seen: &mut Vec<Seen>) {
        if self.broken || self.opening {
            return;
        }
        let pending = self.has_urgent().unwrap_or(false);
        if pending && !self.urgent {
            seen.push(Seen::Urgent);
        }
        self.urgent = pending;
    }

    /// Only a socket that keeps urgent data out of the stream answers such a question.
    fn has_urgent(&self) -> io::Result<bool> {
        self.socket.set_out_of_band_inline(false)?;
        let flags = MsgFlags::MSG_OOB | MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        let peeked = recv(self.socket.as_raw_fd(), &mut [0], flags);
        self.socket.set_out_of_band_inline(true)?;
        // EAGAIN: it is announced; EINVAL: there is none.
        Ok(matches!(peeked, Ok(1..) | Err(Errno::EAGAIN)))
    }

    /// True once the connection is open.
    fn finish_opening(&mut self, events: EpollFlags, seen: &mut Vec<Seen>) -> bool {
        self.take_error(seen);
        let open = !self.broken && events.contains(EpollFlags::EPOLLOUT);
        if open && self.socket.peer_addr().is_ok() {
            self.opening = false;
            seen.push(Seen::Connected);
        }
        !self.opening
    }

    /// SEND: what the buffer does not take now waits for room.
    pub(super) fn send(
        &mut self,
        octets: &[u8],
        urgent: bool,
        seen: &mut Vec<Seen>,
    ) -> Result<(), Refused> {
        // What waits before the CLOSE has to be sent first; after it, the kernel answers itself.
        if self.closing == Closing::WhenSent {
            return Err(Refused::Failed(
                "EPIPE: the sending side is already closed".to_owned(),
            ));
        }
        self.unsent.push_back(Sending {
            octets: octets.to_vec(),
            taken: 0,
            urgent,
        });
        self.write(seen).map_err(|error| super::failed(&error))
    }

    /// Octets to be sent as soon as the connection takes them.
    pub(super) fn send_later(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.unsent.push_back(Sending {
                octets: octets.to_vec(),
                taken: 0,
                urgent: false,
            });
        }
    }

    /// RECEIVE at most `octets`: now, or as soon as there is something.
    pub(super) fn receive(&mut self, octets: usize, seen: &mut Vec<Seen>) -> Result<(), Refused> {
        if self.broken {
            return Err(Refused::Failed("the connection is gone".to_owned()));
        }
        self.wanted = self.wanted.saturating_add(octets);
        self.read(seen);
        Ok(())
    }

    /// The RFC's CLOSE, after all that was to be sent.
    pub(super) fn shut_write(&mut self, seen: &mut Vec<Seen>) -> Result<(), Refused> {
        self.closing = Closing::WhenSent;
        self.write(seen).map_err(|error| super::failed(&error))
    }

    /// Gives up both directions. A SEND that still waits cannot be finished by anybody then.
    pub(super) fn close(self) -> Result<(), (Self, Refused)> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let why = "a SEND still waits for room in the send buffer".to_owned();
        Err((self, Refused::Failed(why)))
    }

    /// ABORT: a close without lingering resets the connection.
    pub(super) fn abort(self) -> io::Result<()> {
        self.socket.set_linger(Some(Duration::ZERO))
    }

    fn write(&mut self, seen: &mut Vec<Seen>) -> io::Result<()> {
        while let Some(sending) = self.unsent.front_mut() {
            let rest = sending.octets.get(sending.taken..).unwrap_or_default();
            let written = if sending.urgent {
                self.socket.send_out_of_band(rest)
            } else {
                (&self.socket).write(rest)
            };
            match written {
                Ok(taken) => {
                    sending.taken += taken;
                    seen.push(Seen::Sent(taken));
                    if sending.taken >= sending.octets.len() {
                        self.unsent.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.unsent.clear();
                    return Err(error);
                }
            }
        }
        if self.closing == Closing::WhenSent {
            self.closing = Closing::Done;
            self.socket.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn read(&mut self, seen: &mut Vec<Seen>) {
        while !self.ended && !self.broken && !self.opening && (self.reads || self.wanted > 0) {
            let limit = if self.reads {
                READ_SIZE
            } else {
                self.wanted.min(READ_SIZE)
            };
            let mut octets = vec![0; limit];
            match (&self.socket).read(&mut octets) {
                Ok(0) => {
                    self.ended = true;
                    seen.push(Seen::Eof);
                }
                Ok(length) => {
                    // A RECEIVE is done when it has something, even if that is less.
                    self.wanted = 0;
                    octets.truncate(length);
                    seen.push(Seen::Data(octets));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.on_error(&error, seen),
            }
        }
    }

    fn take_error(&mut self, seen: &mut Vec<Seen>) {
        match self.socket.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => self.on_error(&error, seen),
        }
    }

    fn on_error(&mut self, error: &io::Error, seen: &mut Vec<Seen>) {
        self.broken = true;
        self.unsent.clear();
        seen.push(seen_of(error, self.opening));
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What an application makes of an error. A soft ICMP error (host unreachable) is only reported
/// when the kernel gives the connection up for want of an answer.
fn seen_of(error: &io::Error, opening: bool) -> Seen {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ETIMEDOUT | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => Seen::Timeout,
        Some(Errno::ECONNREFUSED) => Seen::Refused,
        // ICMP says that there is no such protocol or port.
        Some(Errno::ENOPROTOOPT | Errno::EPROTO) if opening => Seen::Refused,
        _ => Seen::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(libc::ECONNREFUSED, true, Seen::Refused)]
    #[case(libc::ECONNRESET, false, Seen::Reset)]
    #[case(libc::EPIPE, false, Seen::Reset)]
    #[case(libc::ETIMEDOUT, true, Seen::Timeout)]
    #[case(libc::EHOSTUNREACH, false, Seen::Timeout)]
    #[case(libc::ENOPROTOOPT, true, Seen::Refused)]
    #[case(libc::ENOPROTOOPT, false, Seen::Reset)]
    fn errors_have_a_name(#[case] errno: i32, #[case] opening: bool, #[case] seen: Seen) {
        assert_eq!(seen_of(&io::Error::from_raw_os_error(errno), opening), seen);
    }
}
