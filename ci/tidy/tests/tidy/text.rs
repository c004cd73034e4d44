//! Rules about the text of one file.

use crate::source::File;
use syn::spanned::Spanned;
use syn::visit::Visit;

const FUNCTION_LINES: usize = 70;
const FILE_CODE_LINES: usize = 500;
const COLUMNS: usize = 100;

/// Modules that may know a clock, chance, or the environment: the edges of the harness.
const EDGES: [&str; 8] = [
    "harness/src/agent/",
    "harness/src/cli/",
    "harness/src/device/external",
    "harness/src/device/kernel/",
    "harness/src/drive/",
    "harness/src/link/",
    "harness/src/main.rs",
    "harness/src/worker",
];

/// Functions of more than 70 lines, tests included.
pub(crate) fn long_functions(file: &File) -> Vec<String> {
    let mut found = Functions::default();
    found.visit_file(&file.syntax);
    let is_long = |(_, from, to): &&(String, usize, usize)| to - from + 1 > FUNCTION_LINES;
    let say = |(name, from, to): &(String, usize, usize)| {
        file.at(from - 1, &format!("`{name}` has {} lines", to - from + 1))
    };
    found.0.iter().filter(is_long).map(say).collect()
}

/// Name, first and last line of every function.
#[derive(Default)]
struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = (signature.span().start().line, block.span().end().line);
        self.0.push((signature.ident.to_string(), lines.0, lines.1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

/// Files of more than 500 lines of product code, blank lines and comments not counted.
pub(crate) fn long_files(file: &File) -> Vec<String> {
    let counts = |line: &str| !line.is_empty() && !line.starts_with("//");
    let code = file
        .product()
        .filter(|(_, line)| counts(line.trim()))
        .count();
    let too_long = (code > FILE_CODE_LINES).then(|| file.at(0, &format!("{code} code lines")));
    too_long.into_iter().collect()
}

/// Lines of more than 100 columns.
pub(crate) fn long_lines(file: &File) -> Vec<String> {
    let width = |line: &str| line.chars().count();
    (file.lines.iter().enumerate())
        .filter(|(_, line)| width(line) > COLUMNS)
        .map(|(number, line)| file.at(number, &format!("{} columns", width(line))))
        .collect()
}

/// `unwrap` and `expect` in product code, unless a comment just above states the invariant.
pub(crate) fn bare_unwraps(file: &File) -> Vec<String> {
    let stated = |number: usize| {
        let above = |back: usize| number.checked_sub(back).map(|at| file.lines[at].trim());
        (1..=3).any(|back| above(back).is_some_and(|line| line.starts_with("//")))
    };
    file.product()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| line.contains(".unwrap()") || line.contains(".expect("))
        .filter(|(number, _)| !stated(*number))
        .map(|(number, _)| file.at(number, "state the invariant on the line above"))
        .collect()
}

/// Clocks, chance and the environment in modules that must be told.
pub(crate) fn impure(file: &File) -> Vec<String> {
    const WORDS: [&str; 7] = [
        "SystemTime",
        "time::Instant::now",
        "Instant::now()",
        "std::env::",
        "env::var",
        "rand::",
        "thread::sleep",
    ];
    if EDGES.iter().any(|edge| file.path.starts_with(edge)) || file.path.starts_with("ci/") {
        return Vec::new();
    }
    file.product()
        .filter_map(|(number, line)| {
            let code = line.split("//").next().unwrap_or_default();
            let word = WORDS.iter().find(|word| code.contains(*word))?;
            Some(file.at(number, &format!("`{word}` belongs to the edges")))
        })
        .collect()
}

/// Constructions that hide errors, order, or warnings.
pub(crate) fn banned(file: &File) -> Vec<String> {
    const WORDS: [(&str, &str); 7] = [
        ("serde(flatten", "its error messages are poor"),
        ("serde(untagged", "its error messages are poor"),
        ("#[allow(", "use `expect` with a reason"),
        ("#![allow(", "use `expect` with a reason"),
        (
            "HashMap",
            "its order differs from run to run: use an ordered map",
        ),
        (
            "HashSet",
            "its order differs from run to run: use an ordered set",
        ),
        ("todo!(", "finish it"),
    ];
    if file.path.starts_with("ci/tidy/") {
        return Vec::new();
    }
    file.product()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(|(number, line)| {
            let (word, why) = WORDS.iter().find(|(word, _)| line.contains(word))?;
            Some(file.at(number, &format!("`{word}`: {why}")))
        })
        .collect()
}

/// `unsafe` outside the modules that talk to the kernel, or without its reason.
pub(crate) fn unsafe_places(file: &File) -> Vec<String> {
    const HOME: [&str; 4] = [
        "harness/src/device/kernel/",
        "harness/src/drive/real_time",
        "harness/src/link/",
        "harness/src/worker",
    ];
    let at_home = HOME.iter().any(|home| file.path.starts_with(home));
    let reasoned = |number: usize| {
        file.lines[number.saturating_sub(4)..number]
            .iter()
            .any(|line| line.contains("SAFETY:"))
    };
    file.product()
        .filter(|(_, line)| line.contains("unsafe {") || line.contains("unsafe impl"))
        .filter(|(number, _)| !at_home || !reasoned(*number))
        .map(|(number, _)| file.at(number, "unsafe code: wrong place, or no SAFETY comment"))
        .collect()
}
