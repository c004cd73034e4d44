//! The way to a host, as the machine's routing table has it.

use crate::link::netlink::{self, Netlink, Request};
use pnet::util::MacAddr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a `struct rtmsg`.
const ROUTE_HEADER: usize = 12;
/// Octets of a `struct ifinfomsg`.
const LINK_HEADER: usize = 16;

/// The first step of the way to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Index of the interface.
    pub index: u32,
    /// Whose link address packets need: the router's, or the host's own.
    pub next_hop: IpAddr,
    /// The address of this machine that its own packets to the host would come from.
    pub source: Option<IpAddr>,
}

impl Way {
    /// What the interface is called, as far as anybody can tell.
    pub fn interface(&self) -> String {
        nix::net::if_::if_indextoname(self.index).map_or_else(
            |_| format!("number {}", self.index),
            |name| name.to_string_lossy().into_owned(),
        )
    }
}

/// Where a packet to `host` leaves this machine; only over that interface, if one is given.
///
/// An address of this machine itself is an error: packets to it never reach an interface.
pub fn way_to(host: IpAddr, interface: Option<u32>) -> io::Result<Way> {
    let answer = ask(host, interface)?;
    if is_local(&answer) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{host} is an address of this machine; `-d kernel` tests this machine's TCP"),
        ));
    }
    let mut way = Way {
        index: 0,
        next_hop: host,
        source: None,
    };
    for (kind, value) in netlink::attributes(answer.get(ROUTE_HEADER..).unwrap_or_default()) {
        match kind {
            libc::RTA_OIF => way.index = netlink::u32_at(value, 0).unwrap_or_default(),
            libc::RTA_GATEWAY => way.next_hop = address(value).unwrap_or(host),
            libc::RTA_PREFSRC => way.source = address(value),
            _ => {}
        }
    }
    if way.index == 0 {
        return Err(io::Error::other(format!(
            "the routing table names no interface for {host}"
        )));
    }
    Ok(way)
}

/// True for an address of this machine.
pub fn is_ours(address: IpAddr) -> io::Result<bool> {
    match ask(address, None) {
        Ok(answer) => Ok(is_local(&answer)),
        // Nobody here could send to it, so it is not ours.
        Err(error) if error.kind() == io::ErrorKind::NetworkUnreachable => Ok(false),
        Err(error) => Err(error),
    }
}

fn ask(host: IpAddr, interface: Option<u32>) -> io::Result<Vec<u8>> {
    let (version, octets) = match host {
        IpAddr::V4(host) => (libc::AF_INET, host.octets().to_vec()),
        IpAddr::V6(host) => (libc::AF_INET6, host.octets().to_vec()),
    };
    // struct rtmsg: family, length of the destination, then nothing that a question needs.
    let mut request = Request::new(libc::RTM_GETROUTE, 0)
        .octets(&[version as u8, octets.len() as u8 * 8])
        .octets(&[0; ROUTE_HEADER - 2])
        .attribute(libc::RTA_DST, &octets);
    if let Some(index) = interface {
        request = request.attribute(libc::RTA_OIF, &index.to_ne_bytes());
    }
    let answer = Netlink::route()?.ask(request)?;
    answer.ok_or_else(|| io::ErrorKind::NetworkUnreachable.into())
}

/// The link-layer address of an interface of this machine.
pub(super) fn link_layer_address(index: u32) -> io::Result<MacAddr> {
    // struct ifinfomsg: family, padding, type, index, flags, mask of flags.
    let request = Request::new(libc::RTM_GETLINK, 0)
        .octets(&[0; 4])
        .octets(&index.to_ne_bytes())
        .octets(&[0; 8]);
    let answer = Netlink::route()?.ask(request)?.unwrap_or_default();
    let attributes = netlink::attributes(answer.get(LINK_HEADER..).unwrap_or_default());
    let mut addresses = attributes.filter(|(kind, _)| *kind == libc::IFLA_ADDRESS);
    let octets = addresses.find_map(|(_, value)| <[u8; 6]>::try_from(value).ok());
    let none = || io::Error::other("the interface has no Ethernet address");
    Ok(octets.ok_or_else(none)?.into())
}

fn is_local(answer: &[u8]) -> bool {
    answer.get(7) == Some(&libc::RTN_LOCAL)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    let v6 = <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into());
    v4.or(v6).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_refused_with_what_to_do() {
        let error = way_to(Ipv4Addr::LOCALHOST.into(), None).unwrap_err();
        assert!(error.to_string().contains("-d kernel"), "{error}");
        assert!(is_ours(Ipv4Addr::LOCALHOST.into()).unwrap());
    }
}
