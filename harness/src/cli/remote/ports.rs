//! The tester's ports where it speaks from this machine's own address: such as its kernel neither
//! uses nor hands out.

use super::{FIRST_PORT, Failure};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Fewer are not worth a run: cases must not meet on a port that the device remembers.
const FEWEST: u16 = 512;
/// Where the kernel hands out ports if it does not say.
const HANDED_OUT: (u16, u16) = (32_768, 60_999);

/// The largest gap between ports that this machine's own TCP has or may take.
pub(super) fn unused() -> Result<RangeInclusive<u16>, Failure> {
    let range = read("/proc/sys/net/ipv4/ip_local_port_range");
    let mut ends = range.split_whitespace().map(str::parse);
    let handed_out = match (ends.next(), ends.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (first, last),
        _ => HANDED_OUT,
    };
    let mut used = BTreeSet::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        used.extend(read(table).lines().skip(1).filter_map(local_port));
    }
    let gap = largest_gap(handed_out, &used);
    if gap.len() < usize::from(FEWEST) {
        return Err(Failure::Environment(format!(
            "this machine's own TCP uses or hands out nearly all ports from {FIRST_PORT} on \
             (net.ipv4.ip_local_port_range is {} to {}); use a spare address: --from",
            handed_out.0, handed_out.1
        )));
    }
    Ok(gap)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The second word of a line of `/proc/net/tcp` ends in the local port.
fn local_port(line: &str) -> Option<u16> {
    let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

fn largest_gap((first, last): (u16, u16), used: &BTreeSet<u16>) -> RangeInclusive<u16> {
    let is_free = |port: u16| !(first..=last).contains(&port) && !used.contains(&port);
    let (mut best, mut length) = (0..0, 0);
    for port in u32::from(FIRST_PORT)..=u32::from(u16::MAX) {
        length = if is_free(port as u16) { length + 1 } else { 0 };
        if length > best.len() as u32 {
            best = port + 1 - length..port + 1;
        }
    }
    // A range of ports is written with its last one, and one without any as going down.
    best.start.max(1) as u16..=best.end.saturating_sub(1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case((32_768, 60_999), &[], 20_000..=32_767)]
    #[case((32_768, 60_999), &[32_000], 20_000..=31_999)]
    #[case((32_768, 60_999), &[20_005, 20_006], 20_007..=32_767)]
    #[case((15_000, 50_000), &[], 50_001..=65_535)]
    fn gaps(
        #[case] handed_out: (u16, u16),
        #[case] used: &[u16],
        #[case] gap: RangeInclusive<u16>,
    ) {
        assert_eq!(
            largest_gap(handed_out, &used.iter().copied().collect()),
            gap
        );
    }

    #[test]
    fn where_all_is_handed_out_there_is_none() {
        assert_eq!(largest_gap((1024, 65_535), &BTreeSet::new()).len(), 0);
    }

    #[test]
    fn a_socket_has_its_port_at_the_end_of_its_second_word() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000";
        assert_eq!(local_port(line), Some(8080));
        assert_eq!(local_port("nonsense"), None);
    }
}
