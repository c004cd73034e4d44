//! What lies between tester and host where it is more than a wire: a switch that carries the host
//! in a VLAN, or a network that loses packets. It copies frames between two interfaces, so that
//! it takes nothing of the kernel but packet sockets.

use std::process::ExitCode;
use std::thread;
use tcpspec::link::ethernet::{Arrived, FrameSocket};
use tcpspec::link::veth::disable_offloads;
use tcpspec::seed::Sequence;

/// The VLAN of the host on a [`TAGGED`] cable.
pub(crate) const VLAN: &str = "100";
/// The kinds of cable.
pub(crate) const TAGGED: &str = "tagged";
pub(crate) const LOSSY: &str = "lossy";
/// A lossy cable loses one frame in so many, in either direction.
const ONE_IN: u64 = 100;
/// Octets of the two addresses of a frame.
const ADDRESSES: usize = 12;

/// Carries frames between `outer0` and `inner0`, whose peer is `host0`, for ever.
pub(crate) fn carry(kind: &str) -> ExitCode {
    let ends = disable_offloads("host0").and_then(|()| Ok((open("outer0")?, open("inner0")?)));
    let Ok((outer, inner)) = ends else {
        return ExitCode::FAILURE;
    };
    let (inward, outward): (Change, Change) = if kind == TAGGED {
        (bare, tagged)
    } else {
        (whole, whole)
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(&outer, &inner, 1, inward));
        scope.spawn(|| copy(&inner, &outer, 2, outward));
    });
    ExitCode::FAILURE
}

/// A socket on the interface with that name.
pub(crate) fn open(name: &str) -> std::io::Result<FrameSocket> {
    FrameSocket::open(nix::net::if_::if_nametoindex(name)?)
}

/// What becomes of a frame on its way; nothing, if it is not for the other end.
type Change = fn(Arrived) -> Vec<u8>;

fn copy(from: &FrameSocket, to: &FrameSocket, seed: u64, change: Change) {
    let is_lossy = std::env::args().nth(2).as_deref() == Some(LOSSY);
    let mut chance = Sequence::new(seed ^ u64::from(std::process::id()) << 8);
    let mut buffer = Vec::new();
    while let Ok(seen) = from.receive(&mut buffer) {
        let frame = seen.map(change).unwrap_or_default();
        if frame.is_empty() {
            continue;
        }
        if !is_lossy || !chance.next_u64().is_multiple_of(ONE_IN) {
            // An interface that is down loses everything, as a cable does.
            let _ = to.send(&frame);
        }
    }
}

/// Without the tag, which the kernel has taken off; what has no such tag is not for the host.
fn bare(seen: Arrived) -> Vec<u8> {
    let vlan = seen.vlan.map(|vlan| vlan.to_string());
    if vlan.as_deref() == Some(VLAN) {
        seen.octets
    } else {
        Vec::new()
    }
}

fn whole(seen: Arrived) -> Vec<u8> {
    seen.octets
}

fn tagged(seen: Arrived) -> Vec<u8> {
    let mut octets = seen.octets;
    let vlan: u16 = VLAN.parse().unwrap_or_default();
    let [high, low] = vlan.to_be_bytes();
    let rest = octets.split_off(ADDRESSES.min(octets.len()));
    [octets, vec![0x81, 0x00, high, low], rest].concat()
}
