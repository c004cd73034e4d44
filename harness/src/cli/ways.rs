//! In how many ways a host can be tested, and how many cases each can play.

use crate::agent::primitives::RELEASE;
use crate::device::external::{Abilities, Reach, Standards, fit};
use crate::spec::Suite;
use crate::spec::case::Case;
use crate::spec::service::Service;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One way.
#[derive(Debug)]
pub(super) struct Way {
    /// What is to be said on the command line.
    pub(super) flags: String,
    /// So many cases can be played.
    pub(super) cases: usize,
    /// Why the others cannot, and how many there are of each, the most frequent first.
    pub(super) rest: Vec<(String, usize)>,
}

/// All ways to test a host, of which `reach` says which ports are known. The cases are those of
/// the host's profile, as its specs say them; `own` is a service that the suite may not know.
pub(super) fn all(suite: &Suite, cases: &[Case], reach: Reach, own: Option<&Service>) -> Vec<Way> {
    let (port, closed_port) = match reach {
        Reach::Service { port, closed_port } => (port, closed_port),
        Reach::Agent(_) => (0, None),
    };
    let alone = Reach::Service { port, closed_port };
    let mut ways = vec![way("no more than a port".to_owned(), cases, &|case| {
        fit(case, alone, None).err()
    })];
    let own = own.filter(|own| suite.service(&own.name).is_none());
    for service in suite.services().chain(own) {
        let flags = format!("--service {}", service.name);
        ways.push(way(flags, cases, &|case| {
            fit(case, alone, Some(service)).err()
        }));
    }
    let standard = Reach::Agent(Abilities::Standard(Standards {
        release: RELEASE,
        shutdown: true,
        greets: false,
    }));
    let agents = [
        ("--agent, with the standard primitives", standard),
        (
            "--agent: tcpspec agent --whole-host; --flood-from",
            Reach::Agent(Abilities::Extension { whole_host: true }),
        ),
    ];
    for (flags, reach) in agents {
        ways.push(way(flags.to_owned(), cases, &|case| {
            fit(case, reach, None).err()
        }));
    }
    ways
}

fn way(flags: String, cases: &[Case], refuse: &dyn Fn(&Case) -> Option<String>) -> Way {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut played = 0;
    for case in cases {
        match case.skip.clone().or_else(|| refuse(case)) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => played += 1,
        }
    }
    let mut rest: Vec<(String, usize)> = reasons.into_iter().collect();
    rest.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Way {
        flags,
        cases: played,
        rest,
    }
}

/// Reasons that are shown for each way.
const REASONS: usize = 3;

/// The ways as a table.
pub(super) fn table(ways: &[Way], total: usize) -> String {
    let mut text = format!("of {total} cases can be played with\n");
    for way in ways {
        let _ = writeln!(text, "  {:>5}  {}", way.cases, way.flags);
        for (reason, count) in way.rest.iter().take(REASONS) {
            let _ = writeln!(text, "           {count:>5} not: {reason}");
        }
        let more: usize = way.rest.iter().skip(REASONS).map(|(_, count)| count).sum();
        if more > 0 {
            let _ = writeln!(text, "           {more:>5} not: other reasons");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::case::Family;
    use crate::spec::{Sources, load};

    #[test]
    fn each_way_plays_what_the_others_cannot() {
        let suite = load(&Sources::embedded()).unwrap_or_else(|wrong| panic!("{wrong}"));
        let profile = suite.profile("linux").unwrap();
        let cases = suite.cases(profile, &[Family::V4]).unwrap();
        let reach = Reach::Service {
            port: 7,
            closed_port: Some(1),
        };
        let ways = all(&suite, &cases, reach, None);
        for way in &ways {
            let rest: usize = way.rest.iter().map(|(_, count)| count).sum();
            assert_eq!(way.cases + rest, cases.len(), "{}", way.flags);
        }
        let played = |flags: &str| {
            let way = ways.iter().find(|way| way.flags == flags);
            way.map_or(0, |way| way.cases)
        };
        // LAST-ACK, sending and closing are what services bring.
        assert!(played("no more than a port") < played("--service discard"));
        assert!(played("--service chargen") < played("--service ssh"));
        assert!(played("--service discard") < played("--service http"));
        assert!(played("--service http") < played("--service redis"));
        assert!(
            played("--service redis") < played("--agent: tcpspec agent --whole-host; --flood-from")
        );
        let text = table(&ways, cases.len());
        assert!(
            text.contains("not: changes settings of the whole host"),
            "{text}"
        );
    }
}
