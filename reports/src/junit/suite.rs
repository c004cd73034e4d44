//! A suite of somebody else in JUnit: a test per id of it, whatever our cases are called.

use super::{package, skipped, suite};
use crate::record::{Outcome, Run, Suite, SuiteResult};
use crate::text::clean;
use junit_report::{Duration, TestCase, TestResult, TestSuite};
use std::fmt::Write;

/// The suite `bundled/tc8`, its tests in the order of its ids.
pub(super) fn testsuite(own: &Suite, run: &Run, strict: bool) -> TestSuite {
    let mut all = suite(run, &own.name);
    let class = clean(&own.name).to_uppercase();
    let class = format!("{}.{class}", package(&run.device.name));
    let tests = own.results.iter().map(|result| TestCase {
        name: clean(&result.id),
        time: Duration::ZERO,
        result: outcome(result, strict),
        classname: Some(class.clone()),
        filepath: None,
        system_out: Some(super::content(&properties(result))),
        system_err: None,
    });
    all.add_testcases(tests);
    all
}

fn outcome(result: &SuiteResult, strict: bool) -> TestResult {
    let message = clean(result.reason.as_deref().unwrap_or_default());
    match result.outcome {
        Outcome::Pass => TestResult::Success,
        Outcome::Deviates if !strict => TestResult::Success,
        Outcome::Fail | Outcome::Deviates => TestResult::Failure {
            type_: result.outcome.word().to_lowercase(),
            message,
            cause: None,
        },
        Outcome::Inconclusive => TestResult::Error {
            type_: "inconclusive".into(),
            message,
            cause: None,
        },
        Outcome::Known => skipped("known", message),
        Outcome::Skipped => skipped("capability", message),
    }
}

fn properties(result: &SuiteResult) -> String {
    let mut lines = format!("[[PROPERTY|title={}]]\n", clean(&result.title));
    let _ = writeln!(lines, "[[PROPERTY|verdict={}]]", result.outcome.word());
    if let (Outcome::Deviates, Some(reason)) = (result.outcome, &result.reason) {
        let _ = writeln!(lines, "[[PROPERTY|deviates={}]]", clean(reason));
    }
    for case in &result.cases {
        let _ = writeln!(lines, "[[PROPERTY|case={}]]", clean(case));
    }
    lines
}
