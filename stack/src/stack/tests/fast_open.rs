//! What a client learns of a server's Fast Open.

use super::millis;
use super::testing::Probe;
use crate::segment::Control;
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
