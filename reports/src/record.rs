//! The stable, versioned data of a run: what was played, what came back, and what it means.
//!
//! Sequence numbers are stored as they were on the wire. Reports re-base them, so that the
//! tester's initial sequence number shows as 100 and the device's as 300, as in the figures of
//! RFC 9293. Times are nanoseconds on the case's own clock (virtual or real), from its start.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The version of this format; it changes when a reader of the old one would misread the new one.
pub const FORMAT: u32 = 2;

/// The reason of a case that had not run when the run was interrupted.
pub const INTERRUPTED: &str = "interrupted before its turn";

/// The reason of a case that had not ended when the run was interrupted.
pub const INTERRUPTED_IN_PROGRESS: &str = "interrupted while it was played";

/// One run of the tool against one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`FORMAT`].
    pub format: u32,
    /// Name and version of the tool, `tcpspec 0.1.0`.
    pub tool: String,
    /// The command line, so that a report explains itself.
    pub command: Vec<String>,
    /// When the run began, milliseconds since the Unix epoch.
    pub started_unix_ms: u64,
    /// How long the run took in real time, nanoseconds.
    pub wall_ns: u64,
    /// The device and all that was claimed for it.
    pub device: DeviceRecord,
    /// The seed from which every random choice of the run follows.
    #[serde(with = "seed")]
    pub seed: u64,
    /// Stopped before all cases had run: the others are skipped, with
    /// [`INTERRUPTED`] or [`INTERRUPTED_IN_PROGRESS`].
    pub interrupted: bool,
    /// The hidden cases that show that this run could see a failure.
    pub canaries: Vec<Canary>,
    /// The cases, in the order of their ids' sections.
    pub cases: Vec<CaseRecord>,
    /// What is wrong with the list of known deviations.
    pub findings: Vec<DeviationFinding>,
    /// Remarks on the whole run: frames dropped by the link, a worker that died.
    pub remarks: Vec<String>,
    /// The suite of somebody else by whose ids the results are told (`--suite`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<Suite>,
}

/// A suite of somebody else, with what each of its cases came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// Its name on the command line, `tc8`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its cases, in its own order.
    pub results: Vec<SuiteResult>,
}

/// What a case of a suite came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteResult {
    /// `TCP_BASICS_01`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The worst of what our cases that show it came to.
    pub outcome: Outcome,
    /// Why it is no pass: the case that decided, and what it said.
    pub reason: Option<String>,
    /// The ids of our cases that show it.
    pub cases: Vec<String>,
}

/// What a case of a suite comes to, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A MUST is violated.
    Fail,
    /// Nobody could judge.
    Inconclusive,
    /// A SHOULD is not followed.
    Deviates,
    /// It goes wrong as the deviation list foretold.
    Known,
    /// Everything that was checked holds.
    Pass,
    /// None of the cases that show it ran.
    Skipped,
}

/// The device as the run knew it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// `bundled`, `kernel`, or an address.
    pub name: String,
    /// What exactly answered: `linux-6.18.44`, `tcpspec-stack 0.1.0`.
    pub identity: String,
    /// `virtual` or `real`.
    pub clock: String,
    /// How frames reach it: `memory`, `tun`, `veth`.
    pub link: String,
    /// Names of the capabilities that its profile claims.
    pub claims: Vec<String>,
    /// The profile's policies and pinned settings, name and value.
    pub policies: Vec<(String, String)>,
}

/// A case whose failure is certain if the harness can see at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// What it tries.
    pub name: String,
    /// True if it was caught, as it must be.
    pub caught: bool,
    /// Why it came to no judgement, if it did not: it shows nothing then, either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<String>,
}

impl Canary {
    /// It was played to its end, and nobody saw that anything was wrong.
    pub fn was_missed(&self) -> bool {
        !self.caught && self.unjudged.is_none()
    }
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// `3.6/simultaneous-close[v4]`.
    pub id: String,
    /// The folder of the spec, `3.6-closing`; its leading section is [`CaseRecord::section`].
    pub folder: String,
    /// `3.6`, or `rfc5961.3.2` outside RFC 9293.
    pub section: String,
    /// The spec's title.
    pub title: String,
    /// IP version of the case.
    pub family: Family,
    /// Parameters of the case, name and value, in the spec's order.
    pub params: Vec<(String, String)>,
    /// The requirements that the case covers.
    pub covers: Vec<Requirement>,
    /// The strictest level at which the case judges.
    pub level: Level,
    /// The verdict; see also [`CaseRecord::known`].
    pub verdict: Verdict,
    /// Why the case was skipped or is inconclusive.
    pub reason: Option<String>,
    /// The entry of the deviation list that foretold this failure.
    pub known: Option<Known>,
    /// How often the case was played, this record included; more than once only on a real clock.
    pub attempts: u32,
    /// An earlier attempt went wrong as nobody foretold, and this one did not.
    pub flaky: bool,
    /// The earlier attempts, whole, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<CaseRecord>,
    /// Assertions that the device could not answer (no introspection).
    pub unchecked: u32,
    /// Assertions in the case, the unchecked ones included.
    pub assertions: u32,
    /// Seed of this case.
    #[serde(with = "seed")]
    pub seed: u64,
    /// What went wrong, the decisive difference first. Empty for a pass.
    pub mismatches: Vec<Mismatch>,
    /// Branches that `one_of` steps took, as `step 2: rfc5961`.
    pub branches: Vec<String>,
    /// The connections of the case, the unnamed one (`a`) first.
    pub connections: Vec<Connection>,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// How long the case took on its own clock, nanoseconds.
    pub device_ns: u64,
    /// How long the case took in real time, nanoseconds.
    pub wall_ns: u64,
    /// The spec file, as it is cited in messages.
    pub file: String,
    /// The capture that was written for the case.
    pub capture: Option<String>,
}

/// Pass, fail and what lies between (RFC 2119's words over TTCN-3's verdicts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that was checked holds.
    Pass,
    /// A MUST is violated.
    Fail,
    /// A SHOULD is not followed.
    Deviates,
    /// The preamble did not reach the state, the device was unreachable, or the tester erred.
    Inconclusive,
    /// A named capability is absent.
    Skipped,
}

/// The key word at which a check is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// MUST, MUST NOT.
    Must,
    /// SHOULD, SHOULD NOT.
    Should,
    /// MAY: recorded, never judged.
    May,
}

/// IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A requirement of the catalogue, as far as a report needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// `MUST-13`, `RFC5961-3.2-3`, `SM-ESTAB-RST_IW`.
    pub id: String,
    /// `RFC 9293 §3.10.7.4`.
    pub place: String,
    /// Its level.
    pub level: Level,
    /// The conforming behaviour in one sentence.
    pub sentence: String,
}

/// An entry of the deviation list that applies to a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What the RFCs ask for instead: ids of requirements.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// Why the device does so.
    pub reason: String,
    /// `YYYY-MM-DD`.
    pub expires: String,
}

/// Something wrong with the deviation list itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviationFinding {
    /// `deviation::fixed`, `::expired`, `::changed`, `::unused`, `::no-reason`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// File of the entry.
    pub file: String,
    /// Line of the entry, from 1.
    pub line: u32,
}

/// A connection of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `a`, `b`, …
    pub name: String,
    /// The tester's end.
    pub tester: SocketAddr,
    /// The device's end.
    pub device: SocketAddr,
    /// The tester's initial sequence number, shown as 100.
    pub irs: Option<u32>,
    /// The device's initial sequence number, shown as 300.
    pub iss: Option<u32>,
}

/// One thing that happened in a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, nanoseconds from the start of the case.
    pub at_ns: u64,
    /// Index into [`CaseRecord::connections`].
    pub connection: u16,
    /// The step that it belongs to.
    pub step: Option<StepRef>,
    /// The state that the device reported afterwards, where it was asked.
    pub state: Option<String>,
    /// What it was.
    pub kind: EventKind,
}

/// A step of a case and its place in the spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    /// Number in the straight line of the case, from 1: `2`, or `2/rfc5961.1` inside a branch.
    pub number: String,
    /// Line in the spec (or preamble) file, from 1.
    pub line: u32,
    /// Name of the preamble that the step belongs to, if it is not the spec's own.
    pub preamble: Option<String>,
}

/// The kinds of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Tester to device.
    Injected(Segment),
    /// Device to tester, and how it was judged.
    Received {
        /// The segment.
        segment: Segment,
        /// The judgement.
        judged: Judged,
    },
    /// An expected segment that did not come; the text is its figure notation.
    Missing {
        /// Its control bits, `SYN,ACK`.
        flags: String,
        /// All fields that were asked for.
        fields: Vec<Field>,
        /// How long it was waited for.
        within_ns: u64,
    },
    /// The application on the device was told to act: `send 1000`.
    Call {
        /// The call as text.
        text: String,
        /// Why the device refused it.
        refused: Option<String>,
    },
    /// The application on the device saw something: `eof`.
    App {
        /// The event as text.
        text: String,
        /// A step asked for it.
        expected: bool,
    },
    /// Nothing came, as was asked.
    Silence {
        /// For how long, nanoseconds.
        for_ns: u64,
    },
    /// A `state`, `check`, `info` or `counter` step.
    Checked {
        /// What was compared, with the values.
        text: String,
        /// `None`: the device cannot tell.
        holds: Option<bool>,
    },
    /// A remark of the runner.
    Note {
        /// The text.
        text: String,
    },
}

/// How a segment of the device was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// It is what the step expects.
    Matched,
    /// It matches, but a SHOULD beside it does not hold.
    Deviates,
    /// It is of a kind that the spec ignores.
    Ignored,
    /// The step expects another one.
    Mismatched,
    /// No step expects it.
    Unexpected,
    /// It breaks an always-checked rule.
    BreaksInvariant,
    /// It arrived after the verdict.
    AfterVerdict,
}

/// A TCP segment (or ICMP message) on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK, if the ACK bit is set.
    pub ack: Option<u32>,
    /// The 16-bit window field.
    pub wnd: u16,
    /// Control bits in figure notation, `FIN,ACK`.
    pub flags: String,
    /// Octets of payload.
    pub len: u32,
    /// Options and other remarkable fields as text, `MSS=1460 WS=7`; empty if there are none.
    pub options: String,
    /// The IP packet.
    #[serde(with = "crate::hex")]
    pub packet: Vec<u8>,
}

/// What went wrong, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The level that is violated.
    pub level: Level,
    /// The requirement that is violated, if one is named at this place.
    pub requirement: Option<String>,
    /// The step; `None` for the end of the case.
    pub step: Option<StepRef>,
    /// Index into [`CaseRecord::events`] of the event that shows it.
    pub event: Option<usize>,
    /// Stable name, without times and absolute numbers: `step 2: ack RCV.NXT+1`.
    pub symptom: String,
    /// One line for people: `expected ACK, got RST,ACK; ACK is RCV.NXT+1`.
    pub headline: String,
    /// The fields of the segment, expected against got; empty where no segment was compared.
    pub fields: Vec<Field>,
}

/// One field, expected against got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// `SEQ`, `ACK`, `CTL`, `DATA`, `WND`, `MSS`, `after`, …
    pub name: String,
    /// What was expected.
    pub expected: Quantity,
    /// What was got.
    pub got: Quantity,
    /// The two agree.
    pub holds: bool,
    /// A remark, `one too high`.
    pub remark: Option<String>,
}

/// A value and the words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// In RFC variables, `RCV.NXT+1`.
    pub words: Option<String>,
    /// The value.
    pub value: Value,
}

/// A value that reports can re-base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Nothing is known, or nothing came.
    None,
    /// A number in the device's sequence space.
    DeviceSeq(u32),
    /// A number in the tester's sequence space.
    TesterSeq(u32),
    /// A plain number.
    Number(i64),
    /// Nanoseconds.
    Duration(i64),
    /// Anything else.
    Text(String),
}

mod seed {
    //! Seeds as text, `0x5f3a91c2`: many readers of JSON have no integers of 64 bits.

    use crate::names;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn serialize<S: Serializer>(seed: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&names::seed(*seed))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        names::parse_seed(&text)
            .ok_or_else(|| D::Error::custom("a seed is up to 16 hexadecimal digits after 0x"))
    }
}
