//! Device profiles (`specs/devices/*.yaml`): what a device claims and chose, read and checked
//! against the one table of claims and policies.

use super::claims::{self, CLAIMS, OBSERVABLES, POLICIES, Values};
use super::decode::Reader;
use super::deviations::CaseGlob;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::expr::{self, Type};
use super::profile::{Leaning, Profile, Slack};
use super::table::{self, Entry, Shape};
use super::yaml::{Document, Node};
use std::borrow::Cow;
use std::time::Duration;

const fn entry(name: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { name, shape, doc }
}

/// Fields of a profile.
pub const PROFILE: &[Entry] = &[
    entry(
        "device",
        Shape::Text,
        "name of the device, as `--device` takes it",
    ),
    entry("reach", Shape::Word(REACH), "how its frames are reached"),
    entry(
        "agent",
        Shape::Text,
        "address of the agent that drives its application",
    ),
    entry("claims", Shape::Words(CLAIMS), "what it has"),
    entry(
        "observes",
        Shape::Words(OBSERVABLES),
        "what can be observed beside frames",
    ),
    entry(
        "policies",
        Shape::Special("map of policy to value"),
        "what its makers chose",
    ),
    entry(
        "slack",
        Shape::Map(&[SLACK]),
        "how precisely it can be measured",
    ),
    entry(
        "pinned",
        Shape::Special("map of setting to value"),
        "settings for every case",
    ),
    entry(
        "leaning",
        Shape::Special("map of setting to globs of case ids"),
        "cases that fail where a pinned setting is otherwise: on a host on which nobody makes it \
         they are skipped",
    ),
];

/// How frames reach a device.
pub const REACH: &[&str] = &["in-process", "namespace", "network"];

/// Fields of `slack:`.
pub const SLACK: &[Entry] = &[
    entry(
        "early",
        Shape::Duration,
        "how much too early is still in time",
    ),
    entry(
        "late",
        Shape::Special("`12.5% + 25ms`, or one of both"),
        "how much too late is",
    ),
    entry("reply", Shape::Duration, "how long a reply may take"),
];

/// Reads a profile.
pub(super) fn read(document: &Document) -> Result<Profile, Diagnostics> {
    let mut reader = Reader::default();
    let root = document.root();
    let mut profile = Profile::default();
    let Some(fields) = reader.fields(&root, "a profile", &[PROFILE]) else {
        return Err(Diagnostics(reader.faults));
    };
    match fields
        .get("device")
        .and_then(|node| node.text().map(Cow::into_owned))
    {
        Some(name) => profile.device = name,
        None => reader.missing(&root, "a profile", &["device"]),
    }
    if let Some(reach) = fields.get("reach") {
        reader.word(reach, "a way to reach a device", REACH);
    }
    let own = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    profile.claims = own(reader.words(fields.get("claims"), "a claim", CLAIMS));
    let observes = fields.get("observes");
    profile.observes = own(reader.words(observes, "something to observe", OBSERVABLES));
    for entry in fields
        .get("policies")
        .and_then(Node::entries)
        .unwrap_or_default()
    {
        if let Some(value) = policy(&mut reader, &entry) {
            profile.policies.insert(entry.key.into_owned(), value);
        }
    }
    if let Some(node) = fields.get("slack") {
        profile.slack = slack(&mut reader, node);
    } else {
        reader.missing(&root, "a profile", &["slack"]);
    }
    for entry in fields
        .get("pinned")
        .and_then(Node::entries)
        .unwrap_or_default()
    {
        let value = reader.text(&entry.node, "the value of a setting");
        profile
            .pinned
            .extend(value.map(|value| (entry.key.into_owned(), value)));
    }
    if let Some(node) = fields.get("leaning") {
        profile.leaning = leaning(&mut reader, node, &profile.pinned);
    }
    Diagnostics(reader.faults).or(profile)
}

fn leaning<'a>(
    reader: &mut Reader<'a>,
    node: &Node<'a>,
    pinned: &[(String, String)],
) -> Vec<Leaning> {
    let mut all = Vec::new();
    for entry in node.entries().unwrap_or_default() {
        if !pinned.iter().any(|(name, _)| *name == *entry.key) {
            let message = format!("`{}` is not pinned", entry.key);
            let (source, span) = (entry.node.source(), entry.key_span);
            let fault = Diagnostic::error("profile::leaning", source, span, message);
            reader.fault(fault.help("cases lean on a setting that stands in `pinned`"));
        }
        let mut cases = Vec::new();
        for item in reader.list(&entry.node, "globs of case ids") {
            match CaseGlob::new(&item.text().unwrap_or_default()) {
                Ok(glob) => cases.push(glob),
                Err(why) => reader.fault(item.error("profile::leaning", why)),
            }
        }
        all.push(Leaning {
            setting: entry.key.into_owned(),
            cases,
        });
    }
    all
}

fn policy<'a>(reader: &mut Reader<'a>, entry: &super::yaml::Entry<'a>) -> Option<String> {
    let Some(policy) = claims::find(&entry.key) else {
        let message = format!("there is no policy `{}`", entry.key);
        let source = entry.node.source();
        let all: Vec<&str> = POLICIES.iter().map(|policy| policy.name).collect();
        let near = table::nearest(&entry.key, all.iter().copied());
        let fault = Diagnostic::error("profile::unknown-policy", source, entry.key_span, message);
        let fault = fault.near(near);
        reader.fault(fault.help(format!("policies: {}", all.join(" "))));
        return None;
    };
    match policy.values {
        Values::OneOf(values) => reader
            .word(&entry.node, "a value of this policy", values)
            .map(str::to_owned),
        Values::Duration => reader
            .value(&entry.node, Type::Duration)
            .and_then(|_| entry.node.text().map(Cow::into_owned)),
        Values::Number => reader
            .count(&entry.node, u64::from(u32::MAX))
            .map(|number| number.to_string()),
    }
}

fn slack<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Slack {
    let mut slack = Slack::default();
    let Some(fields) = reader.fields(node, "`slack`", &[SLACK]) else {
        return slack;
    };
    reader.missing(node, "`slack`", &["early", "late", "reply"]);
    let mut time = |name: &str| {
        let field = fields.get(name);
        field
            .and_then(|field| reader.fixed_duration(field))
            .unwrap_or(Duration::ZERO)
    };
    (slack.early, slack.reply) = (time("early"), time("reply"));
    let Some(late) = fields.get("late") else {
        return slack;
    };
    let text = late.text().unwrap_or_default();
    for part in text.split('+').map(str::trim) {
        let permille = part.strip_suffix('%').and_then(permille);
        let time = duration(part).and_then(|nanos| u64::try_from(nanos).ok());
        match (permille, time) {
            (Some(permille), _) => slack.late_permille = permille,
            (None, Some(nanos)) => slack.late = Duration::from_nanos(nanos),
            (None, None) => {
                let message = format!("`{part}` is neither a percentage nor a duration");
                reader.fault(
                    late.error("profile::slack", message)
                        .help("`late: 12.5% + 25ms`"),
                );
            }
        }
    }
    slack
}

/// `12.5` (per cent) as thousandths.
fn permille(percent: &str) -> Option<u32> {
    let (whole, tenths) = percent.split_once('.').unwrap_or((percent, "0"));
    let tenths: u32 = tenths.parse().ok().filter(|tenths| *tenths < 10)?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(10)?
        .checked_add(tenths)
}

/// A written duration in nanoseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let scope = super::decode::Scope::default();
    let expr = expr::value(text, Type::Duration, &scope).ok()?;
    super::expand::constant(&expr)
}
