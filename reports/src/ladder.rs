//! A case as the exchange that it was: harness on the left, device on the right.
//!
//! [`layout`] makes rows of a record; the pens ([`text`], [`mermaid`]) write them down. The layout
//! knows what is shown, a pen only where. Neither judges: what is wrong, and by how much, was put
//! into the record by the comparison.

pub mod mermaid;
pub mod text;

use crate::figure::{self, Direction};
use crate::record::{
    CaseRecord, Connection, Event, EventKind, Field, Judged, Mismatch, Quantity, Segment, StepRef,
    Value,
};
use crate::text as words;

/// An exchange, laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// What happened, in order.
    pub rows: Vec<Row>,
    /// The fields of the decisive difference; empty where no segment was compared.
    pub fields: Vec<FieldRow>,
}

/// One row of the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The step's number, on the first row of a step.
    pub step: Option<String>,
    /// The connection's name, if the case has more than one.
    pub connection: Option<String>,
    /// What it shows.
    pub what: What,
    /// The state that the device reported afterwards.
    pub state: Option<String>,
    /// What there is to say about it: `got, after 0 ms`.
    pub remark: Option<String>,
    /// The numbers as they were on the wire.
    pub real: Option<String>,
    /// How it is to be read.
    pub mood: Mood,
}

/// What a row shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A segment, in figure notation.
    Arrow(Direction, String),
    /// Something about the exchange as a whole: a folded preamble, silence, a check.
    Between(String),
    /// Something that the device's application did or saw.
    Device(String),
}

/// How a row is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It happened as it should.
    Fine,
    /// It was asked for and did not happen.
    Wanted,
    /// It happened and should not have.
    Wrong,
    /// It matters little.
    Aside,
}

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// `ACK`.
    pub name: String,
    /// Words and value that were expected.
    pub expected: (Option<String>, Option<String>),
    /// Words and value that were got.
    pub got: (Option<String>, Option<String>),
    /// The two agree.
    pub holds: bool,
    /// `one too high`.
    pub remark: Option<String>,
}

/// Lays out a case. Steps of the preamble are folded into one row, unless something went wrong
/// in them.
pub fn layout(record: &CaseRecord) -> Ladder {
    let folded = folded_events(record);
    let mut pen = Layout::of(record);
    if folded > 0 {
        pen.fold(&record.events[..folded]);
    }
    for index in folded..record.events.len() {
        pen.event(index);
    }
    Ladder {
        rows: shortened(pen.rows),
        fields: field_rows(record),
    }
}

/// The rows that a reader needs: the beginning, and what surrounds the first thing that is wrong.
/// A flood has thousands; the capture has them all.
fn shortened(rows: Vec<Row>) -> Vec<Row> {
    const BEGINNING: usize = 16;
    const BEFORE: usize = 24;
    const AFTER: usize = 16;
    if rows.len() <= BEGINNING + BEFORE + AFTER {
        return rows;
    }
    let is_wrong = |row: &Row| matches!(row.mood, Mood::Wanted | Mood::Wrong);
    let focus = rows.iter().position(is_wrong).unwrap_or(rows.len() - 1);
    let is_kept = |at: usize| at < BEGINNING || (at + BEFORE >= focus && at <= focus + AFTER);
    let mut kept = Vec::new();
    let mut left_out = 0;
    for (at, row) in rows.into_iter().enumerate() {
        if !is_kept(at) {
            left_out += 1;
            continue;
        }
        kept.extend(gap(std::mem::take(&mut left_out)));
        kept.push(row);
    }
    kept.extend(gap(left_out));
    kept
}

fn gap(left_out: usize) -> Option<Row> {
    let text = format!("{} left out", words::count(left_out, "row"));
    (left_out > 0).then(|| row(What::Between(text), Mood::Aside))
}

/// The rows of one event by itself, without its step's number.
pub(crate) fn event_rows(record: &CaseRecord, index: usize) -> Vec<Row> {
    Layout::of(record).rows_of(index)
}

/// How many events at the beginning belong to the preamble and went well.
fn folded_events(record: &CaseRecord) -> usize {
    let in_preamble = |step: &StepRef| step.preamble.is_some();
    let is_own = |event: &Event| event.step.as_ref().is_some_and(|step| !in_preamble(step));
    let is_led = |event: &Event| event.step.as_ref().is_some_and(in_preamble);
    let own = record
        .events
        .iter()
        .position(is_own)
        .unwrap_or(record.events.len());
    let folded = record.events[..own]
        .iter()
        .rposition(is_led)
        .map_or(0, |last| last + 1);
    let is_wrong = |mismatch: &Mismatch| {
        mismatch.step.as_ref().is_some_and(in_preamble)
            || mismatch.event.is_some_and(|event| event < folded)
    };
    if record.mismatches.iter().any(is_wrong) {
        0
    } else {
        folded
    }
}

/// The rows as they are laid.
struct Layout<'a> {
    record: &'a CaseRecord,
    rows: Vec<Row>,
    /// The preamble and the step of the last row.
    preamble: Option<&'a str>,
    step: Option<&'a StepRef>,
}

impl<'a> Layout<'a> {
    fn of(record: &'a CaseRecord) -> Self {
        Self {
            record,
            rows: Vec::new(),
            preamble: None,
            step: None,
        }
    }

    fn fold(&mut self, events: &'a [Event]) {
        let is_segment =
            |kind: &EventKind| matches!(kind, EventKind::Injected(_) | EventKind::Received { .. });
        let segments = events
            .iter()
            .filter(|event| is_segment(&event.kind))
            .count();
        let steps = events.iter().filter_map(|event| event.step.as_ref());
        let preamble = steps
            .rev()
            .find_map(|step| step.preamble.as_deref())
            .unwrap_or_default();
        let reported = events.iter().rev().find_map(|event| event.state.as_deref());
        // A preamble is named for the state that it reaches.
        let state = words::clean(reported.unwrap_or(preamble));
        let text = format!(
            "{} of preamble {}",
            words::count(segments, "segment"),
            words::clean(preamble)
        );
        let row = Row {
            state: Some(state),
            ..row(What::Between(text), Mood::Aside)
        };
        self.rows.push(row);
    }

    fn event(&mut self, index: usize) {
        let event = &self.record.events[index];
        self.enter_preamble(event);
        let mut rows = self.rows_of(index);
        // What an event shows to be wrong may be known to the comparison only.
        let is_wrong = self
            .record
            .mismatches
            .iter()
            .any(|found| found.event == Some(index));
        if let Some(last) = rows.last_mut().filter(|_| is_wrong) {
            last.mood = Mood::Wrong;
        }
        self.push(event, rows);
    }

    /// The rows of one event, without the number of its step.
    fn rows_of(&self, index: usize) -> Vec<Row> {
        let event = &self.record.events[index];
        match &event.kind {
            EventKind::Injected(segment) => {
                vec![self.arrow(event, Direction::ToDevice, segment, None, Mood::Fine)]
            }
            EventKind::Received { segment, judged } => self.received(index, segment, *judged),
            EventKind::Missing {
                flags,
                fields,
                within_ns,
            } => {
                let connection = self.connection(event);
                let wanted = figure::expected(flags, fields, &connection);
                vec![
                    wanted_row(wanted, Some(*within_ns)),
                    remark_row("nothing came", Mood::Wrong),
                ]
            }
            EventKind::Call { text, refused } => {
                let refused = refused
                    .as_deref()
                    .map(|why| format!("refused: {}", words::clean(why)));
                // Some calls have to be refused: what is wrong, a finding says.
                let mood = if refused.is_some() {
                    Mood::Aside
                } else {
                    Mood::Fine
                };
                let what = What::Device(format!("({})", words::clean(text)));
                vec![Row {
                    remark: refused,
                    ..row(what, mood)
                }]
            }
            EventKind::App { text, expected } => {
                let mood = if *expected { Mood::Fine } else { Mood::Aside };
                vec![row(
                    What::Device(format!("(sees {})", words::clean(text))),
                    mood,
                )]
            }
            EventKind::Silence { for_ns } => {
                let text = format!("silence for {}", words::duration(*for_ns));
                vec![row(What::Between(text), Mood::Fine)]
            }
            EventKind::Checked { text, holds } => vec![checked(text, *holds)],
            EventKind::Note { text } => vec![row(What::Between(words::clean(text)), Mood::Aside)],
        }
    }

    /// Adds the rows of one event; the first carries the number of the step that it opens.
    fn push(&mut self, event: &'a Event, rows: Vec<Row>) {
        let opens = event.step.as_ref().filter(|step| self.step != Some(*step));
        let several = self.record.connections.len() > 1;
        let name = several.then(|| words::clean(&self.connection(event).name));
        for (at, row) in rows.into_iter().enumerate() {
            let step = if at == 0 {
                opens.map(StepRef::shown)
            } else {
                None
            };
            let state = row
                .state
                .or_else(|| event.state.as_deref().map(words::clean));
            self.rows.push(Row {
                step,
                connection: name.clone(),
                state,
                ..row
            });
        }
        self.step = event.step.as_ref().or(self.step);
    }

    /// Names the preamble whose steps follow, where they are not folded.
    fn enter_preamble(&mut self, event: &'a Event) {
        let Some(step) = &event.step else { return };
        let preamble = step.preamble.as_deref();
        if preamble == self.preamble {
            return;
        }
        self.preamble = preamble;
        let text = match preamble {
            Some(name) => format!("preamble {}", words::clean(name)),
            None => "the steps of the spec".into(),
        };
        self.rows.push(row(What::Between(text), Mood::Aside));
    }

    fn received(&self, index: usize, segment: &Segment, judged: Judged) -> Vec<Row> {
        let event = &self.record.events[index];
        let waited = self.waited(index);
        let after = words::duration(waited);
        let (remark, mood) = match judged {
            Judged::Matched => (
                is_notable(waited).then(|| format!("after {after}")),
                Mood::Fine,
            ),
            Judged::Deviates => (Some(format!("deviates, after {after}")), Mood::Wrong),
            Judged::Ignored => (Some("ignored".into()), Mood::Aside),
            Judged::Mismatched => (Some(format!("got, after {after}")), Mood::Wrong),
            Judged::Unexpected => (Some(format!("unexpected, after {after}")), Mood::Wrong),
            Judged::BreaksInvariant => (Some("breaks a rule".into()), Mood::Wrong),
            Judged::AfterVerdict => (Some("after the verdict".into()), Mood::Aside),
        };
        let got = self.arrow(event, Direction::FromDevice, segment, remark, mood);
        let compared = self
            .record
            .mismatches
            .iter()
            .find(|m| m.event == Some(index));
        match compared {
            Some(mismatch) if judged == Judged::Mismatched && !mismatch.fields.is_empty() => {
                let connection = self.connection(event);
                let wanted = figure::expected("", &mismatch.fields, &connection);
                vec![wanted_row(wanted, within(&mismatch.fields)), got]
            }
            _ => vec![got],
        }
    }

    fn arrow(
        &self,
        event: &Event,
        direction: Direction,
        segment: &Segment,
        remark: Option<String>,
        mood: Mood,
    ) -> Row {
        let figure = segment.figure(&self.connection(event), direction);
        let real = format!(
            "{} at {}",
            segment.real_numbers(),
            words::duration(event.at_ns)
        );
        Row {
            remark,
            real: Some(real),
            ..row(What::Arrow(direction, figure), mood)
        }
    }

    /// How long ago something last happened on the connection of event `index`, nanoseconds.
    fn waited(&self, index: usize) -> u64 {
        let event = &self.record.events[index];
        let is_start = |earlier: &&Event| {
            let counts = matches!(
                earlier.kind,
                EventKind::Injected(_) | EventKind::Received { .. } | EventKind::Call { .. }
            );
            counts && earlier.connection == event.connection
        };
        let start = self.record.events[..index].iter().rev().find(is_start);
        event
            .at_ns
            .saturating_sub(start.map_or(0, |start| start.at_ns))
    }

    fn connection(&self, event: &Event) -> Connection {
        let known = self.record.connections.get(usize::from(event.connection));
        known.cloned().unwrap_or_else(|| Connection {
            name: format!("#{}", event.connection),
            tester: ([0, 0, 0, 0], 0).into(),
            device: ([0, 0, 0, 0], 0).into(),
            irs: None,
            iss: None,
        })
    }
}

/// A wait that a reader should know of.
fn is_notable(waited_ns: u64) -> bool {
    waited_ns >= 100_000_000
}

/// The bound on the wait, if the comparison noted it as a field.
fn within(fields: &[Field]) -> Option<u64> {
    let field = fields.iter().find(|field| field.name == "within")?;
    match field.expected.value {
        Value::Duration(ns) => u64::try_from(ns).ok(),
        _ => None,
    }
}

fn row(what: What, mood: Mood) -> Row {
    Row {
        step: None,
        connection: None,
        what,
        state: None,
        remark: None,
        real: None,
        mood,
    }
}

fn wanted_row(figure: String, within: Option<u64>) -> Row {
    let bound = within
        .map(|ns| format!(" within {}", words::duration(ns)))
        .unwrap_or_default();
    let remark = Some(format!("expected{bound}"));
    Row {
        remark,
        ..row(What::Arrow(Direction::FromDevice, figure), Mood::Wanted)
    }
}

fn remark_row(text: &str, mood: Mood) -> Row {
    Row {
        remark: Some(text.into()),
        ..row(What::Between(String::new()), mood)
    }
}

fn checked(text: &str, holds: Option<bool>) -> Row {
    let (remark, mood) = match holds {
        Some(true) => ("holds", Mood::Fine),
        Some(false) => ("does not hold", Mood::Wrong),
        None => ("unchecked", Mood::Aside),
    };
    Row {
        remark: Some(remark.into()),
        ..row(What::Between(words::clean(text)), mood)
    }
}

/// The comparison that decided the case, field by field.
fn field_rows(record: &CaseRecord) -> Vec<FieldRow> {
    let Some(mismatch) = record.decisive() else {
        return Vec::new();
    };
    let event = mismatch.event.and_then(|event| record.events.get(event));
    let Some(event) = event.filter(|event| matches!(event.kind, EventKind::Received { .. })) else {
        return Vec::new();
    };
    let layout = Layout::of(record);
    let connection = layout.connection(event);
    let side = |quantity: &Quantity| {
        let words = quantity.words.as_deref().map(words::clean);
        (words, quantity.value.shown(&connection))
    };
    // `within` stands in the ladder; that no payload came where none may come says nothing.
    let says_nothing = |field: &Field| {
        field.name == "within"
            || field.name == "DATA" && field.holds && field.got.value == Value::Number(0)
    };
    let fields = mismatch.fields.iter().filter(|field| !says_nothing(field));
    fields
        .map(|field| FieldRow {
            name: words::clean(&field.name),
            expected: side(&field.expected),
            got: side(&field.got),
            holds: field.holds,
            remark: field.remark.as_deref().map(words::clean),
        })
        .collect()
}

#[cfg(test)]
mod tests;
