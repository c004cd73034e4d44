//! YAML text to a tree of values with their places: the only module that knows a YAML crate.
//!
//! One pass over saphyr-parser's events yields the values, and a second tree of the same shape that
//! holds only positions; it refuses what specs do not use: anchors, tags, merge keys, duplicate
//! keys, tabs, leading zeros, several documents. A [`Node`] walks both trees side by side. Files
//! that are read in bulk and are nearly always good (catalogues, a test's list of names) are read
//! by serde_yaml, without places, and once more with places if something is wrong with them.
//!
//! A fault of the notation does not hide what else is wrong with a spec: where a key stands twice
//! the first one counts, and before a place where reading had to stop, whole steps are left.

mod places;
mod scalar;
mod syntax;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Source, Span};
use serde_yaml::Value;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// A file as values with places.
#[derive(Debug)]
pub(super) struct Document {
    source: Arc<Source>,
    value: Value,
    place: Place,
    /// Reading stopped before its end: what is missing may stand behind that place.
    is_cut: bool,
}

/// Where a value stands; the same shape as the value.
#[derive(Debug, Default)]
struct Place {
    span: Span,
    /// Written in quotes: `"100"` is text where `100` is a number.
    quoted: bool,
    children: Vec<Child>,
}

#[derive(Debug, Default)]
struct Child {
    /// Where the key stands; empty in a list.
    key: Span,
    place: Place,
}

/// What stands for a place in a file that was read without places.
static NOWHERE: Place = Place {
    span: Span {
        start: 0,
        end: 0,
        line: 0,
    },
    quoted: false,
    children: Vec::new(),
};

impl Document {
    /// Reads a file with places.
    pub(super) fn read(source: &Arc<Source>) -> Result<Self, Diagnostics> {
        match Self::salvage(source) {
            (Some(document), faults) => Diagnostics(faults).or(document),
            (None, faults) => Err(Diagnostics(faults)),
        }
    }

    /// Reads as much of a file as can be read, and tells what is wrong with its notation.
    pub(super) fn salvage(source: &Arc<Source>) -> (Option<Self>, Vec<Diagnostic>) {
        Self::salvage_text(source, &source.text)
    }

    /// As [`Document::salvage`], as far as the steps of a spec, where they come last: in a list,
    /// half of the work.
    pub(super) fn salvage_head(source: &Arc<Source>) -> (Option<Self>, Vec<Diagnostic>) {
        Self::salvage_text(source, head(&source.text))
    }

    fn salvage_text(source: &Arc<Source>, text: &str) -> (Option<Self>, Vec<Diagnostic>) {
        let places::Salvage {
            root,
            is_cut,
            faults,
        } = places::read(source, text);
        let document = root.map(|(value, place)| Self {
            source: Arc::clone(source),
            value,
            place,
            is_cut,
        });
        (document, faults)
    }

    /// Reading stopped before the end of the file.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Reads a file without places and without the rules that need them.
    pub(super) fn read_unplaced(source: &Arc<Source>) -> Result<Self, Diagnostics> {
        match serde_yaml::from_str(&source.text) {
            Ok(value) if places::is_text(source) => Ok(Self {
                source: Arc::clone(source),
                value,
                place: Place::default(),
                is_cut: false,
            }),
            _ => Self::read(source),
        }
    }

    /// The file.
    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The top of the tree.
    pub(super) fn root(&self) -> Node<'_> {
        Node {
            value: Held::Value(&self.value),
            place: &self.place,
            source: &self.source,
        }
    }
}

/// The text up to the key `steps`, if nothing but steps stands behind it; else the whole text.
fn head(text: &str) -> &str {
    const STEPS: &str = "\nsteps:";
    let Some(at) = text.find(STEPS) else {
        return text;
    };
    let (head, steps) = text.split_at(at + STEPS.len());
    let is_inside = |line: &str| line.is_empty() || line.starts_with([' ', '-', '#']);
    let are_last = steps.lines().skip(1).all(is_inside);
    if are_last { head } else { text }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    value: Held<'a>,
    place: &'a Place,
    source: &'a Arc<Source>,
}

#[derive(Clone, Debug)]
enum Held<'a> {
    Value(&'a Value),
    /// A text that a parameter was put into.
    Text(Rc<str>),
}

/// A key of a map with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    /// The key.
    pub(super) key: Cow<'a, str>,
    /// Where the key stands.
    pub(super) key_span: Span,
    /// The value.
    pub(super) node: Node<'a>,
}

impl<'a> Node<'a> {
    /// The file.
    pub(super) fn source(&self) -> &'a Arc<Source> {
        self.source
    }

    /// Where it stands.
    pub(super) fn span(&self) -> Span {
        self.place.span
    }

    /// Written in quotes.
    pub(super) fn is_quoted(&self) -> bool {
        self.place.quoted
    }

    /// Nothing was written.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Held::Value(Value::Null))
    }

    /// The items, if this is a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let Held::Value(Value::Sequence(items)) = self.value else {
            return None;
        };
        let place = |at: usize| {
            self.place
                .children
                .get(at)
                .map_or(&NOWHERE, |child| &child.place)
        };
        Some(
            items
                .iter()
                .enumerate()
                .map(|(at, item)| self.child(item, place(at)))
                .collect(),
        )
    }

    /// The entries in the order of the file, if this is a map.
    pub(super) fn entries(&self) -> Option<Vec<Entry<'a>>> {
        let Held::Value(Value::Mapping(map)) = self.value else {
            return None;
        };
        let entry = |(at, (key, value)): (usize, (&'a Value, &'a Value))| {
            let child = self.place.children.get(at);
            Entry {
                key: scalar(key).unwrap_or(Cow::Borrowed("null")),
                key_span: child.map_or(self.place.span, |child| child.key),
                node: self.child(value, child.map_or(&NOWHERE, |child| &child.place)),
            }
        };
        Some(map.iter().enumerate().map(entry).collect())
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Held::Value(Value::Mapping(map)) = self.value else {
            return None;
        };
        let at = map
            .keys()
            .position(|have| scalar(have).is_some_and(|have| have == key))?;
        let place = self
            .place
            .children
            .get(at)
            .map_or(&NOWHERE, |child| &child.place);
        map.values().nth(at).map(|value| self.child(value, place))
    }

    /// A scalar as text: a word, a number, `true` or `false`.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Held::Value(value) => scalar(value),
            Held::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    /// The same place with another text.
    #[must_use]
    pub(super) fn with_text(&self, text: &str) -> Self {
        Self {
            value: Held::Text(text.into()),
            ..self.clone()
        }
    }

    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Held::Value(Value::Null) => "nothing",
            Held::Value(Value::Mapping(_)) => "a map",
            Held::Value(Value::Sequence(_)) => "a list",
            Held::Value(Value::Number(_)) => "a number",
            Held::Value(Value::Bool(_)) => "true or false",
            Held::Value(_) | Held::Text(_) => "a word",
        }
    }

    /// An error at this place.
    pub(super) fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.source, self.span(), message)
    }

    /// The place of octets `from..to` of the text, as well as it can be known: a text in quotes
    /// or over several lines is pointed at as a whole.
    pub(super) fn part(&self, from: usize, to: usize) -> Span {
        let span = self.span();
        match &self.value {
            Held::Value(Value::String(text)) if self.source.at(span) == text => {
                span.part(from, to.max(from + 1))
            }
            _ => span,
        }
    }

    fn child(&self, value: &'a Value, place: &'a Place) -> Self {
        Node {
            value: Held::Value(value),
            place,
            source: self.source,
        }
    }
}

/// A scalar as text.
fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a: 1\nsteps:\n  - x\n", "a: 1\nsteps:")]
    #[case("a: 1\nsteps: [\n  x]\n", "a: 1\nsteps:")]
    #[case("a: 1\nsteps:\n- x\n\n# y\n", "a: 1\nsteps:")]
    #[case("a: 1\nsteps:\n  - x\nb: 2\n", "a: 1\nsteps:\n  - x\nb: 2\n")]
    #[case("a: steps:\n", "a: steps:\n")]
    fn a_head_ends_where_only_steps_are_left(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(head(text), expected);
    }
}
