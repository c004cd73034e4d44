//! A spec as a file: what is known of it before a case is made of it.

use super::case::{Family, Level};
use super::decode::{Bound, Parameter, Reader};
use super::diagnostic::Diagnostic;
use super::table::{self, FILE};
use super::yaml::{Document, Node};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// Most cases of one spec, per address family.
const MAX_CASES: usize = 2000;

/// A spec.
#[derive(Debug)]
pub struct Spec {
    /// `3.6/simultaneous-close`: what the ids of its cases begin with.
    pub id: String,
    /// `3.6-closing`.
    pub folder: String,
    /// `3.6`, or `rfc5961.3.2`.
    pub section: String,
    /// The file as it is cited.
    pub file: Arc<str>,
    /// One sentence that is true of a conforming device.
    pub title: String,
    /// What it is about.
    pub why: Option<String>,
    /// Requirement ids as they are written: a family's may hold `$param`.
    pub covers: Vec<String>,
    /// The level of a plain step.
    pub level: Level,
    /// IP versions.
    pub families: Vec<Family>,
    /// Parameters: name, and the shown values in the order of the file.
    pub parameters: Vec<(String, Vec<String>)>,
    pub(super) document: Arc<Document>,
}

impl Spec {
    /// Reads all but the steps.
    pub(super) fn read(
        folder: &str,
        name: &str,
        document: &Arc<Document>,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let mut reader = Reader::new(None, None);
        let root = document.root();
        let section = section(folder);
        if root.is_null() {
            let help = "a spec has `spec: 1`, `title`, `covers`, `start` and `steps`";
            reader.fault(
                root.error("spec::type", "there is no spec in this file")
                    .help(help),
            );
            return (None, reader.faults);
        }
        if !reader.keys(&root, "a spec", &[FILE]) {
            return (None, reader.faults);
        }
        if !document.is_cut() {
            let required = ["spec", "title", "covers", "start", "steps"];
            reader.missing(&root, "a spec", &required);
        }
        if let Some(version) = root
            .get("spec")
            .filter(|node| node.text().as_deref() != Some("1"))
        {
            let message = "this tool reads version 1 of the language";
            reader.fault(
                version
                    .error("spec::version", message)
                    .help("write `spec: 1`"),
            );
        }
        let text = |key: &str| root.get(key).and_then(|n| n.text().map(Cow::into_owned));
        let families = root.get("family").and_then(|node| {
            Some(match reader.word(&node, "an IP version", &["4", "6"])? {
                "4" => vec![Family::V4],
                _ => vec![Family::V6],
            })
        });
        let covers = root
            .get("covers")
            .map(|node| reader.list(&node, "`covers`"));
        let covers = covers.unwrap_or_default();
        let covers = covers
            .iter()
            .filter_map(|node| node.text().map(Cow::into_owned))
            .collect();
        let parameters = root.get("cases").map(|node| parameters(&mut reader, &node));
        let (title, why) = (text("title"), text("why"));
        let level = match text("level").as_deref() {
            Some("should") => Level::Should,
            _ => Level::Must,
        };
        let spec = Self {
            id: format!("{section}/{name}"),
            folder: folder.to_owned(),
            section: section.to_owned(),
            file: Arc::clone(&document.source().name),
            title: title.unwrap_or_default(),
            why,
            covers,
            level,
            families: families.unwrap_or_else(|| vec![Family::V4, Family::V6]),
            parameters: parameters.unwrap_or_default(),
            document: Arc::clone(document),
        };
        (Some(spec), reader.faults)
    }

    /// How many combinations of parameters there are.
    pub(super) fn combinations(&self) -> usize {
        self.parameters
            .iter()
            .map(|(_, values)| values.len())
            .product()
    }

    /// Index of the value of each parameter in the combination `at`; the last changes fastest.
    pub(super) fn combination(&self, mut at: usize) -> Vec<usize> {
        let mut chosen = vec![0; self.parameters.len()];
        for (slot, (_, values)) in chosen.iter_mut().zip(&self.parameters).rev() {
            *slot = at % values.len();
            at /= values.len();
        }
        chosen
    }

    /// Names and shown values of the parameters in a combination.
    pub(super) fn shown(&self, chosen: &[usize]) -> Vec<(String, String)> {
        let pair = |((name, values), at): (&(String, Vec<String>), &usize)| {
            (name.clone(), values.get(*at).cloned().unwrap_or_default())
        };
        self.parameters.iter().zip(chosen).map(pair).collect()
    }

    /// The parameters of a combination, bound to their values in the file.
    pub(super) fn bound(&self, chosen: &[usize]) -> Vec<Parameter<'_>> {
        let cases = self.document.root().get("cases");
        let bind = |((name, _), at): (&(String, Vec<String>), &usize)| {
            let items = cases.as_ref()?.get(name)?.items()?;
            let values: Rc<[Bound<'_>]> = items.into_iter().map(Bound::Node).collect();
            let bound = values.get(*at)?.clone();
            Some(Parameter {
                name: Rc::from(&**name),
                bound,
                values,
            })
        };
        self.parameters
            .iter()
            .zip(chosen)
            .filter_map(bind)
            .collect()
    }

    /// The id of a case.
    pub(super) fn case_id(&self, parameters: &[(String, String)], family: Family) -> String {
        let mut parts: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        parts.push(family_name(family).to_owned());
        format!("{}[{}]", self.id, parts.join(","))
    }

    /// The ids of all cases.
    pub fn case_ids(&self) -> Vec<String> {
        let combinations = (0..self.combinations()).map(|at| self.shown(&self.combination(at)));
        let ids = combinations.flat_map(|shown| {
            self.families
                .iter()
                .map(move |family| self.case_id(&shown, *family))
                .collect::<Vec<_>>()
        });
        ids.collect()
    }
}

/// `v4`, `v6`.
pub fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

/// The section that a folder stands for: what stands before the first hyphen.
pub(super) fn section(folder: &str) -> &str {
    folder
        .split_once('-')
        .map_or(folder, |(section, _)| section)
}

/// `cases:`, a table of parameters.
fn parameters<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Vec<(String, Vec<String>)> {
    let Some(entries) = node.entries() else {
        let message = "`cases` is a map of parameters to lists";
        reader.fault(node.error("spec::type", message));
        return Vec::new();
    };
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for entry in &entries {
        let ok = entry
            .key
            .bytes()
            .all(|o| o.is_ascii_alphanumeric() || o == b'_');
        if !ok || entry.key.is_empty() || entry.key == "profile" {
            let message = format!("`{}` cannot be a parameter", entry.key);
            let source = node.source();
            reader.fault(
                Diagnostic::error("spec::bad-name", source, entry.key_span, message)
                    .help("a name has letters, digits and `_`, and is not `profile`"),
            );
            continue;
        }
        let items = entry.node.items().unwrap_or_default();
        if items.is_empty() {
            let message = format!("the parameter `{}` needs a list of values", entry.key);
            reader.fault(entry.node.error("spec::type", message));
            continue;
        }
        let mut shown: Vec<String> = Vec::new();
        for item in &items {
            let Some(text) = shown_value(reader, item) else {
                continue;
            };
            if shown.contains(&text) {
                let message = format!("the value `{text}` stands here twice");
                reader.fault(item.error("spec::duplicate-value", message));
            }
            shown.push(text);
        }
        if shown.len() == items.len() {
            all.push((entry.key.to_string(), shown));
        }
    }
    let count = all.iter().try_fold(1_usize, |so_far, (_, values)| {
        so_far.checked_mul(values.len())
    });
    if count.is_none_or(|count| count > MAX_CASES) {
        let message = format!("a spec has at most {MAX_CASES} cases per address family");
        reader.fault(
            node.error("spec::too-many-cases", message)
                .help("split the spec"),
        );
        return Vec::new();
    }
    all
}

/// How a value shows in the id of a case: a row by its name, a scalar as it is written.
fn shown_value<'a>(reader: &mut Reader<'a>, item: &Node<'a>) -> Option<String> {
    let node = if item.entries().is_some() {
        let Some(name) = item.get("name") else {
            let message = "a row of `cases` needs a `name`";
            let help = "the name stands in the id of the case: `{name: before, …}`";
            reader.fault(item.error("spec::missing-field", message).help(help));
            return None;
        };
        name
    } else {
        item.clone()
    };
    let text: String = node.text().unwrap_or_default().split_whitespace().collect();
    if text.is_empty() || text.contains([',', '=', '[', ']', '/', '*', '?', '{', '}', '$']) {
        let message = format!("this cannot stand in the id of a case: `{text}`");
        let help = "give the row a name: `{name: …, value: …}`, and use `$param.value`";
        reader.fault(node.error("spec::bad-name", message).help(help));
        return None;
    }
    Some(text)
}

/// The top-level keys, in the order in which they must stand.
pub(super) fn key_order(document: &Document) -> Option<Diagnostic> {
    let names = table::names(FILE);
    let mut last = 0;
    for entry in document.root().entries().unwrap_or_default() {
        let Some(at) = names.iter().position(|name| *name == entry.key) else {
            continue;
        };
        if at < last {
            let message = format!("`{}` stands after `{}`", entry.key, names[last]);
            let source = document.source();
            let fault = Diagnostic::warning("spec::key-order", source, entry.key_span, message);
            return Some(fault.help(format!("the order of keys: {}", names.join(" "))));
        }
        last = at;
    }
    None
}
