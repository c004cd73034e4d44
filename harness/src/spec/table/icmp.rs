//! ICMP errors: their kinds, and what may be said of them.

use super::{Entry, Shape, entry};

/// A kind of ICMP error.
#[derive(Debug)]
pub struct IcmpKind {
    /// The word.
    pub name: &'static str,
    /// Type and code of ICMP for IPv4, where there is such an error.
    pub v4: Option<(u8, u8)>,
    /// Type and code of ICMPv6.
    pub v6: Option<(u8, u8)>,
    /// It names an MTU.
    pub has_mtu: bool,
}

const fn kind(name: &'static str, v4: Option<(u8, u8)>, v6: Option<(u8, u8)>) -> IcmpKind {
    IcmpKind {
        name,
        v4,
        v6,
        has_mtu: false,
    }
}

/// The kinds (RFC 792, RFC 1812 §5.2.7, RFC 4443 §3).
pub const ICMP_KINDS: &[IcmpKind] = &[
    kind("net-unreachable", Some((3, 0)), Some((1, 0))),
    kind("host-unreachable", Some((3, 1)), Some((1, 3))),
    kind("proto-unreachable", Some((3, 2)), Some((4, 1))),
    kind("port-unreachable", Some((3, 3)), Some((1, 4))),
    IcmpKind {
        name: "frag-needed",
        v4: Some((3, 4)),
        v6: Some((2, 0)),
        has_mtu: true,
    },
    kind("source-route-failed", Some((3, 5)), None),
    kind("admin-prohibited", Some((3, 13)), Some((1, 1))),
    kind("source-quench", Some((4, 0)), None),
    kind("time-exceeded", Some((11, 0)), Some((3, 0))),
    kind("reassembly-exceeded", Some((11, 1)), Some((3, 1))),
    kind("parameter-problem", Some((12, 0)), Some((4, 0))),
];

/// Fields of an injected ICMP error.
pub const ICMP: &[Entry] = &[
    entry("icmp", Shape::Special("a kind"), "the kind of error"),
    entry("mtu", Shape::Number, "the MTU that `frag-needed` names"),
    entry(
        "quote",
        Shape::Special("last, or a map"),
        "the segment that it is about: the device's last one (`last`), or that one changed",
    ),
    entry(
        "from",
        Shape::Word(&["router", "tester"]),
        "who sends it: a router on the way (`router`), or the tester",
    ),
    entry("checksum", Shape::Word(&["bad"]), "a wrong ICMP checksum"),
];

/// What a quoted segment may say otherwise than the device's last one did.
pub const QUOTE: &[Entry] = &[
    entry("seq", Shape::Sequence, "SEG.SEQ"),
    entry("port", Shape::Number, "the port of the device"),
    entry(
        "protocol",
        Shape::Count(255),
        "the protocol in the IP header",
    ),
    entry(
        "length",
        Shape::Number,
        "the length in the IP header, of the whole packet",
    ),
    entry(
        "octets",
        Shape::Count(1480),
        "so many octets of TCP are quoted (all that fits)",
    ),
];
