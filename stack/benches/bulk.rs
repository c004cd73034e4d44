//! Bulk transfer between two hosts in one process: what a segment costs, both ends together.
//!
//! The link has no delay and loses nothing; time stands still. Checksums, timestamps, copies
//! into and out of the buffers are all in it.

use divan::Bencher;
use divan::counter::BytesCount;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpspec_stack::{Config, ConnectionId, Instant, SocketOptions, Stack};

const OCTETS: usize = 4 << 20;
const NOW: Instant = Instant(1_000_000_000);

fn main() {
    divan::main();
}

/// Two hosts and a connection between them.
struct Pair {
    sender: Stack,
    receiver: Stack,
    from: ConnectionId,
    to: ConnectionId,
}

impl Pair {
    fn new(mtu: u16) -> Self {
        let config = Config {
            mtu,
            rcvbuf: 1 << 20,
            sndbuf: 1 << 20,
            // Nothing waits for a delayed acknowledgment: time stands still.
            nodelay: true,
            ..Config::default()
        };
        let [a, b] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
        let mut sender = Stack::new(config.clone(), &[a], [1; 16]);
        let mut receiver = Stack::new(config, &[b], [2; 16]);
        let (local, remote) = (SocketAddr::new(a, 0), SocketAddr::new(b, 80));
        let options = SocketOptions::default();
        let listener = receiver
            .listen(remote, 1, options)
            .expect("the port is free");
        let from = sender
            .connect(NOW, local, remote, options)
            .expect("ports are free");
        exchange(&mut sender, &mut receiver, &mut Vec::new());
        let to = receiver.accept(listener).expect("the handshake is over");
        Self {
            sender,
            receiver,
            from,
            to,
        }
    }

    /// Sends and reads `octets`.
    fn transfer(&mut self, octets: usize) -> usize {
        let data = vec![0x5a; 64 << 10];
        let mut into = vec![0; 64 << 10];
        let mut packet = Vec::with_capacity(65_536);
        let (mut given, mut got) = (0, 0);
        while got < octets {
            let chunk = &data[..data.len().min(octets - given)];
            given += self
                .sender
                .send(NOW, self.from, chunk, false)
                .unwrap_or_default();
            exchange(&mut self.sender, &mut self.receiver, &mut packet);
            while let Ok(read @ 1..) = self.receiver.recv(NOW, self.to, &mut into) {
                got += read;
            }
        }
        got
    }
}

/// Carries packets both ways until nobody has any.
fn exchange(a: &mut Stack, b: &mut Stack, packet: &mut Vec<u8>) {
    loop {
        let mut moved = false;
        while a.poll_transmit(NOW, packet) {
            b.on_packet(NOW, packet);
            moved = true;
        }
        while b.poll_transmit(NOW, packet) {
            a.on_packet(NOW, packet);
            moved = true;
        }
        while a.poll_event().is_some() || b.poll_event().is_some() {}
        if !moved {
            return;
        }
    }
}

#[divan::bench(args = [576, 1500, 9000])]
fn bulk(bencher: Bencher<'_, '_>, mtu: u16) {
    bencher
        .counter(BytesCount::new(OCTETS))
        .with_inputs(|| Pair::new(mtu))
        .bench_values(|mut pair| pair.transfer(OCTETS));
}
