//! Which cases of a suite are meant: by path, id glob, section, requirement, filter and shard.

pub mod filter;
#[cfg(test)]
mod tests;

use crate::spec::CaseGlob;
use crate::spec::case::{Case, Family, Level};
use filter::Filter;
use std::time::Duration;

/// Cases that take longer than this on a real clock are slow.
pub const SLOW: Duration = Duration::from_secs(10);

/// What a selection looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'c> {
    /// The case's id.
    pub id: &'c str,
    /// Its section.
    pub section: &'c str,
    /// The spec's file, as cited.
    pub file: &'c str,
    /// Requirement ids.
    pub covers: &'c [String],
    /// Claims that it needs.
    pub needs: &'c [String],
    /// Its level.
    pub level: Level,
    /// IP version.
    pub family: Family,
    /// The least time that it takes on a real clock.
    pub least_time: Duration,
}

impl Subject<'_> {
    /// Takes more than [`SLOW`] on a real clock.
    pub fn is_slow(&self) -> bool {
        self.least_time > SLOW
    }
}

impl<'c> From<&'c Case> for Subject<'c> {
    fn from(case: &'c Case) -> Self {
        Self {
            id: &case.id,
            section: &case.section,
            file: &case.file,
            covers: &case.covers,
            needs: &case.needs,
            level: case.level,
            family: case.family,
            least_time: case.least_time,
        }
    }
}

/// One selector of the command line.
#[derive(Clone, Debug)]
pub enum Selector {
    /// A spec file or a folder of them, by the end of its path.
    Path(String),
    /// `3.10` or `§3.10`: the section and those below it.
    Section(String),
    /// `MUST-13`, `RFC5961-3.2-3`, `SM-ESTAB-RST_IW`.
    Requirement(String),
    /// A glob over ids, and over files as they are cited.
    Glob(CaseGlob),
}

impl Selector {
    /// Reads a selector. `is_requirement` knows the catalogue.
    pub fn parse(text: &str, is_requirement: impl Fn(&str) -> bool) -> Result<Self, String> {
        let text = text.trim().trim_start_matches("./");
        if text.is_empty() {
            return Err("an empty selector selects nothing; leave it out to select all".to_owned());
        }
        if let Some(section) = text.strip_prefix('§') {
            return Ok(Self::Section(section.trim().to_owned()));
        }
        let upper = text.to_ascii_uppercase();
        if let Some(id) = [text, &upper].into_iter().find(|id| is_requirement(id)) {
            return Ok(Self::Requirement(id.to_owned()));
        }
        if let Some(section) = section_of_rfc(text) {
            return section.map(Self::Section);
        }
        if is_path(text) && !text.contains(['*', '?', '{']) {
            return Ok(Self::Path(text.trim_end_matches('/').to_owned()));
        }
        if !text.contains(['/', '*', '[']) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Ok(Self::Section(text.to_owned()));
        }
        CaseGlob::new(text).map(Self::Glob)
    }

    /// True if the selector means the case.
    pub fn selects(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Path(path) => in_path(subject.file, path),
            Self::Section(section) => in_section(subject.section, section),
            Self::Requirement(id) => subject.covers.iter().any(|covered| covered == id),
            Self::Glob(glob) => glob.matches(subject.id) || glob.matches(subject.file),
        }
    }
}

/// The section that `RFC 5961`, `rfc5961.3` or `RFC 9293 §3.6` means; `None` for other texts.
fn section_of_rfc(text: &str) -> Option<Result<String, String>> {
    let rest = text
        .get(3..)
        .filter(|_| text[..3].eq_ignore_ascii_case("rfc"))?;
    let rest = rest.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, section) = rest.split_at(end);
    let section = section.trim_start_matches(['.', ' ', '§', ',']);
    let is_section = section
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '.');
    if number.is_empty() || !is_section {
        return None;
    }
    Some(match (number, section) {
        ("9293", "") => Err(format!(
            "`{text}`: sections of RFC 9293 stand without its number, such as `3.6`; leave it out \
             to select all"
        )),
        ("9293", section) => Ok(section.to_owned()),
        (number, "") => Ok(format!("rfc{number}")),
        (number, section) => Ok(format!("rfc{number}.{section}")),
    })
}

fn is_path(text: &str) -> bool {
    let ends_as_file = [".yaml", ".yml"].iter().any(|end| text.ends_with(end));
    ends_as_file
        || text.ends_with('/')
        || text.starts_with("specs/")
        || text.starts_with('/')
        || text == "specs"
}

/// `file` is `path`, or lies in the folder `path`; leading folders may be missing on either side.
fn in_path(file: &str, path: &str) -> bool {
    let within = |long: &str, short: &str| long == short || long.ends_with(&format!("/{short}"));
    within(file, path)
        || within(path, file)
        || file.starts_with(&format!("{path}/"))
        || file.contains(&format!("/{path}/"))
}

/// `section` is `wanted` or lies below it: `3.10.7.4` is in `3.10`, but `3.10` is not in `3.1`.
pub(crate) fn in_section(section: &str, wanted: &str) -> bool {
    section
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Part `index` of `count`, both from 1: every `count`-th case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub index: usize,
    /// How many parts.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some(Self {
                index: index.trim().parse().ok()?,
                count: count.trim().parse().ok()?,
            })
        });
        match parts {
            Some(shard) if shard.index >= 1 && shard.index <= shard.count => Ok(shard),
            _ => Err(format!(
                "`{text}` is no shard; write i/n with 1 ≤ i ≤ n, such as 2/4"
            )),
        }
    }
}

/// All that the command line says about which cases to take.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A case is taken if one of these selects it; none: all.
    pub selectors: Vec<Selector>,
    /// … and if all of these do.
    pub filters: Vec<Filter>,
    /// … and if it covers one of these; none: any.
    pub covering: Vec<String>,
    /// … and if it belongs to this part of what is left.
    pub shard: Option<Shard>,
}

impl Selection {
    /// True if selectors and filters select it (the shard is a matter of the whole list).
    pub fn selects(&self, subject: &Subject<'_>) -> bool {
        let selected = self.selectors.is_empty()
            || self
                .selectors
                .iter()
                .any(|selector| selector.selects(subject));
        let covers = |id: &String| subject.covers.contains(id);
        selected
            && self.filters.iter().all(|filter| filter.selects(subject))
            && (self.covering.is_empty() || self.covering.iter().any(covers))
    }

    /// The cases that are meant, in their order.
    pub fn pick(&self, cases: Vec<Case>) -> Vec<Case> {
        let mut picked = cases;
        picked.retain(|case| self.selects(&case.into()));
        let Some(shard) = self.shard else {
            return picked;
        };
        let in_shard = |(number, _): &(usize, Case)| number % shard.count == shard.index - 1;
        picked
            .into_iter()
            .enumerate()
            .filter(in_shard)
            .map(|(_, case)| case)
            .collect()
    }
}
