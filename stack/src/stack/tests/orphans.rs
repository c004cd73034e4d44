//! Connections that nobody owns any more, and how many of them there may be (RFC 6429).

use super::testing::{Pair, Side};
use super::{Duration, millis};
use crate::{CloseReason, Config, ConnectionId, Event, SocketOptions, State};

/// Both ends of three connections from A to B, which has room for so many orphans.
fn three(orphan_limit: usize) -> (Pair, Vec<(ConnectionId, ConnectionId)>) {
    let mut pair = Pair::new(&Config {
        orphan_limit,
        ..Config::default()
    });
    let (a, b, listener) = pair.connect();
    let mut ends = vec![(a, b)];
    let server = pair.a.remote_of(a).expect("owned");
    let mut client = pair.a.local_of(a).expect("owned");
    client.set_port(0);
    while ends.len() < 3 {
        let options = SocketOptions::default();
        let a = pair.a.connect(pair.now, client, server, options);
        pair.run(millis(100));
        ends.push((
            a.expect("a free port"),
            pair.b.accept(listener).expect("established"),
        ));
    }
    (pair, ends)
}

/// B gives the connection more than A's buffer takes, and goes.
fn leave_full(pair: &mut Pair, b: ConnectionId) {
    let sent = pair.b.send(pair.now, b, &vec![7; 100_000], false);
    assert_eq!(sent, Ok(100_000));
    pair.run(Duration::from_secs(10));
    leave(pair, b);
}

fn leave(pair: &mut Pair, b: ConnectionId) {
    pair.b.close(pair.now, b).expect("open");
    pair.run(millis(100));
}

fn states(pair: &Pair, ends: &[(ConnectionId, ConnectionId)]) -> Vec<State> {
    let state = |(a, _): &(ConnectionId, _)| pair.a.status(pair.now, *a).expect("owned").state;
    ends.iter().map(state).collect()
}

/// How many orphans B has, and how many it has aborted.
fn counted(pair: &Pair) -> (u64, u64) {
    let counters = pair.b.counters();
    (counters.orphans, counters.orphan_overflows)
}

#[test]
fn beyond_the_limit_the_oldest_orphan_behind_a_closed_window_gives_way() {
    let (mut pair, ends) = three(2);
    leave(&mut pair, ends[0].1);
    leave_full(&mut pair, ends[1].1);
    assert_eq!(counted(&pair), (2, 0));
    leave_full(&mut pair, ends[2].1);
    assert_eq!(counted(&pair), (2, 1));
    let expected = [State::CloseWait, State::Closed, State::Established];
    assert_eq!(states(&pair, &ends), expected);
    let reset = Event::Closed {
        id: ends[1].0,
        reason: CloseReason::Reset,
    };
    assert!(pair.events(Side::A).contains(&reset));
}

#[test]
fn where_no_window_is_closed_the_oldest_orphan_gives_way() {
    let (mut pair, ends) = three(2);
    for (_, b) in &ends {
        leave(&mut pair, *b);
    }
    let expected = [State::Closed, State::CloseWait, State::CloseWait];
    assert_eq!(states(&pair, &ends), expected);
    assert_eq!(counted(&pair), (2, 1));
    // FIN-WAIT-2 lasts a minute.
    pair.run(Duration::from_secs(61));
    assert_eq!(counted(&pair), (0, 1));
}

#[test]
fn within_the_limit_an_orphan_waits_for_ever_while_its_probes_are_answered() {
    let (mut pair, ends) = three(3);
    for (_, b) in &ends {
        leave_full(&mut pair, *b);
    }
    pair.run(Duration::from_secs(10 * 3600));
    assert_eq!(counted(&pair), (3, 0));
    for (a, _) in &ends {
        let mut all = 0;
        let mut into = vec![0; 100_000];
        for _ in 0..200 {
            let read = pair.a.recv(pair.now, *a, &mut into);
            all += read.unwrap_or(0);
            pair.run(millis(1000));
        }
        assert_eq!(all, 100_000);
        pair.a.close(pair.now, *a).expect("open");
        pair.run(millis(100));
    }
    assert_eq!(counted(&pair), (0, 0));
}

#[test]
fn orphans_that_are_over_leave_nothing_behind() {
    let mut pair = Pair::new(&Config::default());
    let (first, b, listener) = pair.connect();
    let server = pair.a.remote_of(first).expect("owned");
    let mut client = pair.a.local_of(first).expect("owned");
    client.set_port(0);
    let (mut a, mut b) = (first, b);
    for _ in 0..100 {
        pair.b.close(pair.now, b).expect("open");
        pair.run(millis(100));
        pair.a.close(pair.now, a).expect("open");
        pair.run(millis(100));
        let options = SocketOptions::default();
        let next = pair.a.connect(pair.now, client, server, options);
        a = next.expect("a free port");
        pair.run(millis(100));
        b = pair.b.accept(listener).expect("established");
    }
    assert_eq!(counted(&pair), (0, 0));
    assert!(pair.b.orphans.ids.len() < 4);
}
