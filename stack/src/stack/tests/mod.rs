mod counted;
mod data;
mod ends;
mod fast_open;
mod hostile;
mod listening;
mod matrix;
mod orphans;
mod paths;
mod recovery;
mod routes;
mod settings;
mod switches;
mod testing;
mod time;
mod time_wait;
mod work;

use crate::{CloseReason, Config, Event, State};
use std::time::Duration;
use testing::{Pair, Side};

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn two_hosts_shake_hands_talk_and_close() {
    let mut pair = Pair::new(&Config::default());
    let (a, b, _) = pair.connect();
    assert_eq!(pair.summary(Side::A), ["S", "A"]);
    assert_eq!(pair.summary(Side::B), ["SA"]);
    assert_eq!(pair.events(Side::A), [Event::Connected { id: a }]);
    let now = pair.now;
    assert_eq!(pair.a.send(now, a, b"hello", false), Ok(5));
    pair.run(millis(500));
    let mut into = [0; 64];
    let now = pair.now;
    assert_eq!(pair.b.recv(now, b, &mut into), Ok(5));
    assert_eq!(&into[..5], b"hello");
    pair.a.shutdown_write(now, a).expect("open");
    pair.run(millis(500));
    let now = pair.now;
    assert_eq!(pair.b.recv(now, b, &mut into), Ok(0));
    assert_eq!(
        pair.a.status(pair.now, a).expect("owned").state,
        State::FinWait2
    );
    assert_eq!(
        pair.b.status(pair.now, b).expect("owned").state,
        State::CloseWait
    );
    pair.b.shutdown_write(now, b).expect("open");
    pair.run(millis(500));
    assert_eq!(
        pair.a.status(pair.now, a).expect("owned").state,
        State::TimeWait
    );
    assert_eq!(
        pair.b.status(pair.now, b).expect("owned").state,
        State::Closed
    );
    pair.run(Duration::from_secs(60));
    assert_eq!(
        pair.a.status(pair.now, a).expect("owned").state,
        State::Closed
    );
    let end = Event::Closed {
        id: a,
        reason: CloseReason::Normal,
    };
    assert_eq!(pair.events(Side::A).last(), Some(&end));
    assert_eq!(pair.summary(Side::A), ["S", "A", "A5", "FA", "A"]);
    assert_eq!(pair.summary(Side::B), ["SA", "A", "A", "FA"]);
}

/// Sends `len` octets from A to B, reading as they come, and returns what B got.
fn transfer(pair: &mut Pair, len: usize) -> Vec<u8> {
    let (a, b, _) = pair.connect();
    let data: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
    let (mut given, mut got, mut into) = (0, Vec::new(), vec![0; 70_000]);
    let deadline = pair.now + Duration::from_secs(3600);
    while got.len() < len && pair.now < deadline {
        let now = pair.now;
        given += pair.a.send(now, a, &data[given..], false).unwrap_or(0);
        pair.step(deadline);
        while let Ok(read) = pair.b.recv(pair.now, b, &mut into) {
            got.extend_from_slice(&into[..read]);
        }
    }
    assert!(got == data, "{} of {len} octets arrived", got.len());
    got
}

#[test]
fn an_idle_connection_takes_less_than_a_kibibyte() {
    // The block as the allocator rounds it, its slot, its place in the schedule, and what a table
    // that is three quarters to three eighths full takes in the mean.
    let block = (size_of::<crate::tcb::Tcb>() + 8).next_multiple_of(16);
    let all = block + 16 + 4 + 15;
    // `--bench memory` measures it, with what the allocator leaves unused.
    assert!(all <= 900, "{block}, {all}");
}

#[test]
fn what_only_a_handshake_needs_is_gone_after_it() {
    let mut pair = Pair::new(&Config::default());
    let (a, b, _) = pair.connect();
    let (a, b) = (pair.a.connections.at(a.slot), pair.b.connections.at(b.slot));
    for tcb in [a.expect("a block"), b.expect("a block")] {
        assert!(tcb.handshake.is_none() && tcb.fast_open.is_none());
        assert!(tcb.settings.keepalive.is_none());
    }
}

#[test]
fn a_megabyte_arrives() {
    let mut pair = Pair::new(&Config::default());
    transfer(&mut pair, 1_000_000);
    assert_eq!(pair.a.counters().retrans_segs, 0);
}

#[test]
fn a_megabyte_arrives_over_ipv6_with_scaled_windows() {
    let config = Config {
        window_scale: Some(3),
        rcvbuf: 300_000,
        ..Config::default()
    };
    let mut pair = Pair::between(&config, "fd00::1", "fd00::2");
    transfer(&mut pair, 1_000_000);
}

#[test]
fn what_the_link_loses_arrives_nevertheless() {
    let mut pair = Pair::new(&Config::default());
    pair.loses = Box::new(|number| number > 4 && number % 17 == 3);
    transfer(&mut pair, 400_000);
    assert!(pair.a.counters().retrans_segs > 5);
}
