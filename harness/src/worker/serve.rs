//! The worker's side: become root of a namespace, read the order, run the cases side by side.

use super::player::Loaded;
use super::probe::{self, Privilege};
use super::reaper::{self, Reaper};
use super::{Answer, Job, Lost, Order, RunOrder};
use crate::device::kernel::Kernel;
use crate::device::kernel::namespace::{self, NamespaceError};
use crate::link::Kind;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope};
use std::vec::IntoIter;

/// Runs the worker: the first thing that `tcpspec worker PARENT` does, before any thread exists.
pub fn main(parent: Option<&str>) -> ExitCode {
    match serve(parent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve(parent: Option<&str>) -> Result<(), String> {
    let privilege = prepare(parent)?;
    let mut lines = io::stdin().lines();
    let first = lines
        .next()
        .ok_or("a worker is started by tcpspec, not by hand")?;
    let first = first.map_err(|error| format!("reading the order: {error}"))?;
    let order = serde_json::from_str(&first).map_err(|error| format!("the order: {error}"))?;
    let order = match order {
        Order::Run(order) => order,
        Order::Probe => return say(&Answer::Probed(probe::all(&privilege))),
    };
    privilege.map_err(|error| format!("{error}; `tcpspec doctor` says what to do"))?;
    let jobs = lines.map(|line| {
        let line = line.map_err(|error| format!("reading a job: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("a job: {error}"))
    });
    let jobs = jobs.collect::<Result<Vec<Job>, String>>()?;
    let loaded = Loaded::of(&order, &jobs)?;
    say(&Answer::Ready {
        identity: Kernel::identity(),
        link: Kind::available().name().to_owned(),
    })?;
    let threads = NonZeroUsize::new(jobs.len()).unwrap_or(NonZeroUsize::MIN);
    let reaper = Reaper::new(threads.min(reaper::THREADS));
    let reaper = reaper.map_err(|error| format!("a thread: {error}"))?;
    run(&loaded, &order, &reaper, jobs)
}

/// The steps that must come before there is a second thread. The worker does not outlive its
/// parent, and Ctrl-C is the parent's to handle.
fn prepare(parent: Option<&str>) -> Result<Result<Privilege, NamespaceError>, String> {
    let die_with_parent = || {
        set_pdeathsig(Signal::SIGKILL).map_err(|errno| format!("prctl(PR_SET_PDEATHSIG): {errno}"))
    };
    die_with_parent()?;
    let privilege = if namespace::is_privileged() {
        Ok(Privilege::Granted)
    } else {
        namespace::become_root_of_our_own().map(|()| Privilege::OwnNamespace)
    };
    // New credentials may have cleared it.
    die_with_parent()?;
    let expected = parent.and_then(|parent| parent.parse().ok());
    if expected != Some(std::os::unix::process::parent_id()) {
        return Err("the process that started this worker is gone".to_owned());
    }
    let mut interrupts = SigSet::empty();
    interrupts.add(Signal::SIGINT);
    interrupts
        .thread_block()
        .map_err(|errno| format!("blocking SIGINT: {errno}"))?;
    Ok(privilege)
}

/// A thread for each case as long as there are not too many; then they share the rest.
fn run(
    loaded: &Loaded,
    order: &RunOrder,
    reaper: &Reaper<Kernel>,
    jobs: Vec<Job>,
) -> Result<(), String> {
    let threads = jobs.len().min(order.jobs.max(1));
    let jobs = Mutex::new(jobs.into_iter());
    thread::scope(|scope| {
        for _ in 0..threads {
            spawn(scope, &jobs, |job| play(loaded, job, order.retries, reaper))?;
        }
        Ok(())
    })
}

fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    jobs: &'scope Mutex<IntoIter<Job>>,
    play: impl Fn(Job) -> Answer + Send + 'scope,
) -> Result<(), String> {
    let work = move || {
        loop {
            let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(job) = next else { return };
            // If the parent no longer listens, it is about to end us.
            let _ = say(&Answer::Begun(job.id.clone()));
            let _ = say(&play(job));
        }
    };
    let thread = thread::Builder::new().name("case".to_owned());
    thread
        .spawn_scoped(scope, work)
        .map(drop)
        .map_err(|error| format!("a thread: {error}"))
}

/// A case that makes the harness panic is lost, and no other.
fn play(loaded: &Loaded, job: Job, retries: u32, reaper: &Reaper<Kernel>) -> Answer {
    let played = catch_unwind(AssertUnwindSafe(|| loaded.play(&job, retries, reaper)));
    match played {
        Ok(Ok(record)) => Answer::Case(Box::new(record)),
        Ok(Err(reason)) => Answer::Lost(Lost { job, reason }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or_default();
            let reason = format!("the harness erred, which is a bug of tcpspec: {text}");
            Answer::Lost(Lost { job, reason })
        }
    }
}

/// One line, whole.
fn say(answer: &Answer) -> Result<(), String> {
    let mut line = serde_json::to_vec(answer).map_err(|error| format!("an answer: {error}"))?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(|error| format!("answering: {error}"))
}
