//! A service is tried before cases are played: if it were another one, each of them would fail.

use super::Failure;
use super::plan::{Plan, Target};
use super::play::{Go, Pace};
use crate::worker::Leniency;
use std::sync::atomic::Ordering;
use tcpspec_reports::record::Verdict;

/// How often: on a real clock chance has its part.
const TRIES: u32 = 3;
/// More turns than most runs have.
const FAR: usize = 10_000;

/// Asks the service to do all that it is said to do.
pub(super) fn of_service(plan: &Plan, pace: &Pace<'_>) -> Result<(), Failure> {
    let (Some(service), Target::Host(host)) = (&plan.service, &plan.target) else {
        return Ok(());
    };
    let trials = plan.suite.trials(service, &plan.profile, host.family());
    let mut left = trials.map_err(Failure::Specs)?;
    for attempt in 1..=TRIES {
        let mut wrong = Vec::new();
        let note = &mut |index, record: tcpspec_reports::record::CaseRecord| {
            if !matches!(record.verdict, Verdict::Pass | Verdict::Deviates) {
                wrong.push((index, record));
            }
            Go::On
        };
        pace.play(&left, &plan.profile, Leniency::none(), note)?;
        let Some((index, record)) = wrong.first() else {
            return Ok(());
        };
        if attempt == TRIES {
            let why = record.mismatches.first().map(|found| &found.headline);
            let why = why.or(record.reason.as_ref());
            return Err(Failure::Environment(format!(
                "the service at {} is not `{}`, of which it is said that {}: {}",
                host.name(),
                service.name,
                left[*index].title,
                why.map_or("", |why| why.as_str()),
            )));
        }
        if let Some(connection) = &pace.connection {
            // The device may remember ports of an earlier run.
            connection.turns.fetch_add(FAR, Ordering::Relaxed);
        }
        left = wrong.iter().map(|(at, _)| left[*at].clone()).collect();
    }
    Ok(())
}
