//! `tcpspec lint`: what is wrong, and what is legal but bad.

use super::{Context, Exit, Failure, say, today};
use crate::spec::{Diagnostic, Diagnostics, EXPIRED, Severity, Suite};
use std::io::IsTerminal;
use std::path::PathBuf;
use tcpspec_reports::text::count;

/// Checks all files, or says only what concerns `paths`.
pub(super) fn lint(paths: &[PathBuf], context: &Context) -> Result<Exit, Failure> {
    let select: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if let Some(path) = paths.iter().find(|path| !path.exists()) {
        return Err(Failure::Usage(format!("{} does not exist", path.display())));
    }
    let suite = match crate::spec::read(&context.sources(&select)?) {
        Ok(suite) => suite,
        Err(wrong) => return Ok(unreadable(&wrong)),
    };
    let concerns = |file: &str| {
        paths.is_empty()
            || paths.iter().any(|path| {
                let path = path.display().to_string();
                let path = path.trim_start_matches("./").trim_end_matches('/');
                file == path || file.starts_with(&format!("{path}/")) || path.ends_with(file)
            })
    };
    let mut found = findings(&suite);
    found.retain(|diagnostic| concerns(&diagnostic.source.name));
    // That a spec is slow is news to its author, not to whoever checks them all.
    let is_slow = |found: &Diagnostic| found.code == "spec::slow";
    let slow = found.iter().filter(|found| is_slow(found)).count();
    if paths.is_empty() {
        found.retain(|found| !is_slow(found));
    }
    let (errors, exit) = (errors(&found), exit(&found));
    let warnings = found.len() - errors;
    eprint!(
        "{}",
        Diagnostics(found).render(std::io::stderr().is_terminal())
    );
    let what = if paths.is_empty() {
        count(suite.specs().len(), "spec")
    } else {
        let read = suite
            .specs()
            .iter()
            .filter(|spec| concerns(&spec.file))
            .count();
        format!("{} ({})", select.join(" "), count(read, "spec"))
    };
    let (errors_found, warnings) = (count(errors, "error"), count(warnings, "warning"));
    // The process is about to end: taking the suite apart would be part of its work.
    std::mem::forget(suite);
    say(&format!(
        "{what}: {errors_found}, {warnings}; {slow} slow on a real clock\n"
    ));
    Ok(exit)
}

/// Files that nothing can be made of: what else is bad shows when they are mended.
fn unreadable(wrong: &Diagnostics) -> Exit {
    eprint!("{}", wrong.render(std::io::stderr().is_terminal()));
    let mut files: Vec<&str> = wrong.0.iter().map(|one| &*one.source.name).collect();
    files.sort_unstable();
    files.dedup();
    let (errors, files) = (count(errors(&wrong.0), "error"), count(files.len(), "file"));
    say(&format!("{errors} in {files}\n"));
    Exit::Usage
}

/// All that is wrong, today.
pub(super) fn findings(suite: &Suite) -> Vec<Diagnostic> {
    let mut found = suite.lint();
    found.extend(suite.expired(&today()));
    found
}

fn errors(found: &[Diagnostic]) -> usize {
    let errors = found.iter().filter(|it| it.severity == Severity::Error);
    errors.count()
}

/// A deviation that has expired is no bad spec: it ends a run with the same code.
fn exit(found: &[Diagnostic]) -> Exit {
    let mut errors = found.iter().filter(|it| it.severity == Severity::Error);
    match (errors.clone().next(), errors.all(|it| it.code == EXPIRED)) {
        (None, _) => Exit::Conformant,
        (Some(_), true) => Exit::NonConformant,
        (Some(_), false) => Exit::Usage,
    }
}
