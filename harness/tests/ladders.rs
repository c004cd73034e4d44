//! Failures as people see them: specs of the suite against the bundled stack with one fault each.
//! The ladders are files in `tests/ladders/`; `UPDATE_GOLDEN=1` writes them anew.

use rstest::rstest;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use tcpspec::device::bundled::{self, Bundled};
use tcpspec::device::{AppCall, ConnId, Device, DeviceError, LinkInfo, Output, Refused, Setup};
use tcpspec::device::{FourTuple, Simulated};
use tcpspec::drive::virtual_time;
use tcpspec::seed;
use tcpspec::spec::case::{Family, State};
use tcpspec::spec::{self, Sources};
use tcpspec::time::Instant;
use tcpspec::wire::{self, Outgoing};
use tcpspec_reports::ladder::{self, text};
use tcpspec_reports::record::Verdict;
use tcpspec_stack::Config;

const SEED: u64 = 0x5f3a_91c2;

/// What is wrong with the device.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It was configured so.
    Config(fn(&mut Config)),
    /// What it sends is changed on the way out.
    Segment(fn(&mut Outgoing<'_>)),
}
use Fault::{Config as Configured, Segment};

/// The bundled stack behind a link that changes what it sends.
struct Faulty {
    inner: Bundled,
    change: fn(&mut Outgoing<'_>),
}

impl Device for Faulty {
    fn link(&self) -> LinkInfo {
        self.inner.link()
    }

    fn setup(&mut self, now: Instant, setup: &Setup) -> Result<(), DeviceError> {
        self.inner.setup(now, setup)
    }

    fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.inner.attach(conn, tuple);
    }

    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.inner.inject(now, packet)
    }

    fn call(&mut self, now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        self.inner.call(now, conn, call)
    }

    fn poll(&mut self, now: Instant) -> Result<Option<Output>, DeviceError> {
        let output = self.inner.poll(now)?;
        Ok(output.map(|output| match output {
            Output::Packet { at, packet } => {
                let packet = wire::decode(packet);
                let mut segment = Outgoing::again(&packet).expect("the stack sends TCP only");
                (self.change)(&mut segment);
                let packet = wire::emit(&segment);
                Output::Packet { at, packet }
            }
            other @ Output::App { .. } => other,
        }))
    }

    fn state(&mut self, now: Instant, conn: ConnId) -> Option<State> {
        self.inner.state(now, conn)
    }

    fn info(&mut self, now: Instant, conn: ConnId, field: &str) -> Option<i64> {
        self.inner.info(now, conn, field)
    }

    fn counter(&mut self, now: Instant, name: &str) -> Option<i64> {
        self.inner.counter(now, name)
    }
}

impl Simulated for Faulty {
    fn next_deadline(&self) -> Option<Instant> {
        self.inner.next_deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.inner.on_timeout(now);
    }
}

const SYN: u8 = 0x02;
const RST: u8 = 0x04;

#[rstest]
// The connection ends where a challenge ACK is due.
#[case("no-challenge", "3.10.7.4/rst-validation[state=ESTABLISHED,rst=inside,v4]",
       Configured(|config| config.rfc5961 = false))]
// TIME-WAIT ends after two seconds.
#[case("short-time-wait", "3.6/simultaneous-close[v4]",
       Configured(|config| config.msl = Duration::from_secs(1)))]
// The acknowledgment comes later than any may.
#[case("late-ack", "3.8/delayed-ack[v4]",
       Configured(|config| config.delayed_ack = Duration::from_millis(800)))]
// The first timeout is five times too short.
#[case("early-timer", "3.8/synack-retransmission[v4]",
       Configured(|config| config.initial_rto = Duration::from_millis(200)))]
// The connection is given up before R2.
#[case("gives-up-early", "3.8.3/data-r2[v6]", Configured(|config| config.r2 = 3))]
// The acknowledgment number is one too high, but for the handshake's.
#[case("ack-too-high", "3.6/simultaneous-close[v6]",
       Segment(|segment| segment.ack += u32::from(segment.flags & SYN == 0)))]
// No segment but a SYN has the ACK bit.
#[case("no-ack-bit", "3.8/zero-window-probe[v4]",
       Segment(|segment| segment.flags &= if segment.flags & SYN == 0 { !0x10 } else { 0xff }))]
// Checksums are wrong.
#[case("bad-checksum", "3.5/passive-open[v6]", Segment(|segment| segment.bad_checksum = true))]
// A reserved bit is set.
#[case("reserved-bit", "3.5/passive-open[v4]", Segment(|segment| segment.reserved = 1))]
// A reset for numbers that were borrowed from another connection is one too high.
#[case("borrowed-numbers", "3.1/demultiplexing[v4]",
       Segment(|segment| segment.seq += u32::from(segment.flags & RST != 0)))]
fn a_failure_is_drawn(#[case] name: &str, #[case] id: &str, #[case] fault: Fault) {
    let suite = spec::load_one(&Sources::embedded(), id).unwrap();
    let profile = suite.profile("bundled").unwrap();
    let cases = suite.cases(profile, &[Family::V4, Family::V6]).unwrap();
    let case = cases.iter().find(|case| case.id == id).unwrap();
    let mut config = bundled::config(profile).unwrap();
    let mut change: fn(&mut Outgoing<'_>) = |_| {};
    match fault {
        Configured(wrong) => wrong(&mut config),
        Segment(wrong) => change = wrong,
    }
    let mut device = Faulty {
        inner: Bundled::new(config, case.family),
        change,
    };
    let record = virtual_time::play(case, profile, &mut device, seed::of_case(SEED, id));
    assert_ne!(record.verdict, Verdict::Pass, "{name} is no fault to {id}");
    let mut drawn = format!("{} {}\n", record.verdict.word(), record.id);
    for mismatch in &record.mismatches {
        let _ = writeln!(drawn, "{}: {}", mismatch.symptom, mismatch.headline);
    }
    let lines = text::write(&ladder::layout(&record), &text::Options::default());
    let _ = writeln!(drawn, "\n{}", lines.join("\n"));
    is_as_written(name, &drawn);
}

#[track_caller]
fn is_as_written(name: &str, drawn: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladders");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, drawn).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(drawn, written, "{} is stale", path.display());
}

#[test]
fn no_ladder_is_orphaned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladders");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let drawn = format!("#[case(\"{name}\"");
        assert!(
            include_str!("ladders.rs").contains(&drawn),
            "{} is orphaned",
            path.display()
        );
    }
}
