//! Two hosts on a link, and one host against hand-made segments, in virtual time.

use crate::segment::{Control, Segment, SynOptions};
use crate::seq::{SeqNum, WireWindow};
use crate::source_route::destination;
use crate::wire::{
    IpHeader, Packet, checksum_of, checksum_of_header, decode_ip, decode_tcp, encode_ip,
};
use crate::{
    CallError, Config, ConnectionId, Event, Instant, ListenerId, SocketOptions, Stack, State,
    Status, UserTimeout,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// No stack sends so many segments, or lets so many timers expire, in one go.
const ENDLESS: usize = 100_000;

/// Which of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

/// A segment with everything copied out of its packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) seq: SeqNum,
    pub(crate) ack: Option<SeqNum>,
    pub(crate) control: Control,
    pub(crate) wnd: u16,
    pub(crate) urgent: Option<u16>,
    pub(crate) push: bool,
    pub(crate) timestamps: Option<(u32, u32)>,
    pub(crate) user_timeout: Option<UserTimeout>,
    pub(crate) text: Vec<u8>,
    /// How many SACK blocks there are.
    pub(crate) blocks: usize,
    /// Don't Fragment.
    pub(crate) df: bool,
    /// The last octets of the routers of its source route.
    pub(crate) route: Vec<u8>,
    pub(crate) ttl: u8,
}

impl Seen {
    /// Decodes a packet that a stack has sent; the stack never sends a bad one.
    pub(crate) fn of(at: Instant, packet: &[u8]) -> Self {
        let (mut ip, _, payload) = decode_ip(packet).expect("a good IP packet");
        let mut route = Vec::new();
        // A stack that sends a source route sends it as its first option.
        if let Some(end) = destination(packet) {
            let option = &packet[20..20 + usize::from(packet[21])];
            let hops = packet[16..20].iter().chain(&option[3..option.len() - 4]);
            route = hops.skip(3).step_by(4).copied().collect();
            ip.dst = end;
        }
        let segment = decode_tcp(ip, payload).expect("a good segment").segment;
        Self {
            at,
            seq: segment.seq,
            ack: segment.ack,
            control: segment.control,
            wnd: segment.wnd.0,
            urgent: segment.urgent,
            push: segment.push,
            timestamps: segment.timestamps.map(|ts| (ts.val, ts.ecr)),
            user_timeout: segment.user_timeout,
            text: segment.text.to_vec(),
            blocks: segment.sack.len(),
            df: ip.df,
            route,
            ttl: ip.ttl,
        }
    }

    /// SYN, FIN, RST, ACK as letters, and the length of the text.
    pub(crate) fn summary(&self) -> String {
        let control = match self.control {
            Control::None => "",
            Control::Syn { fin: false, .. } => "S",
            Control::Syn { fin: true, .. } => "SF",
            Control::Fin => "F",
            Control::Rst => "R",
        };
        let ack = if self.ack.is_some() { "A" } else { "" };
        match self.text.len() {
            0 => format!("{control}{ack}"),
            len => format!("{control}{ack}{len}"),
        }
    }
}

/// Two hosts, a link with a latency, and a rule that loses packets.
pub(crate) struct Pair {
    pub(crate) a: Stack,
    pub(crate) b: Stack,
    pub(crate) now: Instant,
    pub(crate) latency: Duration,
    /// Loses the packet with this number (from 0, counted over both directions).
    pub(crate) loses: Box<dyn Fn(usize) -> bool>,
    pub(crate) sent: Vec<(Side, Seen)>,
    flying: VecDeque<(Instant, Side, Vec<u8>)>,
}

pub(crate) const A: &str = "10.0.0.1";
pub(crate) const B: &str = "10.0.0.2";

impl Pair {
    pub(crate) fn new(config: &Config) -> Self {
        Self::between(config, A, B)
    }

    pub(crate) fn between(config: &Config, a: &str, b: &str) -> Self {
        let host = |address: &str, secret| {
            let address: IpAddr = address.parse().expect("an address");
            Stack::new(config.clone(), &[address], [secret; 16])
        };
        Self {
            a: host(a, 1),
            b: host(b, 2),
            now: Instant(1_000_000_000),
            latency: Duration::from_millis(10),
            loses: Box::new(|_| false),
            sent: Vec::new(),
            flying: VecDeque::new(),
        }
    }

    pub(crate) fn stack(&mut self, side: Side) -> &mut Stack {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// Takes what both have to send.
    fn collect(&mut self) {
        let mut packet = Vec::new();
        for side in [Side::A, Side::B] {
            let now = self.now;
            while self.stack(side).poll_transmit(now, &mut packet) {
                let number = self.sent.len();
                self.sent.push((side, Seen::of(now, &packet)));
                if !(self.loses)(number) {
                    self.flying
                        .push_back((now + self.latency, side, packet.clone()));
                }
            }
        }
    }

    /// Goes to the next thing that happens, not beyond `until`; false if there is none.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        self.collect();
        let timeouts = [self.a.poll_timeout(), self.b.poll_timeout()];
        let flight = self.flying.front().map(|(at, ..)| *at);
        let Some(next) = timeouts.into_iter().chain([flight]).flatten().min() else {
            return false;
        };
        if next > until {
            return false;
        }
        self.now = self.now.max(next);
        let now = self.now;
        for side in [Side::A, Side::B] {
            if self.stack(side).poll_timeout().is_some_and(|at| at <= now) {
                self.stack(side).on_timeout(now);
            }
        }
        self.collect();
        while self.flying.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, from, packet) = self.flying.pop_front().expect("just seen");
            let to = if from == Side::A { Side::B } else { Side::A };
            self.stack(to).on_packet(now, &packet);
            self.collect();
        }
        true
    }

    /// Lets everything happen that happens within `time`.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// A listener on port 80 of B, a connection from A, and the accepted end.
    pub(crate) fn connect(&mut self) -> (ConnectionId, ConnectionId, ListenerId) {
        let b = SocketAddr::new(self.address(Side::B), 80);
        let a = SocketAddr::new(self.address(Side::A), 0);
        let listener = self
            .b
            .listen(b, 8, SocketOptions::default())
            .expect("a free port");
        let now = self.now;
        let id = self
            .a
            .connect(now, a, b, SocketOptions::default())
            .expect("a free port");
        self.run(Duration::from_millis(100));
        let accepted = self.b.accept(listener).expect("established");
        (id, accepted, listener)
    }

    fn address(&self, side: Side) -> IpAddr {
        match side {
            Side::A => self.a.first_address(),
            Side::B => self.b.first_address(),
        }
    }

    pub(crate) fn events(&mut self, side: Side) -> Vec<Event> {
        let stack = self.stack(side);
        std::iter::from_fn(|| stack.poll_event()).collect()
    }

    /// What a side has sent, in short.
    pub(crate) fn summary(&self, side: Side) -> Vec<String> {
        self.sent
            .iter()
            .filter(|(by, _)| *by == side)
            .map(|(_, seen)| seen.summary())
            .collect()
    }
}

/// One host, and a peer that says what a test wants it to say.
pub(crate) struct Probe {
    pub(crate) stack: Stack,
    pub(crate) now: Instant,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

impl Probe {
    pub(crate) fn new(config: Config) -> Self {
        let local: SocketAddr = (A.parse::<IpAddr>().expect("an address"), 80).into();
        let remote: SocketAddr = (B.parse::<IpAddr>().expect("an address"), 4000).into();
        Self {
            stack: Stack::new(config, &[local.ip()], [3; 16]),
            now: Instant(1_000_000_000),
            local,
            remote,
        }
    }

    /// OPENs towards the peer; the SYN waits to be sent.
    pub(crate) fn connect(&mut self) -> ConnectionId {
        let options = SocketOptions::default();
        let id = self
            .stack
            .connect(self.now, self.local, self.remote, options);
        id.expect("free")
    }

    /// The packet of the peer that carries a segment.
    pub(crate) fn packet(&self, segment: Segment<'_>) -> Vec<u8> {
        let (src, dst) = (self.remote.ip(), self.local.ip());
        let ip = IpHeader {
            src,
            dst,
            tos: 0,
            ttl: 64,
            id: 0,
            df: true,
        };
        let (src_port, dst_port) = (self.remote.port(), self.local.port());
        let mut packet = Vec::new();
        Packet {
            ip,
            src_port,
            dst_port,
            segment,
        }
        .encode(&mut packet);
        packet
    }

    /// An IPv4 packet of the peer with any payload.
    pub(crate) fn ip_packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let (src, dst) = (self.remote.ip(), self.local.ip());
        let ip = IpHeader {
            src,
            dst,
            tos: 0,
            ttl: 64,
            id: 0,
            df: true,
        };
        let mut packet = Vec::new();
        encode_ip(&ip, None, protocol, payload.len(), &mut packet);
        packet.extend_from_slice(payload);
        packet
    }

    /// The packet of the peer that carries a segment, with these IP options.
    pub(crate) fn packet_with(&self, options: &[u8], segment: Segment<'_>) -> Vec<u8> {
        let mut packet = self.packet(segment);
        let padded = options.len().next_multiple_of(4);
        let padding = std::iter::repeat_n(0, padded - options.len());
        packet.splice(20..20, options.iter().copied().chain(padding));
        packet[0] += (padded / 4) as u8;
        let total = (packet.len() as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&total);
        packet[10..12].copy_from_slice(&[0, 0]);
        let sum = checksum_of_header(&packet[..20 + padded]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    /// Puts the right TCP checksum into an IPv4 packet that was changed.
    pub(crate) fn mend_checksum(&self, packet: &mut [u8]) {
        packet[36..38].copy_from_slice(&[0, 0]);
        let sum = checksum_of(self.remote.ip(), self.local.ip(), &packet[20..]);
        packet[36..38].copy_from_slice(&sum.to_be_bytes());
    }

    /// Injects a packet and returns what comes back at once.
    pub(crate) fn inject_packet(&mut self, packet: &[u8]) -> Vec<Seen> {
        self.stack.on_packet(self.now, packet);
        self.sent()
    }

    /// Injects a segment and returns what comes back at once.
    pub(crate) fn inject(&mut self, segment: Segment<'_>) -> Vec<Seen> {
        let packet = self.packet(segment);
        self.inject_packet(&packet)
    }

    /// Connections get receive buffers of so many octets from now on.
    pub(crate) fn config_rcvbuf(&mut self, octets: u32) {
        self.stack.config_mut().rcvbuf = octets;
    }

    /// What the stack sends now.
    pub(crate) fn sent(&mut self) -> Vec<Seen> {
        let (now, mut packet, mut seen) = (self.now, Vec::new(), Vec::new());
        while self.stack.poll_transmit(now, &mut packet) {
            seen.push(Seen::of(now, &packet));
            assert!(
                seen.len() < ENDLESS,
                "it sends without end: {:?}",
                seen.last()
            );
        }
        seen
    }

    /// Lets time pass; returns what the stack sends meanwhile.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Seen> {
        let until = self.now + time;
        let mut seen = self.sent();
        let mut turns = 0;
        while let Some(at) = self.stack.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.stack.on_timeout(self.now);
            seen.extend(self.sent());
            turns += 1;
            assert!(
                turns < ENDLESS,
                "its timers expire without end, now at {at:?}"
            );
        }
        self.now = until;
        seen
    }

    pub(crate) fn state(&self) -> State {
        self.stack.state(self.local, self.remote)
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.stack.poll_event()).collect()
    }
}

/// A [`Probe`] whose host has accepted a connection.
pub(crate) struct Established {
    pub(crate) probe: Probe,
    pub(crate) id: ConnectionId,
    /// SEG.SEQ of the peer's next segment.
    pub(crate) seq: SeqNum,
    /// SEG.ACK of the peer's next segment.
    pub(crate) una: SeqNum,
    /// SEG.WND of the peer's next segment.
    pub(crate) wnd: WireWindow,
}

impl Established {
    /// The peer offers no options.
    pub(crate) fn new(config: Config) -> Self {
        Self::with(config, SynOptions::default(), SocketOptions::default())
    }

    /// The peer's SYN has these options, the listener those.
    pub(crate) fn with(config: Config, syn_options: SynOptions, options: SocketOptions) -> Self {
        let mut probe = Probe::new(config);
        let listener = probe.stack.listen(probe.local, 4, options).expect("free");
        let syn_ack = probe.inject(syn(1000, syn_options));
        let (seq, una) = (SeqNum(1001), syn_ack[0].seq + 1);
        probe.inject(segment(seq, una, Control::None, b""));
        let id = probe.stack.accept(listener).expect("established");
        probe.events();
        Self {
            probe,
            id,
            seq,
            una,
            wnd: WireWindow(65_535),
        }
    }

    /// The peer's next segment; its sequence number moves on.
    pub(crate) fn say(&mut self, control: Control, text: &[u8]) -> Vec<Seen> {
        let at = self.seq;
        let sent = self.say_at(at, control, text);
        self.seq = at + text.len() as u32 + u32::from(control == Control::Fin);
        sent
    }

    /// A segment of the peer anywhere.
    pub(crate) fn say_at(&mut self, seq: SeqNum, control: Control, text: &[u8]) -> Vec<Seen> {
        let segment = Segment {
            wnd: self.wnd,
            ..segment(seq, self.una, control, text)
        };
        self.probe.inject(segment)
    }

    /// The peer acknowledges `octets` more.
    pub(crate) fn ack(&mut self, octets: u32) -> Vec<Seen> {
        self.una += octets;
        self.say(Control::None, b"")
    }

    pub(crate) fn send(&mut self, data: &[u8]) {
        let now = self.probe.now;
        assert_eq!(
            self.probe.stack.send(now, self.id, data, false),
            Ok(data.len())
        );
    }

    pub(crate) fn recv(&mut self, len: usize) -> Result<Vec<u8>, CallError> {
        let mut into = vec![0; len];
        let read = self.probe.stack.recv(self.probe.now, self.id, &mut into)?;
        into.truncate(read);
        Ok(into)
    }

    pub(crate) fn shutdown(&mut self) {
        let now = self.probe.now;
        self.probe.stack.shutdown_write(now, self.id).expect("open");
    }

    pub(crate) fn set(&mut self, options: SocketOptions) {
        let now = self.probe.now;
        self.probe
            .stack
            .set_options(now, self.id, &options)
            .expect("open");
    }

    pub(crate) fn status(&self) -> Status {
        self.probe
            .stack
            .status(self.probe.now, self.id)
            .expect("owned")
    }

    pub(crate) fn now(&self) -> Instant {
        self.probe.now
    }

    pub(crate) fn sent(&mut self) -> Vec<Seen> {
        self.probe.sent()
    }

    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Seen> {
        self.probe.wait(time)
    }

    pub(crate) fn state(&self) -> State {
        self.probe.state()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.probe.events()
    }
}

/// `<SEQ=seq><CTL=SYN>` with these options.
pub(crate) fn syn(seq: u32, options: SynOptions) -> Segment<'static> {
    Segment {
        wnd: WireWindow(65_535),
        ..Segment::bare(
            SeqNum(seq),
            Control::Syn {
                options,
                fin: false,
            },
        )
    }
}

/// `<SEQ=seq><ACK=ack><CTL=ACK>` with text and control.
pub(crate) fn segment(seq: SeqNum, ack: SeqNum, control: Control, text: &[u8]) -> Segment<'_> {
    Segment {
        ack: Some(ack),
        wnd: WireWindow(65_535),
        text,
        ..Segment::bare(seq, control)
    }
}
