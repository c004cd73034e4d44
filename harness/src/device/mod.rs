//! What a device is: frames out and in, an application that can be called, and what can be seen.
//!
//! One trait serves both clocks. A device on the virtual clock also says when it next wants to
//! act ([`Simulated`]); a device on the real clock says what to wait for ([`Waitable`]). What a
//! device cannot do or tell it answers with `None` or a refusal; it never guesses.
//!
#![doc = include_str!("writing.md")]

pub mod bundled;
mod crowd;
pub mod external;
#[cfg(any(feature = "netstack3", feature = "smoltcp"))]
pub mod foreign;
mod in_process;
pub mod kernel;

pub use crowd::Crowd;
pub use in_process::{BUNDLED, FOREIGN, InProcess, Make, compiled_in};

use crate::spec::case::{Family, SocketSettings, State};
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;

/// A connection of the case: index into `Case::conns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub usize);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FourTuple {
    /// Our end.
    pub tester: SocketAddr,
    /// The device's end.
    pub device: SocketAddr,
}

/// The link between tester and device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Our address.
    pub tester: IpAddr,
    /// The device's address.
    pub device: IpAddr,
    /// Largest IP packet, octets.
    pub mtu: u16,
    /// Ports that are given; `None`: the tester chooses both.
    pub ports: Option<Ports>,
    /// Floods come from these addresses.
    pub crowd: Crowd,
}

impl LinkInfo {
    /// Between the tester and a stack in this process, of documentation addresses (RFC 5737,
    /// RFC 3849).
    pub fn in_memory(family: Family, mtu: u16) -> Self {
        let (tester, device) = match family {
            Family::V4 => (
                Ipv4Addr::new(192, 0, 2, 1).into(),
                Ipv4Addr::new(192, 0, 2, 2).into(),
            ),
            Family::V6 => {
                let host = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
                (host(1).into(), host(2).into())
            }
        };
        Self {
            tester,
            device,
            mtu,
            ports: None,
            crowd: Crowd::of(family),
        }
    }

    /// Another address of the device, on a network that the tester is not on. The device has it
    /// where [`Setup::second_address`] says so.
    pub fn second_address(&self) -> IpAddr {
        match self.device {
            IpAddr::V4(_) => Ipv4Addr::new(198, 51, 100, 1).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1).into(),
        }
    }
}

/// The same port at no address: the device chooses one of its own.
fn unspecified(socket: SocketAddr) -> SocketAddr {
    let any = match socket {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, socket.port())
}

/// The first port on either side; further connections of a case take the tester's next ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The tester's.
    pub tester: u16,
    /// The device's.
    pub device: u16,
}

/// How the application of the device is set up for a case, before its first step.
#[derive(Clone, Debug)]
pub struct Setup {
    /// IP version of the case.
    pub family: Family,
    /// The application accepts connections at once.
    pub accepts: bool,
    /// The application reads data at once.
    pub reads: bool,
    /// Length of the accept queue where a `listen` does not say.
    pub backlog: Option<u32>,
    /// Socket options that every socket gets before its handshake.
    pub set: SocketSettings,
    /// The case uses [`LinkInfo::second_address`].
    pub second_address: bool,
    /// All that the device may choose at random in this case follows from this.
    pub seed: u64,
}

/// Something that came out of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// An IP packet, with the link's time stamp.
    Packet {
        /// When it was on the link.
        at: Instant,
        /// From the IP header on.
        packet: Vec<u8>,
    },
    /// The application saw something.
    App {
        /// On which connection.
        conn: ConnId,
        /// What.
        event: Seen,
    },
}

/// What the device's application saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// A connection was accepted.
    Accepted,
    /// An active OPEN succeeded.
    Connected,
    /// An active OPEN was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection timed out.
    Timeout,
    /// The peer closed its side.
    Eof,
    /// One segment stays unacknowledged: R1 was reached.
    Trouble,
    /// Urgent data is pending.
    Urgent,
    /// These octets were delivered.
    Data(#[serde(with = "tcpspec_reports::hex")] Vec<u8>),
    /// So many octets were taken by SEND.
    Sent(usize),
}

/// A call that the device's application did not carry out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// This device cannot do that at all.
    #[error("this device has no `{0}`")]
    Unsupported(&'static str),
    /// It tried, and its TCP said no.
    #[error("{0}")]
    Failed(String),
}

/// The device, or the way to it, is broken: the case is inconclusive.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct DeviceError {
    /// What was tried.
    pub what: &'static str,
    /// What went wrong.
    pub source: std::io::Error,
}

/// A device in the middle of one case.
pub trait Device {
    /// Addresses and MTU of the link.
    fn link(&self) -> LinkInfo;

    /// Prepares the application for the case.
    fn setup(&mut self, now: Instant, setup: &Setup) -> Result<(), DeviceError>;

    /// From now on `tuple` is connection `conn`; the youngest owner of a tuple owns it.
    fn attach(&mut self, conn: ConnId, tuple: FourTuple);

    /// Hands the device an IP packet. Returns when it was on the link.
    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError>;

    /// Hands the device many IP packets, one after the other and as fast as it can be done.
    fn flood(&mut self, now: Instant, packets: &[Vec<u8>]) -> Result<(), DeviceError> {
        for packet in packets {
            self.inject(now, packet)?;
        }
        Ok(())
    }

    /// Makes the device's application act. SEND payloads and RECEIVE counts are already values.
    fn call(&mut self, now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused>;

    /// The next thing that came out, if there is any: packets before application events.
    fn poll(&mut self, now: Instant) -> Result<Option<Output>, DeviceError>;

    /// The state of the connection; `None` if the device cannot tell.
    fn state(&mut self, now: Instant, conn: ConnId) -> Option<State>;

    /// A field of the connection's status, durations in nanoseconds; `None` if the device cannot
    /// tell.
    fn info(&mut self, _now: Instant, _conn: ConnId, _field: &str) -> Option<i64> {
        None
    }

    /// A counter of the device; `None` if the device cannot tell.
    fn counter(&mut self, _now: Instant, _name: &str) -> Option<i64> {
        None
    }

    /// Packets that the link lost since the case began (they make a verdict unsafe).
    fn dropped(&mut self) -> u64 {
        0
    }
}

/// A device on the virtual clock.
pub trait Simulated: Device {
    /// When the device next wants to act by itself.
    fn next_deadline(&self) -> Option<Instant>;

    /// Lets the device's timers that are due at `now` expire.
    fn on_timeout(&mut self, now: Instant);
}

/// A device on the real clock.
pub trait Waitable: Device {
    /// Becomes readable when [`Device::poll`] may have something.
    fn readiness(&self) -> BorrowedFd<'_>;
}

/// A [`Call`](crate::spec::case::Call) with its values worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppCall {
    /// Passive OPEN on the device's end of the connection.
    Listen {
        /// Length of the accept queue.
        backlog: Option<u32>,
    },
    /// Active OPEN from the device's end to the tester's.
    Connect,
    /// The same with a first SEND of these octets, for the SYN to carry (RFC 7413).
    ConnectWith(#[serde(with = "tcpspec_reports::hex")] Vec<u8>),
    /// Active OPEN from an address of the device's own choice.
    ConnectFromAny,
    /// Active OPEN towards this address instead of the tester's.
    ConnectTo(IpAddr),
    /// Take a connection from the listener.
    Accept,
    /// SEND.
    Send {
        /// The octets.
        #[serde(with = "tcpspec_reports::hex")]
        data: Vec<u8>,
        /// With the urgent mark.
        urgent: bool,
    },
    /// RECEIVE at most so many octets.
    Recv(usize),
    /// The RFC's CLOSE.
    ShutdownWrite,
    /// Give up both directions.
    Close,
    /// ABORT.
    Abort,
    /// Set socket options.
    Set(SocketSettings),
}

impl AppCall {
    /// The name by which specs call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "listen",
            Self::Connect | Self::ConnectWith(_) | Self::ConnectFromAny | Self::ConnectTo(_) => {
                "connect"
            }
            Self::Accept => "accept",
            Self::Send { .. } => "send",
            Self::Recv(_) => "recv",
            Self::ShutdownWrite => "shutdown",
            Self::Close => "close",
            Self::Abort => "abort",
            Self::Set(_) => "set",
        }
    }
}
