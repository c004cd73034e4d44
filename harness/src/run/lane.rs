//! What waits on one connection: segments in wire order, and what the application saw.

use crate::device::Seen;
use crate::model::seq;
use crate::time::Instant;
use crate::wire::{Body, Packet, Tcp, bit};
use std::collections::VecDeque;

/// A segment of the device that no step has consumed yet.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) packet: Packet,
    /// Link stamp.
    pub(super) at: Instant,
    /// How long it took to come: since the last earlier packet or call on its connection.
    pub(super) after: i64,
    /// The window in octets.
    pub(super) window: u32,
    /// Why it may be let pass, by the kinds of `ignore:`.
    pub(super) kind: ExtraKind,
    /// Its place in the record.
    pub(super) event: usize,
}

impl Frame {
    /// The TCP header.
    pub(super) fn tcp(&self) -> Option<&Tcp> {
        self.packet.tcp()
    }

    /// The acknowledgment that came with a retransmission, as the segment without text that it
    /// would have been by itself; `nxt` is SND.NXT.
    pub(super) fn ack_alone(&self, nxt: u32) -> Self {
        let mut alone = self.clone();
        if let Body::Tcp(tcp) = &mut alone.packet.body {
            tcp.seq = nxt;
            tcp.flags = bit::ACK;
            tcp.payload_at.end = tcp.payload_at.start;
        }
        alone
    }
}

/// The kinds of segment that a spec may let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtraKind {
    pub(super) retransmission: bool,
    pub(super) window_update: bool,
    pub(super) duplicate_ack: bool,
    /// A retransmission that acknowledges more than any segment before it.
    pub(super) brings_ack: bool,
}

/// What was seen of a segment, to know its copies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    flags: u8,
    seq: u32,
    payload: Vec<u8>,
}

/// Something that the application saw.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) seen: Seen,
    pub(super) event: usize,
    /// A step asked for it.
    pub(super) taken: bool,
}

/// The queues of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) frames: VecDeque<Frame>,
    pub(super) sights: Vec<Sight>,
    /// Octets delivered to the application.
    pub(super) delivered: Vec<u8>,
    /// How many of them steps have asked for.
    pub(super) asked_for: usize,
    /// Octets taken by SEND that no step has asked for.
    pub(super) sent: usize,
    /// When packets passed, and when calls began and returned; ascending.
    activity: Vec<Instant>,
    shapes: Vec<Shape>,
    /// The last pure ACK: SEQ, ACK, window in octets.
    last_ack: Option<(u32, u32, u32)>,
    /// When the connection was opened: the youngest of a four-tuple owns its segments.
    pub(super) opened: u32,
    /// The device knows of it.
    pub(super) attached: bool,
    /// The acknowledgment of a request that the device has not given yet.
    pub(super) owed: Option<u32>,
    /// What a service said since it is heard.
    pub(super) heard: Vec<u8>,
}

impl Lane {
    /// Something happened on the connection that times are counted from.
    pub(super) fn touch(&mut self, at: Instant) {
        let place = self.activity.partition_point(|&earlier| earlier <= at);
        self.activity.insert(place, at);
    }

    /// The last thing that times are counted from, at or before `at`.
    pub(super) fn last_activity(&self, at: Instant) -> Instant {
        let earlier = self.activity.partition_point(|&earlier| earlier <= at);
        earlier
            .checked_sub(1)
            .map_or(Instant::START, |last| self.activity[last])
    }

    /// Which kinds of extra segment this one is, by what came before it; remembers it.
    pub(super) fn classify(&mut self, packet: &Packet, tcp: &Tcp, window: u32) -> ExtraKind {
        if tcp.has(bit::RST) {
            return ExtraKind::default();
        }
        if !tcp.is_empty() {
            let payload = packet.payload().to_vec();
            let shape = Shape {
                flags: tcp.flags & !bit::PSH,
                seq: tcp.seq,
                payload,
            };
            let retransmission = self.shapes.contains(&shape);
            if !retransmission {
                self.shapes.push(shape);
            }
            let before = self.last_ack.replace((tcp.end(), tcp.ack, window));
            let is_new = before.is_some_and(|(_, ack, _)| seq::lt(ack, tcp.ack));
            return ExtraKind {
                retransmission,
                brings_ack: retransmission && tcp.has(bit::ACK) && is_new,
                ..ExtraKind::default()
            };
        }
        let before = self.last_ack.replace((tcp.seq, tcp.ack, window));
        let Some((seq, ack, last_window)) = before else {
            return ExtraKind::default();
        };
        let same = seq == tcp.seq && ack == tcp.ack && tcp.flags & !bit::PSH == bit::ACK;
        let edges = (tcp.ack.wrapping_add(window), ack.wrapping_add(last_window));
        ExtraKind {
            retransmission: false,
            brings_ack: false,
            window_update: same && seq::lt(edges.1, edges.0),
            duplicate_ack: same && window == last_window,
        }
    }
}
