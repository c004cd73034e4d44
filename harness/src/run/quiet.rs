//! `silence`, and the end of the case: times in which nothing may come.

use super::log::Finding;
use super::{Action, Played, Progress, Runner, Running, later};
use crate::compare::describe;
use crate::model::words::duration;
use crate::spec::case::{Expr, Flags, Level, Step};
use crate::time::Instant;
use tcpspec_reports::record::{EventKind, Judged};

impl Runner<'_> {
    pub(super) fn play_silence(
        &mut self,
        now: Instant,
        running: Running<'_>,
        length: &Expr,
    ) -> Played {
        let Running { step, started } = running;
        let length = self.scope(step.conn).nanos(length)?;
        let until = later(started, length);
        while let Some(lane) = self.lane_with_frame(step, until) {
            let frame = self.take_frame_of(lane);
            if self.may_ignore(&frame) {
                self.ignore_on(lane, Some(step), &frame);
                continue;
            }
            let finding = self.broken_silence(lane, length, started, &frame);
            self.log.judge(frame.event, Some(step), Judged::Unexpected);
            self.annotate(frame.event, lane);
            let level = self.level(step);
            self.log.find(step, level, finding);
            if self.log.over {
                return Ok(Progress::Finished);
            }
        }
        if now < until {
            return Ok(Progress::Wait(until));
        }
        self.silence_before = self.silence_before.saturating_add(length);
        self.note(
            until,
            step,
            EventKind::Silence {
                for_ns: length.max(0) as u64,
            },
        );
        Ok(Progress::Finished)
    }

    /// The lane in which the first segment before `until` waits that this step listens to.
    fn lane_with_frame(&self, step: &Step, until: Instant) -> Option<usize> {
        let listens = |lane: &usize| !step.conn_named || *lane == step.conn;
        self.first_lane_before(until, listens)
    }

    fn first_lane_before(&self, until: Instant, listens: impl Fn(&usize) -> bool) -> Option<usize> {
        (0..self.lanes.len())
            .filter(listens)
            .filter_map(|lane| Some((lane, self.lanes[lane].frames.front()?)))
            .filter(|(_, frame)| frame.at < until)
            .min_by_key(|(_, frame)| frame.event)
            .map(|(lane, _)| lane)
    }

    fn broken_silence(
        &self,
        lane: usize,
        length: i64,
        started: Instant,
        frame: &super::lane::Frame,
    ) -> Finding {
        let (flags, figure) = self.pictured(lane, frame);
        let came = duration(super::nanos_since(frame.at, started));
        let length = duration(length);
        Finding {
            symptom: format!("silence broken by {flags}"),
            headline: format!("expected silence for {length}; after {came} came {figure}"),
            fields: Vec::new(),
            event: Some(frame.event),
        }
    }

    /// Control bits and figure of a segment.
    pub(super) fn pictured(&self, lane: usize, frame: &super::lane::Frame) -> (String, String) {
        let scope = self.scope(lane);
        frame.tcp().map_or_else(Default::default, |tcp| {
            let flags = Flags(tcp.flags).without(Flags::PSH);
            (flags.to_string(), describe::figure(&scope, tcp))
        })
    }

    /// After the last step: the case stays open for the time that a reply may take.
    pub(super) fn close(&mut self, now: Instant) -> Option<Action> {
        let until = *self.closes.get_or_insert(now + self.profile.slack.reply);
        let began = until - self.profile.slack.reply;
        while let Some(lane) = self.first_lane_before(later(until, 1), |_| true) {
            let frame = self.take_frame_of(lane);
            if self.may_ignore(&frame) {
                self.ignore_on(lane, None, &frame);
                continue;
            }
            let (flags, figure) = self.pictured(lane, &frame);
            let came = duration(super::nanos_since(frame.at, began));
            self.log.judge(frame.event, None, Judged::Unexpected);
            self.annotate(frame.event, lane);
            let finding = Finding {
                symptom: format!("unexpected {flags}"),
                headline: format!("expected nothing more; after {came} came {figure}"),
                fields: Vec::new(),
                event: Some(frame.event),
            };
            let level: Level = self.case.level;
            self.log.find_apart("end", (level, None), finding);
            self.log.over = true;
            return None;
        }
        if now < until {
            return Some(Action::WaitUntil(until));
        }
        self.log.over = true;
        None
    }
}
