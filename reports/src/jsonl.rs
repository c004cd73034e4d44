//! The record as JSON Lines: one event per line, in the order in which things happened.
//!
//! Every line has `event`; lines of a case have `case` and `t`, nanoseconds from the start of the
//! case on its own clock. The lines of a case can be written as soon as the case is finished.

use crate::counts::Counts;
use crate::figure::Direction;
use crate::json::line;
use crate::names;
use crate::record::{
    CaseRecord, Connection, DeviceRecord, Event, EventKind, FORMAT, Judged, Segment, Verdict,
};
use crate::terminal::Plan;
use serde::Serialize;

/// One line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    RunStarted {
        format: u32,
        tool: &'a str,
        device: &'a DeviceRecord,
        seed: String,
        cases: usize,
    },
    CaseStarted {
        case: &'a str,
        t: u64,
        title: &'a str,
        file: &'a str,
    },
    Segment {
        case: &'a str,
        t: u64,
        step: Option<&'a str>,
        connection: &'a str,
        /// `inject` or `receive`.
        direction: &'static str,
        /// In figure notation, re-based.
        figure: String,
        judged: Option<Judged>,
        state: Option<&'a str>,
    },
    /// Whatever is no segment: `kind` says what.
    App {
        case: &'a str,
        t: u64,
        step: Option<&'a str>,
        kind: &'static str,
        text: String,
        state: Option<&'a str>,
    },
    Verdict {
        case: &'a str,
        t: u64,
        verdict: Verdict,
        known: bool,
        flaky: bool,
        /// The earlier ones.
        attempts: Vec<Attempt<'a>>,
        symptom: &'a str,
        headline: String,
        wall_ns: u64,
    },
    RunFinished {
        wall_ns: u64,
        interrupted: bool,
        pass: usize,
        fail: usize,
        deviates: usize,
        known: usize,
        inconclusive: usize,
        skipped: usize,
    },
}

/// An earlier attempt at a case.
#[derive(Serialize)]
struct Attempt<'a> {
    verdict: Verdict,
    symptom: &'a str,
    wall_ns: u64,
}

impl<'a> Attempt<'a> {
    fn of(record: &'a CaseRecord) -> Self {
        Self {
            verdict: record.verdict,
            symptom: record.symptom(),
            wall_ns: record.wall_ns,
        }
    }
}

/// The first line of a run.
pub fn run_started(plan: &Plan) -> String {
    let Plan {
        tool,
        device,
        seed,
        cases,
        ..
    } = *plan;
    line(&Line::RunStarted {
        format: FORMAT,
        tool,
        device,
        seed: names::seed(seed),
        cases,
    })
}

/// All lines of a case.
pub fn case(record: &CaseRecord) -> String {
    let case = record.id.as_str();
    let mut lines = line(&Line::CaseStarted {
        case,
        t: 0,
        title: &record.title,
        file: &record.file,
    });
    for event in &record.events {
        lines.push_str(&happened(record, event));
    }
    lines
        + &line(&Line::Verdict {
            case,
            t: record.device_ns,
            verdict: record.verdict,
            known: record.known.is_some(),
            flaky: record.flaky,
            attempts: record.earlier.iter().map(Attempt::of).collect(),
            symptom: record.symptom(),
            headline: record.headline(),
            wall_ns: record.wall_ns,
        })
}

/// The last line of a run.
pub fn run_finished(counts: &Counts, wall_ns: u64, interrupted: bool) -> String {
    let Counts {
        pass,
        fail,
        deviates,
        known,
        inconclusive,
        skipped,
        ..
    } = *counts;
    line(&Line::RunFinished {
        wall_ns,
        interrupted,
        pass,
        fail,
        deviates,
        known,
        inconclusive,
        skipped,
    })
}

fn happened(record: &CaseRecord, event: &Event) -> String {
    let connection = record.connections.get(usize::from(event.connection));
    let app = |kind, text: &str| app(record, event, kind, text);
    match &event.kind {
        EventKind::Injected(sent) => {
            segment(record, event, connection, (Direction::ToDevice, sent, None))
        }
        EventKind::Received {
            segment: got,
            judged,
        } => segment(
            record,
            event,
            connection,
            (Direction::FromDevice, got, Some(*judged)),
        ),
        EventKind::Missing { flags, .. } => app("missing", flags),
        EventKind::Call {
            text,
            refused: None,
        } => app("call", text),
        EventKind::Call {
            text,
            refused: Some(why),
        } => app("refused", &format!("{text}: {why}")),
        EventKind::App { text, .. } => app("sees", text),
        EventKind::Silence { for_ns } => app("silence", &crate::text::duration(*for_ns)),
        EventKind::Checked {
            text,
            holds: Some(true),
        } => app("holds", text),
        EventKind::Checked {
            text,
            holds: Some(false),
        } => app("fails", text),
        EventKind::Checked { text, holds: None } => app("unchecked", text),
        EventKind::Note { text } => app("note", text),
    }
}

fn app(record: &CaseRecord, event: &Event, kind: &'static str, text: &str) -> String {
    line(&Line::App {
        case: &record.id,
        t: event.at_ns,
        step: step(event),
        kind,
        text: text.into(),
        state: event.state.as_deref(),
    })
}

fn segment(
    record: &CaseRecord,
    event: &Event,
    connection: Option<&Connection>,
    (direction, segment, judged): (Direction, &Segment, Option<Judged>),
) -> String {
    line(&Line::Segment {
        case: &record.id,
        t: event.at_ns,
        step: step(event),
        connection: connection.map_or("", |connection| &connection.name),
        direction: match direction {
            Direction::ToDevice => "inject",
            Direction::FromDevice => "receive",
        },
        figure: connection.map_or_else(String::new, |on| segment.figure(on, direction)),
        judged,
        state: event.state.as_deref(),
    })
}

fn step(event: &Event) -> Option<&str> {
    event.step.as_ref().map(|step| step.number.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::golden;
    use crate::tests::sample;

    #[test]
    fn a_run_is_a_line_per_event() {
        let mut run = sample::run();
        run.cases.push(sample::hostile());
        let plan = Plan {
            tool: &run.tool,
            device: &run.device,
            seed: run.seed,
            specs: 10,
            cases: run.cases.len(),
        };
        let counts: Counts = run.cases.iter().collect();
        let cases: String = run.cases.iter().map(case).collect();
        let text = run_started(&plan) + &cases + &run_finished(&counts, run.wall_ns, false);
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(value["event"].is_string());
        }
        golden::check("run.jsonl", text);
    }
}
