//! What is decided before a case runs, `repeat` and `when`, and what the device decides, `one_of`.

use super::{Bound, Fields, MAX_REPEATS, MAX_STEPS, Parameter, Reader};
use crate::spec::case::{Branch, Expr, Pattern, Step, Verb};
use crate::spec::claims::{self, Values};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::expand::constant;
use crate::spec::expr::{self, Type};
use crate::spec::table::{self, BRANCH};
use crate::spec::visit;
use crate::spec::yaml::{Entry, Node};
use std::borrow::Cow;
use std::rc::Rc;

/// What the parameter of a `repeat` may be.
const REPEATED: &str = "`repeat` takes a list, or a range of known numbers: `1..5`";

impl<'a> Reader<'a> {
    /// `repeat: {v: list or a..b}` with `steps`.
    pub(super) fn repeat(&mut self, node: &Node<'a>, repeat: &Entry<'a>, out: &mut Vec<Step>) {
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
            return self.missing(node, "`repeat`", &["steps"]);
        };
        let Some((name, values)) = self.repeated(&repeat.node) else {
            return;
        };
        let nodes = self.list(&steps, "`steps`");
        if nodes.is_empty() && steps.items().is_some() {
            let message = "`repeat` needs at least one step";
            self.fault(steps.error("spec::no-steps", message));
        }
        for bound in values.iter() {
            let bound = bound.clone();
            let parameter = Parameter {
                name: name.clone(),
                bound,
                values: values.clone(),
            };
            self.scope.parameters.push(parameter);
            self.read_steps(&nodes, out);
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
            let help = "to say a thing n times: `repeat: {i: 1..n}`, with `steps` beside it";
            self.fault(node.error("spec::type", message).help(help));
            return None;
        };
        let value = self.resolve(&entry.node)?;
        let name: Rc<str> = Rc::from(&*entry.key);
        if let Some(items) = value.items() {
            if items.is_empty() {
                let message = "`repeat` goes at least once: this list has no value";
                self.fault(value.error("spec::out-of-range", message));
            }
            let items: Vec<Bound<'a>> = items.into_iter().map(Bound::Node).collect();
            return Some((name, items.into()));
        }
        let range = self.expression(&value, "a list or a range", |text, names| {
            expr::pattern(text, Type::Number, names).map_err(|fault| match fault.code {
                "spec::unknown-name" => expr::Fault {
                    near: None,
                    help: Some(REPEATED.to_owned()),
                    ..fault
                },
                _ => fault,
            })
        })?;
        let bounds = match &range {
            Pattern::Range(Some(low), Some(high)) => {
                let by_policy = is_policy(low) || is_policy(high);
                let (low, high) = (constant(low), constant(high));
                low.zip(high).map(|bounds| (bounds, by_policy))
            }
            _ => None,
        };
        let Some(((low, high), by_policy)) = bounds else {
            self.fault(value.error("spec::type", REPEATED));
            return None;
        };
        // A device that never does it again: there is nothing to wait for.
        if high < low && !by_policy {
            let message = "`repeat` goes at least once: this range ends before it begins";
            self.fault(value.error("spec::out-of-range", message));
            return None;
        }
        if high.saturating_sub(low) >= MAX_REPEATS {
            let message = format!("`repeat` goes at most {MAX_REPEATS} times");
            self.fault(value.error("spec::too-many-steps", message));
            return None;
        }
        Some((name, (low..=high).map(Bound::Number).collect()))
    }

    /// `when: $param` or `when: profile.NAME`, with one list per value.
    pub(super) fn when(&mut self, when: &Entry<'a>, entries: &[Entry<'a>], out: &mut Vec<Step>) {
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
                self.read_steps(&steps, out);
            }
            None => self.read_all_alternatives(&lists, out),
        }
    }

    /// Reads every list for its errors; the first one stands for the case.
    fn read_all_alternatives(&mut self, lists: &[&Entry<'a>], out: &mut Vec<Step>) {
        let (number, captures) = (self.number, self.scope.captures.clone());
        let shifts = self.shifts.clone();
        for (at, list) in lists.iter().enumerate().rev() {
            (self.number, self.scope.captures) = (number, captures.clone());
            self.shifts.clone_from(&shifts);
            let steps = self.list(&list.node, "the steps of this value");
            let mut read = Vec::new();
            self.read_steps(&steps, &mut read);
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
            let near = table::nearest(name, known).map(|near| format!("profile.{near}"));
            self.fault(node.error("spec::unknown-policy", message).near(near));
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

    pub(super) fn one_of(&mut self, node: &Node<'a>) -> Option<Vec<Branch>> {
        let nodes = self.list(node, "`one_of`");
        let captures = self.scope.captures.clone();
        let shifts = self.shifts.clone();
        let mut after = shifts.clone();
        let mut common: Option<Vec<String>> = None;
        let mut branches: Vec<Branch> = Vec::new();
        let mut open = 0;
        for node in &nodes {
            self.scope.captures.clone_from(&captures);
            self.shifts.clone_from(&shifts);
            let Some(fields) = self.fields(node, "a branch", &[BRANCH]) else {
                continue;
            };
            let branch = self.branch(&fields, &branches);
            let closed = fields
                .get("unless")
                .is_some_and(|unless| self.is_closed(unless));
            open += usize::from(fields.get("unless").is_none());
            let bound = std::mem::take(&mut self.scope.captures);
            for (so_far, shift) in after.iter_mut().zip(&self.shifts) {
                *so_far = so_far.filter(|so_far| Some(*so_far) == *shift);
            }
            if let Some(branch) = branch.filter(|_| !closed) {
                common = Some(match common {
                    None => bound,
                    Some(so_far) => so_far.into_iter().filter(|c| bound.contains(c)).collect(),
                });
                branches.push(branch);
            }
        }
        // What only some branches capture, or offer, is not known after them.
        self.shifts = after;
        self.scope.captures = common.unwrap_or(captures);
        if nodes.is_empty() {
            if node.items().is_some() {
                let message = "`one_of` needs at least one branch";
                let help = "write `- as: NAME` and its `steps` for each";
                self.fault(node.error("spec::no-steps", message).help(help));
            }
            return None;
        }
        if open == 0 {
            let message = "one branch of `one_of` must be open to every device";
            let help = "leave `unless` out of one of them";
            self.fault(node.error("spec::unreachable", message).help(help));
            return None;
        }
        Some(branches)
    }

    fn branch(&mut self, fields: &Fields<'a>, before: &[Branch]) -> Option<Branch> {
        self.missing(&fields.node, "a branch", &["as", "steps"]);
        let own = fields.get("as");
        let name = own.and_then(|node| self.text(node, "the name of a branch"));
        // What is wrong with the steps of a branch without a name is told as well.
        let name = name.unwrap_or_default();
        let twin = before.iter().find(|branch| branch.name == name);
        if let (Some(node), Some(_)) = (own, twin) {
            let message = format!("two branches are called `{name}`");
            self.fault(node.error("spec::bad-name", message));
        }
        let steps = fields.get("steps")?;
        let nodes = self.list(steps, "`steps`");
        let outer = (self.number, self.prefix.clone());
        self.prefix = format!("{}{}/{name}.", self.prefix, self.number);
        self.number = 0;
        let mut steps = Vec::new();
        self.read_steps(&nodes, &mut steps);
        (self.number, self.prefix) = outer;
        let decides = |verb: &Verb| {
            matches!(verb, Verb::App(_) | Verb::Silence(_) | Verb::State { .. })
                || matches!(verb, Verb::Expect(expect) if !expect.optional)
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

/// A policy of the device has a part in it.
fn is_policy(expr: &Expr) -> bool {
    let mut found = false;
    visit::expression(expr, &mut |part| found |= matches!(part, Expr::Named(..)));
    found
}
