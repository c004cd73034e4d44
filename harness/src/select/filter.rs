//! Filter expressions: `level(must) & !needs(rfc5961) - slow()`.
//!
//! Grammar, loosest first: `a | b` (or `a + b`) either, `a - b` the first but not the second,
//! `a & b` both, `!a` not, parentheses. A predicate is a word with one argument in parentheses.
//! There is no quoting: an argument ends at its closing parenthesis.

use super::Subject;
use crate::spec::case::{Family, Level};
use crate::spec::table::{self, nearest};
use crate::spec::{CaseGlob, Catalogue, claims};
use std::fmt;
use std::ops::Range;

/// A filter expression.
#[derive(Clone, Debug)]
pub enum Filter {
    /// A predicate.
    Is(Predicate),
    /// Negation.
    Not(Box<Filter>),
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One holds, or both.
    Or(Box<Filter>, Box<Filter>),
}

/// The predicates.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// `id(GLOB)`
    Id(CaseGlob),
    /// `section(3.10)`: that section and those below it.
    Section(String),
    /// `covers(MUST-13)`
    Covers(String),
    /// `needs(rfc5961)`
    Needs(String),
    /// `level(must)`
    Level(Level),
    /// `family(4)`
    Family(Family),
    /// `slow()`: more than ten seconds on a real clock.
    Slow,
    /// `all()`
    All,
}

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FilterError {
    /// The whole expression.
    pub text: String,
    /// Where it went wrong: octets from its start.
    pub at: Range<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// The message, and below it the expression with a caret.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = |part: Option<&str>| part.unwrap_or_default().chars().count();
        let indent = columns(self.text.get(..self.at.start));
        let carets = "^".repeat(columns(self.text.get(self.at.clone())).max(1));
        let Self { text, message, .. } = self;
        write!(f, "{message}\n  {text}\n  {:indent$}{carets}", "")
    }
}

impl Filter {
    /// Reads an expression. What it covers must be in the catalogue, unless that is empty: then
    /// nobody has read it.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, FilterError> {
        let mut parser = Parser {
            text,
            catalogue,
            at: 0,
            depth: 0,
        };
        let filter = parser.either()?;
        match parser.peek() {
            None => Ok(filter),
            Some(found) => Err(parser.error(format!("expected `|`, `&` or `-`, found `{found}`"))),
        }
    }

    /// True if the expression selects the case.
    pub fn selects(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Is(predicate) => predicate.holds(subject),
            Self::Not(inner) => !inner.selects(subject),
            Self::And(left, right) => left.selects(subject) && right.selects(subject),
            Self::Or(left, right) => left.selects(subject) || right.selects(subject),
        }
    }
}

impl Predicate {
    /// The names, for messages.
    const NAMES: &str = "id section covers needs level family slow all";

    fn new(name: &str, argument: &str, catalogue: &Catalogue) -> Result<Self, String> {
        let given = || match argument {
            "" => Err(format!("`{name}()` needs an argument")),
            _ => Ok(argument.to_owned()),
        };
        let bare = |predicate: Self| match argument {
            "" => Ok(predicate),
            _ => Err(format!("`{name}()` takes no argument")),
        };
        Ok(match name {
            "id" => Self::Id(CaseGlob::new(&given()?)?),
            "section" => Self::Section(given()?.trim_start_matches('§').to_owned()),
            "covers" => Self::Covers(requirement(&given()?, catalogue)?),
            "needs" => Self::Needs(claim(&given()?)?),
            "level" => Self::Level(match argument {
                "must" => Level::Must,
                "should" => Level::Should,
                _ => return Err(format!("`{argument}` is no level: must or should")),
            }),
            "family" => Self::Family(match argument {
                "4" | "v4" => Family::V4,
                "6" | "v6" => Family::V6,
                _ => return Err(format!("`{argument}` is no family: 4 or 6")),
            }),
            "slow" => bare(Self::Slow)?,
            "all" => bare(Self::All)?,
            _ => {
                let near = nearest(name, Self::NAMES.split(' '));
                let known = instead(near, Self::NAMES);
                return Err(format!("no predicate `{name}`; {known}"));
            }
        })
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Id(pattern) => pattern.matches(subject.id),
            Self::Section(section) => super::in_section(subject.section, section),
            Self::Covers(id) => subject.covers.iter().any(|covered| covered == id),
            Self::Needs(claim) => subject.needs.iter().any(|needed| needed == claim),
            Self::Level(level) => subject.level == *level,
            Self::Family(family) => subject.family == *family,
            Self::Slow => subject.is_slow(),
            Self::All => true,
        }
    }
}

/// The id as the catalogue has it.
fn requirement(id: &str, catalogue: &Catalogue) -> Result<String, String> {
    if catalogue.is_empty() {
        return Ok(id.to_owned());
    }
    let upper = id.to_ascii_uppercase();
    let found = [id, &upper].into_iter().find_map(|id| catalogue.get(id));
    found.map(|found| found.id.clone()).ok_or_else(|| {
        let (message, help) = catalogue.unknown(id);
        help.map_or(message.clone(), |help| format!("{message}; {help}"))
    })
}

/// A claim that some device may make.
fn claim(name: &str) -> Result<String, String> {
    let known = table::names(claims::CLAIMS);
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    let near = nearest(name, known.iter().copied());
    let known = instead(near, &known.join(" "));
    Err(format!("no claim `{name}`; {known}"))
}

/// What to write instead.
fn instead(near: Option<String>, known: &str) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`? There are: {known}"),
        None => format!("there are: {known}"),
    }
}

/// Parentheses deeper than this are a mistake, not a filter.
const DEPTH_MAX: u32 = 64;

struct Parser<'t> {
    text: &'t str,
    catalogue: &'t Catalogue,
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.difference()?;
        while self.take('|') || self.take('+') {
            left = Filter::Or(Box::new(left), Box::new(self.difference()?));
        }
        Ok(left)
    }

    fn difference(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.both()?;
        while self.take('-') {
            let right = Filter::Not(Box::new(self.both()?));
            left = Filter::And(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.unary()?;
        while self.take('&') {
            left = Filter::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("more than {DEPTH_MAX} levels of nesting")));
        }
        let filter = if self.take('!') {
            Filter::Not(Box::new(self.unary()?))
        } else if self.take('(') {
            let inner = self.either()?;
            if !self.take(')') {
                return Err(self.error("expected `)`".to_owned()));
            }
            inner
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn predicate(&mut self) -> Result<Filter, FilterError> {
        self.peek();
        let start = self.at;
        let rest = &self.text[start..];
        let name = rest
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        if name.is_empty() {
            return Err(self.error(format!("expected one of {}", Predicate::NAMES)));
        }
        self.at += name.len();
        if !self.take('(') {
            return Err(self.error(format!("expected `(` after `{name}`")));
        }
        let Some(length) = self.text[self.at..].find(')') else {
            return Err(self.error("expected `)`".to_owned()));
        };
        let argument = self.text[self.at..self.at + length].trim();
        let predicate = Predicate::new(name, argument, self.catalogue);
        let end = self.at + length + 1;
        let predicate = predicate.map_err(|message| FilterError {
            text: self.text.to_owned(),
            at: start..end,
            message,
        })?;
        self.at = end;
        Ok(Filter::Is(predicate))
    }

    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn error(&self, message: String) -> FilterError {
        FilterError {
            text: self.text.to_owned(),
            at: self.at..self.at,
            message,
        }
    }
}
