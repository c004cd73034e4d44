//! The program: a worker if its parent says so, else the command line.

use std::process::ExitCode;
use tcpspec::{cli, worker};

fn main() -> ExitCode {
    // A worker enters its namespaces before anything else, while there is but one thread.
    let mut arguments = std::env::args().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == worker::SUBCOMMAND)
    {
        return worker::main(arguments.next().as_deref());
    }
    cli::main()
}
