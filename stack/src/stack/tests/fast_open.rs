//! What a client learns of a server's Fast Open, and what the server grants.

use super::millis;
use super::testing::{Probe, syn};
use crate::fast_open::FastOpenOption;
use crate::segment::{Control, SynOptions};
use crate::{Config, ConnectionId, FastOpenPolicy, SocketOptions};
use rstest::rstest;

/// Opens with text; whether the SYN asks for Fast Open.
fn opens(probe: &mut Probe) -> (ConnectionId, bool) {
    let (now, local, remote) = (probe.now, probe.local, probe.remote);
    let options = SocketOptions::default();
    let opened = probe.stack.connect_with(now, local, remote, options, b"x");
    let (id, _) = opened.expect("a free port");
    let Control::Syn { options, .. } = probe.sent()[0].control else {
        panic!("no SYN");
    };
    (id, options.fast_open.is_some())
}

#[rstest]
#[case::at_once(10, true)]
#[case::before_an_answer_was_due(999, true)]
#[case::when_one_was_overdue(1001, false)]
fn an_open_that_this_side_gives_up_is_no_negative_response(
    #[case] after: u64,
    #[case] asks: bool,
    #[values(false, true)] abort: bool,
) {
    let mut probe = Probe::new(Config {
        fast_open: FastOpenPolicy::Client,
        ..Config::default()
    });
    let (id, asked) = opens(&mut probe);
    assert!(asked);
    probe.wait(millis(after));
    let now = probe.now;
    let given_up = if abort {
        probe.stack.abort(now, id)
    } else {
        probe.stack.close(now, id)
    };
    given_up.expect("owned");
    assert_eq!(opens(&mut probe).1, asks);
}

/// What the SYN,ACK grants to a SYN with `option`.
fn granted(probe: &mut Probe, port: u16, option: FastOpenOption) -> Option<FastOpenOption> {
    probe.remote.set_port(port);
    let options = SynOptions {
        fast_open: Some(option),
        ..SynOptions::default()
    };
    let syn_ack = probe.inject(syn(1, options));
    let Control::Syn { options, .. } = syn_ack[0].control else {
        panic!("no SYN,ACK");
    };
    options.fast_open
}

#[test]
fn who_has_a_cookie_of_the_former_key_gets_a_new_one() {
    let mut probe = Probe::new(Config {
        fast_open: FastOpenPolicy::Both,
        ..Config::default()
    });
    let options = SocketOptions {
        fast_open: Some(5),
        ..SocketOptions::default()
    };
    let listener = probe.stack.listen(probe.local, 5, options);
    listener.expect("free");
    let old = granted(&mut probe, 4001, FastOpenOption::Request).expect("a cookie");
    assert_eq!(granted(&mut probe, 4002, old), None, "it is current");
    probe.wait(Config::default().fast_open_key_life);
    let new = granted(&mut probe, 4003, old).expect("a cookie");
    assert_ne!(new, old);
    assert_eq!(probe.stack.counters().fast_opens_passive, 2);
    assert_eq!(granted(&mut probe, 4004, new), None, "it is current");
}
