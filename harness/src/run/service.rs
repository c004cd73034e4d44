//! Requests to a service on the device, which take the place of calls to its application.
//!
//! The acknowledgment of a request may come apart from the reply or with it (RFC 9293 §3.8.6.3);
//! apart, it is nothing that the spec is about, and is let pass once. What else a service does
//! against expectation says nothing about the device's TCP: the case is inconclusive.

use super::{Action, Played, Progress, Question, Runner, Running, later};
use crate::model::seq;
use crate::spec::case::{Draws, Expr, Flags, Inject, Step, Until, Var};
use crate::time::Instant;
use crate::wire::{Packet, Tcp, bit};
use tcpspec_reports::record::Judged;

/// How long a service may take for each segment that it sends.
const PATIENCE: i64 = 5_000_000_000;

/// Control bits that say nothing of what is meant here.
const FREE: u8 = bit::PSH | bit::ECE;

/// What a segment is to a tester who hears a service out.
enum Word {
    /// The next octets of text.
    Text,
    /// A copy, or an ACK that says nothing.
    Nothing,
    /// The FIN, and nothing before it is missing.
    Fin,
    /// Something else.
    Odd,
}

impl Runner<'_> {
    /// A request was injected: its acknowledgment is owed, and the stream goes on with the reply.
    pub(super) fn asked(&mut self, conn: usize, request: &Packet, draws: Draws) {
        let model = &mut self.conns[conn];
        self.lanes[conn].owed = model.tcb.rcv_nxt();
        let reply = match draws {
            Draws::Unsaid => return,
            Draws::Text(reply) => reply,
            Draws::Same => request.payload().to_vec(),
        };
        model.outward.put(model.asked_to_send, &reply);
        model.asked_to_send = model.asked_to_send.wrapping_add(reply.len() as u32);
    }

    /// True if the segment does nothing but acknowledge the last request; a later one does so too.
    pub(super) fn settles_request(&mut self, conn: usize, tcp: &Tcp) -> bool {
        let Some(owed) = self.lanes[conn].owed else {
            return false;
        };
        let is_ack = tcp.flags & !FREE == bit::ACK && tcp.is_empty();
        let in_place = self.conns[conn].tcb.sent.nxt == Some(tcp.seq);
        if tcp.has(bit::RST) || tcp.has(bit::ACK) && seq::le(owed, tcp.ack) {
            self.lanes[conn].owed = None;
        }
        is_ack && in_place && tcp.ack == owed
    }

    /// Hears what the service says, and acknowledges each segment of it.
    pub(super) fn play_drain(
        &mut self,
        now: Instant,
        running: Running<'_>,
        until: &Until,
    ) -> Played {
        let step = running.step;
        self.question = Question::None;
        if let Until::Text(end) = until
            && self.lanes[step.conn].heard.ends_with(end)
        {
            return Ok(Progress::Finished);
        }
        while let Some(frame) = self.lanes[step.conn].frames.front() {
            let Some(tcp) = frame.tcp() else { break };
            match self.word(step, frame.kind.retransmission, tcp) {
                Word::Fin if *until == Until::Fin => return Ok(Progress::Finished),
                Word::Fin | Word::Odd => {
                    let (_, figure) = self.pictured(step.conn, frame);
                    let reason = format!("the service was not to send {figure} here");
                    self.log.inconclusive(reason);
                    return Ok(Progress::Finished);
                }
                Word::Nothing => {
                    let frame = self.take_frame_of(step.conn);
                    self.ignore(step, &frame);
                }
                Word::Text => {
                    self.hear(step);
                    let ack = Box::new(self.in_flight(now, step, &acknowledgment())?);
                    let octets = ack.packet.octets.clone();
                    self.question = Question::Injected(ack);
                    return Ok(Progress::Act(Action::Inject(octets)));
                }
            }
        }
        let since = self.lanes[step.conn].last_activity(now);
        let patient = later(since.max(running.started), PATIENCE);
        if now < patient {
            return Ok(Progress::Wait(patient));
        }
        let what = match until {
            Until::Fin => "close when it was asked to",
            Until::Text(_) => "say what it says first",
        };
        self.log.inconclusive(format!("the service did not {what}"));
        Ok(Progress::Finished)
    }

    fn word(&self, step: &Step, is_copy: bool, tcp: &Tcp) -> Word {
        let in_place = self.conns[step.conn].seen.nxt == Some(tcp.seq);
        let flags = tcp.flags & !FREE;
        match (
            flags == bit::ACK,
            flags == bit::ACK | bit::FIN,
            tcp.payload_len(),
        ) {
            (true, _, 0) => Word::Nothing,
            (true, _, _) if in_place => Word::Text,
            (true, _, _) if is_copy => Word::Nothing,
            (_, true, 0) if in_place => Word::Fin,
            _ => Word::Odd,
        }
    }

    /// Takes the first segment of the lane, whose text is in place.
    fn hear(&mut self, step: &Step) {
        let frame = self.take_frame_of(step.conn);
        self.log.judge(frame.event, Some(step), Judged::Matched);
        let octets = frame.packet.payload();
        self.lanes[step.conn].heard.extend_from_slice(octets);
        let count = octets.len() as u32;
        self.see(step.conn, &frame);
        let model = &mut self.conns[step.conn];
        if let (Some(nxt), Some(iss)) = (model.seen.nxt, model.seen.iss()) {
            model.asked_to_send = nxt.wrapping_sub(iss.wrapping_add(1));
            let before = if model.unknown.0 == iss {
                model.unknown.1
            } else {
                0
            };
            model.unknown = (iss, before.wrapping_add(count));
        }
    }
}

/// An ACK of all that was consumed, with the window as it is.
fn acknowledgment() -> Inject {
    let var = |var| Some(Expr::Var { conn: None, var });
    Inject {
        flags: Flags::ACK,
        seq: var(Var::RcvNxt),
        ack: var(Var::SndNxt),
        wnd: var(Var::SndWnd),
        counts: true,
        ..Inject::default()
    }
}
