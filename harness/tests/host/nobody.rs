//! Ports on which nobody listens, or not always: no case is played where none can be judged.

use super::Way;
use super::rig::{self, Ran, Rig};
use libtest_mimic::Failed;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// The argument that makes this program listen now and then.
pub(crate) const BLINK: &str = "blink";
/// The port on which it does, and for how long it does and does not.
const BLINKS: u16 = 13;
const OPEN: Duration = Duration::from_millis(100);
const CLOSED: Duration = Duration::from_millis(200);

/// No case of it needs a listener.
const CLOSED_ONLY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../specs/3.10.7.1-closed/no-ack.yaml"
);

/// A run ends before its first case, over both IP versions, with or without a port that is said to
/// be closed; one that needs no listener does not.
pub(crate) fn listens(rig: &Rig) -> Result<(), Failed> {
    let v4 = Way {
        device: "192.0.2.7:11",
        from: "192.0.2.244",
    };
    let v6 = Way {
        device: "[2001:db8::7]:11",
        from: "2001:db8::244",
    };
    let closed: &[&str] = &["--closed-port", "10"];
    for (way, closed, says) in [
        (
            &v4,
            &[][..],
            ["port 11 of 192.0.2.7: ", "(`-d 192.0.2.7:PORT`)"],
        ),
        (
            &v6,
            closed,
            ["port 11 of 2001:db8::7: ", "(`-d [2001:db8::7]:PORT`)"],
        ),
    ] {
        let ran = play(rig, way, &[closed, &["3.5/passive-open"]].concat())?;
        let is_said = ran.errors.contains("nobody listens on");
        let is_said = is_said && says.iter().all(|words| ran.errors.contains(words));
        if ran.code != Some(3) || !is_said || ran.out.contains("passive-open") {
            return Err(shown(&ran));
        }
    }
    let ran = play(rig, &v4, &["--closed-port", "10", CLOSED_ONLY])?;
    if ran.code != Some(0) || !ran.out.contains(" pass") {
        return Err(shown(&ran));
    }
    Ok(())
}

/// Who listens a third of the time is not said to be away.
pub(crate) fn always(rig: &Rig) -> Result<(), Failed> {
    let exe = std::env::current_exe()?.display().to_string();
    let mut blinking = rig.spawn_on_the_host(&[&exe, BLINK])?;
    let way = Way {
        device: "192.0.2.7:13",
        from: "192.0.2.245",
    };
    let ran = play(rig, &way, &["3.5/passive-open"]);
    blinking.kill()?;
    blinking.wait()?;
    let ran = ran?;
    if ran.errors.contains("nobody listens") || !ran.out.contains("passive-open") {
        return Err(shown(&ran));
    }
    Ok(())
}

fn play(rig: &Rig, way: &Way, rest: &[&str]) -> std::io::Result<Ran> {
    let run = ["run", "--specs", rig::few(), "--profile", "linux"];
    let host = ["-d", way.device, "--from", way.from];
    let quick = ["--retries", "0", "--pcap", "none"];
    rig.tcpspec(&[&run[..], &host, &quick, rest].concat())
}

fn shown(ran: &Ran) -> Failed {
    format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into()
}

/// Listens now and then, for ever.
pub(crate) fn blink() -> ExitCode {
    while let Ok(listener) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, BLINKS)) {
        thread::sleep(OPEN);
        drop(listener);
        thread::sleep(CLOSED);
    }
    ExitCode::FAILURE
}
