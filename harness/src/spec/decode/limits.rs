//! What the fields of segments and the arguments of calls can hold.
//!
//! Only what is known before a case runs is held to it: constants, and parameters that are. What
//! depends on the device shows when the device is there.

use super::{Fields, Reader};
use crate::spec::case::{
    Expr, Family, FastOpen, Flags, Inject, InjectTimestamps, Pattern, Payload,
};
use crate::spec::expand::{LINK_MTU, constant};
use crate::spec::expr::{self, Type};
use crate::spec::yaml::Node;

/// What a field can hold, and why no more.
#[derive(Clone, Copy, Debug)]
pub(in crate::spec) struct Limit {
    name: &'static str,
    kind: Type,
    most: i64,
    why: &'static str,
}

/// Largest value of a 16-bit field.
const WORD: i64 = 0xffff;
/// Largest shift of a window (RFC 7323 §2.3).
const MAX_SHIFT: i64 = 14;
/// Octets of options that the data offset has room for.
const MAX_OPTIONS: usize = 40;
const SEQUENCE: &str = "a sequence number has 32 bits";
const TIMESTAMP: &str = "a timestamp has 32 bits";
const TIME: &str = "time does not run backwards, and no case takes more than a year";
const OCTET: &str = "the field has 8 bits";
const BUFFER: &str = "a call moves at most 64 MiB at once";
const YEAR: i64 = 366 * 24 * 3600 * 1_000_000_000;

const fn number(name: &'static str, most: i64, why: &'static str) -> Limit {
    Limit {
        name,
        kind: Type::Number,
        most,
        why,
    }
}

const fn sequence(name: &'static str, why: &'static str) -> Limit {
    Limit {
        name,
        kind: Type::Sequence,
        most: 0xffff_ffff,
        why,
    }
}

const fn time(name: &'static str) -> Limit {
    Limit {
        name,
        kind: Type::Duration,
        most: YEAR,
        why: TIME,
    }
}

pub(super) const ACK: Limit = sequence("ack", SEQUENCE);
pub(super) const AFTER: Limit = time("after");
pub(super) const DATA: Limit = number(
    "data",
    WORD - 40,
    "an IPv4 packet has at most 65535 octets, 40 of them headers",
);
pub(super) const DF: Limit = number("df", 1, "the field is one bit");
pub(super) const ECR: Limit = sequence("ecr", TIMESTAMP);
pub(super) const FROM: Limit = sequence("from", SEQUENCE);
pub(super) const ID: Limit = number("id", WORD, "the field has 16 bits");
pub(super) const LENGTH: Limit = number("length", WORD, "the field has 16 bits");
pub(super) const MSS: Limit = number("mss", WORD, "the MSS option has 16 bits");
pub(super) const MTU: Limit = number("mtu", 0xffff_ffff, "the field has 32 bits");
pub(super) const OFFSET: Limit = number("offset", 15, "the data offset has 4 bits");
pub(super) const PORT: Limit = number("port", WORD, "a port has 16 bits");
pub(super) const RECV: Limit = number("recv", 1 << 26, BUFFER);
pub(super) const RESERVED: Limit = number("reserved", 15, "there are 4 reserved bits");
pub(super) const SEND: Limit = number("send", 1 << 26, BUFFER);
pub(super) const SENT: Limit = number("sent", 1 << 26, BUFFER);
pub(super) const SEQ: Limit = sequence("seq", SEQUENCE);
pub(super) const SILENCE: Limit = time("silence");
pub(super) const STREAM: Limit = number("data", 1 << 26, BUFFER);
pub(super) const TO: Limit = sequence("to", SEQUENCE);
pub(super) const TOS: Limit = number("tos", 255, OCTET);
pub(super) const TTL: Limit = number("ttl", 255, OCTET);
pub(super) const URG: Limit = number("urg", WORD, "the urgent pointer has 16 bits");
pub(super) const VAL: Limit = sequence("val", TIMESTAMP);
pub(super) const WITHIN: Limit = time("within");
pub(super) const WND: Limit = number(
    "wnd",
    WORD << MAX_SHIFT,
    "the window field has 16 bits, and window scale shifts it by at most 14",
);
pub(super) const WND_RAW: Limit = number(
    "wnd_raw",
    WORD,
    "the window field has 16 bits; with window scale, `wnd` says more",
);
pub(super) const UTO: Limit = number("uto", WORD, "the option has 16 bits");
pub(super) const WS: Limit = number("ws", 255, "the shift is one octet");

impl Limit {
    /// What any value of a type can be.
    pub(super) const fn any(kind: Type) -> Self {
        match kind {
            Type::Number | Type::Ratio => number("", 0xffff_ffff, "it counts in 32 bits"),
            Type::Sequence => sequence("", SEQUENCE),
            Type::Duration => time(""),
        }
    }

    fn text(&self, value: i64) -> String {
        match self.kind {
            Type::Duration => expr::duration(value),
            _ => value.to_string(),
        }
    }

    /// What is wrong with `value`; `None` if it fits.
    fn refuses(&self, value: i64) -> Option<String> {
        if (0..=self.most).contains(&value) {
            return None;
        }
        let what = if self.name.is_empty() {
            self.kind.name().to_owned()
        } else {
            format!("`{}`", self.name)
        };
        let (value, most) = (self.text(value), self.text(self.most));
        Some(format!(
            "{what} cannot be {value}: it goes from 0 to {most}"
        ))
    }
}

impl<'a> Reader<'a> {
    /// The value of the field of that name; `None` if it is not there, or was refused.
    pub(super) fn field(&mut self, fields: &Fields<'a>, limit: &Limit) -> Option<Expr> {
        let node = fields.get(limit.name)?;
        self.limited(node, limit)
    }

    /// What the field of that name may be.
    pub(super) fn field_pattern(&mut self, fields: &Fields<'a>, limit: &Limit) -> Option<Pattern> {
        let node = fields.get(limit.name)?;
        self.limited_pattern(node, limit)
    }

    /// An expression, in its limits as far as it is constant.
    pub(super) fn limited(&mut self, node: &Node<'a>, limit: &Limit) -> Option<Expr> {
        let value = self.expression(node, limit.kind.name(), |text, names| {
            expr::value(text, limit.kind, names)
        })?;
        self.bound(node, &value);
        self.fits(node, constant(&value), limit).then_some(value)
    }

    /// A constant in its limits.
    pub(super) fn limited_constant(&mut self, node: &Node<'a>, limit: &Limit) -> Option<u64> {
        let value = self.limited(node, limit)?;
        let value = constant(&value).and_then(|value| u64::try_from(value).ok());
        if value.is_none() {
            let message = format!("`{}` must be known before the case runs", limit.name);
            self.fault(node.error("spec::out-of-range", message).help(limit.why));
        }
        value
    }

    /// A value, a range, `any`, `present`, `absent`, or a list of them.
    pub(super) fn limited_pattern(&mut self, node: &Node<'a>, limit: &Limit) -> Option<Pattern> {
        let node = self.resolve(node)?;
        let Some(items) = node.items() else {
            let found = self.expression(&node, limit.kind.name(), |text, names| {
                expr::pattern(text, limit.kind, names)
            })?;
            self.bound_pattern(&node, &found);
            return self.pattern_fits(&node, &found, limit).then_some(found);
        };
        let all: Vec<Pattern> = items
            .iter()
            .filter_map(|item| self.limited_pattern(item, limit))
            .collect();
        (all.len() == items.len()).then_some(Pattern::Either(all))
    }

    fn pattern_fits(&mut self, node: &Node<'a>, pattern: &Pattern, limit: &Limit) -> bool {
        let (low, high) = match pattern {
            Pattern::Is(value) => (constant(value), None),
            Pattern::Range(low, high) => {
                let known = |end: &Option<Expr>| end.as_ref().and_then(constant);
                (known(low), known(high))
            }
            _ => return true,
        };
        if !self.fits(node, low, limit) || !self.fits(node, high, limit) {
            return false;
        }
        // Sequence numbers go round: any two are the ends of a range.
        let empty = limit.kind != Type::Sequence && low.zip(high).is_some_and(|(l, h)| l > h);
        if empty {
            let message = "nothing is in this range: it ends before it begins";
            let help = "the lesser value stands first: `1..5`";
            self.fault(node.error("spec::out-of-range", message).help(help));
        }
        !empty
    }

    fn fits(&mut self, node: &Node<'a>, value: Option<i64>, limit: &Limit) -> bool {
        let refused = value.and_then(|value| limit.refuses(value));
        let fits = refused.is_none();
        if let Some(message) = refused {
            self.fault(node.error("spec::out-of-range", message).help(limit.why));
        }
        fits
    }
}

impl<'a> Reader<'a> {
    /// Notes what the tester's SYN offers: from it on, windows are shifted.
    pub(in crate::spec) fn note_shift(&mut self, conn: usize, inject: &Inject) {
        let counts = inject.counts && !inject.bad_checksum && !inject.zero_checksum;
        if let Some(shift) = self.shifts.get_mut(conn)
            && inject.flags.contains(Flags::SYN)
            && counts
        {
            let offered = inject.ws.as_ref().map_or(Some(0), constant);
            *shift = offered.map(|offered| offered.clamp(0, MAX_SHIFT));
        }
    }

    /// The window of an injected segment is one that its 16-bit field can say.
    pub(super) fn window_fits(&mut self, fields: &Fields<'a>, inject: &Inject) {
        let is_syn = inject.flags.contains(Flags::SYN);
        let shift = if is_syn {
            Some(0)
        } else {
            self.shifts.get(self.own).copied().flatten()
        };
        let window = inject.wnd.as_ref().and_then(constant);
        let (Some(node), Some(shift), Some(window)) = (fields.get("wnd"), shift, window) else {
            return;
        };
        let step = 1_i64 << shift;
        if window % step == 0 && window / step <= WORD {
            return;
        }
        let most = WORD << shift;
        let (message, help) = match shift {
            0 if is_syn => (
                format!("a SYN cannot say `wnd: {window}`: it goes from 0 to {most}"),
                "the window field has 16 bits, and that of a SYN is not scaled (RFC 7323 §2.2)",
            ),
            0 => (
                format!("`wnd` cannot be {window}: it goes from 0 to {most}"),
                "the window field has 16 bits; a SYN with `ws: 3` before it, or `start: {…, with: \
                 {ws: 3}}`, makes it count steps of 8 octets",
            ),
            _ => (
                format!(
                    "`wnd` cannot be {window} with `ws: {shift}`: it is a multiple of {step}, \
                     from 0 to {most}"
                ),
                "the window field has 16 bits, and counts steps of that size; `wnd_raw` writes the \
                 field itself",
            ),
        };
        self.fault(node.error("spec::window", message).help(help));
    }

    /// Options and payload together fit a segment.
    pub(super) fn segment_fits(&mut self, fields: &Fields<'a>, inject: &Inject) {
        let octets = option_octets(inject);
        if octets > MAX_OPTIONS && inject.offset.is_none() {
            let message = format!("these options take {octets} octets: a header has room for 40");
            let help = "the data offset has 4 bits and counts words: 60 octets, 20 of them fixed";
            let fault = fields.node.error("spec::out-of-range", message);
            self.fault(fault.help(help));
            return;
        }
        let payload = match &inject.data {
            Some(Payload::Pattern(count)) => constant(count),
            Some(Payload::Text(text)) => i64::try_from(text.len()).ok(),
            None => None,
        };
        let is_whole = inject.ip.fragments.is_empty();
        let (version, headers) = self.headers(inject);
        let packet = if is_whole {
            i64::from(LINK_MTU)
        } else {
            DATA.most + 40
        };
        let room = packet - headers - octets as i64;
        let too_long = payload.filter(|payload| *payload > room);
        if let (Some(payload), Some(node)) = (too_long, fields.get("data")) {
            let message = format!("`data` cannot be {payload}: there is room for {room}");
            let fault = node.error("spec::out-of-range", message);
            self.fault(if is_whole {
                fault.help(format!(
                    "the link carries {LINK_MTU} octets, {} of them headers on {version}; send \
                     less, or in `ip: {{fragments: [{{from: 0, to: 800}}, {{from: 800}}]}}`",
                    packet - room
                ))
            } else {
                fault.help(DATA.why)
            });
        }
    }

    /// The IP version whose headers leave less room, and their octets with those of TCP. A number
    /// holds for all versions of the spec; `LINK.MSS` is another one for each.
    fn headers(&self, inject: &Inject) -> (&'static str, i64) {
        let is_number = match &inject.data {
            Some(Payload::Pattern(count)) => matches!(count, Expr::Number(_)),
            _ => true,
        };
        let own = self.family == Some(Family::V6);
        let any = self.families.contains(&Family::V6);
        let options = inject.ip.options.len() as i64;
        if own || (is_number && any) {
            let extension = if options > 0 { 2 + options } else { 0 };
            ("IPv6", 60 + (extension as u64).next_multiple_of(8) as i64)
        } else {
            ("IPv4", 40 + (options as u64).next_multiple_of(4) as i64)
        }
    }
}

/// Octets of the options that a segment is written with, padding included.
fn option_octets(inject: &Inject) -> usize {
    if let Some(raw) = &inject.opts {
        return raw.len().next_multiple_of(4);
    }
    let stamps = matches!(inject.ts, InjectTimestamps::Given { .. });
    let blocks = inject.sack.len();
    let mut octets = match &inject.tfo {
        None => 0,
        Some(FastOpen::Request) => 4,
        Some(FastOpen::Cookie(cookie)) => (2 + cookie.len()).next_multiple_of(4),
        // The usual length.
        Some(FastOpen::From(_)) => 12,
    };
    octets += if inject.mss.is_some() { 4 } else { 0 };
    octets += if inject.ws.is_some() { 4 } else { 0 };
    octets += if stamps { 12 } else { 0 };
    octets += if inject.sack_ok && !stamps { 4 } else { 0 };
    octets + if blocks > 0 { 4 + 8 * blocks } else { 0 }
}
