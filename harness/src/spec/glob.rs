//! Globs of case ids and device identities: `*`, `?`, `{a,b}`, as in paths, but `*` also means `/`.
//!
//! A list of deviations has hundreds of globs, and most are plain words, or begin with a word that
//! tells them apart. So an expression is compiled only when that word is not enough.

use globset::{GlobBuilder, GlobMatcher};
use std::sync::OnceLock;

/// A glob.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    text: String,
    /// Length of the plain text at its beginning, octets.
    plain: usize,
    matcher: OnceLock<Option<Box<GlobMatcher>>>,
}

impl Glob {
    /// Reads a glob.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let special = ['*', '?', '[', ']', '{', '}', ',', '\\'];
        build(text).map_err(|error| error.to_string())?;
        Ok(Self {
            text: text.to_owned(),
            plain: text.find(special).unwrap_or(text.len()),
            matcher: OnceLock::new(),
        })
    }

    /// True for a text that the glob means, as a whole.
    pub(super) fn is_match(&self, text: &str) -> bool {
        if self.plain == self.text.len() {
            return text == self.text;
        }
        let begins = text.starts_with(&self.text[..self.plain]);
        begins && self.compiled().is_some_and(|glob| glob.is_match(text))
    }

    /// What was built once can be built again.
    fn compiled(&self) -> Option<&GlobMatcher> {
        let compile = || {
            build(&self.text)
                .ok()
                .map(|glob| glob.compile_matcher().into())
        };
        self.matcher.get_or_init(compile).as_deref()
    }
}

fn build(text: &str) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(false).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("rst-*", "rst-exact", true)]
    #[case("rst-*", "rst", false)]
    #[case("3.6/*", "3.6/a/b", true)]
    #[case("linux-6.18*", "linux-6.18.44", true)]
    #[case("linux-6.18*", "linux-6.2", false)]
    #[case("{fin,rst}-?", "rst-1", true)]
    #[case("x{fin,rst}", "xsyn", false)]
    #[case("v4", "v4", true)]
    #[case("v4", "v", false)]
    #[case("", "", true)]
    fn globs_mean_texts(#[case] glob: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(glob).unwrap().is_match(text), expected);
    }

    #[test]
    fn what_is_no_glob_is_an_error() {
        assert!(Glob::new("a{b").is_err());
    }

    proptest! {
        #[test]
        fn the_short_way_says_what_the_compiled_glob_says(
            glob in r"[ab.*?{},\\]{0,6}",
            text in "[ab.,]{0,6}",
        ) {
            if let Ok(glob) = Glob::new(&glob) {
                let compiled = glob.compiled().unwrap().is_match(&text);
                prop_assert_eq!(glob.is_match(&text), compiled);
            }
        }
    }
}
