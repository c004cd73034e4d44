//! What hostile or broken peers say to an agent: noise, messages that are cut off or lie about
//! their length, requests with parameters at random, and connections that say nothing at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How often each way is tried.
const ROUNDS: u64 = 400;
/// Connections that stay open and say half of a message.
const IDLERS: usize = 40;
/// A header of the protocol, to be spoilt.
const HEADER: [u8; 16] = [1, 5, 2, 1, 0, 0, 0, 8, 0, 0, 0, 0, 1, 1, 0, 0];

/// Throws garbage at the agent of that address for a while, and leaves idle connections to it open
/// until standard input ends.
pub(crate) fn throw(at: &str) -> ExitCode {
    let Ok(at) = at.parse::<SocketAddr>() else {
        return ExitCode::FAILURE;
    };
    match thrown(at) {
        Ok(idlers) => {
            println!("{}", idlers.len());
            let _ = std::io::stdin().read(&mut [0]);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn thrown(at: SocketAddr) -> std::io::Result<Vec<TcpStream>> {
    let mut chance = Chance(1);
    let datagrams = UdpSocket::bind("0.0.0.0:0")?;
    for round in 0..ROUNDS {
        let octets = garbage(&mut chance, round);
        // A port that refuses is the agent's end, which the case after this one sees.
        let _ = datagrams.send_to(&octets, at);
        if round % 8 == 0 {
            let mut stream = TcpStream::connect(at)?;
            stream.set_read_timeout(Some(Duration::from_millis(5)))?;
            let _ = stream.write_all(&octets);
            let _ = stream.read(&mut [0; 64]);
        }
        // The agent shares the processors with everything else here.
        thread::sleep(Duration::from_micros(200));
    }
    let mut idlers = Vec::new();
    for _ in 0..IDLERS {
        let mut idler = TcpStream::connect(at)?;
        idler.write_all(&HEADER[..9])?;
        idlers.push(idler);
    }
    Ok(idlers)
}

fn garbage(chance: &mut Chance, round: u64) -> Vec<u8> {
    let noise = |chance: &mut Chance, count: u64| -> Vec<u8> {
        (0..count).map(|_| chance.next() as u8).collect()
    };
    let count = chance.next() % 64;
    let mut octets = HEADER.to_vec();
    match round % 5 {
        0 => octets = noise(chance, 1 + count),
        // A length that is a lie.
        1 => octets[4..8].copy_from_slice(&(chance.next() as u32).to_be_bytes()),
        // A primitive with parameters at random; sockets have small numbers.
        2 | 3 => {
            let parameters = noise(chance, count);
            octets[2] = (chance.next() % 3) as u8;
            octets[3] = (chance.next() % 9) as u8;
            octets[7] = 8 + parameters.len() as u8 + 2;
            octets.extend([0, (chance.next() % 8) as u8]);
            octets.extend(parameters);
        }
        _ => octets.truncate((chance.next() % 16) as usize),
    }
    octets
}

/// The same numbers every time (Knuth's multiplier).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0 >> 33
    }
}
