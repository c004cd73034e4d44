//! What the tester of a case would send, in the notation of RFC 9293's figures.

use super::figure::Names;
use crate::spec::case::{Case, Step, Verb};

/// Segments that the tester sends in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// On which connection: index into `Case::conns`.
    pub conn: usize,
    /// What.
    pub segment: String,
    /// The alternative that the device has to choose before.
    pub when: Option<String>,
}

/// Everything that the steps of a case send, in their order.
pub fn sent(case: &Case) -> Vec<Sent> {
    let names: Vec<&str> = case.conns.iter().map(|conn| &*conn.name).collect();
    let mut all = Vec::new();
    push(&case.steps, Names(&names), None, &mut all);
    all
}

fn push(steps: &[Step], names: Names<'_>, when: Option<&str>, all: &mut Vec<Sent>) {
    for step in steps {
        let segment = match &step.verb {
            Verb::Inject(inject) => names.injected(inject),
            Verb::InjectIcmp(icmp) => names.icmp(icmp),
            Verb::Flood(flood) => names.flooded(flood),
            Verb::OneOf(branches) => {
                for branch in branches {
                    push(&branch.steps, names, Some(&branch.name), all);
                }
                continue;
            }
            _ => continue,
        };
        all.push(Sent {
            conn: step.conn,
            segment,
            when: when.map(str::to_owned),
        });
    }
}
