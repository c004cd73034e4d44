//! Words of an expression.

use super::Fault;
use crate::spec::case::Operator;
use std::fmt;
use std::ops::Range;

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(i64),
    /// Thousandths.
    Ratio(i64),
    /// Nanoseconds.
    Duration(i64),
    /// `RCV.NXT`, `prev.after`, `min`.
    Name(&'a str),
    /// `$rst.seq`, without the dollar sign.
    Parameter(&'a str),
    Plus,
    Minus,
    Times,
    Open,
    Close,
    List,
    EndOfList,
    Comma,
    Dots,
    Compare(Operator),
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(_) | Self::Ratio(_) => "a number",
            Self::Duration(_) => "a duration",
            Self::Name(name) => return write!(f, "`{name}`"),
            Self::Parameter(name) => return write!(f, "`${name}`"),
            Self::Plus => "`+`",
            Self::Minus => "`-`",
            Self::Times => "`*`",
            Self::Open => "`(`",
            Self::Close => "`)`",
            Self::List => "`[`",
            Self::EndOfList => "`]`",
            Self::Comma => "`,`",
            Self::Dots => "`..`",
            Self::Compare(_) => "a comparison",
            Self::End => "the end",
        })
    }
}

/// Units of time, the longer words first.
pub(super) const UNITS: [(&str, i64); 5] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// What other notations call the units of time.
const OTHER_UNITS: [(&str, &str); 5] = [
    ("usecs", "us"),
    ("msecs", "ms"),
    ("secs", "s"),
    ("minutes", "m"),
    ("hours", "h"),
];

/// Nanoseconds of a unit of time.
pub(super) fn unit(name: &str) -> Option<i64> {
    let found = UNITS.iter().find(|(unit, _)| *unit == name);
    found.map(|(_, nanos)| *nanos)
}

/// The unit that the author may have meant: a word for it, its beginning, or a slip of a letter.
fn meant_unit(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let spelt = |(other, _): &&(&str, &str)| {
        other.starts_with(&lower) || lower.starts_with(other.trim_end_matches('s'))
    };
    let other = OTHER_UNITS.iter().find(spelt).map(|(_, unit)| *unit);
    let slip = |(unit, _): &&(&'static str, i64)| strsim::damerau_levenshtein(unit, &lower) == 1;
    let slips = UNITS.iter().filter(|(unit, _)| unit.len() > 1);
    other.or_else(|| slips.clone().find(slip).map(|(unit, _)| *unit))
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word and its place.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, Range<usize>), Fault> {
        self.skip(|letter| letter.is_ascii_whitespace());
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok((Token::End, start.saturating_sub(1)..start));
        };
        let token = match first {
            '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => Token::Name(self.dotted_name()),
            '$' => {
                self.at += 1;
                let name = self.dotted_name();
                if name.is_empty() {
                    let message = "`$` needs the name of a parameter";
                    return Err(Fault::syntax(start..self.at, message));
                }
                Token::Parameter(name)
            }
            _ => self.sign(first)?,
        };
        Ok((token, start..self.at))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|octet| wanted(*octet)).count();
        self.at += length;
        &rest[..length]
    }

    /// `name(.name)*`; a dot belongs to the name only if a letter follows (`a..b` is a range).
    fn dotted_name(&mut self) -> &'a str {
        let start = self.at;
        let in_name = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
        self.skip(in_name);
        while self.rest().starts_with('.')
            && self.rest()[1..].starts_with(|next: char| next.is_ascii_alphabetic())
        {
            self.at += 1;
            self.skip(in_name);
        }
        &self.text[start..self.at]
    }

    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let start = self.at;
        let whole = self.skip(|octet| octet.is_ascii_digit());
        let mut decimals = "";
        let has_decimals = self.rest().starts_with('.')
            && self.rest()[1..].starts_with(|next: char| next.is_ascii_digit());
        if has_decimals {
            self.at += 1;
            decimals = self.skip(|octet| octet.is_ascii_digit());
        }
        let unit = self.skip(|octet| octet.is_ascii_alphabetic());
        let at = start..self.at;
        if unit.is_empty() {
            let thousandths = if has_decimals {
                fixed(whole, decimals, 1000)
            } else {
                None
            };
            let token = if has_decimals {
                thousandths.map(Token::Ratio)
            } else {
                whole.parse().ok().map(Token::Number)
            };
            let help = "a number fits 63 bits, a ratio has at most three decimals";
            return token.ok_or_else(|| Fault::syntax(at, "this number is too long").help(help));
        }
        let Some(nanos) = self::unit(unit) else {
            let at = at.end - unit.len()..at.end;
            let fault = Fault::syntax(at, format!("`{unit}` is not a unit of time"));
            let fault = fault.near(meant_unit(unit).map(str::to_owned));
            return Err(fault.help("units of time: us ms s m h"));
        };
        fixed(whole, decimals, nanos)
            .map(Token::Duration)
            .ok_or_else(|| Fault::syntax(at, "this duration is too long, or too fine to be told"))
    }

    fn sign(&mut self, first: char) -> Result<Token<'a>, Fault> {
        let two = self.rest().get(..2).unwrap_or_default();
        let (token, length) = match two {
            ".." => (Token::Dots, 2),
            "==" => (Token::Compare(Operator::Equal), 2),
            "!=" => (Token::Compare(Operator::NotEqual), 2),
            "<=" => (Token::Compare(Operator::LessOrEqual), 2),
            ">=" => (Token::Compare(Operator::GreaterOrEqual), 2),
            _ => match first {
                '<' => (Token::Compare(Operator::Less), 1),
                '>' => (Token::Compare(Operator::Greater), 1),
                '+' => (Token::Plus, 1),
                '-' => (Token::Minus, 1),
                '*' => (Token::Times, 1),
                '(' => (Token::Open, 1),
                ')' => (Token::Close, 1),
                '[' => (Token::List, 1),
                ']' => (Token::EndOfList, 1),
                ',' => (Token::Comma, 1),
                _ => return Err(self.no_sign(first)),
            },
        };
        self.at += length;
        Ok(token)
    }
}

impl Lexer<'_> {
    fn no_sign(&self, first: char) -> Fault {
        let at = self.at..self.at + first.len_utf8();
        let message = format!("`{first}` has no meaning in an expression");
        Fault::syntax(at, message).help(match first {
            '=' => "two values are compared by `==`",
            '.' => "a range has two dots: `1..5`",
            '/' => "there is no division: multiply by a ratio, `0.5*`",
            _ => "there are + - * min() max() and ranges a..b",
        })
    }
}

/// `whole.decimals × scale` if that is a whole number that fits.
fn fixed(whole: &str, decimals: &str, scale: i64) -> Option<i64> {
    let whole: i64 = whole.parse().ok()?;
    let mut value = whole.checked_mul(scale)?;
    if !decimals.is_empty() {
        let ten = 10_i64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
        let part = decimals.parse::<i64>().ok()?.checked_mul(scale)?;
        if part % ten != 0 {
            return None;
        }
        value = value.checked_add(part / ten)?;
    }
    Some(value)
}
