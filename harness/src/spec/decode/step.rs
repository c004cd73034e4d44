//! Steps: one verb each, `repeat` and `when` unrolled.

use super::{Bound, MAX_REPEATS, MAX_STEPS, Parameter, Reader, shape};
use crate::spec::case::{Branch, Pattern, Step, Verb};
use crate::spec::claims::{self, Values};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::expr::{self, Type};
use crate::spec::table::{self, BESIDE, BRANCH, Shape, VERBS};
use crate::spec::yaml::{Entry, Node};
use std::borrow::Cow;
use std::rc::Rc;

/// What stands beside the verb.
#[derive(Default)]
struct Beside<'a> {
    conn: Option<Node<'a>>,
    should: Option<Node<'a>>,
    within: Option<Node<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads a step; `repeat` and `when` may add none or many.
    pub(super) fn step(&mut self, node: &Node<'a>, out: &mut Vec<Step>) {
        let Some(node) = self.resolve(node) else {
            return;
        };
        let Some(entries) = node.entries() else {
            let message = format!("a step is a map with one verb, not {}", node.kind());
            self.fault(node.error("spec::type", message).help(verbs()));
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
                "within" => beside.within = Some(entry.node.clone()),
                _ => {}
            }
        }
        self.plain_step(&node, verb, &beside, out);
    }

    /// The one verb of a step; everything else beside it is known.
    fn the_verb<'b>(&mut self, node: &Node<'a>, entries: &'b [Entry<'a>]) -> Option<&'b Entry<'a>> {
        let is_verb = |entry: &&Entry<'_>| VERBS.iter().any(|verb| verb.name == entry.key);
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
            let mut fault = Diagnostic::error(code, node.source(), entry.key_span, message);
            if let Some(near) = table::nearest(&entry.key, words) {
                fault = fault.label(format!("did you mean `{near}`?"));
            }
            self.fault(fault.help(verbs()));
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
        if let Some(within) = beside
            .within
            .as_ref()
            .filter(|_| !["app", "state"].contains(&&*verb.key))
        {
            let message = format!("`within` cannot stand beside `{}`", verb.key);
            let help = "for an `expect` it stands inside: `expect: {…, within: 1s}`";
            self.fault(within.error("spec::unknown-field", message).help(help));
        }
        let verb = self.verb(verb, beside, part.as_ref(), &mut defaults);
        let Some(verb) = verb else { return };
        out.push(Step {
            number,
            line: node.span().line,
            preamble: self.preamble.clone(),
            conn: conn.unwrap_or(0),
            conn_named: beside.conn.is_some(),
            should: id,
            defaults,
            verb,
        });
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
        Some(match &*entry.key {
            "inject" => Verb::Inject(Box::new(self.inject(node, defaults)?)),
            "expect" => Verb::Expect(Box::new(self.expect(node, should, defaults)?)),
            "silence" => Verb::Silence(self.value(node, Type::Duration)?),
            "call" => Verb::Call(self.call(node)?),
            "app" => Verb::App(self.app(node, beside.within.as_ref())?),
            "state" => {
                let state = self.state(node);
                let within = self.optional(beside.within.as_ref(), Type::Duration);
                Verb::State {
                    state: state?,
                    within,
                }
            }
            "check" => Verb::Check(self.expression(node, "a comparison", expr::comparison)?),
            "info" => Verb::Info(self.info(node)?),
            "counter" => Verb::Counter(self.counter(node)?),
            "one_of" => Verb::OneOf(self.one_of(node)?),
            other => {
                let message = format!("`{other}` is part of the language, but not there yet");
                self.fault(Diagnostic::error(
                    "spec::not-yet",
                    node.source(),
                    entry.key_span,
                    message,
                ));
                return None;
            }
        })
    }

    /// An expression that may be left out.
    pub(super) fn optional(
        &mut self,
        node: Option<&Node<'a>>,
        want: Type,
    ) -> Option<crate::spec::case::Expr> {
        node.and_then(|node| self.value(node, want))
    }

    /// A state by its name.
    pub(in crate::spec) fn state(&mut self, node: &Node<'a>) -> Option<crate::spec::case::State> {
        let names: Vec<&'static str> = crate::spec::case::State::NAMES
            .iter()
            .map(|(name, _)| *name)
            .collect();
        self.word(node, "a state", &names).and_then(table::state)
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
            let pattern = self.pattern(&entry.node, Type::Number);
            all.extend(pattern.map(|pattern| (entry.key.into_owned(), pattern)));
        }
        Some(all)
    }

    /// `repeat: {v: list or a..b}` with `steps`.
    fn repeat(&mut self, node: &Node<'a>, repeat: &Entry<'a>, out: &mut Vec<Step>) {
        let entries = node.entries().unwrap_or_default();
        for entry in entries
            .iter()
            .filter(|e| e.key != "repeat" && e.key != "steps")
        {
            let message = format!("`repeat` has no field `{}`", entry.key);
            let source = node.source();
            let fault = Diagnostic::error("spec::unknown-field", source, entry.key_span, message);
            self.fault(fault.help("beside `repeat` stands only `steps`"));
        }
        let Some(steps) = node.get("steps") else {
            return self.missing(node, "`repeat`", "steps");
        };
        let Some((name, values)) = self.repeated(&repeat.node) else {
            return;
        };
        let steps = self.list(&steps, "`steps`");
        for bound in values.iter() {
            let bound = bound.clone();
            let parameter = Parameter {
                name: name.clone(),
                bound,
                values: values.clone(),
            };
            self.scope.parameters.push(parameter);
            steps.iter().for_each(|step| self.step(step, out));
            self.scope.parameters.pop();
            if self.count > MAX_STEPS {
                return;
            }
        }
    }

    /// The parameter of a `repeat` and its values.
    fn repeated(&mut self, node: &Node<'a>) -> Option<(Rc<str>, Rc<[Bound<'a>]>)> {
        let entries = node.entries().unwrap_or_default();
        let [entry] = &entries[..] else {
            let message = "`repeat` names one parameter: `repeat: {i: 1..5}`";
            self.fault(node.error("spec::type", message));
            return None;
        };
        let value = self.resolve(&entry.node)?;
        let name: Rc<str> = Rc::from(&*entry.key);
        if let Some(items) = value.items() {
            let items: Vec<Bound<'a>> = items.into_iter().map(Bound::Node).collect();
            return Some((name, items.into()));
        }
        let range = self.expression(&value, "a list or a range", |text, names| {
            expr::pattern(text, Type::Number, names)
        })?;
        let bounds = match &range {
            Pattern::Range(Some(low), Some(high)) => {
                let (low, high) = (constant(low), constant(high));
                low.zip(high)
            }
            _ => None,
        };
        let Some((low, high)) = bounds else {
            let message = "`repeat` takes a list, or a range of known numbers: `1..5`";
            self.fault(value.error("spec::type", message));
            return None;
        };
        if high < low || high.saturating_sub(low) >= MAX_REPEATS {
            let message = format!("`repeat` goes at least once and at most {MAX_REPEATS} times");
            self.fault(value.error("spec::too-many-steps", message));
            return None;
        }
        Some((name, (low..=high).map(Bound::Number).collect()))
    }

    /// `when: $param` or `when: profile.NAME`, with one list per value.
    fn when(&mut self, when: &Entry<'a>, entries: &[Entry<'a>], out: &mut Vec<Step>) {
        let text = when.node.text().map(Cow::into_owned).unwrap_or_default();
        let subject = match (text.strip_prefix('$'), text.strip_prefix("profile.")) {
            (Some(path), _) => self.parameter_subject(&when.node, path),
            (_, Some(name)) => self.profile_subject(&when.node, name),
            _ => {
                let message = "`when` chooses by a parameter or by the profile";
                let help = "write `when: $param` or `when: profile.NAME`";
                self.fault(when.node.error("spec::type", message).help(help));
                None
            }
        };
        let Some((values, chosen)) = subject else {
            return;
        };
        let lists: Vec<&Entry<'a>> = entries.iter().filter(|e| e.key != "when").collect();
        self.check_when_keys(when, &lists, &values);
        match chosen {
            Some(chosen) => {
                let Some(list) = lists.iter().find(|entry| entry.key == chosen) else {
                    return;
                };
                let steps = self.list(&list.node, "the steps of this value");
                steps.iter().for_each(|step| self.step(step, out));
            }
            None => self.read_all_alternatives(&lists, out),
        }
    }

    /// Reads every list for its errors; the first one stands for the case.
    fn read_all_alternatives(&mut self, lists: &[&Entry<'a>], out: &mut Vec<Step>) {
        let (number, captures) = (self.number, self.scope.captures.clone());
        for (at, list) in lists.iter().enumerate().rev() {
            (self.number, self.scope.captures) = (number, captures.clone());
            let steps = self.list(&list.node, "the steps of this value");
            let mut read = Vec::new();
            steps.iter().for_each(|step| self.step(step, &mut read));
            if at == 0 {
                out.append(&mut read);
            }
        }
    }

    fn check_when_keys(&mut self, when: &Entry<'a>, lists: &[&Entry<'a>], values: &[String]) {
        let help = format!(
            "exactly the possible values stand here: {}",
            values.join(" ")
        );
        for list in lists
            .iter()
            .filter(|list| !values.iter().any(|value| *value == list.key))
        {
            let message = format!("`{}` is never the value of this `when`", list.key);
            let source = when.node.source();
            let fault = Diagnostic::error("spec::when-keys", source, list.key_span, message);
            self.fault(fault.help(help.clone()));
        }
        for value in values
            .iter()
            .filter(|value| !lists.iter().any(|l| l.key == **value))
        {
            let message = format!("this `when` says nothing for the value `{value}`");
            self.fault(
                when.node
                    .error("spec::when-keys", message)
                    .help(help.clone()),
            );
        }
    }

    fn parameter_subject(
        &mut self,
        node: &Node<'a>,
        path: &str,
    ) -> Option<(Vec<String>, Option<String>)> {
        let found = self.scope.values(path).and_then(|values| {
            let chosen = expr::Names::parameter(&self.scope, path)?;
            Ok((values, Some(chosen)))
        });
        found
            .map_err(|why| self.fault(node.error("spec::unknown-parameter", why)))
            .ok()
    }

    fn profile_subject(
        &mut self,
        node: &Node<'a>,
        name: &str,
    ) -> Option<(Vec<String>, Option<String>)> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        if claims::CLAIMS.iter().any(|claim| claim.name == name) {
            let claimed = self
                .profile
                .map(|profile| profile.claims.contains(name).to_string());
            return Some((words(&["true", "false"]), claimed));
        }
        let Some(policy) = claims::find(name) else {
            let policies = claims::POLICIES.iter().map(|policy| policy.name);
            let known = policies.chain(claims::CLAIMS.iter().map(|claim| claim.name));
            let message = format!("a profile has no `{name}`");
            let mut fault = node.error("spec::unknown-policy", message);
            if let Some(near) = table::nearest(name, known) {
                fault = fault.label(format!("did you mean `profile.{near}`?"));
            }
            self.fault(fault);
            return None;
        };
        let Values::OneOf(values) = policy.values else {
            let message = format!("`{name}` has no list of values that `when` could choose from");
            self.fault(node.error("spec::unknown-policy", message).help(policy.doc));
            return None;
        };
        let chosen = self.profile.map(|profile| {
            let set = profile.policies.get(name).map(String::as_str);
            set.or(values.first().copied())
                .unwrap_or_default()
                .to_owned()
        });
        Some((words(values), chosen))
    }

    fn one_of(&mut self, node: &Node<'a>) -> Option<Vec<Branch>> {
        let nodes = self.list(node, "`one_of`");
        let captures = self.scope.captures.clone();
        let mut common: Option<Vec<String>> = None;
        let mut branches: Vec<Branch> = Vec::new();
        let mut open = 0;
        for node in &nodes {
            self.scope.captures.clone_from(&captures);
            let Some(fields) = self.fields(node, "a branch", &[BRANCH]) else {
                continue;
            };
            let branch = self.branch(&fields, &branches);
            let closed = fields
                .get("unless")
                .is_some_and(|unless| self.is_closed(unless));
            open += usize::from(fields.get("unless").is_none());
            let bound = std::mem::take(&mut self.scope.captures);
            if let Some(branch) = branch.filter(|_| !closed) {
                common = Some(match common {
                    None => bound,
                    Some(so_far) => so_far.into_iter().filter(|c| bound.contains(c)).collect(),
                });
                branches.push(branch);
            }
        }
        // What only some branches capture is not known after them.
        self.scope.captures = common.unwrap_or(captures);
        if nodes.is_empty() || open == 0 {
            let message = "one branch of `one_of` must be open to every device";
            let help = "leave `unless` out of one of them";
            self.fault(node.error("spec::unreachable", message).help(help));
            return None;
        }
        Some(branches)
    }

    fn branch(&mut self, fields: &super::Fields<'a>, before: &[Branch]) -> Option<Branch> {
        let Some(name) = fields.get("as") else {
            self.missing(&fields.node, "a branch", "as");
            return None;
        };
        let name_node = name.clone();
        let name = self.text(name, "the name of a branch")?;
        if before.iter().any(|branch| branch.name == name) {
            let message = format!("two branches are called `{name}`");
            self.fault(name_node.error("spec::bad-name", message));
        }
        let Some(steps) = fields.get("steps") else {
            self.missing(&fields.node, "a branch", "steps");
            return None;
        };
        let nodes = self.list(steps, "`steps`");
        let outer = (self.number, self.prefix.clone());
        self.prefix = format!("{}{}/{name}.", self.prefix, self.number);
        self.number = 0;
        let mut steps = Vec::new();
        nodes.iter().for_each(|node| self.step(node, &mut steps));
        (self.number, self.prefix) = outer;
        let decides = |verb: &Verb| {
            matches!(
                verb,
                Verb::Expect(_) | Verb::App(_) | Verb::Silence(_) | Verb::State { .. }
            )
        };
        match (steps.first(), nodes.first()) {
            (Some(first), Some(node)) if !decides(&first.verb) => {
                let message = "the first step of a branch must be something that the device does";
                let help = "begin with `expect`, `app`, `state` or `silence`";
                self.fault(node.error("spec::branch-start", message).help(help));
            }
            (None, None) => {
                let message = "a branch needs at least one step";
                self.fault(fields.node.error("spec::branch-start", message));
            }
            _ => {}
        }
        Some(Branch { name, steps })
    }

    /// True if the profile claims what closes the branch.
    fn is_closed(&mut self, unless: &Node<'a>) -> bool {
        let nodes = unless.items().unwrap_or_else(|| vec![unless.clone()]);
        let names = table::names(claims::CLAIMS);
        let claims: Vec<&str> = nodes
            .iter()
            .filter_map(|node| self.word(node, "a claim", &names))
            .collect();
        self.profile
            .is_some_and(|profile| claims.iter().any(|c| profile.claims.contains(*c)))
    }
}

fn constant(expr: &crate::spec::case::Expr) -> Option<i64> {
    crate::spec::expand::constant(expr)
}

fn verbs() -> String {
    format!("verbs: {}", table::names(VERBS).join(" "))
}
