//! What is judged here, and held to be untestable in its list: one of the two is wrong.

use super::{Linted, levels};
use crate::spec::case::Case;
use crate::spec::diagnostic::{Diagnostic, Severity};
use crate::spec::visit;
use std::collections::BTreeSet;

const HELP: &str =
    "say in its list how it is seen (`observable: wire`), or take it out of this spec";

/// Such ids in `covers`.
pub(super) fn covered(linted: &Linted<'_>) -> Vec<Diagnostic> {
    let all = linted.cases.iter().flat_map(|case| &case.covers);
    let ids: BTreeSet<&String> = all.filter(|id| is_untestable(linted, id)).collect();
    let found = ids.into_iter().map(|id| {
        let fault = linted.at_covered(id, "spec::untestable", message(id));
        Diagnostic {
            severity: Severity::Error,
            ..fault.help(HELP)
        }
    });
    found.collect()
}

/// Steps that are judged by such an id, which need not stand in `covers`.
pub(super) fn steps(linted: &Linted<'_>, case: &Case) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit::steps(&case.steps, &mut |step| {
        for id in levels::named_by(step) {
            if is_untestable(linted, id) {
                let fault = linted.error(step, "spec::untestable", message(id));
                found.push(fault.help(HELP));
            }
        }
    });
    found
}

fn is_untestable(linted: &Linted<'_>, id: &str) -> bool {
    let known = linted.catalogue.get(id);
    known.is_some_and(|requirement| requirement.observable == "untestable")
}

fn message(id: &str) -> String {
    format!("{id} is held to be untestable, and judged here")
}
