//! UDP: every peer gets a session of its own, as a connection has one over TCP.
//!
//! Strangers, and whatever is no message, get no answer at all. A peer that has not said the token
//! gets none that is longer than what it sent, and no memory is spent on it.

use super::control::{Control, is_passing};
use super::extension::{self, Ask};
use super::message::{Kind, Message, Result as Outcome};
use super::session::Session;
use super::{Offer, THREAD};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// Sessions at once.
const MOST_SESSIONS: usize = 256;
/// A session without sockets that was silent for so long is over.
const REST: Duration = Duration::from_secs(60);
/// One with sockets; no case waits longer for its timers.
const LONGEST_SILENCE: Duration = Duration::from_secs(4 * 3600);
/// How often old sessions are looked for.
const GLANCE: Duration = Duration::from_secs(5);
/// No datagram is longer.
const LONGEST: usize = 64 * 1024;

/// Sorts datagrams by their senders.
pub(super) struct Desk<'d> {
    socket: &'d UdpSocket,
    offer: &'d Offer,
    sessions: BTreeMap<SocketAddr, Line>,
}

/// The way to a session.
struct Line {
    end: OwnedFd,
    heard: Instant,
    busy: Arc<AtomicBool>,
}

impl Line {
    fn is_over(&self, now: Instant) -> bool {
        let limit = if self.busy.load(Ordering::Relaxed) {
            LONGEST_SILENCE
        } else {
            REST
        };
        now.duration_since(self.heard) > limit
    }
}

impl<'d> Desk<'d> {
    pub(super) fn new(socket: &'d UdpSocket, offer: &'d Offer) -> Self {
        Self {
            socket,
            offer,
            sessions: BTreeMap::new(),
        }
    }

    /// Serves until the socket breaks.
    pub(super) fn serve<'s>(mut self, scope: &'s Scope<'s, 'd>) -> io::Result<()> {
        self.socket.set_read_timeout(Some(GLANCE))?;
        let mut looked = Instant::now();
        let mut datagram = vec![0; LONGEST];
        loop {
            let received = self.socket.recv_from(&mut datagram);
            let now = Instant::now();
            if now.duration_since(looked) > GLANCE {
                self.sessions.retain(|_, line| !line.is_over(now));
                looked = now;
            }
            match received {
                Ok((length, peer)) => {
                    let message = Message::read_whole(self.offer.service, &datagram[..length]);
                    if let Some(message) = message
                        && message.kind == Kind::Request
                        && self.offer.admission.admits(peer.ip())
                    {
                        self.hand_on(scope, peer, &datagram[..length], &message, now);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn hand_on<'s>(
        &mut self,
        scope: &'s Scope<'s, 'd>,
        peer: SocketAddr,
        datagram: &[u8],
        message: &Message,
        now: Instant,
    ) {
        if let Some(line) = self.sessions.get_mut(&peer) {
            match send(line.end.as_raw_fd(), datagram, MsgFlags::MSG_DONTWAIT) {
                // A session that does not keep up loses datagrams, as the network does.
                Ok(_) | Err(Errno::EAGAIN) => {
                    line.heard = now;
                    return;
                }
                // It is over.
                Err(_) => drop(self.sessions.remove(&peer)),
            }
        }
        let refusal = match (self.is_welcome(message), self.make_room()) {
            (false, _) => Outcome::NOT_OK,
            (true, false) => Outcome::PENDING,
            (true, true) => match self.open(scope, peer, now) {
                Ok(line) => {
                    let _ = send(line.end.as_raw_fd(), datagram, MsgFlags::MSG_DONTWAIT);
                    self.sessions.insert(peer, line);
                    return;
                }
                Err(_) => Outcome::PENDING,
            },
        };
        let refusal = message.answered(refusal, Vec::new());
        // It is as lost as any datagram may be.
        let _ = self
            .socket
            .send_to(&refusal.write(self.offer.service), peer);
    }

    /// A session is worth its memory: no token is asked for, or this is the right one.
    fn is_welcome(&self, message: &Message) -> bool {
        let token = match extension::parameters::<Ask>(message) {
            Some(Ask::Hello { token, .. }) if message.group == extension::GROUP => token,
            _ => None,
        };
        self.offer.admission.knows(token.as_deref())
    }

    /// The session that has rested longest gives way; false if all have sockets.
    fn make_room(&mut self) -> bool {
        if self.sessions.len() < MOST_SESSIONS {
            return true;
        }
        let resting = self.sessions.iter();
        let resting = resting.filter(|(_, line)| !line.busy.load(Ordering::Relaxed));
        let oldest = resting.min_by_key(|(_, line)| line.heard);
        let oldest = oldest.map(|(peer, _)| *peer);
        oldest.is_some_and(|peer| self.sessions.remove(&peer).is_some())
    }

    fn open<'s>(
        &self,
        scope: &'s Scope<'s, 'd>,
        peer: SocketAddr,
        now: Instant,
    ) -> io::Result<Line> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let kind = SockType::SeqPacket;
        let (end, inward) = socketpair(AddressFamily::Unix, kind, None, flags)?;
        let busy = Arc::new(AtomicBool::new(false));
        let (socket, offer, told) = (self.socket, self.offer, Arc::clone(&busy));
        let serve = move || {
            let control = Control::with(peer, inward, socket, offer.service);
            let session = Session::new(control, offer);
            // A tester that talks nonsense is no trouble of the agent's.
            let _ = session.and_then(|session| session.telling(&told).serve());
        };
        thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn_scoped(scope, serve)?;
        Ok(Line {
            end,
            heard: now,
            busy,
        })
    }
}
