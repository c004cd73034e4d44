//! `tcpspec agent`: drives the application on this host for a tester elsewhere.

use super::arguments::AgentArguments;
use super::{Exit, Failure, say};
use crate::agent::{Admission, Agent};

/// Serves until it is stopped.
pub(super) fn serve(arguments: &AgentArguments) -> Result<Exit, Failure> {
    let admission = Admission {
        peers: arguments.allow.clone(),
        token: arguments.token.clone(),
    };
    let refused = |error: std::io::Error| {
        let text = format!("cannot listen at {}: {error}", arguments.listen);
        match error.kind() {
            std::io::ErrorKind::InvalidInput => Failure::Usage(error.to_string()),
            _ => Failure::Environment(text),
        }
    };
    let agent = Agent::bind(arguments.listen, admission).map_err(refused)?;
    let address = agent.address().map_err(refused)?;
    say(&format!("tcpspec agent at {address}\n"));
    agent.serve().map_err(refused)?;
    Ok(Exit::Conformant)
}
