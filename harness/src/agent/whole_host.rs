//! Settings of the whole host, lent to the sessions that need them: side by side to those that
//! want the same, one after another to all others.
//!
//! Only an agent whose host is given over to tests lends at all. What a setting was before is put
//! back when the next loan does not want it, and when the agent ends in order; what a host
//! remembers of its paths is no setting, and is forgotten after each loan to one session alone.

use crate::device::kernel::sysctls;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest that a session waits for the others: cases of minutes are seldom, those of hours are
/// played on a virtual clock.
const PATIENCE: Duration = Duration::from_secs(1200);

/// What a session asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// `sysctl` names and values.
    pub(super) settings: BTreeMap<String, String>,
    /// Nobody else may use the host meanwhile.
    pub(super) alone: bool,
}

/// The host.
#[derive(Debug, Default)]
pub(super) struct WholeHost {
    lent: Mutex<Lent>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lent {
    /// What holds at present.
    wish: Wish,
    /// Sessions that have it.
    holders: usize,
    /// Sessions that wait, by number, in the order in which they came.
    waiting: VecDeque<u64>,
    next_number: u64,
    /// What each changed setting was before.
    before: BTreeMap<String, String>,
}

/// The host as a session wished it, until this is dropped.
#[derive(Debug)]
pub(super) struct Loan<'h> {
    host: &'h WholeHost,
    alone: bool,
}

impl WholeHost {
    /// Waits until nobody has the host otherwise, and makes it so.
    ///
    /// Fails if the others take too long, or if the host has no such setting.
    pub(super) fn lend(&self, wish: Wish) -> io::Result<Loan<'_>> {
        let mut lent = self.lock();
        let number = lent.next_number;
        lent.next_number += 1;
        lent.waiting.push_back(number);
        let end = Instant::now() + PATIENCE;
        while !lent.may_have(number, &wish) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                lent.waiting.retain(|&waiting| waiting != number);
                self.changed.notify_all();
                return Err(io::ErrorKind::TimedOut.into());
            }
            let waited = self.changed.wait_timeout(lent, left);
            lent = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        lent.waiting.pop_front();
        let alone = wish.alone;
        let arranged = if lent.holders == 0 {
            lent.arrange(wish)
        } else {
            Ok(())
        };
        // Whoever is next may want the same.
        self.changed.notify_all();
        arranged?;
        lent.holders += 1;
        Ok(Loan { host: self, alone })
    }

    /// Makes the host what it was before the first loan.
    pub(super) fn put_back(&self) -> io::Result<()> {
        self.lock().arrange(Wish::default())
    }

    fn lock(&self) -> MutexGuard<'_, Lent> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// Whoever came first is first, so that nobody waits for ever.
    fn may_have(&self, number: u64, wish: &Wish) -> bool {
        let fits = self.holders == 0 || (*wish == self.wish && !wish.alone);
        self.waiting.front() == Some(&number) && fits
    }

    fn arrange(&mut self, wish: Wish) -> io::Result<()> {
        let is_unwanted = |name: &&String| !wish.settings.contains_key(*name);
        let unwanted: Vec<String> = self.before.keys().filter(is_unwanted).cloned().collect();
        for name in unwanted {
            sysctls::set(&name, &self.before[&name])?;
            self.before.remove(&name);
        }
        for (name, value) in &wish.settings {
            self.set(name, value)?;
        }
        self.wish = wish;
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> io::Result<()> {
        let present = sysctls::get(name)?;
        if present != value {
            sysctls::set(name, value)?;
            self.before.entry(name.to_owned()).or_insert(present);
        }
        Ok(())
    }
}

impl Loan<'_> {
    /// Changes settings in the middle; refused where others would be hit.
    pub(super) fn set(&self, settings: &[(String, String)]) -> io::Result<()> {
        if !self.alone {
            let text = "the host is not this session's alone";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let mut lent = self.host.lock();
        settings
            .iter()
            .try_for_each(|(name, value)| lent.set(name, value))
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if self.alone {
            forget_paths();
        }
        self.host.lock().holders -= 1;
        self.host.changed.notify_all();
    }
}

/// Path MTUs that the host was told of outlive a connection (RFC 1191 §6.3: ten minutes).
fn forget_paths() {
    // A host that cannot forget keeps them: the next case that looks will say so.
    let _ = sysctls::set("net.ipv4.route.flush", "1");
    let _ = sysctls::set("net.ipv6.route.flush", "1");
}
