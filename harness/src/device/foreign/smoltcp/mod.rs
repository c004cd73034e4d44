//! smoltcp, the TCP of many embedded systems in Rust, on the virtual clock.
//!
//! It is what a user gets who changes nothing: the default limits, no congestion control (Reno and
//! CUBIC are cargo features of it, and off), and no time stamps, which are not supported, its
//! documentation says.
//!
//! [`Simulated::next_deadline`] is what smoltcp's `poll_at` says. A deadline that has passed though
//! everything was just polled means "again, at once"; virtual time goes on by a millisecond then.

mod settings;
mod sockets;
mod wire;

use super::application::Application;
use crate::device::{
    AppCall, ConnId, Device, DeviceError, FourTuple, InProcess, LinkInfo, Output, Refused, Setup,
    Simulated,
};
use crate::spec::case::{Family, State};
use crate::time::Instant;
use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use sockets::{Cause, Sockets};
use std::net::IpAddr;
use wire::Wire;

/// Largest IP packet on the link, octets.
const MTU: u16 = 1500;
/// More rounds than this at one instant mean that smoltcp and its application chase each other.
const MOST_ROUNDS: u32 = 100_000;

/// The device `smoltcp`.
pub const DEVICE: InProcess = InProcess {
    name: "smoltcp",
    identity: "smoltcp-0.14.0",
    unfit: settings::unfit,
    make: |_, family| Ok(Box::new(Smoltcp::new(family))),
};

/// smoltcp and its application.
#[derive(Debug)]
pub struct Smoltcp {
    link: LinkInfo,
    wire: Wire,
    sockets: Sockets,
    application: Option<Application<SocketHandle>>,
    deadline: Option<Instant>,
}

impl Smoltcp {
    /// A device on a link of this IP version.
    pub fn new(family: Family) -> Self {
        let link = LinkInfo::in_memory(family, MTU);
        let mut wire = Wire::default();
        let iface = interface(&mut wire, &link, 0);
        Self {
            link,
            wire,
            sockets: Sockets::new(iface),
            application: None,
            deadline: None,
        }
    }

    /// Sends everything that is due, then lets the application act, until nothing moves any more.
    fn settle(&mut self, now: Instant) -> Result<(), DeviceError> {
        let time = at(now);
        for _ in 0..MOST_ROUNDS {
            let Sockets { iface, set, .. } = &mut self.sockets;
            let sent = iface.poll_egress(time, &mut self.wire, set);
            self.sockets.notice(Cause::Time);
            if sent == PollResult::SocketStateChanged {
                continue;
            }
            let application = self.application.as_mut();
            if !application.is_some_and(|it| it.act(&mut self.sockets)) {
                return Ok(());
            }
        }
        Err(DeviceError {
            what: "poll smoltcp",
            source: std::io::Error::other(format!("it wants more after {MOST_ROUNDS} rounds")),
        })
    }

    fn plan(&mut self, now: Instant) {
        let Sockets { iface, set, .. } = &mut self.sockets;
        let deadline = iface.poll_at(at(now), set);
        self.deadline = deadline.map(|deadline| {
            let micros = u64::try_from(deadline.total_micros()).unwrap_or(0);
            let deadline = Instant::from_nanos(micros.saturating_mul(1000));
            if deadline > now { deadline } else { soon(now) }
        });
    }
}

impl Device for Smoltcp {
    fn link(&self) -> LinkInfo {
        self.link
    }

    fn setup(&mut self, now: Instant, setup: &Setup) -> Result<(), DeviceError> {
        self.wire = Wire::default();
        let iface = interface(&mut self.wire, &self.link, setup.seed);
        self.sockets = Sockets::new(iface);
        self.application = Some(Application::new(setup));
        self.plan(now);
        Ok(())
    }

    fn attach(&mut self, conn: ConnId, tuple: FourTuple) {
        if let Some(application) = &mut self.application {
            application.attach(conn, tuple);
        }
    }

    fn inject(&mut self, now: Instant, packet: &[u8]) -> Result<Instant, DeviceError> {
        self.wire.inward.push_back(packet.to_vec());
        let Sockets { iface, set, .. } = &mut self.sockets;
        while iface.poll_ingress_single(at(now), &mut self.wire, set)
            != PollIngressSingleResult::None
        {}
        self.sockets.notice(Cause::Packet);
        Ok(now)
    }

    fn call(&mut self, _now: Instant, conn: ConnId, call: &AppCall) -> Result<(), Refused> {
        match &mut self.application {
            Some(application) => application.call(&mut self.sockets, conn, call),
            None => Err(Refused::Failed("no case has begun".to_owned())),
        }
    }

    fn poll(&mut self, now: Instant) -> Result<Option<Output>, DeviceError> {
        if self.wire.outward.is_empty() {
            self.settle(now)?;
        }
        if let Some(packet) = self.wire.outward.pop_front() {
            return Ok(Some(Output::Packet { at: now, packet }));
        }
        let seen = self.application.as_mut().and_then(Application::next_seen);
        if seen.is_none() {
            self.plan(now);
        }
        Ok(seen)
    }

    fn state(&mut self, _now: Instant, conn: ConnId) -> Option<State> {
        let application = self.application.as_ref()?;
        application.state_of(conn, |tuple| self.sockets.state_of(tuple))
    }
}

impl Simulated for Smoltcp {
    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// smoltcp's timers expire when it is polled.
    fn on_timeout(&mut self, _now: Instant) {}
}

/// The interface of the device, with nothing on it yet.
fn interface(wire: &mut Wire, link: &LinkInfo, seed: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut iface = Interface::new(config, wire, at(Instant::START));
    let (bits, device) = match link.device {
        IpAddr::V4(_) => (24, IpAddress::from(link.device)),
        IpAddr::V6(_) => (64, IpAddress::from(link.device)),
    };
    iface.update_ip_addrs(|addresses| {
        // There is room for one address.
        let _ = addresses.push(IpCidr::new(device, bits));
    });
    let routes = iface.routes_mut();
    // The table is empty, so that there is room for one route.
    let _ = match link.tester {
        IpAddr::V4(tester) => routes.add_default_ipv4_route(tester),
        IpAddr::V6(tester) => routes.add_default_ipv6_route(tester),
    };
    iface
}

/// A later point in time, where smoltcp asks to be polled again at once.
fn soon(now: Instant) -> Instant {
    now + std::time::Duration::from_millis(1)
}

fn at(now: Instant) -> smoltcp::time::Instant {
    let micros = i64::try_from(now.as_nanos() / 1000).unwrap_or(i64::MAX);
    smoltcp::time::Instant::from_micros(micros)
}
