//! Fields of segments, injected and expected.

use super::{Entry, Shape, entry};

/// Fields of an injected segment.
pub const FIELDS: &[Entry] = &[
    entry(
        "flags",
        Shape::Flags,
        "control bits joined by hyphens; `none` for no bit",
    ),
    entry("seq", Shape::Sequence, "SEG.SEQ (RCV.NXT)"),
    entry("ack", Shape::Sequence, "SEG.ACK (SND.NXT if ACK is set)"),
    entry("wnd", Shape::Number, "window in octets (65535)"),
    entry("wnd_raw", Shape::Number, "window as the 16-bit field"),
    entry("urg", Shape::Number, "urgent pointer (0)"),
    entry(
        "data",
        Shape::Payload,
        "octets of the known pattern, or a text (none)",
    ),
    entry("mss", Shape::NumberPattern, "maximum segment size option"),
    entry("ws", Shape::Number, "window scale option"),
    entry("sack_ok", Shape::Presence, "SACK-permitted option"),
    entry("sack", Shape::Blocks, "SACK blocks in order"),
    entry(
        "ts",
        Shape::Timestamps,
        "timestamps option (on every segment once negotiated)",
    ),
    entry(
        "uto",
        Shape::Number,
        "user timeout option: seconds, or 32768 + minutes",
    ),
    entry(
        "tfo",
        Shape::Special("request, \"0011…\", {from: capture}"),
        "Fast Open option: without a cookie, with these octets, with a captured cookie",
    ),
    entry("opts", Shape::Octets, "these octets instead of all options"),
    entry("ip", Shape::Map(&[IP]), "fields of the IP header"),
];

/// Fields that only an injected segment has.
pub const INJECT_FIELDS: &[Entry] = &[
    entry(
        "checksum",
        Shape::Word(&["bad", "zero"]),
        "a wrong TCP checksum, or none",
    ),
    entry(
        "offset",
        Shape::Count(15),
        "this data offset, whatever the header's length is",
    ),
    entry("reserved", Shape::Count(15), "these reserved bits"),
];

/// What else may be said of an injection.
pub const INJECT_NOTES: &[Entry] = &[
    entry("as", Shape::Name, "name for captures"),
    entry(
        "counts",
        Shape::Bool,
        "`false`: RCV.NXT is not moved by it; `true` on a SYN: by its text too",
    ),
];

/// Fields of an expected segment.
pub const EXPECT_FIELDS: &[Entry] = &[
    entry(
        "flags",
        Shape::FlagsPattern,
        "control bits; PSH, ECE, CWR are free unless named",
    ),
    entry("ece", Shape::Presence, "the ECE bit (free)"),
    entry("cwr", Shape::Presence, "the CWR bit (free)"),
    entry("seq", Shape::SequencePattern, "SEG.SEQ (SND.NXT)"),
    entry(
        "ack",
        Shape::SequencePattern,
        "SEG.ACK (RCV.NXT), compared if ACK is expected",
    ),
    entry("wnd", Shape::NumberPattern, "window in octets (free)"),
    entry(
        "wnd_raw",
        Shape::NumberPattern,
        "window as the 16-bit field (free)",
    ),
    entry(
        "urg",
        Shape::NumberPattern,
        "urgent pointer, compared if URG is expected",
    ),
    entry(
        "data",
        Shape::PayloadPattern,
        "octets of the known pattern, or a text (0)",
    ),
    entry(
        "mss",
        Shape::NumberPattern,
        "maximum segment size option (free)",
    ),
    entry("ws", Shape::NumberPattern, "window scale option (free)"),
    entry("sack_ok", Shape::Presence, "SACK-permitted option (free)"),
    entry(
        "sack",
        Shape::BlocksPattern,
        "SACK blocks in order, or of the option, if it is there, the first one (free)",
    ),
    entry("ts", Shape::TimestampsPattern, "timestamps option (free)"),
    entry(
        "uto",
        Shape::NumberPattern,
        "user timeout option: seconds, or 32768 + minutes (free)",
    ),
    entry(
        "tfo",
        Shape::Special("present, absent, request, cookie, \"0011…\", {from: capture}"),
        "Fast Open option (free); `cookie` is any of a legal length",
    ),
    entry("opts", Shape::Octets, "all options as octets (free)"),
    entry(
        "ip",
        Shape::Map(&[IP_PATTERN]),
        "fields of the IP header (free)",
    ),
];

/// What else may be said of an expectation.
pub const EXPECT_NOTES: &[Entry] = &[
    entry("within", Shape::Duration, "how long it is waited for (1 s)"),
    entry(
        "after",
        Shape::DurationPattern,
        "when it comes, after the packet before it",
    ),
    entry(
        "again",
        Shape::Name,
        "a copy of the captured segment; stands without other fields",
    ),
    entry("as", Shape::Name, "name for captures"),
    entry(
        "optional",
        Shape::Bool,
        "it may stay away until `after` is over; what comes instead is left to the next step",
    ),
];

/// What may be said in `should: {…}` beside an `expect`, besides the segment's fields.
pub const SHOULD_NOTES: &[Entry] = &[
    entry("after", Shape::DurationPattern, "when it ought to come"),
    entry("covers", Shape::Requirement, "the requirement that says so"),
];

/// Fields of the IP header, to be written.
pub const IP: &[Entry] = &[
    entry("ttl", Shape::Count(255), "TTL or hop limit (64)"),
    entry("tos", Shape::Count(255), "TOS octet or traffic class (0)"),
    entry(
        "df",
        Shape::Bool,
        "don't fragment (true, but not for fragments)",
    ),
    entry("id", Shape::Count(65_535), "identification (0)"),
    entry(
        "source",
        Shape::Word(IP_ENDS),
        "where it says that it comes from (the tester)",
    ),
    entry(
        "destination",
        Shape::Word(IP_ENDS),
        "where it goes (the device)",
    ),
    entry(
        "options",
        Shape::Octets,
        "IPv4 options, or options in a Destination Options header of IPv6",
    ),
    entry(
        "fragments",
        Shape::Special("[{from, to}, …]"),
        "the fragments in which it goes, in the order in which they are sent",
    ),
];

/// Addresses that are not those of the connection; broadcast is IPv4's only.
pub const IP_ENDS: &[&str] = &[
    "broadcast",
    "subnet-broadcast",
    "multicast",
    "loopback",
    "unspecified",
    "device",
];

/// Fields of a fragment: octets of the TCP segment, counted from its header on.
pub const PIECE: &[Entry] = &[
    entry(
        "from",
        Shape::Count(65_528),
        "the first octet, a multiple of 8",
    ),
    entry(
        "to",
        Shape::Count(65_528),
        "one past the last octet, a multiple of 8 (the end of the segment)",
    ),
    entry(
        "garbled",
        Shape::Bool,
        "all bits inverted: a copy that must not be taken",
    ),
    entry(
        "tos",
        Shape::Count(255),
        "TOS octet or traffic class of its own (the segment's)",
    ),
];

/// Fields of the IP header, expected.
pub const IP_PATTERN: &[Entry] = &[
    entry("ttl", Shape::NumberPattern, "TTL or hop limit"),
    entry("tos", Shape::NumberPattern, "TOS octet or traffic class"),
    entry("df", Shape::NumberPattern, "don't fragment, 0 or 1"),
    entry("id", Shape::NumberPattern, "identification"),
    entry(
        "route",
        Shape::Octets,
        "IPv4: the routers of its source route, next one first, `\"\"` without one",
    ),
];

/// Fields of the timestamps option.
pub const TIMESTAMPS: &[Entry] = &[
    entry("val", Shape::SequencePattern, "TSval"),
    entry("ecr", Shape::SequencePattern, "TSecr"),
];

/// Where a Fast Open cookie is taken from.
pub const COOKIE: &[Entry] = &[entry("from", Shape::Name, "the captured segment")];

/// What is expected of the first SACK block alone.
pub const FIRST_BLOCK: &[Entry] = &[entry(
    "first",
    Shape::Map(&[BLOCK]),
    "the first block, if the option is there",
)];

/// Fields of a SACK block.
pub const BLOCK: &[Entry] = &[
    entry("from", Shape::SequencePattern, "left edge"),
    entry(
        "to",
        Shape::SequencePattern,
        "right edge, one past the last octet",
    ),
];
