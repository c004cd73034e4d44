//! Preambles (`specs/preambles.yaml`): how each state is reached, in the language of the specs.
//!
//! A preamble may begin with `start: STATE`, which chains it to another one. A state that can be
//! reached by the passive and by the active opener has both; `via` of a spec's `start` chooses,
//! there or further down the chain.

use super::case::State;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::table;
use super::yaml::{Document, Node};
use std::sync::Arc;

/// Longest chain of preambles.
const MAX_CHAIN: usize = 16;

/// All preambles.
#[derive(Debug)]
pub(super) struct Preambles {
    document: Document,
}

/// Which end opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Via {
    /// The device listened.
    Passive,
    /// The device called connect.
    Active,
}

impl Via {
    const fn key(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Active => "active",
        }
    }
}

/// The steps that lead to a state, from CLOSED on.
pub(super) struct Chain<'a> {
    pub(super) steps: Vec<Node<'a>>,
    /// A variant was chosen somewhere: `via` had a meaning.
    pub(super) chosen: bool,
}

impl Preambles {
    /// Preambles of a file. Every state must have one.
    pub(super) fn new(document: Document) -> Result<Self, Diagnostics> {
        let preambles = Self { document };
        let root = preambles.document.root();
        let mut faults = Vec::new();
        for entry in root.entries().unwrap_or_default() {
            if table::state(&entry.key).is_none() {
                let message = format!("`{}` is not a state", entry.key);
                let source = preambles.document.source();
                faults.push(Diagnostic::error(
                    "spec::unknown-word",
                    source,
                    entry.key_span,
                    message,
                ));
            }
        }
        for (name, state) in State::NAMES {
            if root.get(name).is_none() {
                let message = format!("there is no preamble for {name}");
                faults.push(root.error("spec::no-preamble", message));
                continue;
            }
            for via in [Via::Passive, Via::Active] {
                faults.extend(preambles.chain(state, via).err());
            }
        }
        Diagnostics(faults).or(()).map(|()| preambles)
    }

    /// The steps that lead to `state`.
    pub(super) fn chain(&self, state: State, via: Via) -> Result<Chain<'_>, Diagnostic> {
        let mut chain = Chain {
            steps: Vec::new(),
            chosen: false,
        };
        self.extend(state.name(), via, MAX_CHAIN, &mut chain)?;
        Ok(chain)
    }

    fn extend<'a>(
        &'a self,
        state: &str,
        via: Via,
        room: usize,
        chain: &mut Chain<'a>,
    ) -> Result<(), Diagnostic> {
        let root = self.document.root();
        let Some(mut node) = root.get(state) else {
            let message = format!("there is no preamble for `{state}`");
            return Err(root.error("spec::no-preamble", message));
        };
        if room == 0 {
            return Err(node.error("spec::no-preamble", "these preambles lead in a circle"));
        }
        if let Some(variant) = node.get(via.key()) {
            chain.chosen = true;
            node = variant;
        }
        let Some(mut steps) = node.items() else {
            let message = format!("the preamble of {state} is a list, or has one per `via`");
            return Err(node.error("spec::type", message));
        };
        let before = steps.first().and_then(|first| first.get("start"));
        if let Some(before) = before {
            let before = before.text().unwrap_or_default().into_owned();
            self.extend(&before, via, room - 1, chain)?;
            steps.remove(0);
        }
        chain.steps.extend(steps);
        Ok(())
    }
}

/// The name of a preamble, shared by its steps.
pub(super) fn name(state: State) -> Arc<str> {
    Arc::from(state.name())
}
