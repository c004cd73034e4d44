//! TIME-WAIT (RFC 9293 §3.6.1): what is left of a connection when both sides have closed.
//!
//! A record holds what it takes to answer for another 2 MSL, and nothing else: no buffers, no
//! timers but one. The block of the connection goes as soon as the application has given it up.
//! What segments do to a record is in [`crate::arrives::time_wait`].

use crate::demux::{Ends, Secret, Sockets};
use crate::index::Index;
use crate::schedule::Schedule;
use crate::segment::{Control, Segment};
use crate::seq::{SeqNum, WireWindow};
use crate::source_route::SourceRoute;
use crate::tcb::{Challenges, Tcb};
use crate::timestamps::TimestampState;
use crate::{Config, ConnectionId, Instant};
use std::time::Duration;

/// A connection in TIME-WAIT.
#[derive(Clone, Debug)]
pub(crate) struct TimeWait {
    /// Local and remote socket.
    ends: Ends,
    /// The connection, as long as the application has not given it up.
    pub(crate) owner: Option<ConnectionId>,
    /// SND.NXT.
    pub(crate) snd_nxt: SeqNum,
    /// RCV.NXT.
    pub(crate) rcv_nxt: SeqNum,
    /// RCV.WND, octets.
    pub(crate) rcv_wnd: u32,
    /// RCV.WND as its segments say it.
    pub(crate) wnd: WireWindow,
    /// Timestamps (RFC 7323).
    pub(crate) ts: TimestampState,
    /// Challenge ACKs (RFC 5961 §7).
    pub(crate) challenges: Challenges,
    /// TTL or hop limit, and Diffserv field, of what it sends.
    pub(crate) ip: (u8, u8),
    /// The source route of what it sends.
    pub(crate) route: Option<Box<SourceRoute>>,
    /// When it is over.
    pub(crate) until: Instant,
}

impl TimeWait {
    /// What remains of a connection that enters TIME-WAIT now.
    pub(crate) fn of(tcb: &mut Tcb, now: Instant, config: &Config) -> Self {
        let wnd = tcb.advertise(false);
        let mut ts = tcb.ts;
        ts.last_ack_sent = tcb.rcv.nxt;
        Self {
            ends: (tcb.local, tcb.remote).into(),
            owner: tcb.owned.then_some(tcb.id),
            snd_nxt: tcb.snd.nxt,
            rcv_nxt: tcb.rcv.nxt,
            rcv_wnd: tcb.rcv.wnd(),
            wnd,
            ts,
            challenges: tcb.challenges,
            ip: (tcb.settings.ttl, tcb.settings.tos),
            route: tcb.route().copied().map(Box::new),
            until: now + config.msl * 2,
        }
    }

    /// Local and remote socket.
    pub(crate) fn sockets(&self) -> Sockets {
        self.ends.into()
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
    pub(crate) fn acknowledgment(&self, now: Instant) -> Segment<'static> {
        let timestamps = self.ts.enabled.then(|| self.ts.option(now, true));
        Segment {
            ack: Some(self.rcv_nxt),
            wnd: self.wnd,
            timestamps,
            ..Segment::bare(self.snd_nxt, Control::None)
        }
    }

    /// Whether an active OPEN may take its place: timestamps that run on tell the segments of
    /// the two incarnations apart (RFC 6191 §3), once their clock has moved.
    pub(crate) fn may_be_reopened(&self, now: Instant) -> bool {
        self.ts.enabled && self.ts.idle(now) >= Duration::from_secs(1)
    }
}

/// All records of a host.
#[derive(Debug)]
pub(crate) struct TimeWaits {
    records: Vec<Option<TimeWait>>,
    free: Vec<u32>,
    by_sockets: Index,
    /// All last equally long, so that the first to end is the oldest as well.
    schedule: Schedule,
}

impl TimeWaits {
    /// None yet.
    pub(crate) fn new(secret: Secret) -> Self {
        Self {
            records: Vec::new(),
            free: Vec::new(),
            by_sockets: Index::new(secret),
            schedule: Schedule::default(),
        }
    }

    /// Adds a record; one for the same sockets goes.
    pub(crate) fn add(&mut self, record: TimeWait) {
        let sockets = record.sockets();
        self.remove(sockets);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.records.push(None);
            self.records.len() as u32 - 1
        });
        self.schedule.set(slot, Some(record.until));
        self.by_sockets.insert(sockets, slot);
        self.records[slot as usize] = Some(record);
    }

    /// Takes the record between these sockets away.
    pub(crate) fn remove(&mut self, sockets: Sockets) -> Option<TimeWait> {
        let slot = self.slot(sockets)?;
        self.by_sockets.remove(sockets, slot);
        self.schedule.set(slot, None);
        self.free.push(slot);
        self.records[slot as usize].take()
    }

    /// Takes the oldest record away, if there are more than `limit`.
    pub(crate) fn shed(&mut self, limit: usize) -> Option<TimeWait> {
        let (_, slot) = self.schedule.first()?;
        if self.by_sockets.len() <= limit {
            return None;
        }
        self.remove(self.records[slot as usize].as_ref()?.sockets())
    }

    /// Takes a record away whose time has come.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<TimeWait> {
        let slot = self.schedule.due(now)?;
        self.remove(self.records[slot as usize].as_ref()?.sockets())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_sockets.len()
    }

    /// When the next record ends.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.schedule.first().map(|(at, _)| at)
    }

    /// The record between these sockets.
    pub(crate) fn find(&self, sockets: Sockets) -> Option<&TimeWait> {
        self.records[self.slot(sockets)? as usize].as_ref()
    }

    /// Changes the record between these sockets; its end may move.
    pub(crate) fn change<T>(
        &mut self,
        sockets: Sockets,
        change: impl FnOnce(&mut TimeWait) -> T,
    ) -> Option<T> {
        let slot = self.slot(sockets)?;
        let record = self.records[slot as usize].as_mut()?;
        let result = change(record);
        self.schedule.set(slot, Some(record.until));
        Some(result)
    }

    fn slot(&self, sockets: Sockets) -> Option<u32> {
        let ends = Ends::from(sockets);
        let is_it = |slot: u32| {
            let record = self.records[slot as usize].as_ref();
            record.is_some_and(|record| record.ends == ends)
        };
        self.by_sockets.find(sockets, is_it)
    }
}
