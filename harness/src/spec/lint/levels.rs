//! Levels that do not fit what is covered.

use super::Linted;
use crate::spec::case::{Case, Level, Step, Verb};
use crate::spec::catalogue::{Kind, Requirement};
use crate::spec::diagnostic::{Diagnostic, Severity};
use crate::spec::visit;
use std::collections::{BTreeMap, BTreeSet};

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

/// What a spec judged at MUST covers beside: a SHOULD by which no step is judged, so that all of it
/// fails as a MUST does, and a MAY that the device is not free to leave.
pub(super) fn unmarked(linted: &Linted<'_>) -> Vec<Diagnostic> {
    if linted.spec.level == Level::Should {
        return Vec::new();
    }
    let all = |case| requirements(linted, case).collect::<Vec<_>>();
    let covered: BTreeMap<&str, &Requirement> = linted
        .cases
        .iter()
        .flat_map(all)
        .map(|one| (one.id.as_str(), one))
        .collect();
    let named: BTreeSet<&str> = linted
        .cases
        .iter()
        .flat_map(|case| named(&case.steps))
        .collect();
    let is_told = |one: &Requirement| {
        let same = covered.values().filter(|other| is_same(one, other));
        named.contains(one.id.as_str())
            || same
                .into_iter()
                .any(|other| other.level == Level::Must || named.contains(other.id.as_str()))
    };
    let untold = covered
        .values()
        .filter(|one| one.kind != Kind::Tc8 && !is_told(one));
    untold.filter_map(|one| misjudged(linted, one)).collect()
}

fn misjudged(linted: &Linted<'_>, one: &Requirement) -> Option<Diagnostic> {
    let id = &one.id;
    let (message, help) = match one.level {
        Level::Should => (
            format!("{id} is a SHOULD, but no step is judged by it"),
            format!("write `should: {id}` beside what it asks for, or take it out of `covers`"),
        ),
        Level::May if !is_free(linted) => (
            format!("{id} is a MAY, but a device that does without it fails"),
            "write `needs`, `when: profile.…` or `one_of`, or take it out of `covers`".to_owned(),
        ),
        Level::Must | Level::May => return None,
    };
    let error = linted.at_covered(id, "spec::level", message);
    Some(Diagnostic {
        severity: Severity::Error,
        ..error.help(help)
    })
}

/// One demands what the other does (`same_as`).
fn is_same(one: &Requirement, other: &Requirement) -> bool {
    one.same_as.as_ref() == Some(&other.id) || other.same_as.as_ref() == Some(&one.id)
}

/// A device may do otherwise: it claims a capability, has a policy, or takes a branch.
fn is_free(linted: &Linted<'_>) -> bool {
    let mut branches = false;
    for case in &linted.cases {
        visit::steps(&case.steps, &mut |step| {
            branches |= matches!(step.verb, Verb::OneOf(_));
        });
    }
    let needs = linted.cases.iter().any(|case| !case.needs.is_empty());
    let source = linted.spec.document.source();
    branches || needs || source.text.contains("when: profile.")
}

/// The requirements by which steps are judged at SHOULD level.
fn named(steps: &[Step]) -> BTreeSet<&str> {
    let mut all = BTreeSet::new();
    visit::steps(steps, &mut |step| all.extend(named_by(step)));
    all
}

/// The requirements by which a step, or a part of it, is judged at SHOULD level.
pub(super) fn named_by(step: &Step) -> impl Iterator<Item = &str> {
    let part = match &step.verb {
        Verb::Expect(expect) => expect.should.as_ref().map(|should| should.covers.as_str()),
        _ => None,
    };
    step.should.as_deref().into_iter().chain(part)
}

fn requirements<'a>(
    linted: &'a Linted<'_>,
    case: &'a Case,
) -> impl Iterator<Item = &'a Requirement> {
    case.covers.iter().filter_map(|id| linted.catalogue.get(id))
}

fn covered(linted: &Linted<'_>, case: &Case) -> Vec<Level> {
    requirements(linted, case)
        .map(|requirement| requirement.level)
        .collect()
}

fn has_should(steps: &[Step]) -> bool {
    !named(steps).is_empty()
}

/// Steps that are graded by a requirement that is a MUST.
pub(super) fn steps(linted: &Linted<'_>, case: &Case) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit::steps(&case.steps, &mut |step| {
        for id in named_by(step) {
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
