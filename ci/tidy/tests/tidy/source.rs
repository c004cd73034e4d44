//! The sources, as the rules see them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout that this test was built from.
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<File>,
    paths: Vec<String>,
}

/// One Rust file.
pub(crate) struct File {
    /// Path from the top of the checkout, with `/`.
    pub path: String,
    /// Its lines.
    pub lines: Vec<String>,
    /// Lines (from 0) that are tests: `#[cfg(test)]` items, `tests.rs`, `tests/`, `benches/`.
    pub tests: Vec<Range<usize>>,
    /// The parsed file.
    pub syntax: syn::File,
}

impl Tree {
    /// Reads what git tracks, and what it would track.
    pub(crate) fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .expect("git lists the files of a checkout");
        let mut paths: Vec<String> = String::from_utf8_lossy(&listed.stdout)
            .lines()
            .filter(|path| root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        paths.sort();
        paths.dedup();
        Self::of(root, paths)
    }

    /// These files of a folder.
    pub(crate) fn of(root: PathBuf, paths: Vec<String>) -> Self {
        let files = paths
            .iter()
            .filter(|path| Path::new(path).extension().is_some_and(|ext| ext == "rs"))
            .map(|path| File::read(&root, path))
            .collect();
        Self { root, files, paths }
    }

    /// The Rust files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// All files, as paths from the top.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Where `path` is on disk.
    pub(crate) fn on_disk(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Text of a file that is not Rust.
    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.on_disk(path)).unwrap_or_default()
    }
}

impl File {
    fn read(root: &Path, path: &str) -> Self {
        let text = std::fs::read_to_string(root.join(path)).expect("a tracked file can be read");
        Self::parse(path, &text)
    }

    /// A made-up file, for showing that a rule can fail.
    pub(crate) fn sample(path: &str, lines: &[&str]) -> Self {
        Self::parse(path, &lines.join("\n"))
    }

    fn parse(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let whole = path.ends_with("/tests.rs")
            || ["/tests/", "/benches/", "/fuzz/"]
                .iter()
                .any(|part| path.contains(part));
        let tests = if whole {
            std::iter::once(0..lines.len()).collect()
        } else {
            test_ranges(&syntax)
        };
        Self {
            path: path.to_owned(),
            lines,
            tests,
            syntax,
        }
    }

    /// True if this line (from 0) belongs to a test.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&line))
    }

    /// Lines that are product code, with their numbers from 0.
    pub(crate) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .enumerate()
            .filter(|(number, _)| !self.is_test(*number))
            .map(|(number, line)| (number, line.as_str()))
    }

    /// `path:line: message`, with the line from 0.
    pub(crate) fn at(&self, line: usize, message: &str) -> String {
        format!("{}:{}: {message}", self.path, line + 1)
    }
}

/// Fails with all places at once.
pub(crate) fn report(places: impl IntoIterator<Item = String>) {
    let places: Vec<String> = places.into_iter().collect();
    assert!(
        places.is_empty(),
        "{} places:\n{}",
        places.len(),
        places.join("\n")
    );
}

fn test_ranges(syntax: &syn::File) -> Vec<Range<usize>> {
    use syn::spanned::Spanned;
    syntax
        .items
        .iter()
        .filter(|item| attributes(item).iter().any(is_cfg_test))
        .map(|item| item.span().start().line - 1..item.span().end().line)
        .collect()
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        _ => &[],
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
}
