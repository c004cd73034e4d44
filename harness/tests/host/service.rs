//! The service of the host: reads everything, says nothing, closes when its peer does.

use std::io::{Read, sink};
use std::net::{Ipv6Addr, TcpListener};
use std::process::ExitCode;
use std::thread;

/// The discard service (RFC 863).
const PORT: u16 = 9;
/// A connection needs no more than a buffer.
const STACK: usize = 64 * 1024;

/// Serves for ever.
pub(crate) fn serve() -> ExitCode {
    // Serves both IP versions.
    let Ok(listener) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)) else {
        return ExitCode::FAILURE;
    };
    for mut connection in listener.incoming().flatten() {
        let read = move || {
            let _ = std::io::copy(&mut connection.by_ref(), &mut sink());
        };
        let _ = thread::Builder::new().stack_size(STACK).spawn(read);
    }
    ExitCode::SUCCESS
}
