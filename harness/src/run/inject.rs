//! `inject`: a segment of the tester, with the defaults that only the runner knows.

use super::log::reference;
use super::{Action, Played, Progress, Question, Runner, recorded};
use crate::device::FourTuple;
use crate::invariants::send_edge;
use crate::model::{Capture, Conn, Scope, Space, Unresolved, resolve::Copied, sent::window, seq};
use crate::spec::case::{
    Draws, Expr, Flags, Inject, InjectIp, InjectTimestamps, IpEnd, Payload, Piece, Step,
};
use crate::time::Instant;
use crate::wire::{self, Options, Outgoing, Packet};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpspec_reports::record::{EventKind, StepRef};

/// A packet that the drive is handing to the device.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) packet: Packet,
    pub(super) step: StepRef,
    pub(super) conn: usize,
    pub(super) counts: bool,
    pub(super) text_counts: bool,
    pub(super) name: Option<String>,
    pub(super) draws: Option<Draws>,
    /// The fragments that are not sent yet; the first of them is on its way.
    pub(super) pieces: VecDeque<Vec<u8>>,
}

impl Runner<'_> {
    pub(super) fn play_inject(&mut self, now: Instant, step: &Step, inject: &Inject) -> Played {
        let in_flight = match std::mem::take(&mut self.question) {
            Question::Answered => {
                self.question = Question::Answered;
                return Ok(Progress::Finished);
            }
            Question::Pieces(in_flight) => in_flight,
            _ => Box::new(self.in_flight(now, step, inject)?),
        };
        let octets = in_flight.pieces.front().unwrap_or(&in_flight.packet.octets);
        let action = Action::Inject(octets.clone());
        self.question = Question::Injected(in_flight);
        Ok(Progress::Act(action))
    }

    pub(super) fn in_flight(
        &mut self,
        now: Instant,
        step: &Step,
        inject: &Inject,
    ) -> Result<InFlight, Unresolved> {
        let (octets, pieces) = self.build(now, step.conn, inject)?;
        // A packet that is not for the connection says nothing about it.
        let odd = inject.ip.source.is_some() || inject.ip.destination.is_some();
        Ok(InFlight {
            packet: wire::decode(octets),
            step: reference(step),
            conn: step.conn,
            counts: inject.counts && !odd,
            text_counts: inject.text_counts && !odd,
            name: inject.name.clone(),
            draws: inject.draws.clone(),
            pieces,
        })
    }

    pub(super) fn injected(&mut self, at: Instant, mut in_flight: Box<InFlight>) {
        let piece = in_flight.pieces.pop_front().map(wire::decode);
        let shown = recorded(piece.as_ref().unwrap_or(&in_flight.packet));
        let (conn, step) = (in_flight.conn, in_flight.step.clone());
        let event = self
            .log
            .push_cited(at, conn, Some(step), EventKind::Injected(shown));
        self.lanes[conn].touch(at);
        if !in_flight.pieces.is_empty() {
            self.question = Question::Pieces(in_flight);
            return;
        }
        let InFlight {
            packet,
            counts,
            text_counts,
            name,
            draws,
            ..
        } = *in_flight;
        if let Some(tcp) = packet.tcp() {
            if tcp.has(wire::bit::SYN) {
                self.opens(conn);
            }
            let model = &mut self.conns[conn];
            let edge = send_edge(&model.tcb);
            if let (true, Some((val, _))) = (tcp.has(wire::bit::SYN), tcp.options.ts) {
                // A spec that sets the tester's clock in its SYN sets it for good.
                model.ts_base = val.wrapping_sub(ticks(at));
            }
            if counts {
                model.tcb.on_injected(at, &packet);
            }
            if text_counts {
                model.tcb.take_syn_text(tcp);
            }
            self.histories[conn].on_injected(at, tcp, edge, &model.tcb);
            if let Some(name) = name {
                let window = window(tcp, model.tcb.tester_shift());
                let capture = capture(&packet, tcp, window, Space::Tester, None, at);
                self.capture(&name, capture);
            }
        }
        if let Some(draws) = draws {
            self.asked(conn, &packet, draws);
        }
        self.annotate(event, conn);
    }

    /// From now on this connection is the youngest of its four-tuple.
    pub(super) fn opens(&mut self, conn: usize) {
        self.openings += 1;
        self.lanes[conn].opened = self.openings;
    }

    /// The segment in one packet, and its fragments if it goes in such.
    pub(super) fn build(
        &mut self,
        now: Instant,
        own: usize,
        inject: &Inject,
    ) -> Result<Built, Unresolved> {
        let scope = Scope {
            conns: &self.conns,
            own,
            captures: &self.captures,
            tester_chooses: true,
        };
        let conn = &self.conns[own];
        let sequence = |expr: Option<&Expr>| expr.map_or(Ok(0), |expr| scope.sequence(expr));
        let seq = sequence(inject.seq.as_ref())?;
        let syn = inject.flags.contains(Flags::SYN);
        let offset = stream_offset(conn, seq, syn);
        let payload = match &inject.data {
            None => Vec::new(),
            Some(Payload::Text(text)) => text.clone(),
            Some(Payload::Pattern(count)) => conn
                .inward
                .octets(offset, usize::from(scope.field::<u16>(count)?)),
        };
        let options = match &inject.opts {
            Some(raw) => raw.clone(),
            None => wire::options::write(&options(&scope, conn, inject, now)?),
        };
        let ip = &inject.ip;
        let fragmented = !ip.fragments.is_empty();
        let own_id = identification(conn.tuple, self.log.events.len());
        let (source, destination) = addresses(conn.tuple, ip);
        let outgoing = Outgoing {
            source,
            destination,
            ttl: ip.ttl.unwrap_or(64),
            tos: ip.tos.unwrap_or(0),
            df: ip.df.unwrap_or(!fragmented),
            id: ip.id.unwrap_or(if fragmented { own_id } else { 0 }),
            ip_options: &ip.options,
            seq,
            ack: sequence(inject.ack.as_ref())?,
            flags: inject.flags.0,
            window: window_field(&scope, conn, inject)?,
            urgent: inject
                .urg
                .as_ref()
                .map_or(Ok(0), |urgent| scope.field(urgent))?,
            options: &options,
            payload: &payload,
            data_offset: inject.offset,
            reserved: inject.reserved,
            bad_checksum: inject.bad_checksum,
            zero_checksum: inject.zero_checksum,
        };
        let octets = wire::emit(&outgoing);
        let fragments = ip.fragments.iter().map(|piece| fragment(&outgoing, *piece));
        let fragments = fragments.collect::<Result<VecDeque<_>, _>>()?;
        self.is_carried(&octets, &fragments)?;
        if let Some(Payload::Text(text)) = &inject.data
            && inject.counts
        {
            self.conns[own].inward.put(offset, text);
        }
        Ok((octets, fragments))
    }

    /// The link carries what is sent: the fragments, or the whole if there are none.
    fn is_carried(&self, whole: &[u8], fragments: &VecDeque<Vec<u8>>) -> Result<(), Unresolved> {
        let longest = fragments.iter().map(Vec::len).max().unwrap_or(whole.len());
        if longest > usize::from(self.mtu) {
            return Err(Unresolved::TooLong(longest, self.mtu));
        }
        Ok(())
    }
}

/// Every fragmented segment is a packet of its own, also among those of other cases that the
/// device has not forgotten yet: their ports differ. The factor is odd and large, so that the
/// numbers of neighbouring ports lie far apart.
fn identification(tuple: FourTuple, events: usize) -> u16 {
    tuple
        .tester
        .port()
        .wrapping_mul(0x9e37)
        .wrapping_add(events as u16)
}

/// A packet and the fragments in which it goes.
type Built = (Vec<u8>, VecDeque<Vec<u8>>);

fn fragment(outgoing: &Outgoing<'_>, piece: Piece) -> Result<Vec<u8>, Unresolved> {
    let to = piece.to.map_or(usize::MAX, usize::from);
    let outgoing = &Outgoing {
        tos: piece.tos.unwrap_or(outgoing.tos),
        ..outgoing.clone()
    };
    wire::emit_fragment(outgoing, usize::from(piece.from)..to, piece.garbled)
        .ok_or_else(|| Unresolved::Range(format!("the fragment from octet {}", piece.from)))
}

/// Where the packet says that it comes from, and where it goes.
fn addresses(tuple: FourTuple, ip: &InjectIp) -> (SocketAddr, SocketAddr) {
    let put = |mut socket: SocketAddr, end: Option<IpEnd>| {
        if let Some(end) = end {
            socket.set_ip(address(end, tuple.device.ip()));
        }
        socket
    };
    (
        put(tuple.tester, ip.source),
        put(tuple.device, ip.destination),
    )
}

pub(super) fn address(end: IpEnd, device: IpAddr) -> IpAddr {
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    match (device, end) {
        (_, IpEnd::Device) => device,
        (IpAddr::V4(_), IpEnd::Multicast) => Ipv4Addr::new(224, 0, 0, 1).into(),
        (IpAddr::V4(_), IpEnd::Loopback) => Ipv4Addr::LOCALHOST.into(),
        (IpAddr::V4(_), IpEnd::Unspecified) => Ipv4Addr::UNSPECIFIED.into(),
        (IpAddr::V4(_), IpEnd::Broadcast) => Ipv4Addr::BROADCAST.into(),
        (IpAddr::V4(address), IpEnd::SubnetBroadcast) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 255).into()
        }
        (IpAddr::V6(_), IpEnd::Loopback) => Ipv6Addr::LOCALHOST.into(),
        (IpAddr::V6(_), IpEnd::Unspecified) => Ipv6Addr::UNSPECIFIED.into(),
        // IPv6 has no broadcast, and the reader of specs says so; all nodes come nearest.
        (IpAddr::V6(_), _) => ALL_NODES.into(),
    }
}

/// The stream offset of the first octet of payload.
fn stream_offset(conn: &Conn, seq: u32, syn: bool) -> u32 {
    if syn {
        return 0;
    }
    let irs = conn.tcb.irs().unwrap_or(conn.irs_choice);
    seq.wrapping_sub(irs.wrapping_add(1))
}

fn window_field(scope: &Scope<'_>, conn: &Conn, inject: &Inject) -> Result<u16, Unresolved> {
    if let Some(raw) = &inject.wnd_raw {
        return scope.field(raw);
    }
    let shift = if inject.flags.contains(Flags::SYN) {
        0
    } else {
        conn.tcb.tester_shift()
    };
    let Some(wnd) = &inject.wnd else {
        return Ok(u16::MAX >> shift);
    };
    let octets: u32 = scope.field(wnd)?;
    u16::try_from(octets >> shift)
        .ok()
        .filter(|field| u32::from(*field) << shift == octets)
        .ok_or_else(|| Unresolved::Range(format!("wnd {octets} (the scale is {shift})")))
}

fn options(
    scope: &Scope<'_>,
    conn: &Conn,
    inject: &Inject,
    now: Instant,
) -> Result<Options, Unresolved> {
    let mut options = Options {
        sack_ok: inject.sack_ok,
        ..Options::default()
    };
    options.fast_open = match &inject.tfo {
        None => None,
        Some(option) => Some(scope.cookie(option)?),
    };
    options.mss = inject
        .mss
        .as_ref()
        .map(|mss| scope.field(mss))
        .transpose()?;
    options.ws = inject.ws.as_ref().map(|ws| scope.field(ws)).transpose()?;
    options.uto = inject
        .uto
        .as_ref()
        .map(|uto| scope.field(uto))
        .transpose()?;
    for (from, to) in &inject.sack {
        options
            .sack
            .push((scope.sequence(from)?, scope.sequence(to)?));
    }
    let echo = if inject.flags.contains(Flags::ACK) {
        conn.tcb.sent.ts_val
    } else {
        None
    };
    let (clock, echo) = (clock(conn, now), echo.unwrap_or(0));
    options.ts = match &inject.ts {
        InjectTimestamps::Automatic => conn.tcb.timestamps().then_some((clock, echo)),
        InjectTimestamps::Absent => None,
        InjectTimestamps::Given { val, ecr } => Some((
            val.as_ref().map_or(Ok(clock), |val| scope.sequence(val))?,
            ecr.as_ref().map_or(Ok(echo), |ecr| scope.sequence(ecr))?,
        )),
    };
    Ok(options)
}

/// The tester's timestamp clock: milliseconds, and never behind what the device has recorded.
fn clock(conn: &Conn, now: Instant) -> u32 {
    let clock = conn.ts_base.wrapping_add(ticks(now));
    conn.tcb
        .ts_recent()
        .map_or(clock, |recent| seq::max(clock, recent))
}

fn ticks(now: Instant) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}

/// A segment as expressions refer to it.
pub(super) fn capture(
    packet: &Packet,
    tcp: &wire::Tcp,
    wnd: u32,
    space: Space,
    after: Option<i64>,
    at: Instant,
) -> Capture {
    Capture {
        seq: tcp.seq,
        ack: tcp.has(wire::bit::ACK).then_some(tcp.ack),
        end: tcp.end(),
        wnd,
        len: tcp.payload_len(),
        after,
        replies: None,
        space,
        copy: Copied {
            flags: tcp.flags & !wire::bit::PSH,
            payload: packet.payload().to_vec(),
            fast_open: tcp.options.fast_open.clone(),
            at,
        },
    }
}
