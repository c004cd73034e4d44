use super::*;
use crate::device::foreign::netstack3::Netstack3;
use crate::device::foreign::netstack3::clock::Moment;
use crate::device::{Device, Simulated};
use crate::spec::case::Family;
use crate::time::Instant;
use rstest::rstest;
use std::time::Duration;

/// An instance, and a connection on its link.
fn instance(family: Family) -> (Sockets, FourTuple) {
    let link = Netstack3::new(family).unwrap().link();
    let tuple = FourTuple {
        tester: SocketAddr::new(link.tester, 4_000),
        device: SocketAddr::new(link.device, 7),
    };
    (Sockets::new(&link, 1).unwrap(), tuple)
}

#[rstest]
#[case::given_up(|sockets: &mut Sockets, id| sockets.close(id).unwrap())]
#[case::aborted(|sockets: &mut Sockets, id| sockets.abort(id).unwrap())]
#[case::left_alone(|_: &mut Sockets, _| ())]
fn a_case_that_ends_leaves_nothing(
    #[case] end: fn(&mut Sockets, usize),
    #[values(Family::V4, Family::V6)] family: Family,
) {
    let (mut sockets, tuple) = instance(family);
    let set = SocketSettings::default();
    let local = SocketAddr::new(tuple.device.ip(), 8);
    sockets.listen(local, 4, &set).unwrap();
    let id = sockets.connect(tuple, &set).unwrap();
    assert_eq!(sockets.state_of(tuple), Some(State::SynSent));
    let inbox = sockets.connections[id].inbox.clone();
    assert!(inbox.owners() > 2, "netstack3 has it too");
    end(&mut sockets, id);
    drop(sockets);
    assert_eq!(inbox.owners(), 1, "netstack3 keeps the socket");
}

#[rstest]
fn a_syn_is_sent_again_when_its_timer_expires_and_not_before() {
    let (mut sockets, tuple) = instance(Family::V4);
    sockets.connect(tuple, &SocketSettings::default()).unwrap();
    assert_eq!(sockets.bindings.outward.len(), 1);
    let expires = Instant::START + Duration::from_secs(1);
    assert_eq!(sockets.bindings.timers.next(), Some(Moment(expires)));
    for (now, sent) in [(expires - Duration::from_nanos(1), 1), (expires, 2)] {
        sockets.bindings.now = Moment(now);
        sockets.expire();
        assert_eq!(sockets.bindings.outward.len(), sent);
    }
    let next = expires + Duration::from_secs(2);
    assert_eq!(sockets.bindings.timers.next(), Some(Moment(next)));
}

#[rstest]
fn what_netstack3_takes_by_chance_follows_from_the_seed(
    #[values(Family::V4, Family::V6)] family: Family,
) {
    let syn = |seed| {
        let (_, tuple) = instance(family);
        let link = Netstack3::new(family).unwrap().link();
        let mut sockets = Sockets::new(&link, seed).unwrap();
        sockets.connect(tuple, &SocketSettings::default()).unwrap();
        sockets.bindings.outward.pop_front()
    };
    assert_eq!(syn(1), syn(1));
    assert_ne!(syn(1), syn(2));
}

#[rstest]
fn garbage_is_no_packet(#[values(0, 1, 19, 20, 39, 40, 60)] length: usize) {
    let mut device = Netstack3::new(Family::V4).unwrap();
    for first in [0x00, 0x45, 0x60, 0xff] {
        let packet = vec![first; length];
        device.inject(Instant::START, &packet).unwrap();
        assert_eq!(device.poll(Instant::START).unwrap(), None);
    }
    device.on_timeout(Instant::START + Duration::from_secs(60));
}

#[rstest]
fn a_stack_that_has_panicked_is_left_alone() {
    let (mut sockets, tuple) = instance(Family::V4);
    let id = sockets.connect(tuple, &SocketSettings::default()).unwrap();
    let inbox = sockets.connections[id].inbox.clone();
    sockets.busy = true;
    drop(sockets);
    assert!(inbox.owners() > 1, "its resources are lost");
}
