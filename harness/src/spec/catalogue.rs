//! The catalogue of requirements (`specs/requirements/`): ids, levels, places, sentences.
//!
//! Three kinds of id: a requirement of an RFC (`MUST-13`, `RFC5961-3.2-3`), a cell of the state ×
//! segment matrix (`SM-ESTAB-RST_IW`), a case of TC8 (`TCP_CLOSING_03`).

use super::case::Level;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::table;
use super::yaml::{Document, Node};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// `MUST-13`.
    pub id: String,
    /// What kind of id it is.
    pub kind: Kind,
    /// Its level.
    pub level: Level,
    /// The key word with the polarity of the RFC: `MUST NOT`.
    pub keyword: String,
    /// `RFC 9293 §3.6`.
    pub place: String,
    /// The conforming behaviour in one sentence.
    pub sentence: String,
    /// `wire`, `wire+app`, `api` or `untestable`.
    pub observable: String,
    /// Why it is untestable, if it is.
    pub why: Option<String>,
    /// The feature without which it does not apply.
    pub applies_if: Option<String>,
    /// Another id that demands the same behaviour.
    pub same_as: Option<String>,
    /// Why no spec covers it, if that is known and accepted (`open.yaml`).
    pub open: Option<String>,
    /// Of the RFCs that every host follows, or of an extension.
    pub core: bool,
}

/// Kinds of requirement ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A sentence of an RFC.
    Rfc,
    /// A cell of the state × segment matrix of RFC 9293 §3.10.7.
    Cell,
    /// A case of OPEN Alliance TC8.
    Tc8,
}

/// The suites of others whose cases the catalogue knows: name and title.
pub const SUITES: [(&str, &str); 1] = [("tc8", "OPEN Alliance TC8, TCP")];

impl Requirement {
    /// As far as a report needs it.
    pub fn to_record(&self) -> tcpspec_reports::record::Requirement {
        tcpspec_reports::record::Requirement {
            id: self.id.clone(),
            place: self.place.clone(),
            level: self.level,
            sentence: self.sentence.clone(),
        }
    }
}

/// All requirements by id.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<String, Requirement>,
    /// The ids of TC8 in the order of its document.
    tc8: Vec<String>,
}

impl Catalogue {
    /// The requirement with this id; `RFC9293:MUST-13` is `MUST-13`.
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.entries.get(id.strip_prefix("RFC9293:").unwrap_or(id))
    }

    /// All requirements in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.entries.values()
    }

    /// No requirement was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The cases of somebody else's suite, in its own order, and what people call it; `None` if
    /// there is none of that name ([`SUITES`]).
    pub fn suite(&self, name: &str) -> Option<(&'static str, Vec<&Requirement>)> {
        let (_, title) = SUITES.iter().find(|(known, _)| *known == name)?;
        Some((
            title,
            self.tc8.iter().filter_map(|id| self.get(id)).collect(),
        ))
    }

    /// Adds the lists of a file.
    pub(super) fn add(&mut self, document: &Document) -> Diagnostics {
        let root = document.root();
        let mut faults = Vec::new();
        let tc8 = root.get("cases");
        let cells = root.get("cells");
        if let Some(cells) = &cells {
            self.add_cells(&root, cells, &mut faults);
        } else if let Some(cases) = &tc8 {
            self.add_tc8(cases, &mut faults);
        } else {
            self.add_requirements(&root, &mut faults);
        }
        Diagnostics(faults)
    }

    /// Notes why some requirements are not covered (`open.yaml`: id and reason).
    pub(super) fn add_open(&mut self, document: &Document) -> Diagnostics {
        let mut faults = Vec::new();
        for entry in document.root().entries().unwrap_or_default() {
            let why = entry.node.text().map(Cow::into_owned);
            let Some(known) = self.entries.get_mut(&*entry.key) else {
                let message = format!("`{}` is not in the catalogue", entry.key);
                let (source, span) = (document.source(), entry.key_span);
                let code = "catalogue::unknown-requirement";
                faults.push(Diagnostic::error(code, source, span, message));
                continue;
            };
            known.open = why;
        }
        Diagnostics(faults)
    }

    fn add_requirements(&mut self, root: &Node<'_>, faults: &mut Vec<Diagnostic>) {
        let rfc = text(root, "rfc");
        let core = text(root, "tier").as_deref() != Some("extension");
        let Some(items) = root.get("requirements").and_then(|list| list.items()) else {
            let message = "a catalogue has a list `requirements`, `cells` or `cases`";
            faults.push(root.error("catalogue::shape", message));
            return;
        };
        for item in items {
            let keyword = text(&item, "level").unwrap_or_default();
            let Some(level) = level(&keyword) else {
                faults.push(item.error("catalogue::level", "a requirement without a level"));
                continue;
            };
            let section = text(&item, "section").unwrap_or_default();
            let place = match &rfc {
                Some(rfc) => format!("RFC {rfc} §{section}"),
                None => section,
            };
            let requirement = Requirement {
                id: String::new(),
                kind: Kind::Rfc,
                level,
                keyword,
                place,
                sentence: text(&item, "statement").unwrap_or_default(),
                observable: text(&item, "observable").unwrap_or_default(),
                why: text(&item, "why"),
                applies_if: text(&item, "applies_if"),
                same_as: text(&item, "same_as"),
                open: None,
                core,
            };
            self.insert(&item, requirement, faults);
        }
    }

    fn add_cells(&mut self, root: &Node<'_>, cells: &Node<'_>, faults: &mut Vec<Diagnostic>) {
        let mut events = BTreeMap::new();
        for event in root
            .get("events")
            .and_then(|list| list.items())
            .unwrap_or_default()
        {
            let pair = text(&event, "id").zip(text(&event, "what"));
            events.extend(pair);
        }
        for cell in cells.items().unwrap_or_default() {
            let keyword = text(&cell, "level").unwrap_or_else(|| "MUST".to_owned());
            let event = text(&cell, "event").unwrap_or_default();
            let what = events.get(&event).map_or(&*event, |what| what);
            let requirement = Requirement {
                id: String::new(),
                kind: Kind::Cell,
                level: level(&keyword).unwrap_or(Level::Must),
                keyword,
                place: cell_place(&text(&cell, "ref").unwrap_or_default()),
                sentence: cell_sentence(&cell, what),
                observable: text(&cell, "observable").unwrap_or_default(),
                why: None,
                applies_if: text(&cell, "applies_if"),
                same_as: None,
                open: None,
                core: true,
            };
            self.insert(&cell, requirement, faults);
        }
    }

    /// Read last: a TC8 case has the level of what it covers.
    fn add_tc8(&mut self, cases: &Node<'_>, faults: &mut Vec<Diagnostic>) {
        for case in cases.items().unwrap_or_default() {
            let covers = text(&case, "covers").unwrap_or_default();
            let Some(covered) = self.get(&covers).cloned() else {
                let message = format!("`{covers}` is not in the catalogue");
                faults.push(case.error("catalogue::unknown-requirement", message));
                continue;
            };
            let requirement = Requirement {
                kind: Kind::Tc8,
                place: format!("TC8, {}", covered.place),
                sentence: text(&case, "what").unwrap_or_default(),
                observable: text(&case, "observable").unwrap_or_default(),
                same_as: Some(covers),
                ..covered
            };
            self.tc8.extend(text(&case, "id"));
            self.insert(&case, requirement, faults);
        }
    }

    fn insert(&mut self, node: &Node<'_>, entry: Requirement, faults: &mut Vec<Diagnostic>) {
        let Some(id) = text(node, "id") else {
            faults.push(node.error("catalogue::shape", "an entry without an `id`"));
            return;
        };
        let entry = Requirement {
            id: id.clone(),
            ..entry
        };
        if self.entries.insert(id.clone(), entry).is_some() {
            let message = format!("`{id}` is in the catalogue twice");
            faults.push(node.error("catalogue::duplicate", message));
        }
    }

    /// What to say of an id that is not here, and what to do.
    pub(crate) fn unknown(&self, id: &str) -> (String, Option<String>) {
        let prefix = id.trim_end_matches(|last: char| last.is_ascii_digit());
        let numbered = |have: &&String| {
            have.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.parse::<u32>().is_ok())
        };
        let mut family: Vec<&String> = self.entries.keys().filter(numbered).collect();
        family.sort_by_key(|have| have[prefix.len()..].parse::<u32>().unwrap_or(0));
        if let [first, .., last] = &family[..] {
            return (
                format!("{id} is not in the catalogue ({first} … {last})"),
                None,
            );
        }
        let near = table::nearest(id, self.entries.keys().map(String::as_str));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        (format!("{id} is not in the catalogue"), help)
    }
}

fn text(node: &Node<'_>, key: &str) -> Option<String> {
    node.get(key)
        .and_then(|node| node.text().map(Cow::into_owned))
}

fn level(keyword: &str) -> Option<Level> {
    match keyword {
        "MUST" | "MUST NOT" => Some(Level::Must),
        "SHOULD" | "SHOULD NOT" => Some(Level::Should),
        "MAY" => Some(Level::May),
        _ => None,
    }
}

/// `3.10.7.4, 3.5.2` or `7323-5.3`, as a place.
fn cell_place(reference: &str) -> String {
    let place = |part: &str| match part.split_once('-') {
        Some((rfc, section)) => format!("RFC {rfc} §{section}"),
        None => format!("RFC 9293 §{part}"),
    };
    let places: Vec<String> = reference.split(", ").map(place).collect();
    places.join(", ")
}

/// What a cell of the matrix says, in words.
fn cell_sentence(cell: &Node<'_>, event: &str) -> String {
    let state = text(cell, "state").unwrap_or_default();
    let reply = match text(cell, "reply").unwrap_or_default().as_str() {
        "-" => "nothing is sent",
        "R0" => "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> is sent",
        "Ra" => "<SEQ=SEG.ACK><CTL=RST> is sent",
        "SA" => "<SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK> is sent",
        "A" => "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> is sent at once",
        "C" => "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> is sent as a challenge ACK",
        "N" => "an ACK that covers the new octets is sent",
        _ => "the connection is reset",
    };
    let next = match text(cell, "next").unwrap_or_default().as_str() {
        "=" => "the state stays".to_owned(),
        next => format!("the next state is {}", state_name(next)),
    };
    format!(
        "In {}, on {event}: {reply}, and {next}.",
        state_name(&state)
    )
}

/// The matrix's short names as the RFC spells them.
fn state_name(short: &str) -> &str {
    match short {
        "ESTAB" => "ESTABLISHED",
        "SYN-RCVD/p" => "SYN-RECEIVED (passive open)",
        "SYN-RCVD/a" => "SYN-RECEIVED (simultaneous open)",
        other => other,
    }
}
