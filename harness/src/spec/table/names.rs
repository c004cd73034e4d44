//! Names in expressions, and the words of `ignore` and `except`.

use super::{Entry, Shape, entry};
use crate::spec::case::{CaptureField, Var};

/// Variables: always the device's.
pub const VARIABLES: &[Entry] = &[
    entry("ISS", Shape::Sequence, "SEQ of the device's SYN"),
    entry(
        "SND.NXT",
        Shape::Sequence,
        "highest SEQ+LEN seen from the device",
    ),
    entry(
        "SND.UNA",
        Shape::Sequence,
        "highest acceptable ACK injected",
    ),
    entry(
        "SND.WND",
        Shape::Number,
        "last injected window that passes the WL1/WL2 test",
    ),
    entry(
        "SND.MSS",
        Shape::Number,
        "the MSS that the tester offered, else 536 or 1220",
    ),
    entry(
        "IRS",
        Shape::Sequence,
        "SEQ of the last SYN injected; before: the tester's choice",
    ),
    entry(
        "RCV.NXT",
        Shape::Sequence,
        "what the device must expect next, from what was injected",
    ),
    entry(
        "RCV.WND",
        Shape::Number,
        "highest right edge that the device advertised - RCV.NXT",
    ),
    entry("RCV.MSS", Shape::Number, "the MSS that the device offered"),
    entry("TS.VAL", Shape::Sequence, "the device's last TSval"),
    entry(
        "TS.RECENT",
        Shape::Sequence,
        "the tester's TSval that the device must echo",
    ),
];

/// [`VARIABLES`] by value.
pub const VARIABLE_NAMES: [(&str, Var); 11] = [
    ("ISS", Var::Iss),
    ("SND.NXT", Var::SndNxt),
    ("SND.UNA", Var::SndUna),
    ("SND.WND", Var::SndWnd),
    ("SND.MSS", Var::SndMss),
    ("IRS", Var::Irs),
    ("RCV.NXT", Var::RcvNxt),
    ("RCV.WND", Var::RcvWnd),
    ("RCV.MSS", Var::RcvMss),
    ("TS.VAL", Var::TsVal),
    ("TS.RECENT", Var::TsRecent),
];

/// Constants of link and profile.
pub const CONSTANTS: &[Entry] = &[
    entry("LINK.MSS", Shape::Number, "MTU less 40 (IPv4) or 60 (IPv6)"),
    entry(
        "MSL",
        Shape::Duration,
        "maximum segment lifetime of the profile",
    ),
    entry(
        "RTO.INITIAL",
        Shape::Duration,
        "first retransmission timeout",
    ),
    entry("RTO.MIN", Shape::Duration, "least retransmission timeout"),
    entry("RTO.MAX", Shape::Duration, "largest retransmission timeout"),
    entry(
        "FIN2.TIMEOUT",
        Shape::Duration,
        "longest FIN-WAIT-2 of a connection that nobody owns",
    ),
    entry(
        "PMTU.RAISE",
        Shape::Duration,
        "time from a reduced path MTU to the next larger packet",
    ),
    entry(
        "PERSIST.MAX",
        Shape::Duration,
        "longest pause between zero-window probes (RTO.MAX)",
    ),
    entry(
        "KEEPALIVE.IDLE",
        Shape::Duration,
        "idle time before a keep-alive probe where the application says nothing",
    ),
    entry(
        "KEEPALIVE.INTERVAL",
        Shape::Duration,
        "time between probes, where it says nothing",
    ),
    entry(
        "KEEPALIVE.COUNT",
        Shape::Number,
        "unanswered ones that end the connection, where it says nothing",
    ),
    entry("SYN.RETRIES", Shape::Number, "retransmissions of a SYN"),
    entry(
        "SYNACK.RETRIES",
        Shape::Number,
        "retransmissions of a SYN-ACK",
    ),
    entry(
        "SYNACK.PRESSED",
        Shape::Number,
        "the same while more than half of the SYN queue is taken",
    ),
    entry(
        "SOMAXCONN",
        Shape::Number,
        "largest backlog that a listener can have",
    ),
];

/// Fields of a capture: `name.seq`; `prev` is the segment matched last.
pub const CAPTURE_FIELDS: &[Entry] = &[
    entry("seq", Shape::Sequence, "SEG.SEQ"),
    entry("ack", Shape::Sequence, "SEG.ACK"),
    entry(
        "end",
        Shape::Sequence,
        "SEG.SEQ+SEG.LEN, SYN and FIN counted",
    ),
    entry("wnd", Shape::Number, "the window in octets"),
    entry("len", Shape::Number, "octets of payload"),
    entry("after", Shape::Duration, "how long it took to come"),
    entry("replies", Shape::Number, "segments that answered a flood"),
];

/// [`CAPTURE_FIELDS`] by value.
pub const CAPTURE_FIELD_NAMES: [(&str, CaptureField); 7] = [
    ("seq", CaptureField::Seq),
    ("ack", CaptureField::Ack),
    ("end", CaptureField::End),
    ("wnd", CaptureField::Wnd),
    ("len", CaptureField::Len),
    ("after", CaptureField::After),
    ("replies", CaptureField::Replies),
];

/// Functions of expressions.
pub const FUNCTIONS: &[Entry] = &[
    entry("min", Shape::Special("min(a, b)"), "the lesser"),
    entry("max", Shape::Special("max(a, b)"), "the greater"),
];

/// Kinds of extra segments that `ignore` lets pass.
pub const IGNORABLE: &[Entry] = &[
    entry(
        "retransmission",
        Shape::Nothing,
        "a copy of a segment seen before; what is new in its ACK counts as an ACK by itself",
    ),
    entry(
        "window-update",
        Shape::Nothing,
        "a pure ACK that only moves the window's right edge",
    ),
    entry(
        "duplicate-ack",
        Shape::Nothing,
        "a pure ACK equal to the one before",
    ),
];

/// Rules that every segment of the device is held to, as `except` names them.
pub const INVARIANTS: &[Entry] = &[
    entry(
        "checksum",
        Shape::Nothing,
        "the TCP checksum is right (MUST-2)",
    ),
    entry(
        "header-length",
        Shape::Nothing,
        "the data offset is the header's length",
    ),
    entry("reserved-bits", Shape::Nothing, "reserved bits are zero"),
    entry(
        "options",
        Shape::Nothing,
        "the option list is well formed (MUST-68, MUST-69)",
    ),
    entry(
        "mss-only-on-syn",
        Shape::Nothing,
        "handshake options stand on SYN segments only",
    ),
    entry(
        "segment-size",
        Shape::Nothing,
        "no segment is larger than SND.MSS and the link allow",
    ),
    entry(
        "window",
        Shape::Nothing,
        "no data beyond the offered window; it is not shrunk",
    ),
    entry("rst-to-rst", Shape::Nothing, "no RST answers a RST"),
    entry(
        "timestamps",
        Shape::Nothing,
        "once negotiated on every segment, never running back",
    ),
    entry(
        "sack",
        Shape::Nothing,
        "SACK only if permitted, and within what was injected",
    ),
    entry(
        "urgent",
        Shape::Nothing,
        "an urgent pointer that makes sense",
    ),
    entry(
        "ecn",
        Shape::Nothing,
        "no ECT on SYN, pure ACK and retransmission",
    ),
    entry(
        "ack-bit",
        Shape::Nothing,
        "ACK is set on all but the first SYN and some RST",
    ),
    entry("ip-header", Shape::Nothing, "the IP header is well formed"),
    entry(
        "unscaled-syn-window",
        Shape::Nothing,
        "the window of a SYN is not scaled",
    ),
];
