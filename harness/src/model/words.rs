//! Values in the words of the RFC: `RCV.NXT+1`, `500 ms`, `one too high`.

use super::{Conn, Resolved, Scope, Space, seq};
use crate::spec::case::{Expr, Var};
use std::fmt;

/// An expression as its author wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The expression.
    pub expr: &'a Expr,
    /// The connections of the case, for the names of others.
    pub conns: &'a [Conn],
    /// The connection that needs no name.
    pub own: usize,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.conns.iter().map(|conn| conn.name.as_str()).collect();
        f.write_str(&self.expr.written(&names))
    }
}

/// A value found near a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// The connection whose variable it is, if it is another one.
    pub conn: Option<String>,
    /// The variable, `RCV.NXT`.
    pub variable: &'static str,
    /// How far the value is ahead of it.
    pub ahead: i32,
}

/// Beyond this distance a sequence number is no longer told from a variable.
const FAR: u32 = 1 << 20;
/// Up to this distance the distance itself is stable enough to be part of a symptom.
const SMALL: u32 = 16;

impl Near {
    /// The variable that says best what `value` is: `preferred` or another one that it equals,
    /// else the nearest; where none of its own connection is near, one of another: a segment may
    /// carry numbers that were borrowed.
    pub fn find(
        scope: &Scope<'_>,
        value: u32,
        space: Space,
        preferred: Option<Var>,
    ) -> Option<Self> {
        let own = Self::of_conn(scope, scope.own, value, space, preferred);
        own.or_else(|| {
            let mut others = scope.conns.iter().enumerate();
            others.find_map(|(at, conn)| {
                let near = Self::of_conn(scope, at, value, space, preferred)?;
                let conn = Some(conn.name.clone());
                Some(Self { conn, ..near })
            })
        })
    }

    fn of_conn(
        scope: &Scope<'_>,
        conn: usize,
        value: u32,
        space: Space,
        preferred: Option<Var>,
    ) -> Option<Self> {
        let of_space: &[Var] = match space {
            Space::Device => &[Var::SndNxt, Var::SndUna, Var::Iss],
            Space::Tester => &[Var::RcvNxt, Var::Irs],
            Space::Clock => &[],
        };
        let candidates = preferred.iter().chain(of_space);
        let near = candidates.filter_map(|&var| match scope.variable(conn, var)? {
            Resolved::Seq(at, found) if found == space => Some(Self {
                conn: None,
                variable: var.name(),
                ahead: seq::distance(value, at),
            }),
            _ => None,
        });
        near.min_by_key(|near| near.ahead.unsigned_abs())
            .filter(|near| near.ahead.unsigned_abs() <= FAR)
    }

    /// The same without distances that depend on sizes: `RCV.NXT+1`, `above RCV.NXT`.
    pub fn stable(&self) -> String {
        match self.ahead {
            ahead if ahead.unsigned_abs() <= SMALL => self.to_string(),
            ahead if ahead < 0 => format!("below {}", self.name()),
            _ => format!("above {}", self.name()),
        }
    }

    /// `RCV.NXT`, or `a.RCV.NXT` of another connection.
    fn name(&self) -> String {
        match &self.conn {
            None => self.variable.to_owned(),
            Some(conn) => format!("{conn}.{}", self.variable),
        }
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if self.ahead == 0 {
            Ok(())
        } else {
            write!(f, "{:+}", self.ahead)
        }
    }
}

/// The variable that an expression is built on, if it is of the step's own connection.
pub fn base_variable(expr: &Expr) -> Option<Var> {
    match expr {
        Expr::Var { conn: None, var } => Some(*var),
        Expr::Add(left, right) => base_variable(left).or_else(|| base_variable(right)),
        Expr::Sub(left, _) => base_variable(left),
        _ => None,
    }
}

/// `one too high`, `1460 too low`; `None` if there is no difference.
pub fn off_by(distance: i64) -> Option<String> {
    // Further apart than any two numbers of one connection in a case: they have nothing in common.
    const UNRELATED: u64 = 1 << 24;
    let side = match distance {
        0 => return None,
        1.. => "high",
        _ => "low",
    };
    Some(match distance.unsigned_abs() {
        UNRELATED.. => return None,
        1 => format!("one too {side}"),
        count => format!("{count} too {side}"),
    })
}

/// A duration for people: `212 ms`, `1.5 s`, `40 s`, `2 h`.
pub fn duration(nanos: i64) -> String {
    const MS: i64 = 1_000_000;
    const SECOND: i64 = 1000 * MS;
    const HOUR: i64 = 3600 * SECOND;
    let amount = nanos.abs();
    let (unit, name) = match amount {
        0 => return "0 ms".to_owned(),
        _ if amount >= HOUR && amount % HOUR == 0 => (HOUR, "h"),
        _ if amount >= SECOND => (SECOND, "s"),
        _ if amount >= MS => (MS, "ms"),
        _ => (1000, "µs"),
    };
    let thousandths = (nanos as f64 / unit as f64 * 1000.0).round() / 1000.0;
    format!("{thousandths} {name}")
}

/// Seconds with two digits, for values that are compared with each other: `0.20 s`.
pub fn seconds(nanos: i64) -> String {
    let seconds = nanos as f64 / 1e9;
    if nanos.abs() < 100_000_000 {
        format!("{seconds:.3} s")
    } else {
        format!("{seconds:.2} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0 ms")]
    #[case(1_500, "1.5 µs")]
    #[case(212_000_000, "212 ms")]
    #[case(1_000_000_000, "1 s")]
    #[case(1_250_000_000, "1.25 s")]
    #[case(119_000_000_000, "119 s")]
    #[case(7_200_000_000_000, "2 h")]
    fn durations(#[case] nanos: i64, #[case] words: &str) {
        assert_eq!(duration(nanos), words);
    }

    #[rstest]
    #[case(0, None)]
    #[case(1, Some("one too high"))]
    #[case(-1460, Some("1460 too low"))]
    #[case(-1_296_742_727, None)]
    fn distances(#[case] distance: i64, #[case] words: Option<&str>) {
        assert_eq!(off_by(distance).as_deref(), words);
    }
}
