//! The interpreter of one case, without any input or output of its own.
//!
//! It is told what the device did (`on_*`) and asked what to do next ([`Runner::poll`]); a drive
//! carries out each [`Action`] and reports back before it polls again. Frames queue per connection
//! in wire order, and `expect`, `silence`, `one_of` and the end of the case consume them
//! (`specs/README.md`, Steps). It reads no clock: all times are handed in.
//!
//! What it does not do: reach for the network, retry a case, or look at what the device knows
//! beyond the answers to the questions that it asks.

mod application;
mod arrivals;
mod choices;
mod expect;
mod flood;
mod icmp;
mod inject;
mod lane;
mod log;
mod observe;
mod one_of;
mod quiet;
mod service;

use crate::device::{AppCall, ConnId, Crowd, FourTuple, LinkInfo, Refused};
use crate::invariants::History;
use crate::model::{Capture, Conn, Scope, Unresolved};
use crate::spec::case::{Case, Level, State, Step, Verb};
use crate::spec::profile::Profile;
use crate::time::Instant;
use crate::wire::Packet;
use lane::Lane;
use log::Log;
use std::time::Duration;
use tcpspec_reports::record::{CaseRecord, EventKind};

/// What the drive has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell the device that `tuple` is connection `conn`.
    Attach(ConnId, FourTuple),
    /// Hand the device a packet; answer with [`Runner::on_injected`].
    Inject(Vec<u8>),
    /// Hand the device these packets, and poll again once it has been heard.
    Flood(Vec<Vec<u8>>),
    /// Make the device's application act; answer with [`Runner::on_called`].
    Call(ConnId, AppCall),
    /// Ask for a state; answer with [`Runner::on_state`].
    AskState(ConnId),
    /// Ask for a field of the connection's status; answer with [`Runner::on_value`].
    AskInfo(ConnId, String),
    /// Ask for a counter of the device; answer with [`Runner::on_value`].
    AskCounter(String),
    /// Wait until something comes out of the device, or until then.
    WaitUntil(Instant),
    /// The case is over: [`Runner::finish`].
    Done,
}

/// The interpreter of one case.
#[derive(Debug)]
pub struct Runner<'a> {
    case: &'a Case,
    profile: &'a Profile,
    conns: Vec<Conn>,
    lanes: Vec<Lane>,
    histories: Vec<History>,
    captures: Vec<(String, Capture)>,
    /// Steps that are left, innermost last: the branches of `one_of` lie on top.
    program: Vec<&'a [Step]>,
    current: Option<Running<'a>>,
    /// When the first step of a branch began: with its `one_of`.
    began: Option<Instant>,
    /// Length of the silences since the last packet, call or choice, in nanoseconds.
    silence_before: i64,
    /// Counts the openings of connections.
    openings: u32,
    /// Counters of the device at the start of the case.
    baseline: Vec<(String, Option<i64>)>,
    /// Counters whose start is not known yet.
    unasked: Vec<String>,
    /// An event whose state is to be asked for, and the connection.
    annotate: Option<(usize, usize)>,
    /// The event whose state has been asked for.
    annotating: Option<usize>,
    question: Question,
    /// How many values of an `info` or `counter` step are known.
    asked: usize,
    /// Where floods come from, and those that there were.
    crowd: Crowd,
    floods: Vec<flood::Flooding>,
    log: Log,
    /// The last step is over; the case stays open until then.
    closes: Option<Instant>,
    /// Of the link, octets.
    mtu: u16,
    seed: u64,
}

/// A step in progress.
#[derive(Clone, Copy, Debug)]
struct Running<'a> {
    step: &'a Step,
    started: Instant,
}

/// What was asked of the device or the drive, and the answer.
#[derive(Debug, Default)]
enum Question {
    #[default]
    None,
    State,
    StateIs(Option<State>),
    Value,
    ValueIs(Option<i64>),
    Injected(Box<inject::InFlight>),
    /// Fragments of it are on the link, and others are not.
    Pieces(Box<inject::InFlight>),
    Called(usize, String),
    /// The step that asked is over.
    Answered,
}

/// How far a step has come.
enum Progress {
    /// The drive has to act first.
    Act(Action),
    /// Nothing to do until then, unless something comes.
    Wait(Instant),
    /// The next step, please.
    Finished,
}

type Played = Result<Progress, Unresolved>;

impl<'a> Runner<'a> {
    /// An interpreter of `case` for a device with this profile behind this link. All that is left
    /// to the tester's choice follows from `seed`.
    pub fn new(case: &'a Case, profile: &'a Profile, link: LinkInfo, seed: u64) -> Self {
        let ancient = profile.claims.contains("rfc5961");
        let conns = choices::connections(case, link, ancient, seed);
        Self {
            case,
            profile,
            lanes: vec![Lane::default(); conns.len()],
            histories: vec![History::default(); conns.len()],
            conns,
            captures: Vec::new(),
            program: vec![&case.steps],
            current: None,
            began: None,
            silence_before: 0,
            openings: 0,
            baseline: Vec::new(),
            unasked: observe::counters_of(&case.steps),
            annotate: None,
            annotating: None,
            question: Question::None,
            asked: 0,
            crowd: link.crowd,
            floods: Vec::new(),
            log: Log::default(),
            closes: None,
            mtu: link.mtu,
            seed,
        }
    }

    /// What to do now. Everything that came out of the device up to now has to be handed in first.
    pub fn poll(&mut self, now: Instant) -> Action {
        loop {
            if let Some(action) = self.next_question() {
                return action;
            }
            if self.log.over {
                return Action::Done;
            }
            let Some(running) = self.current.or_else(|| self.begin_next(now)) else {
                match self.close(now) {
                    Some(action) => return action,
                    None => continue,
                }
            };
            self.current = Some(running);
            match self.play(now, running) {
                Ok(Progress::Act(action)) => return action,
                Ok(Progress::Wait(until)) => return Action::WaitUntil(until),
                Ok(Progress::Finished) => self.end_step(running),
                Err(unresolved) => self.spec_is_wrong(running.step, &unresolved),
            }
        }
    }

    /// Questions that belong to no step: the state after an event, counters at the start.
    fn next_question(&mut self) -> Option<Action> {
        if let Some((event, conn)) = self.annotate.take() {
            self.annotating = Some(event);
            return Some(Action::AskState(ConnId(conn)));
        }
        if self.log.over {
            return None;
        }
        self.unasked
            .last()
            .map(|name| Action::AskCounter(name.clone()))
    }

    fn begin_next(&mut self, now: Instant) -> Option<Running<'a>> {
        while let Some(rest) = self.program.last_mut() {
            if let Some((step, after)) = rest.split_first() {
                *rest = after;
                let started = self.began.take().unwrap_or(now);
                self.log.count_assertions(step);
                return Some(Running { step, started });
            }
            self.program.pop();
        }
        None
    }

    fn play(&mut self, now: Instant, running: Running<'a>) -> Played {
        let step = running.step;
        if let Some(action) = self.attach(step.conn) {
            return Ok(Progress::Act(action));
        }
        match &step.verb {
            Verb::Inject(inject) => self.play_inject(now, step, inject),
            Verb::InjectIcmp(icmp) => self.play_icmp(step, icmp),
            Verb::Expect(expect) => self.play_expect(now, running, expect),
            Verb::Silence(length) => self.play_silence(now, running, length),
            Verb::Call { call, .. } => self.play_call(step, call),
            Verb::App(wait) => self.play_app(now, running, wait),
            Verb::State { state, within } => self.play_state(now, running, *state, within.as_ref()),
            Verb::Check(comparison) => self.play_check(now, step, comparison),
            Verb::Info(fields) => self.play_info(now, step, fields),
            Verb::Counter(counters) => self.play_counter(now, step, counters),
            Verb::OneOf(branches) => self.play_one_of(now, running, branches),
            Verb::Flood(flood) => self.play_flood(now, running, flood),
            Verb::Drain(until) => self.play_drain(now, running, until),
        }
    }

    fn end_step(&mut self, running: Running<'a>) {
        // To ask for a state between two silences does not begin the wait anew.
        if let Verb::Inject(_)
        | Verb::InjectIcmp(_)
        | Verb::Flood(_)
        | Verb::Expect(_)
        | Verb::Call { .. }
        | Verb::OneOf(_)
        | Verb::Drain(_) = running.step.verb
        {
            self.silence_before = 0;
        }
        self.question = Question::None;
        self.current = None;
    }

    fn attach(&mut self, conn: usize) -> Option<Action> {
        let lane = &mut self.lanes[conn];
        let first = !std::mem::replace(&mut lane.attached, true);
        first.then(|| Action::Attach(ConnId(conn), self.conns[conn].tuple))
    }

    /// Asks for the state after an event, where the device can tell.
    fn annotate(&mut self, event: usize, conn: usize) {
        if self.profile.observes.contains("state") {
            self.annotate = Some((event, conn));
        }
    }

    /// The packet of the last [`Action::Inject`] was on the link at `at`.
    pub fn on_injected(&mut self, at: Instant) {
        if let Question::Injected(in_flight) =
            std::mem::replace(&mut self.question, Question::Answered)
        {
            self.injected(at, in_flight);
        }
    }

    /// The call of the last [`Action::Call`], begun at `began`, returned at `now`.
    pub fn on_called(&mut self, began: Instant, now: Instant, outcome: Result<(), Refused>) {
        if let Question::Called(conn, text) =
            std::mem::replace(&mut self.question, Question::Answered)
        {
            self.lanes[conn].touch(began);
            self.lanes[conn].touch(now);
            self.called(now, conn, &text, outcome);
        }
    }

    /// The answer to [`Action::AskState`]; `None` if the device cannot tell.
    pub fn on_state(&mut self, state: Option<State>) {
        if let Some(event) = self.annotating.take() {
            self.log.events[event].state = state.map(|state| state.name().to_owned());
        } else {
            self.question = Question::StateIs(state);
        }
    }

    /// The answer to [`Action::AskInfo`] or [`Action::AskCounter`].
    pub fn on_value(&mut self, value: Option<i64>) {
        match self.unasked.pop() {
            Some(name) => self.baseline.push((name, value)),
            None => self.question = Question::ValueIs(value),
        }
    }

    /// The tester, the link or the device broke: whatever else happened, nothing is proved.
    pub fn give_up(&mut self, reason: String) {
        self.log.inconclusive(reason);
    }

    /// The tester was late or frames were lost: a FAIL or a deviation proves nothing, a pass
    /// stays a pass, since stamps are compared and not plans.
    pub fn doubt(&mut self, reason: String) {
        self.log.doubt(reason);
    }

    /// The record of the case, which took until `now`.
    pub fn finish(self, now: Instant) -> CaseRecord {
        let connections = choices::recorded(&self.conns);
        self.log.into_record(self.case, self.seed, connections, now)
    }

    fn scope(&self, own: usize) -> Scope<'_> {
        Scope {
            conns: &self.conns,
            own,
            captures: &self.captures,
            tester_chooses: false,
        }
    }

    fn reply(&self) -> Duration {
        self.profile.slack.reply
    }

    fn late(&self, nanos: i64) -> i64 {
        crate::compare::timing::late(&self.profile.slack, nanos)
    }

    fn capture(&mut self, name: &str, capture: Capture) {
        match self.captures.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = capture,
            None => self.captures.push((name.to_owned(), capture)),
        }
    }

    fn note(&mut self, now: Instant, step: &Step, kind: EventKind) -> usize {
        self.log.push(now, step.conn, Some(step), kind)
    }

    fn spec_is_wrong(&mut self, step: &Step, why: &Unresolved) {
        let reason = format!(
            "step {} ({}:{}): {why}",
            step.number, self.case.file, step.line
        );
        self.log.inconclusive(reason);
    }

    /// The level of a plain check in `step`, and the requirement if it names one.
    fn level(&self, step: &Step) -> (Level, Option<String>) {
        match &step.should {
            Some(id) => (Level::Should, Some(id.clone())),
            None => (self.case.level, None),
        }
    }
}

/// `started` plus so many nanoseconds.
fn later(started: Instant, nanos: i64) -> Instant {
    started + Duration::from_nanos(nanos.max(0) as u64)
}

/// The time from `earlier` to `at` in nanoseconds.
fn nanos_since(at: Instant, earlier: Instant) -> i64 {
    i64::try_from(at.since(earlier).as_nanos()).unwrap_or(i64::MAX)
}

/// A packet as the record shows it.
fn recorded(packet: &Packet) -> tcpspec_reports::record::Segment {
    use crate::spec::case::Flags;
    let tcp = packet.tcp().cloned().unwrap_or_default();
    tcpspec_reports::record::Segment {
        seq: tcp.seq,
        ack: tcp.has(crate::wire::bit::ACK).then_some(tcp.ack),
        wnd: tcp.window,
        flags: Flags(tcp.flags).to_string(),
        len: tcp.payload_len(),
        options: tcp.options.to_string(),
        packet: packet.octets.clone(),
    }
}

#[cfg(test)]
pub(crate) mod builders;
#[cfg(test)]
mod tests;
