//! The drive for devices on the real clock: waits for the device and for time, whichever comes
//! first, and hands the runner what there is.
//!
//! It judges nothing but itself: a tester that was late, or a link that lost packets, makes a
//! failure prove nothing (`specs/README.md`, Steps).

use crate::device::{DeviceError, Output, Setup, Waitable};
use crate::link::clock::CaseClock;
use crate::link::readiness;
use crate::run::{Action, Runner};
use crate::spec::case::Case;
use crate::spec::profile::Profile;
use crate::time::Instant;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tcpspec_reports::record::CaseRecord;
use tokio::io::unix::AsyncFd;

/// A send that left so much after it was due makes failures unsafe.
const LATE_SEND: Duration = Duration::from_millis(5);
/// A packet that was read so much after its stamp makes failures unsafe.
const LATE_READ: Duration = Duration::from_millis(50);

/// A case that was played.
#[derive(Debug)]
pub struct Played {
    /// What happened.
    pub record: CaseRecord,
    /// The tester was late or the link lost packets: another try may prove more.
    pub doubted: bool,
}

/// Plays a case in the calling thread; at most for `limit`.
pub fn play<D: Waitable>(
    case: &Case,
    profile: &Profile,
    device: &mut D,
    clock: CaseClock,
    seed: u64,
    limit: Duration,
) -> Played {
    let runner = Runner::new(case, profile, device.link(), seed);
    let mut drive = Drive {
        device,
        clock,
        runner,
        doubt: None,
        due: clock.now(),
    };
    if let Err(error) = drive
        .set_up(case, seed)
        .and_then(|()| drive.run_in_runtime(limit))
    {
        drive.runner.give_up(error.to_string());
    }
    drive.finish()
}

/// A case in progress.
struct Drive<'a, D: Waitable> {
    device: &'a mut D,
    clock: CaseClock,
    runner: Runner<'a>,
    /// Why a failure would prove nothing.
    doubt: Option<String>,
    /// When what is done next could have been done at the earliest.
    due: Instant,
}

impl<D: Waitable> Drive<'_, D> {
    fn set_up(&mut self, case: &Case, seed: u64) -> Result<(), DeviceError> {
        let application = case.application.clone();
        let setup = Setup {
            family: case.family,
            accepts: application.accepts,
            reads: application.reads,
            backlog: application.backlog,
            set: application.set,
            second_address: case.has_second_address(),
            seed,
        };
        self.device.setup(self.clock.now(), &setup)
    }

    fn run_in_runtime(&mut self, limit: Duration) -> Result<(), DeviceError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(tester("start the event loop"))?;
        runtime.block_on(self.run(limit))
    }

    async fn run(&mut self, limit: Duration) -> Result<(), DeviceError> {
        let ready = self.device.readiness().try_clone_to_owned();
        let waiting = ready.and_then(|ready| Waiting::new(ready, self.clock));
        let mut waiting = waiting.map_err(tester("wait for the device"))?;
        let end = self.clock.now() + limit;
        self.due = self.clock.now();
        loop {
            let now = self.clock.now();
            self.hand_in(now)?;
            if now >= end {
                self.runner
                    .give_up(format!("the case was still running after {limit:?}"));
            }
            match self.runner.poll(now) {
                Action::WaitUntil(until) => {
                    let timed_out = waiting
                        .until(until.min(end))
                        .await
                        .map_err(tester("wait for the device"))?;
                    self.due = if timed_out { until } else { self.clock.now() };
                }
                Action::Done => return Ok(()),
                action => self.act(now, action)?,
            }
        }
    }

    /// Gives the runner all that came out of the device before `now`.
    fn hand_in(&mut self, now: Instant) -> Result<(), DeviceError> {
        while let Some(output) = self.device.poll(now)? {
            match output {
                Output::Packet { at, packet } => {
                    let behind = now.since(at);
                    if behind > LATE_READ {
                        self.doubt(format!("a packet was read {behind:.0?} after it came"));
                    }
                    self.runner.on_packet(at, packet);
                }
                Output::App { conn, event } => self.runner.on_app(now, conn, event),
            }
        }
        Ok(())
    }

    fn act(&mut self, now: Instant, action: Action) -> Result<(), DeviceError> {
        match action {
            Action::Attach(conn, tuple) => self.device.attach(conn, tuple),
            Action::Inject(packet) => {
                let at = self.device.inject(now, &packet)?;
                let sent = self.clock.now();
                self.check_punctual("a segment was sent", sent);
                self.runner.on_injected(at);
                self.due = sent;
            }
            Action::Flood(packets) => {
                self.device.flood(now, &packets)?;
                self.due = self.clock.now();
            }
            Action::Call(conn, call) => {
                self.check_punctual("a call was made", now);
                let outcome = self.device.call(now, conn, &call);
                self.due = self.clock.now();
                self.runner.on_called(now, self.due, outcome);
            }
            // Questions take their time: what comes after them is not late by it.
            Action::AskState(conn) => {
                self.runner.on_state(self.device.state(now, conn));
                self.due = self.clock.now();
            }
            Action::AskInfo(conn, field) => {
                self.runner.on_value(self.device.info(now, conn, &field));
                self.due = self.clock.now();
            }
            Action::AskCounter(name) => {
                self.runner.on_value(self.device.counter(now, &name));
                self.due = self.clock.now();
            }
            Action::WaitUntil(_) | Action::Done => {}
        }
        Ok(())
    }

    fn check_punctual(&mut self, what: &str, at: Instant) {
        let late = at.since(self.due);
        if late > LATE_SEND {
            self.doubt(format!("{what} {late:.0?} late"));
        }
    }

    /// The first reason is kept.
    fn doubt(&mut self, reason: String) {
        self.doubt.get_or_insert(reason);
    }

    fn finish(mut self) -> Played {
        let dropped = self.device.dropped();
        if dropped > 0 {
            self.doubt(format!("the link lost {dropped} packets"));
        }
        let doubted = self.doubt.is_some();
        if let Some(reason) = self.doubt.take() {
            self.runner
                .doubt(format!("the tester was not fit to judge: {reason}"));
        }
        let now = self.clock.now();
        let mut record = self.runner.finish(now);
        record.wall_ns = now.as_nanos();
        Played { record, doubted }
    }
}

/// Waits for a descriptor or a time. Timers of tokio have a grain of a millisecond; this one has
/// none.
struct Waiting {
    device: AsyncFd<OwnedFd>,
    timer: TimerFd,
    expiry: AsyncFd<OwnedFd>,
    clock: CaseClock,
}

impl Waiting {
    fn new(ready: OwnedFd, clock: CaseClock) -> io::Result<Self> {
        // Sleeps of this thread end within a nanosecond of their time, as far as it can be had.
        nix::sys::prctl::set_timerslack(1)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let expiry = readiness::watch(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self {
            device: readiness::watch(ready)?,
            timer,
            expiry,
            clock,
        })
    }

    /// True if the time came first.
    async fn until(&mut self, until: Instant) -> io::Result<bool> {
        let at: TimeSpec = self.clock.monotonic(until);
        let absolute = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        self.timer.set(Expiration::OneShot(at), absolute)?;
        // Readiness is cleared before the device is drained: what comes meanwhile is told again.
        tokio::select! {
            biased;
            ready = self.device.readable() => {
                ready?.clear_ready();
                Ok(false)
            }
            expired = self.expiry.readable() => {
                expired?.clear_ready();
                Ok(true)
            }
        }
    }
}

fn tester<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> DeviceError {
    move |source| DeviceError {
        what,
        source: source.into(),
    }
}
