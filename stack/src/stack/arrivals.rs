//! Packets arrive: from the IP header to the module for the state of the connection.

use super::{MAX_REPLIES, Stack, is_unicast, settle};
use crate::arrives::listen::Heard;
use crate::arrives::time_wait::{self, Around};
use crate::arrives::{Disposition, closed, listen, other, syn_sent};
use crate::demux::Sockets;
use crate::ecn;
use crate::half_open::Request;
use crate::icmp;
use crate::segment::Segment;
use crate::source_route::{self, SourceRoute};
use crate::wire::{self, IpHeader, Malformed, Packet};
use crate::{CloseReason, Instant, ListenerId, State};
use std::net::IpAddr;

/// What the packet around a segment says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope {
    /// Congestion Experienced (RFC 3168 §5).
    ce: bool,
    /// The way back, if it came by a source route.
    route: Option<SourceRoute>,
}

impl Stack {
    /// An IP packet arrived.
    pub fn on_packet(&mut self, now: Instant, packet: &[u8]) {
        let arrived = match wire::decode_ip(packet) {
            Ok((ip, protocol, payload)) => self
                .return_route(packet)
                .and_then(|route| self.payload_arrives(now, ip, route, (protocol, payload))),
            Err(Malformed::Fragment) => self.fragment_arrives(now, packet),
            Err(malformed) => Err(malformed),
        };
        match arrived {
            Ok(()) => {}
            Err(Malformed::Checksum) => {
                self.counters.segs_in += 1;
                self.counters.bad_checksums += 1;
            }
            Err(_) => self.counters.bad_packets += 1,
        }
    }

    fn fragment_arrives(&mut self, now: Instant, packet: &[u8]) -> Result<(), Malformed> {
        let fragment = wire::decode_fragment(packet).ok_or(Malformed::IpHeader)?;
        self.check_addresses(&fragment.ip)?;
        if fragment.hides_header() {
            return Err(Malformed::TcpHeader);
        }
        // RFC 791 §3.1: a source route stands in every fragment.
        let route = self.return_route(packet)?;
        let limit = self.config.reassembly_limit;
        let Some((ip, protocol, octets)) = self.reassembly.arrives(now, &fragment, limit) else {
            return Ok(());
        };
        self.counters.reassembled += 1;
        let carried = wire::skip_extensions(protocol, &octets)?;
        self.payload_arrives(now, ip, route, carried)
    }

    /// The way back of a packet, if it came by a source route; an error if it is to be dropped.
    fn return_route(&self, packet: &[u8]) -> Result<Option<SourceRoute>, Malformed> {
        let Some(route) = source_route::return_route(packet, self.config.source_routes)? else {
            return Ok(None);
        };
        // It would come round to this host again.
        let mut hops = route.hops().iter();
        if hops.any(|hop| self.is_own(IpAddr::V4(*hop))) {
            return Err(Malformed::SourceRoute);
        }
        Ok(Some(route))
    }

    fn payload_arrives(
        &mut self,
        now: Instant,
        ip: IpHeader,
        route: Option<SourceRoute>,
        (protocol, payload): (u8, &[u8]),
    ) -> Result<(), Malformed> {
        self.check_addresses(&ip)?;
        match protocol {
            wire::TCP => {
                let packet = wire::decode_tcp(ip, payload);
                // By reference: it is large, and to move it would cost as much as to decode it.
                let packet = packet.as_ref().map_err(|malformed| *malformed)?;
                self.counters.segs_in += 1;
                self.segment_arrives(now, packet, route);
                Ok(())
            }
            wire::ICMP | wire::ICMPV6 => {
                self.icmp_arrives(now, &ip, protocol, payload);
                Ok(())
            }
            _ => Err(Malformed::NotIp),
        }
    }

    /// From another host to this one (RFC 1122 §3.2.1.3).
    fn check_addresses(&self, ip: &IpHeader) -> Result<(), Malformed> {
        // RFC 9293 §3.9.2.3 (MUST-57, MUST-63):
        //   This prevents connection state and replies from being erroneously
        //   generated, and implementers should note that this guidance is
        //   applicable to all incoming segments, not just SYNs
        let ours = self.addresses.contains(&ip.dst);
        let theirs = is_unicast(ip.src) && !self.is_own(ip.src);
        if ours && theirs {
            Ok(())
        } else {
            Err(Malformed::NotIp)
        }
    }

    /// One of this host's addresses, or the broadcast address of a network that it is on.
    fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.is_broadcast(address)
    }

    /// The broadcast address of a network that this host is on.
    pub(super) fn is_broadcast(&self, address: IpAddr) -> bool {
        let hosts = u32::MAX
            .checked_shr(u32::from(self.config.ipv4_prefix))
            .unwrap_or(0);
        self.addresses.iter().any(|own| match (own, address) {
            // Of two hosts, or one, nobody is left to be the broadcast address (RFC 3021).
            (IpAddr::V4(own), IpAddr::V4(address)) => {
                hosts > 1 && own.to_bits() | hosts == address.to_bits()
            }
            _ => false,
        })
    }

    /// SEGMENT ARRIVES (RFC 9293 §3.10.7).
    fn segment_arrives(&mut self, now: Instant, packet: &Packet<'_>, route: Option<SourceRoute>) {
        let sockets = (packet.dst(), packet.src());
        let ce = packet.ip.tos & ecn::FIELD == ecn::CE;
        let envelope = Envelope { ce, route };
        self.counters.ce_received += u64::from(ce);
        if let Some(slot) = self.find(sockets) {
            self.connection_hears(now, slot, sockets, &packet.segment, &envelope);
        } else if self.time_waits.find(sockets).is_some() {
            self.time_wait_hears(now, sockets, &packet.segment, &envelope);
        } else if let Some(listener) = self.listeners.find(sockets.0) {
            self.listener_hears(now, listener, sockets, &packet.segment, &envelope);
        } else if let Some(reset) = closed::arrives(&packet.segment) {
            let ip = (self.config.ttl, 0);
            self.reply(sockets, reset, ip, envelope.route.as_ref());
        }
    }

    pub(super) fn connection_hears(
        &mut self,
        now: Instant,
        slot: u32,
        sockets: Sockets,
        segment: &Segment<'_>,
        envelope: &Envelope,
    ) {
        let mut way_back = envelope.route;
        let heard = self.act(slot, now, |tcb, cx| {
            (cx.ce, cx.route) = (envelope.ce, envelope.route);
            let disposition = match tcb.state {
                State::SynSent => syn_sent::arrives(tcb, segment, cx),
                _ => other::arrives(tcb, segment, cx),
            };
            if let Disposition::Reset | Disposition::ResetAndClose = disposition {
                way_back = tcb.route().copied().or(way_back);
            }
            match disposition {
                Disposition::Acknowledge => tcb.owed.ack = true,
                Disposition::Challenge => {
                    tcb.owed.ack |= tcb.challenges.permit(now, cx.config, cx.counters);
                }
                Disposition::Close(reason) => settle::end(tcb, Some(reason), cx),
                Disposition::ResetAndClose => settle::end(tcb, Some(CloseReason::Reset), cx),
                // An application that has the connection already must be told.
                Disposition::ReturnToListen => {
                    let reason = tcb.fast_opened().then_some(CloseReason::Reset);
                    settle::end(tcb, reason, cx);
                }
                Disposition::Done
                | Disposition::Reset
                | Disposition::Abort
                | Disposition::NewIncarnation => {}
            }
            disposition
        });
        match heard {
            Some(Disposition::Reset | Disposition::ResetAndClose) => {
                if let Some(reset) = Segment::reset_for(segment) {
                    self.reply(sockets, reset, (self.config.ttl, 0), way_back.as_ref());
                }
            }
            Some(Disposition::Abort) => {
                self.send_reset(slot, now);
                self.act(slot, now, |tcb, cx| {
                    settle::end(tcb, Some(CloseReason::Aborted), cx);
                });
            }
            _ => {}
        }
    }

    fn time_wait_hears(
        &mut self,
        now: Instant,
        sockets: Sockets,
        segment: &Segment<'_>,
        envelope: &Envelope,
    ) {
        let listener = self.listeners.find(sockets.0);
        let mut cx = Around {
            now,
            config: &self.config,
            counters: &mut self.counters,
            has_listener: listener.is_some(),
        };
        let answer = self.time_waits.change(sockets, |record| {
            let disposition = time_wait::arrives(record, segment, &mut cx);
            let acknowledges = match disposition {
                Disposition::Acknowledge => true,
                Disposition::Challenge => record.challenges.permit(now, cx.config, cx.counters),
                _ => false,
            };
            let acknowledgment = acknowledges.then(|| record.acknowledgment(now));
            (disposition, acknowledgment, record.ip, record.route.clone())
        });
        let Some((disposition, acknowledgment, ip, route)) = answer else {
            return;
        };
        let route = route.as_deref();
        if let Some(acknowledgment) = acknowledgment {
            self.reply(sockets, acknowledgment, ip, route);
        }
        match (disposition, listener) {
            // TIME-WAIT waits in the background until the new connection is established.
            (Disposition::NewIncarnation, Some(listener)) => {
                self.listener_hears(now, listener, sockets, segment, envelope);
            }
            (Disposition::Close(_) | Disposition::ResetAndClose, _) => {
                if let Some(record) = self.time_waits.remove(sockets) {
                    self.time_wait_is_over(&record, now);
                }
                if disposition == Disposition::ResetAndClose
                    && let Some(reset) = Segment::reset_for(segment)
                {
                    self.reply(sockets, reset, ip, route);
                }
            }
            _ => {}
        }
    }

    fn listener_hears(
        &mut self,
        now: Instant,
        listener: ListenerId,
        sockets: Sockets,
        segment: &Segment<'_>,
        envelope: &Envelope,
    ) {
        match listen::arrives(segment, &self.config) {
            Heard::Ignore => {}
            Heard::Reset if self.cookie_arrives(now, listener, sockets, segment, envelope) => {}
            Heard::Reset => {
                if let Some(reset) = Segment::reset_for(segment) {
                    let ip = (self.config.ttl, 0);
                    self.reply(sockets, reset, ip, envelope.route.as_ref());
                }
            }
            Heard::Open(options) => {
                let request = Request::of(segment, options, envelope.route);
                self.passive_open(now, listener, sockets, request, segment.text);
            }
        }
    }

    /// Queues a segment that no connection stands behind any more.
    pub(super) fn reply(
        &mut self,
        (local, remote): Sockets,
        segment: Segment<'_>,
        (ttl, tos): (u8, u8),
        route: Option<&SourceRoute>,
    ) {
        if self.replies.len() >= MAX_REPLIES {
            return;
        }
        self.counters.out_rsts += u64::from(segment.is_rst());
        let id = if local.is_ipv4() {
            u32::from(self.ip_id)
        } else {
            0
        };
        self.ip_id = self.ip_id.wrapping_add(1);
        let ip = IpHeader {
            src: local.ip(),
            dst: remote.ip(),
            tos,
            ttl,
            id,
            df: self.config.path_mtu_discovery,
        };
        let ports = (local.port(), remote.port());
        let mut packet = Vec::new();
        wire::encode(&ip, ports, &segment, route, &mut packet);
        self.replies.push_back(packet);
    }

    fn icmp_arrives(&mut self, now: Instant, ip: &IpHeader, protocol: u8, message: &[u8]) {
        let Some(report) = icmp::decode(ip, protocol, message) else {
            return;
        };
        let Some(slot) = self.find((report.local, report.remote)) else {
            return;
        };
        let learnt = self.act(slot, now, |tcb, cx| {
            // Not even a host that believes everything tells it to other connections.
            let (vouched, before) = (icmp::is_in_flight(tcb, &report), tcb.path_mtu.get());
            if let Some(reason) = icmp::arrives(tcb, &report, cx) {
                settle::end(tcb, Some(reason), cx);
            }
            let fell = tcb.path_mtu.get() < before;
            (vouched && fell).then(|| (tcb.path(), tcb.path_mtu))
        });
        if let Some(Some((path, connection))) = learnt {
            self.paths.learn(path, &connection, now);
        }
    }
}
