//! What a case asks of a device beside frames: settings, and calls that not every stack has.

use crate::spec::case::{Branch, Call, Case, SocketSettings, Step, Verb};

/// Settings of Linux that switch a mechanism on; `0` is what a stack without it does anyway.
const OFF_BY_ZERO: [&str; 8] = [
    "tcp_early_retrans",
    "tcp_ecn",
    "tcp_fastopen",
    "tcp_frto",
    "tcp_recovery",
    "tcp_rfc1337",
    "tcp_syncookies",
    "tcp_tw_reuse",
];

/// What a case asks for.
#[derive(Debug, Default)]
pub(super) struct Asks<'c> {
    /// Settings of the whole device that ask for something: names and values.
    pub(super) system: Vec<(&'c str, &'c str)>,
    /// Socket options before the handshake.
    pub(super) before: Vec<&'c SocketSettings>,
    /// Socket options of a connection that is there.
    pub(super) later: Vec<&'c SocketSettings>,
    /// A SEND with the urgent mark.
    pub(super) urgent: bool,
    /// The longest queue of a listener.
    pub(super) backlog: Option<u32>,
    /// Local addresses to choose from, or an OPEN towards what is no host's.
    pub(super) addresses: bool,
}

impl<'c> Asks<'c> {
    pub(super) fn of(case: &'c Case) -> Self {
        let mut asks = Self {
            addresses: case.has_second_address(),
            backlog: case.application.backlog,
            ..Self::default()
        };
        asks.before.push(&case.application.set);
        asks.steps(&case.steps, &mut false);
        let system = asks.settings().flat_map(|set| &set.system);
        asks.system = system
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, value)| !(OFF_BY_ZERO.contains(name) && *value == "0"))
            .collect();
        asks
    }

    /// What of it no foreign stack can do; `None` if that is nothing.
    pub(super) fn beyond_any(&self) -> Option<String> {
        if let Some((name, value)) = self.system.first() {
            return Some(format!("sets {name}={value}"));
        }
        if self.urgent {
            return Some("sends urgent data".to_owned());
        }
        if self.settings().any(|set| set.iss.is_some()) {
            return Some("chooses the initial sequence number".to_owned());
        }
        let addresses = "chooses among local addresses, or opens towards no host";
        self.addresses.then(|| addresses.to_owned())
    }

    /// Socket options, whenever they are set.
    pub(super) fn settings(&self) -> impl Iterator<Item = &'c SocketSettings> {
        self.before.iter().chain(&self.later).copied()
    }

    fn steps(&mut self, steps: &'c [Step], opened: &mut bool) {
        for step in steps {
            match &step.verb {
                Verb::Call { call, .. } => match call {
                    Call::Set(set) if *opened => self.later.push(set),
                    Call::Set(set) => self.before.push(set),
                    Call::Send { urgent: true, .. } => self.urgent = true,
                    Call::Listen { backlog } => {
                        self.backlog = self.backlog.max(*backlog);
                        *opened = true;
                    }
                    Call::ConnectFromAny | Call::ConnectTo(_) => self.addresses = true,
                    Call::Connect | Call::ConnectWith(_) => *opened = true,
                    _ => {}
                },
                Verb::OneOf(branches) => {
                    for Branch { steps, .. } in branches {
                        self.steps(steps, &mut opened.clone());
                    }
                }
                _ => {}
            }
        }
    }
}
