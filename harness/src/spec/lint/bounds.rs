//! Timers with one bound only.

use super::{Linted, flags_text};
use crate::spec::case::{Expect, Expected, Pattern, Step, Verb};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::expand::constant;

/// An expectation that waits longer than this is about a timer.
const TIMER: i64 = 1_000_000_000;

/// Every spec of a timer has a lower and an upper bound.
pub(super) fn timer(linted: &Linted<'_>, step: &Step, before: Option<&Step>) -> Option<Diagnostic> {
    let Verb::Expect(expect) = &step.verb else {
        return None;
    };
    let code = "spec::timer-bound";
    let should = expect
        .should
        .as_ref()
        .and_then(|should| should.after.as_ref());
    let within = expect.within.as_ref().and_then(constant);
    if let Some(Pattern::Range(Some(_), None)) = expect.after
        && within.is_none()
    {
        let message = "this timer has no upper bound: a device that never fires is waited for 1 s";
        return Some(
            linted
                .warning(step, code, message)
                .help("write `after: a..b`"),
        );
    }
    let after_silence = before.is_some_and(|step| matches!(step.verb, Verb::Silence(_)));
    let bounded = after_silence || expect.after.is_some() || should.is_some();
    if within.is_some_and(|within| within > TIMER) && !bounded {
        let message = format!(
            "{} may come at once: this timer has no lower bound",
            what(expect)
        );
        let help = "write `after: a..b`, or a `silence` before it";
        return Some(linted.warning(step, code, message).help(help));
    }
    None
}

fn what(expect: &Expect) -> String {
    match &expect.what {
        Expected::Segment(segment) => format!("the {}", flags_text(&segment.flags)),
        Expected::Again(name) => format!("the copy of `{name}`"),
    }
}
