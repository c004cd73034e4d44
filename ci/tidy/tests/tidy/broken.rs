//! Sources that break every rule, so that each rule is seen to fail.

use crate::source::{File, Tree};
use crate::{citations, layout, text};
use std::path::{Path, PathBuf};

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn tree(name: &str, files: &[(&str, &str)]) -> Tree {
    let root = folder(name);
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let paths = files.iter().map(|(path, _)| (*path).to_owned());
    Tree::of(root, paths.collect())
}

#[test]
fn rules_about_one_file_can_fail() {
    let broken = File::sample(
        "harness/src/run/sample.rs",
        &[
            "use std::time::SystemTime;",
            "#[allow(dead_code)]",
            &format!("fn f() {{ x.unwrap(); {} }}", "y".repeat(100)),
            "fn long() {",
            &"    let _ = 0;\n".repeat(500),
            "}",
            "fn g() { unsafe { h() } }",
        ],
    );
    assert_eq!(text::long_functions(&broken).len(), 1);
    assert_eq!(text::long_files(&broken).len(), 1);
    assert_eq!(text::long_lines(&broken).len(), 1);
    assert_eq!(text::bare_unwraps(&broken).len(), 1);
    assert_eq!(text::impure(&broken).len(), 1);
    assert_eq!(text::banned(&broken).len(), 1);
    assert_eq!(text::unsafe_places(&broken).len(), 1);
}

#[test]
fn rules_about_places_can_fail() {
    let broken = tree(
        "places",
        &[
            ("harness/src/lib.rs", "mod run;\nmod utils;"),
            ("harness/src/run/mod.rs", "use crate::cli::Exit;"),
            ("harness/src/run/forgotten.rs", ""),
            ("harness/src/utils.rs", ""),
            ("reports/src/lib.rs", "use tcpspec_stack::Stack;"),
            ("specs/large.yaml", &"# long\n".repeat(30_000)),
            ("toys/notes.txt", ""),
        ],
    );
    let told = |found: Vec<String>, wanted: &[&str]| {
        let paths: Vec<&str> = found.iter().filter_map(|it| it.split(':').next()).collect();
        assert_eq!(paths, wanted);
    };
    told(
        layout::wrong_edges(&broken),
        &["harness/src/run/mod.rs", "reports/src/lib.rs"],
    );
    told(layout::strangers_at_the_top(&broken), &["toys"]);
    told(
        layout::dead_files(&broken),
        &["harness/src/run/forgotten.rs"],
    );
    told(layout::large_files(&broken), &["specs/large.yaml"]);
    told(layout::empty_names(&broken), &["harness/src/utils.rs"]);
}

const REQUIREMENTS: &str = "\
tier: core
requirements:
  - {id: MUST-1, observable: wire}
  - {id: MUST-2, observable: wire}
  - {id: MUST-3, observable: wire}
";

#[test]
fn rules_about_what_is_cited_can_fail() {
    let broken = tree(
        "citations",
        &[
            (
                "stack/src/lib.rs",
                "// RFC 9999 §1 (MUST-99):\n//   the slow\n//   fox",
            ),
            ("specs/requirements/rfc9999.yaml", REQUIREMENTS),
            (
                "specs/requirements/open.yaml",
                "MUST-1: there is a spec\nMUST-98: none",
            ),
            ("specs/3.1-header/one.yaml", "covers: [MUST-1]"),
            (
                "specs/deviations/it.yaml",
                "- {case: 3.1/one, device: it-*, symptom: none}",
            ),
        ],
    );
    let unknown = citations::unknown_requirements(&broken);
    assert_eq!(
        unknown,
        ["stack/src/lib.rs:1: `MUST-99` is in no catalogue"]
    );
    let texts = folder("texts");
    std::fs::write(texts.join("rfc9999.txt"), "Here is the quick\n   fox.").unwrap();
    let wrong = citations::wrong_quotations(&broken, &texts);
    assert_eq!(wrong, ["stack/src/lib.rs:2: not in RFC 9999: the slow fox"]);
    std::fs::write(texts.join("rfc9999.txt"), "Here is the slow\n   fox.").unwrap();
    assert!(citations::wrong_quotations(&broken, &texts).is_empty());
    let silent = |id| format!("{id}: no spec covers it and open.yaml does not say why");
    let stale = |id| format!("open.yaml: {id} is not open");
    assert_eq!(
        citations::unexplained(&broken),
        [
            silent("MUST-2"),
            silent("MUST-3"),
            stale("MUST-1"),
            stale("MUST-98")
        ]
    );
    let bare = citations::bare_deviations(&broken);
    let says = |key| format!("specs/deviations/it.yaml: entry 1 has no `{key}`");
    assert_eq!(bare, ["requirement", "reason", "expires"].map(says));
}
