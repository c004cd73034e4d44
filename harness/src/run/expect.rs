//! `expect`: a segment of the device, or its absence.

use super::inject::capture;
use super::lane::Frame;
use super::log::Finding;
use super::{Played, Progress, Runner, Running, later, nanos_since};
use crate::compare::{self, Compared, Got, describe, timing};
use crate::model::words::duration;
use crate::model::{Space, Unresolved};
use crate::spec::case::{Expect, Expected, Level, ShouldPart, Step};
use crate::time::Instant;
use tcpspec_reports::record::{EventKind, Field, Judged};

/// How long an `expect` waits if it does not say.
const WITHIN: i64 = 1_000_000_000;

/// How long a segment is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// As the spec has it, in nanoseconds.
    pub(super) within: i64,
    /// With slack, on the clock of the case.
    pub(super) until: Instant,
}

impl Runner<'_> {
    pub(super) fn play_expect(
        &mut self,
        now: Instant,
        running: Running<'_>,
        expect: &Expect,
    ) -> Played {
        let step = running.step;
        let patience = self.patience(running.started, step, expect)?;
        while let Some((lane, frame)) = self.first_frame(step) {
            if frame.at > patience.until {
                break;
            }
            let fields = self.compare(step, expect, frame)?;
            let ignored = !compare::all_hold(&fields) && self.may_ignore(frame);
            if expect.optional && !compare::all_hold(&fields) && !ignored {
                return Ok(Progress::Finished);
            }
            let frame = self.take_frame(step, lane);
            if ignored {
                self.ignore(step, &frame);
            } else if compare::all_hold(&fields) {
                self.matched(step, expect, &frame)?;
                return Ok(Progress::Finished);
            } else {
                self.mismatched(step, expect, lane, frame, &fields);
                return Ok(Progress::Finished);
            }
        }
        if now < patience.until {
            return Ok(Progress::Wait(patience.until));
        }
        if expect.optional {
            return Ok(Progress::Finished);
        }
        self.missing(patience, step, expect);
        Ok(Progress::Finished)
    }

    /// The deadline of an `expect` that began at `started`.
    pub(super) fn patience(
        &self,
        started: Instant,
        step: &Step,
        expect: &Expect,
    ) -> Result<Patience, Unresolved> {
        let scope = self.scope(step.conn);
        if let Some(within) = &expect.within {
            let within = scope.nanos(within)?;
            return Ok(Patience {
                within,
                until: later(started, within + self.late(within)),
            });
        }
        let bounds = expect
            .after
            .as_ref()
            .map(|after| timing::bounds(&scope, after))
            .transpose()?;
        let Some(within) = bounds.and_then(|bounds| bounds.high) else {
            return Ok(Patience {
                within: WITHIN,
                until: later(started, WITHIN + self.late(WITHIN)),
            });
        };
        let since = match &expect.what {
            Expected::Again(name) => scope.capture(name).map(|first| first.copy.at),
            Expected::Segment(_) => None,
        };
        let since = since.unwrap_or_else(|| self.lanes[step.conn].last_activity(started));
        // To stay away is no fault, so that nothing is gained by slack, and time lost.
        let late = if expect.optional {
            0
        } else {
            self.late(within)
        };
        Ok(Patience {
            within,
            until: later(since, within + late),
        })
    }

    /// The segment that `step` would consume next, and the lane where it waits.
    pub(super) fn first_frame(&self, step: &Step) -> Option<(usize, &Frame)> {
        let own = self.lanes[step.conn]
            .frames
            .front()
            .map(|frame| (step.conn, frame));
        if own.is_some() || !step.conn_named {
            return own;
        }
        let tuple = self.conns[step.conn].tuple;
        let sisters = (0..self.lanes.len()).filter(|&conn| self.conns[conn].tuple == tuple);
        let waiting = sisters.filter_map(|conn| Some((conn, self.lanes[conn].frames.front()?)));
        waiting.min_by_key(|(_, frame)| frame.event)
    }

    /// Takes the first segment of a lane off, for the connection of `step`.
    pub(super) fn take_frame(&mut self, step: &Step, lane: usize) -> Frame {
        let frame = self.take_frame_of(lane);
        if let Some(tcp) = frame.tcp() {
            let model = &mut self.conns[step.conn];
            if lane != step.conn {
                model.tcb.on_sent(tcp);
                self.log.events[frame.event].connection = step.conn as u16;
            }
        }
        frame
    }

    /// Takes the first segment of a lane off, for the connection that it belongs to.
    pub(super) fn take_frame_of(&mut self, lane: usize) -> Frame {
        let first = self.lanes[lane].frames.pop_front();
        // The caller has just seen a frame there.
        first.expect("a frame waits in this lane")
    }

    /// SND.* moves with the segments that steps have consumed.
    pub(super) fn see(&mut self, conn: usize, frame: &Frame) {
        if let Some(tcp) = frame.tcp() {
            let model = &mut self.conns[conn];
            model.seen.on_segment(tcp, model.tcb.device_shift());
        }
    }

    /// Compares all that an `expect` says with a segment. An acknowledgment may come with a
    /// retransmission, when the timer of the one runs out before that of the other: where
    /// retransmissions are let pass, it counts as if it had come by itself.
    pub(super) fn compare(
        &self,
        step: &Step,
        expect: &Expect,
        frame: &Frame,
    ) -> Result<Vec<Compared>, Unresolved> {
        let fields = self.compare_as_is(step, expect, frame)?;
        let counts = frame.kind.brings_ack && self.case.ignore.retransmission;
        let nxt = self.conns[step.conn].seen.nxt.filter(|_| counts);
        if let (Some(nxt), false) = (nxt, compare::all_hold(&fields)) {
            let alone = self.compare_as_is(step, expect, &frame.ack_alone(nxt))?;
            if compare::all_hold(&alone) {
                return Ok(alone);
            }
        }
        Ok(fields)
    }

    fn compare_as_is(
        &self,
        step: &Step,
        expect: &Expect,
        frame: &Frame,
    ) -> Result<Vec<Compared>, Unresolved> {
        let scope = self.scope(step.conn);
        let Some(got) = self.got(step.conn, frame) else {
            return Ok(Vec::new());
        };
        let mut fields = match &expect.what {
            Expected::Segment(pattern) => compare::segment(&scope, pattern, &got)?,
            Expected::Again(name) => compare::again(&scope, name, &got)?,
        };
        if let Some(after) = &expect.after {
            let took = self.took(expect, frame);
            fields.push(timing::compare(&scope, after, took, &self.profile.slack)?);
        }
        Ok(fields)
    }

    fn got<'f>(&self, conn: usize, frame: &'f Frame) -> Option<Got<'f>> {
        Got::new(&frame.packet, self.conns[conn].tcb.device_shift())
    }

    /// How long the segment took to come: for `again`, since the previous copy.
    fn took(&self, expect: &Expect, frame: &Frame) -> i64 {
        let previous = match &expect.what {
            Expected::Again(name) => self.scope(0).capture(name).map(|copy| copy.copy.at),
            Expected::Segment(_) => None,
        };
        previous.map_or(frame.after, |previous| nanos_since(frame.at, previous))
    }

    fn matched(&mut self, step: &Step, expect: &Expect, frame: &Frame) -> Result<(), Unresolved> {
        let fields = match &expect.should {
            Some(should) => self.compare_should(step, expect, should, frame)?,
            None => Vec::new(),
        };
        let holds = compare::all_hold(&fields);
        let judged = if holds {
            Judged::Matched
        } else {
            Judged::Deviates
        };
        self.log.judge(frame.event, Some(step), judged);
        if let Some(should) = &expect.should
            && !holds
        {
            let level = (Level::Should, Some(should.covers.clone()));
            self.log
                .find(step, level, Self::finding(expect, &fields, frame));
        }
        let took = self.took(expect, frame);
        self.see(step.conn, frame);
        if let Some(tcp) = frame.tcp() {
            let captured = capture(
                &frame.packet,
                tcp,
                frame.window,
                Space::Device,
                Some(took),
                frame.at,
            );
            if let Expected::Again(name) = &expect.what {
                self.capture(name, captured.clone());
            }
            if let Some(name) = &expect.name {
                self.capture(name, captured.clone());
            }
            self.capture("prev", captured);
        }
        self.annotate(frame.event, step.conn);
        Ok(())
    }

    fn compare_should(
        &self,
        step: &Step,
        expect: &Expect,
        should: &ShouldPart,
        frame: &Frame,
    ) -> Result<Vec<Compared>, Unresolved> {
        let scope = self.scope(step.conn);
        let Some(got) = self.got(step.conn, frame) else {
            return Ok(Vec::new());
        };
        let mut fields = compare::segment(&scope, &should.segment, &got)?;
        if let Some(after) = &should.after {
            let took = self.took(expect, frame);
            fields.push(timing::compare(&scope, after, took, &self.profile.slack)?);
        }
        Ok(fields)
    }

    /// A segment that is not the expected one. Where the step is only a SHOULD, a segment that
    /// the next step wants is left to it.
    fn mismatched(
        &mut self,
        step: &Step,
        expect: &Expect,
        lane: usize,
        frame: Frame,
        fields: &[Compared],
    ) {
        let finding = Self::finding(expect, fields, &frame);
        let level = self.level(step);
        self.log.judge(frame.event, Some(step), Judged::Mismatched);
        self.annotate(frame.event, step.conn);
        self.log.find(step, level, finding);
        let wanted_next = self
            .program
            .iter()
            .rev()
            .any(|rest| self.would_take(rest, lane, &frame));
        if !self.log.over && wanted_next {
            self.lanes[lane].frames.push_front(frame);
        } else {
            self.see(step.conn, &frame);
        }
    }

    fn finding(expect: &Expect, fields: &[Compared], frame: &Frame) -> Finding {
        let mut wrong = fields.iter().filter(|one| !one.field.holds);
        let headline = match (wrong.next(), wrong.next()) {
            (Some(only), None) if only.field.name == "after" => {
                let again = matches!(expect.what, Expected::Again(_));
                describe::timing(&only.field, if again { "retransmitted" } else { "came" })
            }
            _ => describe::headline(fields),
        };
        Finding {
            symptom: describe::symptom(fields),
            headline,
            fields: fields
                .iter()
                .map(|compared| compared.field.clone())
                .collect(),
            event: Some(frame.event),
        }
    }

    fn missing(&mut self, patience: Patience, step: &Step, expect: &Expect) {
        let finding = self.not_there(patience, step, expect);
        let level = self.level(step);
        self.log.find(step, level, finding);
    }

    /// Notes that an expected segment did not come.
    pub(super) fn not_there(
        &mut self,
        patience: Patience,
        step: &Step,
        expect: &Expect,
    ) -> Finding {
        let (figure, fields) = self.wanted(step, expect);
        let kind = EventKind::Missing {
            flags: fields
                .first()
                .map(|ctl| describe::said(&ctl.expected))
                .unwrap_or_default(),
            fields: fields.clone(),
            within_ns: patience.within as u64,
        };
        let event = self.note(patience.until, step, kind);
        let within = duration(patience.within);
        self.annotate(event, step.conn);
        Finding {
            symptom: "none".to_owned(),
            headline: format!("expected {figure} within {within}; the device stayed silent"),
            fields,
            event: Some(event),
        }
    }

    /// The expected segment in figure notation, and its fields.
    pub(super) fn wanted(&self, step: &Step, expect: &Expect) -> (String, Vec<Field>) {
        let scope = self.scope(step.conn);
        match &expect.what {
            Expected::Segment(pattern) => (
                describe::expected_figure(&scope, pattern),
                describe::expected_fields(&scope, pattern),
            ),
            Expected::Again(name) => (format!("`{name}` again"), Vec::new()),
        }
    }

    /// True if the segment is of a kind that the spec lets pass.
    pub(super) fn may_ignore(&self, frame: &Frame) -> bool {
        let ignore = self.case.ignore;
        ignore.retransmission && frame.kind.retransmission
            || ignore.window_update && frame.kind.window_update
            || ignore.duplicate_ack && frame.kind.duplicate_ack
    }

    pub(super) fn ignore(&mut self, step: &Step, frame: &Frame) {
        self.ignore_on(step.conn, Some(step), frame);
    }

    pub(super) fn ignore_on(&mut self, conn: usize, step: Option<&Step>, frame: &Frame) {
        self.log.judge(frame.event, step, Judged::Ignored);
        self.see(conn, frame);
    }
}
