//! The tester's own codec: IPv4 and IPv6 with TCP (RFC 9293 §3.1, RFC 791 §3.1, RFC 8200 §3), and
//! ICMP errors about it.
//!
//! It can say anything, also what is illegal, and reads whatever a device may send: a packet is
//! read as far as it can be read, and each fault is listed. It shares no code with the codec of
//! the bundled stack. It deliberately knows nothing of connections, specs, or what a field ought
//! to be; and it puts no fragments together.

mod decode;
mod emit;
mod icmp;
mod ip;
pub mod options;

pub use decode::decode;
pub use emit::{Outgoing, emit, emit_fragment};
pub use icmp::{IcmpError, Lies, emit_icmp, quotation};
pub use ip::Header;
pub use options::{OptionError, OptionFault, Options};

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

/// Control bits, as they stand in the fourteenth octet of the header.
pub mod bit {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push function.
    pub const PSH: u8 = 0x08;
    /// Acknowledgment field is significant.
    pub const ACK: u8 = 0x10;
    /// Urgent pointer field is significant.
    pub const URG: u8 = 0x20;
    /// ECN-Echo.
    pub const ECE: u8 = 0x40;
    /// Congestion Window Reduced.
    pub const CWR: u8 = 0x80;
}

/// A packet as it was on the link, read as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From the IP header on.
    pub octets: Vec<u8>,
    /// The IP header; `None` if there is not one.
    pub ip: Option<Ip>,
    /// What it carries.
    pub body: Body,
    /// All that is wrong with it.
    pub faults: Vec<Fault>,
}

/// The fields of an IP header that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub source: IpAddr,
    /// Destination address; with a source route the last one of it.
    pub destination: IpAddr,
    /// Routers of a source route that are still to come, the next one first (RFC 791 §3.1).
    pub route: Vec<Ipv4Addr>,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS octet or traffic class; the two lowest bits are the ECN field.
    pub tos: u8,
    /// Don't fragment; always true on IPv6.
    pub df: bool,
    /// Identification; zero on IPv6.
    pub id: u16,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A TCP segment with at least its first 20 octets.
    Tcp(Tcp),
    /// ICMP or ICMPv6: type and code.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// Another protocol, by its number, or a TCP segment without a whole header.
    Other(u8),
}

/// A TCP header, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// SEG.SEQ.
    pub seq: u32,
    /// The acknowledgment field, whether or not ACK is set.
    pub ack: u32,
    /// Data offset, in words.
    pub data_offset: u8,
    /// The four reserved bits.
    pub reserved: u8,
    /// Control bits; see [`bit`].
    pub flags: u8,
    /// The 16-bit window field.
    pub window: u16,
    /// The checksum as it stands.
    pub checksum: u16,
    /// The urgent pointer, whether or not URG is set.
    pub urgent: u16,
    /// The options, as far as they could be read.
    pub options: Options,
    /// Where the options stand in [`Packet::octets`].
    pub options_at: Range<usize>,
    /// Where the payload stands in [`Packet::octets`].
    pub payload_at: Range<usize>,
}

impl Tcp {
    /// True if all bits of `bits` are set.
    pub fn has(&self, bits: u8) -> bool {
        self.flags & bits == bits
    }

    /// Octets of payload.
    pub fn payload_len(&self) -> u32 {
        self.payload_at.len() as u32
    }

    /// SEG.LEN: octets of payload, SYN and FIN counted (RFC 9293 §3.4).
    pub fn len(&self) -> u32 {
        self.payload_len() + u32::from(self.has(bit::SYN)) + u32::from(self.has(bit::FIN))
    }

    /// True if the segment occupies no sequence space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SEG.SEQ + SEG.LEN.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.len())
    }
}

impl Packet {
    /// The TCP header, if it is a segment.
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.body {
            Body::Tcp(tcp) => Some(tcp),
            Body::Icmp { .. } | Body::Other(_) => None,
        }
    }

    /// Where it comes from and where it goes, if it is a segment.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (ip, tcp) = (self.ip.as_ref()?, self.tcp()?);
        Some((
            SocketAddr::new(ip.source, tcp.source_port),
            SocketAddr::new(ip.destination, tcp.destination_port),
        ))
    }

    /// The payload of the segment; empty if it is none.
    pub fn payload(&self) -> &[u8] {
        self.tcp()
            .map_or(&[], |tcp| &self.octets[tcp.payload_at.clone()])
    }

    /// The options of the segment as they stand; empty if it is none.
    pub fn raw_options(&self) -> &[u8] {
        self.tcp()
            .map_or(&[], |tcp| &self.octets[tcp.options_at.clone()])
    }
}

/// Something that is wrong with a packet, whatever connection it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Neither version 4 nor version 6, or shorter than its header.
    NotIp,
    /// The length of the IPv4 header, in words, is below 5 or beyond the packet.
    IpHeaderLength(u8),
    /// The length in the IP header is not that of the packet.
    IpLength {
        /// What the header says, octets of the whole packet.
        says: usize,
        /// How long the packet is.
        is: usize,
    },
    /// The checksum of the IPv4 header is wrong.
    IpChecksum {
        /// As it stands.
        got: u16,
        /// As it ought to be.
        computed: u16,
    },
    /// A fragment.
    Fragment,
    /// Too short for a TCP header.
    TcpTooShort(usize),
    /// The data offset is below 5 words or beyond the packet.
    DataOffset(u8),
    /// The TCP checksum is wrong.
    Checksum {
        /// As it stands.
        got: u16,
        /// As it ought to be.
        computed: u16,
    },
    /// Reserved bits are set.
    Reserved(u8),
    /// The options are malformed.
    Options(OptionError),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIp => write!(f, "not an IP packet"),
            Self::IpHeaderLength(words) => write!(f, "bad IP header length of {words} words"),
            Self::IpLength { says, is } => {
                write!(f, "IP length says {says} octets, the packet has {is}")
            }
            Self::IpChecksum { got, computed } => {
                write!(
                    f,
                    "bad IP header checksum {got:#06x}, computed {computed:#06x}"
                )
            }
            Self::Fragment => write!(f, "an IP fragment"),
            Self::TcpTooShort(has) => write!(f, "{has} octets are too short for a TCP header"),
            Self::DataOffset(words) => write!(f, "bad TCP data offset of {words} words"),
            Self::Checksum { got, computed } => {
                write!(f, "bad TCP checksum {got:#06x}, computed {computed:#06x}")
            }
            Self::Reserved(bits) => write!(f, "reserved bits {bits:#x} are set"),
            Self::Options(error) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests;
