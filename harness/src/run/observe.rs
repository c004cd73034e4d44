//! `state`, `info`, `counter` and `check`: what the device reports, and values already bound.

use super::log::Finding;
use super::{Action, Played, Progress, Question, Runner, Running};
use crate::compare::pattern::{self, Judgement};
use crate::device::ConnId;
use crate::model::{Resolved, Unresolved};
use crate::spec::case::{Comparison, Expr, Operator, Pattern, State, Step, Verb};
use crate::time::Instant;
use std::time::Duration;
use tcpspec_reports::record::EventKind;

/// The longest time between two questions for a state that is not there yet.
const ASK_AGAIN: Duration = Duration::from_millis(5);

impl Runner<'_> {
    pub(super) fn play_state(
        &mut self,
        now: Instant,
        running: Running<'_>,
        wanted: State,
        within: Option<&Expr>,
    ) -> Played {
        let step = running.step;
        let Question::StateIs(reported) = std::mem::take(&mut self.question) else {
            self.question = Question::State;
            return Ok(Progress::Act(Action::AskState(ConnId(step.conn))));
        };
        let Some(reported) = reported else {
            self.unchecked(now, step, format!("state {}", wanted.name()));
            return Ok(Progress::Finished);
        };
        let reported = seen_as(reported, wanted);
        let (_, until) = self.reply_deadline(running, within)?;
        if reported != wanted && now < until {
            return Ok(Progress::Wait(until.min(now + ASK_AGAIN)));
        }
        let holds = reported == wanted;
        let text = format!("state {}", wanted.name());
        let event = self.checked(now, step, text, holds);
        self.log.events[event].state = Some(reported.name().to_owned());
        if !holds {
            let (wanted, reported) = (wanted.name(), reported.name());
            let headline = format!("expected {wanted}, the device reports {reported}");
            self.does_not_hold(step, event, format!("state {reported}"), headline);
        }
        Ok(Progress::Finished)
    }

    pub(super) fn unchecked(&mut self, now: Instant, step: &Step, text: String) {
        self.log.leave_unchecked(step);
        self.note(now, step, EventKind::Checked { text, holds: None });
    }

    /// Notes what was compared; the event.
    fn checked(&mut self, now: Instant, step: &Step, text: String, holds: bool) -> usize {
        let holds = Some(holds);
        self.note(now, step, EventKind::Checked { text, holds })
    }

    fn does_not_hold(&mut self, step: &Step, event: usize, symptom: String, headline: String) {
        let finding = Finding {
            symptom,
            headline,
            fields: Vec::new(),
            event: Some(event),
        };
        let level = self.level(step);
        self.log.find(step, level, finding);
    }

    pub(super) fn play_check(
        &mut self,
        now: Instant,
        step: &Step,
        comparison: &Comparison,
    ) -> Played {
        let scope = self.scope(step.conn);
        let left = scope.value(&comparison.left)?;
        let judgement = pattern::judge(&scope, &comparison.right, Some(left))?;
        let holds = decide(comparison.operator, &judgement);
        let right = judgement
            .value
            .map(|right| format!(" and {right}"))
            .unwrap_or_default();
        let text = format!("check {}: {left}{right}", comparison.text);
        let event = self.checked(now, step, text, holds);
        if !holds {
            let headline = format!("{} does not hold: {left}{right}", comparison.text);
            self.does_not_hold(step, event, format!("check {}", comparison.text), headline);
        }
        Ok(Progress::Finished)
    }

    pub(super) fn play_info(
        &mut self,
        now: Instant,
        step: &Step,
        fields: &[(String, Pattern)],
    ) -> Played {
        let Some((name, wanted)) = fields.get(self.asked) else {
            return Ok(self.answered());
        };
        let Question::ValueIs(value) = std::mem::take(&mut self.question) else {
            self.question = Question::Value;
            return Ok(Progress::Act(Action::AskInfo(
                ConnId(step.conn),
                name.clone(),
            )));
        };
        self.asked += 1;
        self.judge_value(now, step, "info", name, wanted, value)?;
        self.play_info(now, step, fields)
    }

    pub(super) fn play_counter(
        &mut self,
        now: Instant,
        step: &Step,
        counters: &[(String, Pattern)],
    ) -> Played {
        let Some((name, wanted)) = counters.get(self.asked) else {
            return Ok(self.answered());
        };
        let Question::ValueIs(value) = std::mem::take(&mut self.question) else {
            self.question = Question::Value;
            return Ok(Progress::Act(Action::AskCounter(name.clone())));
        };
        self.asked += 1;
        let start = self.baseline.iter().find(|(known, _)| known == name);
        let start = start.and_then(|(_, start)| *start);
        let moved = value.zip(start).map(|(value, start)| value - start);
        self.judge_value(now, step, "counter", name, wanted, moved)?;
        self.play_counter(now, step, counters)
    }

    fn answered(&mut self) -> Progress {
        self.asked = 0;
        Progress::Finished
    }

    fn judge_value(
        &mut self,
        now: Instant,
        step: &Step,
        verb: &str,
        name: &str,
        wanted: &Pattern,
        value: Option<i64>,
    ) -> Result<(), Unresolved> {
        let scope = self.scope(step.conn);
        let words = pattern::written(&scope, wanted);
        let text = format!("{verb} {name}: {words}");
        let Some(value) = value else {
            self.unchecked(now, step, text);
            return Ok(());
        };
        let is_time = pattern::is_time(&scope, wanted);
        let value = if is_time {
            Resolved::Duration(value)
        } else {
            Resolved::Number(value)
        };
        let holds = pattern::judge(&scope, wanted, Some(value))?.holds;
        let text = format!("{text}, got {value}");
        let event = self.checked(now, step, text, holds);
        if !holds {
            let headline = format!("expected {name} to be {words}, the device reports {value}");
            self.does_not_hold(step, event, format!("{verb} {name}"), headline);
        }
        Ok(())
    }
}

/// CLOSED is that nothing is there for the four-tuple; a listener on the port may be.
pub(super) fn seen_as(reported: State, wanted: State) -> State {
    match (reported, wanted) {
        (State::Listen, State::Closed) => State::Closed,
        _ => reported,
    }
}

fn decide(operator: Operator, judgement: &Judgement) -> bool {
    let ahead = judgement.ahead.unwrap_or(0);
    match operator {
        Operator::Equal | Operator::In => judgement.holds,
        Operator::NotEqual => !judgement.holds,
        Operator::Less => ahead < 0,
        Operator::LessOrEqual => ahead <= 0,
        Operator::Greater => ahead > 0,
        Operator::GreaterOrEqual => ahead >= 0,
    }
}

/// The counters that any step asks for.
pub(super) fn counters_of(steps: &[Step]) -> Vec<String> {
    let mut names = Vec::new();
    for step in steps {
        match &step.verb {
            Verb::Counter(counters) => names.extend(counters.iter().map(|(name, _)| name.clone())),
            Verb::OneOf(branches) => {
                names.extend(
                    branches
                        .iter()
                        .flat_map(|branch| counters_of(&branch.steps)),
                );
            }
            _ => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}
