//! What is wrong with a file: a stable code, a sentence, places with carets, and what to do.
//!
//! All errors of all files are collected; nothing stops at the first one.

use super::source::{Source, Span};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use std::fmt;
use std::sync::Arc;

/// Columns that a message may take.
const WIDTH: usize = 100;
/// Longest line that is drawn; of a longer one only the place is told.
const LONGEST_LINE: usize = 300;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but its author should look at it again.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Stable: `spec::unknown-field`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence: what is wrong.
    pub message: String,
    /// The file.
    pub source: Arc<Source>,
    /// Places with their remarks, the decisive one first.
    pub labels: Vec<(Span, String)>,
    /// What to do instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error that points at `span`.
    pub fn error(
        code: &'static str,
        source: &Arc<Source>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            source: Arc::clone(source),
            labels: vec![(span, String::new())],
            help: None,
        }
    }

    /// A warning that points at `span`.
    pub fn warning(
        code: &'static str,
        source: &Arc<Source>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, source, span, message)
        }
    }

    /// With a remark at the place itself.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.1 = text.into();
        }
        self
    }

    /// With what was probably meant, at the place itself.
    #[must_use]
    pub fn near(self, near: Option<String>) -> Self {
        match near {
            Some(near) => self.label(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// With a remark at another place of the same file.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    /// With what to do instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// The decisive place.
    pub fn span(&self) -> Span {
        self.labels
            .first()
            .map(|(span, _)| *span)
            .unwrap_or_default()
    }

    /// True if the lines with labels, and those around them, can be shown.
    fn can_be_drawn(&self) -> bool {
        let text = &*self.source.text;
        // What is no text may be a command to the terminal.
        let is_text =
            |line: &str| !line.contains(|c: char| c.is_control() && c != '\t' && c != '\r');
        let is_short = |span: &Span| {
            let Some((before, after)) = text.split_at_checked(span.start as usize) else {
                return false;
            };
            let lines = before.rsplit('\n').take(2).chain(after.split('\n').take(2));
            let mut lines = lines.filter(|line| !line.is_empty());
            lines.all(|line| line.len() <= LONGEST_LINE && is_text(line))
        };
        !text.is_empty() && self.labels.iter().all(|(span, _)| is_short(span))
    }

    /// As a terminal shows it.
    pub fn render(&self, color: bool) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_wrap_lines(false)
            .with_links(false);
        let (word, paint) = match self.severity {
            Severity::Error => ("error", "\u{1b}[1;31m"),
            Severity::Warning => ("warning", "\u{1b}[1;33m"),
        };
        let (paint, plain) = if color {
            (paint, "\u{1b}[0m")
        } else {
            ("", "")
        };
        let shown = |c: char| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        let message: String = self.message.chars().map(shown).collect();
        let head = format!("{paint}{word}[{}]{plain}: {message}", self.code);
        if !self.can_be_drawn() {
            let line = self.span().line.max(1);
            let help = self.help.as_ref();
            let help = help.map_or_else(String::new, |help| format!("  help: {help}\n"));
            return format!("{head}\n   in {}:{line}\n{help}", self.source.name);
        }
        let mut body = String::new();
        if handler.render_report(&mut body, &Shown::new(self)).is_err() {
            body.clear();
        }
        // The first line is miette's own headline; ours says code and message in one line.
        let body = body.split_once('\n').map_or("", |(_, rest)| rest);
        let body: Vec<&str> = body.lines().map(str::trim_end).collect();
        let body = body.join("\n");
        let body = body.trim_matches('\n');
        format!("{head}\n{body}\n")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// A diagnostic in the shape that miette draws. The headline is left empty.
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
}

impl<'a> Shown<'a> {
    fn new(diagnostic: &'a Diagnostic) -> Self {
        let text = diagnostic.source.text.to_string();
        Self {
            diagnostic,
            source: NamedSource::new(&*diagnostic.source.name, text),
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.diagnostic.code)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let help = self.diagnostic.help.as_ref()?;
        Some(Box::new(wrapped(help, WIDTH - "  help: ".len())))
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.diagnostic.labels.iter().map(
            |(span, text)| {
                // What goes over several lines is shown by its first one.
                let text_at = self.diagnostic.source.at(*span);
                let length = text_at.find('\n').unwrap_or(text_at.len());
                let text = (!text.is_empty()).then(|| text.clone());
                LabeledSpan::new(text, span.start as usize, length)
            },
        )))
    }
}

/// Breaks a text between words only: `CLOSE-WAIT` stays in one piece.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// Everything that is wrong, in the order of files and places.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// True if nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a terminal shows them.
    pub fn render(&self, color: bool) -> String {
        let all: Vec<String> = self.0.iter().map(|one| one.render(color)).collect();
        all.join("\n")
    }

    /// `Ok(value)` if nothing is wrong, else everything that is, each fault once.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.tidy();
        Err(self)
    }

    /// Sorts by place and drops what was said before: a step of a case table is read once per
    /// case, and what is wrong with it is wrong each time.
    pub fn tidy(&mut self) {
        self.0.sort_by(|a, b| {
            (&a.source.name, a.span(), a.code).cmp(&(&b.source.name, b.span(), b.code))
        });
        self.0.dedup_by(|a, b| {
            a.code == b.code && a.source.name == b.source.name && a.span() == b.span()
        });
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
