//! The settings of a host that a profile counts on: who makes them, and what is known of the rest.
//!
//! An agent whose host is given over to tests makes all of them. Any other of ours gives its
//! sockets those that a socket can have, and tells of the rest. Of a host without one nothing is
//! known but what the user says. What leans on a setting that is otherwise, or that nobody knows,
//! is left out.

use super::Remote;
use crate::cli::Failure;
use crate::device::external::{Abilities, Reach};
use crate::device::kernel::settings::of_a_socket;
use crate::spec::case::Case;
use crate::spec::profile::{Leaning, Profile};

/// A setting that the profile counts on, and that the host may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Unmade {
    /// Its name.
    name: String,
    /// What the profile counts on.
    value: String,
    /// What it is on the host; `None` if nobody can tell.
    instead: Option<String>,
}

impl Remote {
    /// Leaves in the profile what is made for every case, and gives what may be otherwise.
    pub(in crate::cli) fn settle(&self, profile: &mut Profile) -> Result<Vec<Unmade>, Failure> {
        match self.host.reach {
            Reach::Agent(Abilities::Extension { whole_host: true }) => Ok(Vec::new()),
            Reach::Agent(Abilities::Extension { whole_host: false }) => {
                let by_sockets = |(name, _): &mut (String, String)| !of_a_socket(name);
                let others = profile.pinned.extract_if(.., by_sockets).collect();
                self.ask_for(others)
            }
            _ => {
                let unknown = |(name, value)| Unmade {
                    name,
                    value,
                    instead: None,
                };
                let pinned = std::mem::take(&mut profile.pinned);
                let unknown = pinned.into_iter().map(unknown);
                Ok(unknown.filter(|_| !self.pinned).collect())
            }
        }
    }

    /// Those that are otherwise on the host, as its agent says.
    fn ask_for(&self, wanted: Vec<(String, String)>) -> Result<Vec<Unmade>, Failure> {
        let Some(agent) = self.host.agent.as_ref().filter(|_| !wanted.is_empty()) else {
            return Ok(Vec::new());
        };
        let names = wanted.iter().map(|(name, _)| name.clone()).collect();
        let mut present = agent.settings(names).map_err(|error| {
            Failure::Environment(format!(
                "the agent at {} does not tell the settings of its host: {error}",
                agent.address
            ))
        })?;
        let unmade = |(name, value): (String, String)| {
            let instead = present.remove(&name);
            (instead.as_ref() != Some(&value)).then_some(Unmade {
                name,
                value,
                instead,
            })
        };
        Ok(wanted.into_iter().filter_map(unmade).collect())
    }
}

impl Unmade {
    /// Why a case is left out that leans on it.
    fn reason(&self) -> String {
        let Self {
            name,
            value,
            instead,
        } = self;
        match instead {
            Some(instead) => format!(
                "leans on {name}={value}, and the host has {instead} (start the agent with \
                 --whole-host)"
            ),
            None => format!(
                "leans on {name}={value}, and nobody can tell (if the host is so: --pinned)"
            ),
        }
    }
}

/// Leaves out the cases that lean on one of these; gives how many.
pub(in crate::cli) fn skip_leaning(
    cases: &mut [Case],
    leaning: &[Leaning],
    unmade: &[Unmade],
) -> usize {
    let mut skipped = 0;
    for case in cases.iter_mut().filter(|case| case.skip.is_none()) {
        let leans_on = |setting: &&Unmade| {
            let mut lists = leaning.iter().filter(|list| list.setting == setting.name);
            lists.any(|list| list.cases.iter().any(|glob| glob.matches(&case.id)))
        };
        if let Some(setting) = unmade.iter().find(leans_on) {
            case.skip = Some(setting.reason());
            skipped += 1;
        }
    }
    skipped
}

/// What a reader of the verdicts has to know of the host's settings.
pub(in crate::cli) fn caution(device: &str, unmade: &[Unmade], skipped: usize) -> Option<String> {
    let known: Vec<String> = unmade
        .iter()
        .filter_map(|setting| {
            let instead = setting.instead.as_ref()?;
            Some(format!(
                "{}={instead} (not {})",
                setting.name, setting.value
            ))
        })
        .collect();
    let unknown: Vec<String> = unmade
        .iter()
        .filter(|setting| setting.instead.is_none())
        .map(|setting| format!("{}={}", setting.name, setting.value))
        .collect();
    let left_out = match skipped {
        0 => "no case that was selected leans on them".to_owned(),
        1 => "a case that leans on them was left out".to_owned(),
        _ => format!("{skipped} cases that lean on them were left out"),
    };
    if !known.is_empty() {
        return Some(format!(
            "the host is not as profile {device} counts on: {}; {left_out}. `tcpspec agent \
             --whole-host` makes the settings",
            known.join(" ")
        ));
    }
    (!unknown.is_empty()).then(|| {
        format!(
            "profile {device} is that of a host with {}, and nobody can tell of this one; \
             {left_out}. If it is so, say --pinned; an agent can tell (`tcpspec agent`), or make \
             the settings (--whole-host)",
            unknown.join(" ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::builders;
    use crate::spec::deviations::CaseGlob;

    fn unmade(name: &str, value: &str, instead: Option<&str>) -> Unmade {
        Unmade {
            name: name.to_owned(),
            value: value.to_owned(),
            instead: instead.map(str::to_owned),
        }
    }

    fn leaning(setting: &str, glob: &str) -> Leaning {
        Leaning {
            setting: setting.to_owned(),
            cases: vec![CaseGlob::new(glob).unwrap()],
        }
    }

    fn cases(ids: &[&str]) -> Vec<Case> {
        let case = |id: &&str| Case {
            id: (*id).to_owned(),
            ..builders::case(Vec::new())
        };
        ids.iter().map(case).collect()
    }

    #[test]
    fn only_what_leans_on_what_is_otherwise_is_left_out() {
        let lists = [leaning("tcp_one", "3.4/a[v4]"), leaning("tcp_two", "3.5/*")];
        let mut all = cases(&["3.4/a[v4]", "3.4/a[v6]", "3.5/b[v4]"]);
        all[2].skip = Some("before".to_owned());
        let otherwise = [
            unmade("tcp_one", "0", Some("3")),
            unmade("tcp_two", "1", None),
        ];
        assert_eq!(skip_leaning(&mut all, &lists, &otherwise), 1);
        let reason = all[0].skip.as_deref().unwrap();
        assert!(
            reason.contains("tcp_one=0") && reason.contains("has 3"),
            "{reason}"
        );
        assert_eq!(all[1].skip, None);
        assert_eq!(all[2].skip.as_deref(), Some("before"));
        let mut all = cases(&["3.4/a[v4]", "3.5/b[v4]"]);
        assert_eq!(skip_leaning(&mut all, &lists, &otherwise[1..]), 1);
        let reason = all[1].skip.as_deref().unwrap();
        assert!(reason.contains("--pinned"), "{reason}");
        assert_eq!(skip_leaning(&mut cases(&["3.4/a[v4]"]), &lists, &[]), 0);
    }

    #[test]
    fn the_remark_says_what_is_otherwise_and_what_was_left_out() {
        assert_eq!(caution("linux", &[], 0), None);
        let told = caution("linux", &[unmade("tcp_one", "0", Some("3"))], 2).unwrap();
        assert!(told.contains("tcp_one=3 (not 0); 2 cases"), "{told}");
        let unknown = caution("linux", &[unmade("tcp_one", "0", None)], 0).unwrap();
        assert!(
            unknown.contains("tcp_one=0, and nobody can tell"),
            "{unknown}"
        );
        assert!(unknown.contains("no case"), "{unknown}");
    }
}
