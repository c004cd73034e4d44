//! Filter expressions: `level(must) & !needs(rfc5961) - slow()`.
//!
//! Grammar, loosest first: `a | b` (or `a + b`) either, `a - b` the first but not the second,
//! `a & b` both, `!a` not, parentheses. A predicate is a word with one argument in parentheses.
//! There is no quoting: an argument ends at its closing parenthesis.

use super::Subject;
use crate::spec::CaseGlob;
use crate::spec::case::{Family, Level};

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

/// What is wrong with an expression, and where (octets from its start).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at character {} of `{text}`", .at + 1)]
pub struct FilterError {
    /// The whole expression.
    pub text: String,
    /// Where it went wrong.
    pub at: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Filter {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser {
            text,
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

    fn new(name: &str, argument: &str) -> Result<Self, String> {
        let given = || match argument {
            "" => Err(format!("`{name}()` needs an argument")),
            _ => Ok(argument.to_owned()),
        };
        Ok(match name {
            "id" => Self::Id(CaseGlob::new(&given()?)?),
            "section" => Self::Section(given()?.trim_start_matches('§').to_owned()),
            "covers" => Self::Covers(given()?),
            "needs" => Self::Needs(given()?),
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
            "slow" => Self::Slow,
            "all" => Self::All,
            _ => return Err(format!("no predicate `{name}`; there are: {}", Self::NAMES)),
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

/// Parentheses deeper than this are a mistake, not a filter.
const DEPTH_MAX: u32 = 64;

struct Parser<'t> {
    text: &'t str,
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
        let predicate = Predicate::new(name, argument).map_err(|message| FilterError {
            text: self.text.to_owned(),
            at: start,
            message,
        })?;
        self.at += length + 1;
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
            at: self.at,
            message,
        }
    }
}
