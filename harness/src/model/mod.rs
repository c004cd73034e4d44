//! The device's connections as the wire shows them, and the values of a spec's expressions.
//!
//! SND.* is observed, RCV.* is computed from what was injected (RFC 9293 §3.3.1, §3.10.7). Nothing
//! here decides whether the device is right, and nothing asks the device.

pub mod received;
pub mod resolve;
pub mod sent;
pub mod seq;
pub mod stream;
pub mod tcb;
pub mod words;

pub use resolve::{Capture, Resolved, Scope, Space, Unresolved};
pub use sent::Sent;
pub use stream::Stream;
pub use tcb::Tcb;

use crate::device::FourTuple;

/// One connection of a case.
#[derive(Clone, Debug)]
pub struct Conn {
    /// Its name in the spec.
    pub name: String,
    /// Both ends.
    pub tuple: FourTuple,
    /// In the order of the wire: what the device knows, as far as packets show it.
    pub tcb: Tcb,
    /// The device's segments up to the last one that a step consumed: what a spec's SND.* means.
    pub seen: Sent,
    /// The device's last packet as it was on the link: what an ICMP error is about.
    pub last_sent: Option<Vec<u8>>,
    /// The tester's initial sequence number, if the spec leaves it to us.
    pub irs_choice: u32,
    /// An acknowledgment for segments that are injected before the device has sent any.
    pub iss_guess: u32,
    /// The tester's timestamp clock at the start of the case.
    pub ts_base: u32,
    /// Octets from tester to device.
    pub inward: Stream,
    /// Octets from device to tester.
    pub outward: Stream,
    /// How many octets the device's application was told to send.
    pub asked_to_send: u32,
    /// Octets that the device sent beside those that a spec knows of, after this ISS: what it means
    /// by ISS is so much further on.
    pub unknown: (u32, u32),
}

impl Conn {
    /// What a spec means by ISS.
    pub fn iss(&self) -> Option<u32> {
        let iss = self.seen.iss()?;
        let (of, count) = self.unknown;
        Some(if of == iss {
            iss.wrapping_add(count)
        } else {
            iss
        })
    }
}

#[cfg(test)]
mod tests;
