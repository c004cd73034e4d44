//! What both devices share: the suite of this checkout, and the judgement.

use libtest_mimic::{Arguments, Completion, Failed};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tcpspec::deviations;
use tcpspec::spec::case::{Case, Family};
use tcpspec::spec::profile::Profile;
use tcpspec::spec::{self, Deviation, Sources, Suite};
use tcpspec_reports::attempts;
use tcpspec_reports::ladder::{self, text};
use tcpspec_reports::record::{CaseRecord, Verdict};

/// Tests are the same every time.
pub(crate) const SEED: u64 = 0x5f3a_91c2;

/// A day on which no entry of a deviation list has expired: a test does not begin to fail because
/// a day has passed.
pub(crate) const NEVER: &str = "0000-00-00";

/// The specs of this checkout.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../specs")
}

/// The specs of this checkout, not those that were built in.
pub(crate) fn sources() -> Sources {
    Sources::directory(&folder()).expect("the folder of the specs can be read")
}

/// The one test that is meant, as nextest asks for each.
pub(crate) fn exact(arguments: &Arguments) -> Option<&str> {
    arguments
        .filter
        .as_deref()
        .filter(|_| arguments.exact && !arguments.list)
}

/// The suite for one device.
pub(crate) struct Loaded {
    pub(crate) suite: Suite,
    pub(crate) profile: Profile,
    cases: BTreeMap<String, Case>,
}

impl Loaded {
    /// All specs.
    pub(crate) fn new(profile: &str) -> Self {
        Self::of(spec::load(&sources()), profile)
    }

    /// The one spec of a case.
    pub(crate) fn one(profile: &str, id: &str) -> Self {
        let sources = Sources::of_cases(Some(&folder()), [id]);
        let sources = sources.expect("the folder of the specs can be read");
        Self::of(spec::read(&sources), profile)
    }

    fn of(suite: Result<Suite, spec::Diagnostics>, profile: &str) -> Self {
        let suite = suite.unwrap_or_else(|wrong| panic!("{wrong}"));
        let profile = suite
            .profile(profile)
            .cloned()
            .expect("the profile is there");
        let cases = suite.cases(&profile, &[Family::V4, Family::V6]);
        let cases = cases.unwrap_or_else(|wrong| panic!("{wrong}"));
        let cases = cases
            .into_iter()
            .map(|case| (case.id.clone(), case))
            .collect();
        Self {
            suite,
            profile,
            cases,
        }
    }

    pub(crate) fn case(&self, id: &str) -> Result<&Case, Failed> {
        self.cases
            .get(id)
            .ok_or_else(|| format!("{id} is listed, but there is no such case").into())
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.values()
    }
}

/// A pass, a known deviation, or a failure with its ladder.
pub(crate) fn judge(
    record: CaseRecord,
    identity: &str,
    list: &[Deviation],
) -> Result<Completion, Failed> {
    let mut records = [record];
    deviations::apply(list, identity, NEVER, None, &mut records);
    let [record] = records;
    if record.flaky {
        eprintln!("flaky: {} {}", record.id, attempts::flaky(&record));
    }
    match record.verdict {
        Verdict::Pass => Ok(Completion::Completed),
        Verdict::Skipped => Ok(Completion::ignored_with(
            record.reason.unwrap_or_else(|| "skipped".to_owned()),
        )),
        Verdict::Fail | Verdict::Deviates if record.known.is_some() => Ok(Completion::Completed),
        Verdict::Fail | Verdict::Deviates | Verdict::Inconclusive => {
            let ladder = text::write(&ladder::layout(&record), &text::Options::default());
            let ladder = ladder.join("\n");
            Err(format!("{}: {}\n{ladder}", record.symptom(), record.headline()).into())
        }
    }
}
