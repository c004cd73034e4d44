//! A case: the straight line of steps that the loader makes of a spec and the runner plays.
//!
//! Nothing here is a choice any more: parameters are substituted, `repeat` and `when` are
//! unrolled, the preamble is spliced in, defaults are filled in, and the constants of link and
//! profile (`MSL`, `LINK.MSS`, …) are numbers. What is left open is only what the device decides:
//! the variables of the connection, and the branch that a `one_of` takes.

mod icmp;
mod ip;
mod service;

pub use icmp::{IcmpSender, InjectIcmp, Quote};
pub use ip::{InjectIp, IpEnd, Piece};
pub use service::{Draws, Until};

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

pub use tcpspec_reports::record::{Family, Level};

/// One case: a spec × parameters × family, for one device profile.
#[derive(Clone, Debug)]
pub struct Case {
    /// `3.6/simultaneous-close[v4]`: the same on every screen and in every report.
    pub id: String,
    /// The folder of the spec, `3.6-closing`.
    pub folder: String,
    /// The section that the folder stands for: `3.6`, `rfc5961.3.2`.
    pub section: String,
    /// The spec's title.
    pub title: String,
    /// IP version.
    pub family: Family,
    /// Parameters, name and shown value.
    pub params: Vec<(String, String)>,
    /// Requirement ids.
    pub covers: Vec<String>,
    /// The level at which a plain step of the file is judged: MUST, or SHOULD by `level: should`.
    pub level: Level,
    /// The claims without which the case is skipped (`needs:`).
    pub needs: Vec<String>,
    /// Set if the device lacks something: the reason, `needs rfc7323.timestamps, which … `.
    pub skip: Option<String>,
    /// Extra segments that may be let pass.
    pub ignore: Ignore,
    /// Always-checked rules that this spec breaks on purpose.
    pub except: Vec<String>,
    /// The connections; the first is the unnamed one, `a`.
    pub conns: Vec<ConnPlan>,
    /// How the application on the device behaves.
    pub application: Application,
    /// The steps, the preamble's first.
    pub steps: Vec<Step>,
    /// The least time that the case takes on a real clock.
    pub least_time: Duration,
    /// The most time that the case may wait by its own bounds, slack not counted.
    pub most_time: Duration,
    /// The spec file as it is cited, `specs/3.6-closing/simultaneous-close.yaml`.
    pub file: Arc<str>,
}

/// Kinds of extra segments that may be let pass (`ignore:`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// An exact copy (flags less PSH, SEQ, payload) of a segment seen before.
    pub retransmission: bool,
    /// A pure ACK that only moves the right edge of the window.
    pub window_update: bool,
    /// A pure ACK equal to the one before.
    pub duplicate_ack: bool,
}

/// A declared connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnPlan {
    /// Its name.
    pub name: String,
    /// Index of the connection whose four-tuple it shares.
    pub same_tuple: Option<usize>,
    /// Its port on the device is its own, not that of the other connections there.
    pub own_port: bool,
    /// Its address on the device is the second one there.
    pub second_address: bool,
}

/// How the application on the device behaves (`start:`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// It accepts at once, not only when it is called.
    pub accepts: bool,
    /// It reads at once, not only when it is called.
    pub reads: bool,
    /// Length of the accept queue that a `listen` asks for.
    pub backlog: Option<u32>,
    /// Socket options set before the handshake.
    pub set: SocketSettings,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            accepts: true,
            reads: true,
            backlog: None,
            set: SocketSettings::default(),
        }
    }
}

/// Socket options that a spec can set; `None` leaves the device's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketSettings {
    /// Nagle's algorithm off (or on, by `false`).
    pub nodelay: Option<bool>,
    /// Receive buffer, octets.
    pub rcvbuf: Option<u32>,
    /// Send buffer, octets.
    pub sndbuf: Option<u32>,
    /// Keep-alive.
    pub keepalive: Option<KeepAlive>,
    /// User timeout.
    pub user_timeout: Option<Duration>,
    /// User timeout to be advertised by the option of RFC 5482.
    pub advertised_timeout: Option<Duration>,
    /// Whether the application hears of R1 (RFC 9293 §3.9.1.8).
    pub reports: Option<bool>,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// TOS octet or traffic class.
    pub tos: Option<u8>,
    /// The IPv4 option that holds a source route (RFC 9293 §3.9.2.1).
    #[serde(default)]
    pub source_route: Option<Vec<u8>>,
    /// So many connections of a listener may be opened with text at once (RFC 7413 §4.2).
    pub fastopen: Option<u32>,
    /// Initial sequence number of an active OPEN.
    #[serde(default)]
    pub iss: Option<u32>,
    /// Settings of the device as a whole, by the names of its profile (`sysctl` on Linux).
    pub system: Vec<(String, String)>,
}

/// Keep-alive settings; `None` leaves the device's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepAlive {
    /// Idle time before the first probe.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Unanswered probes before the connection is given up.
    pub count: Option<u32>,
}

/// One step of the straight line.
#[derive(Clone, Debug)]
pub struct Step {
    /// Number in the straight line of the spec's own steps, from 1: `2`, or `2/rfc5961.1` in a
    /// branch. Preamble steps count on their own.
    pub number: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// The preamble that it belongs to; failing there is inconclusive.
    pub preamble: Option<Arc<str>>,
    /// The connection it acts on: an index into [`Case::conns`].
    pub conn: usize,
    /// The step names its connection (matters to `silence`, which else listens on all).
    pub conn_named: bool,
    /// `should: ID` beside the verb: the whole step is judged at SHOULD level.
    pub should: Option<String>,
    /// Fields that the author left to their defaults, for `explain`.
    pub defaults: Vec<&'static str>,
    /// What to do.
    pub verb: Verb,
}

/// The verbs.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Tester to device.
    Inject(Box<Inject>),
    /// Tester, or a router on the way, to device: an ICMP error.
    InjectIcmp(Box<InjectIcmp>),
    /// Device to tester.
    Expect(Box<Expect>),
    /// Nothing comes for that long.
    Silence(Expr),
    /// The device's application acts.
    Call {
        /// What it does.
        call: Call,
        /// Whether the device's TCP may refuse it. `None`: nothing is said; a refusal is recorded,
        /// and judged in a preamble only, which needs its calls.
        refused: Option<Refusal>,
    },
    /// The device's application sees.
    App(AppWait),
    /// The device reports this state.
    State {
        /// The state.
        state: State,
        /// Bound instead of the profile's reply time.
        within: Option<Expr>,
    },
    /// A comparison of values already bound.
    Check(Comparison),
    /// What the device reports of the connection.
    Info(Vec<(String, Pattern)>),
    /// How far counters of the device moved since the case began.
    Counter(Vec<(String, Pattern)>),
    /// Alternatives, decided by the first thing that happens.
    OneOf(Vec<Branch>),
    /// Many segments at once.
    Flood(Box<Flood>),
    /// The service on the device is heard; no spec says so, only a call in the words of a service.
    Drain(Until),
}

/// Copies of a segment, each from an address of its own.
#[derive(Clone, Debug)]
pub struct Flood {
    /// The segment.
    pub inject: Inject,
    /// SEG.SEQ is another in each.
    pub random: bool,
    /// How many.
    pub count: u32,
    /// The time from one to the next; zero is as fast as can be.
    pub every: Duration,
    /// Name for captures.
    pub name: Option<String>,
}

/// A branch of `one_of`.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its steps; the first is what decides.
    pub steps: Vec<Step>,
}

/// A segment to inject. `None` means: the default that only the runner knows (see each field).
#[derive(Clone, Debug, Default)]
pub struct Inject {
    /// Control bits.
    pub flags: Flags,
    /// SEG.SEQ; filled in by the loader (RCV.NXT).
    pub seq: Option<Expr>,
    /// SEG.ACK; filled in by the loader if ACK is set (SND.NXT).
    pub ack: Option<Expr>,
    /// Window in octets; `None`: 65535, or the largest value below it that the scale can say.
    pub wnd: Option<Expr>,
    /// Window as the 16-bit field.
    pub wnd_raw: Option<Expr>,
    /// Urgent pointer; `None`: 0.
    pub urg: Option<Expr>,
    /// Payload; `None`: none.
    pub data: Option<Payload>,
    /// Maximum segment size option.
    pub mss: Option<Expr>,
    /// Window scale option.
    pub ws: Option<Expr>,
    /// SACK-permitted option.
    pub sack_ok: bool,
    /// SACK blocks, in order.
    pub sack: Vec<(Expr, Expr)>,
    /// Timestamps option.
    pub ts: InjectTimestamps,
    /// User timeout option, the 16-bit field.
    pub uto: Option<Expr>,
    /// Fast Open option.
    pub tfo: Option<FastOpen>,
    /// Raw octets in the place of all options.
    pub opts: Option<Vec<u8>>,
    /// IP header fields.
    pub ip: InjectIp,
    /// Write a wrong checksum.
    pub bad_checksum: bool,
    /// Write zero for the checksum, which is no less wrong (RFC 9293 §3.1).
    pub zero_checksum: bool,
    /// Write this data offset (in words) whatever the header's length is.
    pub offset: Option<u8>,
    /// Write these reserved bits (4 bits).
    pub reserved: u8,
    /// The segment moves the model of RCV.NXT (`counts: false` leaves it alone).
    pub counts: bool,
    /// The text of a SYN moves it too (`counts: true` on a SYN): the device takes it.
    pub text_counts: bool,
    /// Name for captures.
    pub name: Option<String>,
    /// It is a request to the service on the device, which draws this.
    pub draws: Option<Draws>,
}

/// The timestamps option of an injected segment.
#[derive(Clone, Debug, Default)]
pub enum InjectTimestamps {
    /// Present once negotiated, with the tester's clock and the device's last TSval.
    #[default]
    Automatic,
    /// Left out.
    Absent,
    /// With these values; `None`: as the automatic one has it.
    Given {
        /// TSval.
        val: Option<Expr>,
        /// TSecr.
        ecr: Option<Expr>,
    },
}

/// The Fast Open option (RFC 7413 §4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FastOpen {
    /// Without a cookie.
    Request,
    /// With these octets.
    Cookie(Vec<u8>),
    /// With the cookie of this captured segment.
    From(String),
}

/// An expected Fast Open option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FastOpenPattern {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is there with a cookie of 4 to 16 octets, an even number.
    AnyCookie,
    /// It is exactly this.
    Is(FastOpen),
}

impl std::fmt::Display for FastOpen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Cookie(octets) => octets.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
            Self::From(name) => write!(f, "cookie of {name}"),
        }
    }
}

impl std::fmt::Display for FastOpenPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Present => f.write_str("present"),
            Self::Absent => f.write_str("absent"),
            Self::AnyCookie => f.write_str("any cookie"),
            Self::Is(option) => option.fmt(f),
        }
    }
}

/// Payload, written.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// So many octets of the known pattern, which depends on the stream offset.
    Pattern(Expr),
    /// These octets.
    Text(Vec<u8>),
}

/// An expected segment.
#[derive(Clone, Debug)]
pub struct Expect {
    /// What it looks like.
    pub what: Expected,
    /// How long it is waited for; `None`: 1 s, or the upper bound of `after` plus slack.
    pub within: Option<Expr>,
    /// When it comes, counted as `specs/README.md` says.
    pub after: Option<Pattern>,
    /// Name for captures.
    pub name: Option<String>,
    /// Constraints judged apart, at SHOULD level.
    pub should: Option<ShouldPart>,
    /// It may stay away: what comes instead is left to the next step.
    pub optional: bool,
}

/// The two ways to say what is expected.
#[derive(Clone, Debug)]
pub enum Expected {
    /// By its fields.
    Segment(Box<SegmentPattern>),
    /// A copy of the captured one: flags less PSH, SEQ and payload are compared.
    Again(String),
}

/// The SHOULD half of an `expect`.
#[derive(Clone, Debug)]
pub struct ShouldPart {
    /// Only the named fields are set; the others are free.
    pub segment: Box<SegmentPattern>,
    /// When it ought to come.
    pub after: Option<Pattern>,
    /// The requirement.
    pub covers: String,
}

/// The fields of an expected segment; `None` is free. The loader has filled in the defaults.
#[derive(Clone, Debug, Default)]
pub struct SegmentPattern {
    /// Control bits, alternatives. Empty: free.
    pub flags: Vec<FlagsPattern>,
    /// SEG.SEQ.
    pub seq: Option<Pattern>,
    /// SEG.ACK; compared only if ACK is set.
    pub ack: Option<Pattern>,
    /// Window in octets.
    pub wnd: Option<Pattern>,
    /// Window as the 16-bit field.
    pub wnd_raw: Option<Pattern>,
    /// Urgent pointer; compared only if URG is set.
    pub urg: Option<Pattern>,
    /// Payload.
    pub data: Option<DataPattern>,
    /// Maximum segment size option.
    pub mss: Option<Pattern>,
    /// Window scale option.
    pub ws: Option<Pattern>,
    /// SACK-permitted option: `Present` or `Absent`.
    pub sack_ok: Option<Pattern>,
    /// SACK blocks.
    pub sack: Option<SackPattern>,
    /// Timestamps option.
    pub ts: Option<TimestampsPattern>,
    /// User timeout option, the 16-bit field.
    pub uto: Option<Pattern>,
    /// Fast Open option.
    pub tfo: Option<FastOpenPattern>,
    /// All options as raw octets.
    pub opts: Option<Vec<u8>>,
    /// TTL or hop limit.
    pub ttl: Option<Pattern>,
    /// TOS octet or traffic class.
    pub tos: Option<Pattern>,
    /// Don't fragment, 0 or 1.
    pub df: Option<Pattern>,
    /// Identification.
    pub ip_id: Option<Pattern>,
    /// Routers of the source route, four octets each; empty: none.
    pub route: Option<Vec<u8>>,
}

/// Expected control bits: those in `mask` are compared. PSH, ECE and CWR are free unless named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagsPattern {
    /// The bits that are set.
    pub set: Flags,
    /// The bits that are compared.
    pub mask: Flags,
}

impl FlagsPattern {
    /// The same, with `bit` compared as well.
    #[must_use]
    pub fn comparing(self, bit: Flags, is_set: bool) -> Self {
        let set = if is_set {
            self.set.with(bit)
        } else {
            self.set.without(bit)
        };
        Self {
            set,
            mask: self.mask.with(bit),
        }
    }
}

impl std::fmt::Display for FlagsPattern {
    /// `SYN,ACK`; `SYN,ACK,no ECE` if a spec says that ECE must be clear.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.set)?;
        let clear = self.mask.without(self.set);
        [("ECE", Flags::ECE), ("CWR", Flags::CWR)]
            .iter()
            .filter(|(_, bit)| clear.contains(*bit))
            .try_for_each(|(name, _)| write!(f, ",no {name}"))
    }
}

/// Expected payload.
#[derive(Clone, Debug)]
pub enum DataPattern {
    /// So many octets, of the known pattern at their stream offset.
    Count(Pattern),
    /// These octets.
    Text(Vec<u8>),
}

/// Expected SACK option.
#[derive(Clone, Debug)]
pub enum SackPattern {
    /// The option is there.
    Present,
    /// The option is not there.
    Absent,
    /// These blocks in this order.
    Blocks(Vec<(Pattern, Pattern)>),
    /// If the option is there, this is its first block.
    First(Pattern, Pattern),
}

/// Expected timestamps option.
#[derive(Clone, Debug)]
pub enum TimestampsPattern {
    /// The option is there.
    Present,
    /// The option is not there.
    Absent,
    /// It is there, with these values.
    Values {
        /// TSval.
        val: Option<Pattern>,
        /// TSecr.
        ecr: Option<Pattern>,
    },
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Anything (the field need not even be there).
    Any,
    /// Anything, but there.
    Present,
    /// Not there.
    Absent,
    /// This value.
    Is(Expr),
    /// In this range, both ends included.
    Range(Option<Expr>, Option<Expr>),
    /// One of these.
    Either(Vec<Pattern>),
}

/// A typed expression over numbers, durations and sequence numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(i64),
    /// A ratio that multiplies, in thousandths: `1.5` is 1500.
    Ratio(i64),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A variable of a connection.
    Var {
        /// Index into [`Case::conns`]; `None`: the step's own.
        conn: Option<usize>,
        /// Which.
        var: Var,
    },
    /// A field of a captured segment; the name `prev` is the last matched one.
    Capture {
        /// The capture's name.
        name: String,
        /// The field.
        field: CaptureField,
    },
    /// A sum.
    Add(Box<Expr>, Box<Expr>),
    /// A difference; of two sequence numbers, modulo 2^32 as a signed number.
    Sub(Box<Expr>, Box<Expr>),
    /// A product.
    Mul(Box<Expr>, Box<Expr>),
    /// The lesser.
    Min(Box<Expr>, Box<Expr>),
    /// The greater.
    Max(Box<Expr>, Box<Expr>),
    /// A constant of link or profile with the name by which messages call it: `MSL`, `LINK.MSS`.
    Named(&'static str, Box<Expr>),
}

/// The variables of expressions: always the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Var {
    /// `ISS`.
    Iss,
    /// `SND.NXT`.
    SndNxt,
    /// `SND.UNA`.
    SndUna,
    /// `SND.WND`.
    SndWnd,
    /// `SND.MSS`.
    SndMss,
    /// `IRS`.
    Irs,
    /// `RCV.NXT`.
    RcvNxt,
    /// `RCV.WND`.
    RcvWnd,
    /// `RCV.MSS`.
    RcvMss,
    /// `TS.VAL`.
    TsVal,
    /// `TS.RECENT`.
    TsRecent,
}

/// Fields of a captured segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureField {
    /// SEG.SEQ.
    Seq,
    /// SEG.ACK.
    Ack,
    /// SEG.SEQ + SEG.LEN, SYN and FIN counted.
    End,
    /// The window in octets.
    Wnd,
    /// Octets of payload.
    Len,
    /// How long it took to come, as `after` counts.
    After,
    /// How many segments answered a flood.
    Replies,
}

/// A comparison of two values already bound.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Left side.
    pub left: Expr,
    /// The operator.
    pub operator: Operator,
    /// Right side; a `Pattern::Range` or `Either` for `in`.
    pub right: Pattern,
    /// As the author wrote it.
    pub text: String,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
}

/// A call of the device's application.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Passive OPEN.
    Listen {
        /// Length of the accept queue.
        backlog: Option<u32>,
    },
    /// Active OPEN.
    Connect,
    /// Active OPEN with a first SEND, for the SYN to carry (RFC 7413).
    ConnectWith(Payload),
    /// Active OPEN for which the device chooses its own address (RFC 9293 §3.9.1.1, MUST-44).
    ConnectFromAny,
    /// Active OPEN towards an address that is no host's (RFC 9293 §3.9.1.1, MUST-46).
    ConnectTo(IpEnd),
    /// Take a connection from the listener.
    Accept,
    /// SEND.
    Send {
        /// What.
        data: Payload,
        /// With the urgent mark.
        urgent: bool,
    },
    /// RECEIVE so many octets.
    Recv(Expr),
    /// The RFC's CLOSE: no more to send; receiving goes on.
    ShutdownWrite,
    /// Give up both directions.
    Close,
    /// ABORT.
    Abort,
    /// Set socket options.
    Set(SocketSettings),
}

/// Whether the device's TCP may refuse a call (`refused:`): the "error" answers of RFC 9293 §3.10.1
/// to §3.10.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It must: that it carries the call out is a finding.
    Must,
    /// It must not: that it refuses is a finding.
    MustNot,
    /// Either answer is right.
    May,
}

impl Refusal {
    /// True if one of the two answers is a finding.
    pub fn is_judged(self) -> bool {
        self != Self::May
    }
}

/// An event that the device's application is expected to see.
#[derive(Clone, Debug)]
pub struct AppWait {
    /// Which.
    pub event: AppEvent,
    /// Bound instead of the profile's reply time.
    pub within: Option<Expr>,
}

/// Events as a spec names them.
#[derive(Clone, Debug, PartialEq)]
pub enum AppEvent {
    /// A connection was accepted.
    Accepted,
    /// An active OPEN succeeded.
    Connected,
    /// An active OPEN was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection timed out.
    Timeout,
    /// The peer closed its side.
    Eof,
    /// One segment stays unacknowledged: R1 was reached.
    Trouble,
    /// Urgent data is pending.
    Urgent,
    /// So many more octets were delivered, content checked.
    Data(Payload),
    /// So many more octets were taken by SEND.
    Sent(Expr),
}

/// The eleven states of RFC 9293 §3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// CLOSED
    Closed,
    /// LISTEN
    Listen,
    /// SYN-SENT
    SynSent,
    /// SYN-RECEIVED
    SynReceived,
    /// ESTABLISHED
    Established,
    /// FIN-WAIT-1
    FinWait1,
    /// FIN-WAIT-2
    FinWait2,
    /// CLOSE-WAIT
    CloseWait,
    /// CLOSING
    Closing,
    /// LAST-ACK
    LastAck,
    /// TIME-WAIT
    TimeWait,
}

/// The eight control bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// FIN
    pub const FIN: Self = Self(0x01);
    /// SYN
    pub const SYN: Self = Self(0x02);
    /// RST
    pub const RST: Self = Self(0x04);
    /// PSH
    pub const PSH: Self = Self(0x08);
    /// ACK
    pub const ACK: Self = Self(0x10);
    /// URG
    pub const URG: Self = Self(0x20);
    /// ECE
    pub const ECE: Self = Self(0x40);
    /// CWR
    pub const CWR: Self = Self(0x80);

    /// All names, in the order in which the figures of RFC 9293 print them.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("SYN", Self::SYN),
        ("FIN", Self::FIN),
        ("RST", Self::RST),
        ("PSH", Self::PSH),
        ("URG", Self::URG),
        ("ECE", Self::ECE),
        ("CWR", Self::CWR),
        ("ACK", Self::ACK),
    ];

    /// True if all bits of `other` are set here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::fmt::Display for Flags {
    /// In figure notation: `SYN,ACK`; `none` if no bit is set.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names = Self::NAMES.iter().filter(|(_, bit)| self.contains(*bit));
        let Some((first, _)) = names.next() else {
            return f.write_str("none");
        };
        f.write_str(first)?;
        names.try_for_each(|(name, _)| write!(f, ",{name}"))
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl State {
    /// All states, spelled as the RFC spells them.
    pub const NAMES: [(&'static str, Self); 11] = [
        ("CLOSED", Self::Closed),
        ("LISTEN", Self::Listen),
        ("SYN-SENT", Self::SynSent),
        ("SYN-RECEIVED", Self::SynReceived),
        ("ESTABLISHED", Self::Established),
        ("FIN-WAIT-1", Self::FinWait1),
        ("FIN-WAIT-2", Self::FinWait2),
        ("CLOSE-WAIT", Self::CloseWait),
        ("CLOSING", Self::Closing),
        ("LAST-ACK", Self::LastAck),
        ("TIME-WAIT", Self::TimeWait),
    ];

    /// As the RFC spells it.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, state)| *state == self)
            .map_or("", |(name, _)| name)
    }
}
