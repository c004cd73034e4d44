//! `inject: {icmp: …}`: an error about a segment of the device.

use super::inject::InFlight;
use super::log::reference;
use super::{Action, Played, Progress, Question, Runner};
use crate::model::{Conn, Scope, Unresolved};
use crate::spec::case::{IcmpSender, InjectIcmp, Step};
use crate::wire::{self, Header, IcmpError, Lies, Outgoing};
use pnet::packet::ip::IpNextHeaderProtocols;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Runner<'_> {
    pub(super) fn play_icmp(&mut self, step: &Step, icmp: &InjectIcmp) -> Played {
        if matches!(self.question, Question::Answered) {
            return Ok(Progress::Finished);
        }
        let octets = self.build_icmp(step.conn, icmp)?;
        self.question = Question::Injected(Box::new(InFlight {
            packet: wire::decode(octets.clone()),
            step: reference(step),
            conn: step.conn,
            counts: false,
            text_counts: false,
            name: None,
            draws: None,
            pieces: VecDeque::new(),
        }));
        Ok(Progress::Act(Action::Inject(octets)))
    }

    fn build_icmp(&self, own: usize, icmp: &InjectIcmp) -> Result<Vec<u8>, Unresolved> {
        let scope = Scope {
            conns: &self.conns,
            own,
            captures: &self.captures,
            tester_chooses: true,
        };
        let conn = &self.conns[own];
        let quote = &icmp.quote;
        let lies = Lies {
            seq: quote
                .seq
                .as_ref()
                .map(|seq| scope.sequence(seq))
                .transpose()?,
            port: quote
                .port
                .as_ref()
                .map(|port| scope.field(port))
                .transpose()?,
            protocol: quote.protocol,
            length: quote
                .length
                .as_ref()
                .map(|length| scope.field(length))
                .transpose()?,
        };
        let packet = match &conn.last_sent {
            Some(packet) => packet.clone(),
            None if quote.seq.is_some() => never_sent(conn),
            None => {
                let what = "the device's last segment".to_owned();
                return Err(Unresolved::Unbound(what));
            }
        };
        let most = if conn.tuple.tester.is_ipv4() {
            RFC1812_MOST
        } else {
            RFC4443_MOST
        };
        let octets = quote.octets.map_or(most, usize::from);
        let mtu = icmp
            .mtu
            .as_ref()
            .map_or(Ok(0), |mtu| scope.field::<u32>(mtu))?;
        Ok(wire::emit_icmp(&IcmpError {
            ip: header(conn, icmp.from),
            kind: icmp.kind.0,
            code: icmp.kind.1,
            rest: mtu,
            quote: &wire::quotation(&packet, &lies, octets),
            bad_checksum: icmp.bad_checksum,
        }))
    }
}

/// Octets of TCP in an error of 576 octets (RFC 1812 §4.3.2.3): less two IP headers and ICMP's.
const RFC1812_MOST: usize = 576 - 20 - 8 - 20;
/// Octets of TCP in an error of 1280 octets (RFC 4443 §3.1).
const RFC4443_MOST: usize = 1280 - 40 - 8 - 40;

fn header(conn: &Conn, from: IcmpSender) -> Header<'static> {
    let tester = conn.tuple.tester.ip();
    let (router, protocol): (IpAddr, _) = match tester {
        IpAddr::V4(address) => {
            let mut router = address.octets();
            router[3] = 254;
            (Ipv4Addr::from(router).into(), IpNextHeaderProtocols::Icmp)
        }
        IpAddr::V6(address) => {
            let mut router = address.segments();
            router[7] = 0xfe;
            (Ipv6Addr::from(router).into(), IpNextHeaderProtocols::Icmpv6)
        }
    };
    Header {
        source: match from {
            IcmpSender::Router => router,
            IcmpSender::Tester => tester,
        },
        destination: conn.tuple.device.ip(),
        ttl: 64,
        tos: 0,
        df: false,
        id: 0,
        protocol,
        options: &[],
    }
}

/// A segment that the device has not sent: what an attacker quotes who has never seen one.
fn never_sent(conn: &Conn) -> Vec<u8> {
    let (device, tester) = (conn.tuple.device, conn.tuple.tester);
    wire::emit(&Outgoing::bare(device, tester, wire::bit::ACK))
}
