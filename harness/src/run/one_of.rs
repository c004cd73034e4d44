//! `one_of`: alternatives, decided by the first thing that happens.
//!
//! A branch is decided by its first step: a segment that its `expect` accepts, an event that its
//! `app` waits for, a state, or the end of its `silence`. Steps before the first `expect` that
//! only look (`app`, `state`, `check`) are looked past when a segment comes, since it may be
//! ahead of what the application sees.

use super::lane::Frame;
use super::log::Finding;
use super::observe::seen_as;
use super::{Action, Played, Progress, Question, Runner, Running, later};
use crate::compare::{self, describe};
use crate::device::ConnId;
use crate::model::Unresolved;
use crate::spec::case::{Branch, Step, Verb};
use crate::time::Instant;
use tcpspec_reports::record::Judged;

/// The symptom of what did not come.
const NONE: &str = "none";

impl<'a> Runner<'a> {
    pub(super) fn play_one_of(
        &mut self,
        now: Instant,
        running: Running<'a>,
        branches: &'a [Branch],
    ) -> Played {
        if let Some(progress) = self.decide_by_segment(running, branches)? {
            return Ok(progress);
        }
        for branch in branches {
            if self.decided_by_application(&branch.steps)? {
                return Ok(self.choose(running, branch));
            }
        }
        if let Some(progress) = self.decide_by_state(now, running, branches) {
            return Ok(progress);
        }
        let mut last = running.started;
        for branch in branches {
            let Some(until) = self.branch_deadline(running, &branch.steps)? else {
                continue;
            };
            let silent = matches!(
                branch.steps.first().map(|step| &step.verb),
                Some(Verb::Silence(_))
            );
            if silent && now >= until {
                return Ok(self.choose(running, branch));
            }
            last = last.max(until);
        }
        if now < last {
            return Ok(Progress::Wait(self.next_look(now, running, branches)?));
        }
        let leftover = branches.iter().find(|branch| acts_first(&branch.steps));
        match leftover {
            Some(branch) => Ok(self.choose(running, branch)),
            None => self.nothing_came(running, branches),
        }
    }

    fn choose(&mut self, running: Running<'a>, branch: &'a Branch) -> Progress {
        self.log
            .branches
            .push(format!("step {}: {}", running.step.number, branch.name));
        self.program.push(&branch.steps);
        self.began = Some(running.started);
        Progress::Finished
    }

    /// The first segment in wire order that any branch listens to decides.
    fn decide_by_segment(
        &mut self,
        running: Running<'a>,
        branches: &'a [Branch],
    ) -> Result<Option<Progress>, Unresolved> {
        while let Some(lane) = self.first_lane_of(running.step, branches) {
            let Some(frame) = self.lanes[lane].frames.front() else {
                break;
            };
            let taker = branches
                .iter()
                .find(|branch| self.would_take(&branch.steps, lane, frame));
            if let Some(branch) = taker {
                return Ok(Some(self.choose(running, branch)));
            }
            let frame = self.take_frame_of(lane);
            if self.may_ignore(&frame) {
                self.ignore_on(lane, Some(running.step), &frame);
                continue;
            }
            let finding = self.no_branch_takes(branches, lane, &frame)?;
            self.log
                .judge(frame.event, Some(running.step), Judged::Mismatched);
            self.annotate(frame.event, lane);
            let level = self.level(running.step);
            self.log.find(running.step, level, finding);
            return Ok(Some(Progress::Finished));
        }
        Ok(None)
    }

    fn first_lane_of(&self, step: &Step, branches: &[Branch]) -> Option<usize> {
        let listened = |lane: &usize| {
            *lane == step.conn || branches.iter().any(|branch| listens(&branch.steps, *lane))
        };
        (0..self.lanes.len())
            .filter(listened)
            .filter_map(|lane| Some((lane, self.lanes[lane].frames.front()?)))
            .min_by_key(|(_, frame)| frame.event)
            .map(|(lane, _)| lane)
    }

    /// True if the first of `steps` that consumes segments of this lane accepts the frame.
    pub(super) fn would_take(&self, steps: &[Step], lane: usize, frame: &Frame) -> bool {
        for step in steps {
            match &step.verb {
                Verb::Expect(expect) => {
                    let same = step.conn == lane
                        || step.conn_named && self.conns[step.conn].tuple == self.conns[lane].tuple;
                    if same {
                        let fields = self.compare(step, expect, frame);
                        let takes = fields.is_ok_and(|fields| compare::all_hold(&fields));
                        if takes || !expect.optional {
                            return takes;
                        }
                    }
                }
                Verb::Silence(_) if !step.conn_named || step.conn == lane => return false,
                Verb::Silence(_)
                | Verb::App(_)
                | Verb::State { .. }
                | Verb::Check(_)
                | Verb::Info(_)
                | Verb::Counter(_) => {}
                Verb::OneOf(branches) => {
                    return branches
                        .iter()
                        .any(|one| self.would_take(&one.steps, lane, frame));
                }
                Verb::Inject(_)
                | Verb::InjectIcmp(_)
                | Verb::Flood(_)
                | Verb::Call { .. }
                | Verb::Drain(_) => return false,
            }
        }
        false
    }

    fn decided_by_application(&self, steps: &[Step]) -> Result<bool, Unresolved> {
        let Some(step) = steps.first() else {
            return Ok(false);
        };
        match &step.verb {
            Verb::App(wait) => self.has_seen(step.conn, &wait.event),
            Verb::OneOf(branches) => {
                for branch in branches {
                    if self.decided_by_application(&branch.steps)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// States decide last: most are there before anything has happened.
    fn decide_by_state(
        &mut self,
        now: Instant,
        running: Running<'a>,
        branches: &'a [Branch],
    ) -> Option<Progress> {
        let all = branches
            .iter()
            .all(|branch| first_state(&branch.steps).is_some());
        if !all && now < running.started + self.reply() {
            return None;
        }
        let (step, _) = branches
            .iter()
            .find_map(|branch| first_state(&branch.steps))?;
        match std::mem::take(&mut self.question) {
            Question::StateIs(Some(reported)) => {
                let holds = |branch: &&Branch| {
                    first_state(&branch.steps).is_some_and(|(_, it)| it == seen_as(reported, it))
                };
                branches
                    .iter()
                    .find(holds)
                    .map(|branch| self.choose(running, branch))
            }
            Question::StateIs(None) => {
                let first = branches
                    .iter()
                    .find(|branch| first_state(&branch.steps).is_some());
                first.map(|branch| self.choose(running, branch))
            }
            _ => {
                self.question = Question::State;
                Some(Progress::Act(Action::AskState(ConnId(step.conn))))
            }
        }
    }

    /// When a branch gives up; `None` if its first step does not wait.
    fn branch_deadline(
        &self,
        running: Running<'a>,
        steps: &'a [Step],
    ) -> Result<Option<Instant>, Unresolved> {
        let Some(step) = steps.first() else {
            return Ok(None);
        };
        let own = Running {
            step,
            started: running.started,
        };
        Ok(match &step.verb {
            Verb::Expect(expect) => Some(self.patience(running.started, step, expect)?.until),
            Verb::App(wait) => Some(self.reply_deadline(own, wait.within.as_ref())?.1),
            Verb::State { within, .. } => Some(self.reply_deadline(own, within.as_ref())?.1),
            Verb::Silence(length) => {
                Some(later(running.started, self.scope(step.conn).nanos(length)?))
            }
            Verb::OneOf(branches) => {
                let mut last = None;
                for branch in branches {
                    last = last.max(self.branch_deadline(running, &branch.steps)?);
                }
                last
            }
            _ => None,
        })
    }

    /// The next deadline of any branch, so that none is overslept.
    fn next_look(
        &self,
        now: Instant,
        running: Running<'a>,
        branches: &'a [Branch],
    ) -> Result<Instant, Unresolved> {
        let mut next: Option<Instant> = None;
        let replied = running.started + self.reply();
        for branch in branches {
            let until = self.branch_deadline(running, &branch.steps)?;
            for until in until.into_iter().chain([replied]) {
                if until > now && next.is_none_or(|next| until < next) {
                    next = Some(until);
                }
            }
        }
        Ok(next.unwrap_or(now))
    }

    /// What to say of a segment that no branch accepts: the nearest `expect`, if there is one.
    fn no_branch_takes(
        &self,
        branches: &[Branch],
        lane: usize,
        frame: &Frame,
    ) -> Result<Finding, Unresolved> {
        let mut nearest: Option<Vec<compare::Compared>> = None;
        let wrong = |fields: &[compare::Compared]| {
            fields
                .iter()
                .filter(|compared| !compared.field.holds)
                .count()
        };
        for branch in branches {
            let first = branch.steps.first();
            let Some((step, Verb::Expect(expect))) = first.map(|step| (step, &step.verb)) else {
                continue;
            };
            let fields = self.compare(step, expect, frame)?;
            if nearest
                .as_ref()
                .is_none_or(|best| wrong(&fields) < wrong(best))
            {
                nearest = Some(fields);
            }
        }
        let (flags, figure) = self.pictured(lane, frame);
        Ok(match nearest {
            Some(fields) => Finding {
                symptom: describe::symptom(&fields),
                headline: describe::headline(&fields),
                fields: fields.into_iter().map(|compared| compared.field).collect(),
                event: Some(frame.event),
            },
            None => Finding {
                symptom: format!("unexpected {flags}"),
                headline: format!("no alternative expects {figure}"),
                fields: Vec::new(),
                event: Some(frame.event),
            },
        })
    }

    fn nothing_came(&mut self, running: Running<'a>, branches: &'a [Branch]) -> Played {
        let finding = match branches {
            [only] => self.the_one_did_not_come(running, only)?,
            _ => None,
        };
        let finding = finding.unwrap_or_else(|| none_of(branches));
        let level = self.level(running.step);
        self.log.find(running.step, level, finding);
        Ok(Progress::Finished)
    }

    /// Where the profile leaves one branch, what is missing is what its first step waits for.
    fn the_one_did_not_come(
        &mut self,
        running: Running<'a>,
        branch: &'a Branch,
    ) -> Result<Option<Finding>, Unresolved> {
        let Some(first) = branch.steps.first() else {
            return Ok(None);
        };
        Ok(match &first.verb {
            Verb::Expect(expect) => {
                let patience = self.patience(running.started, first, expect)?;
                Some(self.not_there(patience, first, expect))
            }
            Verb::App(wait) => Some(Finding {
                symptom: NONE.to_owned(),
                ..self.unseen(first.conn, &wait.event)?
            }),
            _ => None,
        })
    }
}

/// What to say if no alternative happened.
fn none_of(branches: &[Branch]) -> Finding {
    let names: Vec<&str> = branches.iter().map(|branch| branch.name.as_str()).collect();
    Finding {
        symptom: NONE.to_owned(),
        headline: match names[..] {
            [only] => format!("expected {only}; it did not happen"),
            _ => format!(
                "expected one of {}; none of them happened",
                names.join(", ")
            ),
        },
        fields: Vec::new(),
        event: None,
    }
}

/// The state with which a branch begins.
fn first_state(steps: &[Step]) -> Option<(&Step, crate::spec::case::State)> {
    let step = steps.first()?;
    match step.verb {
        Verb::State { state, .. } => Some((step, state)),
        _ => None,
    }
}

/// True if a branch begins with something that waits for nothing.
fn acts_first(steps: &[Step]) -> bool {
    steps.first().is_none_or(|step| {
        matches!(
            step.verb,
            Verb::Inject(_)
                | Verb::InjectIcmp(_)
                | Verb::Flood(_)
                | Verb::Call { .. }
                | Verb::Check(_)
                | Verb::Info(_)
                | Verb::Counter(_)
        )
    })
}

/// True if segments on this connection concern the first steps of a branch.
fn listens(steps: &[Step], lane: usize) -> bool {
    steps.first().is_some_and(|step| match &step.verb {
        Verb::Silence(_) => !step.conn_named || step.conn == lane,
        Verb::OneOf(branches) => branches.iter().any(|branch| listens(&branch.steps, lane)),
        _ => step.conn == lane,
    })
}
