//! netstack3's sockets as an application uses them.
//!
//! All are IPv6 sockets that also speak IPv4, by addresses that map it: what an application gets
//! from Fuchsia that opens one socket for both.

use super::bindings::{Allocator, Bindings, TheLink};
use super::buffers::Inbox;
use super::settings;
use crate::device::foreign::{Outcome, Received, Stack};
use crate::device::{FourTuple, LinkInfo, Seen};
use crate::spec::case::{SocketSettings, State};
use net_types::ip::{AddrSubnet, Ip as _, Ipv4, Ipv6, Ipv6Addr, Mtu, Subnet};
use net_types::{SpecifiedAddr, Witness, ZonedAddr};
use netstack3_core::device::{
    DeviceId, PureIpDevice, PureIpDeviceCreationProperties, PureIpDeviceId,
    PureIpDeviceReceiveFrameMetadata, WeakDeviceId,
};
use netstack3_core::ip::{IidSecret, IpDeviceConfigurationUpdate, Ipv6DeviceConfigurationUpdate};
use netstack3_core::routes::{AddableEntry, AddableMetric, Generation, RawMetric};
use netstack3_core::socket::{IpSocketMatcher, ShutdownType, SocketCookieMatcher};
use netstack3_core::tcp::{
    ConnectionError, TcpSocketDiagnosticTuple, TcpSocketDiagnostics, TcpSocketId, TcpSocketState,
};
use netstack3_core::{ChecksumOffloadSpec, NetworkParsingContext, StackState, StackStateBuilder};
use packet::Buf;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Socket = TcpSocketId<Ipv6, WeakDeviceId<Bindings>, Bindings>;

/// One instance of netstack3, with all sockets of a case.
pub(super) struct Sockets {
    pub(super) bindings: Bindings,
    core: StackState<Bindings>,
    link: Option<PureIpDeviceId<Bindings>>,
    listeners: Vec<Listener>,
    connections: Vec<Connection>,
    /// It is at work, or has panicked.
    pub(super) busy: bool,
}

/// A passive OPEN.
struct Listener {
    local: SocketAddr,
    socket: Socket,
}

/// A connection that the application has.
struct Connection {
    /// `None` once it was given up.
    socket: Option<Socket>,
    /// Names the socket also after that.
    cookie: u64,
    inbox: Inbox,
    /// The application has closed its side.
    shut: bool,
    /// The peer has closed its side.
    finished: bool,
    /// The application knows that it has ended.
    told: bool,
}

impl Connection {
    /// What a read gives when all is read.
    fn at_end(&self) -> Received {
        if self.finished {
            Received::Eof
        } else {
            Received::Gone
        }
    }
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sockets").finish_non_exhaustive()
    }
}

impl Sockets {
    /// An instance with one link, on which it has the device's address.
    pub(super) fn new(link: &LinkInfo, seed: u64) -> Outcome<Self> {
        let mut bindings = Bindings::new(seed);
        let core = core(&mut bindings);
        let properties = PureIpDeviceCreationProperties {
            mtu: Mtu::new(u32::from(link.mtu)),
            tx_offload_spec: ChecksumOffloadSpec::default(),
        };
        let id = core
            .api(&mut bindings)
            .device::<PureIpDevice>()
            .add_device(TheLink, properties, METRIC, TheLink, Allocator);
        let mut sockets = Self {
            bindings,
            core,
            link: Some(id.clone()),
            listeners: Vec::new(),
            connections: Vec::new(),
            busy: false,
        };
        sockets.configure(&id.into(), link)?;
        Ok(sockets)
    }

    /// Gives the link its address and routes everything over it. Neighbour discovery, address
    /// configuration and group membership are off: the tester has no word for their packets.
    fn configure(&mut self, id: &DeviceId<Bindings>, link: &LinkInfo) -> Outcome<()> {
        let Self { core, bindings, .. } = self;
        let enabled = IpDeviceConfigurationUpdate {
            ip_enabled: Some(true),
            gmp_enabled: Some(false),
            dad_transmits: Some(None),
            ..IpDeviceConfigurationUpdate::default()
        };
        match link.device {
            IpAddr::V4(device) => {
                let update = enabled.into();
                let mut api = core.api(&mut *bindings).device_ip::<Ipv4>();
                said(api.update_configuration(id, update))?;
                let subnet = said(AddrSubnet::new(device.into(), 24))?;
                let mut api = core.api(&mut *bindings).device_ip::<Ipv4>();
                said(api.add_ip_addr_subnet(id, subnet))?;
                let subnet = said(Subnet::new(Ipv4::UNSPECIFIED_ADDRESS, 0))?;
                let route = AddableEntry::without_gateway(subnet, id.clone(), ROUTE);
                let mut routes = core.api(&mut *bindings).routes::<Ipv4>();
                let table = routes.main_table_id();
                let route = route.resolve_metric(METRIC);
                routes.set_routes(&table, vec![route.with_generation(Generation::initial())]);
            }
            IpAddr::V6(device) => {
                let update = Ipv6DeviceConfigurationUpdate {
                    max_router_solicitations: Some(None),
                    ip_config: enabled,
                    ..Ipv6DeviceConfigurationUpdate::default()
                };
                let mut api = core.api(&mut *bindings).device_ip::<Ipv6>();
                said(api.update_configuration(id, update))?;
                let subnet = said(AddrSubnet::new(device.into(), 64))?;
                let mut api = core.api(&mut *bindings).device_ip::<Ipv6>();
                said(api.add_ip_addr_subnet(id, subnet))?;
                let subnet = said(Subnet::new(Ipv6::UNSPECIFIED_ADDRESS, 0))?;
                let route = AddableEntry::without_gateway(subnet, id.clone(), ROUTE);
                let mut routes = core.api(&mut *bindings).routes::<Ipv6>();
                let table = routes.main_table_id();
                let route = route.resolve_metric(METRIC);
                routes.set_routes(&table, vec![route.with_generation(Generation::initial())]);
            }
        }
        Ok(())
    }

    /// A packet from the tester.
    pub(super) fn receive(&mut self, packet: &[u8]) {
        let Some(device_id) = self.link.clone() else {
            return;
        };
        let ip_version = match packet.first().map(|octet| octet >> 4) {
            Some(4) => net_types::ip::IpVersion::V4,
            _ => net_types::ip::IpVersion::V6,
        };
        let meta = PureIpDeviceReceiveFrameMetadata {
            device_id,
            ip_version,
            parsing_context: NetworkParsingContext::default(),
        };
        let mut api = self.core.api(&mut self.bindings).device::<PureIpDevice>();
        api.receive_frame(meta, Buf::new(packet.to_vec(), ..));
    }

    /// Lets the timers expire that are due.
    pub(super) fn expire(&mut self) {
        while let Some((dispatch, id)) = self.bindings.timers.expire(self.bindings.now) {
            self.core.api(&mut self.bindings).handle_timer(dispatch, id);
        }
    }

    /// The state of a connection by its two ends, whoever has it.
    pub(super) fn state_of(&mut self, tuple: FourTuple) -> Option<State> {
        let mut found: Vec<TcpSocketDiagnostics<Ipv6, _>> = Vec::new();
        let every: &[IpSocketMatcher<()>] = &[];
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        api.bound_sockets_diagnostics(every, &mut found, false);
        let (device, tester) = (mapped(tuple.device.ip()), mapped(tuple.tester.ip()));
        let mut states = found.iter().filter_map(|socket| match socket.tuple {
            TcpSocketDiagnosticTuple::Connected {
                src_addr,
                src_port,
                dst_addr,
                dst_port,
            } => {
                let ends = (src_addr, src_port.get(), dst_addr, dst_port.get());
                let wanted = (device, tuple.device.port(), tester, tuple.tester.port());
                (ends == wanted).then(|| state_named(socket.state_machine))
            }
            TcpSocketDiagnosticTuple::Bound { .. } => None,
        });
        states.find(|state| *state != State::Closed)
    }

    fn connection(&mut self, id: usize) -> Outcome<(&mut Connection, Socket)> {
        let connection = &mut self.connections[id];
        let socket = connection.socket.clone();
        let socket = socket.ok_or_else(|| "the socket is closed".to_owned())?;
        Ok((connection, socket))
    }

    /// A socket with these settings, bound to the device's end.
    fn open(&mut self, local: SocketAddr, inbox: Inbox, set: &SocketSettings) -> Outcome<Socket> {
        let socket = self
            .core
            .api(&mut self.bindings)
            .tcp::<Ipv6>()
            .create(inbox);
        self.apply(&socket, set);
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        let bound = said(api.set_reuseaddr(&socket, true)).and_then(|()| {
            said(api.bind(&socket, zoned(local.ip()), NonZeroU16::new(local.port())))
        });
        if let Err(why) = bound {
            api.close(socket);
            return Err(why);
        }
        Ok(socket)
    }

    fn apply(&mut self, socket: &Socket, set: &SocketSettings) {
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        api.with_socket_options_mut(socket, |options| settings::apply(options, set));
        if let Some(size) = set.sndbuf {
            api.set_send_buffer_size(socket, size as usize);
        }
        if let Some(size) = set.rcvbuf {
            api.set_receive_buffer_size(socket, size as usize);
        }
    }

    fn own(&mut self, socket: Socket, inbox: Inbox) -> usize {
        self.connections.push(Connection {
            cookie: socket.socket_cookie().export_value(),
            socket: Some(socket),
            inbox,
            shut: false,
            finished: false,
            told: false,
        });
        self.connections.len() - 1
    }

    /// Takes all resources back, in the order that netstack3 wants: sockets, routes, the link.
    fn give_back(&mut self) {
        let every: &[IpSocketMatcher<()>] = &[];
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        api.disconnect_bound(every);
        let listeners = self.listeners.drain(..).map(|it| it.socket);
        let connections = self.connections.drain(..).filter_map(|it| it.socket);
        for socket in listeners.chain(connections) {
            let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
            api.close(socket);
        }
        let mut routes = self.core.api(&mut self.bindings).routes::<Ipv4>();
        let table = routes.main_table_id();
        routes.set_routes(&table, Vec::new());
        let mut routes = self.core.api(&mut self.bindings).routes::<Ipv6>();
        let table = routes.main_table_id();
        routes.set_routes(&table, Vec::new());
        if let Some(link) = self.link.take() {
            let mut api = self.core.api(&mut self.bindings).device::<PureIpDevice>();
            api.remove_device(link);
        }
    }

    fn state_now(&mut self, socket: &Socket) -> State {
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        state_named(api.get_tcp_info(socket).state)
    }
}

impl Stack for Sockets {
    type Id = usize;

    fn listen(&mut self, local: SocketAddr, backlog: usize, set: &SocketSettings) -> Outcome<()> {
        let socket = self.open(local, Inbox::default(), set)?;
        let backlog = NonZeroUsize::new(backlog).unwrap_or(NonZeroUsize::MIN);
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        if let Err(why) = said(api.listen(&socket, backlog)) {
            api.close(socket);
            return Err(why);
        }
        self.listeners.push(Listener { local, socket });
        Ok(())
    }

    fn unlisten(&mut self, local: SocketAddr) {
        let ended = self.listeners.extract_if(.., |known| known.local == local);
        for listener in ended {
            let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
            api.close(listener.socket);
        }
    }

    fn accept(&mut self, local: SocketAddr) -> Option<(usize, FourTuple)> {
        let listener = self.listeners.iter().find(|known| known.local == local)?;
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        let (socket, remote, inbox) = api.accept(&listener.socket).ok()?;
        let ip = std::net::Ipv6Addr::from(remote.ip.addr().get().segments());
        let tester = SocketAddr::new(ip.to_canonical(), remote.port.get());
        let device = local;
        Some((self.own(socket, inbox), FourTuple { tester, device }))
    }

    fn connect(&mut self, tuple: FourTuple, set: &SocketSettings) -> Outcome<usize> {
        let inbox = Inbox::default();
        let socket = self.open(tuple.device, inbox.clone(), set)?;
        let port = NonZeroU16::new(tuple.tester.port()).ok_or("port 0")?;
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        if let Err(why) = said(api.connect(&socket, zoned(tuple.tester.ip()), port)) {
            api.close(socket);
            return Err(why);
        }
        Ok(self.own(socket, inbox))
    }

    fn recv(&mut self, id: usize, buffer: &mut [u8]) -> Received {
        let connection = &mut self.connections[id];
        let count = connection.inbox.take(buffer);
        let Some(socket) = connection.socket.clone() else {
            return connection.at_end();
        };
        if count > 0 {
            let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
            api.on_receive_buffer_read(&socket);
            return Received::Octets(count);
        }
        let state = self.state_now(&socket);
        let connection = &mut self.connections[id];
        connection.finished |= has_seen_fin(state);
        let ended = connection.finished || state == State::Closed;
        if !ended || !connection.inbox.is_empty() {
            return Received::Nothing;
        }
        let end = connection.at_end();
        if state == State::TimeWait && connection.shut {
            // Both sides are closed: no application keeps such a socket.
            let _ = self.close(id);
        }
        end
    }

    fn send(&mut self, id: usize, octets: &[u8]) -> Outcome<usize> {
        let (connection, socket) = self.connection(id)?;
        if connection.shut {
            return Err("the sending side is closed".to_owned());
        }
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        let taken = api.with_send_buffer(&socket, |outbox| outbox.put(octets));
        let taken = taken.ok_or("there is no connection")?;
        api.do_send(&socket);
        Ok(taken)
    }

    fn shutdown(&mut self, id: usize) -> Outcome<()> {
        let (connection, socket) = self.connection(id)?;
        connection.shut = true;
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        said(api.shutdown(&socket, ShutdownType::Send)).map(|_| ())
    }

    fn close(&mut self, id: usize) -> Outcome<()> {
        if let Some(socket) = self.connections[id].socket.take() {
            self.core
                .api(&mut self.bindings)
                .tcp::<Ipv6>()
                .close(socket);
        }
        Ok(())
    }

    /// netstack3 has no linger option: what aborts a connection is what Fuchsia offers to have a
    /// socket destroyed, which sends the RST.
    fn abort(&mut self, id: usize) -> Outcome<()> {
        let this = IpSocketMatcher::<()>::Cookie(SocketCookieMatcher {
            cookie: self.connections[id].cookie,
            invert: false,
        });
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        api.disconnect_bound(&this);
        self.close(id)
    }

    fn set(&mut self, id: usize, set: &SocketSettings) -> Outcome<()> {
        let (_, socket) = self.connection(id)?;
        self.apply(&socket, set);
        // Timers and what Nagle's algorithm holds back follow the options from here.
        self.core
            .api(&mut self.bindings)
            .tcp::<Ipv6>()
            .do_send(&socket);
        Ok(())
    }

    fn state(&mut self, id: usize) -> State {
        let socket = self.connections[id].socket.clone();
        socket.map_or(State::Closed, |socket| self.state_now(&socket))
    }

    fn ending(&mut self, id: usize) -> Option<Seen> {
        if self.connections[id].told || self.state(id) != State::Closed {
            return None;
        }
        let (connection, socket) = self.connection(id).ok()?;
        connection.told = true;
        let mut api = self.core.api(&mut self.bindings).tcp::<Ipv6>();
        api.get_socket_error(&socket).and_then(seen_of)
    }
}

impl Drop for Sockets {
    /// Where netstack3 has panicked its locks are not to be touched again: what it has is lost.
    fn drop(&mut self) {
        let is_sound = !self.busy;
        if is_sound && catch_unwind(AssertUnwindSafe(|| self.give_back())).is_ok() {
            return;
        }
        let empty = core(&mut Bindings::new(0));
        std::mem::forget(std::mem::replace(&mut self.core, empty));
    }
}

/// An instance without links.
fn core(bindings: &mut Bindings) -> StackState<Bindings> {
    let mut builder = StackStateBuilder::default();
    // For addresses that are configured by themselves, of which there are none.
    let key = IidSecret::new([0; 32]);
    builder.ipv6_builder().slaac_stable_secret_key(key);
    builder.build_with_ctx(bindings)
}

const METRIC: RawMetric = RawMetric(0);
const ROUTE: AddableMetric = AddableMetric::ExplicitMetric(METRIC);

fn said<T, E: std::fmt::Debug>(result: Result<T, E>) -> Outcome<T> {
    result.map_err(|error| format!("{error:?}"))
}

/// The address as an IPv6 socket knows it.
fn mapped(address: IpAddr) -> Ipv6Addr {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    address.into()
}

fn zoned(address: IpAddr) -> Option<ZonedAddr<SpecifiedAddr<Ipv6Addr>, DeviceId<Bindings>>> {
    SpecifiedAddr::new(mapped(address)).map(ZonedAddr::Unzoned)
}

fn has_seen_fin(state: State) -> bool {
    matches!(
        state,
        State::CloseWait | State::Closing | State::LastAck | State::TimeWait
    )
}

/// What the application is told of a connection that ended so.
fn seen_of(error: ConnectionError) -> Option<Seen> {
    match error {
        ConnectionError::ConnectionRefused
        | ConnectionError::PortUnreachable
        | ConnectionError::ProtocolUnreachable => Some(Seen::Refused),
        ConnectionError::TimedOut
        | ConnectionError::NetworkUnreachable
        | ConnectionError::HostUnreachable
        | ConnectionError::DestinationHostDown => Some(Seen::Timeout),
        ConnectionError::Aborted => None,
        _ => Some(Seen::Reset),
    }
}

fn state_named(state: TcpSocketState) -> State {
    match state {
        TcpSocketState::Close => State::Closed,
        TcpSocketState::Listen => State::Listen,
        TcpSocketState::SynSent => State::SynSent,
        TcpSocketState::SynRecv => State::SynReceived,
        TcpSocketState::Established => State::Established,
        TcpSocketState::FinWait1 => State::FinWait1,
        TcpSocketState::FinWait2 => State::FinWait2,
        TcpSocketState::CloseWait => State::CloseWait,
        TcpSocketState::Closing => State::Closing,
        TcpSocketState::LastAck => State::LastAck,
        TcpSocketState::TimeWait => State::TimeWait,
    }
}

#[cfg(test)]
mod tests;
