//! What was meant by a selector that selects no case: a misspelt one would silently drop cases.
//!
//! A name that nothing has is a slip of whoever wrote the command line (exit code 2). A section, a
//! glob, or a requirement that is known and not covered selects nothing (exit code 4).

use super::{Failure, is_yaml};
use crate::select::{Selection, Selector};
use crate::spec::case::Case;
use crate::spec::table::nearest;
use crate::spec::{Spec, Suite};
use std::path::Path;

/// Most values of a parameter that a message lists.
const VALUES: usize = 8;

/// Every selector has to mean something; the error is about the first that has a slip, else about
/// the first that is idle.
pub(super) fn check(
    select: &[String],
    selection: &Selection,
    suite: &Suite,
    cases: &[Case],
) -> Result<(), Failure> {
    let idle = |(_, selector): &(&String, &Selector)| {
        !cases.iter().any(|case| selector.selects(&case.into()))
    };
    let selectors = select.iter().zip(&selection.selectors).filter(idle);
    let mut failures: Vec<Failure> = selectors
        .map(|(text, selector)| idle_selector(text.trim(), selector, suite))
        .collect();
    failures.sort_by_key(|failure| !matches!(failure, Failure::Usage(_)));
    failures.into_iter().next().map_or(Ok(()), Err)
}

fn idle_selector(text: &str, selector: &Selector, suite: &Suite) -> Failure {
    match selector {
        Selector::Path(_) => path(text, suite),
        Selector::Section(section) if is_section(section) => {
            let there = sections_near(section, suite);
            Failure::Nothing(format!("no case is about section {section}{there}"))
        }
        Selector::Section(_) => word(text, suite),
        Selector::Requirement(id) => {
            let open = suite.catalogue().get(id).and_then(|it| it.open.as_deref());
            let why = open.map_or_else(String::new, |why| format!(": {}", why.trim()));
            Failure::Nothing(format!("no case covers {id}{why}"))
        }
        Selector::Glob(_) => id(text, suite),
    }
}

/// A path at which there is no spec.
fn path(text: &str, suite: &Suite) -> Failure {
    let path = Path::new(text);
    if path.is_dir() {
        return Failure::Nothing(format!(
            "the folder `{text}` has no spec, a file whose name ends in `.yaml`"
        ));
    }
    if path.exists() && !is_yaml(path) {
        return Failure::Usage(format!(
            "`{text}` is no spec: the name of one ends in `.yaml`"
        ));
    }
    if path.exists() {
        return Failure::Nothing(format!("`{text}` holds no spec"));
    }
    let files = || suite.specs().iter().map(|spec| &*spec.file);
    let name = path.file_name().and_then(|name| name.to_str());
    let names = files().filter_map(|file| file.rsplit('/').next());
    let same_name = || {
        let near = nearest(name?, names)?;
        let mut found = files().filter(|file| file.ends_with(&format!("/{near}")));
        found.next().map(str::to_owned)
    };
    let near = suggestion(nearest(text, files()).or_else(same_name));
    Failure::Usage(format!("there is no file or folder `{text}`{near}"))
}

/// A word that is neither a section nor the id of a requirement.
fn word(text: &str, suite: &Suite) -> Failure {
    let catalogue = suite.catalogue();
    let upper = text.to_ascii_uppercase();
    let family = |id: &str| id.split(['-', '_']).next().unwrap_or_default().to_owned();
    let is_requirement = catalogue.iter().any(|it| family(&it.id) == family(&upper));
    let last_part = |spec: &Spec| spec.id.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = suite.specs().iter().map(last_part).collect();
    let near = nearest(text, names.iter().map(String::as_str)).filter(|_| !is_requirement);
    if let Some(near) = near {
        let mut found = suite.specs().iter().filter(|spec| last_part(spec) == near);
        let near = suggestion(found.next().map(|spec| spec.id.clone()));
        return Failure::Usage(format!("there is no spec `{text}`{near}"));
    }
    let (message, help) = catalogue.unknown(if is_requirement { &upper } else { text });
    let what = if is_requirement {
        message
    } else {
        format!("`{text}` is no section, no requirement and no path")
    };
    let help = help.map_or_else(String::new, |help| format!("; {help}"));
    Failure::Usage(what + &help)
}

/// An id or a glob of ids.
fn id(text: &str, suite: &Suite) -> Failure {
    let (name, brackets) = text.split_once('[').unwrap_or((text, ""));
    if let Some(spec) = suite.specs().iter().find(|spec| spec.id == name) {
        let told = parameters(spec);
        return Failure::Nothing(format!("`{name}` has no case `[{brackets}`; {told}"));
    }
    let ids = suite.specs().iter().map(|spec| &*spec.id);
    let near = suggestion(nearest(name, ids));
    Failure::Nothing(format!("`{text}` matches no case{near}"))
}

/// What tells the cases of a spec apart.
fn parameters(spec: &Spec) -> String {
    let mut told: Vec<String> = spec.parameters.iter().map(told).collect();
    told.push("v4 or v6".to_owned());
    format!("its cases differ in {}", told.join(", "))
}

fn told((name, values): &(String, Vec<String>)) -> String {
    let more = if values.len() > VALUES { "|…" } else { "" };
    let values: Vec<&str> = values.iter().take(VALUES).map(String::as_str).collect();
    format!("{name}={}{more}", values.join("|"))
}

/// `3.6`, `rfc5961.9`: what a section looks like.
fn is_section(text: &str) -> bool {
    text.strip_prefix("rfc")
        .unwrap_or(text)
        .starts_with(|first: char| first.is_ascii_digit())
}

/// The sections of the same document that there are.
fn sections_near(wanted: &str, suite: &Suite) -> String {
    let top = |section: &str| section.split('.').next().unwrap_or_default().to_owned();
    let mut there: Vec<&str> = Vec::new();
    for spec in suite
        .specs()
        .iter()
        .filter(|it| top(&it.section) == top(wanted))
    {
        if !there.contains(&&*spec.section) {
            there.push(&spec.section);
        }
    }
    if there.is_empty() {
        "; `tcpspec list` shows the sections".to_owned()
    } else {
        format!("; there are {}", there.join(" "))
    }
}

fn suggestion(near: Option<String>) -> String {
    near.map_or_else(
        || "; `tcpspec list` shows what there is".to_owned(),
        |near| format!("; did you mean `{near}`?"),
    )
}
