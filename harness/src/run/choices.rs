//! What is the tester's to choose: ports, initial sequence numbers, clocks; all from the seed.

use crate::device::{FourTuple, LinkInfo, Ports};
use crate::model::{Conn, Sent, Stream, Tcb};
use crate::seed::Sequence;
use crate::spec::case::{Branch, Call, Case, Step, Verb};
use std::net::SocketAddr;
use tcpspec_reports::record::Connection;

/// The connections of a case. Those that the device opens get a port of their own there, and those
/// that ask for one; all others share one port of the device, so that one listener serves them.
pub(super) fn connections(case: &Case, link: LinkInfo, ancient: bool, seed: u64) -> Vec<Conn> {
    let mut chance = Sequence::new(seed);
    let mut conns: Vec<Conn> = Vec::with_capacity(case.conns.len());
    let chosen = Ports {
        tester: 20_000 + (chance.next_u64() % 10_000) as u16,
        device: 7_000 + (chance.next_u64() % 2_000) as u16,
    };
    let Ports { tester, device } = link.ports.unwrap_or(chosen);
    for (index, plan) in case.conns.iter().enumerate() {
        let offset = index as u16;
        let opened_by_device = connects(&case.steps, index);
        let tuple = match plan.same_tuple.and_then(|other| conns.get(other)) {
            Some(other) => other.tuple,
            None => FourTuple {
                tester: SocketAddr::new(link.tester, tester.wrapping_add(offset)),
                device: SocketAddr::new(
                    if plan.second_address {
                        link.second_address()
                    } else {
                        link.device
                    },
                    if opened_by_device {
                        device.wrapping_add(10_000 + offset)
                    } else if plan.own_port {
                        device.wrapping_add(5_000 + offset)
                    } else {
                        device
                    },
                ),
            },
        };
        conns.push(Conn {
            name: plan.name.clone(),
            tuple,
            tcb: Tcb::new(ancient),
            seen: Sent::default(),
            last_sent: None,
            irs_choice: chance.next_u64() as u32,
            iss_guess: chance.next_u64() as u32,
            ts_base: chance.next_u64() as u32,
            inward: Stream::default(),
            outward: Stream::default(),
            asked_to_send: 0,
            unknown: (0, 0),
        });
    }
    conns
}

/// True if one of the steps makes the device open connection `conn`.
fn connects(steps: &[Step], conn: usize) -> bool {
    let in_branch = |branch: &Branch| connects(&branch.steps, conn);
    steps.iter().any(|step| match &step.verb {
        Verb::Call {
            call: Call::Connect | Call::ConnectWith(_) | Call::ConnectFromAny | Call::ConnectTo(_),
            ..
        } => step.conn == conn,
        Verb::OneOf(branches) => branches.iter().any(in_branch),
        _ => false,
    })
}

/// The connections as the record shows them. One on which no SYN ever went carries numbers that
/// were borrowed from the first, and is shown by its initial numbers.
pub(super) fn recorded(conns: &[Conn]) -> Vec<Connection> {
    let numbers = |conn: &Conn| (conn.tcb.irs(), conn.tcb.sent.iss());
    let borrowed = conns.first().map(numbers).unwrap_or_default();
    let shown = |conn: &Conn| match numbers(conn) {
        (None, None) => borrowed,
        own => own,
    };
    let connection = |conn: &Conn| Connection {
        name: conn.name.clone(),
        tester: conn.tuple.tester,
        device: conn.tuple.device,
        irs: shown(conn).0,
        iss: shown(conn).1,
    };
    conns.iter().map(connection).collect()
}
