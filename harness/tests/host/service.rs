//! The services of the host: one reads everything and says nothing, one says the same again, one
//! speaks as an SSH server does (RFC 4253 §4.2). All close when their peer does.

use std::io::{BufReader, Read, Write, sink};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

/// The discard service (RFC 863).
const DISCARD: u16 = 9;
/// The echo service (RFC 862).
const ECHO: u16 = 7;
const SSH: u16 = 22;
/// What OpenSSH says first.
const GREETING: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n";
/// A connection needs no more than a buffer.
const STACK: usize = 64 * 1024;

/// What is done with a connection.
type Serve = fn(&mut TcpStream);

/// Serves for ever.
pub(crate) fn serve() -> ExitCode {
    let ports: [(u16, Serve); 3] = [(ECHO, echo), (DISCARD, discard), (SSH, greet)];
    // Serves both IP versions.
    let bind = |port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port));
    let [Ok(echoes), Ok(discards), Ok(greets)] = ports.map(|(port, _)| bind(port)) else {
        return ExitCode::FAILURE;
    };
    thread::scope(|scope| {
        scope.spawn(|| listen(&echoes, ports[0].1));
        scope.spawn(|| listen(&discards, ports[1].1));
        scope.spawn(|| listen(&greets, ports[2].1));
    });
    ExitCode::SUCCESS
}

fn listen(listener: &TcpListener, serve: Serve) {
    for mut connection in listener.incoming().flatten() {
        let serve = move || serve(&mut connection);
        let _ = thread::Builder::new().stack_size(STACK).spawn(serve);
    }
}

fn discard(connection: &mut TcpStream) {
    let _ = std::io::copy(connection, &mut sink());
}

fn echo(connection: &mut TcpStream) {
    let mut octets = [0; 4096];
    while let Ok(count @ 1..) = connection.read(&mut octets) {
        if connection.write_all(&octets[..count]).is_err() {
            break;
        }
    }
}

/// Greets, and closes after a line that is no greeting.
fn greet(connection: &mut TcpStream) {
    let mut line = Vec::new();
    if connection.write_all(GREETING).is_err() {
        return;
    }
    for octet in BufReader::new(connection).bytes().map_while(Result::ok) {
        line.push(octet);
        if octet == b'\n' && !line.starts_with(b"SSH-") {
            return;
        }
    }
}
