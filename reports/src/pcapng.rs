//! A case as an annotated capture that Wireshark opens (pcapng).
//!
//! One section, one interface of raw IP packets, the names of both ends, and for every packet its
//! direction and comments that say which step it belongs to and what was expected in its place.
//! Written by hand: of the format's blocks only four are needed. Times count from the start of
//! the case, in nanoseconds. Nothing is read here.

use crate::figure::Direction;
use crate::ladder::{self, Mood, Row, What};
use crate::names;
use crate::record::{CaseRecord, Connection, DeviceRecord, Event, EventKind, Mismatch, Segment};
use crate::text;
use std::collections::BTreeMap;
use std::net::IpAddr;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;

/// Packets begin with their IP header (LINKTYPE_RAW).
const LINK_TYPE_RAW: u16 = 101;

const OPT_COMMENT: u16 = 1;
const SHB_USER_APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TIME_RESOLUTION: u16 = 9;
const EPB_FLAGS: u16 = 2;

const NRB_IPV4: u16 = 1;
const NRB_IPV6: u16 = 2;

/// The capture of a case, ready to be written to a file. `tool` is the name and version of the
/// program, `run_seed` what `--seed` takes.
pub fn write(tool: &str, device: &DeviceRecord, run_seed: u64, record: &CaseRecord) -> Vec<u8> {
    let mut capture = section_header(tool, &about(record, run_seed));
    capture.extend(interface(device));
    capture.extend(names_of_both_ends(record));
    for noted in packets(record) {
        capture.extend(noted.block());
    }
    capture
}

/// The comment of the section: what the file shows, and what came of it.
fn about(record: &CaseRecord, run_seed: u64) -> String {
    let mut lines = vec![
        format!("case {}", text::clean(&record.id)),
        format!("verdict {}", record.verdict.word()),
        format!("seed {}", names::seed(run_seed)),
    ];
    lines.extend(
        record
            .mismatches
            .iter()
            .map(|mismatch| text::clean(&mismatch.headline)),
    );
    lines.extend(record.covers.iter().map(|requirement| {
        let sentence = text::clean(&requirement.sentence);
        format!(
            "{} {}: {sentence}",
            text::clean(&requirement.id),
            text::clean(&requirement.place)
        )
    }));
    lines.push(format!("spec {}", text::clean(&record.place())));
    lines.join("\n")
}

fn section_header(tool: &str, comment: &str) -> Vec<u8> {
    const BYTE_ORDER: u32 = 0x1a2b_3c4d;
    const VERSION: [u16; 2] = [1, 0];
    const LENGTH_UNKNOWN: u64 = u64::MAX;
    let mut body = Body::default();
    body.octets(&BYTE_ORDER.to_le_bytes());
    body.octets(&VERSION[0].to_le_bytes())
        .octets(&VERSION[1].to_le_bytes());
    body.octets(&LENGTH_UNKNOWN.to_le_bytes());
    body.option(OPT_COMMENT, comment.as_bytes());
    body.option(SHB_USER_APPLICATION, text::clean(tool).as_bytes());
    body.block(SECTION_HEADER)
}

fn interface(device: &DeviceRecord) -> Vec<u8> {
    const NO_SNAP_LENGTH: u32 = 0;
    const NANOSECONDS: u8 = 9;
    let [name, identity, clock, link] =
        [&device.name, &device.identity, &device.clock, &device.link].map(|part| text::clean(part));
    let description =
        format!("{identity} over {link}, {clock} clock, times from the start of the case");
    let mut body = Body::default();
    body.octets(&LINK_TYPE_RAW.to_le_bytes()).octets(&[0; 2]);
    body.octets(&NO_SNAP_LENGTH.to_le_bytes());
    body.option(IF_NAME, name.as_bytes());
    body.option(IF_DESCRIPTION, description.as_bytes());
    body.option(IF_TIME_RESOLUTION, &[NANOSECONDS]);
    body.block(INTERFACE_DESCRIPTION)
}

/// `harness` and `device` for the addresses; all connections of a case share theirs.
fn names_of_both_ends(record: &CaseRecord) -> Vec<u8> {
    let mut names: BTreeMap<IpAddr, &str> = BTreeMap::new();
    for Connection { tester, device, .. } in &record.connections {
        names.insert(tester.ip(), "harness");
        names.insert(device.ip(), "device");
    }
    let mut body = Body::default();
    for (address, name) in names {
        let (kind, mut value) = match address {
            IpAddr::V4(address) => (NRB_IPV4, address.octets().to_vec()),
            IpAddr::V6(address) => (NRB_IPV6, address.octets().to_vec()),
        };
        value.extend(name.as_bytes());
        value.push(0);
        body.option(kind, &value);
    }
    // The list of records ends like a list of options.
    body.end();
    body.block(NAME_RESOLUTION)
}

/// A packet and all that is said about it.
struct Noted<'a> {
    at_ns: u64,
    direction: Direction,
    segment: &'a Segment,
    comments: Vec<String>,
}

/// The packets of a case. What happened without a packet is said at the packet before it, or at
/// the first one.
fn packets(record: &CaseRecord) -> Vec<Noted<'_>> {
    let mut packets: Vec<Noted> = Vec::new();
    let mut early = Vec::new();
    for (index, event) in record.events.iter().enumerate() {
        let comments = comments(record, index);
        let (segment, direction) = match &event.kind {
            EventKind::Injected(segment) => (segment, Direction::ToDevice),
            EventKind::Received { segment, .. } => (segment, Direction::FromDevice),
            _ => {
                packets
                    .last_mut()
                    .map_or(&mut early, |last| &mut last.comments)
                    .extend(comments);
                continue;
            }
        };
        let comments = early.drain(..).chain(comments).collect();
        packets.push(Noted {
            at_ns: event.at_ns,
            direction,
            segment,
            comments,
        });
    }
    packets
}

impl Noted<'_> {
    fn block(&self) -> Vec<u8> {
        const INTERFACE: u32 = 0;
        /// Seen from the tester.
        const INBOUND: u32 = 1;
        const OUTBOUND: u32 = 2;
        let length = (self.segment.packet.len() as u32).to_le_bytes();
        let mut body = Body::default();
        body.octets(&INTERFACE.to_le_bytes());
        body.octets(&((self.at_ns >> 32) as u32).to_le_bytes());
        body.octets(&(self.at_ns as u32).to_le_bytes());
        body.octets(&length).octets(&length);
        body.octets(&self.segment.packet).pad();
        for comment in &self.comments {
            body.option(OPT_COMMENT, comment.as_bytes());
        }
        let flags = match self.direction {
            Direction::ToDevice => OUTBOUND,
            Direction::FromDevice => INBOUND,
        };
        body.option(EPB_FLAGS, &flags.to_le_bytes());
        body.block(ENHANCED_PACKET)
    }
}

/// What there is to say about an event: its rows of the ladder, and what is wrong with it.
fn comments(record: &CaseRecord, index: usize) -> Vec<String> {
    let place = place(&record.events[index]);
    let rows = ladder::event_rows(record, index);
    let rows = rows.iter().map(|row| format!("{place}{}", said(row)));
    let wrong = record
        .mismatches
        .iter()
        .filter(|mismatch| mismatch.event == Some(index));
    let wrong = wrong.map(|mismatch| format!("MISMATCH {}", differences(record, mismatch)));
    rows.chain(wrong).collect()
}

/// `step 2: `, `preamble CLOSING, step 1: `, or nothing.
fn place(event: &Event) -> String {
    let Some(step) = &event.step else {
        return String::new();
    };
    let preamble = step
        .preamble
        .as_deref()
        .map(|name| format!("preamble {name}, "));
    text::clean(&format!(
        "{}step {}: ",
        preamble.unwrap_or_default(),
        step.shown()
    ))
}

/// A row of the ladder as one line.
fn said(row: &Row) -> String {
    let what = match &row.what {
        What::Arrow(_, text) | What::Between(text) | What::Device(text) => text.as_str(),
    };
    let remark = row.remark.as_deref().unwrap_or_default();
    match (row.mood, remark.strip_prefix("expected")) {
        (Mood::Wanted, Some(bound)) => format!("expected {what}{bound}"),
        _ if what.is_empty() => remark.to_owned(),
        _ if remark.is_empty() => what.to_owned(),
        _ => format!("{what}  {remark}"),
    }
}

/// `ack: RCV.NXT+1`, for every field that differs; else the headline.
fn differences(record: &CaseRecord, mismatch: &Mismatch) -> String {
    let event = mismatch.event.and_then(|event| record.events.get(event));
    let on = event.and_then(|event| record.connections.get(usize::from(event.connection)));
    let wrong = mismatch
        .fields
        .iter()
        .filter(|field| !field.holds && field.name != "within");
    let said = wrong.filter_map(|field| {
        let words = field.got.words.as_deref().map(text::clean);
        let got = words.or_else(|| on.and_then(|on| field.got.figure(on)))?;
        Some(format!(
            "{}: {got}",
            text::clean(&field.name).to_lowercase()
        ))
    });
    match said.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => text::clean(&mismatch.headline),
        said => said,
    }
}

/// The body of a block while it is written: little-endian, everything on 32-bit boundaries.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.0.extend(octets);
        self
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// An option, or a record of a name resolution block. What does not fit is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.octets(&code.to_le_bytes())
            .octets(&(value.len() as u16).to_le_bytes());
        self.octets(value).pad();
    }

    /// The end of a list of options, which is an option without code and value.
    fn end(&mut self) {
        self.octets(&[0; 4]);
    }

    /// The block, with the length before and after its body.
    fn block(mut self, kind: u32) -> Vec<u8> {
        const AROUND_BODY: usize = 12;
        self.end();
        let length = ((self.0.len() + AROUND_BODY) as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &self.0, &length].concat()
    }
}

#[cfg(test)]
mod tests;
