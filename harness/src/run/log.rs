//! The record of a case while it grows, and its verdict.

use crate::spec::case::{Case, Level, Step, Verb};
use crate::time::Instant;
use tcpspec_reports::record::{
    CaseRecord, Connection, Event, EventKind, Field, Judged, Mismatch, Requirement, StepRef,
    Verdict,
};

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) events: Vec<Event>,
    mismatches: Vec<Mismatch>,
    pub(super) branches: Vec<String>,
    assertions: u32,
    pub(super) unchecked: u32,
    verdict: Option<Verdict>,
    reason: Option<String>,
    /// Nothing that happens now changes the verdict.
    pub(super) over: bool,
}

/// Something that is not as it ought to be, before it is judged.
#[derive(Debug)]
pub(super) struct Finding {
    /// Without the step: `ack RCV.NXT+1`.
    pub(super) symptom: String,
    pub(super) headline: String,
    pub(super) fields: Vec<Field>,
    pub(super) event: Option<usize>,
}

impl Log {
    pub(super) fn push(
        &mut self,
        at: Instant,
        conn: usize,
        step: Option<&Step>,
        kind: EventKind,
    ) -> usize {
        self.push_cited(at, conn, step.map(reference), kind)
    }

    pub(super) fn push_cited(
        &mut self,
        at: Instant,
        conn: usize,
        step: Option<StepRef>,
        kind: EventKind,
    ) -> usize {
        self.events.push(Event {
            at_ns: at.as_nanos(),
            connection: conn as u16,
            step,
            state: None,
            kind,
        });
        self.events.len() - 1
    }

    /// Says how a received segment was judged, and by which step.
    pub(super) fn judge(&mut self, event: usize, step: Option<&Step>, verdict: Judged) {
        let event = &mut self.events[event];
        event.step = step.map(reference);
        if let EventKind::Received { judged, .. } = &mut event.kind {
            *judged = verdict;
        }
    }

    pub(super) fn count_assertions(&mut self, step: &Step) {
        let count = match &step.verb {
            Verb::Call {
                refused: Some(refused),
                ..
            } => u32::from(refused.is_judged()),
            Verb::Inject(_)
            | Verb::InjectIcmp(_)
            | Verb::Flood(_)
            | Verb::Call { .. }
            | Verb::OneOf(_)
            | Verb::Drain(_) => 0,
            Verb::Expect(expect) => {
                u32::from(!expect.optional) + u32::from(expect.should.is_some())
            }
            _ => 1,
        };
        if step.preamble.is_none() {
            self.assertions += count;
        }
    }

    /// The device could not tell.
    pub(super) fn leave_unchecked(&mut self, step: &Step) {
        if step.preamble.is_none() {
            self.unchecked += 1;
        }
    }

    /// Records a finding. A SHOULD beside a MUST lets the case go on; all else ends it.
    pub(super) fn find(
        &mut self,
        step: &Step,
        (level, requirement): (Level, Option<String>),
        finding: Finding,
    ) {
        if let Some(preamble) = &step.preamble {
            let reason = format!("could not reach {preamble}: {}", finding.headline);
            self.add(
                Some(step),
                (level, None),
                &format!("preamble {preamble}"),
                finding,
            );
            self.inconclusive(reason);
            return;
        }
        let prefix = format!("step {}", step.number);
        let ends = step.should.is_none() && requirement.is_none();
        self.add(Some(step), (level, requirement), &prefix, finding);
        self.over |= ends;
    }

    /// Records a finding that belongs to no step: `end`, or `invariant`.
    pub(super) fn find_apart(
        &mut self,
        prefix: &str,
        judged_at: (Level, Option<String>),
        finding: Finding,
    ) {
        let ends = judged_at.0 == Level::Must;
        self.add(None, judged_at, prefix, finding);
        self.over |= ends;
    }

    fn add(
        &mut self,
        step: Option<&Step>,
        (level, requirement): (Level, Option<String>),
        prefix: &str,
        finding: Finding,
    ) {
        if self.over {
            return;
        }
        let verdict = match level {
            Level::Must => Verdict::Fail,
            Level::Should => Verdict::Deviates,
            Level::May => return,
        };
        let symptom = format!("{prefix}: {}", finding.symptom);
        if self.mismatches.iter().any(|known| known.symptom == symptom) {
            return;
        }
        let mismatch = Mismatch {
            level,
            requirement,
            step: step.map(reference),
            event: finding.event,
            symptom,
            headline: finding.headline,
            fields: finding.fields,
        };
        if verdict == Verdict::Fail {
            self.mismatches.insert(0, mismatch);
            self.verdict = Some(verdict);
        } else {
            self.mismatches.push(mismatch);
            self.verdict.get_or_insert(verdict);
        }
    }

    /// Nothing is proved.
    pub(super) fn inconclusive(&mut self, reason: String) {
        if !self.over {
            self.verdict = Some(Verdict::Inconclusive);
            self.reason = Some(reason);
            self.over = true;
        }
    }

    /// A failure proves nothing; a pass does.
    pub(super) fn doubt(&mut self, reason: String) {
        if matches!(self.verdict, Some(Verdict::Fail | Verdict::Deviates)) {
            self.verdict = Some(Verdict::Inconclusive);
            self.reason = Some(reason);
        }
    }

    pub(super) fn into_record(
        self,
        case: &Case,
        seed: u64,
        connections: Vec<Connection>,
        now: Instant,
    ) -> CaseRecord {
        let requirement = |id: &String| Requirement {
            id: id.clone(),
            place: String::new(),
            level: case.level,
            sentence: String::new(),
        };
        CaseRecord {
            id: case.id.clone(),
            folder: case.folder.clone(),
            section: case.section.clone(),
            title: case.title.clone(),
            family: case.family,
            params: case.params.clone(),
            covers: case.covers.iter().map(requirement).collect(),
            level: case.level,
            verdict: self.verdict.unwrap_or(Verdict::Pass),
            reason: self.reason,
            known: None,
            attempts: 1,
            flaky: false,
            earlier: Vec::new(),
            unchecked: self.unchecked,
            assertions: self.assertions,
            seed,
            mismatches: self.mismatches,
            branches: self.branches,
            connections,
            events: self.events,
            device_ns: now.as_nanos(),
            wall_ns: 0,
            file: case.file.to_string(),
            capture: None,
        }
    }
}

/// A step as the record cites it.
pub(super) fn reference(step: &Step) -> StepRef {
    StepRef {
        number: step.number.clone(),
        line: step.line,
        preamble: step.preamble.as_ref().map(ToString::to_string),
    }
}
