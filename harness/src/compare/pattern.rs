//! What a value may be, and whether it is.

use crate::model::words::{Words, off_by};
use crate::model::{Resolved, Scope, Space, Unresolved, seq};
use crate::spec::case::{Expr, Pattern};
use tcpspec_reports::record::{Quantity, Value};

/// A value against a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The value is what it may be.
    pub holds: bool,
    /// How far it is ahead of the only value, or of the nearest end of the range, that is allowed.
    pub ahead: Option<i64>,
    /// The only value that is allowed, if there is only one.
    pub value: Option<Resolved>,
}

impl Judgement {
    /// Two numbers that have to be equal.
    pub fn exact(expected: i64, got: i64) -> Self {
        let ahead = got.wrapping_sub(expected);
        Self {
            holds: ahead == 0,
            ahead: Some(ahead),
            value: Some(Resolved::Number(expected)),
        }
    }

    fn without_value(holds: bool) -> Self {
        Self {
            holds,
            ahead: None,
            value: None,
        }
    }

    /// `one too high`, if it does not hold and the distance says something.
    pub fn remark(&self) -> Option<String> {
        if self.holds {
            None
        } else {
            self.ahead.and_then(off_by)
        }
    }

    /// What was expected, for the record.
    pub fn expected(&self, scope: &Scope<'_>, pattern: &Pattern) -> Quantity {
        Quantity {
            words: Some(written(scope, pattern)),
            value: self.value.map_or(Value::None, recorded),
        }
    }
}

/// A value for the record.
pub fn recorded(value: Resolved) -> Value {
    match value {
        Resolved::Number(number) => Value::Number(number),
        Resolved::Ratio(_) => Value::Text(value.to_string()),
        Resolved::Duration(nanos) => Value::Duration(nanos),
        Resolved::Seq(at, Space::Device) => Value::DeviceSeq(at),
        Resolved::Seq(at, Space::Tester) => Value::TesterSeq(at),
        Resolved::Seq(at, Space::Clock) => Value::Number(i64::from(at)),
    }
}

/// The pattern as its author wrote it.
pub fn written(scope: &Scope<'_>, pattern: &Pattern) -> String {
    let words = |expr: &Expr| {
        Words {
            expr,
            conns: scope.conns,
            own: scope.own,
        }
        .to_string()
    };
    let end = |expr: &Option<Expr>| expr.as_ref().map(words).unwrap_or_default();
    match pattern {
        Pattern::Any => "any".to_owned(),
        Pattern::Present => "present".to_owned(),
        Pattern::Absent => "absent".to_owned(),
        Pattern::Is(expr) => words(expr),
        Pattern::Range(low, high) => format!("{}..{}", end(low), end(high)),
        Pattern::Either(patterns) => {
            let all: Vec<String> = patterns.iter().map(|one| written(scope, one)).collect();
            all.join(" or ")
        }
    }
}

/// Judges a value; `None` is a field that is not there.
pub fn judge(
    scope: &Scope<'_>,
    pattern: &Pattern,
    got: Option<Resolved>,
) -> Result<Judgement, Unresolved> {
    match (pattern, got) {
        (Pattern::Any, _) => Ok(Judgement::without_value(true)),
        (Pattern::Present, got) => Ok(Judgement::without_value(got.is_some())),
        (Pattern::Absent, got) => Ok(Judgement::without_value(got.is_none())),
        (Pattern::Is(expr), got) => {
            let value = scope.value(expr)?;
            let ahead = got
                .map(|got| ahead_of(scope, expr, got, value))
                .transpose()?;
            Ok(Judgement {
                holds: ahead == Some(0),
                ahead,
                value: Some(value),
            })
        }
        (Pattern::Range(low, high), got) => judge_range(scope, low.as_ref(), high.as_ref(), got),
        (Pattern::Either(patterns), got) => judge_either(scope, patterns, got),
    }
}

fn judge_range(
    scope: &Scope<'_>,
    low: Option<&Expr>,
    high: Option<&Expr>,
    got: Option<Resolved>,
) -> Result<Judgement, Unresolved> {
    let Some(got) = got else {
        return Ok(Judgement::without_value(false));
    };
    let beyond = |expr: &Expr| ahead_of(scope, expr, got, scope.value(expr)?);
    let above_low = low.map(beyond).transpose()?.unwrap_or(0);
    let above_high = high.map(beyond).transpose()?.unwrap_or(0);
    let ahead = if above_low < 0 {
        above_low
    } else {
        above_high.max(0)
    };
    Ok(Judgement {
        holds: ahead == 0,
        ahead: Some(ahead),
        value: None,
    })
}

/// Holds if one of them holds; else the nearest miss tells how far.
fn judge_either(
    scope: &Scope<'_>,
    patterns: &[Pattern],
    got: Option<Resolved>,
) -> Result<Judgement, Unresolved> {
    let mut nearest = Judgement::without_value(false);
    for pattern in patterns {
        let judgement = judge(scope, pattern, got)?;
        if judgement.holds {
            return Ok(Judgement {
                value: None,
                ..judgement
            });
        }
        let distance = |one: &Judgement| one.ahead.map_or(u64::MAX, i64::unsigned_abs);
        if distance(&judgement) < distance(&nearest) {
            nearest = Judgement {
                value: None,
                ..judgement
            };
        }
    }
    Ok(nearest)
}

/// How far `got` is ahead of `value`, modulo 2^32 if it is a sequence number.
fn ahead_of(
    scope: &Scope<'_>,
    expr: &Expr,
    got: Resolved,
    value: Resolved,
) -> Result<i64, Unresolved> {
    use Resolved::{Duration, Number, Seq};
    match (got, value) {
        (Number(a), Number(b)) | (Duration(a), Duration(b)) => Ok(a.saturating_sub(b)),
        (Seq(a, _), Seq(b, _)) => Ok(i64::from(seq::distance(a, b))),
        (Seq(a, _), Number(b)) => Ok(i64::from(seq::distance(a, b as u32))),
        (Number(a), Seq(b, _)) => Ok(i64::from(seq::distance(a as u32, b))),
        _ => Err(Unresolved::Type(
            Words {
                expr,
                conns: scope.conns,
                own: scope.own,
            }
            .to_string(),
            "it cannot be compared with this field",
        )),
    }
}

/// True if the pattern is one of durations.
pub fn is_time(scope: &Scope<'_>, pattern: &Pattern) -> bool {
    let time = |expr: &Expr| matches!(scope.value(expr), Ok(Resolved::Duration(_)));
    match pattern {
        Pattern::Any | Pattern::Present | Pattern::Absent => false,
        Pattern::Is(expr) => time(expr),
        Pattern::Range(low, high) => low.iter().chain(high).any(time),
        Pattern::Either(patterns) => patterns.iter().any(|one| is_time(scope, one)),
    }
}
