//! When a segment comes, against when it ought to.

use super::Compared;
use super::pattern::{recorded, written};
use crate::model::words::seconds;
use crate::model::{Resolved, Scope, Unresolved};
use crate::spec::case::Pattern;
use crate::spec::profile::Slack;
use tcpspec_reports::record::{Field, Quantity, Value};

/// The earliest and the latest time that count as in time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Without slack.
    pub low: i64,
    /// Without slack; `None`: no upper bound.
    pub high: Option<i64>,
}

impl Bounds {
    /// With the slack of the device: a little earlier, a little later.
    #[must_use]
    pub fn widened(self, slack: &Slack) -> Self {
        Self {
            low: (self.low - slack.early.as_nanos() as i64).max(0),
            high: self.high.map(|high| high.saturating_add(late(slack, high))),
        }
    }

    fn contains(self, nanos: i64) -> bool {
        self.low <= nanos && self.high.is_none_or(|high| nanos <= high)
    }
}

/// How much later than `nanos` is still in time.
pub fn late(slack: &Slack, nanos: i64) -> i64 {
    let part = i128::from(nanos) * i128::from(slack.late_permille) / 1000;
    (part as i64).saturating_add(slack.late.as_nanos() as i64)
}

/// The bounds that a pattern of durations sets; those of `either` are taken as one range.
pub fn bounds(scope: &Scope<'_>, pattern: &Pattern) -> Result<Bounds, Unresolved> {
    match pattern {
        Pattern::Any | Pattern::Present | Pattern::Absent => Ok(Bounds { low: 0, high: None }),
        Pattern::Is(expr) => {
            let nanos = scope.nanos(expr)?;
            Ok(Bounds {
                low: nanos,
                high: Some(nanos),
            })
        }
        Pattern::Range(low, high) => Ok(Bounds {
            low: low
                .as_ref()
                .map(|low| scope.nanos(low))
                .transpose()?
                .unwrap_or(0),
            high: high.as_ref().map(|high| scope.nanos(high)).transpose()?,
        }),
        Pattern::Either(patterns) => {
            let mut all = Bounds {
                low: i64::MAX,
                high: Some(0),
            };
            for pattern in patterns {
                let one = bounds(scope, pattern)?;
                all.low = all.low.min(one.low);
                all.high = all.high.zip(one.high).map(|(a, b)| a.max(b));
            }
            Ok(all)
        }
    }
}

/// Compares the time that a segment took to come with the time that it may take.
pub fn compare(
    scope: &Scope<'_>,
    pattern: &Pattern,
    took: i64,
    slack: &Slack,
) -> Result<Compared, Unresolved> {
    let bare = bounds(scope, pattern)?;
    let allowed = bare.widened(slack);
    let only = bare
        .high
        .filter(|high| *high == bare.low)
        .map(Resolved::Duration);
    let remark = (allowed != bare).then(|| {
        let low = seconds(allowed.low);
        match allowed.high {
            Some(high) => format!(
                "{} … {} with this device's slack",
                low.trim_end_matches(" s"),
                seconds(high)
            ),
            None => format!("from {low} on with this device's slack"),
        }
    });
    Ok(Compared {
        symptom: if took < allowed.low {
            "too early"
        } else {
            "too late"
        }
        .to_owned(),
        field: Field {
            name: "after".to_owned(),
            expected: Quantity {
                words: Some(written(scope, pattern)),
                value: only.map_or(Value::None, recorded),
            },
            got: Quantity {
                words: None,
                value: Value::Duration(took),
            },
            holds: allowed.contains(took),
            remark,
        },
    })
}
