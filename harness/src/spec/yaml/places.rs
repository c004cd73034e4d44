//! One pass over the events of a YAML parser: every value and where it stands, and what specs
//! refuse.

use super::{Child, Place, scalar};
use crate::spec::diagnostic::{Diagnostic, Diagnostics};
use crate::spec::source::{Source, Span};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_yaml::{Mapping, Value};
use std::sync::Arc;

/// Largest file, octets.
const MAX_FILE: usize = 1 << 20;
/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 32;
/// Most keys of one map.
const MAX_KEYS: usize = 512;

/// The values of a file, or of the beginning `text` of one, and their places; or how it breaks the
/// rules that specs add to YAML.
pub(super) fn read(source: &Arc<Source>, text: &str) -> Result<(Value, Place), Diagnostics> {
    if source.text.len() > MAX_FILE {
        let message = format!("this file is larger than {MAX_FILE} octets");
        let fault = Diagnostic::error("yaml::too-large", source, Span::default(), message);
        return Err(Diagnostics(vec![fault]));
    }
    let mut builder = Builder::new(source);
    if !is_text(source) {
        builder.refuse_octets();
        return Err(Diagnostics(builder.faults));
    }
    builder.refuse_tabs();
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let more = match next {
            Ok((event, span)) => builder.event(&event, span),
            // Said already, and better.
            Err(error) if error.info().contains("tabs") && !builder.faults.is_empty() => false,
            Err(error) => {
                let span = builder.offsets.span(*error.marker(), *error.marker());
                let message = format!("this is not YAML: {}", error.info());
                builder
                    .faults
                    .push(Diagnostic::error("yaml::syntax", source, span, message));
                false
            }
        };
        if !more {
            break;
        }
    }
    Diagnostics(builder.faults).or(builder.root)
}

/// What stands for octets that are not UTF-8, in a file that was read all the same.
const NO_CHARACTER: char = char::REPLACEMENT_CHARACTER;

/// True if every character of the file could be read.
pub(super) fn is_text(source: &Source) -> bool {
    !source.text.contains(NO_CHARACTER)
}

/// Characters to octets: the parser counts characters.
struct Offsets {
    /// Octet offset of each character; empty if every character is one octet.
    starts: Vec<u32>,
    end: u32,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let starts = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at as u32).collect()
        };
        Self {
            starts,
            end: text.len() as u32,
        }
    }

    fn octet(&self, character: usize) -> u32 {
        if self.starts.is_empty() {
            return (character as u32).min(self.end);
        }
        self.starts.get(character).copied().unwrap_or(self.end)
    }

    fn span(&self, start: saphyr_parser::Marker, end: saphyr_parser::Marker) -> Span {
        let from = self.octet(start.index());
        Span {
            start: from,
            end: self.octet(end.index()).max(from),
            line: start.line() as u32,
        }
    }
}

/// Builds the tree of places from events.
struct Builder<'a> {
    source: &'a Arc<Source>,
    offsets: Offsets,
    open: Vec<Open>,
    root: (Value, Place),
    documents: usize,
    faults: Vec<Diagnostic>,
}

/// A list or map that has begun.
struct Open {
    place: Place,
    value: Collection,
    /// The key whose value comes next.
    key: Option<Span>,
    keys: Vec<String>,
}

/// The values so far.
enum Collection {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Map(Mapping, Value),
}

impl Open {
    /// True if a key comes next.
    fn wants_key(&self) -> bool {
        matches!(self.value, Collection::Map(..)) && self.key.is_none()
    }
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>) -> Self {
        Self {
            source,
            offsets: Offsets::new(&source.text),
            open: Vec::new(),
            root: (Value::Null, Place::default()),
            documents: 0,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, code: &'static str, span: Span, message: &str, help: &str) {
        let fault = Diagnostic::error(code, self.source, span, message).help(help);
        self.faults.push(fault);
    }

    fn refuse_tabs(&mut self) {
        if let Some(span) = self.first('\t') {
            self.fault(
                "yaml::tab",
                span,
                "a tab: specs are indented with spaces",
                "replace it by spaces",
            );
        }
    }

    fn refuse_octets(&mut self) {
        if let Some(span) = self.first(NO_CHARACTER) {
            self.fault(
                "yaml::encoding",
                span,
                "what stands here is not UTF-8: this file is no text, or in another encoding",
                "save it as UTF-8",
            );
        }
    }

    /// Where a character stands first.
    fn first(&self, letter: char) -> Option<Span> {
        let at = self.source.text.find(letter)?;
        let line = self.source.text[..at].matches('\n').count() as u32 + 1;
        Some(Span {
            start: at as u32,
            end: (at + letter.len_utf8()) as u32,
            line,
        })
    }

    /// Takes an event; false if reading cannot go on.
    fn event(&mut self, event: &Event<'_>, at: saphyr_parser::Span) -> bool {
        let span = self.offsets.span(at.start, at.end);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "one file holds one document: remove the line `---`";
                    self.fault(
                        "yaml::multi-document",
                        span,
                        "a second document begins here",
                        help,
                    );
                    return false;
                }
            }
            Event::Alias(_) => {
                self.fault(
                    "yaml::alias",
                    span,
                    "an alias: the language has none",
                    "write the value out, or use `cases`",
                );
                let place = Place {
                    span,
                    ..Place::default()
                };
                self.complete(Value::Null, place);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(span, *anchor, tag.is_some());
                return self.scalar(text, *style, span);
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                self.refuse_marks(span, *anchor, tag.is_some());
                return self.begin(span, matches!(event, Event::MappingStart(..)));
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => {}
        }
        true
    }

    fn refuse_marks(&mut self, span: Span, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.fault(
                "yaml::anchor",
                span,
                "an anchor: the language has none",
                "write the value out, or use `cases`",
            );
        }
        if tag {
            self.fault(
                "yaml::tag",
                span,
                "a tag: the language has none",
                "remove it: every value has its type already",
            );
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> bool {
        let plain = style == ScalarStyle::Plain;
        let span = self.trimmed(span, plain);
        if self.open.last().is_some_and(Open::wants_key) {
            return self.key(text, plain, span);
        }
        let digits = text.trim_start_matches(['-', '+']);
        if plain && digits.len() > 1 && digits.starts_with('0') && is_digits(digits) {
            let help = "without the zeros it is a number; in quotes it is text";
            self.fault(
                "yaml::leading-zero",
                span,
                "a number with leading zeros: octal for one reader of YAML, not for another",
                help,
            );
        }
        let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let place = Place {
            span,
            quoted,
            children: Vec::new(),
        };
        self.complete(scalar::value(text, plain), place);
        true
    }

    /// A plain scalar without the blanks and comments that the parser counts to it.
    fn trimmed(&self, span: Span, plain: bool) -> Span {
        if !plain {
            return span;
        }
        let text = self.source.at(span);
        Span {
            end: span.start + text.trim_end().len() as u32,
            ..span
        }
    }

    fn key(&mut self, text: &str, plain: bool, span: Span) -> bool {
        if plain && text == "<<" {
            self.fault(
                "yaml::merge-key",
                span,
                "a merge key: the language has none",
                "write the fields out",
            );
        }
        let source = self.source;
        let Some(open) = self.open.last_mut() else {
            return false;
        };
        open.key = Some(span);
        if let Collection::Map(_, key) = &mut open.value {
            *key = scalar::value(text, plain);
        }
        let before = open.keys.iter().position(|have| have == text);
        let first = before
            .and_then(|at| open.place.children.get(at))
            .map(|child| child.key);
        if let Some(first) = first {
            let message = format!("the key `{text}` stands here twice");
            let fault = Diagnostic::error("yaml::duplicate-key", source, span, message)
                .label("again")
                .also(first, "first here")
                .help("remove one of them");
            self.faults.push(fault);
        }
        open.keys.push(text.to_owned());
        if open.keys.len() > MAX_KEYS {
            let message = format!("a map has at most {MAX_KEYS} keys");
            self.fault("yaml::too-large", span, &message, "split the file");
            return false;
        }
        true
    }

    fn begin(&mut self, span: Span, is_map: bool) -> bool {
        if self.open.last().is_some_and(Open::wants_key) {
            let help = "a key is a word";
            self.fault("yaml::key", span, "a list or a map cannot be a key", help);
            return false;
        }
        if self.open.len() == MAX_DEPTH {
            let message = format!("lists and maps nest at most {MAX_DEPTH} deep");
            self.fault(
                "yaml::too-deep",
                span,
                &message,
                "nothing in a spec nests that deep",
            );
            return false;
        }
        let place = Place {
            span,
            ..Place::default()
        };
        self.open.push(Open {
            place,
            value: if is_map {
                Collection::Map(Mapping::new(), Value::Null)
            } else {
                Collection::List(Vec::new())
            },
            key: None,
            keys: Vec::new(),
        });
        true
    }

    fn end(&mut self, span: Span) {
        let Some(open) = self.open.pop() else { return };
        let mut place = open.place;
        // A block collection ends where the next thing begins; its last child ends before that.
        let last = place.children.last().map(|child| child.place.span.end);
        place.span.end = if span.end > span.start {
            span.end
        } else {
            last.unwrap_or(span.end)
        };
        place.span.end = place.span.end.max(place.span.start);
        let value = match open.value {
            Collection::List(items) => Value::Sequence(items),
            Collection::Map(map, _) => Value::Mapping(map),
        };
        self.complete(value, place);
    }

    fn complete(&mut self, value: Value, place: Place) {
        let Some(open) = self.open.last_mut() else {
            self.root = (value, place);
            return;
        };
        match &mut open.value {
            Collection::List(items) => items.push(value),
            Collection::Map(map, key) => drop(map.insert(std::mem::take(key), value)),
        }
        let key = open.key.take().unwrap_or_default();
        open.place.children.push(Child { key, place });
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}
