//! The codec of the stack for those who hold it against another one: octets ⇄ [`Packet`]
//! (RFC 9293 §3.1).
//!
//! A [`Packet`] can only say what is legal. [`Packet::encode`] writes it in the one canonical way;
//! [`decode`] reads any legal way, so reading and writing again moves options to their usual
//! places and drops those that TCP does not know. It gives no access to a [`crate::Stack`].

pub use crate::fast_open::{Cookie, FastOpenOption};
pub use crate::segment::{Control, Ecn, SackBlock, SackBlocks, Segment, SynOptions, Timestamps};
pub use crate::wire::{IpHeader, Malformed, Packet};

use crate::wire;

/// The segment in an IP packet; `None` if the packet carries another protocol.
pub fn decode(octets: &[u8]) -> Result<Option<Packet<'_>>, Malformed> {
    let (ip, protocol, payload) = wire::decode_ip(octets)?;
    if protocol == wire::TCP {
        wire::decode_tcp(ip, payload).map(Some)
    } else {
        Ok(None)
    }
}
