//! Every case of `specs/` on both devices, as tests named `bundled/<id>` and `kernel/<id>`.
//!
//! Works under `cargo test` and under nextest, which starts this program once per test: then only
//! the spec of that test is read.

mod bundled;
mod kernel;
mod shared;

use libtest_mimic::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Tests on the kernel wait, they do not work.
    let threads = match shared::exact(&arguments) {
        Some(_) => 1,
        None => tcpspec::worker::DEFAULT_JOBS,
    };
    arguments.test_threads.get_or_insert(threads);
    let mut trials = bundled::trials(&arguments);
    trials.extend(kernel::trials(&arguments));
    libtest_mimic::run(&arguments, trials).exit_code()
}
