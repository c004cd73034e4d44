//! `tcpspec run`: plan, play, judge, report.

use super::arguments::{Choice, RunArguments};
use super::interrupt::Interrupt;
use super::live::Live;
use super::plan::{Plan, Target};
use super::play::{Begun, Go, Pace, unplayed};
use super::remote::{self, Connection};
use super::reports::Wanted;
use super::{Context, Exit, Failure, TOOL, complain, doctor, say, spec_files, today};
use crate::deviations;
use crate::seed;
use crate::spec::Requirement;
use crate::spec::case::Case;
use crate::worker::{self, Leniency};
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tcpspec_reports::names;
use tcpspec_reports::record::{
    Canary, CaseRecord, DeviceRecord, FORMAT, INTERRUPTED, INTERRUPTED_IN_PROGRESS, Outcome, Run,
    SuiteResult, Verdict,
};
use tcpspec_reports::terminal::{self, Screen, ci};
use tcpspec_reports::text::count;

/// Runs cases and reports.
pub(super) fn run(arguments: &RunArguments, context: &Context) -> Result<Exit, Failure> {
    let target = Target::parse(&arguments.device, &arguments.host, &context.in_process)?;
    if matches!(target, Target::Host(_)) {
        // Before there is a second thread: powers are the threads' own.
        remote::shed_powers()?;
    }
    // Before anything that takes time: an interrupted run leaves the reports that were asked for.
    let interrupt = Interrupt::listen()
        .map_err(|error| Failure::Environment(format!("cannot listen for Ctrl-C: {error}")))?;
    let (select, filter) = (&arguments.select, &arguments.filter);
    let mut plan = Plan::make(context, target.clone(), select, filter, arguments.slow)?;
    let seed = arguments.seed.unwrap_or_else(fresh_seed);
    if arguments.dry_run {
        return match &target {
            Target::Host(remote) => remote.rehearse(&plan.cases, &plan.profile, seed),
            Target::Simulated(_) | Target::Kernel => super::list::print_cases(&plan.cases),
        };
    }
    let wanted = Wanted::new(arguments);
    wanted.check_with_powers()?;
    let refusal = match &target {
        Target::Simulated(_) | Target::Host(_) => None,
        Target::Kernel => doctor::refusal(&doctor::probe()?),
    };
    let connection = connect(&mut plan, seed)?;
    let pace = Pace {
        target,
        seed,
        jobs: arguments.jobs.map(usize::from).or(wanted_jobs(&plan)),
        specs: context.specs_folder(),
        files: spec_files(select)?,
        refusal,
        interrupt: &interrupt,
        connection,
        begun: Begun::default(),
    };
    let screen = Screen {
        palette: context.palette,
        verbose: arguments.verbose,
        strict: arguments.strict,
    };
    let mut run = play(arguments, &plan, &pace, &screen)?;
    run.suite = arguments
        .filter
        .suite
        .as_deref()
        .and_then(|name| suite(name, &plan));
    run.findings = deviations::apply(
        plan.suite.deviations(),
        &run.device.identity,
        &today(),
        plan.able.as_deref(),
        &mut run.cases,
    );
    tcpspec_reports::suite::judge(&mut run);
    let exit = match (interrupt.exit().filter(|_| run.interrupted), &pace.refusal) {
        (Some(exit), _) => exit,
        (None, Some(_)) => Exit::Unjudged,
        (None, None) => Exit::of(&run, arguments.strict, arguments.allow_inconclusive),
    };
    finish(arguments, &wanted, &mut run, &screen, exit)
}

/// Connections at once that are no trouble to the service.
fn wanted_jobs(plan: &Plan) -> Option<usize> {
    plan.service.as_ref().and_then(|service| service.jobs)
}

/// Plays canaries and cases, and shows chapters as they finish.
fn play(
    arguments: &RunArguments,
    plan: &Plan,
    pace: &Pace<'_>,
    screen: &Screen,
) -> Result<Run, Failure> {
    let began = Instant::now();
    let mut run = empty_run(plan, pace);
    if !arguments.quiet {
        say(&format!("{}\n", banner(plan, pace, &run, screen)));
    }
    if pace.refusal.is_none() {
        run.canaries = canaries(plan, pace)?;
        super::trial::of_service(plan, pace)?;
    }
    let mut live = live(arguments, plan, screen);
    let mut records: Vec<Option<CaseRecord>> = vec![None; plan.cases.len()];
    let mut failed = 0_usize;
    let (list, identity, today) = (
        plan.suite.deviations(),
        run.device.identity.clone(),
        today(),
    );
    let leniency = Leniency {
        retries: arguments.retries.unwrap_or(worker::DEFAULT_RETRIES),
        max_fail: arguments.max_fail,
        strict: arguments.strict,
        strange: Box::new(|record| deviations::unforetold(list, &identity, &today, record)),
        told: Box::new(live.again()),
    };
    let remark = pace.play(
        &plan.cases,
        &plan.profile,
        leniency,
        &mut |index, mut record| {
            record.covers = requirements(plan, &plan.cases[index]);
            for attempt in &mut record.earlier {
                attempt.covers.clone_from(&record.covers);
            }
            deviations::apply(
                list,
                &identity,
                &today,
                None,
                std::slice::from_mut(&mut record),
            );
            failed += usize::from(record.fails(arguments.strict));
            records[index] = Some(record);
            live.finished(index, &records);
            if arguments
                .max_fail
                .is_some_and(|most| failed >= most as usize)
            {
                Go::Stop
            } else {
                Go::On
            }
        },
    )?;
    live.end(&records);
    run.remarks.extend(remark);
    run.interrupted = pace.interrupt.is_set();
    complete(&mut run, records, plan, &pace.begun, failed);
    run.wall_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(run)
}

/// Takes the records; a case without one was left out or ended early, which the reports say of it.
fn complete(
    run: &mut Run,
    records: Vec<Option<CaseRecord>>,
    plan: &Plan,
    begun: &Begun,
    failed: usize,
) {
    let stopped = format!("stopped after {}", count(failed, "failure"));
    let missing = records.iter().filter(|record| record.is_none()).count();
    if missing > 0 && !run.interrupted {
        let cases = count(missing, "case");
        run.remarks.push(format!("{stopped}: {cases} did not run"));
    }
    let left_out = |index: usize, case: &Case| {
        let seed = seed::of_case(run.seed, &case.id);
        let reason = match (run.interrupted, begun.has(index)) {
            (true, true) => INTERRUPTED_IN_PROGRESS,
            (true, false) => INTERRUPTED,
            (false, _) => &stopped,
        };
        let record = unplayed(case, seed, Verdict::Skipped, reason.to_owned());
        CaseRecord {
            covers: requirements(plan, case),
            ..record
        }
    };
    let cases = records.into_iter().zip(&plan.cases).enumerate();
    let cases = cases
        .map(|(index, (record, case))| record.unwrap_or_else(|| left_out(index, case)))
        .collect();
    run.cases = cases;
}

/// The way to a host, if any case is to be played there; replies get the time that it takes.
fn connect(plan: &mut Plan, seed: u64) -> Result<Option<Connection>, Failure> {
    let Target::Host(remote) = &plan.target else {
        return Ok(None);
    };
    if plan.cases.iter().all(|case| case.skip.is_some()) {
        return Ok(None);
    }
    let connection = remote.connect(seed, &plan.cases)?;
    connection.widen(&mut plan.profile.slack);
    Ok(Some(connection))
}

/// The first lines on the screen.
fn banner(plan: &Plan, pace: &Pace<'_>, run: &Run, screen: &Screen) -> String {
    let first = screen.banner(&terminal::Plan {
        tool: TOOL,
        device: &run.device,
        seed: run.seed,
        specs: plan.specs(),
        cases: plan.cases.len(),
    });
    let way = pace.connection.as_ref();
    let way = way.map(|way| format!("{}\n", way.describe(&plan.profile.slack)));
    first + &way.unwrap_or_default()
}

/// The screen while the run goes on.
fn live<'s>(arguments: &RunArguments, plan: &Plan, screen: &'s Screen) -> Live<'s> {
    let bar = match arguments.progress {
        Choice::Always => true,
        Choice::Never => false,
        Choice::Auto => std::io::stderr().is_terminal() && !arguments.quiet,
    };
    let chapter = |case: &Case| names::chapter(&case.section).to_owned();
    let chapters = plan.cases.iter().map(chapter).collect();
    Live::new(screen, arguments.quiet, bar, chapters)
}

fn empty_run(plan: &Plan, pace: &Pace<'_>) -> Run {
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Run {
        format: FORMAT,
        tool: TOOL.to_owned(),
        command: without_token(std::env::args()),
        started_unix_ms: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
        wall_ns: 0,
        device: device(plan, pace),
        seed: pace.seed,
        interrupted: false,
        canaries: Vec::new(),
        cases: Vec::new(),
        findings: Vec::new(),
        remarks: plan.caution().into_iter().collect(),
        suite: None,
    }
}

/// The suite of somebody else that was asked for, its cases not judged yet.
fn suite(name: &str, plan: &Plan) -> Option<tcpspec_reports::record::Suite> {
    let (title, cases) = plan.suite.catalogue().suite(name)?;
    let unjudged = |case: &Requirement| SuiteResult {
        id: case.id.clone(),
        title: case.sentence.clone(),
        outcome: Outcome::Skipped,
        reason: None,
        cases: Vec::new(),
    };
    Some(tcpspec_reports::record::Suite {
        name: name.to_owned(),
        title: title.to_owned(),
        results: cases.into_iter().map(unjudged).collect(),
    })
}

fn device(plan: &Plan, pace: &Pace<'_>) -> DeviceRecord {
    let (identity, link) = pace.identity();
    let policies = plan.profile.policies.iter();
    let policies = policies.map(|(name, value)| (name.clone(), value.clone()));
    DeviceRecord {
        name: plan.target.name(),
        identity,
        clock: if plan.target.is_on_the_real_clock() {
            "real"
        } else {
            "virtual"
        }
        .to_owned(),
        link,
        claims: plan.profile.claims.iter().cloned().collect(),
        policies: policies
            .chain(plan.profile.pinned.iter().cloned())
            .collect(),
    }
}

/// Plays the hidden cases whose failure is certain if this run can see failures at all.
fn canaries(plan: &Plan, pace: &Pace<'_>) -> Result<Vec<Canary>, Failure> {
    let cases = plan.suite.canaries(&plan.profile).map_err(Failure::Specs)?;
    let mut canaries = Vec::new();
    pace.play(
        &cases,
        &plan.profile,
        Leniency::none(),
        &mut |index, record| {
            canaries.push(Canary {
                name: cases[index].title.clone(),
                caught: caught(&record),
                unjudged: unjudged(&record),
            });
            Go::On
        },
    )?;
    Ok(canaries)
}

/// What must fail has failed, also if the tester doubts its own timing.
fn caught(record: &CaseRecord) -> bool {
    match record.verdict {
        Verdict::Fail => true,
        Verdict::Inconclusive => !record.mismatches.is_empty(),
        _ => false,
    }
}

/// Why the canary came to no judgement, if it did not: a device without an agent cannot be called,
/// and a worker may die. The cases say the same of themselves.
fn unjudged(record: &CaseRecord) -> Option<String> {
    let none = matches!(record.verdict, Verdict::Inconclusive | Verdict::Skipped);
    let unsaid = || "no reason is known".to_owned();
    (none && !caught(record)).then(|| record.reason.clone().unwrap_or_else(unsaid))
}

/// The requirements of a case, with their sentences.
fn requirements(plan: &Plan, case: &Case) -> Vec<tcpspec_reports::record::Requirement> {
    let catalogue = plan.suite.catalogue();
    case.covers
        .iter()
        .filter_map(|id| Some(catalogue.get(id)?.to_record()))
        .collect()
}

/// Shows the end, writes the reports, and says how it ended.
fn finish(
    arguments: &RunArguments,
    wanted: &Wanted,
    run: &mut Run,
    screen: &Screen,
    exit: Exit,
) -> Result<Exit, Failure> {
    let written = wanted.write(run);
    say(&screen.end(run));
    let is_all_written = written.trouble.is_none() || exit != Exit::Conformant;
    let told = if is_all_written { exit } else { Exit::Unjudged };
    let on_terminal = std::io::stdout().is_terminal();
    if !on_terminal || arguments.quiet {
        if std::env::var_os("GITHUB_ACTIONS").is_some() {
            say(&ci::github(run, arguments.strict));
        }
        say(&ci::last_lines(run, &written.names, told.code()));
    }
    match written.trouble {
        None => Ok(exit),
        // A failure of the device is the more important news.
        Some(trouble) if exit != Exit::Conformant => {
            complain(&format!("error: {trouble}\n"));
            Ok(exit)
        }
        Some(trouble) => Err(Failure::Environment(trouble)),
    }
}

/// The command line as reports may show it: the agent's token is nobody else's business.
fn without_token(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut is_token = false;
    let hide = |word: String| {
        let is_hidden = std::mem::replace(&mut is_token, word == "--token");
        if is_hidden {
            "…".to_owned()
        } else if word.starts_with("--token=") {
            "--token=…".to_owned()
        } else {
            word
        }
    };
    words.map(hide).collect()
}

/// A seed that is not used yet, short enough to be typed.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_report_shows_the_token() {
        let words = ["run", "--token", "secret", "--token=secret", "3.5"];
        let shown = without_token(words.map(str::to_owned).into_iter());
        assert_eq!(shown, ["run", "--token", "…", "--token=…", "3.5"]);
    }
}
