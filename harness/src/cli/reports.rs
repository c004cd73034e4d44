//! Which reports are wanted, and writing them.

use super::arguments::{Captures, RunArguments};
use super::{Failure, TOOL};
use crate::link::privilege::{self, Capability};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
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
    out_is_asked: bool,
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
            out_is_asked: arguments.out.is_some(),
            captures: arguments.pcap,
            strict: arguments.strict,
        }
    }

    /// As [`Self::check`]; root's power over the files of others, where it was put aside, is taken
    /// up again only if it takes that.
    pub(super) fn check_with_powers(&self) -> Result<(), Failure> {
        let finds_place = || self.check().is_ok() && self.captures_find_place();
        if !finds_place() && privilege::raise(Capability::DacOverride) {
            return self.check();
        }
        self.check()
    }

    fn captures_find_place(&self) -> bool {
        let mut folders = self.out.ancestors().filter(|folder| folder.is_dir());
        let folder = folders.next().unwrap_or(Path::new("."));
        let (flags, how) = (AccessFlags::W_OK, AtFlags::AT_EACCESS);
        self.captures == Captures::None || faccessat(AT_FDCWD, folder, flags, how).is_ok()
    }

    /// Tries, before anything runs, whether what was asked for can be written. Captures of
    /// failures that nobody asked for may find no place: that shows when there are some.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let refused = |flag: &str, error: &atomic::WriteError| {
            let advice = error.advice();
            Failure::Environment(format!("{flag}: {error}; nothing was run: {advice}"))
        };
        if self.out_is_asked {
            atomic::check_folder(&self.out).map_err(|error| refused("--out", &error))?;
        }
        for (flag, path) in [
            ("--junit", &self.junit),
            ("--json", &self.json),
            ("--summary", &self.summary),
        ] {
            if let Some(path) = path {
                if path == Path::new("-") {
                    return Err(Failure::Usage(format!(
                        "{flag} -: a report is a file that is whole or not there; name one \
                         (`{flag} FILE`), which `cat` can show when the run is over"
                    )));
                }
                atomic::check(path).map_err(|error| refused(flag, &error))?;
            }
        }
        Ok(())
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

    /// An earlier attempt that showed what the last one does not show.
    fn wants_attempt(&self, attempt: &CaseRecord, last: &CaseRecord) -> bool {
        match self.captures {
            Captures::None => false,
            Captures::All => true,
            Captures::Failed => {
                matches!(attempt.verdict, Verdict::Fail | Verdict::Deviates)
                    && attempt.symptom() != last.symptom()
            }
        }
    }

    /// The captures of a case: of its last attempt (`None`), and of earlier ones.
    fn captures(&self, case: &CaseRecord) -> Vec<(Option<usize>, PathBuf)> {
        let path = names::capture_path(&self.out, case);
        let last = self.wants(case).then(|| (None, path.clone()));
        let earlier = case.earlier.iter().enumerate();
        let earlier = earlier
            .filter(|(_, attempt)| self.wants_attempt(attempt, case))
            .map(|(at, _)| (Some(at), names::attempt_path(&path, at + 1)));
        last.into_iter().chain(earlier).collect()
    }

    fn write_captures(&self, run: &mut Run, written: &mut Written) {
        let mut count = 0;
        for index in 0..run.cases.len() {
            for (attempt, path) in self.captures(&run.cases[index]) {
                if written.trouble.is_some() {
                    return;
                }
                let case = &run.cases[index];
                let record = attempt.map_or(case, |at| &case.earlier[at]);
                match write_capture(run, record, &path) {
                    Ok(()) => {
                        let case = &mut run.cases[index];
                        let record = match attempt {
                            None => case,
                            Some(at) => &mut case.earlier[at],
                        };
                        record.capture = Some(path.display().to_string());
                        count += 1;
                    }
                    Err(error) => written.trouble = Some(error.to_string()),
                }
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

/// The capture of one attempt, and its ladder as text beside it.
fn write_capture(run: &Run, record: &CaseRecord, path: &Path) -> Result<(), atomic::WriteError> {
    let capture = pcapng::write(TOOL, &run.device, run.seed, record);
    let drawn = text::write(&ladder::layout(record), &text::Options::default());
    let drawn = drawn.join("\n") + "\n";
    atomic::write(path, &capture)?;
    atomic::write(&path.with_extension("txt"), drawn.as_bytes())
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
