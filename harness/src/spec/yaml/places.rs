//! One pass over the events of a YAML parser: every value and where it stands, and what specs
//! refuse.

use super::{Child, Place, scalar, syntax};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::source::{Source, Span};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_yaml::{Mapping, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// Largest file, octets.
const MAX_FILE: usize = 1 << 20;
/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 32;
/// Most keys of one map.
const MAX_KEYS: usize = 512;
/// What became of the rest of a file.
const UNREAD: &str = "what stands behind it was not read";

/// What could be read of a file.
pub(super) struct Salvage {
    /// The values and their places; `None` if what was read says nothing.
    pub(super) root: Option<(Value, Place)>,
    /// Reading stopped before the end: the values are those before that place, but for a step that
    /// was not complete.
    pub(super) is_cut: bool,
    /// How the file breaks the rules of YAML, and those that specs add to them.
    pub(super) faults: Vec<Diagnostic>,
}

/// The values of a file, or of the beginning `text` of one, and their places.
pub(super) fn read(source: &Arc<Source>, text: &str) -> Salvage {
    let mut builder = Builder::new(source);
    if source.text.len() > MAX_FILE {
        let message = format!("this file is larger than {MAX_FILE} octets");
        let help = "split the file";
        builder.fault("yaml::too-large", Span::default(), &message, help);
        return builder.salvage(false);
    }
    if !is_text(source) {
        builder.refuse_octets();
        return builder.salvage(false);
    }
    builder.refuse_tabs();
    let text = without_inner_tabs(text);
    let mut parser = Parser::new_from_str(&text);
    while let Some(next) = parser.next_event() {
        let is_readable = match next {
            Ok((event, span)) => builder.event(&event, span),
            Err(error) => {
                builder.stop(&error);
                return builder.salvage(true);
            }
        };
        if !is_readable {
            return builder.salvage(false);
        }
    }
    let is_whole = builder.is_whole;
    builder.salvage(is_whole)
}

/// Tabs that indent nothing are blanks to the parser: they are refused all the same, and hide
/// nothing that stands behind them.
fn without_inner_tabs(text: &str) -> Cow<'_, str> {
    if !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| {
        let body = line.trim_start_matches([' ', '\t']);
        let (indentation, body) = line.split_at(line.len() - body.len());
        indentation.to_owned() + &body.replace('\t', " ")
    };
    text.split_inclusive('\n').map(line).collect()
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
    /// What was read stands for what was written.
    is_whole: bool,
    is_cut: bool,
    faults: Vec<Diagnostic>,
}

/// A list or map that has begun.
struct Open {
    place: Place,
    value: Collection,
    /// The key whose value comes next.
    key: Option<Span>,
    keys: Vec<String>,
    /// The value that comes next belongs to a key that was there before.
    is_again: bool,
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
            is_whole: true,
            is_cut: false,
            faults: Vec::new(),
        }
    }

    /// What was read, if it can be looked at.
    fn salvage(self, is_sound: bool) -> Salvage {
        let is_sound = is_sound && !(self.is_cut && self.root.0.is_null());
        Salvage {
            root: is_sound.then_some(self.root),
            is_cut: self.is_cut,
            faults: self.faults,
        }
    }

    /// The parser cannot go on: tells why, and closes what is open.
    fn stop(&mut self, error: &ScanError) {
        self.is_cut = true;
        let span = self.offsets.span(*error.marker(), *error.marker());
        let open = self.open.last().map(|open| open.place.span);
        let is_about_tab = error.info().contains("tab");
        match self.faults.iter_mut().find(|it| it.code == "yaml::tab") {
            // Said already, and better.
            Some(tab) if is_about_tab || tab.span().line == span.line => {
                let help = tab.help.take().unwrap_or_default();
                tab.help = Some(format!("{help}; {UNREAD}"));
            }
            _ => {
                let fault = syntax::fault(self.source, error.info(), span, open);
                let help = fault.help.clone();
                let help = help.map_or_else(|| UNREAD.to_owned(), |it| format!("{it}; {UNREAD}"));
                self.faults.push(fault.help(help));
            }
        }
        let is_step = |open: &Open| matches!(open.value, Collection::List(_));
        let in_steps = self.open.first().and_then(|top| top.keys.last());
        let in_steps = in_steps.is_some_and(|key| key == "steps");
        let kept = if in_steps && self.open.get(1).is_some_and(is_step) {
            2
        } else {
            1
        };
        self.open.truncate(kept);
        while !self.open.is_empty() {
            self.end(span);
        }
    }

    fn fault(&mut self, code: &'static str, span: Span, message: &str, help: &str) {
        let fault = Diagnostic::error(code, self.source, span, message).help(help);
        self.faults.push(fault);
    }

    fn refuse_tabs(&mut self) {
        let Some(span) = self.first('\t') else {
            return;
        };
        let lines = self.source.text.lines().enumerate();
        let lines = lines.filter(|(_, line)| line.contains('\t'));
        let more: Vec<String> = lines.map(|(at, _)| (at + 1).to_string()).skip(1).collect();
        let help = match more.len() {
            0 => "replace it by spaces".to_owned(),
            1..=9 => format!("replace it by spaces, in line {} too", more.join(", ")),
            _ => format!("replace it by spaces, in {} more lines too", more.len()),
        };
        let message = "a tab: specs are indented with spaces";
        self.fault("yaml::tab", span, message, &help);
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
                self.is_whole = false;
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
            self.is_whole = false;
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
        open.is_again = open.keys.iter().any(|have| have == text);
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
        if first.is_none() {
            open.keys.push(text.to_owned());
        }
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
            is_again: false,
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
        if std::mem::take(&mut open.is_again) {
            open.key = None;
            return;
        }
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
