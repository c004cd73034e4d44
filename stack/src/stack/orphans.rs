//! Orphans: connections that their application has closed for good and that are not over yet.
//!
//! A peer may keep its window closed for as long as it wants (RFC 9293 §3.8.6.1, MUST-37), and
//! nobody is left to abort such a connection. So there is a limit (RFC 6429 §4): beyond it one
//! gives way. A connection in TIME-WAIT is no orphan, it has a limit of its own.

use super::Stack;
use crate::calls::Aftermath;
use crate::{ConnectionId, Instant, work};
use std::collections::VecDeque;

/// The orphans in the order in which they were left alone.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    /// Some of them are over.
    pub(super) ids: VecDeque<ConnectionId>,
}

impl Stack {
    /// The connection has become an orphan.
    pub(super) fn orphaned(&mut self, id: ConnectionId, now: Instant) {
        self.counters.orphans += 1;
        let count = self.counters.orphans as usize;
        if self.orphans.ids.len() > 2 * count {
            work::steps(self.orphans.ids.len());
            let mut ids = std::mem::take(&mut self.orphans.ids);
            ids.retain(|id| self.is_orphan(*id));
            self.orphans.ids = ids;
        }
        self.orphans.ids.push_back(id);
        if count > self.config.orphan_limit {
            self.shed_orphan(now);
        }
    }

    /// Aborts the oldest orphan behind a closed window, or the oldest of all.
    fn shed_orphan(&mut self, now: Instant) {
        let probes = |id: &&ConnectionId| {
            work::steps(1);
            let tcb = self.connections.at(id.slot).filter(|tcb| tcb.id == **id);
            tcb.is_some_and(|tcb| tcb.is_orphan() && tcb.must_probe())
        };
        let ids = &self.orphans.ids;
        let oldest = || ids.iter().find(|id| self.is_orphan(**id));
        let Some(id) = ids.iter().find(probes).or_else(oldest).copied() else {
            return;
        };
        self.counters.orphan_overflows += 1;
        self.follow(id.slot, now, Aftermath::GoneWithReset);
    }

    fn is_orphan(&self, id: ConnectionId) -> bool {
        let tcb = self.connections.at(id.slot);
        tcb.is_some_and(|tcb| tcb.id == id && tcb.is_orphan())
    }
}
