//! What lies between tester and host where it is more than a wire: a switch that carries the host
//! in a VLAN, a network that loses packets, or a long way back. It copies frames between two
//! interfaces, so that it takes nothing of the kernel but packet sockets.

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use tcpspec::link::ethernet::{Arrived, FrameSocket};
use tcpspec::link::veth::disable_offloads;
use tcpspec::seed::Sequence;

/// The VLAN of the host on a [`TAGGED`] cable.
pub(crate) const VLAN: &str = "100";
/// The kinds of cable.
pub(crate) const TAGGED: &str = "tagged";
pub(crate) const LOSSY: &str = "lossy";
pub(crate) const LONG: &str = "long";
pub(crate) const LONGER: &str = "longer";
/// A lossy cable loses one frame in so many, in either direction.
const ONE_IN: u64 = 100;
/// What a frame of the host takes on a long cable, and on one that is too long; one for the host
/// is there at once.
const DELAY: Duration = Duration::from_millis(300);
const LONGEST_DELAY: Duration = Duration::from_millis(1500);
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
    let chance = |seed: u64| {
        (kind == LOSSY).then(|| Sequence::new(seed ^ u64::from(std::process::id()) << 8))
    };
    // An interface that is down loses everything, as a cable does.
    let into = |end: &FrameSocket, frame: &[u8]| drop(end.send(frame));
    let way_back = match kind {
        LONG => Some(DELAY),
        LONGER => Some(LONGEST_DELAY),
        _ => None,
    };
    let (sender, late) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| copy(&outer, inward, chance(1), |frame| into(&inner, &frame)));
        scope.spawn(|| {
            copy(&inner, outward, chance(2), |frame| match way_back {
                Some(delay) => drop(sender.send((Instant::now() + delay, frame))),
                None => into(&outer, &frame),
            });
        });
        scope.spawn(|| delay(late, |frame| into(&outer, frame)));
    });
    ExitCode::FAILURE
}

/// A socket on the interface with that name.
pub(crate) fn open(name: &str) -> std::io::Result<FrameSocket> {
    FrameSocket::open(nix::net::if_::if_nametoindex(name)?)
}

/// What becomes of a frame on its way; nothing, if it is not for the other end.
type Change = fn(Arrived) -> Vec<u8>;

/// Hands on what comes, but for what chance takes.
fn copy(
    from: &FrameSocket,
    change: Change,
    mut chance: Option<Sequence>,
    hand_on: impl Fn(Vec<u8>),
) {
    let mut buffer = Vec::new();
    while let Ok(seen) = from.receive(&mut buffer) {
        let frame = seen.map(change).unwrap_or_default();
        let is_lost = |chance: &mut Sequence| chance.next_u64().is_multiple_of(ONE_IN);
        if !frame.is_empty() && !chance.as_mut().is_some_and(is_lost) {
            hand_on(frame);
        }
    }
}

/// Hands on each frame when its time has come.
fn delay(frames: Receiver<(Instant, Vec<u8>)>, hand_on: impl Fn(&[u8])) {
    for (due, frame) in frames {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        hand_on(&frame);
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
