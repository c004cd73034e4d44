//! Services (`specs/services/*.yaml`): what listens on a port of a device, and by which requests
//! its protocol makes it send, and close.
//!
//! A spec calls the application of the device; where nobody can, a service that is told here does
//! the same by request ([`Service::translate`]). What a service cannot do exactly is refused with
//! the reason, case by case: nothing is judged that was only nearly what the spec says.

mod certain;
#[cfg(test)]
mod tests;
mod translate;
mod trial;

use super::decode::{Fields, Reader};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Source, Span};
use super::table::{Entry, Shape};
use super::yaml::{Document, Node};
use std::path::Path;

const fn entry(name: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { name, shape, doc }
}

const TEXT: Shape = Shape::Special("text, or {hex: \"16 03\"}");

/// Fields of a service.
pub const SERVICE: &[Entry] = &[
    entry(
        "service",
        Shape::Text,
        "name of the service, as `--service` takes it",
    ),
    entry("title", Shape::Text, "what it is, one line"),
    entry(
        "says_first",
        Shape::Special("{ends: text}, or endless"),
        "what it says before it is asked: something that ends with this text, or no end of octets",
    ),
    entry(
        "takes_text",
        Shape::Bool,
        "whatever octets come, it reads them and says nothing (false)",
    ),
    entry(
        "ignores",
        TEXT,
        "an octet that it reads and says nothing to, however often it comes",
    ),
    entry(
        "replies",
        Shape::Special("echo, or a list of replies"),
        "requests with replies of which every octet is known",
    ),
    entry(
        "closes_after",
        TEXT,
        "a request after which it closes before its peer does",
    ),
    entry(
        "closes_at_end",
        Shape::Bool,
        "it closes as soon as its peer has closed (true)",
    ),
    entry(
        "nodelay",
        Shape::Bool,
        "it has turned Nagle's algorithm off (false)",
    ),
    entry(
        "jobs",
        Shape::Count(4096),
        "so many connections at once are no trouble to it",
    ),
];

/// Fields of a reply.
pub const REPLY: &[Entry] = &[
    entry(
        "request",
        TEXT,
        "what is sent to it; `{count}` in it stands for how often `fill` is asked for",
    ),
    entry("reply", TEXT, "what it answers, every octet"),
    entry(
        "before",
        TEXT,
        "instead of `reply`: what the answer begins with",
    ),
    entry("fill", TEXT, "and goes on with, as often as was asked for"),
    entry("after", TEXT, "and ends with"),
];

/// What begins a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum First {
    /// The peer speaks.
    #[default]
    Silence,
    /// The service, and ends with these octets.
    Greeting(Vec<u8>),
    /// The service, and does not end.
    Endless,
}

/// A request with its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exchange {
    /// The same octets come back, up to so many.
    Echo,
    /// Just these octets.
    Fixed { request: Vec<u8>, reply: Vec<u8> },
    /// As many octets as are asked for.
    Filled {
        request: Vec<u8>,
        before: Vec<u8>,
        fill: Vec<u8>,
        after: Vec<u8>,
    },
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it is.
    pub title: String,
    /// Connections at once that are no trouble to it; `None`: it does not mind.
    pub jobs: Option<usize>,
    first: First,
    takes_text: bool,
    ignores: Option<u8>,
    exchanges: Vec<Exchange>,
    closes_after: Option<Vec<u8>>,
    closes_at_end: bool,
    nodelay: bool,
}

/// A request goes in one segment.
const MOST_OCTETS: usize = 1000;

/// What stands in a request for how often `fill` is asked for.
const COUNT: &[u8] = b"{count}";

impl Service {
    /// Reads a file of a user's own.
    pub fn file(path: &Path) -> Result<Self, Diagnostics> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(&Document::read(&Source::new(&name, text))?),
            Err(error) => {
                let source = Source::new(&name, String::new());
                let (span, message) = (Span::default(), error.to_string());
                let fault = Diagnostic::error("service::file", &source, span, message);
                Err(Diagnostics(vec![fault]))
            }
        }
    }

    pub(super) fn read(document: &Document) -> Result<Self, Diagnostics> {
        let mut reader = Reader::default();
        let root = document.root();
        let Some(fields) = reader.fields(&root, "a service", &[SERVICE]) else {
            return Err(Diagnostics(reader.faults));
        };
        reader.missing(&root, "a service", &["service", "title"]);
        let mut text = |name: &'static str| {
            let text = fields
                .get(name)
                .and_then(|node| reader.text(node, "a text"));
            text.unwrap_or_default()
        };
        let (name, title) = (text("service"), text("title"));
        let mut truth = |name: &str, otherwise: bool| {
            let node = fields.get(name);
            node.and_then(|node| reader.truth(node))
                .unwrap_or(otherwise)
        };
        let (takes_text, nodelay) = (truth("takes_text", false), truth("nodelay", false));
        let closes_at_end = truth("closes_at_end", true);
        let first = fields
            .get("says_first")
            .map(|node| first(&mut reader, node));
        let replies = fields.get("replies");
        let exchanges = replies.map(|node| exchanges(&mut reader, node));
        let closes_after = fields.get("closes_after");
        let closes_after = closes_after.and_then(|node| octets(&mut reader, node));
        let ignores = fields.get("ignores");
        let ignores = ignores.and_then(|node| one_octet(&mut reader, node));
        let jobs = fields.get("jobs").and_then(|node| reader.count(node, 4096));
        Diagnostics(reader.faults).or(Self {
            name,
            title,
            jobs: jobs.map(|jobs| jobs.max(1) as usize),
            first: first.unwrap_or_default(),
            takes_text,
            ignores,
            exchanges: exchanges.unwrap_or_default(),
            closes_after,
            closes_at_end,
            nodelay,
        })
    }
}

fn first(reader: &mut Reader<'_>, node: &Node<'_>) -> First {
    if node.text().is_some_and(|text| text == "endless") {
        return First::Endless;
    }
    let ends = node.get("ends");
    let ends = ends.and_then(|node| Some(node.text()?.into_owned().into_bytes()));
    ends.filter(|ends| !ends.is_empty()).map_or_else(
        || {
            let message = "what a service says first is `{ends: text}`, or `endless`";
            reader.fault(node.error("service::first", message));
            First::Silence
        },
        First::Greeting,
    )
}

fn exchanges<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Vec<Exchange> {
    if node.text().is_some_and(|text| text == "echo") {
        return vec![Exchange::Echo];
    }
    let nodes = reader.list(node, "replies");
    nodes
        .iter()
        .filter_map(|node| {
            let fields = reader.fields(node, "a reply", &[REPLY])?;
            exchange(reader, node, &fields)
        })
        .collect()
}

fn exchange<'a>(reader: &mut Reader<'a>, node: &Node<'a>, fields: &Fields<'a>) -> Option<Exchange> {
    let mut text = |name: &str| {
        let node = fields.get(name)?;
        octets(reader, node)
    };
    let (request, reply, fill) = (text("request"), text("reply"), text("fill"));
    let (before, after) = (text("before"), text("after"));
    match (request, reply, fill) {
        (Some(request), Some(reply), None) if !reply.is_empty() => {
            Some(Exchange::Fixed { request, reply })
        }
        (Some(request), None, Some(fill)) if !fill.is_empty() && holds_count(&request) => {
            Some(Exchange::Filled {
                request,
                before: before.unwrap_or_default(),
                fill,
                after: after.unwrap_or_default(),
            })
        }
        _ => {
            let message = "a reply has `request` and `reply`, or `request` with `{count}` in it \
                           and `fill`";
            reader.fault(node.error("service::reply", message));
            None
        }
    }
}

fn holds_count(request: &[u8]) -> bool {
    request.windows(COUNT.len()).any(|part| part == COUNT)
}

fn one_octet<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Option<u8> {
    if let [octet] = octets(reader, node)?[..] {
        return Some(octet);
    }
    reader.fault(node.error("service::octets", "this is one octet"));
    None
}

/// A text, or octets in hexadecimal.
fn octets<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Option<Vec<u8>> {
    match (node.text(), node.get("hex")) {
        (Some(text), _) => Some(text.into_owned().into_bytes()),
        (None, Some(hex)) => reader.hexadecimal(&hex, MOST_OCTETS),
        (None, None) => {
            let message = "octets are a text, or `{hex: \"16 03\"}`";
            reader.fault(node.error("service::octets", message));
            None
        }
    }
}
