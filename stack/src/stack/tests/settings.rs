//! Times, limits and options of [`Config`] at two values each, where no other test has another than
//! the default.

use super::millis;
use super::testing::{Established, Probe, Seen, segment, syn};
use crate::fast_open::{Cookie, FastOpenOption};
use crate::segment::{Control, Segment, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale};
use crate::{Config, FastOpenPolicy, SocketOptions, UserTimeout};
use rstest::rstest;
use std::time::Duration;

const MSS: u32 = 1000;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A connection that sends segments of 1000 octets, with SACK.
fn host(config: Config) -> Established {
    let options = SynOptions {
        mss: Some(MSS as u16),
        sack_permitted: true,
        ..SynOptions::default()
    };
    Established::with(config, options, SocketOptions::default())
}

fn options(seen: &Seen) -> SynOptions {
    match seen.control {
        Control::Syn { options, .. } => options,
        _ => panic!("no SYN: {seen:?}"),
    }
}

#[rstest]
fn duplicates_are_reported_or_not(#[values(true, false)] on: bool) {
    let config = Config {
        dsack: on,
        ..Config::default()
    };
    let mut host = host(config);
    let first = host.seq;
    host.say(Control::None, b"text");
    host.wait(seconds(1));
    let sent = host.say_at(first, Control::None, b"text");
    assert_eq!((sent.len(), sent[0].blocks), (1, usize::from(on)));
    // What lies ahead is reported either way.
    let sent = host.say_at(host.seq + 100, Control::None, b"text");
    assert_eq!(sent[0].blocks, 1);
}

/// An active OPEN with text, given up at once: the SYN.
fn opens(probe: &mut Probe, answer: bool) -> Seen {
    let (now, local, remote) = (probe.now, probe.local, probe.remote);
    let options = SocketOptions::default();
    let opened = probe
        .stack
        .connect_with(now, local, remote, options, b"text");
    let (id, _) = opened.expect("the socket is free");
    let sent = probe.sent().remove(0);
    if answer {
        probe.inject(Segment {
            ack: Some(sent.seq + 1),
            ..syn(5000, SynOptions::default())
        });
    }
    probe.stack.abort(now, id).expect("open");
    probe.sent();
    sent
}

#[rstest]
fn a_client_tries_fast_open_again_after_the_pause(#[values(600, 3600)] pause: u64) {
    let config = Config {
        fast_open: FastOpenPolicy::Client,
        fast_open_pause: seconds(pause),
        ..Config::default()
    };
    let mut probe = Probe::new(config);
    let request = Some(FastOpenOption::Request);
    // The server answers and knows nothing of Fast Open.
    assert_eq!(options(&opens(&mut probe, true)).fast_open, request);
    probe.wait(seconds(pause - 1));
    assert_eq!(options(&opens(&mut probe, false)).fast_open, None);
    probe.wait(seconds(1));
    assert_eq!(options(&opens(&mut probe, false)).fast_open, request);
}

#[rstest]
fn a_cookie_outlives_one_change_of_keys(#[values(60, 3600)] life: u64) {
    let config = Config {
        fast_open: FastOpenPolicy::Server,
        fast_open_key_life: seconds(life),
        ..Config::default()
    };
    let mut probe = Probe::new(config);
    let listens = SocketOptions {
        fast_open: Some(8),
        ..SocketOptions::default()
    };
    probe.stack.listen(probe.local, 8, listens).expect("free");
    let knock = |probe: &mut Probe, option, text| {
        let offered = SynOptions {
            fast_open: Some(option),
            ..SynOptions::default()
        };
        probe.remote.set_port(probe.remote.port() + 1);
        let syn_ack = probe.inject(Segment {
            text,
            ..syn(1000, offered)
        });
        let taken = syn_ack[0].ack == Some(SeqNum(1001) + text.len() as u32);
        let ack = segment(SeqNum(1001), syn_ack[0].seq + 1, Control::Rst, b"");
        probe.inject(ack);
        (options(&syn_ack[0]).fast_open, taken)
    };
    let (granted, _) = knock(&mut probe, FastOpenOption::Request, b"");
    let cookie = granted.expect("a cookie");
    let other = Cookie::new(&[9; 8]).expect("eight octets");
    // The clock of the test began at one second.
    for (wait, taken) in [
        (0, true),
        (life - 2, true),
        (2, true),
        (life - 2, true),
        (2, false),
    ] {
        probe.wait(seconds(wait));
        assert_eq!(knock(&mut probe, cookie, b"text").1, taken, "{wait}");
        let forged = FastOpenOption::Cookie(other);
        assert!(!knock(&mut probe, forged, b"text").1);
    }
}

#[rstest]
fn an_acknowledgment_is_delayed_as_told(#[values(0, 50, 200, 450)] delay: u64) {
    let config = Config {
        delayed_ack: millis(delay),
        ..Config::default()
    };
    let mut host = host(config);
    let (start, mut sent) = (host.now(), host.say(Control::None, b"text"));
    assert_eq!(sent.len(), usize::from(delay == 0));
    sent.extend(host.wait(seconds(1)));
    let times: Vec<Duration> = sent.iter().map(|seen| seen.at.since(start)).collect();
    assert_eq!(times, [millis(delay)]);
}

#[rstest]
fn packets_live_as_long_as_told(#[values(1, 64, 255)] ttl: u8) {
    let config = Config {
        ttl,
        ..Config::default()
    };
    let mut host = host(config);
    host.send(b"text");
    assert_eq!(host.sent()[0].ttl, ttl);
}

#[rstest]
fn a_silly_window_is_used_in_the_end(#[values(100, 500, 2000)] wait: u64) {
    let config = Config {
        sws_override: millis(wait),
        ..Config::default()
    };
    let mut host = host(config);
    host.wnd.0 = 300;
    host.say(Control::None, b"");
    host.send(&[7; 1000]);
    let start = host.now();
    assert!(host.sent().is_empty());
    let sent = host.wait(millis(wait));
    assert_eq!(
        (sent[0].at.since(start), sent[0].text.len()),
        (millis(wait), 300)
    );
}

#[rstest]
#[case::within((100, 3600), 600, 600)]
#[case::below((100, 3600), 20, 100)]
#[case::above((100, 3600), 9000, 3600)]
#[case::lower_limit((10, 3600), 20, 20)]
#[case::upper_limit((100, 300), 600, 300)]
fn a_user_timeout_of_the_peer_is_adopted_within_limits(
    #[case] (least, most): (u64, u64),
    #[case] remote: u16,
    #[case] adopted: u64,
) {
    let config = Config {
        user_timeout_limits: (seconds(least), seconds(most)),
        ..Config::default()
    };
    let listens = SocketOptions {
        advertised_timeout: Some(seconds(5)),
        ..SocketOptions::default()
    };
    let mut host = Established::with(config, SynOptions::default(), listens);
    host.probe.inject(Segment {
        user_timeout: Some(UserTimeout(remote)),
        ..segment(host.seq, host.una, Control::None, b"")
    });
    assert_eq!(host.status().user_timeout, Some(seconds(adopted)));
}

#[rstest]
fn options_are_offered_as_told(
    #[values(true, false)] timestamps: bool,
    #[values(true, false)] sack: bool,
    #[values(None, Some(0), Some(3))] window_scale: Option<u8>,
) {
    let config = Config {
        timestamps,
        window_scale,
        sack,
        ..Config::default()
    };
    let mut probe = Probe::new(config);
    let asked = opens(&mut probe, false);
    let offers = |seen: &Seen| {
        let offered = options(seen);
        let shift = offered.window_scale.map(WindowScale::shift);
        (seen.timestamps.is_some(), offered.sack_permitted, shift)
    };
    assert_eq!(offers(&asked), (timestamps, sack, window_scale));
    let listens = SocketOptions::default();
    probe.stack.listen(probe.local, 8, listens).expect("free");
    let all = SynOptions {
        sack_permitted: true,
        window_scale: Some(WindowScale::new(7)),
        ..SynOptions::default()
    };
    let answer = probe.inject(Segment {
        timestamps: Some(Timestamps { val: 1, ecr: 0 }),
        ..syn(1000, all)
    });
    assert_eq!(offers(&answer[0]), (timestamps, sack, window_scale));
}

/// Of ten segments six are lost, and the third report says so: one segment is in flight then, and
/// ssthresh is five. RFC 6937 §3 lets out what the report has delivered, and one more.
#[rstest]
#[case::in_proportion(true, 2)]
#[case::at_once(false, 4)]
fn a_recovery_begins_in_proportion_or_at_once(#[case] prr: bool, #[case] segments: usize) {
    let config = Config {
        prr,
        rack: false,
        limited_transmit: false,
        ..Config::default()
    };
    let mut host = host(config);
    host.send(&vec![7; 20 * MSS as usize]);
    assert_eq!(host.sent().len(), 10);
    let mut sent = Vec::new();
    for reported in 1..=3 {
        let block = (host.una + 6 * MSS, host.una + (6 + reported) * MSS);
        let upon = host.probe.inject(Segment {
            wnd: host.wnd,
            sack: [block].into_iter().collect(),
            ..segment(host.seq, host.una, Control::None, b"")
        });
        sent.push(upon.len());
    }
    assert_eq!(sent, [0, 0, segments]);
}
