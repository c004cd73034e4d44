use super::*;
use crate::wire::{IpHeader, decode_ip, encode_ip};
use proptest::prelude::*;
use rstest::rstest;

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Addresses of routers, neither of which is an end.
fn routers() -> impl Strategy<Value = Vec<Ipv4Addr>> {
    let router = (1_u8..=223).prop_filter("loopback", |first| *first != 127 && *first != 192);
    let router = (router, any::<[u8; 3]>())
        .prop_map(|(first, [second, third, last])| Ipv4Addr::new(first, second, third, last));
    prop::collection::vec(router, 1..=MOST_HOPS)
}

/// An IPv4 header with these options, from `SOURCE` to `HOST`; the checksum is nobody's business.
fn header(options: &[u8]) -> Vec<u8> {
    let len = 20 + options.len().next_multiple_of(4);
    let mut packet = vec![0; len];
    packet[0] = 0x40 | (len / 4) as u8;
    packet[12..16].copy_from_slice(&SOURCE.octets());
    packet[16..20].copy_from_slice(&HOST.octets());
    packet[20..20 + options.len()].copy_from_slice(options);
    packet
}

/// The option of a route that was followed to its end.
fn completed(kind: u8, hops: &[Ipv4Addr]) -> Vec<u8> {
    let len = (FIXED + hops.len() * 4) as u8;
    let addresses = hops.iter().flat_map(Ipv4Addr::octets);
    [kind, len, len + 1].into_iter().chain(addresses).collect()
}

/// What the routers on the way make of a packet (RFC 791 §3.1), until it is at its end; the hops.
fn follow(packet: &mut [u8]) -> Vec<Ipv4Addr> {
    let mut way = Vec::new();
    while packet[22] <= packet[21] {
        let place = 20 + usize::from(packet[22]) - 1;
        let here: [u8; 4] = packet[16..20].try_into().unwrap();
        way.push(Ipv4Addr::from(here));
        packet.copy_within(place..place + 4, 16);
        packet[place..place + 4].copy_from_slice(&here);
        packet[22] += 4;
    }
    way
}

fn sent(route: &SourceRoute, src: Ipv4Addr, dst: Ipv4Addr) -> Vec<u8> {
    let ip = IpHeader {
        src: src.into(),
        dst: dst.into(),
        tos: 0,
        ttl: 64,
        id: 7,
        df: true,
    };
    let mut packet = Vec::new();
    encode_ip(&ip, Some(route), 6, 0, &mut packet);
    packet
}

proptest! {
    /// Whatever stands in the options, it is read in bounds, and what comes of it is legal.
    #[test]
    fn no_option_is_too_hostile(
        options in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..=40),
            // Lengths and pointers that nearly fit.
            (prop::sample::select(vec![LOOSE, STRICT]), 0_u8..=44, any::<u8>(), any::<[u8; 32]>())
                .prop_map(|(kind, len, pointer, data)| [&[kind, len, pointer], &data[..]].concat()),
        ],
        cut in 0_usize..=60,
    ) {
        let mut packet = header(&options);
        let back = return_route(&packet, true);
        if let Ok(Some(route)) = back {
            prop_assert!((1..=MOST_HOPS).contains(&route.hops().len()));
            prop_assert!(route.option_len() <= 40);
        }
        let _ = (destination(&packet), SourceRoute::from_option(&options));
        packet.truncate(cut);
        if packet.len() >= 20 {
            let _ = (return_route(&packet, true), destination(&packet));
        }
    }

    /// There and back: the route by which a packet came, turned around, is the way it goes back,
    /// and what comes back by that would be answered by the first route again.
    #[test]
    fn the_way_back_is_the_way_there_turned_around(hops in routers(), strict in any::<bool>()) {
        let there = SourceRoute::new(strict, &hops).unwrap();
        let mut packet = sent(&there, SOURCE, HOST);
        prop_assert_eq!(packet.len() - 20, there.option_len());
        prop_assert!(decode_ip(&packet).is_ok());
        prop_assert_eq!(destination(&packet), Some(HOST.into()));
        prop_assert_eq!(return_route(&packet, true), Err(Malformed::SourceRoute));
        prop_assert_eq!(follow(&mut packet), hops.clone());
        prop_assert_eq!(&packet[16..20], &HOST.octets());
        let back = return_route(&packet, true).unwrap().unwrap();
        let turned: Vec<Ipv4Addr> = hops.iter().rev().copied().collect();
        prop_assert_eq!((back.hops(), back.is_strict()), (&turned[..], strict));
        let mut answer = sent(&back, HOST, SOURCE);
        prop_assert_eq!(follow(&mut answer), turned);
        prop_assert_eq!(return_route(&answer, true), Ok(Some(there)));
    }

    /// RFC 1122 §3.2.1.8, case (B): the source was its own first hop.
    #[test]
    fn a_route_that_begins_with_the_source_does_not_end_with_it_twice(hops in routers()) {
        prop_assume!(hops.len() < MOST_HOPS);
        let recorded = [&[SOURCE], &hops[..]].concat();
        let direct = return_route(&header(&completed(LOOSE, &hops)), true);
        prop_assert_eq!(return_route(&header(&completed(LOOSE, &recorded)), true), direct);
    }
}

#[rstest]
#[case::none(&[], Ok(0))]
#[case::others(&[1, 1, 0x94, 4, 0, 0, 0], Ok(0))]
#[case::behind_the_end(&[0, LOOSE, 7, 8, 198, 51, 100, 7], Ok(0))]
#[case::behind_nonsense(&[0x94, 1, LOOSE, 7, 8, 198, 51, 100, 7], Ok(0))]
#[case::behind_others(&[1, 0x94, 4, 0, 0, LOOSE, 7, 8, 198, 51, 100, 7], Ok(1))]
#[case::one(&[LOOSE, 7, 8, 198, 51, 100, 7], Ok(1))]
#[case::pointer_far_beyond(&[LOOSE, 7, 255, 198, 51, 100, 7], Ok(1))]
#[case::no_hops(&[LOOSE, 3, 4], Ok(0))]
#[case::only_the_source(&[LOOSE, 7, 8, 192, 0, 2, 1], Ok(0))]
#[case::unfinished(&[LOOSE, 7, 4, 198, 51, 100, 7], Err(()))]
#[case::pointer_at_the_last_octet(&[LOOSE, 7, 7, 198, 51, 100, 7], Err(()))]
#[case::pointer_zero(&[LOOSE, 7, 0, 198, 51, 100, 7], Err(()))]
#[case::no_pointer(&[STRICT, 2], Err(()))]
#[case::half_an_address(&[LOOSE, 9, 10, 198, 51, 100, 7, 198, 51], Err(()))]
#[case::longer_than_the_header(&[LOOSE, 39, 40, 198, 51, 100, 7], Ok(0))]
#[case::twice(&[LOOSE, 7, 8, 198, 51, 100, 7, STRICT, 7, 8, 198, 51, 100, 8], Err(()))]
#[case::by_multicast(&[LOOSE, 7, 8, 224, 0, 0, 1], Err(()))]
#[case::by_nowhere(&[LOOSE, 7, 8, 0, 0, 0, 0], Err(()))]
fn a_completed_route_is_read_and_no_other(#[case] options: &[u8], #[case] hops: Result<usize, ()>) {
    let route = return_route(&header(options), true);
    let count = route.map(|route| route.map_or(0, |route| route.hops().len()));
    assert_eq!(count.map_err(|_| ()), hops);
}

#[test]
fn a_host_that_takes_no_source_routes_takes_not_even_an_empty_one() {
    for option in [&[LOOSE, 7, 8, 198, 51, 100, 7][..], &[STRICT, 3, 4]] {
        assert_eq!(
            return_route(&header(option), false),
            Err(Malformed::SourceRoute)
        );
    }
    assert_eq!(return_route(&header(&[1, 1]), false), Ok(None));
}

#[rstest]
#[case(&[LOOSE, 7, 4, 198, 51, 100, 7, 0], Some(1))]
#[case(&[STRICT, 11, 4, 198, 51, 100, 7, 198, 51, 100, 8], Some(2))]
// Somebody has followed it already.
#[case(&[LOOSE, 7, 8, 198, 51, 100, 7], None)]
#[case(&[LOOSE, 3, 4], None)]
#[case(&[0x94, 4, 0, 0], None)]
#[case(&[LOOSE, 7, 4, 255, 255, 255, 255], None)]
#[case(&[], None)]
fn an_application_says_a_route_from_its_beginning(
    #[case] option: &[u8],
    #[case] hops: Option<usize>,
) {
    let route = SourceRoute::from_option(option);
    assert_eq!(route.map(|route| route.hops().len()), hops);
}

#[test]
fn ten_routers_are_one_too_many() {
    let hops = [Ipv4Addr::new(198, 51, 100, 7); 10];
    assert_eq!(SourceRoute::new(false, &hops), None);
    assert!(SourceRoute::new(false, &hops[..9]).is_some());
}
