//! Expressions as a spec writes them.

use super::lexer::UNITS;
use crate::spec::case::{CaptureField, Comparison, Expr, Operator, Pattern, Var};
use crate::spec::table;
use std::fmt::{self, Display, Formatter};

impl Display for Expr {
    /// The variables of another connection are not marked: see [`Expr::written`].
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(&[]))
    }
}

impl Expr {
    /// As a spec writes it, where `conns` are the names of the case's connections.
    pub fn written(&self, conns: &[&str]) -> String {
        self.bound(conns, 0)
    }

    /// In parentheses if it binds less tightly than `least` (0 sum, 1 product, 2 factor).
    fn bound(&self, conns: &[&str], least: u8) -> String {
        let binary = |left: &Self, sign: &str, right: &Self, own: u8| {
            let text = format!(
                "{}{sign}{}",
                left.bound(conns, own),
                right.bound(conns, own + 1)
            );
            if own < least {
                format!("({text})")
            } else {
                text
            }
        };
        match self {
            Self::Number(value) => value.to_string(),
            Self::Ratio(value) => ratio(*value),
            Self::Duration(nanos) => duration(*nanos),
            Self::Var {
                conn: Some(conn),
                var,
            } => match conns.get(*conn) {
                Some(name) => format!("{name}.{}", var.name()),
                None => var.name().to_owned(),
            },
            Self::Var { conn: None, var } => var.name().to_owned(),
            Self::Capture { name, field } => format!("{name}.{}", field.name()),
            Self::Add(left, right) => binary(left, "+", right, 0),
            Self::Sub(left, right) => binary(left, "-", right, 0),
            Self::Mul(left, right) => binary(left, "*", right, 1),
            Self::Min(left, right) => {
                format!("min({}, {})", left.written(conns), right.written(conns))
            }
            Self::Max(left, right) => {
                format!("max({}, {})", left.written(conns), right.written(conns))
            }
            Self::Named(name, _) => (*name).to_owned(),
        }
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Present => f.write_str("present"),
            Self::Absent => f.write_str("absent"),
            Self::Is(value) => value.fmt(f),
            Self::Range(low, high) => {
                low.iter().try_for_each(|low| low.fmt(f))?;
                f.write_str("..")?;
                high.iter().try_for_each(|high| high.fmt(f))
            }
            Self::Either(patterns) => {
                let all: Vec<String> = patterns.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", all.join(", "))
            }
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.operator, self.right)
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        })
    }
}

impl Var {
    /// As the RFC spells it.
    pub fn name(self) -> &'static str {
        table::VARIABLE_NAMES
            .iter()
            .find(|(_, var)| *var == self)
            .map_or("", |(name, _)| name)
    }
}

impl CaptureField {
    /// As a spec writes it.
    pub fn name(self) -> &'static str {
        table::CAPTURE_FIELD_NAMES
            .iter()
            .find(|(_, field)| *field == self)
            .map_or("", |(name, _)| name)
    }
}

/// In the largest unit that says it without a fraction: `90s`, `1500ms`.
pub(in crate::spec) fn duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    // Minutes and hours only where they are whole and short: `60s` reads better than `1m`.
    let whole = UNITS.iter().rev().find(|(_, unit)| {
        nanos % unit == 0 && (*unit <= 1_000_000_000 || (nanos / unit).abs() >= 2)
    });
    if let Some((name, unit)) = whole {
        return format!("{}{name}", nanos / unit);
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let decimals = format!("{:03}", nanos % 1000);
    let decimals = decimals.trim_end_matches('0');
    format!("{sign}{}.{decimals}us", nanos / 1000)
}

/// Always with a decimal, which tells it from a number.
fn ratio(thousandths: i64) -> String {
    let decimals = format!("{:03}", thousandths.unsigned_abs() % 1000);
    let decimals = decimals.trim_end_matches('0');
    let decimals = if decimals.is_empty() { "0" } else { decimals };
    format!("{}.{decimals}", thousandths / 1000)
}
