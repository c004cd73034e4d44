//! What expressions come to before anything has run.

use crate::spec::case::{CaptureField, Expr, Pattern, Step, Verb};
use std::time::Duration;

/// The value of an expression in which nothing depends on the device.
pub fn constant(expr: &Expr) -> Option<i64> {
    evaluate(expr, None)
}

/// The value of an expression; `after` stands for the `after` of any capture.
fn evaluate(expr: &Expr, after: Option<i64>) -> Option<i64> {
    let both = |left: &Expr, right: &Expr| Some((evaluate(left, after)?, evaluate(right, after)?));
    match expr {
        Expr::Number(value) | Expr::Duration(value) => Some(*value),
        Expr::Named(_, inner) => evaluate(inner, after),
        Expr::Capture {
            field: CaptureField::After,
            ..
        } => after,
        Expr::Ratio(_) | Expr::Var { .. } | Expr::Capture { .. } => None,
        Expr::Add(left, right) => both(left, right).and_then(|(l, r)| l.checked_add(r)),
        Expr::Sub(left, right) => both(left, right).and_then(|(l, r)| l.checked_sub(r)),
        Expr::Mul(left, right) => match (&**left, &**right) {
            (Expr::Ratio(ratio), other) | (other, Expr::Ratio(ratio)) => {
                let product = i128::from(evaluate(other, after)?) * i128::from(*ratio);
                i64::try_from(product / 1000).ok()
            }
            _ => both(left, right).and_then(|(l, r)| l.checked_mul(r)),
        },
        Expr::Min(left, right) => both(left, right).map(|(l, r)| l.min(r)),
        Expr::Max(left, right) => both(left, right).map(|(l, r)| l.max(r)),
    }
}

/// The least time that the steps take, if all that ought to come comes as early as it may.
pub(super) fn least_time(steps: &[Step]) -> Duration {
    Duration::from_nanos(least_nanos(steps, &mut 0))
}

/// As [`least_time`]; `after` is how long the last expected segment took to come.
fn least_nanos(steps: &[Step], after: &mut i64) -> u64 {
    let mut total: u64 = 0;
    for step in steps {
        let nanos = match &step.verb {
            Verb::Silence(time) => evaluate(time, Some(*after)).unwrap_or(0),
            Verb::Expect(expect) => {
                let should = expect
                    .should
                    .as_ref()
                    .and_then(|should| should.after.as_ref());
                let known = [should, expect.after.as_ref()].into_iter().flatten();
                let least = known
                    .filter_map(|pattern| lower_bound(pattern, *after))
                    .max();
                *after = least.unwrap_or(0);
                *after
            }
            Verb::OneOf(branches) => {
                let times = branches
                    .iter()
                    .map(|branch| least_nanos(&branch.steps, after));
                i64::try_from(times.min().unwrap_or(0)).unwrap_or(i64::MAX)
            }
            Verb::Flood(flood) => {
                let time = flood.every * flood.count;
                i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
            }
            _ => 0,
        };
        total = total.saturating_add(u64::try_from(nanos).unwrap_or(0));
    }
    total
}

/// The most time that the steps may wait by their own bounds, if all comes as late as it may. What
/// depends on the device counts for nothing, and so do the replies that have no bound of their own.
pub(super) fn most_time(steps: &[Step]) -> Duration {
    Duration::from_nanos(most_nanos(steps, &mut 0))
}

/// As [`most_time`]; `after` is how long the last expected segment may have taken to come.
fn most_nanos(steps: &[Step], after: &mut i64) -> u64 {
    let mut total: u64 = 0;
    for step in steps {
        let bound = |bound: &Option<Expr>, after| bound.as_ref().and_then(|e| evaluate(e, after));
        let nanos = match &step.verb {
            Verb::Silence(time) => evaluate(time, Some(*after)).unwrap_or(0),
            Verb::Expect(expect) => {
                let upper = || upper_bound(expect.after.as_ref()?, *after);
                *after = bound(&expect.within, Some(*after))
                    .or_else(upper)
                    .unwrap_or(0);
                *after
            }
            Verb::App(wait) => bound(&wait.within, Some(*after)).unwrap_or(0),
            Verb::State { within, .. } => bound(within, Some(*after)).unwrap_or(0),
            Verb::OneOf(branches) => {
                let times = branches
                    .iter()
                    .map(|branch| most_nanos(&branch.steps, after));
                i64::try_from(times.max().unwrap_or(0)).unwrap_or(i64::MAX)
            }
            _ => 0,
        };
        total = total.saturating_add(u64::try_from(nanos).unwrap_or(0));
    }
    total
}

fn upper_bound(pattern: &Pattern, after: i64) -> Option<i64> {
    match pattern {
        Pattern::Is(value) | Pattern::Range(_, Some(value)) => evaluate(value, Some(after)),
        Pattern::Either(all) => all.iter().filter_map(|one| upper_bound(one, after)).max(),
        _ => None,
    }
}

fn lower_bound(pattern: &Pattern, after: i64) -> Option<i64> {
    match pattern {
        Pattern::Is(value) | Pattern::Range(Some(value), _) => evaluate(value, Some(after)),
        Pattern::Either(all) => all.iter().filter_map(|one| lower_bound(one, after)).min(),
        _ => None,
    }
}
