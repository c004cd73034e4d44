//! This machine's own TCP as a device: a private network namespace, a private link, real sockets,
//! the real clock. No root is needed, and nothing of the machine's network is touched.
//!
//! One value is one case: the thread that makes it moves into a fresh network namespace, where the
//! profile's kernel settings are pinned. It judges nothing, and it waits for nothing: whoever
//! drives it does.

pub(crate) mod application;
mod connection;
mod counters;
mod diag;
pub mod namespace;
pub(crate) mod settings;
pub(crate) mod sockets;
mod states;
pub mod sysctls;

use super::{
    AppCall, ConnId, Device, DeviceError, FourTuple, LinkInfo, Output, Refused, Setup, Waitable,
};
use crate::link::clock::CaseClock;
use crate::link::packet_socket::Tapped;
use crate::link::{self, Kind, Link};
use crate::spec::case::{Family, State};
use crate::time::Instant;
use application::Manner;
use nix::errno::Errno;
use sockets::Sockets;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// The kernel of this machine, in the middle of one case.
///
/// Closing its link makes the kernel wait for all its processors, 15 ms and more: drop it where
/// nobody waits.
#[derive(Debug)]
pub struct Kernel {
    clock: CaseClock,
    info: LinkInfo,
    link: Link,
    sockets: Sockets,
    packets: VecDeque<(Instant, Vec<u8>)>,
    injected: Option<Instant>,
}

impl Kernel {
    /// Moves the calling thread into a fresh network namespace and makes a link there.
    pub fn start(
        kind: Kind,
        family: Family,
        pinned: &[(String, String)],
    ) -> Result<Self, DeviceError> {
        namespace::enter_fresh_network().map_err(|error| DeviceError {
            what: error.what,
            source: error.source,
        })?;
        pin(pinned)?;
        let link = Link::create(kind, family).map_err(broken("make the link"))?;
        let sockets = Sockets::new(link.as_fd())?;
        Ok(Self {
            info: link::info(family),
            link,
            sockets,
            clock: CaseClock::start(),
            packets: VecDeque::new(),
            injected: None,
        })
    }

    /// The clock of the case, by which packets are stamped.
    pub fn clock(&self) -> CaseClock {
        self.clock
    }

    /// What answers: `linux-6.18.44`.
    pub fn identity() -> String {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        format!("linux-{}", release.trim())
    }

    /// Takes over what the tap has: the device's packets, and the stamps of the tester's.
    fn drain_tap(&mut self) -> Result<(), DeviceError> {
        while let Some((tapped, from_device)) =
            self.link.receive().map_err(broken("read from the link"))?
        {
            let Tapped { stamp, packet, .. } = tapped;
            let at = self.clock.at_stamp(stamp);
            if !from_device {
                self.injected.get_or_insert(at);
            } else if !is_multicast(&packet) {
                self.packets.push_back((at, packet));
            }
        }
        Ok(())
    }
}

impl Device for Kernel {
    fn link(&self) -> LinkInfo {
        self.info
    }

    fn setup(&mut self, _now: Instant, setup: &Setup) -> Result<(), DeviceError> {
        settings::apply_system(&setup.set).map_err(broken("change a kernel setting"))?;
        if setup.second_address {
            let second = self.link().second_address();
            link::add_address(second).map_err(broken("give the device a second address"))?;
        }
        self.sockets.behave(Manner {
            accepts: setup.accepts,
            reads: setup.reads,
            backlog: setup.backlog,
            set: setup.set.clone(),
        });
        Ok(())
    }

    fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        self.sockets.attach(conn, tuple);
    }

    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.drain_tap()?;
        self.injected = None;
        self.link.send(packet).map_err(broken("inject a packet"))?;
        self.drain_tap()?;
        // Without a stamp of its own it was on the link some time between these two.
        Ok(self.injected.take().unwrap_or(now))
    }

    fn call(&mut self, _now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        self.sockets.call(conn, call)
    }

    fn poll(&mut self, _now: Instant) -> Result<Option<Output>, DeviceError> {
        self.drain_tap()?;
        if let Some((at, packet)) = self.packets.pop_front() {
            return Ok(Some(Output::Packet { at, packet }));
        }
        let seen = self.sockets.next_seen();
        let seen = seen.map_err(broken("ask the application's sockets"))?;
        Ok(seen.map(|(conn, event)| Output::App { conn, event }))
    }

    fn state(&mut self, _now: Instant, conn: ConnId) -> Option<State> {
        self.sockets.state(conn)
    }

    fn info(&mut self, _now: Instant, conn: ConnId, field: &str) -> Option<i64> {
        self.sockets.info(conn, field)
    }

    fn counter(&mut self, _now: Instant, name: &str) -> Option<i64> {
        self.sockets.counter(name)
    }

    fn dropped(&mut self) -> u64 {
        // A tap that cannot tell has not lost nothing for certain.
        self.link.dropped().unwrap_or(1)
    }
}

impl Waitable for Kernel {
    fn readiness(&self) -> BorrowedFd<'_> {
        self.sockets.as_fd()
    }
}

/// Pins kernel settings. One that this kernel does not have yet cannot be on either.
fn pin(settings: &[(String, String)]) -> Result<(), DeviceError> {
    let what = "pin a kernel setting";
    let folder = sysctls::Folder::open().map_err(broken(what))?;
    for (name, value) in settings {
        match folder.set(name, value) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                let text = format!("{name} = {value}: {source}");
                let source = io::Error::new(source.kind(), text);
                return Err(DeviceError { what, source });
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// What a host says to everybody (group reports, solicitations) is not an answer to us; a segment
/// of TCP is, wherever it goes.
fn is_multicast(packet: &[u8]) -> bool {
    const TCP: u8 = libc::IPPROTO_TCP as u8;
    match packet.first().map(|first| first >> 4) {
        Some(4) => packet.get(16).is_some_and(|first| first >> 4 == 14) && packet[9] != TCP,
        Some(6) => packet.get(24) == Some(&0xff) && packet[6] != TCP,
        _ => false,
    }
}

fn broken<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> DeviceError {
    move |source| DeviceError {
        what,
        source: source.into(),
    }
}

/// An error of the kernel, as its name and its words: `EADDRINUSE: Address already in use`.
fn failed(error: &io::Error) -> Refused {
    Refused::Failed(match error.raw_os_error() {
        Some(number) => {
            let errno = Errno::from_raw(number);
            format!("{errno:?}: {}", errno.desc())
        }
        None => error.to_string(),
    })
}

#[cfg(test)]
mod tests;
