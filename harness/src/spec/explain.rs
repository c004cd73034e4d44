//! A case as prose and ladder, with every default spelled out and the requirements' texts.

mod figure;
mod fold;
mod prose;
mod sent;

use super::case::{
    AppEvent, Call, Case, Expect, Flood, Inject, Payload, Refusal, SocketSettings, State, Step,
    Verb,
};
use super::catalogue::Catalogue;
use super::head::Spec;
use figure::Names;
use prose::{both_ends, defaults, exactly, judged, paragraphs, requirement, time, wrapped};
pub use sent::{Sent, sent};

/// Columns of a screen.
const WIDTH: usize = 100;
/// Narrowest and widest column of segments.
const SEGMENT: std::ops::RangeInclusive<usize> = 41..=50;

/// A row of the ladder.
#[derive(Default)]
struct Row {
    number: String,
    /// `-->`, `<--`, or nothing.
    arrow: &'static str,
    segment: String,
    /// State of the device, or what its application does.
    device: String,
    remark: String,
    /// The number of the `state` step that stands in this row.
    also: Option<String>,
}

impl Row {
    fn add_remark(&mut self, remark: &str) {
        if !self.remark.is_empty() {
            self.remark.push(' ');
        }
        self.remark.push_str(remark);
    }
}

/// Explains a case.
pub(super) fn explain(case: &Case, spec: &Spec, catalogue: &Catalogue) -> String {
    let mut lines = vec![both_ends(&case.title, &case.file)];
    if spec.case_ids().len() > 1 {
        lines.push(format!(
            "case    {}   one of {}",
            case.id,
            spec.case_ids().len()
        ));
    }
    for id in &case.covers {
        lines.extend(requirement(id, catalogue));
    }
    if !case.needs.is_empty() {
        lines.extend(wrapped("needs  ", " · ", &case.needs));
    }
    lines.extend(wrapped("judged ", " · ", &judged(case)));
    if let Some(why) = &spec.why {
        lines.push(String::new());
        lines.extend(paragraphs(why));
    }
    lines.push(String::new());
    let names: Vec<&str> = case.conns.iter().map(|conn| &*conn.name).collect();
    lines.extend(ladder(case, Names(&names)));
    let defaults = defaults(&case.steps);
    if !defaults.is_empty() {
        lines.push(String::new());
        lines.extend(wrapped("defaults filled in:", " · ", &defaults));
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

fn ladder(case: &Case, names: Names<'_>) -> Vec<String> {
    let mut rows = preamble(case);
    let own: Vec<&Step> = case
        .steps
        .iter()
        .filter(|step| step.preamble.is_none())
        .collect();
    push_rows(&own, names, "", &mut rows);
    let widest = rows
        .iter()
        .map(|row| row.segment.chars().count())
        .max()
        .unwrap_or(0);
    let width = widest.clamp(*SEGMENT.start(), *SEGMENT.end());
    let head = Row {
        segment: "harness".to_owned(),
        device: "device".to_owned(),
        ..Row::default()
    };
    let head = render(&head, width).replacen("     harness", "harness     ", 1);
    let mut lines: Vec<String> = std::iter::once(head)
        .chain(rows.iter().map(|row| render(row, width)))
        .collect();
    let also: Vec<String> = rows.into_iter().filter_map(|row| row.also).collect();
    if !also.is_empty() {
        lines.push(String::new());
        let label = "states beside segments, as steps of their own:";
        lines.extend(wrapped(label, " · ", &also));
    }
    lines
}

fn preamble(case: &Case) -> Vec<Row> {
    let steps: Vec<&Step> = case
        .steps
        .iter()
        .filter(|step| step.preamble.is_some())
        .collect();
    let Some(name) = steps.first().and_then(|step| step.preamble.as_deref()) else {
        return Vec::new();
    };
    let is_segment = |step: &&&Step| matches!(step.verb, Verb::Inject(_) | Verb::Expect(_));
    let segments = steps.iter().filter(is_segment).count();
    let plural = if segments == 1 { "segment" } else { "segments" };
    let segment = match segments {
        0 => format!("preamble {name}"),
        _ => format!("{segments} {plural} of preamble {name}"),
    };
    vec![Row {
        arrow: "···",
        segment,
        device: name.to_owned(),
        ..Row::default()
    }]
}

/// A row; what is too long for the column of segments has the rest on a line of its own.
fn render(row: &Row, width: usize) -> String {
    let right = if row.arrow == "···" { "" } else { row.arrow };
    let Row {
        number,
        arrow,
        segment,
        device,
        remark,
        also: _,
    } = row;
    let left = format!("{number:>4}    {arrow:<3}  {segment:<width$}");
    let right = format!("{right:<3}  {device:<14}  {remark}");
    if segment.chars().count() <= width {
        return format!("{left} {right}");
    }
    if device.is_empty() && remark.is_empty() {
        return left;
    }
    format!("{left}\n{}{right}", " ".repeat(14 + width))
}

/// Rows of steps; a `state` that follows a segment stands in the segment's row.
fn push_rows(steps: &[&Step], names: Names<'_>, indent: &str, rows: &mut Vec<Row>) {
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        let mut row = row(step, names);
        row.segment.insert_str(0, indent);
        if !row.arrow.is_empty()
            && let Some(Verb::State {
                state,
                within: None,
            }) = steps.peek().map(|next| &next.verb)
        {
            state.name().clone_into(&mut row.device);
            row.also = steps.next().map(|state| state.number.clone());
        }
        let should = should(step, names);
        rows.push(row);
        rows.extend(should);
        if let Verb::OneOf(branches) = &step.verb {
            for branch in branches {
                let segment = format!("{indent}  {}:", branch.name);
                rows.push(Row {
                    segment,
                    ..Row::default()
                });
                let inner: Vec<&Step> = branch.steps.iter().collect();
                push_rows(&inner, names, &format!("{indent}  "), rows);
            }
        }
    }
}

fn row(step: &Step, names: Names<'_>) -> Row {
    let mut row = Row {
        number: step.number.clone(),
        ..Row::default()
    };
    // In a branch the number is long and the branch is named above it.
    if let Some((_, short)) = row.number.rsplit_once('.') {
        row.number = format!(".{short}");
    }
    match &step.verb {
        Verb::Inject(inject) => inject_row(inject, names, &mut row),
        Verb::InjectIcmp(icmp) => {
            row.arrow = "-->";
            row.segment = names.icmp(icmp);
        }
        Verb::Expect(expect) => expect_row(expect, names, &mut row),
        Verb::Silence(time) => row.segment = format!("silence for {}", names.value(time)),
        Verb::Call { call, refused } => {
            row.device = format!("({})", call_text(call, names));
            refused
                .map(refusal_text)
                .unwrap_or_default()
                .clone_into(&mut row.remark);
        }
        Verb::App(wait) => {
            row.device = format!("(sees {})", event_text(&wait.event, names));
            row.remark = within(wait.within.as_ref(), names);
        }
        Verb::State {
            state,
            within: bound,
        } => {
            State::name(*state).clone_into(&mut row.device);
            row.remark = within(bound.as_ref(), names);
        }
        Verb::Check(check) => row.segment = format!("check {}", names.comparison(check)),
        Verb::Info(fields) => row.device = fields_text(fields, names),
        Verb::Counter(fields) => row.device = format!("counted {}", fields_text(fields, names)),
        Verb::OneOf(_) => "one of".clone_into(&mut row.segment),
        Verb::Flood(flood) => flood_row(flood, names, &mut row),
        Verb::Drain(_) => "the service is heard".clone_into(&mut row.segment),
    }
    if step.conn_named
        && let Some(name) = names.0.get(step.conn)
    {
        row.remark = format!("on {name}  {}", row.remark);
    }
    if let Some(id) = &step.should {
        row.add_remark(&format!("{id}: SHOULD"));
    }
    row
}

fn flood_row(flood: &Flood, names: Names<'_>, row: &mut Row) {
    row.arrow = "-->";
    row.segment = names.flooded(flood);
    if !flood.every.is_zero() {
        row.remark = format!("every {}", exactly(flood.every));
    }
    if let Some(name) = &flood.name {
        row.add_remark(&format!("as {name}"));
    }
}

fn inject_row(inject: &Inject, names: Names<'_>, row: &mut Row) {
    row.arrow = "-->";
    row.segment = names.injected(inject);
    if !inject.counts {
        "RCV.NXT stays".clone_into(&mut row.remark);
    }
    if let Some(name) = &inject.name {
        row.add_remark(&format!("as {name}"));
    }
}

fn expect_row(expect: &Expect, names: Names<'_>, row: &mut Row) {
    row.arrow = "<--";
    row.segment = names.expected(&expect.what);
    let mut parts = Vec::new();
    if let Some(after) = &expect.after {
        parts.push(format!("after {}", names.time(after)));
    }
    match (&expect.within, &expect.after) {
        (Some(bound), _) => parts.push(format!("within {}", names.value(bound))),
        (None, None) => parts.push("within 1s".to_owned()),
        (None, Some(_)) => {}
    }
    if let Some(name) = &expect.name {
        parts.push(format!("as {name}"));
    }
    if expect.optional {
        parts.push("or not at all".to_owned());
    }
    row.remark = parts.join(", ");
}

/// The part of an expectation that is judged apart.
fn should(step: &Step, names: Names<'_>) -> Option<Row> {
    let Verb::Expect(expect) = &step.verb else {
        return None;
    };
    let should = expect.should.as_ref()?;
    let after = should
        .after
        .as_ref()
        .map(|after| format!("after {}", names.time(after)));
    let fields = names.segment(&should.segment);
    let remark = format!("{}: SHOULD", should.covers);
    let both = [Some(fields), after]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty());
    let segment = format!("  and {}", both.collect::<Vec<_>>().join(" "));
    Some(Row {
        segment,
        remark,
        ..Row::default()
    })
}

fn within(bound: Option<&super::case::Expr>, names: Names<'_>) -> String {
    bound
        .map(|bound| format!("within {}", names.value(bound)))
        .unwrap_or_default()
}

fn fields_text(fields: &[(String, super::case::Pattern)], names: Names<'_>) -> String {
    let text =
        |(name, value): &(String, super::case::Pattern)| format!("{name} {}", names.pattern(value));
    let all: Vec<String> = fields.iter().map(text).collect();
    all.join(", ")
}

fn call_text(call: &Call, names: Names<'_>) -> String {
    match call {
        Call::Listen { backlog: None } => "listen".to_owned(),
        Call::Listen {
            backlog: Some(backlog),
        } => format!("listen, backlog {backlog}"),
        Call::Connect => "connect".to_owned(),
        Call::ConnectWith(Payload::Pattern(count)) => {
            format!("connect, with {} octets", names.value(count))
        }
        Call::ConnectWith(text) => format!("connect, with {}", names.payload(text)),
        Call::ConnectFromAny => "connect, from an address of its choice".to_owned(),
        Call::ConnectTo(end) => format!("connect to {}", end.name()),
        Call::Accept => "accept".to_owned(),
        Call::Send { data, urgent } => {
            let urgent = if *urgent { " urgent" } else { "" };
            format!("send {}{urgent}", names.payload(data))
        }
        Call::Recv(count) => format!("recv {}", names.value(count)),
        Call::ShutdownWrite => "shutdown write".to_owned(),
        Call::Close => "close".to_owned(),
        Call::Abort => "abort".to_owned(),
        Call::Set(settings) => format!("set {}", settings_text(settings)),
    }
}

fn refusal_text(refused: Refusal) -> &'static str {
    match refused {
        Refusal::Must => "must be refused",
        Refusal::MustNot => "must not be refused",
        Refusal::May => "may be refused",
    }
}

fn settings_text(settings: &SocketSettings) -> String {
    let octets = |name: &str, value: Option<u32>| value.map(|value| format!("{name} {value}"));
    let mut parts: Vec<String> = [
        settings.nodelay.map(|on| format!("nodelay {on}")),
        octets("rcvbuf", settings.rcvbuf),
        octets("sndbuf", settings.sndbuf),
        octets("fastopen", settings.fastopen),
        octets("iss", settings.iss),
        settings
            .source_route
            .as_ref()
            .map(|_| "source_route".to_owned()),
        settings.keepalive.as_ref().map(|_| "keepalive".to_owned()),
        settings
            .user_timeout
            .map(|limit| format!("user_timeout {}", time(limit))),
        settings
            .advertised_timeout
            .map(|limit| format!("uto {}", time(limit))),
        settings.reports.map(|on| format!("reports {on}")),
        octets("ttl", settings.ttl.map(u32::from)),
        octets("tos", settings.tos.map(u32::from)),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.extend(
        settings
            .system
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    parts.join(", ")
}

fn event_text(event: &AppEvent, names: Names<'_>) -> String {
    match event {
        AppEvent::Accepted => "accepted".to_owned(),
        AppEvent::Connected => "connected".to_owned(),
        AppEvent::Refused => "refused".to_owned(),
        AppEvent::Reset => "reset".to_owned(),
        AppEvent::Timeout => "timeout".to_owned(),
        AppEvent::Eof => "eof".to_owned(),
        AppEvent::Trouble => "trouble".to_owned(),
        AppEvent::Urgent => "urgent".to_owned(),
        AppEvent::Data(data) => format!("data {}", names.payload(data)),
        AppEvent::Sent(count) => format!("sent {}", names.value(count)),
    }
}
