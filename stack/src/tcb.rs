//! The transmission control block (RFC 9293 §3.3.1), under the RFC's names.
//!
//! What happens to it is not here: calls, segments and timeouts act on it from their own modules.

use crate::buffers::{ReceiveQueue, SendQueue};
use crate::congestion::{Congestion, Sender};
use crate::ecn::EcnState;
use crate::fast_open::FastOpen;
use crate::half_open::Handshake;
use crate::path_mtu::{Path, PathMtu, Paths};
use crate::recovery::Recovery;
use crate::rtt::Rtt;
use crate::sack::SackReport;
use crate::segment::{SackBlocks, Segment, Timestamps};
use crate::seq::{SeqNum, Window, WindowScale, WireWindow};
use crate::source_route::{Routes, SourceRoute};
use crate::timeouts::{Timer, Timers};
use crate::timestamps::TimestampState;
use crate::user_timeout::UserTimeouts;
use crate::wire::{TCP_HEADER_LEN, TIMESTAMPS_LEN, header_len, most_sack_blocks, sack_len};
use crate::{
    CallError, CloseReason, Config, ConnectionId, Counters, Event, Instant, KeepAlive, ListenerId,
    SocketOptions, State,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// A connection.
#[derive(Debug)]
pub(crate) struct Tcb {
    /// Its name towards the application.
    pub(crate) id: ConnectionId,
    /// Local socket.
    pub(crate) local: SocketAddr,
    /// Remote socket.
    pub(crate) remote: SocketAddr,
    /// State.
    pub(crate) state: State,
    /// Who began (MUST-11).
    pub(crate) origin: Origin,
    /// The application knows the id, and has not given it up.
    pub(crate) owned: bool,
    /// Why the state is CLOSED.
    pub(crate) reason: Option<CloseReason>,
    /// Send sequence variables.
    pub(crate) snd: Snd,
    /// Receive sequence variables.
    pub(crate) rcv: Rcv,
    /// SACK was offered, while the handshake lasts; then agreed upon (RFC 2018).
    pub(crate) sack: bool,
    /// Timestamps (RFC 7323).
    pub(crate) ts: TimestampState,
    /// RTO (RFC 6298).
    pub(crate) rtt: Rtt,
    /// Timers (RFC 9293 §3.10.8).
    pub(crate) timers: Timers,
    /// Congestion control.
    pub(crate) congestion: Congestion,
    /// Explicit congestion notification (RFC 3168).
    pub(crate) ecn: EcnState,
    /// Loss recovery by SACK.
    pub(crate) recovery: Recovery,
    /// Fast Open (RFC 7413), if it was tried.
    pub(crate) fast_open: Option<Box<FastOpen>>,
    /// What has to be sent although no data asks for it.
    pub(crate) owed: Owed,
    /// Retransmissions of the segment that is waited for.
    pub(crate) retransmits: u32,
    /// Retransmissions since the connection began.
    pub(crate) total_retransmits: u64,
    /// Unanswered probes of a zero window or of an idle peer.
    pub(crate) probes: u32,
    /// Probes of a zero window since it closed, answered or not: their interval grows with them.
    pub(crate) probe_backoff: u32,
    /// Settings of the socket.
    pub(crate) settings: Settings,
    /// Which events the application has been given and not used up.
    pub(crate) told: Told,
    /// Challenge ACKs (RFC 5961 §7).
    pub(crate) challenges: Challenges,
    /// Largest IP packet to the peer.
    pub(crate) path_mtu: PathMtu,
    /// The last soft ICMP error: type and code.
    pub(crate) soft_error: Option<(u8, u8)>,
    /// What a passive OPEN remembers until the handshake is complete.
    pub(crate) handshake: Option<Box<Handshake>>,
    /// It stands in the queue of connections that may have something to send.
    pub(crate) in_output: bool,
}

/// Who began the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An active OPEN.
    Active,
    /// A passive OPEN.
    Passive(ListenerId),
}

/// Send sequence variables (RFC 9293 §3.3.1).
#[derive(Debug)]
pub(crate) struct Snd {
    /// Initial send sequence number.
    pub(crate) iss: SeqNum,
    /// Oldest unacknowledged sequence number.
    pub(crate) una: SeqNum,
    /// Next sequence number to be used for the first time.
    pub(crate) nxt: SeqNum,
    /// Where sending goes on: SND.NXT, or less while something has to be sent again.
    pub(crate) next: SeqNum,
    /// Send window: an offset from SND.UNA, octets.
    pub(crate) wnd: u32,
    /// The largest window that the peer ever offered.
    pub(crate) max_wnd: u32,
    /// Segment sequence number used for the last window update.
    pub(crate) wl1: SeqNum,
    /// Segment acknowledgment number used for the last window update.
    pub(crate) wl2: SeqNum,
    /// The window of the last acknowledgment, whether it was taken or not.
    pub(crate) last_wnd: u32,
    /// Send urgent pointer: the octet that follows the urgent data, while that is unacknowledged.
    pub(crate) up: Option<SeqNum>,
    /// The shift of the windows that the peer sends.
    pub(crate) scale: WindowScale,
    /// SendMSS: what the peer's MSS option said, or the default.
    pub(crate) mss: u16,
    /// Data that is not acknowledged.
    pub(crate) queue: SendQueue,
    /// The user has closed: a FIN follows the queue.
    pub(crate) closing: bool,
    /// The override timeout of silly-window avoidance has run out.
    pub(crate) sws_override: bool,
    /// Octets of text sent, retransmissions included.
    pub(crate) octets_sent: u64,
    /// Octets of text sent again.
    pub(crate) octets_again: u64,
}

impl Snd {
    /// Nothing is sent yet; the first number is `iss`.
    pub(crate) fn begin_at(&mut self, iss: SeqNum) {
        (self.iss, self.una, self.nxt, self.next) = (iss, iss, iss, iss);
        self.queue = SendQueue::starting_at(iss + 1);
    }
}

/// Receive sequence variables (RFC 9293 §3.3.1).
#[derive(Debug)]
pub(crate) struct Rcv {
    /// Initial receive sequence number.
    pub(crate) irs: SeqNum,
    /// Next sequence number expected.
    pub(crate) nxt: SeqNum,
    /// RCV.NXT+RCV.WND: the right edge of the window, as far as it was ever advertised.
    pub(crate) edge: SeqNum,
    /// Receive urgent pointer: the octet that follows the urgent data, while that is unread.
    pub(crate) up: Option<SeqNum>,
    /// The shift of the windows that this side sends.
    pub(crate) scale: WindowScale,
    /// The SYN of this side carries the shift.
    pub(crate) offers_scale: bool,
    /// The MSS that this side advertised.
    pub(crate) mss: u16,
    /// RCV.BUFF, octets.
    pub(crate) buffer: u32,
    /// Data for the user.
    pub(crate) queue: ReceiveQueue,
    /// The sequence number of a FIN that waits for a gap to close.
    pub(crate) fin: Option<SeqNum>,
    /// The peer's FIN was processed: nothing follows what is queued.
    pub(crate) finished: bool,
    /// Nobody will read any more (RFC 9293 §3.6.1, MAY-1).
    pub(crate) given_up: bool,
    /// Octets that were accepted and are not acknowledged.
    pub(crate) unacked: u32,
    /// Octets of text that arrived in order.
    pub(crate) octets: u64,
    /// What selective acknowledgments report.
    pub(crate) sack: SackReport,
}

/// What has to be sent although no data asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, now.
    pub(crate) ack: bool,
    /// A keep-alive probe.
    pub(crate) keepalive: bool,
    /// A tail loss probe (RFC 8985 §7.3).
    pub(crate) loss_probe: bool,
    /// The first unacknowledged segment once more (RFC 5681 §3.2).
    pub(crate) retransmit: bool,
    /// A zero-window probe.
    pub(crate) window_probe: bool,
}

/// The challenge ACKs of a connection in the current interval (RFC 5961 §7).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Challenges {
    sent: u32,
    since: Instant,
}

impl Challenges {
    /// Whether one more may be sent now; it is counted either way.
    pub(crate) fn permit(
        &mut self,
        now: Instant,
        config: &Config,
        counters: &mut Counters,
    ) -> bool {
        if self.sent == 0 || now.since(self.since) >= config.challenge_ack_interval {
            (self.sent, self.since) = (0, now);
        }
        if self.sent >= config.challenge_ack_limit {
            counters.challenge_acks_throttled += 1;
            return false;
        }
        self.sent += 1;
        counters.challenge_acks += 1;
        true
    }
}

/// Which events wait for the application to do something about them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// It has had a `Readable`.
    pub(crate) readable: bool,
    /// It has been refused room in the send buffer and waits for a `Writable`.
    pub(crate) wants_room: bool,
}

/// Settings of a socket, all decided.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) nodelay: bool,
    pub(crate) rcvbuf: u32,
    pub(crate) sndbuf: u32,
    pub(crate) keepalive: Option<Box<KeepAlive>>,
    /// What was set, said and heard about user timeouts: nothing on most connections.
    pub(crate) user_timeouts: Option<Box<UserTimeouts>>,
    pub(crate) reports: bool,
    /// Source routes: nearly no connection has any.
    pub(crate) routes: Option<Box<Routes>>,
    pub(crate) ttl: u8,
    pub(crate) tos: u8,
}

impl Settings {
    /// The host's settings.
    pub(crate) fn of_host(config: &Config) -> Self {
        Self {
            nodelay: config.nodelay,
            rcvbuf: config.rcvbuf,
            sndbuf: config.sndbuf,
            // RFC 9293 §3.8.4 (MUST-25):
            //   on or off for each TCP connection (MUST-24), and they MUST default to off
            keepalive: None,
            user_timeouts: None,
            reports: true,
            routes: None,
            ttl: config.ttl,
            tos: 0,
        }
    }

    /// Takes over what `options` says.
    pub(crate) fn apply(&mut self, options: &SocketOptions) {
        self.nodelay = options.nodelay.unwrap_or(self.nodelay);
        // A window has at most 30 bits (RFC 7323 §2.3).
        self.rcvbuf = options.rcvbuf.unwrap_or(self.rcvbuf).min(1 << 30);
        self.sndbuf = options.sndbuf.unwrap_or(self.sndbuf).min(1 << 30);
        if let Some(keepalive) = options.keepalive {
            self.keepalive = (!keepalive.idle.is_zero()).then(|| Box::new(keepalive));
        }
        if options.user_timeout.is_some() || options.advertised_timeout.is_some() {
            self.user_timeouts.get_or_insert_default().apply(options);
        }
        self.reports = options.reports.unwrap_or(self.reports);
        if let Some(route) = options.source_route {
            self.routes.get_or_insert_default().choose(route);
        }
        self.ttl = options.ttl.unwrap_or(self.ttl);
        self.tos = options.tos.unwrap_or(self.tos);
    }
}

/// What is around a connection while something happens to it.
pub(crate) struct Context<'a> {
    /// The time.
    pub(crate) now: Instant,
    /// The policies of the host.
    pub(crate) config: &'a Config,
    /// What the host counts.
    pub(crate) counters: &'a mut Counters,
    /// What the application will be told.
    pub(crate) events: &'a mut VecDeque<Event>,
    /// The accept queue has no room for the connection, should its handshake complete now.
    pub(crate) accept_queue_full: bool,
    /// The packet that arrives says Congestion Experienced (RFC 3168 §5).
    pub(crate) ce: bool,
    /// The way back of the packet that arrives, if it came by a source route.
    pub(crate) route: Option<SourceRoute>,
    /// The packet that leaves is ECN-capable.
    pub(crate) ect: bool,
}

impl Tcb {
    /// A block in state CLOSED, about to become SYN-SENT or SYN-RECEIVED.
    pub(crate) fn new(
        id: ConnectionId,
        (local, remote): (SocketAddr, SocketAddr),
        origin: Origin,
        iss: SeqNum,
        settings: Settings,
        config: &Config,
    ) -> Self {
        let rcv = Rcv::new(&settings, local.ip(), config);
        Self {
            id,
            local,
            remote,
            state: State::Closed,
            origin,
            owned: origin == Origin::Active,
            reason: None,
            snd: Snd::new(iss, local.ip()),
            rcv,
            sack: config.sack,
            ts: TimestampState::default(),
            rtt: Rtt::new(config),
            timers: Timers::default(),
            congestion: Congestion::new(iss, config),
            ecn: EcnState::default(),
            recovery: Recovery::new(iss, config),
            fast_open: None,
            owed: Owed::default(),
            retransmits: 0,
            total_retransmits: 0,
            probes: 0,
            probe_backoff: 0,
            settings,
            told: Told::default(),
            challenges: Challenges::default(),
            path_mtu: PathMtu::new((local.ip(), remote.ip()), config),
            soft_error: None,
            handshake: None,
            in_output: false,
        }
    }

    /// Eff.snd.MSS: the most text that a segment may have now.
    pub(crate) fn effective_mss(&self) -> u32 {
        // RFC 9293 §3.7.1 (MUST-16):
        //   Eff.snd.MSS = min(SendMSS+20, MMS_S) - TCPhdrsize - IPoptionsize
        let mms_s =
            u32::from(self.path_mtu.get()).saturating_sub(header_len(self.local.ip()) as u32);
        let options = if self.ts.enabled { TIMESTAMPS_LEN } else { 0 };
        let ip_options = self.route().map_or(0, SourceRoute::option_len) as u32;
        (u32::from(self.snd.mss) + 20)
            .min(mms_s)
            .saturating_sub(TCP_HEADER_LEN + options + ip_options)
            .max(1)
    }

    /// Own address and that of the peer.
    pub(crate) fn path(&self) -> Path {
        (self.local.ip(), self.remote.ip())
    }

    /// Takes what other connections have learnt of the path.
    pub(crate) fn hear_of_path(&mut self, paths: &Paths, now: Instant) {
        let (path, before) = (self.path(), self.effective_mss());
        if paths.tell(path, &mut self.path_mtu, now) {
            // RFC 1191 §6.2:
            //   Retransmission should be done for only for those packets that are
            //   known to be dropped, as indicated by a Datagram Too Big message.
            self.congestion.mss_shrank(before, self.effective_mss());
        }
    }

    /// The source route that its segments take.
    pub(crate) fn route(&self) -> Option<&SourceRoute> {
        self.settings.routes.as_ref()?.in_use()
    }

    /// The blocks of the SACK option for a segment that leaves now.
    pub(crate) fn sack_blocks(&self) -> SackBlocks {
        // RFC 2018 §4:
        //   If the data receiver has not received a
        //   SACK-Permitted option for a given connection, it MUST NOT send SACK
        //   options on that connection.
        if self.sack && self.rcv.has_report() {
            // On the narrowest path blocks give way, so that an octet of text is left room for.
            let mss = self.effective_mss() as usize;
            let fits = |blocks: &usize| sack_len(*blocks) < mss;
            let most = (1..=most_sack_blocks(self.ts.enabled)).rev().find(fits);
            self.rcv.sack.blocks(&self.rcv, most.unwrap_or(1))
        } else {
            SackBlocks::default()
        }
    }

    /// The text of a full-sized segment of the peer, as far as this side can tell.
    pub(crate) fn full_sized(&self) -> u32 {
        let options = if self.ts.enabled { TIMESTAMPS_LEN } else { 0 };
        u32::from(self.rcv.mss).saturating_sub(options).max(1)
    }

    /// The text of the peer's SYN was taken: FastOpened of RFC 7413 §4.2.
    pub(crate) fn fast_opened(&self) -> bool {
        self.fast_open.as_ref().is_some_and(|own| own.opened)
    }

    /// Something that was sent is not acknowledged.
    pub(crate) fn has_unacked(&self) -> bool {
        self.snd.una != self.snd.nxt
    }

    /// The application has closed it and given up its id, and it is not over.
    pub(crate) fn is_orphan(&self) -> bool {
        !self.owned
            && matches!(
                self.state,
                State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck
            )
    }

    /// The sequence number that follows everything the user wants sent, FIN included.
    pub(crate) fn snd_end(&self) -> SeqNum {
        self.snd.queue.end() + u32::from(self.snd.closing)
    }

    /// Gives back what was allocated for segments in flight, while none is.
    pub(crate) fn give_back(&mut self) {
        if !self.has_unacked() {
            self.snd.queue.give_back();
            self.recovery.give_back();
        }
    }

    /// Our FIN has been sent and acknowledged.
    pub(crate) fn fin_is_acked(&self) -> bool {
        self.snd.closing && self.snd.una == self.snd_end()
    }

    /// The peer has our SYN. SND.UNA comes by ISS again after 2^32 octets.
    pub(crate) fn syn_is_acked(&self) -> bool {
        self.snd.una.after_or_eq(self.snd.queue.start())
    }

    /// There may be something to repair or to probe for. A CLOSE in SYN-RECEIVED leads to
    /// FIN-WAIT-1 while our SYN is unacknowledged (RFC 9293 §3.10.4): until then only that is sent
    /// again.
    pub(crate) fn handshake_is_over(&self) -> bool {
        self.state.is_synchronized() && self.syn_is_acked()
    }

    /// Whether the window is closed over something that wants to be sent.
    pub(crate) fn must_probe(&self) -> bool {
        self.handshake_is_over() && self.snd.wnd == 0 && self.snd.una.before(self.snd_end())
    }

    /// The sequence number of a segment without text. That is SND.NXT, unless a probe of a closed
    /// window went beyond what the peer takes: then only what begins at its RCV.NXT is acceptable
    /// to it (RFC 9293 §3.10.7.4, Table 6), and two hosts that probe each other would answer each
    /// other's ACKs for ever.
    pub(crate) fn empty_seq(&self) -> SeqNum {
        if self.must_probe() {
            self.snd.una
        } else {
            self.snd.nxt
        }
    }

    /// What congestion control sees of the sender.
    pub(crate) fn sender(&self, now: Instant) -> Sender {
        Sender {
            una: self.snd.una,
            nxt: self.snd.nxt,
            next: self.snd.next,
            mss: self.effective_mss(),
            now,
            srtt: self.rtt.srtt().unwrap_or_default(),
            sack: self.sack,
        }
    }

    /// The window that an arriving segment advertises, octets.
    pub(crate) fn advertised(&self, segment: &Segment<'_>) -> u32 {
        // The window field of a SYN is never scaled (RFC 7323 §2.2).
        let scale = if segment.is_syn() {
            WindowScale::NONE
        } else {
            self.snd.scale
        };
        (segment.wnd << scale).0
    }

    /// The window for a segment that leaves now, with or without SYN; the right edge follows.
    pub(crate) fn advertise(&mut self, syn: bool) -> WireWindow {
        let mss = self.effective_mss();
        // RFC 7323 §2.2:
        //   The window field in a segment where the SYN bit is set (i.e., a
        //   <SYN> or <SYN,ACK>) MUST NOT be scaled.
        // While a SYN may have to be sent again, no ACK offers more than that one can.
        if self.handshake_is_over() {
            self.rcv.advertise(mss, self.rcv.scale, u32::MAX)
        } else {
            let scale = if syn {
                WindowScale::NONE
            } else {
                self.rcv.scale
            };
            self.rcv.advertise(mss, scale, u32::from(u16::MAX))
        }
    }

    /// Takes the window of an arriving segment.
    pub(crate) fn update_send_window(&mut self, segment: &Segment<'_>, ack: SeqNum) {
        let wnd = self.advertised(segment);
        if self.snd.wnd == 0 && wnd > 0 {
            // What probes or a shrinking window left behind goes out again.
            let first = self.snd.una.latest(self.snd.queue.start());
            self.snd.next = first.earliest(self.snd.next);
            self.probe_backoff = 0;
            self.owed.window_probe = false;
        }
        if (self.snd.wnd == 0) != (wnd == 0) {
            // The override of silly-window avoidance and the probes share a timer.
            self.timers.stop(Timer::Persist);
        }
        self.snd.wnd = wnd;
        self.snd.max_wnd = self.snd.max_wnd.max(wnd);
        self.snd.wl1 = segment.seq;
        self.snd.wl2 = ack;
    }

    /// The sequence number that follows the octets that the user has read.
    pub(crate) fn consumed(&self) -> SeqNum {
        self.rcv.nxt - u32::from(self.rcv.finished) - self.rcv.queue.ready() as u32
    }

    /// Octets that the user has not read of the urgent data.
    pub(crate) fn urgent_unread(&self) -> u32 {
        self.rcv.up.map_or(0, |up| up.since(self.consumed()))
    }

    /// The timestamp option of a segment that leaves now.
    pub(crate) fn timestamps_now(&self, now: Instant, acknowledges: bool) -> Option<Timestamps> {
        self.ts.enabled.then(|| self.ts.option(now, acknowledges))
    }

    /// Tells the application, if it knows the connection.
    pub(crate) fn tell(&self, event: Event, cx: &mut Context<'_>) {
        if self.owned {
            cx.events.push_back(event);
        }
    }

    /// There is something new to read.
    pub(crate) fn tell_readable(&mut self, cx: &mut Context<'_>) {
        if self.owned && !self.told.readable {
            self.told.readable = true;
            self.tell(Event::Readable { id: self.id }, cx);
        }
    }

    /// The error that calls get from a connection that has ended.
    pub(crate) fn error(&self) -> CallError {
        self.reason.map_or(CallError::Closing, CallError::from)
    }
}

impl Snd {
    fn new(iss: SeqNum, local: IpAddr) -> Self {
        Self {
            iss,
            una: iss,
            nxt: iss,
            next: iss,
            wnd: 0,
            max_wnd: 0,
            wl1: SeqNum(0),
            wl2: SeqNum(0),
            last_wnd: 0,
            up: None,
            scale: WindowScale::NONE,
            mss: default_mss(local),
            queue: SendQueue::starting_at(iss + 1),
            closing: false,
            sws_override: false,
            octets_sent: 0,
            octets_again: 0,
        }
    }
}

impl Rcv {
    /// Before the peer's SYN.
    pub(crate) fn new(settings: &Settings, local: IpAddr, config: &Config) -> Self {
        let mms_r = config.mtu.saturating_sub(header_len(local) as u16);
        let least = config.window_scale.unwrap_or(0);
        Self {
            irs: SeqNum(0),
            nxt: SeqNum(0),
            edge: SeqNum(0),
            up: None,
            scale: WindowScale::for_buffer(settings.rcvbuf, least),
            offers_scale: config.window_scale.is_some(),
            // RFC 9293 §3.7.1 (MUST-67):
            //   The MSS value to be sent in an MSS Option should be equal to the
            //   effective MTU minus the fixed IP and TCP headers.
            mss: mms_r.saturating_sub(TCP_HEADER_LEN as u16),
            buffer: settings.rcvbuf,
            queue: ReceiveQueue::default(),
            fin: None,
            finished: false,
            given_up: false,
            unacked: 0,
            octets: 0,
            sack: SackReport::default(),
        }
    }

    /// Takes the peer's SYN. The window that the own SYN has offered begins here.
    pub(crate) fn begin(&mut self, irs: SeqNum) {
        let offered = self.wnd();
        self.irs = irs;
        self.nxt = irs + 1;
        self.edge = self.nxt + offered;
    }

    /// There is something for a SACK option to report.
    fn has_report(&self) -> bool {
        self.sack.duplicate().is_some() || self.queue.has_held()
    }

    /// RCV.WND, octets.
    pub(crate) fn wnd(&self) -> u32 {
        self.edge.since(self.nxt)
    }

    /// The window for the next segment, by the receiver's algorithm against silly windows
    /// (RFC 9293 §3.8.6.2.2); `mss` is Eff.snd.MSS.
    pub(crate) fn next_window(&self, mss: u32) -> u32 {
        let free = self.buffer.saturating_sub(self.queue.ready() as u32);
        let reduction = free.saturating_sub(self.wnd());
        if reduction >= (self.buffer / 2).min(mss) {
            free.max(self.wnd())
        } else {
            self.wnd()
        }
    }

    /// Advertises a window of `most` octets at most, in units of `scale`; the right edge follows.
    fn advertise(&mut self, mss: u32, scale: WindowScale, most: u32) -> WireWindow {
        let window = self.next_window(mss).min(most);
        let unit = scale.unit();
        let mut wire = Window(window) >> scale;
        // RFC 9293 §3.8.6 (SHLD-14):
        //   A TCP receiver SHOULD NOT shrink the window
        // What the unit of the scale cuts off is given on top, as long as the buffer has it.
        let cut = (wire << scale).0 < self.wnd();
        let room = self
            .buffer
            .saturating_sub(self.queue.ready() as u32)
            .saturating_add(unit - 1)
            .min(most);
        if cut && wire.0 < u16::MAX && window.next_multiple_of(unit) <= room {
            wire.0 += 1;
        }
        self.edge = self.edge.latest(self.nxt + (wire << scale).0);
        wire
    }
}

/// The send MSS of a peer that did not say (RFC 9293 §3.7.1, MUST-15).
fn default_mss(local: IpAddr) -> u16 {
    // RFC 9293 §3.7.1 (MUST-15):
    //   If an MSS Option is not received at connection setup, TCP
    //   implementations MUST assume a default send MSS of 536 (576 - 40) for
    //   IPv4 or 1220 (1280 - 60) for IPv6 (MUST-15).
    if local.is_ipv4() { 536 } else { 1220 }
}
