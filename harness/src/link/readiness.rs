//! Descriptors in the event loop.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::unix::AsyncFd;

/// Lets the event loop of the calling thread say when `descriptor` is readable.
pub fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names one open descriptor from beginning to end, and the `AsyncFd`
    // that it moves into gives it up only when it is deregistered.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}
