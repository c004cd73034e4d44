//! The answers of workers, with a second chance for what went wrong: when all other cases are
//! done, a new worker plays it again, few cases at a time. What then stands is decided by
//! [`super::replays`].

use super::replays::{Leniency, Replays};
use super::{Answer, Job, Lost, RunOrder, Running, command, run_cases};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Cases side by side when they are played again.
pub const QUIET_JOBS: usize = 4;

/// Starts a worker.
type Start<'a> = dyn FnMut(RunOrder, Vec<Job>) -> io::Result<Running> + 'a;

/// The answers of a worker, and of later ones for what is played again.
pub struct Patient<'a> {
    start: Box<Start<'a>>,
    order: RunOrder,
    /// All cases, the first one first, and those that were answered for.
    jobs: Vec<Job>,
    answered: BTreeSet<String>,
    running: Running,
    /// The worker plays again what went wrong.
    again: bool,
    replays: Replays<'a>,
    ready: VecDeque<Answer>,
}

/// What there is to hear.
#[derive(Debug)]
pub enum Turn {
    /// An answer that stands.
    Answer(Answer),
    /// Nothing yet.
    Waiting,
    /// Nothing more.
    End,
}

/// Has a worker of `exe` run `cases`, the first one first, and play again what goes wrong.
pub fn run_cases_patiently<'a>(
    exe: &'a Path,
    order: RunOrder,
    cases: Vec<Job>,
    leniency: Leniency<'a>,
) -> io::Result<Patient<'a>> {
    let start = |order, jobs| run_cases(command(exe), order, jobs);
    Patient::new(Box::new(start), order, cases, leniency)
}

impl<'a> Patient<'a> {
    pub(super) fn new(
        mut start: Box<Start<'a>>,
        order: RunOrder,
        jobs: Vec<Job>,
        leniency: Leniency<'a>,
    ) -> io::Result<Self> {
        Ok(Self {
            running: start(order.clone(), jobs.clone())?,
            start,
            order,
            again: false,
            replays: Replays::new(leniency, jobs.len()),
            jobs,
            answered: BTreeSet::new(),
            ready: VecDeque::new(),
        })
    }

    /// Waits for an answer, for so long at most.
    pub fn next_within(&mut self, patience: Duration) -> Turn {
        loop {
            if let Some(answer) = self.ready.pop_front() {
                return Turn::Answer(answer);
            }
            match self.running.answers.recv_timeout(patience) {
                Ok(answer) => self.hear(answer),
                Err(RecvTimeoutError::Timeout) => return Turn::Waiting,
                Err(RecvTimeoutError::Disconnected) => match self.go_on() {
                    Ok(true) => {}
                    Ok(false) => return Turn::End,
                    Err(error) => self.give_up(&error),
                },
            }
        }
    }

    /// Ends the worker; what it has said counts, and what was to be played again is handed out as
    /// it is.
    pub fn stop(mut self) -> (Vec<Answer>, Option<String>) {
        let said: Vec<Answer> = self.running.answers.try_iter().collect();
        for answer in said {
            match answer {
                Answer::Case(record) => self.ready.extend(self.replays.take(*record)),
                Answer::Lost(lost) => self.ready.extend(self.replays.lose(lost)),
                other => self.ready.push_back(other),
            }
        }
        let mut answers: Vec<Answer> = self.ready.drain(..).collect();
        answers.extend(self.replays.release());
        (answers, self.replays.remark())
    }

    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Case(record) => {
                self.answered.insert(record.id.clone());
                self.ready.extend(self.replays.take(*record));
            }
            Answer::Lost(lost) => {
                self.answered.insert(lost.job.id.clone());
                self.ready.extend(self.replays.lose(lost));
            }
            other => self.ready.push_back(other),
        }
        let is_begun = self.answered.len() < self.jobs.len();
        if is_begun && !self.again && self.replays.are_enough() {
            // If no other worker can be started, this one goes on, and failures are counted later.
            self.again = self.go_on().is_err() || self.again;
        }
    }

    /// Starts the next worker: for what is played again, or else for what was left when there
    /// were failures enough. False if there is nothing left to do.
    fn go_on(&mut self) -> io::Result<bool> {
        let again = self.replays.jobs();
        let is_again = !again.is_empty();
        let (jobs, cases) = if is_again {
            (QUIET_JOBS.min(self.order.jobs), again)
        } else {
            let is_open = |job: &&Job| !self.answered.contains(&job.id);
            let rest = self.jobs.iter().filter(is_open).cloned().collect();
            (self.order.jobs, rest)
        };
        if cases.is_empty() {
            return Ok(false);
        }
        let order = RunOrder {
            jobs,
            ..self.order.clone()
        };
        self.running = (self.start)(order, cases)?;
        self.again = is_again;
        Ok(true)
    }

    /// Without another worker everything is as it is.
    fn give_up(&mut self, error: &io::Error) {
        self.ready.extend(self.replays.release());
        for job in &self.jobs {
            if self.answered.insert(job.id.clone()) {
                self.ready.push_back(Answer::Lost(Lost {
                    job: job.clone(),
                    reason: format!("no worker for another try: {error}"),
                }));
            }
        }
    }
}

impl Iterator for Patient<'_> {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        loop {
            match self.next_within(Duration::MAX) {
                Turn::Answer(answer) => return Some(answer),
                Turn::Waiting => {}
                Turn::End => return None,
            }
        }
    }
}
