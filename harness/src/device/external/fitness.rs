//! Which cases a host can play of which nothing is known but an address and a port.

use crate::spec::case::{Application, Branch, Call, Case, Flags, Inject, Step, Verb};

/// What can be reached on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// An agent that drives the application.
    Agent,
    /// A service and nothing else.
    Service {
        /// A port on which it listens, reads what comes, and says nothing by itself.
        port: u16,
        /// A port on which nobody listens.
        closed_port: Option<u16>,
    },
}

/// Why the case cannot be played; `None` if it can.
pub fn unfit(case: &Case, reach: Reach) -> Option<String> {
    let scan = Scan::of(case);
    if scan.flood {
        return Some("floods the host from addresses that are somebody else's".to_owned());
    }
    match reach {
        // Whether the host is given over to tests the agent says when it is asked.
        Reach::Agent => None,
        Reach::Service { closed_port, .. } => match demand(case) {
            Some(demand) => Some(demand.reason.to_owned()),
            None => unfit_for_service(case, &scan, closed_port),
        },
    }
}

/// What a case wants beyond connections of its own: it takes a host that is given over to tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// No other case may use the host meanwhile.
    pub alone: bool,
    /// What it does to the host.
    pub reason: &'static str,
}

/// What the case wants of the whole host; `None` if nothing.
pub fn demand(case: &Case) -> Option<Demand> {
    let scan = Scan::of(case);
    let alone = |reason| Demand {
        alone: true,
        reason,
    };
    if scan.path_mtu {
        Some(alone(
            "lowers the path MTU that the host keeps for the tester's address",
        ))
    } else if scan.cookies {
        Some(alone(
            "leaves a Fast Open cookie that the host keeps for the tester's address",
        ))
    } else if scan.system {
        Some(alone("changes settings of the whole host in the middle"))
    } else {
        (!case.application.set.system.is_empty()).then_some(Demand {
            alone: false,
            reason: "changes settings of the whole host",
        })
    }
}

fn unfit_for_service(case: &Case, scan: &Scan, closed_port: Option<u16>) -> Option<String> {
    let application = Application {
        backlog: None,
        ..case.application.clone()
    };
    if application != Application::default() {
        return Some("needs to say how the device's application behaves (no agent)".to_owned());
    }
    if let Some(call) = scan.call {
        return Some(format!(
            "needs the device's application to {call} (no agent)"
        ));
    }
    if scan.fin {
        let reason = "closes the tester's side; a service answers that by closing (no agent)";
        return Some(reason.to_owned());
    }
    if case.conns.iter().any(|conn| conn.own_port) {
        return Some("needs listeners on several ports (no agent)".to_owned());
    }
    if !scan.listens && closed_port.is_none() {
        return Some("needs a port without a listener (`--closed-port`)".to_owned());
    }
    None
}

/// True if something has to listen on the device's port.
pub(super) fn listens(case: &Case) -> bool {
    Scan::of(case).listens
}

/// What the steps ask of the device.
#[derive(Debug, Default)]
struct Scan {
    listens: bool,
    /// A call that nobody carries out.
    call: Option<&'static str>,
    /// Settings of the whole device are changed.
    system: bool,
    /// Segments come from invented addresses.
    flood: bool,
    /// A message names an MTU, which outlives the connection.
    path_mtu: bool,
    /// The host asks for a Fast Open cookie, or shows one.
    cookies: bool,
    /// The application gets to see the end of the tester's data.
    fin: bool,
}

impl Scan {
    fn of(case: &Case) -> Self {
        let mut scan = Self::default();
        scan.steps(&case.steps);
        scan
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match &step.verb {
                Verb::Call { call, .. } => self.call(call),
                Verb::Inject(inject) => {
                    self.fin |= ends_the_stream(inject);
                }
                Verb::Flood(_) => self.flood = true,
                Verb::InjectIcmp(error) => self.path_mtu |= error.mtu.is_some(),
                Verb::OneOf(branches) => {
                    for Branch { steps, .. } in branches {
                        self.steps(steps);
                    }
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, call: &Call) {
        let name = match call {
            Call::Listen { backlog: None } => {
                self.listens = true;
                return;
            }
            Call::Listen { .. } => "listen with a queue of its own",
            Call::Connect => "connect",
            Call::ConnectWith(_) => {
                self.cookies = true;
                "connect"
            }
            Call::Accept => "accept when it is told",
            Call::Send { .. } => "send",
            Call::Recv(_) => "read when it is told",
            Call::ShutdownWrite | Call::Close => "close",
            Call::Abort => "abort",
            Call::Set(settings) => {
                self.system |= !settings.system.is_empty();
                "set options"
            }
        };
        self.call.get_or_insert(name);
    }
}

fn ends_the_stream(inject: &Inject) -> bool {
    inject.counts && inject.flags.contains(Flags::FIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::builders::{ack, call, case, open, opened};
    use rstest::rstest;

    const REACH: Reach = Reach::Service {
        port: 80,
        closed_port: None,
    };

    fn listening(then: Vec<Verb>) -> Case {
        let mut steps = vec![call(Call::Listen { backlog: None })];
        steps.extend(open());
        steps.extend(then);
        case(steps)
    }

    #[test]
    fn a_handshake_needs_nobody_on_the_device() {
        assert_eq!(unfit(&listening(Vec::new()), REACH), None);
        assert!(listens(&listening(Vec::new())));
    }

    #[rstest]
    #[case(Call::Connect, "to connect")]
    #[case(Call::Abort, "to abort")]
    #[case(Call::Listen { backlog: Some(1) }, "with a queue of its own")]
    fn a_call_that_nobody_makes(#[case] made: Call, #[case] words: &str) {
        let reason = unfit(&listening(vec![call(made)]), REACH).unwrap();
        assert!(reason.contains(words), "{reason}");
    }

    #[test]
    fn the_end_of_the_testers_data_makes_a_service_close() {
        let fin = Inject {
            flags: Flags::FIN.with(Flags::ACK),
            ..ack()
        };
        let seen = listening(vec![Verb::Inject(Box::new(fin.clone()))]);
        assert!(unfit(&seen, REACH).is_some());
        let counts = false;
        let unseen = listening(vec![Verb::Inject(Box::new(Inject { counts, ..fin }))]);
        assert_eq!(unfit(&unseen, REACH), None);
    }

    #[test]
    fn without_a_listener_it_takes_a_closed_port() {
        let closed = opened([]);
        assert!(unfit(&closed, REACH).unwrap().contains("--closed-port"));
        let reach = Reach::Service {
            port: 80,
            closed_port: Some(1),
        };
        assert_eq!(unfit(&closed, reach), None);
    }
}
