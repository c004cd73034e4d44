//! SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.7.3): five checks, in order.

use super::{Checked, Disposition, acknowledged, establish, negotiate, other};
use crate::config::SynFin;
use crate::segment::{Control, Segment};
use crate::tcb::{Context, Tcb};
use crate::timeouts::Timer;
use crate::{CloseReason, State};
use std::ops::ControlFlow::{Break, Continue};

/// What becomes of the segment.
pub(crate) fn arrives(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Disposition {
    let checks = |tcb: &mut Tcb, cx: &mut Context<'_>| -> Checked {
        first_ack(tcb, segment)?;
        second_rst(segment)?;
        third_security()?;
        fourth_syn(tcb, segment, cx)
    };
    match checks(tcb, cx) {
        Break(disposition) => disposition,
        // RFC 9293 §3.10.7.3:
        //   Fifth, if neither of the SYN or RST bits is set, then drop the
        //   segment and return.
        Continue(()) => Disposition::Done,
    }
}

fn first_ack(tcb: &Tcb, segment: &Segment<'_>) -> Checked {
    let Some(ack) = segment.ack else {
        return Continue(());
    };
    // RFC 9293 §3.10.7.3:
    //   If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless
    //   the RST bit is set, if so drop the segment and return)
    if ack.before_or_eq(tcb.snd.iss) || ack.after(tcb.snd.nxt) {
        return Break(if segment.is_rst() {
            Disposition::Done
        } else {
            Disposition::Reset
        });
    }
    Continue(())
}

fn second_rst(segment: &Segment<'_>) -> Checked {
    if !segment.is_rst() {
        return Continue(());
    }
    // RFC 9293 §3.10.7.3:
    //   If the ACK was acceptable, then signal to the user "error:
    //   connection reset", drop the segment, enter CLOSED state,
    //   delete TCB, and return.  Otherwise (no ACK), drop the
    //   segment and return.
    Break(match segment.ack {
        Some(_) => Disposition::Close(CloseReason::Refused),
        None => Disposition::Done,
    })
}

/// IP security compartments are not supported: all segments match (RFC 9293 §A.1).
fn third_security() -> Checked {
    Continue(())
}

fn fourth_syn(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Checked {
    let Control::Syn { options, fin } = segment.control else {
        return Continue(());
    };
    if fin && cx.config.syn_fin == SynFin::Drop {
        return Break(Disposition::Done);
    }
    // RFC 9293 §3.10.7.3:
    //   RCV.NXT is set to SEG.SEQ+1, IRS is set to
    //   SEG.SEQ.  SND.UNA should be advanced to equal SEG.ACK (if there
    //   is an ACK), and any segments on the retransmission queue that
    //   are thereby acknowledged should be removed.
    tcb.rcv.begin(segment.seq);
    negotiate(tcb, segment, options, cx);
    let Some(ack) = segment.ack else {
        // RFC 9293 §3.10.7.3:
        //   Otherwise, enter SYN-RECEIVED, form a SYN,ACK segment
        //   <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
        tcb.update_send_window(segment, tcb.snd.iss);
        tcb.state = State::SynReceived;
        tcb.snd.next = tcb.snd.iss;
        tcb.timers.stop(Timer::Retransmission);
        return Break(Disposition::Done);
    };
    acknowledged(tcb, ack, segment, cx);
    // RFC 7413 §4.2.2:
    //   The client SHOULD retransmit
    //   any unacknowledged data in the first ACK packet in step 2.
    tcb.snd.next = ack;
    // RFC 1122 §4.2.2.20(c) has the assignments that RFC 9293 gives only to SYN-RECEIVED.
    tcb.update_send_window(segment, ack);
    tcb.snd.last_wnd = tcb.snd.wnd;
    establish(tcb, cx);
    // RFC 9293 §3.10.7.3:
    //   If there are other controls or text
    //   in the segment, then continue processing at the sixth step
    //   under Section 3.10.7.4 where the URG bit is checked; otherwise,
    //   return.
    tcb.owed.ack = true;
    let mut rest = segment.without_syn();
    rest.trim(tcb.rcv.nxt, tcb.rcv.wnd());
    other::from_sixth(tcb, &rest, segment.up(), cx)
}
