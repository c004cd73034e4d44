//! Entries of the deviation lists that can never apply: no such case, no such device.

use crate::spec::deviations::{CaseGlob, Deviation};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::head::Spec;
use crate::spec::table;
use std::collections::BTreeSet;

/// A glob of an entry: numbers of both, from 0.
type Place = (usize, usize);

/// The globs that mean some case of a spec.
pub(in crate::spec) fn named_by(spec: &Spec, deviations: &[Deviation]) -> Vec<Place> {
    let globs = deviations
        .iter()
        .enumerate()
        .flat_map(|(entry, deviation)| {
            let globs = deviation.cases.iter().enumerate();
            globs.map(move |(at, glob)| ((entry, at), glob))
        });
    let mut near = globs
        .filter(|(_, glob)| glob.matches_spec(&spec.id))
        .peekable();
    if near.peek().is_none() {
        return Vec::new();
    }
    let ids = spec.case_ids();
    let means_one = |glob: &CaseGlob| ids.iter().any(|id| glob.matches(id));
    near.filter(|(_, glob)| means_one(glob))
        .map(|(place, _)| place)
        .collect()
}

/// What is wrong with the entries, where `named` are the globs that mean some case and `devices`
/// the names of all profiles.
pub(in crate::spec) fn deviations(
    deviations: &[Deviation],
    named: &BTreeSet<Place>,
    devices: &[&str],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (at, entry) in deviations.iter().enumerate() {
        found.extend(unused(entry, |glob| named.contains(&(at, glob))));
        found.extend(unknown_device(entry, devices));
    }
    found
}

/// An entry whose globs, or some of them, mean no case of any device.
fn unused(entry: &Deviation, is_named: impl Fn(usize) -> bool) -> Option<Diagnostic> {
    let globs = entry.cases.iter().enumerate();
    let unused: Vec<String> = globs
        .filter(|(at, _)| !is_named(*at))
        .map(|(_, glob)| format!("`{}`", glob.text()))
        .collect();
    if unused.is_empty() {
        return None;
    }
    let message = format!("no case is called {}", unused.join(" or "));
    let what = if unused.len() == entry.cases.len() {
        "remove the entry"
    } else {
        "remove it from the entry"
    };
    Some(entry.diagnostic("deviation::unused", message).help(what))
}

/// An entry about a device of which there is no profile. A device is called by the name of its
/// profile, a hyphen, and its version or address.
fn unknown_device(entry: &Deviation, devices: &[&str]) -> Option<Diagnostic> {
    let plain: &str = entry.device.split(['*', '?', '[', '{']).next()?;
    let begins = |name: &&str| {
        let whole = format!("{name}-");
        whole.starts_with(plain) || plain.starts_with(&whole)
    };
    if devices.iter().any(begins) {
        return None;
    }
    let message = format!("no device is called `{}`", entry.device);
    let near = table::nearest(plain.trim_end_matches('-'), devices.iter().copied());
    let help = format!(
        "the name of a profile, then a version or an address: {}",
        devices.join("-* ") + "-*"
    );
    let (source, span) = (&entry.source, entry.device_span);
    let found = Diagnostic::error("deviation::unknown-device", source, span, message);
    Some(found.near(near.map(|name| format!("{name}-*"))).help(help))
}
