//! The command line: flags in, one function per command, an exit code out.

mod agent;
mod arguments;
mod doctor;
mod exit;
mod explain;
mod interrupt;
mod lint;
mod list;
mod live;
mod meant;
mod plan;
mod play;
mod remote;
mod reports;
mod run;
mod trial;
mod ways;

pub use exit::Exit;

use crate::device::{InProcess, compiled_in};
use crate::spec::{CaseGlob, Diagnostics, Sources, Suite};
use arguments::{Arguments, Choice, Command};
use clap::Parser;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;
use tcpspec_reports::palette::Palette;

/// Name and version, as reports print them.
pub const TOOL: &str = concat!("tcpspec ", env!("CARGO_PKG_VERSION"));

/// Reads the command line and carries it out.
pub fn main() -> ExitCode {
    main_with(&[])
}

/// As [`main`], with devices of your own beside those that are compiled in: the whole program, for
/// your stack (see [`crate::device`]).
pub fn main_with(devices: &[InProcess]) -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(&arguments, devices);
    let outcome = match &arguments.command {
        Command::Run(arguments) => run::run(arguments, &context),
        Command::List(arguments) => list::list(arguments, &context),
        Command::Explain { select } => explain::explain(select, &context),
        Command::Schema => print(&format!("{:#}\n", crate::spec::schema())),
        Command::Lint { paths } => lint::lint(paths, &context),
        Command::Agent(arguments) => agent::serve(arguments),
        Command::Doctor(arguments) => doctor::doctor(arguments, &context),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell(&context).into(),
    }
}

/// What all commands need to know.
struct Context {
    /// `--specs`.
    specs: Option<PathBuf>,
    /// Colours for the standard output.
    palette: Palette,
    /// Colours on the standard error output.
    paints_errors: bool,
    /// The devices on the virtual clock.
    in_process: Vec<InProcess>,
}

impl Context {
    fn new(arguments: &Arguments, devices: &[InProcess]) -> Self {
        let paints = |is_terminal: bool| match arguments.color {
            Choice::Always => true,
            Choice::Never => false,
            Choice::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        let palette = if paints(std::io::stdout().is_terminal()) {
            Palette::colour()
        } else {
            Palette::plain()
        };
        Self {
            specs: arguments.specs.clone(),
            palette,
            paints_errors: paints(std::io::stderr().is_terminal()),
            in_process: [compiled_in(), devices.to_vec()].concat(),
        }
    }

    /// Where specs come from: `--specs`, else beside the nearest `tcpspec.toml`; `None`: built in.
    fn specs_folder(&self) -> Option<PathBuf> {
        let beside = || {
            let here = std::env::current_dir().ok()?;
            let top = here
                .ancestors()
                .find(|folder| folder.join("tcpspec.toml").is_file())?;
            // As its user would write it, where that is short.
            let top = top.strip_prefix(&here).unwrap_or(top);
            Some(top.join("specs"))
        };
        self.specs.clone().or_else(beside)
    }

    /// The suite; a selection that is an existing file is loaded as well.
    fn suite(&self, select: &[String]) -> Result<Suite, Failure> {
        crate::spec::read(&self.sources(select)?).map_err(Failure::Specs)
    }

    /// The files of the suite.
    fn sources(&self, select: &[String]) -> Result<Sources, Failure> {
        let unreadable = |path: &Path, error: std::io::Error| {
            Failure::Usage(format!(
                "cannot read specs from {}: {error}",
                path.display()
            ))
        };
        let mut sources = match self.specs_folder() {
            None => Sources::embedded(),
            Some(path) => Sources::directory(&path).map_err(|error| unreadable(&path, error))?,
        };
        for path in spec_files(select)? {
            let refused = |error| Failure::Usage(format!("cannot read {error}"));
            sources = sources.with_file(&path).map_err(refused)?;
        }
        Ok(sources)
    }
}

/// The spec files that the selectors name: files, what lies in folders, and what a glob means. A
/// folder with the layout of `specs/` is a matter of `--specs`.
fn spec_files(select: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for text in select {
        let text = text.trim_start_matches("./");
        let path = Path::new(text);
        if path.is_file() && is_yaml(path) {
            files.push(path.to_owned());
        } else if is_own_folder(path) {
            files.extend(specs_in(path)?);
        } else if let (Some(folder), Ok(glob)) = (path.parent(), CaseGlob::new(text))
            && !path.exists()
            && is_own_folder(folder)
        {
            let mut named = specs_in(folder)?;
            named.retain(|file| file.to_str().is_some_and(|file| glob.matches(file)));
            files.extend(named);
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn is_own_folder(path: &Path) -> bool {
    path.is_dir() && !path.join("preambles.yaml").exists()
}

fn specs_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let refused = |error: std::io::Error| {
        Failure::Usage(format!("cannot read {}: {error}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let inside = entry.map_err(refused)?.path();
        files.extend(Some(inside).filter(|it| is_yaml(it) && !it.is_dir()));
    }
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ext| ext == "yaml" || ext == "yml")
}

/// A command that could not be carried out.
enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// Specs are wrong.
    Specs(Diagnostics),
    /// The selection is empty.
    Nothing(String),
    /// The environment refused.
    Environment(String),
}

impl Failure {
    fn tell(&self, context: &Context) -> Exit {
        let (text, exit) = match self {
            Self::Usage(text) => (text, Exit::Usage),
            Self::Nothing(text) => (text, Exit::NothingSelected),
            Self::Environment(text) => (text, Exit::Unjudged),
            Self::Specs(diagnostics) => {
                complain(&diagnostics.render(context.paints_errors));
                return Exit::Usage;
            }
        };
        let bad = if context.paints_errors {
            Palette::colour().bad
        } else {
            Palette::plain().bad
        };
        complain(&format!("{bad}error{bad:#}: {text}\n"));
        exit
    }
}

/// Today in the form of the deviation lists, UTC.
fn today() -> String {
    let now = humantime::format_rfc3339(SystemTime::now()).to_string();
    now.chars().take("YYYY-MM-DD".len()).collect()
}

/// Prints a part of a command's output. A reader that has gone away, or a full disk behind a
/// redirection, does not end the run: its reports are still to be written.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says what went wrong. That nobody can read it changes nothing of how the program ends.
fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a command's whole output; a reader that has gone away is no error.
fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Environment(
            format!("cannot write to the standard output: {error}"),
        )),
        _ => Ok(Exit::Conformant),
    }
}
