//! Segments and values in the notation of the figures of RFC 9293, with re-based numbers.
//!
//! Every connection shows the tester's initial sequence number as 100 and the device's as 300, as
//! in figures 6 to 13. This module only writes numbers down; it compares nothing.

use crate::record::{Connection, Field, Quantity, Segment, Value};
use crate::text;

/// The tester's initial sequence number, as it is shown.
pub const SHOWN_IRS: u32 = 100;

/// The device's initial sequence number, as it is shown.
pub const SHOWN_ISS: u32 = 300;

/// Which way a segment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the tester to the device.
    ToDevice,
    /// From the device to the tester.
    FromDevice,
}

impl Connection {
    /// A number of the tester's sequence space as it is shown.
    pub fn shown_tester(&self, seq: u32) -> u32 {
        shown(seq, self.irs, SHOWN_IRS)
    }

    /// A number of the device's sequence space as it is shown.
    pub fn shown_device(&self, seq: u32) -> u32 {
        shown(seq, self.iss, SHOWN_ISS)
    }
}

/// Re-bases a number, modulo 2^32.
///
/// A zero far from the connection's own numbers is the literal one of
/// `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>` and stays.
fn shown(seq: u32, base: Option<u32>, to: u32) -> u32 {
    const NEAR: u32 = 1 << 16;
    let Some(base) = base else { return seq };
    let distance = seq.wrapping_sub(base);
    let is_near = distance < NEAR || distance.wrapping_neg() < NEAR;
    if seq == 0 && !is_near {
        0
    } else {
        distance.wrapping_add(to)
    }
}

impl Segment {
    /// The segment in figure notation, `<SEQ=302><ACK=102><CTL=ACK>`.
    ///
    /// Payload, a closed window and remarkable options are shown where there are any. An ICMP
    /// message is shown by its kind, `<ICMP frag-needed><MTU=1000>`, a fragment by the octets of
    /// the segment that it carries, `<FRAGMENT=0..24><MORE>`.
    pub fn figure(&self, connection: &Connection, direction: Direction) -> String {
        let flags = text::clean(&self.flags);
        let options = self.shown_options(connection, direction);
        if let Some(message) = icmp(&self.packet).or_else(|| fragment(&self.packet)) {
            return join(&message);
        }
        let (seq, ack) = self.shown_numbers(connection, direction);
        let mut parts = vec![format!("SEQ={seq}")];
        parts.extend(ack.map(|ack| format!("ACK={ack}")));
        if self.len > 0 {
            parts.push(format!("DATA={}", self.len));
        }
        parts.push(format!("CTL={flags}"));
        // A RST says nothing by its window; anything else closes it by a zero.
        if self.wnd == 0 && !flags.contains("RST") && !options.contains("WND") {
            parts.push("WND=0".into());
        }
        parts.push(options);
        join(&parts)
    }

    /// The options, SACK edges in the space of what they acknowledge (RFC 2018 §3).
    fn shown_options(&self, on: &Connection, direction: Direction) -> String {
        let shown = |edge: &str| {
            let edge = edge.parse().ok()?;
            Some(match direction {
                Direction::ToDevice => on.shown_device(edge),
                Direction::FromDevice => on.shown_tester(edge),
            })
        };
        let block = |word: &str| {
            let (left, right) = word.strip_prefix("SACK=")?.split_once("..")?;
            Some(format!("SACK={}..{}", shown(left)?, shown(right)?))
        };
        let options = text::clean(&self.options);
        let words = options.split(' ');
        let words = words.map(|word| block(word).unwrap_or_else(|| word.to_owned()));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The numbers as they were on the wire: `SEQ 3405691582 ACK 17 WND 65535`.
    pub fn real_numbers(&self) -> String {
        let ack = self
            .ack
            .map(|ack| format!(" ACK {ack}"))
            .unwrap_or_default();
        format!("SEQ {}{ack} WND {}", self.seq, self.wnd)
    }

    /// SEG.SEQ and SEG.ACK, each re-based in its own space.
    fn shown_numbers(&self, on: &Connection, direction: Direction) -> (u32, Option<u32>) {
        match direction {
            Direction::ToDevice => (
                on.shown_tester(self.seq),
                self.ack.map(|ack| on.shown_device(ack)),
            ),
            Direction::FromDevice => (
                on.shown_device(self.seq),
                self.ack.map(|ack| on.shown_tester(ack)),
            ),
        }
    }
}

/// What an ICMP message says: its kind by the names of the specs, and the MTU where it has one.
fn icmp(packet: &[u8]) -> Option<Vec<String>> {
    const IPV6_HEADER: usize = 40;
    let (start, is_icmp) = match packet.first()? >> 4 {
        4 => (usize::from(packet[0] & 0xf) * 4, *packet.get(9)? == 1),
        6 => (IPV6_HEADER, *packet.get(6)? == 58),
        _ => return None,
    };
    let message = packet.get(start..start + 8).filter(|_| is_icmp)?;
    let (kind, code) = (message[0], message[1]);
    let name = match (start == IPV6_HEADER && packet[0] >> 4 == 6, kind, code) {
        (false, 3, 0) | (true, 1, 0) => "net-unreachable".to_owned(),
        (false, 3, 1) | (true, 1, 3) => "host-unreachable".to_owned(),
        (false, 3, 2) | (true, 4, 1) => "proto-unreachable".to_owned(),
        (false, 3, 3) | (true, 1, 4) => "port-unreachable".to_owned(),
        (false, 3, 4) => "frag-needed".to_owned(),
        (true, 2, 0) => "packet-too-big".to_owned(),
        (false, 3, 5) => "source-route-failed".to_owned(),
        (false, 3, 13) | (true, 1, 1) => "admin-prohibited".to_owned(),
        (false, 4, 0) => "source-quench".to_owned(),
        (false, 11, 0) | (true, 3, 0) => "time-exceeded".to_owned(),
        (false, 11, 1) | (true, 3, 1) => "reassembly-exceeded".to_owned(),
        (false, 12, _) | (true, 4, _) => "parameter-problem".to_owned(),
        _ => format!("type {kind} code {code}"),
    };
    let mtu = match name.as_str() {
        "frag-needed" => format!("MTU={}", u16::from_be_bytes([message[6], message[7]])),
        "packet-too-big" => {
            let mtu = [message[4], message[5], message[6], message[7]];
            format!("MTU={}", u32::from_be_bytes(mtu))
        }
        _ => String::new(),
    };
    Some(vec![format!("ICMP {name}"), mtu])
}

/// Which octets of its payload a fragment carries, and that more follow.
fn fragment(packet: &[u8]) -> Option<Vec<String>> {
    let half = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let (offset, more, header) = match packet.first()? >> 4 {
        4 => {
            let place = half(6)?;
            let header = usize::from(packet[0] & 0xf) * 4;
            (usize::from(place & 0x1fff) * 8, place & 0x2000 != 0, header)
        }
        6 if *packet.get(6)? == 44 => {
            let place = half(42)?;
            (usize::from(place & 0xfff8), place & 1 != 0, 48)
        }
        _ => return None,
    };
    if offset == 0 && !more {
        return None;
    }
    let end = offset + packet.len().saturating_sub(header);
    let more = if more { "MORE" } else { "" };
    Some(vec![format!("FRAGMENT={offset}..{end}"), more.to_owned()])
}

/// `<a><b>`, without the empty ones.
fn join(parts: &[String]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.flat_map(|part| ["<", part, ">"]).collect()
}

impl Value {
    /// The value as it is shown; `None` if there is none.
    pub fn shown(&self, connection: &Connection) -> Option<String> {
        match self {
            Self::None => None,
            Self::DeviceSeq(seq) => Some(connection.shown_device(*seq).to_string()),
            Self::TesterSeq(seq) => Some(connection.shown_tester(*seq).to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Duration(ns) => Some(text::signed_duration(*ns)),
            Self::Text(words) => Some(text::clean(words)),
        }
    }
}

impl Quantity {
    /// The number if there is one, else the words: what stands in a figure.
    pub fn figure(&self, connection: &Connection) -> Option<String> {
        let words = || self.words.as_deref().map(text::clean);
        self.value.shown(connection).or_else(words)
    }
}

/// What was expected, in figure notation: the control bits `flags` and the expected `fields`.
pub fn expected(flags: &str, fields: &[Field], connection: &Connection) -> String {
    let value = |name: &str| {
        let field = fields.iter().find(|field| field.name == name)?;
        field.expected.figure(connection)
    };
    let part = |name: &str| value(name).map(|value| format!("{name}={value}"));
    let mut parts: Vec<String> = ["SEQ", "ACK"].into_iter().filter_map(part).collect();
    parts.extend(part("DATA").filter(|data| data != "DATA=0"));
    let control = value("CTL").unwrap_or_else(|| text::clean(flags));
    if !control.is_empty() {
        parts.push(format!("CTL={control}"));
    }
    let is_shown = |name: &str| ["SEQ", "ACK", "DATA", "CTL"].contains(&name) || is_time(name);
    let others = fields
        .iter()
        .map(|field| field.name.as_str())
        .filter(|name| !is_shown(name));
    parts.extend(others.filter_map(part));
    join(&parts)
}

/// Fields that say when, not what.
pub(crate) fn is_time(name: &str) -> bool {
    matches!(name, "after" | "within")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn connection() -> Connection {
        Connection {
            name: "a".into(),
            tester: ([192, 0, 2, 1], 40000).into(),
            device: ([192, 0, 2, 2], 80).into(),
            irs: Some(u32::MAX),
            iss: Some(5_000_000),
        }
    }

    fn segment(flags: &str) -> Segment {
        Segment {
            seq: 1,
            ack: Some(5_000_001),
            wnd: 65535,
            flags: flags.into(),
            len: 0,
            options: String::new(),
            packet: Vec::new(),
        }
    }

    #[test]
    fn numbers_are_re_based_across_the_wrap() {
        let figure = segment("ACK").figure(&connection(), Direction::ToDevice);
        assert_eq!(figure, "<SEQ=102><ACK=301><CTL=ACK>");
    }

    #[rstest]
    #[case(5_000_000, 300)]
    #[case(4_999_999, 299)]
    #[case(0, 0)]
    fn a_literal_zero_stays(#[case] seq: u32, #[case] shown: u32) {
        assert_eq!(connection().shown_device(seq), shown);
    }

    #[test]
    fn numbers_without_a_base_are_real() {
        let unbound = Connection {
            irs: None,
            iss: None,
            ..connection()
        };
        let figure = segment("ACK").figure(&unbound, Direction::ToDevice);
        assert_eq!(figure, "<SEQ=1><ACK=5000001><CTL=ACK>");
    }

    #[rstest]
    #[case(Direction::ToDevice, "5000101..5000201", "401..501")]
    #[case(Direction::FromDevice, "4294967295..9", "100..110")]
    #[case(Direction::FromDevice, "any", "any")]
    fn what_is_acknowledged_selectively_is_re_based_too(
        #[case] direction: Direction,
        #[case] edges: &str,
        #[case] shown: &str,
    ) {
        let options = format!("TS=1/2 SACK={edges} SACK={edges}");
        let segment = Segment {
            options,
            ..segment("ACK")
        };
        let figure = segment.figure(&connection(), direction);
        let expected = format!("<TS=1/2 SACK={shown} SACK={shown}>");
        assert!(figure.ends_with(&expected), "{figure}");
    }

    #[test]
    fn payload_options_and_a_closed_window_are_shown() {
        let segment = Segment {
            len: 10,
            wnd: 0,
            options: "MSS=1460".into(),
            ..segment("PSH,ACK")
        };
        let figure = segment.figure(&connection(), Direction::ToDevice);
        assert_eq!(
            figure,
            "<SEQ=102><ACK=301><DATA=10><CTL=PSH,ACK><WND=0><MSS=1460>"
        );
    }

    #[rstest]
    #[case(4, 1, [3, 4, 0, 0, 0, 0, 0x03, 0xe8], "<ICMP frag-needed><MTU=1000>")]
    #[case(4, 1, [3, 3, 0, 0, 0, 0, 0, 0], "<ICMP port-unreachable>")]
    #[case(6, 58, [2, 0, 0, 0, 0, 0, 0x05, 0x14], "<ICMP packet-too-big><MTU=1300>")]
    #[case(6, 58, [135, 0, 0, 0, 0, 0, 0, 0], "<ICMP type 135 code 0>")]
    #[case(4, 6, [3, 4, 0, 0, 0, 0, 0, 0], "<SEQ=102><ACK=301><CTL=ACK>")]
    fn an_icmp_message_is_no_segment(
        #[case] version: u8,
        #[case] protocol: u8,
        #[case] message: [u8; 8],
        #[case] figure: &str,
    ) {
        let (length, at) = if version == 4 { (20, 9) } else { (40, 6) };
        let mut packet = vec![0; length];
        packet[0] = version << 4 | 5;
        packet[at] = protocol;
        packet.extend(message);
        let segment = Segment {
            packet,
            ..segment("ACK")
        };
        assert_eq!(segment.figure(&connection(), Direction::ToDevice), figure);
    }

    #[rstest]
    #[case(true, 0x20, 0x00, "<FRAGMENT=0..16><MORE>")]
    #[case(true, 0x00, 0x03, "<FRAGMENT=24..40>")]
    #[case(true, 0x40, 0x00, "<SEQ=102><ACK=301><CTL=ACK>")]
    #[case(false, 0x00, 0x19, "<FRAGMENT=24..40><MORE>")]
    #[case(false, 0x00, 0x18, "<FRAGMENT=24..40>")]
    fn a_fragment_shows_which_octets_it_carries(
        #[case] v4: bool,
        #[case] high: u8,
        #[case] low: u8,
        #[case] figure: &str,
    ) {
        let mut packet = vec![0; if v4 { 20 } else { 48 }];
        let at = if v4 { 6 } else { 42 };
        packet[0] = if v4 { 0x45 } else { 0x60 };
        packet[at..at + 2].copy_from_slice(&[high, low]);
        if !v4 {
            packet[6] = 44;
        }
        packet.extend([0; 16]);
        let segment = Segment {
            packet,
            ..segment("ACK")
        };
        assert_eq!(segment.figure(&connection(), Direction::ToDevice), figure);
    }

    #[test]
    fn half_a_packet_is_no_panic() {
        for length in 0..48 {
            let packet = vec![0x45; length];
            let segment = Segment {
                packet,
                ..segment("ACK")
            };
            assert!(
                !segment
                    .figure(&connection(), Direction::ToDevice)
                    .is_empty()
            );
        }
    }
}
