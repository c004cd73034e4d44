//! The SYN cache: connections in SYN-RECEIVED, each as small as it can be (RFC 4987 §3.5).
//!
//! An entry holds what came and what was sent, not what follows from it. When something happens
//! to the connection, its block is made anew by going through the same steps again, and put away
//! once it has nothing more to say. So the eight checks of RFC 9293 §3.10.7.4 are written once.
//! It deliberately decides nothing: which SYN gets an entry is [`crate::stack`]'s question.

use crate::demux::{Ends, Sockets};
use crate::ecn::EcnState;
use crate::segment::{Control, Ecn, Segment, SynOptions, Timestamps};
use crate::seq::{SeqNum, WireWindow};
use crate::source_route::SourceRoute;
use crate::tcb::{Challenges, Origin, Tcb};
use crate::timeouts::Timer;
use crate::timestamps::TimestampState;
use crate::{Instant, ListenerId, State, UserTimeout};
use std::collections::{BTreeMap, BTreeSet};

/// A peer's SYN, as far as it has to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.WND.
    pub(crate) wnd: WireWindow,
    /// What it offers.
    pub(crate) options: SynOptions,
    /// Its timestamps.
    pub(crate) timestamps: Option<Timestamps>,
    /// Its ECN bits.
    pub(crate) ecn: Ecn,
    /// Its User Timeout option.
    pub(crate) user_timeout: Option<UserTimeout>,
    /// The way back, if it came by a source route.
    pub(crate) route: Option<Box<SourceRoute>>,
}

impl Request {
    /// What `syn` asks for, which came by the route whose way back this is.
    pub(crate) fn of(syn: &Segment<'_>, options: SynOptions, route: Option<SourceRoute>) -> Self {
        Self {
            seq: syn.seq,
            wnd: syn.wnd,
            options,
            timestamps: syn.timestamps,
            ecn: syn.ecn,
            user_timeout: syn.user_timeout,
            route: route.map(Box::new),
        }
    }

    /// The way back.
    pub(crate) fn route(&self) -> Option<SourceRoute> {
        self.route.as_deref().copied()
    }

    /// The SYN, without text and FIN, which nobody has taken.
    pub(crate) fn segment(&self) -> Segment<'static> {
        let control = Control::Syn {
            options: self.options,
            fin: false,
        };
        Segment {
            wnd: self.wnd,
            timestamps: self.timestamps,
            ecn: self.ecn,
            user_timeout: self.user_timeout,
            ..Segment::bare(self.seq, control)
        }
    }
}

/// What the block of a passive OPEN remembers of its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    /// The peer's SYN.
    request: Request,
    /// Its place in the order in which SYNs arrived.
    pub(crate) arrival: u64,
    /// When the SYN,ACK was sent last.
    pub(crate) sent_at: Instant,
}

impl Handshake {
    /// Nothing was sent yet.
    pub(crate) fn of(request: Request) -> Self {
        Self {
            request,
            arrival: 0,
            sent_at: Instant::ZERO,
        }
    }
}

/// A connection in SYN-RECEIVED that waits for an ACK.
#[derive(Clone, Debug)]
pub(crate) struct HalfOpen {
    /// Whose.
    pub(crate) listener: ListenerId,
    /// Its place in the order of arrival.
    pub(crate) arrival: u64,
    /// The peer's SYN.
    pub(crate) request: Request,
    /// ISS.
    pub(crate) iss: SeqNum,
    /// How often the SYN,ACK was sent again.
    pub(crate) retransmits: u32,
    /// The right edge of the window, which a challenge ACK may have moved on.
    pub(crate) edge: SeqNum,
    /// When the SYN,ACK was sent last.
    pub(crate) sent_at: Instant,
    /// When it is due again.
    pub(crate) deadline: Instant,
    /// Timestamps, which segments that were dropped may have moved.
    pub(crate) ts: TimestampState,
    /// ECN, where a repeated SYN may have said something else.
    pub(crate) ecn: EcnState,
    /// Challenge ACKs so far.
    pub(crate) challenges: Challenges,
    /// The last soft ICMP error.
    pub(crate) soft_error: Option<(u8, u8)>,
}

impl HalfOpen {
    /// What has to be remembered of a block; `None` if only the whole block will do.
    pub(crate) fn of(tcb: &Tcb) -> Option<Self> {
        let (Origin::Passive(listener), Some(handshake)) = (tcb.origin, &tcb.handshake) else {
            return None;
        };
        let untouched = tcb.snd.nxt == tcb.snd.iss + 1
            && tcb.snd.next == tcb.snd.nxt
            && tcb.snd.queue.len() == 0
            && tcb.rcv.nxt == tcb.rcv.irs + 1;
        let opened = tcb.owned || tcb.fast_opened();
        let waits = tcb.state == State::SynReceived && !opened && !tcb.snd.closing;
        let mut others = tcb.timers;
        others.stop(Timer::Retransmission);
        if !untouched || !waits || others.next().is_some() {
            return None;
        }
        Some(Self {
            listener,
            arrival: handshake.arrival,
            request: handshake.request.clone(),
            iss: tcb.snd.iss,
            retransmits: tcb.retransmits,
            edge: tcb.rcv.edge,
            sent_at: handshake.sent_at,
            deadline: tcb.timers.next()?,
            ts: tcb.ts,
            ecn: tcb.ecn,
            challenges: tcb.challenges,
            soft_error: tcb.soft_error,
        })
    }
}

/// The half-open connections of all listeners of a host. Ordered: a stranger cannot make the
/// table slow, as RFC 4987 §3.5 has a secret hash do.
#[derive(Debug, Default)]
pub(crate) struct SynCache {
    entries: BTreeMap<Ends, HalfOpen>,
    /// Of those that are due together, the one that came first comes first.
    deadlines: BTreeSet<(Instant, u64, Ends)>,
    by_age: BTreeSet<(ListenerId, u64, Ends)>,
}

impl SynCache {
    /// Puts an entry in.
    pub(crate) fn insert(&mut self, sockets: Sockets, entry: HalfOpen) {
        let ends = sockets.into();
        self.deadlines.insert((entry.deadline, entry.arrival, ends));
        self.by_age.insert((entry.listener, entry.arrival, ends));
        self.entries.insert(ends, entry);
    }

    /// Takes an entry out.
    pub(crate) fn take(&mut self, sockets: Sockets) -> Option<HalfOpen> {
        let ends = sockets.into();
        let entry = self.entries.remove(&ends)?;
        self.deadlines
            .remove(&(entry.deadline, entry.arrival, ends));
        self.by_age.remove(&(entry.listener, entry.arrival, ends));
        Some(entry)
    }

    /// The entry of these sockets.
    pub(crate) fn get(&self, sockets: Sockets) -> Option<&HalfOpen> {
        self.entries.get(&sockets.into())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The first deadline of all.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    /// An entry whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Option<Sockets> {
        let (at, _, ends) = self.deadlines.first()?;
        (*at <= now).then(|| (*ends).into())
    }

    /// The entry of a listener that came first.
    pub(crate) fn oldest(&self, listener: ListenerId) -> Option<Sockets> {
        let (owner, _, ends) = self.by_age.range((listener, 0, Ends::LEAST)..).next()?;
        (*owner == listener).then(|| (*ends).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(port: u16) -> Sockets {
        (([10, 0, 0, 1], 80).into(), ([10, 0, 0, 2], port).into())
    }

    fn entry(listener: u64, arrival: u64, deadline: u64) -> HalfOpen {
        HalfOpen {
            listener: ListenerId(listener),
            arrival,
            request: Request::of(
                &Segment::bare(SeqNum(7), Control::None),
                SynOptions::default(),
                None,
            ),
            iss: SeqNum(1),
            retransmits: 0,
            edge: SeqNum(0),
            sent_at: Instant(0),
            deadline: Instant(deadline),
            ts: TimestampState::default(),
            ecn: EcnState::default(),
            challenges: Challenges::default(),
            soft_error: None,
        }
    }

    #[test]
    fn the_oldest_of_a_listener_is_not_that_of_another() {
        let mut cache = SynCache::default();
        cache.insert(sockets(1), entry(2, 5, 30));
        cache.insert(sockets(2), entry(2, 4, 40));
        cache.insert(sockets(3), entry(3, 1, 50));
        assert_eq!(cache.oldest(ListenerId(2)), Some(sockets(2)));
        assert!(cache.take(sockets(2)).is_some() && cache.take(sockets(2)).is_none());
        assert_eq!(cache.oldest(ListenerId(2)), Some(sockets(1)));
        assert_eq!(cache.oldest(ListenerId(1)), None);
        assert_eq!(cache.oldest(ListenerId(4)), None);
        assert_eq!((cache.next(), cache.len()), (Some(Instant(30)), 2));
    }

    /// What an entry takes, with its places in the three tables, octets.
    fn entry_size() -> usize {
        size_of::<(Ends, HalfOpen)>()
            + size_of::<(Instant, u64, Ends)>()
            + size_of::<(ListenerId, u64, Ends)>()
    }

    #[test]
    fn an_entry_is_a_fraction_of_a_block() {
        // RFC 4987 §4: a FreeBSD entry took 160 octets, and a block 736.
        let (alone, with_tables) = (size_of::<HalfOpen>(), entry_size());
        assert!(with_tables <= 400, "{alone}, {with_tables}");
        assert!(with_tables * 2 < size_of::<Tcb>());
    }
}
