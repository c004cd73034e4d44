//! A million SYNs from a million addresses: what they cost, and who still connects (RFC 4987).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpspec_stack::codec::{Control, IpHeader, Packet, Segment, SynOptions, decode};
use tcpspec_stack::{
    Config, Instant, ListenerId, SeqNum, SocketOptions, Stack, State, SynCookies, SynQueueFull,
    WireWindow,
};

const SYNS: u32 = 1_000_000;
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// So often among them an honest client comes.
const HONEST: u32 = 100_000;

struct Server {
    stack: Stack,
    listener: ListenerId,
    now: Instant,
    packet: Vec<u8>,
}

impl Server {
    fn new(config: Config) -> Self {
        let mut stack = Stack::new(config, &[IpAddr::V4(SERVER)], [9; 16]);
        let local = SocketAddr::new(IpAddr::V4(SERVER), 80);
        let listener = stack.listen(local, 256, SocketOptions::default());
        Self {
            listener: listener.expect("the port is free"),
            stack,
            now: Instant(1_000_000_000),
            packet: Vec::new(),
        }
    }

    /// Lets the server hear a segment of `from`; returns SEQ of what it answers.
    fn hear(&mut self, from: Ipv4Addr, segment: Segment<'_>) -> Option<SeqNum> {
        let mut octets = Vec::new();
        Packet {
            ip: IpHeader {
                src: from.into(),
                dst: SERVER.into(),
                tos: 0,
                ttl: 64,
                id: 0,
                df: true,
            },
            src_port: 4000,
            dst_port: 80,
            segment,
        }
        .encode(&mut octets);
        // A microsecond for each: the timers run as well.
        self.now = Instant(self.now.0 + 1_000);
        if self.stack.poll_timeout().is_some_and(|at| at <= self.now) {
            self.stack.on_timeout(self.now);
        }
        self.stack.on_packet(self.now, &octets);
        let mut answer = None;
        while self.stack.poll_transmit(self.now, &mut self.packet) {
            let packet = decode(&self.packet).expect("a good packet").expect("TCP");
            if packet.ip.dst == from {
                answer = Some(packet.segment.seq);
            }
        }
        answer
    }

    /// A handshake; true if it leads to a connection, which is given up at once.
    fn serves(&mut self, client: Ipv4Addr) -> bool {
        let Some(iss) = self.hear(client, syn()) else {
            return false;
        };
        self.hear(client, ack_of(iss));
        let accepted = self.stack.accept(self.listener);
        while self.stack.poll_event().is_some() {}
        let now = self.now;
        accepted.is_ok_and(|id| self.stack.abort(now, id).is_ok())
    }

    /// Floods; returns how many of the honest clients among it were served.
    fn suffer(&mut self) -> u32 {
        let mut served = 0;
        for number in 0..SYNS {
            let attacker = Ipv4Addr::from(0x0a00_0000 + number);
            self.hear(attacker, syn());
            if number % HONEST == HONEST - 1 {
                let client = Ipv4Addr::from(0xac10_0000 + number);
                served += u32::from(self.serves(client));
            }
        }
        served
    }

    fn half_open(&self) -> usize {
        let status = self.stack.listener_status(self.listener);
        status.expect("it listens").half_open
    }
}

fn segment(control: Control) -> Segment<'static> {
    Segment {
        wnd: WireWindow(65_535),
        ..Segment::bare(SeqNum(77), control)
    }
}

fn syn() -> Segment<'static> {
    let options = SynOptions {
        mss: Some(1460),
        ..SynOptions::default()
    };
    segment(Control::Syn {
        options,
        fin: false,
    })
}

fn ack_of(iss: SeqNum) -> Segment<'static> {
    Segment {
        seq: SeqNum(78),
        ack: Some(iss + 1),
        ..segment(Control::None)
    }
}

/// What the process has in memory, octets.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse().ok());
    pages.unwrap_or(0_usize) * 4096
}

#[test]
fn with_cookies_a_million_syns_stop_nobody_and_take_no_memory() {
    let mut server = Server::new(Config::default());
    let before = resident();
    assert_eq!(server.suffer(), SYNS / HONEST);
    assert_eq!(server.half_open(), 257);
    let states = server.stack.states();
    assert_eq!(states.get(&State::SynReceived), Some(&257));
    assert_eq!(states.values().sum::<usize>(), 258);
    let grown = resident().saturating_sub(before);
    // One octet for each SYN would be a megabyte.
    assert!(grown < 1 << 20, "{grown} octets");
    let counters = server.stack.counters();
    assert_eq!(
        counters.syn_cookies_sent,
        u64::from(SYNS + SYNS / HONEST) - 257
    );
    assert_eq!(counters.syn_cookies_received, u64::from(SYNS / HONEST));
}

#[test]
fn without_cookies_the_queue_is_full_and_stays_so() {
    let mut server = Server::new(Config {
        syn_cookies: SynCookies::Never,
        ..Config::default()
    });
    assert_eq!(server.suffer(), 0);
    assert_eq!(server.half_open(), 257);
    assert_eq!(
        server.stack.counters().listen_drops,
        u64::from(SYNS + SYNS / HONEST) - 257
    );
}

#[test]
fn with_eviction_whoever_is_quick_is_served() {
    let mut server = Server::new(Config {
        syn_cookies: SynCookies::Never,
        syn_queue_full: SynQueueFull::EvictOldest,
        ..Config::default()
    });
    let before = resident();
    assert_eq!(server.suffer(), SYNS / HONEST);
    assert_eq!(server.half_open(), 256);
    let grown = resident().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} octets");
}
