//! The standard service primitives for UDP and TCP: what their parameters mean.
//!
//! Release 1.2.0, with SHUTDOWN, which later releases have. Groups for other protocols (ICMP, ARP,
//! DHCP, …) are not served.

use super::message::{Kind, Message, Result as Outcome};
use super::parameters::{Reader, Writer};
use std::net::{IpAddr, SocketAddr};

/// The group of primitives that belong to no protocol.
const GENERAL: u8 = 0x00;
const GET_VERSION: u8 = 0x01;
const START_TEST: u8 = 0x02;
const END_TEST: u8 = 0x03;

const CLOSE_SOCKET: u8 = 0x00;
const CREATE_AND_BIND: u8 = 0x01;
const SEND_DATA: u8 = 0x02;
const RECEIVE_AND_FORWARD: u8 = 0x03;
const LISTEN_AND_ACCEPT: u8 = 0x04;
const CONNECT: u8 = 0x05;
const CONFIGURE_SOCKET: u8 = 0x06;
const SHUTDOWN: u8 = 0x07;

/// "Any port", and "no limit".
pub const ANY: u16 = 0xffff;
/// Flags of a SEND_DATA over TCP.
const PUSH: u8 = 1 << 3;
const URGENT: u8 = 1 << 5;

/// The release of the protocol that is written here.
pub const RELEASE: Release = Release {
    major: 1,
    minor: 2,
    patch: 0,
};

/// The protocol of a socket: the group of its primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Group 1.
    Udp,
    /// Group 2.
    Tcp,
}

impl Protocol {
    fn group(self) -> u8 {
        match self {
            Self::Udp => 0x01,
            Self::Tcp => 0x02,
        }
    }

    fn of(group: u8) -> Option<Self> {
        [Self::Udp, Self::Tcp]
            .into_iter()
            .find(|protocol| protocol.group() == group)
    }
}

/// A socket of the upper tester, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u16);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Which release the upper tester has.
    GetVersion,
    /// A test begins.
    StartTest,
    /// A test is over: its sockets are closed.
    EndTest,
    /// Something about sockets.
    Socket(Protocol, Primitive),
}

/// What is to be done with a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// Makes one.
    CreateAndBind {
        /// Bind it.
        bind: bool,
        /// To this port; [`ANY`] is any.
        port: u16,
        /// And this address; zero is any.
        address: IpAddr,
    },
    /// Closes it.
    CloseSocket {
        /// Which.
        socket: SocketId,
        /// With a RST.
        abort: bool,
    },
    /// Sends on a connection.
    SendData {
        /// Which.
        socket: SocketId,
        /// The data is repeated until so many octets are sent; all of it is sent in any case.
        total: u16,
        /// With the urgent mark.
        urgent: bool,
        /// The octets.
        data: Vec<u8>,
    },
    /// Sends a UDP datagram.
    SendDatagram {
        /// From which.
        socket: SocketId,
        /// As in [`Primitive::SendData`].
        total: u16,
        /// Where to.
        to: SocketAddr,
        /// The octets.
        data: Vec<u8>,
    },
    /// From now on what is received is reported.
    ReceiveAndForward {
        /// Which.
        socket: SocketId,
        /// At most so many octets of each piece.
        most_each: u16,
        /// Until so many octets were received; [`ANY`] is no limit.
        most: u16,
    },
    /// Listens, and accepts.
    ListenAndAccept {
        /// Which.
        socket: SocketId,
        /// At most so many connections.
        connections: u16,
    },
    /// Opens a connection.
    Connect {
        /// From which.
        socket: SocketId,
        /// Where to.
        to: SocketAddr,
    },
    /// Sets an option.
    ConfigureSocket {
        /// Which.
        socket: SocketId,
        /// Which option.
        option: u16,
        /// The value.
        value: Vec<u8>,
    },
    /// Ends one direction or both.
    Shutdown {
        /// Which.
        socket: SocketId,
        /// What.
        how: std::net::Shutdown,
    },
}

/// Options of CONFIGURE_SOCKET.
pub mod option {
    /// TTL or hop limit, one octet.
    pub const TTL: u16 = 0;
    /// DSCP and ECN, one octet.
    pub const PRIORITY: u16 = 1;
    /// Don't fragment, one octet.
    pub const DONT_FRAGMENT: u16 = 2;
    /// TOS, one octet.
    pub const TOS: u16 = 4;
    /// MSS, 500 to 1460, two octets.
    pub const MSS: u16 = 5;
    /// Nagle's algorithm, one octet, 1 is on.
    pub const NAGLE: u16 = 6;
}

/// Something that happened meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection was accepted.
    Accepted {
        /// The listener.
        listener: SocketId,
        /// The connection.
        socket: SocketId,
        /// Its other end.
        peer: SocketAddr,
    },
    /// Octets came on a connection; nobody says which.
    Received {
        /// So many.
        full: u16,
        /// The first of them.
        payload: Vec<u8>,
    },
    /// A UDP datagram came.
    ReceivedDatagram {
        /// So many octets.
        full: u16,
        /// From there.
        from: SocketAddr,
        /// The first of them.
        payload: Vec<u8>,
    },
}

/// A release of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number; release 1.1.0 does not send it.
    pub patch: u16,
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Release {
    /// As parameters of a response.
    pub fn write(self) -> Vec<u8> {
        let written = Writer::default().number(self.major).number(self.minor);
        written.number(self.patch).finish()
    }

    /// From the parameters of a response.
    pub fn read(parameters: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(parameters);
        Some(Self {
            major: reader.number()?,
            minor: reader.number()?,
            patch: reader.number().unwrap_or(0),
        })
    }
}

/// The number of a new socket, or of dropped octets, as the parameter of a response.
pub fn write_number(number: u16) -> Vec<u8> {
    Writer::default().number(number).finish()
}

/// The same, read.
pub fn read_number(parameters: &[u8]) -> Option<u16> {
    Reader::new(parameters).number()
}

impl Request {
    /// As a message.
    pub fn write(&self) -> Message {
        let plain = |primitive| Message::request(GENERAL, primitive, Vec::new());
        match self {
            Self::GetVersion => plain(GET_VERSION),
            Self::StartTest => plain(START_TEST),
            // The number and the name of the test, which mean nothing to anybody.
            Self::EndTest => Message {
                parameters: Writer::default().number(0).octets(&[]).finish(),
                ..plain(END_TEST)
            },
            Self::Socket(protocol, primitive) => {
                let (number, parameters) = primitive.write();
                Message::request(protocol.group(), number, parameters)
            }
        }
    }

    /// Of a message; an error says which result it deserves.
    pub fn read(message: &Message) -> Result<Self, Outcome> {
        match (message.group, message.primitive) {
            // What comes beside is about the test, and different from release to release.
            (GENERAL, GET_VERSION) => Ok(Self::GetVersion),
            (GENERAL, START_TEST) => Ok(Self::StartTest),
            (GENERAL, END_TEST) => Ok(Self::EndTest),
            (group, number) => {
                let protocol = Protocol::of(group).ok_or(Outcome::NOT_FOUND)?;
                let is_for_tcp = matches!(number, LISTEN_AND_ACCEPT | CONNECT);
                if number > SHUTDOWN || is_for_tcp && protocol == Protocol::Udp {
                    return Err(Outcome::NOT_FOUND);
                }
                let mut reader = Reader::new(&message.parameters);
                Primitive::read(protocol, number, &mut reader)
                    .filter(|_| reader.is_at_end())
                    .map(|primitive| Self::Socket(protocol, primitive))
                    .ok_or(Outcome::INVALID)
            }
        }
    }
}

impl Primitive {
    fn write(&self) -> (u8, Vec<u8>) {
        let on = |socket: &SocketId| Writer::default().number(socket.0);
        let (number, writer) = match self {
            Self::CreateAndBind {
                bind,
                port,
                address,
            } => {
                let bound = Writer::default().flag(*bind).number(*port);
                (CREATE_AND_BIND, bound.address(*address))
            }
            Self::CloseSocket { socket, abort } => (CLOSE_SOCKET, on(socket).flag(*abort)),
            Self::SendData {
                socket,
                total,
                urgent,
                data,
            } => {
                let flags = if *urgent { PUSH | URGENT } else { PUSH };
                let written = on(socket).number(*total).octet(flags);
                (SEND_DATA, written.octets(data))
            }
            Self::SendDatagram {
                socket,
                total,
                to,
                data,
            } => {
                let written = on(socket).number(*total).number(to.port());
                (SEND_DATA, written.address(to.ip()).octets(data))
            }
            Self::ReceiveAndForward {
                socket,
                most_each,
                most,
            } => {
                let written = on(socket).number(*most_each).number(*most);
                (RECEIVE_AND_FORWARD, written)
            }
            Self::ListenAndAccept {
                socket,
                connections,
            } => (LISTEN_AND_ACCEPT, on(socket).number(*connections)),
            Self::Connect { socket, to } => {
                (CONNECT, on(socket).number(to.port()).address(to.ip()))
            }
            Self::ConfigureSocket {
                socket,
                option,
                value,
            } => (CONFIGURE_SOCKET, on(socket).number(*option).octets(value)),
            Self::Shutdown { socket, how } => {
                let how = match how {
                    std::net::Shutdown::Read => 0,
                    std::net::Shutdown::Write => 1,
                    std::net::Shutdown::Both => 2,
                };
                (SHUTDOWN, on(socket).octet(how))
            }
        };
        (number, writer.finish())
    }

    fn read(protocol: Protocol, number: u8, reader: &mut Reader<'_>) -> Option<Self> {
        if number == CREATE_AND_BIND {
            return Some(Self::CreateAndBind {
                bind: reader.flag()?,
                port: reader.number()?,
                address: reader.address()?,
            });
        }
        let socket = SocketId(reader.number()?);
        Some(match (number, protocol) {
            // Nobody can abort what is no connection, and not everybody says so.
            (CLOSE_SOCKET, Protocol::Udp) => Self::CloseSocket {
                socket,
                abort: reader.is_at_end() || reader.flag()?,
            },
            (CLOSE_SOCKET, Protocol::Tcp) => Self::CloseSocket {
                socket,
                abort: reader.flag()?,
            },
            (SEND_DATA, Protocol::Tcp) => Self::SendData {
                socket,
                total: reader.number()?,
                urgent: reader.octet()? & URGENT != 0,
                data: reader.octets()?.to_vec(),
            },
            (SEND_DATA, Protocol::Udp) => Self::SendDatagram {
                socket,
                total: reader.number()?,
                to: end(reader)?,
                data: reader.octets()?.to_vec(),
            },
            (RECEIVE_AND_FORWARD, _) => Self::ReceiveAndForward {
                socket,
                most_each: reader.number()?,
                most: reader.number()?,
            },
            (LISTEN_AND_ACCEPT, Protocol::Tcp) => Self::ListenAndAccept {
                socket,
                connections: reader.number()?,
            },
            (CONNECT, Protocol::Tcp) => Self::Connect {
                socket,
                to: end(reader)?,
            },
            (CONFIGURE_SOCKET, _) => Self::ConfigureSocket {
                socket,
                option: reader.number()?,
                value: reader.octets()?.to_vec(),
            },
            (SHUTDOWN, _) => Self::Shutdown {
                socket,
                how: match reader.octet()? {
                    0 => std::net::Shutdown::Read,
                    1 => std::net::Shutdown::Write,
                    2 => std::net::Shutdown::Both,
                    _ => return None,
                },
            },
            _ => return None,
        })
    }
}

/// A port, and the address that it belongs to.
fn end(reader: &mut Reader<'_>) -> Option<SocketAddr> {
    let port = reader.number()?;
    Some(SocketAddr::new(reader.address()?, port))
}

impl Event {
    /// As a message.
    pub fn write(&self) -> Message {
        let (protocol, number, writer) = match self {
            Self::Accepted {
                listener,
                socket,
                peer,
            } => {
                let sockets = Writer::default().number(listener.0).number(socket.0);
                let written = sockets.number(peer.port()).address(peer.ip());
                (Protocol::Tcp, LISTEN_AND_ACCEPT, written)
            }
            Self::Received { full, payload } => {
                let written = Writer::default().number(*full).octets(payload);
                (Protocol::Tcp, RECEIVE_AND_FORWARD, written)
            }
            Self::ReceivedDatagram {
                full,
                from,
                payload,
            } => {
                let ends = Writer::default().number(*full).number(from.port());
                let written = ends.address(from.ip()).octets(payload);
                (Protocol::Udp, RECEIVE_AND_FORWARD, written)
            }
        };
        Message::event(protocol.group(), number, writer.finish())
    }

    /// Of a message; `None` if it is no event that is known here.
    pub fn read(message: &Message) -> Option<Self> {
        if !matches!(message.kind, Kind::Event(_)) {
            return None;
        }
        let mut reader = Reader::new(&message.parameters);
        match (Protocol::of(message.group)?, message.primitive) {
            (Protocol::Tcp, LISTEN_AND_ACCEPT) => Some(Self::Accepted {
                listener: SocketId(reader.number()?),
                socket: SocketId(reader.number()?),
                peer: end(&mut reader)?,
            }),
            (Protocol::Tcp, RECEIVE_AND_FORWARD) => Some(Self::Received {
                full: reader.number()?,
                payload: reader.octets()?.to_vec(),
            }),
            (Protocol::Udp, RECEIVE_AND_FORWARD) => Some(Self::ReceivedDatagram {
                full: reader.number()?,
                from: end(&mut reader)?,
                payload: reader.octets()?.to_vec(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
