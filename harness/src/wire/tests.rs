use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

const SYN: &str = "4500003c08cf4000360614a50ab3b5610a605cd4989e18ebf65aebff00000000a0027210872f\
                   0000020405b40402080ab062e3300000000001030307";
const PING: &str = "4500004208d140003606149d0ab3b5610a605cd4989e18ebf65aec00fe335504801800e54b5f\
                    00000101080ab062ecacbab26fe62a310d0a24340d0a70696e670d0a";

#[rstest]
#[case::syn(SYN)]
#[case::data(PING)]
fn a_captured_packet_is_read_and_written_bit_for_bit(#[case] hex: &str) {
    let packet = decode(octets(hex));
    assert_eq!(packet.faults, []);
    assert_eq!(emit(&Outgoing::again(&packet).unwrap()), octets(hex));
    let written = options::write(&packet.tcp().unwrap().options);
    assert_eq!(
        written,
        packet.raw_options(),
        "options are laid out as that host does"
    );
}

#[test]
fn the_fields_of_a_captured_packet() {
    let packet = decode(octets(PING));
    let tcp = packet.tcp().unwrap();
    assert_eq!((tcp.source_port, tcp.destination_port), (39070, 6379));
    assert_eq!(
        (tcp.seq, tcp.ack, tcp.window),
        (0xf65a_ec00, 0xfe33_5504, 229)
    );
    assert_eq!(tcp.flags, bit::PSH | bit::ACK);
    assert_eq!(tcp.options.ts, Some((0xb062_ecac, 0xbab2_6fe6)));
    assert_eq!(packet.payload(), b"*1\r\n$4\r\nping\r\n");
    assert_eq!((tcp.len(), tcp.end()), (14, 0xf65a_ec0e));
}

fn outgoing(v6: bool) -> Outgoing<'static> {
    let [source, destination] = if v6 {
        ["[fd00::1]:4000", "[fd00::2]:80"]
    } else {
        ["192.0.2.1:4000", "192.0.2.2:80"]
    };
    Outgoing {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ttl: 64,
        tos: 0,
        df: true,
        id: 0,
        ip_options: &[],
        seq: 100,
        ack: 0,
        flags: bit::SYN,
        window: 65535,
        urgent: 0,
        options: &[],
        payload: b"",
        data_offset: None,
        reserved: 0,
        bad_checksum: false,
        zero_checksum: false,
    }
}

#[rstest]
#[case::v4(false)]
#[case::v6(true)]
fn a_checksum_of_zero_is_said_and_seen(#[case] v6: bool) {
    let octets = emit(&Outgoing {
        zero_checksum: true,
        ..outgoing(v6)
    });
    let at = if v6 { 40 } else { 20 } + 16;
    assert_eq!(octets[at..at + 2], [0, 0]);
    assert!(matches!(
        decode(octets).faults[..],
        [Fault::Checksum { got: 0, .. }]
    ));
}

#[rstest]
#[case::v4(false)]
#[case::v6(true)]
fn a_bad_checksum_is_said_and_seen(#[case] v6: bool) {
    let packet = decode(emit(&Outgoing {
        bad_checksum: true,
        ..outgoing(v6)
    }));
    assert!(matches!(packet.faults[..], [Fault::Checksum { got, computed }] if got != computed));
}

/// Zero has two forms in one's complement: a sum that wants the one is right with the other too.
#[rstest]
#[case::v4(false, 20)]
#[case::v6(true, 40)]
fn both_zeros_of_ones_complement_are_right(#[case] v6: bool, #[case] header: usize) {
    let checksum = |octets: &[u8]| decode(octets.to_vec()).tcp().unwrap().checksum;
    let urgent = checksum(&emit(&outgoing(v6)));
    let mut octets = emit(&Outgoing {
        urgent,
        ..outgoing(v6)
    });
    assert_eq!(checksum(&octets), 0, "the urgent pointer fills up the sum");
    octets[header + 16..header + 18].fill(0xff);
    assert_eq!(decode(octets).faults, []);
}

#[rstest]
#[case::too_small(4)]
#[case::beyond_the_segment(15)]
fn a_bad_data_offset_is_said_and_seen(#[case] words: u8) {
    let packet = decode(emit(&Outgoing {
        data_offset: Some(words),
        ..outgoing(true)
    }));
    assert_eq!(packet.faults, [Fault::DataOffset(words)]);
    assert_eq!(packet.tcp().unwrap().data_offset, words);
}

#[test]
fn reserved_bits_are_said_and_seen() {
    let packet = decode(emit(&Outgoing {
        reserved: 1,
        ..outgoing(false)
    }));
    assert_eq!(packet.faults, [Fault::Reserved(1)]);
}

#[test]
fn raw_options_are_said_and_their_fault_is_named() {
    let packet = decode(emit(&Outgoing {
        options: &[1, 1, 8, 0],
        ..outgoing(false)
    }));
    let fault = OptionFault::TooShort { kind: 8, length: 0 };
    assert_eq!(
        packet.faults,
        [Fault::Options(OptionError { at: 2, fault })]
    );
}

#[test]
fn a_wrong_ip_length_and_checksum_are_seen() {
    let mut octets = emit(&outgoing(false));
    octets[3] += 1;
    let faults = decode(octets).faults;
    assert!(matches!(
        faults[..],
        [
            Fault::IpLength { says: 41, is: 40 },
            Fault::IpChecksum { .. },
            ..
        ]
    ));
}

proptest! {
    #[test]
    fn hostile_octets_do_no_harm(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
        let packet = decode(octets);
        let _ = (packet.payload().len(), packet.raw_options().len(), packet.ends());
    }

    #[test]
    fn a_damaged_segment_does_no_harm(
        v6 in any::<bool>(), at in 0usize..60, octet in any::<u8>(), cut in 0usize..60,
    ) {
        let mut octets = emit(&Outgoing { payload: b"0123456789", ..outgoing(v6) });
        let length = octets.len();
        octets[at % length] = octet;
        octets.truncate(length - cut % length);
        let packet = decode(octets);
        let _ = (packet.payload().len(), packet.raw_options().len());
    }

    #[test]
    fn what_is_emitted_is_decoded(
        v6 in any::<bool>(), seq in any::<u32>(), ack in any::<u32>(), flags in any::<u8>(),
        window in any::<u16>(), urgent in any::<u16>(), tos in any::<u8>(),
        payload in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let header = Outgoing { tos, seq, ack, flags, window, urgent, ..outgoing(v6) };
        let segment = Outgoing { payload: &payload, ..header };
        let packet = decode(emit(&segment));
        prop_assert_eq!(&packet.faults, &[]);
        prop_assert_eq!(Outgoing::again(&packet).unwrap(), segment);
    }
}

/// A SYN with these IPv4 options, which are padded to words.
fn with_ip_options(hex: &str) -> Packet {
    let (packet, options) = (decode(octets(SYN)), octets(hex));
    let outgoing = Outgoing {
        ip_options: &options,
        ..Outgoing::again(&packet).unwrap()
    };
    decode(emit(&outgoing))
}

#[rstest]
#[case::none("", &[])]
#[case::completed("83070801020304", &[])]
#[case::one_to_come("83070405060708", &[(10, 96, 92, 212)])]
#[case::strict("89070405060708", &[(10, 96, 92, 212)])]
#[case::behind_a_filler("0183070405060708", &[(10, 96, 92, 212)])]
#[case::two_to_come("830b040102030405060708", &[(10, 96, 92, 212), (1, 2, 3, 4)])]
#[case::one_done("830b080102030405060708", &[(10, 96, 92, 212)])]
#[case::behind_the_end("0083070405060708", &[])]
#[case::pointer_beyond("8307ff05060708", &[])]
#[case::half_an_address("8305040506", &[])]
#[case::longer_than_the_header("83ff0405060708", &[])]
#[case::of_no_length("8300", &[])]
fn a_source_route_names_the_routers_to_come(
    #[case] hex: &str,
    #[case] routers: &[(u8, u8, u8, u8)],
) {
    let packet = with_ip_options(hex);
    let ip = packet.ip.as_ref().unwrap();
    let routers: Vec<_> = routers
        .iter()
        .map(|&(a, b, c, d)| Ipv4Addr::new(a, b, c, d))
        .collect();
    assert_eq!(ip.route, routers);
    let last = if routers.is_empty() {
        [10, 96, 92, 212]
    } else {
        [5, 6, 7, 8]
    };
    assert_eq!(ip.destination, IpAddr::from(last));
}
