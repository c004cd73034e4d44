//! What to send, and when (RFC 9293 §3.7.4, §3.8.6): Nagle, silly windows, probes,
//! retransmission, acknowledgments.
//!
//! A connection is asked for one segment at a time, until it has none. How much may be in flight
//! beside the peer's window is the question of [`crate::congestion`].

use crate::fast_open::FastOpenOption;
use crate::rack::Flight;
use crate::recovery::{self, Again};
use crate::segment::{Control, Ecn, SackBlocks, Segment, SynOptions};
use crate::seq::SeqNum;
use crate::tcb::{Context, Origin, Tcb};
use crate::timeouts::Timer;
use crate::user_timeout::{self, UserTimeout};
use crate::wire::{self, MOST_OPTIONS, TIMESTAMPS_LEN, USER_TIMEOUT_LEN, sack_len};
use crate::{State, UrgentPointer, tail_loss};

/// A segment that is about to be built.
#[derive(Clone, Copy, Debug)]
struct Plan {
    what: What,
    seq: SeqNum,
    /// Octets of text.
    len: u32,
    fin: bool,
}

impl Plan {
    /// Text that was never on the wire; a probe was, even if nothing notes it.
    fn has_new_text(self, tcb: &Tcb) -> bool {
        self.what == What::Text && self.len > 0 && self.seq.after_or_eq(tcb.snd.nxt)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Syn,
    Text,
    /// The first unacknowledged segment once more, while new text waits for its turn.
    FastRetransmit,
    /// A tail loss probe.
    Probe,
    /// Another segment once more, in a recovery by SACK.
    Again {
        rescue: bool,
    },
    WindowProbe,
    KeepAlive,
    Ack,
}

/// The next segment of the connection, if there is one to send.
pub(crate) fn next<'a>(tcb: &'a mut Tcb, cx: &mut Context<'_>) -> Option<Segment<'a>> {
    if tcb.path_mtu.is_old(cx.now) {
        tcb.path_mtu.raise(tcb.path(), cx.config);
    }
    let plan = plan(tcb, cx)?;
    let ecn = ecn(tcb, plan, cx);
    note(tcb, plan, cx);
    Some(Segment {
        ecn,
        ..build(tcb, plan, cx)
    })
}

fn plan(tcb: &mut Tcb, cx: &Context<'_>) -> Option<Plan> {
    let snd = &tcb.snd;
    if matches!(tcb.state, State::Closed | State::TimeWait) {
        return None;
    }
    if snd.next == snd.iss && !tcb.syn_is_acked() {
        return Some(Plan {
            what: What::Syn,
            seq: snd.iss,
            len: syn_text(tcb),
            fin: false,
        });
    }
    if tcb.owed.window_probe && tcb.must_probe() {
        return Some(window_probe(tcb));
    }
    let most = most_text(tcb);
    if let Some(again) = fast_retransmit(tcb, most).or_else(|| again(tcb, most)) {
        return Some(again);
    }
    if let Some(probe) = loss_probe(tcb, most) {
        return Some(probe);
    }
    let may_send = tcb.state.is_synchronized() || tcb.fast_opened();
    if let Some(text) = may_send.then(|| text(tcb, most, cx)).flatten() {
        return Some(text);
    }
    if tcb.owed.keepalive {
        // RFC 9293 §3.8.4:
        //   Such a segment generally contains SEG.SEQ =
        //   SND.NXT-1 and may or may not contain one garbage octet of data.
        let seq = tcb.snd.nxt - 1;
        return Some(Plan {
            what: What::KeepAlive,
            seq,
            len: 0,
            fin: false,
        });
    }
    let ack = Plan {
        what: What::Ack,
        seq: tcb.empty_seq(),
        len: 0,
        fin: false,
    };
    tcb.owed.ack.then_some(ack)
}

/// So much text goes with the SYN (RFC 7413 §4.2.2).
fn syn_text(tcb: &Tcb) -> u32 {
    // RFC 7413 §4.2.2:
    //   when the SYN timer fires, the client SHOULD
    //   retransmit a SYN packet without data and Fast Open options.
    match &tcb.fast_open {
        Some(own) if tcb.state == State::SynSent && tcb.retransmits == 0 => {
            own.syn_text.min(tcb.snd.queue.len() as u32)
        }
        _ => 0,
    }
}

/// RFC 9293 §3.8.6.1 (MUST-36): at least one octet, or the FIN if that is all there is.
fn window_probe(tcb: &Tcb) -> Plan {
    let seq = tcb.snd.una;
    let len = tcb.snd.queue.end().since(seq).min(1);
    Plan {
        what: What::WindowProbe,
        seq,
        len,
        fin: len == 0,
    }
}

/// The segment that begins at SND.UNA, if it is to be sent again whatever cwnd says.
fn fast_retransmit(tcb: &mut Tcb, most: u32) -> Option<Plan> {
    let wanted = std::mem::take(&mut tcb.owed.retransmit);
    if !wanted || tcb.snd.wnd == 0 || !tcb.handshake_is_over() {
        return None;
    }
    let end = tcb.snd_end();
    let snd = &mut tcb.snd;
    let seq = snd.una;
    let sent_until = snd.queue.in_flight(seq)?.end;
    let text = sent_until.earliest(snd.queue.end()).since(seq);
    let len = text.min(most).min(snd.wnd);
    Some(Plan {
        what: What::FastRetransmit,
        seq,
        len,
        fin: snd.closing && sent_until == end && len == text,
    })
}

/// What the scoreboard names, if it is to be sent again now.
fn again(tcb: &mut Tcb, most: u32) -> Option<Plan> {
    let again = recovery::next_again(tcb, most)?;
    let text = tcb.snd.queue.end().earliest(again.end);
    Some(Plan {
        what: What::Again {
            rescue: again.rescue,
        },
        seq: again.seq,
        len: text.since(again.seq),
        fin: text.before(again.end),
    })
}

/// RFC 8985 §7.3: new data, or else the end of what was sent.
fn loss_probe(tcb: &mut Tcb, most: u32) -> Option<Plan> {
    if !std::mem::take(&mut tcb.owed.loss_probe) || !tcb.handshake_is_over() {
        return None;
    }
    let end = tcb.snd_end();
    let snd = &tcb.snd;
    let room = (snd.una + snd.wnd).since(snd.nxt);
    let new = snd.queue.end().since(snd.nxt).min(room).min(most);
    let what = What::Probe;
    if new > 0 {
        return Some(Plan {
            what,
            seq: snd.nxt,
            len: new,
            fin: false,
        });
    }
    let last = snd.queue.segments().next_back()?;
    let text_end = last.end.earliest(snd.queue.end());
    let seq = last.seq.latest(text_end - most);
    Some(Plan {
        what,
        seq,
        len: text_end.since(seq),
        fin: snd.closing && last.end == end,
    })
}

/// The most text that a segment can have beside its options (MUST-16).
fn most_text(tcb: &Tcb) -> u32 {
    let timestamps = if tcb.ts.enabled { TIMESTAMPS_LEN } else { 0 };
    let sack = sack_len(tcb.sack_blocks().len()) as u32;
    let room = MOST_OPTIONS - timestamps - sack;
    let user_timeout = match user_timeout::option(tcb, false) {
        Some(_) if room >= USER_TIMEOUT_LEN => USER_TIMEOUT_LEN,
        _ => 0,
    };
    tcb.effective_mss()
        .saturating_sub(sack + user_timeout)
        .max(1)
}

/// Text or FIN: again what has to be sent again, else what is new.
fn text(tcb: &mut Tcb, mss: u32, cx: &Context<'_>) -> Option<Plan> {
    let end = tcb.snd_end();
    let (next, reported) = recovery::not_reported(tcb, tcb.snd.next);
    tcb.snd.next = next;
    if !next.before(end) {
        nothing_is_held(tcb);
        return None;
    }
    let snd = &tcb.snd;
    let outstanding = if tcb.congestion.counts_reported() {
        next.since(snd.una)
    } else {
        recovery::in_flight(tcb)
    };
    if next == snd.una && next == snd.nxt {
        let sender = tcb.sender(cx.now);
        tcb.congestion.restart_if_idle(&sender, tcb.rtt.rto());
    }
    let snd = &mut tcb.snd;
    let room = (snd.una + snd.wnd).since(next);
    let queued = snd.queue.end().since(next);
    let in_flight = snd.queue.in_flight(next).map(|sent| sent.end);
    let waiting = in_flight.map_or(queued, |end| end.since(next).min(queued));
    let gap = reported.map_or(u32::MAX, |reported| reported.since(next));
    let len = waiting.min(room).min(mss).min(gap);
    let allowance = tcb
        .congestion
        .allowance(outstanding, in_flight.is_none(), mss);
    if len.max(1) > allowance {
        // RFC 5681 §2:
        //   At any given time, a TCP MUST NOT send
        //   data with a sequence number higher than the sum of the highest
        //   acknowledged sequence number and the minimum of cwnd and rwnd.
        nothing_is_held(tcb);
        return None;
    }
    let with_fin = in_flight.map_or(snd.closing, |sent| snd.closing && sent == end);
    let fin = with_fin && len == queued && room > len;
    let plan = Plan {
        what: What::Text,
        seq: next,
        len,
        fin,
    };
    if fin || in_flight.is_some() && len > 0 {
        return Some(plan);
    }
    if len == 0 {
        return None;
    }
    let (held_by_nagle, held_by_window) = holds(tcb, queued, room, mss);
    if !held_by_nagle && !held_by_window {
        tcb.snd.sws_override = false;
        tcb.timers.stop(Timer::Persist);
        return Some(plan);
    }
    if held_by_window {
        tcb.timers
            .start_if_idle(Timer::Persist, cx.now + cx.config.sws_override);
    }
    None
}

/// What could be sent, if anything, does not wait for silly-window avoidance.
fn nothing_is_held(tcb: &mut Tcb) {
    tcb.snd.sws_override = false;
    if !tcb.must_probe() {
        tcb.timers.stop(Timer::Persist);
    }
}

/// Whether Nagle's algorithm or silly-window avoidance holds new text back, where `d` octets
/// wait and the usable window is `u` (RFC 9293 §3.8.6.2.1).
fn holds(tcb: &Tcb, d: u32, u: u32, mss: u32) -> (bool, bool) {
    // RFC 9293 §3.7.4 (SHLD-7):
    //   If there is unacknowledged data (i.e., SND.NXT > SND.UNA), then the sending
    //   TCP endpoint buffers all user data (regardless of the PSH bit) until the
    //   outstanding data has been acknowledged or until the TCP endpoint can send a
    //   full-sized segment (Eff.snd.MSS bytes).
    // A SYN is no data.
    let una = tcb.snd.una.latest(tcb.snd.queue.start());
    // RFC 5682 §2.1:
    //   In addition, the TCP sender MAY
    //   override the Nagle algorithm [Nag84] and immediately send a
    //   segment if needed.
    let decides = tcb.congestion.is_probing();
    let nagle = tcb.snd.next != una && !tcb.settings.nodelay && !decides;
    // (1) if a maximum-sized segment can be sent;
    if d.min(u) >= mss {
        return (false, false);
    }
    // (2) or if the data is pushed (all of it is) and all queued data can be sent now;
    if d <= u {
        return (nagle, false);
    }
    // (3) or if at least a fraction Fs = 1/2 of the maximum window can be sent;
    if d.min(u) >= tcb.snd.max_wnd / 2 {
        return (nagle, false);
    }
    // (4) or if the override timeout occurs.
    (false, !tcb.snd.sws_override)
}

/// The ECN bits, and the ECN codepoint of the packet (RFC 3168 §6.1).
fn ecn(tcb: &mut Tcb, plan: Plan, cx: &mut Context<'_>) -> Ecn {
    if plan.what == What::Syn {
        let answers = tcb.state != State::SynSent;
        return tcb.ecn.syn(cx.config.ecn, answers, tcb.retransmits > 0);
    }
    // RFC 3168 §6.1.5:
    //   ECN-capable TCP implementations MUST NOT set
    //   either ECT codepoint (ECT(0) or ECT(1)) in the IP header for
    //   retransmitted data packets
    // §6.1.4 and §6.1.6 say the same of pure ACKs and window probes.
    let new_text = plan.has_new_text(tcb);
    cx.ect = new_text && tcb.ecn.is_capable();
    // RFC 3168 §6.1.2:
    //   it SHOULD set the CWR bit only on the first
    //   new data packet that it transmits.
    let first = new_text && tcb.congestion.take_reduced();
    Ecn {
        ece: tcb.ecn.echoes(),
        cwr: first && tcb.ecn.is_capable(),
    }
}

/// Moves the variables of the connection over the segment that goes out now.
fn note(tcb: &mut Tcb, plan: Plan, cx: &mut Context<'_>) {
    let syn = plan.what == What::Syn;
    let end = plan.seq + plan.len + u32::from(syn) + u32::from(plan.fin);
    tcb.snd.octets_sent += u64::from(plan.len);
    match plan.what {
        What::Syn | What::Text | What::FastRetransmit | What::Again { .. } | What::Probe => {
            note_data(tcb, plan, end, cx);
        }
        What::WindowProbe => {
            tcb.owed.window_probe = false;
            tcb.snd.nxt = tcb.snd.nxt.latest(end);
            tcb.snd.next = tcb.snd.next.latest(end);
        }
        What::KeepAlive => tcb.owed.keepalive = false,
        What::Ack => {}
    }
    if tcb.state != State::SynSent {
        tcb.owed.ack = false;
        tcb.rcv.unacked = 0;
        tcb.timers.stop(Timer::DelayedAck);
        tcb.ts.last_ack_sent = tcb.rcv.nxt;
    }
}

/// The same for what occupies sequence numbers and goes to the retransmission queue.
fn note_data(tcb: &mut Tcb, plan: Plan, end: SeqNum, cx: &mut Context<'_>) {
    let again = tcb.snd.queue.find(plan.seq).is_some();
    if let Some(sent) = tcb.snd.queue.in_flight(plan.seq) {
        sent.again = true;
        sent.at = cx.now;
        tcb.total_retransmits += 1;
        tcb.snd.octets_again += u64::from(plan.len);
        cx.counters.retrans_segs += 1;
        cx.counters.syn_retrans += u64::from(plan.what == What::Syn);
    } else {
        tcb.snd.queue.sent(plan.seq, end, cx.now);
    }
    let (at, seq) = (cx.now, plan.seq);
    recovery::sent(
        tcb,
        Flight {
            at,
            seq,
            end,
            again,
        },
    );
    let goes_on = matches!(plan.what, What::Syn | What::Text) || !again;
    if goes_on {
        tcb.snd.next = end;
        tcb.snd.nxt = tcb.snd.nxt.latest(end);
    } else {
        let rescue = plan.what == What::Again { rescue: true };
        recovery::sent_again(tcb, Again { seq, end, rescue });
    }
    if let Some(handshake) = tcb.handshake.as_mut().filter(|_| plan.what == What::Syn) {
        handshake.sent_at = cx.now;
    }
    tcb.congestion.sent(plan.len, cx.now);
    // RFC 6298 §5.1:
    //   Every time a packet containing data is sent (including a
    //   retransmission), if the timer is not running, start it running
    //   so that it will expire after RTO seconds
    // The reordering timer stands in its place (RFC 8985 §8).
    if !tcb.timers.is_running(Timer::Reordering) {
        let at = cx.now + tcb.rtt.rto();
        tcb.timers.start_if_idle(Timer::Retransmission, at);
    }
    if plan.what == What::Probe {
        cx.counters.loss_probes += 1;
        tail_loss::sent(tcb, again);
    } else if !again {
        tail_loss::schedule(tcb, cx);
    }
}

fn build<'a>(tcb: &'a mut Tcb, plan: Plan, cx: &mut Context<'_>) -> Segment<'a> {
    let syn = plan.what == What::Syn;
    let ack = (tcb.state != State::SynSent).then_some(tcb.rcv.nxt);
    let wnd = tcb.advertise(syn);
    let control = if syn {
        Control::Syn {
            options: syn_options(tcb),
            fin: false,
        }
    } else if plan.fin {
        Control::Fin
    } else {
        Control::None
    };
    let timestamps = tcb.timestamps_now(cx.now, ack.is_some());
    let sack = if syn {
        SackBlocks::default()
    } else {
        tcb.sack_blocks()
    };
    let options = Segment {
        timestamps,
        sack,
        ..Segment::bare(plan.seq, control)
    };
    let user_timeout = user_timeout_beside(tcb, &options, cx);
    let duplicate = tcb.rcv.sack.duplicate().is_some() && !sack.as_slice().is_empty();
    cx.counters.dsacks_sent += u64::from(duplicate);
    // RFC 2883 §4, rule (1): a duplicate is reported once.
    tcb.rcv.sack.reported();
    let urgent = tcb.snd.up.filter(|up| !syn && up.after(plan.seq));
    // RFC 6093 §4:
    //   "the urgent pointer points to the sequence number of the
    //   octet following the urgent data"
    let before = u32::from(cx.config.urgent_pointer == UrgentPointer::Last);
    let pointer = |up: SeqNum| u16::try_from(up.since(plan.seq) - before).unwrap_or(u16::MAX);
    let urgent = urgent.map(pointer);
    // RFC 9293 §3.9.1.2 (MUST-61):
    //   MUST set the PSH bit in the last buffered segment
    let text_start = plan.seq + u32::from(syn);
    let push = plan.len > 0 && text_start + plan.len == tcb.snd.queue.end();
    let text = if plan.len == 0 {
        &[]
    } else {
        tcb.snd.queue.text(text_start, plan.len)
    };
    Segment {
        ack,
        wnd,
        urgent,
        push,
        user_timeout,
        text,
        ..options
    }
}

/// The User Timeout option of a segment that has these others: what it says can wait, what they
/// say cannot. Where it finds no room, the next segment carries it.
fn user_timeout_beside(
    tcb: &mut Tcb,
    others: &Segment<'_>,
    cx: &mut Context<'_>,
) -> Option<UserTimeout> {
    let due = user_timeout::option(tcb, others.is_syn())?;
    // RFC 5482 §3:
    //   if other TCP options are in use, they may
    //   already consume all the available TCP option space, thus preventing
    //   the use of the UTO option
    if !wire::user_timeout_fits(others) {
        cx.counters.user_timeouts_put_off += 1;
        return None;
    }
    user_timeout::given(tcb, others.is_syn());
    Some(due)
}

fn syn_options(tcb: &Tcb) -> SynOptions {
    SynOptions {
        mss: Some(tcb.rcv.mss),
        window_scale: tcb.rcv.offers_scale.then_some(tcb.rcv.scale),
        sack_permitted: tcb.sack,
        fast_open: fast_open_option(tcb),
    }
}

/// The Fast Open option of a SYN or SYN,ACK.
fn fast_open_option(tcb: &Tcb) -> Option<FastOpenOption> {
    // RFC 7413 §4.2.1:
    //   We
    //   RECOMMEND both the client and the server to retransmit SYN and SYN-
    //   ACK packets without the cookie options on timeouts.
    let crossed = tcb.origin == Origin::Active && tcb.state != State::SynSent;
    let first = tcb.retransmits == 0 && !crossed;
    tcb.fast_open.as_ref()?.option.filter(|_| first)
}
