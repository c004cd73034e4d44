//! Where packets for one case wait: filled by the station's thread, emptied by the case's.

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Packets that may wait for one case. Whoever sends more does not get to fill our memory.
const CAPACITY: usize = 16_384;

/// A packet and when the kernel saw it, on its real-time clock.
type Stamped = (Duration, Vec<u8>);

/// The queue of one case.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<VecDeque<Stamped>>,
    bell: EventFd,
    lost: AtomicU64,
}

impl Mailbox {
    /// An empty one.
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self {
            queue: Mutex::new(VecDeque::new()),
            bell: EventFd::from_value_and_flags(0, flags)?,
            lost: AtomicU64::new(0),
        })
    }

    /// Puts a packet in and rings.
    pub(super) fn put(&self, stamped: Stamped) {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.len() >= CAPACITY {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            queue.push_back(stamped);
        }
        // It fails only if it has been rung 2^64 times and nobody came.
        let _ = self.bell.write(1);
    }

    /// The oldest packet. When there is none, the bell is silent until the next.
    pub fn take(&self) -> io::Result<Option<Stamped>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stamped) = queue.pop_front() {
            return Ok(Some(stamped));
        }
        match self.bell.read() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Packets that found it full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl AsFd for Mailbox {
    /// Readable when [`Mailbox::take`] has something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_counts_what_it_loses() {
        let mailbox = Mailbox::new().unwrap();
        for _ in 0..CAPACITY + 2 {
            mailbox.put((Duration::ZERO, vec![1]));
        }
        assert_eq!(mailbox.lost(), 2);
        let mut taken = 0;
        while mailbox.take().unwrap().is_some() {
            taken += 1;
        }
        assert_eq!(taken, CAPACITY);
    }
}
