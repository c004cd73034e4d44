//! YAML nodes to the typed parts of a case, by hand and by the tables of [`super::table`].
//!
//! A [`Reader`] reads one case (or one preamble): parameters are put in while it reads, so that
//! nothing behind it knows of them. It never stops at an error; it collects all of them and
//! leaves out what it could not read.

mod bound;
mod call;
mod choice;
mod cookie;
mod expect;
mod fields;
mod flood;
mod icmp;
mod ip;
mod limits;
mod segment;
mod step;

pub(super) use bound::Heard;
pub(super) use fields::Fields;
pub(super) use segment::Handshake;

use fields::shape;
use limits::Limit;

use super::case::{Family, Pattern, Step};
use super::catalogue::Catalogue;
use super::diagnostic::Diagnostic;
use super::expr::{self, Constants, Names, Type};
use super::profile::Profile;
use super::table::{self, Entry};
use super::yaml::Node;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// Most steps of one case, the unrolled ones counted.
pub(super) const MAX_STEPS: usize = 5000;
/// Most values of one `repeat`.
const MAX_REPEATS: i64 = 1000;

/// What a parameter is bound to.
#[derive(Clone, Debug)]
pub(super) enum Bound<'a> {
    /// A value, or a row of fields, in the file.
    Node(Node<'a>),
    /// A number of a range.
    Number(i64),
}

/// A parameter in scope.
#[derive(Clone, Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: Rc<str>,
    pub(super) bound: Bound<'a>,
    /// All that it is bound to in some case or round.
    pub(super) values: Rc<[Bound<'a>]>,
}

/// The names that steps can use.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) parameters: Vec<Parameter<'a>>,
    pub(super) conns: Vec<String>,
    pub(super) captures: Vec<String>,
    pub(super) constants: Constants,
}

impl<'a> Scope<'a> {
    /// What `name` or `name.field` is bound to.
    fn find(&self, path: &str) -> Result<Bound<'a>, String> {
        let (name, field) = split(path);
        let parameter = self.parameter(name)?;
        select(&parameter.bound, path, field)
    }

    /// All that `name` or `name.field` is bound to in some case, as text.
    fn values(&self, path: &str) -> Result<Vec<String>, String> {
        let (name, field) = split(path);
        let mut texts: Vec<String> = Vec::new();
        for bound in self.parameter(name)?.values.iter() {
            let text = bound_text(&select(bound, path, field)?, path)?;
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        Ok(texts)
    }

    fn parameter(&self, name: &str) -> Result<&Parameter<'a>, String> {
        let found = self
            .parameters
            .iter()
            .rev()
            .find(|have| &*have.name == name);
        found.ok_or_else(|| {
            let known = self.parameters.iter().map(|have| &*have.name);
            match table::nearest(name, known) {
                Some(near) => format!("there is no parameter `{name}`; did you mean `${near}`?"),
                None if self.parameters.is_empty() => {
                    format!("there is no parameter `{name}`: this spec has no `cases`")
                }
                None => {
                    let known = self
                        .parameters
                        .iter()
                        .map(|have| format!("`${}`", have.name));
                    let known: Vec<String> = known.collect();
                    let known = known.join(", ");
                    format!("there is no parameter `{name}`; there are {known}")
                }
            }
        })
    }
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.')
        .map_or((path, None), |(name, field)| (name, Some(field)))
}

fn select<'a>(bound: &Bound<'a>, path: &str, field: Option<&str>) -> Result<Bound<'a>, String> {
    let Some(field) = field else {
        return Ok(bound.clone());
    };
    let Bound::Node(node) = bound else {
        return Err(format!(
            "`${path}`: the parameter is a number and has no fields"
        ));
    };
    node.get(field).map(Bound::Node).ok_or_else(|| {
        let entries = node.entries().unwrap_or_default();
        let fields: Vec<&str> = entries.iter().map(|entry| &*entry.key).collect();
        if fields.is_empty() {
            return format!("`${path}`: the values of the parameter have no fields");
        }
        let row = node
            .get("name")
            .and_then(|name| name.text().map(Cow::into_owned));
        format!(
            "the row `{}` has no field `{field}`, but {}",
            row.unwrap_or_default(),
            fields.join(", ")
        )
    })
}

fn bound_text(bound: &Bound<'_>, path: &str) -> Result<String, String> {
    match bound {
        Bound::Number(number) => Ok(number.to_string()),
        Bound::Node(node) => node
            .text()
            .map(Cow::into_owned)
            .ok_or_else(|| format!("`${path}` is {} and cannot stand here", node.kind())),
    }
}

impl Names for Scope<'_> {
    fn conn(&self, name: &str) -> Option<usize> {
        self.conns.iter().position(|have| have == name)
    }

    fn captured(&self, name: &str) -> bool {
        self.captures.iter().any(|have| have == name)
    }

    fn known(&self) -> Vec<String> {
        self.conns.iter().chain(&self.captures).cloned().collect()
    }

    fn parameter(&self, path: &str) -> Result<String, String> {
        bound_text(&self.find(path)?, path)
    }

    fn constants(&self) -> Constants {
        self.constants
    }
}

/// Reads one case.
#[derive(Debug, Default)]
pub(super) struct Reader<'a> {
    pub(super) faults: Vec<Diagnostic>,
    pub(super) scope: Scope<'a>,
    /// `None`: all that some device may need is read, to find the errors in it.
    pub(super) profile: Option<&'a Profile>,
    /// IP version of the case, and all that the spec has.
    pub(super) family: Option<Family>,
    pub(super) families: Vec<Family>,
    /// Requirement ids are looked up here.
    pub(super) catalogue: Option<&'a Catalogue>,
    /// The preamble that is being read.
    pub(super) preamble: Option<Arc<str>>,
    /// The connection of the step that is being read.
    own: usize,
    /// The segments of each connection that the steps so far have brought.
    pub(super) heard: Vec<Heard>,
    /// Captures of segments that were injected.
    injected: Vec<String>,
    /// The segment that is being read is injected: the tester chooses what has no value yet.
    injects: bool,
    /// What each connection's window is shifted by; `None` where that is left open.
    pub(super) shifts: Vec<Option<i64>>,
    /// Number of the step read last, and what stands before it: `2/rfc5961.`.
    number: usize,
    prefix: String,
    /// Steps so far, the limit of [`MAX_STEPS`].
    count: usize,
}

impl<'a> Reader<'a> {
    /// A reader that looks up requirements and asks a profile.
    pub(super) fn new(catalogue: Option<&'a Catalogue>, profile: Option<&'a Profile>) -> Self {
        Self {
            profile,
            catalogue,
            ..Self::default()
        }
    }

    /// Reads the steps of a file or a preamble, numbered from 1.
    pub(super) fn steps(&mut self, nodes: &[Node<'a>]) -> Vec<Step> {
        (self.number, self.count) = (0, 0);
        self.prefix.clear();
        let mut steps = Vec::with_capacity(nodes.len());
        self.read_steps(nodes, &mut steps);
        steps
    }

    /// Puts a parameter in the place of `$name` or `$name.field`.
    pub(super) fn resolve(&mut self, node: &Node<'a>) -> Option<Node<'a>> {
        let path = match node.text() {
            Some(text) if is_parameter(&text) => text[1..].to_owned(),
            _ => return Some(node.clone()),
        };
        match self.scope.find(&path) {
            Ok(Bound::Node(found)) => Some(found),
            Ok(Bound::Number(number)) => Some(node.with_text(&number.to_string())),
            Err(why) => {
                self.fault(node.error("spec::unknown-parameter", why));
                None
            }
        }
    }

    /// A scalar as text, with parameters put in wherever they stand: `SM-$cell.id-RST_EXACT`.
    pub(super) fn text(&mut self, node: &Node<'a>, what: &str) -> Option<String> {
        let node = self.resolve(node)?;
        let Some(text) = node.text().map(Cow::into_owned) else {
            let message = format!("{what} is a word, not {}", node.kind());
            self.fault(node.error("spec::type", message));
            return None;
        };
        if text.contains('$') {
            return self.substituted(&text, &node);
        }
        Some(text)
    }

    fn substituted(&mut self, text: &str, node: &Node<'a>) -> Option<String> {
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            let path = parameter_path(after);
            done.push_str(before);
            match Names::parameter(&self.scope, path) {
                Ok(value) => done.push_str(&value),
                Err(why) => {
                    self.fault(node.error("spec::unknown-parameter", why));
                    return None;
                }
            }
            rest = &after[path.len()..];
        }
        done.push_str(rest);
        Some(done)
    }

    /// One word of a table.
    pub(super) fn word(
        &mut self,
        node: &Node<'a>,
        what: &str,
        known: &[&'static str],
    ) -> Option<&'static str> {
        let text = self.text(node, what)?;
        let found = known.iter().find(|have| **have == text);
        if found.is_none() {
            let fault = node.error("spec::unknown-word", format!("`{text}` is not {what}"));
            let near = table::nearest(&text, known.iter().copied());
            let fault = fault.near(near.filter(|near| *near != text));
            self.fault(fault.help(format!("known here: {}", known.join(" "))));
        }
        found.copied()
    }

    /// A list of words of a table; none if the field is not there.
    pub(super) fn words(
        &mut self,
        node: Option<&Node<'a>>,
        what: &str,
        known: &'static [Entry],
    ) -> Vec<&'static str> {
        let Some(node) = node else { return Vec::new() };
        let names = table::names(known);
        let nodes = self.list(node, what);
        nodes
            .iter()
            .filter_map(|node| self.word(node, what, &names))
            .collect()
    }

    /// A name of the author's choice.
    pub(super) fn name(&mut self, node: &Node<'a>, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        let ok = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
            && !["prev", "min", "max", "in"].contains(&&*text);
        if !ok {
            let message = format!("`{text}` cannot be {what}");
            let help = "a name has letters, digits and `_`, and is not `prev`, `min`, `max`, `in`";
            self.fault(node.error("spec::bad-name", message).help(help));
            return None;
        }
        Some(text)
    }

    /// A whole number up to `most`.
    pub(super) fn count(&mut self, node: &Node<'a>, most: u64) -> Option<u64> {
        let number = self.expression(node, "a number", |text, names| {
            expr::value(text, Type::Number, names)
        })?;
        let number = super::expand::constant(&number).and_then(|value| u64::try_from(value).ok());
        let number = number.filter(|value| *value <= most);
        if number.is_none() {
            let message = format!("this is a whole number from 0 to {most}");
            self.fault(node.error("spec::out-of-range", message));
        }
        number
    }

    /// `true` or `false`.
    pub(super) fn truth(&mut self, node: &Node<'a>) -> Option<bool> {
        Some(self.word(node, "a yes or no", &["true", "false"])? == "true")
    }

    /// A duration without variables.
    pub(super) fn fixed_duration(&mut self, node: &Node<'a>) -> Option<std::time::Duration> {
        let expr = self.value(node, Type::Duration)?;
        let nanos = super::expand::constant(&expr).and_then(|value| u64::try_from(value).ok());
        if nanos.is_none() {
            let message = "this duration must be known before the case runs";
            self.fault(node.error("spec::out-of-range", message));
        }
        nanos.map(std::time::Duration::from_nanos)
    }

    /// An expression.
    pub(super) fn value(&mut self, node: &Node<'a>, want: Type) -> Option<super::case::Expr> {
        self.limited(node, &Limit::any(want))
    }

    /// A value, a range, `any`, `present`, `absent`, or a list of them.
    pub(super) fn pattern(&mut self, node: &Node<'a>, want: Type) -> Option<Pattern> {
        self.limited_pattern(node, &Limit::any(want))
    }

    /// Reads the text of a node by a function of [`expr`].
    pub(super) fn expression<T>(
        &mut self,
        node: &Node<'a>,
        what: &str,
        read: impl Fn(&str, &dyn Names) -> Result<T, expr::Fault>,
    ) -> Option<T> {
        let node = self.resolve(node)?;
        let Some(text) = node.text() else {
            let message = format!("{what} belongs here, not {}", node.kind());
            self.fault(node.error("spec::type", message));
            return None;
        };
        match read(&text, &self.scope) {
            Ok(value) => Some(value),
            Err(fault) => {
                let span = node.part(fault.at.start, fault.at.end);
                let mut error = Diagnostic::error(fault.code, node.source(), span, fault.message);
                error.help = fault.help;
                self.fault(error.near(fault.near));
                None
            }
        }
    }

    /// A list, or the one thing that stands there instead of a list of one.
    pub(super) fn list(&mut self, node: &Node<'a>, what: &str) -> Vec<Node<'a>> {
        let Some(node) = self.resolve(node) else {
            return Vec::new();
        };
        node.items().unwrap_or_else(|| {
            let fault = node.error("spec::type", format!("{what}: a list belongs here"));
            self.fault(match node.text() {
                Some(text) => fault.help(format!("a list of one: `[{text}]`")),
                None => fault,
            });
            Vec::new()
        })
    }

    /// The id of a requirement that exists.
    pub(super) fn requirement(&mut self, node: &Node<'a>) -> Option<String> {
        let id = self.text(node, "a requirement id")?;
        let Some(catalogue) = self.catalogue else {
            return Some(id);
        };
        if catalogue.get(&id).is_none() {
            let (message, help) = catalogue.unknown(&id);
            let mut fault = node.error("spec::unknown-requirement", message);
            fault.help = help;
            self.fault(fault);
            return None;
        }
        Some(id)
    }

    /// Notes an error.
    pub(super) fn fault(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }
}

/// `$name` or `$name.field` and nothing else.
fn is_parameter(text: &str) -> bool {
    text.strip_prefix('$')
        .is_some_and(|rest| !rest.is_empty() && parameter_path(rest) == rest)
}

/// The `name` or `name.field` that a text begins with.
fn parameter_path(text: &str) -> &str {
    let word = |text: &str| {
        text.bytes()
            .take_while(|octet| octet.is_ascii_alphanumeric() || *octet == b'_')
            .count()
    };
    let name = word(text);
    let after = &text[name..];
    let field = after.strip_prefix('.').map_or(0, word);
    if field == 0 {
        &text[..name]
    } else {
        &text[..=name + field]
    }
}
