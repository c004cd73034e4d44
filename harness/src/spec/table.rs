//! The vocabulary of the language, once: keys, verbs, fields, options, calls, events, variables,
//! functions, each with its shape and a line of documentation.
//!
//! The decoder refuses what is not here, the help of its messages, the JSON Schema and the
//! reference page `specs/README.md` are made of it.

use super::case::{CaptureField, State, Var};

/// One word of the language.
#[derive(Debug)]
pub struct Entry {
    /// The word.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// What it means, one line.
    pub doc: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// Text of the author's choice that names something: letters, digits, `_`.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [Entry]),
    /// A list of requirement ids.
    Requirements,
    /// One requirement id.
    Requirement,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0 to this.
    Count(u64),
    /// An expression that is a number.
    Number,
    /// An expression that is a sequence number.
    Sequence,
    /// An expression that is a duration.
    Duration,
    /// A number or what it may be: `any`, `present`, `absent`, a range, a list.
    NumberPattern,
    /// A sequence number or what it may be.
    SequencePattern,
    /// A duration or a range of durations.
    DurationPattern,
    /// Control bits: `SYN-ACK`.
    Flags,
    /// Control bits, or a list of them, or `any`.
    FlagsPattern,
    /// A count of octets or a text in quotes.
    Payload,
    /// A count of octets or what it may be, or a text in quotes.
    PayloadPattern,
    /// `present` or `absent`.
    Presence,
    /// A list of `{from, to}`.
    Blocks,
    /// A list of `{from, to}`, `present` or `absent`.
    BlocksPattern,
    /// `{val, ecr}`, `present` or `absent`.
    Timestamps,
    /// `{val, ecr}` with patterns, `present` or `absent`.
    TimestampsPattern,
    /// Octets in hexadecimal, in quotes.
    Octets,
    /// A map with these fields.
    Map(&'static [&'static [Entry]]),
    /// One word alone, or `{word: argument}`.
    Action(&'static [Entry]),
    /// A state of RFC 9293 §3.3.2.
    State,
    /// No argument.
    Nothing,
    /// A list of steps.
    Steps,
    /// Described in the reference page only.
    Special(&'static str),
}

const fn entry(name: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { name, shape, doc }
}

/// Top-level keys, in the order in which they stand.
pub const FILE: &[Entry] = &[
    entry("spec", Shape::Count(1), "version of the language: 1"),
    entry(
        "title",
        Shape::Text,
        "one sentence that is true of a conforming device",
    ),
    entry(
        "covers",
        Shape::Requirements,
        "ids of requirements, matrix cells and TC8 cases",
    ),
    entry(
        "level",
        Shape::Word(&["must", "should"]),
        "`should` grades the whole file",
    ),
    entry(
        "why",
        Shape::Text,
        "what the spec is about, for the reader of a failure",
    ),
    entry(
        "needs",
        Shape::Words(super::claims::CLAIMS),
        "claims without which it is skipped",
    ),
    entry(
        "family",
        Shape::Word(&["4", "6"]),
        "only this IP version; the default is both",
    ),
    entry(
        "ignore",
        Shape::Words(IGNORABLE),
        "kinds of extra segments that may be let pass",
    ),
    entry(
        "except",
        Shape::Words(INVARIANTS),
        "always-checked rules broken on purpose",
    ),
    entry(
        "conns",
        Shape::Special("map of name to {same_tuple: name}"),
        "more connections than `a`",
    ),
    entry(
        "cases",
        Shape::Special("map of parameter to list"),
        "the cases are the product",
    ),
    entry(
        "start",
        Shape::Special("a state, or a map"),
        "the state that the preamble leads to",
    ),
    entry("steps", Shape::Steps, "what is played"),
];

/// Fields of `start:`.
pub const START: &[Entry] = &[
    entry("state", Shape::State, "the state"),
    entry(
        "via",
        Shape::Word(&["active", "passive"]),
        "which end opened (passive)",
    ),
    entry(
        "with",
        Shape::Map(&[WITH]),
        "options of the tester's SYN or SYN-ACK",
    ),
    entry(
        "backlog",
        Shape::Count(65_535),
        "length of the accept queue",
    ),
    entry(
        "accept",
        Shape::Word(&["manual"]),
        "the application accepts only by `call: accept`",
    ),
    entry(
        "read",
        Shape::Word(&["manual"]),
        "the application reads only by `call: {recv: n}`",
    ),
    entry(
        "set",
        Shape::Map(&[SETTINGS]),
        "socket options before the handshake, and settings of \
        the device by their own names (`tcp_…`)",
    ),
];

/// Options of a handshake.
pub const WITH: &[Entry] = &[
    entry(
        "mss",
        Shape::NumberPattern,
        "maximum segment size (LINK.MSS); `absent` removes it",
    ),
    entry("ws", Shape::Number, "window scale shift"),
    entry("sack_ok", Shape::Presence, "SACK-permitted"),
    entry("ts", Shape::Timestamps, "timestamps"),
    entry("opts", Shape::Octets, "these octets instead of all options"),
];

/// Fields of a declared connection.
pub const CONN: &[Entry] = &[entry(
    "same_tuple",
    Shape::Name,
    "shares the four-tuple of that connection",
)];

/// The verbs: a step has exactly one.
pub const VERBS: &[Entry] = &[
    entry(
        "inject",
        Shape::Map(&[FIELDS, INJECT_FIELDS, INJECT_NOTES]),
        "tester → device",
    ),
    entry(
        "expect",
        Shape::Map(&[EXPECT_FIELDS, EXPECT_NOTES]),
        "device → tester",
    ),
    entry("silence", Shape::Duration, "nothing comes for that long"),
    entry(
        "call",
        Shape::Action(CALLS),
        "the device's application acts",
    ),
    entry(
        "app",
        Shape::Action(EVENTS),
        "the device's application sees",
    ),
    entry("state", Shape::State, "the device reports this state"),
    entry("check", Shape::Text, "a comparison of values already bound"),
    entry(
        "info",
        Shape::Map(&[INFO]),
        "what the device reports of the connection",
    ),
    entry(
        "counter",
        Shape::Special("map of counter to number"),
        "how far counters moved",
    ),
    entry(
        "repeat",
        Shape::Special("{v: list or a..b}, with `steps`"),
        "unrolled at load",
    ),
    entry(
        "when",
        Shape::Special("$param or profile.NAME, with one list per value"),
        "chosen at load; the keys are exactly the possible values",
    ),
    entry(
        "one_of",
        Shape::Special("list of {as, unless?, steps}"),
        "alternatives, decided by the first thing that happens",
    ),
    entry(
        "flood",
        Shape::Special("not yet"),
        "many segments at once; not there yet",
    ),
];

/// What may stand beside a verb.
pub const BESIDE: &[Entry] = &[
    entry("conn", Shape::Name, "the connection (`a`)"),
    entry(
        "should",
        Shape::Special("a requirement id; beside `expect` also {constraints, covers}"),
        "the step, or only these constraints, are judged at SHOULD level",
    ),
    entry(
        "within",
        Shape::Duration,
        "beside `app` and `state`: bound instead of `reply`",
    ),
];

/// Fields of a branch of `one_of`.
pub const BRANCH: &[Entry] = &[
    entry(
        "as",
        Shape::Name,
        "name of the branch, which is reported if taken",
    ),
    entry(
        "unless",
        Shape::Special("a claim, or a list of claims"),
        "the branch is closed to a device that claims this",
    ),
    entry("steps", Shape::Steps, "its steps; the first one decides"),
];

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
    entry("opts", Shape::Octets, "these octets instead of all options"),
    entry("ip", Shape::Map(&[IP]), "fields of the IP header"),
];

/// Fields that only an injected segment has.
pub const INJECT_FIELDS: &[Entry] = &[
    entry("checksum", Shape::Word(&["bad"]), "a wrong TCP checksum"),
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
    entry("counts", Shape::Bool, "`false`: RCV.NXT is not moved by it"),
];

/// Fields of an expected segment.
pub const EXPECT_FIELDS: &[Entry] = &[
    entry(
        "flags",
        Shape::FlagsPattern,
        "control bits; PSH, ECE, CWR are free unless named",
    ),
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
    entry("sack", Shape::BlocksPattern, "SACK blocks in order (free)"),
    entry("ts", Shape::TimestampsPattern, "timestamps option (free)"),
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
    entry("df", Shape::Bool, "don't fragment (true)"),
    entry("id", Shape::Count(65_535), "identification (0)"),
];

/// Fields of the IP header, expected.
pub const IP_PATTERN: &[Entry] = &[
    entry("ttl", Shape::NumberPattern, "TTL or hop limit"),
    entry("tos", Shape::NumberPattern, "TOS octet or traffic class"),
    entry("df", Shape::NumberPattern, "don't fragment, 0 or 1"),
    entry("id", Shape::NumberPattern, "identification"),
];

/// Fields of the timestamps option.
pub const TIMESTAMPS: &[Entry] = &[
    entry("val", Shape::SequencePattern, "TSval"),
    entry("ecr", Shape::SequencePattern, "TSecr"),
];

/// Fields of a SACK block.
pub const BLOCK: &[Entry] = &[
    entry("from", Shape::SequencePattern, "left edge"),
    entry(
        "to",
        Shape::SequencePattern,
        "right edge, one past the last octet",
    ),
];

/// Calls of the application.
pub const CALLS: &[Entry] = &[
    entry(
        "listen",
        Shape::Map(&[LISTEN]),
        "passive OPEN; the map may be left out",
    ),
    entry("connect", Shape::Nothing, "active OPEN"),
    entry(
        "accept",
        Shape::Nothing,
        "take a connection from the listener",
    ),
    entry(
        "send",
        Shape::Payload,
        "SEND n octets, a text, or {count, urgent: true}",
    ),
    entry("recv", Shape::Number, "RECEIVE n octets"),
    entry(
        "shutdown",
        Shape::Word(&["write"]),
        "the RFC's CLOSE: receiving goes on",
    ),
    entry("close", Shape::Nothing, "gives up both directions"),
    entry("abort", Shape::Nothing, "ABORT"),
    entry("set", Shape::Map(&[SETTINGS]), "socket options"),
];

/// Argument of `listen`.
pub const LISTEN: &[Entry] = &[entry(
    "backlog",
    Shape::Count(65_535),
    "length of the accept queue",
)];

/// Argument of `send`, in its long form.
pub const SEND: &[Entry] = &[
    entry("count", Shape::Payload, "what is sent"),
    entry("urgent", Shape::Bool, "with the urgent mark"),
];

/// Socket options.
pub const SETTINGS: &[Entry] = &[
    entry("nodelay", Shape::Bool, "Nagle's algorithm off"),
    entry("rcvbuf", Shape::Count(1 << 30), "receive buffer, octets"),
    entry("sndbuf", Shape::Count(1 << 30), "send buffer, octets"),
    entry(
        "keepalive",
        Shape::Map(&[KEEPALIVE]),
        "keep-alive on, with these times",
    ),
    entry("user_timeout", Shape::Duration, "user timeout"),
];

/// Keep-alive times.
pub const KEEPALIVE: &[Entry] = &[
    entry("idle", Shape::Duration, "idle time before the first probe"),
    entry("interval", Shape::Duration, "time between probes"),
    entry(
        "count",
        Shape::Count(255),
        "unanswered probes before it gives up",
    ),
];

/// Events that the application sees.
pub const EVENTS: &[Entry] = &[
    entry("accepted", Shape::Nothing, "a connection was accepted"),
    entry("connected", Shape::Nothing, "an active OPEN succeeded"),
    entry("refused", Shape::Nothing, "an active OPEN was refused"),
    entry("reset", Shape::Nothing, "the connection was reset"),
    entry("timeout", Shape::Nothing, "the connection timed out"),
    entry("eof", Shape::Nothing, "the peer closed its side"),
    entry("urgent", Shape::Nothing, "urgent data is pending"),
    entry(
        "data",
        Shape::Payload,
        "n more octets were delivered, content checked",
    ),
    entry("sent", Shape::Number, "n more octets were taken by SEND"),
];

/// Fields of `info:`. Durations compare as durations, all others as numbers.
pub const INFO: &[Entry] = &[
    entry("cwnd", Shape::NumberPattern, "congestion window, octets"),
    entry(
        "ssthresh",
        Shape::NumberPattern,
        "slow start threshold, octets",
    ),
    entry("rto", Shape::DurationPattern, "retransmission timeout"),
    entry("srtt", Shape::DurationPattern, "smoothed round-trip time"),
    entry(
        "rttvar",
        Shape::DurationPattern,
        "variation of the round-trip time",
    ),
    entry(
        "retransmits",
        Shape::NumberPattern,
        "retransmissions of the oldest segment",
    ),
    entry(
        "backoff",
        Shape::NumberPattern,
        "doublings of the retransmission timeout",
    ),
    entry(
        "snd_mss",
        Shape::NumberPattern,
        "effective send MSS, octets",
    ),
    entry(
        "rcv_mss",
        Shape::NumberPattern,
        "MSS of the other end as it is seen, octets",
    ),
    entry("pmtu", Shape::NumberPattern, "path MTU, octets"),
    entry("unacked", Shape::NumberPattern, "segments in flight"),
    entry(
        "unsent",
        Shape::NumberPattern,
        "octets that wait in the send queue",
    ),
    entry(
        "unread",
        Shape::NumberPattern,
        "octets that wait for the application",
    ),
];

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
];

/// [`CAPTURE_FIELDS`] by value.
pub const CAPTURE_FIELD_NAMES: [(&str, CaptureField); 6] = [
    ("seq", CaptureField::Seq),
    ("ack", CaptureField::Ack),
    ("end", CaptureField::End),
    ("wnd", CaptureField::Wnd),
    ("len", CaptureField::Len),
    ("after", CaptureField::After),
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
        "an exact copy of a segment seen before",
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

/// The variable with this name.
pub fn variable(name: &str) -> Option<Var> {
    VARIABLE_NAMES
        .iter()
        .find(|(have, _)| *have == name)
        .map(|(_, var)| *var)
}

/// The field of a capture with this name.
pub fn capture_field(name: &str) -> Option<CaptureField> {
    CAPTURE_FIELD_NAMES
        .iter()
        .find(|(have, _)| *have == name)
        .map(|(_, field)| *field)
}

/// The state with this name.
pub fn state(name: &str) -> Option<State> {
    State::NAMES
        .iter()
        .find(|(have, _)| *have == name)
        .map(|(_, state)| *state)
}

/// The words of a table.
pub fn names(entries: &'static [Entry]) -> Vec<&'static str> {
    entries.iter().map(|entry| entry.name).collect()
}

/// The known word that the author may have meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|have| {
            (
                strsim::damerau_levenshtein(&lower, &have.to_lowercase()),
                have,
            )
        })
        .filter(|(distance, have)| *distance <= have.len().min(word.len()) / 3 + 1)
        .filter(|(distance, have)| *distance < have.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, have)| have.to_owned())
}
