//! Known deviations (`specs/deviations/*.yaml`): what a device is known to do otherwise, why,
//! and until when that is accepted.
//!
//! This module reads and matches. Whether an entry is still true is judged by whoever has a run,
//! and whether its date has passed by whoever has a clock.

use super::catalogue::Catalogue;
use super::decode::Reader;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::glob::Glob;
use super::source::{Source, Span};
use super::table::{Entry, Shape};
use super::yaml::{Document, Node};
use std::sync::Arc;

/// Fields of an entry.
pub const DEVIATION: &[Entry] = &[
    Entry {
        name: "case",
        shape: Shape::Special("text or a list"),
        doc: "glob of case ids; what the brackets do not mention is free. Or several",
    },
    Entry {
        name: "device",
        shape: Shape::Text,
        doc: "glob of device identities",
    },
    Entry {
        name: "requirement",
        shape: Shape::Requirements,
        doc: "ids of what the RFCs ask for instead: the ones that the symptom contradicts",
    },
    Entry {
        name: "symptom",
        shape: Shape::Special("text or a list"),
        doc: "the stable words of the failure, or of several that have the same cause",
    },
    Entry {
        name: "reason",
        shape: Shape::Text,
        doc: "why the device does so",
    },
    Entry {
        name: "expires",
        shape: Shape::Text,
        doc: "the last day on which it excuses anything: YYYY-MM-DD",
    },
];

/// The code of an entry whose date has passed.
pub const EXPIRED: &str = "deviation::expired";

/// An entry.
#[derive(Clone, Debug)]
pub struct Deviation {
    /// Which cases: any of these.
    pub cases: Vec<CaseGlob>,
    /// Which devices, as a glob of identities.
    pub device: String,
    /// What the RFCs ask for instead: ids of the catalogue, at least one.
    pub requirements: Vec<String>,
    /// The symptoms that are expected.
    pub symptoms: Vec<String>,
    /// Why.
    pub reason: String,
    /// `YYYY-MM-DD`.
    pub expires: String,
    /// The file, for findings.
    pub source: Arc<Source>,
    /// The entry in its file.
    pub span: Span,
    /// Its `device`.
    pub(super) device_span: Span,
    matcher: Glob,
}

impl Deviation {
    /// The entry is about this case of this device.
    pub fn applies_to(&self, case_id: &str, device: &str) -> bool {
        self.matcher.is_match(device) && self.is_about(case_id)
    }

    /// The entry is about this case, of whatever device.
    pub fn is_about(&self, case_id: &str) -> bool {
        self.cases.iter().any(|glob| glob.matches(case_id))
    }

    /// The entry foretells this symptom.
    pub fn foretells(&self, symptom: &str) -> bool {
        self.symptoms.iter().any(|known| known == symptom)
    }

    /// The symptoms as messages cite them.
    pub fn symptoms_cited(&self) -> String {
        match self.symptoms.as_slice() {
            [one] => format!("`{one}`"),
            [first, rest @ ..] => format!("`{first}` or {} others", rest.len()),
            [] => String::new(),
        }
    }

    /// The last day has passed on which it excuses anything; `today` is `YYYY-MM-DD`.
    pub fn has_expired(&self, today: &str) -> bool {
        self.expires.as_str() < today
    }

    /// That it has expired.
    pub(super) fn expired(&self) -> Diagnostic {
        let message = format!("this deviation expired on {}", self.expires);
        self.diagnostic(EXPIRED, message)
            .help("look again, then renew or remove it")
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

/// A glob of case ids: a path glob, and constraints in brackets. Two are equal if they are written
/// alike.
///
/// `3.10.7.4/rst-*[state=CLOSING,v6]` is every case of specs with such a name whose parameter
/// `state` is CLOSING, on IPv6; all else is free.
#[derive(Clone, Debug)]
pub struct CaseGlob {
    path: Glob,
    constraints: Vec<(Option<String>, Glob)>,
    text: String,
}

impl PartialEq for CaseGlob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
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

    /// True for the id of a spec some cases of which the glob may mean.
    pub(super) fn matches_spec(&self, id: &str) -> bool {
        self.path.is_match(id)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads a list of deviations.
pub(super) fn read(
    document: &Document,
    catalogue: Option<&Catalogue>,
) -> Result<Vec<Deviation>, Diagnostics> {
    let mut reader = Reader::new(catalogue, None);
    let root = document.root();
    let nodes = if root.is_null() {
        Vec::new()
    } else {
        reader.list(&root, "deviations")
    };
    let entries: Vec<Deviation> = nodes
        .iter()
        .filter_map(|node| entry(&mut reader, document, node))
        .collect();
    Diagnostics(reader.faults).or(entries)
}

fn entry<'a>(
    reader: &mut Reader<'a>,
    document: &'a Document,
    node: &Node<'a>,
) -> Option<Deviation> {
    let fields = reader.fields(node, "a deviation", &[DEVIATION])?;
    let mut texts = |name: &'static str| {
        let texts = fields.get(name).map(|field| several(reader, field, name));
        let mut texts = texts.unwrap_or_default();
        texts.retain(|text| !text.trim().is_empty());
        if texts.is_empty() {
            let code = if name == "reason" {
                "deviation::no-reason"
            } else {
                "spec::missing-field"
            };
            let message = format!("a deviation needs `{name}`");
            reader.fault(node.error(code, message));
        }
        texts
    };
    let (cases, device) = (texts("case"), texts("device").pop());
    let symptoms = texts("symptom");
    let (reason, expires) = (texts("reason").pop(), texts("expires").pop());
    let mut bad = |name: &str, why: String, code: &'static str| {
        let place = fields.get(name).unwrap_or(node);
        reader.fault(place.error(code, why));
    };
    let mut globs = Vec::new();
    for case in &cases {
        match CaseGlob::new(case) {
            Ok(glob) => globs.push(glob),
            Err(why) => bad("case", why, "deviation::glob"),
        }
    }
    let matcher = device.as_deref().map(Glob::new);
    if let Some(Err(why)) = &matcher {
        bad("device", why.clone(), "deviation::glob");
    }
    if let Some(expires) = expires.as_ref().filter(|date| !is_date(date)) {
        let why = format!("`{expires}` is not a day");
        bad("expires", why, "deviation::date");
    }
    let requirements = requirements(reader, node, fields.get("requirement"));
    let is_whole = !symptoms.is_empty() && globs.len() == cases.len();
    Some(Deviation {
        cases: Some(globs).filter(|globs| is_whole && !globs.is_empty())?,
        device: device?,
        requirements: requirements?,
        symptoms,
        reason: reason?,
        expires: expires?,
        source: Arc::clone(document.source()),
        span: node.span(),
        device_span: fields.get("device")?.span(),
        matcher: matcher?.ok()?,
    })
}

/// The ids that the device contradicts; without one, nobody could tell a deviation from a taste.
fn requirements<'a>(
    reader: &mut Reader<'a>,
    entry: &Node<'a>,
    field: Option<&Node<'a>>,
) -> Option<Vec<String>> {
    let nodes = field.map(|field| reader.list(field, "`requirement`"));
    let nodes = nodes.unwrap_or_default();
    if nodes.is_empty() {
        let fault = field.unwrap_or(entry).error(
            "deviation::no-requirement",
            "a deviation needs `requirement`",
        );
        let help = "name what the symptom contradicts, as in `requirement: [MUST-13]`: ids that \
                    the spec `covers`, or others of `tcpspec list --requirements`";
        reader.fault(fault.help(help));
        return None;
    }
    let ids = nodes.iter().filter_map(|node| reader.requirement(node));
    Some(ids.collect())
}

/// A text, or a list of texts. Symptoms cite specs: what looks like a parameter is none here.
fn several<'a>(reader: &mut Reader<'a>, node: &Node<'a>, name: &'static str) -> Vec<String> {
    let mut text = |node: &Node<'a>| match node.text() {
        Some(text) => Some(text.into_owned()),
        None => reader.text(node, name),
    };
    match node.items() {
        Some(items) => items.iter().filter_map(text).collect(),
        None => text(node).into_iter().collect(),
    }
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
