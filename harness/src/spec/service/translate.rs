//! A case in the words of a service: where its spec calls the application, the tester sends a
//! request that makes the service do the same.
//!
//! RCV.NXT moves by the request, since it is injected; SND.NXT by the reply, since it is observed;
//! and the reply's octets stand in the stream where the spec's pattern would. What is left of the
//! difference is refused: numbers that are counted from IRS or ISS across a request, text that the
//! service would answer, an ACK of which nobody could say what it acknowledges.

use super::certain::{
    Arrival, acknowledgment_is_plain, arrives, is_plain_ack_of_preamble, names_before, next_is_fin,
    sends_text, speaks_only_when_open,
};
use super::{COUNT, Exchange, First, Service};
use crate::spec::case::{
    AppEvent, AppWait, Application, Branch, Call, CaptureField, Case, DataPattern, Draws, Expect,
    Expected, Expr, Flags, Inject, InjectTimestamps, Pattern, Payload, SocketSettings, Step, Until,
    Var, Verb,
};
use crate::spec::expand::constant;
use crate::spec::visit;
use std::collections::BTreeSet;

/// More octets than any spec asks for.
const MOST_REPLY: i64 = 1 << 20;
/// An echo comes of one segment, which has to fit whatever the way is.
const MOST_ECHO: i64 = 1200;

impl Service {
    /// True if it behaves like that without being told.
    pub fn is_like(&self, application: &Application) -> bool {
        let nodelay = application.set.nodelay.filter(|_| self.nodelay);
        let set = SocketSettings {
            nodelay,
            ..SocketSettings::default()
        };
        let own = Application {
            backlog: application.backlog,
            set,
            ..Application::default()
        };
        *application == own && nodelay != Some(false)
    }

    /// The case as the service can play it, or why it cannot.
    pub fn translate(&self, case: &Case) -> Result<Case, String> {
        let mut translator = Translator {
            service: self,
            wants_nodelay: case.application.set.nodelay == Some(true),
            talks: vec![Talk::default(); case.conns.len()],
        };
        if self.first != First::Silence {
            speaks_only_when_open(case)?;
        }
        for step in &case.steps {
            translator.note_syn(step);
        }
        let steps = translator.line(&case.steps)?;
        Ok(Case {
            steps,
            ..case.clone()
        })
    }

    /// A number of octets that it can be made to send, to try it: by the first of its replies.
    pub fn tried_reply(&self) -> Option<usize> {
        let count = |exchange: &Exchange| match exchange {
            Exchange::Echo => 7,
            Exchange::Fixed { reply, .. } => reply.len(),
            Exchange::Filled {
                before,
                fill,
                after,
                ..
            } => before.len() + fill.len() + after.len(),
        };
        self.exchanges.first().map(count)
    }

    /// It can be made to close first.
    pub fn can_close(&self) -> bool {
        self.closes_after.is_some()
    }

    /// It closes when its peer has closed.
    pub fn closes_at_end(&self) -> bool {
        self.closes_at_end && self.first != First::Endless
    }

    /// The same with text that the service reads without a word.
    fn harmless(&self, inject: &Inject) -> Told<Inject> {
        let Some(octet) = self.ignores.filter(|_| !self.takes_text) else {
            return Ok(inject.clone());
        };
        let count = inject.data.as_ref().map(|data| match data {
            Payload::Text(text) => Ok(text.len()),
            Payload::Pattern(count) => {
                let count = constant(count).and_then(|count| usize::try_from(count).ok());
                count.ok_or("sends as much text as is known only while it runs")
            }
        });
        let data = count
            .transpose()?
            .map(|count| Payload::Text(vec![octet; count]));
        Ok(Inject {
            data,
            ..inject.clone()
        })
    }

    /// The request that draws exactly `count` octets, and what these are.
    fn asks_for(&self, count: i64, text: Option<&[u8]>) -> Option<(Payload, Draws)> {
        self.exchanges
            .iter()
            .find_map(|exchange| ask(exchange, count, text))
    }
}

fn ask(exchange: &Exchange, count: i64, text: Option<&[u8]>) -> Option<(Payload, Draws)> {
    let wanted = usize::try_from(count).ok()?;
    match exchange {
        Exchange::Echo => {
            let pattern = || Payload::Pattern(Expr::Number(count));
            let octets = text.map_or_else(pattern, |text| Payload::Text(text.to_vec()));
            (1..=MOST_ECHO)
                .contains(&count)
                .then_some((octets, Draws::Same))
        }
        Exchange::Fixed { request, reply } => {
            let fits = reply.len() == wanted && text.is_none_or(|text| text == reply);
            fits.then(|| (Payload::Text(request.clone()), Draws::Text(reply.clone())))
        }
        Exchange::Filled {
            request,
            before,
            fill,
            after,
        } => {
            let filled = wanted.checked_sub(before.len() + after.len())?;
            let times = filled / fill.len();
            if text.is_some() || times == 0 || filled % fill.len() != 0 || count > MOST_REPLY {
                return None;
            }
            let reply = [&before[..], &fill.repeat(times), after].concat();
            let request = with_count(request, times);
            Some((Payload::Text(request), Draws::Text(reply)))
        }
    }
}

/// Puts a number in the place of every `{count}`.
fn with_count(request: &[u8], times: usize) -> Vec<u8> {
    let mut done = Vec::new();
    let mut rest = request;
    while let Some(at) = rest.windows(COUNT.len()).position(|part| part == COUNT) {
        done.extend_from_slice(&rest[..at]);
        done.extend_from_slice(times.to_string().as_bytes());
        rest = &rest[at + COUNT.len()..];
    }
    done.extend_from_slice(rest);
    done
}

/// What is known of one connection at a step.
#[derive(Clone, Debug, Default)]
struct Talk {
    /// It is open on both sides.
    is_open: bool,
    /// A request moved RCV.NXT: what counts from IRS is no longer what the spec means.
    is_asked: bool,
    /// The service has closed.
    is_closed: bool,
    /// The tester has closed.
    is_ended: bool,
    /// Text lies beyond a gap, which a request would close.
    has_gap: bool,
    /// Octets of the last reply that no step has expected yet.
    to_come: i64,
    /// The last reply is not acknowledged as a whole.
    in_flight: bool,
    /// The text that a segment holds.
    segment: Option<i64>,
}

#[derive(Clone, Debug)]
struct Translator<'s> {
    service: &'s Service,
    /// The spec turns Nagle's algorithm off.
    wants_nodelay: bool,
    talks: Vec<Talk>,
}

type Told<T> = Result<T, String>;

impl Translator<'_> {
    fn line(&mut self, steps: &[Step]) -> Told<Vec<Step>> {
        let mut told = Vec::new();
        let mut rest = steps;
        let mut stale = BTreeSet::new();
        while let Some((step, after)) = rest.split_first() {
            self.numbers_hold(step, &stale)?;
            let asked_before = self.talks[step.conn].is_asked;
            let used = self.step(step, after, &mut told)?;
            if !asked_before && self.talks[step.conn].is_asked {
                stale = names_before(steps, rest);
            }
            if let Verb::Expect(_) = step.verb {
                stale.remove("prev");
            }
            rest = &rest[used..];
        }
        Ok(told)
    }

    /// Translates a step, and those after it that belong to it. Gives their number.
    fn step(&mut self, step: &Step, after: &[Step], told: &mut Vec<Step>) -> Told<usize> {
        match &step.verb {
            Verb::Call {
                refused: Some(_), ..
            } => Err("makes a call that the device may refuse; no request can do that".to_owned()),
            Verb::Call {
                call: Call::Send { data, urgent },
                ..
            } => {
                let request = self.send(step, data, *urgent)?;
                acknowledgment_is_plain(step.conn, after, &mut 0)?;
                told.push(like(step, request));
                Ok(1)
            }
            Verb::Call {
                call: call @ (Call::ShutdownWrite | Call::Close),
                ..
            } => {
                let request = self.close(step, *call == Call::ShutdownWrite, after)?;
                told.push(like(step, request));
                told.push(like(step, Verb::Drain(Until::Fin)));
                Ok(1)
            }
            Verb::Inject(inject) => self.inject(step, inject, after, told),
            Verb::App(AppWait {
                event: AppEvent::Accepted,
                ..
            }) => self.open(step, told),
            Verb::Expect(expect) => {
                self.expected(step.conn, expect);
                told.push(step.clone());
                Ok(1)
            }
            Verb::OneOf(branches) => {
                let branches = self.one_of(branches)?;
                told.push(like(step, Verb::OneOf(branches)));
                Ok(1)
            }
            _ => {
                told.push(step.clone());
                Ok(1)
            }
        }
    }

    fn name(&self) -> &str {
        &self.service.name
    }

    /// The tester's SYN limits the segments of the device.
    fn note_syn(&mut self, step: &Step) {
        if let Verb::Inject(inject) = &step.verb
            && inject.flags.contains(Flags::SYN)
        {
            let timestamps = match inject.ts {
                InjectTimestamps::Given { .. } => 12,
                _ => 0,
            };
            let mss = inject.mss.as_ref().and_then(constant);
            self.talks[step.conn].segment = mss.map(|mss| mss - timestamps);
        }
    }

    fn open(&mut self, step: &Step, told: &mut Vec<Step>) -> Told<usize> {
        let opener = told.iter().rev().find(|before| before.conn == step.conn);
        let by_ack = opener.is_some_and(|step| match &step.verb {
            Verb::Inject(inject) => inject.flags == Flags::ACK && inject.data.is_none(),
            _ => false,
        });
        told.push(step.clone());
        let talk = &mut self.talks[step.conn];
        talk.is_open = true;
        match &self.service.first {
            First::Silence => Ok(1),
            First::Endless => Err(format!("opens a connection; {} never stops", self.name())),
            First::Greeting(_) if !by_ack => Err(format!(
                "is opened otherwise than by an ACK; {} speaks first",
                self.name()
            )),
            First::Greeting(ends) => {
                told.push(like(step, Verb::Drain(Until::Text(ends.clone()))));
                Ok(1)
            }
        }
    }

    /// The request for a SEND.
    fn send(&mut self, step: &Step, data: &Payload, urgent: bool) -> Told<Verb> {
        let name = self.name().to_owned();
        self.may_ask(step.conn, "send")?;
        let talk = &self.talks[step.conn];
        if urgent {
            return Err(format!("sends urgent data, which {name} does not"));
        }
        if talk.in_flight {
            let reason = "sends again before all is acknowledged: whether it waits then is the \
                          service's choice";
            return Err(reason.to_owned());
        }
        let (count, text) = match data {
            Payload::Pattern(count) => (constant(count), None),
            Payload::Text(text) => (i64::try_from(text.len()).ok(), Some(text.as_slice())),
        };
        let count = count.ok_or("sends as many octets as is known only while it runs")?;
        let segment = talk.segment.unwrap_or(i64::MAX).max(1);
        if self.service.nodelay && !self.wants_nodelay && count > segment && count % segment != 0 {
            let reason = "ends with less than a full segment, which may have to wait (SHLD-7); \
                          not so for";
            return Err(format!(
                "{reason} {name}, which turned Nagle's algorithm off"
            ));
        }
        let asked = self.service.asks_for(count, text);
        let (request, draws) = asked
            .ok_or_else(|| format!("sends {count} octets, which no request draws from {name}"))?;
        let talk = &mut self.talks[step.conn];
        talk.is_asked = true;
        talk.in_flight = true;
        talk.to_come = count;
        Ok(request_for(request, draws))
    }

    /// The request for a CLOSE.
    fn close(&mut self, step: &Step, is_half: bool, after: &[Step]) -> Told<Verb> {
        let name = self.name().to_owned();
        self.may_ask(step.conn, "close")?;
        if self.talks[step.conn].in_flight {
            let reason = "closes while what was sent may be on its way; a service takes its time";
            return Err(reason.to_owned());
        }
        let Some(request) = &self.service.closes_after else {
            return Err(format!("closes first, which no request makes {name} do"));
        };
        if !next_is_fin(step.conn, after) {
            return Err("closes, and no FIN comes at once".to_owned());
        }
        if is_half && sends_text(step.conn, after) {
            let reason = "has the device receive after its CLOSE, when the service is gone";
            return Err(reason.to_owned());
        }
        let talk = &mut self.talks[step.conn];
        talk.is_asked = true;
        talk.is_closed = true;
        Ok(request_for(Payload::Text(request.clone()), Draws::Unsaid))
    }

    fn may_ask(&self, conn: usize, what: &str) -> Told<()> {
        let talk = &self.talks[conn];
        let why = match talk {
            Talk { is_open: false, .. } => "before the connection is open",
            Talk {
                is_closed: true, ..
            } => "after the service has closed",
            Talk { is_ended: true, .. } => "after the tester has closed",
            Talk { has_gap: true, .. } => "while there is a gap in the tester's text",
            _ => return Ok(()),
        };
        Err(format!(
            "has the application {what} {why}, when nothing can be asked of it"
        ))
    }

    fn inject(
        &mut self,
        step: &Step,
        inject: &Inject,
        after: &[Step],
        told: &mut Vec<Step>,
    ) -> Told<usize> {
        let name = self.name().to_owned();
        let talk = &mut self.talks[step.conn];
        let is_read = !self.service.takes_text && !talk.is_closed;
        match arrives(inject) {
            Arrival::InPlace if is_read && self.service.ignores.is_none() => {
                return Err(format!("sends text, which {name} would answer"));
            }
            Arrival::BehindAGap => talk.has_gap = true,
            _ => {}
        }
        if talk.to_come <= 0 && inject.ack == Some(variable(Var::SndNxt)) {
            talk.in_flight = false;
        }
        let ends = inject.counts && inject.flags.contains(Flags::FIN);
        let inject = self.service.harmless(inject)?;
        if !ends || talk.is_closed {
            talk.is_ended |= ends;
            told.push(like(step, Verb::Inject(Box::new(inject))));
            return Ok(1);
        }
        self.end(step, &inject, after, told)
    }

    /// The tester closes, and so does the service: what the spec calls for happens by itself.
    fn end(
        &mut self,
        step: &Step,
        inject: &Inject,
        after: &[Step],
        told: &mut Vec<Step>,
    ) -> Told<usize> {
        let name = self.name();
        let talk = &self.talks[step.conn];
        let in_place = inject.seq == Some(variable(Var::RcvNxt)) && inject.ip.fragments.is_empty();
        let is_plain = self.service.closes_at_end() && talk.is_open && in_place && !talk.in_flight;
        let acknowledged = after.first().is_some_and(is_plain_ack_of_preamble);
        let looks = after.iter().skip(usize::from(acknowledged));
        let looks = looks.take_while(|step| matches!(step.verb, Verb::App(_) | Verb::State { .. }));
        let before = usize::from(acknowledged) + looks.count();
        let closes = after.get(before).is_some_and(|next| {
            let call = matches!(
                next.verb,
                Verb::Call {
                    call: Call::ShutdownWrite | Call::Close,
                    refused: None,
                }
            );
            call && next.conn == step.conn
        });
        if !(is_plain && acknowledged && closes && next_is_fin(step.conn, &after[before + 1..])) {
            return Err(format!(
                "closes the tester's side, whereupon {name} closes as well"
            ));
        }
        told.push(like(
            step,
            Verb::Inject(Box::new(Inject {
                draws: Some(Draws::Unsaid),
                ..inject.clone()
            })),
        ));
        let talk = &mut self.talks[step.conn];
        talk.is_ended = true;
        talk.is_closed = true;
        Ok(before + 2)
    }

    fn expected(&mut self, conn: usize, expect: &Expect) {
        if let Expected::Segment(segment) = &expect.what
            && let Some(DataPattern::Count(Pattern::Is(count))) = &segment.data
        {
            self.talks[conn].to_come -= constant(count).unwrap_or(0);
        }
    }

    /// What holds after one of the branches holds after all: the worst of it.
    fn one_of(&mut self, branches: &[Branch]) -> Told<Vec<Branch>> {
        let before = self.talks.clone();
        let mut worst = before.clone();
        let mut told = Vec::new();
        for branch in branches {
            self.talks.clone_from(&before);
            let steps = self.line(&branch.steps)?;
            if before
                .iter()
                .zip(&self.talks)
                .any(|(one, other)| one.acts_unlike(other))
            {
                return Err("has the application act in one branch and not in another".to_owned());
            }
            for (worst, talk) in worst.iter_mut().zip(&self.talks) {
                worst.is_ended |= talk.is_ended;
                worst.has_gap |= talk.has_gap;
                worst.in_flight |= talk.in_flight;
                worst.to_come = worst.to_come.max(talk.to_come);
            }
            told.push(Branch {
                steps,
                ..branch.clone()
            });
        }
        self.talks = worst;
        Ok(told)
    }

    /// Numbers that are counted across a request are not those that the spec means.
    fn numbers_hold(&self, step: &Step, stale: &BTreeSet<String>) -> Told<()> {
        let mut wrong = None;
        visit::expressions(step, &mut |expr| match expr {
            Expr::Var { conn, var } => {
                let talk = &self.talks[conn.unwrap_or(step.conn)];
                if *var == Var::Irs && talk.is_asked {
                    wrong = Some("IRS");
                }
            }
            Expr::Capture {
                name,
                field: CaptureField::Seq | CaptureField::Ack | CaptureField::End,
            } if stale.contains(name) => wrong = Some("an earlier segment"),
            _ => {}
        });
        match wrong {
            None => Ok(()),
            Some(origin) => Err(format!(
                "counts from {origin}, and a request has moved the rest"
            )),
        }
    }
}

impl Talk {
    /// The application has done something between the two.
    fn acts_unlike(&self, after: &Self) -> bool {
        (self.is_open, self.is_asked, self.is_closed)
            != (after.is_open, after.is_asked, after.is_closed)
    }
}

pub(super) fn variable(var: Var) -> Expr {
    Expr::Var { conn: None, var }
}

/// A request, in a segment that says nothing else: what is acknowledged, and the window, stay.
fn request_for(request: Payload, draws: Draws) -> Verb {
    Verb::Inject(Box::new(Inject {
        flags: Flags::ACK.with(Flags::PSH),
        seq: Some(variable(Var::RcvNxt)),
        ack: Some(variable(Var::SndUna)),
        wnd: Some(variable(Var::SndWnd)),
        data: Some(request),
        counts: true,
        draws: Some(draws),
        ..Inject::default()
    }))
}

/// A step in the place of another.
fn like(step: &Step, verb: Verb) -> Step {
    Step {
        verb,
        ..step.clone()
    }
}
