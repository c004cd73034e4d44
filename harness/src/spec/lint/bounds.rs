//! Windows that cannot be written, and timers with one bound only.

use super::{Linted, flags_text};
use crate::spec::case::{Case, Expect, Expected, Expr, Flags, Inject, Pattern, Step, Verb};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::expand::constant;
use crate::spec::visit;

/// Largest value of the 16-bit field.
const MAX_RAW: i64 = 65_535;
/// An expectation that waits longer than this is about a timer.
const TIMER: i64 = 1_000_000_000;

/// Windows of injected segments that the 16-bit field cannot say, shifted by what the tester's
/// SYN offered.
pub(super) fn windows(linted: &Linted<'_>, case: &Case) -> Vec<Diagnostic> {
    let mut shifts = vec![0; case.conns.len()];
    let mut found = Vec::new();
    visit::steps(&case.steps, &mut |step| {
        let Verb::Inject(inject) = &step.verb else {
            return;
        };
        let Some(shift) = shifts.get_mut(step.conn) else {
            return;
        };
        let is_syn = inject.flags.contains(Flags::SYN);
        if is_syn {
            *shift = inject
                .ws
                .as_ref()
                .and_then(constant)
                .unwrap_or(0)
                .clamp(0, 14);
        }
        let shift = if is_syn { 0 } else { *shift };
        if let Some(message) = window_fault(inject, shift) {
            let help = "`wnd_raw` writes the 16-bit field itself";
            found.push(linted.error(step, "spec::window", message).help(help));
        }
    });
    found
}

fn window_fault(inject: &Inject, shift: i64) -> Option<String> {
    let known = |expr: &Option<Expr>| expr.as_ref().and_then(constant);
    if let Some(raw) = known(&inject.wnd_raw) {
        return (!(0..=MAX_RAW).contains(&raw))
            .then(|| format!("`wnd_raw: {raw}` does not fit 16 bits"));
    }
    let window = known(&inject.wnd)?;
    let step = 1_i64 << shift;
    let fits = window >= 0 && window % step == 0 && window / step <= MAX_RAW;
    (!fits).then(|| match shift {
        0 => format!("`wnd: {window}` cannot be said without window scale: at most {MAX_RAW}"),
        _ => format!(
            "`wnd: {window}` cannot be said with a shift of {shift}: a multiple of {step}, at \
             most {}",
            MAX_RAW << shift
        ),
    })
}

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
