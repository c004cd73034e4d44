//! SEGMENT ARRIVES in all other states (RFC 9293 §3.10.7.4): eight checks, in order. TIME-WAIT
//! has a module of its own, since nothing of the connection but a record is left there.

use super::{Checked, Disposition, acknowledged, duplicate_ack, establish, is_duplicate};
use crate::config::AcceptOverflow;
use crate::recovery::Says;
use crate::segment::{Control, Segment};
use crate::seq::SeqNum;
use crate::tcb::{Context, Origin, Tcb};
use crate::timeouts::Timer;
use crate::{
    CloseReason, Config, Event, State, UrgentPointer, recovery, sack, source_route, timeouts,
    user_timeout,
};
use std::ops::ControlFlow::{Break, Continue};

/// What becomes of the segment.
pub(crate) fn arrives(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Disposition {
    match checks(tcb, *segment, cx) {
        Break(disposition) => disposition,
        Continue(()) => Disposition::Done,
    }
}

fn checks(tcb: &mut Tcb, mut segment: Segment<'_>, cx: &mut Context<'_>) -> Checked {
    // RFC 3168 §6.1.5: marks count on text in the window; a pure ACK cannot have any.
    cx.ce &= !segment.text.is_empty();
    let only_acknowledges = segment.len() == 0;
    let up = segment.up();
    // First, check sequence number; what goes on is "the idealized segment".
    first_sequence(tcb, &mut segment, cx)?;
    // Second, check the RST bit.
    second_rst(tcb, &segment, cx)?;
    // Third, check security.
    third_security(tcb, &segment, cx)?;
    // Fourth, check the SYN bit.
    fourth_syn(tcb, &segment, cx)?;
    // Fifth, check the ACK field.
    fifth_ack(tcb, &segment, only_acknowledges, cx)?;
    source_route::arrives(tcb, cx);
    tcb.ecn.heard(segment.ecn.cwr, cx.ce);
    from_sixth(tcb, &segment, up, cx)
}

/// The last three checks, where SYN-SENT joins in; `up` is SEG.UP.
pub(crate) fn from_sixth(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    up: Option<SeqNum>,
    cx: &mut Context<'_>,
) -> Checked {
    // Sixth, check the URG bit.
    sixth_urg(tcb, up, cx)?;
    // Seventh, process the segment text.
    seventh_text(tcb, segment, cx)?;
    // Eighth, check the FIN bit.
    eighth_fin(tcb, segment, cx)
}

fn first_sequence(tcb: &mut Tcb, segment: &mut Segment<'_>, cx: &mut Context<'_>) -> Checked {
    crossing_syn(tcb, segment);
    timestamps(tcb, segment, cx)?;
    let (nxt, wnd) = (tcb.rcv.nxt, tcb.rcv.wnd());
    if is_acceptable(segment, nxt, wnd) {
        tcb.ts.update(segment, cx.now);
        came_again(tcb, segment, cx.config);
        if !segment.is_syn() && !segment.is_rst() {
            // RFC 9293 §3.10.7.4:
            //   One could tailor actual segments to fit this
            //   assumption by trimming off any portions that lie outside the
            //   window (including SYN and FIN)
            segment.trim(nxt, wnd);
        }
        return Continue(());
    }
    if segment.is_rst() {
        return Break(Disposition::Done);
    }
    let synchronized = tcb.state.is_synchronized() && !segment.is_syn();
    if wnd == 0 && segment.seq == nxt && synchronized {
        // RFC 9293 §3.10.7.4:
        //   If the RCV.WND is zero, no segments will be acceptable, but
        //   special allowance should be made to accept valid ACKs, URGs,
        //   and RSTs.
        tcb.owed.ack = true;
        *segment = Segment {
            text: &[],
            control: Control::None,
            ..*segment
        };
        return Continue(());
    }
    came_again(tcb, segment, cx.config);
    if tcb.rcv.finished && segment.is_fin() && segment.end() == nxt {
        // RFC 9293 §A.2:
        //   There are cases where the TCP sequence number validation rules can
        //   prevent ACK fields from being processed.
        // Where FINs cross, a copy of the peer's may be all that ever acknowledges ours.
        tcb.owed.ack = true;
        *segment = Segment {
            text: &[],
            control: Control::None,
            ..*segment
        };
        return Continue(());
    }
    // RFC 9293 §3.10.7.4:
    //   If an incoming segment is not acceptable, an acknowledgment
    //   should be sent in reply (unless the RST bit is set, if so
    //   drop the segment and return):
    Break(Disposition::Acknowledge)
}

/// Notes the first octets of a segment that are there already, for the next ACK to report.
fn came_again(tcb: &mut Tcb, segment: &Segment<'_>, config: &Config) {
    let plain = !segment.is_syn() && !segment.is_rst() && segment.ack.is_some();
    if tcb.sack && config.dsack && plain && !segment.text.is_empty() {
        let first = sack::duplicate(&tcb.rcv, segment.seq, segment.text.len() as u32);
        if let Some(duplicate) = first {
            tcb.rcv.sack.came_again(duplicate);
        }
    }
}

/// Table 6 of RFC 9293. A RST counts by its sequence number alone, whatever text it has
/// (SHLD-2), and so does a SYN, whose text nobody would look at.
pub(super) fn is_acceptable(segment: &Segment<'_>, nxt: SeqNum, wnd: u32) -> bool {
    let len = if segment.is_rst() || segment.is_syn() {
        0
    } else {
        segment.len()
    };
    match (len, wnd) {
        (0, 0) => segment.seq == nxt,
        (_, 0) => false,
        (0, _) => segment.seq.within(nxt, wnd),
        (_, _) => segment.seq.within(nxt, wnd) || (segment.end() - 1).within(nxt, wnd),
    }
}

/// In a simultaneous open the peer's SYN,ACK repeats the SYN that was taken already; without
/// this its ACK would be lost to the sequence check (RFC 9293 §A.2).
fn crossing_syn(tcb: &mut Tcb, segment: &mut Segment<'_>) {
    let repeated = segment.is_syn() && segment.seq == tcb.rcv.irs;
    if !repeated || tcb.state != State::SynReceived {
        return;
    }
    // The repetition may have given up ECN (RFC 3168 §6.1.1.1).
    tcb.ecn.heard_syn(segment);
    if tcb.origin == Origin::Active && segment.ack.is_some() {
        *segment = segment.without_syn();
        let acceptable = segment
            .ack
            .is_some_and(|ack| ack.after(tcb.snd.una) && ack.before_or_eq(tcb.snd.nxt));
        tcb.owed.ack |= acceptable;
    }
}

/// R1 of RFC 7323 §5.3, and the segments that lack the option.
fn timestamps(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Checked {
    if !tcb.ts.enabled || segment.is_rst() {
        return Continue(());
    }
    match segment.timestamps {
        Some(timestamps) if tcb.ts.is_old(timestamps.val, cx.now) => {
            cx.counters.paws_drops += 1;
            // RFC 2883 §4.3:
            //   The D-SACK block can
            //   be included in the SACK option of the ACK, as outlined in Section 4,
            //   independently of the use of PAWS by the TCP receiver
            came_again(tcb, segment, cx.config);
            // RFC 7323 §5.3:
            //   Send an acknowledgment in reply as specified in
            Break(Disposition::Acknowledge)
        }
        // RFC 7323 §3.2:
        //   If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the
        //   segment.
        // A SYN is let through: a peer that restarted without timestamps needs the challenge.
        None if !segment.is_syn() => {
            cx.counters.missing_timestamps += 1;
            Break(Disposition::Done)
        }
        _ => Continue(()),
    }
}

fn second_rst(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Checked {
    if !segment.is_rst() {
        return Continue(());
    }
    // RFC 9293 §3.10.7.4:
    //   If the RST bit is set and the sequence number does not
    //   exactly match the next expected sequence value, yet is
    //   within the current receive window, TCP endpoints MUST send
    //   an acknowledgment (challenge ACK):
    if cx.config.rfc5961 && segment.seq != tcb.rcv.nxt {
        return Break(Disposition::Challenge);
    }
    Break(match (tcb.state, tcb.origin) {
        // RFC 9293 §3.10.7.4:
        //   If this connection was initiated with a passive OPEN
        //   (i.e., came from the LISTEN state), then return this
        //   connection to LISTEN state and return.
        (State::SynReceived, Origin::Passive(_)) => Disposition::ReturnToListen,
        (State::SynReceived, Origin::Active) => Disposition::Close(CloseReason::Refused),
        // RFC 9293 §3.10.7.4:
        //   Users should also receive an unsolicited
        //   general "connection reset" signal.  Enter the CLOSED state,
        //   delete the TCB, and return.
        _ => Disposition::Close(CloseReason::Reset),
    })
}

/// IP security compartments are not supported: all segments match (RFC 9293 §A.1).
fn third_security(_: &mut Tcb, _: &Segment<'_>, _: &mut Context<'_>) -> Checked {
    Continue(())
}

fn fourth_syn(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Checked {
    if !segment.is_syn() {
        return Continue(());
    }
    // RFC 9293 §3.10.7.4:
    //   If the connection was initiated with a passive OPEN, then
    //   return this connection to the LISTEN state and return.
    if tcb.state == State::SynReceived && tcb.origin != Origin::Active {
        return Break(Disposition::ReturnToListen);
    }
    // RFC 9293 §3.10.7.4:
    //   in
    //   these synchronized states, if the SYN bit is set,
    //   irrespective of the sequence number, TCP endpoints MUST send
    //   a "challenge ACK" to the remote peer:
    if cx.config.rfc5961 {
        return Break(Disposition::Challenge);
    }
    // RFC 9293 §3.10.7.4:
    //   If the SYN is in the window it is an error: send
    //   a reset, any outstanding RECEIVEs and SEND should receive
    //   "reset" responses
    Break(Disposition::ResetAndClose)
}

fn fifth_ack(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    only_acknowledges: bool,
    cx: &mut Context<'_>,
) -> Checked {
    // RFC 9293 §3.10.7.4:
    //   if the ACK bit is off, drop the segment and return
    let Some(ack) = segment.ack else {
        return Break(Disposition::Done);
    };
    match tcb.state {
        State::SynReceived => ack_of_syn(tcb, segment, ack, cx)?,
        // RFC 9293 §3.10.7.4 (MAY-12):
        //   TCP stacks that implement RFC
        //   5961 MUST add an input check that the ACK value is
        //   acceptable only if it is in the range of ((SND.UNA -
        //   MAX.SND.WND) =< SEG.ACK =< SND.NXT).
        _ if cx.config.rfc5961 && ack.before(tcb.snd.una - tcb.snd.max_wnd) => {
            return Break(Disposition::Challenge);
        }
        _ => {}
    }
    // RFC 9293 §3.10.7.4:
    //   If
    //   the ACK acks something not yet sent (SEG.ACK > SND.NXT),
    //   then send an ACK, drop the segment, and return.
    if ack.after(tcb.snd.nxt) {
        return Break(Disposition::Acknowledge);
    }
    // What was dropped up to here has not been received: anybody could have sent it.
    timeouts::heard(tcb, cx.now, cx.config);
    let says = if tcb.snd.una.before(ack) {
        Says::News
    } else if only_acknowledges && is_duplicate(tcb, segment) {
        Says::Again
    } else {
        Says::Nothing
    };
    match says {
        Says::News => acknowledged(tcb, ack, segment, cx),
        Says::Again => duplicate_ack(tcb, cx),
        Says::Nothing => {}
    }
    recovery::on_ack(tcb, segment, says, cx);
    tcb.snd.last_wnd = tcb.advertised(segment);
    let echo = segment.ecn.ece && tcb.ecn.is_capable();
    cx.counters.ece_received += u64::from(echo);
    if echo && tcb.congestion.on_echo(ack, &tcb.sender(cx.now)) && tcb.congestion.is_held() {
        // RFC 3168 §6.1.2:
        //   the sending TCP MUST reset the
        //   retransmit timer on receiving the ECN-Echo packet when the congestion
        //   window is one.
        let at = cx.now + tcb.rtt.rto();
        tcb.timers.start(Timer::Retransmission, at);
    }
    user_timeout::hear(tcb, segment, cx);
    if ack == tcb.snd.una && updates_window(tcb, segment, ack) {
        tcb.update_send_window(segment, ack);
    }
    ack_of_fin(tcb)
}

/// In SYN-RECEIVED the ACK has to acknowledge our SYN.
fn ack_of_syn(tcb: &mut Tcb, segment: &Segment<'_>, ack: SeqNum, cx: &mut Context<'_>) -> Checked {
    // RFC 9293 §3.10.7.4:
    //   If the segment acknowledgment is not acceptable, form a
    //   reset segment
    if ack.before_or_eq(tcb.snd.una) || ack.after(tcb.snd.nxt) {
        return Break(Disposition::Reset);
    }
    if cx.accept_queue_full {
        cx.counters.listen_overflows += 1;
        cx.counters.listen_drops += 1;
        return Break(match cx.config.accept_overflow {
            AcceptOverflow::Drop => Disposition::Done,
            AcceptOverflow::Reset => {
                cx.counters.listen_resets += 1;
                Disposition::Abort
            }
        });
    }
    // RFC 9293 §3.10.7.4:
    //   If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED
    //   state and continue processing with the variables below
    //   set to:
    establish(tcb, cx);
    tcb.update_send_window(segment, ack);
    Continue(())
}

fn updates_window(tcb: &Tcb, segment: &Segment<'_>, ack: SeqNum) -> bool {
    // RFC 9293 §3.10.7.4:
    //   If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ
    //   and SND.WL2 =< SEG.ACK)), set SND.WND <- SEG.WND, set
    //   SND.WL1 <- SEG.SEQ, and set SND.WL2 <- SEG.ACK.
    let (wl1, wl2) = (tcb.snd.wl1, tcb.snd.wl2);
    wl1.before(segment.seq) || wl1 == segment.seq && wl2.before_or_eq(ack)
}

/// What follows once our FIN is acknowledged.
fn ack_of_fin(tcb: &mut Tcb) -> Checked {
    match (tcb.state, tcb.fin_is_acked()) {
        (State::FinWait1, true) => tcb.state = State::FinWait2,
        // RFC 9293 §3.10.7.4:
        //   if the ACK acknowledges our FIN, then enter the TIME-WAIT
        //   state; otherwise, ignore the segment.
        (State::Closing, true) => tcb.state = State::TimeWait,
        (State::Closing, false) => return Break(Disposition::Done),
        // RFC 9293 §3.10.7.4:
        //   If our FIN is now
        //   acknowledged, delete the TCB, enter the CLOSED state, and
        //   return.
        (State::LastAck, true) => return Break(Disposition::Close(CloseReason::Normal)),
        _ => {}
    }
    Continue(())
}

fn sixth_urg(tcb: &mut Tcb, up: Option<SeqNum>, cx: &mut Context<'_>) -> Checked {
    let Some(up) = up.filter(|_| tcb.state.receives_text()) else {
        // RFC 9293 §3.10.7.4:
        //   This should not occur since a FIN has been received from the
        //   remote side.  Ignore the URG.
        return Continue(());
    };
    // RFC 9293 §3.10.7.4:
    //   If the URG bit is set, RCV.UP <- max(RCV.UP,SEG.UP), and
    //   signal the user that the remote side has urgent data if the
    //   urgent pointer (RCV.UP) is in advance of the data consumed.
    // Where it points is that of RFC 6093 §4, unless the host has it otherwise.
    let up = up + u32::from(cx.config.urgent_pointer == UrgentPointer::Last);
    let advances = tcb.rcv.up.is_none_or(|known| up.after(known));
    if advances && up.after(tcb.consumed()) {
        tcb.rcv.up = Some(up);
        tcb.tell(Event::Urgent { id: tcb.id }, cx);
    }
    Continue(())
}

fn seventh_text(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Checked {
    // RFC 9293 §3.10.7.4:
    //   This should not occur since a FIN has been received from the
    //   remote side.  Ignore the segment text.
    if segment.text.is_empty() || !tcb.state.receives_text() {
        return Continue(());
    }
    // RFC 9293 §3.6.1 (SHLD-3):
    //   if new data
    //   is received after CLOSE is called, its TCP implementation SHOULD send
    //   a RST to show that data was lost (SHLD-3).
    if tcb.rcv.given_up {
        return Break(Disposition::Abort);
    }
    let offset = segment.seq.since(tcb.rcv.nxt);
    let had_gap = tcb.rcv.queue.has_held();
    // RFC 9293 §3.10.7.4 (SHLD-31):
    //   Segments with higher
    //   beginning sequence numbers SHOULD be held for later
    //   processing (SHLD-31).
    let advance = tcb.rcv.queue.insert(offset as usize, segment.text) as u32;
    tcb.rcv.nxt += advance;
    let held = tcb.rcv.queue.held_around(offset as usize);
    if let Some(piece) = held.filter(|_| tcb.sack && advance == 0) {
        let block = sack::block_at(tcb.rcv.nxt, &piece);
        tcb.rcv.sack.arrived(segment.seq, block);
    }
    tcb.rcv.unacked += advance;
    tcb.rcv.octets += u64::from(advance);
    if advance > 0 {
        tcb.tell_readable(cx);
    } else {
        cx.counters.out_of_order += 1;
    }
    let news = offset > 0 || had_gap || tcb.rcv.sack.duplicate().is_some();
    acknowledge_text(tcb, news, cx);
    Continue(())
}

/// Now, for what is out of order or fills a gap and for every second full-sized segment, the first
/// octet beyond one counting as the second, since the sender's may be a little smaller; else a
/// little later (RFC 9293 §3.8.6.3, RFC 5681 §4.2).
fn acknowledge_text(tcb: &mut Tcb, at_once: bool, cx: &mut Context<'_>) {
    let delay = cx.config.delayed_ack;
    if at_once || delay.is_zero() || tcb.rcv.unacked > tcb.full_sized() {
        tcb.owed.ack = true;
    } else {
        tcb.timers.start_if_idle(Timer::DelayedAck, cx.now + delay);
    }
}

fn eighth_fin(tcb: &mut Tcb, segment: &Segment<'_>, cx: &mut Context<'_>) -> Checked {
    let fin = segment.is_fin().then(|| segment.end() - 1);
    if !tcb.state.receives_text() {
        // A FIN at RCV.NXT after the first one is acknowledged, and nothing else.
        tcb.owed.ack |= fin == Some(tcb.rcv.nxt);
        return Continue(());
    }
    tcb.rcv.fin = fin.or(tcb.rcv.fin);
    if fin.is_some() {
        tcb.owed.ack = true;
    }
    if tcb.rcv.fin != Some(tcb.rcv.nxt) {
        return Continue(());
    }
    // RFC 9293 §3.10.7.4:
    //   If the FIN bit is set, signal the user "connection closing" and
    //   return any pending RECEIVEs with same message, advance RCV.NXT
    //   over the FIN, and send an acknowledgment for the FIN.
    tcb.rcv.nxt += 1;
    tcb.rcv.finished = true;
    tcb.rcv.queue.drop_held();
    tcb.owed.ack = true;
    tcb.tell(Event::PeerClosed { id: tcb.id }, cx);
    match tcb.state {
        State::Established => tcb.state = State::CloseWait,
        // RFC 9293 §3.10.7.4:
        //   If our FIN has been ACKed (perhaps in this segment), then
        //   enter TIME-WAIT, start the time-wait timer, turn off the
        //   other timers; otherwise, enter the CLOSING state.
        State::FinWait1 => tcb.state = State::Closing,
        _ => tcb.state = State::TimeWait,
    }
    Continue(())
}
