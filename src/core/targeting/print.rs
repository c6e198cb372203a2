//! The syntax tree as text again.
//!
//! The text is canonical: keywords in capitals, `=` and `!=`, double quotes, lists in
//! parentheses, and no parenthesis that the grammar does not need. Parsing it gives the same
//! tree. It can be longer than what was typed, so the longest rules print a text that exceeds
//! the limit on sources; store what was typed.

use std::fmt::{self, Display, Formatter, Write};

use crate::attributes::{Path, Segment};
use crate::targeting::ast::{Comparison, Expr, List, Operand, Test};
use crate::targeting::token::{Keyword, continues_name, starts_name};
use crate::targeting::truth::Truth;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => f.write_str(literal(*value)),
            Self::Attribute(path) => path.fmt(f),
            Self::Audience(name) => write!(f, "audience({})", Quoted(name)),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                group(f, inner, matches!(**inner, Self::And(_) | Self::Or(_)))
            }
            Self::And(parts) => separated(f, parts, " AND ", |f, part| {
                group(f, part, matches!(part, Self::And(_) | Self::Or(_)))
            }),
            Self::Or(parts) => separated(f, parts, " OR ", |f, part| {
                group(f, part, matches!(part, Self::Or(_)))
            }),
            Self::Compare {
                left,
                comparison,
                right,
            } => write!(f, "{left} {comparison} {right}"),
            Self::Test {
                operand,
                negated,
                test,
            } => {
                write!(f, "{operand} ")?;
                match (test, negated) {
                    (Test::Null, true) => f.write_str("IS NOT NULL"),
                    (Test::Null, false) => f.write_str("IS NULL"),
                    (_, true) => write!(f, "NOT {test}"),
                    (_, false) => test.fmt(f),
                }
            }
        }
    }
}

fn group(f: &mut Formatter<'_>, inner: &Expr, parentheses: bool) -> fmt::Result {
    if parentheses {
        write!(f, "({inner})")
    } else {
        inner.fmt(f)
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    mut print: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        print(f, item)?;
    }
    Ok(())
}

fn literal(value: Truth) -> &'static str {
    match value {
        Truth::False => "FALSE",
        Truth::Unknown => "NULL",
        Truth::True => "TRUE",
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(list) => write!(f, "IN {list}"),
            Self::Contains(item) => write!(f, "CONTAINS {item}"),
            Self::StartsWith(prefix) => write!(f, "STARTS_WITH {}", Quoted(prefix)),
            Self::EndsWith(suffix) => write!(f, "ENDS_WITH {}", Quoted(suffix)),
            Self::Matches(pattern) => write!(f, "MATCHES {}", Quoted(pattern.source())),
            Self::Between(low, high) => write!(f, "BETWEEN {low} AND {high}"),
            Self::Null => f.write_str("IS NULL"),
            Self::Exists => f.write_str("EXISTS"),
        }
    }
}

impl Display for List {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(path) => path.fmt(f),
            Self::Members(members) if members.is_empty() => f.write_str("[]"),
            Self::Members(members) => {
                f.write_char('(')?;
                separated(f, members, ", ", |f, member| member.fmt(f))?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(path) => path.fmt(f),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bool(value) => f.write_str(literal(Truth::from(*value))),
            Self::Null => f.write_str("NULL"),
            Self::Float(argument) => write!(f, "float({argument})"),
            Self::Lower(argument) => write!(f, "lower({argument})"),
            Self::OptimizelyVersion(argument) => write!(f, "optimizely_version({argument})"),
            Self::Semver(argument) => write!(f, "semver({argument})"),
            Self::String(argument) => write!(f, "string({argument})"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().iter().enumerate() {
            match segment {
                Segment::Key(key) if index == 0 => {
                    let plain = is_name(key) && Keyword::of(key).is_none();
                    if plain {
                        f.write_str(key)
                    } else {
                        write!(f, "`{}`", key.replace('`', "``"))
                    }
                }
                Segment::Key(key) if is_name(key) => write!(f, ".{key}"),
                Segment::Key(key) => write!(f, "[{}]", Quoted(key)),
                Segment::Index(index) => write!(f, "[{index}]"),
            }?;
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(starts_name) && text.chars().all(continues_name)
}

/// A string literal.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\""),
                '\\' => f.write_str("\\\\"),
                '\n' => f.write_str("\\n"),
                '\r' => f.write_str("\\r"),
                '\t' => f.write_str("\\t"),
                '\u{8}' => f.write_str("\\b"),
                '\u{c}' => f.write_str("\\f"),
                control if control.is_control() => write!(f, "\\u{{{:x}}}", u32::from(control)),
                other => f.write_char(other),
            }?;
        }
        f.write_char('"')
    }
}
