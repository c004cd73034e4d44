//! The types of expressions, and what they allow.

use super::Fault;
use crate::spec::case::{CaptureField, Expr, Var};
use std::ops::Range;

/// The types of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A count of octets, segments, anything.
    Number,
    /// A sequence number or a timestamp: modulo 2^32.
    Sequence,
    /// A length of time.
    Duration,
    /// A number with decimals; it can only multiply.
    Ratio,
}

impl Type {
    /// For messages: `a duration`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Sequence => "a sequence number",
            Self::Duration => "a duration",
            Self::Ratio => "a ratio",
        }
    }
}

/// An expression with its type and place.
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) kind: Type,
    pub(super) at: Range<usize>,
}

impl Typed {
    /// The expression, if it can stand where `want` is asked for.
    pub(super) fn of(self, want: Type) -> Result<Expr, Fault> {
        // An absolute sequence number is written as a number: `seq: 0`.
        let fits = self.kind == want || (want == Type::Sequence && self.kind == Type::Number);
        if fits {
            return Ok(self.expr);
        }
        let message = format!(
            "this is {}, where {} belongs",
            self.kind.name(),
            want.name()
        );
        let fault = Fault::new(self.at, "spec::type", message);
        Err(match (want, self.kind) {
            (Type::Duration, Type::Number) => fault.help("a duration has a unit: us ms s m h"),
            (_, Type::Ratio) => fault.help("a ratio can only multiply: `1.5*prev.after`"),
            _ => fault,
        })
    }

    /// The expression, if it can be compared with a value of type `other`.
    pub(super) fn comparable(self, other: Type) -> Result<Expr, Fault> {
        if self.kind == Type::Sequence && other == Type::Number {
            return Ok(self.expr);
        }
        self.of(other)
    }
}

/// `left ± right`.
pub(super) fn add(left: Typed, right: Typed, plus: bool) -> Result<Typed, Fault> {
    use Type::{Duration, Number, Sequence};
    let kind = match (left.kind, right.kind) {
        (Number, Number) => Number,
        (Duration, Duration) => Duration,
        (Sequence, Number) => Sequence,
        (Number, Sequence) if plus => Sequence,
        (Sequence, Sequence) if !plus => Number,
        (a, b) => {
            let verb = if plus { "be added to" } else { "be taken from" };
            let message = format!("{} cannot {verb} {}", b.name(), a.name());
            let fault = Fault::new(left.at.start..right.at.end, "spec::type", message);
            return Err(match (a, b) {
                (Number, Duration) | (Duration, Number) => {
                    fault.help("a duration has a unit, us ms s m h; a range has two dots: `1s..2s`")
                }
                _ => fault,
            });
        }
    };
    let at = left.at.start..right.at.end;
    let (left, right) = (Box::new(left.expr), Box::new(right.expr));
    let expr = if plus {
        Expr::Add(left, right)
    } else {
        Expr::Sub(left, right)
    };
    Ok(Typed { expr, kind, at })
}

/// `left * right`.
pub(super) fn multiply(left: Typed, right: Typed) -> Result<Typed, Fault> {
    use Type::{Duration, Number, Ratio};
    let kind = match (left.kind, right.kind) {
        (Number | Ratio, Number) | (Number, Ratio) => Number,
        (Number | Ratio, Duration) | (Duration, Number | Ratio) => Duration,
        (a, b) => {
            let message = format!("{} cannot multiply {}", a.name(), b.name());
            let fault = Fault::new(left.at.start..right.at.end, "spec::type", message);
            return Err(fault.help("a number or a ratio multiplies a number or a duration"));
        }
    };
    let at = left.at.start..right.at.end;
    Ok(Typed {
        expr: Expr::Mul(Box::new(left.expr), Box::new(right.expr)),
        kind,
        at,
    })
}

/// The type of a variable.
pub fn var_type(var: Var) -> Type {
    match var {
        Var::SndWnd | Var::SndMss | Var::RcvWnd | Var::RcvMss => Type::Number,
        _ => Type::Sequence,
    }
}

pub(super) fn field_type(field: CaptureField) -> Type {
    match field {
        CaptureField::Seq | CaptureField::Ack | CaptureField::End => Type::Sequence,
        CaptureField::Wnd | CaptureField::Len | CaptureField::Replies => Type::Number,
        CaptureField::After => Type::Duration,
    }
}
