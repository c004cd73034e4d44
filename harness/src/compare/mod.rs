//! Expected × got: the only place that judges a segment.
//!
//! All fields are compared, so that a report can show every difference at once; what was got is
//! said in the variables of RFC 9293 §3.3.1. This module knows no clock and no link: how long a
//! segment took to come is a number like any other.

pub mod describe;
mod options;
pub mod pattern;
pub mod timing;

use crate::model::words::{Near, base_variable};
use crate::model::{Resolved, Scope, Space, Unresolved, seq};
use crate::spec::case::{DataPattern, Expr, Flags, FlagsPattern, Pattern, SegmentPattern};
use crate::wire::{Packet, Tcp, bit};
use pattern::Judgement;
use std::net::Ipv4Addr;
use tcpspec_reports::record::{Field, Quantity, Value};

/// One field, compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// For the record.
    pub field: Field,
    /// Its part of the symptom if it does not hold: `ack RCV.NXT+1`.
    pub symptom: String,
}

/// True if all fields hold.
pub fn all_hold(fields: &[Compared]) -> bool {
    fields.iter().all(|compared| compared.field.holds)
}

/// A segment of the device, with what is needed to read its fields.
#[derive(Clone, Copy, Debug)]
pub struct Got<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// Its TCP header.
    pub tcp: &'a Tcp,
    /// The window in octets.
    pub window: u32,
}

impl<'a> Got<'a> {
    /// Reads a packet; `shift` scales its window. `None` if it is not a TCP segment.
    pub fn new(packet: &'a Packet, shift: u8) -> Option<Self> {
        let tcp = packet.tcp()?;
        Some(Self {
            packet,
            tcp,
            window: crate::model::sent::window(tcp, shift),
        })
    }
}

/// Compares all fields that the pattern names, in the order in which reports list them.
pub fn segment(
    scope: &Scope<'_>,
    pattern: &SegmentPattern,
    got: &Got<'_>,
) -> Result<Vec<Compared>, Unresolved> {
    let tcp = got.tcp;
    let mut fields = Vec::with_capacity(6);
    fields.extend(control_bits(&pattern.flags, tcp.flags));
    if let Some(seq) = &pattern.seq {
        fields.push(sequence("SEQ", scope, seq, tcp.seq, Space::Device)?);
    }
    if let Some(ack) = &pattern.ack
        && tcp.has(bit::ACK)
    {
        fields.push(sequence("ACK", scope, ack, tcp.ack, Space::Tester)?);
    }
    if let Some(data) = &pattern.data {
        fields.push(payload(scope, data, got)?);
    }
    if let Some(wnd) = &pattern.wnd {
        fields.push(number("WND", scope, wnd, Some(i64::from(got.window)))?);
    }
    if let Some(raw) = &pattern.wnd_raw {
        fields.push(number(
            "WND field",
            scope,
            raw,
            Some(i64::from(tcp.window)),
        )?);
    }
    if let Some(urgent) = &pattern.urg
        && tcp.has(bit::URG)
    {
        fields.push(number("UP", scope, urgent, Some(i64::from(tcp.urgent)))?);
    }
    options::compare(scope, pattern, got, &mut fields)?;
    ip_header(scope, pattern, got, &mut fields)?;
    Ok(fields)
}

/// Compares with a captured segment: control bits less PSH, SEQ and payload (`again`).
pub fn again(scope: &Scope<'_>, name: &str, got: &Got<'_>) -> Result<Vec<Compared>, Unresolved> {
    let first = scope
        .capture(name)
        .ok_or_else(|| Unresolved::NoCapture(name.to_owned()))?;
    let flags = FlagsPattern {
        set: Flags(first.copy.flags),
        mask: Flags(!0).without(Flags::PSH),
    };
    let seq_of_first = Expr::Capture {
        name: name.to_owned(),
        field: crate::spec::case::CaptureField::Seq,
    };
    let mut fields = Vec::with_capacity(3);
    fields.extend(control_bits(&[flags], got.tcp.flags));
    fields.push(sequence(
        "SEQ",
        scope,
        &Pattern::Is(seq_of_first),
        got.tcp.seq,
        Space::Device,
    )?);
    let (expected, came) = (&first.copy.payload, got.packet.payload());
    let mut data = octet_count(expected.len(), came.len());
    if data.field.holds && expected != came {
        data.field.holds = false;
        data.field.remark = Some("other octets than the first time".to_owned());
        "data content".clone_into(&mut data.symptom);
    }
    fields.push(data);
    Ok(fields)
}

fn octet_count(expected: usize, got: usize) -> Compared {
    let (expected, got) = (expected as i64, got as i64);
    let judgement = Judgement::exact(expected, got);
    numeric(
        "DATA",
        None,
        Value::Number(expected),
        Value::Number(got),
        &judgement,
    )
}

/// PSH, ECE and CWR are compared only where the pattern's mask holds them.
fn control_bits(alternatives: &[FlagsPattern], got: u8) -> Option<Compared> {
    let got = Flags(got);
    let mask = alternatives
        .iter()
        .fold(Flags::default(), |mask, one| mask.with(one.mask));
    let holds = alternatives.is_empty()
        || alternatives
            .iter()
            .any(|one| got.0 & one.mask.0 == one.set.0 & one.mask.0);
    let names: Vec<String> = alternatives.iter().map(|one| one.set.to_string()).collect();
    let got = Flags(got.0 & mask.0).to_string();
    let text = |text: &str| Quantity {
        words: None,
        value: Value::Text(text.to_owned()),
    };
    (!alternatives.is_empty()).then(|| Compared {
        symptom: format!("ctl {got}"),
        field: Field {
            name: "CTL".to_owned(),
            expected: text(&names.join(" or ")),
            got: text(&got),
            holds,
            remark: None,
        },
    })
}

/// A sequence number, said by the variable that is nearest to it.
fn sequence(
    name: &str,
    scope: &Scope<'_>,
    expected: &Pattern,
    got: u32,
    space: Space,
) -> Result<Compared, Unresolved> {
    let judgement = pattern::judge(scope, expected, Some(Resolved::Seq(got, space)))?;
    let preferred = match expected {
        Pattern::Is(expr) => base_variable(expr),
        _ => None,
    };
    let plain = matches!(judgement.value, Some(Resolved::Number(_)));
    let near = (!plain)
        .then(|| Near::find(scope, got, space, preferred))
        .flatten();
    let symptom = match &near {
        Some(near) => format!("{} {}", name.to_lowercase(), near.stable()),
        None => format!("{} elsewhere", name.to_lowercase()),
    };
    let value = match space {
        _ if plain => Value::Number(i64::from(got)),
        Space::Device => Value::DeviceSeq(got),
        Space::Tester => Value::TesterSeq(got),
        Space::Clock => Value::Number(i64::from(got)),
    };
    Ok(Compared {
        symptom,
        field: Field {
            name: name.to_owned(),
            expected: judgement.expected(scope, expected),
            got: Quantity {
                words: near.map(|near| near.to_string()),
                value,
            },
            holds: judgement.holds,
            remark: judgement.remark(),
        },
    })
}

/// A value of a timestamp clock.
fn timestamp(
    name: &str,
    scope: &Scope<'_>,
    expected: &Pattern,
    got: u32,
) -> Result<Compared, Unresolved> {
    let judgement = pattern::judge(scope, expected, Some(Resolved::Seq(got, Space::Clock)))?;
    let Quantity { words, value } = judgement.expected(scope, expected);
    let got = Value::Number(i64::from(got));
    Ok(numeric(name, words, value, got, &judgement))
}

/// A plain number that may be absent.
fn number(
    name: &str,
    scope: &Scope<'_>,
    expected: &Pattern,
    got: Option<i64>,
) -> Result<Compared, Unresolved> {
    let judgement = pattern::judge(scope, expected, got.map(Resolved::Number))?;
    let Quantity { words, value } = judgement.expected(scope, expected);
    let got = got.map_or(Value::Text("absent".to_owned()), Value::Number);
    Ok(numeric(name, words, value, got, &judgement))
}

fn numeric(
    name: &str,
    words: Option<String>,
    expected: Value,
    got: Value,
    judgement: &Judgement,
) -> Compared {
    let how = match (&got, judgement.ahead) {
        (Value::Text(_), _) => "absent",
        (_, Some(ahead)) if ahead > 0 => "high",
        (_, Some(ahead)) if ahead < 0 => "low",
        _ => "other",
    };
    Compared {
        symptom: format!("{} {how}", name.to_lowercase()),
        field: Field {
            name: name.to_owned(),
            expected: Quantity {
                words,
                value: expected,
            },
            got: Quantity {
                words: None,
                value: got,
            },
            holds: judgement.holds,
            remark: judgement.remark(),
        },
    }
}

fn payload(
    scope: &Scope<'_>,
    expected: &DataPattern,
    got: &Got<'_>,
) -> Result<Compared, Unresolved> {
    let octets = got.packet.payload();
    match expected {
        DataPattern::Count(count) => {
            let mut compared = number("DATA", scope, count, Some(octets.len() as i64))?;
            if compared.field.holds
                && *count != Pattern::Any
                && let Some(remark) = wrong_content(scope, got)
            {
                compared.field.holds = false;
                compared.field.remark = Some(remark);
                "data content".clone_into(&mut compared.symptom);
            }
            Ok(compared)
        }
        DataPattern::Text(text) => {
            let mut compared = octet_count(text.len(), octets.len());
            if compared.field.holds && text != octets {
                compared.field.holds = false;
                compared.field.remark = Some("other octets".to_owned());
                "data content".clone_into(&mut compared.symptom);
            }
            Ok(compared)
        }
    }
}

/// The first octet that the device's application did not send at its place.
///
/// Octets below SND.UNA are not looked at: a keep-alive may carry a garbage octet there
/// (RFC 9293 §3.8.4).
fn wrong_content(scope: &Scope<'_>, got: &Got<'_>) -> Option<String> {
    let conn = &scope.conns[scope.own];
    let first = conn.tcb.sent.iss()?.wrapping_add(1);
    let start = got.tcp.seq.wrapping_add(u32::from(got.tcp.has(bit::SYN)));
    let una = conn.tcb.snd_una().map_or(first, |una| seq::max(una, first));
    let skip = seq::distance(una, start).max(0) as usize;
    let fresh = got.packet.payload().get(skip..)?;
    let offset = start.wrapping_add(skip as u32).wrapping_sub(first);
    let sent = (conn.asked_to_send.saturating_sub(offset) as usize).min(fresh.len());
    if let Some((index, right)) = conn.outward.first_wrong(offset, &fresh[..sent]) {
        let octet = fresh[index];
        let at = skip + index;
        return Some(format!(
            "octet {at} is {octet:#04x}, {right:#04x} belongs there"
        ));
    }
    (sent < fresh.len()).then(|| {
        format!(
            "{} octets that the application never sent",
            fresh.len() - sent
        )
    })
}

fn ip_header(
    scope: &Scope<'_>,
    pattern: &SegmentPattern,
    got: &Got<'_>,
    fields: &mut Vec<Compared>,
) -> Result<(), Unresolved> {
    let Some(ip) = &got.packet.ip else {
        return Ok(());
    };
    let named = [
        ("TTL", &pattern.ttl, i64::from(ip.ttl)),
        ("TOS", &pattern.tos, i64::from(ip.tos)),
        ("DF", &pattern.df, i64::from(ip.df)),
        ("IP ID", &pattern.ip_id, i64::from(ip.id)),
    ];
    for (name, expected, value) in named {
        if let Some(expected) = expected {
            fields.push(number(name, scope, expected, Some(value))?);
        }
    }
    if let Some(expected) = &pattern.route {
        let got: Vec<u8> = ip.route.iter().flat_map(Ipv4Addr::octets).collect();
        fields.push(options::octets("route", expected, &got));
    }
    Ok(())
}
