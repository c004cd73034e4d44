//! What is certain of the steps around a request, before anything has run.

use super::translate::variable;
use crate::spec::case::{
    AppEvent, AppWait, Case, DataPattern, Expected, Expr, Flags, Inject, Pattern, Payload,
    SegmentPattern, Step, Var, Verb,
};
use crate::spec::expand::constant;
use crate::spec::visit;
use std::collections::BTreeSet;

/// RFC 9293 §3.8.6.3 (MUST-58): an ACK is not delayed longer.
const DELAYED_ACK: i64 = 500_000_000;

/// Names that were captured up to and with the first of `rest`.
pub(super) fn names_before(steps: &[Step], rest: &[Step]) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["prev".to_owned()]);
    visit::steps(&steps[..steps.len() - rest.len()], &mut |step| {
        let name = match &step.verb {
            Verb::Inject(inject) => inject.name.clone(),
            Verb::Expect(expect) => expect.name.clone(),
            _ => None,
        };
        names.extend(name);
    });
    names
}

/// Where the text of a segment goes.
pub(super) enum Arrival {
    /// None, or nobody will see it.
    Nowhere,
    /// Beyond what the device expects next.
    BehindAGap,
    /// To the application.
    InPlace,
}

pub(super) fn arrives(inject: &Inject) -> Arrival {
    let damaged = inject.bad_checksum || inject.zero_checksum;
    // Also what the device ought to drop: if it does not, the service would hear it.
    let Some(data) = inject.data.as_ref().filter(|_| !damaged) else {
        return Arrival::Nowhere;
    };
    let length = match data {
        Payload::Pattern(count) => constant(count).unwrap_or(i64::MAX),
        Payload::Text(text) => text.len() as i64,
    };
    let next = variable(Var::RcvNxt);
    match &inject.seq {
        _ if length == 0 => Arrival::Nowhere,
        Some(Expr::Add(base, more)) if **base == next => match &**more {
            Expr::Var {
                var: Var::RcvWnd, ..
            } => Arrival::BehindAGap,
            more if constant(more).is_some_and(|more| more > 0) => Arrival::BehindAGap,
            _ => Arrival::InPlace,
        },
        Some(Expr::Sub(base, less)) if **base == next => match constant(less) {
            Some(less) if less >= length => Arrival::Nowhere,
            _ => Arrival::InPlace,
        },
        _ => Arrival::InPlace,
    }
}

/// True if the next segment that is expected is a FIN.
pub(super) fn next_is_fin(conn: usize, after: &[Step]) -> bool {
    let mut rest = after.iter().filter(|step| {
        !matches!(
            step.verb,
            Verb::App(_) | Verb::State { .. } | Verb::Check(_) | Verb::Info(_)
        )
    });
    rest.next().is_some_and(|step| match &step.verb {
        Verb::Expect(expect) if step.conn == conn => match &expect.what {
            Expected::Segment(segment) => all_flags(segment, Flags::FIN) && may_be_empty(segment),
            Expected::Again(_) => false,
        },
        _ => false,
    })
}

fn all_flags(segment: &SegmentPattern, bit: Flags) -> bool {
    let flags = &segment.flags;
    !flags.is_empty() && flags.iter().all(|flags| flags.set.contains(bit))
}

/// A segment without text may be the one that is expected.
fn may_be_empty(segment: &SegmentPattern) -> bool {
    let above_0 = |expr: &Expr| constant(expr).is_none_or(|value| value > 0);
    match &segment.data {
        Some(DataPattern::Count(Pattern::Is(count))) => !above_0(count),
        Some(DataPattern::Count(Pattern::Range(Some(low), _))) => !above_0(low),
        Some(DataPattern::Text(text)) => text.is_empty(),
        None | Some(DataPattern::Count(_)) => true,
    }
}

/// The tester sends text on that connection, or a FIN behind text that would be missing.
pub(super) fn sends_text(conn: usize, steps: &[Step]) -> bool {
    let mut found = false;
    visit::steps(steps, &mut |step| {
        if let Verb::Inject(inject) = &step.verb {
            let fin = inject.flags.contains(Flags::FIN);
            let behind_text = fin && inject.seq != Some(variable(Var::RcvNxt));
            found |= step.conn == conn && (inject.data.is_some() || behind_text);
        }
    });
    found
}

/// `expect: {flags: ACK}` of a preamble, nothing else being said.
pub(super) fn is_plain_ack_of_preamble(step: &Step) -> bool {
    let Verb::Expect(expect) = &step.verb else {
        return false;
    };
    let Expected::Segment(segment) = &expect.what else {
        return false;
    };
    let bare = expect.name.is_none() && expect.after.is_none() && expect.should.is_none();
    let is_ack = segment.flags.iter().all(|flags| flags.set == Flags::ACK);
    step.preamble.is_some() && bare && is_ack && may_be_empty(segment)
}

/// After a request: no ACK without text is expected before the reply is, or before the request has
/// been acknowledged for certain; it could be that of the request.
pub(super) fn acknowledgment_is_plain(
    conn: usize,
    after: &[Step],
    silent: &mut i64,
) -> Result<(), String> {
    for step in after {
        match &step.verb {
            Verb::Silence(time) => *silent += constant(time).unwrap_or(0),
            _ if *silent >= DELAYED_ACK => return Ok(()),
            Verb::Expect(expect) if step.conn == conn => {
                return match &expect.what {
                    Expected::Segment(segment) if may_be_plain_ack(segment) => {
                        let reason = "expects an ACK that could be that of the request";
                        Err(reason.to_owned())
                    }
                    _ => Ok(()),
                };
            }
            Verb::OneOf(branches) => {
                for branch in branches {
                    acknowledgment_is_plain(conn, &branch.steps, &mut silent.clone())?;
                }
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

fn may_be_plain_ack(segment: &SegmentPattern) -> bool {
    let special = Flags::SYN.with(Flags::FIN).with(Flags::RST);
    let is_special = |set: Flags| set.0 & special.0 != 0;
    let plain =
        segment.flags.is_empty() || segment.flags.iter().any(|flags| !is_special(flags.set));
    plain && may_be_empty(segment)
}

/// A service that speaks first must be known to speak: after `app: accepted`, or never.
pub(super) fn speaks_only_when_open(case: &Case) -> Result<(), String> {
    let mut opened = BTreeSet::new();
    let mut acknowledged = BTreeSet::new();
    visit::steps(&case.steps, &mut |step| match &step.verb {
        Verb::App(AppWait {
            event: AppEvent::Accepted,
            ..
        }) => drop(opened.insert(step.conn)),
        Verb::Inject(inject) if inject.flags.contains(Flags::ACK) => {
            acknowledged.insert(step.conn);
        }
        _ => {}
    });
    if acknowledged.is_subset(&opened) {
        Ok(())
    } else {
        Err("may open the connection without a word, and then the service speaks".to_owned())
    }
}
