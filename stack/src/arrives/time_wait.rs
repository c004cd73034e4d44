//! SEGMENT ARRIVES in TIME-WAIT (RFC 9293 §3.10.7.4, RFC 6191 §2): the eight checks, as far as
//! anything is left to be done.

use super::other::is_acceptable;
use super::{Checked, Disposition};
use crate::config::{RstInTimeWait, SynInTimeWait};
use crate::segment::{Control, Segment};
use crate::seq::SeqNum;
use crate::time_wait::TimeWait;
use crate::{CloseReason, Config, Counters, Instant};
use std::ops::ControlFlow::{Break, Continue};

/// What is around a record while a segment arrives.
pub(crate) struct Around<'a> {
    /// The time.
    pub(crate) now: Instant,
    /// The policies of the host.
    pub(crate) config: &'a Config,
    /// What the host counts.
    pub(crate) counters: &'a mut Counters,
    /// A listener would take a SYN to the local socket.
    pub(crate) has_listener: bool,
}

/// What becomes of the segment.
pub(crate) fn arrives(
    record: &mut TimeWait,
    segment: &Segment<'_>,
    cx: &mut Around<'_>,
) -> Disposition {
    match checks(record, segment, cx) {
        Break(disposition) => disposition,
        Continue(()) => Disposition::Done,
    }
}

fn checks(record: &mut TimeWait, segment: &Segment<'_>, cx: &mut Around<'_>) -> Checked {
    new_incarnation(record, segment, cx)?;
    timestamps(record, segment, cx)?;
    first_sequence(record, segment, cx)?;
    second_rst(record, segment, cx)?;
    fourth_syn(segment, cx)?;
    fifth_ack(record, segment)?;
    // Sixth and seventh: the peer has sent its FIN, urgent pointers and text are ignored.
    eighth_fin(record, segment, cx)
}

/// A SYN that may start a new connection.
fn new_incarnation(record: &TimeWait, segment: &Segment<'_>, cx: &Around<'_>) -> Checked {
    let plain_syn = matches!(segment.control, Control::Syn { fin: false, .. });
    if !plain_syn || segment.ack.is_some() {
        return Continue(());
    }
    match cx.config.syn_in_time_wait {
        // RFC 9293 §3.10.7.4:
        //   If an incoming segment is not acceptable, an acknowledgment
        //   should be sent in reply
        // So is one to a SYN in the window, as in the other synchronized states.
        SynInTimeWait::Acknowledge => return Break(Disposition::Acknowledge),
        SynInTimeWait::Challenge => return Continue(()),
        SynInTimeWait::Rfc6191 if !cx.has_listener => return Continue(()),
        SynInTimeWait::Rfc6191 => {}
    }
    // RFC 6191 §2, where the last sequence number seen is that of the FIN.
    let newer = segment.seq.after_or_eq(record.rcv_nxt);
    // "If TCP Timestamps would be enabled for the new incarnation": if both ends have them.
    let timestamps = segment.timestamps.filter(|_| cx.config.timestamps);
    let accepted = match (record.ts.enabled, timestamps) {
        (true, Some(timestamps)) => {
            let (val, recent) = (SeqNum(timestamps.val), SeqNum(record.ts.recent()));
            val.after(recent) || val == recent && newer
        }
        (false, Some(_)) => true,
        (_, None) => newer,
    };
    match (accepted, segment.timestamps) {
        (true, _) => Break(Disposition::NewIncarnation),
        // RFC 6191 §2:
        //   Otherwise, silently drop the incoming SYN segment, thus leaving
        //   the previous incarnation of the connection in the TIME-WAIT
        //   state.
        (false, Some(_)) => Break(Disposition::Done),
        // RFC 9293 §3.10.7.4 keeps its own logic for a SYN without timestamps.
        (false, None) => Continue(()),
    }
}

/// R1 of RFC 7323 §5.3, and the segments that lack the option.
fn timestamps(record: &mut TimeWait, segment: &Segment<'_>, cx: &mut Around<'_>) -> Checked {
    if !record.ts.enabled || segment.is_rst() {
        return Continue(());
    }
    match segment.timestamps {
        Some(timestamps) if record.ts.is_old(timestamps.val, cx.now) => {
            cx.counters.paws_drops += 1;
            Break(Disposition::Acknowledge)
        }
        None if !segment.is_syn() => {
            cx.counters.missing_timestamps += 1;
            Break(Disposition::Done)
        }
        _ => Continue(()),
    }
}

fn first_sequence(record: &mut TimeWait, segment: &Segment<'_>, cx: &Around<'_>) -> Checked {
    if is_acceptable(segment, record.rcv_nxt, record.rcv_wnd) {
        record.ts.update(segment, cx.now);
        return Continue(());
    }
    if segment.is_rst() {
        return Break(Disposition::Done);
    }
    // RFC 9293 §3.10.7.4:
    //   The only thing that can arrive in this state is a
    //   retransmission of the remote FIN.  Acknowledge it, and restart
    //   the 2 MSL timeout.
    // Nothing else restarts it, so that old segments cannot keep the record for ever.
    if segment.is_fin() && segment.end() == record.rcv_nxt {
        restart(record, cx);
    }
    Break(Disposition::Acknowledge)
}

fn second_rst(record: &TimeWait, segment: &Segment<'_>, cx: &Around<'_>) -> Checked {
    if !segment.is_rst() {
        return Continue(());
    }
    // RFC 1337 §3:
    //   Ignore RST segments in TIME-WAIT state.
    if cx.config.rst_in_time_wait == RstInTimeWait::Ignore {
        return Break(Disposition::Done);
    }
    // RFC 9293 §3.10.7.4:
    //   If the RST bit is set and the sequence number does not
    //   exactly match the next expected sequence value, yet is
    //   within the current receive window, TCP endpoints MUST send
    //   an acknowledgment (challenge ACK):
    if cx.config.rfc5961 && segment.seq != record.rcv_nxt {
        return Break(Disposition::Challenge);
    }
    // RFC 9293 §3.10.7.4:
    //   If the RST bit is set, then enter the CLOSED state, delete
    //   the TCB, and return.
    Break(Disposition::Close(CloseReason::Normal))
}

fn fourth_syn(segment: &Segment<'_>, cx: &Around<'_>) -> Checked {
    match (segment.is_syn(), cx.config.rfc5961) {
        (false, _) => Continue(()),
        (true, true) => Break(Disposition::Challenge),
        (true, false) => Break(Disposition::ResetAndClose),
    }
}

fn fifth_ack(record: &TimeWait, segment: &Segment<'_>) -> Checked {
    match segment.ack {
        None => Break(Disposition::Done),
        Some(ack) if ack.after(record.snd_nxt) => Break(Disposition::Acknowledge),
        Some(_) => Continue(()),
    }
}

/// A FIN at RCV.NXT, after the first one: it is acknowledged, and nothing else.
fn eighth_fin(record: &mut TimeWait, segment: &Segment<'_>, cx: &Around<'_>) -> Checked {
    let inside = segment.is_fin() && (segment.end() - 1) == record.rcv_nxt;
    if !inside {
        return Continue(());
    }
    // RFC 9293 §3.10.7.4:
    //   Remain in the TIME-WAIT state.  Restart the 2 MSL time-
    //   wait timeout.
    restart(record, cx);
    Break(Disposition::Acknowledge)
}

fn restart(record: &mut TimeWait, cx: &Around<'_>) {
    record.until = cx.now + cx.config.msl * 2;
}
