use super::*;
use crate::record::{Family, Value};
use crate::tests::golden;
use crate::tests::sample;
use rstest::rstest;

fn capture(record: &CaseRecord) -> Vec<u8> {
    write("tcpspec 0.1.0", &sample::device(), 0x5f3a_91c2, record)
}

/// Walks the blocks as a reader does: kind and body of each.
fn blocks(mut octets: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |at: &[u8]| u32::from_le_bytes(at[..4].try_into().expect("four octets"));
    let mut blocks = Vec::new();
    while !octets.is_empty() {
        let length = word(&octets[4..]) as usize;
        assert_eq!(length % 4, 0, "blocks end on 32-bit boundaries");
        assert_eq!(
            word(&octets[length - 4..]) as usize,
            length,
            "the length stands at both ends"
        );
        blocks.push((word(octets), &octets[8..length - 4]));
        octets = &octets[length..];
    }
    blocks
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[rstest]
#[case("wrong-field", sample::fail("CLOSING"))]
#[case("missing", sample::missing())]
fn captures_are_what_they_were(#[case] name: &str, #[case] record: CaseRecord) {
    golden::check(&format!("{name}.pcapng"), capture(&record));
}

#[test]
fn every_block_is_well_formed() {
    for record in sample::run().cases.iter().chain([&sample::hostile()]) {
        let capture = capture(record);
        let kinds: Vec<u32> = blocks(&capture).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(
            kinds[..3],
            [SECTION_HEADER, INTERFACE_DESCRIPTION, NAME_RESOLUTION]
        );
        assert!(kinds[3..].iter().all(|kind| *kind == ENHANCED_PACKET));
    }
}

#[test]
fn the_packet_that_failed_says_why() {
    let capture = capture(&sample::fail("CLOSING"));
    let blocks = blocks(&capture);
    let (_, last) = blocks.last().expect("packets");
    assert!(contains(
        last,
        "step 2: expected <SEQ=302><ACK=102><CTL=ACK> within 1 s"
    ));
    assert!(contains(last, "MISMATCH ack: RCV.NXT+1"));
    let (_, section) = blocks[0];
    assert!(contains(
        section,
        "case 3.10.7.4/rst-validation[state=CLOSING,rst=inside,v4]"
    ));
    assert!(contains(section, "RFC5961-3.2-3 RFC 9293 §3.10.7.4"));
}

#[test]
fn directions_and_times_are_the_packets_own() {
    let mut record = sample::silence_broken();
    let late = (7_u64 << 32) + 5;
    record.events.last_mut().expect("events").at_ns = late;
    let capture = capture(&record);
    let packets: Vec<&[u8]> = blocks(&capture)[3..]
        .iter()
        .map(|(_, body)| *body)
        .collect();
    let last = packets.last().expect("packets");
    assert_eq!(last[4..12], [7, 0, 0, 0, 5, 0, 0, 0]);
    let flags = [2_u8, 0, 4, 0, 1, 0, 0, 0];
    assert!(
        last.windows(8).any(|window| window == flags),
        "the last packet is inbound"
    );
}

#[test]
fn both_families_are_named() {
    let mut record = CaseRecord {
        family: Family::V6,
        ..sample::pass()
    };
    record.connections[0].device = "[2001:db8::2]:80".parse().expect("an address");
    let capture = capture(&record);
    let (_, names) = blocks(&capture)[2];
    assert_eq!(names[..2], NRB_IPV4.to_le_bytes());
    assert!(contains(names, "harness\0") && contains(names, "device\0"));
}

#[test]
fn a_very_long_comment_is_cut() {
    let mut record = sample::fail("CLOSING");
    record.covers[0].sentence = "x".repeat(100_000);
    assert_eq!(blocks(&capture(&record))[0].0, SECTION_HEADER);
}

#[test]
fn a_field_without_words_is_told_by_its_value() {
    let mut record = sample::fail("CLOSING");
    for field in &mut record.mismatches[0].fields {
        field.got.words = None;
        field.holds &= !matches!(field.got.value, Value::TesterSeq(_));
    }
    let capture = capture(&record);
    assert!(contains(&capture, "MISMATCH ack: 103"));
}
