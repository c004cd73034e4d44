//! Ctrl-C and SIGTERM: the first stops the run in order, the second at once.

use super::Exit;
use crate::link::privilege;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Set when the user, or whoever runs us, wants the run to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Listens for Ctrl-C and for a termination request on a thread of its own. From the return
    /// on, neither ends the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            }
        };
        let flag = interrupt.clone();
        std::thread::Builder::new()
            .name("interrupt".into())
            .spawn(move || {
                // A thread that cannot give up what it does not need works as well with it.
                let _ = privilege::keep(&[], &[]);
                runtime.block_on(async {
                    let first = signals.next().await;
                    flag.0.store(first.code(), Ordering::Relaxed);
                    let second = signals.next().await;
                    std::process::exit(i32::from(second.code()));
                });
            })?;
        Ok(interrupt)
    }

    /// True once somebody has asked.
    pub(super) fn is_set(&self) -> bool {
        self.exit().is_some()
    }

    /// How the program ends by it.
    pub(super) fn exit(&self) -> Option<Exit> {
        let code = self.0.load(Ordering::Relaxed);
        [Exit::Interrupted, Exit::Terminated]
            .into_iter()
            .find(|exit| exit.code() == code)
    }
}

/// The two signals.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}
