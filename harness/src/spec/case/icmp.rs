//! ICMP errors of the tester, or of a router between it and the device.

use super::Expr;

/// An ICMP error to inject.
#[derive(Clone, Debug)]
pub struct InjectIcmp {
    /// Its name in specs.
    pub name: &'static str,
    /// Type and code.
    pub kind: (u8, u8),
    /// The MTU that it names; only some kinds have one.
    pub mtu: Option<Expr>,
    /// Who sends it.
    pub from: IcmpSender,
    /// The packet that it is about.
    pub quote: Quote,
    /// Write a wrong checksum.
    pub bad_checksum: bool,
}

/// Who sends an ICMP error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IcmpSender {
    /// A router on the way: another address of the link's network.
    #[default]
    Router,
    /// The tester itself.
    Tester,
}

/// What is quoted: the device's last segment on the connection, with these things changed.
#[derive(Clone, Debug, Default)]
pub struct Quote {
    /// SEG.SEQ.
    pub seq: Option<Expr>,
    /// The port of the device.
    pub port: Option<Expr>,
    /// The protocol that follows the IP header.
    pub protocol: Option<u8>,
    /// What the IP header says of the length of the whole packet.
    pub length: Option<Expr>,
    /// Octets of TCP that are quoted; `None`: as many as a message may hold.
    pub octets: Option<u16>,
}
