//! `tcpspec lint`: what is wrong, and what is legal but bad.

use super::{Context, Exit, Failure, complain, is_yaml, print, today};
use crate::spec::{Diagnostic, Diagnostics, EXPIRED, Severity, Suite};
use std::path::{Path, PathBuf};
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
        Err(wrong) => return unreadable(&wrong, context),
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
    complain(&Diagnostics(found).render(context.paints_errors));
    let what = if paths.is_empty() {
        count(suite.specs().len(), "spec")
    } else {
        let read = suite.specs().iter().filter(|it| concerns(&it.file));
        let read = read.count();
        let is_list = |path: &PathBuf| (path.is_file() && is_yaml(path)) || holds_lists(path);
        if read == 0 && !paths.iter().any(is_list) {
            let asked = select.join(" ");
            let what = "no spec, a file whose name ends in `.yaml`";
            return Err(Failure::Nothing(format!("{asked}: there is {what}")));
        }
        format!("{} ({})", select.join(" "), count(read, "spec"))
    };
    let (errors_found, warnings) = (count(errors, "error"), count(warnings, "warning"));
    // The process is about to end: taking the suite apart would be part of its work.
    std::mem::forget(suite);
    print(&format!(
        "{what}: {errors_found}, {warnings}; {slow} slow on a real clock\n"
    ))?;
    Ok(exit)
}

/// A folder of catalogues, profiles or deviations.
fn holds_lists(path: &Path) -> bool {
    let names = ["requirements", "devices", "deviations", "services"];
    path.is_dir() && names.iter().any(|name| path.ends_with(name))
}

/// Files that nothing can be made of: what else is bad shows when they are mended.
fn unreadable(wrong: &Diagnostics, context: &Context) -> Result<Exit, Failure> {
    complain(&wrong.render(context.paints_errors));
    let mut files: Vec<&str> = wrong.0.iter().map(|one| &*one.source.name).collect();
    files.sort_unstable();
    files.dedup();
    let (errors, files) = (count(errors(&wrong.0), "error"), count(files.len(), "file"));
    print(&format!("{errors} in {files}\n"))?;
    Ok(Exit::Usage)
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
