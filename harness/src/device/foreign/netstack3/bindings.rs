//! What netstack3 asks of its host: a clock, timers, randomness, a link, buffers.
//!
//! netstack3 calls all of this its bindings. Those of its own tests panic where a resource outlives
//! its owner; these let it go. UDP, raw IP, ICMP echo and device sockets are never opened: what
//! their traits demand is here, and does nothing.

use super::buffers::{self, Inbox, Outbox};
use super::clock::{AtomicMoment, Moment, Timer, Timers};
use crate::seed::Sequence;
use crate::time::Instant;
use net_types::UnicastAddr;
use net_types::ethernet::Mac;
use net_types::ip::{Ip, IpVersion};
use netstack3_core::device::{
    DeviceBufferBindingsTypes, DeviceClassMatcher, DeviceId, DeviceIdAndNameMatcher,
    DeviceLayerEventDispatcher, DeviceLayerStateTypes, DeviceSendFrameError, EthernetDeviceId,
    EthernetLinkDevice, LoopbackDeviceId, PureIpDeviceId, ReceiveQueueBindingsContext,
    TransmitQueueBindingsContext, TxBufferAllocator, WeakDeviceId,
};
use netstack3_core::device_socket::{
    DeviceSocketBindingsContext, DeviceSocketTypes, Frame, ReceiveFrameError, SocketId,
};
use netstack3_core::error::AddressResolutionFailed;
use netstack3_core::filter::{
    FilterIpExt, FilterIpPacket, SocketEgressFilterResult, SocketInfo, SocketIngressFilterResult,
    SocketOpsFilter, SocketOpsFilterBindingContext,
};
use netstack3_core::icmp::{
    IcmpEchoBindingsContext, IcmpEchoBindingsTypes, IcmpEchoSettings, IcmpSocketId,
    ReceiveIcmpEchoError,
};
use netstack3_core::ip::{
    IpRoutingBindingsTypes, MarkDomain, Marks, MarksBindingsContext, RawIpSocketId,
    RawIpSocketsBindingsContext, RawIpSocketsBindingsTypes, ReceivePacketError,
};
use netstack3_core::neighbor::{LinkResolutionContext, LinkResolutionNotifier};
use netstack3_core::socket::SocketWritableListener;
use netstack3_core::sync::{DynDebugReferences, RcNotifier, RemoveResourceResultWithContext};
use netstack3_core::tcp::{
    BufferSizes, TcpBindingsTypes, TcpSettings, TcpSocketDestructionContext, TcpSocketDiagnostics,
};
use netstack3_core::types::BufferSizeSettings;
use netstack3_core::udp::{
    ReceiveUdpError, UdpBindingsTypes, UdpPacketMeta, UdpReceiveBindingsContext, UdpSettings,
    UdpSocketId,
};
use netstack3_core::*;
use packet::{Buf, BufferMut, FragmentedByteSlice};
use rand_core::{CryptoRng, RngCore};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Deref;
use zerocopy::SplitByteSlice;

/// Least and largest size of a buffer, octets, and the size where nobody asks for another: as large
/// as a window can be without window scale.
const SIZES: [usize; 3] = [1, 65_535, 16 << 20];

/// The host of one instance.
pub(super) struct Bindings {
    pub(super) now: Moment,
    pub(super) timers: Timers,
    /// Packets on their way to the tester.
    pub(super) outward: VecDeque<Vec<u8>>,
    randomness: Randomness,
    tcp: TcpSettings,
    udp: UdpSettings,
    echo: IcmpEchoSettings,
}

impl Bindings {
    pub(super) fn new(seed: u64) -> Self {
        let [min, default, max] =
            SIZES.map(|size| NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN));
        // The three sizes above are in order.
        let sizes = BufferSizeSettings::new(min, default, max).expect("sizes in order");
        Self {
            now: Moment(Instant::START),
            timers: Timers::default(),
            outward: VecDeque::new(),
            randomness: Randomness(Sequence::new(seed)),
            tcp: TcpSettings {
                receive_buffer: sizes,
                send_buffer: sizes,
            },
            udp: UdpSettings::default(),
            echo: IcmpEchoSettings::default(),
        }
    }
}

impl InstantBindingsTypes for Bindings {
    type Instant = Moment;
    type AtomicInstant = AtomicMoment;
}

impl InstantContext for Bindings {
    fn now(&self) -> Moment {
        self.now
    }
}

impl TimerBindingsTypes for Bindings {
    type Timer = Timer;
    type DispatchId = TimerId<Self>;
    type UniqueTimerId = u64;
}

impl TimerContext for Bindings {
    fn new_timer(&mut self, id: TimerId<Self>) -> Timer {
        self.timers.make(id)
    }

    fn schedule_timer_instant(&mut self, time: Moment, timer: &mut Timer) -> Option<Moment> {
        self.timers.start(time, timer)
    }

    fn cancel_timer(&mut self, timer: &mut Timer) -> Option<Moment> {
        self.timers.stop(timer)
    }

    fn scheduled_instant(&self, timer: &mut Timer) -> Option<Moment> {
        self.timers.expires(timer)
    }

    fn unique_timer_id(&self, timer: &Timer) -> u64 {
        timer.id()
    }
}

/// All that netstack3 takes by chance follows from the seed of the case.
#[derive(Debug)]
pub(super) struct Randomness(Sequence);

impl RngCore for Randomness {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, room: &mut [u8]) {
        for piece in room.chunks_mut(8) {
            piece.copy_from_slice(&self.next_u64().to_le_bytes()[..piece.len()]);
        }
    }
}

/// netstack3 wants a generator that nobody foresees. The tester may.
impl CryptoRng for Randomness {}

impl RngContext for Bindings {
    type Rng<'a> = &'a mut Randomness;

    fn rng(&mut self) -> &mut Randomness {
        &mut self.randomness
    }
}

/// Nobody listens to what netstack3 tells of neighbours, addresses and routers.
impl<T> EventContext<T> for Bindings {
    fn on_event(&mut self, _event: T) {}
}

impl SettingsContext<TcpSettings> for Bindings {
    fn settings(&self) -> impl Deref<Target = TcpSettings> + '_ {
        &self.tcp
    }
}

impl SettingsContext<UdpSettings> for Bindings {
    fn settings(&self) -> impl Deref<Target = UdpSettings> + '_ {
        &self.udp
    }
}

impl SettingsContext<IcmpEchoSettings> for Bindings {
    fn settings(&self) -> impl Deref<Target = IcmpEchoSettings> + '_ {
        &self.echo
    }
}

impl TcpBindingsTypes for Bindings {
    type ReceiveBuffer = Inbox;
    type SendBuffer = Outbox;
    type ReturnedBuffers = Inbox;
    type ListenerNotifierOrProvidedBuffers = Inbox;

    fn new_passive_open_buffers(sizes: BufferSizes) -> (Inbox, Outbox, Inbox) {
        buffers::passive(sizes)
    }
}

impl TcpSocketDestructionContext for Bindings {
    fn defer_tcp_socket_destruction<I, S>(&self, _result: RemoveResourceResultWithContext<S, Self>)
    where
        I: Ip,
        S: SocketDiagnosticsSeed<Output = TcpSocketDiagnostics<I, Moment>> + Send + 'static,
    {
    }
}

/// Is told when the last reference to a resource is gone, and does not care.
#[derive(Debug)]
pub(super) struct Unconcerned;

impl<T> RcNotifier<T> for Unconcerned {
    fn notify(&mut self, _resource: T) {}
}

impl ReferenceNotifiers for Bindings {
    type ReferenceReceiver<T: 'static> = ();
    type ReferenceNotifier<T: Send + 'static> = Unconcerned;

    fn new_reference_notifier<T: Send + 'static>(_: DynDebugReferences) -> (Unconcerned, ()) {
        (Unconcerned, ())
    }
}

impl DeferredResourceRemovalContext for Bindings {
    fn defer_removal<T: Send + 'static>(&mut self, (): ()) {}
}

// The link.

/// Names the device; there is one.
#[derive(Debug)]
pub(super) struct TheLink;

impl std::fmt::Display for TheLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("link")
    }
}

impl DeviceIdAndNameMatcher for TheLink {
    fn id_matches(&self, _id: &NonZeroU64) -> bool {
        false
    }

    fn name_matches(&self, _name: &str) -> bool {
        false
    }
}

impl DeviceClassMatcher<()> for TheLink {
    fn device_class_matches(&self, (): &()) -> bool {
        false
    }
}

/// Makes room for packets.
#[derive(Debug, Default)]
pub(super) struct Allocator;

impl TxBufferAllocator<Buf<Vec<u8>>> for Allocator {
    type Error = Infallible;

    fn alloc(&mut self, len: usize, _queue: usize) -> Result<Buf<Vec<u8>>, Infallible> {
        Ok(Buf::new(vec![0; len], ..))
    }
}

impl DeviceBufferBindingsTypes for Bindings {
    type TxBuffer = Buf<Vec<u8>>;
    type TxAllocator = Allocator;
}

impl DeviceLayerStateTypes for Bindings {
    type LoopbackDeviceState = TheLink;
    type EthernetDeviceState = TheLink;
    type PureIpDeviceState = TheLink;
    type BlackholeDeviceState = TheLink;
    type DeviceIdentifier = TheLink;
}

impl DeviceLayerEventDispatcher for Bindings {
    type DequeueContext = ();

    fn send_ethernet_frame(
        &mut self,
        _device: &EthernetDeviceId<Self>,
        _frame: Buf<Vec<u8>>,
        _dequeue: Option<&mut ()>,
        _offload: Option<ChecksumOffloadResult>,
    ) -> Result<(), DeviceSendFrameError> {
        Ok(())
    }

    fn send_ip_packet(
        &mut self,
        _device: &PureIpDeviceId<Self>,
        packet: Buf<Vec<u8>>,
        _version: IpVersion,
        _dequeue: Option<&mut ()>,
        _offload: Option<ChecksumOffloadResult>,
    ) -> Result<(), DeviceSendFrameError> {
        self.outward.push_back(packet.as_ref().to_vec());
        Ok(())
    }
}

impl ReceiveQueueBindingsContext<LoopbackDeviceId<Self>> for Bindings {
    fn wake_rx_task(&mut self, _device: &LoopbackDeviceId<Self>) {}
}

/// Packets are not queued: they go out at once.
impl<D> TransmitQueueBindingsContext<D> for Bindings {
    fn wake_tx_task(&mut self, _device: &D) {}
}

#[derive(Debug)]
pub(super) struct NoNeighbor;

impl LinkResolutionContext<EthernetLinkDevice> for Bindings {
    type Notifier = NoNeighbor;
}

impl LinkResolutionNotifier<EthernetLinkDevice> for NoNeighbor {
    type Observer = ();

    fn new() -> (Self, ()) {
        (Self, ())
    }

    fn notify(self, _result: Result<UnicastAddr<Mac>, AddressResolutionFailed>) {}
}

impl IpRoutingBindingsTypes for Bindings {
    type RoutingTableId = ();
}

impl MarksBindingsContext for Bindings {
    fn marks_to_keep_on_egress() -> &'static [MarkDomain] {
        &[]
    }

    fn marks_to_set_on_ingress() -> &'static [MarkDomain] {
        &[]
    }
}

impl MatcherBindingsTypes for Bindings {
    type DeviceClass = ();
    type BindingsPacketMatcher = Infallible;
}

impl TxMetadataBindingsTypes for Bindings {
    type TxMetadata = CoreTxMetadata<Self>;
}

/// Lets everything pass.
#[derive(Debug)]
pub(super) struct Unfiltered;

impl SocketOpsFilter<DeviceId<Bindings>> for Unfiltered {
    fn on_egress<I: FilterIpExt, P: FilterIpPacket<I>>(
        &self,
        _packet: &P,
        _device: &DeviceId<Bindings>,
        _socket: SocketInfo,
        _marks: &Marks,
    ) -> SocketEgressFilterResult {
        SocketEgressFilterResult::Pass { congestion: false }
    }

    fn on_ingress(
        &self,
        _version: IpVersion,
        _packet: FragmentedByteSlice<'_, &[u8]>,
        _header: usize,
        _device: &DeviceId<Bindings>,
        _socket: SocketInfo,
        _marks: &Marks,
    ) -> SocketIngressFilterResult {
        SocketIngressFilterResult::Accept
    }
}

impl SocketOpsFilterBindingContext<DeviceId<Self>> for Bindings {
    fn socket_ops_filter(&self) -> impl SocketOpsFilter<DeviceId<Self>> {
        Unfiltered
    }
}

// Sockets that nobody opens.

impl SocketWritableListener for Unconcerned {
    fn on_writable_changed(&mut self, _writable: bool) {}
}

impl UdpBindingsTypes for Bindings {
    type ExternalData<I: Ip> = ();
    type SocketWritableListener = Unconcerned;
}

impl<I: IpExt> UdpReceiveBindingsContext<I, DeviceId<Self>> for Bindings {
    fn receive_udp(
        &mut self,
        _socket: &UdpSocketId<I, WeakDeviceId<Self>, Self>,
        _device: &DeviceId<Self>,
        _meta: UdpPacketMeta<I>,
        _body: &[u8],
    ) -> Result<(), ReceiveUdpError> {
        Ok(())
    }

    fn on_socket_error(
        &mut self,
        _socket: &UdpSocketId<I, WeakDeviceId<Self>, Self>,
        _error: PendingDatagramSocketError,
    ) {
    }
}

impl IcmpEchoBindingsTypes for Bindings {
    type ExternalData<I: Ip> = ();
    type SocketWritableListener = Unconcerned;
}

impl<I: IpExt> IcmpEchoBindingsContext<I, DeviceId<Self>> for Bindings {
    fn receive_icmp_echo_reply<B: BufferMut>(
        &mut self,
        _socket: &IcmpSocketId<I, WeakDeviceId<Self>, Self>,
        _device: &DeviceId<Self>,
        _source: I::Addr,
        _destination: I::Addr,
        _id: u16,
        _data: B,
    ) -> Result<(), ReceiveIcmpEchoError> {
        Ok(())
    }
}

impl DeviceSocketTypes for Bindings {
    type SocketState<D: Send + Sync + std::fmt::Debug> = ();
}

impl DeviceSocketBindingsContext<DeviceId<Self>> for Bindings {
    fn receive_frame(
        &self,
        _socket: &SocketId<Self>,
        _device: &DeviceId<Self>,
        _frame: Frame<&[u8]>,
        _raw: &[u8],
    ) -> Result<(), ReceiveFrameError> {
        Ok(())
    }
}

impl RawIpSocketsBindingsTypes for Bindings {
    type RawIpSocketState<I: Ip> = ();
}

impl<I: IpExt> RawIpSocketsBindingsContext<I, DeviceId<Self>> for Bindings {
    fn receive_packet<B: SplitByteSlice>(
        &self,
        _socket: &RawIpSocketId<I, WeakDeviceId<Self>, Self>,
        _packet: &I::Packet<B>,
        _device: &DeviceId<Self>,
    ) -> Result<(), ReceivePacketError> {
        Ok(())
    }
}
