//! Ctrl-C: the first stops the run in order, the second at once.

use super::Exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the user wants the run to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C (and for a termination request) on a thread of its own.
    pub(super) fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let flag = interrupt.clone();
        std::thread::Builder::new()
            .name("interrupt".into())
            .spawn(move || {
                runtime.block_on(async {
                    if asked().await {
                        flag.0.store(true, Ordering::Relaxed);
                        asked().await;
                        std::process::exit(i32::from(Exit::Interrupted.code()));
                    }
                });
            })?;
        Ok(interrupt)
    }

    /// True once the user has asked.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for either signal; false if they cannot be heard.
async fn asked() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return false;
    };
    tokio::select! {
        heard = tokio::signal::ctrl_c() => heard.is_ok(),
        _ = terminate.recv() => true,
    }
}
