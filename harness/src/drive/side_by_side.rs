//! Cases on the virtual clock, some at a time, each on a device of its own.
//!
//! A device may be anybody's code. If it panics, its case is inconclusive, with the panic's words.
//! If it does not come back, its thread is left behind, its case is inconclusive, and the others
//! go on; the thread ends with the process. What this cannot do: survive a device that ends the
//! process.

use super::{panics, virtual_time};
use crate::device::InProcess;
use crate::spec::case::Case;
use crate::spec::profile::Profile;
use nix::unistd::{Pid, gettid};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tcpspec_reports::record::CaseRecord;

/// How long one case may take where nobody says: the longest take a tenth of a second.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often cases that do not end, and the wish to stop, are looked for.
const GLANCE: Duration = Duration::from_millis(100);

/// What is to be played.
#[derive(Debug)]
pub struct Order {
    /// On which device.
    pub device: InProcess,
    /// Its profile.
    pub profile: Profile,
    /// All cases.
    pub cases: Vec<Case>,
    /// Those that are played, in their order.
    pub turns: Vec<Turn>,
    /// So many at a time.
    pub jobs: usize,
    /// A case that has not ended after that long is given up.
    pub patience: Duration,
}

/// A case that is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its place among the cases.
    pub index: usize,
    /// Its seed.
    pub seed: u64,
}

/// What came of a case.
#[derive(Debug)]
pub struct Heard {
    /// Which.
    pub turn: Turn,
    /// Its record, or why there is none.
    pub outcome: Result<Box<CaseRecord>, String>,
}

/// Plays cases and yields what comes of them, as they end; `begun` hears of each that has its turn.
/// Dropping it, or `stop`, ends that early.
pub fn play(
    order: Order,
    stop: impl Fn() -> bool,
    begun: impl Fn(Turn),
) -> impl Iterator<Item = Heard> {
    let (sender, receiver) = channel();
    let jobs = order.jobs.clamp(1, order.turns.len().max(1));
    let mut pool = Pool {
        open: order.turns.len(),
        order: Arc::new(order),
        next: Arc::new(AtomicUsize::new(0)),
        sender,
        receiver,
        busy: BTreeMap::new(),
        threads: 0,
    };
    for _ in 0..jobs {
        pool.begin_thread();
    }
    std::iter::from_fn(move || pool.next_heard(&stop, &begun))
}

/// A word from a thread.
enum Word {
    /// It plays this now.
    Begun(Turn, Pid),
    /// This ended.
    Ended(Heard),
}

/// A case that a thread plays.
struct Playing {
    turn: Turn,
    thread: Pid,
    since: Instant,
    /// How long the thread had waited for a processor before.
    waited: Duration,
}

impl Playing {
    fn begun(turn: Turn, thread: Pid) -> Self {
        Self {
            turn,
            thread,
            since: Instant::now(),
            waited: waited(thread),
        }
    }

    /// How long it has taken. That others had the processors meanwhile is none of its doing.
    fn taken(&self) -> Duration {
        let waited = waited(self.thread).saturating_sub(self.waited);
        self.since.elapsed().saturating_sub(waited)
    }
}

/// How long a thread of ours was ready to run and did not: the second number of `schedstat`.
fn waited(thread: Pid) -> Duration {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let numbers = std::fs::read_to_string(path).unwrap_or_default();
    let waited = numbers.split(' ').nth(1).and_then(|word| word.parse().ok());
    Duration::from_nanos(waited.unwrap_or_default())
}

/// The threads that play.
struct Pool {
    order: Arc<Order>,
    /// The next turn that nobody has taken.
    next: Arc<AtomicUsize>,
    sender: Sender<(usize, Word)>,
    receiver: Receiver<(usize, Word)>,
    /// What each thread plays.
    busy: BTreeMap<usize, Playing>,
    threads: usize,
    /// Cases of which nothing was heard yet.
    open: usize,
}

impl Pool {
    fn begin_thread(&mut self) {
        let (order, next, sender) = (self.order.clone(), self.next.clone(), self.sender.clone());
        let name = self.threads;
        self.threads += 1;
        std::thread::spawn(move || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(&turn) = order.turns.get(place) else {
                    break;
                };
                // Nobody listens any more when the run was stopped.
                if sender.send((name, Word::Begun(turn, gettid()))).is_err() {
                    break;
                }
                let outcome = play_one(&order, turn);
                let _ = sender.send((name, Word::Ended(Heard { turn, outcome })));
            }
        });
    }

    fn next_heard(&mut self, stop: &impl Fn() -> bool, begun: &impl Fn(Turn)) -> Option<Heard> {
        while self.open > 0 {
            // What has been said when the run is stopped still counts.
            let patience = if stop() { Duration::ZERO } else { GLANCE };
            match self.receiver.recv_timeout(patience) {
                Ok((name, Word::Begun(turn, thread))) => {
                    begun(turn);
                    self.busy.insert(name, Playing::begun(turn, thread));
                }
                // Of a case that was given up nothing more is heard.
                Ok((name, Word::Ended(heard))) => {
                    let known = self.busy.remove(&name);
                    if known.is_some_and(|playing| playing.turn == heard.turn) {
                        self.open -= 1;
                        return Some(heard);
                    }
                }
                Err(RecvTimeoutError::Timeout) if patience.is_zero() => break,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(lost) = self.give_up_one() {
                        return Some(lost);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        None
    }

    /// Leaves a thread behind that has not come back, and begins another in its place.
    fn give_up_one(&mut self) -> Option<Heard> {
        let patience = self.order.patience;
        let mut busy = self.busy.iter();
        let late = busy.find(|(_, playing)| playing.taken() > patience);
        let (&name, &Playing { turn, .. }) = late?;
        self.busy.remove(&name);
        self.begin_thread();
        self.open -= 1;
        let outcome = Err(format!(
            "the device did not come back within {} of its own time: an endless loop?",
            humantime::format_duration(patience)
        ));
        Some(Heard { turn, outcome })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.next.store(self.order.turns.len(), Ordering::Relaxed);
    }
}

fn play_one(order: &Order, turn: Turn) -> Result<Box<CaseRecord>, String> {
    let case = &order.cases[turn.index];
    let made = panics::caught(|| (order.device.make)(&order.profile, case.family));
    let mut device = made.and_then(|made| made)?;
    let record = virtual_time::play(case, &order.profile, &mut *device, turn.seed);
    Ok(Box::new(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::BUNDLED;
    use crate::run::builders::{call, case, open};
    use crate::spec::case::Call;
    use std::cell::RefCell;
    use tcpspec_reports::record::Verdict;

    /// What comes of one case on a device that is made like that.
    fn outcome(make: crate::device::Make, patience: Duration) -> Result<Box<CaseRecord>, String> {
        let mut steps = vec![call(Call::Listen { backlog: None })];
        steps.extend(open());
        let order = Order {
            device: InProcess { make, ..BUNDLED },
            profile: Profile::default(),
            cases: vec![case(steps)],
            turns: vec![Turn { index: 0, seed: 1 }],
            jobs: 1,
            patience,
        };
        let mut heard = play(order, || false, |_| ());
        let outcome = heard.next().unwrap().outcome;
        assert!(heard.next().is_none());
        outcome
    }

    #[test]
    fn a_device_that_works_has_a_record() {
        assert_eq!(
            outcome(BUNDLED.make, PATIENCE).unwrap().verdict,
            Verdict::Pass
        );
    }

    #[test]
    fn a_device_that_panics_says_so() {
        let words = outcome(|_, _| panic!("no such stack"), PATIENCE).unwrap_err();
        assert!(words.starts_with("no such stack ("), "{words}");
    }

    #[test]
    fn a_device_that_does_not_come_back_is_left_behind() {
        let lost = |_: &Profile, _| {
            loop {
                std::thread::park();
            }
        };
        let words = outcome(lost, Duration::from_millis(1));
        let words = words.unwrap_err();
        assert!(words.contains("within 1ms of its own time"), "{words}");
    }

    /// One thread, and a device that does not come back: the first of two cases is in progress for
    /// good.
    #[test]
    fn what_is_stopped_ends_and_tells_what_had_begun() {
        let lost = |_: &Profile, _| {
            loop {
                std::thread::park();
            }
        };
        let order = Order {
            device: InProcess {
                make: lost,
                ..BUNDLED
            },
            profile: Profile::default(),
            cases: vec![case(Vec::new()), case(Vec::new())],
            turns: vec![Turn { index: 0, seed: 1 }, Turn { index: 1, seed: 1 }],
            jobs: 1,
            patience: PATIENCE,
        };
        let begun = RefCell::new(Vec::new());
        let stop = || !begun.borrow().is_empty();
        let begins = |turn: Turn| begun.borrow_mut().push(turn.index);
        assert_eq!(play(order, stop, begins).count(), 0);
        assert_eq!(*begun.borrow(), [0]);
    }
}
