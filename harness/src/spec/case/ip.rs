//! The IP packet around an injected segment, and the addresses of a case.

use super::Case;

/// IP header fields of an injected segment; `None` leaves the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InjectIp {
    /// TTL or hop limit (64).
    pub ttl: Option<u8>,
    /// TOS octet or traffic class (0).
    pub tos: Option<u8>,
    /// Don't fragment (true, but not for fragments).
    pub df: Option<bool>,
    /// Identification (0, but for fragments a number of their own).
    pub id: Option<u16>,
    /// Where it says that it comes from (the tester).
    pub source: Option<IpEnd>,
    /// Where it goes (the device).
    pub destination: Option<IpEnd>,
    /// IPv4 options, or the options of a Destination Options header of IPv6.
    pub options: Vec<u8>,
    /// The fragments in which it goes, in the order in which they are sent; empty: it is whole.
    pub fragments: Vec<Piece>,
}

impl Case {
    /// One of its connections has the second address of the device.
    pub fn has_second_address(&self) -> bool {
        self.conns.iter().any(|conn| conn.second_address)
    }
}

/// An address that is neither the tester's nor the device's, or the wrong one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpEnd {
    /// 255.255.255.255.
    Broadcast,
    /// The broadcast address of the link's network.
    SubnetBroadcast,
    /// All hosts: 224.0.0.1, ff02::1.
    Multicast,
    /// 127.0.0.1, ::1.
    Loopback,
    /// 0.0.0.0, ::.
    Unspecified,
    /// The device's own.
    Device,
}

impl IpEnd {
    /// By their names in specs.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("broadcast", Self::Broadcast),
        ("subnet-broadcast", Self::SubnetBroadcast),
        ("multicast", Self::Multicast),
        ("loopback", Self::Loopback),
        ("unspecified", Self::Unspecified),
        ("device", Self::Device),
    ];

    /// IPv6 has no broadcast.
    pub fn is_v4_only(self) -> bool {
        matches!(self, Self::Broadcast | Self::SubnetBroadcast)
    }

    /// Its name in specs.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, end)| *end == self);
        found.map_or("", |(name, _)| name)
    }
}

/// A fragment: octets of the TCP segment, header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first octet.
    pub from: u16,
    /// One past the last octet; `None`: the end of the segment.
    pub to: Option<u16>,
    /// All bits are inverted: a copy that must not be taken.
    pub garbled: bool,
    /// TOS octet or traffic class of its own; `None`: the segment's.
    pub tos: Option<u8>,
}
