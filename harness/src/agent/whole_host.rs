//! Settings of the whole host, lent to the sessions that need them: side by side to those that
//! want the same, one after another to all others.
//!
//! Only an agent whose host is given over to tests lends at all. What a setting was before is put
//! back when the next loan does not want it, and when the agent ends in order. What a host
//! remembers of its peers is forgotten after each loan to one session alone.

use crate::device::kernel::sysctls;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// Makes the host forget what it remembers of these peers.
type Forget = fn(&BTreeSet<IpAddr>) -> io::Result<()>;

/// The host.
#[derive(Debug)]
pub(super) struct WholeHost {
    forget: Forget,
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
    peers: BTreeSet<IpAddr>,
}

impl WholeHost {
    /// The host as it is.
    pub(super) fn new(forget: Forget) -> Self {
        Self {
            forget,
            lent: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits until nobody has the host otherwise, and makes it so.
    ///
    /// Fails if the others take too long, or if the host has no such setting.
    pub(super) fn lend(&self, wish: Wish) -> io::Result<Loan<'_>> {
        let mut lent = self.lock();
        let number = lent.next_number;
        lent.next_number += 1;
        lent.waiting.push_back(number);
        let must_wait = |lent: &mut Lent| !lent.may_have(number, &wish);
        let waited = self
            .changed
            .wait_timeout_while(lent, PATIENCE, must_wait)
            .unwrap_or_else(PoisonError::into_inner);
        lent = waited.0;
        if waited.1.timed_out() {
            lent.waiting.retain(|&waiting| waiting != number);
            self.changed.notify_all();
            return Err(io::ErrorKind::TimedOut.into());
        }
        lent.waiting.pop_front();
        let alone = wish.alone;
        let mut arranged = Ok(());
        if lent.holders == 0 {
            arranged = lent.arrange(wish);
        }
        if alone {
            // Who cannot forget afterwards does not begin.
            arranged = arranged.and_then(|()| (self.forget)(&BTreeSet::new()));
        }
        // Whoever is next may want the same.
        self.changed.notify_all();
        arranged?;
        lent.holders += 1;
        Ok(Loan {
            host: self,
            alone,
            peers: BTreeSet::new(),
        })
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
    /// The session has to do with that peer.
    pub(super) fn meet(&mut self, peer: IpAddr) {
        self.peers.insert(peer);
    }

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
            // It could when this began; if not now, the next loan to one session alone fails.
            let _ = (self.host.forget)(&self.peers);
        }
        self.host.lock().holders -= 1;
        self.host.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn given() -> WholeHost {
        WholeHost::new(|_| Ok(()))
    }

    fn shared() -> Wish {
        Wish::default()
    }

    fn alone() -> Wish {
        Wish {
            alone: true,
            ..Wish::default()
        }
    }

    #[test]
    fn the_same_wish_is_granted_twice() {
        let host = given();
        let (_one, _other) = (host.lend(shared()).unwrap(), host.lend(shared()).unwrap());
        assert_eq!(host.lock().holders, 2);
    }

    #[test]
    fn whoever_wants_the_host_alone_waits_and_is_waited_for() {
        let host = given();
        let first = host.lend(shared()).unwrap();
        let (sender, order) = mpsc::channel();
        std::thread::scope(|scope| {
            let lone = sender.clone();
            let waits = |count| {
                while host.lock().waiting.len() < count {
                    std::thread::yield_now();
                }
            };
            scope.spawn(|| {
                let loan = host.lend(alone()).unwrap();
                lone.send("alone").unwrap();
                drop((loan, lone));
            });
            waits(1);
            // It wants what holds, but came later: else the other would wait for ever.
            scope.spawn(|| {
                let loan = host.lend(shared()).unwrap();
                sender.send("shared").unwrap();
                drop((loan, sender));
            });
            waits(2);
            drop(first);
        });
        assert_eq!(order.iter().collect::<Vec<_>>(), ["alone", "shared"]);
        assert_eq!(host.lock().holders, 0);
    }

    #[test]
    fn who_cannot_forget_is_nobodys_alone() {
        let host = WholeHost::new(|_| Err(io::ErrorKind::PermissionDenied.into()));
        assert!(host.lend(alone()).is_err());
        assert!(host.lend(shared()).is_ok());
    }

    #[test]
    fn a_setting_that_does_not_exist_is_no_loan() {
        let host = given();
        let settings = [("tcp_no_such".to_owned(), "1".to_owned())].into();
        let wish = Wish {
            settings,
            alone: false,
        };
        assert!(host.lend(wish).is_err());
        assert!(host.lend(alone()).is_ok(), "the host is free again");
    }

    #[test]
    fn in_the_middle_only_who_is_alone_may_change_the_host() {
        let host = given();
        let loan = host.lend(shared()).unwrap();
        assert!(loan.set(&[]).is_err());
        drop(loan);
        assert!(host.lend(alone()).unwrap().set(&[]).is_ok());
    }
}
