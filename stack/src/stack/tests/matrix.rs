//! Every segment in every state: reply and next state, cell by cell of `matrix.txt`.

use super::testing::{Probe, Seen, segment, syn};
use crate::segment::{Control, Segment, SynOptions, Timestamps};
use crate::seq::SeqNum;
use crate::{Config, ConnectionId, SocketOptions, State};
use rstest::rstest;
use std::time::Duration;

const TABLE: &str = include_str!("matrix.txt");
/// The peer's ISN; sequence numbers wrap soon after it.
const IRS: u32 = u32::MAX - 20;
const TEXT: &[u8] = b"0123456789";

/// A host that was led into a state, and what the peer knows of it.
struct Bench {
    probe: Probe,
    id: Option<ConnectionId>,
    /// The host's RCV.NXT, by what was sent to it.
    seq: SeqNum,
    iss: SeqNum,
    una: SeqNum,
    nxt: SeqNum,
    timestamps: bool,
}

impl Bench {
    fn new(event: &str) -> Self {
        let timestamps = event.starts_with("TS_");
        let config = Config {
            timestamps,
            ..Config::default()
        };
        let zero = SeqNum(0);
        let (seq, probe) = (SeqNum(IRS), Probe::new(config));
        Self {
            probe,
            id: None,
            seq,
            iss: zero,
            una: zero,
            nxt: zero,
            timestamps,
        }
    }

    fn stamped<'a>(&self, segment: Segment<'a>, val: u32) -> Segment<'a> {
        let timestamps = self.timestamps.then_some(Timestamps { val, ecr: 0 });
        Segment {
            timestamps,
            ..segment
        }
    }

    fn hand(&mut self, control: Control, text: &[u8]) -> Vec<Seen> {
        let segment = self.stamped(segment(self.seq, self.una, control, text), 1000);
        self.seq += segment.len();
        self.probe.inject(segment)
    }

    fn hand_syn(&mut self) {
        let sent = self
            .probe
            .inject(self.stamped(syn(IRS, SynOptions::default()), 1000));
        self.seq = SeqNum(IRS) + 1;
        self.iss = sent[0].seq;
        self.nxt = self.iss + 1;
        self.una = self.iss;
    }

    fn listen(&mut self, rcvbuf: Option<u32>) -> crate::ListenerId {
        let options = SocketOptions {
            rcvbuf,
            ..SocketOptions::default()
        };
        self.probe
            .stack
            .listen(self.probe.local, 4, options)
            .expect("a free port")
    }

    fn connect(&mut self, rcvbuf: Option<u32>) {
        let options = SocketOptions {
            rcvbuf,
            ..SocketOptions::default()
        };
        let (now, local, remote) = (self.probe.now, self.probe.local, self.probe.remote);
        let id = self
            .probe
            .stack
            .connect(now, local, remote, options)
            .expect("free sockets");
        let sent = self.probe.sent();
        self.id = Some(id);
        self.iss = sent[0].seq;
        self.nxt = self.iss + 1;
        self.una = self.iss;
    }

    /// CLOSE: the FIN goes out.
    fn close(&mut self) {
        let (now, id) = (self.probe.now, self.id.expect("established"));
        self.probe.stack.shutdown_write(now, id).expect("open");
        let sent = self.probe.sent();
        self.nxt = sent.last().expect("a FIN").seq + 1;
    }

    fn ack_everything(&mut self) {
        self.una = self.nxt;
        self.hand(Control::None, b"");
    }

    fn establish(&mut self, rcvbuf: Option<u32>) {
        let listener = self.listen(rcvbuf);
        self.hand_syn();
        self.una = self.nxt;
        self.hand(Control::None, b"");
        self.id = Some(self.probe.stack.accept(listener).expect("established"));
    }

    /// Leads the host to `state`, by segments and calls only.
    fn reach(&mut self, state: &str, event: &str) {
        let zero_window = event == "DATA_ZWIN";
        match state {
            "CLOSED" => return,
            "LISTEN" => {
                self.listen(None);
                return;
            }
            "SYNSENT" => return self.connect(None),
            "RCVD/p" => {
                self.listen(zero_window.then_some(0));
                return self.hand_syn();
            }
            "RCVD/a" => {
                self.connect(zero_window.then_some(0));
                return self.hand_syn();
            }
            _ => {}
        }
        let fin_comes = matches!(state, "CLWAIT" | "CLOSING" | "LASTACK" | "TWAIT");
        self.establish(zero_window.then_some(10 + u32::from(fin_comes)));
        if zero_window {
            self.hand(Control::None, TEXT);
        }
        if matches!(event, "ACK_NEW" | "ACK_PART") {
            let (now, id) = (self.probe.now, self.id.expect("established"));
            self.probe.stack.send(now, id, TEXT, false).expect("room");
            self.nxt += 10;
            self.probe.sent();
        }
        if matches!(state, "CLWAIT" | "LASTACK") {
            self.hand(Control::Fin, b"");
        }
        if matches!(state, "FW1" | "FW2" | "CLOSING" | "LASTACK" | "TWAIT") {
            self.close();
        }
        if matches!(state, "FW2" | "TWAIT") {
            self.ack_everything();
        }
        if matches!(state, "CLOSING" | "TWAIT") {
            self.hand(Control::Fin, b"");
        }
        self.probe.wait(Duration::from_millis(300));
    }
}

/// The segment of an event, and by how much it moves RCV.NXT where it is taken.
fn build(bench: &Bench, state: &str, event: &str) -> (Segment<'static>, u32) {
    let early = matches!(state, "CLOSED" | "LISTEN");
    let half_open = matches!(state, "SYNSENT" | "RCVD/p" | "RCVD/a");
    // Acceptable, and moving nothing but SYN-RECEIVED.
    let ack = match (early, half_open) {
        (true, _) => SeqNum(5000),
        (_, true) => bench.iss + 1,
        _ => bench.una,
    };
    if event.starts_with("SYN") || event.starts_with("RST") {
        (syn_or_rst(bench, state, event, ack), 0)
    } else if event.starts_with("ACK") {
        let ack = match event {
            "ACK_OLD" if half_open => bench.iss,
            "ACK_OLD" => bench.una,
            "ACK_ANCIENT" => bench.una - 65_536,
            "ACK_FUT" => bench.nxt + 1,
            "ACK_NEW" if early => ack,
            "ACK_NEW" => bench.nxt,
            _ => bench.una + 5,
        };
        (segment(bench.seq, ack, Control::None, b""), 0)
    } else {
        text_or_fin(bench, state, event, ack)
    }
}

fn syn_or_rst(bench: &Bench, state: &str, event: &str, ack: SeqNum) -> Segment<'static> {
    let seq = bench.seq;
    let options = SynOptions::default();
    let syn = Control::Syn {
        options,
        fin: false,
    };
    let syn_fin = Control::Syn { options, fin: true };
    let repeated = if state == "RCVD/a" {
        SeqNum(IRS)
    } else {
        seq + 10
    };
    match event {
        "SYN_IW" => Segment::bare(seq + 10, syn),
        "SYN_OW" => Segment::bare(seq - 100_000, syn),
        "SYN_DUP" => Segment::bare(SeqNum(IRS), syn),
        "SYNACK_OK" => segment(repeated, ack, syn, b""),
        "SYNACK_BAD" => segment(repeated, bench.nxt + 1000, syn, b""),
        "SYNFIN" => Segment::bare(seq + 10, syn_fin),
        "RST_EXACT" if state == "SYNSENT" => segment(seq, ack, Control::Rst, b""),
        "RST_IW" if state == "SYNSENT" => segment(seq, ack + 9, Control::Rst, b""),
        "RST_IW" => Segment::bare(seq + 1, Control::Rst),
        "RST_OW" => Segment::bare(seq - 1, Control::Rst),
        // SYNRST gets its SYN bit when it is a packet.
        "RST_EXACT" | "SYNRST" => Segment::bare(seq, Control::Rst),
        other => unreachable!("no event {other}"),
    }
}

fn text_or_fin(bench: &Bench, state: &str, event: &str, ack: SeqNum) -> (Segment<'static>, u32) {
    let seq = bench.seq;
    let none = Control::None;
    let status =
        bench
            .probe
            .stack
            .status_of(bench.probe.now, bench.probe.local, bench.probe.remote);
    let wnd = status.map_or(65_535, |status| status.rcv_wnd);
    let with = |seq, control, text| segment(seq, ack, control, text);
    match event {
        "FIN_IN" if state == "SYNSENT" => (segment(seq, bench.iss, Control::Fin, b""), 1),
        "FIN_IN" => (with(seq, Control::Fin, b""), 1),
        "FIN_IN_A" => (segment(seq, bench.nxt, Control::Fin, b""), 1),
        "FIN_OOO" => (with(seq + 5, Control::Fin, b""), 0),
        "FIN_DUP" => (with(seq - 1, Control::Fin, b""), 0),
        "FIN_NOACK" => (Segment::bare(seq, Control::Fin), 0),
        "DATA_IN" | "TS_OLD" | "TS_NONE" | "BAD_CSUM" | "BAD_OFF" => (with(seq, none, TEXT), 10),
        "DATA_ZWIN" => (with(seq, none, TEXT), 0),
        "DATA_OOO" => (with(seq + 5, none, TEXT), 0),
        "DATA_OLD" => (with(seq - 10, none, TEXT), 0),
        "DATA_BEYOND" => (with(seq + wnd, none, TEXT), 0),
        "DATA_STRAD_L" => (with(seq - 4, none, TEXT), 6),
        // More text than the window has room for.
        "DATA_STRAD_R" => (with(seq, none, &[7; 1400]), 1000),
        "URG_IN" => (
            Segment {
                urgent: Some(3),
                ..with(seq, none, TEXT)
            },
            10,
        ),
        "NOACK" => (
            Segment {
                text: TEXT,
                ..Segment::bare(seq, none)
            },
            0,
        ),
        "NULL" => (Segment::bare(seq, none), 0),
        "PROBE" => (with(seq - 1, none, b""), 0),
        other => unreachable!("no event {other}"),
    }
}

/// What the segment has to do that no `Segment` can say.
fn inject(bench: &mut Bench, event: &str, segment: Segment<'_>) -> Vec<Seen> {
    let stamped = match event {
        "TS_NONE" => segment,
        "TS_OLD" => bench.stamped(segment, 999),
        _ => bench.stamped(segment, 1001),
    };
    let mut packet = bench.probe.packet(stamped);
    match event {
        "SYNRST" => {
            packet[33] |= 0x02;
            bench.probe.mend_checksum(&mut packet);
        }
        "BAD_CSUM" => packet[36] ^= 0x40,
        "BAD_OFF" => {
            packet[32] = 0x40;
            bench.probe.mend_checksum(&mut packet);
        }
        _ => {}
    }
    bench.probe.inject_packet(&packet)
}

fn state_name(state: State, before: &str) -> &str {
    match state {
        // A listener that made the connection is still there when the connection is gone.
        State::Listen if !matches!(before, "LISTEN" | "RCVD/p") => "CLOSED",
        State::Closed => "CLOSED",
        State::Listen => "LISTEN",
        State::SynSent => "SYNSENT",
        State::SynReceived if matches!(before, "SYNSENT" | "RCVD/a") => "RCVD/a",
        State::SynReceived => "RCVD/p",
        State::Established => "ESTAB",
        State::FinWait1 => "FW1",
        State::FinWait2 => "FW2",
        State::CloseWait => "CLWAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LASTACK",
        State::TimeWait => "TWAIT",
    }
}

fn check(state: &str, event: &str, cell: &str) {
    let what = format!("{state} {event}");
    let mut bench = Bench::new(event);
    if event == "DATA_STRAD_R" {
        bench.probe.config_rcvbuf(1000);
    }
    bench.reach(state, event);
    assert_eq!(
        state_name(bench.probe.state(), state),
        state,
        "{what}: the preamble"
    );
    let (segment, advance) = build(&bench, state, event);
    let (reply, next) = cell.split_once('>').unwrap_or((cell, state));
    let at = bench.probe.now;
    let mut sent = inject(&mut bench, event, segment);
    if reply == "-" || reply == "N" && sent.is_empty() {
        sent.extend(bench.probe.wait(Duration::from_millis(400)));
    }
    let after_fin = matches!(state, "CLWAIT" | "CLOSING" | "LASTACK" | "TWAIT");
    let acks = match event {
        _ if state == "SYNSENT" => segment.seq + 1,
        "FIN_IN" | "FIN_IN_A" if after_fin => bench.seq,
        // A segment that is not taken leaves RCV.NXT where it is.
        _ if reply == "N" || event.starts_with("FIN_IN") => bench.seq + advance,
        _ => bench.seq,
    };
    let expected = match reply {
        "-" => None,
        "A" | "C" | "N" => Some((bench.nxt, Some(acks), "A")),
        "R0" => Some((SeqNum(0), Some(segment.end()), "RA")),
        "Ra" => Some((segment.ack.expect("ACK"), None, "R")),
        // Only in SYN-SENT is ISS chosen already.
        "SA" if state == "SYNSENT" => Some((bench.iss, Some(segment.seq + 1), "SA")),
        "SA" => Some((sent[0].seq, Some(segment.seq + 1), "SA")),
        other => unreachable!("no reply {other}"),
    };
    assert_eq!(
        sent.len(),
        usize::from(expected.is_some()),
        "{what}: {sent:?}"
    );
    if let (Some(seen), Some(expected)) = (sent.first(), expected) {
        assert_eq!((seen.seq, seen.ack, &*seen.summary()), expected, "{what}");
        assert!(seen.at == at || reply == "N", "{what}: at once");
    }
    assert_eq!(
        state_name(bench.probe.state(), state),
        next,
        "{what}: the next state"
    );
}

#[rstest]
fn every_cell(
    #[values(
        "CLOSED", "LISTEN", "SYNSENT", "RCVD/p", "RCVD/a", "ESTAB", "FW1", "FW2", "CLWAIT",
        "CLOSING", "LASTACK", "TWAIT"
    )]
    state: &str,
) {
    let mut rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let head: Vec<&str> = rows.next().expect("a head").split_whitespace().collect();
    let column = head
        .iter()
        .position(|name| *name == state)
        .expect("a column");
    let mut cells = 0;
    for row in rows {
        let row: Vec<&str> = row.split_whitespace().collect();
        if row[column] != "." {
            check(state, row[0], row[column]);
            cells += 1;
        }
    }
    assert!(cells >= 14, "{state} has {cells} cells");
}

#[test]
fn the_table_has_all_351_cells() {
    let cells = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    let count = cells
        .flat_map(|row| row.split_whitespace().skip(1))
        .filter(|cell| *cell != ".");
    assert_eq!(count.count(), 351);
}
