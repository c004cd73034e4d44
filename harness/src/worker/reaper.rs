//! A pool of threads that close what takes long to close.
//!
//! Closing the last descriptor of a TUN device or a packet socket waits until no processor can be
//! using it any more, 15 to 40 ms. Many at once take no longer than one: so many threads do it.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// As many closings overlap.
pub(super) const THREADS: NonZeroUsize = NonZeroUsize::new(32).unwrap();
/// Dropping needs no deep stack.
const STACK: usize = 256 * 1024;

/// Drops values in its own threads. Dropping the reaper waits until all is dropped.
#[derive(Debug)]
pub(super) struct Reaper<T: Send + 'static> {
    dead: Option<Sender<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Reaper<T> {
    /// A pool of so many threads.
    pub(super) fn new(threads: NonZeroUsize) -> std::io::Result<Self> {
        let (dead, coming) = channel();
        let coming = Arc::new(Mutex::new(coming));
        let threads = (0..threads.get())
            .map(|_| {
                let coming = Arc::clone(&coming);
                let thread = Builder::new().name("reaper".to_owned()).stack_size(STACK);
                thread.spawn(move || reap(&coming))
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            dead: Some(dead),
            threads,
        })
    }

    /// Has `value` dropped by and by.
    pub(super) fn bury(&self, value: T) {
        if let Some(dead) = &self.dead {
            // If no thread were left, the value would be dropped right here.
            let _ = dead.send(value);
        }
    }
}

impl<T: Send + 'static> Drop for Reaper<T> {
    fn drop(&mut self) {
        self.dead = None;
        for thread in self.threads.drain(..) {
            // A panic while dropping was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn reap<T>(coming: &Mutex<Receiver<T>>) {
    loop {
        // The lock must be gone before the value is dropped, else nothing would overlap.
        let next = coming.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(value) => drop(value),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Slow(Arc<Barrier>, Arc<AtomicUsize>);

    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.wait();
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn closings_overlap_and_are_waited_for() {
        // Each of the four waits for the other three: one after the other would never end.
        let (barrier, gone) = (Arc::new(Barrier::new(4)), Arc::new(AtomicUsize::new(0)));
        let reaper = Reaper::new(NonZeroUsize::new(4).unwrap()).unwrap();
        for _ in 0..4 {
            reaper.bury(Slow(Arc::clone(&barrier), Arc::clone(&gone)));
        }
        drop(reaper);
        assert_eq!(gone.load(Ordering::SeqCst), 4);
    }
}
