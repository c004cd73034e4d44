//! Levels that do not fit what is covered.

use super::Linted;
use crate::spec::case::{Case, Level, Step, Verb};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::visit;

/// The level of the file against the levels of what it covers.
pub(super) fn file(linted: &Linted<'_>) -> Option<Diagnostic> {
    let covered: Vec<Level> = linted
        .cases
        .iter()
        .flat_map(|case| &case.covers)
        .filter_map(|id| linted.catalogue.get(id))
        .map(|requirement| requirement.level)
        .collect();
    let graded = linted.cases.iter().any(|case| has_should(&case.steps));
    match linted.spec.level {
        Level::Must if !covered.is_empty() && !covered.contains(&Level::Must) && !graded => {
            let message = "nothing that this spec covers is a MUST, but its steps are judged so";
            let found = linted.at_key("covers", "spec::level", message);
            Some(found.help("write `level: should`, or `should: ID` beside the steps"))
        }
        Level::Should if covered.contains(&Level::Must) => {
            let message = "this spec covers a MUST, but its steps are judged as SHOULD";
            let found = linted.at_key("level", "spec::level", message);
            Some(found.help("remove `level`, and write `should: ID` beside the steps that are"))
        }
        _ => None,
    }
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
