//! Tests of operands (`IN`, `CONTAINS`, …), and operands that are conditions by themselves.

use std::ops::Range;

use crate::targeting::ast::{Expr, List, Operand, Test};
use crate::targeting::error::{ErrorKind, TargetingError};
use crate::targeting::hint;
use crate::targeting::limits::MAX_PATTERNS;
use crate::targeting::parse::Parser;
use crate::targeting::pattern::{Pattern, PatternError};
use crate::targeting::token::{Keyword, Symbol, TokenKind};
use crate::targeting::truth::Truth;

impl Parser<'_> {
    /// Reads the test behind an operand, if there is one, and whether it is negated.
    pub(super) fn test(&mut self) -> Result<Option<(bool, Test)>, TargetingError> {
        if self.take_keyword(Keyword::Is)? {
            return self.null_test().map(Some);
        }
        let negated = self.take_keyword(Keyword::Not)?;
        let TokenKind::Keyword(keyword) = self.token.kind else {
            return if negated {
                Err(self.expected_test())
            } else {
                Ok(None)
            };
        };
        let test = match keyword {
            Keyword::In => self.membership()?,
            Keyword::Contains => {
                self.advance()?;
                Test::Contains(self.operand("a value")?)
            }
            Keyword::StartsWith => Test::StartsWith(self.affix()?),
            Keyword::EndsWith => Test::EndsWith(self.affix()?),
            Keyword::Matches => Test::Matches(self.pattern()?),
            Keyword::Between => self.range()?,
            Keyword::Exists => {
                self.advance()?;
                Test::Exists
            }
            _ if negated => return Err(self.expected_test()),
            _ => return Ok(None),
        };
        Ok(Some((negated, test)))
    }

    fn expected_test(&self) -> TargetingError {
        self.expected("IN, CONTAINS, STARTS_WITH, ENDS_WITH, MATCHES, BETWEEN or EXISTS after NOT")
            .with_hint("a whole condition is negated by NOT in front of it")
    }

    fn null_test(&mut self) -> Result<(bool, Test), TargetingError> {
        let negated = self.take_keyword(Keyword::Not)?;
        if self.take_keyword(Keyword::Null)? {
            return Ok((negated, Test::Null));
        }
        let expected = if negated {
            "NULL after IS NOT"
        } else {
            "NULL or NOT NULL after IS"
        };
        let sign = if negated { "!=" } else { "=" };
        let error = self.expected(expected);
        Err(error.with_hint(format!("other values are compared by {sign}")))
    }

    fn membership(&mut self) -> Result<Test, TargetingError> {
        self.advance()?;
        let list = match self.token.kind {
            TokenKind::Symbol(Symbol::LeftParen) => {
                self.advance()?;
                if self.at_symbol(Symbol::RightParen) {
                    let hint = "an empty list is written []";
                    return Err(self.expected("a value").with_hint(hint));
                }
                self.members(Symbol::RightParen, "\",\" or \")\"")?
            }
            TokenKind::Symbol(Symbol::LeftBracket) => {
                self.advance()?;
                if self.take_symbol(Symbol::RightBracket)? {
                    return Ok(Test::In(List::Members(Vec::new())));
                }
                self.members(Symbol::RightBracket, "\",\" or \"]\"")?
            }
            TokenKind::Name | TokenKind::Quoted(_) if !self.lexer.is_followed_by('(') => {
                self.count_node()?;
                List::Attribute(self.attribute()?)
            }
            _ => {
                let hint = "a list is written (\"a\", \"b\")";
                return Err(self.expected("a list or an attribute").with_hint(hint));
            }
        };
        Ok(Test::In(list))
    }

    fn members(&mut self, closing: Symbol, expected: &str) -> Result<List, TargetingError> {
        let mut members = vec![self.operand("a value")?];
        while self.take_symbol(Symbol::Comma)? {
            members.push(self.operand("a value")?);
        }
        self.expect_symbol(closing, expected)?;
        Ok(List::Members(members))
    }

    fn range(&mut self) -> Result<Test, TargetingError> {
        self.advance()?;
        let low = self.operand("a value")?;
        if !self.take_keyword(Keyword::And)? {
            let hint = "a range is written BETWEEN 1 AND 5";
            return Err(self.expected("AND").with_hint(hint));
        }
        let high = self.operand("a value")?;
        Ok(Test::Between(low, high))
    }

    fn affix(&mut self) -> Result<Box<str>, TargetingError> {
        self.advance()?;
        self.count_node()?;
        self.text().map_err(|error| {
            error.with_hint("only a string, not an attribute, can be to the right of this operator")
        })
    }

    fn pattern(&mut self) -> Result<Pattern, TargetingError> {
        if self.patterns == MAX_PATTERNS {
            let message = format!("rule has more than {MAX_PATTERNS} MATCHES");
            let hint = "one pattern can hold alternatives: a|b";
            return Err(self
                .error_here(ErrorKind::TooManyPatterns, message)
                .with_hint(hint));
        }
        self.patterns += 1;
        self.advance()?;
        self.count_node()?;
        let span = self.token.span.clone();
        let source = self.text().map_err(|error| {
            error.with_hint("only a string, not an attribute, can be a regular expression")
        })?;
        Pattern::new(&source).map_err(|error| self.refused_pattern(&error, &source, span))
    }

    fn refused_pattern(
        &self,
        error: &PatternError,
        source: &str,
        span: Range<usize>,
    ) -> TargetingError {
        let (kind, hint) = match error {
            PatternError::Syntax(_) => (
                ErrorKind::InvalidPattern,
                // The most frequent reason is a backslash that the string has consumed.
                source
                    .contains('\\')
                    .then_some("in a string, \\\\ is one backslash of the pattern"),
            ),
            PatternError::TooLarge => (
                ErrorKind::PatternTooLarge,
                Some("smaller repetitions help, and [a-z] in place of \\w"),
            ),
        };
        self.lexer
            .error(kind, span, error.to_string())
            .with_hint_if(hint)
    }

    /// An operand without operator: an attribute, `TRUE`, `FALSE` and `NULL` are
    /// conditions.
    pub(super) fn standing_alone(
        &mut self,
        operand: Operand,
        start: usize,
    ) -> Result<Expr, TargetingError> {
        match operand {
            Operand::Bool(value) => Ok(Expr::Constant(Truth::from(value))),
            Operand::Null => Ok(Expr::Constant(Truth::Unknown)),
            Operand::Attribute(path) => {
                self.note_bare_attribute();
                Ok(Expr::Attribute(path))
            }
            _ => {
                let source = self.lexer.source();
                let written = source.get(start..self.token.span.start).unwrap_or_default();
                let hint = hint::after_literal(&self.token, written.trim_end());
                Err(self.expected("an operator").with_hint_if(hint))
            }
        }
    }
}
