//! What the tester itself costs: a case on the virtual clock, the whole suite from text to cases,
//! and reading a packet, beside etherparse in the same run. Nothing here asserts a time.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use tcpspec::device::bundled::{self, Bundled};
use tcpspec::drive::virtual_time;
use tcpspec::spec::case::Family;
use tcpspec::spec::{self, Sources};
use tcpspec::wire::{self, Outgoing};

fn main() {
    divan::main();
}

/// One virtual case: a short one, one with many timers, one with much data.
#[divan::bench(args = [
    "3.5/passive-open[v4]",
    "3.6/simultaneous-close[v6]",
    "3.8/zero-window-probe[v4]",
])]
fn virtual_case(bencher: Bencher, id: &str) {
    let suite = spec::load_one(&Sources::embedded(), id).expect("the suite is right");
    let profile = suite.profile("bundled").expect("the profile is there");
    let cases = suite.cases(profile, &[Family::V4, Family::V6]);
    let cases = cases.expect("the spec is right");
    let case = cases.iter().find(|case| case.id == id);
    let case = case.expect("the case is there");
    let config = bundled::config(profile).expect("the policies are right");
    bencher.bench(|| {
        let mut device = Bundled::new(config.clone(), case.family);
        virtual_time::play(case, profile, &mut device, 7)
    });
}

/// All embedded files, to cases of both IP versions.
#[divan::bench(sample_count = 10)]
fn whole_suite_load(bencher: Bencher) {
    bencher.bench(|| {
        let suite = spec::load(&Sources::embedded()).expect("the suite is right");
        let profile = suite.profile("bundled").expect("the profile is there");
        let cases = suite.cases(profile, &[Family::V4, Family::V6]);
        cases.expect("the suite is right").len()
    });
}

/// An ACK with timestamps, in a packet of IPv4.
fn packet(payload: usize) -> Vec<u8> {
    let ends = ["192.0.2.1:40000", "192.0.2.2:80"].map(|end| end.parse().expect("an end"));
    let timestamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let data = vec![0x5a; payload];
    wire::emit(&Outgoing {
        seq: 1,
        ack: 2,
        window: 1000,
        options: &timestamps,
        payload: &data,
        ..Outgoing::bare(ends[0], ends[1], 0x10)
    })
}

/// The tester's own reader: headers, options, both checksums, every fault noted. The copy of the
/// packet, which the record keeps, is in it.
#[divan::bench(args = [0, 1400])]
fn decode_ours(bencher: Bencher, payload: usize) {
    let packet = packet(payload);
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| wire::decode(black_box(&packet).clone()));
}

/// The same with etherparse: headers, options, both checksums, and a copy.
#[divan::bench(args = [0, 1400])]
fn decode_etherparse(bencher: Bencher, payload: usize) {
    let packet = packet(payload);
    assert!(etherparse_reads(&packet), "both checksums are right");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let copy = black_box(&packet).clone();
        (etherparse_reads(&copy), copy)
    });
}

/// True if the packet is a TCP segment over IPv4 with right checksums and readable options.
fn etherparse_reads(packet: &[u8]) -> bool {
    let Ok(sliced) = SlicedPacket::from_ip(packet) else {
        return false;
    };
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (sliced.net, sliced.transport)
    else {
        return false;
    };
    let header = ip.header().to_header();
    let sum = tcp.calc_checksum_ipv4(header.source, header.destination);
    header.calc_header_checksum() == header.header_checksum
        && sum == Ok(tcp.checksum())
        && tcp.options_iterator().all(|option| option.is_ok())
}
