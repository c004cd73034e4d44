//! A station of our own on somebody's Ethernet: addresses that no machine has, which we answer
//! for, and a mailbox for every connection.
//!
//! The local kernel never hears of it: frames for our link-layer address are somebody else's to
//! it, so it neither answers nor forwards, and no firewall rule is needed. Where only this
//! machine's own address can be had, the station speaks from that, and the kernel answers for it;
//! what must not reach its TCP is for [`crate::link::firewall`]. One thread reads for all cases;
//! whoever sends does so on its own thread.

use super::address;
use super::frame::{Frame, ethertype_of};
use super::mailbox::Mailbox;
use super::neighbour::{self, Message};
use super::pace::{Held, Pace};
use super::route::{self, Way};
use super::segments;
use super::socket::{Arrived, FrameSocket};
use crate::device::Crowd;
use crate::link::privilege;
use nix::sys::eventfd::{EfdFlags, EventFd};
use pnet::packet::ethernet::EtherTypes;
use pnet::util::MacAddr;
use siphasher::sip::SipHasher13;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Questions that are asked before an address is taken for unused (RFC 5227 §1.1: three).
const PROBES: u32 = 3;
/// How long an answer to a question may take.
const ANSWER: Duration = Duration::from_millis(150);
/// How often the device, or the router before it, is asked for.
const ATTEMPTS: u32 = 20;
/// How often is looked whether the device was heard.
const GRAIN: Duration = Duration::from_millis(1);

/// What a station is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The device.
    pub device: IpAddr,
    /// The addresses that the station speaks from; nobody else may have them.
    pub addresses: Vec<IpAddr>,
    /// They are this machine's own: its kernel answers for them, not we.
    pub own: bool,
    /// More addresses, of which nobody is asked: floods come from them.
    pub crowd: Option<Crowd>,
    /// Frames that may be sent in a second; `None`: as many as there are.
    pub most_per_second: Option<u32>,
    /// The interface, if not the one that the routing table names.
    pub interface: Option<u32>,
    /// The VLAN, if frames are to carry a tag.
    pub vlan: Option<u16>,
    /// Chance for the link-layer address: two testers on one link must differ.
    pub seed: u64,
}

/// Why there is no station.
#[derive(Debug, thiserror::Error)]
pub enum StationError {
    /// No way to the device.
    #[error("no way to {0}: {1}")]
    NoWay(IpAddr, io::Error),
    /// Somebody has the address.
    #[error(
        "{0} is in use by {1}; `--from` needs an address of the device's network that nobody has"
    )]
    Taken(IpAddr, String),
    /// The device does not answer.
    #[error(
        "{0} does not answer {1} on the interface {2}: is it up, and is this the right \
         interface (`--interface`)?"
    )]
    Silent(IpAddr, &'static str, String),
    /// Raw packets are not allowed, or something else went wrong.
    #[error("cannot {0}: {1}")]
    Refused(&'static str, io::Error),
}

/// The station. It goes with the last handle.
#[derive(Debug)]
pub struct Station {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

/// What the reading thread and the cases share.
#[derive(Debug)]
struct Shared {
    socket: FrameSocket,
    mac: MacAddr,
    vlan: Option<u16>,
    addresses: BTreeSet<IpAddr>,
    crowd: Option<Crowd>,
    way: Way,
    /// Link-layer address of the next hop.
    device_mac: MacAddr,
    /// The addresses are this machine's own.
    own: bool,
    pace: Option<Pace>,
    started: Instant,
    /// When the next hop was last heard, and when it last brought a packet for us: in nanoseconds
    /// since the start.
    heard: AtomicU64,
    brought: AtomicU64,
    gone: AtomicBool,
    /// Why no case goes on, and a bell that rings from then on.
    halted: OnceLock<&'static str>,
    bell: EventFd,
    /// By the end of ours that a packet goes to; what goes to the crowd, by the end of the device
    /// that it comes from.
    mailboxes: Mutex<BTreeMap<SocketAddr, Arc<Mailbox>>>,
    dropped: AtomicU64,
    unfinished: AtomicU64,
    broken: AtomicBool,
}

impl Station {
    /// Makes sure that the addresses are free and the device answers, then begins to read.
    pub fn start(plan: &Plan) -> Result<Self, StationError> {
        let mut shared = Shared::new(plan)?;
        if !plan.own {
            shared.claim()?;
            shared.announce()?;
        }
        shared.device_mac = shared.resolve()?;
        let shared = Arc::new(shared);
        let stop = Arc::new(AtomicBool::new(false));
        let reader = {
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            let read = move || {
                // A thread that cannot give up what it does not need works as well with it.
                let _ = privilege::keep(&[], &[]);
                shared.read_until(&stop);
            };
            let thread = thread::Builder::new().name("station".to_owned());
            let refused = |error| StationError::Refused("start a thread", error);
            thread.spawn(read).map_err(refused)?
        };
        Ok(Self {
            shared,
            stop,
            reader: Some(reader),
        })
    }

    /// From now on, packets for that end are put into the mailbox; if it is one of the device's,
    /// those that it sends to the crowd.
    pub fn open(&self, end: SocketAddr, mailbox: &Arc<Mailbox>) {
        self.shared.mailboxes().insert(end, Arc::clone(mailbox));
    }

    /// Packets for that end are nobody's again.
    pub fn close(&self, end: SocketAddr) {
        self.shared.mailboxes().remove(&end);
    }

    /// A mailbox for a case.
    pub fn mailbox(&self) -> io::Result<Arc<Mailbox>> {
        Mailbox::new().map(Arc::new)
    }

    /// Sends an IP packet to the device, or to the router before it, as soon as it may.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.shared.wait_for_turn();
        self.shared.socket.send(&self.shared.frame(packet).write())
    }

    /// Sends IP packets, one after the other, with few calls of the kernel.
    pub fn send_all(&self, packets: &[Vec<u8>]) -> io::Result<()> {
        if self.shared.pace.is_some() {
            return packets.iter().try_for_each(|packet| self.send(packet));
        }
        let frames = packets.iter().map(|packet| self.shared.frame(packet));
        let frames: Vec<Vec<u8>> = frames.map(|frame| frame.write()).collect();
        self.shared.socket.send_all(&frames)
    }

    /// What was held back because no more may be sent in a second.
    pub fn held(&self) -> Held {
        let pace = self.shared.pace.as_ref();
        pace.map_or_else(Held::default, Pace::held)
    }

    /// The way to the device.
    pub fn way(&self) -> &Way {
        &self.shared.way
    }

    /// The link-layer address of the device, or of the router before it.
    pub fn neighbour(&self) -> MacAddr {
        self.shared.device_mac
    }

    /// No case goes on from here; the first reason counts.
    pub fn halt(&self, reason: &'static str) {
        if self.shared.halted.set(reason).is_ok() {
            // It fails only if it has been rung 2^64 times.
            let _ = self.shared.bell.write(1);
        }
    }

    /// Why no case goes on.
    pub fn halted(&self) -> Option<&'static str> {
        self.shared.halted.get().copied()
    }

    /// Becomes readable when the station is halted, and stays so.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.shared.bell.as_fd()
    }

    /// The next hop has brought a packet for us since then.
    pub fn has_heard_since(&self, since: Instant) -> bool {
        self.shared.at(&self.shared.brought) >= since
    }

    /// How long the next hop takes to say where it is; `None` if it does not.
    pub fn ask_neighbour(&self) -> io::Result<Option<Duration>> {
        self.shared.time_neighbour()
    }

    /// Frames that the kernel dropped because we did not read fast enough, so far.
    pub fn dropped(&self) -> u64 {
        self.shared.count_dropped()
    }

    /// Segments whose checksum was left to hardware that they never passed: it says nothing.
    pub fn unfinished(&self) -> u64 {
        self.shared.unfinished.load(Ordering::Relaxed)
    }

    /// [`Self::is_deserted_since`] has found that out before.
    pub fn is_deserted(&self) -> bool {
        self.shared.gone.load(Ordering::Relaxed)
    }

    /// The next hop has said nothing since then, and when it is asked, it does not even say where
    /// it is. Takes a while to find out; then it stays so.
    pub fn is_deserted_since(&self, since: Instant) -> bool {
        self.shared.is_deserted_since(since)
    }

    /// The interface is gone, or was taken down.
    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Relaxed)
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn new(plan: &Plan) -> Result<Self, StationError> {
        let refused = |what| move |error| StationError::Refused(what, error);
        let way = route::way_to(plan.device, plan.interface)
            .map_err(|error| StationError::NoWay(plan.device, error))?;
        let socket = FrameSocket::open(way.index).map_err(refused("open a packet socket"))?;
        let mac = if plan.own {
            let asked = route::link_layer_address(way.index);
            asked.map_err(refused("learn the address of the interface"))?
        } else {
            link_layer_address(plan)
        };
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let bell = EventFd::from_value_and_flags(0, flags);
        let started = Instant::now();
        Ok(Self {
            socket,
            mac,
            vlan: plan.vlan,
            addresses: plan.addresses.iter().copied().collect(),
            crowd: plan.crowd,
            way,
            device_mac: MacAddr::broadcast(),
            own: plan.own,
            pace: plan.most_per_second.map(|most| Pace::new(most, started)),
            started,
            heard: AtomicU64::new(0),
            brought: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            halted: OnceLock::new(),
            bell: bell.map_err(|errno| refused("make an event")(errno.into()))?,
            mailboxes: Mutex::new(BTreeMap::new()),
            dropped: AtomicU64::new(0),
            unfinished: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        })
    }

    /// The frame around an IP packet for the device.
    fn frame<'p>(&self, packet: &'p [u8]) -> Frame<'p> {
        Frame {
            from: self.mac,
            to: self.device_mac,
            vlan: self.vlan,
            ethertype: ethertype_of(packet),
            payload: packet,
        }
    }

    fn wait_for_turn(&self) {
        if let Some(pace) = &self.pace {
            thread::sleep(pace.next(Instant::now()));
        }
    }

    /// A moment that is kept as nanoseconds since the start.
    fn at(&self, kept: &AtomicU64) -> Instant {
        self.started + Duration::from_nanos(kept.load(Ordering::Relaxed))
    }

    fn note(&self, kept: &AtomicU64) {
        let now = self.started.elapsed().as_nanos() as u64;
        kept.store(now, Ordering::Relaxed);
    }

    fn mailboxes(&self) -> std::sync::MutexGuard<'_, BTreeMap<SocketAddr, Arc<Mailbox>>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// RFC 5227 §2.1.1 and RFC 4862 §5.4: before an address is used, see that nobody has it.
    fn claim(&self) -> Result<(), StationError> {
        for address in &self.addresses {
            let ours = route::is_ours(*address)
                .map_err(|error| StationError::Refused("ask the routing table", error))?;
            if ours {
                let whom = "this machine itself (its kernel would reset every connection)";
                return Err(StationError::Taken(*address, whom.to_owned()));
            }
        }
        for _ in 0..PROBES {
            for address in &self.addresses {
                self.ask(*address, unspecified(*address))?;
            }
            let end = Instant::now() + ANSWER;
            let taken = self.listen_until(end, |message| match message {
                Message::Here { owner, mac } => {
                    self.addresses.contains(&owner).then_some((owner, mac))
                }
                Message::Who { target, from, mac } => {
                    let claims = from.is_unspecified() && self.addresses.contains(&target);
                    claims.then_some((target, mac))
                }
            })?;
            if let Some((address, mac)) = taken {
                return Err(StationError::Taken(address, mac.to_string()));
            }
        }
        Ok(())
    }

    /// Tells everybody where our addresses are.
    fn announce(&self) -> Result<(), StationError> {
        self.addresses.iter().try_for_each(|address| {
            let frame = neighbour::announcement(*address, self.mac, self.vlan);
            let sent = self.socket.send(&frame);
            sent.map_err(|error| StationError::Refused("announce an address", error))
        })
    }

    /// The link-layer address of the next hop.
    fn resolve(&self) -> Result<MacAddr, StationError> {
        let way = &self.way;
        for _ in 0..ATTEMPTS {
            self.ask(way.next_hop, self.own_address())?;
            let end = Instant::now() + ANSWER;
            let found = self.listen_until(end, |message| match message {
                Message::Here { owner, mac } if owner == way.next_hop => Some(mac),
                _ => None,
            })?;
            if let Some(mac) = found {
                return Ok(mac);
            }
        }
        let protocol = if way.next_hop.is_ipv4() {
            "ARP"
        } else {
            "neighbour discovery"
        };
        Err(StationError::Silent(
            way.next_hop,
            protocol,
            way.interface(),
        ))
    }

    /// An address of ours that speaks to the next hop.
    fn own_address(&self) -> IpAddr {
        let hop = self.way.next_hop;
        let same_family = |address: &&IpAddr| address.is_ipv4() == hop.is_ipv4();
        let found = self.addresses.iter().find(same_family).copied();
        found.unwrap_or_else(|| unspecified(hop))
    }

    fn ask(&self, target: IpAddr, from: IpAddr) -> Result<(), StationError> {
        let question = neighbour::who(target, from, self.mac, self.vlan);
        self.socket
            .send(&question)
            .map_err(|error| StationError::Refused("send a frame", error))
    }

    /// What others say about addresses, until one message is what is looked for. Meanwhile we
    /// answer, so that a device that asks back is served.
    fn listen_until<T>(
        &self,
        end: Instant,
        mut wanted: impl FnMut(Message) -> Option<T>,
    ) -> Result<Option<T>, StationError> {
        let mut buffer = Vec::new();
        while Instant::now() < end {
            let arrived = self
                .socket
                .receive(&mut buffer)
                .map_err(|error| StationError::Refused("read from the interface", error))?;
            let Some(message) = arrived.as_ref().and_then(|arrived| self.message(arrived)) else {
                continue;
            };
            if let Some(found) = wanted(message) {
                return Ok(Some(found));
            }
            self.answer(message);
        }
        Ok(None)
    }

    fn message(&self, arrived: &Arrived) -> Option<Message> {
        let frame = Frame::read(&arrived.octets)?;
        let ours = arrived.vlan.or(frame.vlan) == self.vlan && frame.from != self.mac;
        neighbour::read(&frame).filter(|_| ours)
    }

    /// Tells whoever asks for an address of ours. Nobody is told while the address is probed for:
    /// that would be a conflict, which `claim` reports.
    fn answer(&self, message: Message) {
        if let Message::Who { target, from, mac } = message
            && self.addresses.contains(&target)
            && !self.own
        {
            let answer = neighbour::here(target, self.mac, (from, mac), self.vlan);
            // Whoever asked will ask again.
            let _ = self.socket.send(&answer);
        }
    }

    fn is_deserted_since(&self, since: Instant) -> bool {
        let heard = || self.at(&self.heard) >= since;
        if self.gone.load(Ordering::Relaxed) {
            return true;
        }
        for _ in 0..ATTEMPTS {
            if heard() {
                return false;
            }
            // A frame that cannot be sent is not answered either.
            let _ = self.ask(self.way.next_hop, self.own_address());
            let end = Instant::now() + ANSWER;
            while Instant::now() < end && !heard() {
                thread::sleep(GRAIN);
            }
        }
        self.gone.store(!heard(), Ordering::Relaxed);
        !heard()
    }

    fn time_neighbour(&self) -> io::Result<Option<Duration>> {
        let asked = Instant::now();
        let question = neighbour::who(self.way.next_hop, self.own_address(), self.mac, self.vlan);
        self.socket.send(&question)?;
        while asked.elapsed() < ANSWER {
            let heard = self.at(&self.heard);
            if heard > asked {
                return Ok(Some(heard - asked));
            }
            thread::sleep(GRAIN);
        }
        Ok(None)
    }

    fn read_until(&self, stop: &AtomicBool) {
        let mut buffer = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            match self.socket.receive(&mut buffer) {
                Ok(Some(arrived)) => self.take_in(&arrived),
                Ok(None) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {
                    self.broken.store(true, Ordering::Relaxed);
                }
                Err(_) => {
                    self.broken.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    fn take_in(&self, arrived: &Arrived) {
        let Some(frame) = Frame::read(&arrived.octets) else {
            return;
        };
        if arrived.vlan.or(frame.vlan) != self.vlan || frame.from == self.mac {
            return;
        }
        if frame.from == self.device_mac {
            self.note(&self.heard);
        }
        if let Some(message) = neighbour::read(&frame) {
            return self.answer(message);
        }
        let is_ip = [EtherTypes::Ipv4, EtherTypes::Ipv6].contains(&frame.ethertype);
        if frame.to != self.mac || !is_ip {
            return;
        }
        let Some(packet) = address::trimmed(frame.payload) else {
            return;
        };
        self.note(&self.brought);
        let Some(mailbox) = self.mailbox_of(packet) else {
            return;
        };
        if arrived.unfinished {
            self.unfinished.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(size) = arrived.segment {
            for segment in segments::cut(packet, size) {
                mailbox.put((arrived.stamp, segment));
            }
            return;
        }
        let mut packet = packet.to_vec();
        if arrived.unfinished {
            address::finish_checksum(&mut packet);
        }
        mailbox.put((arrived.stamp, packet));
    }

    fn mailbox_of(&self, packet: &[u8]) -> Option<Arc<Mailbox>> {
        let end = address::tester_end(packet)?;
        let mailboxes = self.mailboxes();
        if let Some(mailbox) = mailboxes.get(&end) {
            return Some(Arc::clone(mailbox));
        }
        self.crowd?.number_of(end.ip())?;
        mailboxes.get(&address::source_end(packet)?).cloned()
    }

    fn count_dropped(&self) -> u64 {
        // Reading resets the kernel's counter. One that cannot be read proves no loss.
        let new = self.socket.dropped().unwrap_or_default();
        self.dropped.fetch_add(new, Ordering::Relaxed) + new
    }
}

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// A locally administered address for one station. Two testers with one seed differ by the
/// addresses that they speak from.
fn link_layer_address(plan: &Plan) -> MacAddr {
    let mut hasher = SipHasher13::new_with_keys(plan.seed, 0);
    plan.addresses.hash(&mut hasher);
    let mut octets = [0x02; 6];
    octets[1..].copy_from_slice(&hasher.finish().to_be_bytes()[..5]);
    octets.into()
}
