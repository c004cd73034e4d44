//! SEGMENT ARRIVES in LISTEN (RFC 9293 §3.10.7.2).

use super::negotiate;
use crate::config::SynFin;
use crate::half_open::{Handshake, Request};
use crate::segment::{Control, Segment, SynOptions};
use crate::tcb::{Context, Tcb};
use crate::{Config, State, source_route};

/// What a listener does with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing.
    Ignore,
    /// Answers it with a RST.
    Reset,
    /// Makes a connection in SYN-RECEIVED.
    Open(SynOptions),
}

/// The four checks of a listener.
pub(crate) fn arrives(segment: &Segment<'_>, config: &Config) -> Heard {
    // RFC 9293 §3.10.7.2:
    //   An incoming RST should be ignored.  Return.
    if segment.is_rst() {
        return Heard::Ignore;
    }
    // RFC 9293 §3.10.7.2:
    //   Any acknowledgment is bad if it arrives on a connection still
    //   in the LISTEN state.
    if segment.ack.is_some() {
        return Heard::Reset;
    }
    match segment.control {
        Control::Syn { fin: true, .. } if config.syn_fin == SynFin::Drop => Heard::Ignore,
        Control::Syn { options, .. } => Heard::Open(options),
        // RFC 9293 §3.10.7.2:
        //   This should not be reached.  Drop the segment and return.
        _ => Heard::Ignore,
    }
}

/// Makes the new block a connection in SYN-RECEIVED; its SYN,ACK is the next thing it sends.
pub(crate) fn open(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    options: SynOptions,
    cx: &mut Context<'_>,
) {
    // RFC 9293 §3.10.7.2:
    //   Set RCV.NXT to SEG.SEQ+1, IRS is set to SEG.SEQ, and any other
    //   control or text should be queued for processing later.
    // It is not queued here: anyone can send SYNs with text, and a peer that means it sends the
    // text again, since the SYN,ACK covers nothing but the SYN. A Fast Open cookie proves the
    // peer's address.
    tcb.rcv.begin(segment.seq);
    if tcb.fast_opened() {
        take_text(tcb, segment.text);
    }
    negotiate(tcb, segment, options, cx);
    if tcb.fast_opened() {
        // RFC 7413 §4.2.2:
        //   If the FastOpened flag is set, the
        //   server MUST follow [RFC5681] (based on [RFC3390]) to set the
        //   initial congestion window for sending more data packets.
        tcb.congestion.begin(&tcb.sender(cx.now), 0, cx.config);
    }
    tcb.update_send_window(segment, tcb.snd.iss);
    let request = Request::of(segment, options, cx.route);
    source_route::arrives(tcb, cx);
    tcb.handshake = Some(Box::new(Handshake::of(request)));
    tcb.state = State::SynReceived;
}

/// Takes the text of a SYN, as far as the buffer has room.
fn take_text(tcb: &mut Tcb, text: &[u8]) {
    // RFC 7413 §4.2.2:
    //   Buffer the data and notify the application.
    let room = text.len().min(tcb.rcv.buffer as usize);
    tcb.rcv.nxt += tcb.rcv.queue.insert(0, &text[..room]) as u32;
    tcb.rcv.edge = tcb.rcv.edge.latest(tcb.rcv.nxt);
}
