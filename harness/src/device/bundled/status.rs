//! What the stack tells of itself, by the names of the specs.

use crate::spec::case::State;
use std::time::Duration;
use tcpspec_stack::{Algorithm, ListenerStatus, Status, Timer};

/// The queues of a listener; `None` if `field` is none of them.
pub(super) fn queue_of(listener: &ListenerStatus, field: &str) -> Option<i64> {
    let count = match field {
        "accept_queue" => listener.waiting,
        "accept_backlog" => listener.backlog,
        "syn_queue" => listener.half_open,
        "syn_queue_limit" => listener.half_open_limit,
        _ => return None,
    };
    i64::try_from(count).ok()
}

/// The state whose connections a counter counts.
pub(super) fn state_counted_as(counter: &str) -> Option<tcpspec_stack::State> {
    use tcpspec_stack::State;
    Some(match counter {
        "in_listen" => State::Listen,
        "in_syn_sent" => State::SynSent,
        "in_syn_received" => State::SynReceived,
        "in_established" => State::Established,
        "in_fin_wait_1" => State::FinWait1,
        "in_fin_wait_2" => State::FinWait2,
        "in_close_wait" => State::CloseWait,
        "in_closing" => State::Closing,
        "in_last_ack" => State::LastAck,
        "in_time_wait" => State::TimeWait,
        _ => return None,
    })
}

/// Fields of a status by the names of the specs; durations in nanoseconds.
pub(super) fn field_of(status: &Status, field: &str) -> Option<i64> {
    let nanos = |duration: Duration| duration.as_nanos() as i64;
    let left = |timer| status.left(timer).map(nanos);
    Some(match field {
        "backoff" => i64::from(status.backoff),
        "bytes_received" => status.bytes_received as i64,
        "bytes_retrans" => status.bytes_retrans as i64,
        "bytes_sent" => status.bytes_sent as i64,
        "cubic" => i64::from(status.congestion_control? == Algorithm::Cubic),
        "cwnd" => i64::from(status.cwnd),
        "ecn" => i64::from(status.ecn),
        "min_rtt" => nanos(status.min_rtt?),
        "pmtu" => i64::from(status.pmtu),
        "probes" => i64::from(status.probes),
        "rcv_space" => i64::from(status.rcvbuf),
        "rcv_mss" => i64::from(status.rcv_mss),
        "rcv_wnd" => i64::from(status.rcv_wnd),
        "rcv_wscale" => i64::from(status.rcv_wscale),
        "reno" => i64::from(status.congestion_control? == Algorithm::Reno),
        "retrans" => i64::from(status.sent_again),
        "retransmits" => i64::from(status.retransmits),
        "rto" => nanos(status.rto),
        "rttvar" => nanos(status.rttvar),
        "send_q" => i64::from(status.unacked + status.unsent),
        "snd_mss" => i64::from(status.mss),
        "snd_wnd" => i64::from(status.snd_wnd),
        "snd_wscale" => i64::from(status.snd_wscale),
        "soft_error" => i64::from(status.soft_error.is_some()),
        "srtt" => nanos(status.srtt?),
        "ssthresh" => i64::from(status.ssthresh),
        "timer_delayed_ack" => left(Timer::DelayedAck)?,
        "timer_fin_wait_2" => left(Timer::FinWait2)?,
        "timer_keepalive" => left(Timer::KeepAlive)?,
        "timer_persist" => left(Timer::Persist)?,
        "timer_probe" => left(Timer::Probe)?,
        "timer_reordering" => left(Timer::Reordering)?,
        "timer_retransmission" => left(Timer::Retransmission)?,
        "timer_time_wait" => left(Timer::TimeWait)?,
        "timer_user" => left(Timer::User)?,
        "user_timeout" => nanos(status.user_timeout?),
        "lost" => i64::from(status.lost),
        "sack" => i64::from(status.sack),
        "sacked" => i64::from(status.sacked),
        "timestamps" => i64::from(status.timestamps),
        "total_retrans" => status.total_retransmits as i64,
        "unacked" => i64::from(status.in_flight),
        "recv_q" | "unread" => i64::from(status.unread),
        "unsent" => i64::from(status.unsent),
        "urgent" => i64::from(status.urgent),
        _ => return None,
    })
}

/// The stack's state in the words of the specs.
pub(super) fn state_of(state: tcpspec_stack::State) -> State {
    use tcpspec_stack::State as Theirs;
    match state {
        Theirs::Closed => State::Closed,
        Theirs::Listen => State::Listen,
        Theirs::SynSent => State::SynSent,
        Theirs::SynReceived => State::SynReceived,
        Theirs::Established => State::Established,
        Theirs::FinWait1 => State::FinWait1,
        Theirs::FinWait2 => State::FinWait2,
        Theirs::CloseWait => State::CloseWait,
        Theirs::Closing => State::Closing,
        Theirs::LastAck => State::LastAck,
        Theirs::TimeWait => State::TimeWait,
    }
}
