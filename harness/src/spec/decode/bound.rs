//! Variables without a value: what no earlier step can have bound.
//!
//! SND.* is observed and RCV.* is computed, so each has its first value from some segment. Where no
//! step before brings such a segment, the case could only end as inconclusive.

use super::Reader;
use crate::spec::case::{CaptureField, Expr, Pattern, Step, Var, Verb};
use crate::spec::visit;
use crate::spec::yaml::Node;

const UNBOUND: &str = "spec::unbound";

/// Which segments of a connection the steps so far have brought.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::spec) struct Heard {
    /// One of the tester's.
    tester: bool,
    /// One of the device's.
    device: bool,
}

/// Whose first segment binds a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binder {
    Tester,
    Device,
}

impl<'a> Reader<'a> {
    /// Notes the segments of steps.
    pub(in crate::spec) fn note_heard(&mut self, steps: &[Step]) {
        visit::steps(steps, &mut |step| {
            let Some(heard) = self.heard.get_mut(step.conn) else {
                return;
            };
            match step.verb {
                Verb::Inject(_) => heard.tester = true,
                Verb::Expect(_) => heard.device = true,
                _ => {}
            }
        });
    }

    /// Every variable of an expression has a value here.
    pub(super) fn bound(&mut self, node: &Node<'a>, expr: &Expr) {
        visit::expression(expr, &mut |part| {
            if let Some((name, why)) = self.unbound(part) {
                self.without_value(node, &name, why);
            }
        });
    }

    /// As [`Reader::bound`], for all that a field may be.
    pub(super) fn bound_pattern(&mut self, node: &Node<'a>, pattern: &Pattern) {
        visit::pattern(pattern, &mut |part| {
            if let Some((name, why)) = self.unbound(part) {
                self.without_value(node, &name, why);
            }
        });
    }

    /// The default of a field that is not written has a value here.
    pub(super) fn bound_default(&mut self, node: &Node<'a>, field: &str, var: Var) {
        let default = Expr::Var { conn: None, var };
        if let Some((name, why)) = self.unbound(&default) {
            let message = format!("`{field}` is {name} by default, which has no value here: {why}");
            let help = format!("write `{field}: any`, or a value");
            let fault = node.error(UNBOUND, message);
            self.fault(fault.help(help));
        }
    }

    fn without_value(&mut self, node: &Node<'a>, name: &str, why: &str) {
        let message = format!("`{name}` has no value here: {why}");
        let mut fault = node.error(UNBOUND, message);
        let at = node.text().and_then(|text| text.find(name));
        if let (Some(at), Some(label)) = (at, fault.labels.first_mut()) {
            label.0 = node.part(at, at + name.len());
        }
        self.fault(fault);
    }

    /// The name of a part of an expression that no step before can have bound, and why.
    fn unbound(&self, part: &Expr) -> Option<(String, &'static str)> {
        // The step that could not be read may be the one that binds it.
        if self.faults.iter().any(|fault| fault.code != UNBOUND) {
            return None;
        }
        match part {
            Expr::Var { conn, var } => {
                let heard = self.heard.get(conn.unwrap_or(self.own))?;
                let why = match self.binder(*var)? {
                    Binder::Tester if !heard.tester => {
                        "no step before it injects a segment of this connection"
                    }
                    Binder::Device if !heard.device => {
                        "no step before it expects a segment of this connection"
                    }
                    _ => return None,
                };
                Some((var.name().to_owned(), why))
            }
            Expr::Capture { name, field } if name == "prev" => {
                let matched = self.heard.iter().any(|heard| heard.device);
                let name = format!("prev.{}", field.name());
                (!matched).then_some((name, "no step before it expects a segment"))
            }
            Expr::Capture { name, field } => {
                let own = *field == CaptureField::After && self.injected.contains(name);
                let name = format!("{name}.{}", field.name());
                own.then_some((name, "the tester's own segments do not take time to come"))
            }
            _ => None,
        }
    }

    /// Whose segment gives a variable its first value; `None` if it always has one. In a segment
    /// that is injected, the tester chooses some.
    fn binder(&self, var: Var) -> Option<Binder> {
        match var {
            Var::SndMss => None,
            Var::Iss | Var::RcvWnd | Var::RcvMss | Var::TsVal => Some(Binder::Device),
            Var::SndWnd | Var::TsRecent => Some(Binder::Tester),
            Var::SndNxt | Var::SndUna => (!self.injects).then_some(Binder::Device),
            Var::Irs | Var::RcvNxt => (!self.injects).then_some(Binder::Tester),
        }
    }
}
