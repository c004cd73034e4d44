//! Cases by hand, in few words.

use crate::spec::case::*;
use crate::spec::profile::{Profile, Slack};
use std::time::Duration;

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn span(count: u64) -> Expr {
    Expr::Duration(count as i64 * 1_000_000)
}

pub(crate) fn var(var: Var) -> Expr {
    Expr::Var { conn: None, var }
}

pub(crate) fn plus(left: Expr, count: i64) -> Expr {
    Expr::Add(Box::new(left), Box::new(Expr::Number(count)))
}

pub(crate) fn is(expr: Expr) -> Pattern {
    Pattern::Is(expr)
}

/// A profile that observes everything and answers within 50 ms.
pub(crate) fn profile() -> Profile {
    Profile {
        device: "fake".to_owned(),
        observes: ["app", "state", "info", "counter"]
            .map(str::to_owned)
            .into(),
        slack: Slack {
            reply: ms(50),
            ..Slack::default()
        },
        ..Profile::default()
    }
}

/// A call of which nothing is said but that it is made.
pub(crate) fn call(call: Call) -> Verb {
    Verb::Call {
        call,
        refused: None,
    }
}

/// A case of these steps, numbered from 1.
pub(crate) fn case(verbs: Vec<Verb>) -> Case {
    let steps = verbs
        .into_iter()
        .enumerate()
        .map(|(at, verb)| step(&(at + 1).to_string(), verb));
    Case {
        id: "3.5/by-hand[v4]".to_owned(),
        folder: "3.5-by-hand".to_owned(),
        section: "3.5".to_owned(),
        title: "By hand".to_owned(),
        family: Family::V4,
        params: Vec::new(),
        covers: vec!["MUST-13".to_owned()],
        level: Level::Must,
        needs: Vec::new(),
        skip: None,
        ignore: Ignore::default(),
        except: Vec::new(),
        conns: vec![ConnPlan {
            name: "a".to_owned(),
            same_tuple: None,
            own_port: false,
            second_address: false,
        }],
        application: Application::default(),
        steps: steps.collect(),
        least_time: Duration::ZERO,
        most_time: Duration::ZERO,
        file: "specs/3.5-by-hand/by-hand.yaml".into(),
    }
}

pub(crate) fn step(number: &str, verb: Verb) -> Step {
    Step {
        number: number.to_owned(),
        line: 1,
        preamble: None,
        conn: 0,
        conn_named: false,
        should: None,
        defaults: Vec::new(),
        verb,
    }
}

pub(crate) fn inject(flags: Flags, seq: Expr, ack: Option<Expr>) -> Inject {
    Inject {
        flags,
        seq: Some(seq),
        ack,
        counts: true,
        ..Inject::default()
    }
}

/// `expect` of exactly these control bits, PSH, ECE and CWR free, with `data: 0`.
pub(crate) fn pattern(flags: Flags, seq: Pattern, ack: Pattern) -> SegmentPattern {
    let free = Flags::PSH.with(Flags::ECE).with(Flags::CWR);
    SegmentPattern {
        flags: vec![FlagsPattern {
            set: flags,
            mask: Flags(!0).without(free),
        }],
        seq: Some(seq),
        ack: Some(ack),
        data: Some(DataPattern::Count(Pattern::Is(Expr::Number(0)))),
        ..SegmentPattern::default()
    }
}

pub(crate) fn expect(pattern: SegmentPattern) -> Expect {
    Expect {
        what: Expected::Segment(Box::new(pattern)),
        within: None,
        after: None,
        name: None,
        should: None,
        optional: false,
    }
}

pub(crate) fn ack_expected() -> Expect {
    expect(pattern(
        Flags::ACK,
        is(var(Var::SndNxt)),
        is(var(Var::RcvNxt)),
    ))
}

/// Passive open up to ESTABLISHED: two stimuli for the device, three packets.
pub(crate) fn open() -> Vec<Verb> {
    let syn = inject(Flags::SYN, var(Var::Irs), None);
    let syn_ack = Flags::SYN.with(Flags::ACK);
    vec![
        Verb::Inject(Box::new(syn)),
        Verb::Expect(Box::new(expect(pattern(
            syn_ack,
            Pattern::Any,
            is(plus(var(Var::Irs), 1)),
        )))),
        Verb::Inject(Box::new(ack())),
        Verb::App(AppWait {
            event: AppEvent::Accepted,
            within: None,
        }),
    ]
}

pub(crate) fn ack() -> Inject {
    inject(Flags::ACK, var(Var::RcvNxt), Some(var(Var::SndNxt)))
}

/// [`open`], then these.
pub(crate) fn opened(then: impl IntoIterator<Item = Verb>) -> Case {
    let mut verbs = open();
    verbs.extend(then);
    case(verbs)
}
