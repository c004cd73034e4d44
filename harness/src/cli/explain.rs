//! `tcpspec explain`: specs as prose and ladder, with every default spelled out.

use super::{Context, Exit, Failure, arguments, print};
use super::{meant, plan};
use crate::select::Subject;

/// Explains each selected spec once.
pub(super) fn explain(select: &[String], context: &Context) -> Result<Exit, Failure> {
    let suite = context.suite(select)?;
    let everything = arguments::FilterArguments {
        filters: Vec::new(),
        suite: None,
        shard: None,
        family: arguments::Families::Both,
    };
    let selection = plan::selection(select, &everything, suite.catalogue())?;
    let profile = suite.profile("bundled").ok_or_else(|| {
        Failure::Usage("no profile specs/devices/bundled.yaml to explain for".to_owned())
    })?;
    let cases = suite
        .cases(profile, plan::families(everything.family))
        .map_err(Failure::Specs)?;
    meant::check(select, &selection, &suite, &cases)?;
    let mut text = String::new();
    let mut last = None;
    for case in cases
        .iter()
        .filter(|case| selection.selects(&Subject::from(*case)))
    {
        let spec = (&case.file, case.id.split('[').next().map(str::to_owned));
        if last.as_ref() != Some(&spec) {
            text.push_str(&suite.explain(case).unwrap_or_default());
            text.push('\n');
            last = Some(spec);
        }
    }
    print(&text)
}
