//! What one connection learns of a path, for others.

use super::ends::icmp_about;
use super::millis;
use super::testing::{Probe, Seen, segment, syn};
use crate::segment::{Control, Segment, SynOptions};
use crate::seq::SeqNum;
use crate::{Config, ConnectionId, SocketOptions};
use rstest::rstest;

fn offer() -> SynOptions {
    SynOptions {
        mss: Some(1460),
        ..SynOptions::default()
    }
}

/// A connection to this port of the peer.
fn connection(probe: &mut Probe, port: u16) -> ConnectionId {
    probe.remote.set_port(port);
    let id = probe.connect();
    let iss = probe.sent()[0].seq;
    probe.inject(Segment {
        ack: Some(iss + 1),
        ..syn(9, offer())
    });
    id
}

fn sends(probe: &mut Probe, id: ConnectionId) -> Vec<Seen> {
    let now = probe.now;
    assert_eq!(probe.stack.send(now, id, &[0; 1460], false), Ok(1460));
    probe.sent()
}

fn lengths(sent: &[Seen]) -> Vec<usize> {
    sent.iter().map(|seen| seen.text.len()).collect()
}

/// A router says that the segment at `seq` of the connection to this port was too big.
fn too_big(probe: &mut Probe, port: u16, mtu: u16, seq: SeqNum) -> Vec<Seen> {
    probe.remote.set_port(port);
    let error = icmp_about(probe, (3, 4), mtu, seq);
    probe.inject_packet(&error)
}

#[test]
fn what_one_connection_has_met_the_next_one_knows() {
    let mut probe = Probe::new(Config::default());
    let first = connection(&mut probe, 4000);
    let seq = sends(&mut probe, first)[0].seq;
    too_big(&mut probe, 4000, 1000, seq);
    let next = connection(&mut probe, 4001);
    assert_eq!(lengths(&sends(&mut probe, next)), [960]);
}

#[rstest]
#[case::checked(true)]
#[case::believes_everything(false)]
fn what_quotes_nothing_in_flight_is_no_news_for_others(#[case] rfc5927: bool) {
    let mut probe = Probe::new(Config {
        rfc5927,
        ..Config::default()
    });
    let first = connection(&mut probe, 4000);
    let seq = sends(&mut probe, first)[0].seq;
    too_big(&mut probe, 4000, 1000, seq + 1460);
    too_big(&mut probe, 4000, 1000, seq - 1);
    let next = connection(&mut probe, 4001);
    assert_eq!(lengths(&sends(&mut probe, next)), [1460]);
}

#[test]
fn what_is_in_flight_elsewhere_goes_out_again_when_it_is_reported_lost() {
    let mut probe = Probe::new(Config {
        nodelay: true,
        ..Config::default()
    });
    let ids = [4000, 4001].map(|port| connection(&mut probe, port));
    let [seq, other] = ids.map(|id| sends(&mut probe, id)[0].seq);
    sends(&mut probe, ids[1]);
    too_big(&mut probe, 4000, 1000, seq);
    let now = probe.now;
    probe.stack.send(now, ids[1], b"more", false).expect("room");
    assert_eq!(lengths(&probe.sent()), [4]);
    let again = too_big(&mut probe, 4001, 1000, other);
    assert_eq!((lengths(&again), again[0].seq), (vec![960], other));
    let repeated = |probe: &mut Probe| {
        for quoted in [other, other + 1460, other + 2920] {
            assert_eq!(too_big(probe, 4001, 1000, quoted), [], "once is enough");
        }
    };
    repeated(&mut probe);
    let acks = |probe: &mut Probe, ack: SeqNum| {
        let ack = segment(SeqNum(10), ack, Control::None, b"");
        lengths(&probe.inject(ack))
    };
    assert_eq!(acks(&mut probe, other + 960), [500, 960, 500, 4]);
    repeated(&mut probe);
}

#[test]
fn a_half_open_connection_on_a_narrow_path_is_put_away_all_the_same() {
    let mut probe = Probe::new(Config::default());
    let first = connection(&mut probe, 4000);
    let seq = sends(&mut probe, first)[0].seq;
    too_big(&mut probe, 4000, 1000, seq);
    probe.local.set_port(81);
    let listener = probe.stack.listen(probe.local, 4, SocketOptions::default());
    probe.remote.set_port(4001);
    let syn_ack = probe.inject(syn(7000, offer()));
    assert_eq!(probe.stack.half_open.len(), 1);
    probe.wait(millis(10));
    let ack = segment(SeqNum(7001), syn_ack[0].seq + 1, Control::None, b"");
    probe.inject(ack);
    let id = probe.stack.accept(listener.expect("free"));
    let sent = sends(&mut probe, id.expect("established"));
    assert_eq!(lengths(&sent), [960]);
}
