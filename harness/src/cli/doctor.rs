//! `tcpspec doctor`: what this machine allows, and how to get the rest.

use super::{Context, Exit, Failure, print};
use crate::worker;
use std::fmt::Write;

/// Checks specs, the bundled stack and the kernel device.
pub(super) fn doctor(context: &Context) -> Result<Exit, Failure> {
    let palette = &context.palette;
    let (good, bad, warn) = (palette.good, palette.bad, palette.warn);
    let suite = context.suite(&[])?;
    let mut text = String::new();
    let mut row = |style: anstyle::Style, mark: &str, name: &str, what: &str| {
        let _ = writeln!(text, "  {style}{mark}{style:#} {name:<18} {what}");
    };
    let specs = format!("{} specs, 0 errors", suite.specs().len());
    row(good, "✓", "specs", &specs);
    row(good, "✓", "bundled stack", "virtual clock; needs nothing");
    let probes = probe()?;
    let able = refusal(&probes).is_none();
    let kernel = if able {
        "can be tested: tcpspec run --device kernel"
    } else {
        "cannot be tested here; its cases are skipped"
    };
    row(
        if able { good } else { bad },
        if able { "✓" } else { "✗" },
        "this kernel",
        kernel,
    );
    for probe in &probes {
        let (style, mark) = match (probe.ok, probe.needed) {
            (true, _) => (good, "✓"),
            (false, true) => (bad, "✗"),
            (false, false) => (warn, "!"),
        };
        row(style, mark, &format!("  {}", probe.name), &probe.reason);
        if let Some(cure) = &probe.cure {
            row(style, " ", "", &format!("  {cure}"));
        }
    }
    print(&text)?;
    Ok(if able {
        Exit::Conformant
    } else {
        Exit::Unjudged
    })
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
