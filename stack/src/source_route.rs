//! Source routes of IPv4 (RFC 791 §3.1): what the option of an arriving packet says, the way
//! back, and which route the segments of a connection take (RFC 9293 §3.9.2.1).
//!
//! This host is an end of routes: it forwards nothing (RFC 1122 §3.3.5). IPv6 has no source routes.

use crate::tcb::{Context, Origin, Tcb};
use crate::wire::Malformed;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE: u8 = 131;
const STRICT: u8 = 137;
/// Type, length and pointer of the option.
const FIXED: usize = 3;
/// So many addresses have room in the 40 octets of options.
const MOST_HOPS: usize = 9;

/// A route to the other end by way of one to nine routers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SourceRoute {
    strict: bool,
    len: u8,
    hops: [Ipv4Addr; MOST_HOPS],
}

impl SourceRoute {
    /// A route by these routers in this order; between them others may lie unless it is `strict`.
    /// `None` for none, for more than nine, and for addresses that no host can have.
    pub fn new(strict: bool, routers: &[Ipv4Addr]) -> Option<Self> {
        let mut hops = [Ipv4Addr::UNSPECIFIED; MOST_HOPS];
        hops.get_mut(..routers.len())?.copy_from_slice(routers);
        let unicast = |hop: &Ipv4Addr| crate::stack::is_unicast(IpAddr::V4(*hop));
        let fits = !routers.is_empty() && routers.iter().all(unicast);
        fits.then_some(Self {
            strict,
            len: routers.len() as u8,
            hops,
        })
    }

    /// The route that an option asks for before anybody has followed it, as `IP_OPTIONS` takes it:
    /// all its addresses are routers, and its pointer is at the first.
    pub fn from_option(octets: &[u8]) -> Option<Self> {
        let option = find(octets).ok()??;
        let routers: Vec<Ipv4Addr> = option.addresses().collect();
        Self::new(option.strict, &routers).filter(|_| option.pointer == FIXED + 1)
    }

    /// No other routers may lie between these.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// The routers, the next one first.
    pub fn hops(&self) -> &[Ipv4Addr] {
        &self.hops[..usize::from(self.len)]
    }

    /// Where a packet goes first.
    pub(crate) fn first(&self) -> Ipv4Addr {
        self.hops[0]
    }

    /// Octets of the option with its padding: as many addresses as there are routers, since the
    /// first stands in the header and the destination comes last.
    pub(crate) fn option_len(&self) -> usize {
        (FIXED + self.hops().len() * 4).next_multiple_of(4)
    }

    /// Writes the option of a packet for `destination`, which takes [`Self::option_len`] octets.
    pub(crate) fn write(&self, destination: Ipv4Addr, octets: &mut [u8]) {
        let kind = if self.strict { STRICT } else { LOOSE };
        let len = FIXED + self.hops().len() * 4;
        octets.fill(END_OF_LIST);
        octets[..FIXED].copy_from_slice(&[kind, len as u8, FIXED as u8 + 1]);
        let addresses = self.hops()[1..].iter().chain([&destination]);
        for (place, address) in octets[FIXED..len].chunks_exact_mut(4).zip(addresses) {
            place.copy_from_slice(&address.octets());
        }
    }
}

impl fmt::Debug for SourceRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.strict { "Strict" } else { "Loose" };
        f.write_str(kind)?;
        f.debug_list().entries(self.hops()).finish()
    }
}

/// The option of a packet.
#[derive(Clone, Copy, Debug)]
struct Received<'a> {
    strict: bool,
    /// Where the next address to be visited stands; the option begins with octet 1.
    pointer: usize,
    octets: &'a [u8],
}

impl<'a> Received<'a> {
    fn read(octets: &'a [u8]) -> Result<Self, Malformed> {
        let pointer = *octets.get(FIXED - 1).ok_or(Malformed::SourceRoute)?;
        if !(octets.len() - FIXED).is_multiple_of(4) || usize::from(pointer) <= FIXED {
            return Err(Malformed::SourceRoute);
        }
        Ok(Self {
            strict: octets[0] == STRICT,
            pointer: usize::from(pointer),
            octets,
        })
    }

    /// RFC 791 §3.1: the pointer is greater than the length, and the source route empty.
    fn is_completed(&self) -> bool {
        self.pointer > self.octets.len()
    }

    fn addresses(&self) -> impl DoubleEndedIterator<Item = Ipv4Addr> + use<'a> {
        let addresses = self.octets[FIXED..].chunks_exact(4);
        addresses.map(|address| Ipv4Addr::new(address[0], address[1], address[2], address[3]))
    }
}

/// The source route among the options of a header. A list that breaks off holds nothing more that
/// could be understood (RFC 9293 §3.9.2, MUST-50).
fn find(mut options: &[u8]) -> Result<Option<Received<'_>>, Malformed> {
    let mut found = None;
    loop {
        let (kind, len) = match *options {
            [] | [_] | [END_OF_LIST, ..] => return Ok(found),
            [NO_OPERATION, ..] => {
                options = &options[1..];
                continue;
            }
            [kind, len, ..] => (kind, usize::from(len)),
        };
        let Some((option, rest)) = options.split_at_checked(len).filter(|_| len >= 2) else {
            return Ok(found);
        };
        if let LOOSE | STRICT = kind {
            // RFC 791 §3.1: "Appears at most once in a datagram."
            if found.is_some() {
                return Err(Malformed::SourceRoute);
            }
            found = Some(Received::read(option)?);
        }
        options = rest;
    }
}

/// The options of an IPv4 header; none for anything else.
fn options_of(packet: &[u8]) -> &[u8] {
    match packet.first() {
        Some(first) if first >> 4 == 4 => packet
            .get(20..usize::from(first & 0x0f) * 4)
            .unwrap_or_default(),
        _ => &[],
    }
}

/// The way back of a packet that came by a source route; `None` if it came by itself.
///
/// # Errors
///
/// The route makes no sense, this host is not its end, or does not take any (`taken`).
pub(crate) fn return_route(packet: &[u8], taken: bool) -> Result<Option<SourceRoute>, Malformed> {
    let Some(option) = find(options_of(packet))? else {
        return Ok(None);
    };
    // RFC 1122 §3.2.1.8:
    //   If host receives a datagram containing a completed
    //   source route (i.e., the pointer points beyond the last
    //   field), the datagram has reached its final destination;
    if !taken || !option.is_completed() {
        return Err(Malformed::SourceRoute);
    }
    let mut hops: Vec<Ipv4Addr> = option.addresses().rev().collect();
    // RFC 1122 §3.2.1.8:
    //   When a
    //   return source route is built, it MUST be correctly
    //   formed even if the recorded route included the source
    //   host
    let source = &packet[12..16];
    if hops.last().is_some_and(|last| last.octets() == source) {
        hops.pop();
    }
    if hops.is_empty() {
        return Ok(None);
    }
    let route = SourceRoute::new(option.strict, &hops);
    route.map(Some).ok_or(Malformed::SourceRoute)
}

/// Where a packet is to end that is still under way: the last address of its route.
pub(crate) fn destination(packet: &[u8]) -> Option<IpAddr> {
    let option = find(options_of(packet)).ok()??;
    let last = option.addresses().next_back();
    last.filter(|_| !option.is_completed()).map(IpAddr::V4)
}

/// The source routes of a connection; most have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    /// The application's.
    chosen: Option<SourceRoute>,
    /// The way back of what arrived last by a source route.
    returning: Option<SourceRoute>,
}

impl Routes {
    /// The application says the route.
    pub(crate) fn choose(&mut self, route: SourceRoute) {
        self.chosen = Some(route);
    }

    /// The one that segments take.
    pub(crate) fn in_use(&self) -> Option<&SourceRoute> {
        // RFC 9293 §3.9.2.1 (MUST-51, MUST-52):
        //   An application MUST be able to specify a source route when it
        //   actively opens a TCP connection (MUST-51), and this MUST take
        //   precedence over a source route received in a datagram (MUST-52).
        self.chosen.as_ref().or(self.returning.as_ref())
    }
}

/// A segment is acceptable, and the packet around it came by a source route. One that is not could
/// be anybody's, who would get the answers from then on.
pub(crate) fn arrives(tcb: &mut Tcb, cx: &Context<'_>) {
    let Some(route) = cx.route.filter(|_| tcb.origin != Origin::Active) else {
        return;
    };
    // RFC 9293 §3.9.2.1 (MUST-53, SHLD-24):
    //   When a TCP connection is OPENed passively and a packet arrives with a
    //   completed IP Source Route Option (containing a return route), TCP
    //   implementations MUST save the return route and use it for all
    //   segments sent on this connection (MUST-53).  If a different source
    //   route arrives in a later segment, the later definition SHOULD
    //   override the earlier one (SHLD-24).
    let routes = tcb.settings.routes.get_or_insert_default();
    routes.returning = Some(route);
}

#[cfg(test)]
mod tests;
