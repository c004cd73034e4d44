//! A device that does what a script says, on the virtual clock.

use crate::device::*;
use crate::spec::case::{Family, State};
use crate::time::Instant;
use crate::wire::{self, Outgoing, Packet, bit};
use std::collections::VecDeque;
use std::time::Duration;

/// The device's initial sequence number.
pub(crate) const ISS: u32 = 300;

/// Something that the device does.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Sends a segment: control bits, SEQ from ISS, ACK from IRS.
    Send(Segment),
    /// Its application sees something.
    See(Seen),
    /// It is in this state from now on.
    Be(State),
}

/// A segment of the device, in relative numbers.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) bad_checksum: bool,
}

/// A segment without options and payload.
pub(crate) fn segment(flags: u8, seq: u32, ack: u32) -> Segment {
    Segment {
        flags,
        seq,
        ack,
        window: 8192,
        options: Vec::new(),
        payload: Vec::new(),
        bad_checksum: false,
    }
}

/// What the device does upon the next packet or call, and how much later.
pub(crate) type Reaction = Vec<(Duration, Does)>;

#[derive(Debug)]
pub(crate) struct Fake {
    reactions: VecDeque<Reaction>,
    due: Vec<(Instant, Does)>,
    state: Option<State>,
    tuple: Option<FourTuple>,
    irs: u32,
    pub(crate) injected: Vec<Packet>,
}

impl Fake {
    /// One reaction per packet or call, in order.
    pub(crate) fn new(reactions: impl IntoIterator<Item = Reaction>) -> Self {
        Self {
            reactions: reactions.into_iter().collect(),
            due: Vec::new(),
            state: Some(State::Closed),
            tuple: None,
            irs: 0,
            injected: Vec::new(),
        }
    }

    /// And then so.
    pub(crate) fn then(&mut self, reaction: Reaction) {
        self.reactions.push_back(reaction);
    }

    /// The same device without introspection.
    pub(crate) fn mute(mut self) -> Self {
        self.state = None;
        self
    }

    fn react(&mut self, now: Instant) {
        let reaction = self.reactions.pop_front().unwrap_or_default();
        self.due.extend(
            reaction
                .into_iter()
                .map(|(delay, does)| (now + delay, does)),
        );
        self.due.sort_by_key(|(at, _)| *at);
    }

    fn packet(&self, segment: &Segment) -> Vec<u8> {
        let tuple = self.tuple.expect("attached");
        wire::emit(&Outgoing {
            source: tuple.device,
            destination: tuple.tester,
            ttl: 64,
            tos: 0,
            df: true,
            id: 0,
            ip_options: &[],
            seq: ISS.wrapping_add(segment.seq),
            ack: if segment.flags & bit::ACK == 0 {
                0
            } else {
                self.irs.wrapping_add(segment.ack)
            },
            flags: segment.flags,
            window: segment.window,
            urgent: 0,
            options: &segment.options,
            payload: &segment.payload,
            data_offset: None,
            reserved: 0,
            bad_checksum: segment.bad_checksum,
            zero_checksum: false,
        })
    }
}

impl Device for Fake {
    fn link(&self) -> LinkInfo {
        LinkInfo {
            tester: "192.0.2.1".parse().unwrap(),
            device: "192.0.2.2".parse().unwrap(),
            mtu: 1500,
            ports: None,
            crowd: Crowd::of(Family::V4),
        }
    }

    fn setup(&mut self, _now: Instant, _setup: &Setup) -> Result<(), DeviceError> {
        Ok(())
    }

    fn attach(&mut self, _conn: ConnId, tuple: FourTuple) {
        self.tuple = Some(tuple);
    }

    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        let packet = wire::decode(packet.to_vec());
        if let Some(tcp) = packet.tcp()
            && tcp.has(bit::SYN)
        {
            self.irs = tcp.seq;
        }
        self.injected.push(packet);
        self.react(now);
        Ok(now)
    }

    fn call(&mut self, now: Instant, _conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        if matches!(call, AppCall::Accept) {
            return Err(Refused::Failed("nothing to accept".to_owned()));
        }
        self.react(now);
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Result<Option<Output>, DeviceError> {
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let output = match self.due.remove(0) {
                (at, Does::Send(segment)) => Output::Packet {
                    at,
                    packet: self.packet(&segment),
                },
                (_, Does::See(event)) => Output::App {
                    conn: ConnId(0),
                    event,
                },
                (_, Does::Be(state)) => {
                    self.state = self.state.map(|_| state);
                    continue;
                }
            };
            return Ok(Some(output));
        }
        Ok(None)
    }

    fn state(&mut self, _now: Instant, _conn: ConnId) -> Option<State> {
        self.state
    }

    fn info(&mut self, _now: Instant, _conn: ConnId, field: &str) -> Option<i64> {
        (field == "cwnd").then_some(14_600)
    }

    fn counter(&mut self, _now: Instant, name: &str) -> Option<i64> {
        (name == "challenge_acks").then_some(self.injected.len() as i64)
    }
}

impl Simulated for Fake {
    fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn on_timeout(&mut self, _now: Instant) {}
}
