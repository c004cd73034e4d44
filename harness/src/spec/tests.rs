//! The specs of this repository are read, and what is broken is told.

mod diagnostics;
mod documents;
mod expansion;
mod hostile;

use super::case::{Expr, Family, Verb};
use super::*;

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

fn embedded() -> Suite {
    load(&Sources::embedded()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn every_embedded_file_is_good() {
    let suite = embedded();
    let profile = suite.profile("bundled").unwrap();
    let cases = suite
        .cases(profile, &FAMILIES)
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(cases.len() >= 60, "{} cases", cases.len());
}

#[test]
fn what_leans_on_a_setting_is_there() {
    let suite = embedded();
    let ids: Vec<String> = case_names(&Sources::embedded())
        .into_iter()
        .flat_map(|(_, names)| names.unwrap())
        .collect();
    let linux = suite.profile("linux").unwrap();
    assert!(!linux.leaning.is_empty());
    for glob in linux.leaning.iter().flat_map(|list| &list.cases) {
        let is_there = ids.iter().any(|id| glob.matches(id));
        assert!(is_there, "no case is called {}", glob.text());
    }
}

#[test]
fn names_are_those_of_the_cases() {
    let sources = Sources::embedded();
    let suite = embedded();
    let cases = suite
        .cases(suite.profile("bundled").unwrap(), &FAMILIES)
        .unwrap();
    let mut ids: Vec<String> = cases.into_iter().map(|case| case.id).collect();
    let mut names: Vec<String> = case_names(&sources)
        .into_iter()
        .flat_map(|(_, names)| names.unwrap())
        .collect();
    ids.sort();
    names.sort();
    assert_eq!(ids, names);
}

#[test]
fn heads_are_enough_for_an_outline() {
    let shown = |suite: Suite| {
        let cases = suite.outline(suite.profile("bundled").unwrap(), &FAMILIES);
        let shown = cases.unwrap().into_iter();
        let shown = shown.map(|case| (case.id, case.title, case.covers, case.skip));
        shown.collect::<Vec<_>>()
    };
    let sources = Sources::embedded();
    let heads = shown(read_heads(&sources).unwrap());
    assert_eq!(heads, shown(embedded()));
    let bare = sources.without("deviations").without("requirements");
    assert_eq!(heads, shown(read_heads(&bare).unwrap()));
}

#[test]
fn one_spec_is_found_by_a_case() {
    let id = "3.10.7.4/rst-validation[state=CLOSING,rst=inside,v6]";
    let suite = load_one(&Sources::embedded(), id).unwrap();
    let cases = suite
        .cases(suite.profile("bundled").unwrap(), &FAMILIES)
        .unwrap();
    assert_eq!(cases.len(), 60);
    let case = cases.iter().find(|case| case.id == id).unwrap();
    assert_eq!(
        case.steps
            .iter()
            .filter(|step| step.preamble.is_some())
            .count(),
        9
    );
    let own: Vec<&str> = case
        .steps
        .iter()
        .filter(|s| s.preamble.is_none())
        .map(|s| &*s.number)
        .collect();
    assert_eq!(own, ["1", "2", "3"]);
    let syn = case.steps.iter().find_map(|step| match &step.verb {
        Verb::Inject(inject) => Some(inject),
        _ => None,
    });
    let mss = Expr::Named("LINK.MSS", Box::new(Expr::Number(1440)));
    assert_eq!(syn.unwrap().mss, Some(mss));
}
