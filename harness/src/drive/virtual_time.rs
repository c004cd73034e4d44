//! Virtual time: discrete events, nothing real waits.
//!
//! At one instant come first the device's timers, then its packets, then its application's events,
//! then the runner (`specs/README.md`, Steps). A case is replayed bit for bit from its seed.

use super::panics;
use crate::device::{DeviceError, Output, Setup, Simulated};
use crate::run::{Action, Runner};
use crate::spec::case::Case;
use crate::spec::profile::Profile;
use crate::time::Instant;
use tcpspec_reports::record::CaseRecord;

/// More events than this in one case mean that device and tester chase each other.
const MOST_EVENTS: u32 = 1_000_000;
/// More outputs than this at one instant mean that the device talks to itself.
const MOST_OUTPUTS: u32 = 100_000;

/// Plays a case on a simulated device.
///
/// The record's real time is all that differs from one replay to the next.
pub fn play(
    case: &Case,
    profile: &Profile,
    device: &mut (impl Simulated + ?Sized),
    seed: u64,
) -> CaseRecord {
    let began = std::time::Instant::now();
    let mut runner = Runner::new(case, profile, device.link(), seed);
    let mut now = Instant::START;
    let setup = Setup {
        family: case.family,
        accepts: case.application.accepts,
        reads: case.application.reads,
        backlog: case.application.backlog,
        set: case.application.set.clone(),
        second_address: case.has_second_address(),
        seed,
    };
    let played = panics::caught(|| {
        device.setup(now, &setup)?;
        play_out(&mut runner, device, &mut now)
    });
    match played {
        Ok(Ok(())) => {}
        Ok(Err(error)) => runner.give_up(error.to_string()),
        Err(words) => runner.give_up(format!("panic in the tester or the stack: {words}")),
    }
    let mut record = runner.finish(now);
    record.wall_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    record
}

/// Lets runner and device talk until the case is over.
pub(crate) fn play_out(
    runner: &mut Runner<'_>,
    device: &mut (impl Simulated + ?Sized),
    now: &mut Instant,
) -> Result<(), DeviceError> {
    for _ in 0..MOST_EVENTS {
        settle(runner, device, *now)?;
        match step(runner, device, *now)? {
            Some(next) => *now = next,
            None => return Ok(()),
        }
    }
    runner.give_up(format!("the case did not end after {MOST_EVENTS} events"));
    Ok(())
}

/// Lets the device have its say at this instant.
fn settle(
    runner: &mut Runner<'_>,
    device: &mut (impl Simulated + ?Sized),
    now: Instant,
) -> Result<(), DeviceError> {
    if device
        .next_deadline()
        .is_some_and(|deadline| deadline <= now)
    {
        device.on_timeout(now);
    }
    for _ in 0..MOST_OUTPUTS {
        match device.poll(now)? {
            Some(Output::Packet { at, packet }) => runner.on_packet(at, packet),
            Some(Output::App { conn, event }) => runner.on_app(now, conn, event),
            None => return Ok(()),
        }
    }
    runner.give_up(format!(
        "the device put out {MOST_OUTPUTS} things at one instant"
    ));
    Ok(())
}

/// Carries out one action; returns the instant at which to go on, or `None` at the end.
fn step(
    runner: &mut Runner<'_>,
    device: &mut (impl Simulated + ?Sized),
    now: Instant,
) -> Result<Option<Instant>, DeviceError> {
    match runner.poll(now) {
        Action::Attach(conn, tuple) => device.attach(conn, tuple),
        Action::Inject(packet) => {
            let at = device.inject(now, &packet)?;
            runner.on_injected(at);
        }
        Action::Flood(packets) => device.flood(now, &packets)?,
        Action::Call(conn, call) => {
            let outcome = device.call(now, conn, &call);
            runner.on_called(now, now, outcome);
        }
        Action::AskState(conn) => runner.on_state(device.state(now, conn)),
        Action::AskInfo(conn, field) => runner.on_value(device.info(now, conn, &field)),
        Action::AskCounter(name) => runner.on_value(device.counter(now, &name)),
        Action::WaitUntil(until) => {
            let next = device
                .next_deadline()
                .map_or(until, |deadline| deadline.min(until));
            return Ok(Some(next.max(now)));
        }
        Action::Done => return Ok(None),
    }
    Ok(Some(now))
}
