//! `tcpspec list`: specs, cases, devices, requirements.

use super::arguments::ListArguments;
use super::plan::{Plan, Target};
use super::remote::Remote;
use super::ways;
use super::{Context, Exit, Failure, print};
use crate::spec::case::Case;
use std::collections::BTreeMap;
use std::fmt::Write;
use tcpspec_reports::text::count;

/// Lists what was asked for.
pub(super) fn list(arguments: &ListArguments, context: &Context) -> Result<Exit, Failure> {
    if arguments.devices {
        return devices(context);
    }
    let target = Target::parse(&arguments.device, &arguments.host, &context.in_process)?;
    let (select, filter) = (&arguments.select, &arguments.filter);
    let plan = Plan::outline(context, target, select, filter, arguments.requirements)?;
    let suite = filter.suite.as_deref();
    let listed = if arguments.requirements {
        requirements(&plan, !arguments.select.is_empty())
    } else if arguments.cases {
        print_cases(&plan.cases)
    } else if let Some(name) = suite {
        suite_cases(&plan, name)
    } else {
        specs(&plan, select.is_empty())
    };
    // The process is about to end: taking the suite apart would be a tenth of its work.
    std::mem::forget(plan);
    listed
}

/// One line per case: its id, and why it would be skipped.
pub(super) fn print_cases(cases: &[Case]) -> Result<Exit, Failure> {
    let mut text = String::new();
    for case in cases {
        let _ = match &case.skip {
            None => writeln!(text, "{}", case.id),
            Some(reason) => writeln!(text, "{}  (skipped: {reason})", case.id),
        };
    }
    print(&text)
}

fn specs(plan: &Plan, is_whole: bool) -> Result<Exit, Failure> {
    let mut text = String::new();
    let mut folder = "";
    for group in plan.cases.chunk_by(|one, next| one.file == next.file) {
        let first = &group[0];
        if first.folder != folder {
            folder = &first.folder;
            let _ = writeln!(text, "{folder}");
        }
        let name = first.id.split('[').next().unwrap_or_default();
        let cases = count(group.len(), "case");
        let _ = writeln!(text, "  {name:<48} {cases:>9}  {}", first.title);
    }
    let skipped = plan.cases.iter().filter(|case| case.skip.is_some()).count();
    let specs = count(plan.specs(), "spec");
    let cases = count(plan.cases.len(), "case");
    let _ = write!(text, "{specs}, {cases}");
    let _ = match skipped {
        0 => writeln!(text),
        _ => writeln!(
            text,
            "; {} would be skipped on {}",
            skipped,
            plan.target.name()
        ),
    };
    if let (Target::Host(remote), true) = (&plan.target, is_whole) {
        text.push('\n');
        text.push_str(&ways_to(plan, remote)?);
    }
    print(&text)
}

/// The ways to test a host, and how many of all cases each can play.
fn ways_to(plan: &Plan, remote: &Remote) -> Result<String, Failure> {
    let cases = plan.suite.cases(&plan.profile, &[remote.family()]);
    let cases = cases.map_err(Failure::Specs)?;
    let own = plan.service.as_ref();
    let ways = ways::all(&plan.suite, &cases, remote.reach(), own);
    Ok(ways::table(&ways, cases.len()))
}

fn devices(context: &Context) -> Result<Exit, Failure> {
    let suite = context.suite(&[])?;
    let mut text = String::new();
    let in_process = context.in_process.iter().copied().map(Target::Simulated);
    for target in in_process.chain([Target::Kernel]) {
        let Some(profile) = suite.profile(target.profile_name()) else {
            continue;
        };
        let claims: Vec<&str> = profile.claims.iter().map(String::as_str).collect();
        let observes: Vec<&str> = profile.observes.iter().map(String::as_str).collect();
        let _ = writeln!(text, "{}", target.name());
        let _ = writeln!(text, "  claims    {}", claims.join(" "));
        let _ = writeln!(text, "  observes  {}", observes.join(" "));
        for (name, value) in &profile.policies {
            let _ = writeln!(text, "  {name:<20} {value}");
        }
    }
    print(&text)
}

/// The ids of somebody else's suite in its order, the cases that show each, and its title.
fn suite_cases(plan: &Plan, name: &str) -> Result<Exit, Failure> {
    let mut text = String::new();
    let (title, ids) = plan.suite.catalogue().suite(name).unwrap_or_default();
    let mut shown = 0;
    for one in &ids {
        let shows = |case: &&Case| case.covers.contains(&one.id);
        let cases: Vec<&Case> = plan.cases.iter().filter(shows).collect();
        let able = cases.iter().filter(|case| case.skip.is_none()).count();
        shown += usize::from(able > 0);
        let number = match cases.len() - able {
            0 => count(able, "case"),
            skipped => format!("{} ({skipped} skipped)", count(cases.len(), "case")),
        };
        let _ = writeln!(text, "{:<26} {number:<22} {}", one.id, one.sentence);
        if let Some(reason) = cases
            .first()
            .and_then(|case| case.skip.as_ref())
            .filter(|_| able == 0)
        {
            let _ = writeln!(text, "{:<26} {reason}", "");
        }
    }
    let (all, cases) = (count(ids.len(), "case"), count(plan.cases.len(), "case"));
    let device = plan.target.name();
    let _ = writeln!(
        text,
        "{title}: {all}, of which {shown} would run on {device}, as {cases}; --cases lists these"
    );
    print(&text)
}

/// Requirements with the number of selected cases that cover each.
fn requirements(plan: &Plan, only_covered: bool) -> Result<Exit, Failure> {
    let mut covered: BTreeMap<&str, usize> = BTreeMap::new();
    for id in plan.cases.iter().flat_map(|case| &case.covers) {
        *covered.entry(id).or_default() += 1;
    }
    let mut text = String::new();
    for requirement in plan.suite.catalogue().iter() {
        let cases = covered
            .get(requirement.id.as_str())
            .copied()
            .unwrap_or_default();
        if only_covered && cases == 0 {
            continue;
        }
        let (id, level, place) = (
            &requirement.id,
            requirement.level.word(),
            &requirement.place,
        );
        let sentence = &requirement.sentence;
        let _ = writeln!(text, "{id:<28} {level:<6} {cases:>4}  {place}: {sentence}");
    }
    print(&text)
}
