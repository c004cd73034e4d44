//! Rules that depend on what went before.

use super::Violation;
use crate::model::Tcb;
use crate::wire::Tcp;

/// What the rules need to know beyond the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {}

impl History {
    pub(super) fn check(&self, _tcb: &Tcb, _tcp: &Tcp, _violations: &mut Vec<Violation>) {}
}

impl History {
    /// Takes in a segment of the device, after it was checked.
    pub fn on_sent(&mut self, _tcb: &Tcb, _tcp: &Tcp) {}

    /// Takes in a packet of the tester.
    pub fn on_injected(&mut self, _tcp: &Tcp) {}

    /// The device's application acted.
    pub fn on_call(&mut self) {}
}
