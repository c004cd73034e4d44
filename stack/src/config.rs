//! Every policy of the host as a plain value, so that a device profile can describe it.
//!
//! What the RFCs leave open or contradict stands here by name; nothing here is computed.

use crate::SourceRoute;
use crate::seq::SeqNum;
use std::fmt;
use std::time::Duration;

/// The policies of a host. `Default` is a modern host that follows RFC 9293 by the letter, with
/// RFC 2018, RFC 5961, RFC 6191, RFC 7323 and RFC 8985 on, and source routes off.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Largest IP packet of the link, octets. MSS options and segment sizes follow from it.
    pub mtu: u16,
    /// Bits of an IPv4 address that name the network; the last address of it is for broadcast.
    pub ipv4_prefix: u8,
    /// IPv4 TTL and IPv6 hop limit of what is sent (RFC 9293 §3.9.2, MUST-49).
    pub ttl: u8,
    /// Receive buffer of a connection, octets.
    pub rcvbuf: u32,
    /// Send buffer of a connection, octets.
    pub sndbuf: u32,
    /// Nagle's algorithm is off from the start (RFC 9293 §3.7.4).
    pub nodelay: bool,
    /// Offer timestamps on an active OPEN and answer them on a passive one (RFC 7323 §3).
    pub timestamps: bool,
    /// Offer window scaling, with at least this shift (0 to 14); `None` never offers it. The
    /// shift is larger if the receive buffer needs it (RFC 7323 §2).
    pub window_scale: Option<u8>,
    /// Offer SACK on an active OPEN and answer it on a passive one (RFC 2018 §2).
    pub sack: bool,
    /// Report duplicates where SACK is permitted (RFC 2883).
    pub dsack: bool,
    /// Take a recovery back if all that it sent again is reported as a duplicate (RFC 2883 §5.2,
    /// RFC 3708 §3).
    pub dsack_undo: bool,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: EcnPolicy,
    /// Send a new segment upon each of the first two signs of a loss (RFC 3042).
    pub limited_transmit: bool,
    /// What the third duplicate acknowledgment does where there is no SACK.
    pub fast_retransmit: FastRetransmit,
    /// Find losses by time where SACK is used (RFC 8985 §6); without it, by RFC 6675.
    pub rack: bool,
    /// Send tail loss probes where RACK is used (RFC 8985 §7).
    pub tlp: bool,
    /// Fast Open (RFC 7413), for those who ask for it.
    pub fast_open: FastOpenPolicy,
    /// A server makes cookies with another key after so long; the key before is still taken.
    pub fast_open_key_life: Duration,
    /// So long a client does not try Fast Open again after a failure (RFC 7413 §4.1.3.1).
    pub fast_open_pause: Duration,

    /// RTO before there is any RTT sample (RFC 6298 §2.1).
    pub initial_rto: Duration,
    /// Smallest RTO (RFC 6298 §2.4).
    pub min_rto: Duration,
    /// Largest RTO, at least 60 s (RFC 6298 §2.5).
    pub max_rto: Duration,
    /// Longest pause between zero-window probes (RFC 9293 §3.8.6.1).
    pub max_persist: Duration,
    /// R1: after so many retransmissions of a segment, IP is advised of the trouble
    /// (RFC 9293 §3.8.3).
    pub r1: u32,
    /// R2: after so many retransmissions of a segment, the connection is given up when the next
    /// one would be due.
    pub r2: u32,
    /// R2 for a SYN.
    pub syn_retries: u32,
    /// R2 for a SYN,ACK.
    pub synack_retries: u32,
    /// L_LIMIT and U_LIMIT: the least and the largest user timeout that a connection adopts from
    /// its peer (RFC 5482 §3.1).
    pub user_timeout_limits: (Duration, Duration),
    /// Longest delay of an acknowledgment, below 0.5 s (RFC 9293 §3.8.6.3); zero never delays.
    pub delayed_ack: Duration,
    /// Override timeout of the sender's silly-window avoidance (RFC 9293 §3.8.6.2.1).
    pub sws_override: Duration,
    /// The least round-trip time of so long ago is forgotten, after twice as long at the latest
    /// (RFC 8985 §6.2).
    pub min_rtt_window: Duration,
    /// Congestion control.
    pub congestion_control: Algorithm,
    /// Proportional rate reduction in a recovery by SACK (RFC 6937).
    pub prr: bool,
    /// F-RTO: see whether a retransmission timeout was spurious (RFC 5682 §2).
    pub frto: bool,
    /// Initial congestion window in segments; ten or fewer are held to the bound of RFC 6928 §2.
    pub initial_window: u32,
    /// Initial slow start threshold in segments; `None` is arbitrarily high (RFC 5681 §3.1).
    pub initial_ssthresh: Option<u32>,
    /// A pause longer than the RTO lowers cwnd to the restart window (RFC 5681 §4.1).
    pub restart_after_idle: bool,
    /// What an application gets that switches keep-alive on without saying more.
    pub keepalive: KeepAlive,
    /// Take IPv4 packets that came by a source route, and answer by the same routers (RFC 9293
    /// §3.9.2.1). Without it they are dropped, as on most hosts: whoever says the route back gets
    /// the answers, whatever address he claims to have.
    pub source_routes: bool,
    /// Discover the path MTU (RFC 1191, RFC 8201). Without it packets may be fragmented on their
    /// way, and hold what every path takes: 576 octets beyond the own network (RFC 1122 §3.3.3),
    /// 1280 in IPv6 (RFC 8200 §5).
    pub path_mtu_discovery: bool,
    /// So long after the path MTU fell a larger packet is tried again: at least 5 minutes, 10
    /// recommended (RFC 1191 §6.3, RFC 8201 §4).
    pub path_mtu_raise: Duration,
    /// IP packets of which fragments are kept at the same time, of up to 64 KiB each: beyond that
    /// the oldest gives way. Zero takes no fragments.
    pub reassembly_limit: usize,
    /// Maximum Segment Lifetime; TIME-WAIT lasts twice as long (RFC 9293 §3.6.1, MUST-13).
    pub msl: Duration,
    /// Connections in TIME-WAIT at most: beyond that the oldest gives way.
    pub time_wait_limit: usize,
    /// Connections at most that the application has closed and that are not over (orphans): beyond
    /// that one is aborted, the oldest behind a closed window if there is any (RFC 6429 §4).
    pub orphan_limit: usize,
    /// An active OPEN may take the place of a connection in TIME-WAIT that used timestamps
    /// (RFC 6191 §3); without that, and before a second has passed, it is refused.
    pub time_wait_reuse: bool,
    /// How long a connection that the application has given up waits in FIN-WAIT-2 for the
    /// peer's FIN; `None` waits for ever, as RFC 9293 has it. Half-closed connections wait on.
    pub fin_wait_2: Option<Duration>,

    /// The checks of RFC 5961 on RST, SYN and ACK; without them, RFC 793's.
    pub rfc5961: bool,
    /// The checks of RFC 5927 on ICMP errors: they quote what is in flight (§4.1), and name no MTU
    /// that nothing was too big for (§7.2). Without them, the four-tuple is enough.
    pub rfc5927: bool,
    /// Challenge ACKs of one connection in [`Self::challenge_ack_interval`] (RFC 5961 §7).
    pub challenge_ack_limit: u32,
    /// The interval of [`Self::challenge_ack_limit`].
    pub challenge_ack_interval: Duration,
    /// What a RST does in TIME-WAIT.
    pub rst_in_time_wait: RstInTimeWait,
    /// What a SYN does in TIME-WAIT.
    pub syn_in_time_wait: SynInTimeWait,
    /// What a SYN that also has FIN set does in LISTEN and SYN-SENT.
    pub syn_fin: SynFin,
    /// What a hard ICMP error does to a synchronized connection.
    pub icmp_hard: IcmpHard,
    /// Where urgent pointers point, one's own and the peer's.
    pub urgent_pointer: UrgentPointer,

    /// The largest backlog that a listener can have (listen(2)).
    pub somaxconn: usize,
    /// Half-open connections that one listener may have at most; its own backlog may say less.
    pub syn_backlog: usize,
    /// What a SYN does that finds so many.
    pub syn_queue_full: SynQueueFull,
    /// When a listener answers with a SYN cookie (RFC 4987 §3.6).
    pub syn_cookies: SynCookies,
    /// R2 for a SYN,ACK while more than half of the SYN queue is taken (RFC 4987 §3.3).
    pub synack_retries_pressed: u32,
    /// Active OPENs that may wait for their handshake at the same time.
    pub active_backlog: usize,
    /// What happens to a handshake that completes while the accept queue is full.
    pub accept_overflow: AcceptOverflow,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mtu: 1500,
            ipv4_prefix: 24,
            ttl: 64,
            rcvbuf: 65_535,
            sndbuf: 262_144,
            nodelay: false,
            timestamps: true,
            window_scale: Some(0),
            sack: true,
            dsack: true,
            dsack_undo: true,
            ecn: EcnPolicy::Answer,
            limited_transmit: true,
            fast_retransmit: FastRetransmit::NewReno,
            rack: true,
            tlp: true,
            fast_open: FastOpenPolicy::Off,
            fast_open_key_life: Duration::from_secs(3600),
            fast_open_pause: Duration::from_secs(3600),
            initial_rto: Duration::from_secs(1),
            min_rto: Duration::from_secs(1),
            max_rto: Duration::from_secs(60),
            max_persist: Duration::from_secs(60),
            r1: 3,
            r2: 8,
            syn_retries: 7,
            synack_retries: 5,
            user_timeout_limits: (Duration::from_secs(100), Duration::from_secs(3600)),
            delayed_ack: Duration::from_millis(200),
            sws_override: Duration::from_millis(500),
            min_rtt_window: Duration::from_secs(300),
            congestion_control: Algorithm::Reno,
            frto: true,
            prr: true,
            initial_window: 10,
            initial_ssthresh: None,
            restart_after_idle: true,
            keepalive: KeepAlive::default(),
            source_routes: false,
            path_mtu_discovery: true,
            path_mtu_raise: Duration::from_secs(600),
            reassembly_limit: 16,
            msl: Duration::from_secs(30),
            time_wait_limit: 262_144,
            orphan_limit: 16_384,
            time_wait_reuse: true,
            fin_wait_2: Some(Duration::from_secs(60)),
            rfc5961: true,
            rfc5927: true,
            challenge_ack_limit: 1000,
            challenge_ack_interval: Duration::from_secs(5),
            rst_in_time_wait: RstInTimeWait::Close,
            syn_in_time_wait: SynInTimeWait::Rfc6191,
            syn_fin: SynFin::Answer,
            icmp_hard: IcmpHard::Soft,
            urgent_pointer: UrgentPointer::Following,
            somaxconn: 4096,
            syn_backlog: 1024,
            syn_queue_full: SynQueueFull::Drop,
            syn_cookies: SynCookies::OnOverflow,
            synack_retries_pressed: 2,
            active_backlog: 4096,
            accept_overflow: AcceptOverflow::Drop,
        }
    }
}

/// Whether connections use ECN (RFC 3168 §6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnPolicy {
    /// No connection.
    Off,
    /// Those whose peer asks for it.
    Answer,
    /// An active OPEN asks for it too.
    Ask,
}

/// What the third duplicate acknowledgment does where there is no SACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastRetransmit {
    /// Nothing: losses wait for the retransmission timer.
    Never,
    /// The segment goes out again, and the next ACK of new data ends the recovery (RFC 5681 §3.2).
    Reno,
    /// The same, but a partial ACK has the next segment go out again (RFC 6582).
    NewReno,
}

/// How the congestion window grows and shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 5681.
    Reno,
    /// RFC 9438.
    Cubic,
}

impl fmt::Display for Algorithm {
    /// As `ss -ti` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reno => "reno",
            Self::Cubic => "cubic",
        })
    }
}

/// Which side of Fast Open a host may take (RFC 7413); even then an application has to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastOpenPolicy {
    /// None.
    Off,
    /// It opens with text.
    Client,
    /// Its listeners take text with a SYN.
    Server,
    /// Both.
    Both,
}

impl FastOpenPolicy {
    /// The host may open with text.
    pub fn is_client(self) -> bool {
        matches!(self, Self::Client | Self::Both)
    }

    /// Its listeners may take text with a SYN.
    pub fn is_server(self) -> bool {
        matches!(self, Self::Server | Self::Both)
    }
}

/// Keep-alive of a connection (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Silence before the first probe; zero switches keep-alive off.
    pub idle: Duration,
    /// Time between unanswered probes.
    pub interval: Duration,
    /// So many unanswered probes end the connection.
    pub count: u32,
}

impl Default for KeepAlive {
    /// Two hours (MUST-28), 75 s, 9 probes.
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(7200),
            interval: Duration::from_secs(75),
            count: 9,
        }
    }
}

/// What a RST does in TIME-WAIT: RFC 9293 and RFC 1337 disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RstInTimeWait {
    /// It ends the connection (RFC 9293 §3.10.7.4).
    Close,
    /// It is ignored (RFC 1337, fix F1).
    Ignore,
}

/// What a SYN does in TIME-WAIT: RFC 9293, RFC 6191 and RFC 5961 give three answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynInTimeWait {
    /// A newer one, by timestamp or sequence number, starts a new connection if there is a
    /// listener (RFC 6191, MAY-2 of RFC 9293 §3.6.1); any other is acknowledged and dropped.
    Rfc6191,
    /// It draws a challenge ACK as in every other state (RFC 5961 §4).
    Challenge,
    /// It is acknowledged and dropped, however new it is (RFC 793 without the permission to
    /// reopen, RFC 1337).
    Acknowledge,
}

/// What a SYN that also has FIN set does in LISTEN and SYN-SENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynFin {
    /// It is answered as a SYN (RFC 9293 §3.10.7.2); the peer has to repeat its FIN.
    Answer,
    /// It is dropped: a common policy against port scans.
    Drop,
}

/// What a hard ICMP error (protocol or port unreachable) does to a synchronized connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpHard {
    /// It is kept as a soft error (RFC 5927 §5.2).
    Soft,
    /// It ends the connection (RFC 9293 §3.9.2.2, SHLD-26).
    Abort,
}

/// Where urgent pointers point: RFC 793 said both, RFC 1122 one, RFC 6093 §4 the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrgentPointer {
    /// At the octet that follows the urgent data (RFC 6093 §4, MUST-62 of RFC 9293).
    Following,
    /// At the last octet of the urgent data (RFC 1122 §4.2.2.4; `tcp_stdurg` of Linux).
    Last,
}

/// What happens to a handshake that completes while the accept queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptOverflow {
    /// The last ACK is dropped, text and all, and so is every segment that follows while there is
    /// no room: the connection stays in SYN-RECEIVED. The SYN,ACK is sent again until its retries
    /// end, and a segment that comes when there is room again completes the handshake. Linux does
    /// the same; in neither does data that arrives meanwhile draw a RST, but data that arrives
    /// after the last retry does, since nothing is there any more (RFC 9293 §3.10.7.2).
    Drop,
    /// The connection is reset at once (`tcp_abort_on_overflow` of Linux).
    Reset,
}

/// What happens to a SYN when the SYN queue of the listener is full and no cookie is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynQueueFull {
    /// It is dropped, so that the peer tries again.
    Drop,
    /// It takes the place of the oldest half-open connection (RFC 4987 §3.4).
    EvictOldest,
}

/// When a listener answers a SYN with a cookie and keeps nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynCookies {
    /// Never.
    Never,
    /// When the SYN queue is full (RFC 4987 §3.7).
    OnOverflow,
    /// Always.
    Always,
}

/// Settings of one socket; what is `None` stays as it is, or as [`Config`] has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Nagle's algorithm off (RFC 9293 §3.7.4, MUST-17).
    pub nodelay: Option<bool>,
    /// Receive buffer, octets; before the handshake it also decides the window scale.
    pub rcvbuf: Option<u32>,
    /// Send buffer, octets.
    pub sndbuf: Option<u32>,
    /// Keep-alive on, with these times; an `idle` of zero switches it off (MUST-24).
    pub keepalive: Option<KeepAlive>,
    /// Data that stays unacknowledged for so long ends the connection (RFC 9293 §3.9.1.1); it
    /// takes the place of R2 (MUST-21). Zero goes back to R2.
    pub user_timeout: Option<Duration>,
    /// Use the User Timeout option and advertise this, ADV_UTO (RFC 5482 §3); zero stops that.
    pub advertised_timeout: Option<Duration>,
    /// Whether the application hears of R1, as it does unless it says no (RFC 9293 §3.9.1.8).
    pub reports: Option<bool>,
    /// IPv4 TTL or IPv6 hop limit.
    pub ttl: Option<u8>,
    /// Diffserv field with ECN bits, as in the IP header (RFC 9293 §3.9.1.9, MUST-48).
    pub tos: Option<u8>,
    /// The source route of what is sent over IPv4, which comes before one that was received
    /// (RFC 9293 §3.9.2.1, MUST-51, MUST-52).
    pub source_route: Option<SourceRoute>,
    /// A listener takes text with a SYN, from so many connections at once whose handshake is not
    /// complete (RFC 7413 §4.2); zero takes none.
    pub fast_open: Option<usize>,
    /// The initial sequence number of an active OPEN, where a connection is set up again as it
    /// was, or a test comes near the wrap at 2^32; else RFC 6528 §3 chooses. Whoever can guess
    /// the number can write into the connection.
    pub iss: Option<SeqNum>,
}
