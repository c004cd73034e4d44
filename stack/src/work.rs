//! How many steps the loops take whose length a peer has a hand in. Tests count them; nothing else
//! does, and without tests nothing of it is left.
//!
//! A step is one range, one segment or one piece that is looked at or moved. Octets that are copied
//! are not counted: no segment has more than its packet.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// So many steps more.
#[inline]
pub(crate) fn steps(count: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + count as u64);
    #[cfg(not(test))]
    let _ = count;
}

/// The steps of this thread since they were taken last.
#[cfg(test)]
pub(crate) fn take() -> u64 {
    STEPS.take()
}
