//! What the stack says to the application: events, refusals, status, counters.

use crate::time::Instant;
use crate::{State, seq::SeqNum};
use std::net::SocketAddr;
use std::time::Duration;

/// A passive OPEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub(crate) u64);

/// A connection, from `connect` or `accept` until `close` or `abort`; it is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The RFC's "signal to the user".
///
/// `Readable`, `Writable` and `PeerClosed` say that something changed: they come once, and again
/// only after the application has called `recv` or `send` and left nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A handshake is complete; `accept` has something to return.
    Acceptable {
        /// Whose.
        listener: ListenerId,
    },
    /// An active OPEN succeeded.
    Connected {
        /// Which.
        id: ConnectionId,
    },
    /// Data can be read.
    Readable {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The send buffer has room again after a `send` that did not take everything.
    Writable {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The urgent pointer advanced beyond what has been read (RFC 9293 §3.8.5, MUST-32).
    Urgent {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The peer's FIN has its place in the stream: nothing follows what is queued.
    PeerClosed {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The connection is in state CLOSED.
    Closed {
        /// Which.
        id: ConnectionId,
        /// Why (MUST-12).
        reason: CloseReason,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides sent FIN.
    Normal,
    /// The peer sent a RST.
    Reset,
    /// The peer answered an active OPEN with a RST.
    Refused,
    /// The user timeout, R2 or the keep-alive ran out.
    TimedOut,
    /// This side gave it up.
    Aborted,
    /// IP says that the peer cannot be reached (RFC 9293 §3.9.2.2).
    Unreachable,
}

/// A call that was not carried out. The texts are the RFC's (§3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing to do now; an event will say when.
    #[error("the call would have to wait")]
    WouldBlock,
    /// There is no such connection or listener.
    #[error("connection does not exist")]
    NotConnected,
    /// OPEN for sockets that are in use.
    #[error("connection already exists")]
    Exists,
    /// OPEN without a usable remote socket: address or port zero, broadcast, multicast, or of
    /// another IP version than the local one.
    #[error("remote socket unspecified")]
    RemoteUnspecified,
    /// The local address is not of this host.
    #[error("connection illegal for this process")]
    Illegal,
    /// No port, or no room.
    #[error("insufficient resources")]
    Resources,
    /// The sending side is closed already.
    #[error("connection closing")]
    Closing,
    /// The peer reset the connection.
    #[error("connection reset")]
    Reset,
    /// The peer refused the connection.
    #[error("connection refused")]
    Refused,
    /// The connection was given up for lack of answers.
    #[error("connection aborted due to user timeout")]
    TimedOut,
    /// This side gave the connection up.
    #[error("connection aborted")]
    Aborted,
    /// IP says that the peer cannot be reached.
    #[error("destination unreachable")]
    Unreachable,
}

impl From<CloseReason> for CallError {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Normal => Self::Closing,
            CloseReason::Reset => Self::Reset,
            CloseReason::Refused => Self::Refused,
            CloseReason::TimedOut => Self::TimedOut,
            CloseReason::Aborted => Self::Aborted,
            CloseReason::Unreachable => Self::Unreachable,
        }
    }
}

/// What STATUS returns (RFC 9293 §3.10.6), like a line of `ss -ti`.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
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
    /// Largest text that a segment to the peer may have now, octets.
    pub mss: u32,
    /// The MSS that this side advertised, octets.
    pub rcv_mss: u32,
    /// Retransmission timeout, backed off as it stands.
    pub rto: Duration,
    /// Smoothed round-trip time; `None` before the first sample.
    pub srtt: Option<Duration>,
    /// Round-trip time variation.
    pub rttvar: Duration,
    /// Retransmissions of the segment that is waited for.
    pub retransmits: u32,
    /// Retransmissions since the connection began.
    pub total_retransmits: u64,
    /// Unanswered zero-window or keep-alive probes.
    pub probes: u32,
    /// Octets that the application sent and the peer has not acknowledged.
    pub unacked: u32,
    /// Octets that wait to be sent for the first time.
    pub unsent: u32,
    /// Octets that the application can read.
    pub unread: u32,
    /// Octets to be read before the urgent data ends (MUST-33); zero outside urgent mode.
    pub urgent: u32,
    /// Timestamps are in use.
    pub timestamps: bool,
    /// The shift that this side applies to the windows it sends.
    pub rcv_wscale: u8,
    /// The shift that the peer applies.
    pub snd_wscale: u8,
    /// Nagle's algorithm is off.
    pub nodelay: bool,
    /// The last soft ICMP error, as (type, code) (MUST-47).
    pub soft_error: Option<(u8, u8)>,
    /// When the next timer runs out.
    pub next_timeout: Option<Instant>,
}

/// Counters of the host, like `netstat -s`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments received, good or bad.
    pub segs_in: u64,
    /// Segments sent, retransmissions and resets included.
    pub segs_out: u64,
    /// Packets that were not TCP for this host, or malformed.
    pub bad_packets: u64,
    /// Segments with a wrong TCP checksum.
    pub bad_checksums: u64,
    /// Active OPENs.
    pub active_opens: u64,
    /// SYNs answered by a listener.
    pub passive_opens: u64,
    /// Active OPENs that failed, and half-open connections that went back to LISTEN.
    pub attempt_fails: u64,
    /// Established connections that ended with a reset or a timeout.
    pub estab_resets: u64,
    /// Connections in ESTABLISHED or CLOSE-WAIT now.
    pub curr_estab: u64,
    /// Segments sent again.
    pub retrans_segs: u64,
    /// Retransmission timeouts.
    pub timeouts: u64,
    /// RSTs sent.
    pub out_rsts: u64,
    /// Challenge ACKs sent.
    pub challenge_acks: u64,
    /// Challenge ACKs withheld by the throttle.
    pub challenge_acks_throttled: u64,
    /// Segments that PAWS dropped.
    pub paws_drops: u64,
    /// Segments dropped because they lacked the negotiated timestamp.
    pub missing_timestamps: u64,
    /// Segments held out of order.
    pub out_of_order: u64,
    /// Acknowledgments that were delayed until their timer ran out.
    pub delayed_acks: u64,
    /// Zero-window probes sent.
    pub window_probes: u64,
    /// Keep-alive probes sent.
    pub keepalive_probes: u64,
    /// SYNs dropped because a queue of the listener was full.
    pub listen_drops: u64,
    /// Connections that left TIME-WAIT for a new incarnation.
    pub time_wait_reuses: u64,
    /// ICMP errors that belonged to a connection.
    pub icmp_errors: u64,
}
