//! Known deviations (`specs/deviations/*.yaml`): what a device is known to do otherwise, why,
//! and until when that is accepted.
//!
//! This module reads and matches. Whether an entry is still true is judged by whoever has a run,
//! and whether its date has passed by whoever has a clock.

use super::decode::Reader;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::glob::Glob;
use super::source::{Source, Span};
use super::table::{Entry, Shape};
use super::yaml::Document;
use std::sync::Arc;

/// Fields of an entry.
pub const DEVIATION: &[Entry] = &[
    Entry {
        name: "case",
        shape: Shape::Text,
        doc: "glob of case ids; what the brackets do not mention is free",
    },
    Entry {
        name: "device",
        shape: Shape::Text,
        doc: "glob of device identities",
    },
    Entry {
        name: "symptom",
        shape: Shape::Text,
        doc: "the stable words of the failure",
    },
    Entry {
        name: "reason",
        shape: Shape::Text,
        doc: "why the device does so",
    },
    Entry {
        name: "expires",
        shape: Shape::Text,
        doc: "the day from which it fails again: YYYY-MM-DD",
    },
];

/// An entry.
#[derive(Clone, Debug)]
pub struct Deviation {
    /// Which cases.
    pub case: CaseGlob,
    /// Which devices, as a glob of identities.
    pub device: String,
    /// The symptom that is expected.
    pub symptom: String,
    /// Why.
    pub reason: String,
    /// `YYYY-MM-DD`.
    pub expires: String,
    /// The file, for findings.
    pub source: Arc<Source>,
    /// The entry in its file.
    pub span: Span,
    matcher: Glob,
}

impl Deviation {
    /// The entry is about this case of this device.
    pub fn applies_to(&self, case_id: &str, device: &str) -> bool {
        self.matcher.is_match(device) && self.case.matches(case_id)
    }

    /// Line of the entry, from 1.
    pub fn line(&self) -> u32 {
        self.span.line
    }

    /// A message that points at the entry: `deviation::expired`, `deviation::fixed`, ….
    pub fn diagnostic(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.source, self.span, message)
    }
}

/// A glob of case ids: a path glob, and constraints in brackets.
///
/// `3.10.7.4/rst-*[state=CLOSING,v6]` is every case of specs with such a name whose parameter
/// `state` is CLOSING, on IPv6; all else is free.
#[derive(Clone, Debug)]
pub struct CaseGlob {
    path: Glob,
    constraints: Vec<(Option<String>, Glob)>,
    text: String,
}

impl CaseGlob {
    /// Reads a glob.
    pub fn new(text: &str) -> Result<Self, String> {
        let (path, brackets) = match text.split_once('[') {
            None => (text, ""),
            Some((path, rest)) => {
                let inner = rest.strip_suffix(']');
                (
                    path,
                    inner.ok_or_else(|| format!("`{text}`: the bracket is not closed"))?,
                )
            }
        };
        let mut constraints = Vec::new();
        for part in brackets
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty() && *part != "*")
        {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (Some(name.to_owned()), value),
                None => (None, part),
            };
            constraints.push((name, Glob::new(value)?));
        }
        Ok(Self {
            path: Glob::new(path)?,
            constraints,
            text: text.to_owned(),
        })
    }

    /// True for an id that the glob means.
    pub fn matches(&self, id: &str) -> bool {
        let (path, brackets) = id.split_once('[').unwrap_or((id, ""));
        let brackets = brackets.trim_end_matches(']');
        let parts = || {
            brackets
                .split(',')
                .map(|part| part.split_once('=').unwrap_or(("", part)))
        };
        self.path.is_match(path)
            && self.constraints.iter().all(|(name, value)| {
                let name = name.as_deref().unwrap_or_default();
                parts().any(|(have, is)| have == name && value.is_match(is))
            })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads a list of deviations.
pub(super) fn read(document: &Document) -> Result<Vec<Deviation>, Diagnostics> {
    let mut reader = Reader::default();
    let root = document.root();
    let nodes = if root.is_null() {
        Vec::new()
    } else {
        reader.list(&root, "deviations")
    };
    let mut all = Vec::new();
    for node in &nodes {
        let Some(fields) = reader.fields(node, "a deviation", &[DEVIATION]) else {
            continue;
        };
        let mut field = |name: &'static str| {
            let text = fields.get(name).and_then(|node| reader.text(node, name));
            let text = text.filter(|text| !text.trim().is_empty());
            if text.is_none() {
                let code = if name == "reason" {
                    "deviation::no-reason"
                } else {
                    "spec::missing-field"
                };
                let message = format!("a deviation needs `{name}`");
                reader.fault(node.error(code, message));
            }
            text
        };
        let (case, device) = (field("case"), field("device"));
        let (symptom, reason, expires) = (field("symptom"), field("reason"), field("expires"));
        let mut bad = |name: &str, why: String, code: &'static str| {
            let place = fields.get(name).unwrap_or(node);
            reader.fault(place.error(code, why));
        };
        let case = case.map(|text| CaseGlob::new(&text));
        let matcher = device.as_deref().map(Glob::new);
        if let Some(Err(why)) = &case {
            bad("case", why.clone(), "deviation::glob");
        }
        if let Some(Err(why)) = &matcher {
            bad("device", why.clone(), "deviation::glob");
        }
        if let Some(expires) = expires.as_ref().filter(|date| !is_date(date)) {
            bad(
                "expires",
                format!("`{expires}` is not a day"),
                "deviation::date",
            );
        }
        if let (Some(Ok(case)), Some(device), Some(Ok(matcher))) = (case, device, matcher)
            && let (Some(symptom), Some(reason), Some(expires)) = (symptom, reason, expires)
        {
            let (source, span) = (Arc::clone(document.source()), node.span());
            all.push(Deviation {
                case,
                device,
                symptom,
                reason,
                expires,
                source,
                span,
                matcher,
            });
        }
    }
    Diagnostics(reader.faults).or(all)
}

/// `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |at: usize, digits: usize, most: u32| {
        let part = parts.get(at).filter(|part| part.len() == digits);
        part.and_then(|part| part.parse::<u32>().ok())
            .is_some_and(|n| (1..=most).contains(&n))
    };
    parts.len() == 3 && number(0, 4, 9999) && number(1, 2, 12) && number(2, 2, 31)
}
