//! `flood`: many segments at once. They are counted and not recorded one by one, and neither are
//! the answers, which nobody expects and nobody minds.

use super::{Action, Played, Progress, Runner, Running};
use crate::device::Crowd;
use crate::model::{Capture, Space, resolve::Copied};
use crate::seed::Sequence;
use crate::spec::case::Flood;
use crate::time::Instant;
use crate::wire::{self, Outgoing, Packet};
use std::net::SocketAddr;
use std::time::Duration;
use tcpspec_reports::record::EventKind;

/// So many leave before the device is heard again: its answers have to be read in time.
const BURST: u32 = 100;
/// What is due within this time leaves together.
const GRAIN: Duration = Duration::from_millis(1);

/// A flood that began.
#[derive(Debug)]
pub(super) struct Flooding {
    device: SocketAddr,
    crowd: Crowd,
    /// The number of its first address: each flood of a case has addresses of its own.
    first: u32,
    count: u32,
    sent: u32,
    replies: u32,
    name: Option<String>,
    chance: Sequence,
    /// Its last segment has left.
    over: bool,
}

impl Runner<'_> {
    pub(super) fn play_flood(
        &mut self,
        now: Instant,
        running: Running<'_>,
        flood: &Flood,
    ) -> Played {
        let conn = running.step.conn;
        if self.floods.last().is_none_or(|flooding| flooding.over) {
            self.floods.push(Flooding {
                device: self.conns[conn].tuple.device,
                crowd: self.crowd,
                first: self.floods.iter().map(|flooding| flooding.count).sum(),
                count: flood.count,
                sent: 0,
                replies: 0,
                name: flood.name.clone(),
                chance: Sequence::new(self.seed ^ self.floods.len() as u64),
                over: false,
            });
        }
        let (template, _) = self.build(now, conn, &flood.inject)?;
        let template = wire::decode(template);
        let Some(flooding) = self.floods.last_mut() else {
            return Ok(Progress::Finished);
        };
        let due = due(flood, now.since(running.started));
        if flooding.sent < due {
            let burst = (due - flooding.sent).min(BURST);
            let packets = (0..burst).filter_map(|_| flooding.next(flood, &template));
            return Ok(Progress::Act(Action::Flood(packets.collect())));
        }
        if flooding.sent < flood.count {
            let next = running.started + flood.every * flooding.sent;
            return Ok(Progress::Wait(next.max(now + GRAIN)));
        }
        flooding.over = true;
        let text = format!(
            "flood: {} segments, each from an address of its own",
            flood.count
        );
        self.note_replies();
        self.note(now, running.step, EventKind::Note { text });
        Ok(Progress::Finished)
    }

    /// True if the packet answers a flood; then it is counted.
    pub(super) fn answers_flood(&mut self, packet: &Packet) -> bool {
        let Some((source, destination)) = packet.ends() else {
            return false;
        };
        let Some(number) = self.crowd.number_of(destination.ip()) else {
            return false;
        };
        let flooding = self.floods.iter_mut().find(|flooding| {
            flooding.device == source && number.wrapping_sub(flooding.first) < flooding.count
        });
        let Some(flooding) = flooding else {
            return false;
        };
        flooding.replies += 1;
        self.note_replies();
        true
    }

    /// `f.replies` of every flood that has a name.
    fn note_replies(&mut self) {
        let named = self.floods.iter().filter_map(|flooding| {
            let name = flooding.name.clone()?;
            Some((name, flooding.replies))
        });
        for (name, replies) in named.collect::<Vec<_>>() {
            self.capture(&name, counted(replies));
        }
    }
}

/// How many segments ought to have left after that time.
fn due(flood: &Flood, elapsed: Duration) -> u32 {
    let nanos = flood.every.as_nanos();
    if nanos == 0 {
        return flood.count;
    }
    let due = elapsed.as_nanos() / nanos + 1;
    u32::try_from(due).unwrap_or(u32::MAX).min(flood.count)
}

/// A capture that has nothing but a count of replies.
fn counted(replies: u32) -> Capture {
    Capture {
        seq: 0,
        ack: None,
        end: 0,
        wnd: 0,
        len: 0,
        after: None,
        replies: Some(replies),
        space: Space::Tester,
        copy: Copied {
            flags: 0,
            payload: Vec::new(),
            fast_open: None,
            at: Instant::START,
        },
    }
}

impl Flooding {
    /// The next segment: like the template, from the next address.
    fn next(&mut self, flood: &Flood, template: &Packet) -> Option<Vec<u8>> {
        let tcp = template.tcp()?;
        let chance = self.chance.next_u64();
        let number = self.first + self.sent;
        self.sent += 1;
        // What stands between the fixed header and the payload.
        let payload = template.payload();
        let header = template.octets.len() - payload.len();
        let fixed = if self.device.is_ipv4() { 40 } else { 60 };
        let options = template.octets.get(fixed..header)?;
        let port = 1024 + (chance >> 48) as u16 % 60_000;
        Some(wire::emit(&Outgoing {
            seq: if flood.random { chance as u32 } else { tcp.seq },
            ack: tcp.ack,
            window: tcp.window,
            options,
            payload,
            ..Outgoing::bare(
                SocketAddr::new(self.crowd.address(number), port),
                self.device,
                tcp.flags,
            )
        }))
    }
}
