//! Bulk transfer between two hosts in one process: what a segment costs, both ends together,
//! here and in smoltcp.
//!
//! Both stacks run in the same loop: packets wait in queues of reused buffers, nothing is lost, and
//! a round takes a millisecond of their time. Checksums, sent and verified, and the copies into and
//! out of the buffers are in it. This stack uses timestamps, SACK, RACK and CUBIC; smoltcp has no
//! recovery by SACK, no congestion control as it comes, and timestamps where they are asked for.
//!
//! A host hears packets in trains, all that wait before it says anything, so that both acknowledge
//! a train at once; or one by one, with time to answer each: then every second is acknowledged.
//!
//! `cargo bench -p tcpspec-stack --bench bulk` prints a table of its own after divan's.

use divan::Bencher;
use divan::counter::BytesCount;
use smoltcp::iface::{Interface, PollIngressSingleResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpspec_stack::{Algorithm, Config, ConnectionId, Instant, SocketOptions, Stack};

const OCTETS: usize = 4 << 20;
const MILLISECOND: u64 = 1_000_000;

fn main() {
    divan::main();
    // Not if single benchmarks are asked for.
    if std::env::args()
        .skip(1)
        .all(|argument| argument == "--bench")
    {
        compare();
    }
}

/// Two hosts and a connection between them.
trait Pair {
    /// Gives text to the sender; returns how much it takes.
    fn send(&mut self, text: &[u8]) -> usize;

    /// Reads at the receiver.
    fn recv(&mut self, into: &mut [u8]) -> usize;

    /// Carries what both have to say; returns how many packets the sender has sent, and how many
    /// the receiver.
    fn exchange(&mut self) -> [usize; 2];
}

/// Sends and reads so many octets; returns how many packets that took either way.
fn transfer(pair: &mut impl Pair, octets: usize) -> [usize; 2] {
    let text = vec![0x5a; 64 << 10];
    let mut into = vec![0; 64 << 10];
    let (mut given, mut got, mut packets) = (0, 0, [0; 2]);
    while got < octets {
        while given < octets {
            match pair.send(&text[..text.len().min(octets - given)]) {
                0 => break,
                taken => given += taken,
            }
        }
        for (all, new) in packets.iter_mut().zip(pair.exchange()) {
            *all += new;
        }
        loop {
            match pair.recv(&mut into) {
                0 => break,
                read => got += read,
            }
        }
    }
    packets
}

/// The way from one host to the other.
#[derive(Clone, Copy)]
struct Path {
    mtu: u16,
    /// The buffers at both ends, octets.
    buffer: usize,
    /// Packets are heard one by one, and not in trains.
    one_by_one: bool,
}

/// Packets in one direction, and buffers to be used again.
#[derive(Default)]
struct Wire {
    packets: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

/// This stack.
struct Ours {
    hosts: [Stack; 2],
    /// To the first host, and to the second.
    wires: [Wire; 2],
    from: ConnectionId,
    to: ConnectionId,
    now: Instant,
    one_by_one: bool,
}

impl Ours {
    fn new(path: Path) -> Self {
        let config = Config {
            mtu: path.mtu,
            rcvbuf: path.buffer as u32,
            sndbuf: path.buffer as u32,
            nodelay: true,
            congestion_control: Algorithm::Cubic,
            ..Config::default()
        };
        let [a, b] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
        let mut sender = Stack::new(config.clone(), &[a], [1; 16]);
        let mut receiver = Stack::new(config, &[b], [2; 16]);
        let (local, remote) = (SocketAddr::new(a, 0), SocketAddr::new(b, 80));
        let options = SocketOptions::default();
        let now = Instant(1_000_000_000);
        let listener = receiver.listen(remote, 1, options);
        let listener = listener.expect("the port is free");
        let from = sender.connect(now, local, remote, options);
        let from = from.expect("ports are free");
        let mut pair = Self {
            hosts: [sender, receiver],
            wires: [Wire::default(), Wire::default()],
            from,
            to: from,
            now,
            one_by_one: path.one_by_one,
        };
        while pair.exchange() != [0; 2] {}
        pair.to = pair.hosts[1].accept(listener).expect("established");
        pair
    }

    /// Lets a host hear what is on its wire, and says how much it puts on the other one.
    fn turn(&mut self, which: usize) -> usize {
        let host = &mut self.hosts[which];
        let [first, second] = &mut self.wires;
        let (inward, outward) = if which == 0 {
            (first, second)
        } else {
            (second, first)
        };
        if host.poll_timeout().is_some_and(|at| at <= self.now) {
            host.on_timeout(self.now);
        }
        while let Some(packet) = inward.packets.pop_front() {
            host.on_packet(self.now, &packet);
            inward.spare.push(packet);
            if self.one_by_one {
                say(host, self.now, outward);
            }
        }
        say(host, self.now, outward);
        outward.packets.len()
    }
}

/// Puts all that a host has to say on the wire.
fn say(host: &mut Stack, now: Instant, wire: &mut Wire) {
    loop {
        let mut packet = wire.spare.pop().unwrap_or_default();
        if !host.poll_transmit(now, &mut packet) {
            wire.spare.push(packet);
            break;
        }
        wire.packets.push_back(packet);
    }
    while host.poll_event().is_some() {}
}

impl Pair for Ours {
    fn send(&mut self, text: &[u8]) -> usize {
        let taken = self.hosts[0].send(self.now, self.from, text, false);
        taken.unwrap_or_default()
    }

    fn recv(&mut self, into: &mut [u8]) -> usize {
        let read = self.hosts[1].recv(self.now, self.to, into);
        read.unwrap_or_default()
    }

    fn exchange(&mut self) -> [usize; 2] {
        self.now = Instant(self.now.0 + MILLISECOND);
        [self.turn(0), self.turn(1)]
    }
}

/// smoltcp.
struct Theirs {
    hosts: [Host; 2],
    now: i64,
}

struct Host {
    iface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    port: Port,
    one_by_one: bool,
}

/// The device of one host.
struct Port {
    mtu: usize,
    inward: Wire,
    outward: Wire,
}

struct Arrived<'a>(Vec<u8>, &'a mut Vec<Vec<u8>>);
struct Leaves<'a>(&'a mut Wire);

impl phy::RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let result = f(&self.0);
        self.1.push(self.0);
        result
    }
}

impl phy::TxToken for Leaves<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = self.0.spare.pop().unwrap_or_default();
        packet.resize(len, 0);
        let result = f(&mut packet);
        self.0.packets.push_back(packet);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Leaves<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Arrived<'_>, Leaves<'_>)> {
        let packet = self.inward.packets.pop_front()?;
        let arrived = Arrived(packet, &mut self.inward.spare);
        Some((arrived, Leaves(&mut self.outward)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Leaves<'_>> {
        Some(Leaves(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

impl Host {
    fn new(last: u8, path: Path, timestamps: bool) -> Self {
        let mut port = Port {
            mtu: usize::from(path.mtu),
            inward: Wire::default(),
            outward: Wire::default(),
        };
        let config = smoltcp::iface::Config::new(HardwareAddress::Ip);
        let mut iface = Interface::new(config, &mut port, smoltcp::time::Instant::ZERO);
        iface.update_ip_addrs(|addresses| {
            let own = IpCidr::new(IpAddress::v4(10, 0, 0, last), 24);
            addresses.push(own).expect("room for an address");
        });
        let [rx, tx] = [0, 1].map(|_| tcp::SocketBuffer::new(vec![0; path.buffer]));
        let mut socket = tcp::Socket::new(rx, tx);
        socket.set_nagle_enabled(false);
        if timestamps {
            socket.set_tsval_generator(Some(|| 1));
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self {
            iface,
            sockets,
            handle,
            port,
            one_by_one: path.one_by_one,
        }
    }

    fn poll(&mut self, now: i64) {
        let now = smoltcp::time::Instant::from_millis(now);
        while self.one_by_one {
            let (port, sockets) = (&mut self.port, &mut self.sockets);
            let heard = self.iface.poll_ingress_single(now, port, sockets);
            if matches!(heard, PollIngressSingleResult::None) {
                break;
            }
            self.iface.poll_egress(now, port, sockets);
        }
        self.iface.poll(now, &mut self.port, &mut self.sockets);
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }
}

impl Theirs {
    fn new(path: Path, timestamps: bool) -> Self {
        let [mut a, mut b] = [1, 2].map(|last| Host::new(last, path, timestamps));
        b.socket().listen(80).expect("the port is free");
        let socket = a.sockets.get_mut::<tcp::Socket>(a.handle);
        let remote = (IpAddress::v4(10, 0, 0, 2), 80);
        let opened = socket.connect(a.iface.context(), remote, 49_152);
        opened.expect("the port is free");
        let mut pair = Self {
            hosts: [a, b],
            now: 0,
        };
        while !pair.hosts[0].socket().may_send() {
            pair.exchange();
        }
        pair
    }
}

impl Pair for Theirs {
    fn send(&mut self, text: &[u8]) -> usize {
        self.hosts[0].socket().send_slice(text).unwrap_or_default()
    }

    fn recv(&mut self, into: &mut [u8]) -> usize {
        self.hosts[1].socket().recv_slice(into).unwrap_or_default()
    }

    fn exchange(&mut self) -> [usize; 2] {
        self.now += 1;
        let [a, b] = &mut self.hosts;
        a.poll(self.now);
        let sent = a.port.outward.packets.len();
        std::mem::swap(&mut a.port.outward, &mut b.port.inward);
        b.poll(self.now);
        let answered = b.port.outward.packets.len();
        std::mem::swap(&mut b.port.outward, &mut a.port.inward);
        [sent, answered]
    }
}

const BUFFER: usize = 1 << 20;

/// A way for trains, with large buffers.
fn wide(mtu: u16) -> Path {
    Path {
        mtu,
        buffer: BUFFER,
        one_by_one: false,
    }
}

/// After a transfer: cwnd is open, and the buffers are as large as they become.
fn warm<P: Pair>(mut pair: P) -> P {
    transfer(&mut pair, OCTETS);
    pair
}

#[divan::bench(args = [576, 1500, 9000])]
fn bulk(bencher: Bencher<'_, '_>, mtu: u16) {
    bencher
        .counter(BytesCount::new(OCTETS))
        .with_inputs(|| warm(Ours::new(wide(mtu))))
        .bench_values(|mut pair| transfer(&mut pair, OCTETS));
}

#[divan::bench(args = [576, 1500, 9000])]
fn smoltcp(bencher: Bencher<'_, '_>, mtu: u16) {
    bencher
        .counter(BytesCount::new(OCTETS))
        .with_inputs(|| warm(Theirs::new(wide(mtu), true)))
        .bench_values(|mut pair| transfer(&mut pair, OCTETS));
}

/// Octets of a round: short, so that some rounds have a core for themselves.
const ROUND: usize = 1 << 20;

/// What a transfer took.
#[derive(Clone, Copy)]
struct Measured {
    /// Nanoseconds for a segment of text, with its share of the acknowledgments.
    segment: f64,
    /// Nanoseconds for a packet, whichever way it went.
    packet: f64,
    /// Acknowledgments for a segment of text.
    acks: f64,
    /// Gbit/s.
    rate: f64,
}

/// The stacks in turns, so that what else the machine does meets all of them; the best of many
/// rounds each.
fn compare() {
    println!("\nMTU 1500, both ends                  buffers  ns/segment  ACKs  ns/packet  Gbit/s");
    for (one_by_one, heard) in [(false, "in trains"), (true, "one by one")] {
        for buffer in [64 << 10, BUFFER] {
            println!("packets heard {heard}");
            compare_on(Path {
                mtu: 1500,
                buffer,
                one_by_one,
            });
        }
    }
}

fn compare_on(path: Path) {
    let mut ours = warm(Ours::new(path));
    let [mut theirs, mut plain] = [true, false].map(|with| warm(Theirs::new(path, with)));
    let mut best = [None::<Measured>; 3];
    for _ in 0..400 {
        let measured = [
            measure(&mut ours),
            measure(&mut theirs),
            measure(&mut plain),
        ];
        for (best, now) in best.iter_mut().zip(measured) {
            if best.is_none_or(|best| now.segment < best.segment) {
                *best = Some(now);
            }
        }
    }
    let names = [
        "tcpspec-stack (SACK, RACK, CUBIC)",
        "smoltcp, timestamps",
        "smoltcp, no options",
    ];
    for (name, best) in names.iter().zip(best.into_iter().flatten()) {
        let Measured {
            segment,
            packet,
            acks,
            rate,
        } = best;
        println!(
            "{name:<34} {:>5} KiB {segment:>11.0} {acks:>5.2} {packet:>10.0} {rate:>7.1}",
            path.buffer >> 10
        );
    }
}

fn measure(pair: &mut impl Pair) -> Measured {
    let start = std::time::Instant::now();
    let [text, acks] = transfer(pair, ROUND).map(|packets| packets as f64);
    let nanos = start.elapsed().as_nanos() as f64;
    Measured {
        segment: nanos / text,
        packet: nanos / (text + acks),
        acks: acks / text,
        rate: (ROUND * 8) as f64 / nanos,
    }
}
