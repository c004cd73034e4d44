//! This machine's kernel, on the real clock.
//!
//! One worker plays all that the filter lets through, side by side; a test waits for its own
//! record. Slow cases are ignored unless asked for (`--ignored`, `--include-ignored`). Where the
//! machine forbids namespaces, every test is ignored with the reason.

use crate::shared::{Loaded, NEVER, SEED, exact, folder, judge};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tcpspec::deviations;
use tcpspec::seed;
use tcpspec::select::Subject;
use tcpspec::spec::Deviation;
use tcpspec::worker::{self, Answer, Job, Leniency, RunOrder};
use tcpspec_reports::record::CaseRecord;

/// The identity of the device, as far as deviation lists ask for it.
const LINUX: &str = "linux-";

/// A test for each case, and the worker at work on those that are meant.
pub(crate) fn trials(arguments: &Arguments) -> Vec<Trial> {
    let loaded = match exact(arguments) {
        None => Loaded::new("linux"),
        Some(name) => match name.strip_prefix("kernel/") {
            Some(id) => Loaded::one("linux", id),
            None => return Vec::new(),
        },
    };
    // A single test asks only if its case could not be played: asking makes three namespaces.
    let is_alone = exact(arguments).is_some();
    let refused = (!arguments.list && !is_alone).then(refusal).flatten();
    let results = Arc::new(Results::default());
    let mut jobs = Vec::new();
    let mut trials = Vec::new();
    let deviations: Arc<[Deviation]> = loaded.suite.deviations().into();
    // The longest first: then the others fit beside them.
    let mut cases: Vec<_> = loaded.cases().collect();
    cases.sort_by_key(|case| Reverse(case.least_time));
    for case in cases {
        let name = format!("kernel/{}", case.id);
        let slow = Subject::from(case).is_slow();
        let skip = case.skip.clone().or_else(|| refused.clone());
        let runs = if arguments.ignored {
            slow
        } else {
            arguments.include_ignored || !slow
        };
        if skip.is_none() && runs && is_meant(arguments, &name) {
            jobs.push(Job {
                id: case.id.clone(),
                seed: seed::of_case(SEED, &case.id),
            });
        }
        let (id, results, deviations) = (case.id.clone(), results.clone(), deviations.clone());
        let trial = Trial::ignorable_test(name, move || match skip {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => match results.wait_for(&id) {
                Ok(record) => judge(record, LINUX, &deviations),
                Err(lost) => match is_alone.then(refusal).flatten() {
                    Some(reason) => Ok(Completion::ignored_with(reason)),
                    None => Err(lost),
                },
            },
        });
        trials.push(trial.with_ignored_flag(slow));
    }
    if !arguments.list && !jobs.is_empty() {
        play(jobs, &results, deviations);
    }
    trials
}

/// The filter of the command line, as the test runner applies it.
fn is_meant(arguments: &Arguments, name: &str) -> bool {
    let matches = |filter: &String| {
        if arguments.exact {
            name == filter
        } else {
            name.contains(filter.as_str())
        }
    };
    arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
}

/// Why this machine cannot play cases on its kernel, if it cannot.
fn refusal() -> Option<String> {
    match worker::probe(worker::command(binary())) {
        Err(error) => Some(format!("no worker: {error}")),
        Ok(probes) => {
            let refused = probes.into_iter().find(|probe| probe.needed && !probe.ok)?;
            Some(format!(
                "{}: {} (see `tcpspec doctor`)",
                refused.name, refused.reason
            ))
        }
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tcpspec"))
}

/// Starts the worker; its answers come in while the tests wait.
fn play(jobs: Vec<Job>, results: &Arc<Results>, list: Arc<[Deviation]>) {
    let order = RunOrder {
        specs: Some(folder()),
        ..RunOrder::new("linux")
    };
    let results = results.clone();
    std::thread::spawn(move || {
        let leniency = Leniency {
            retries: worker::DEFAULT_RETRIES,
            strict: true,
            strange: Box::new(move |record| deviations::unforetold(&list, LINUX, NEVER, record)),
            ..Leniency::none()
        };
        match worker::run_cases_patiently(binary(), order, jobs, leniency) {
            Err(error) => results.end(&format!("no worker: {error}")),
            Ok(answers) => {
                answers.for_each(|answer| results.take(answer));
                results.end("the worker ended without a word about this case");
            }
        }
    });
}

/// Records as they come in.
#[derive(Default)]
struct Results {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    records: BTreeMap<String, Result<CaseRecord, String>>,
    ended: Option<String>,
}

impl Results {
    fn take(&self, answer: Answer) {
        let (id, record) = match answer {
            Answer::Case(record) => (record.id.clone(), Ok(*record)),
            Answer::Lost(lost) => (lost.job.id, Err(lost.reason)),
            Answer::Ready { .. } | Answer::Begun(_) | Answer::Probed(_) => return,
        };
        self.lock().records.insert(id, record);
        self.changed.notify_all();
    }

    fn end(&self, why: &str) {
        self.lock().ended = Some(why.to_owned());
        self.changed.notify_all();
    }

    fn wait_for(&self, id: &str) -> Result<CaseRecord, Failed> {
        let mut state = self.lock();
        loop {
            if let Some(record) = state.records.remove(id) {
                return record.map_err(Failed::from);
            }
            if let Some(why) = &state.ended {
                return Err(why.as_str().into());
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
