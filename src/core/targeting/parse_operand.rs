//! Operands: attributes, literals and functions.

use crate::attributes::{Path, Segment};
use crate::targeting::ast::Operand;
use crate::targeting::error::{ErrorKind, TargetingError};
use crate::targeting::hint;
use crate::targeting::parse::Parser;
use crate::targeting::token::{Keyword, Symbol, TokenKind};

/// Makes the call of a function.
type Call = fn(Box<Operand>) -> Operand;

/// The functions that give a value, by name.
const FUNCTIONS: &[(&str, Call)] = &[
    ("float", Operand::Float),
    ("lower", Operand::Lower),
    ("optimizely_version", Operand::OptimizelyVersion),
    ("semver", Operand::Semver),
    ("string", Operand::String),
];

impl Parser<'_> {
    /// Reads an operand; `expected` names it in an error.
    pub(super) fn operand(&mut self, expected: &str) -> Result<Operand, TargetingError> {
        self.count_node()?;
        match self.token.kind {
            TokenKind::Name if self.lexer.is_followed_by('(') => self.function(),
            TokenKind::Name | TokenKind::Quoted(_) => self.attribute().map(Operand::Attribute),
            TokenKind::Text(_) => self.text().map(Operand::Text),
            TokenKind::Number(_) => self.number(),
            TokenKind::Keyword(Keyword::True) => self.literal(Operand::Bool(true)),
            TokenKind::Keyword(Keyword::False) => self.literal(Operand::Bool(false)),
            TokenKind::Keyword(Keyword::Null) => self.literal(Operand::Null),
            _ => {
                let hint = hint::instead_of_operand(&self.token, self.lexer.source());
                Err(self.expected(expected).with_hint_if(hint))
            }
        }
    }

    fn literal(&mut self, literal: Operand) -> Result<Operand, TargetingError> {
        self.advance()?;
        Ok(literal)
    }

    fn number(&mut self) -> Result<Operand, TargetingError> {
        match self.advance()?.kind {
            TokenKind::Number(number) => Ok(Operand::Number(number)),
            _ => Ok(Operand::Null),
        }
    }

    fn function(&mut self) -> Result<Operand, TargetingError> {
        let function = FUNCTIONS.iter().find(|(name, _)| self.at_function(name));
        let &(_, call) = function.ok_or_else(|| self.wrong_function())?;
        let argument = self.nested(|parser| {
            parser.advance()?;
            parser.advance()?;
            let argument = parser.operand("a value")?;
            parser.expect_symbol(Symbol::RightParen, "\")\"")?;
            Ok(argument)
        })?;
        Ok(call(Box::new(argument)))
    }

    fn wrong_function(&self) -> TargetingError {
        let found = self.token.describe(self.lexer.source());
        if self.at_function("audience") {
            let message = "audience(…) is a condition, not a value".to_owned();
            return self.error_here(ErrorKind::InvalidFunction, message);
        }
        let message = format!("unknown function {}", found.trim_start_matches("name "));
        self.error_here(ErrorKind::InvalidFunction, message)
            .with_hint(
                "the functions are audience, float, lower, optimizely_version, semver and string",
            )
    }

    /// Reads an attribute: a name, then members and elements.
    pub(super) fn attribute(&mut self) -> Result<Path, TargetingError> {
        let name = self.token.text(self.lexer.source());
        let mut path = match self.advance()?.kind {
            TokenKind::Quoted(quoted) => Path::new(quoted),
            _ => Path::new(name),
        };
        loop {
            if self.take_symbol(Symbol::Dot)? {
                path = path.then(self.member()?);
            } else if self.take_symbol(Symbol::LeftBracket)? {
                path = path.then(self.subscript()?);
            } else {
                return Ok(path);
            }
        }
    }

    /// Reads the name behind a point. Nothing but a name can stand there, so no word is
    /// reserved.
    fn member(&mut self) -> Result<Segment, TargetingError> {
        self.count_node()?;
        if !matches!(self.token.kind, TokenKind::Name | TokenKind::Keyword(_)) {
            let error = self.expected("a name after \".\"");
            return Err(match self.token.kind {
                TokenKind::Number(_) => error.with_hint("an element is written [0]"),
                _ => error.with_hint("other keys are written [\"key\"]"),
            });
        }
        let name = self.token.text(self.lexer.source());
        self.advance()?;
        Ok(Segment::Key(name.into()))
    }

    fn subscript(&mut self) -> Result<Segment, TargetingError> {
        self.count_node()?;
        let segment = match self.token.kind {
            TokenKind::Text(_) => Segment::Key(self.text()?),
            TokenKind::Number(_) => Segment::Index(self.index()?),
            _ => {
                let hint = "a key in brackets is a string: [\"key\"]";
                return Err(self.expected("a string or an index").with_hint(hint));
            }
        };
        self.expect_symbol(Symbol::RightBracket, "\"]\"")?;
        Ok(segment)
    }

    fn index(&mut self) -> Result<u32, TargetingError> {
        let text = self.token.text(self.lexer.source());
        // The library's parser would take a sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let index = text.parse().ok().filter(|_| digits);
        let Some(index) = index else {
            let found = self.token.describe(self.lexer.source());
            let message = format!("expected an index from 0 to {}, found {found}", u32::MAX);
            return Err(self.error_here(ErrorKind::InvalidIndex, message));
        };
        self.advance()?;
        Ok(index)
    }
}
