//! Rules about files and folders, and who may know whom.

use crate::source::{File, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// What may stand at the top of the repository.
const TOP: [&str; 19] = [
    ".cargo",
    ".ci",
    ".config",
    ".gitattributes",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "ci",
    "harness",
    "reports",
    "specs",
    "stack",
];

/// Inside the harness: module, and the modules that it must not know.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    (
        "spec",
        &[
            "wire", "run", "model", "compare", "drive", "link", "device", "cli", "worker",
        ],
    ),
    (
        "wire",
        &[
            "spec::decode",
            "run",
            "model",
            "compare",
            "drive",
            "link",
            "device",
            "cli",
        ],
    ),
    (
        "model",
        &["run", "compare", "drive", "link", "cli", "worker"],
    ),
    ("compare", &["run", "drive", "link", "cli", "worker"]),
    (
        "run",
        &[
            "drive",
            "link",
            "cli",
            "worker",
            "device::bundled",
            "device::kernel",
        ],
    ),
    (
        "link",
        &["spec", "run", "model", "compare", "drive", "cli", "worker"],
    ),
    ("device", &["run", "drive", "cli", "worker", "compare"]),
];

/// Edges between crates and modules that must not be.
pub(crate) fn wrong_edges(tree: &Tree) -> Vec<String> {
    tree.files()
        .flat_map(|file| crate_edges(file).into_iter().chain(module_edges(file)))
        .collect()
}

fn crate_edges(file: &File) -> Vec<String> {
    let banned: &[&str] = match file.path.split('/').next() {
        Some("stack") => &["tcpspec_reports", "tcpspec::"],
        Some("reports") => &["tcpspec_stack", "tcpspec::"],
        _ => &[],
    };
    edges(file, |line| {
        banned
            .iter()
            .find(|name| line.contains(*name))
            .map(|name| (*name).into())
    })
}

fn module_edges(file: &File) -> Vec<String> {
    let Some(inner) = file.path.strip_prefix("harness/src/") else {
        return Vec::new();
    };
    let module = inner
        .split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs");
    let Some((_, banned)) = FORBIDDEN.iter().find(|(name, _)| *name == module) else {
        return Vec::new();
    };
    edges(file, |line| {
        let name = banned.iter().find(|name| {
            line.split(&format!("crate::{name}"))
                .nth(1)
                .is_some_and(|rest| {
                    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
        })?;
        Some(format!("crate::{name}"))
    })
}

fn edges(file: &File, banned: impl Fn(&str) -> Option<String>) -> Vec<String> {
    file.product()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(|(number, line)| {
            Some(file.at(number, &format!("must not know `{}`", banned(line)?)))
        })
        .collect()
}

/// Files and folders at the top that do not belong there.
pub(crate) fn strangers_at_the_top(tree: &Tree) -> Vec<String> {
    let tops: BTreeSet<&str> = tree
        .paths()
        .iter()
        .filter_map(|path| path.split('/').next())
        .collect();
    tops.into_iter()
        .filter(|top| !TOP.contains(top))
        .map(|top| format!("{top}: not one of the places of this repository"))
        .collect()
}

/// Rust files that no `mod` names.
pub(crate) fn dead_files(tree: &Tree) -> Vec<String> {
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in tree.files() {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let modules = file.lines.iter().filter_map(|line| {
            let line = line.trim().strip_suffix(';')?;
            line.rsplit_once("mod ").map(|(_, name)| name.to_owned())
        });
        named.entry(folder).or_default().extend(modules);
    }
    tree.files()
        .filter(|file| {
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let stem = name.trim_end_matches(".rs");
            let is_root = matches!(stem, "lib" | "main" | "build");
            let is_target = ["/tests", "/benches", "/examples"]
                .iter()
                .any(|t| folder.ends_with(t))
                || folder.ends_with("fuzz_targets");
            let (home, module) = match stem {
                "mod" => folder.rsplit_once('/').unwrap_or(("", folder)),
                _ => (folder, stem),
            };
            let in_home = named.get(home).is_some_and(|names| names.contains(module));
            // `a/b.rs` may also be declared by `a.rs` beside the folder.
            let in_parent = home.rsplit_once('/').is_some_and(|(up, last)| {
                let beside = format!("{up}/{last}.rs");
                tree.files().any(|other| {
                    other.path == beside
                        && other
                            .lines
                            .iter()
                            .any(|line| line.contains(&format!("mod {module};")))
                })
            });
            !(is_root || is_target || in_home || in_parent)
        })
        .map(|file| format!("{}: no `mod` names it", file.path))
        .collect()
}

/// Files of more than 200 kB.
pub(crate) fn large_files(tree: &Tree) -> Vec<String> {
    tree.paths()
        .iter()
        .filter_map(|path| {
            let size = tree.on_disk(path).metadata().ok()?.len();
            (size > 200_000).then(|| format!("{path}: {size} octets"))
        })
        .collect()
}

/// Files whose name says nothing.
pub(crate) fn empty_names(tree: &Tree) -> Vec<String> {
    const NAMES: [&str; 6] = [
        "imp.rs",
        "utils.rs",
        "util.rs",
        "common.rs",
        "types.rs",
        "misc.rs",
    ];
    tree.paths()
        .iter()
        .filter(|path| NAMES.iter().any(|name| path.ends_with(&format!("/{name}"))))
        .map(|path| format!("{path}: name it for what it holds"))
        .collect()
}
