//! How many packets of 40 octets the injector puts on a virtual cable, beside bare loops that send
//! the same frame again and again: batches beside `sendmmsg`, the most that a packet socket can do
//! here; segments that a spec sends one at a time beside `send`, since each is a call of its own.
//! All take turns, so that a busy machine is busy for all. Nothing here asserts a time.

use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType};
use nix::sys::socket::{bind, send, sendmmsg, socket};
use std::io::IoSlice;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;
use tcpspec::device::kernel::namespace;
use tcpspec::link::ethernet::{FrameSocket, Plan, Station};
use tcpspec::link::packet_socket::link_address;
use tcpspec::wire::{self, Outgoing};

/// The ends of the cable, and what lies behind the far one.
const NEAR: &str = "care0";
const FAR: &str = "care1";
const DEVICE: [u8; 4] = [192, 0, 2, 7];
const TESTER: [u8; 4] = [192, 0, 2, 200];
/// Packets of one turn, and of one call of `sendmmsg`.
const PACKETS: usize = 64_000;
const BATCH: usize = 64;
/// Turns of each.
const TURNS: usize = 15;

fn main() -> ExitCode {
    // `cargo test` starts benches too, only to see that they start.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no figures: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    if !namespace::is_privileged() {
        namespace::become_root_of_our_own()?;
    }
    namespace::enter_fresh_network()?;
    for command in [
        format!("link add {NEAR} type veth peer name {FAR}"),
        format!("link set {NEAR} up"),
        format!("link set {FAR} up"),
        format!("address add 192.0.2.1/24 dev {NEAR}"),
    ] {
        let done = Command::new("ip").args(command.split(' ')).status()?;
        if !done.success() {
            return Err(format!("ip {command}: {done}").into());
        }
    }
    let station = station()?;
    let packet = packet();
    let packets = vec![packet.clone(); BATCH];
    let frame = [&[2; 12], &[8, 0][..], &packet].concat();
    let bare = bare_socket()?;
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..TURNS {
        let [all, many, each, one] = &mut rates;
        all.push(rate(|| send_bare(&bare, &frame))?);
        many.push(rate(|| station.send_all(&packets).map(|()| BATCH))?);
        each.push(rate(|| {
            Ok(send(bare.as_raw_fd(), &frame, MsgFlags::empty()).map(|_| 1)?)
        })?);
        one.push(rate(|| station.send(&packet).map(|()| 1))?);
    }
    let [all, many, each, one] = rates.map(median);
    println!("packets of 40 octets in a second, median of {TURNS} turns of {PACKETS}");
    for (name, rate, peer) in [
        ("bare sendmmsg", all, all),
        ("batches", many, all),
        ("bare send", each, each),
        ("one at a time", one, each),
    ] {
        println!("  {name:<14} {rate:>10.0}  {:>4.0} %", rate / peer * 100.0);
    }
    Ok(())
}

/// Packets in a second.
fn rate(mut send: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<f64> {
    let began = Instant::now();
    let mut sent = 0;
    while sent < PACKETS {
        sent += send()?;
    }
    Ok(sent as f64 / began.elapsed().as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn packet() -> Vec<u8> {
    let end = |address: [u8; 4], port| (address, port).into();
    wire::emit(&Outgoing::bare(end(TESTER, 20_000), end(DEVICE, 9), 0x10))
}

/// A station that takes the far end for the device, because somebody there says so for a while.
fn station() -> Result<Station, Box<dyn std::error::Error>> {
    let far = FrameSocket::open(nix::net::if_::if_nametoindex(FAR)?)?;
    let is_over = AtomicBool::new(false);
    let plan = Plan {
        device: IpAddr::from(DEVICE),
        addresses: vec![IpAddr::from(TESTER)],
        own: false,
        crowd: None,
        most_per_second: None,
        interface: None,
        vlan: None,
        seed: 7,
    };
    let station = thread::scope(|scope| {
        scope.spawn(|| answer(&far, &is_over));
        let station = Station::start(&plan);
        is_over.store(true, Ordering::Relaxed);
        station
    });
    Ok(station?)
}

/// Answers whoever asks for the device by ARP (RFC 826).
fn answer(far: &FrameSocket, is_over: &AtomicBool) {
    let mut buffer = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let Ok(Some(heard)) = far.receive(&mut buffer) else {
            continue;
        };
        let octets = heard.octets;
        if octets.get(12..14) == Some(&[8, 6]) && octets.get(38..42) == Some(&DEVICE) {
            let header = [
                &octets[6..12],
                &[2, 0, 0, 0, 0, 7],
                &octets[12..20],
                &[0, 2],
            ]
            .concat();
            let body = [&[2, 0, 0, 0, 0, 7], &DEVICE[..], &octets[22..32]].concat();
            // Whoever asked asks again.
            let _ = far.send(&[header, body].concat());
        }
    }
}

fn bare_socket() -> Result<OwnedFd, Box<dyn std::error::Error>> {
    let family = AddressFamily::Packet;
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    let index = nix::net::if_::if_nametoindex(NEAR)?;
    bind(socket.as_raw_fd(), &link_address(index, 0, [0; 6])?)?;
    Ok(socket)
}

fn send_bare(socket: &OwnedFd, frame: &[u8]) -> std::io::Result<usize> {
    let mut headers = MultiHeaders::<LinkAddr>::preallocate(BATCH, None);
    let parts = [[IoSlice::new(frame)]; BATCH];
    let sent = sendmmsg(
        socket.as_raw_fd(),
        &mut headers,
        &parts,
        [None; BATCH],
        [],
        MsgFlags::empty(),
    )?;
    Ok(sent.count())
}
