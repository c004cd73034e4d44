//! Which cases a host can play of which nothing is known but an address and a port.

use crate::spec::case::{Application, Branch, Call, Case, Flags, Inject, Step, Verb};

/// What is known of the host beside its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// A port on which a service listens, reads what comes, and says nothing by itself.
    pub port: u16,
    /// A port on which nobody listens.
    pub closed_port: Option<u16>,
}

/// Why the case cannot be played; `None` if it can.
pub fn unfit(case: &Case, reach: Reach) -> Option<String> {
    let application = Application {
        backlog: None,
        ..case.application.clone()
    };
    if application != Application::default() {
        return Some("needs to say how the device's application behaves (no agent)".to_owned());
    }
    let mut scan = Scan::default();
    scan.steps(&case.steps);
    if let Some(call) = scan.call {
        return Some(format!(
            "needs the device's application to {call} (no agent)"
        ));
    }
    if scan.fin {
        let reason = "closes the tester's side; a service answers that by closing (no agent)";
        return Some(reason.to_owned());
    }
    if !scan.listens && reach.closed_port.is_none() {
        return Some("needs a port without a listener (`--closed-port`)".to_owned());
    }
    None
}

/// True if something has to listen on the device's port.
pub(super) fn listens(case: &Case) -> bool {
    let mut scan = Scan::default();
    scan.steps(&case.steps);
    scan.listens
}

/// What the steps ask of the device.
#[derive(Debug, Default)]
struct Scan {
    listens: bool,
    /// A call that nobody carries out.
    call: Option<&'static str>,
    /// The application gets to see the end of the tester's data.
    fin: bool,
}

impl Scan {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match &step.verb {
                Verb::Call { call, .. } => self.call(call),
                Verb::Inject(inject) => self.fin |= ends_the_stream(inject),
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
            Call::Accept => "accept when it is told",
            Call::Send { .. } => "send",
            Call::Recv(_) => "read when it is told",
            Call::ShutdownWrite | Call::Close => "close",
            Call::Abort => "abort",
            Call::Set(_) => "set options",
        };
        self.call.get_or_insert(name);
    }
}

fn ends_the_stream(inject: &Inject) -> bool {
    inject.counts && inject.flags.contains(Flags::FIN)
}
