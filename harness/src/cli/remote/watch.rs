//! Sees to it that a run against a host that falls silent ends, and one whose agent does, also
//! while no case is over.

use super::connection::Connection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A host that has not said anything for so long is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(2);
/// An agent is asked so long after it answered whether it is there.
const AGENT_REST: Duration = Duration::from_secs(5);
/// How often is looked.
const GLANCE: Duration = Duration::from_millis(100);

/// Watches until `over` is set, or the host is gone.
pub(super) fn over(connection: &Connection, over: &AtomicBool) {
    let station = &connection.station;
    let mut known = Instant::now();
    while !over.load(Ordering::Relaxed) && station.halted().is_none() {
        thread::sleep(GLANCE);
        let now = Instant::now();
        if station.has_heard_since(known) {
            known = now;
        } else if now - known > SILENCE {
            connection.check(known);
            known = Instant::now();
        }
    }
}

/// Watches until `over` is set, or the agent is gone. A case may wait for others without a word
/// for many minutes: nothing else would tell.
pub(super) fn over_agent(connection: &Connection, over: &AtomicBool) {
    let mut known = Instant::now();
    while !over.load(Ordering::Relaxed) && connection.station.halted().is_none() {
        thread::sleep(GLANCE);
        if connection.watches_agent() && known.elapsed() > AGENT_REST {
            connection.check_agent(known);
            known = Instant::now();
        }
    }
}

/// Ends the watch, whichever way its owner goes.
pub(super) struct End<'o>(pub(super) &'o AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
