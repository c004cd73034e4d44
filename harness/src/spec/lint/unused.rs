//! Names that nothing uses.

use super::Linted;
use crate::spec::case::{Case, Expected, Expr, FastOpen, FastOpenPattern, Verb};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::source::Span;
use crate::spec::visit;
use crate::spec::yaml::Node;
use std::collections::BTreeSet;

/// Captures that no later step uses.
pub(super) fn captures(linted: &Linted<'_>, case: &Case) -> Vec<Diagnostic> {
    let mut used = BTreeSet::new();
    visit::steps(&case.steps, &mut |step| {
        visit::expressions(step, &mut |expr| {
            if let Expr::Capture { name, .. } = expr {
                used.insert(name.as_str());
            }
        });
        if let Verb::Expect(expect) = &step.verb
            && let Expected::Again(name) = &expect.what
        {
            used.insert(name.as_str());
        }
        used.extend(cookie_of(&step.verb));
    });
    let mut found = Vec::new();
    visit::steps(&case.steps, &mut |step| {
        let name = match &step.verb {
            Verb::Inject(inject) => inject.name.as_deref(),
            Verb::Expect(expect) => expect.name.as_deref(),
            Verb::Flood(flood) => flood.name.as_deref(),
            _ => None,
        };
        if let Some(name) = name.filter(|name| !used.contains(*name)) {
            let message = format!("nothing uses the capture `{name}`");
            let warning = linted.warning(step, "spec::unused-capture", message);
            found.push(warning.help(format!("remove `as: {name}`")));
        }
    });
    found
}

/// The capture whose Fast Open cookie is sent or expected.
fn cookie_of(verb: &Verb) -> Option<&str> {
    let option = match verb {
        Verb::Inject(inject) => inject.tfo.as_ref(),
        Verb::Expect(expect) => match &expect.what {
            Expected::Segment(segment) => match &segment.tfo {
                Some(FastOpenPattern::Is(option)) => Some(option),
                _ => None,
            },
            Expected::Again(_) => None,
        },
        _ => None,
    };
    match option {
        Some(FastOpen::From(name)) => Some(name),
        _ => None,
    }
}

/// Parameters of `cases`, and fields of their rows, that nothing uses.
pub(super) fn parameters(linted: &Linted<'_>) -> Vec<Diagnostic> {
    let root = linted.spec.document.root();
    let mut used = Vec::new();
    for entry in root.entries().unwrap_or_default() {
        if entry.key != "cases" {
            collect(&entry.node, &mut used);
        }
    }
    let unused = |span: Span, message: String| {
        Diagnostic::warning("spec::unused-parameter", root.source(), span, message)
    };
    let mut found = Vec::new();
    for parameter in root
        .get("cases")
        .and_then(|cases| cases.entries())
        .unwrap_or_default()
    {
        let name = &parameter.key;
        let whole = used.iter().any(|path| path == name);
        let starts = format!("{name}.");
        if !whole && !used.iter().any(|path| path.starts_with(&starts)) {
            let message =
                format!("nothing uses the parameter `{name}`: its cases are all the same");
            found.push(unused(parameter.key_span, message));
            continue;
        }
        let rows = parameter.node.items().unwrap_or_default();
        for field in rows.first().and_then(Node::entries).unwrap_or_default() {
            let path = format!("{name}.{}", field.key);
            if !whole && field.key != "name" && !used.contains(&path) {
                let message = format!("nothing uses the field `{}`", field.key);
                found.push(unused(field.key_span, message));
            }
        }
    }
    found
}

/// All `$paths` below a node.
fn collect(node: &Node<'_>, used: &mut Vec<String>) {
    if let Some(text) = node.text() {
        for part in text.split('$').skip(1) {
            let in_path = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
            let end = part.find(|letter| !in_path(letter)).unwrap_or(part.len());
            let path = part[..end].split("..").next().unwrap_or_default();
            used.push(path.trim_end_matches('.').to_owned());
        }
    }
    for item in node.items().unwrap_or_default() {
        collect(&item, used);
    }
    for entry in node.entries().unwrap_or_default() {
        collect(&entry.node, used);
    }
}
