//! Segments that are injected, and what all segments are made of.

use super::limits::{self, Limit};
use super::{Fields, Reader};
use crate::spec::case::{Expr, Flags, Inject, InjectTimestamps, Payload, Var};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::expr::LOOSE;
use crate::spec::table::{BLOCK, FIELDS, INJECT_FIELDS, INJECT_NOTES, TIMESTAMPS, WITH};
use crate::spec::yaml::Node;
use std::borrow::Cow;

/// Options of the tester's SYN or SYN-ACK in a preamble (`with:`).
#[derive(Clone, Debug)]
pub(in crate::spec) struct Handshake {
    mss: Option<Expr>,
    ws: Option<Expr>,
    sack_ok: bool,
    ts: InjectTimestamps,
    opts: Option<Vec<u8>>,
    /// RFC 3168 §6.1.1: an ECN-setup SYN or SYN,ACK.
    ecn: bool,
}

impl Handshake {
    /// Nothing but the MSS of the link.
    pub(in crate::spec) fn plain(link_mss: i64) -> Self {
        let mss = Expr::Named("LINK.MSS", Box::new(Expr::Number(link_mss)));
        Self {
            mss: Some(mss),
            ws: None,
            sack_ok: false,
            ts: InjectTimestamps::Automatic,
            opts: None,
            ecn: false,
        }
    }

    /// Puts the options on a SYN or SYN-ACK; other segments stay as they are.
    pub(in crate::spec) fn apply(&self, inject: &mut Inject) {
        if !inject.flags.contains(Flags::SYN) {
            return;
        }
        inject.mss.clone_from(&self.mss);
        inject.ws.clone_from(&self.ws);
        inject.sack_ok = self.sack_ok;
        inject.ts = self.ts.clone();
        inject.opts.clone_from(&self.opts);
        if self.ecn {
            let answers = inject.flags.contains(Flags::ACK);
            let cwr = if answers { Flags(0) } else { Flags::CWR };
            inject.flags = inject.flags.with(Flags::ECE).with(cwr);
        }
    }
}

impl<'a> Reader<'a> {
    /// `with: {options}`.
    pub(in crate::spec) fn handshake(&mut self, node: &Node<'a>) -> Option<Handshake> {
        let fields = self.fields(node, "`with`", &[WITH])?;
        let mut handshake = Handshake::plain(self.scope.constants.link_mss);
        if let Some(mss) = fields.get("mss") {
            handshake.mss = self.mss(mss);
        }
        handshake.ws = self.field(&fields, &limits::WS);
        handshake.sack_ok = fields
            .get("sack_ok")
            .is_some_and(|node| self.presence(node));
        if let Some(ts) = fields.get("ts") {
            handshake.ts = self.timestamps(ts);
        }
        handshake.opts = fields.get("opts").and_then(|node| self.octets(node));
        handshake.ecn = fields.get("ecn").is_some_and(|node| self.presence(node));
        Some(handshake)
    }

    pub(super) fn inject(
        &mut self,
        node: &Node<'a>,
        defaults: &mut Vec<&'static str>,
    ) -> Option<Inject> {
        let fields = self.fields(node, "a segment", &[FIELDS, INJECT_FIELDS, INJECT_NOTES])?;
        let Some(flags) = fields.get("flags") else {
            self.missing(&fields.node, "a segment", &["flags"]);
            return None;
        };
        let flags = self.flags(flags);
        self.injects = true;
        let mut inject = self.header(&fields, flags.unwrap_or_default(), defaults);
        self.options(&fields, &mut inject);
        self.injects = false;
        if let Some(ip) = fields.get("ip") {
            inject.ip = self.ip(ip).unwrap_or_default();
        }
        let checksum = fields
            .get("checksum")
            .and_then(|node| self.word(node, "a kind of checksum", &["bad", "zero"]));
        inject.bad_checksum = checksum == Some("bad");
        inject.zero_checksum = checksum == Some("zero");
        inject.offset = fields
            .get("offset")
            .and_then(|node| self.limited_constant(node, &limits::OFFSET))
            .map(|value| value as u8);
        let reserved = fields
            .get("reserved")
            .and_then(|node| self.limited_constant(node, &limits::RESERVED));
        inject.reserved = reserved.unwrap_or(0) as u8;
        inject.counts = fields
            .get("counts")
            .is_none_or(|node| self.truth(node) == Some(true));
        let syn = inject.flags.contains(Flags::SYN);
        inject.text_counts = syn && inject.counts && fields.get("counts").is_some();
        inject.name = self.capture(&fields);
        self.injected.extend(inject.name.clone());
        self.note_shift(self.own, &inject);
        self.window_fits(&fields, &inject);
        self.segment_fits(&fields, &inject);
        flags.map(|_| inject)
    }

    /// Numbers and payload, defaults filled in.
    fn header(
        &mut self,
        fields: &Fields<'a>,
        flags: Flags,
        defaults: &mut Vec<&'static str>,
    ) -> Inject {
        let mut inject = Inject {
            flags,
            ..Inject::default()
        };
        inject.seq = self.field(fields, &limits::SEQ);
        if fields.get("seq").is_none() {
            inject.seq = Some(var(Var::RcvNxt));
            defaults.push("seq");
        }
        inject.ack = self.field(fields, &limits::ACK);
        if fields.get("ack").is_none() && flags.contains(Flags::ACK) {
            inject.ack = Some(var(Var::SndNxt));
            defaults.push("ack");
        }
        inject.wnd = self.field(fields, &limits::WND);
        inject.wnd_raw = self.field(fields, &limits::WND_RAW);
        match (fields.get("wnd"), fields.get("wnd_raw")) {
            (None, None) => defaults.push("wnd=65535"),
            (Some(_), Some(raw)) => {
                let message = "`wnd` and `wnd_raw` are two ways to say one thing";
                self.fault(
                    raw.error("spec::two-windows", message)
                        .help("leave one of them out"),
                );
            }
            _ => {}
        }
        inject.urg = self.field(fields, &limits::URG);
        inject.data = fields
            .get("data")
            .and_then(|node| self.payload(node, &limits::DATA));
        inject
    }

    fn options(&mut self, fields: &Fields<'a>, inject: &mut Inject) {
        inject.mss = fields.get("mss").and_then(|node| self.mss(node));
        inject.ws = self.field(fields, &limits::WS);
        inject.sack_ok = fields
            .get("sack_ok")
            .is_some_and(|node| self.presence(node));
        if let Some(sack) = fields.get("sack") {
            let blocks = self.blocks(sack, Self::field);
            inject.sack = blocks.unwrap_or_default();
        }
        if let Some(ts) = fields.get("ts") {
            inject.ts = self.timestamps(ts);
        }
        inject.uto = self.field(fields, &limits::UTO);
        inject.tfo = fields.get("tfo").and_then(|node| self.fast_open(node));
        inject.opts = fields.get("opts").and_then(|node| self.octets(node));
    }

    /// The MSS to offer; `absent` is none.
    fn mss(&mut self, node: &Node<'a>) -> Option<Expr> {
        if node.text().is_some_and(|text| text == "absent") {
            return None;
        }
        self.limited(node, &limits::MSS)
    }

    fn presence(&mut self, node: &Node<'a>) -> bool {
        self.word(node, "a presence", &["present", "absent"]) == Some("present")
    }

    fn timestamps(&mut self, node: &Node<'a>) -> InjectTimestamps {
        match node.text().as_deref() {
            Some("present") => InjectTimestamps::Given {
                val: None,
                ecr: None,
            },
            Some("absent") => InjectTimestamps::Absent,
            _ => {
                let fields = self.fields(node, "`ts`", &[TIMESTAMPS]);
                let mut value = |limit| self.field(fields.as_ref()?, limit);
                InjectTimestamps::Given {
                    val: value(&limits::VAL),
                    ecr: value(&limits::ECR),
                }
            }
        }
    }

    /// Raw options: `"fd 04 00 00"`.
    pub(super) fn octets(&mut self, node: &Node<'a>) -> Option<Vec<u8>> {
        self.hexadecimal(node, 40)
    }

    /// At most so many octets, two digits each.
    pub(in crate::spec) fn hexadecimal(&mut self, node: &Node<'a>, most: usize) -> Option<Vec<u8>> {
        let text = self.text(node, "octets")?;
        let digits: String = text.split_whitespace().collect();
        let pairs = digits.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let octets: Option<Vec<u8>> = pairs.collect();
        if octets.as_ref().is_none_or(|octets| octets.len() > most) {
            let message = format!("these are not up to {most} octets in hexadecimal");
            let help = "two digits each, in quotes: `opts: \"fd 04 00 00\"`";
            self.fault(node.error("spec::octets", message).help(help));
            return None;
        }
        octets
    }

    /// Control bits joined by hyphens.
    pub(super) fn flags(&mut self, node: &Node<'a>) -> Option<Flags> {
        let text = self.text(node, "flags")?;
        if text == "none" {
            return Some(Flags::default());
        }
        let mut flags = Flags::default();
        for word in text.split('-') {
            let Some((_, bit)) = Flags::NAMES.iter().find(|(name, _)| *name == word) else {
                let fault = unknown_flag(node, &text, word);
                self.fault(fault);
                return None;
            };
            flags = flags.with(*bit);
        }
        Some(flags)
    }

    /// `as: name`.
    pub(super) fn capture(&mut self, fields: &Fields<'a>) -> Option<String> {
        let node = fields.get("as")?;
        let name = self.name(node, "the name of a capture")?;
        if self.scope.conns.contains(&name) {
            let message = format!("`{name}` is a connection already");
            self.fault(node.error("spec::bad-name", message));
            return None;
        }
        if !self.scope.captures.contains(&name) {
            self.scope.captures.push(name.clone());
        }
        Some(name)
    }

    /// A count of octets, or a text in quotes.
    pub(super) fn payload(&mut self, node: &Node<'a>, limit: &Limit) -> Option<Payload> {
        match quoted(node) {
            Some(text) => Some(Payload::Text(text)),
            None if self.is_bare_text(node) => None,
            None => self.limited(node, limit).map(Payload::Pattern),
        }
    }

    /// A word where a count or a text in quotes belongs, which is told.
    pub(super) fn is_bare_text(&mut self, node: &Node<'a>) -> bool {
        let text = node.text().unwrap_or_default();
        let is_word = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let is_loose = || crate::spec::table::nearest(&text, LOOSE).is_some();
        if !is_word || is_loose() {
            return false;
        }
        let message = format!("`{text}` is neither a count of octets nor a text in quotes");
        let fault = node.error("spec::type", message);
        self.fault(fault.help(format!("a text stands in quotes: `\"{text}\"`")));
        true
    }

    /// `[{from, to}, …]`.
    pub(super) fn blocks<T>(
        &mut self,
        node: &Node<'a>,
        read: impl Fn(&mut Self, &Fields<'a>, &Limit) -> Option<T>,
    ) -> Option<Vec<(T, T)>> {
        let nodes = self.list(node, "`sack`");
        nodes.iter().map(|node| self.block(node, &read)).collect()
    }

    /// A block of SACK: `{from, to}`.
    pub(super) fn block<T>(
        &mut self,
        node: &Node<'a>,
        read: &impl Fn(&mut Self, &Fields<'a>, &Limit) -> Option<T>,
    ) -> Option<(T, T)> {
        let fields = self.fields(node, "a block", &[BLOCK])?;
        self.missing(&fields.node, "a block", &["from", "to"]);
        let from = read(self, &fields, &limits::FROM);
        let to = read(self, &fields, &limits::TO);
        Some((from?, to?))
    }
}

/// What is wrong with a word that is no control bit, and what was probably meant.
fn unknown_flag(node: &Node<'_>, text: &str, word: &str) -> Diagnostic {
    let names = Flags::NAMES.map(|(name, _)| name);
    let message = format!("`{word}` is not a control bit");
    let help = format!("bits, joined by hyphens: {}; or `none`", names.join(" "));
    if let Some(whole) = split_flags(text).or_else(|| letters_of_flags(text)) {
        let message = format!("`{text}` is not how control bits are written");
        let fault = node.error("spec::unknown-flag", message);
        return fault.near(Some(whole)).help(help);
    }
    let mut fault = node.error("spec::unknown-flag", message);
    let at = text.find(word).filter(|_| !word.is_empty());
    if let (Some(at), Some(label)) = (at, fault.labels.first_mut()) {
        label.0 = node.part(at, at + word.len());
    }
    let near = crate::spec::table::nearest(word, names);
    fault.near(near).help(help)
}

/// Control bits joined by something else, or by nothing: `SYNACK`, `syn+ack`, `SYN|ACK`.
fn split_flags(text: &str) -> Option<String> {
    let text = text.to_uppercase();
    let mut rest = text.trim_matches(|letter: char| !letter.is_ascii_alphabetic());
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, _) = Flags::NAMES
            .iter()
            .find(|(name, _)| rest.starts_with(name))?;
        found.push(*name);
        rest = rest[name.len()..].trim_start_matches(|letter: char| !letter.is_ascii_alphabetic());
    }
    (!found.is_empty()).then(|| found.join("-"))
}

/// Control bits as tcpdump and packetdrill write them: `S`, `S.`, `FA`.
fn letters_of_flags(text: &str) -> Option<String> {
    let name = |letter: char| {
        Some(match letter {
            '.' | 'A' => "ACK",
            'E' => "ECE",
            'W' => "CWR",
            _ => Flags::NAMES
                .map(|(name, _)| name)
                .into_iter()
                .find(|it| it.starts_with(letter))?,
        })
    };
    let found: Option<Vec<&str>> = text.chars().map(name).collect();
    found
        .filter(|found| !found.is_empty())
        .map(|it| it.join("-"))
}

pub(super) fn var(var: Var) -> Expr {
    Expr::Var { conn: None, var }
}

/// The octets of a text in quotes.
pub(super) fn quoted(node: &Node<'_>) -> Option<Vec<u8>> {
    node.is_quoted()
        .then(|| node.text().map(Cow::into_owned))
        .flatten()
        .map(String::into_bytes)
}
