//! The documents that follow from the tables are as the tables are.

use super::super::*;
use std::path::Path;

/// Compares with a file; `UPDATE_GOLDEN` in the environment writes it anew.
fn is_as_written(path: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == now,
        "{} is stale: UPDATE_GOLDEN=1 cargo test -p tcpspec\n{now}",
        path.display()
    );
}

#[test]
fn the_reference_page_is_as_the_tables_are() {
    let page = reference();
    assert!(!page.contains("{{"), "a table is missing");
    is_as_written("../specs/README.md", &page);
}

#[test]
fn every_word_has_a_line_of_documentation() {
    let page = reference();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let doc = line.trim_end_matches(" |").rsplit("| ").next().unwrap();
        assert!(doc.len() > 3, "{line}");
    }
}

#[test]
fn the_schema_knows_every_key_of_every_spec() {
    let schema = schema();
    assert_eq!(schema["properties"]["steps"]["$ref"], "#/definitions/steps");
    let step = &schema["definitions"]["steps"]["items"]["anyOf"][0]["properties"];
    let expect = &step["expect"]["anyOf"][0]["properties"];
    assert_eq!(expect["again"]["type"], "string");
    assert_eq!(
        expect["ack"]["description"],
        "SEG.ACK (RCV.NXT), compared if ACK is expected"
    );
    for verb in table::VERBS.iter().filter(|verb| verb.name != "when") {
        assert!(step.get(verb.name).is_some(), "{}", verb.name);
    }
    for key in table::FILE {
        assert!(schema["properties"].get(key.name).is_some(), "{}", key.name);
    }
}

#[test]
fn a_case_is_explained_as_its_text_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
    let text = std::fs::read_to_string(folder.join("sample.yaml")).unwrap();
    let sources = Sources::embedded().without_specs();
    let suite = load(&sources.with_text("3.5-establishing/sample.yaml", &text))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut profile = suite.profile("linux").unwrap().clone();
    profile.claims.remove("sack");
    let cases = suite.cases(&profile, &[case::Family::V6]).unwrap();
    let told: Vec<String> = cases
        .iter()
        .map(|case| suite.explain(case).unwrap())
        .collect();
    is_as_written("tests/explain/sample.txt", &told.join("\n"));
}

#[test]
fn a_file_that_is_no_text_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let section = folder.path().join("3.5-establishing");
    std::fs::create_dir(&section).unwrap();
    std::fs::write(section.join("octets.yaml"), [b's', 0xff, 0xfe, b'\n']).unwrap();
    std::fs::write(section.join("version.yaml"), "spec: 2\n").unwrap();
    let sources = Sources::directory(folder.path()).unwrap();
    let codes: Vec<&str> = load(&sources)
        .unwrap_err()
        .0
        .iter()
        .map(|f| f.code)
        .collect();
    assert!(codes.contains(&"yaml::encoding"), "{codes:?}");
    assert!(codes.contains(&"spec::version"), "{codes:?}");
}
