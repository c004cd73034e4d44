//! `tcpspec lint`: what is wrong, and what is legal but bad.

use super::{Context, Exit, Failure, say};
use crate::spec::{Diagnostic, Diagnostics, Severity};
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
    let suite = context.suite(&select)?;
    let concerns = |file: &str| {
        paths.is_empty()
            || paths.iter().any(|path| {
                let path = path.display().to_string();
                let path = path.trim_start_matches("./").trim_end_matches('/');
                file == path || file.starts_with(&format!("{path}/")) || path.ends_with(file)
            })
    };
    let mut found = suite.lint();
    found.retain(|diagnostic| concerns(&diagnostic.source.name));
    // That a spec is slow is news to its author, not to whoever checks them all.
    let is_slow = |found: &Diagnostic| found.code == "spec::slow";
    let slow = found.iter().filter(|found| is_slow(found)).count();
    if paths.is_empty() {
        found.retain(|found| !is_slow(found));
    }
    let errors = found
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .count();
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
    Ok(if errors > 0 {
        Exit::Usage
    } else {
        Exit::Conformant
    })
}
