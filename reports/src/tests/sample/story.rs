//! Writes down a case step by step, as the runner does.

use crate::record::*;
use std::net::Ipv4Addr;

const TESTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DEVICE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Close to the wrap, so that reports show that they re-base modulo 2^32.
const IRS: u32 = 0xffff_fffe;
const ISS: u32 = 0x1234_5678;

/// A case while it is written.
pub(super) struct Story {
    record: CaseRecord,
    now_ns: u64,
    step: Option<StepRef>,
    preamble: Option<String>,
    state: Option<String>,
    connection: u16,
    options: String,
    window: u16,
}

impl Story {
    pub(super) fn new(id: &str, folder: &str) -> Self {
        let section = folder.split('-').next().unwrap_or_default();
        let name = id.split(['/', '[']).nth(1).unwrap_or_default();
        let record = CaseRecord {
            id: id.into(),
            folder: folder.into(),
            section: section.into(),
            title: String::new(),
            family: Family::V4,
            params: Vec::new(),
            covers: Vec::new(),
            level: Level::Must,
            verdict: Verdict::Pass,
            reason: None,
            known: None,
            attempts: 1,
            flaky: false,
            earlier: Vec::new(),
            unchecked: 0,
            assertions: 4,
            seed: 7,
            mismatches: Vec::new(),
            branches: Vec::new(),
            connections: vec![connection("a", 40000, Some(IRS), Some(ISS))],
            events: Vec::new(),
            device_ns: 0,
            wall_ns: 1_234_567,
            file: format!("specs/{folder}/{name}.yaml"),
            capture: None,
        };
        let none = (None, None, None);
        let (step, preamble, state) = none;
        let options = String::new();
        Self {
            record,
            now_ns: 0,
            step,
            preamble,
            state,
            connection: 0,
            options,
            window: 65535,
        }
    }

    pub(super) fn title(&mut self, title: &str) {
        self.record.title = title.into();
    }

    pub(super) fn level(&mut self, level: Level) {
        self.record.level = level;
        self.record
            .covers
            .iter_mut()
            .for_each(|requirement| requirement.level = level);
    }

    pub(super) fn covers(&mut self, id: &str, place: &str, sentence: &str) {
        self.record.covers.push(Requirement {
            id: id.into(),
            place: place.into(),
            level: Level::Must,
            sentence: sentence.into(),
        });
    }

    pub(super) fn second_connection(&mut self) {
        self.record
            .connections
            .push(connection("b", 40001, Some(1), None));
    }

    pub(super) fn preamble_established(&mut self) {
        self.preamble("LISTEN");
        self.step("1", 8).call("listen", None);
        self.preamble("SYN-RECEIVED");
        self.step("1", 16).inject("SYN", 0, None, 0);
        self.step("2", 17)
            .receive("SYN,ACK", 0, 1, 0, Judged::Matched);
        self.preamble("ESTABLISHED");
        self.step("1", 26).inject("ACK", 1, Some(1), 0);
        self.step("2", 27).app("accepted", true);
        self.preamble = None;
    }

    pub(super) fn preamble_closing(&mut self) {
        self.preamble_established();
        self.preamble("FIN-WAIT-1");
        self.step("1", 36).call("shutdown write", None);
        self.step("2", 37)
            .receive("FIN,ACK", 1, 1, 0, Judged::Matched);
        self.preamble("CLOSING");
        self.step("1", 49).inject("FIN,ACK", 1, Some(1), 0);
        self.step("2", 50).receive("ACK", 2, 2, 0, Judged::Matched);
        self.preamble = None;
    }

    pub(super) fn preamble(&mut self, name: &str) {
        self.preamble = Some(name.into());
    }

    /// The device reports this state from now on.
    pub(super) fn state(&mut self, name: &str) {
        self.state = Some(name.into());
        if let Some(last) = self.record.events.last_mut() {
            last.state = Some(name.into());
        }
    }

    pub(super) fn on(&mut self, connection: u16) -> &mut Self {
        self.connection = connection;
        self
    }

    pub(super) fn step(&mut self, number: &str, line: u32) -> &mut Self {
        let preamble = self.preamble.clone();
        self.step = Some(StepRef {
            number: number.into(),
            line,
            preamble,
        });
        self
    }

    /// Options of the next segment.
    pub(super) fn options(&mut self, options: &str) -> &mut Self {
        self.options = options.into();
        self
    }

    /// The window of the next segment.
    pub(super) fn window(&mut self, window: u16) -> &mut Self {
        self.window = window;
        self
    }

    pub(super) fn wait(&mut self, ns: u64) {
        self.now_ns += ns;
    }

    pub(super) fn inject(&mut self, flags: &str, seq: u32, ack: Option<u32>, len: u32) {
        let segment = self.segment(true, flags, seq, ack, len);
        self.event(EventKind::Injected(segment));
    }

    pub(super) fn receive(&mut self, flags: &str, seq: u32, ack: u32, len: u32, judged: Judged) {
        let segment = self.segment(false, flags, seq, Some(ack), len);
        self.event(EventKind::Received { segment, judged });
    }

    pub(super) fn missing(&mut self, flags: &str, fields: Vec<Field>, within_ns: u64) {
        self.event(EventKind::Missing {
            flags: flags.into(),
            fields,
            within_ns,
        });
    }

    pub(super) fn call(&mut self, text: &str, refused: Option<&str>) {
        let refused = refused.map(str::to_owned);
        self.event(EventKind::Call {
            text: text.into(),
            refused,
        });
    }

    pub(super) fn app(&mut self, text: &str, expected: bool) {
        self.event(EventKind::App {
            text: text.into(),
            expected,
        });
    }

    pub(super) fn silence(&mut self, for_ns: u64) {
        self.wait(for_ns);
        self.event(EventKind::Silence { for_ns });
    }

    pub(super) fn reported(&mut self, text: &str, holds: bool) {
        self.event(EventKind::Checked {
            text: text.into(),
            holds: Some(holds),
        });
    }

    pub(super) fn unreported(&mut self, text: &str) {
        self.event(EventKind::Checked {
            text: text.into(),
            holds: None,
        });
    }

    pub(super) fn note(&mut self, text: &str) {
        self.event(EventKind::Note { text: text.into() });
    }

    /// The last event is wrong.
    pub(super) fn mismatch(&mut self, symptom: &str, headline: &str, fields: Vec<Field>) {
        self.record.mismatches.push(Mismatch {
            level: self.record.level,
            requirement: self
                .record
                .covers
                .first()
                .map(|requirement| requirement.id.clone()),
            step: self.step.clone(),
            event: self.record.events.len().checked_sub(1),
            symptom: symptom.into(),
            headline: headline.into(),
            fields,
        });
    }

    pub(super) fn remark(&mut self, name: &str, remark: &str) {
        let fields = self
            .record
            .mismatches
            .iter_mut()
            .flat_map(|mismatch| &mut mismatch.fields);
        let named = fields.filter(|field| field.name == name);
        named.for_each(|field| field.remark = Some(remark.into()));
    }

    pub(super) fn done(mut self, verdict: Verdict) -> CaseRecord {
        self.record.verdict = verdict;
        self.record.device_ns = self.now_ns;
        if verdict == Verdict::Fail {
            self.record.capture = Some(format!("out/{}.pcapng", self.record.id));
        }
        self.record
    }

    fn event(&mut self, kind: EventKind) {
        self.record.events.push(Event {
            at_ns: self.now_ns,
            connection: self.connection,
            step: self.step.clone(),
            state: self.state.clone(),
            kind,
        });
    }

    fn segment(&mut self, out: bool, flags: &str, seq: u32, ack: Option<u32>, len: u32) -> Segment {
        let connection = &self.record.connections[usize::from(self.connection)];
        let (tester, device) = (connection.irs.unwrap_or(0), connection.iss.unwrap_or(0));
        let (own, other) = if out {
            (tester, device)
        } else {
            (device, tester)
        };
        let mut segment = Segment {
            seq: own.wrapping_add(seq),
            ack: ack.map(|ack| other.wrapping_add(ack)),
            wnd: std::mem::replace(&mut self.window, 65535),
            flags: flags.into(),
            len,
            options: std::mem::take(&mut self.options),
            packet: Vec::new(),
        };
        segment.packet = packet(&segment, out, connection);
        segment
    }
}

pub(super) fn device_seq(offset: u32) -> Value {
    Value::DeviceSeq(ISS.wrapping_add(offset))
}

pub(super) fn tester_seq(offset: u32) -> Value {
    Value::TesterSeq(IRS.wrapping_add(offset))
}

pub(super) fn field(
    name: &str,
    expected: Value,
    expected_words: &str,
    got: Value,
    got_words: &str,
) -> Field {
    let words = |words: &str| Some(words.to_owned()).filter(|words| !words.is_empty());
    let holds = expected == got;
    Field {
        name: name.into(),
        expected: Quantity {
            words: words(expected_words),
            value: expected,
        },
        got: Quantity {
            words: words(got_words),
            value: got,
        },
        holds,
        remark: None,
    }
}

fn connection(name: &str, port: u16, irs: Option<u32>, iss: Option<u32>) -> Connection {
    Connection {
        name: name.into(),
        tester: (TESTER, port).into(),
        device: (DEVICE, 80).into(),
        irs,
        iss,
    }
}

/// The IPv4 packet of a segment, without options, payload all zero, check sums right.
fn packet(segment: &Segment, out: bool, connection: &Connection) -> Vec<u8> {
    let (from, to) = (connection.tester, connection.device);
    let (from, to) = if out { (from, to) } else { (to, from) };
    let addresses = if out {
        [TESTER, DEVICE]
    } else {
        [DEVICE, TESTER]
    };
    let addresses = addresses.map(|address| address.octets()).concat();
    let length = 20 + segment.len as u16;
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
    let set = names
        .iter()
        .enumerate()
        .filter(|(_, name)| segment.flags.contains(*name));
    let flags: u8 = set.map(|(bit, _)| 1 << bit).sum();

    let mut tcp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    tcp.extend(
        [
            segment.seq.to_be_bytes(),
            segment.ack.unwrap_or(0).to_be_bytes(),
        ]
        .concat(),
    );
    tcp.extend([0x50, flags]);
    tcp.extend(segment.wnd.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.resize(usize::from(length), 0);
    let pseudo = [&addresses[..], &[0, 6], &length.to_be_bytes(), &tcp].concat();
    tcp[16..18].copy_from_slice(&checksum(&pseudo));

    let total = (20 + length).to_be_bytes();
    let mut ip = [
        &[0x45, 0][..],
        &total,
        &[0, 0, 0x40, 0, 64, 6, 0, 0],
        &addresses,
    ]
    .concat();
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    [ip, tcp].concat()
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum: u32 = octets.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
