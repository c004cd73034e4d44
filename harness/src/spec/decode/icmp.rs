//! ICMP errors that are injected.

use super::{Fields, Reader, limits};
use crate::spec::case::{Family, IcmpSender, InjectIcmp, Quote};
use crate::spec::table::{ICMP, ICMP_KINDS, IcmpKind, QUOTE};
use crate::spec::yaml::Node;

impl<'a> Reader<'a> {
    /// `{icmp: frag-needed, mtu: 1000, quote: last}`.
    pub(super) fn icmp(
        &mut self,
        node: &Node<'a>,
        defaults: &mut Vec<&'static str>,
    ) -> Option<InjectIcmp> {
        let fields = self.fields(node, "an ICMP error", &[ICMP])?;
        let kind = self.icmp_kind(fields.get("icmp")?)?;
        let numbers = self.of_this_family(fields.get("icmp")?, kind)?;
        let mtu = self.field(&fields, &limits::MTU);
        self.check_mtu(&fields, kind);
        let senders = ["router", "tester"];
        let from = fields.get("from");
        let from = from.and_then(|node| self.word(node, "a sender of ICMP errors", &senders));
        if fields.get("from").is_none() {
            defaults.push("from=router");
        }
        let quote = if let Some(node) = fields.get("quote") {
            self.quote(node)?
        } else {
            defaults.push("quote=last");
            Quote::default()
        };
        let bad = fields.get("checksum");
        Some(InjectIcmp {
            name: kind.name,
            kind: numbers,
            mtu,
            from: match from {
                Some("tester") => IcmpSender::Tester,
                _ => IcmpSender::Router,
            },
            quote,
            bad_checksum: bad
                .is_some_and(|node| self.word(node, "a kind of checksum", &["bad"]).is_some()),
        })
    }

    fn icmp_kind(&mut self, node: &Node<'a>) -> Option<&'static IcmpKind> {
        let names: Vec<&'static str> = ICMP_KINDS.iter().map(|kind| kind.name).collect();
        let name = self.word(node, "a kind of ICMP error", &names)?;
        ICMP_KINDS.iter().find(|kind| kind.name == name)
    }

    /// Type and code in the IP version of the case; all versions of the spec have to have them.
    fn of_this_family(&mut self, node: &Node<'a>, kind: &IcmpKind) -> Option<(u8, u8)> {
        let versions = [(Family::V4, kind.v4, 4), (Family::V6, kind.v6, 6)];
        for (family, numbers, version) in versions {
            if numbers.is_none() && self.families.contains(&family) {
                let message = format!("IPv{version} has no `{}`", kind.name);
                let help = format!("restrict the spec: `family: {}`", 10 - version);
                self.fault(node.error("spec::family", message).help(help));
                return None;
            }
        }
        match self.family {
            Some(Family::V6) => kind.v6,
            _ => kind.v4,
        }
    }

    fn check_mtu(&mut self, fields: &Fields<'a>, kind: &IcmpKind) {
        match fields.get("mtu") {
            None if kind.has_mtu => {
                let what = format!("`{}`", kind.name);
                self.missing(&fields.node, &what, &["mtu"]);
            }
            Some(mtu) if !kind.has_mtu => {
                let message = format!("`{}` names no MTU", kind.name);
                let help = "leave it out, or say `icmp: frag-needed`";
                self.fault(mtu.error("spec::unknown-field", message).help(help));
            }
            _ => {}
        }
    }

    fn quote(&mut self, node: &Node<'a>) -> Option<Quote> {
        if node.entries().is_none() {
            self.word(node, "a segment to quote", &["last"])?;
            return Some(Quote::default());
        }
        let fields = self.fields(node, "`quote`", &[QUOTE])?;
        let mut count = |name, most| fields.get(name).and_then(|node| self.count(node, most));
        let (protocol, octets) = (count("protocol", 255), count("octets", 1480));
        Some(Quote {
            seq: self.field(&fields, &limits::SEQ),
            port: self.field(&fields, &limits::PORT),
            protocol: protocol.map(|value| value as u8),
            length: self.field(&fields, &limits::LENGTH),
            octets: octets.map(|value| value as u16),
        })
    }
}
