//! The colours of the terminal: which there are, and none.
//!
//! Colour never carries meaning alone: every coloured line says the same in words.

use anstyle::{AnsiColor, Style};

/// The styles that screens use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// Conforming.
    pub good: Style,
    /// Violating.
    pub bad: Style,
    /// Worth a look: a deviation, something inconclusive.
    pub warn: Style,
    /// Names and what was expected.
    pub strong: Style,
    /// What matters little.
    pub dim: Style,
}

impl Palette {
    /// No styles at all.
    pub const fn plain() -> Self {
        let none = Style::new();
        Self {
            good: none,
            bad: none,
            warn: none,
            strong: none,
            dim: none,
        }
    }

    /// The sixteen colours that every terminal has, so that the user's theme is respected.
    pub const fn colour() -> Self {
        Self {
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default(),
            warn: AnsiColor::Yellow.on_default(),
            strong: Style::new().bold(),
            dim: Style::new().dimmed(),
        }
    }
}
