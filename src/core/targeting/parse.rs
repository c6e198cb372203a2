//! Tokens into a syntax tree, by recursive descent.
//!
//! Recursion happens in three places, parentheses, `NOT` and functions, and each counts its
//! depth against [`MAX_DEPTH`]. Chains of AND and OR are loops.

use std::mem;
use std::ops::Range;

use crate::targeting::ast::{Comparison, Expr};
use crate::targeting::error::{ErrorKind, TargetingError};
use crate::targeting::hint;
use crate::targeting::lexer::Lexer;
use crate::targeting::limits::{MAX_DEPTH, MAX_NODES, MAX_SOURCE_BYTES};
use crate::targeting::token::{Keyword, Symbol, Token, TokenKind};
use crate::targeting::truth::Truth;

/// A parsed rule, and where it refers to audiences.
pub(super) struct Parsed {
    pub(super) expr: Expr,
    pub(super) references: Vec<Reference>,
}

/// A reference to an audience.
pub(super) struct Reference {
    pub(super) name: Box<str>,
    pub(super) span: Range<usize>,
}

/// Parses a rule and checks all of it, regular expressions included.
pub(super) fn parse(source: &str) -> Result<Parsed, TargetingError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(too_long(source));
    }
    let mut parser = Parser::new(source)?;
    let expr = parser.rule()?;
    Ok(Parsed {
        expr,
        references: parser.references,
    })
}

fn too_long(source: &str) -> TargetingError {
    let end = source.floor_char_boundary(MAX_SOURCE_BYTES);
    let message = format!(
        "rule of {} bytes is longer than {MAX_SOURCE_BYTES} bytes",
        source.len()
    );
    TargetingError::new(ErrorKind::SourceTooLong, source, end..end, message)
        .with_hint("parts of a rule can be moved into an audience")
}

/// The parser: the token at hand, the text behind it, and what the limits count.
pub(super) struct Parser<'s> {
    pub(super) lexer: Lexer<'s>,
    pub(super) token: Token,
    pub(super) patterns: usize,
    references: Vec<Reference>,
    depth: usize,
    nodes: usize,
    /// Where the last attribute that stands by itself ended. An operator could still follow
    /// there, which an error then says.
    bare_attribute: Option<usize>,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Result<Self, TargetingError> {
        let mut lexer = Lexer::new(source);
        let token = lexer.next()?;
        Ok(Self {
            lexer,
            token,
            patterns: 0,
            references: Vec::new(),
            depth: 0,
            nodes: 0,
            bare_attribute: None,
        })
    }

    fn rule(&mut self) -> Result<Expr, TargetingError> {
        if self.token.kind == TokenKind::End {
            return Ok(Expr::Constant(Truth::True));
        }
        let expr = self.disjunction()?;
        match self.token.kind {
            TokenKind::End => Ok(expr),
            _ => Err(self.expected_connective("end of rule")),
        }
    }

    fn disjunction(&mut self) -> Result<Expr, TargetingError> {
        self.chain(Self::conjunction, Keyword::Or, Symbol::Or, Expr::or)
    }

    fn conjunction(&mut self) -> Result<Expr, TargetingError> {
        self.chain(Self::negation, Keyword::And, Symbol::And, Expr::and)
    }

    /// One or more parts with a connective between them.
    fn chain(
        &mut self,
        part: fn(&mut Self) -> Result<Expr, TargetingError>,
        keyword: Keyword,
        symbol: Symbol,
        join: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr, TargetingError> {
        let first = part(self)?;
        if !self.at_keyword(keyword) && !self.at_symbol(symbol) {
            return Ok(first);
        }
        self.count_node()?;
        let mut parts = vec![first];
        while self.take_keyword(keyword)? || self.take_symbol(symbol)? {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn negation(&mut self) -> Result<Expr, TargetingError> {
        if !self.at_keyword(Keyword::Not) && !self.at_symbol(Symbol::Bang) {
            return self.primary();
        }
        self.count_node()?;
        let inner = self.nested(|parser| {
            parser.advance()?;
            parser.negation()
        })?;
        Ok(Expr::Not(Box::new(inner)))
    }

    fn primary(&mut self) -> Result<Expr, TargetingError> {
        if self.at_symbol(Symbol::LeftParen) {
            return self.nested(|parser| {
                parser.advance()?;
                let inner = parser.disjunction()?;
                if parser.take_symbol(Symbol::RightParen)? {
                    return Ok(inner);
                }
                Err(parser.expected_connective("\")\""))
            });
        }
        if self.at_function("audience") {
            return self.audience();
        }
        self.predicate()
    }

    fn audience(&mut self) -> Result<Expr, TargetingError> {
        self.count_node()?;
        let start = self.advance()?.span.start;
        self.advance()?;
        let hint = "the name of an audience is a string: audience(\"beta\")";
        let name = self.text().map_err(|error| error.with_hint(hint))?;
        let span = start..self.token.span.end;
        self.expect_symbol(Symbol::RightParen, "\")\"")?;
        self.references.push(Reference {
            name: name.clone(),
            span,
        });
        Ok(Expr::Audience(name))
    }

    fn predicate(&mut self) -> Result<Expr, TargetingError> {
        let at = self.token.span.start;
        let left = self.operand("a condition")?;
        if let Some(comparison) = self.take_comparison()? {
            let right = self.operand("a value")?;
            return Ok(Expr::Compare {
                left,
                comparison,
                right,
            });
        }
        if let Some((negated, test)) = self.test()? {
            return Ok(Expr::Test {
                operand: left,
                negated,
                test,
            });
        }
        self.standing_alone(left, at)
    }

    /// Notes that an attribute ended without an operator.
    pub(super) fn note_bare_attribute(&mut self) {
        self.bare_attribute = Some(self.token.span.start);
    }

    fn take_comparison(&mut self) -> Result<Option<Comparison>, TargetingError> {
        let comparison = comparison(&self.token);
        if comparison.is_some() {
            self.advance()?;
        }
        Ok(comparison)
    }

    /// Runs a parser one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, TargetingError>,
    ) -> Result<T, TargetingError> {
        if self.depth == MAX_DEPTH {
            let message = format!("rule nests deeper than {MAX_DEPTH} levels");
            return Err(self.error_here(ErrorKind::TooDeep, message));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Counts one more part of the rule, the one that begins at the token at hand.
    pub(super) fn count_node(&mut self) -> Result<(), TargetingError> {
        if self.nodes == MAX_NODES {
            let message = format!("rule has more than {MAX_NODES} parts");
            let hint = "a long list of values belongs into an attribute of the subject";
            return Err(self
                .error_here(ErrorKind::TooManyNodes, message)
                .with_hint(hint));
        }
        self.nodes += 1;
        Ok(())
    }

    /// Reads the next token and gives the one that was at hand.
    pub(super) fn advance(&mut self) -> Result<Token, TargetingError> {
        let next = self.lexer.next()?;
        Ok(mem::replace(&mut self.token, next))
    }

    pub(super) fn at_keyword(&self, keyword: Keyword) -> bool {
        self.token.kind == TokenKind::Keyword(keyword)
    }

    pub(super) fn at_symbol(&self, symbol: Symbol) -> bool {
        self.token.kind == TokenKind::Symbol(symbol)
    }

    /// Whether a function of this name is called here. Without the parenthesis its name is an
    /// attribute.
    pub(super) fn at_function(&self, name: &str) -> bool {
        self.token.kind == TokenKind::Name
            && self
                .token
                .text(self.lexer.source())
                .eq_ignore_ascii_case(name)
            && self.lexer.is_followed_by('(')
    }

    pub(super) fn take_keyword(&mut self, keyword: Keyword) -> Result<bool, TargetingError> {
        let found = self.at_keyword(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn take_symbol(&mut self, symbol: Symbol) -> Result<bool, TargetingError> {
        let found = self.at_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn expect_symbol(
        &mut self,
        symbol: Symbol,
        expected: &str,
    ) -> Result<(), TargetingError> {
        if self.take_symbol(symbol)? {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// Reads a string literal.
    pub(super) fn text(&mut self) -> Result<Box<str>, TargetingError> {
        if !matches!(self.token.kind, TokenKind::Text(_)) {
            return Err(self.expected("a string"));
        }
        match self.advance()?.kind {
            TokenKind::Text(text) => Ok(text),
            _ => Ok(Box::default()),
        }
    }

    pub(super) fn error_here(&self, kind: ErrorKind, message: String) -> TargetingError {
        self.lexer.error(kind, self.token.span.clone(), message)
    }

    /// The error of a token that does not belong here.
    pub(super) fn expected(&self, expected: &str) -> TargetingError {
        let kind = match self.token.kind {
            TokenKind::End => ErrorKind::UnexpectedEnd,
            _ => ErrorKind::UnexpectedToken,
        };
        let found = self.token.describe(self.lexer.source());
        self.error_here(kind, format!("expected {expected}, found {found}"))
    }

    /// The error of a token behind a complete condition.
    fn expected_connective(&self, closing: &str) -> TargetingError {
        let bare = self.bare_attribute == Some(self.token.span.start);
        let operator = if bare { "an operator, " } else { "" };
        let hint = hint::after_condition(&self.token, self.lexer.source(), bare);
        self.expected(&format!("{operator}AND, OR or {closing}"))
            .with_hint_if(hint)
    }
}

/// The comparison that a token stands for.
pub(super) fn comparison(token: &Token) -> Option<Comparison> {
    let TokenKind::Symbol(symbol) = token.kind else {
        return None;
    };
    match symbol {
        Symbol::Equal | Symbol::EqualEqual => Some(Comparison::Equal),
        Symbol::BangEqual | Symbol::LessGreater => Some(Comparison::NotEqual),
        Symbol::Less => Some(Comparison::Less),
        Symbol::LessEqual => Some(Comparison::LessOrEqual),
        Symbol::Greater => Some(Comparison::Greater),
        Symbol::GreaterEqual => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}
