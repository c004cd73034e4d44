//! Exit codes: small, documented, never a count.

use std::process::ExitCode;
use tcpspec_reports::record::{Canary, Run, Verdict};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: something ran, and nothing failed outside the deviation list.
    Conformant,
    /// 1: a case failed, or an entry of the deviation list no longer holds.
    NonConformant,
    /// 2: a bad flag, a bad spec, an unknown requirement.
    Usage,
    /// 3: no failure, but cases stayed inconclusive, or the environment refused.
    Unjudged,
    /// 4: the selection matched no case, or everything selected was skipped.
    NothingSelected,
    /// 130: Ctrl-C; the reports of what ran are written.
    Interrupted,
    /// 143: SIGTERM; the same.
    Terminated,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Conformant => 0,
            Self::NonConformant => 1,
            Self::Usage => 2,
            Self::Unjudged => 3,
            Self::NothingSelected => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The end of a run; an interrupted one is taken for [`Exit::Interrupted`]. Where several
    /// apply: 130, 3 if a canary passed, 1, 3, 4, 0.
    ///
    /// `strict`: a SHOULD fails too. `lenient`: what stayed inconclusive does not count.
    pub fn of(run: &Run, strict: bool, lenient: bool) -> Self {
        let inconclusive = || {
            run.cases
                .iter()
                .any(|case| case.verdict == Verdict::Inconclusive)
        };
        if run.interrupted {
            Self::Interrupted
        } else if run.canaries.iter().any(Canary::was_missed) {
            Self::Unjudged
        } else if run.cases.iter().any(|case| case.fails(strict)) || !run.findings.is_empty() {
            Self::NonConformant
        } else if inconclusive() && !lenient {
            Self::Unjudged
        } else if run
            .cases
            .iter()
            .all(|case| case.verdict == Verdict::Skipped)
        {
            Self::NothingSelected
        } else {
            Self::Conformant
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
