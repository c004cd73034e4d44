//! Is the host there, and how far away is it? Asked by what any TCP answers: a SYN draws a SYN,ACK
//! where somebody listens, and a RST where nobody does (RFC 9293 §3.10.7.1).
//!
//! It judges nothing. A connection that a ping opened is reset at once.

use super::PING_PORTS;
use crate::link::clock::CaseClock;
use crate::link::ethernet::{Mailbox, Station};
use crate::wire::{self, Outgoing, bit};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Measured this often.
const PINGS: usize = 9;
/// How long an answer may take before the run: a host on the other side of the world, twice.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// A small stack has no listener while it deals with a connection: a port that answers with RST is
/// asked again so often, with so much time between, before nobody is said to listen there.
const DOUBTS: usize = 8;
const BETWEEN: Duration = Duration::from_millis(230);
/// A host is gone that does not answer so many, which it has so long for each.
const LAST_PINGS: usize = 4;
const LAST_PATIENCE: Duration = Duration::from_millis(750);

/// What the host says to a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Somebody listens.
    Open,
    /// Nobody does.
    Closed,
}

/// The time from a segment to its answer, as it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrip {
    /// As many took longer as took less.
    pub median: Duration,
    /// Median of the distances from that.
    pub spread: Duration,
}

impl RoundTrip {
    /// Of some measurements; `None` if there are none.
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        let median = middle(&mut times)?;
        let mut distances: Vec<_> = times.iter().map(|time| time.abs_diff(median)).collect();
        Some(Self {
            median,
            spread: middle(&mut distances)?,
        })
    }

    /// What a reply may take on the way: nearly all take less.
    pub fn slack(self) -> Duration {
        self.median + self.jitter()
    }

    /// By how much two round trips may differ: of a bell curve, four spreads leave out one in a
    /// hundred and fifty.
    pub fn jitter(self) -> Duration {
        self.spread * 4
    }
}

fn middle(times: &mut [Duration]) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// Sends SYNs to one port of the host.
#[derive(Debug)]
pub struct Pinger {
    station: Arc<Station>,
    /// The first of [`PING_PORTS`] ends.
    tester: SocketAddr,
    device: SocketAddr,
    /// How many pings there were: each has the next port, and its own sequence number.
    sent: Mutex<u32>,
}

impl Pinger {
    /// From `tester`, and the ports that follow it, to `device`.
    pub fn new(station: &Arc<Station>, tester: SocketAddr, device: SocketAddr) -> Self {
        Self {
            station: Arc::clone(station),
            tester,
            device,
            sent: Mutex::new(0),
        }
    }

    /// Measures the way to the host. Whether anybody listens, if it ever answered: who does so now
    /// and then does.
    pub fn measure(&self) -> io::Result<Option<(RoundTrip, Answered)>> {
        let mut times = Vec::new();
        let mut answered = None;
        for nth in 0..PINGS {
            match self.ping(FIRST_PATIENCE)? {
                Some((time, answer)) => {
                    times.push(time);
                    if answered != Some(Answered::Open) {
                        answered = Some(answer);
                    }
                }
                // A host that has not answered three is not asked a fourth time.
                None if times.is_empty() && nth >= 2 => return Ok(None),
                None => {}
            }
        }
        Ok(RoundTrip::of(times).zip(answered))
    }

    /// The same of a port on which somebody has to listen: that nobody does is not said in haste.
    pub fn measure_listener(&self) -> io::Result<Option<(RoundTrip, Answered)>> {
        let measured = self.measure()?;
        let Some((trip, Answered::Closed)) = measured else {
            return Ok(measured);
        };
        for _ in 0..DOUBTS {
            thread::sleep(BETWEEN);
            if let Some((_, Answered::Open)) = self.ping(FIRST_PATIENCE)? {
                return Ok(Some((trip, Answered::Open)));
            }
        }
        Ok(measured)
    }

    /// True if the host answers, now or within a few seconds.
    pub fn is_answered(&self) -> bool {
        // A ping that cannot be sent is not answered either.
        (0..LAST_PINGS).any(|_| matches!(self.ping(LAST_PATIENCE), Ok(Some(_))))
    }

    /// One SYN: what came back, and when. One at a time: each waits for the one before.
    fn ping(&self, patience: Duration) -> io::Result<Option<(Duration, Answered)>> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent = sent.wrapping_add(1);
        let port = self.tester.port() + (*sent % u32::from(PING_PORTS)) as u16;
        let tester = SocketAddr::new(self.tester.ip(), port);
        let mailbox = self.station.mailbox()?;
        self.station.open(tester, &mailbox);
        // A device may remember the port: the next SYN from it lies beyond the old one.
        let seq = sent.wrapping_mul(1 << 20);
        let answer = self.exchange(tester, seq, &mailbox, patience);
        self.station.close(tester);
        if !matches!(answer, Ok(Some((_, Answered::Closed)))) {
            // What was not waited for may have come to something all the same.
            let reset = Outgoing {
                seq: seq.wrapping_add(1),
                ..Outgoing::bare(tester, self.device, bit::RST)
            };
            self.station.send(&wire::emit(&reset))?;
        }
        answer
    }

    fn exchange(
        &self,
        tester: SocketAddr,
        seq: u32,
        mailbox: &Mailbox,
        patience: Duration,
    ) -> io::Result<Option<(Duration, Answered)>> {
        let clock = CaseClock::start();
        let end = Instant::now() + patience;
        let bare = |flags| Outgoing::bare(tester, self.device, flags);
        let syn = Outgoing {
            seq,
            window: u16::MAX,
            ..bare(bit::SYN)
        };
        let left = clock.now();
        self.station.send(&wire::emit(&syn))?;
        loop {
            while let Some((stamp, packet)) = mailbox.take()? {
                let packet = wire::decode(packet);
                let Some(tcp) = packet.tcp().filter(|tcp| tcp.ack == seq.wrapping_add(1)) else {
                    continue;
                };
                let time = clock.at_stamp(stamp).since(left);
                if tcp.has(bit::RST) {
                    return Ok(Some((time, Answered::Closed)));
                }
                if tcp.has(bit::SYN) {
                    return Ok(Some((time, Answered::Open)));
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.station.halted().is_some() {
                return Ok(None);
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let halted = self.station.bell();
            let mut bells = [mailbox.as_fd(), halted].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            poll(&mut bells, timeout)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_single_straggler_counts_for_little() {
        let times = [3, 1, 2, 2, 900].map(Duration::from_millis).to_vec();
        let trip = RoundTrip::of(times).unwrap();
        let (median, spread) = (Duration::from_millis(2), Duration::from_millis(1));
        assert_eq!(trip, RoundTrip { median, spread });
        assert_eq!(trip.slack(), Duration::from_millis(6));
        assert_eq!(RoundTrip::of(Vec::new()), None);
    }

    proptest! {
        #[test]
        fn the_median_is_one_of_them(times in prop::collection::vec(0_u64..1 << 40, 1..50)) {
            let times: Vec<_> = times.into_iter().map(Duration::from_nanos).collect();
            let trip = RoundTrip::of(times.clone()).unwrap();
            prop_assert!(times.contains(&trip.median));
            let less = times.iter().filter(|time| **time < trip.median).count();
            prop_assert!(less <= times.len() / 2);
        }
    }
}
