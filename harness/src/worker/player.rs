//! One case after another on this machine's kernel, each in a namespace of its own.

use super::reaper::Reaper;
use super::{Job, RunOrder};
use crate::device::kernel::Kernel;
use crate::drive::real_time::{self, Played};
use crate::link::{self, Kind};
use crate::run::Runner;
use crate::spec::case::{Case, Family};
use crate::spec::profile::Profile;
use crate::spec::{self, Sources};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tcpspec_reports::record::{CaseRecord, Verdict};

/// No case takes longer than this and twice what its bounds allow, whatever the device does.
const PATIENCE: Duration = Duration::from_secs(300);

/// What an order names, loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    profile: Profile,
    cases: BTreeMap<String, Case>,
    /// One namespace is made at a time: the kernel would not make more, and hundreds of threads
    /// that work on it would make those late that have a case to play.
    starting: Mutex<()>,
}

impl Loaded {
    /// Loads the cases of the jobs for the profile that the order names.
    pub(super) fn of(order: &RunOrder, jobs: &[Job]) -> Result<Self, String> {
        let ids = jobs.iter().map(|job| job.id.as_str());
        let mut sources = Sources::of_cases(order.specs.as_deref(), ids)
            .map_err(|error| format!("reading the specs: {error}"))?;
        for file in &order.files {
            sources = sources
                .with_file(file)
                .map_err(|error| format!("reading {}: {error}", file.display()))?;
        }
        let suite = spec::read(&sources).map_err(|bad| bad.render(false))?;
        let profile = suite.profile(&order.profile).cloned();
        let profile = profile.ok_or_else(|| format!("there is no profile `{}`", order.profile))?;
        let cases = suite.cases(&profile, &[Family::V4, Family::V6]);
        let canaries = suite.canaries(&profile);
        let all = cases.and_then(|cases| Ok((cases, canaries?)));
        let (cases, canaries) = all.map_err(|bad| bad.render(false))?;
        let cases = cases.into_iter().chain(canaries);
        Ok(Self {
            profile,
            cases: cases.map(|case| (case.id.clone(), case)).collect(),
            starting: Mutex::new(()),
        })
    }

    /// Plays a case, and again if the tester was too late for its verdict to prove anything.
    pub(super) fn play(
        &self,
        job: &Job,
        retries: u32,
        reaper: &Reaper<Kernel>,
    ) -> Result<CaseRecord, String> {
        let case = self.cases.get(&job.id).ok_or_else(|| {
            format!(
                "the worker's specs have no case `{}`: did they change meanwhile?",
                job.id
            )
        })?;
        let mut earlier = Vec::new();
        loop {
            let Played {
                mut record,
                doubted,
            } = self.attempt(case, job.seed, reaper);
            let is_open = doubted && record.verdict == Verdict::Inconclusive;
            if !is_open || earlier.len() >= retries as usize {
                record.attempts = 1 + earlier.len() as u32;
                record.earlier = earlier;
                return Ok(record);
            }
            earlier.push(record);
        }
    }

    fn attempt(&self, case: &Case, seed: u64, reaper: &Reaper<Kernel>) -> Played {
        let limit = PATIENCE + case.most_time.saturating_mul(2);
        let started = {
            let _turn = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
            Kernel::start(Kind::available(), case.family, &self.profile.pinned)
        };
        match started {
            Ok(mut kernel) => {
                let clock = kernel.clock();
                let played = real_time::play(case, &self.profile, &mut kernel, clock, seed, limit);
                reaper.bury(kernel);
                played
            }
            Err(error) => {
                let info = link::info(case.family);
                let mut runner = Runner::new(case, &self.profile, info, seed);
                runner.give_up(error.to_string());
                let record = runner.finish(crate::time::Instant::START);
                Played {
                    record,
                    doubted: false,
                }
            }
        }
    }
}
