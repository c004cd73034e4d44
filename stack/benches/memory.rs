//! What a connection costs in memory: an idle one, one that is idle after a request and its answer,
//! and one in TIME-WAIT.
//!
//! Two hosts in one process open connections to each other; the resident set of the process,
//! divided by what was opened, is everything that a connection takes, maps and schedule included.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpspec_stack::{Config, ConnectionId, Instant, ListenerId, SocketOptions, Stack};

const CONNECTIONS: u32 = 200_000;
const NOW: Instant = Instant(1_000_000_000);
const PAGE: u64 = 4096;

fn main() {
    let mut hosts = Hosts::new();
    let start = resident();
    for number in 0..CONNECTIONS {
        let (a, b) = hosts.open(number);
        hosts.close(a, b);
    }
    let time_wait = (resident() - start) / u64::from(CONNECTIONS);
    let mut hosts = Hosts::new();
    let start = resident();
    for number in 0..CONNECTIONS {
        hosts.open(number);
    }
    // Both ends of each are here.
    let idle = (resident() - start) / u64::from(2 * CONNECTIONS);
    let mut hosts = Hosts::new();
    let start = resident();
    for number in 0..CONNECTIONS {
        let (a, b) = hosts.open(number);
        hosts.talk(a, b);
    }
    let used = (resident() - start) / u64::from(2 * CONNECTIONS);
    println!("an idle connection takes {idle} octets, {used} after a request and its answer;");
    println!("one in TIME-WAIT takes {time_wait}");
}

struct Hosts {
    client: Stack,
    server: Stack,
    listener: ListenerId,
    packet: Vec<u8>,
}

impl Hosts {
    fn new() -> Self {
        let config = Config::default();
        let clients: Vec<IpAddr> = (0..8)
            .map(|last| Ipv4Addr::new(10, 0, 1, last).into())
            .collect();
        let address = server().ip();
        let mut host = Stack::new(config.clone(), &[address], [2; 16]);
        let listener = host
            .listen(server(), 1, SocketOptions::default())
            .expect("the port is free");
        Self {
            client: Stack::new(config, &clients, [1; 16]),
            server: host,
            listener,
            packet: Vec::new(),
        }
    }

    fn open(&mut self, number: u32) -> (ConnectionId, ConnectionId) {
        let (address, port) = ((number / 50_000) as u8, (number % 50_000) as u16);
        let local = SocketAddr::from(([10, 0, 1, address], 10_000 + port));
        let options = SocketOptions::default();
        let id = self
            .client
            .connect(NOW, local, server(), options)
            .expect("the port is free");
        self.exchange();
        let accepted = self.server.accept(self.listener).expect("established");
        (id, accepted)
    }

    /// A request of 200 octets and an answer of 1000.
    fn talk(&mut self, client: ConnectionId, server: ConnectionId) {
        let mut octets = [0; 2000];
        let given = self.client.send(NOW, client, &octets[..200], false);
        given.expect("open");
        self.exchange();
        self.server.recv(NOW, server, &mut octets).expect("arrived");
        let given = self.server.send(NOW, server, &octets[..1000], false);
        given.expect("open");
        self.exchange();
        self.client.recv(NOW, client, &mut octets).expect("arrived");
        self.exchange();
    }

    /// The client closes first, so that TIME-WAIT is its own.
    fn close(&mut self, client: ConnectionId, server: ConnectionId) {
        self.client.close(NOW, client).expect("open");
        self.exchange();
        self.server.close(NOW, server).expect("open");
        self.exchange();
    }

    fn exchange(&mut self) {
        loop {
            let mut moved = false;
            while self.client.poll_transmit(NOW, &mut self.packet) {
                self.server.on_packet(NOW, &self.packet);
                moved = true;
            }
            while self.server.poll_transmit(NOW, &mut self.packet) {
                self.client.on_packet(NOW, &self.packet);
                moved = true;
            }
            while self.client.poll_event().is_some() || self.server.poll_event().is_some() {}
            if !moved {
                return;
            }
        }
    }
}

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 80))
}

/// Octets of the process that are in memory.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * PAGE
}
