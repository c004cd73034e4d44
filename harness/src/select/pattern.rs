//! Globs over case ids, whose brackets list constraints.
//!
//! `3.10.7.4/rst-validation[rst=beyond,v4]` matches every case of that spec whose parameter `rst`
//! is `beyond`, over IPv4; what the brackets do not mention is free. `*` and `?` are wild in the
//! path and in values; `*` alone as a constraint says nothing.

use globset::{Glob, GlobMatcher};

/// A glob over case ids.
#[derive(Clone, Debug)]
pub struct IdPattern {
    path: GlobMatcher,
    constraints: Vec<Constraint>,
}

#[derive(Clone, Debug)]
struct Constraint {
    /// `None`: a bare word, such as the family.
    parameter: Option<String>,
    value: GlobMatcher,
}

impl IdPattern {
    /// Reads a pattern; an error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, brackets) = match text.split_once('[') {
            None => (text, ""),
            Some((path, rest)) => {
                let inner = rest.strip_suffix(']');
                (
                    path,
                    inner.ok_or_else(|| format!("`{text}`: the `[` has no `]` at the end"))?,
                )
            }
        };
        let words = brackets.split(',').map(str::trim);
        let constraints = words.filter(|word| !word.is_empty() && *word != "*");
        Ok(Self {
            path: glob(path)?,
            constraints: constraints
                .map(Constraint::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// True if the pattern matches the id of a case (or of a spec, which has no brackets).
    pub fn matches(&self, id: &str) -> bool {
        let (path, brackets) = id.split_once('[').unwrap_or((id, ""));
        let words = || brackets.trim_end_matches(']').split(',');
        self.path.is_match(path)
            && self.constraints.iter().all(|constraint| {
                words().any(|word| match (&constraint.parameter, word.split_once('=')) {
                    (Some(wanted), Some((name, value))) => {
                        wanted == name && constraint.value.is_match(value)
                    }
                    (None, None) => constraint.value.is_match(word),
                    _ => false,
                })
            })
    }
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.split_once('=') {
            Some((name, value)) => Self {
                parameter: Some(name.trim().to_owned()),
                value: glob(value.trim())?,
            },
            None => Self {
                parameter: None,
                value: glob(text)?,
            },
        })
    }
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    Glob::new(text)
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("`{text}` is no glob: {}", error.kind()))
}
