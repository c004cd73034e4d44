//! Loss recovery by selective acknowledgments (RFC 6675 §5, or RFC 8985 §6): when it begins, what
//! is sent again while it lasts, and that it is taken back if it was false.
//!
//! [`crate::scoreboard`] knows what has arrived, [`crate::rack`] what is late, [`crate::dsack`]
//! what was sent in vain, and [`crate::congestion`] how much may be sent. A host finds losses in
//! one of the two ways, never in both. Connections without SACK recover by duplicate
//! acknowledgments, which is not here.

use crate::Config;
use crate::buffers::Sent;
use crate::dsack::{self, Duplicates};
use crate::rack::{Circumstances, Flight, Rack};
use crate::scoreboard::{DUP_THRESH, NextSeg, Outstanding, Scoreboard};
use crate::segment::{SackBlock, Segment};
use crate::seq::SeqNum;
use crate::tail_loss::{self, TailLoss};
use crate::tcb::{Context, Tcb};
use crate::time::Instant;
use crate::timeouts::Timer;

/// What is known about loss on a connection that uses SACK.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    /// What the peer has reported.
    pub(crate) board: Scoreboard,
    /// DupAcks.
    dup_acks: u32,
    /// What was sent again for nothing.
    duplicates: Duplicates,
    /// Losses are found by time (RFC 8985), and not by RFC 6675.
    by_time: bool,
    /// What is late: nothing, on a connection that has sent nothing but its SYN.
    rack: Option<Box<Rack>>,
    /// `RACK.segs_sacked`.
    pub(crate) segs_sacked: u32,
    /// Segments that the acknowledgment at hand has delivered.
    delivered: Vec<Flight>,
    /// A recovery was under way when the last acknowledgment had been taken.
    was_recovering: bool,
    /// The next acknowledgment was to decide about a timeout when the last one had been taken.
    was_probing: bool,
    /// When the window was cut last.
    cut_at: Instant,
    /// The tail loss probe.
    pub(crate) probe: TailLoss,
    /// SND.UNA and SACKd (RFC 6937 §2) after the last acknowledgment.
    arrived: (SeqNum, u32),
}

/// A segment that is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.SEQ+SEG.LEN, a FIN counted.
    pub(crate) end: SeqNum,
    /// By rule (4) of NextSeg.
    pub(crate) rescue: bool,
}

impl Recovery {
    /// Of a connection that has sent nothing yet.
    pub(crate) fn new(iss: SeqNum, config: &Config) -> Self {
        Self {
            board: Scoreboard::new(iss),
            dup_acks: 0,
            duplicates: Duplicates::new(config),
            by_time: config.rack,
            rack: None,
            segs_sacked: 0,
            delivered: Vec::new(),
            was_recovering: false,
            was_probing: false,
            cut_at: Instant::ZERO,
            probe: TailLoss::default(),
            arrived: (iss, 0),
        }
    }

    /// Nothing is in flight: gives back the memory that this took.
    pub(crate) fn give_back(&mut self) {
        self.delivered = Vec::new();
        if let Some(rack) = &mut self.rack {
            rack.give_back();
        }
    }

    /// Octets of `left..right` that RACK has found lost.
    fn lost_in(&self, left: SeqNum, right: SeqNum) -> u32 {
        let rack = self.rack.as_ref();
        rack.map_or(0, |rack| rack.lost.octets_in(left, right))
    }

    /// Octets that RACK has found lost.
    fn lost(&self) -> u32 {
        self.rack.as_ref().map_or(0, |rack| rack.lost.octets())
    }
}

/// RACK finds the losses of this connection.
pub(crate) fn by_time(tcb: &Tcb) -> bool {
    tcb.sack && tcb.recovery.by_time
}

/// A segment was sent, new or again.
pub(crate) fn sent(tcb: &mut Tcb, flight: Flight) {
    if !by_time(tcb) || flight.seq == tcb.snd.iss && !tcb.syn_is_acked() {
        // Nothing is sent after a SYN that could overtake it.
        return;
    }
    let iss = tcb.snd.iss;
    let rack = &mut tcb.recovery.rack;
    rack.get_or_insert_with(|| Box::new(Rack::new(iss)))
        .sent(flight);
}

/// Everything below `ack` is about to leave the retransmission queue.
pub(crate) fn acknowledged(tcb: &mut Tcb, ack: SeqNum) {
    let Some(rack) = &mut tcb.recovery.rack else {
        return;
    };
    rack.lost.remove(tcb.snd.una, ack);
    let whole = tcb.snd.queue.segments();
    for sent in whole.take_while(|sent| sent.end.before_or_eq(ack)) {
        if sent.sacked {
            tcb.recovery.segs_sacked -= 1;
        } else {
            tcb.recovery.delivered.push(flight_of(sent));
        }
    }
}

fn flight_of(sent: &Sent) -> Flight {
    Flight {
        at: sent.at,
        seq: sent.seq,
        end: sent.end,
        again: sent.again,
    }
}

/// The retransmission timer expired. Returns whether the rest of what is in flight stays there.
pub(crate) fn on_timeout(tcb: &mut Tcb, now: Instant) -> bool {
    // RFC 2018 §5.1:
    //   when a retransmit timeout occurs
    //   the data sender MUST ignore prior SACK information in determining
    //   which data to retransmit.
    tcb.recovery.board.forget();
    tcb.recovery.segs_sacked = 0;
    tcb.recovery.dup_acks = 0;
    tcb.recovery.duplicates.believe();
    tcb.recovery.was_recovering = true;
    tcb.recovery.was_probing = false;
    tcb.recovery.cut_at = now;
    tcb.recovery.probe.reset();
    tcb.timers.stop(Timer::Probe);
    tcb.timers.stop(Timer::Reordering);
    if !by_time(tcb) {
        return false;
    }
    let (una, end) = (tcb.snd.una, tcb.snd.nxt);
    for sent in tcb.snd.queue.overlapping(una, end) {
        sent.sacked = false;
    }
    let about = circumstances(tcb);
    let segments = tcb.snd.queue.segments().map(flight_of);
    if let Some(rack) = &mut tcb.recovery.rack {
        rack.on_timeout(segments, una, now, &about);
    }
    let rest_stays = tcb.handshake_is_over() && tcb.snd.next == tcb.snd.nxt;
    if !rest_stays {
        tcb.congestion.believe_timeout();
    }
    rest_stays
}

fn circumstances(tcb: &Tcb) -> Circumstances {
    Circumstances {
        recovering: !tcb.congestion.is_open(),
        segs_sacked: tcb.recovery.segs_sacked,
        srtt: tcb.rtt.srtt().unwrap_or_default(),
        min_rtt: tcb.rtt.least().unwrap_or_default(),
    }
}

/// What the acknowledgment number of an acceptable segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// It has moved SND.UNA.
    News,
    /// It is a duplicate (RFC 5681 §2).
    Again,
    /// Nothing about what is in flight.
    Nothing,
}

/// Takes what an acceptable acknowledgment reports.
pub(crate) fn on_ack(tcb: &mut Tcb, segment: &Segment<'_>, says: Says, cx: &mut Context<'_>) {
    let Some(ack) = segment.ack.filter(|_| tcb.sack) else {
        return;
    };
    let blocks = segment.sack.as_slice();
    let out = outstanding(tcb);
    // RFC 6675 §5:
    //   Upon the receipt of any ACK containing SACK information, the
    //   scoreboard MUST be updated via the Update () routine.
    let news = tcb.recovery.board.update(blocks, &out);
    let duplicate = dsack::duplicate_of(blocks, ack);
    if let Some(duplicate) = duplicate {
        let never = tcb.total_retransmits == 0;
        tcb.recovery.duplicates.reported(duplicate, never);
        cx.counters.dsacks_received += 1;
    }
    if tcb.recovery.duplicates.were_all(tcb.snd.una) {
        cx.counters.recoveries_undone += u64::from(tcb.congestion.take_back());
    }
    // RFC 6937 §2:
    //   With SACK,
    //   DeliveredData can be computed precisely as the change in snd.una,
    //   plus the (signed) change in SACKd.
    let (una, sacked) = tcb.recovery.arrived;
    let now = (tcb.snd.una, tcb.recovery.board.sacked().octets());
    tcb.recovery.arrived = now;
    let delivered = (now.0.since(una) + now.1).saturating_sub(sacked);
    if tcb.recovery.was_probing && tcb.congestion.is_probing() {
        judge_timeout(tcb, says, &news, delivered, cx);
    }
    find_loss(tcb, segment, says, (&news, duplicate), cx);
    tcb.recovery.was_probing = tcb.congestion.is_probing();
    if tcb.congestion.in_loss_recovery() {
        let pipe = in_flight(tcb);
        tcb.congestion
            .on_delivered(delivered, pipe, tcb.effective_mss());
    }
}

/// Step 3 of RFC 5682 §3.1: whether the timeout was spurious. The acknowledgment reports `news`,
/// and so many octets are `delivered` by it.
fn judge_timeout(
    tcb: &mut Tcb,
    says: Says,
    news: &[SackBlock],
    delivered: u32,
    cx: &mut Context<'_>,
) {
    let recover = tcb.congestion.recover();
    let beyond = tcb.snd.una.after(recover) || news.iter().any(|(_, right)| right.after(recover));
    if beyond || delivered == 0 && says == Says::Again {
        // RFC 5682 §3.1:
        //   If the Cumulative Acknowledgment field or the SACK information
        //   covers more than "RecoveryPoint", set the congestion window to
        //   no more than 3 * MSS and proceed with the conventional RTO
        //   recovery, retransmitting unacknowledged segments.
        tcb.congestion.real_timeout(&tcb.sender(cx.now));
        if !by_time(tcb) {
            tcb.snd.next = tcb.snd.una;
        }
    } else if delivered > 0 {
        // RFC 5682 §3.1:
        //   The retransmission timeout can be declared spurious,
        //   because the segment acknowledged with this ACK was transmitted
        //   before the timeout.
        if let Some(rack) = &mut tcb.recovery.rack {
            let segments = tcb.snd.queue.segments().filter(|sent| !sent.sacked);
            rack.nothing_was_lost(segments.map(flight_of));
        }
        tcb.recovery.was_recovering = false;
        cx.counters.spurious_timeouts += 1;
        let left = in_flight(tcb);
        tcb.congestion
            .spurious_timeout(tcb.snd.una, delivered, left);
    }
}

fn find_loss(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    says: Says,
    (news, duplicate): (&[SackBlock], Option<SackBlock>),
    cx: &mut Context<'_>,
) {
    let moved = says == Says::News;
    if by_time(tcb) {
        tail_loss::on_ack(tcb, segment, duplicate, moved, cx);
        deliver(tcb, segment, news, duplicate.is_some(), cx);
        return;
    }
    if moved {
        // RFC 6675 §5:
        //   If the incoming ACK is a cumulative acknowledgment, the TCP MUST
        //   reset DupAcks to zero.
        tcb.recovery.dup_acks = 0;
    }
    if !tcb.congestion.is_open() {
        return;
    }
    let out = outstanding(tcb);
    tcb.recovery.board.high_rxt = out.una;
    if !news.is_empty() {
        tcb.recovery.dup_acks += 1;
        // RFC 6675 §5:
        //   (2) If DupAcks < DupThresh but IsLost (HighACK + 1) returns true
        let enough = tcb.recovery.dup_acks >= DUP_THRESH;
        if enough || tcb.recovery.board.is_lost(out.una, out.smss) {
            enter(tcb, cx);
        }
    }
}

/// (4) of RFC 6675 §5.
fn enter(tcb: &mut Tcb, cx: &mut Context<'_>) {
    if tcb.congestion.in_loss_recovery() {
        // What was sent again is lost again.
        tcb.recovery.duplicates.believe();
    } else {
        let (una, nxt) = (tcb.snd.una, tcb.snd.nxt);
        tcb.recovery.duplicates.doubt(una, nxt);
    }
    let sender = tcb.sender(cx.now);
    tcb.congestion.enter_loss_recovery(&sender);
    tcb.recovery.dup_acks = 0;
    tcb.recovery.cut_at = cx.now;
    tcb.recovery.was_recovering = true;
    tcb.recovery.board.rescue_rxt = None;
    tcb.recovery.probe.reset();
    tcb.timers.stop(Timer::Probe);
    // RFC 6675 §5:
    //   (4.3) Retransmit the first data segment presumed dropped -- the
    //         segment starting with sequence number HighACK + 1.
    // It is not lost if a peer has reported it that does not acknowledge it.
    let (una, recovery) = (tcb.snd.una, &tcb.recovery);
    tcb.owed.retransmit = if by_time(tcb) {
        recovery.lost_in(una, una + 1) > 0
    } else {
        recovery.board.sacked().octets_in(una, una + 1) == 0
    };
    cx.counters.fast_retransmits += 1;
}

/// Tells RACK what an acknowledgment delivers, and looks for losses (RFC 8985 §6.2).
fn deliver(
    tcb: &mut Tcb,
    segment: &Segment<'_>,
    news: &[SackBlock],
    dsack: bool,
    cx: &mut Context<'_>,
) {
    let recovery = &mut tcb.recovery;
    let Some(rack) = &mut recovery.rack else {
        return;
    };
    let mut delivered = std::mem::take(&mut recovery.delivered);
    for &(left, right) in news {
        rack.lost.remove(left, right);
        for sent in tcb.snd.queue.overlapping(left, right) {
            let sacked = recovery.board.sacked().octets_in(sent.seq, sent.end);
            if !sent.sacked && sacked == sent.end.since(sent.seq) {
                sent.sacked = true;
                recovery.segs_sacked += 1;
                delivered.push(flight_of(sent));
            }
        }
    }
    // Blocks come in any order. No window is larger than 2^30 octets.
    let origin = tcb.snd.una - (1 << 30);
    delivered.sort_unstable_by_key(|flight| flight.end.since(origin));
    let echo = segment.timestamps.filter(|_| tcb.ts.enabled);
    let clock = tcb.ts;
    // RFC 8985 §6.2:
    //   indicates the ACK was not
    //   acknowledging the last retransmission of the segment.
    let not_that = |flight: &Flight| {
        echo.is_some_and(|echo| SeqNum(echo.ecr).before(SeqNum(clock.clock(flight.at))))
    };
    let min_rtt = tcb.rtt.least().unwrap_or_default();
    rack.delivered(&delivered, cx.now, min_rtt, not_that);
    delivered.clear();
    recovery.delivered = delivered;
    let recovering = !tcb.congestion.is_open();
    let recovered = recovery.was_recovering && !recovering;
    rack.adapt(dsack, recovered, tcb.snd.una, tcb.snd.nxt);
    if recovery.segs_sacked > 0 {
        tcb.timers.stop(Timer::Probe);
    }
    detect_loss(tcb, cx);
    tcb.recovery.was_recovering = !tcb.congestion.is_open();
}

/// `RACK_detect_loss_and_arm_timer` (RFC 8985 §6.2).
pub(crate) fn detect_loss(tcb: &mut Tcb, cx: &mut Context<'_>) {
    let about = circumstances(tcb);
    let (una, queue) = (tcb.snd.una, &tcb.snd.queue);
    let Recovery {
        rack,
        board,
        cut_at,
        ..
    } = &mut tcb.recovery;
    let Some(rack) = rack else {
        return;
    };
    let mut again = false;
    let outstanding = |flight: &Flight| {
        let last = |sent: &Sent| sent.at == flight.at && !sent.sacked;
        flight.end.after(una) && queue.find(flight.end - 1).is_some_and(last)
    };
    let wait = rack.detect_loss(&about, cx.now, outstanding, |lost, flight| {
        again |= flight.again && flight.at >= *cut_at;
        for (left, right) in board.sacked().missing(flight.seq.latest(una), flight.end) {
            lost.insert(left, right);
        }
    });
    if let Some(wait) = wait {
        // RFC 8985 §8:
        //   When arming a RACK reordering timer or TLP
        //   PTO timer, the sender SHOULD cancel any other pending timers.
        tcb.timers.stop(Timer::Retransmission);
        tcb.timers.start(Timer::Reordering, cx.now + wait);
    } else {
        tcb.timers.stop(Timer::Reordering);
        let at = cx.now + tcb.rtt.rto();
        tcb.timers.start_if_idle(Timer::Retransmission, at);
    }
    // RFC 8985 §9.3:
    //   when RACK-TLP detects a lost
    //   retransmission, the congestion control MUST trigger an additional
    //   congestion response
    let further = again && tcb.congestion.in_loss_recovery();
    let lost = tcb.recovery.lost() > 0;
    if further || lost && tcb.congestion.is_open() {
        enter(tcb, cx);
    }
}

/// What is outstanding, for the functions of the scoreboard.
fn outstanding(tcb: &Tcb) -> Outstanding {
    Outstanding {
        una: tcb.snd.una,
        nxt: tcb.snd.nxt,
        smss: tcb.effective_mss(),
    }
}

/// Whether the peer has reported all of a segment in flight.
pub(crate) fn is_reported(tcb: &Tcb, sent: &Sent) -> bool {
    let reported = tcb.recovery.board.sacked();
    reported.octets_in(sent.seq, sent.end) == sent.end.since(sent.seq)
}

/// Whether a segment in flight is taken for lost.
pub(crate) fn is_lost(tcb: &Tcb, sent: &Sent) -> bool {
    let recovery = &tcb.recovery;
    if is_reported(tcb, sent) {
        false
    } else if by_time(tcb) {
        recovery.lost_in(sent.seq, sent.end) > 0
    } else {
        recovery.board.is_lost(sent.seq, tcb.effective_mss())
    }
}

/// How many octets are in the network.
pub(crate) fn in_flight(tcb: &Tcb) -> u32 {
    let snd = &tcb.snd;
    if !tcb.sack {
        snd.next.since(snd.una)
    } else if by_time(tcb) && snd.next == snd.nxt {
        let gone = tcb.recovery.board.sacked().octets() + tcb.recovery.lost();
        snd.nxt.since(snd.una).saturating_sub(gone)
    } else if snd.next.before(snd.nxt) {
        // After a timeout sending has begun anew at SND.UNA.
        snd.next.since(snd.una) - tcb.recovery.board.sacked().octets_in(snd.una, snd.next)
    } else {
        tcb.recovery.board.set_pipe(&outstanding(tcb))
    }
}

/// What comes next in loss recovery, where that is not new data (RFC 6675 §5, (C)); `most` is
/// the text of a full segment.
pub(crate) fn next_again(tcb: &mut Tcb, most: u32) -> Option<Again> {
    if !tcb.handshake_is_over() {
        return None;
    }
    if by_time(tcb) {
        return next_lost(tcb, most);
    }
    let snd = &tcb.snd;
    if !tcb.sack || !tcb.congestion.in_loss_recovery() || snd.wnd == 0 {
        return None;
    }
    let out = outstanding(tcb);
    // RFC 6675 §5:
    //   (C) If cwnd - pipe >= 1 SMSS, the sender SHOULD transmit one or more
    //   segments as follows:
    let pipe = tcb.recovery.board.set_pipe(&out);
    if tcb.congestion.allowance(pipe, false, out.smss) < out.smss {
        return None;
    }
    let edge = snd.una + snd.wnd;
    let new_data = snd.nxt.before(tcb.snd_end()) && snd.nxt.before(edge);
    let next = tcb.recovery.board.next_seg(&out, new_data)?;
    let (seq, limit, rescue) = match next {
        NextSeg::New => return None,
        NextSeg::Again(left, right) => (left, right, false),
        NextSeg::Rescue(from, end) => {
            let sent = tcb.snd.queue.in_flight(end - 1)?;
            (from.latest(sent.seq).latest(end - most), end, true)
        }
    };
    let sent = tcb.snd.queue.in_flight(seq)?;
    let end = sent.end.earliest(limit).earliest(seq + most).earliest(edge);
    seq.before(end).then_some(Again { seq, end, rescue })
}

/// The first segment that is late, if congestion control lets it out.
fn next_lost(tcb: &Tcb, most: u32) -> Option<Again> {
    let snd = &tcb.snd;
    let lost = &tcb.recovery.rack.as_ref()?.lost;
    let (seq, limit) = lost.as_slice().first().copied()?;
    if tcb.congestion.is_open() || snd.wnd == 0 || snd.next != snd.nxt {
        return None;
    }
    let sent = snd.queue.find(seq)?;
    let edge = snd.una + snd.wnd;
    let end = sent.end.earliest(limit).earliest(seq + most).earliest(edge);
    // RFC 8985 §9.3:
    //   A segment marked
    //   as lost by RACK-TLP MUST NOT be retransmitted until congestion
    //   control deems this appropriate.
    let allowance = tcb.congestion.allowance(in_flight(tcb), false, most);
    let rescue = false;
    (seq.before(end) && end.since(seq) <= allowance).then_some(Again { seq, end, rescue })
}

/// A segment was sent again in loss recovery.
pub(crate) fn sent_again(tcb: &mut Tcb, again: Again) {
    if !tcb.sack || !tcb.congestion.in_loss_recovery() {
        return;
    }
    tcb.recovery.duplicates.sent_again(again.seq, again.end);
    let board = &mut tcb.recovery.board;
    if again.rescue {
        // RFC 6675 §4:
        //   and RescueRxt set to RecoveryPoint.
        //   HighRxt MUST NOT be updated.
        board.rescue_rxt = Some(tcb.congestion.recover());
        return;
    }
    board.high_rxt = again.end;
    // RFC 6675 §5:
    //   To
    //   prevent repeated retransmission of the same data or a
    //   premature rescue retransmission, set both HighRxt and
    //   RescueRxt to the highest sequence number in the
    //   retransmitted segment.
    board.rescue_rxt.get_or_insert(again.end);
}

/// Where sending goes on after a timeout at `next`, and before what: what has been reported
/// since then is passed over.
pub(crate) fn not_reported(tcb: &Tcb, next: SeqNum) -> (SeqNum, Option<SeqNum>) {
    // RFC 6675 §5.1:
    //   A relatively
    //   straightforward approach to "filling in" the sequence space reported
    //   as missing should be a reasonable approach.
    let sacked = tcb.recovery.board.sacked();
    match sacked.at_or_above(next) {
        Some((left, right)) if left.before_or_eq(next) => {
            (right, sacked.at_or_above(right).map(|(left, _)| left))
        }
        above => (next, above.map(|(left, _)| left)),
    }
}
