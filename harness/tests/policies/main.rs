//! Every value of every policy that a device profile may have, on the bundled stack.
//!
//! What the RFCs leave open is no failure. So for each value the stack is made to behave so and the
//! profile to say so, and no case may fail. A profile that says something else than the stack does
//! has to be caught, though, or the policy would mean nothing.
//!
//! So it is with mechanisms that a device may lack: a claim that is not made must not be asked for.
//!
//! A test plays the cases on which its value has an effect. Which these are was found by playing
//! all of them; `cargo test --test policies -- --ignored` does so again, and takes minutes.

mod rows;

use libtest_mimic::{Arguments, Failed, Trial};
use rows::{LACKS, Lack, Lie, ROWS, Row};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use tcpspec::device::bundled::{self, Bundled};
use tcpspec::drive::virtual_time;
use tcpspec::seed;
use tcpspec::spec::case::Family;
use tcpspec::spec::claims::{POLICIES, Values};
use tcpspec::spec::profile::Profile;
use tcpspec::spec::{self, CaseGlob, Sources, Spec, Suite};
use tcpspec_reports::record::{CaseRecord, Verdict};

/// Tests are the same every time.
const SEED: u64 = 0x5f3a_91c2;

/// Of what devices may lack, what most of those that are tested do; the others take minutes.
const ALWAYS: [&str; 2] = ["CUBIC alone", "an initial window of three segments"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("every value has a row", every_value_has_a_row)];
    for row in ROWS {
        trials.push(Trial::test(row.name(), || quick(row)));
        let whole = Trial::test(format!("whole suite, {}", row.name()), || whole(row));
        trials.push(whole.with_ignored_flag(true));
    }
    for lack in LACKS {
        let trial = Trial::test(format!("whole suite, {}", lack.name), || lacking(lack));
        trials.push(trial.with_ignored_flag(!ALWAYS.contains(&lack.name)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

static SUITE: LazyLock<Suite> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let sources = Sources::directory(&folder).expect("the folder of the specs can be read");
    spec::load(&sources).unwrap_or_else(|wrong| panic!("{wrong}"))
});

/// What the bundled stack is by itself.
fn standard() -> &'static Profile {
    SUITE.profile("bundled").expect("the profile is there")
}

impl Row {
    fn name(&self) -> String {
        format!("{}={}", self.policy, self.value)
    }

    /// What a device says of itself that is so.
    fn profile(&self) -> Profile {
        let mut profile = standard().clone();
        let (policy, value) = (self.policy.to_owned(), self.value.to_owned());
        profile.policies.insert(policy, value);
        profile
            .claims
            .retain(|claim| !self.lacks.contains(&&**claim));
        profile
    }

    fn specs(&self) -> Vec<&'static Spec> {
        let glob = |text: &&str| CaseGlob::new(text).expect("a glob");
        let globs: Vec<CaseGlob> = self.affects.iter().map(glob).collect();
        let meant = |spec: &&Spec| globs.iter().any(|glob| glob.matches(&spec.id));
        SUITE.specs().iter().filter(meant).collect()
    }
}

/// The records of some specs, on a stack as `does` has it, judged by what `says`.
fn play(specs: &[&Spec], does: &Profile, says: &Profile) -> Result<Vec<CaseRecord>, Failed> {
    let config = bundled::config(does)?;
    let cases = SUITE.cases_of(specs, says, &[Family::V4]);
    let cases = cases.map_err(|wrong| wrong.to_string())?;
    let playable = cases.iter().filter(|case| case.skip.is_none());
    let records = playable.map(|case| {
        let mut device = Bundled::new(config.clone(), case.family);
        virtual_time::play(case, says, &mut device, seed::of_case(SEED, &case.id))
    });
    Ok(records.collect())
}

fn quick(row: &Row) -> Result<(), Failed> {
    let specs = row.specs();
    let honest = row.profile();
    let records = play(&specs, &honest, &honest)?;
    if records.is_empty() {
        return Err("no case is played".into());
    }
    nothing_fails(row.deviates, &records)?;
    let records = play(&specs, &honest, standard())?;
    let caught = records.iter().any(|record| record.verdict != Verdict::Pass);
    match (row.lie, caught) {
        (Lie::IsCaught, false) => {
            Err("no case notices that the profile says something else".into())
        }
        (Lie::Passes(_), true) => Err("a case notices the lie: the row says that none can".into()),
        (Lie::Passes(""), false) => Err("why can no case notice it?".into()),
        _ => Ok(()),
    }
}

fn whole(row: &Row) -> Result<(), Failed> {
    let specs: Vec<&Spec> = SUITE.specs().iter().collect();
    let honest = row.profile();
    nothing_fails(row.deviates, &play(&specs, &honest, &honest)?)
}

/// What a device does not claim is not asked of it, by no spec.
fn lacking(lack: &Lack) -> Result<(), Failed> {
    let specs: Vec<&Spec> = SUITE.specs().iter().collect();
    let mut honest = standard().clone();
    let claimed = |claim: &String| !lack.claims.contains(&&**claim);
    honest.claims.retain(claimed);
    let (setting, value) = lack.setting;
    honest.pinned.push((setting.to_owned(), value.to_owned()));
    nothing_fails(lack.deviates, &play(&specs, &honest, &honest)?)
}

/// Nothing fails and nothing is inconclusive. What contradicts a SHOULD is reported as that, and
/// is what is said of it beforehand, no more and no less.
fn nothing_fails(deviates: &[&str], records: &[CaseRecord]) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let mut deviating = BTreeSet::new();
    for record in records {
        let spec = record.id.split('[').next().unwrap_or_default();
        let known = deviates.contains(&spec);
        if record.verdict == Verdict::Deviates && known {
            deviating.insert(spec);
        } else if record.verdict != Verdict::Pass {
            let (symptom, headline) = (record.symptom(), record.headline());
            wrong.push(format!(
                "{:?} {}: {symptom}: {headline}",
                record.verdict, record.id
            ));
        }
    }
    let missing = deviates.iter().filter(|spec| !deviating.contains(**spec));
    wrong.extend(missing.map(|spec| format!("{spec}: is said to deviate, and does not")));
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Each word but the one that the stack has by itself; a number and a duration once.
fn every_value_has_a_row() -> Result<(), Failed> {
    let mut missing = Vec::new();
    for policy in POLICIES {
        let standard = standard().policies.get(policy.name);
        let rows = ROWS.iter().filter(|row| row.policy == policy.name);
        let rows: Vec<&str> = rows.map(|row| row.value).collect();
        let is_there = |value: &&str| rows.contains(value) || standard.is_some_and(|s| s == value);
        match policy.values {
            Values::OneOf(words) => {
                let words = words.iter().filter(|word| !is_there(word));
                missing.extend(words.map(|word| format!("{}={word}", policy.name)));
            }
            Values::Duration | Values::Number => {
                if rows.is_empty() {
                    missing.push(policy.name.to_owned());
                }
            }
        }
        if standard.is_some_and(|standard| rows.contains(&&**standard)) {
            missing.push(format!(
                "another value than the standard one of {}",
                policy.name
            ));
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("\n").into())
    }
}
