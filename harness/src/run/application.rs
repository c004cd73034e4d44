//! `call` and `app`: what the device's application does and sees.

use super::arrivals::text_of;
use super::lane::Lane;
use super::log::Finding;
use super::{Action, Played, Progress, Question, Runner, Running, later};
use crate::device::{AppCall, ConnId, Refused, Seen};
use crate::model::{Scope, Stream, Unresolved};
use crate::spec::case::{AppEvent, AppWait, Call, Expr, Payload, Refusal, Step, Verb};
use crate::time::Instant;
use tcpspec_reports::record::EventKind;

/// What an `app` step finds.
enum Sighting {
    /// It happened; the event's place in the lane, if it is a single one.
    Seen(Option<usize>),
    /// Not yet.
    NotYet,
    /// The octets are not those that were sent.
    Wrong(String),
}

impl Runner<'_> {
    pub(super) fn play_call(&mut self, step: &Step, call: &Call) -> Played {
        if matches!(self.question, Question::Answered) {
            return Ok(Progress::Finished);
        }
        let (call, text) = self.worked_out(step.conn, call)?;
        if matches!(
            call,
            AppCall::Connect | AppCall::ConnectWith(_) | AppCall::ConnectFromAny
        ) {
            self.opens(step.conn);
        }
        self.question = Question::Called(step.conn, text);
        Ok(Progress::Act(Action::Call(ConnId(step.conn), call)))
    }

    /// The call with its values, and as text.
    fn worked_out(&mut self, own: usize, call: &Call) -> Result<(AppCall, String), Unresolved> {
        let scope = Scope {
            conns: &self.conns,
            own,
            captures: &self.captures,
            tester_chooses: false,
        };
        let plain = |call: AppCall| {
            let text = call.name().to_owned();
            Ok((call, text))
        };
        match call {
            Call::Listen { backlog } => plain(AppCall::Listen { backlog: *backlog }),
            Call::Connect => plain(AppCall::Connect),
            Call::ConnectFromAny => {
                let text = "connect from any address".to_owned();
                Ok((AppCall::ConnectFromAny, text))
            }
            Call::ConnectTo(end) => {
                let to = super::inject::address(*end, self.conns[own].tuple.device.ip());
                Ok((AppCall::ConnectTo(to), format!("connect to {to}")))
            }
            Call::Accept => plain(AppCall::Accept),
            Call::ShutdownWrite => Ok((AppCall::ShutdownWrite, "shutdown write".to_owned())),
            Call::Close => plain(AppCall::Close),
            Call::Abort => plain(AppCall::Abort),
            Call::Set(settings) => plain(AppCall::Set(settings.clone())),
            Call::Recv(count) => {
                let count: u32 = scope.field(count)?;
                Ok((AppCall::Recv(count as usize), format!("recv {count}")))
            }
            Call::ConnectWith(data) => {
                let data = self.take_from_stream(own, data)?;
                let text = format!("connect with {}", data.len());
                Ok((AppCall::ConnectWith(data), text))
            }
            Call::Send { data, urgent } => {
                let (data, urgent) = (self.take_from_stream(own, data)?, *urgent);
                let mark = if urgent { " urgent" } else { "" };
                let text = format!("send {}{mark}", data.len());
                Ok((AppCall::Send { data, urgent }, text))
            }
        }
    }

    /// The next octets of the stream, which the application is asked to send.
    fn take_from_stream(&mut self, own: usize, data: &Payload) -> Result<Vec<u8>, Unresolved> {
        let count = self.count(own, data)?;
        let conn = &mut self.conns[own];
        if let Payload::Text(text) = data {
            conn.outward.put(conn.asked_to_send, text);
        }
        let octets = conn.outward.octets(conn.asked_to_send, count);
        conn.asked_to_send += count as u32;
        Ok(octets)
    }

    pub(super) fn called(
        &mut self,
        now: Instant,
        conn: usize,
        text: &str,
        outcome: Result<(), Refused>,
    ) {
        let step = self.current.map(|running| running.step);
        let kind = EventKind::Call {
            text: text.to_owned(),
            refused: outcome.as_ref().err().map(ToString::to_string),
        };
        let event = self.log.push(now, conn, step, kind);
        self.histories[conn].on_call(text.ends_with(" urgent"));
        self.annotate(event, conn);
        let Some((step, Verb::Call { call, refused })) = step.map(|step| (step, &step.verb)) else {
            return;
        };
        let preamble = step.preamble.as_ref().map(|_| Refusal::MustNot);
        let (symptom, headline) = match (outcome, refused.or(preamble)) {
            (Err(why @ Refused::Unsupported(_)), _) => {
                return self
                    .log
                    .inconclusive(format!("step {}: {why}", step.number));
            }
            (Err(Refused::Failed(why)), said) => {
                self.take_back(conn, call);
                if said != Some(Refusal::MustNot) {
                    return;
                }
                ("refused", format!("the device refused `{text}`: {why}"))
            }
            (Ok(()), Some(Refusal::Must)) => {
                let headline =
                    format!("expected the device to refuse `{text}`; it was carried out");
                ("not refused", headline)
            }
            (Ok(()), _) => return,
        };
        let finding = Finding {
            symptom: format!("{} {symptom}", text.split(' ').next().unwrap_or_default()),
            headline,
            fields: Vec::new(),
            event: Some(event),
        };
        let level = self.level(step);
        self.log.find(step, level, finding);
    }

    /// The octets of a SEND that was refused are no part of the stream.
    fn take_back(&mut self, conn: usize, call: &Call) {
        if let Call::Send { data, .. } | Call::ConnectWith(data) = call
            && let Ok(count) = self.count(conn, data)
        {
            self.conns[conn].asked_to_send -= count as u32;
        }
    }

    pub(super) fn play_app(
        &mut self,
        now: Instant,
        running: Running<'_>,
        wait: &AppWait,
    ) -> Played {
        let step = running.step;
        let observes = |name| self.profile.observes.contains(name);
        let is_observed = match &wait.event {
            AppEvent::Accepted => observes("app") || observes("app-accepted"),
            AppEvent::Data(_) => observes("app") || observes("app-data"),
            _ => observes("app"),
        };
        if !is_observed {
            self.unchecked(now, step, format!("app {}", name_of(&wait.event)));
            return Ok(Progress::Finished);
        }
        let sighting = self.sighting(step.conn, &wait.event)?;
        let finding = match sighting {
            Sighting::Seen(which) => {
                self.take_sighting(step, &wait.event, which)?;
                return Ok(Progress::Finished);
            }
            Sighting::NotYet => {
                let (_, until) = self.reply_deadline(running, wait.within.as_ref())?;
                if now < until {
                    return Ok(Progress::Wait(until));
                }
                self.unseen(step.conn, &wait.event)?
            }
            Sighting::Wrong(headline) => {
                let symptom = "app data content".to_owned();
                Finding {
                    symptom,
                    headline,
                    fields: Vec::new(),
                    event: None,
                }
            }
        };
        let level = self.level(step);
        self.log.find(step, level, finding);
        Ok(Progress::Finished)
    }

    /// How long `app` and `state` may take: after silences they get the late slack of their whole
    /// length too, since a timer may have begun with the first of them.
    pub(super) fn reply_deadline(
        &self,
        running: Running<'_>,
        within: Option<&Expr>,
    ) -> Result<(i64, Instant), Unresolved> {
        let within = match within {
            Some(within) => {
                let within = self.scope(running.step.conn).nanos(within)?;
                within + self.late(within)
            }
            None => self.reply().as_nanos() as i64,
        };
        let extra = if self.silence_before > 0 {
            self.late(self.silence_before)
        } else {
            0
        };
        Ok((within, later(running.started, within + extra)))
    }

    /// True if the application has seen it.
    pub(super) fn has_seen(&self, conn: usize, event: &AppEvent) -> Result<bool, Unresolved> {
        Ok(!matches!(self.sighting(conn, event)?, Sighting::NotYet))
    }

    fn sighting(&self, conn: usize, event: &AppEvent) -> Result<Sighting, Unresolved> {
        let lane = &self.lanes[conn];
        match event {
            AppEvent::Data(payload) => {
                let count = self.count(conn, payload)?;
                let expected = match payload {
                    Payload::Text(text) => Some(text.as_slice()),
                    Payload::Pattern(_) => None,
                };
                Ok(delivered(lane, &self.conns[conn].inward, count, expected))
            }
            AppEvent::Sent(count) => {
                let count: u32 = self.scope(conn).field(count)?;
                let enough = lane.sent >= count as usize;
                Ok(if enough {
                    Sighting::Seen(None)
                } else {
                    Sighting::NotYet
                })
            }
            _ => {
                let found = lane
                    .sights
                    .iter()
                    .position(|sight| !sight.taken && named(&sight.seen) == Some(event));
                Ok(found.map_or(Sighting::NotYet, |at| Sighting::Seen(Some(at))))
            }
        }
    }

    fn count(&self, conn: usize, payload: &Payload) -> Result<usize, Unresolved> {
        match payload {
            Payload::Pattern(count) => Ok(self.scope(conn).field::<u32>(count)? as usize),
            Payload::Text(text) => Ok(text.len()),
        }
    }

    fn take_sighting(
        &mut self,
        step: &Step,
        event: &AppEvent,
        which: Option<usize>,
    ) -> Result<(), Unresolved> {
        let taken = match event {
            AppEvent::Data(payload) => {
                let count = self.count(step.conn, payload)?;
                self.lanes[step.conn].asked_for += count;
                |seen: &Seen| matches!(seen, Seen::Data(_))
            }
            AppEvent::Sent(count) => {
                let count: u32 = self.scope(step.conn).field(count)?;
                self.lanes[step.conn].sent -= count as usize;
                |seen: &Seen| matches!(seen, Seen::Sent(_))
            }
            _ => |_: &Seen| false,
        };
        for (at, sight) in self.lanes[step.conn].sights.iter_mut().enumerate() {
            if Some(at) == which || taken(&sight.seen) && !sight.taken {
                sight.taken = true;
                let event = &mut self.log.events[sight.event];
                event
                    .step
                    .get_or_insert_with(|| super::log::reference(step));
                if let EventKind::App { expected, .. } = &mut event.kind {
                    *expected = true;
                }
            }
        }
        Ok(())
    }

    /// `expected the application to see reset; it saw end of file`.
    pub(super) fn unseen(&self, conn: usize, event: &AppEvent) -> Result<Finding, Unresolved> {
        let lane = &self.lanes[conn];
        let others: Vec<&super::lane::Sight> =
            lane.sights.iter().filter(|sight| !sight.taken).collect();
        let got = match event {
            AppEvent::Data(_) => format!("{} octets", lane.delivered.len() - lane.asked_for),
            AppEvent::Sent(_) => format!("{} octets taken", lane.sent),
            _ if others.is_empty() => "nothing".to_owned(),
            _ => {
                let names: Vec<String> = others.iter().map(|sight| said(&sight.seen)).collect();
                names.join(", ")
            }
        };
        let wanted = match event {
            AppEvent::Data(payload) => format!("{} octets", self.count(conn, payload)?),
            AppEvent::Sent(count) => format!("{} octets taken", self.scope(conn).number(count)?),
            _ => name_of(event).to_owned(),
        };
        let symptom = match (event, others.last()) {
            (AppEvent::Data(_) | AppEvent::Sent(_), _) | (_, None) => "nothing".to_owned(),
            (_, Some(last)) => text_of(&last.seen)
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        Ok(Finding {
            symptom: format!("app {symptom}"),
            headline: format!("expected the application to see {wanted}; it saw {got}"),
            fields: Vec::new(),
            event: others.last().map(|sight| sight.event),
        })
    }
}

fn delivered(lane: &Lane, inward: &Stream, count: usize, text: Option<&[u8]>) -> Sighting {
    let start = lane.asked_for;
    let Some(octets) = lane.delivered.get(start..start + count) else {
        return Sighting::NotYet;
    };
    let wrong = match text {
        Some(text) => text
            .iter()
            .zip(octets)
            .position(|(right, got)| right != got),
        None => inward.first_wrong(start as u32, octets).map(|(at, _)| at),
    };
    match wrong {
        None => Sighting::Seen(None),
        Some(at) => Sighting::Wrong(format!(
            "the application was given {:#04x} as octet {} of the stream, which was not sent there",
            octets[at],
            start + at,
        )),
    }
}

/// The event of a spec that this is, if it is one without a count.
fn named(seen: &Seen) -> Option<&'static AppEvent> {
    match seen {
        Seen::Accepted => Some(&AppEvent::Accepted),
        Seen::Connected => Some(&AppEvent::Connected),
        Seen::Refused => Some(&AppEvent::Refused),
        Seen::Reset => Some(&AppEvent::Reset),
        Seen::Timeout => Some(&AppEvent::Timeout),
        Seen::Eof => Some(&AppEvent::Eof),
        Seen::Trouble => Some(&AppEvent::Trouble),
        Seen::Urgent => Some(&AppEvent::Urgent),
        Seen::Data(_) | Seen::Sent(_) => None,
    }
}

fn name_of(event: &AppEvent) -> &'static str {
    match event {
        AppEvent::Accepted => "accepted",
        AppEvent::Connected => "connected",
        AppEvent::Refused => "refused",
        AppEvent::Reset => "reset",
        AppEvent::Timeout => "timeout",
        AppEvent::Eof => "end of file",
        AppEvent::Trouble => "a report of trouble",
        AppEvent::Urgent => "urgent data",
        AppEvent::Data(_) => "data",
        AppEvent::Sent(_) => "sent",
    }
}

fn said(seen: &Seen) -> String {
    named(seen).map_or_else(|| text_of(seen), |event| name_of(event).to_owned())
}
