//! Golden files: what a report looked like when somebody last read it.

use std::path::{Path, PathBuf};

/// Compares `got` with the file of that name in `tests/golden`. With `UPDATE_GOLDEN` in the
/// environment the file is written instead: read it before it is committed.
#[track_caller]
pub(crate) fn check(name: &str, got: impl AsRef<[u8]>) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let got = got.as_ref();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
        std::fs::write(&path, got).expect("a writable golden file");
        return;
    }
    let want = std::fs::read(&path).unwrap_or_default();
    if got != want {
        let [want, got] = [&want[..], got].map(String::from_utf8_lossy);
        panic!(
            "{} differs.\n--- golden\n{want}\n--- got\n{got}",
            path.display()
        );
    }
}

/// A golden file that no test compares any more would go on saying what is not so.
#[test]
fn no_golden_file_is_orphaned() {
    const FOLDERS: [(&str, usize); 4] = [
        ("junit", 7),
        ("ladder", 19),
        ("summary", 5),
        ("terminal", 8),
    ];
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let count = |folder: &Path| std::fs::read_dir(folder).expect("a folder").count();
    for (folder, files) in FOLDERS {
        assert_eq!(count(&golden.join(folder)), files, "files in {folder}");
    }
    let documents = [
        "missing.pcapng",
        "run.json",
        "suite.json",
        "run.jsonl",
        "wrong-field.pcapng",
    ];
    assert_eq!(count(&golden), FOLDERS.len() + documents.len());
}
