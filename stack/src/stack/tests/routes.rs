//! Source routes of IPv4 (RFC 9293 §3.9.2.1) through the outer face of the stack.

use super::millis;
use super::testing::{Probe, Seen, segment, syn};
use crate::segment::{Control, Segment, SynOptions};
use crate::seq::SeqNum;
use crate::{CallError, Config, ListenerId, SocketOptions, SourceRoute, State, SynCookies};
use proptest::prelude::*;
use rstest::rstest;
use std::net::{Ipv4Addr, SocketAddr};

/// A loose route by 198.51.100.7 that was followed to its end.
const BY_7: &[u8] = &[131, 7, 8, 198, 51, 100, 7];
const BY_9: &[u8] = &[131, 7, 8, 198, 51, 100, 9];
const BY_7_AND_8: &[u8] = &[131, 11, 12, 198, 51, 100, 7, 198, 51, 100, 8];

fn takes_routes() -> Config {
    Config {
        source_routes: true,
        ..Config::default()
    }
}

/// A host with a listener, and what a test knows of the connection.
struct Server {
    probe: Probe,
    listener: ListenerId,
    una: SeqNum,
    seq: SeqNum,
}

impl Server {
    /// The SYN came by this route.
    fn opened(config: Config, option: &[u8]) -> (Self, Vec<Seen>) {
        let mut probe = Probe::new(config);
        let options = SocketOptions::default();
        let listener = probe.stack.listen(probe.local, 4, options).expect("free");
        let sent = inject(&mut probe, option, syn(1000, SynOptions::default()));
        let una = sent.first().map_or(SeqNum(0), |syn_ack| syn_ack.seq + 1);
        let seq = SeqNum(1001);
        let server = Self {
            probe,
            listener,
            una,
            seq,
        };
        (server, sent)
    }

    /// Established; the ACK of the handshake comes by no route.
    fn established(option: &[u8]) -> (Self, crate::ConnectionId) {
        let (mut server, _) = Self::opened(takes_routes(), option);
        server.say(&[], Control::None, b"");
        let id = server.probe.stack.accept(server.listener);
        (server, id.expect("established"))
    }

    fn say(&mut self, option: &[u8], control: Control, text: &[u8]) -> Vec<Seen> {
        let said = segment(self.seq, self.una, control, text);
        self.seq += text.len() as u32 + u32::from(control == Control::Fin);
        inject(&mut self.probe, option, said)
    }

    fn send(&mut self, id: crate::ConnectionId) -> Vec<Seen> {
        let sent = self.probe.stack.send(self.probe.now, id, b"hello", false);
        assert_eq!(sent, Ok(5));
        self.una += 5;
        self.probe.sent()
    }
}

fn inject(probe: &mut Probe, option: &[u8], segment: Segment<'_>) -> Vec<Seen> {
    let packet = probe.packet_with(option, segment);
    probe.inject_packet(&packet)
}

fn routes(sent: &[Seen]) -> Vec<&[u8]> {
    sent.iter().map(|seen| &seen.route[..]).collect()
}

#[test]
fn the_way_back_of_the_syn_is_that_of_every_segment() {
    let (mut server, syn_ack) = Server::opened(takes_routes(), BY_7_AND_8);
    assert_eq!(routes(&syn_ack), [[8, 7]]);
    // The connection is an entry of the SYN cache by now.
    assert_eq!(routes(&server.probe.wait(millis(1100))), [[8, 7]]);
    server.say(&[], Control::None, b"");
    let id = server.probe.stack.accept(server.listener).expect("open");
    assert_eq!(routes(&server.send(id)), [[8, 7]]);
    assert_eq!(routes(&server.probe.wait(millis(3500))), [[8, 7]]);
    server.say(&[], Control::None, b"");
    server
        .probe
        .stack
        .abort(server.probe.now, id)
        .expect("open");
    let reset = server.probe.sent();
    assert_eq!(
        (reset[0].summary().as_str(), routes(&reset)),
        ("R", vec![&[8_u8, 7][..]])
    );
}

#[test]
fn the_record_of_time_wait_keeps_the_route() {
    let (mut server, id) = Server::established(BY_7);
    server
        .probe
        .stack
        .shutdown_write(server.probe.now, id)
        .expect("open");
    assert_eq!(routes(&server.probe.sent()), [[7]]);
    server.una += 1;
    server.say(&[], Control::None, b"");
    assert_eq!(routes(&server.say(&[], Control::Fin, b"")), [[7]]);
    assert_eq!(server.probe.state(), State::TimeWait);
    server.seq = server.seq - 1;
    assert_eq!(routes(&server.say(&[], Control::Fin, b"")), [[7]]);
}

#[test]
fn a_later_route_counts_and_a_segment_without_one_changes_nothing() {
    let (mut server, id) = Server::established(BY_7);
    server.say(BY_9, Control::None, b"x");
    assert_eq!(routes(&server.send(id)), [[9]]);
    server.say(&[], Control::None, b"y");
    assert_eq!(routes(&server.send(id)), [[9]]);
}

/// Anybody can send such segments, and would get the answers.
#[rstest]
#[case::beyond_the_window(100_000, 0)]
#[case::old(u32::MAX - 9, 0)]
#[case::acknowledges_what_was_never_sent(0, 1)]
fn a_segment_that_is_not_acceptable_brings_no_route(#[case] ahead: u32, #[case] unsent: u32) {
    let (mut server, id) = Server::established(BY_7);
    let forged = segment(
        server.seq + ahead,
        server.una + unsent,
        Control::None,
        b"xyz",
    );
    inject(&mut server.probe, BY_9, forged);
    let sent = server.send(id);
    assert_eq!(sent.last().map(|seen| &seen.route[..]), Some(&[7_u8][..]));
}

#[test]
fn a_host_that_takes_no_source_routes_drops_what_comes_by_one() {
    let (mut server, answer) = Server::opened(Config::default(), BY_7);
    assert!(answer.is_empty());
    assert_eq!(server.probe.stack.counters().bad_packets, 1);
    let answer = inject(
        &mut server.probe,
        &[1, 1, 0x94, 4, 0, 0],
        syn(1000, SynOptions::default()),
    );
    assert_eq!(answer.len(), 1);
}

#[rstest]
#[case::unfinished(&[131, 7, 4, 198, 51, 100, 7])]
#[case::malformed(&[131, 6, 7, 198, 51, 100])]
#[case::by_this_host(&[131, 7, 8, 10, 0, 0, 1])]
#[case::by_this_host_again_and_again(&[137, 15, 16, 10, 0, 0, 1, 198, 51, 100, 7, 10, 0, 0, 1])]
#[case::by_everybody(&[131, 7, 8, 10, 0, 0, 255])]
#[case::twice(&[131, 7, 8, 198, 51, 100, 7, 137, 7, 8, 198, 51, 100, 8])]
fn a_route_that_leads_nowhere_is_dropped(#[case] option: &[u8]) {
    let (server, answer) = Server::opened(takes_routes(), option);
    assert!(answer.is_empty());
    assert_eq!(server.probe.stack.counters().bad_packets, 1);
    assert_eq!(server.probe.state(), State::Listen);
}

/// RFC 791 §3.1: the option stands in every fragment.
#[rstest]
#[case::taken(takes_routes(), 1)]
#[case::not_taken(Config::default(), 0)]
fn a_syn_in_fragments_brings_its_route(#[case] config: Config, #[case] answers: usize) {
    let mut probe = Probe::new(config);
    let options = SocketOptions::default();
    probe.stack.listen(probe.local, 4, options).expect("free");
    let whole = probe.packet_with(BY_7_AND_8, syn(1000, SynOptions::default()));
    let (header, payload) = whole.split_at(32);
    let mut sent = Vec::new();
    for (place, part) in [(0x2000_u16, &payload[..16]), (2, &payload[16..])] {
        let mut fragment = [header, part].concat();
        let total = (fragment.len() as u16).to_be_bytes();
        fragment[2..4].copy_from_slice(&total);
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        fragment[10..12].copy_from_slice(&[0, 0]);
        let sum = crate::wire::checksum_of_header(&fragment[..32]);
        fragment[10..12].copy_from_slice(&sum.to_be_bytes());
        sent.extend(probe.inject_packet(&fragment));
    }
    assert_eq!(routes(&sent), vec![&[8_u8, 7][..]; answers]);
}

#[test]
fn a_reset_of_no_connection_goes_back_as_it_was_provoked() {
    let mut probe = Probe::new(takes_routes());
    let sent = inject(&mut probe, BY_7_AND_8, syn(1000, SynOptions::default()));
    assert_eq!(
        (sent[0].control, routes(&sent)),
        (Control::Rst, vec![&[8_u8, 7][..]])
    );
}

#[test]
fn a_cookie_has_no_room_for_a_route() {
    let config = Config {
        syn_cookies: SynCookies::Always,
        ..takes_routes()
    };
    let (server, syn_ack) = Server::opened(config, BY_7);
    assert_eq!(routes(&syn_ack), [[7]]);
    assert_eq!(server.probe.state(), State::SynReceived);
    assert_eq!(server.probe.stack.counters().syn_cookies_sent, 0);
}

/// An active OPEN by this route, whose SYN,ACK came by that one.
fn opener(route: Option<SourceRoute>, answer: &[u8]) -> (Probe, crate::ConnectionId) {
    let mut probe = Probe::new(takes_routes());
    let options = SocketOptions {
        source_route: route,
        ..SocketOptions::default()
    };
    let (now, local, remote) = (probe.now, probe.local, probe.remote);
    let id = probe
        .stack
        .connect(now, local, remote, options)
        .expect("free");
    let syn = probe.sent();
    assert_eq!(syn[0].route.is_empty(), route.is_none());
    let control = Control::Syn {
        options: SynOptions::default(),
        fin: false,
    };
    let syn_ack = segment(SeqNum(1000), syn[0].seq + 1, control, b"");
    let ack = inject(&mut probe, answer, syn_ack);
    assert_eq!(ack[0].route, syn[0].route);
    (probe, id)
}

#[test]
fn the_route_of_the_application_comes_first() {
    let by = |last| SourceRoute::new(true, &[Ipv4Addr::new(198, 51, 100, last)]);
    let (mut probe, id) = opener(by(7), BY_9);
    let now = probe.now;
    let data = [7; 3000];
    assert_eq!(probe.stack.send(now, id, &data, false), Ok(3000));
    let sent = probe.sent();
    assert!(sent.iter().all(|seen| seen.route == [7]));
    // The default SendMSS, less the option.
    assert_eq!(sent[0].text.len(), 536 - 8);
    let options = SocketOptions {
        source_route: by(8),
        ..SocketOptions::default()
    };
    probe.stack.set_options(now, id, &options).expect("open");
    assert_eq!(routes(&probe.wait(millis(1100)))[0], [8]);
}

#[test]
fn an_active_open_without_a_route_takes_none_from_its_peer() {
    let (mut probe, id) = opener(None, BY_9);
    let now = probe.now;
    assert_eq!(probe.stack.send(now, id, b"hello", false), Ok(5));
    let sent = probe.sent();
    assert!(sent[0].route.is_empty());
    let text = segment(SeqNum(1001), sent[0].seq, Control::None, b"x");
    inject(&mut probe, BY_9, text);
    assert!(
        probe
            .wait(millis(300))
            .iter()
            .all(|seen| seen.route.is_empty())
    );
    assert_eq!(probe.stack.send(now, id, b"hello", false), Ok(5));
    let again = probe.wait(millis(3500));
    assert!(!again.is_empty() && again.iter().all(|seen| seen.route.is_empty()));
}

#[test]
fn the_route_of_a_listener_comes_before_that_of_a_syn() {
    let mut probe = Probe::new(takes_routes());
    let options = SocketOptions {
        source_route: SourceRoute::new(false, &[Ipv4Addr::new(198, 51, 100, 8)]),
        ..SocketOptions::default()
    };
    probe.stack.listen(probe.local, 4, options).expect("free");
    let sent = inject(&mut probe, BY_7, syn(1000, SynOptions::default()));
    assert_eq!(routes(&sent), [[8]]);
}

#[test]
fn ipv6_has_no_source_routes() {
    let host: SocketAddr = "[2001:db8::1]:80".parse().unwrap();
    let peer: SocketAddr = "[2001:db8::2]:80".parse().unwrap();
    let mut stack = crate::Stack::new(takes_routes(), &[host.ip()], [3; 16]);
    let options = SocketOptions {
        source_route: SourceRoute::new(false, &[Ipv4Addr::new(198, 51, 100, 7)]),
        ..SocketOptions::default()
    };
    let now = crate::Instant(1);
    assert_eq!(
        stack.connect(now, host, peer, options),
        Err(CallError::Illegal)
    );
    assert_eq!(stack.listen(host, 1, options), Err(CallError::Illegal));
}

/// The packet that an error is about was on its way to the first router.
#[test]
fn an_icmp_error_about_a_routed_packet_finds_its_connection() {
    let (mut server, id) = Server::established(BY_7);
    let (now, mut packet) = (server.probe.now, Vec::new());
    server
        .probe
        .stack
        .send(now, id, b"hello", false)
        .expect("open");
    assert!(server.probe.stack.poll_transmit(now, &mut packet));
    assert_eq!(packet[16..20], [198, 51, 100, 7]);
    let mut message = vec![3, 1, 0, 0, 0, 0, 0, 0];
    message.extend(&packet[..36]);
    let sum = crate::wire::checksum_of_header(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let error = server.probe.ip_packet(1, &message);
    server.probe.inject_packet(&error);
    let status = server.probe.stack.status(now, id).expect("open");
    assert_eq!(status.soft_error, Some((3, 1)));
}

proptest! {
    /// Whatever the options are, a connection goes on, and nothing is kept that grows.
    #[test]
    fn hostile_options_do_no_harm(
        options in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..=40),
                // Lengths and pointers that nearly fit.
                (any::<bool>(), 0_u8..=41, any::<u8>(), any::<[u8; 37]>()).prop_map(
                    |(strict, len, pointer, data)| {
                        let kind = if strict { 137 } else { 131 };
                        [&[kind, len, pointer], &data[..]].concat()
                    }
                ),
            ],
            1..20,
        ),
    ) {
        let (mut server, id) = Server::established(BY_7);
        for option in &options {
            server.probe.sent();
            let ack = segment(server.seq, server.una, Control::None, b"");
            let sent = inject(&mut server.probe, option, ack);
            prop_assert!(sent.len() <= 1);
        }
        server.send(id);
        prop_assert_eq!(server.probe.state(), State::Established);
    }
}
