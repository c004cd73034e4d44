//! What is legal and yet a bad spec.
//!
//! An error here is a spec that proves nothing, or not what it says; a warning is something that
//! its author should look at again. The cases are those of any profile.

mod bounds;
mod deviations;
mod levels;
mod untestable;
mod unused;

use super::case::{
    Case, Expected, Family, FlagsPattern, Pattern, Refusal, SegmentPattern, Step, Verb,
};
use super::catalogue::Catalogue;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::expand::{self, Setting};
use super::head::{self, Spec};
use super::source::{Source, Span};
use super::visit;
pub(super) use deviations::{deviations, named_by};
use std::time::Duration;

/// A case that takes longer on a real clock has the tag `slow`.
pub const SLOW: Duration = Duration::from_secs(10);

/// A spec with all its cases.
pub(super) struct Linted<'a> {
    spec: &'a Spec,
    catalogue: &'a Catalogue,
    cases: Vec<Case>,
}

impl Linted<'_> {
    /// A warning at the line of a step.
    fn warning(&self, step: &Step, code: &'static str, message: impl Into<String>) -> Diagnostic {
        let source = self.spec.document.source();
        Diagnostic::warning(code, source, line_span(source, step.line), message)
    }

    /// An error at the line of a step.
    fn error(&self, step: &Step, code: &'static str, message: impl Into<String>) -> Diagnostic {
        let source = self.spec.document.source();
        Diagnostic::error(code, source, line_span(source, step.line), message)
    }

    /// A warning at a top-level key.
    fn at_key(&self, key: &str, code: &'static str, message: impl Into<String>) -> Diagnostic {
        let source = self.spec.document.source();
        let entries = self.spec.document.root().entries().unwrap_or_default();
        let entry = entries.iter().find(|entry| entry.key == key);
        let span = entry.map(|entry| entry.key_span).unwrap_or_default();
        Diagnostic::warning(code, source, span, message)
    }

    /// A warning at an id in `covers`; at the key, if a parameter stands for the id.
    fn at_covered(&self, id: &str, code: &'static str, message: String) -> Diagnostic {
        let covers = self.spec.document.root().get("covers");
        let ids = covers.and_then(|covers| covers.items()).unwrap_or_default();
        let own = ids
            .iter()
            .find(|node| node.text().is_some_and(|text| text == id));
        match own {
            Some(node) => Diagnostic::warning(code, node.source(), node.span(), message),
            None => self.at_key("covers", code, message),
        }
    }
}

/// Looks at a spec: errors in its steps, and what is legal and yet bad.
pub(super) fn spec(spec: &Spec, catalogue: &Catalogue, setting: &Setting<'_>) -> Vec<Diagnostic> {
    let (mut cases, mut found) = (Vec::new(), Vec::new());
    for case in expand::all(spec, families(spec), setting) {
        match case {
            Ok(case) => cases.push(case),
            Err(wrong) => found.extend(wrong),
        }
    }
    let linted = Linted {
        spec,
        catalogue,
        cases,
    };
    found.extend(head::key_order(&spec.document));
    found.extend(levels::file(&linted));
    found.extend(levels::unmarked(&linted));
    found.extend(untestable::covered(&linted));
    found.extend(unused::parameters(&linted));
    found.extend(slow(&linted));
    for case in &linted.cases {
        found.extend(nothing_judged(&linted, case));
        found.extend(levels::steps(&linted, case));
        found.extend(untestable::steps(&linted, case));
        found.extend(unused::captures(&linted, case));
        let mut before = None;
        visit::steps(&case.steps, &mut |step| {
            if step.preamble.is_none() {
                found.extend(tautology(&linted, case, step));
                found.extend(same_branches(&linted, step));
                found.extend(bounds::timer(&linted, step, before));
            }
            before = Some(step);
        });
    }
    let mut all = Diagnostics(found);
    all.tidy();
    all.0
}

/// The IP versions whose cases are looked at: the first, or both if the cases differ in more than
/// their addresses, which takes an ICMP message or a constant of the link.
pub(super) fn families(spec: &Spec) -> &[Family] {
    let text = &spec.document.source().text;
    let differs = ["icmp", "LINK."].iter().any(|word| text.contains(word));
    if differs {
        &spec.families
    } else {
        spec.families.get(..1).unwrap_or_default()
    }
}

/// The text of a line, without its indentation and comment.
fn line_span(source: &Source, line: u32) -> Span {
    let mut start = 0;
    let at = (line as usize).saturating_sub(1);
    for (number, text) in source.text.split_inclusive('\n').enumerate() {
        if number == at {
            let body = text.split(" #").next().unwrap_or(text);
            let indent = body.len() - body.trim_start().len();
            let (from, to) = (start + indent, start + body.trim_end().len());
            return Span {
                start: from as u32,
                end: to.max(from) as u32,
                line,
            };
        }
        start += text.len();
    }
    Span::default()
}

/// A case in which nothing that the device does is looked at.
fn nothing_judged(linted: &Linted<'_>, case: &Case) -> Option<Diagnostic> {
    let own: Vec<&Step> = case
        .steps
        .iter()
        .filter(|step| step.preamble.is_none())
        .collect();
    let judged = own.iter().any(|step| match &step.verb {
        Verb::Expect(expect) => !expect.optional,
        Verb::Call { refused, .. } => refused.is_some_and(Refusal::is_judged),
        Verb::Inject(_) | Verb::InjectIcmp(_) | Verb::Flood(_) => false,
        _ => true,
    });
    if judged {
        return None;
    }
    let message = "no step looks at what the device does: this cannot fail";
    let last = own.last()?;
    Some(
        linted
            .error(last, "spec::tautology", message)
            .help("say what comes: `expect`, `silence`, `app`, `state`"),
    )
}

/// An expectation that every device meets.
fn tautology(linted: &Linted<'_>, case: &Case, step: &Step) -> Option<Diagnostic> {
    let code = "spec::tautology";
    match &step.verb {
        Verb::Check(check) if Pattern::Is(check.left.clone()) == check.right => {
            let message = "both sides are the same: this proves nothing";
            Some(linted.error(step, code, message))
        }
        Verb::Expect(expect) => {
            let Expected::Segment(segment) = &expect.what else {
                return None;
            };
            if matches_anything(segment) {
                let message = "every segment matches this: it proves nothing";
                let fault = linted.error(step, code, message);
                return Some(fault.help("name the flags at least"));
            }
            let is_any = segment.ack == Some(Pattern::Any);
            let only = expectations(case) == 1;
            if is_any && only && is_about_acknowledgment(linted, case) {
                let message =
                    "`ack: any` on the only segment of a MUST about acknowledgment proves nothing";
                return Some(
                    linted
                        .error(step, code, message)
                        .help("name the value: `ack: RCV.NXT`"),
                );
            }
            None
        }
        _ => None,
    }
}

fn expectations(case: &Case) -> usize {
    let mut count = 0;
    visit::steps(&case.steps, &mut |step| {
        count += usize::from(
            step.preamble.is_none()
                && matches!(&step.verb, Verb::Expect(expect) if !expect.optional),
        );
    });
    count
}

fn matches_anything(segment: &SegmentPattern) -> bool {
    let free = |pattern: &Option<Pattern>| matches!(pattern, None | Some(Pattern::Any));
    segment.flags.is_empty()
        && [
            &segment.seq,
            &segment.ack,
            &segment.wnd,
            &segment.wnd_raw,
            &segment.urg,
        ]
        .into_iter()
        .all(free)
        && [&segment.mss, &segment.ws, &segment.sack_ok, &segment.ttl]
            .into_iter()
            .all(free)
        && [&segment.tos, &segment.df, &segment.ip_id, &segment.uto]
            .into_iter()
            .all(free)
        && matches!(
            segment.data,
            None | Some(super::case::DataPattern::Count(Pattern::Any))
        )
        && segment.sack.is_none()
        && segment.ts.is_none()
        && segment.opts.is_none()
        && segment.route.is_none()
}

fn is_about_acknowledgment(linted: &Linted<'_>, case: &Case) -> bool {
    let covered = case.covers.iter().filter_map(|id| linted.catalogue.get(id));
    let mut sentences = covered
        .filter(|requirement| requirement.level == super::case::Level::Must)
        .map(|requirement| requirement.sentence.to_lowercase());
    sentences.any(|sentence| sentence.contains("acknowledg") || sentence.contains("<ack="))
}

/// Branches that begin with the same expectation: the second one is never taken.
fn same_branches(linted: &Linted<'_>, step: &Step) -> Option<Diagnostic> {
    let Verb::OneOf(branches) = &step.verb else {
        return None;
    };
    for (at, branch) in branches.iter().enumerate() {
        let Some(first) = branch.steps.first() else {
            continue;
        };
        let shape = |step: &Step| format!("{:?} {:?}", step.verb, step.conn);
        let twin = branches[..at].iter().find(|before| {
            before
                .steps
                .first()
                .is_some_and(|other| shape(other) == shape(first))
        });
        if let Some(twin) = twin {
            let message = format!(
                "`{}` begins as `{}` does: it is never taken",
                branch.name, twin.name
            );
            return Some(linted.error(first, "spec::unreachable", message));
        }
    }
    None
}

fn slow(linted: &Linted<'_>) -> Option<Diagnostic> {
    let longest = linted.cases.iter().map(|case| case.least_time).max()?;
    (longest > SLOW).then(|| {
        let seconds = longest.as_secs();
        let message =
            format!("this spec takes at least {seconds} s on a real clock; it gets the tag `slow`");
        linted.at_key("title", "spec::slow", message)
    })
}

/// The flags that an expectation accepts, for messages.
fn flags_text(flags: &[FlagsPattern]) -> String {
    let all: Vec<String> = flags.iter().map(|flags| flags.set.to_string()).collect();
    if all.is_empty() {
        "any".to_owned()
    } else {
        all.join(" or ")
    }
}
