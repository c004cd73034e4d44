//! What comes out of the device: recorded, held to the rules, and queued.

use super::lane::{Frame, Sight};
use super::log::Finding;
use super::{Runner, nanos_since, recorded};
use crate::device::{ConnId, Seen};
use crate::invariants::{self, Violation};
use crate::model::sent::window;
use crate::time::Instant;
use crate::wire::{self, Body, Packet, bit};
use std::cmp::Reverse;
use tcpspec_reports::record::{EventKind, Judged};

impl Runner<'_> {
    /// The device sent this packet, which was on the link at `at`.
    pub fn on_packet(&mut self, at: Instant, octets: Vec<u8>) {
        let packet = wire::decode(octets);
        if packet.tcp().is_none() && packet.faults.is_empty() {
            self.note_other(at, &packet);
        } else if let Some(conn) = self.owner(&packet) {
            self.on_segment(at, conn, packet);
        } else if !self.answers_flood(&packet) {
            self.on_stray(at, &packet);
        }
    }

    /// The youngest connection of the packet's four-tuple to which it can belong: what a device
    /// says first on a connection is a SYN, or a RST that refuses it. Anything else is about the
    /// connection that was there before, as the ACK that answers a SYN in TIME-WAIT.
    fn owner(&self, packet: &Packet) -> Option<usize> {
        let (source, destination) = packet.ends()?;
        let mut owners: Vec<usize> = (0..self.conns.len())
            .filter(|&conn| {
                let tuple = self.conns[conn].tuple;
                self.lanes[conn].attached && tuple.device == source && tuple.tester == destination
            })
            .collect();
        owners.sort_by_key(|&conn| Reverse(self.lanes[conn].opened));
        let opens = packet
            .tcp()
            .is_none_or(|tcp| tcp.has(bit::SYN) || tcp.has(bit::RST));
        let begun = |conn: &usize| opens || self.conns[*conn].tcb.sent.syn.is_some();
        let begun = owners.iter().copied().find(begun);
        begun.or(owners.first().copied())
    }

    fn on_segment(&mut self, at: Instant, conn: usize, packet: Packet) {
        let violations = self.violations(at, conn, &packet);
        let Some(tcp) = packet.tcp() else { return };
        let settles = self.settles_request(conn, tcp);
        let model = &mut self.conns[conn];
        self.histories[conn].on_sent(at, tcp);
        model.tcb.on_sent(tcp);
        if settles {
            model.seen.on_segment(tcp, model.tcb.device_shift());
        }
        model.last_sent = Some(packet.octets.clone());
        let window = window(tcp, model.tcb.device_shift());
        let lane = &mut self.lanes[conn];
        let kind = lane.classify(&packet, tcp, window);
        let after = nanos_since(at, lane.last_activity(at));
        let judged = if settles {
            Judged::Ignored
        } else {
            // Times are counted from what specs know of.
            lane.touch(at);
            Judged::AfterVerdict
        };
        let kind_of_event = EventKind::Received {
            segment: recorded(&packet),
            judged,
        };
        let event = self.log.push(at, conn, None, kind_of_event);
        if !self.report(event, violations) && !settles {
            self.lanes[conn].frames.push_back(Frame {
                packet,
                at,
                after,
                window,
                kind,
                event,
            });
        }
    }

    fn violations(&self, at: Instant, conn: usize, packet: &Packet) -> Vec<Violation> {
        let mut found = invariants::check(&self.conns[conn].tcb, &self.histories[conn], at, packet);
        found.retain(|violation| !self.case.except.iter().any(|name| name == violation.rule));
        found
    }

    /// Records violations; true if the segment ends the case.
    fn report(&mut self, event: usize, violations: Vec<Violation>) -> bool {
        let was_over = self.log.over;
        for Violation {
            rule,
            requirement,
            level,
            text,
        } in violations
        {
            if !self.log.over {
                self.log.judge(event, None, Judged::BreaksInvariant);
            }
            let finding = Finding {
                symptom: rule.to_owned(),
                headline: format!("{text} ({requirement})"),
                fields: Vec::new(),
                event: Some(event),
            };
            self.log
                .find_apart("invariant", (level, Some(requirement.to_owned())), finding);
        }
        self.log.over && !was_over
    }

    /// A segment of no connection of this case.
    fn on_stray(&mut self, at: Instant, packet: &Packet) {
        let judged = Judged::Unexpected;
        let event = self.log.push(
            at,
            0,
            None,
            EventKind::Received {
                segment: recorded(packet),
                judged,
            },
        );
        let what = match (packet.ends(), packet.faults.first()) {
            (Some((source, destination)), _) => {
                format!("a segment from {source} to {destination}, which no step has opened")
            }
            (None, Some(fault)) => fault.to_string(),
            (None, None) => "a packet that cannot be read".to_owned(),
        };
        let finding = Finding {
            symptom: "segment of no connection".to_owned(),
            headline: format!("unexpected: {what}"),
            fields: Vec::new(),
            event: Some(event),
        };
        self.log
            .find_apart("stray", (crate::spec::case::Level::Must, None), finding);
    }

    fn note_other(&mut self, at: Instant, packet: &Packet) {
        let text = match packet.body {
            Body::Icmp { kind, code } => format!("ICMP type {kind} code {code} from the device"),
            Body::Other(protocol) => format!("IP protocol {protocol} from the device"),
            Body::Tcp(_) => return,
        };
        self.log.push(at, 0, None, EventKind::Note { text });
    }

    /// The device's application saw something.
    pub fn on_app(&mut self, now: Instant, conn: ConnId, seen: Seen) {
        let ConnId(conn) = conn;
        let Some(lane) = self.lanes.get_mut(conn) else {
            return;
        };
        let kind = EventKind::App {
            text: text_of(&seen),
            expected: false,
        };
        let event = self.log.push(now, conn, None, kind);
        match &seen {
            Seen::Data(octets) => lane.delivered.extend_from_slice(octets),
            Seen::Sent(count) => lane.sent += count,
            _ => {}
        }
        lane.sights.push(Sight {
            seen,
            event,
            taken: false,
        });
    }
}

/// An event as specs name it.
pub(super) fn text_of(seen: &Seen) -> String {
    match seen {
        Seen::Accepted => "accepted".to_owned(),
        Seen::Connected => "connected".to_owned(),
        Seen::Refused => "refused".to_owned(),
        Seen::Reset => "reset".to_owned(),
        Seen::Timeout => "timeout".to_owned(),
        Seen::Eof => "eof".to_owned(),
        Seen::Trouble => "trouble".to_owned(),
        Seen::Urgent => "urgent".to_owned(),
        Seen::Data(octets) => format!("data {}", octets.len()),
        Seen::Sent(count) => format!("sent {count}"),
    }
}
