//! `tcpspec agent`: drives the application on this host for a tester elsewhere.

use super::arguments::AgentArguments;
use super::interrupt::Interrupt;
use super::{Exit, Failure, say};
use crate::agent::{Admission, Agent, Offer};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How soon a wish to stop is noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// Serves until it is stopped.
pub(super) fn serve(arguments: &AgentArguments) -> Result<Exit, Failure> {
    let offer = Offer {
        admission: Admission {
            peers: arguments.allow.clone(),
            token: arguments.token.clone(),
            without_token: arguments.no_token,
        },
        service: arguments.service_id.0,
        extension: !arguments.standard_only,
    };
    let refused = |error: io::Error| {
        let text = format!("cannot listen at {}: {error}", arguments.listen);
        match error.kind() {
            io::ErrorKind::InvalidInput => Failure::Usage(error.to_string()),
            _ => Failure::Environment(text),
        }
    };
    let mut agent = Agent::bind(arguments.listen, offer).map_err(refused)?;
    if arguments.whole_host {
        agent = agent.give_host();
    }
    let address = agent.address().map_err(refused)?;
    let interrupt = Interrupt::listen().map_err(refused)?;
    say(&format!("tcpspec agent at {address}, TCP and UDP\n"));
    let agent = Arc::new(agent);
    let served = until_stopped(&agent, &interrupt);
    agent.put_back().map_err(|error| {
        Failure::Environment(format!("cannot put this host's settings back: {error}"))
    })?;
    served.map_err(refused)?;
    Ok(interrupt.exit().unwrap_or(Exit::Conformant))
}

fn until_stopped(agent: &Arc<Agent>, interrupt: &Interrupt) -> io::Result<()> {
    let (sender, ended) = mpsc::channel();
    let serving = Arc::clone(agent);
    std::thread::Builder::new()
        .name("agent".to_owned())
        .spawn(move || sender.send(serving.serve()))?;
    loop {
        match ended.recv_timeout(GLANCE) {
            Ok(served) => return served,
            Err(RecvTimeoutError::Timeout) if !interrupt.is_set() => {}
            Err(_) => return Ok(()),
        }
    }
}
