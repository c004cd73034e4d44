//! The agent: drives the application on a host, so that a tester elsewhere can make it listen,
//! send and close. It speaks the AUTOSAR Testability Protocol, with an extension group of ours.
//!
//! A control connection is a session with sockets of its own, which go with it. Whoever may
//! connect can open sockets on this host: the loopback address by default, a list of peers and a
//! token for anything else.

pub mod extension;
mod memory;
pub mod message;
mod session;
mod whole_host;

use session::Session;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use whole_host::WholeHost;

/// Sessions at once: one for each case that a tester plays side by side, and some to spare.
const MOST_SESSIONS: usize = 256;

/// Who may use the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Peers, by address; loopback addresses always may.
    pub peers: Vec<IpAddr>,
    /// The word that a tester has to know.
    pub token: Option<String>,
}

impl Admission {
    fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.peers.contains(&peer)
    }
}

/// An agent that listens.
#[derive(Debug)]
pub struct Agent {
    listener: TcpListener,
    admission: Admission,
    /// The host, if it is given over to tests.
    host: Option<WholeHost>,
}

impl Agent {
    /// Listens at that address.
    ///
    /// Beyond the loopback address, peers must be named and a token be given: else anybody on the
    /// network could open sockets on this host.
    pub fn bind(at: SocketAddr, admission: Admission) -> io::Result<Self> {
        let is_guarded = !admission.peers.is_empty() && admission.token.is_some();
        if !at.ip().is_loopback() && !is_guarded {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "an agent at {at} is open to the network: name its testers (--allow ADDRESS) \
                     and give a token (--token WORD)"
                ),
            ));
        }
        Ok(Self {
            listener: TcpListener::bind(at)?,
            admission,
            host: None,
        })
    }

    /// Gives the whole host over to tests: its settings change as cases need it, and are put back.
    pub fn give_host(mut self) -> Self {
        self.host = Some(WholeHost::default());
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
            loop {
                let (control, peer) = match self.listener.accept() {
                    Ok(accepted) => accepted,
                    // The tester hung up before it was accepted.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                    Err(error) => return Err(error),
                };
                let is_full = sessions.load(Ordering::Relaxed) >= MOST_SESSIONS;
                if is_full || !self.admission.admits(peer.ip()) {
                    continue;
                }
                sessions.fetch_add(1, Ordering::Relaxed);
                let sessions = &sessions;
                let serve = move || {
                    // A tester that breaks off, or talks nonsense, is no trouble of the agent's.
                    let _ = self.serve_one(&control);
                    sessions.fetch_sub(1, Ordering::Relaxed);
                };
                let thread = thread::Builder::new().name("session".to_owned());
                if thread.spawn_scoped(scope, serve).is_err() {
                    sessions.fetch_sub(1, Ordering::Relaxed);
                }
            }
        })
    }

    fn serve_one(&self, control: &TcpStream) -> io::Result<()> {
        Session::new(control, self.admission.token.as_deref(), self.host.as_ref())?.serve()
    }
}
