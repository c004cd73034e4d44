//! Levels that do not fit what is covered.

use super::Linted;
use crate::spec::case::{Case, Level, Step, Verb};
use crate::spec::diagnostic::{Diagnostic, Severity};
use crate::spec::visit;

/// The level of the file against the levels of what its cases cover.
pub(super) fn file(linted: &Linted<'_>) -> Option<Diagnostic> {
    match linted.spec.level {
        Level::Should => too_soft(linted),
        Level::Must | Level::May => linted.cases.iter().find_map(|case| too_hard(linted, case)),
    }
}

/// A case that fails at MUST, where nothing that it covers is one.
fn too_hard(linted: &Linted<'_>, case: &Case) -> Option<Diagnostic> {
    let covered = covered(linted, case);
    if covered.is_empty() || covered.contains(&Level::Must) || has_should(&case.steps) {
        return None;
    }
    let message = match &case.params[..] {
        [] => "nothing that this spec covers is a MUST, but its steps are judged so".to_owned(),
        _ => format!(
            "nothing that {} covers is a MUST, but its steps are judged so",
            case.id
        ),
    };
    let found = linted.at_key("covers", "spec::level", message);
    let help =
        "write `level: should`, or `should: ID` beside the steps, or cover what makes it a MUST";
    Some(Diagnostic {
        severity: Severity::Error,
        ..found.help(help)
    })
}

/// A file that is graded as a whole, although it covers a MUST.
fn too_soft(linted: &Linted<'_>) -> Option<Diagnostic> {
    let covers_must = |case: &Case| covered(linted, case).contains(&Level::Must);
    if !linted.cases.iter().any(covers_must) {
        return None;
    }
    let message = "this spec covers a MUST, but its steps are judged as SHOULD";
    let found = linted.at_key("level", "spec::level", message);
    Some(found.help("remove `level`, and write `should: ID` beside the steps that are"))
}

fn covered(linted: &Linted<'_>, case: &Case) -> Vec<Level> {
    let known = case.covers.iter().filter_map(|id| linted.catalogue.get(id));
    known.map(|requirement| requirement.level).collect()
}

fn has_should(steps: &[Step]) -> bool {
    let mut found = false;
    visit::steps(steps, &mut |step| {
        let part = matches!(&step.verb, Verb::Expect(expect) if expect.should.is_some());
        found |= part || step.should.is_some();
    });
    found
}

/// Steps that are graded by a requirement that is a MUST.
pub(super) fn steps(linted: &Linted<'_>, case: &Case) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit::steps(&case.steps, &mut |step| {
        let part = match &step.verb {
            Verb::Expect(expect) => expect.should.as_ref().map(|should| &should.covers),
            _ => None,
        };
        for id in step.should.iter().chain(part) {
            let level = linted
                .catalogue
                .get(id)
                .map(|requirement| requirement.level);
            if level == Some(Level::Must) {
                let message = format!("{id} is a MUST, but this is judged as a SHOULD");
                found.push(linted.warning(step, "spec::level", message));
            }
        }
    });
    found
}
