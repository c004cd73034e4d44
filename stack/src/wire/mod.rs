//! Bytes ⇄ [`Segment`] in IPv4 and IPv6 (RFC 9293 §3.1).
//!
//! What is malformed is rejected by name; nothing is ever repaired. What is emitted is canonical:
//! the options come as MSS, SACK Permitted, Timestamps, Window Scale, Fast Open, SACK, each padded
//! so that it is aligned.

mod checksum;
mod ip;
mod tcp;

pub(crate) use ip::Fragment;
pub use ip::IpHeader;
#[cfg(test)]
pub(crate) use ip::encode as encode_ip;
pub(crate) use ip::{
    ICMP, ICMPV6, TCP, decode as decode_ip, decode_fragment, header_len, skip_extensions, v4, v6,
};
pub(crate) use tcp::{decode as decode_tcp, most_sack_blocks, sack_len, user_timeout_fits};

use crate::segment::Segment;
use crate::source_route::SourceRoute;
use checksum::Sum;
use std::net::{IpAddr, SocketAddr};

/// Octets of the timestamp option with its padding.
pub(crate) const TIMESTAMPS_LEN: u32 = 12;
/// Octets of the User Timeout option (RFC 5482 §3.3).
pub(crate) const USER_TIMEOUT_LEN: u32 = 4;
/// Octets that options may take in all (RFC 9293 §3.1).
pub(crate) const MOST_OPTIONS: u32 = 40;
/// Octets of a TCP header without options.
pub(crate) const TCP_HEADER_LEN: u32 = 20;

/// A TCP segment with its IP header and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The IP header.
    pub ip: IpHeader,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// The segment.
    pub segment: Segment<'a>,
}

impl Packet<'_> {
    /// The socket of the sender.
    pub(crate) fn src(&self) -> SocketAddr {
        SocketAddr::new(self.ip.src, self.src_port)
    }

    /// The socket of the receiver.
    pub(crate) fn dst(&self) -> SocketAddr {
        SocketAddr::new(self.ip.dst, self.dst_port)
    }

    /// Writes the packet over `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let ports = (self.src_port, self.dst_port);
        encode(&self.ip, ports, &self.segment, None, out);
    }
}

/// Writes a packet over `out`, to go by a source route if there is one; the ports are those of its
/// source and its destination.
pub(crate) fn encode(
    ip: &IpHeader,
    ports: (u16, u16),
    segment: &Segment<'_>,
    route: Option<&SourceRoute>,
    out: &mut Vec<u8>,
) {
    out.clear();
    let len = tcp::len(segment);
    out.reserve(ip.len() + route.map_or(0, SourceRoute::option_len) + len);
    ip::encode(ip, route, TCP, len, out);
    // The checksum counts the ultimate destination (RFC 9293 §3.9.2.1).
    tcp::encode(ip, ports, segment, out);
}

/// What is wrong with a packet that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Neither version 4 nor 6.
    #[error("not an IP packet")]
    NotIp,
    /// An IP header that is cut off, lies about lengths or has a wrong checksum.
    #[error("malformed IP header")]
    IpHeader,
    /// A fragment.
    #[error("fragment")]
    Fragment,
    /// Fewer octets than a TCP header has.
    #[error("truncated TCP header")]
    TcpHeader,
    /// Data Offset below 5, or beyond the segment.
    #[error("data offset outside the segment")]
    DataOffset,
    /// The TCP checksum is wrong.
    #[error("wrong TCP checksum")]
    Checksum,
    /// An option with an illegal length (RFC 9293 §3.1, MUST-7).
    #[error("illegal option length")]
    OptionLength,
    /// A source route that is malformed, does not end here, or is not wanted.
    #[error("source route that is not taken")]
    SourceRoute,
}

/// The checksum over an ICMPv6 message or a TCP segment is right.
pub(crate) fn checksum_holds(src: IpAddr, dst: IpAddr, protocol: u8, octets: &[u8]) -> bool {
    Sum::pseudo_header(src, dst, protocol, octets.len())
        .add(octets)
        .finish()
        == 0
}

/// The checksum over an ICMP message for IPv4 is right.
pub(crate) fn plain_checksum_holds(octets: &[u8]) -> bool {
    Sum::default().add(octets).finish() == 0
}

/// The checksum of a TCP segment whose checksum field is zero.
#[cfg(test)]
pub(crate) fn checksum_of(src: IpAddr, dst: IpAddr, segment: &[u8]) -> u16 {
    Sum::pseudo_header(src, dst, TCP, segment.len())
        .add(segment)
        .finish()
}

/// The checksum of an IPv4 header whose checksum field is zero.
#[cfg(test)]
pub(crate) fn checksum_of_header(header: &[u8]) -> u16 {
    Sum::default().add(header).finish()
}

#[cfg(test)]
mod tests;
