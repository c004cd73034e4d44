//! Whatever arrives and whatever the application does: no panic, and the laws hold.

use super::testing::{Probe, Seen};
use crate::segment::{Control, Ecn, Segment, SynOptions, Timestamps};
use crate::seq::{SeqNum, WindowScale, WireWindow};
use crate::{Config, ConnectionId, SocketOptions};
use proptest::prelude::*;
use rstest::rstest;
use std::time::Duration;

/// Something that happens to a host.
#[derive(Clone, Debug)]
enum Step {
    /// A segment, with SEQ relative to RCV.NXT and ACK relative to SND.UNA.
    Segment {
        seq: i32,
        ack: Option<i32>,
        control: u8,
        wnd: u16,
        len: usize,
        more: More,
    },
    Send(usize, bool),
    Recv(usize),
    Shutdown,
    Wait(u64),
    Rcvbuf(u32),
}

#[derive(Clone, Copy, Debug)]
struct More {
    urgent: Option<u16>,
    timestamp: Option<i8>,
    options: (Option<u16>, Option<u8>),
    /// SACK blocks: what they begin and end with, from SND.UNA on.
    sack: [Option<(i32, i32)>; 3],
}

fn any_step() -> impl Strategy<Value = Step> {
    let near = prop_oneof![4 => Just(0), 4 => -3..40_i32, 1 => -3000..3000_i32, 1 => any::<i32>()];
    let ack = prop_oneof![1 => Just(None), 9 => near.clone().prop_map(Some)];
    let control =
        prop_oneof![10 => Just(0_u8), 2 => Just(1), 1 => Just(2), 1 => Just(3), 1 => Just(4)];
    let wnd = prop_oneof![Just(0), 0..3000_u16, Just(65_535)];
    let len = prop_oneof![Just(0_usize), 0..40_usize, Just(1448)];
    let timestamp = prop_oneof![8 => Just(Some(1_i8)), 1 => Just(None), 1 => any::<Option<i8>>()];
    let urgent = prop_oneof![9 => Just(None), 1 => any::<u16>().prop_map(Some)];
    let options = (any::<Option<u16>>(), any::<Option<u8>>());
    let edge = prop_oneof![4 => -3..4000_i32, 1 => any::<i32>()];
    let block = proptest::option::of((edge.clone(), edge));
    let sack = [block.clone(), block.clone(), block];
    let more = (urgent, timestamp, options, sack);
    let more = more.prop_map(|(urgent, timestamp, options, sack)| More {
        urgent,
        timestamp,
        options,
        sack,
    });
    let segment =
        (near, ack, control, wnd, len, more).prop_map(|(seq, ack, control, wnd, len, more)| {
            Step::Segment {
                seq,
                ack,
                control,
                wnd,
                len,
                more,
            }
        });
    prop_oneof![
        12 => segment,
        2 => (0..4000_usize, any::<bool>()).prop_map(|(len, urgent)| Step::Send(len, urgent)),
        2 => (0..4000_usize).prop_map(Step::Recv),
        1 => Just(Step::Shutdown),
        2 => prop_oneof![0..500_u64, 0..100_000_u64].prop_map(Step::Wait),
        1 => (0..70_000_u32).prop_map(Step::Rcvbuf),
    ]
}

struct Run {
    probe: Probe,
    id: ConnectionId,
    clock: u32,
    /// The window that the SYN of the host has offered, and from which ISS on.
    offered: Option<(SeqNum, u32)>,
    /// The furthest right edge that the host advertised, and in which connection (ISS, IRS).
    edge: Option<((SeqNum, SeqNum), SeqNum)>,
    wscale: u8,
}

impl Run {
    fn new(timestamps: bool, scale: Option<u8>, active: bool) -> Self {
        let config = Config {
            timestamps,
            window_scale: scale,
            rcvbuf: 5000,
            ..Config::default()
        };
        let mut probe = Probe::new(config);
        let (now, local, remote) = (probe.now, probe.local, probe.remote);
        let options = SocketOptions::default();
        let listener = probe.stack.listen(local, 2, options).expect("free");
        let mut run = if active {
            let id = probe
                .stack
                .connect(now, local, remote, options)
                .expect("free");
            Self {
                probe,
                id,
                clock: 1000,
                offered: None,
                edge: None,
                wscale: 0,
            }
        } else {
            let id = ConnectionId {
                slot: 0,
                generation: 0,
            };
            let mut run = Self {
                probe,
                id,
                clock: 1000,
                offered: None,
                edge: None,
                wscale: 0,
            };
            let more = More {
                urgent: None,
                timestamp: Some(1),
                options: (Some(1460), Some(1)),
                sack: [None; 3],
            };
            run.inject(7000, None, 2, 60_000, 0, more);
            run.inject(
                1,
                Some(1),
                0,
                60_000,
                0,
                More {
                    options: (None, None),
                    ..more
                },
            );
            run.id = run.probe.stack.accept(listener).expect("established");
            run
        };
        let sent = run.probe.sent();
        run.look(&sent, false);
        run
    }

    fn inject(
        &mut self,
        seq: i32,
        ack: Option<i32>,
        control: u8,
        wnd: u16,
        len: usize,
        more: More,
    ) {
        let status =
            self.probe
                .stack
                .status_of(self.probe.now, self.probe.local, self.probe.remote);
        let (nxt, una) = status.map_or((SeqNum(0), SeqNum(0)), |status| {
            (status.rcv_nxt, status.snd_una)
        });
        let (mss, shift) = more.options;
        let options = SynOptions {
            mss,
            window_scale: shift.map(WindowScale::new),
            sack_permitted: true,
            fast_open: None,
        };
        let control = match control {
            0 => Control::None,
            1 => Control::Fin,
            2 => Control::Syn {
                options,
                fin: false,
            },
            3 => Control::Syn { options, fin: true },
            _ => Control::Rst,
        };
        let timestamps = more.timestamp.map(|step| {
            self.clock = self.clock.wrapping_add_signed(i32::from(step));
            Timestamps {
                val: self.clock,
                ecr: self.clock,
            }
        });
        let edge = |offset| SeqNum(una.0.wrapping_add_signed(offset));
        let blocks = more.sack.iter().flatten();
        let sack = blocks.map(|&(left, right)| (edge(left), edge(right)));
        let text = vec![0x61; len];
        let sent = self.probe.inject(Segment {
            seq: SeqNum(nxt.0.wrapping_add_signed(seq)),
            ack: ack.map(|ack| SeqNum(una.0.wrapping_add_signed(ack))),
            control,
            wnd: WireWindow(wnd),
            urgent: more.urgent,
            push: false,
            ecn: Ecn::default(),
            timestamps,
            sack: sack.collect(),
            user_timeout: None,
            text: &text,
        });
        self.look(&sent, control == Control::Rst);
    }

    fn step(&mut self, step: &Step) {
        let (now, id) = (self.probe.now, self.id);
        match step {
            Step::Segment {
                seq,
                ack,
                control,
                wnd,
                len,
                more,
            } => {
                self.inject(*seq, *ack, *control, *wnd, *len, *more);
            }
            Step::Send(len, urgent) => {
                let _ = self.probe.stack.send(now, id, &vec![0x62; *len], *urgent);
            }
            Step::Recv(len) => {
                let _ = self.probe.stack.recv(now, id, &mut vec![0; *len]);
            }
            Step::Shutdown => {
                let _ = self.probe.stack.shutdown_write(now, id);
            }
            Step::Wait(ms) => {
                let sent = self.probe.wait(Duration::from_millis(*ms));
                assert!(sent.len() < 1000, "a storm of {} segments", sent.len());
                self.look(&sent, false);
            }
            Step::Rcvbuf(octets) => {
                let options = SocketOptions {
                    rcvbuf: Some(*octets),
                    ..SocketOptions::default()
                };
                let _ = self.probe.stack.set_options(now, id, &options);
            }
        }
        let sent = self.probe.sent();
        self.look(&sent, false);
    }

    /// The laws.
    fn look(&mut self, sent: &[Seen], answers_rst: bool) {
        assert!(sent.len() < 10_000, "a storm");
        let status =
            self.probe
                .stack
                .status_of(self.probe.now, self.probe.local, self.probe.remote);
        if let Some(status) = &status {
            assert!(status.snd_una.before_or_eq(status.snd_nxt), "{status:?}");
            self.wscale = status.rcv_wscale;
        }
        for seen in sent {
            let rst = seen.control == Control::Rst;
            assert!(!(answers_rst && rst), "a RST answers a RST");
            let syn = matches!(seen.control, Control::Syn { .. });
            assert!(seen.text.len() <= if syn { 0 } else { 1460 });
            if syn && seen.ack.is_none() {
                let wnd = u32::from(seen.wnd);
                let before = self.offered.filter(|(iss, _)| *iss == seen.seq);
                assert!(
                    before.is_none_or(|(_, before)| before <= wnd),
                    "a SYN shrinks"
                );
                self.offered = Some((seen.seq, wnd));
            }
            let (Some(ack), Some(status), false) = (seen.ack, &status, rst) else {
                continue;
            };
            let shift = if syn { 0 } else { self.wscale };
            let edge = ack + (u32::from(seen.wnd) << shift);
            let connection = (status.iss, status.irs);
            let same = self.edge.filter(|(of, _)| *of == connection);
            let offered = self.offered.filter(|(iss, _)| *iss == status.iss);
            let offered = offered.map(|(_, wnd)| status.irs + 1 + wnd);
            let furthest = same.map(|(_, edge)| edge).or(offered).unwrap_or(edge);
            // The unit of the scale may cut off less than one unit (RFC 7323 §2.4).
            let cut = furthest - edge;
            assert!(
                cut < 1 << shift,
                "the edge of {connection:?} shrinks by {cut}"
            );
            self.edge = Some((connection, furthest.latest(edge)));
        }
        if status.is_none() {
            self.edge = None;
        }
    }
}

/// A segment without text.
fn bare(seq: i32, control: u8, shift: Option<u8>) -> Step {
    Step::Segment {
        seq,
        ack: None,
        control,
        wnd: 0,
        len: 0,
        more: More {
            urgent: None,
            timestamp: Some(1),
            options: (None, shift),
            sack: [None; 3],
        },
    }
}

/// What once moved the right edge of a window to the left, before the handshake was over.
#[rstest]
#[case::challenge_ack_rounds_up_before_a_syn_ack_again(
    4, false, &[bare(0, 4, None), bare(0, 2, Some(0)), bare(1, 4, None), Step::Wait(1000)]
)]
#[case::challenge_ack_offers_more_than_a_syn_ack_can(
    1, true, &[bare(0, 2, Some(0)), Step::Rcvbuf(65_536), bare(0, 2, None), Step::Wait(1000)]
)]
#[case::the_buffer_shrinks_between_syn_and_syn_ack(
    1, true, &[Step::Rcvbuf(1000), bare(0, 2, Some(0)), Step::Wait(1000)]
)]
#[case::the_buffer_shrinks_between_syn_and_syn_again(1, true, &[Step::Rcvbuf(0), Step::Wait(1000)])]
fn no_edge_moves_left_in_a_handshake(
    #[case] scale: u8,
    #[case] active: bool,
    #[case] steps: &[Step],
) {
    let mut run = Run::new(false, Some(scale), active);
    for step in steps {
        run.step(step);
    }
    assert!(
        run.probe.stack.counters().retrans_segs > 0,
        "nothing was sent again"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_the_laws(
        steps in proptest::collection::vec(any_step(), 1..60),
        timestamps: bool,
        scale in proptest::option::of(0..6_u8),
        active: bool,
    ) {
        let mut run = Run::new(timestamps, scale, active);
        for step in &steps {
            run.step(step);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        steps in proptest::collection::vec(any_step(), 1..30), active: bool
    ) {
        let play = || {
            let mut run = Run::new(true, Some(2), active);
            for step in &steps {
                run.step(step);
            }
            (run.probe.events(), run.probe.stack.counters().clone(), run.edge)
        };
        prop_assert_eq!(play(), play());
    }
}
