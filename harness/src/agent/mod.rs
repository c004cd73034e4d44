//! The agent: drives the application on a host, so that a tester elsewhere can make it listen,
//! send and close. It speaks the AUTOSAR Testability Protocol over TCP and UDP, with the standard
//! primitives for UDP and TCP sockets, and over TCP with an extension group of ours.
//!
//! A control connection, or a peer over UDP, is a session with sockets of its own, which go with
//! it. Whoever may use the agent can open sockets on this host: the loopback address by default, a
//! list of peers and a token for anything else.

mod control;
mod desk;
pub mod extension;
mod memory;
pub mod message;
pub mod parameters;
pub mod primitives;
mod session;
mod upper_tester;
mod whole_host;

use control::Control;
use desk::Desk;
use session::Session;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use whole_host::WholeHost;

/// Sessions over TCP at once: one for each case that a tester plays side by side, and some to
/// spare.
const MOST_SESSIONS: usize = 256;
/// How long a host that has no descriptors left is given to get some back.
const BREATH: Duration = Duration::from_millis(100);
/// The name of a session's thread.
const THREAD: &str = "session";

/// Who may use the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Peers, by address; loopback addresses always may.
    pub peers: Vec<IpAddr>,
    /// The word that a tester has to know.
    pub token: Option<String>,
    /// Peers need no token, also where the network can reach the agent: testers of other makes
    /// cannot say one.
    pub without_token: bool,
}

impl Admission {
    fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.peers.contains(&peer)
    }

    /// True if no token is asked for, or it is this one.
    fn knows(&self, given: Option<&str>) -> bool {
        let wanted = self.token.as_deref();
        wanted.is_none_or(|wanted| same(wanted, given.unwrap_or_default()))
    }

    fn guards(&self) -> bool {
        !self.peers.is_empty() && (self.token.is_some() || self.without_token)
    }
}

/// What an agent offers, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who may use it.
    pub admission: Admission,
    /// The service id of its messages.
    pub service: u16,
    /// The extension group too, not only the standard primitives.
    pub extension: bool,
}

/// An agent that listens.
#[derive(Debug)]
pub struct Agent {
    listener: TcpListener,
    datagrams: UdpSocket,
    offer: Offer,
    /// The host, if it is given over to tests.
    host: Option<WholeHost>,
}

impl Agent {
    /// Listens at that address, over TCP and UDP.
    ///
    /// Beyond the loopback address, peers must be named and a token be given (or renounced in so
    /// many words): else anybody on the network could open sockets on this host.
    pub fn bind(at: SocketAddr, offer: Offer) -> io::Result<Self> {
        if !at.ip().is_loopback() && !offer.admission.guards() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "an agent at {at} is open to the network: name its testers (--allow ADDRESS) \
                     and give a token (--token WORD; --no-token if they cannot say one)"
                ),
            ));
        }
        let listener = TcpListener::bind(at)?;
        Ok(Self {
            datagrams: UdpSocket::bind(listener.local_addr()?)?,
            listener,
            offer,
            host: None,
        })
    }

    /// Gives the whole host over to tests: its settings change as cases need it, and are put back.
    #[must_use]
    pub fn give_host(mut self) -> Self {
        self.host = Some(WholeHost::new(memory::forget));
        self
    }

    /// Puts the host's settings back to what they were before the first case.
    pub fn put_back(&self) -> io::Result<()> {
        self.host.as_ref().map_or(Ok(()), WholeHost::put_back)
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the listener breaks.
    pub fn serve(&self) -> io::Result<()> {
        let sessions = AtomicUsize::new(0);
        thread::scope(|scope| {
            let desk = Desk::new(&self.datagrams, &self.offer);
            thread::Builder::new()
                .name("desk".to_owned())
                .spawn_scoped(scope, move || desk.serve(scope))?;
            loop {
                let (control, peer) = match self.listener.accept() {
                    Ok(accepted) => accepted,
                    Err(error) if is_passing(&error) => continue,
                    Err(error) if is_want(&error) => {
                        thread::sleep(BREATH);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let is_full = sessions.load(Ordering::Relaxed) >= MOST_SESSIONS;
                if is_full || !self.offer.admission.admits(peer.ip()) {
                    continue;
                }
                sessions.fetch_add(1, Ordering::Relaxed);
                let sessions = &sessions;
                let serve = move || {
                    // A tester that breaks off, or talks nonsense, is no trouble of the agent's.
                    let _ = self.serve_one(&control);
                    sessions.fetch_sub(1, Ordering::Relaxed);
                };
                let thread = thread::Builder::new().name(THREAD.to_owned());
                if thread.spawn_scoped(scope, serve).is_err() {
                    sessions.fetch_sub(1, Ordering::Relaxed);
                }
            }
        })
    }

    fn serve_one(&self, stream: &TcpStream) -> io::Result<()> {
        let control = Control::over(stream, self.offer.service)?;
        let session = Session::new(control, &self.offer)?;
        session.lending(self.host.as_ref()).serve()
    }
}

/// The tester hung up before it was accepted.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
    )
}

/// The host is short of something just now.
fn is_want(error: &io::Error) -> bool {
    let errno = error.raw_os_error().unwrap_or_default();
    [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM].contains(&errno)
}

/// Compares secrets in a time that depends on their lengths only.
fn same(wanted: &str, given: &str) -> bool {
    let differences = wanted
        .bytes()
        .zip(given.bytes())
        .map(|(one, other)| one ^ other);
    wanted.len() == given.len() && differences.fold(0, |sum, difference| sum | difference) == 0
}

#[cfg(test)]
mod tests;
