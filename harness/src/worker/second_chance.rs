//! A second chance for cases that stayed inconclusive: most often the tester was late because
//! hundreds of cases ran beside it, so they are played again when all others are done, few at a
//! time. What is inconclusive then stays so.

use super::{Answer, Job, Lost, RunOrder, Running, command, run_cases};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use tcpspec_reports::record::Verdict;

/// Cases side by side in the second pass.
const QUIET_JOBS: usize = 4;

/// The answers of a worker, and of a second one for what the first could not judge.
#[derive(Debug)]
pub struct Patient {
    exe: PathBuf,
    order: RunOrder,
    running: Running,
    /// Cases to be played again, and how often they were played.
    held: BTreeMap<String, (u64, u32)>,
    second: bool,
}

/// Has a worker of `exe` run `cases`, the first one first, and what stays inconclusive once more.
pub fn run_cases_patiently(exe: &Path, order: RunOrder, cases: Vec<Job>) -> io::Result<Patient> {
    Ok(Patient {
        exe: exe.to_owned(),
        running: run_cases(command(exe), order.clone(), cases)?,
        order,
        held: BTreeMap::new(),
        second: false,
    })
}

impl Patient {
    /// Keeps the case for the second pass; false if this is the second pass.
    fn hold(&mut self, id: &str, seed: u64, attempts: u32) -> bool {
        if !self.second {
            self.held.insert(id.to_owned(), (seed, attempts));
        }
        !self.second
    }

    /// Starts the second pass; false if there is nothing left to do.
    fn go_again(&mut self) -> io::Result<bool> {
        if self.second || self.held.is_empty() {
            return Ok(false);
        }
        self.second = true;
        let order = RunOrder {
            jobs: QUIET_JOBS.min(self.order.jobs),
            ..self.order.clone()
        };
        let job = |(id, (seed, _)): (&String, &(u64, u32))| Job {
            id: id.clone(),
            seed: *seed,
        };
        let jobs = self.held.iter().map(job).collect();
        self.running = run_cases(command(&self.exe), order, jobs)?;
        Ok(true)
    }
}

impl Iterator for Patient {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        loop {
            match self.running.next() {
                Some(Answer::Case(mut record)) => {
                    let open = record.verdict == Verdict::Inconclusive;
                    if open && self.hold(&record.id, record.seed, record.attempts) {
                        continue;
                    }
                    if let Some((_, before)) = self.held.remove(&record.id) {
                        record.attempts += before;
                        record.flaky = record.verdict == Verdict::Pass;
                    }
                    return Some(Answer::Case(record));
                }
                Some(Answer::Lost(lost)) => {
                    if !self.hold(&lost.job.id, lost.job.seed, 1) {
                        self.held.remove(&lost.job.id);
                        return Some(Answer::Lost(lost));
                    }
                }
                Some(other) => return Some(other),
                None => match self.go_again() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        // The next call tries again, for what is still held.
                        self.second = false;
                        let (id, (seed, _)) = self.held.pop_first()?;
                        let job = Job { id, seed };
                        let reason = format!("no worker for a second try: {error}");
                        return Some(Answer::Lost(Lost { job, reason }));
                    }
                },
            }
        }
    }
}
