//! Tail loss probes (RFC 8985 §7): if an acknowledgment is overdue, a segment goes out to draw one,
//! so that what is lost at the end of a flight is found without a timeout.
//!
//! They need RACK, which finds the losses once the probe is acknowledged (§4).

use crate::State;
use crate::recovery;
use crate::segment::{SackBlock, Segment};
use crate::seq::SeqNum;
use crate::tcb::{Context, Tcb};
use crate::time::Instant;
use crate::timeouts::Timer;
use std::time::Duration;

/// The least time to a probe: two ticks of the clock.
const LEAST: Duration = Duration::from_millis(2);
/// The probe when there is no SRTT.
const WITHOUT_SRTT: Duration = Duration::from_secs(1);

/// The variables of RFC 8985 §5.3.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TailLoss {
    /// `TLP.end_seq`.
    end_seq: Option<SeqNum>,
    /// `TLP.is_retrans`.
    is_retrans: bool,
    /// There was an RTT sample since the last probe, or the start of the connection.
    pub(crate) sampled: bool,
}

impl TailLoss {
    /// A recovery begins (§7.1).
    pub(crate) fn reset(&mut self) {
        self.end_seq = None;
        self.is_retrans = false;
    }
}

/// New data was sent, or acknowledged: starts the timer, or starts it anew (§7.2).
pub(crate) fn schedule(tcb: &mut Tcb, cx: &Context<'_>) {
    // RFC 8985 §7.2:
    //   unless it is already in fast recovery, RTO recovery, or segments have been SACKed
    let quiet = tcb.congestion.is_open() && tcb.recovery.segs_sacked == 0;
    let outstanding = tcb.has_unacked() && tcb.handshake_is_over() && !tcb.must_probe();
    if !cx.config.tlp || !recovery::by_time(tcb) || !quiet || !outstanding {
        tcb.timers.stop(Timer::Probe);
        return;
    }
    let one_segment = tcb.snd.nxt.since(tcb.snd.una) <= tcb.effective_mss();
    let max_ack_delay = cx.config.delayed_ack;
    // RFC 8985 §7.2:
    //   First, the default PTO interval is 2*SRTT.
    let pto = match tcb.rtt.srtt() {
        Some(srtt) if one_segment => srtt * 2 + max_ack_delay,
        Some(srtt) => srtt * 2,
        None => WITHOUT_SRTT,
    };
    let at = cx.now + pto.max(LEAST);
    // RFC 8985 §7.2:
    //   if the time at which an RTO would fire (here denoted as
    //   "TCP_RTO_expiration()") is sooner than the computed time for the PTO,
    //   then the sender schedules a TLP to be sent at that RTO time.
    let rto = tcb.timers.deadline(Timer::Retransmission);
    tcb.timers
        .start(Timer::Probe, rto.map_or(at, |rto: Instant| rto.min(at)));
}

/// The timer expired (§7.3).
pub(crate) fn on_timeout(tcb: &mut Tcb, cx: &mut Context<'_>) {
    if !tcb.has_unacked() || !tcb.handshake_is_over() {
        return;
    }
    let probe = &mut tcb.recovery.probe;
    // RFC 8985 §7.3:
    //   If either one of these two conditions is not met, then the sender
    //   MUST skip sending a loss probe and MUST proceed to re-arm the RTO
    //   timer
    if probe.end_seq.is_none() && probe.sampled {
        tcb.owed.loss_probe = true;
    }
    tcb.timers
        .start(Timer::Retransmission, cx.now + tcb.rtt.rto());
}

/// A probe was sent, of new data or `again`.
pub(crate) fn sent(tcb: &mut Tcb, again: bool) {
    let end_seq = Some(tcb.snd.nxt);
    tcb.recovery.probe = TailLoss {
        end_seq,
        is_retrans: again,
        sampled: false,
    };
}

/// An acknowledgment tells what became of the probe (§7.4.2).
pub(crate) fn on_ack(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    duplicate: Option<SackBlock>,
    moved: bool,
    cx: &mut Context<'_>,
) {
    if moved {
        schedule(tcb, cx);
    }
    let probe = tcb.recovery.probe;
    let (Some(end_seq), Some(ack)) = (probe.end_seq, segment.ack) else {
        return;
    };
    if ack.before(end_seq) {
        return;
    }
    let arrived_twice = duplicate.is_some_and(|(_, right)| right == end_seq);
    let no_blocks = segment.sack.as_slice().is_empty();
    let dup_ack = !moved && no_blocks && segment.text.is_empty() && !segment.is_fin();
    let repaired = !arrived_twice && ack.after(end_seq);
    if !probe.is_retrans || arrived_twice || dup_ack || repaired {
        tcb.recovery.probe.reset();
    }
    if probe.is_retrans && repaired && tcb.state != State::Closed {
        // RFC 8985 §7.4.2:
        //   The sender then
        //   SHOULD invoke a congestion control response equivalent to a fast
        //   recovery.
        let sender = tcb.sender(cx.now);
        tcb.congestion.respond(&sender);
        cx.counters.loss_probe_recoveries += 1;
    }
}
