//! `tcpspec doctor`: what this machine and a host allow, and how to get the rest.

mod host;

use super::arguments::DoctorArguments;
use super::{Context, Exit, Failure, lint, print};
use crate::link::firewall;
use crate::spec::{Diagnostic, Severity};
use crate::worker;
use std::fmt::Write;
use tcpspec_reports::palette::Palette;
use tcpspec_reports::text::count;

/// Columns of what a row is about.
const NAME: usize = 18;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As it should be.
    Good,
    /// Nothing works without it.
    Bad,
    /// Something does not work without it.
    Warn,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    mark: Mark,
    what: String,
    /// What to do about it: lines, a command where there is one.
    cure: Vec<String>,
}

impl Finding {
    fn good(what: impl Into<String>) -> Self {
        Self::new(Mark::Good, what)
    }

    fn bad(what: impl Into<String>) -> Self {
        Self::new(Mark::Bad, what)
    }

    fn warn(what: impl Into<String>) -> Self {
        Self::new(Mark::Warn, what)
    }

    fn new(mark: Mark, what: impl Into<String>) -> Self {
        Self {
            mark,
            what: what.into(),
            cure: Vec::new(),
        }
    }

    fn cured_by(mut self, line: impl Into<String>) -> Self {
        self.cure.push(line.into());
        self
    }

    fn row(&self, name: &str, palette: &Palette, text: &mut String) {
        let (style, mark) = match self.mark {
            Mark::Good => (palette.good, "✓"),
            Mark::Bad => (palette.bad, "✗"),
            Mark::Warn => (palette.warn, "!"),
        };
        let what = &self.what;
        let _ = writeln!(text, "  {style}{mark}{style:#} {name:<NAME$} {what}");
        for line in &self.cure {
            let _ = writeln!(text, "    {:NAME$}   {line}", "");
        }
    }
}

/// Checks specs, the bundled stack, the kernel device, what killed runs left, and a host if one
/// is named.
pub(super) fn doctor(arguments: &DoctorArguments, context: &Context) -> Result<Exit, Failure> {
    if let (None, Some(flag)) = (&arguments.device, arguments.host.given()) {
        return Err(Failure::Usage(format!(
            "{flag} belongs to a host; name it: `-d ADDRESS`"
        )));
    }
    let palette = &context.palette;
    let mut text = String::new();
    let specs = specs(context)?;
    let are_specs_good = specs.mark != Mark::Bad;
    specs.row("specs", palette, &mut text);
    let bundled = Finding::good("virtual clock; needs nothing");
    bundled.row("bundled stack", palette, &mut text);
    let probes = probe()?;
    let able = refusal(&probes).is_none();
    let kernel = if able {
        Finding::good("can be tested: tcpspec run --device kernel")
    } else {
        Finding::bad("cannot be tested here; its cases are skipped")
    };
    kernel.row("this kernel", palette, &mut text);
    for probe in &probes {
        let mark = match (probe.ok, probe.needed) {
            (true, _) => Mark::Good,
            (false, true) => Mark::Bad,
            (false, false) => Mark::Warn,
        };
        let finding = Finding {
            cure: probe.cure.iter().cloned().collect(),
            ..Finding::new(mark, &probe.reason)
        };
        finding.row(&format!("  {}", probe.name), palette, &mut text);
    }
    for finding in leftovers(arguments.fix) {
        finding.row("leftovers", palette, &mut text);
    }
    let mut is_fit = able;
    if let Some(device) = &arguments.device {
        // Whether this kernel can be tested does not matter to a host.
        let findings = host::examine(device, &arguments.host, context)?;
        is_fit = findings.iter().all(|finding| finding.mark != Mark::Bad);
        for finding in findings {
            finding.row(device, palette, &mut text);
        }
    }
    print(&text)?;
    Ok(match (are_specs_good, is_fit) {
        (false, _) => Exit::Usage,
        (true, true) => Exit::Conformant,
        (true, false) => Exit::Unjudged,
    })
}

/// What `lint` has to say of the specs, in a word.
fn specs(context: &Context) -> Result<Finding, Failure> {
    let (read, found) = match crate::spec::read(&context.sources(&[])?) {
        Ok(suite) => (Some(suite.specs().len()), lint::findings(&suite)),
        Err(wrong) => (None, wrong.0),
    };
    let is_error = |one: &&Diagnostic| one.severity == Severity::Error;
    let errors = count(found.iter().filter(is_error).count(), "error");
    let specs = read.map_or_else(String::new, |specs| format!("{}, ", count(specs, "spec")));
    let told = format!("{specs}{errors}");
    Ok(if found.iter().any(|one| is_error(&one)) {
        Finding::bad(told).cured_by("tcpspec lint")
    } else {
        Finding::good(told)
    })
}

/// Firewall tables of runs that were killed; with `fix` they are removed.
fn leftovers(fix: bool) -> Vec<Finding> {
    // Where nobody may look, or there is no such firewall, none of ours can be.
    let Ok(tables) = firewall::leftovers() else {
        return Vec::new();
    };
    if tables.is_empty() && fix {
        return vec![Finding::good(
            "none: no killed run has left anything behind",
        )];
    }
    let report = |table: String| {
        let what = format!("firewall table `{table}`, of a run that was killed");
        match fix.then(|| firewall::remove(&table)) {
            None => Finding::warn(what).cured_by("sudo tcpspec doctor --fix"),
            Some(Ok(())) => Finding::good(format!("{what}: removed")),
            Some(Err(error)) => {
                Finding::warn(format!("{what}: {error}")).cured_by("sudo tcpspec doctor --fix")
            }
        }
    };
    tables.into_iter().map(report).collect()
}

/// Why this machine's kernel cannot be tested here, and what to do about it.
pub(super) fn refusal(probes: &[worker::Probe]) -> Option<String> {
    let refused = probes.iter().find(|probe| probe.needed && !probe.ok)?;
    let cure = refused.cure.as_deref().map(|cure| format!("; try: {cure}"));
    Some(format!(
        "this machine refuses the kernel device: {}: {}{}",
        refused.name,
        refused.reason,
        cure.unwrap_or_default()
    ))
}

/// What this machine allows.
pub(super) fn probe() -> Result<Vec<worker::Probe>, Failure> {
    let refused = |error: std::io::Error| {
        Failure::Environment(format!(
            "cannot start this program again as a worker: {error}"
        ))
    };
    let exe = std::env::current_exe().map_err(refused)?;
    worker::probe(worker::command(&exe)).map_err(refused)
}
