//! Steps: one verb each, `repeat` and `when` unrolled.

use super::limits::{self, Limit};
use super::{MAX_STEPS, Reader, shape};
use crate::spec::case::{Pattern, Refusal, Step, Verb};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::expr::{self, Type};
use crate::spec::table::{self, BESIDE, Shape, VERBS};
use crate::spec::yaml::{Entry, Node};

/// What stands beside the verb.
#[derive(Default)]
struct Beside<'a> {
    conn: Option<Node<'a>>,
    should: Option<Node<'a>>,
    within: Option<Entry<'a>>,
    refused: Option<Entry<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads steps one after the other.
    pub(super) fn read_steps(&mut self, nodes: &[Node<'a>], out: &mut Vec<Step>) {
        for node in nodes {
            self.step(node, out);
        }
    }

    /// Reads a step; `repeat` and `when` may add none or many.
    pub(super) fn step(&mut self, node: &Node<'a>, out: &mut Vec<Step>) {
        let Some(node) = self.resolve(node) else {
            return;
        };
        let Some(entries) = node.entries() else {
            let message = format!("a step is a map with one verb, not {}", node.kind());
            let fault = node.error("spec::type", message);
            let text = node.text().unwrap_or_default();
            let glued = text.split_once(':').filter(|(verb, _)| is_verb(verb));
            let glued = glued.map(|(verb, rest)| format!("{verb}: {rest}"));
            self.fault(fault.near(glued).help(verbs()));
            return;
        };
        let verb = |name: &str| entries.iter().find(|entry| entry.key == name);
        if let Some(when) = verb("when") {
            return self.when(when, &entries, out);
        }
        if let Some(repeat) = verb("repeat") {
            return self.repeat(&node, repeat, out);
        }
        let Some(verb) = self.the_verb(&node, &entries) else {
            return;
        };
        let mut beside = Beside::default();
        for entry in &entries {
            match &*entry.key {
                "conn" => beside.conn = Some(entry.node.clone()),
                "should" => beside.should = Some(entry.node.clone()),
                "within" => beside.within = Some(entry.clone()),
                "refused" => beside.refused = Some(entry.clone()),
                _ => {}
            }
        }
        self.plain_step(&node, verb, &beside, out);
    }

    /// The one verb of a step; everything else beside it is known.
    fn the_verb<'b>(&mut self, node: &Node<'a>, entries: &'b [Entry<'a>]) -> Option<&'b Entry<'a>> {
        let is_verb = |entry: &&Entry<'_>| is_verb(&entry.key);
        let is_beside = |entry: &&Entry<'_>| BESIDE.iter().any(|word| word.name == entry.key);
        let mut found = entries.iter().filter(is_verb);
        let (first, second) = (found.next(), found.next());
        if let (Some(first), Some(second)) = (first, second) {
            let message = format!("a step has one verb, this has `{}` too", second.key);
            let source = node.source();
            let fault = Diagnostic::error("spec::two-verbs", source, second.key_span, message)
                .label("a step of its own")
                .also(first.key_span, "the verb")
                .help(format!("put `- ` before `{}`", second.key));
            self.fault(fault);
            return None;
        }
        if let Some(first) = first.filter(|first| first.node.is_null()) {
            let message = format!("`{}` says nothing", first.key);
            let source = node.source();
            let fault = Diagnostic::error("spec::type", source, first.key_span, message);
            self.fault(fault.help(format!(
                "what it says stands behind it, `{}: …`, or below it, indented further",
                first.key
            )));
            return None;
        }
        for entry in entries
            .iter()
            .filter(|entry| !is_verb(entry) && !is_beside(entry))
        {
            let (what, code) = match first {
                Some(_) => ("field", "spec::unknown-field"),
                None => ("verb", "spec::unknown-verb"),
            };
            let message = format!("a step has no {what} `{}`", entry.key);
            let words = table::names(VERBS).into_iter().chain(table::names(BESIDE));
            let fault = Diagnostic::error(code, node.source(), entry.key_span, message);
            self.fault(fault.near(table::nearest(&entry.key, words)).help(verbs()));
        }
        if first.is_none() && entries.iter().all(|entry| is_beside(&entry)) {
            self.fault(
                node.error("spec::unknown-verb", "a step without a verb")
                    .help(verbs()),
            );
        }
        first
    }

    fn plain_step(
        &mut self,
        node: &Node<'a>,
        verb: &Entry<'a>,
        beside: &Beside<'a>,
        out: &mut Vec<Step>,
    ) {
        self.count += 1;
        if self.count > MAX_STEPS {
            if self.count == MAX_STEPS + 1 {
                let message = format!("a case has at most {MAX_STEPS} steps");
                let help = "make the `repeat` shorter, or several cases of it";
                self.fault(node.error("spec::too-many-steps", message).help(help));
            }
            return;
        }
        self.number += 1;
        let number = format!("{}{}", self.prefix, self.number);
        let conn = beside.conn.as_ref().and_then(|conn| self.conn(conn));
        self.own = conn.unwrap_or(0);
        let mut defaults = Vec::new();
        let should = beside.should.as_ref().and_then(|node| self.resolve(node));
        let (id, part) = match should {
            Some(should) if should.entries().is_some() => (None, Some(should)),
            Some(should) => (self.requirement(&should), None),
            None => (None, None),
        };
        if let Some(part) = part.as_ref().filter(|_| verb.key != "expect") {
            let message = "constraints in `should` belong to an `expect`";
            let help = "write `should: ID` to judge the whole step at SHOULD level";
            self.fault(part.error("spec::should-constraints", message).help(help));
        }
        self.misplaced(verb, beside);
        let verb = self.verb(verb, beside, part.as_ref(), &mut defaults);
        let Some(verb) = verb else { return };
        let step = Step {
            number,
            line: node.span().line,
            preamble: self.preamble.clone(),
            conn: conn.unwrap_or(0),
            conn_named: beside.conn.is_some(),
            should: id,
            defaults,
            verb,
        };
        self.note_heard(std::slice::from_ref(&step));
        out.push(step);
    }

    /// What stands beside a verb to which it says nothing.
    fn misplaced(&mut self, verb: &Entry<'a>, beside: &Beside<'a>) {
        let words: [(_, _, &[&str], _); 2] = [
            (
                "within",
                &beside.within,
                &["app", "state"],
                "for an `expect` it stands inside: `expect: {…, within: 1s}`",
            ),
            (
                "refused",
                &beside.refused,
                &["call"],
                "it says whether the device may refuse a `call`",
            ),
        ];
        for (word, entry, verbs, help) in words {
            if let Some(entry) = entry.as_ref().filter(|_| !verbs.contains(&&*verb.key)) {
                let message = format!("`{word}` cannot stand beside `{}`", verb.key);
                let (source, span) = (entry.node.source(), entry.key_span);
                let fault = Diagnostic::error("spec::unknown-field", source, span, message);
                self.fault(fault.help(help));
            }
        }
    }

    fn refusal(&mut self, node: &Node<'a>) -> Option<Refusal> {
        let word = self.word(node, "said of a refusal", table::REFUSALS)?;
        Some(match word {
            "must" => Refusal::Must,
            "must-not" => Refusal::MustNot,
            _ => Refusal::May,
        })
    }

    fn conn(&mut self, node: &Node<'a>) -> Option<usize> {
        let name = self.text(node, "a connection")?;
        let found = self.scope.conns.iter().position(|have| *have == name);
        if found.is_none() {
            let message = format!("there is no connection `{name}`");
            let help = format!(
                "connections here: {} (see `conns`)",
                self.scope.conns.join(" ")
            );
            self.fault(node.error("spec::unknown-connection", message).help(help));
        }
        found
    }

    fn verb(
        &mut self,
        entry: &Entry<'a>,
        beside: &Beside<'a>,
        should: Option<&Node<'a>>,
        defaults: &mut Vec<&'static str>,
    ) -> Option<Verb> {
        let node = &entry.node;
        let within = beside.within.as_ref().map(|entry| &entry.node);
        Some(match &*entry.key {
            "inject" if node.get("icmp").is_some() => {
                Verb::InjectIcmp(Box::new(self.icmp(node, defaults)?))
            }
            "inject" => Verb::Inject(Box::new(self.inject(node, defaults)?)),
            "expect" => Verb::Expect(Box::new(self.expectation(node, should, defaults)?)),
            "silence" => Verb::Silence(self.limited(node, &limits::SILENCE)?),
            "call" => Verb::Call {
                call: self.call(node)?,
                refused: beside
                    .refused
                    .as_ref()
                    .and_then(|it| self.refusal(&it.node)),
            },
            "app" => Verb::App(self.app(node, within)?),
            "state" => {
                let state = self.state(node);
                let within = self.optional(within, &limits::WITHIN);
                Verb::State {
                    state: state?,
                    within,
                }
            }
            "check" => {
                let check = self.expression(node, "a comparison", expr::comparison)?;
                self.bound(node, &check.left);
                self.bound_pattern(node, &check.right);
                Verb::Check(check)
            }
            "info" => Verb::Info(self.info(node)?),
            "counter" => Verb::Counter(self.counter(node)?),
            "one_of" => Verb::OneOf(self.one_of(node)?),
            "flood" => Verb::Flood(Box::new(self.flood(node)?)),
            // `repeat` and `when` are unrolled before they come here.
            _ => return None,
        })
    }

    /// An expression that may be left out.
    pub(super) fn optional(
        &mut self,
        node: Option<&Node<'a>>,
        limit: &Limit,
    ) -> Option<crate::spec::case::Expr> {
        node.and_then(|node| self.limited(node, limit))
    }

    /// A state by its name.
    pub(in crate::spec) fn state(&mut self, node: &Node<'a>) -> Option<crate::spec::case::State> {
        if let Some(state) = node.text().and_then(|text| table::state(&text)) {
            return Some(state);
        }
        let word = self.word(node, "a state", &table::state_names());
        word.and_then(table::state)
    }

    fn info(&mut self, node: &Node<'a>) -> Option<Vec<(String, Pattern)>> {
        let fields = self.fields(node, "`info`", &[table::INFO])?;
        let mut all = Vec::new();
        for (name, node) in fields.iter() {
            let duration = matches!(shape(table::INFO, name), Some(Shape::DurationPattern));
            let want = if duration {
                Type::Duration
            } else {
                Type::Number
            };
            all.extend(
                self.pattern(node, want)
                    .map(|pattern| (name.to_owned(), pattern)),
            );
        }
        Some(all)
    }

    fn counter(&mut self, node: &Node<'a>) -> Option<Vec<(String, Pattern)>> {
        let node = self.resolve(node)?;
        let Some(entries) = node.entries() else {
            let message = "`counter` is a map: `{NAME: n}`";
            self.fault(node.error("spec::type", message));
            return None;
        };
        let mut all = Vec::new();
        for entry in entries {
            if !is_counter(&entry.key) {
                let message = format!(
                    "`{}` is no counter: a device's own name begins with a capital",
                    entry.key
                );
                let names = table::names(table::COUNTERS);
                let help = format!("counters: {}", names.join(" "));
                let (source, span) = (node.source(), entry.key_span);
                let fault = Diagnostic::error("spec::unknown-word", source, span, message);
                self.fault(fault.near(table::nearest(&entry.key, names)).help(help));
            }
            let pattern = self.pattern(&entry.node, Type::Number);
            all.extend(pattern.map(|pattern| (entry.key.into_owned(), pattern)));
        }
        Some(all)
    }
}

/// A counter of every device, or one by a device's own name.
fn is_counter(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        || table::names(table::COUNTERS).contains(&name)
}

fn is_verb(word: &str) -> bool {
    VERBS.iter().any(|verb| verb.name == word)
}

fn verbs() -> String {
    format!("verbs: {}", table::names(VERBS).join(" "))
}
