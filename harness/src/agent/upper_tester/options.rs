//! CONFIGURE_SOCKET: options by the protocol's numbers.

use super::outcome_of;
use crate::agent::message::Result as Outcome;
use crate::agent::primitives::option;
use crate::device::kernel::settings;
use socket2::{Domain, Socket};
use std::io;

/// What a maximum segment size may be.
const MSS: std::ops::RangeInclusive<u16> = 500..=1460;

/// Sets an option. One that is not known, or a value of a wrong length, is invalid.
pub(super) fn set(socket: &Socket, option: u16, value: &[u8]) -> Result<(), Outcome> {
    let set = match (option, value) {
        (option::TTL, [hops]) => hop_limit(socket, *hops),
        (option::PRIORITY | option::TOS, [octet]) => traffic_class(socket, *octet),
        (option::DONT_FRAGMENT, [flag]) => settings::dont_fragment(socket, *flag != 0),
        (option::MSS, [high, low]) => {
            let mss = u16::from_be_bytes([*high, *low]);
            if !MSS.contains(&mss) {
                return Err(Outcome::INVALID);
            }
            socket.set_tcp_mss(u32::from(mss))
        }
        (option::NAGLE, [flag]) => socket.set_tcp_nodelay(*flag == 0),
        _ => return Err(Outcome::INVALID),
    };
    set.map_err(|error| outcome_of(&error))
}

fn hop_limit(socket: &Socket, hops: u8) -> io::Result<()> {
    match socket.domain()? {
        Domain::IPV4 => socket.set_ttl_v4(u32::from(hops)),
        _ => socket.set_unicast_hops_v6(u32::from(hops)),
    }
}

fn traffic_class(socket: &Socket, octet: u8) -> io::Result<()> {
    match socket.domain()? {
        Domain::IPV4 => socket.set_tos_v4(u32::from(octet)),
        _ => socket.set_tclass_v6(u32::from(octet)),
    }
}
