//! SEGMENT ARRIVES (RFC 9293 §3.10.7): one module per group of states, in the RFC's order.
//!
//! The checks decide, their caller does: every check goes on to the next one or stops with a
//! [`Disposition`], and [`crate::stack`] carries that out. Nothing is sent from here.

pub(crate) mod closed;
pub(crate) mod listen;
pub(crate) mod other;
pub(crate) mod syn_sent;
pub(crate) mod time_wait;

use crate::CloseReason;
use crate::buffers::Acked;
use crate::congestion::{Reaction, Resume, Sender};
use crate::fast_open::FastOpenOption;
use crate::rtt::Sample;
use crate::segment::{Segment, SynOptions};
use crate::seq::{SeqNum, WindowScale};
use crate::tcb::{Context, Tcb};
use crate::timeouts::Timer;
use crate::{Event, State, recovery, user_timeout};
use std::ops::ControlFlow;

/// What remains to be done with a segment whose processing is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Nothing.
    Done,
    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
    Acknowledge,
    /// The same, as the challenge ACK of RFC 5961, which is throttled.
    Challenge,
    /// The RST that answers the segment; the state stays.
    Reset,
    /// The RST that answers the segment; the connection is reset.
    ResetAndClose,
    /// `<SEQ=SND.NXT><CTL=RST>`, and the connection is gone.
    Abort,
    /// The connection is gone.
    Close(CloseReason),
    /// The connection is gone, and only its listener remains.
    ReturnToListen,
    /// The connection is gone, and the segment is a SYN for its listener.
    NewIncarnation,
}

/// Goes on to the next check, or stops.
pub(crate) type Checked = ControlFlow<Disposition>;

/// Takes what the peer's SYN says about options.
pub(crate) fn negotiate(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    offered: SynOptions,
    cx: &Context<'_>,
) {
    user_timeout::hear(tcb, segment, cx);
    tcb.snd.mss = offered.mss.unwrap_or(tcb.snd.mss);
    tcb.ecn.heard_syn(segment);
    if let Some(own) = &mut tcb.fast_open
        && let Some(FastOpenOption::Cookie(cookie)) = offered.fast_open
    {
        own.granted = Some(cookie);
    }
    // RFC 7323 §2.2:
    //   both sides MUST send Window
    //   Scale options in their <SYN> segments to enable window scaling in
    //   either direction.
    if let Some(scale) = offered.window_scale.filter(|_| tcb.rcv.offers_scale) {
        tcb.snd.scale = scale;
    } else {
        tcb.rcv.offers_scale = false;
        tcb.rcv.scale = WindowScale::NONE;
    }
    tcb.sack &= offered.sack_permitted;
    match segment.timestamps.filter(|_| tcb.ts.enabled) {
        Some(timestamps) => tcb.ts.begin(timestamps.val, cx.now, tcb.rcv.nxt),
        None => tcb.ts.enabled = false,
    }
}

/// SND.UNA moves up to `ack`.
pub(crate) fn acknowledged(
    tcb: &mut Tcb,
    ack: SeqNum,
    segment: &Segment<'_>,
    cx: &mut Context<'_>,
) {
    let of_syn = !tcb.syn_is_acked();
    let syn_was_lost = of_syn && tcb.retransmits > 0;
    let sender = tcb.sender(cx.now);
    let reaction = if of_syn {
        // RFC 5681 §3.1:
        //   As specified in [RFC3390], the SYN/ACK and the acknowledgment of the
        //   SYN/ACK MUST NOT increase the size of the congestion window.
        tcb.congestion.begin(&sender, tcb.retransmits, cx.config);
        Reaction::default()
    } else {
        window_grows(tcb, ack, segment, &sender)
    };
    recovery::acknowledged(tcb, ack);
    let sample = match tcb.snd.queue.acknowledge(ack) {
        Acked::Once(at) => Some(cx.now.since(at)),
        // RFC 6298 §3:
        //   TCP MUST use Karn's algorithm [KP87] for taking RTT samples.  That
        //   is, RTT samples MUST NOT be made using segments that were
        //   retransmitted (and thus for which it is ambiguous whether the reply
        //   was for the first instance of the packet or a later instance).
        Acked::Again => segment
            .timestamps
            .filter(|_| tcb.ts.enabled)
            .and_then(|timestamps| tcb.ts.round_trip(timestamps.ecr, cx.now)),
        Acked::Nothing => None,
    };
    if let Some(rtt) = sample {
        let sample = Sample {
            rtt,
            at: cx.now,
            expected: sender.expected_samples(),
        };
        tcb.rtt.sample(sample, cx.config);
        tcb.recovery.probe.sampled = true;
    }
    if syn_was_lost {
        tcb.rtt.after_lost_syn();
    }
    tcb.snd.una = ack;
    tcb.snd.next = tcb.snd.next.latest(ack);
    tcb.snd.up = tcb.snd.up.filter(|up| up.after(ack));
    tcb.retransmits = 0;
    cx.counters.spurious_timeouts += u64::from(reaction.spurious);
    react(tcb, reaction);
    user_timeout::begin_anew(tcb);
    if reaction.keep_timer && tcb.timers.is_running(Timer::Retransmission) {
        // The timer of the first partial acknowledgment goes on.
    } else if tcb.has_unacked() {
        // RFC 6298 §5.3:
        //   When an ACK is received that acknowledges new data, restart the
        //   retransmission timer so that it will expire after RTO seconds
        tcb.timers
            .start(Timer::Retransmission, cx.now + tcb.rtt.rto());
    } else {
        tcb.timers.stop(Timer::Retransmission);
    }
    if tcb.told.wants_room && tcb.snd.queue.len() < tcb.settings.sndbuf as usize {
        tcb.told.wants_room = false;
        tcb.tell(Event::Writable { id: tcb.id }, cx);
    }
}

/// Congestion control learns of an acknowledgment of data.
fn window_grows(tcb: &mut Tcb, ack: SeqNum, segment: &Segment<'_>, sender: &Sender) -> Reaction {
    let new = tcb.snd.nxt.before(tcb.snd.queue.end());
    let room = tcb.snd.nxt.before(ack + tcb.advertised(segment));
    let cwnd = tcb.congestion.window().cwnd;
    let reaction = tcb.congestion.on_ack(ack, new && room, sender);
    // RFC 3168 §6.1.2:
    //   The sending
    //   TCP SHOULD NOT increase the congestion window in response to the
    //   receipt of an ECN-Echo ACK packet.
    if segment.ecn.ece && tcb.ecn.is_capable() {
        tcb.congestion.not_above(cwnd);
    }
    reaction
}

/// Whether a segment that occupies no sequence space is a duplicate acknowledgment.
pub(crate) fn is_duplicate(tcb: &Tcb, segment: &Segment<'_>) -> bool {
    // RFC 5681 §2:
    //   An acknowledgment is considered a
    //   "duplicate" in the following algorithms when (a) the receiver of
    //   the ACK has outstanding data, (b) the incoming acknowledgment
    //   carries no data, (c) the SYN and FIN bits are both off, (d) the
    //   acknowledgment number is equal to the greatest acknowledgment
    //   received on the given connection (TCP.UNA from [RFC793]) and (e)
    //   the advertised window in the incoming acknowledgment equals the
    //   advertised window in the last incoming acknowledgment.
    // The answers to probes of a closed window repeat themselves, and no segment was lost.
    let same_window = tcb.advertised(segment) == tcb.snd.last_wnd;
    let same_ack = segment.ack == Some(tcb.snd.una);
    tcb.has_unacked() && same_ack && same_window && !tcb.must_probe()
}

/// A duplicate acknowledgment may be the sign of a loss.
pub(crate) fn duplicate_ack(tcb: &mut Tcb, cx: &mut Context<'_>) {
    // With SACK it is the blocks that count (RFC 6675 §2).
    if tcb.sack {
        return;
    }
    let reaction = tcb.congestion.on_duplicate(&tcb.sender(cx.now));
    cx.counters.fast_retransmits += u64::from(reaction.retransmit);
    react(tcb, reaction);
}

/// Lets the sender do what congestion control asks for.
fn react(tcb: &mut Tcb, reaction: Reaction) {
    tcb.owed.retransmit |= reaction.retransmit;
    match reaction.resume {
        Some(Resume::Una) => tcb.snd.next = tcb.snd.una,
        Some(Resume::Nxt) => tcb.snd.next = tcb.snd.nxt,
        None => {}
    }
}

/// Both SYNs are acknowledged.
pub(crate) fn establish(tcb: &mut Tcb, cx: &mut Context<'_>) {
    tcb.handshake = None;
    // A CLOSE that came in SYN-RECEIVED has waited for this.
    tcb.state = if tcb.snd.closing {
        State::FinWait1
    } else {
        State::Established
    };
    crate::timeouts::heard(tcb, cx.now, cx.config);
}
