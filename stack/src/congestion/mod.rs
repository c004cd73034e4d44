//! How much may be in flight beside what the peer's window allows (RFC 5681), and what arriving
//! acknowledgments say about loss where there is no SACK (RFC 5681 §3.2, RFC 6582, RFC 3042) and
//! after a timeout (RFC 5682).
//!
//! Three questions are kept apart. *How much* the network carries is a [`CongestionControl`]:
//! it grows and cuts a [`Window`]. *When* it grows or is cut is decided here, in [`Congestion`].
//! *What* is sent is not asked here: [`crate::transmit`] goes on at SND.NXT, or where
//! `snd.next` was set back to, and repeats the first unacknowledged segment when
//! `owed.retransmit` says so.
//!
//! That is where a scoreboard has its place. It knows what is lost and how much is in flight
//! (the pipe of RFC 6675), so it asks [`Congestion::allowance`] with its pipe instead of
//! SND.NXT-SND.UNA, begins recovery by [`Congestion::enter_recovery`] without inflation, ends it
//! by [`Congestion::leave_recovery`], and does not count duplicate acknowledgments.

mod control;
mod cubic;
mod initial;
mod prr;
mod reno;
mod sender;

use crate::config::{Algorithm, Config, FastRetransmit};
use crate::seq::SeqNum;
use crate::time::Instant;
use control::{CongestionControl, Control};
use initial::initial_window;
use prr::Prr;
pub(crate) use sender::Sender;
use std::time::Duration;

/// "Arbitrarily high" (RFC 5681 §3.1): the ssthresh of a connection that has met no loss.
pub(crate) const NO_THRESHOLD: u32 = 0x7fff_ffff;
/// No window of TCP is larger (RFC 7323 §2.3), so no cwnd needs to be.
const MAX_CWND: u32 = 1 << 30;
/// Duplicate acknowledgments that make a fast retransmit (RFC 5681 §3.2).
const DUPLICATES: u32 = 3;

/// What a congestion control decides about: octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Congestion window.
    pub(crate) cwnd: u32,
    /// Slow start threshold.
    pub(crate) ssthresh: u32,
}

/// What arriving acknowledgments and timeouts have led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No loss is known.
    Open,
    /// From the third duplicate acknowledgment until `recover` is acknowledged.
    FastRecovery {
        /// A partial acknowledgment has come.
        partial: bool,
    },
    /// The same, steered by a scoreboard (RFC 6675 §5): cwnd stands still.
    LossRecovery,
    /// From a timeout until `recover` is acknowledged: what was in flight goes out again.
    Timeout {
        /// An acknowledgment has come since.
        heard: bool,
        /// The first one may show that nothing was lost (step 2 of RFC 5682 §2.1 and §3.1).
        doubted: bool,
    },
    /// After a timeout, new text went out where old text would have: the next acknowledgment
    /// decides (step 3 of RFC 5682 §2.1 and §3.1).
    Probing {
        /// Octets of new text that may still go out.
        budget: u32,
    },
}

/// What a reduction has taken away, in case it was a mistake; gone as soon as anything else speaks
/// for a smaller window.
#[derive(Clone, Debug)]
struct Undo {
    window: Window,
    control: Control,
    flight: u32,
    answered: Option<SeqNum>,
}

/// What an acknowledgment asks for beside the window that it opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// The first unacknowledged segment is to be sent again, now.
    pub(crate) retransmit: bool,
    /// The retransmission timer stays as it is although something new was acknowledged.
    pub(crate) keep_timer: bool,
    /// Where sending goes on, if not where it would.
    pub(crate) resume: Option<Resume>,
    /// It has shown that the timeout was spurious.
    pub(crate) spurious: bool,
}

/// Where sending goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// At SND.UNA: everything goes out again.
    Una,
    /// At SND.NXT: nothing goes out again.
    Nxt,
}

/// The congestion state of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Congestion {
    window: Window,
    control: Control,
    /// Set with the first loss: most connections never need the room.
    undo: Option<Box<Undo>>,
    phase: Phase,
    /// What followed the highest sequence number sent when loss was found last; at first, ISS.
    /// Once more than that is acknowledged, it follows SND.UNA.
    recover: SeqNum,
    /// Duplicate acknowledgments in a row.
    duplicates: u32,
    /// IW, octets.
    initial: u32,
    /// RW, octets.
    restart: u32,
    /// What the initial window, or the last restart window, is used for; once all of that is
    /// acknowledged, nothing, at SND.UNA.
    first: (SeqNum, SeqNum),
    /// Congestion that what was sent below this has met is answered by a reduction; none, once
    /// more than that is acknowledged.
    answered: Option<SeqNum>,
    /// The window was reduced, and no new text has left since.
    reduced: bool,
    /// An echo met a window of one segment.
    held: bool,
    /// When text was sent last.
    last_sent: Instant,
    /// F-RTO is on.
    frto: bool,
    /// Limited transmit is on.
    limited: bool,
    /// What the third duplicate acknowledgment does.
    fast_retransmit: FastRetransmit,
    /// A pause lowers cwnd.
    restarts: bool,
    /// Proportional rate reduction is on.
    reduces_by_rate: bool,
    /// The last recovery steered by a scoreboard.
    prr: Option<Box<Prr>>,
}

impl Congestion {
    /// Of a connection that has sent nothing yet.
    pub(crate) fn new(iss: SeqNum, config: &Config) -> Self {
        Self {
            window: Window {
                cwnd: MAX_CWND,
                ssthresh: NO_THRESHOLD,
            },
            control: Control::of(config.congestion_control),
            undo: None,
            phase: Phase::Open,
            recover: iss,
            duplicates: 0,
            initial: MAX_CWND,
            restart: MAX_CWND,
            first: (iss, iss),
            answered: None,
            reduced: false,
            held: false,
            last_sent: Instant::ZERO,
            frto: config.frto,
            limited: config.limited_transmit,
            fast_retransmit: config.fast_retransmit,
            restarts: config.restart_after_idle,
            reduces_by_rate: config.prr,
            prr: None,
        }
    }

    /// The handshake is complete; its SYN or SYN,ACK was sent again `retransmits` times.
    pub(crate) fn begin(&mut self, sender: &Sender, retransmits: u32, config: &Config) {
        // RFC 6928 §2:
        //   it is RECOMMENDED that implementations refrain from
        //   resetting the initial window to 1 segment, unless there have been
        //   more than one SYN or SYN/ACK retransmissions or true loss detection
        //   has been made.
        self.initial = if retransmits > 1 {
            sender.mss
        } else {
            initial_window(config.initial_window, sender.mss)
        };
        self.window = Window {
            cwnd: self.initial,
            ssthresh: config.initial_ssthresh.map_or(NO_THRESHOLD, |segments| {
                segments.saturating_mul(sender.mss).min(NO_THRESHOLD)
            }),
        };
        self.restart = self.initial;
        self.first = (sender.nxt, sender.nxt + self.initial);
        self.phase = Phase::Open;
        self.duplicates = 0;
        self.answered = None;
        self.reduced = false;
        self.last_sent = sender.now;
    }

    /// cwnd and ssthresh.
    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// Which congestion control it is.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.control.algorithm()
    }

    /// Octets that may be sent while `in_flight` are in the network; of what is `new`, limited
    /// transmit allows more.
    pub(crate) fn allowance(&self, in_flight: u32, new: bool, mss: u32) -> u32 {
        if self.held {
            return 0;
        }
        match self.phase {
            // One segment, until there is an acknowledgment (RFC 5681 §3.1, RFC 5682 §2.1 step 1).
            Phase::Timeout { heard: false, .. } if in_flight > 0 => return 0,
            Phase::Probing { budget } => return if new { budget } else { 0 },
            _ => {}
        }
        let limited = if new { self.limited_transmit(mss) } else { 0 };
        (self.window.cwnd + limited).saturating_sub(in_flight)
    }

    /// What was reported above SND.UNA lets nothing out: there is no recovery, and no limited
    /// transmit, which with SACK goes by the pipe.
    pub(crate) fn counts_reported(&self) -> bool {
        !self.limited && self.phase == Phase::Open
    }

    fn limited_transmit(&self, mss: u32) -> u32 {
        // RFC 3042 §2:
        //   The amount of outstanding data would remain less than or equal
        //   to the congestion window plus 2 segments.
        if self.limited && self.phase == Phase::Open && self.duplicates < DUPLICATES {
            self.duplicates * mss
        } else {
            0
        }
    }

    /// Text is about to be sent while nothing is in flight.
    pub(crate) fn restart_if_idle(&mut self, sender: &Sender, rto: Duration) {
        // RFC 5681 §4.1:
        //   Therefore, a TCP SHOULD set cwnd to no more than RW before beginning
        //   transmission if the TCP has not sent data in an interval exceeding
        //   the retransmission timeout.
        self.control.as_mut().pause(sender.now);
        if self.restarts && sender.now.since(self.last_sent) > rto {
            self.undo = None;
            self.window.cwnd = self.window.cwnd.min(self.restart);
            self.first = (sender.nxt, sender.nxt + self.window.cwnd);
        }
    }

    /// Text was sent, so many octets.
    pub(crate) fn sent(&mut self, octets: u32, now: Instant) {
        self.last_sent = now;
        match (&mut self.phase, &mut self.prr) {
            (Phase::Probing { budget }, _) => *budget = budget.saturating_sub(octets),
            (Phase::LossRecovery, Some(prr)) => prr.sent(octets),
            _ => {}
        }
    }

    /// An acknowledgment moves SND.UNA to `ack`; `has_new` says that text waits which was never
    /// sent and which the peer's window has room for.
    pub(crate) fn on_ack(&mut self, ack: SeqNum, has_new: bool, sender: &Sender) -> Reaction {
        let acked = ack.since(sender.una);
        self.duplicates = 0;
        self.pull_along(ack);
        match self.phase {
            Phase::FastRecovery { .. } if self.fast_retransmit == FastRetransmit::Reno => {
                // RFC 5681 §3.2:
                //   When the next ACK arrives that acknowledges previously
                //   unacknowledged data, a TCP MUST set cwnd to ssthresh (the value
                //   set in step 2).
                self.window.cwnd = self.window.ssthresh;
                self.phase = Phase::Open;
                Reaction::default()
            }
            Phase::FastRecovery { partial } if ack.before(self.recover) => {
                self.partial_ack(acked, sender.mss);
                self.phase = Phase::FastRecovery { partial: true };
                // RFC 6582 §3.2:
                //   For the first partial ACK that arrives during fast recovery, also
                //   reset the retransmit timer.
                // Only for the first: if many segments are lost, slow start after a timeout
                // repairs them sooner than one segment per round trip.
                Reaction {
                    retransmit: true,
                    keep_timer: partial,
                    ..Reaction::default()
                }
            }
            Phase::FastRecovery { .. } => {
                self.leave_recovery(sender.nxt.since(ack), sender.mss);
                Reaction::default()
            }
            Phase::LossRecovery => {
                // RFC 6675 §5:
                //   (A) An incoming cumulative ACK for a sequence number greater than
                //       RecoveryPoint signals the end of loss recovery, and the loss
                //       recovery phase MUST be terminated.
                if !ack.before(self.recover) {
                    self.window.cwnd = self.window.ssthresh;
                    self.phase = Phase::Open;
                }
                Reaction::default()
            }
            Phase::Timeout { doubted, .. } => {
                self.grow(acked, sender);
                self.after_timeout(ack, doubted && has_new, sender)
            }
            // What a scoreboard makes of it is said by its blocks as well.
            Phase::Probing { .. } if sender.sack => Reaction::default(),
            Phase::Probing { .. } => {
                self.spurious_timeout(ack, acked, sender.nxt.since(ack));
                Reaction {
                    spurious: true,
                    ..Reaction::default()
                }
            }
            Phase::Open => {
                self.grow(acked, sender);
                Reaction::default()
            }
        }
    }

    /// SND.UNA is about to be `ack`. What lies below is forgotten, or told by a number close by:
    /// 2^31 octets later it would seem to lie above.
    fn pull_along(&mut self, ack: SeqNum) {
        self.answered = self.answered.filter(|end| !ack.after(*end));
        if ack.after_or_eq(self.first.1) {
            self.first = (ack, ack);
        }
        if ack.after(self.recover) {
            self.recover = ack - 1;
        }
    }

    /// A duplicate acknowledgment as RFC 5681 §2 defines it.
    pub(crate) fn on_duplicate(&mut self, sender: &Sender) -> Reaction {
        self.duplicates = self.duplicates.saturating_add(1);
        match self.phase {
            Phase::FastRecovery { .. } => {
                self.inflate(sender);
                return Reaction::default();
            }
            // RFC 5682 §2.1:
            //   If the acknowledgment is a duplicate ACK, OR the Acknowledgment
            //   field covers "recover" but not more than "recover", OR the
            //   acknowledgment does not acknowledge all of the data that was
            //   retransmitted in step 1, revert to the conventional RTO
            //   recovery
            Phase::Timeout { .. } => {
                self.phase = Phase::Timeout {
                    heard: true,
                    doubted: false,
                };
            }
            Phase::Probing { .. } => {
                self.real_timeout(sender);
                return Reaction {
                    resume: Some(Resume::Una),
                    ..Reaction::default()
                };
            }
            Phase::Open | Phase::LossRecovery => {}
        }
        // RFC 6582 §3.2:
        //   When the third duplicate ACK is received, the TCP sender first
        //   checks the value of recover to see if the Cumulative
        //   Acknowledgment field covers more than recover.
        let wanted = self.fast_retransmit != FastRetransmit::Never;
        if !wanted || self.duplicates != DUPLICATES || !sender.una.after(self.recover) {
            return Reaction::default();
        }
        self.enter_recovery(sender);
        // RFC 5681 §3.2:
        //   The lost segment starting at SND.UNA MUST be retransmitted and
        //   cwnd set to ssthresh plus 3*SMSS.
        self.window.cwnd += DUPLICATES * sender.mss;
        Reaction {
            retransmit: true,
            ..Reaction::default()
        }
    }

    /// Loss was found by acknowledgments: cwnd and ssthresh are cut, until all that is in
    /// flight now is acknowledged.
    pub(crate) fn enter_recovery(&mut self, sender: &Sender) {
        self.cut(sender, false);
        self.window.cwnd = self.window.ssthresh;
        self.phase = Phase::FastRecovery { partial: false };
        self.recover = sender.nxt;
    }

    /// A scoreboard has found loss: cwnd and ssthresh are cut once, until all that is in flight
    /// now is acknowledged.
    pub(crate) fn enter_loss_recovery(&mut self, sender: &Sender) {
        // RFC 6675 §5:
        //   (4.2) ssthresh = cwnd = (FlightSize / 2)
        let flight = self.cut(sender, false);
        self.prr = self.reduces_by_rate.then(|| Box::new(Prr::begin(flight)));
        self.window.cwnd = self.window.ssthresh;
        self.phase = Phase::LossRecovery;
        self.recover = sender.nxt;
    }

    /// An acknowledgment has delivered so many octets, and `pipe` are in the network: with
    /// proportional rate reduction, that decides how much may follow in a recovery.
    pub(crate) fn on_delivered(&mut self, delivered: u32, pipe: u32, mss: u32) {
        if let (Phase::LossRecovery, Some(prr)) = (self.phase, &mut self.prr) {
            let count = prr.on_ack(delivered, pipe, self.window.ssthresh, mss);
            self.window.cwnd = pipe.saturating_add(count).clamp(mss, MAX_CWND);
        }
    }

    /// A loss was repaired before it was found: cwnd and ssthresh are cut, and that is all.
    pub(crate) fn respond(&mut self, sender: &Sender) {
        self.cut(sender, false);
        self.undo = None;
        self.window.cwnd = self.window.ssthresh;
    }

    /// A scoreboard steers a recovery.
    pub(crate) fn in_loss_recovery(&self) -> bool {
        self.phase == Phase::LossRecovery
    }

    /// No loss is known, and no timeout is being repaired.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// RecoveryPoint plus one: what ends the recovery when it is acknowledged.
    pub(crate) fn recover(&self) -> SeqNum {
        self.recover
    }

    /// The recovery that is over was a mistake: nothing was lost, and cwnd is again what it was.
    /// Returns false if something else has spoken for a smaller window since then.
    pub(crate) fn take_back(&mut self) -> bool {
        let Some(undo) = self.undo.take() else {
            return false;
        };
        // RFC 2883 §5.2:
        //   the sender has the option of "undoing"
        //   that reduction in the congestion window
        // RFC 9438 §4.9.2 keeps what has grown beyond that since then.
        if self.window.cwnd < undo.window.cwnd {
            self.window = undo.window;
            self.control = undo.control;
        }
        self.answered = undo.answered;
        true
    }

    /// The next acknowledgment decides whether the timeout was right.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(self.phase, Phase::Probing { .. })
    }

    /// Everything that is in flight goes out again: no acknowledgment can tell what it is for.
    pub(crate) fn believe_timeout(&mut self) {
        if let Phase::Timeout { doubted, .. } = &mut self.phase {
            *doubted = false;
        }
    }

    /// All that was in flight when recovery began is acknowledged; `left` octets are in flight.
    pub(crate) fn leave_recovery(&mut self, left: u32, mss: u32) {
        // RFC 6582 §3.2:
        //   Set cwnd to either (1)
        //   min (ssthresh, max(FlightSize, SMSS) + SMSS) or (2) ssthresh,
        // The first one: it cannot burst.
        self.window.cwnd = self.window.ssthresh.min(left.max(mss) + mss);
        self.phase = Phase::Open;
    }

    /// The retransmission timer expired, for the first time for this segment or `again`.
    pub(crate) fn on_timeout(&mut self, sender: &Sender, again: bool) {
        // RFC 5681 §3.1:
        //   when a TCP sender detects segment loss using the
        //   retransmission timer and the given segment has already been
        //   retransmitted by way of the retransmission timer at least once, the
        //   value of ssthresh is held constant.
        if !again {
            self.cut(sender, true);
        }
        self.answered_up_to(sender.nxt);
        // RFC 5682 §2.1:
        //   If the
        //   TCP sender is already in RTO recovery AND "recover" is larger than
        //   or equal to SND.UNA (the oldest unacknowledged sequence number
        //   [Pos81]), do not enter step 2 of this algorithm.
        // RFC 5682 §2.1:
        //   If the sender implements some loss recovery algorithm other
        //   than Reno or NewReno [FHG04], the F-RTO algorithm SHOULD NOT be
        //   entered when earlier fast recovery is underway.
        let under_way = matches!(
            self.phase,
            Phase::Timeout { heard: true, .. } | Phase::Probing { .. } | Phase::LossRecovery
        );
        // RFC 5681 §3.1:
        //   cwnd MUST be
        //   set to no more than the loss window, LW, which equals 1 full-sized
        //   segment (regardless of the value of IW).
        self.window.cwnd = sender.mss;
        self.phase = Phase::Timeout {
            heard: false,
            doubted: self.frto && !under_way,
        };
        // RFC 6582 §3.2:
        //   After a retransmit timeout, record the highest sequence number
        //   transmitted in the variable recover, and exit the fast recovery
        //   procedure if applicable.
        self.recover = sender.nxt;
        self.duplicates = 0;
    }

    /// An acknowledgment up to `ack` says that the network is congested, and nothing was lost
    /// (RFC 3168 §6.1.2). Returns whether the window was reduced for it.
    pub(crate) fn on_echo(&mut self, ack: SeqNum, sender: &Sender) -> bool {
        // RFC 4015 §3.4:
        //   In that case, the
        //   TCP sender MUST refrain from reversing congestion control state.
        self.undo = None;
        // RFC 3168 §6.1.2:
        //   TCP should not react to congestion indications more than once every
        //   window of data
        // What was sent with CWR begins at `answered`; only its echo says something new. It is
        // repeated until CWR comes, so that nothing is missed before a recovery is over.
        let answered = self.answered.is_some_and(|end| ack.before_or_eq(end));
        if answered || ack.before(sender.una) || self.phase != Phase::Open {
            return false;
        }
        self.answered_up_to(sender.nxt);
        // RFC 3168 §6.1.2:
        //   the TCP source halves the congestion window
        //   "cwnd" and reduces the slow start threshold "ssthresh".
        // cwnd itself, not FlightSize: it is never far above what was in flight.
        let window = self.window;
        let left = self.control.as_mut().reduce(window, window.cwnd, false);
        self.window.ssthresh = left.max(2 * sender.mss);
        // RFC 3168 §6.1.2:
        //   the value of the congestion window is
        //   bounded below by a value of one MSS.
        self.window.cwnd = left.max(sender.mss);
        // RFC 3168 §6.1.2:
        //   The sending TCP will then be able to send a new
        //   packet only when the retransmit timer expires.
        self.held = window.cwnd <= sender.mss;
        true
    }

    /// The window was reduced when all below `nxt` had been sent.
    fn answered_up_to(&mut self, nxt: SeqNum) {
        self.answered = Some(nxt);
        self.reduced = true;
    }

    /// New text leaves. Returns whether it is the first after a reduction, for whatever reason.
    pub(crate) fn take_reduced(&mut self) -> bool {
        std::mem::take(&mut self.reduced)
    }

    /// Nothing is sent before the retransmission timer expires (RFC 3168 §6.1.2).
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// The retransmission timer expired. Returns whether anything was held back for it.
    pub(crate) fn release(&mut self) -> bool {
        std::mem::take(&mut self.held)
    }

    /// The congestion window has no reason to be larger than this.
    pub(crate) fn not_above(&mut self, cwnd: u32) {
        self.window.cwnd = self.window.cwnd.min(cwnd);
    }

    /// What was in flight below `nxt` was too big for the path and goes out again: one segment
    /// until acknowledgments come. It is no sign of congestion.
    pub(crate) fn on_too_big(&mut self, nxt: SeqNum) {
        self.phase = Phase::Timeout {
            heard: false,
            doubted: false,
        };
        self.recover = nxt;
        self.duplicates = 0;
    }

    /// Segments to the peer become smaller: path MTU discovery.
    pub(crate) fn mss_shrank(&mut self, from: u32, to: u32) {
        // RFC 5681 §3.1:
        //   cwnd SHOULD be reduced by the ratio of the old segment
        //   size to the new segment size.
        let scaled = u64::from(self.window.cwnd) * u64::from(to) / u64::from(from.max(1));
        self.window.cwnd = u32::try_from(scaled).unwrap_or(MAX_CWND).max(to);
        self.undo = None;
    }

    /// An acknowledgment up to `ack` while what was in flight at a timeout is sent again.
    fn after_timeout(&mut self, ack: SeqNum, doubted: bool, sender: &Sender) -> Reaction {
        if ack.after_or_eq(self.recover) {
            self.phase = Phase::Open;
            return Reaction::default();
        }
        // RFC 5682 §2.1:
        //   Else, if the acknowledgment advances the window AND the
        //   Acknowledgment field does not cover "recover", transmit up to
        //   two new (previously unsent) segments and enter step 3 of this
        //   algorithm.
        // With a scoreboard, all that moves SND.UNA counts (§3.1, step 2b).
        let enough = sender.sack || ack.after_or_eq(sender.next);
        if doubted && enough {
            self.recover = sender.nxt;
            self.phase = Phase::Probing {
                budget: 2 * sender.mss,
            };
            return Reaction {
                resume: Some(Resume::Nxt),
                ..Reaction::default()
            };
        }
        self.phase = Phase::Timeout {
            heard: true,
            doubted: false,
        };
        Reaction::default()
    }

    /// The timeout was right: what was in flight goes out again.
    pub(crate) fn real_timeout(&mut self, sender: &Sender) {
        // RFC 5682 §2.1:
        //   If the acknowledgment is a duplicate ACK, set the congestion
        //   window to no more than 3 * MSS (where MSS indicates Maximum
        //   Segment Size), and continue with the slow-start algorithm
        //   retransmitting unacknowledged segments.
        self.window.cwnd = 3 * sender.mss;
        self.recover = sender.nxt;
        self.phase = Phase::Timeout {
            heard: true,
            doubted: false,
        };
    }

    /// The timeout came too early: what it has taken is given back. SND.UNA is `ack`, `acked`
    /// octets were newly acknowledged, and `left` are in the network.
    pub(crate) fn spurious_timeout(&mut self, ack: SeqNum, acked: u32, left: u32) {
        // RFC 5682 §2.1:
        //   declare the timeout spurious, set SpuriousRecovery to
        //   SPUR_TO, and set the value of the "recover" variable to SND.UNA
        self.recover = ack;
        self.phase = Phase::Open;
        let Some(undo) = self.undo.take() else {
            return;
        };
        // RFC 4015 §3.2:
        //   cwnd <- FlightSize + min (bytes_acked, IW)
        //   ssthresh <- pipe_prev
        // RFC 9438 §4.9 keeps a cwnd that is larger already.
        self.window = Window {
            cwnd: self.window.cwnd.max(left + acked.min(self.initial)),
            ssthresh: undo.window.ssthresh.max(undo.flight),
        };
        self.control = undo.control;
        self.answered = undo.answered;
    }

    /// The new ssthresh. Returns the FlightSize that it comes from.
    fn cut(&mut self, sender: &Sender, timeout: bool) -> u32 {
        // RFC 5681 §3.2:
        //   When [RFC3042]
        //   is in use, additional data sent in limited transmit MUST NOT be
        //   included in this calculation.
        // Nothing else lies beyond cwnd. What fast recovery had inflated is no window at all: the
        // loss of a retransmission is a second indication of congestion (§4.3).
        // RFC 3168 §6.1.2:
        //   the TCP sender's congestion window should be reduced
        //   only once in response to a series of dropped and/or CE packets from a
        //   single window of data.
        // What is in flight then was sent by the window before that.
        let sent_before = self.answered.is_some_and(|end| sender.una.before(end));
        let once = self.phase == Phase::Open && sent_before;
        let used = match self.phase {
            Phase::FastRecovery { .. } | Phase::LossRecovery => self.window.ssthresh,
            _ if once => MAX_CWND,
            Phase::Open | Phase::Timeout { .. } | Phase::Probing { .. } => self.window.cwnd,
        };
        let flight = sender.flight().min(used);
        self.undo = Some(Box::new(Undo {
            window: self.window,
            control: self.control.clone(),
            flight,
            answered: self.answered,
        }));
        if timeout || !once {
            let left = self.control.as_mut().reduce(self.window, flight, timeout);
            // RFC 5681 §3.1:
            //   ssthresh = max (FlightSize / 2, 2*SMSS)            (4)
            let most = if once { self.window.ssthresh } else { MAX_CWND };
            self.window.ssthresh = left.max(2 * sender.mss).min(most);
            self.answered_up_to(sender.nxt);
        }
        self.lost_in_first_window(sender);
        flight
    }

    /// A loss was found: if it was in the first window of all, or after a pause, the next pause
    /// ends with less.
    fn lost_in_first_window(&mut self, sender: &Sender) {
        // RFC 6928 §2:
        //   implementations SHOULD fall back to RFC 3390 for the restart window
        //   (RW) if any packet loss is detected during either the initial window
        //   or a restart window, and more than 4 KB of data is sent.
        let (start, end) = self.first;
        if sender.una.before(end) && sender.nxt.since(start) > 4096 {
            let mss = sender.mss;
            self.restart = self.restart.min((4 * mss).min((2 * mss).max(4380)));
        }
    }

    /// Slow start or congestion avoidance.
    fn grow(&mut self, acked: u32, sender: &Sender) {
        // RFC 7661 §4.3 calls a window that is not half used not validated: it does not grow.
        if sender.flight() < self.window.cwnd / 2 {
            self.control.as_mut().pause(sender.now);
            return;
        }
        if self.window.cwnd < self.window.ssthresh {
            // RFC 5681 §3.1:
            //   cwnd += min (N, SMSS)                      (2)
            self.window.cwnd += acked.min(sender.mss);
        } else {
            self.control.as_mut().avoid(&mut self.window, acked, sender);
        }
        self.window.cwnd = self.window.cwnd.min(MAX_CWND);
    }

    fn inflate(&mut self, sender: &Sender) {
        // RFC 5681 §3.2:
        //   A TCP MAY therefore limit the number of
        //   times cwnd is artificially inflated during loss recovery to the
        //   number of outstanding segments (or, an approximation thereof).
        let outstanding = sender.flight().div_ceil(sender.mss);
        if self.duplicates <= outstanding {
            // RFC 5681 §3.2:
            //   For each additional duplicate ACK received (after the third),
            //   cwnd MUST be incremented by SMSS.
            self.window.cwnd = (self.window.cwnd + sender.mss).min(MAX_CWND);
        }
    }

    fn partial_ack(&mut self, acked: u32, mss: u32) {
        // RFC 6582 §3.2:
        //   Deflate the
        //   congestion window by the amount of new data acknowledged by the
        //   Cumulative Acknowledgment field.  If the partial ACK acknowledges
        //   at least one SMSS of new data, then add back SMSS bytes to the
        //   congestion window.
        let back = if acked >= mss { mss } else { 0 };
        self.window.cwnd = (self.window.cwnd.saturating_sub(acked) + back).max(mss);
    }
}

#[cfg(test)]
mod tests;
