//! Expressions to values.

use super::words::Words;
use super::{Conn, seq};
use crate::spec::case::{CaptureField, Expr, FastOpen, Var};
use std::fmt;

/// Whose sequence numbers a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// From ISS on.
    Device,
    /// From IRS on.
    Tester,
    /// Neither: a timestamp clock, which counts modulo 2^32 too.
    Clock,
}

/// A value with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A number.
    Number(i64),
    /// A ratio in thousandths.
    Ratio(i64),
    /// Nanoseconds.
    Duration(i64),
    /// A sequence number.
    Seq(u32, Space),
}

/// A captured segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK, if ACK is set.
    pub ack: Option<u32>,
    /// SEG.SEQ + SEG.LEN.
    pub end: u32,
    /// The window in octets.
    pub wnd: u32,
    /// Octets of payload.
    pub len: u32,
    /// Nanoseconds that it took to come; `None` for a segment of the tester.
    pub after: Option<i64>,
    /// Segments that answered it, if it is a flood.
    pub replies: Option<u32>,
    /// Whose SEQ it carries.
    pub space: Space,
    /// What a copy of it must have in common: control bits without PSH, and payload.
    pub copy: Copied,
}

/// What `again` compares beside SEQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Control bits, PSH left out.
    pub flags: u8,
    /// The payload.
    pub payload: Vec<u8>,
    /// The cookie of its Fast Open option.
    pub fast_open: Option<Vec<u8>>,
    /// When it was on the link.
    pub at: crate::time::Instant,
}

/// Why an expression has no value: the spec, not the device, is wrong here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// A variable before its first segment.
    #[error("{0} has no value yet at this step")]
    Unbound(String),
    /// A capture that has not happened.
    #[error("nothing is called `{0}` yet at this step")]
    NoCapture(String),
    /// A captured segment without a Fast Open option.
    #[error("`{0}` has no Fast Open option")]
    NoCookie(String),
    /// Types that do not go together.
    #[error("{0} does not make sense: {1}")]
    Type(String, &'static str),
    /// A result that no field or clock can hold.
    #[error("{0} is out of range")]
    Range(String),
    /// A packet of so many octets on a link whose MTU is this.
    #[error(
        "this packet has {0} octets, and the link's MTU is {1}: nobody sends it in one; send less, \
         or in `ip: {{fragments: [{{from, to}}, …]}}`"
    )]
    TooLong(usize, u16),
}

/// What an expression can refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The connections of the case.
    pub conns: &'a [Conn],
    /// The connection of the step.
    pub own: usize,
    /// Captured segments, the latest last; `prev` is among them.
    pub captures: &'a [(String, Capture)],
    /// In a segment to be injected, variables without a value are the tester's to choose.
    pub tester_chooses: bool,
}

impl Scope<'_> {
    /// The value of `expr`.
    pub fn value(&self, expr: &Expr) -> Result<Resolved, Unresolved> {
        match expr {
            Expr::Number(number) => Ok(Resolved::Number(*number)),
            Expr::Ratio(thousandths) => Ok(Resolved::Ratio(*thousandths)),
            Expr::Duration(nanos) => Ok(Resolved::Duration(*nanos)),
            Expr::Var { conn, var } => self
                .variable(conn.unwrap_or(self.own), *var)
                .ok_or_else(|| Unresolved::Unbound(self.words(expr))),
            Expr::Capture { name, field } => self.captured(name, *field, expr),
            Expr::Named(_, value) => self.value(value),
            Expr::Add(left, right) => self.binary(expr, left, right, add),
            Expr::Sub(left, right) => self.binary(expr, left, right, subtract),
            Expr::Mul(left, right) => self.binary(expr, left, right, multiply),
            Expr::Min(left, right) => self.binary(expr, left, right, |a, b| pick(a, b, true)),
            Expr::Max(left, right) => self.binary(expr, left, right, |a, b| pick(a, b, false)),
        }
    }

    /// The value of an expression that must be a number.
    pub fn number(&self, expr: &Expr) -> Result<i64, Unresolved> {
        match self.value(expr)? {
            Resolved::Number(number) => Ok(number),
            _ => Err(Unresolved::Type(
                self.words(expr),
                "a number is needed here",
            )),
        }
    }

    /// The value of an expression that must fit an unsigned field.
    pub fn field<T: TryFrom<i64>>(&self, expr: &Expr) -> Result<T, Unresolved> {
        T::try_from(self.number(expr)?).map_err(|_| Unresolved::Range(self.words(expr)))
    }

    /// The value of an expression that must be a duration, in nanoseconds.
    pub fn nanos(&self, expr: &Expr) -> Result<i64, Unresolved> {
        match self.value(expr)? {
            Resolved::Duration(nanos) => Ok(nanos),
            _ => Err(Unresolved::Type(
                self.words(expr),
                "a duration is needed here",
            )),
        }
    }

    /// The value of an expression that must be a sequence number; a plain number will do.
    pub fn sequence(&self, expr: &Expr) -> Result<u32, Unresolved> {
        match self.value(expr)? {
            Resolved::Seq(value, _) => Ok(value),
            Resolved::Number(number) => {
                u32::try_from(number).map_err(|_| Unresolved::Range(self.words(expr)))
            }
            Resolved::Ratio(_) | Resolved::Duration(_) => Err(Unresolved::Type(
                self.words(expr),
                "a sequence number is needed here",
            )),
        }
    }

    fn words(&self, expr: &Expr) -> String {
        Words {
            expr,
            conns: self.conns,
            own: self.own,
        }
        .to_string()
    }

    /// The variable of a connection; `None` while it has no value.
    pub fn variable(&self, conn: usize, var: Var) -> Option<Resolved> {
        let conn = self.conns.get(conn)?;
        let choose = |choice: u32| self.tester_chooses.then_some(choice);
        let device = |value: u32| Resolved::Seq(value, Space::Device);
        let tester = |value: u32| Resolved::Seq(value, Space::Tester);
        let clock = |value: u32| Resolved::Seq(value, Space::Clock);
        let number = |value: u32| Resolved::Number(i64::from(value));
        match var {
            Var::Iss => conn.iss().map(device),
            Var::SndNxt => conn.seen.nxt.or_else(|| choose(conn.iss_guess)).map(device),
            Var::SndUna => conn
                .tcb
                .snd_una()
                .or_else(|| choose(conn.iss_guess))
                .map(device),
            Var::SndWnd => conn.tcb.snd_wnd().map(number),
            Var::SndMss => Some(number(snd_mss(conn))),
            Var::Irs => conn
                .tcb
                .irs()
                .or_else(|| choose(conn.irs_choice))
                .map(tester),
            Var::RcvNxt => conn
                .tcb
                .rcv_nxt()
                .or_else(|| choose(conn.irs_choice))
                .map(tester),
            Var::RcvWnd => conn.tcb.rcv_wnd(&conn.seen).map(number),
            Var::RcvMss => conn
                .seen
                .syn
                .as_ref()?
                .mss
                .map(|mss| number(u32::from(mss))),
            Var::TsVal => conn.seen.ts_val.map(clock),
            Var::TsRecent => conn.tcb.ts_recent().map(clock),
        }
    }

    fn captured(
        &self,
        name: &str,
        field: CaptureField,
        expr: &Expr,
    ) -> Result<Resolved, Unresolved> {
        let capture = self
            .capture(name)
            .ok_or_else(|| Unresolved::NoCapture(name.to_owned()))?;
        let other = match capture.space {
            Space::Device => Space::Tester,
            Space::Tester => Space::Device,
            Space::Clock => Space::Clock,
        };
        let value = match field {
            CaptureField::Seq => Some(Resolved::Seq(capture.seq, capture.space)),
            CaptureField::End => Some(Resolved::Seq(capture.end, capture.space)),
            CaptureField::Ack => capture.ack.map(|ack| Resolved::Seq(ack, other)),
            CaptureField::Wnd => Some(Resolved::Number(i64::from(capture.wnd))),
            CaptureField::Len => Some(Resolved::Number(i64::from(capture.len))),
            CaptureField::After => capture.after.map(Resolved::Duration),
            CaptureField::Replies => capture
                .replies
                .map(|replies| Resolved::Number(i64::from(replies))),
        };
        value.ok_or_else(|| Unresolved::Unbound(self.words(expr)))
    }

    /// What a Fast Open option holds (RFC 7413 §4.1.1): nothing if it is a request.
    pub fn cookie(&self, option: &FastOpen) -> Result<Vec<u8>, Unresolved> {
        match option {
            FastOpen::Request => Ok(Vec::new()),
            FastOpen::Cookie(octets) => Ok(octets.clone()),
            FastOpen::From(name) => self
                .capture(name)
                .and_then(|capture| capture.copy.fast_open.clone())
                .ok_or_else(|| Unresolved::NoCookie(name.clone())),
        }
    }

    /// The latest capture of that name.
    pub fn capture(&self, name: &str) -> Option<&Capture> {
        self.captures
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, capture)| capture)
    }

    fn binary(
        &self,
        whole: &Expr,
        left: &Expr,
        right: &Expr,
        with: impl Fn(Resolved, Resolved) -> Result<Resolved, Nonsense>,
    ) -> Result<Resolved, Unresolved> {
        with(self.value(left)?, self.value(right)?).map_err(|nonsense| match nonsense {
            Nonsense::Types(why) => Unresolved::Type(self.words(whole), why),
            Nonsense::Overflow => Unresolved::Range(self.words(whole)),
        })
    }
}

// RFC 9293 §3.7.1 (MUST-15):
//   If an MSS Option is not received at connection setup, TCP
//   implementations MUST assume a default send MSS of 536 (576 - 40) for
//   IPv4 or 1220 (1280 - 60) for IPv6
fn snd_mss(conn: &Conn) -> u32 {
    let default = if conn.tuple.device.is_ipv4() {
        536
    } else {
        1220
    };
    conn.tcb.offered_mss().map_or(default, u32::from)
}

/// Why two values have no sum, difference or product.
enum Nonsense {
    Types(&'static str),
    Overflow,
}

fn add(left: Resolved, right: Resolved) -> Result<Resolved, Nonsense> {
    use Resolved::{Duration, Number, Seq};
    match (left, right) {
        (Number(a), Number(b)) => a.checked_add(b).map(Number).ok_or(Nonsense::Overflow),
        (Duration(a), Duration(b)) => a.checked_add(b).map(Duration).ok_or(Nonsense::Overflow),
        (Seq(a, space), Number(b)) | (Number(b), Seq(a, space)) => {
            Ok(Seq(a.wrapping_add(b as u32), space))
        }
        _ => Err(Nonsense::Types("only values of one kind add up")),
    }
}

fn subtract(left: Resolved, right: Resolved) -> Result<Resolved, Nonsense> {
    use Resolved::{Duration, Number, Seq};
    match (left, right) {
        (Number(a), Number(b)) => a.checked_sub(b).map(Number).ok_or(Nonsense::Overflow),
        (Duration(a), Duration(b)) => a.checked_sub(b).map(Duration).ok_or(Nonsense::Overflow),
        (Seq(a, space), Number(b)) => Ok(Seq(a.wrapping_sub(b as u32), space)),
        (Seq(a, _), Seq(b, _)) => Ok(Number(i64::from(seq::distance(a, b)))),
        _ => Err(Nonsense::Types("only values of one kind have a difference")),
    }
}

fn multiply(left: Resolved, right: Resolved) -> Result<Resolved, Nonsense> {
    use Resolved::{Duration, Number, Ratio};
    let product = |a: i64, b: i64| a.checked_mul(b).ok_or(Nonsense::Overflow);
    match (left, right) {
        (Number(a), Number(b)) => product(a, b).map(Number),
        (Duration(a), Number(b)) | (Number(b), Duration(a)) => product(a, b).map(Duration),
        (Duration(a), Ratio(b)) | (Ratio(b), Duration(a)) => {
            product(a, b).map(|p| Duration(p / 1000))
        }
        (Number(a), Ratio(b)) | (Ratio(b), Number(a)) => product(a, b).map(|p| Number(p / 1000)),
        _ => Err(Nonsense::Types("one factor has to be a number")),
    }
}

fn pick(left: Resolved, right: Resolved, lesser: bool) -> Result<Resolved, Nonsense> {
    use Resolved::{Duration, Number, Seq};
    let left_is_less = match (left, right) {
        (Number(a), Number(b)) | (Duration(a), Duration(b)) => a <= b,
        (Seq(a, _), Seq(b, _)) => seq::le(a, b),
        _ => return Err(Nonsense::Types("only values of one kind can be compared")),
    };
    Ok(if left_is_less == lesser { left } else { right })
}

impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Ratio(thousandths) => write!(f, "{}", *thousandths as f64 / 1000.0),
            Self::Duration(nanos) => f.write_str(&super::words::duration(*nanos)),
            Self::Seq(value, _) => write!(f, "{value}"),
        }
    }
}
