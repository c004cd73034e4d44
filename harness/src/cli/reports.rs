//! Which reports are wanted, and writing them.

use super::TOOL;
use super::arguments::{Captures, RunArguments};
use std::path::{Path, PathBuf};
use tcpspec_reports::ladder::{self, text};
use tcpspec_reports::record::{CaseRecord, Run, Verdict};
use tcpspec_reports::{atomic, json, junit, names, pcapng};

/// Where captures of failures go if nobody says.
const DEFAULT_OUT: &str = "out";

/// The reports that were asked for.
pub(super) struct Wanted {
    junit: Option<PathBuf>,
    json: Option<PathBuf>,
    summary: Option<PathBuf>,
    out: PathBuf,
    captures: Captures,
    strict: bool,
}

/// What came of writing.
#[derive(Default)]
pub(super) struct Written {
    /// The files, captures counted in one.
    pub names: Vec<String>,
    /// The first thing that went wrong.
    pub trouble: Option<String>,
}

impl Wanted {
    /// By the flags: `--out` means all reports, in that folder.
    pub(super) fn new(arguments: &RunArguments) -> Self {
        let inside = |name: &str| arguments.out.as_ref().map(|out| out.join(name));
        Self {
            junit: arguments.junit.clone().or_else(|| inside("junit.xml")),
            json: arguments.json.clone().or_else(|| inside("report.json")),
            summary: arguments.summary.clone().or_else(|| inside("summary.md")),
            out: arguments.out.clone().unwrap_or_else(|| DEFAULT_OUT.into()),
            captures: arguments.pcap,
            strict: arguments.strict,
        }
    }

    /// Writes the captures, each with its ladder as text beside it, and then the reports, which
    /// name the captures.
    pub(super) fn write(&self, run: &mut Run) -> Written {
        let mut written = Written::default();
        self.write_captures(run, &mut written);
        let run = &*run;
        written.add(self.junit.as_deref(), || junit::write(run, self.strict));
        written.add(self.json.as_deref(), || json::write(run));
        written.add(self.summary.as_deref(), || {
            tcpspec_reports::summary::write(run, self.strict)
        });
        written
    }

    fn wants(&self, record: &CaseRecord) -> bool {
        match self.captures {
            Captures::None => false,
            Captures::All => record.verdict != Verdict::Skipped,
            Captures::Failed => {
                record.known.is_none()
                    && matches!(
                        record.verdict,
                        Verdict::Fail | Verdict::Deviates | Verdict::Inconclusive
                    )
            }
        }
    }

    fn write_captures(&self, run: &mut Run, written: &mut Written) {
        let mut count = 0;
        for index in 0..run.cases.len() {
            let record = &run.cases[index];
            if !self.wants(record) || written.trouble.is_some() {
                continue;
            }
            let path = names::capture_path(&self.out, record);
            let capture = pcapng::write(TOOL, &run.device, run.seed, record);
            let drawn = text::write(&ladder::layout(record), &text::Options::default());
            let drawn = drawn.join("\n") + "\n";
            let wrote = atomic::write(&path, &capture)
                .and_then(|()| atomic::write(&path.with_extension("txt"), drawn.as_bytes()));
            match wrote {
                Ok(()) => {
                    run.cases[index].capture = Some(path.display().to_string());
                    count += 1;
                }
                Err(error) => written.trouble = Some(error.to_string()),
            }
        }
        if count > 0 {
            let captures = tcpspec_reports::text::count(count, "capture");
            written
                .names
                .push(format!("{captures} to {}", self.out.display()));
        }
    }
}

impl Written {
    fn add(&mut self, path: Option<&Path>, text: impl FnOnce() -> String) {
        let Some(path) = path else { return };
        match atomic::write(path, text().as_bytes()) {
            Ok(()) => self.names.push(path.display().to_string()),
            Err(error) => {
                self.trouble.get_or_insert(error.to_string());
            }
        }
    }
}
