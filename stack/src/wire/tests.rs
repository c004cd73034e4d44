use super::*;
use crate::segment::{Control, Ecn, SackBlocks, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale, WireWindow};
use proptest::prelude::*;
use rstest::rstest;

/// A SYN with MSS, SACK Permitted, timestamps and window scale, as a Linux host sent it.
const SYN: &str = "4500003c08cf4000360614a50ab3b5610a605cd4989e18ebf65aebff00000000a0027210872f0000\
                   020405b40402080ab062e3300000000001030307";
/// Fourteen octets of text with timestamps, from the same connection.
const DATA: &str = "4500004208d140003606149d0ab3b5610a605cd4989e18ebf65aec00fe33550480\
                    1800e54b5f00000101080ab062ecacbab26fe62a310d0a24340d0a70696e670d0a";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex digits")
    };
    digits.chunks(2).map(pair).collect()
}

fn decode(packet: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (ip, _protocol, payload) = decode_ip(packet)?;
    decode_tcp(ip, payload)
}

#[rstest]
#[case::syn(SYN)]
#[case::data(DATA)]
fn a_real_packet_is_emitted_again_bit_for_bit(#[case] hex: &str) {
    let packet = octets(hex);
    let mut again = Vec::new();
    decode(&packet).expect("a good packet").encode(&mut again);
    assert_eq!(again, packet);
}

#[test]
fn a_real_syn_says_what_it_says() {
    let packet = octets(SYN);
    let syn = decode(&packet).expect("a good packet");
    assert_eq!(
        syn.src(),
        "10.179.181.97:39070".parse().expect("an address")
    );
    assert_eq!(syn.dst(), "10.96.92.212:6379".parse().expect("an address"));
    assert_eq!((syn.ip.id, syn.ip.ttl, syn.ip.df), (0x08cf, 0x36, true));
    let options = SynOptions {
        mss: Some(1460),
        window_scale: Some(WindowScale::new(7)),
        sack_permitted: true,
        fast_open: None,
    };
    assert_eq!(
        syn.segment.control,
        Control::Syn {
            options,
            fin: false
        }
    );
    assert_eq!(
        syn.segment.timestamps,
        Some(Timestamps {
            val: 0xb062_e330,
            ecr: 0
        })
    );
    assert_eq!((syn.segment.ack, syn.segment.len()), (None, 1));
}

#[test]
fn every_flipped_bit_of_a_real_segment_is_noticed() {
    let packet = octets(DATA);
    for bit in 20 * 8..packet.len() * 8 {
        let mut bad = packet.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&bad), Err(Malformed::Checksum), "bit {bit}");
    }
}

/// Builds a packet whose header ends with these raw options, checksums right.
fn with_options(options: &[u8], offset: u8) -> Vec<u8> {
    let plain = Packet {
        ip: IpHeader {
            src: v4(&[10, 0, 0, 1]),
            dst: v4(&[10, 0, 0, 2]),
            tos: 0,
            ttl: 64,
            id: 0,
            df: true,
        },
        src_port: 1,
        dst_port: 2,
        segment: Segment {
            text: options,
            ..Segment::bare(
                SeqNum(1),
                Control::Syn {
                    options: SynOptions::default(),
                    fin: false,
                },
            )
        },
    };
    let mut out = Vec::new();
    plain.encode(&mut out);
    out[32] = offset << 4;
    out[36..38].copy_from_slice(&[0, 0]);
    let sum = Sum::pseudo_header(plain.ip.src, plain.ip.dst, TCP, out.len() - 20).add(&out[20..]);
    out[36..38].copy_from_slice(&sum.finish().to_be_bytes());
    out
}

#[rstest]
#[case::zero_length(&[8, 0, 0, 0], Malformed::OptionLength)]
#[case::length_one(&[8, 1, 0, 0], Malformed::OptionLength)]
#[case::beyond_the_header(&[8, 10, 0, 0], Malformed::OptionLength)]
#[case::kind_without_length(&[1, 1, 1, 8], Malformed::OptionLength)]
#[case::mss_of_three(&[2, 3, 5, 0], Malformed::OptionLength)]
#[case::no_sack_block(&[1, 1, 5, 2], Malformed::OptionLength)]
#[case::part_of_a_sack_block(&[5, 4, 0, 0], Malformed::OptionLength)]
fn an_illegal_option_is_rejected(#[case] options: &[u8], #[case] why: Malformed) {
    assert_eq!(decode(&with_options(options, 6)), Err(why));
}

#[rstest]
#[case::unknown_kind(&[253, 4, 1, 2], None)]
#[case::end_before_garbage(&[0, 2, 0, 9], None)]
#[case::unaligned_mss(&[1, 1, 2, 4, 1, 2, 0, 0], Some(0x0102))]
fn options_are_skipped_to_the_end(#[case] options: &[u8], #[case] mss: Option<u16>) {
    let packet = with_options(options, 5 + (options.len() / 4) as u8);
    let control = decode(&packet).expect("a good packet").segment.control;
    let options = SynOptions {
        mss,
        ..SynOptions::default()
    };
    assert_eq!(
        control,
        Control::Syn {
            options,
            fin: false
        }
    );
}

#[rstest]
#[case(4)]
#[case(7)]
fn a_data_offset_outside_the_segment_is_rejected(#[case] offset: u8) {
    assert_eq!(
        decode(&with_options(&[1, 1, 1, 1], offset)),
        Err(Malformed::DataOffset)
    );
}

fn any_segment(text: &[u8]) -> impl Strategy<Value = Segment<'_>> {
    let syn = (
        any::<Option<u16>>(),
        proptest::option::of(0_u8..=14),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(mss, shift, sack_permitted, fin)| Control::Syn {
            options: SynOptions {
                mss,
                window_scale: shift.map(WindowScale::new),
                sack_permitted,
                fast_open: None,
            },
            fin,
        });
    let control = prop_oneof![
        Just(Control::None),
        Just(Control::Fin),
        Just(Control::Rst),
        syn
    ];
    let timestamps =
        any::<Option<(u32, u32)>>().prop_map(|pair| pair.map(|(val, ecr)| Timestamps { val, ecr }));
    let numbers = (
        any::<u32>(),
        any::<Option<u32>>(),
        any::<u16>(),
        any::<Option<u16>>(),
    );
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let sack = proptest::collection::vec(any::<(u32, u32)>(), 0..=4);
    let parts = (numbers, control, timestamps, flags, sack);
    parts.prop_map(move |(numbers, control, timestamps, flags, sack)| {
        let (seq, ack, wnd, urgent) = numbers;
        let (push, ece, cwr) = flags;
        Segment {
            seq: SeqNum(seq),
            ack: ack.map(SeqNum),
            control,
            wnd: WireWindow(wnd),
            urgent,
            push,
            ecn: Ecn { ece, cwr },
            timestamps,
            sack: carried(&sack, &control, timestamps.is_some()),
            user_timeout: None,
            text,
        }
    })
}

/// As many blocks as the segment has room for.
fn carried(sack: &[(u32, u32)], control: &Control, timestamps: bool) -> SackBlocks {
    let most = match control {
        Control::Syn { .. } => 0,
        _ if timestamps => 3,
        _ => 4,
    };
    let blocks = sack.iter().take(most);
    blocks
        .map(|&(left, right)| (SeqNum(left), SeqNum(right)))
        .collect()
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(
        segment in any_segment(b"some octets"), v6: bool, src: u16, dst: u16, tos: u8, id: u16
    ) {
        let address = |last| if v6 {
            super::v6(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
        } else {
            v4(&[10, 0, 0, last])
        };
        let ip = IpHeader {
            src: address(1), dst: address(2), tos, ttl: 64, id: u32::from(id), df: true,
        };
        let packet = Packet { ip, src_port: src, dst_port: dst, segment };
        let mut out = Vec::new();
        packet.encode(&mut out);
        prop_assert_eq!(decode(&out), Ok(packet));
    }

    #[test]
    fn no_octets_make_it_panic(octets: Vec<u8>) {
        let _ = decode(&octets);
    }

    #[test]
    fn no_change_of_a_real_packet_makes_it_panic(
        changes in proptest::collection::vec((0_usize..66, any::<u8>()), 1..4), len in 0_usize..=66
    ) {
        let mut packet = octets(DATA);
        for (at, octet) in changes {
            packet[at] = octet;
        }
        let _ = decode(&packet[..len]);
        let (ip, _, _) = decode_ip(&octets(DATA)).expect("a good packet");
        let _ = decode_tcp(ip, &packet[20.min(len)..len]);
    }
}
