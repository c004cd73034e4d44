//! Which connection a segment belongs to, and the ISN of a new one (RFC 9293 §3.4.1, RFC 6528).
//!
//! A stranger cannot make the tables slow, and nothing depends on chance.

use crate::fast_open::Cookie;
use crate::index::Index;
use crate::seq::SeqNum;
use crate::tcb::Tcb;
use crate::time::Instant;
use crate::{ConnectionId, State};
use siphasher::sip::{SipHasher13, SipHasher24};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Local and remote socket.
pub(crate) type Sockets = (SocketAddr, SocketAddr);

/// Local and remote socket without what IPv6 keeps beside an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ends {
    local: IpAddr,
    remote: IpAddr,
    ports: (u16, u16),
}

impl Ends {
    /// The first of all in order.
    pub(crate) const LEAST: Self = Self {
        local: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        remote: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        ports: (0, 0),
    };
}

impl From<Sockets> for Ends {
    fn from((local, remote): Sockets) -> Self {
        Self {
            local: local.ip(),
            remote: remote.ip(),
            ports: (local.port(), remote.port()),
        }
    }
}

impl From<Ends> for Sockets {
    fn from(ends: Ends) -> Self {
        (
            SocketAddr::new(ends.local, ends.ports.0),
            SocketAddr::new(ends.remote, ends.ports.1),
        )
    }
}

/// All connections of a host.
#[derive(Debug)]
pub(crate) struct Connections {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_sockets: Index,
    /// What was found last, as long as segments find it: they come in trains.
    latest: Option<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    tcb: Option<Box<Tcb>>,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(secret: Secret) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_sockets: Index::new(secret),
            latest: None,
        }
    }

    /// Reserves the id of a new connection, to be followed by `insert`.
    pub(crate) fn reserve(&mut self) -> ConnectionId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        ConnectionId {
            slot,
            generation: self.slots[slot as usize].generation,
        }
    }

    /// Puts in a connection under its reserved id and its sockets.
    pub(crate) fn insert(&mut self, tcb: Tcb) {
        let (slot, sockets) = (tcb.id.slot, (tcb.local, tcb.remote));
        if let Some(former) = self.find(sockets) {
            self.unlink(sockets, former);
        }
        self.slots[slot as usize].tcb = Some(Box::new(tcb));
        self.by_sockets.insert(sockets, slot);
    }

    /// The connection between these sockets.
    pub(crate) fn find(&self, sockets: Sockets) -> Option<u32> {
        self.by_sockets
            .find(sockets, |slot| self.is_between(slot, sockets))
    }

    /// The connection that a segment is for.
    pub(crate) fn addressee(&mut self, sockets: Sockets) -> Option<u32> {
        let latest = self.latest.filter(|slot| self.is_between(*slot, sockets));
        let found = latest.or_else(|| self.find(sockets));
        self.latest = found.or(self.latest);
        found
    }

    fn is_between(&self, slot: u32, sockets: Sockets) -> bool {
        self.at(slot)
            .is_some_and(|tcb| (tcb.local, tcb.remote) == sockets)
    }

    /// No segment finds the connection any more.
    pub(crate) fn unlink(&mut self, sockets: Sockets, slot: u32) {
        self.by_sockets.remove(sockets, slot);
        self.latest = self.latest.filter(|latest| *latest != slot);
    }

    /// Forgets the connection; its id is never used again.
    pub(crate) fn remove(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        if entry.tcb.take().is_some() {
            entry.generation = entry.generation.wrapping_add(1);
            self.free.push(slot);
        }
    }

    /// The connection in a slot.
    pub(crate) fn at(&self, slot: u32) -> Option<&Tcb> {
        self.slots.get(slot as usize)?.tcb.as_deref()
    }

    /// The connection in a slot, to change it.
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut Tcb> {
        self.slots.get_mut(slot as usize)?.tcb.as_deref_mut()
    }

    /// The states of all connections.
    pub(crate) fn states(&self) -> impl Iterator<Item = State> {
        let blocks = self.slots.iter().filter_map(|slot| slot.tcb.as_deref());
        blocks.map(|tcb| tcb.state)
    }

    /// The connection with this id, as long as the application owns it.
    pub(crate) fn owned(&self, id: ConnectionId) -> Option<&Tcb> {
        self.at(id.slot).filter(|tcb| tcb.id == id && tcb.owned)
    }
}

/// What a host chooses at random, all from one secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    /// From the octets of the driver.
    pub(crate) fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The initial send sequence number.
    pub(crate) fn isn(self, sockets: Sockets, now: Instant) -> SeqNum {
        // RFC 9293 §3.4.1 (SHLD-1):
        //   ISN = M + F(localip, localport, remoteip, remoteport, secretkey)
        SeqNum(now.isn_ticks()) + self.hash(sockets, 1) as u32
    }

    /// What the timestamp clock of a connection is ahead of the host's (RFC 7323 §7.1). It is
    /// the same for all incarnations, so that TIME-WAIT can tell them apart (RFC 6191 §3).
    pub(crate) fn timestamp_offset(self, sockets: Sockets) -> u32 {
        self.hash(sockets, 2) as u32
    }

    /// Where the search for an ephemeral port begins (RFC 6056 §3.3.3).
    pub(crate) fn port_offset(self, local: IpAddr, remote: SocketAddr) -> u16 {
        self.hash((SocketAddr::new(local, 0), remote), 3) as u16
    }

    /// A secret for an epoch: who learns it knows neither this one nor that of another epoch.
    pub(crate) fn derived(self, epoch: u64) -> Self {
        let mut octets = [0; 16];
        for (half, which) in octets.chunks_exact_mut(8).zip([4, 5]) {
            let mut hasher = SipHasher24::new_with_key(&self.0);
            hasher.write_u64(epoch);
            hasher.write_u8(which);
            half.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        Self(octets)
    }

    /// The secret function of a SYN cookie (RFC 4987 §A).
    pub(crate) fn cookie(self, sockets: Sockets, irs: SeqNum, period: u64, mss: u32) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        sockets.hash(&mut hasher);
        irs.hash(&mut hasher);
        hasher.write_u64(period);
        hasher.write_u32(mss);
        hasher.finish()
    }

    /// The Fast Open cookie of a client under the key with this number (RFC 7413 §4.1.2).
    pub(crate) fn fast_open_cookie(self, client: IpAddr, key: u64) -> Cookie {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        client.hash(&mut hasher);
        hasher.write_u64(key);
        hasher.write_u8(6);
        Cookie::of_eight(hasher.finish().to_be_bytes())
    }

    /// Where a table of connections keeps these sockets.
    pub(crate) fn place(self, (local, remote): Sockets) -> u32 {
        let mut octets = [0; 36];
        let (addresses, ports) = octets.split_at_mut(32);
        let (ours, theirs) = addresses.split_at_mut(16);
        put_address(ours, local.ip());
        put_address(theirs, remote.ip());
        ports[..2].copy_from_slice(&local.port().to_be_bytes());
        ports[2..].copy_from_slice(&remote.port().to_be_bytes());
        // A table may use the faster variant: only whoever sees the places could learn from them.
        SipHasher13::new_with_key(&self.0).hash(&octets) as u32
    }

    fn hash(self, sockets: Sockets, purpose: u8) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        sockets.hash(&mut hasher);
        hasher.write_u8(purpose);
        hasher.finish()
    }
}

fn put_address(into: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(v4) => into[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => into.copy_from_slice(&v6.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(port: u16) -> Sockets {
        (([10, 0, 0, 1], 80).into(), ([10, 0, 0, 2], port).into())
    }

    #[test]
    fn an_isn_moves_one_tick_in_4_microseconds_and_hides_other_connections() {
        let secret = Secret::new([7; 16]);
        let at = |micros: u64| secret.isn(sockets(1), Instant(micros * 1000));
        assert_eq!(at(4_000) - at(0), 1_000);
        let other = secret.isn(sockets(2), Instant::ZERO) - at(0);
        let under_another_secret = Secret::new([8; 16]);
        let differently = under_another_secret.isn(sockets(2), Instant::ZERO)
            - under_another_secret.isn(sockets(1), Instant::ZERO);
        assert_ne!(other, differently);
    }
}
