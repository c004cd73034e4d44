//! Cases on this machine's kernel run in a child process, the worker: the binary starts itself
//! again, because a user namespace can only be entered before there is a second thread, and
//! because the parent must stay where it is to reach other devices.
//!
//! The two speak JSON Lines. The parent writes an [`Order`] and then a [`Job`] for each case; the
//! worker answers with [`Answer`]s in whatever order the cases end. If the worker dies, its open
//! cases come back as lost. If the parent dies, the kernel kills the worker, and the namespaces
//! go with it. Nothing here judges.

mod player;
mod probe;
mod reaper;
mod replays;
mod second_chance;
mod serve;

pub use probe::Probe;
pub use replays::{Leniency, Replays};
pub use second_chance::{Patient, QUIET_JOBS, Turn, run_cases_patiently};
pub use serve::main;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tcpspec_reports::record::CaseRecord;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "worker";
/// Cases side by side where nobody says: waiting costs next to nothing.
pub const DEFAULT_JOBS: usize = 512;
/// How often what goes wrong is played again where nobody says.
pub const DEFAULT_RETRIES: u32 = 2;
/// What is kept of the worker's last words, octets.
const LAST_WORDS: usize = 2_000;

/// What the worker is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Run the cases that follow.
    Run(RunOrder),
    /// Find out what this machine allows.
    Probe,
}

/// How cases are to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrder {
    /// The directory of the specs; the embedded ones if there is none.
    pub specs: Option<PathBuf>,
    /// Spec files beside them.
    pub files: Vec<PathBuf>,
    /// The device profile.
    pub profile: String,
    /// So many cases side by side at most.
    pub jobs: usize,
    /// How often a case is played again at once, if the tester was late.
    pub retries: u32,
}

impl RunOrder {
    /// The embedded specs, with the defaults of everything.
    pub fn new(profile: &str) -> Self {
        Self {
            specs: None,
            files: Vec::new(),
            profile: profile.to_owned(),
            jobs: DEFAULT_JOBS,
            retries: DEFAULT_RETRIES,
        }
    }
}

/// A case to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Its seed.
    pub seed: u64,
}

/// What the worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is about to start.
    Ready {
        /// What exactly answers: `linux-6.18.44`.
        identity: String,
        /// `tun` or `veth`.
        link: String,
    },
    /// The case with this id has its turn.
    Begun(String),
    /// A case is over.
    Case(Box<CaseRecord>),
    /// A case could not be run: it is inconclusive.
    Lost(Lost),
    /// The answer to [`Order::Probe`].
    Probed(Vec<Probe>),
}

/// A case that has no record of its own, because the worker could not make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The case.
    pub job: Job,
    /// Why.
    pub reason: String,
}

/// The command that starts a worker of `exe`, the built `tcpspec`.
pub fn command(exe: &Path) -> Command {
    let mut command = Command::new(exe);
    command.args(arguments());
    command
}

/// The arguments that make `tcpspec` a worker of this process.
pub fn arguments() -> [OsString; 2] {
    [SUBCOMMAND.into(), std::process::id().to_string().into()]
}

/// Starts a worker and has it run `cases`, the first one first.
pub fn run_cases(command: Command, order: RunOrder, cases: Vec<Job>) -> io::Result<Running> {
    Running::start(command, Order::Run(order), cases)
}

/// Asks a worker what this machine allows. Everything that the `kernel` device needs is tried.
pub fn probe(command: Command) -> io::Result<Vec<Probe>> {
    let mut running = Running::start(command, Order::Probe, Vec::new())?;
    let probed = running.find_map(|answer| match answer {
        Answer::Probed(probes) => Some(probes),
        _ => None,
    });
    probed.ok_or_else(|| io::Error::other("the worker that was to probe died"))
}

/// A worker at work: an iterator over its answers. Dropping it ends the worker.
#[derive(Debug)]
pub struct Running {
    answers: Receiver<Answer>,
    child: Arc<Mutex<Child>>,
    keeper: Option<JoinHandle<()>>,
}

impl Running {
    /// The worker is started by a thread that lives as long as the worker does: the kernel kills
    /// it when that thread ends, not only when the process does.
    fn start(mut command: Command, order: Order, cases: Vec<Job>) -> io::Result<Self> {
        let (started, start) = channel();
        let (to_us, answers) = channel();
        let keeper = thread::Builder::new()
            .name("worker-keeper".to_owned())
            .spawn(move || {
                command
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    // Ctrl-C at the terminal is for us, who end the worker in order.
                    .process_group(0);
                match command.spawn() {
                    Err(error) => drop(started.send(Err(error))),
                    Ok(mut child) => {
                        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
                        let child = Arc::new(Mutex::new(child));
                        let asked = started.send(Ok(Arc::clone(&child))).is_ok();
                        if let (true, (Some(into), Some(from), Some(errors))) = (asked, pipes) {
                            keep(&child, Pipes { into, from, errors }, &order, &cases, &to_us);
                        }
                    }
                }
            })?;
        let gone = || io::Error::other("the thread that starts the worker ended");
        let child = start.recv().map_err(|_| gone())??;
        Ok(Self {
            answers,
            child,
            keeper: Some(keeper),
        })
    }
}

impl Iterator for Running {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        self.answers.recv().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A worker that has ended by itself cannot be killed, and need not.
        let _ = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .kill();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// The worker's standard streams.
struct Pipes {
    into: ChildStdin,
    from: ChildStdout,
    errors: ChildStderr,
}

/// Hands out the jobs, passes on the answers, and accounts for every case when the worker ends.
fn keep(
    child: &Mutex<Child>,
    pipes: Pipes,
    order: &Order,
    cases: &[Job],
    answers: &Sender<Answer>,
) {
    let mut open: BTreeMap<String, u64> =
        cases.iter().map(|job| (job.id.clone(), job.seed)).collect();
    let last_words = thread::spawn(move || read_last_words(pipes.errors));
    // A worker that dies while it is told what to do shows below, where its answers end.
    let _ = hand_out(pipes.into, order, cases);
    let mut trouble = None;
    for line in BufReader::new(pipes.from).lines() {
        let answer = line.and_then(|line| Ok(serde_json::from_str::<Answer>(&line)?));
        match answer {
            Ok(answer) => {
                match &answer {
                    Answer::Case(record) => drop(open.remove(&record.id)),
                    Answer::Lost(lost) => drop(open.remove(&lost.job.id)),
                    Answer::Ready { .. } | Answer::Begun(_) | Answer::Probed(_) => {}
                }
                let _ = answers.send(answer);
            }
            Err(error) => trouble = Some(format!("it said something unintelligible ({error})")),
        }
    }
    let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    let ended = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let words = last_words.join().unwrap_or_default();
    let why = trouble.unwrap_or_else(|| words.trim().to_owned());
    for (id, seed) in open {
        let reason = format!("the worker ended before the case did ({ended}) {why}");
        let _ = answers.send(Answer::Lost(Lost {
            job: Job { id, seed },
            reason: reason.trim_end().to_owned(),
        }));
    }
}

fn hand_out(into: ChildStdin, order: &Order, cases: &[Job]) -> io::Result<()> {
    let mut into = BufWriter::new(into);
    serde_json::to_writer(&mut into, order)?;
    for job in cases {
        into.write_all(b"\n")?;
        serde_json::to_writer(&mut into, job)?;
    }
    into.write_all(b"\n")?;
    into.flush()
}

/// The end of what the worker wrote to its standard error.
fn read_last_words(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut octets = [0; 512];
    while let Ok(length @ 1..) = errors.read(&mut octets) {
        kept.extend_from_slice(octets.get(..length).unwrap_or_default());
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests;
