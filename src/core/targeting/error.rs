//! What is wrong with a rule, and where.

use std::borrow::Cow;
use std::ops::Range;

use crate::targeting::excerpt::excerpt;

/// A rule that was refused.
///
/// [`Display`](std::fmt::Display) prints the message alone; the place is in
/// [`position`](Self::position) and [`caret`](Self::caret), so that a caller with its own
/// fields for detail and hint can fill them.
///
/// ```
/// use lotty_core::targeting::parse;
///
/// let error = parse("age => 18").map(|_| ()).unwrap_err();
/// assert_eq!(error.to_string(), r#"unexpected "=>""#);
/// assert_eq!(error.position(), 5);
/// assert_eq!(error.hint(), Some("did you mean >=?"));
/// assert_eq!(error.caret(), "age => 18\n    ^^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", report.message)]
pub struct TargetingError {
    /// Boxed, as an error travels up through every level of the parser.
    report: Box<Report>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    kind: ErrorKind,
    message: String,
    hint: Option<Cow<'static, str>>,
    span: Range<usize>,
    position: usize,
    line: usize,
    column: usize,
    caret: String,
}

/// The kind of a [`TargetingError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A character, or a run of them, that begins nothing in the language.
    UnexpectedCharacter,
    /// A word or sign where the grammar wants another.
    UnexpectedToken,
    /// The rule stops too early.
    UnexpectedEnd,
    /// A string without its closing quote.
    UnterminatedString,
    /// A name without its closing backtick.
    UnterminatedName,
    /// A name in backticks without a character.
    EmptyName,
    /// A backslash followed by something that is not an escape.
    InvalidEscape,
    /// A NUL character, written out or escaped.
    NulCharacter,
    /// Something that begins like a number and is not one, or one out of range.
    InvalidNumber,
    /// An array index that is not an integer from 0.
    InvalidIndex,
    /// A call of a function that does not exist, or that does not belong here.
    InvalidFunction,
    /// A regular expression with wrong syntax.
    InvalidPattern,
    /// A regular expression that is too large when compiled.
    PatternTooLarge,
    /// More `MATCHES` than a rule may have.
    TooManyPatterns,
    /// A longer text than a rule may have.
    SourceTooLong,
    /// Deeper nesting than a rule may have.
    TooDeep,
    /// More parts than a rule may have.
    TooManyNodes,
    /// Audiences that refer to audiences too many times over.
    AudiencesTooDeep,
    /// More audiences than a rule may reach.
    TooManyAudiences,
}

impl TargetingError {
    pub(super) fn new(
        kind: ErrorKind,
        source: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let before = source.get(..span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let report = Report {
            kind,
            message: message.into(),
            hint: None,
            position: before.chars().count() + 1,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            caret: excerpt(source, &span),
            span,
        };
        Self {
            report: Box::new(report),
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.report.hint = Some(hint.into());
        self
    }

    pub(super) fn with_hint_if(self, hint: Option<impl Into<Cow<'static, str>>>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    /// The kind of error, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.report.kind
    }

    /// What was found and what was expected: lower case, no full stop, no position.
    pub fn message(&self) -> &str {
        &self.report.message
    }

    /// What to do about it, where there is something useful to say.
    pub fn hint(&self) -> Option<&str> {
        self.report.hint.as_deref()
    }

    /// The bytes of the source that are wrong; empty at the end of the rule.
    pub fn span(&self) -> Range<usize> {
        self.report.span.clone()
    }

    /// Where the error begins, in characters of the source from 1.
    pub fn position(&self) -> usize {
        self.report.position
    }

    /// The line of the error, from 1.
    pub fn line(&self) -> usize {
        self.report.line
    }

    /// The character within the [line](Self::line), from 1.
    pub fn column(&self) -> usize {
        self.report.column
    }

    /// The line of the source, and under it carets that mark the error. A long line is cut to
    /// the surroundings of the error.
    pub fn caret(&self) -> &str {
        &self.report.caret
    }
}
