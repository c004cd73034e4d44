//! Each broken file of `tests/diagnostics/` and what is said of it, word for word.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tcpspec` writes the texts anew.

use super::super::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The day on which the texts were written.
const TODAY: &str = "2026-11-22";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = entries.collect();
    all.sort();
    all
}

/// All that is wrong with a file: what keeps it from being read, else what lint finds.
fn findings(stem: &str, text: &str) -> Diagnostics {
    let sources = Sources::embedded().without_specs();
    let path = match stem.split_once("--") {
        Some(("preambles", _)) => "preambles.yaml".to_owned(),
        Some((folder, name)) => format!("{folder}/{name}.yaml"),
        None => "3.5-establishing/broken.yaml".to_owned(),
    };
    match load(&sources.with_text(&path, text)) {
        Ok(suite) => Diagnostics([suite.lint(), suite.expired(TODAY)].concat()),
        Err(wrong) => wrong,
    }
}

#[test]
fn every_broken_file_is_told_as_its_text_says() {
    let mut wrong = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "yaml"))
    {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let found = findings(stem, &std::fs::read_to_string(file).unwrap());
        let told = found.to_string();
        if let Some((family, name)) = stem.split_once('.') {
            let code = format!("{family}::{name}");
            assert!(
                found.0.iter().any(|one| code.starts_with(one.code)),
                "{stem} is told otherwise:\n{told}"
            );
        }
        assert!(!told.is_empty(), "nothing is wrong with {stem}");
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &told).unwrap();
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{} differs; now it is:\n{told}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_text_is_without_its_file() {
    for file in files() {
        assert!(
            file.with_extension("yaml").exists(),
            "{} is an orphan",
            file.display()
        );
        assert!(
            file.with_extension("txt").exists(),
            "{} has no text",
            file.display()
        );
    }
}

/// Codes in the sources of this module, and codes that some text shows.
#[test]
fn every_code_is_shown_once() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/spec");
    let mut codes = BTreeSet::new();
    collect_codes(&source, &mut codes);
    let texts: String = files()
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "txt"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    // These need a second spec, a missing file, or a file of a megabyte.
    let elsewhere = ["spec::duplicate-id", "spec::extension", "yaml::too-large"];
    let unseen: Vec<&String> = codes
        .iter()
        .filter(|code| !elsewhere.contains(&code.as_str()))
        .filter(|code| !texts.contains(&format!("[{code}]")))
        .collect();
    assert!(codes.len() > 40, "{codes:?}");
    assert!(unseen.is_empty(), "no broken file shows {unseen:?}");
}

fn collect_codes(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            collect_codes(&path, codes);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for quoted in text.split('"').skip(1).step_by(2) {
                let family = quoted.split("::").next().unwrap_or_default();
                let word = quoted
                    .bytes()
                    .all(|o| o.is_ascii_lowercase() || b":-".contains(&o));
                let known = ["spec", "yaml", "profile", "catalogue", "deviation"].contains(&family);
                if known && word && quoted.contains("::") {
                    codes.insert(quoted.to_owned());
                }
            }
        }
    }
}
