//! Listening under load: queues, cookies, floods (RFC 4987).

use super::ends::icmp_about;
use super::testing::{Probe, Seen, segment, syn};
use crate::config::{AcceptOverflow, IcmpHard, SynCookies, SynQueueFull};
use crate::segment::{Control, Segment, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale};
use crate::{CallError, Config, ListenerId, SocketOptions, State};
use rstest::rstest;
use std::time::Duration;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A host with a listener, and a peer that can be anybody.
struct Server {
    probe: Probe,
    listener: ListenerId,
}

impl Server {
    fn new(config: Config, backlog: usize) -> Self {
        let mut probe = Probe::new(config);
        let options = SocketOptions::default();
        let listener = probe.stack.listen(probe.local, backlog, options);
        Self {
            listener: listener.expect("free"),
            probe,
        }
    }

    fn syn(&mut self, port: u16) -> Option<Seen> {
        self.syn_with(port, None, SynOptions::default())
    }

    fn syn_with(
        &mut self,
        port: u16,
        timestamps: Option<Timestamps>,
        options: SynOptions,
    ) -> Option<Seen> {
        self.probe.remote.set_port(port);
        let syn = Segment {
            timestamps,
            ..syn(5, options)
        };
        self.probe.inject(syn).pop()
    }

    fn ack(&mut self, port: u16, ack: SeqNum, text: &[u8]) -> Vec<String> {
        self.probe.remote.set_port(port);
        let sent = self
            .probe
            .inject(segment(SeqNum(6), ack, Control::None, text));
        sent.iter().map(Seen::summary).collect()
    }

    fn state(&mut self, port: u16) -> State {
        self.probe.remote.set_port(port);
        self.probe.state()
    }

    fn half_open(&self) -> usize {
        let status = self.probe.stack.listener_status(self.listener);
        status.expect("listening").half_open
    }

    fn counter(&self, name: &str) -> u64 {
        let mut counters = self.probe.stack.counters().all();
        counters
            .find(|(known, ..)| *known == name)
            .expect("known")
            .2
    }
}

fn without_cookies(full: SynQueueFull) -> Config {
    Config {
        syn_cookies: SynCookies::Never,
        syn_queue_full: full,
        ..Config::default()
    }
}

#[test]
fn a_half_open_connection_is_no_block_but_looks_like_one() {
    let mut server = Server::new(Config::default(), 8);
    let syn_ack = server.syn(1).expect("a SYN,ACK");
    assert_eq!(server.probe.stack.half_open.len(), 1);
    assert_eq!(server.probe.stack.connections.states().count(), 0);
    let (local, remote) = (server.probe.local, server.probe.remote);
    let status = server
        .probe
        .stack
        .status_of(server.probe.now, local, remote);
    let status = status.expect("half open");
    assert_eq!(
        (status.state, status.iss),
        (State::SynReceived, syn_ack.seq)
    );
    assert_eq!(status.snd_nxt, syn_ack.seq + 1);
    let counts = server.probe.stack.states();
    let expected = [(State::Listen, 1), (State::SynReceived, 1)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
    // It is still the same after its SYN,ACK was sent again, and the round trip is ambiguous.
    server.probe.wait(seconds(4));
    let status = server
        .probe
        .stack
        .status_of(server.probe.now, local, remote);
    let status = status.expect("half open");
    assert_eq!((status.retransmits, status.rto), (2, seconds(4)));
    assert!(server.ack(1, syn_ack.seq + 1, b"").is_empty());
    assert_eq!(server.state(1), State::Established);
    assert_eq!(server.probe.stack.half_open.len(), 0);
    assert_eq!(server.half_open(), 0);
}

#[rstest]
#[case::dropped(SynQueueFull::Drop, [true, true, false], 0)]
#[case::evicts(SynQueueFull::EvictOldest, [false, true, true], 1)]
fn a_full_syn_queue(#[case] full: SynQueueFull, #[case] alive: [bool; 3], #[case] evictions: u64) {
    let mut server = Server::new(without_cookies(full), 1);
    for port in [1, 2, 3] {
        server.syn(port);
    }
    let states = [1, 2, 3].map(|port| server.state(port) == State::SynReceived);
    assert_eq!((states, server.half_open()), (alive, 2));
    assert_eq!(server.counter("syn_queue_overflows"), 1);
    assert_eq!(server.counter("syn_queue_evictions"), evictions);
    assert_eq!(server.counter("listen_drops"), 1 - evictions);
}

#[test]
fn a_full_queue_evicts_by_arrival_not_by_the_last_syn_ack() {
    let mut server = Server::new(without_cookies(SynQueueFull::EvictOldest), 1);
    server.syn(7);
    server.probe.wait(Duration::from_millis(1500));
    server.syn(4);
    server.probe.wait(Duration::from_millis(2600));
    server.syn(5);
    let states = [7, 4, 5].map(|port| server.state(port));
    let [gone, stays] = [State::Listen, State::SynReceived];
    assert_eq!(states, [gone, stays, stays]);
}

#[rstest]
#[case::a_few(4, 5)]
#[case::more_than_half(5, 2)]
fn syn_acks_are_repeated_less_when_the_queue_fills(#[case] count: u16, #[case] retries: usize) {
    let config = Config {
        syn_backlog: 8,
        ..without_cookies(SynQueueFull::Drop)
    };
    let mut server = Server::new(config, 128);
    let mut sent = 0;
    for port in 1..=count {
        sent += usize::from(server.syn(port).is_some());
    }
    sent += server.probe.wait(seconds(100)).len();
    // The first one to go relieves the queue.
    let least = usize::from(count) * (1 + retries);
    assert!((least..least + 20).contains(&sent), "{sent}");
    assert_eq!(server.half_open(), 0);
}

#[test]
fn active_opens_are_limited_until_they_are_answered_or_given_up() {
    let config = Config {
        active_backlog: 2,
        ..Config::default()
    };
    let mut probe = Probe::new(config);
    let (local, remote) = (probe.local, probe.remote);
    let open = |probe: &mut Probe, port| {
        let mut local = local;
        local.set_port(port);
        let now = probe.now;
        probe
            .stack
            .connect(now, local, remote, SocketOptions::default())
    };
    let first = open(&mut probe, 1).expect("room");
    assert!(open(&mut probe, 2).is_ok());
    assert_eq!(open(&mut probe, 3), Err(CallError::Resources));
    assert_eq!(probe.stack.counters().active_open_drops, 1);
    let now = probe.now;
    probe.stack.abort(now, first).expect("open");
    assert!(open(&mut probe, 3).is_ok());
    probe.wait(seconds(600));
    assert!(open(&mut probe, 4).is_ok() && open(&mut probe, 5).is_ok());
}

fn always() -> Config {
    Config {
        syn_cookies: SynCookies::Always,
        ..Config::default()
    }
}

#[test]
fn a_cookie_leaves_nothing_behind_and_its_ack_makes_a_connection() {
    let mut server = Server::new(always(), 8);
    let options = SynOptions {
        mss: Some(1300),
        window_scale: Some(WindowScale::new(7)),
        sack_permitted: false,
        fast_open: None,
    };
    let syn_ack = server.syn_with(1, None, options).expect("a SYN,ACK");
    assert_eq!((server.state(1), server.half_open()), (State::Listen, 0));
    assert_eq!(server.counter("passive_opens"), 0);
    assert!(server.ack(1, syn_ack.seq + 1, b"hello").is_empty());
    let id = server.probe.stack.accept(server.listener).expect("there");
    let status = server
        .probe
        .stack
        .status(server.probe.now, id)
        .expect("owned");
    assert_eq!((status.mss, status.snd_wscale), (1300, 0));
    assert_eq!((status.unread, status.srtt), (5, None));
    assert_eq!(status.snd_wnd, 65_535);
    assert_eq!(server.counter("syn_cookies_sent"), 1);
    assert_eq!(server.counter("syn_cookies_received"), 1);
}

#[test]
fn timestamps_keep_what_the_sequence_number_has_no_room_for() {
    let mut server = Server::new(always(), 8);
    let options = SynOptions {
        mss: Some(1460),
        window_scale: Some(WindowScale::new(7)),
        sack_permitted: true,
        fast_open: None,
    };
    let timestamps = Timestamps { val: 77, ecr: 0 };
    let syn_ack = server.syn_with(1, Some(timestamps), options);
    let syn_ack = syn_ack.expect("a SYN,ACK");
    let (val, ecr) = syn_ack.timestamps.expect("agreed");
    assert_eq!(ecr, 77);
    server.probe.wait(Duration::from_millis(30));
    let ack = Segment {
        timestamps: Some(Timestamps { val: 107, ecr: val }),
        ..segment(SeqNum(6), syn_ack.seq + 1, Control::None, b"text")
    };
    server.probe.inject(ack);
    let id = server.probe.stack.accept(server.listener).expect("there");
    let status = server
        .probe
        .stack
        .status(server.probe.now, id)
        .expect("owned");
    assert!(status.timestamps);
    assert_eq!((status.snd_wscale, status.srtt), (7, None));
    assert_eq!(status.snd_wnd, 65_535 << 7);
    let sent = server.probe.wait(seconds(1));
    let (later, echo) = sent[0].timestamps.expect("agreed");
    assert!(SeqNum(later).after_or_eq(SeqNum(val)) && echo == 107);
}

#[rstest]
#[case::ack_too_low(SeqNum(6), 0)]
#[case::ack_too_high(SeqNum(6), 2)]
#[case::another_syn(SeqNum(7), 1)]
fn what_is_no_cookie_is_reset(#[case] seq: SeqNum, #[case] ahead: u32) {
    let mut server = Server::new(always(), 8);
    let syn_ack = server.syn(1).expect("a SYN,ACK");
    let forged = segment(seq, syn_ack.seq + ahead, Control::None, b"");
    let sent = server.probe.inject(forged);
    assert_eq!(sent[0].summary(), "R");
    assert_eq!(server.counter("syn_cookies_failed"), 1);
    assert_eq!(server.state(1), State::Listen);
}

#[test]
fn a_cookie_is_no_good_when_nobody_sends_any() {
    let mut server = Server::new(always(), 8);
    let syn_ack = server.syn(1).expect("a SYN,ACK");
    server.probe.wait(seconds(121));
    assert_eq!(server.ack(1, syn_ack.seq + 1, b""), ["R"]);
    assert_eq!(server.counter("syn_cookies_failed"), 0);
}

#[rstest]
#[case::drop(AcceptOverflow::Drop, &[], 2)]
#[case::reset(AcceptOverflow::Reset, &["R"], 1)]
fn a_cookie_that_finds_the_accept_queue_full(
    #[case] accept_overflow: AcceptOverflow,
    #[case] reply: &[&str],
    #[case] accepted: usize,
) {
    let config = Config {
        accept_overflow,
        ..always()
    };
    let mut server = Server::new(config, 0);
    let [one, two] = [1, 2].map(|port| server.syn(port).expect("a SYN,ACK").seq);
    assert!(server.ack(1, one + 1, b"").is_empty());
    assert_eq!(server.ack(2, two + 1, b""), reply);
    assert_eq!(server.counter("listen_overflows"), 1);
    assert!(server.probe.stack.accept(server.listener).is_ok());
    if accept_overflow == AcceptOverflow::Drop {
        // Text with the same ACK brings the cookie once more.
        assert_eq!(server.ack(2, two + 1, b"text"), [] as [&str; 0]);
        assert!(server.probe.stack.accept(server.listener).is_ok());
    }
    assert_eq!(server.counter("syn_cookies_received"), 1 + accepted as u64);
}

#[test]
fn closing_a_listener_takes_its_half_open_connections_along() {
    let mut server = Server::new(Config::default(), 8);
    let syn_ack = server.syn(1).expect("a SYN,ACK");
    let now = server.probe.now;
    server.probe.stack.close_listener(now, server.listener);
    assert_eq!(server.state(1), State::Closed);
    assert!(server.probe.wait(seconds(100)).is_empty());
    assert_eq!(server.ack(1, syn_ack.seq + 1, b""), ["R"]);
}

const PORT_UNREACHABLE: (u8, u8) = (3, 3);
const HOST_UNREACHABLE: (u8, u8) = (3, 1);

#[rstest]
#[case::port(PORT_UNREACHABLE, 0, State::Listen)]
#[case::protocol((3, 2), 0, State::Listen)]
#[case::not_yet_sent(PORT_UNREACHABLE, 1, State::SynReceived)]
#[case::never_sent(PORT_UNREACHABLE, u32::MAX, State::SynReceived)]
#[case::soft(HOST_UNREACHABLE, 0, State::SynReceived)]
#[case::prohibited((3, 13), 0, State::SynReceived)]
fn an_error_about_a_syn_ack(
    #[case] kind: (u8, u8),
    #[case] ahead: u32,
    #[case] state: State,
    #[values(IcmpHard::Soft, IcmpHard::Abort)] icmp_hard: IcmpHard,
) {
    let config = Config {
        icmp_hard,
        ..without_cookies(SynQueueFull::Drop)
    };
    let mut server = Server::new(config, 0);
    let syn_ack = server.syn(1).expect("a SYN,ACK");
    assert_eq!(server.syn(2), None, "the queue is full");
    server.probe.remote.set_port(1);
    let error = icmp_about(&server.probe, kind, 0, syn_ack.seq + ahead);
    assert_eq!(server.probe.inject_packet(&error), [], "without a word");
    assert_eq!(server.state(1), state);
    let gone = state == State::Listen;
    assert_eq!(server.half_open(), usize::from(!gone));
    assert_eq!(server.counter("attempt_fails"), u64::from(gone));
    assert_eq!(server.syn(2).is_some(), gone, "the place is free again");
    assert_eq!(server.probe.stack.poll_event(), None, "nobody is told");
}

#[test]
fn what_an_error_ended_opens_anew() {
    let mut server = Server::new(Config::default(), 8);
    let first = server.syn(1).expect("a SYN,ACK");
    let error = icmp_about(&server.probe, PORT_UNREACHABLE, 0, first.seq);
    server.probe.inject_packet(&error);
    assert!(server.probe.wait(seconds(100)).is_empty());
    assert_eq!(server.ack(1, first.seq + 1, b""), ["R"]);
    let second = server.syn(1).expect("a SYN,ACK");
    assert!(server.ack(1, second.seq + 1, b"").is_empty());
    assert_eq!(server.state(1), State::Established);
}

#[test]
fn an_error_about_a_cookie_has_nothing_to_end() {
    let mut server = Server::new(always(), 8);
    let syn_ack = server.syn(1).expect("a SYN,ACK");
    let error = icmp_about(&server.probe, PORT_UNREACHABLE, 0, syn_ack.seq);
    assert_eq!(server.probe.inject_packet(&error), []);
    assert_eq!(server.counter("icmp_errors"), 0);
    assert!(server.ack(1, syn_ack.seq + 1, b"").is_empty());
    assert_eq!(server.state(1), State::Established);
}
