//! Rules about what the sources and specs cite: requirements and RFC texts.

use crate::source::Tree;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

struct Requirement {
    observable: String,
    /// Of a list whose requirements all have to be covered by a spec, or explained in `open.yaml`.
    is_core: bool,
    same_as: Option<String>,
}

/// Requirement ids that no catalogue knows, in `covers:` and in comments.
pub(crate) fn unknown_requirements(tree: &Tree) -> Vec<String> {
    let known = catalogue(tree);
    let in_code = tree.files().flat_map(|file| {
        let cites = |line: &str| labels(line.split("//").nth(1).unwrap_or_default());
        let lines = file.lines.iter().enumerate();
        lines.flat_map(move |(at, line)| cites(line).into_iter().map(move |id| (file, at, id)))
    });
    let wrong_in_code = in_code
        .filter(|(file, _, id)| !known.contains_key(id) && !file.path.starts_with("ci/"))
        .map(|(file, at, id)| file.at(at, &format!("`{id}` is in no catalogue")));
    wrong_in_code.collect()
}

/// `MUST-13`, `SHLD-5`, `MAY-2` in a comment.
fn labels(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            word.split_once('-').is_some_and(|(kind, number)| {
                matches!(kind, "MUST" | "SHLD" | "MAY")
                    && !number.is_empty()
                    && number.bytes().all(|b| b.is_ascii_digit())
            })
        })
        .map(str::to_owned)
        .collect()
}

/// Requirements of the core lists, of whatever level, that no spec covers and nobody explains; and
/// explanations, of whatever list, that are stale.
pub(crate) fn unexplained(tree: &Tree) -> Vec<String> {
    let covered = covered(tree);
    let open = read(tree, "specs/requirements/open.yaml");
    let explained: BTreeMap<String, String> = open
        .as_mapping()
        .into_iter()
        .flatten()
        .filter_map(|(id, why)| Some((id.as_str()?.to_owned(), why.as_str()?.to_owned())))
        .collect();
    let catalogue = catalogue(tree);
    let is_open = |id: &String, requirement: &Requirement| {
        requirement.observable != "untestable"
            && !covered.contains(id)
            && !requirement
                .same_as
                .as_ref()
                .is_some_and(|other| covered.contains(other))
    };
    let silent = catalogue
        .iter()
        .filter(|(id, requirement)| {
            requirement.is_core && is_open(id, requirement) && !explained.contains_key(*id)
        })
        .map(|(id, _)| format!("{id}: no spec covers it and open.yaml does not say why"));
    let stale = explained
        .keys()
        .filter(|id| {
            !catalogue
                .get(*id)
                .is_some_and(|requirement| is_open(id, requirement))
        })
        .map(|id| format!("open.yaml: {id} is not open"));
    silent.chain(stale).collect()
}

/// Deviations that lack what makes them data.
pub(crate) fn bare_deviations(tree: &Tree) -> Vec<String> {
    let lists = tree
        .paths()
        .iter()
        .filter(|path| path.starts_with("specs/deviations/"));
    let mut places = Vec::new();
    for path in lists {
        for (number, entry) in read(tree, path)
            .as_sequence()
            .into_iter()
            .flatten()
            .enumerate()
        {
            for key in ["case", "requirement", "symptom", "reason", "expires"] {
                let is_text = |value: &Value| value.as_str().is_some_and(|text| text.len() > 2);
                let is_said = entry
                    .get(key)
                    .is_some_and(|value| match value.as_sequence() {
                        Some(several) => !several.is_empty() && several.iter().all(is_text),
                        None => is_text(value),
                    });
                if !is_said {
                    places.push(format!("{path}: entry {} has no `{key}`", number + 1));
                }
            }
        }
    }
    places
}

/// The RFC texts, where they are at hand (they may not be redistributed with the sources).
pub(crate) fn rfc_texts() -> Option<PathBuf> {
    let named = std::env::var_os("RFC_DIR").map(PathBuf::from);
    named
        .into_iter()
        .chain(["/usr/share/doc/RFC".into()])
        .find(|path| path.is_dir())
}

/// Quotations (`//   text`, below a line that names the RFC) that the RFC does not contain.
pub(crate) fn wrong_quotations(tree: &Tree, texts: &Path) -> Vec<String> {
    let mut read: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut places = Vec::new();
    for file in tree.files().filter(|file| !file.path.starts_with("ci/")) {
        for (at, number, quotation) in quotations(&file.lines) {
            let text = read.entry(number.clone()).or_insert_with(|| {
                let text = std::fs::read_to_string(texts.join(format!("rfc{number}.txt")));
                text.ok().map(|text| squeeze(&without_page_breaks(&text)))
            });
            let holds = text.as_ref().is_none_or(|text| {
                quotation
                    .split("...")
                    .all(|part| text.contains(&squeeze(part)))
            });
            if !holds {
                places.push(file.at(at, &format!("not in RFC {number}: {quotation}")));
            }
        }
    }
    places
}

/// Line, RFC number and text of each quotation.
fn quotations(lines: &[String]) -> Vec<(usize, String, String)> {
    let mut found: Vec<(usize, String, String)> = Vec::new();
    let mut rfc: Option<String> = None;
    let mut open = false;
    for (at, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        let comment = ["///", "//!", "//"]
            .iter()
            .find_map(|mark| line.strip_prefix(mark));
        let Some(comment) = comment else {
            (rfc, open) = (None, false);
            continue;
        };
        match (&rfc, comment.strip_prefix("   ")) {
            (Some(number), Some(text)) if open => {
                if let Some(last) = found.last_mut().filter(|last| last.1 == *number) {
                    last.2 = format!("{} {}", last.2, text.trim());
                }
            }
            (Some(number), Some(text)) => {
                found.push((at, number.clone(), text.trim().to_owned()));
                open = true;
            }
            _ => {
                open = false;
                if comment.trim_end().ends_with(':') {
                    rfc = rfc_number(comment);
                }
            }
        }
    }
    found
}

fn rfc_number(text: &str) -> Option<String> {
    let after = text.split("RFC ").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    (digits.len() >= 3).then_some(digits)
}

/// RFC texts of the old form break pages in the middle of sentences.
fn without_page_breaks(text: &str) -> String {
    let is_break = |line: &&str| {
        let line = line.trim_end();
        !(line.starts_with("RFC ") || line.ends_with(']') && line.contains("[Page "))
    };
    text.replace('\u{c}', "")
        .lines()
        .filter(is_break)
        .collect::<Vec<_>>()
        .join("\n")
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn catalogue(tree: &Tree) -> BTreeMap<String, Requirement> {
    let mut known = BTreeMap::new();
    for path in tree
        .paths()
        .iter()
        .filter(|path| path.starts_with("specs/requirements/rfc"))
    {
        let list = read(tree, path);
        let is_core = list["tier"].as_str() == Some("core");
        let text =
            |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        for entry in list["requirements"].as_sequence().into_iter().flatten() {
            let requirement = Requirement {
                observable: text(entry, "observable").unwrap_or_default(),
                is_core,
                same_as: text(entry, "same_as"),
            };
            known.insert(text(entry, "id").unwrap_or_default(), requirement);
        }
    }
    known
}

/// Ids that the specs cover, the `covers` of a `should` included.
fn covered(tree: &Tree) -> BTreeSet<String> {
    let is_spec = |path: &&String| {
        path.starts_with("specs/")
            && Path::new(path).extension().is_some_and(|ext| ext == "yaml")
            && !["requirements/", "devices/", "deviations/"]
                .iter()
                .any(|part| path.contains(part))
    };
    let mut found = BTreeSet::new();
    for path in tree.paths().iter().filter(is_spec) {
        words(&read(tree, path), &mut found);
    }
    found
}

fn words(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            into.insert(text.clone());
        }
        Value::Sequence(items) => items.iter().for_each(|item| words(item, into)),
        Value::Mapping(map) => map
            .iter()
            .filter(|(key, _)| key.as_str() != Some("title") && key.as_str() != Some("why"))
            .for_each(|(_, item)| words(item, into)),
        _ => {}
    }
}

fn read(tree: &Tree, path: &str) -> Value {
    serde_yaml::from_str(&tree.text(path)).unwrap_or(Value::Null)
}
