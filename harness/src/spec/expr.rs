//! The expressions of specs (`specs/README.md`, "Expressions"): numbers, durations, sequence
//! numbers and what may be said about them: `RCV.NXT+1`, `2*MSL-1s`, `1.5*prev.after..`.
//!
//! The type of every expression is known here: sums stay within a type, a number multiplies
//! numbers and durations, the difference of two sequence numbers is a number. There is no power,
//! no division and no way to compute anything that cannot be read off the wire.

mod constants;
mod lexer;
mod print;
#[cfg(test)]
mod tests;
mod typing;

use super::case::{Comparison, Expr, Operator, Pattern};
use super::table;
pub use constants::Constants;
pub use typing::{Type, var_type};

pub(super) use print::duration;

use lexer::{Lexer, Token};
use std::ops::Range;
use typing::{Typed, add, field_type, multiply};

/// Deepest nesting of parentheses and parameters.
const MAX_DEPTH: u32 = 24;
/// What a field may be instead of a value.
pub(super) const LOOSE: [&str; 3] = ["any", "present", "absent"];
/// Longest expression, octets.
const MAX_LENGTH: usize = 512;

/// What the names in an expression stand for.
pub trait Names {
    /// Index of the declared connection.
    fn conn(&self, name: &str) -> Option<usize>;
    /// True if a segment was captured under this name before.
    fn captured(&self, name: &str) -> bool;
    /// All names that [`Names::conn`] and [`Names::captured`] know, for suggestions.
    fn known(&self) -> Vec<String>;
    /// The text of the parameter `$name` or `$name.field`; `Err` says why there is none.
    fn parameter(&self, name: &str) -> Result<String, String>;
    /// The constants.
    fn constants(&self) -> Constants;
}

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the text, octets.
    pub at: Range<usize>,
    /// Stable code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What was probably meant.
    pub near: Option<String>,
    /// What to do instead.
    pub help: Option<String>,
}

impl Fault {
    fn new(at: Range<usize>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            at,
            code,
            message: message.into(),
            near: None,
            help: None,
        }
    }

    fn syntax(at: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(at, "spec::expression", message)
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn near(mut self, near: Option<String>) -> Self {
        self.near = near;
        self
    }
}

/// Reads a single value of the given type.
pub fn value(text: &str, want: Type, names: &dyn Names) -> Result<Expr, Fault> {
    if LOOSE.contains(&text.trim()) {
        let message = format!("`{}` stands for many values: one belongs here", text.trim());
        let fault = Fault::new(0..text.len(), "spec::type", message);
        return Err(fault.help(
            "only what is expected may be loose: write the value, or leave the field out for its \
             default",
        ));
    }
    let mut parser = Parser::new(text, names)?;
    let found = parser.sum()?;
    parser.end()?;
    found.of(want)
}

/// Reads what a field may be: `any`, `present`, `absent`, a range, a value.
pub fn pattern(text: &str, want: Type, names: &dyn Names) -> Result<Pattern, Fault> {
    match text.trim() {
        "any" => return Ok(Pattern::Any),
        "present" => return Ok(Pattern::Present),
        "absent" => return Ok(Pattern::Absent),
        _ => {}
    }
    let mut parser = Parser::new(text, names)?;
    let found = parser.range(want).and_then(|found| {
        parser.end()?;
        Ok(found)
    });
    found.map_err(|fault| {
        match table::nearest(text.trim(), LOOSE) {
            // A word of small letters is nearer to these than to any variable.
            Some(near) if fault.code == "spec::unknown-name" => Fault {
                near: Some(near),
                help: None,
                ..fault
            },
            _ => fault,
        }
    })
}

/// Reads `LEFT OPERATOR RIGHT`.
pub fn comparison(text: &str, names: &dyn Names) -> Result<Comparison, Fault> {
    let mut parser = Parser::new(text, names)?;
    let left = parser.sum()?;
    let operator = match parser.next()? {
        (Token::Compare(operator), _) => operator,
        (Token::Name("in"), _) => Operator::In,
        (_, at) => {
            let fault = Fault::syntax(at, "a comparison needs one of `== != < <= > >= in`");
            return Err(fault.help("for example `probe.wnd == 0`"));
        }
    };
    let (expr, kind) = (left.expr, left.kind);
    let right = if operator == Operator::In {
        parser.set(kind)?
    } else {
        Pattern::Is(parser.sum()?.comparable(kind)?)
    };
    parser.end()?;
    Ok(Comparison {
        left: expr,
        operator,
        right,
        text: text.trim().to_owned(),
    })
}

/// A word and its place, or why there is none.
type Word<'a> = Result<(Token<'a>, Range<usize>), Fault>;

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The word that comes next, once it was looked at.
    ahead: Option<Word<'a>>,
    names: &'a dyn Names,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, names: &'a dyn Names) -> Result<Self, Fault> {
        if text.len() > MAX_LENGTH {
            let message = format!("an expression has at most {MAX_LENGTH} characters");
            return Err(Fault::syntax(0..text.len(), message));
        }
        Ok(Self {
            lexer: Lexer::new(text),
            ahead: None,
            names,
            depth: 0,
        })
    }

    fn next(&mut self) -> Word<'a> {
        self.ahead.take().unwrap_or_else(|| self.lexer.next())
    }

    fn peek(&mut self) -> Result<&Token<'a>, Fault> {
        match self.ahead.get_or_insert_with(|| self.lexer.next()) {
            Ok((token, _)) => Ok(token),
            Err(fault) => Err(fault.clone()),
        }
    }

    /// Takes the token if it comes next.
    fn take(&mut self, token: &Token<'_>) -> Result<bool, Fault> {
        let found = self.peek()? == token;
        if found {
            self.ahead = None;
        }
        Ok(found)
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.next()? {
            (Token::End, _) => Ok(()),
            (Token::Dots, at) => {
                let fault = Fault::syntax(
                    at,
                    "a range has two ends, and stands only for what is expected",
                );
                Err(fault.help("one value belongs here"))
            }
            (Token::Compare(_), at) => {
                Err(Fault::syntax(at, "a comparison stands only in `check`"))
            }
            (Token::Name(unit), at) if lexer::unit(unit).is_some() => {
                let fault = Fault::syntax(at, "a blank parts this unit from its number");
                Err(fault.help(format!("write them in one word: `200{unit}`")))
            }
            (token, at) => Err(Fault::syntax(at, format!("{token} is too much here"))),
        }
    }

    /// `a`, `a..b`, `a..`, `..b`.
    fn range(&mut self, want: Type) -> Result<Pattern, Fault> {
        if self.take(&Token::Dots)? {
            return Ok(Pattern::Range(None, Some(self.sum()?.of(want)?)));
        }
        let low = self.sum()?.of(want)?;
        if !self.take(&Token::Dots)? {
            return Ok(Pattern::Is(low));
        }
        let open = matches!(self.peek()?, Token::End | Token::Comma | Token::EndOfList);
        let high = if open {
            None
        } else {
            Some(self.sum()?.of(want)?)
        };
        Ok(Pattern::Range(Some(low), high))
    }

    /// The right side of `in`: a range, or a list of values and ranges.
    fn set(&mut self, want: Type) -> Result<Pattern, Fault> {
        if !self.take(&Token::List)? {
            return self.range(want);
        }
        let mut values = vec![self.range(want)?];
        while self.take(&Token::Comma)? {
            values.push(self.range(want)?);
        }
        match self.next()? {
            (Token::EndOfList, _) => Ok(Pattern::Either(values)),
            (_, at) => Err(Fault::syntax(at, "the list is not closed by `]`")),
        }
    }

    /// `product (+|- product)*`
    fn sum(&mut self) -> Result<Typed, Fault> {
        let mut left = self.product()?;
        loop {
            let plus = self.take(&Token::Plus)?;
            if !plus && !self.take(&Token::Minus)? {
                return Ok(left);
            }
            let right = self.product()?;
            left = add(left, right, plus)?;
        }
    }

    /// `factor (* factor)*`
    fn product(&mut self) -> Result<Typed, Fault> {
        let mut left = self.factor()?;
        while self.take(&Token::Times)? {
            let right = self.factor()?;
            left = multiply(left, right)?;
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Typed, Fault> {
        let (token, at) = self.next()?;
        match token {
            Token::Number(value) => Ok(Typed {
                expr: Expr::Number(value),
                kind: Type::Number,
                at,
            }),
            Token::Ratio(value) => Ok(Typed {
                expr: Expr::Ratio(value),
                kind: Type::Ratio,
                at,
            }),
            Token::Duration(value) => Ok(Typed {
                expr: Expr::Duration(value),
                kind: Type::Duration,
                at,
            }),
            Token::Plus | Token::Minus => self.signed(token == Token::Minus, at.start),
            Token::Open => self.nested(at.start),
            Token::Parameter(name) => self.parameter(name, at),
            Token::Name("min" | "max") if self.take(&Token::Open)? => {
                self.min_or_max(token == Token::Name("min"), at.start)
            }
            Token::Name(name) => self.name(name, at),
            Token::End => Err(Fault::syntax(at, "the expression ends too early")),
            token => Err(Fault::syntax(at, format!("{token} where a value belongs"))),
        }
    }

    /// A number with a sign.
    fn signed(&mut self, minus: bool, start: usize) -> Result<Typed, Fault> {
        let (token, at) = self.next()?;
        let at = start..at.end;
        let sign = if minus { -1 } else { 1 };
        Ok(match token {
            Token::Number(value) => Typed {
                expr: Expr::Number(sign * value),
                kind: Type::Number,
                at,
            },
            Token::Duration(value) => Typed {
                expr: Expr::Duration(sign * value),
                kind: Type::Duration,
                at,
            },
            _ => return Err(Fault::syntax(at, "a sign stands only before a number")),
        })
    }

    fn deeper(&mut self, at: &Range<usize>) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("an expression nests at most {MAX_DEPTH} deep");
            return Err(Fault::syntax(at.clone(), message));
        }
        Ok(())
    }

    fn nested(&mut self, start: usize) -> Result<Typed, Fault> {
        self.deeper(&(start..start + 1))?;
        let inner = self.sum()?;
        let end = self.close()?;
        self.depth -= 1;
        Ok(Typed {
            at: start..end,
            ..inner
        })
    }

    fn close(&mut self) -> Result<usize, Fault> {
        match self.next()? {
            (Token::Close, at) => Ok(at.end),
            (_, at) => Err(Fault::syntax(at, "a parenthesis is not closed")),
        }
    }

    fn min_or_max(&mut self, min: bool, start: usize) -> Result<Typed, Fault> {
        self.deeper(&(start..start + 3))?;
        let left = self.sum()?;
        let (comma, at) = self.next()?;
        if comma != Token::Comma {
            return Err(Fault::syntax(
                at,
                "`min` and `max` take two values: `min(a, b)`",
            ));
        }
        let right = self.sum()?;
        let end = self.close()?;
        self.depth -= 1;
        if left.kind == Type::Ratio || left.kind == Type::Sequence {
            let message = format!("{} has no lesser or greater", left.kind.name());
            return Err(Fault::new(left.at, "spec::type", message));
        }
        let kind = left.kind;
        let (left, right) = (Box::new(left.expr), Box::new(right.of(kind)?));
        let expr = if min {
            Expr::Min(left, right)
        } else {
            Expr::Max(left, right)
        };
        Ok(Typed {
            expr,
            kind,
            at: start..end,
        })
    }

    /// The value of a parameter, as if it stood here in parentheses.
    fn parameter(&mut self, name: &str, at: Range<usize>) -> Result<Typed, Fault> {
        let text = self
            .names
            .parameter(name)
            .map_err(|why| Fault::new(at.clone(), "spec::unknown-parameter", why))?;
        if text.contains('$') {
            let message = format!("`${name}` is `{text}`: a parameter cannot use another one");
            return Err(Fault::new(at, "spec::unknown-parameter", message));
        }
        let mut inner = Parser {
            lexer: Lexer::new(&text),
            ahead: None,
            names: self.names,
            depth: self.depth,
        };
        let found = inner.sum().and_then(|found| inner.end().map(|()| found));
        let found = found.map_err(|fault| {
            let message = format!("`${name}` is `{text}` here: {}", fault.message);
            Fault {
                at: at.clone(),
                message,
                ..fault
            }
        })?;
        Ok(Typed { at, ..found })
    }

    /// A variable, a constant, or a field of a capture.
    fn name(&mut self, name: &str, at: Range<usize>) -> Result<Typed, Fault> {
        if let Some(var) = table::variable(name) {
            return Ok(Typed {
                expr: Expr::Var { conn: None, var },
                kind: var_type(var),
                at,
            });
        }
        if let Some((name, kind, value)) = self.names.constants().find(name) {
            let value = if kind == Type::Number {
                Expr::Number(value)
            } else {
                Expr::Duration(value)
            };
            return Ok(Typed {
                expr: Expr::Named(name, Box::new(value)),
                kind,
                at,
            });
        }
        let Some((owner, rest)) = name.split_once('.') else {
            return Err(self.unknown(name, at));
        };
        if let (Some(conn), Some(var)) = (self.names.conn(owner), table::variable(rest)) {
            let expr = Expr::Var {
                conn: Some(conn),
                var,
            };
            return Ok(Typed {
                expr,
                kind: var_type(var),
                at,
            });
        }
        if owner != "prev" && !self.names.captured(owner) {
            return Err(self.unknown(name, at));
        }
        let Some(field) = table::capture_field(rest) else {
            let fields = table::names(table::CAPTURE_FIELDS).join(" ");
            let message = format!("a captured segment has no `{rest}`");
            let at = at.end - rest.len()..at.end;
            let fault = Fault::new(at, "spec::unknown-name", message);
            let near = table::nearest(rest, table::names(table::CAPTURE_FIELDS));
            return Err(fault
                .near(near)
                .help(format!("fields of a capture: {fields}")));
        };
        let expr = Expr::Capture {
            name: owner.to_owned(),
            field,
        };
        Ok(Typed {
            expr,
            kind: field_type(field),
            at,
        })
    }

    fn unknown(&self, name: &str, at: Range<usize>) -> Fault {
        let mut known: Vec<String> = table::names(table::VARIABLES)
            .into_iter()
            .map(str::to_owned)
            .collect();
        known.extend(
            table::names(table::CONSTANTS)
                .into_iter()
                .map(str::to_owned),
        );
        // A dotted name is near a capture if what stands before the dot is.
        let (owner, field) = name.split_once('.').unwrap_or((name, ""));
        if field.is_empty() {
            if let Some(fault) = self.without_a_field(name, &at) {
                return fault;
            }
        } else {
            let own = self.names.known();
            known.extend(own.iter().map(|own| format!("{own}.{field}")));
        }
        let message = format!("`{name}` is not known at this point");
        let fault = Fault::new(at, "spec::unknown-name", message);
        let near = table::nearest(name, known.iter().map(String::as_str));
        if near.is_some() {
            return fault.near(near);
        }
        if table::capture_field(field).is_some() {
            let help = format!("no earlier step captures `{owner}`: add `as: {owner}` to one");
            return fault.help(help);
        }
        fault.help(format!(
            "variables: {} · constants: {}",
            table::names(table::VARIABLES).join(" "),
            table::names(table::CONSTANTS).join(" ")
        ))
    }

    /// The name of a connection or a capture, where a value belongs.
    fn without_a_field(&self, name: &str, at: &Range<usize>) -> Option<Fault> {
        let (what, example) = if self.names.conn(name).is_some() {
            ("connection", format!("{name}.SND.NXT"))
        } else if self.names.captured(name) || name == "prev" {
            ("captured segment", format!("{name}.seq"))
        } else {
            return None;
        };
        let message = format!("`{name}` is a {what}, not a value");
        let fault = Fault::new(at.clone(), "spec::unknown-name", message);
        Some(fault.help(format!("name one of its values, such as `{example}`")))
    }
}
