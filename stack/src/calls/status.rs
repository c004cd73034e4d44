//! STATUS (RFC 9293 §3.10.6).

use crate::buffers::Sent;
use crate::recovery;
use crate::tcb::{Origin, Tcb};
use crate::time_wait::TimeWait;
use crate::timeouts::Timer;
use crate::{Config, Instant, State, Status, user_timeout};

/// Everything that can be told about a connection.
pub(crate) fn status(tcb: &Tcb, now: Instant, config: &Config) -> Status {
    let (snd, rcv) = (&tcb.snd, &tcb.rcv);
    let sent_text = snd.nxt.earliest(snd.queue.end());
    let window = tcb.congestion.window();
    let count = |what: &dyn Fn(&Sent) -> bool| -> u32 {
        snd.queue.segments().filter(|sent| what(sent)).count() as u32
    };
    let unsent = snd.queue.end().since(sent_text.latest(snd.queue.start()));
    Status {
        passive: tcb.origin != Origin::Active,
        iss: snd.iss,
        snd_una: snd.una,
        snd_nxt: snd.nxt,
        snd_wnd: snd.wnd,
        max_snd_wnd: snd.max_wnd,
        irs: rcv.irs,
        rcv_nxt: rcv.nxt,
        rcv_wnd: rcv.wnd(),
        congestion_control: Some(tcb.congestion.algorithm()),
        cwnd: window.cwnd,
        ssthresh: window.ssthresh,
        mss: tcb.effective_mss(),
        rcv_mss: u32::from(rcv.mss),
        pmtu: tcb.path_mtu.get(),
        rto: tcb.rtt.rto(),
        backoff: tcb.rtt.backoff(),
        srtt: tcb.rtt.srtt(),
        rttvar: tcb.rtt.rttvar(),
        min_rtt: tcb.rtt.least(),
        retransmits: tcb.retransmits,
        total_retransmits: tcb.total_retransmits,
        user_timeout: user_timeout::effective(tcb, config),
        probes: tcb.probes,
        in_flight: snd.queue.in_flight_count() as u32,
        sacked: count(&|sent| recovery::is_reported(tcb, sent)),
        lost: count(&|sent| recovery::is_lost(tcb, sent)),
        sent_again: count(&|sent| sent.again),
        unacked: snd.queue.len() as u32 - unsent,
        unsent,
        unread: rcv.queue.ready() as u32,
        rcvbuf: rcv.buffer,
        urgent: tcb.urgent_unread(),
        bytes_sent: snd.octets_sent,
        bytes_retrans: snd.octets_again,
        bytes_received: rcv.octets,
        sack: tcb.sack,
        timestamps: tcb.ts.enabled,
        ecn: tcb.ecn.is_capable(),
        rcv_wscale: rcv.scale.shift(),
        snd_wscale: snd.scale.shift(),
        nodelay: tcb.settings.nodelay,
        soft_error: tcb.soft_error,
        timers: tcb.timers.running(),
        ..Status::bare((tcb.local, tcb.remote), tcb.state, now)
    }
}

/// What is left to be told of a connection in TIME-WAIT.
pub(crate) fn status_of_record(record: &TimeWait, now: Instant) -> Status {
    Status {
        snd_una: record.snd_nxt,
        snd_nxt: record.snd_nxt,
        rcv_nxt: record.rcv_nxt,
        rcv_wnd: record.rcv_wnd,
        timestamps: record.ts.enabled,
        timers: vec![(Timer::TimeWait, record.until)],
        ..Status::bare(record.sockets(), State::TimeWait, now)
    }
}
