//! Rules that every segment of the device is held to, expected or not.
//!
//! Each has a name by which a spec can switch it off (`except:`), and the requirement that it
//! stands for. They look at segments in the order of the wire, through what [`Tcb`] shows; what a
//! connection may do as a whole (retransmit, back off, close) is the business of specs.

mod ecn;
mod header;
mod history;

pub use history::{History, send_edge};

use crate::model::Tcb;
use crate::time::Instant;
use crate::wire::Packet;
use tcpspec_reports::record::Level;

/// The names of all rules, as `except:` lists them.
pub const NAMES: [&str; 15] = [
    "checksum",
    "header-length",
    "reserved-bits",
    "options",
    "mss-only-on-syn",
    "segment-size",
    "window",
    "rst-to-rst",
    "timestamps",
    "sack",
    "urgent",
    "ecn",
    "ack-bit",
    "ip-header",
    "unscaled-syn-window",
];

/// A rule that a segment breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name, one of [`NAMES`].
    pub rule: &'static str,
    /// The requirement that it stands for.
    pub requirement: &'static str,
    /// MUST or SHOULD.
    pub level: Level,
    /// What is wrong, for people.
    pub text: String,
}

impl Violation {
    fn must(rule: &'static str, requirement: &'static str, text: String) -> Self {
        Self {
            rule,
            requirement,
            level: Level::Must,
            text,
        }
    }

    fn should(rule: &'static str, requirement: &'static str, text: String) -> Self {
        Self {
            rule,
            requirement,
            level: Level::Should,
            text,
        }
    }
}

/// All rules that a packet of the device breaks, given the connection before it.
pub fn check(tcb: &Tcb, history: &History, at: Instant, packet: &Packet) -> Vec<Violation> {
    let mut violations = Vec::new();
    header::faults(packet, &mut violations);
    if let Some(tcp) = packet.tcp() {
        header::fields(packet, tcp, &mut violations);
        history.check(tcb, at, packet, &mut violations);
    }
    violations
}

#[cfg(test)]
mod tests;
