//! What a device claims, what its makers chose, and how precisely it can be measured.

use super::deviations::CaseGlob;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A device profile (`specs/devices/*.yaml`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// `bundled`, `linux`.
    pub device: String,
    /// Capabilities: `rfc5961`, `sack`, `timestamps`, …
    pub claims: BTreeSet<String>,
    /// What can be observed beside frames: `state`, `info`, `counter`.
    pub observes: BTreeSet<String>,
    /// Policies and their values, as text: `msl: 30s`, `rst_in_time_wait: ignore`.
    pub policies: BTreeMap<String, String>,
    /// Measuring slack.
    pub slack: Slack,
    /// Settings of the device that are pinned for every case (`sysctl` on Linux).
    pub pinned: Vec<(String, String)>,
    /// The cases that fail where one of those is otherwise.
    pub leaning: Vec<Leaning>,
}

/// Cases whose verdict takes a pinned setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaning {
    /// The setting.
    pub setting: String,
    /// The cases: any of these.
    pub cases: Vec<CaseGlob>,
}

/// Measuring slack: it widens `within`, `after` and ranges, never `silence`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slack {
    /// How much too early is still in time.
    pub early: Duration,
    /// How much too late is still in time: this part (in thousandths) of the expected time …
    pub late_permille: u32,
    /// … plus this.
    pub late: Duration,
    /// How long a reply may take; also how long a case stays open after its last step.
    pub reply: Duration,
}
