//! The kernel of the machine that runs the tests, spoken to with hand-made segments.

mod application;
mod packets;
mod states;

use super::*;
use crate::device::Seen;
use crate::spec::case::{Flags, SocketSettings};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rstest::rstest;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const A: ConnId = ConnId(0);
const ISS: u32 = 100;
const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
const FIN_ACK: Flags = Flags::FIN.with(Flags::ACK);

/// The few fields that these tests look at.
#[derive(Clone, Debug)]
struct Got {
    flags: Flags,
    seq: u32,
    ack: u32,
    wnd: u16,
    payload: Vec<u8>,
}

/// A tester with one connection.
struct Tester {
    kernel: Kernel,
    tuple: FourTuple,
    snd_nxt: u32,
    rcv_nxt: u32,
    seen: VecDeque<Seen>,
    got: VecDeque<Got>,
}

/// Says why a test could not be made here, and does not pretend that it was.
fn started(kind: Kind, family: Family, setup: &Setup) -> Option<Tester> {
    if kind == Kind::Tun && Kind::available() != Kind::Tun {
        eprintln!("skipped: {} cannot be opened here", link::tun::NODE);
        return None;
    }
    let pinned = [
        ("tcp_congestion_control", "reno"),
        ("tcp_invalid_ratelimit", "0"),
    ];
    let pinned = pinned.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut kernel = match Kernel::start(kind, family, &pinned) {
        Ok(kernel) => kernel,
        Err(error) if error.source.raw_os_error() == Some(libc::EPERM) => {
            eprintln!("skipped: {error}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    kernel.setup(kernel.clock().now(), setup).unwrap();
    let info = kernel.link();
    let tuple = FourTuple {
        tester: SocketAddr::new(info.tester, 40_000),
        device: SocketAddr::new(info.device, 8_080),
    };
    kernel.attach(A, tuple);
    let (seen, got) = (VecDeque::new(), VecDeque::new());
    Some(Tester {
        kernel,
        tuple,
        snd_nxt: ISS,
        rcv_nxt: 0,
        seen,
        got,
    })
}

fn plain(family: Family) -> Setup {
    let set = SocketSettings::default();
    Setup {
        family,
        accepts: true,
        reads: true,
        backlog: None,
        set,
        second_address: false,
        seed: 1,
    }
}

impl Tester {
    fn now(&self) -> Instant {
        self.kernel.clock.now()
    }

    fn call(&mut self, call: &AppCall) {
        let now = self.now();
        self.kernel.call(now, A, call).unwrap();
    }

    fn state(&mut self) -> State {
        let now = self.now();
        self.kernel.state(now, A).unwrap()
    }

    /// Injects a segment with SEG.SEQ = `snd_nxt` and moves it on.
    fn send(&mut self, flags: Flags, payload: &[u8]) -> Instant {
        let segment = segment(self.tuple, flags, self.snd_nxt, self.rcv_nxt, payload, 0);
        self.snd_nxt = self.snd_nxt.wrapping_add(payload.len() as u32);
        if flags.contains(Flags::SYN) || flags.contains(Flags::FIN) {
            self.snd_nxt = self.snd_nxt.wrapping_add(1);
        }
        let now = self.now();
        self.kernel.inject(now, &segment).unwrap()
    }

    /// Takes over what came within `time`; true once `enough` says so.
    fn wait(&mut self, time: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        let end = self.now() + time;
        loop {
            while let Some(output) = self.kernel.poll(self.now()).unwrap() {
                match output {
                    Output::Packet { packet, .. } => self.got.push_back(parse(&packet)),
                    Output::App { event, .. } => self.seen.push_back(event),
                }
            }
            if enough(self) || self.now() >= end {
                return enough(self);
            }
            let mut waited = [PollFd::new(self.kernel.readiness(), PollFlags::POLLIN)];
            poll(&mut waited, PollTimeout::from(5_u8)).unwrap();
        }
    }

    /// The next segment; it moves `rcv_nxt`.
    fn expect(&mut self, flags: Flags) -> Got {
        let came = self.wait(Duration::from_secs(5), |tester| !tester.got.is_empty());
        assert!(came, "no {flags} came; state {:?}", self.state());
        let got = self.got.pop_front().unwrap();
        let bare = Flags(got.flags.0 & !Flags::PSH.0);
        assert_eq!(bare, flags, "{got:?}");
        let syn_or_fin = u32::from(flags.contains(Flags::SYN) || flags.contains(Flags::FIN));
        self.rcv_nxt = got
            .seq
            .wrapping_add(got.payload.len() as u32)
            .wrapping_add(syn_or_fin);
        got
    }

    fn sees(&mut self, event: &Seen) {
        let came = self.wait(Duration::from_secs(5), |tester| tester.seen.contains(event));
        assert!(came, "{event:?} was not seen, but {:?}", self.seen);
        self.seen.retain(|seen| seen != event);
    }

    fn quiet(&mut self, time: Duration) {
        assert!(
            !self.wait(time, |tester| !tester.got.is_empty()),
            "{:?}",
            self.got
        );
    }

    fn establish(&mut self) {
        self.call(&AppCall::Listen { backlog: None });
        self.send(Flags::SYN, &[]);
        self.expect(SYN_ACK);
        self.send(Flags::ACK, &[]);
        self.sees(&Seen::Accepted);
    }
}

/// An IP packet with a TCP segment; `spoil` is added to its checksum.
fn segment(
    tuple: FourTuple,
    flags: Flags,
    seq: u32,
    ack: u32,
    payload: &[u8],
    spoil: u16,
) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(tuple.tester.port().to_be_bytes());
    tcp.extend(tuple.device.port().to_be_bytes());
    tcp.extend(seq.to_be_bytes());
    tcp.extend(if flags.contains(Flags::ACK) { ack } else { 0 }.to_be_bytes());
    tcp.extend([0x50, flags.0, 0xff, 0xff, 0, 0]);
    let urgent = if flags.contains(Flags::URG) {
        payload.len() as u16
    } else {
        0
    };
    tcp.extend(urgent.to_be_bytes());
    tcp.extend(payload);
    let (mut ip, pseudo) = headers(tuple, tcp.len());
    let covered = [pseudo, tcp.clone(), vec![0; tcp.len() % 2]].concat();
    let sum = checksum(&covered).wrapping_add(spoil);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    ip.extend(tcp);
    ip
}

/// The IP header and the pseudo-header of RFC 9293 §3.1.
fn headers(tuple: FourTuple, length: usize) -> (Vec<u8>, Vec<u8>) {
    match (tuple.tester.ip(), tuple.device.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ends = [from.octets(), to.octets()].concat();
            let total = (20 + length as u16).to_be_bytes();
            let mut ip = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
            ip.extend(&ends);
            let sum = checksum(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            (
                ip,
                [&ends[..], &[0, 6], &(length as u16).to_be_bytes()].concat(),
            )
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ends = [from.octets(), to.octets()].concat();
            let size = (length as u16).to_be_bytes();
            let mut ip = vec![0x60, 0, 0, 0, size[0], size[1], 6, 64];
            ip.extend(&ends);
            (ip, [&ends[..], &[0, 0], &size, &[0, 0, 0, 6]].concat())
        }
        ends => panic!("{ends:?} are not of one family"),
    }
}

fn checksum(octets: &[u8]) -> u16 {
    let pairs = octets.chunks_exact(2);
    let mut sum: u32 = pairs
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn parse(packet: &[u8]) -> Got {
    let (header, protocol) = if packet[0] >> 4 == 4 {
        (20, 9)
    } else {
        (40, 6)
    };
    assert_eq!(packet[protocol], 6, "not TCP: {packet:02x?}");
    let tcp = &packet[header..];
    let word = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
    Got {
        flags: Flags(tcp[13]),
        seq: word(4),
        ack: word(8),
        wnd: (word(14) >> 16) as u16,
        payload: tcp[usize::from(tcp[12] >> 4) * 4..].to_vec(),
    }
}
