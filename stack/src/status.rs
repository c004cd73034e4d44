//! What STATUS tells of a connection (RFC 9293 §3.10.6), and its line, like one of `ss -ti`.

use crate::congestion::NO_THRESHOLD;
use crate::seq::SeqNum;
use crate::timeouts::Timer;
use crate::{Algorithm, Instant, State};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A connection at one moment. Octets are octets of text unless a field says otherwise.
///
/// Of a connection in TIME-WAIT that the application has given up only the sockets, SND.NXT,
/// RCV.NXT, the receive window and the timer are left; the rest is zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// When this was so.
    pub at: Instant,
    /// Local socket.
    pub local: SocketAddr,
    /// Remote socket.
    pub remote: SocketAddr,
    /// State.
    pub state: State,
    /// Opened by a SYN of the peer.
    pub passive: bool,
    /// ISS.
    pub iss: SeqNum,
    /// SND.UNA.
    pub snd_una: SeqNum,
    /// SND.NXT.
    pub snd_nxt: SeqNum,
    /// SND.WND, octets.
    pub snd_wnd: u32,
    /// MAX.SND.WND, octets (RFC 5961 §5.2).
    pub max_snd_wnd: u32,
    /// IRS.
    pub irs: SeqNum,
    /// RCV.NXT.
    pub rcv_nxt: SeqNum,
    /// RCV.WND, octets.
    pub rcv_wnd: u32,
    /// The congestion control.
    pub congestion_control: Option<Algorithm>,
    /// Congestion window, octets (RFC 5681 §2).
    pub cwnd: u32,
    /// Slow start threshold, octets; 0x7fffffff if there is none yet.
    pub ssthresh: u32,
    /// Largest text that a segment to the peer may have now, octets.
    pub mss: u32,
    /// The MSS that this side advertised, octets.
    pub rcv_mss: u32,
    /// Largest IP packet to the peer, octets.
    pub pmtu: u16,
    /// Retransmission timeout, backed off as it stands.
    pub rto: Duration,
    /// How often the timeout was doubled since the last sample.
    pub backoff: u32,
    /// Smoothed round-trip time; `None` before the first sample.
    pub srtt: Option<Duration>,
    /// Round-trip time variation.
    pub rttvar: Duration,
    /// The least round-trip time of late ([`Config::min_rtt_window`](crate::Config)); `None` before
    /// the first sample.
    pub min_rtt: Option<Duration>,
    /// Retransmissions of the segment that is waited for.
    pub retransmits: u32,
    /// Segments sent again since the connection began.
    pub total_retransmits: u64,
    /// The user timeout in force (RFC 9293 §3.9.1.1, RFC 5482 §3.1); `None` while R2 counts.
    pub user_timeout: Option<Duration>,
    /// Unanswered zero-window or keep-alive probes.
    pub probes: u32,
    /// Segments in flight.
    pub in_flight: u32,
    /// Segments in flight that the peer has reported by SACK blocks.
    pub sacked: u32,
    /// Segments in flight that are taken for lost.
    pub lost: u32,
    /// Segments in flight that were sent more than once.
    pub sent_again: u32,
    /// Octets that the application sent and the peer has not acknowledged.
    pub unacked: u32,
    /// Octets that wait to be sent for the first time.
    pub unsent: u32,
    /// Octets that the application can read.
    pub unread: u32,
    /// Receive buffer, octets.
    pub rcvbuf: u32,
    /// Octets to be read before the urgent data ends (MUST-33); zero outside urgent mode.
    pub urgent: u32,
    /// Octets sent, retransmissions included.
    pub bytes_sent: u64,
    /// Octets sent again.
    pub bytes_retrans: u64,
    /// Octets that arrived in order.
    pub bytes_received: u64,
    /// SACK is in use.
    pub sack: bool,
    /// Timestamps are in use.
    pub timestamps: bool,
    /// Both ends have agreed upon ECN (RFC 3168 §6.1.1).
    pub ecn: bool,
    /// The shift that this side applies to the windows it sends.
    pub rcv_wscale: u8,
    /// The shift that the peer applies.
    pub snd_wscale: u8,
    /// Nagle's algorithm is off.
    pub nodelay: bool,
    /// The last soft ICMP error, as (type, code) (MUST-47).
    pub soft_error: Option<(u8, u8)>,
    /// The timers that run, and when they run out, the earliest first.
    pub timers: Vec<(Timer, Instant)>,
}

/// What can be told of a listener, like a line of `ss -lnt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStatus {
    /// The local socket.
    pub local: SocketAddr,
    /// Connections that wait to be accepted (`Recv-Q`).
    pub waiting: usize,
    /// How many can wait.
    pub accept_limit: usize,
    /// The backlog that was granted (`Send-Q`).
    pub backlog: usize,
    /// Connections in SYN-RECEIVED.
    pub half_open: usize,
    /// How many may be there.
    pub half_open_limit: usize,
}

impl Status {
    /// What there is to tell of a connection of which only this is known.
    pub(crate) fn bare(
        (local, remote): (SocketAddr, SocketAddr),
        state: State,
        at: Instant,
    ) -> Self {
        Self {
            at,
            local,
            remote,
            state,
            passive: false,
            iss: SeqNum(0),
            snd_una: SeqNum(0),
            snd_nxt: SeqNum(0),
            snd_wnd: 0,
            max_snd_wnd: 0,
            irs: SeqNum(0),
            rcv_nxt: SeqNum(0),
            rcv_wnd: 0,
            congestion_control: None,
            cwnd: 0,
            ssthresh: NO_THRESHOLD,
            mss: 0,
            rcv_mss: 0,
            pmtu: 0,
            rto: Duration::ZERO,
            backoff: 0,
            srtt: None,
            rttvar: Duration::ZERO,
            min_rtt: None,
            retransmits: 0,
            total_retransmits: 0,
            user_timeout: None,
            probes: 0,
            in_flight: 0,
            sacked: 0,
            lost: 0,
            sent_again: 0,
            unacked: 0,
            unsent: 0,
            unread: 0,
            rcvbuf: 0,
            urgent: 0,
            bytes_sent: 0,
            bytes_retrans: 0,
            bytes_received: 0,
            sack: false,
            timestamps: false,
            ecn: false,
            rcv_wscale: 0,
            snd_wscale: 0,
            nodelay: false,
            soft_error: None,
            timers: Vec::new(),
        }
    }

    /// How much is left of a timer; `None` if it is not running.
    pub fn left(&self, timer: Timer) -> Option<Duration> {
        let running = self.timers.iter().find(|(running, _)| *running == timer);
        running.map(|(_, until)| until.since(self.at))
    }
}

impl fmt::Display for Status {
    /// One line like that of `ss -ti`: times in milliseconds, `rto:` and `rtt:` with SRTT and
    /// RTTVAR, what is zero left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, remote) = (self.local, self.remote);
        let (unread, queued) = (self.unread, self.unacked + self.unsent);
        write!(f, "{} {unread} {queued} {local} {remote}", self.state)?;
        for (timer, until) in &self.timers {
            write!(f, " timer:({timer},{}ms)", until.since(self.at).as_millis())?;
        }
        if self.timestamps {
            f.write_str(" ts")?;
        }
        if self.sack {
            f.write_str(" sack")?;
        }
        if self.ecn {
            f.write_str(" ecn")?;
        }
        if let Some(algorithm) = self.congestion_control {
            write!(f, " {algorithm}")?;
        }
        if (self.snd_wscale, self.rcv_wscale) != (0, 0) {
            write!(f, " wscale:{},{}", self.snd_wscale, self.rcv_wscale)?;
        }
        write!(f, " rto:{}", self.rto.as_millis())?;
        if let Some(srtt) = self.srtt {
            write!(f, " rtt:{}/{}", millis(srtt), millis(self.rttvar))?;
        }
        write!(
            f,
            " mss:{} pmtu:{} rcvmss:{}",
            self.mss, self.pmtu, self.rcv_mss
        )?;
        write!(f, " cwnd:{}", self.cwnd)?;
        if self.ssthresh < NO_THRESHOLD {
            write!(f, " ssthresh:{}", self.ssthresh)?;
        }
        write!(f, " snd_wnd:{} rcv_wnd:{}", self.snd_wnd, self.rcv_wnd)?;
        let counts = [
            ("backoff", u64::from(self.backoff)),
            ("retransmits", u64::from(self.retransmits)),
            ("probes", u64::from(self.probes)),
            ("unacked", u64::from(self.in_flight)),
            ("sacked", u64::from(self.sacked)),
            ("lost", u64::from(self.lost)),
            ("sent_again", u64::from(self.sent_again)),
            ("unsent", u64::from(self.unsent)),
            ("bytes_sent", self.bytes_sent),
            ("bytes_retrans", self.bytes_retrans),
            ("bytes_received", self.bytes_received),
            ("retrans", self.total_retransmits),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, " {name}:{count}")?;
        }
        if let Some(least) = self.min_rtt {
            write!(f, " minrtt:{}", millis(least))?;
        }
        if self.nodelay {
            f.write_str(" nodelay")?;
        }
        Ok(())
    }
}

impl fmt::Display for ListenerStatus {
    /// One line like that of `ss -lnt`: Recv-Q, Send-Q, the socket; and the SYN queue.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            waiting,
            backlog,
            local,
            half_open,
            half_open_limit,
            ..
        } = self;
        write!(
            f,
            "LISTEN {waiting} {backlog} {local} syn:{half_open}/{half_open_limit}"
        )
    }
}

/// Milliseconds with the microseconds behind the point.
fn millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}
