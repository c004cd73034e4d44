//! The Fast Open option, injected and expected (RFC 7413 §4.1.1).

use super::Reader;
use crate::spec::case::{FastOpen, FastOpenPattern};
use crate::spec::table::COOKIE;
use crate::spec::yaml::Node;

impl<'a> Reader<'a> {
    /// `request`, octets in hexadecimal, or `{from: capture}`; `absent` is none.
    pub(super) fn fast_open(&mut self, node: &Node<'a>) -> Option<FastOpen> {
        if node.entries().is_some() {
            let fields = self.fields(node, "`tfo`", &[COOKIE])?;
            let Some(from) = fields.get("from") else {
                self.missing(&fields.node, "`tfo`", &["from"]);
                return None;
            };
            return self.captured(from).map(FastOpen::From);
        }
        match node.text().as_deref() {
            Some("request") => Some(FastOpen::Request),
            Some("absent") => None,
            _ => self.octets(node).map(FastOpen::Cookie),
        }
    }

    /// The same, or `present`, `absent`, `cookie`; `any` is free.
    pub(super) fn fast_open_pattern(&mut self, node: &Node<'a>) -> Option<FastOpenPattern> {
        match node.text().as_deref() {
            Some("present") => Some(FastOpenPattern::Present),
            Some("absent") => Some(FastOpenPattern::Absent),
            Some("cookie") => Some(FastOpenPattern::AnyCookie),
            Some("any") => None,
            _ => self.fast_open(node).map(FastOpenPattern::Is),
        }
    }

    /// The name of a segment that was captured before.
    fn captured(&mut self, node: &Node<'a>) -> Option<String> {
        let name = self.text(node, "the name of a capture")?;
        if !self.scope.captures.contains(&name) {
            let message = format!("no earlier step captures `{name}`");
            let help = format!("add `as: {name}` to the step with the cookie");
            self.fault(node.error("spec::unknown-name", message).help(help));
            return None;
        }
        Some(name)
    }
}
