//! A TCP connection of the upper tester: octets that wait to be sent, and forwarding.

use super::{Forwarding, PIECE, outcome_of};
use crate::agent::message::Result as Outcome;
use crate::agent::primitives::Event;
use nix::sys::epoll::EpollFlags;
use socket2::Socket;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

/// Octets that may wait for room in the send buffer.
const MOST_UNSENT: usize = 1 << 20;
/// Pieces that are dropped at once: a peer that sends faster than that is not waited for.
const MOST_DROPPED: usize = 4096;

/// A connection, or one that is being opened.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    forwarding: Option<Forwarding>,
    /// What found the send buffer full.
    unsent: VecDeque<Unsent>,
    /// The sending side is to be closed, after what waits.
    closing: bool,
    /// There is nothing more to read.
    ended: bool,
}

#[derive(Debug)]
struct Unsent {
    octets: Vec<u8>,
    taken: usize,
    urgent: bool,
}

impl Stream {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            forwarding: None,
            unsent: VecDeque::new(),
            closing: false,
            ended: false,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Ends the connection with a RST.
    pub(super) fn abort(self) {
        // A socket that refuses is no longer connected.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }

    pub(super) fn waits_for(&self) -> EpollFlags {
        let mut flags = EpollFlags::empty();
        let is_read = self
            .forwarding
            .is_some_and(|forwarding| forwarding.room() > 0);
        flags.set(EpollFlags::EPOLLIN, is_read && !self.ended);
        flags.set(EpollFlags::EPOLLOUT, self.has_unsent());
        flags
    }

    /// Sends what there is room for, and keeps the rest.
    pub(super) fn send(&mut self, octets: &[u8], urgent: bool) -> Result<(), Outcome> {
        if self.closing {
            return Err(Outcome::CLOSING);
        }
        let waiting: usize = self.unsent.iter().map(|unsent| unsent.octets.len()).sum();
        if waiting + octets.len() > MOST_UNSENT {
            return Err(Outcome::INSUFFICIENT);
        }
        if !octets.is_empty() {
            self.unsent.push_back(Unsent {
                octets: octets.to_vec(),
                taken: 0,
                urgent,
            });
        }
        self.write()
    }

    /// RFC 9293 §3.10.4: CLOSE waits until all that was to be sent is on its way.
    pub(super) fn shut_down(&mut self, how: Shutdown) -> Result<(), Outcome> {
        match how {
            Shutdown::Read => self
                .socket
                .shutdown(how)
                .map_err(|error| outcome_of(&error)),
            Shutdown::Write | Shutdown::Both => {
                if how == Shutdown::Both {
                    let read = self.socket.shutdown(Shutdown::Read);
                    read.map_err(|error| outcome_of(&error))?;
                }
                self.closing = true;
                self.write()
            }
        }
    }

    /// Drops what has come, and tells how much; what comes from now on is reported.
    pub(super) fn forward(&mut self, wanted: Forwarding) -> Result<usize, Outcome> {
        let mut dropped = 0;
        let mut piece = vec![0; PIECE];
        for _ in 0..MOST_DROPPED {
            match (&self.socket).read(&mut piece) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => dropped += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Not connected yet: there is nothing to drop.
                Err(error) if error.kind() == ErrorKind::NotConnected => break,
                Err(error) => return Err(outcome_of(&error)),
            }
        }
        self.forwarding = Some(wanted);
        Ok(dropped)
    }

    /// Reads a piece and writes what there is room for.
    pub(super) fn on_ready(&mut self) -> Option<Event> {
        // The tester learns of an error by its next call, and on the wire.
        let _ = self.write();
        let forwarding = self.forwarding.as_mut().filter(|_| !self.ended)?;
        let mut octets = vec![0; forwarding.room()];
        if octets.is_empty() {
            return None;
        }
        match (&self.socket).read(&mut octets) {
            Ok(count @ 1..) => {
                forwarding.count(count);
                octets.truncate(count.min(forwarding.most_each));
                Some(Event::Received {
                    full: count as u16,
                    payload: octets,
                })
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                None
            }
            Ok(_) | Err(_) => {
                self.ended = true;
                None
            }
        }
    }

    fn write(&mut self) -> Result<(), Outcome> {
        while let Some(unsent) = self.unsent.front_mut() {
            let rest = unsent.octets.get(unsent.taken..).unwrap_or_default();
            let written = if unsent.urgent {
                self.socket.send_out_of_band(rest)
            } else {
                (&self.socket).write(rest)
            };
            match written {
                Ok(count) => {
                    unsent.taken += count;
                    if unsent.taken >= unsent.octets.len() {
                        self.unsent.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.unsent.clear();
                    return Err(outcome_of(&error));
                }
            }
        }
        if std::mem::take(&mut self.closing) {
            let shut = self.socket.shutdown(Shutdown::Write);
            return shut.map_err(|error| outcome_of(&error));
        }
        Ok(())
    }
}
