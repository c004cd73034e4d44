//! The IP packet around an injected segment.

use super::{Reader, limits};
use crate::spec::case::{Family, InjectIp, IpEnd, Piece};
use crate::spec::table::{IP, IP_ENDS, PIECE};
use crate::spec::yaml::Node;

impl<'a> Reader<'a> {
    /// `ip: {ttl, tos, df, id, source, destination, options, fragments}`.
    pub(super) fn ip(&mut self, node: &Node<'a>) -> Option<InjectIp> {
        let fields = self.fields(node, "`ip`", &[IP])?;
        let mut constant = |name, limit| {
            let node = fields.get(name)?;
            self.limited_constant(node, limit)
        };
        let (ttl, tos) = (constant("ttl", &limits::TTL), constant("tos", &limits::TOS));
        let id = constant("id", &limits::ID).map(|value| value as u16);
        let df = fields.get("df").and_then(|node| self.truth(node));
        let mut end = |name| fields.get(name).and_then(|node| self.ip_end(node));
        let (source, destination) = (end("source"), end("destination"));
        let options = fields.get("options").and_then(|node| self.octets(node));
        let fragments = fields.get("fragments").map(|node| self.fragments(node));
        Some(InjectIp {
            ttl: ttl.map(|v| v as u8),
            tos: tos.map(|v| v as u8),
            df,
            id,
            source,
            destination,
            options: options.unwrap_or_default(),
            fragments: fragments.unwrap_or_default(),
        })
    }

    pub(super) fn ip_end(&mut self, node: &Node<'a>) -> Option<IpEnd> {
        let word = self.word(node, "an address", IP_ENDS)?;
        let (_, end) = IpEnd::NAMES.iter().find(|(name, _)| *name == word)?;
        if end.is_v4_only() && self.families.contains(&Family::V6) {
            let message = format!("IPv6 has no `{word}` address");
            let help = "restrict the spec: `family: 4`";
            self.fault(node.error("spec::family", message).help(help));
        }
        Some(*end)
    }

    /// `[{from, to}, …]`.
    fn fragments(&mut self, node: &Node<'a>) -> Vec<Piece> {
        let nodes = self.list(node, "`fragments`");
        nodes.iter().filter_map(|node| self.piece(node)).collect()
    }

    fn piece(&mut self, node: &Node<'a>) -> Option<Piece> {
        let fields = self.fields(node, "a fragment", &[PIECE])?;
        if fields.get("from").is_none() {
            self.missing(&fields.node, "a fragment", &["from"]);
        }
        let mut edge = |name| {
            let node = fields.get(name)?;
            let octet = self.count(node, 65_528)?;
            if octet % 8 != 0 {
                let message = "fragments begin and end at multiples of 8";
                let help = "leave `to` out for the end of the segment";
                self.fault(node.error("spec::out-of-range", message).help(help));
            }
            Some(octet as u16)
        };
        let (from, to) = (edge("from"), edge("to"));
        let tos = fields
            .get("tos")
            .and_then(|node| self.limited_constant(node, &limits::TOS));
        let garbled = fields.get("garbled").and_then(|node| self.truth(node));
        Some(Piece {
            from: from?,
            to,
            garbled: garbled.unwrap_or(false),
            tos: tos.map(|value| value as u8),
        })
    }
}
