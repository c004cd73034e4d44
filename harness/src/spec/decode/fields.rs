//! Maps whose keys are those of a table: what is unknown is refused, what is missing is told.

use super::Reader;
use crate::spec::case::Flags;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::source::Span;
use crate::spec::table::{self, Entry, Shape};
use crate::spec::yaml::{self, Node};
use std::borrow::Cow;

/// The fields of a map that a table knows.
#[derive(Debug)]
pub(in crate::spec) struct Fields<'a> {
    /// The map itself.
    pub(in crate::spec) node: Node<'a>,
    known: Vec<(&'static str, Span, Node<'a>)>,
}

impl<'a> Fields<'a> {
    /// The value of a field.
    pub(in crate::spec) fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.known
            .iter()
            .find(|(have, ..)| *have == name)
            .map(|(.., node)| node)
    }

    /// Names and values.
    pub(in crate::spec) fn iter(&self) -> impl Iterator<Item = (&'static str, &Node<'a>)> {
        self.known.iter().map(|(name, _, node)| (*name, node))
    }
}

impl<'a> Reader<'a> {
    /// The fields of a map, the unknown ones refused, parameters put in.
    pub(in crate::spec) fn fields(
        &mut self,
        node: &Node<'a>,
        what: &str,
        tables: &[&'static [Entry]],
    ) -> Option<Fields<'a>> {
        self.fields_and(node, what, tables, |_| false)
    }

    /// Refuses unknown keys and looks at nothing else; false if this is not a map.
    pub(in crate::spec) fn keys(
        &mut self,
        node: &Node<'a>,
        what: &str,
        tables: &[&'static [Entry]],
    ) -> bool {
        let Some(entries) = node.entries() else {
            let message = format!("{what} is a map, not {}", node.kind());
            let help = format!("fields here: {}", listed(tables));
            self.fault(node.error("spec::type", message).help(help));
            return false;
        };
        let entries: Vec<_> = entries.iter().collect();
        self.refuse_unknown(node, what, &entries, tables);
        true
    }

    /// As [`Reader::fields`]; keys that are `known` otherwise are let stand.
    pub(super) fn fields_and(
        &mut self,
        node: &Node<'a>,
        what: &str,
        tables: &[&'static [Entry]],
        known: impl Fn(&str) -> bool,
    ) -> Option<Fields<'a>> {
        let node = self.resolve(node)?;
        let Some(entries) = node.entries() else {
            let message = format!("{what} is a map, not {}", node.kind());
            let help = format!("fields here: {}", listed(tables));
            self.fault(node.error("spec::type", message).help(help));
            return None;
        };
        let find = |key: &str| {
            let mut names = tables.iter().flat_map(|table| table.iter());
            names.find(|entry| entry.name == key)
        };
        let named: Vec<_> = entries.iter().map(|entry| find(&entry.key)).collect();
        let mut pairs = entries.iter().zip(&named);
        if pairs.any(|(entry, name)| name.is_none() && !known(&entry.key)) {
            let unknown: Vec<_> = entries.iter().filter(|entry| !known(&entry.key)).collect();
            self.refuse_unknown(&node, what, &unknown, tables);
        }
        let mut known = Vec::with_capacity(entries.len());
        for (entry, name) in entries.iter().zip(named) {
            let Some(name) = name else { continue };
            if let Some(node) = self.resolve(&entry.node) {
                known.push((name.name, entry.key_span, node));
            }
        }
        Some(Fields { node, known })
    }

    fn refuse_unknown(
        &mut self,
        node: &Node<'a>,
        what: &str,
        entries: &[&yaml::Entry<'a>],
        tables: &[&'static [Entry]],
    ) {
        let all = || {
            tables
                .iter()
                .flat_map(|table| table.iter().map(|entry| entry.name))
        };
        let mut flags: Option<&yaml::Entry<'a>> = None;
        for &entry in entries {
            if all().any(|name| name == entry.key) {
                flags = (entry.key == "flags").then_some(entry);
                continue;
            }
            if let Some(flags) = flags.filter(|_| entry.node.is_null() && is_flag(&entry.key)) {
                self.fault(comma_in_flags(flags, entry));
                continue;
            }
            let message = format!("{what} has no field `{}`", entry.key);
            let source = node.source();
            let fault = Diagnostic::error("spec::unknown-field", source, entry.key_span, message);
            let fault = match entry.key.split_once(':') {
                Some((key, value)) if all().any(|name| name == key) => fault
                    .label(format!("did you mean `{key}: {value}`?"))
                    .help("a blank stands behind the colon of a key"),
                _ => fault
                    .near(table::nearest(&entry.key, all()))
                    .help(format!("fields here: {}", listed(tables))),
            };
            self.fault(fault);
        }
    }

    /// Notes which of these fields are missing; one that is there under a misspelt name was told.
    pub(in crate::spec) fn missing(&mut self, node: &Node<'a>, what: &str, fields: &[&str]) {
        let missing: Vec<String> = fields
            .iter()
            .filter(|field| node.get(field).is_none() && !self.is_misspelt(node, field))
            .map(|field| format!("`{field}`"))
            .collect();
        let Some((last, others)) = missing.split_last() else {
            return;
        };
        let message = match others {
            [] => format!("{what} needs {last}"),
            _ => format!("{what} needs {} and {last}", others.join(", ")),
        };
        self.fault(node.error("spec::missing-field", message));
    }

    /// True if a key that was refused is near to the name of the field.
    fn is_misspelt(&self, node: &Node<'a>, field: &str) -> bool {
        let entries = node.entries().unwrap_or_default();
        let is_refused = |entry: &yaml::Entry<'a>| {
            let mut faults = self.faults.iter();
            faults
                .any(|fault| fault.code == "spec::unknown-field" && fault.span() == entry.key_span)
        };
        let is_near = |key: &str| table::nearest(key, [field]).is_some();
        let mut refused = entries.iter().filter(|entry| is_refused(entry));
        refused.any(|entry| is_near(entry.key.split(':').next().unwrap_or_default()))
    }
}

fn is_flag(word: &str) -> bool {
    Flags::NAMES.iter().any(|(name, _)| *name == word)
}

/// `flags: SYN,ACK` in a flow map: YAML ends the value at the comma.
fn comma_in_flags(flags: &yaml::Entry<'_>, extra: &yaml::Entry<'_>) -> Diagnostic {
    let first = flags.node.text().map(Cow::into_owned).unwrap_or_default();
    let message = format!(
        "a comma ends the value here; YAML reads a second key `{}`",
        extra.key
    );
    flags
        .node
        .error("spec::comma-in-flags", message)
        .label(format!("end of `{first}`"))
        .also(extra.key_span, "became a key of its own")
        .help(format!(
            "join flags with a hyphen: `flags: {first}-{}`",
            extra.key
        ))
}

/// `flags seq ack · within after again as`.
fn listed(tables: &[&'static [Entry]]) -> String {
    let all: Vec<String> = tables
        .iter()
        .map(|table| table::names(table).join(" "))
        .collect();
    all.join(" · ")
}

/// The shape of a field of a table.
pub(super) fn shape(table: &'static [Entry], name: &str) -> Option<Shape> {
    table
        .iter()
        .find(|entry| entry.name == name)
        .map(|entry| entry.shape)
}
