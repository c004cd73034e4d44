//! Two codecs that share no code: what one of them says, the other one reads, on all that is
//! legal (RFC 9293 §3.1, §3.2; RFC 7323 §2, §3).
//!
//! A mistake that both ends of a connection share stays unseen for ever. Here the octets of each
//! codec are read by the other: a mistake would have to be made twice. Not here: what is illegal,
//! which only the tester can say, and IPv6 flow labels, which neither of them sets.

use proptest::prelude::*;
use proptest::sample::Index;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpspec::wire::{self, Outgoing, bit, options};
use tcpspec_stack::codec::{self, Control, Ecn, IpHeader, Packet, Segment, SynOptions, Timestamps};
use tcpspec_stack::{SeqNum, WindowScale, WireWindow};

/// Octets of options that a header has room for.
const MOST_OPTIONS: usize = 40;
/// The most text that a segment on an Ethernet has.
const MOST_TEXT: usize = 1460;

/// A legal segment in the words of neither codec.
#[derive(Clone, Debug)]
struct Legal {
    source: SocketAddr,
    destination: SocketAddr,
    ttl: u8,
    tos: u8,
    df: bool,
    id: u16,
    seq: u32,
    ack: Option<u32>,
    window: u16,
    urgent: Option<u16>,
    rst: bool,
    syn: bool,
    fin: bool,
    psh: bool,
    ece: bool,
    cwr: bool,
    mss: Option<u16>,
    ws: Option<u8>,
    sack_ok: bool,
    ts: Option<(u32, u32)>,
    sack: Vec<(u32, u32)>,
    text: Vec<u8>,
}

impl Legal {
    /// As the stack says it.
    fn stack(&self) -> Packet<'_> {
        let options = SynOptions {
            mss: self.mss,
            window_scale: self.ws.map(WindowScale::new),
            sack_permitted: self.sack_ok,
            fast_open: None,
        };
        let control = match (self.rst, self.syn, self.fin) {
            (true, _, _) => Control::Rst,
            (false, true, fin) => Control::Syn { options, fin },
            (false, false, true) => Control::Fin,
            (false, false, false) => Control::None,
        };
        Packet {
            ip: IpHeader {
                src: self.source.ip(),
                dst: self.destination.ip(),
                tos: self.tos,
                ttl: self.ttl,
                id: u32::from(self.id),
                df: self.df,
            },
            src_port: self.source.port(),
            dst_port: self.destination.port(),
            segment: Segment {
                seq: SeqNum(self.seq),
                ack: self.ack.map(SeqNum),
                control,
                wnd: WireWindow(self.window),
                urgent: self.urgent,
                push: self.psh,
                ecn: Ecn {
                    ece: self.ece,
                    cwr: self.cwr,
                },
                timestamps: self.ts.map(|(val, ecr)| Timestamps { val, ecr }),
                sack: self
                    .sack
                    .iter()
                    .map(|&(left, right)| (SeqNum(left), SeqNum(right)))
                    .collect(),
                user_timeout: None,
                text: &self.text,
            },
        }
    }

    /// As the tester says it, with these octets as options.
    fn tester<'a>(&'a self, options: &'a [u8]) -> Outgoing<'a> {
        let bits = [
            (self.fin, bit::FIN),
            (self.syn, bit::SYN),
            (self.rst, bit::RST),
            (self.psh, bit::PSH),
            (self.ack.is_some(), bit::ACK),
            (self.urgent.is_some(), bit::URG),
            (self.ece, bit::ECE),
            (self.cwr, bit::CWR),
        ];
        Outgoing {
            source: self.source,
            destination: self.destination,
            ttl: self.ttl,
            tos: self.tos,
            df: self.df,
            id: self.id,
            ip_options: &[],
            seq: self.seq,
            ack: self.ack.unwrap_or(0),
            flags: bits
                .iter()
                .filter(|(set, _)| *set)
                .fold(0, |flags, (_, bit)| flags | bit),
            window: self.window,
            urgent: self.urgent.unwrap_or(0),
            options,
            payload: &self.text,
            data_offset: None,
            reserved: 0,
            bad_checksum: false,
            zero_checksum: false,
        }
    }

    fn options(&self) -> wire::Options {
        wire::Options {
            mss: self.mss,
            ws: self.ws,
            sack_ok: self.sack_ok,
            ts: self.ts,
            sack: self.sack.clone(),
            ..wire::Options::default()
        }
    }

    /// Each option by itself, as octets.
    fn loose_options(&self) -> Vec<Vec<u8>> {
        let mss = self
            .mss
            .map(|mss| [&[2, 4][..], &mss.to_be_bytes()].concat());
        let ws = self.ws.map(|shift| vec![3, 3, shift]);
        let sack_ok = self.sack_ok.then(|| vec![4, 2]);
        let ts = self
            .ts
            .map(|(val, ecr)| [&[8, 10][..], &val.to_be_bytes(), &ecr.to_be_bytes()].concat());
        let blocks = self
            .sack
            .iter()
            .flat_map(|(left, right)| [left.to_be_bytes(), right.to_be_bytes()].concat());
        let octets: Vec<u8> = blocks.collect();
        let sack =
            (!octets.is_empty()).then(|| [&[5, 2 + octets.len() as u8][..], &octets].concat());
        let all = [mss, ws, sack_ok, ts, sack];
        all.into_iter().flatten().collect()
    }
}

fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<u32>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = any::<u128>().prop_map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    let addresses = prop_oneof![(v4.clone(), v4).boxed(), (v6.clone(), v6).boxed()];
    (addresses, any::<(u16, u16)>()).prop_map(|((source, destination), (from, to))| {
        (
            SocketAddr::new(source, from),
            SocketAddr::new(destination, to),
        )
    })
}

prop_compose! {
    /// Any segment that the stack can say: with RST neither SYN nor FIN, the options of a
    /// handshake on a SYN only, a shift of 14 at most, no field without its control bit.
    fn legal()(
        (source, destination) in ends(),
        (ttl, tos, df, id) in any::<(u8, u8, bool, u16)>(),
        (seq, ack, window, urgent) in any::<(u32, Option<u32>, u16, Option<u16>)>(),
        (rst, syn, fin) in prop_oneof![
            Just((true, false, false)),
            any::<(bool, bool)>().prop_map(|(syn, fin)| (false, syn, fin)),
        ],
        (psh, ece, cwr) in any::<(bool, bool, bool)>(),
        (mss, sack_ok, ts) in any::<(Option<u16>, bool, Option<(u32, u32)>)>(),
        mut sack in proptest::collection::vec(any::<(u32, u32)>(), 0..=4),
        ws in proptest::option::of(0_u8..=14),
        text in prop_oneof![
            Just(Vec::new()),
            proptest::collection::vec(any::<u8>(), 0..=MOST_TEXT),
        ],
    ) -> Legal {
        let v4 = source.is_ipv4();
        sack.truncate(if syn { 0 } else if ts.is_some() { 3 } else { 4 });
        Legal {
            source, destination, ttl, tos, df: df || !v4, id: if v4 { id } else { 0 },
            seq, ack, window, urgent, rst, syn, fin, psh, ece, cwr,
            mss: mss.filter(|_| syn), ws: ws.filter(|_| syn), sack_ok: sack_ok && syn,
            ts, sack, text,
        }
    }
}

fn say(packet: &Packet<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    packet.encode(&mut octets);
    octets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_the_stack_says_the_tester_reads_and_says_again(legal in legal()) {
        let octets = say(&legal.stack());
        let read = wire::decode(octets.clone());
        prop_assert_eq!(&read.faults, &[]);
        prop_assert_eq!(&read.tcp().expect("a segment").options, &legal.options());
        let again = Outgoing::again(&read).expect("a segment");
        let written = options::write(&legal.options());
        prop_assert_eq!(&again, &legal.tester(&written));
        prop_assert_eq!(wire::emit(&again), octets);
    }

    #[test]
    fn what_the_tester_says_the_stack_reads_and_says_again(legal in legal()) {
        let written = options::write(&legal.options());
        let octets = wire::emit(&legal.tester(&written));
        let read = codec::decode(&octets).expect("nothing wrong").expect("a segment");
        prop_assert_eq!(read, legal.stack());
        prop_assert_eq!(say(&read), octets);
    }

    /// RFC 9293 §3.1 leaves order and alignment of the options to the sender; both codecs write
    /// them in one way, and both must read them in any.
    #[test]
    fn both_read_options_in_any_order(
        legal in legal(),
        order in proptest::collection::vec(any::<(Index, u8)>(), 4),
        unknown in proptest::option::of(253_u8..=254),
    ) {
        let mut loose = legal.loose_options();
        loose.extend(unknown.map(|kind| vec![kind, 4, 0xf9, 0x89]));
        let mut list = Vec::new();
        let mut room = MOST_OPTIONS - loose.concat().len();
        for (index, gap) in order {
            if !loose.is_empty() {
                let gap = usize::from(gap % 4).min(room);
                room -= gap;
                list.extend(std::iter::repeat_n(1, gap));
                list.extend(loose.swap_remove(index.index(loose.len())));
            }
        }
        list.extend(loose.concat());
        let octets = wire::emit(&legal.tester(&list));
        let tester = wire::decode(octets.clone());
        let unknown = unknown.into_iter().collect();
        prop_assert_eq!(&tester.faults, &[]);
        prop_assert_eq!(
            &tester.tcp().expect("a segment").options,
            &wire::Options { unknown, ..legal.options() }
        );
        prop_assert_eq!(codec::decode(&octets), Ok(Some(legal.stack())));
    }

    #[test]
    fn no_octets_make_either_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_by_both(&octets);
    }

    /// Chance alone hardly ever finds a good header: this goes deeper.
    #[test]
    fn no_damage_to_a_segment_makes_either_panic(
        legal in legal(),
        damage in proptest::collection::vec(any::<(Index, u8)>(), 0..4),
        cut in any::<Index>(),
    ) {
        let mut octets = say(&legal.stack());
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        read_by_both(&octets);
        octets.truncate(cut.index(octets.len()));
        read_by_both(&octets);
    }

    /// With a right checksum, so that both get as far as the options.
    #[test]
    fn no_options_make_either_panic(
        legal in legal(), list in proptest::collection::vec(0_u8..12, 0..=40),
    ) {
        read_by_both(&wire::emit(&legal.tester(&list)));
    }
}

/// Reads the octets with both codecs and touches all that they found.
fn read_by_both(octets: &[u8]) {
    let read = wire::decode(octets.to_vec());
    let _ = (read.payload().len(), read.raw_options().len(), read.ends());
    if let Some(again) = Outgoing::again(&read) {
        wire::emit(&again);
    }
    if let Ok(Some(packet)) = codec::decode(octets) {
        say(&packet);
    }
}

/// A SYN with MSS, SACK-permitted, timestamps and window scale, as a Linux host sent it.
const SYN: &str = "4500003c08cf4000360614a50ab3b5610a605cd4989e18ebf65aebff00000000a0027210872f0000\
                   020405b40402080ab062e3300000000001030307";
/// Fourteen octets of text with timestamps, from the same connection.
const PING: &str = "4500004208d140003606149d0ab3b5610a605cd4989e18ebf65aec00fe335504801800e54b5f\
                    00000101080ab062ecacbab26fe62a310d0a24340d0a70696e670d0a";

/// The opening of a connection between a client and a Redis server.
fn captured() -> Legal {
    Legal {
        source: "10.179.181.97:39070".parse().expect("a socket"),
        destination: "10.96.92.212:6379".parse().expect("a socket"),
        ttl: 54,
        tos: 0,
        df: true,
        id: 0x08cf,
        seq: 0xf65a_ebff,
        ack: None,
        window: 29_200,
        urgent: None,
        rst: false,
        syn: true,
        fin: false,
        psh: false,
        ece: false,
        cwr: false,
        mss: Some(1460),
        ws: Some(7),
        sack_ok: true,
        ts: Some((0xb062_e330, 0)),
        sack: Vec::new(),
        text: Vec::new(),
    }
}

/// Both codecs read it as `meant`, and each says it again bit for bit.
fn passes_through_both(hex: &str, meant: &Legal) {
    let octets: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits"))
        .collect();
    let stack = codec::decode(&octets)
        .expect("nothing wrong")
        .expect("a segment");
    assert_eq!(stack, meant.stack());
    assert_eq!(say(&stack), octets);

    let tester = wire::decode(octets.clone());
    let written = options::write(&meant.options());
    assert_eq!(tester.faults, []);
    assert_eq!(Outgoing::again(&tester), Some(meant.tester(&written)));
    assert_eq!(wire::emit(&meant.tester(&written)), octets);
}

#[test]
fn a_captured_syn_passes_through_both() {
    passes_through_both(SYN, &captured());
}

#[test]
fn captured_data_passes_through_both() {
    let data = Legal {
        id: 0x08d1,
        seq: 0xf65a_ec00,
        ack: Some(0xfe33_5504),
        window: 229,
        syn: false,
        psh: true,
        mss: None,
        ws: None,
        sack_ok: false,
        ts: Some((0xb062_ecac, 0xbab2_6fe6)),
        text: b"*1\r\n$4\r\nping\r\n".to_vec(),
        ..captured()
    };
    passes_through_both(PING, &data);
}
