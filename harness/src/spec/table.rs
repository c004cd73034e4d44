//! The vocabulary of the language, once: keys, verbs, fields, options, calls, events, variables,
//! functions, each with its shape and a line of documentation.
//!
//! The decoder refuses what is not here, the help of its messages, the JSON Schema and the
//! reference page `specs/README.md` are made of it.

mod application;
mod icmp;
mod names;
mod near;
mod observed;
mod segment;

pub use application::*;
pub use icmp::*;
pub use names::*;
pub use near::nearest;
pub use observed::*;
pub use segment::*;

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
        Shape::Special("map of name to {same_tuple: name, port: own, address: second}"),
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
    entry(
        "ecn",
        Shape::Presence,
        "ECN-setup: ECE and CWR on the SYN, ECE on the SYN-ACK",
    ),
];

/// Fields of a declared connection.
pub const CONN: &[Entry] = &[
    entry(
        "same_tuple",
        Shape::Name,
        "shares the four-tuple of that connection",
    ),
    entry(
        "port",
        Shape::Word(&["own"]),
        "a port of its own on the device, where the others share one",
    ),
    entry(
        "address",
        Shape::Word(&["second"]),
        "a second address of the device, on a network that the tester is not on",
    ),
];

/// The verbs: a step has exactly one.
pub const VERBS: &[Entry] = &[
    entry(
        "inject",
        Shape::Map(&[FIELDS, INJECT_FIELDS, INJECT_NOTES, ICMP]),
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
        Shape::Map(&[FLOOD]),
        "many segments at once, each from an address of its own",
    ),
];

/// Fields of `flood`.
pub const FLOOD: &[Entry] = &[
    entry(
        "segment",
        Shape::Map(&[FIELDS, INJECT_FIELDS]),
        "the segment, as for `inject`; SEG.SEQ is another in each unless it stands here",
    ),
    entry("count", Shape::Number, "how many, at most 1000000"),
    entry(
        "every",
        Shape::Duration,
        "time from one to the next (none), to the millisecond",
    ),
    entry("as", Shape::Name, "name for `NAME.replies`"),
];

/// Whether a call may be refused.
pub const REFUSALS: &[&str] = &["must", "must-not", "may"];

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
    entry(
        "refused",
        Shape::Word(REFUSALS),
        "beside `call`: whether the device's TCP must, must not or may refuse it",
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

/// The names of all states.
pub fn state_names() -> Vec<&'static str> {
    State::NAMES.iter().map(|(name, _)| *name).collect()
}

/// The words of a table.
pub fn names(entries: &'static [Entry]) -> Vec<&'static str> {
    entries.iter().map(|entry| entry.name).collect()
}
