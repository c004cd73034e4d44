//! TIME-WAIT as a record: who keeps it, how many there are, who may take its place.

use super::millis;
use super::testing::{Established, Pair, Seen, Side, syn};
use crate::segment::{Control, Segment, SynOptions, Timestamps};
use crate::{
    CallError, CloseReason, Config, Event, SocketOptions, State, SynInTimeWait, Timer, UserTimeout,
};
use rstest::rstest;
use std::time::Duration;

/// A connection in TIME-WAIT that the application still owns.
fn owned(config: Config) -> Established {
    let mut conn = Established::new(config);
    conn.shutdown();
    conn.sent();
    conn.una += 1;
    assert_eq!(conn.say(Control::Fin, b"last words")[0].summary(), "A");
    assert_eq!(conn.state(), State::TimeWait);
    conn
}

#[test]
fn the_owner_can_read_to_the_end_and_is_told_when_it_is_over() {
    let mut conn = owned(Config::default());
    assert_eq!(conn.recv(100), Ok(b"last words".to_vec()));
    assert_eq!(conn.recv(100), Ok(Vec::new()));
    let status = conn.status();
    assert_eq!(status.left(Timer::TimeWait), Some(Duration::from_secs(60)));
    conn.events();
    conn.wait(millis(60_000));
    let end = Event::Closed {
        id: conn.id,
        reason: CloseReason::Normal,
    };
    assert_eq!((conn.events(), conn.state()), (vec![end], State::Listen));
}

#[test]
fn once_given_up_only_the_record_is_left() {
    let mut conn = owned(Config::default());
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.close(now, id).expect("owned");
    assert_eq!(conn.probe.stack.status(now, id), None);
    assert_eq!(conn.state(), State::TimeWait);
    conn.seq = conn.seq - 1;
    assert_eq!(conn.say(Control::Fin, b"")[0].summary(), "A");
    conn.wait(millis(60_000));
    assert_eq!(conn.state(), State::Listen);
    assert_eq!(conn.probe.stack.counters().time_waits, 0);
}

#[test]
fn an_abort_ends_it() {
    let mut conn = owned(Config::default());
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.abort(now, id).expect("owned");
    assert_eq!((conn.sent(), conn.state()), (vec![], State::Listen));
    assert_eq!(conn.probe.stack.counters().time_waits, 0);
}

#[test]
fn a_fin_that_is_no_retransmission_does_not_prolong_it() {
    let mut conn = owned(Config::default());
    conn.wait(millis(30_000));
    let old = conn.seq - 5;
    assert_eq!(conn.say_at(old, Control::Fin, b"")[0].summary(), "A");
    conn.wait(millis(30_000));
    assert_eq!(conn.state(), State::Listen);
}

#[test]
fn a_host_may_be_told_to_acknowledge_every_syn() {
    let mut conn = owned(Config {
        syn_in_time_wait: SynInTimeWait::Acknowledge,
        ..Config::default()
    });
    for ahead in [0, 1, 1000, 100_000] {
        let syn = syn(conn.seq.0 + ahead, SynOptions::default());
        assert_eq!(conn.probe.inject(syn)[0].summary(), "A");
    }
    assert_eq!(conn.state(), State::TimeWait);
}

#[rstest]
#[case::on_and_old(true, -500, "SA")]
#[case::off_and_old(false, -500, "")]
#[case::off_and_the_fin_itself(false, -1, "")]
#[case::off_and_new(false, 0, "SA")]
fn timestamps_of_a_syn_count_only_if_this_host_has_them_too(
    #[case] timestamps: bool,
    #[case] ahead: i32,
    #[case] answer: &str,
) {
    let mut conn = owned(Config {
        timestamps,
        ..Config::default()
    });
    let syn = Segment {
        timestamps: Some(Timestamps { val: 99, ecr: 0 }),
        ..syn(conn.seq.0.wrapping_add_signed(ahead), SynOptions::default())
    };
    let got = conn.probe.inject(syn);
    let got = got.first().map(Seen::summary).unwrap_or_default();
    assert_eq!(got, answer);
}

#[test]
fn beyond_the_limit_the_oldest_gives_way() {
    let config = Config {
        time_wait_limit: 2,
        ..Config::default()
    };
    let mut pair = Pair::new(&config);
    let (first, accepted, listener) = pair.connect();
    let mut ends = vec![(first, accepted)];
    for _ in 0..2 {
        let (local, remote) = {
            let status = pair.a.status(pair.now, first).expect("owned");
            (
                std::net::SocketAddr::new(status.local.ip(), 0),
                status.remote,
            )
        };
        let id = pair
            .a
            .connect(pair.now, local, remote, SocketOptions::default())
            .expect("a free port");
        pair.run(millis(100));
        ends.push((id, pair.b.accept(listener).expect("established")));
    }
    for (a, b) in &ends {
        pair.a.shutdown_write(pair.now, *a).expect("open");
        pair.run(millis(100));
        pair.b.shutdown_write(pair.now, *b).expect("open");
        pair.run(millis(100));
    }
    let states: Vec<State> = ends
        .iter()
        .map(|(a, _)| pair.a.status(pair.now, *a).expect("owned").state)
        .collect();
    assert_eq!(states, [State::Closed, State::TimeWait, State::TimeWait]);
    let counters = pair.a.counters();
    assert_eq!((counters.time_waits, counters.time_wait_overflows), (2, 1));
    assert!(pair.events(Side::A).contains(&Event::Closed {
        id: first,
        reason: CloseReason::Normal
    }));
}

/// The sockets of a connection of A that is in TIME-WAIT.
fn in_time_wait(pair: &mut Pair) -> (std::net::SocketAddr, std::net::SocketAddr) {
    let (a, b, _) = pair.connect();
    let status = pair.a.status(pair.now, a).expect("owned");
    pair.a.shutdown_write(pair.now, a).expect("open");
    pair.run(millis(100));
    pair.b.shutdown_write(pair.now, b).expect("open");
    pair.run(millis(100));
    pair.a.close(pair.now, a).expect("owned");
    (status.local, status.remote)
}

#[test]
fn an_active_open_takes_its_place_once_the_timestamps_have_moved() {
    let mut pair = Pair::new(&Config::default());
    let (local, remote) = in_time_wait(&mut pair);
    let open = |pair: &mut Pair| {
        pair.a
            .connect(pair.now, local, remote, SocketOptions::default())
    };
    let old = pair.a.status_of(pair.now, local, remote).expect("a record");
    assert_eq!(open(&mut pair), Err(CallError::Exists), "too soon");
    pair.run(millis(1000));
    let id = open(&mut pair).expect("a second has passed");
    let new = pair.a.status(pair.now, id).expect("owned");
    assert!(new.iss.after(old.snd_nxt));
    pair.run(millis(100));
    let new = pair.a.status(pair.now, id).expect("owned");
    assert_eq!(new.state, State::Established);
    let counters = pair.a.counters();
    assert_eq!((counters.time_waits, counters.time_wait_reuses), (0, 1));
}

#[test]
fn without_timestamps_an_active_open_is_refused() {
    let mut pair = Pair::new(&Config {
        timestamps: false,
        ..Config::default()
    });
    let (local, remote) = in_time_wait(&mut pair);
    pair.run(millis(59_000));
    let refused = pair
        .a
        .connect(pair.now, local, remote, SocketOptions::default());
    assert_eq!(refused, Err(CallError::Exists));
    pair.run(millis(1_000));
    pair.a
        .connect(pair.now, local, remote, SocketOptions::default())
        .expect("TIME-WAIT is over");
}

#[test]
fn nobody_waits_in_fin_wait_2_for_an_application_that_is_gone() {
    let mut conn = Established::new(Config::default());
    let (now, id) = (conn.now(), conn.id);
    conn.probe.stack.close(now, id).expect("open");
    conn.sent();
    conn.ack(1);
    conn.wait(millis(59_999));
    assert_eq!(conn.state(), State::FinWait2);
    conn.wait(millis(1));
    assert_eq!(conn.state(), State::Listen);
}

#[test]
fn a_user_timeout_is_said_and_heard() {
    let mut pair = Pair::new(&Config::default());
    let options = |seconds| SocketOptions {
        advertised_timeout: Some(Duration::from_secs(seconds)),
        ..SocketOptions::default()
    };
    let (a, b, _) = pair.connect();
    pair.a
        .set_options(pair.now, a, &options(150))
        .expect("open");
    pair.b
        .set_options(pair.now, b, &options(120))
        .expect("open");
    pair.a.send(pair.now, a, b"x", false).expect("room");
    pair.run(millis(500));
    let said: Vec<_> = pair
        .sent
        .iter()
        .filter_map(|(_, s)| s.user_timeout)
        .collect();
    assert_eq!(said, [UserTimeout(150), UserTimeout(120)]);
}

/// What a connection costs: STATUS of README and ARCHITECTURE names these numbers.
#[test]
fn a_connection_is_below_a_kibibyte_and_time_wait_a_fraction_of_it() {
    let (block, record) = (
        size_of::<crate::tcb::Tcb>(),
        size_of::<Option<crate::time_wait::TimeWait>>(),
    );
    assert!(block <= 1024, "{block} octets");
    assert!(record <= 160, "{record} octets");
}
