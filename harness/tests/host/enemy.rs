//! Somebody on the link who means no good: sends garbage, and what the tester sends, turned around
//! and with something wrong in it.

use super::cable::open;
use std::process::ExitCode;
use tcpspec::seed::Sequence;

/// Frames for each one that is heard, and whenever nothing is.
const ANSWERS: usize = 12;
const GARBAGE: usize = 40;
/// The ethertypes of ARP, IPv4, IPv6 and 802.1Q.
const ETHERTYPES: [[u8; 2]; 4] = [[8, 6], [8, 0], [0x86, 0xdd], [0x81, 0]];

/// Plagues whoever is on the link of `host0`, for ever.
pub(crate) fn plague() -> ExitCode {
    let Ok(socket) = open("host0") else {
        return ExitCode::FAILURE;
    };
    let mut chance = Sequence::new(u64::from(std::process::id()));
    let mut buffer = Vec::new();
    while let Ok(heard) = socket.receive(&mut buffer) {
        let count = if heard.is_some() { ANSWERS } else { GARBAGE };
        for _ in 0..count {
            let frame = match &heard {
                Some(heard) => distorted(&heard.octets, &mut chance),
                None => garbage(&mut chance),
            };
            // What no interface takes does nobody harm.
            let _ = socket.send(&frame);
        }
    }
    ExitCode::FAILURE
}

/// Random octets that everybody has to read, most of them of a kind that is read further.
fn garbage(chance: &mut Sequence) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 66]);
    frame.extend(ETHERTYPES[(chance.next_u64() % 4) as usize]);
    let length = chance.next_u64() % 90;
    frame.extend((0..length).map(|_| chance.next_u64() as u8));
    // As often as not it begins as the kind says.
    if chance.next_u64().is_multiple_of(2)
        && let Some(first) = frame.get_mut(14)
    {
        *first = if chance.next_u64().is_multiple_of(2) {
            0x45
        } else {
            0x60
        };
    }
    frame
}

/// The frame as if its receiver had sent it, a few of its octets other ones, its end cut off or
/// too long.
fn distorted(octets: &[u8], chance: &mut Sequence) -> Vec<u8> {
    let mut frame = octets.to_vec();
    swap(&mut frame, 0, 6);
    if frame.get(12..14) == Some(&[8, 0]) {
        swap(&mut frame, 26, 4);
        swap(&mut frame, 34, 2);
    }
    for _ in 0..=chance.next_u64() % 3 {
        // Headers are where the lies are: lengths, offsets, fragments, options.
        let at = 12 + (chance.next_u64() % 46) as usize;
        if let Some(octet) = frame.get_mut(at) {
            *octet = chance.next_u64() as u8;
        }
    }
    match chance.next_u64() % 4 {
        0 => frame.truncate(14 + (chance.next_u64() % 50) as usize),
        1 => frame.extend([0xa5; 300]),
        _ => {}
    }
    frame
}

/// Exchanges two fields that follow each other.
fn swap(frame: &mut [u8], at: usize, length: usize) {
    if let Some((one, other)) = frame
        .get_mut(at..at + 2 * length)
        .and_then(|both| both.split_at_mut_checked(length))
    {
        one.swap_with_slice(other);
    }
}
