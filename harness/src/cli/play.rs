//! Cases onto devices: which threads or processes play them, and how their records come back.

use super::Failure;
use super::interrupt::Interrupt;
use super::plan::Target;
use super::remote::{Connection, Session};
use crate::device::InProcess;
use crate::device::kernel::Kernel;
use crate::drive::side_by_side::{self, Order, Turn};
use crate::link;
use crate::seed;
use crate::spec::case::{Case, Family};
use crate::spec::profile::Profile;
use crate::worker::{self, Answer, Job, Leniency, RunOrder};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tcpspec_reports::record::{CaseRecord, Verdict};

/// What came of a case that did not run.
pub(super) fn unplayed(case: &Case, seed: u64, verdict: Verdict, reason: String) -> CaseRecord {
    CaseRecord {
        id: case.id.clone(),
        folder: case.folder.clone(),
        section: case.section.clone(),
        title: case.title.clone(),
        family: case.family,
        params: case.params.clone(),
        covers: Vec::new(),
        level: case.level,
        verdict,
        reason: Some(reason),
        known: None,
        attempts: 0,
        flaky: false,
        earlier: Vec::new(),
        unchecked: 0,
        assertions: 0,
        seed,
        mismatches: Vec::new(),
        branches: Vec::new(),
        connections: Vec::new(),
        events: Vec::new(),
        device_ns: 0,
        wall_ns: 0,
        file: case.file.to_string(),
        capture: None,
    }
}

/// How often the user's wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(100);

/// The cases that have had their turn, by their indices.
#[derive(Debug, Default)]
pub(super) struct Begun(Mutex<BTreeSet<usize>>);

impl Begun {
    /// A case has its turn.
    pub(super) fn note(&self, index: usize) {
        self.set().insert(index);
    }

    /// The case has had its turn.
    pub(super) fn has(&self, index: usize) -> bool {
        self.set().contains(&index)
    }

    fn set(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How to play.
pub(super) struct Pace<'i> {
    /// The device.
    pub target: Target,
    /// The seed of the run.
    pub seed: u64,
    /// Cases side by side; `None`: what suits the device.
    pub jobs: Option<usize>,
    /// The folder of the specs, for a worker; `None`: the embedded ones.
    pub specs: Option<PathBuf>,
    /// Spec files beside them.
    pub files: Vec<PathBuf>,
    /// Why this machine lets no case be played on the device: all are skipped.
    pub(super) refusal: Option<String>,
    /// Set when the user wants to stop.
    pub interrupt: &'i Interrupt,
    /// The way to a host; `None` for other devices, and where nothing is to be sent.
    pub(super) connection: Option<Connection>,
    /// The cases of the last call of [`Pace::play`] that have had their turn.
    pub(super) begun: Begun,
}

impl Pace<'_> {
    /// Plays `cases` and hands over each record with its case's index, as they finish. Stops
    /// early if `done` says so, or the user does. Gives a remark on the whole, if there is one.
    pub(super) fn play(
        &self,
        cases: &[Case],
        profile: &Profile,
        leniency: Leniency<'_>,
        done: &mut dyn FnMut(usize, CaseRecord) -> Go,
    ) -> Result<Option<String>, Failure> {
        self.begun.set().clear();
        let mut ready = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let Some(reason) = case.skip.as_ref().or(self.refusal.as_ref()) else {
                ready.push(index);
                continue;
            };
            let seed = seed::of_case(self.seed, &case.id);
            let record = unplayed(case, seed, Verdict::Skipped, reason.clone());
            if done(index, record) == Go::Stop {
                return Ok(None);
            }
        }
        match &self.target {
            // On the virtual clock another attempt would be the same, bit for bit.
            Target::Simulated(device) => self
                .simulated(device, cases, &ready, profile, done)
                .map(|()| None),
            Target::Kernel => self.kernel(cases, &ready, profile, leniency, done),
            Target::Host(remote) => {
                let Some(connection) = &self.connection else {
                    return Ok(None);
                };
                let session = Session {
                    profile,
                    seed: self.seed,
                    jobs: self.jobs,
                    interrupt: self.interrupt,
                    connection,
                    begun: &self.begun,
                };
                Ok(remote.play(&session, cases, &ready, leniency, done))
            }
        }
    }

    /// What exactly answers, and over which link.
    pub(super) fn identity(&self) -> (String, String) {
        match &self.target {
            Target::Simulated(device) => (device.identity.to_owned(), "memory".to_owned()),
            Target::Kernel => (
                Kernel::identity(),
                link::Kind::available().name().to_owned(),
            ),
            Target::Host(remote) => (
                format!("{}-{}", remote.profile(), remote.name()),
                remote.link(),
            ),
        }
    }

    fn simulated(
        &self,
        device: &InProcess,
        cases: &[Case],
        ready: &[usize],
        profile: &Profile,
        done: &mut dyn FnMut(usize, CaseRecord) -> Go,
    ) -> Result<(), Failure> {
        (device.make)(profile, Family::V4).map_err(Failure::Usage)?;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let turns = ready.iter().map(|&index| {
            let seed = seed::of_case(self.seed, &cases[index].id);
            Turn { index, seed }
        });
        let order = Order {
            device: *device,
            profile: profile.clone(),
            cases: cases.to_vec(),
            turns: turns.collect(),
            jobs: self.jobs.unwrap_or_else(cores),
            patience: side_by_side::PATIENCE,
        };
        let begun = |turn: Turn| self.begun.note(turn.index);
        for heard in side_by_side::play(order, || self.interrupt.is_set(), begun) {
            let record = heard.outcome.unwrap_or_else(|reason| {
                let Turn { index, seed } = heard.turn;
                let verdict = Verdict::Inconclusive;
                Box::new(unplayed(&cases[index], seed, verdict, reason))
            });
            if done(heard.turn.index, *record) == Go::Stop {
                break;
            }
        }
        Ok(())
    }

    /// The longest first: then the others fit beside them.
    fn jobs_of(&self, cases: &[Case], ready: &[usize]) -> Vec<Job> {
        let mut order_of_start: Vec<&Case> = ready.iter().map(|&index| &cases[index]).collect();
        order_of_start.sort_by_key(|case| Reverse(case.least_time));
        let job = |case: &Case| Job {
            id: case.id.clone(),
            seed: seed::of_case(self.seed, &case.id),
        };
        order_of_start.into_iter().map(job).collect()
    }

    /// The worker hands back records by case id.
    fn kernel(
        &self,
        cases: &[Case],
        ready: &[usize],
        profile: &Profile,
        leniency: Leniency<'_>,
        done: &mut dyn FnMut(usize, CaseRecord) -> Go,
    ) -> Result<Option<String>, Failure> {
        let refused = |error: std::io::Error| {
            Failure::Environment(format!(
                "cannot start this program again as a worker: {error}"
            ))
        };
        if ready.is_empty() {
            return Ok(None);
        }
        let places: BTreeMap<&str, usize> = ready
            .iter()
            .map(|&index| (cases[index].id.as_str(), index))
            .collect();
        let order = RunOrder {
            specs: self.specs.clone(),
            files: self.files.clone(),
            jobs: self.jobs.unwrap_or(worker::DEFAULT_JOBS),
            retries: leniency.retries,
            ..RunOrder::new(&profile.device)
        };
        let exe = std::env::current_exe().map_err(refused)?;
        let jobs = self.jobs_of(cases, ready);
        let mut hear = |answer| {
            let (id, record) = match answer {
                Answer::Case(record) => (record.id.clone(), Ok(*record)),
                Answer::Lost(lost) => (lost.job.id, Err((lost.job.seed, lost.reason))),
                Answer::Begun(id) => {
                    if let Some(&index) = places.get(id.as_str()) {
                        self.begun.note(index);
                    }
                    return Go::On;
                }
                Answer::Ready { .. } | Answer::Probed(_) => return Go::On,
            };
            let Some(&index) = places.get(id.as_str()) else {
                return Go::On;
            };
            let lost =
                |(seed, reason)| unplayed(&cases[index], seed, Verdict::Inconclusive, reason);
            done(index, record.unwrap_or_else(lost))
        };
        let mut answers =
            worker::run_cases_patiently(&exe, order, jobs, leniency).map_err(refused)?;
        while !self.interrupt.is_set() {
            match answers.next_within(GLANCE) {
                worker::Turn::Answer(answer) => {
                    if hear(answer) == Go::Stop {
                        break;
                    }
                }
                worker::Turn::Waiting => {}
                worker::Turn::End => break,
            }
        }
        let (held, remark) = answers.stop();
        for answer in held {
            hear(answer);
        }
        Ok(remark)
    }
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    /// There may be more.
    On,
    /// Enough.
    Stop,
}
