//! netstack3, the network stack of Fuchsia, on the virtual clock.
//!
//! It is the core of that stack with the host's part written here: one link that carries IP
//! packets, the settings that netstack3 itself has as defaults, and buffers of 64 KiB, for which
//! it has none.
//!
//! It keeps no clock: timers are handed to its host, [`Simulated::next_deadline`] is the first of
//! them. Where it panics the case is inconclusive, with the words of the panic.

mod bindings;
mod buffers;
mod clock;
mod settings;
mod sockets;

use super::application::Application;
use crate::device::{
    AppCall, ConnId, Device, DeviceError, FourTuple, InProcess, LinkInfo, Output, Refused, Setup,
    Simulated,
};
use crate::spec::case::{Family, State};
use crate::time::Instant;
use clock::Moment;
use sockets::Sockets;

/// Largest IP packet on the link, octets.
const MTU: u16 = 1500;
/// More rounds than this at one instant mean that netstack3 and its application chase each other.
const MOST_ROUNDS: u32 = 100_000;

/// The device `netstack3`.
pub const DEVICE: InProcess = InProcess {
    name: "netstack3",
    identity: "netstack3-core-0.1.0",
    unfit: settings::unfit,
    make: |_, family| Ok(Box::new(Netstack3::new(family)?)),
};

/// netstack3 and its application.
#[derive(Debug)]
pub struct Netstack3 {
    link: LinkInfo,
    sockets: Sockets,
    application: Option<Application<usize>>,
}

impl Netstack3 {
    /// A device on a link of this IP version. The error is netstack3's, where it does not take the
    /// link.
    pub fn new(family: Family) -> Result<Self, String> {
        let link = LinkInfo::in_memory(family, MTU);
        Ok(Self {
            link,
            sockets: Sockets::new(&link, 0)?,
            application: None,
        })
    }

    /// Lets netstack3 work at `now`. After a panic it stays busy.
    fn work<T>(&mut self, now: Instant, act: impl FnOnce(&mut Self) -> T) -> T {
        self.sockets.bindings.now = Moment(now);
        self.sockets.busy = true;
        let done = act(self);
        self.sockets.busy = false;
        done
    }

    /// Gives what came out, or lets the application act until something does.
    fn next_output(&mut self, now: Instant) -> Result<Option<Output>, DeviceError> {
        for _ in 0..MOST_ROUNDS {
            if let Some(packet) = self.sockets.bindings.outward.pop_front() {
                return Ok(Some(Output::Packet { at: now, packet }));
            }
            let Some(application) = &mut self.application else {
                return Ok(None);
            };
            if !application.act(&mut self.sockets) && self.sockets.bindings.outward.is_empty() {
                return Ok(application.next_seen());
            }
        }
        Err(DeviceError {
            what: "poll netstack3",
            source: std::io::Error::other(format!("it wants more after {MOST_ROUNDS} rounds")),
        })
    }
}

impl Device for Netstack3 {
    fn link(&self) -> LinkInfo {
        self.link
    }

    fn setup(&mut self, now: Instant, setup: &Setup) -> Result<(), DeviceError> {
        self.sockets = Sockets::new(&self.link, setup.seed).map_err(|error| DeviceError {
            what: "set netstack3 up",
            source: std::io::Error::other(error),
        })?;
        self.sockets.bindings.now = Moment(now);
        self.application = Some(Application::new(setup));
        Ok(())
    }

    fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        if let Some(application) = &mut self.application {
            application.attach(conn, tuple);
        }
    }

    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.work(now, |device| device.sockets.receive(packet));
        Ok(now)
    }

    fn call(&mut self, now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        self.work(now, |device| match &mut device.application {
            Some(application) => application.call(&mut device.sockets, conn, call),
            None => Err(Refused::Failed("no case has begun".to_owned())),
        })
    }

    fn poll(&mut self, now: Instant) -> Result<Option<Output>, DeviceError> {
        self.work(now, |device| device.next_output(now))
    }

    fn state(&mut self, _now: Instant, conn: ConnId) -> Option<State> {
        let application = self.application.as_ref()?;
        application.state_of(conn, |tuple| self.sockets.state_of(tuple))
    }
}

impl Simulated for Netstack3 {
    fn next_deadline(&self) -> Option<Instant> {
        self.sockets.bindings.timers.next().map(|moment| moment.0)
    }

    fn on_timeout(&mut self, now: Instant) {
        self.work(now, |device| device.sockets.expire());
    }
}
