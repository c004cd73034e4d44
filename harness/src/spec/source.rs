//! A file as it was read, and a place in it.

use std::borrow::Cow;
use std::sync::Arc;

/// A file: the name by which messages cite it, and its text.
#[derive(Debug)]
pub struct Source {
    /// `specs/3.6-closing/simultaneous-close.yaml`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Cow<'static, str>,
}

impl Source {
    /// A file with this name and text.
    pub fn new(name: &str, text: impl Into<Cow<'static, str>>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
        })
    }

    /// The text at a place; empty if the place is not in this file.
    pub fn at(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

/// A place in a file: octets `start..end`, and the line (from 1) on which it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First octet.
    pub start: u32,
    /// One past the last octet.
    pub end: u32,
    /// Line of the first octet, from 1; 0 if the file was read without places.
    pub line: u32,
}

impl Span {
    /// The part `from..to` of this place, both counted from its start.
    #[must_use]
    pub fn part(self, from: usize, to: usize) -> Self {
        let start = (self.start + from as u32).min(self.end);
        Self {
            start,
            end: (self.start + to as u32).clamp(start, self.end),
            line: self.line,
        }
    }
}
