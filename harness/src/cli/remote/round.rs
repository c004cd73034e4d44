//! Cases of a host side by side, and again what went wrong.

use super::connection::Connection;
use super::gate::Gate;
use super::{Remote, watch};
use crate::cli::interrupt::Interrupt;
use crate::cli::play::{Begun, Go, unplayed};
use crate::device::external::{Abilities, Block, External, Host, NotStarted, Reach, demand};
use crate::drive::real_time;
use crate::link::ethernet::{Held, Station};
use crate::link::privilege;
use crate::seed;
use crate::spec::case::Case;
use crate::spec::profile::Profile;
use crate::worker::{self, Answer, Leniency, Replays};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tcpspec_reports::record::{CaseRecord, Verdict};

/// Cases side by side where nobody says: a small device has few connections to give.
const DEFAULT_JOBS: usize = 32;
/// No case takes longer than this and twice what its bounds allow.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the user's wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(100);
/// Why cases are given up: the user does not want to wait, or has seen enough.
const STOPPED: &str = "the run was stopped";
/// So often a case begins elsewhere because somebody has its ports on the device.
const MOST_BLOCKS: u32 = 16;
/// A network loses packets, so that of one in so many cases an attempt may fail by chance.
const ONE_IN: usize = 4;

/// What all cases of a run share.
pub(in crate::cli) struct Session<'s> {
    /// The profile by which the host is judged.
    pub(in crate::cli) profile: &'s Profile,
    /// The seed of the run.
    pub(in crate::cli) seed: u64,
    /// Cases side by side; `None`: what suits a host.
    pub(in crate::cli) jobs: Option<usize>,
    /// Set when the user wants to stop.
    pub(in crate::cli) interrupt: &'s Interrupt,
    /// The way to the host.
    pub(in crate::cli) connection: &'s Connection,
    /// The cases that have had their turn.
    pub(in crate::cli) begun: &'s Begun,
}

/// Cases that are played side by side.
struct Round {
    /// Their indices.
    ready: Vec<usize>,
    /// So many at once.
    jobs: usize,
    /// How many cases had their turn before: no two have the same ports.
    first_turn: usize,
}

impl Remote {
    /// Plays the cases with the given indices and hands over their records as they finish; what
    /// goes wrong is played again when all others are done. Gives a remark on the whole.
    pub(in crate::cli) fn play(
        &self,
        session: &Session<'_>,
        cases: &[Case],
        ready: &[usize],
        leniency: Leniency<'_>,
        done: &mut dyn FnMut(usize, CaseRecord) -> Go,
    ) -> Option<String> {
        if ready.is_empty() {
            return None;
        }
        let mut replays = Replays::new(leniency, ready.len()).of_a_network(ONE_IN, ready.len());
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _end = watch::End(&is_over);
            scope.spawn(|| watch::over(session.connection, &is_over));
            scope.spawn(|| watch::over_agent(session.connection, &is_over));
            self.play_rounds(session, cases, ready, &mut replays, done);
        });
        let station = &session.connection.station;
        let remarks: Vec<String> = replays
            .remark()
            .into_iter()
            .chain(unseen_checksums(station.unfinished()))
            .chain(held_back(station.held(), self.most_per_second))
            .collect();
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }

    /// The host, with what is pinned for all cases and how far away it is.
    fn host_for(&self, session: &Session<'_>) -> Host {
        Host {
            pinned: session.profile.pinned.clone(),
            round_trip: session.connection.round_trip(),
            ..self.host.clone()
        }
    }

    /// Cases side by side where nobody says. What END_TEST ends, and whose an event is, differs
    /// from upper tester to upper tester: one case at a time is safe on each.
    fn default_jobs(&self) -> usize {
        match self.host.reach {
            Reach::Agent(Abilities::Standard(_)) => 1,
            _ => DEFAULT_JOBS,
        }
    }

    fn play_rounds(
        &self,
        session: &Session<'_>,
        cases: &[Case],
        ready: &[usize],
        replays: &mut Replays<'_>,
        done: &mut dyn FnMut(usize, CaseRecord) -> Go,
    ) {
        let gate = Gate::new(usize::from(self.most_half_open), self.most_per_second);
        let places: BTreeMap<&str, usize> = ready
            .iter()
            .map(|&index| (cases[index].id.as_str(), index))
            .collect();
        let mut hand_over = |answers: Vec<Answer>| {
            let mut go = Go::On;
            for answer in answers {
                if let Answer::Case(record) = answer
                    && let Some(&index) = places.get(record.id.as_str())
                    && done(index, *record) == Go::Stop
                {
                    go = Go::Stop;
                }
            }
            go
        };
        let host = self.host_for(session);
        let mut round = Round {
            ready: in_order(&host, cases, ready),
            jobs: session.jobs.unwrap_or(self.default_jobs()),
            first_turn: session.connection.turns.load(Ordering::Relaxed),
        };
        while !round.ready.is_empty() {
            let mut heard = |record| hand_over(replays.take(record));
            if self.play_round(session, (&gate, &host), cases, &round, &mut heard) == Go::Stop {
                break;
            }
            let turns = round.first_turn + round.ready.len();
            session.connection.turns.store(turns, Ordering::Relaxed);
            if let Some(reason) = session.connection.station.halted() {
                hand_over(replays.abandon(reason));
                break;
            }
            let again = replays.jobs();
            let places = again.iter().filter_map(|job| places.get(job.id.as_str()));
            round = Round {
                first_turn: turns,
                jobs: round.jobs.min(worker::QUIET_JOBS),
                ready: places.copied().collect(),
            };
        }
        hand_over(replays.release());
    }

    /// Every case of a round once; `Stop` if `heard` or the user says so.
    fn play_round(
        &self,
        session: &Session<'_>,
        way: (&Gate, &Host),
        cases: &[Case],
        round: &Round,
        heard: &mut dyn FnMut(CaseRecord) -> Go,
    ) -> Go {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..round.jobs.min(round.ready.len()) {
                let sender = sender.clone();
                scope.spawn(|| {
                    let sender = sender;
                    // A thread that cannot give up what it does not need works as well with it.
                    let _ = privilege::keep(&[], &[]);
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&index) = round.ready.get(at) else {
                            break;
                        };
                        let turn = round.first_turn + at;
                        let record = self.play_one(session, way, (index, &cases[index]), turn);
                        if record.is_none_or(|record| sender.send(record).is_err()) {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let go = hear(&receiver, session, heard);
            if go == Go::Stop {
                next.store(round.ready.len(), Ordering::Relaxed);
            }
            go
        })
    }

    /// `None` if the run was stopped before there was a verdict.
    fn play_one(
        &self,
        session: &Session<'_>,
        (gate, host): (&Gate, &Host),
        (index, case): (usize, &Case),
        turn: usize,
    ) -> Option<CaseRecord> {
        let connection = session.connection;
        let Some(_inside) = gate.enter(case, &connection.station) else {
            let reason = connection.station.halted().unwrap_or(STOPPED);
            return unjudged(session, case, reason.to_owned());
        };
        session.begun.note(index);
        let tester = self.end_of(session.seed, turn);
        for _ in 1..MOST_BLOCKS {
            let block = connection.blocks.lend();
            let (record, is_taken) = play_at(session, host, case, tester, &block);
            if !is_taken || connection.station.halted().is_some() {
                return record;
            }
            connection.blocks.begin_anew();
        }
        play_at(session, host, case, tester, &connection.blocks.lend()).0
    }
}

/// A case from that end, with that block of the device's ports; `None` if the run was stopped
/// before there was a verdict. True beside it if the record says nothing but that somebody else has
/// one of the ports.
fn play_at(
    session: &Session<'_>,
    host: &Host,
    case: &Case,
    tester: SocketAddr,
    block: &Block<'_>,
) -> (Option<CaseRecord>, bool) {
    let station = &session.connection.station;
    let seed = seed::of_case(session.seed, &case.id);
    let begun = Instant::now();
    let mut device = match External::start(case, station, host, tester, block.number()) {
        Ok(device) => device,
        Err(NotStarted::Unfit(reason)) => {
            let skipped = unplayed(case, seed, Verdict::Skipped, reason);
            return (Some(skipped), false);
        }
        Err(NotStarted::Broken(error)) => {
            let lost = session.connection.check_agent(begun).map(str::to_owned);
            let reason = lost.unwrap_or_else(|| error.to_string());
            return (unjudged(session, case, reason), false);
        }
    };
    let (profile, clock) = (session.profile, device.clock());
    let limit = PATIENCE + case.most_time.saturating_mul(2);
    let record = real_time::play(case, profile, &mut device, clock, seed, limit).record;
    let is_taken = device.is_taken() && record.verdict != Verdict::Pass;
    drop(device);
    if is_stopped(station) {
        let is_judged = record.verdict != Verdict::Inconclusive;
        return (is_judged.then_some(record), false);
    }
    match session.connection.doubt(begun, &record) {
        Some(reason) => (unjudged(session, case, reason.to_owned()), false),
        None => (Some(record), is_taken),
    }
}

/// The record of a case without a judgement; `None` if the run was stopped.
fn unjudged(session: &Session<'_>, case: &Case, reason: String) -> Option<CaseRecord> {
    let seed = seed::of_case(session.seed, &case.id);
    let record = || unplayed(case, seed, Verdict::Inconclusive, reason);
    (!is_stopped(&session.connection.station)).then(record)
}

/// Cases that want the same of the whole host follow each other, those that want it alone last.
fn in_order(host: &Host, cases: &[Case], ready: &[usize]) -> Vec<usize> {
    let mut order = ready.to_vec();
    order.sort_by_cached_key(|&index| {
        let case = &cases[index];
        let settings = host.settings_for(case);
        let alone = demand(case).is_some_and(|demand| demand.alone);
        (alone, settings.len(), settings)
    });
    order
}

/// Hands over records until there are no more, or until the user or `heard` wants no more.
fn hear(
    records: &Receiver<CaseRecord>,
    session: &Session<'_>,
    heard: &mut dyn FnMut(CaseRecord) -> Go,
) -> Go {
    let mut go = Go::On;
    loop {
        match records.recv_timeout(GLANCE) {
            // What is over counts, also when the rest does not.
            Ok(record) => {
                if heard(record) == Go::Stop {
                    go = Go::Stop;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return go,
        }
        if session.interrupt.is_set() {
            go = Go::Stop;
        }
        if go == Go::Stop {
            // Cases in progress end at once, and reset what they have opened.
            session.connection.station.halt(STOPPED);
        }
    }
}

fn is_stopped(station: &Station) -> bool {
    station.halted() == Some(STOPPED)
}

/// What a run has to say of segments that left later than they might have.
fn held_back(held: Held, most: Option<u32>) -> Option<String> {
    let most = most.filter(|_| held.frames > 0)?;
    Some(format!(
        "--max-pps {most} held {} frames back, for {:.0?} at most",
        held.frames, held.longest
    ))
}

/// What a run has to say of segments whose checksum it could not judge.
fn unseen_checksums(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "{count} frames came without a checksum, which the host leaves to hardware that this \
             link does not have: their checksums were not checked"
        )
    })
}
