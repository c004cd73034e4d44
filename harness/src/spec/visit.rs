//! Walks over the expressions and patterns of steps.

use super::case::{
    AppEvent, Call, DataPattern, Expected, Expr, Inject, InjectTimestamps, Pattern, Payload,
    SackPattern, SegmentPattern, Step, TimestampsPattern, Verb,
};

/// Calls `see` with every step, those in branches included, in the order of the file.
pub(super) fn steps<'a>(all: &'a [Step], see: &mut dyn FnMut(&'a Step)) {
    for step in all {
        see(step);
        if let Verb::OneOf(branches) = &step.verb {
            for branch in branches {
                steps(&branch.steps, see);
            }
        }
    }
}

/// Calls `see` with every expression of a step, the inner ones included. Branches are steps of
/// their own.
pub(super) fn expressions<'a>(step: &'a Step, see: &mut dyn FnMut(&'a Expr)) {
    match &step.verb {
        Verb::Inject(inject) => injected(inject, see),
        Verb::InjectIcmp(icmp) => {
            let quote = &icmp.quote;
            [&icmp.mtu, &quote.seq, &quote.port, &quote.length]
                .into_iter()
                .flatten()
                .for_each(|expr| expression(expr, see));
        }
        Verb::Expect(expect) => {
            if let Expected::Segment(segment) = &expect.what {
                segment_pattern(segment, see);
            }
            expect.within.iter().for_each(|expr| expression(expr, see));
            expect.after.iter().for_each(|after| pattern(after, see));
            if let Some(should) = &expect.should {
                segment_pattern(&should.segment, see);
                should.after.iter().for_each(|after| pattern(after, see));
            }
        }
        Verb::Silence(time) => expression(time, see),
        Verb::Call { call, .. } => expressions_of_call(call, see),
        Verb::App(wait) => {
            wait.within.iter().for_each(|expr| expression(expr, see));
            if let AppEvent::Data(Payload::Pattern(count)) | AppEvent::Sent(count) = &wait.event {
                expression(count, see);
            }
        }
        Verb::State { within, .. } => within.iter().for_each(|expr| expression(expr, see)),
        Verb::Check(comparison) => {
            expression(&comparison.left, see);
            pattern(&comparison.right, see);
        }
        Verb::Info(fields) | Verb::Counter(fields) => {
            for (_, value) in fields {
                pattern(value, see);
            }
        }
        Verb::OneOf(_) | Verb::Drain(_) => {}
        Verb::Flood(flood) => injected(&flood.inject, see),
    }
}

fn injected<'a>(inject: &'a Inject, see: &mut dyn FnMut(&'a Expr)) {
    let plain = [
        &inject.seq,
        &inject.ack,
        &inject.wnd,
        &inject.wnd_raw,
        &inject.urg,
        &inject.mss,
        &inject.ws,
        &inject.uto,
    ];
    plain
        .into_iter()
        .flatten()
        .for_each(|expr| expression(expr, see));
    if let Some(Payload::Pattern(count)) = &inject.data {
        expression(count, see);
    }
    for (from, to) in &inject.sack {
        expression(from, see);
        expression(to, see);
    }
    if let InjectTimestamps::Given { val, ecr } = &inject.ts {
        [val, ecr]
            .into_iter()
            .flatten()
            .for_each(|expr| expression(expr, see));
    }
}

fn expressions_of_call<'a>(call: &'a Call, see: &mut dyn FnMut(&'a Expr)) {
    if let Call::Send {
        data: Payload::Pattern(count),
        ..
    }
    | Call::ConnectWith(Payload::Pattern(count))
    | Call::Recv(count) = call
    {
        expression(count, see);
    }
}

fn segment_pattern<'a>(segment: &'a SegmentPattern, see: &mut dyn FnMut(&'a Expr)) {
    let plain = [
        &segment.seq,
        &segment.ack,
        &segment.wnd,
        &segment.wnd_raw,
        &segment.urg,
        &segment.mss,
        &segment.ws,
        &segment.uto,
        &segment.sack_ok,
        &segment.ttl,
        &segment.tos,
        &segment.df,
        &segment.ip_id,
    ];
    plain
        .into_iter()
        .flatten()
        .for_each(|one| pattern(one, see));
    if let Some(DataPattern::Count(count)) = &segment.data {
        pattern(count, see);
    }
    match &segment.sack {
        Some(SackPattern::Blocks(blocks)) => {
            for (from, to) in blocks {
                pattern(from, see);
                pattern(to, see);
            }
        }
        Some(SackPattern::First(from, to)) => {
            pattern(from, see);
            pattern(to, see);
        }
        Some(SackPattern::Present | SackPattern::Absent) | None => {}
    }
    if let Some(TimestampsPattern::Values { val, ecr }) = &segment.ts {
        [val, ecr]
            .into_iter()
            .flatten()
            .for_each(|one| pattern(one, see));
    }
}

/// Calls `see` with every expression of a pattern, the inner ones included.
pub(super) fn pattern<'a>(all: &'a Pattern, see: &mut dyn FnMut(&'a Expr)) {
    match all {
        Pattern::Is(value) => expression(value, see),
        Pattern::Range(low, high) => {
            low.iter()
                .chain(high)
                .for_each(|expr| expression(expr, see));
        }
        Pattern::Either(patterns) => patterns.iter().for_each(|one| pattern(one, see)),
        Pattern::Any | Pattern::Present | Pattern::Absent => {}
    }
}

/// Calls `see` with an expression and its parts.
pub(super) fn expression<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Expr)) {
    see(expr);
    match expr {
        Expr::Add(left, right)
        | Expr::Sub(left, right)
        | Expr::Mul(left, right)
        | Expr::Min(left, right)
        | Expr::Max(left, right) => {
            expression(left, see);
            expression(right, see);
        }
        Expr::Named(_, inner) => expression(inner, see),
        _ => {}
    }
}
