//! What a host remembers of a peer when its connections are over, and how to make it forget: the
//! MTU of the path (RFC 1191 §6.3, RFC 8201 §5.3), Fast Open cookies (RFC 7413 §4.1.3), and that
//! Fast Open did not work.
//!
//! Nothing of a connection that still lives is touched.

use crate::device::kernel::sysctls;
use crate::link::netlink::{self, Netlink, Request};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// Counts how often Fast Open was switched off for the moment; a write sets that to never.
const BLACK_HOLES: &str = "net.ipv4.tcp_fastopen_blackhole_timeout_sec";
/// The name of the service that keeps cookies and metrics.
const METRICS: &[u8] = b"tcp_metrics\0";
/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY` and its attributes; `TCP_METRICS_CMD_DEL`.
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
const DELETE: u8 = 2;
/// Octets of the header of a generic message.
const GENERIC_HEADER: usize = 4;

/// Forgets all that is remembered of these peers, and a little more.
pub(super) fn forget(peers: &BTreeSet<IpAddr>) -> io::Result<()> {
    sysctls::set("net.ipv4.route.flush", "1")?;
    sysctls::set(BLACK_HOLES, &sysctls::get(BLACK_HOLES)?)?;
    forget_metrics()?;
    for peer in peers {
        if let IpAddr::V6(peer) = peer {
            forget_route(peer.octets())?;
        }
    }
    Ok(())
}

/// All of them: one for each host that was ever spoken to.
fn forget_metrics() -> io::Result<()> {
    let mut generic = Netlink::generic()?;
    let question = Request::new(CONTROL, 0)
        .octets(&[GET_FAMILY, 1, 0, 0])
        .attribute(FAMILY_NAME, METRICS);
    let answer = generic.ask(question)?.unwrap_or_default();
    let attributes = answer.get(GENERIC_HEADER..).unwrap_or_default();
    let family = netlink::attributes(attributes)
        .find(|(kind, _)| *kind == FAMILY_ID)
        .and_then(|(_, value)| netlink::u16_at(value, 0));
    match family {
        Some(family) => generic.order(Request::new(family, 0).octets(&[DELETE, 1, 0, 0])),
        // A kernel without it remembers nothing.
        None => Ok(()),
    }
}

/// The copy of the route that carries a path's MTU; its original stays.
fn forget_route(peer: [u8; 16]) -> io::Result<()> {
    // struct rtmsg: family, length of the destination, then table, scope and kind of any sort.
    let request = Request::new(libc::RTM_DELROUTE, 0)
        .octets(&[libc::AF_INET6 as u8, 128, 0, 0, 0, 0, 0, 0])
        .octets(&libc::RTM_F_CLONED.to_ne_bytes())
        .attribute(libc::RTA_DST, &peer);
    match Netlink::route()?.order(request) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        forgotten => forgotten,
    }
}
