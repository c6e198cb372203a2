//! Source into tokens, one at a time.
//!
//! Tokens are read on demand, so the first error reported is the first in the text, be it of
//! spelling or of grammar.

use std::ops::Range;

use crate::number::Number;
use crate::targeting::error::{ErrorKind, TargetingError};
use crate::targeting::excerpt::shown;
use crate::targeting::token::{
    Keyword, Symbol, Token, TokenKind, abbreviate, continues_name, starts_name,
};

/// What other languages write, and what this one has in its place.
const MISTAKES: &[(&str, &str)] = &[
    ("===", "equality is written ="),
    ("!==", "inequality is written !="),
    (":=", "equality is written ="),
    ("<=>", "equality is written ="),
    ("=>", "did you mean >=?"),
    ("=<", "did you mean <=?"),
    ("=!", "did you mean !=?"),
    ("=~", "regular expressions are matched by MATCHES"),
    ("!~", "regular expressions are matched by NOT MATCHES"),
    ("~", "regular expressions are matched by MATCHES"),
    ("--", "rules have no comments"),
    ("/*", "rules have no comments"),
    ("//", "rules have no comments"),
    ("#", "rules have no comments"),
    ("+", "rules have no arithmetic"),
    (
        "-",
        "rules have no arithmetic; a name with a hyphen needs backticks",
    ),
    ("*", "rules have no arithmetic"),
    ("/", "rules have no arithmetic"),
    ("%", "rules have no arithmetic"),
    (";", "a rule ends without a semicolon"),
    ("{", "a list is written ( … )"),
    ("“", "strings take straight quotes"),
    ("”", "strings take straight quotes"),
    ("„", "strings take straight quotes"),
    ("‘", "strings take straight quotes"),
    ("’", "strings take straight quotes"),
    ("«", "strings take straight quotes"),
    ("|", "did you mean ||?"),
    ("&", "did you mean &&?"),
];

/// A place in a source.
pub(super) struct Lexer<'s> {
    source: &'s str,
    position: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self {
            source,
            position: 0,
        }
    }

    pub(super) fn source(&self) -> &'s str {
        self.source
    }

    /// Reads the next token.
    pub(super) fn next(&mut self) -> Result<Token, TargetingError> {
        let start = self.source.len() - self.rest().trim_start().len();
        self.position = start;
        let rest = self.rest();
        let kind = match rest.chars().next() {
            None => return Ok(self.end()),
            Some(quote @ ('"' | '\'')) => TokenKind::Text(self.quoted_text(quote)?),
            Some('`') => TokenKind::Quoted(self.quoted_name()?),
            Some(first) if starts_name(first) => self.word(),
            Some(_) if starts_number(rest) => self.number()?,
            Some(first) => self.symbol(first)?,
        };
        Ok(Token {
            kind,
            span: start..self.position,
        })
    }

    /// Whether the text goes on with this character, after any white space.
    pub(super) fn is_followed_by(&self, character: char) -> bool {
        self.rest().trim_start().starts_with(character)
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'s str {
        self.source.get(self.position..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.position += bytes;
    }

    pub(super) fn error(
        &self,
        kind: ErrorKind,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> TargetingError {
        TargetingError::new(kind, self.source, span, message)
    }

    /// The end is reported where the last word ends, not behind the white space after it.
    fn end(&self) -> Token {
        let end = self.source.trim_end().len();
        Token {
            kind: TokenKind::End,
            span: end..end,
        }
    }

    fn word(&mut self) -> TokenKind {
        let rest = self.rest();
        let length = rest
            .find(|character| !continues_name(character))
            .unwrap_or(rest.len());
        self.skip(length);
        let word = rest.get(..length).unwrap_or_default();
        Keyword::of(word).map_or(TokenKind::Name, TokenKind::Keyword)
    }

    /// Reads everything that could belong to the number, so that `1.2.3` and `5x` are errors
    /// rather than two tokens.
    fn number(&mut self) -> Result<TokenKind, TargetingError> {
        let rest = self.rest();
        let text = rest.get(..number_length(rest)).unwrap_or_default();
        if let Some(number) = Number::parse(text) {
            self.skip(text.len());
            return Ok(TokenKind::Number(number));
        }
        let span = self.position..self.position + text.len();
        let message = format!("invalid number \"{}\"", abbreviate(text));
        let error = self.error(ErrorKind::InvalidNumber, span, message);
        Err(error.with_hint_if(number_hint(text)))
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind, TargetingError> {
        let rest = self.rest();
        let symbol = Symbol::ALL.iter().find(|(text, _)| rest.starts_with(text));
        let mistake = MISTAKES.iter().find(|(text, _)| rest.starts_with(text));
        let length = symbol.map_or(0, |(text, _)| text.len());
        match (symbol, mistake) {
            (_, Some((wrong, hint))) if wrong.len() > length => {
                Err(self.unexpected(wrong.len()).with_hint(*hint))
            }
            (Some(&(_, symbol)), _) => {
                self.skip(length);
                Ok(TokenKind::Symbol(symbol))
            }
            _ => Err(self.unexpected(first.len_utf8())),
        }
    }

    fn unexpected(&self, length: usize) -> TargetingError {
        let span = self.position..self.position + length;
        let text = self.source.get(span.clone()).unwrap_or_default();
        let (kind, what) = match text.chars().next() {
            Some('\0') => (ErrorKind::NulCharacter, "NUL character".to_owned()),
            Some(first) if shown(first) != first => {
                let code = u32::from(first);
                (
                    ErrorKind::UnexpectedCharacter,
                    format!("character U+{code:04X}"),
                )
            }
            _ => (ErrorKind::UnexpectedCharacter, format!("\"{text}\"")),
        };
        self.error(kind, span, format!("unexpected {what}"))
    }
}

fn starts_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|character: char| character.is_ascii_digit())
}

/// The length of the text that was meant as a number: letters and points belong to it, and a
/// sign at its start or after the letter of an exponent.
fn number_length(text: &str) -> usize {
    let mut previous = 'e';
    let end = text.find(|character| {
        let sign = matches!(character, '+' | '-') && matches!(previous, 'e' | 'E');
        previous = character;
        !sign && character != '.' && !continues_name(character)
    });
    end.unwrap_or(text.len())
}

fn number_hint(text: &str) -> Option<&'static str> {
    if text.matches('.').count() > 1 {
        Some("versions are compared by semver(\"1.2.3\")")
    } else if text.ends_with('.') {
        Some("a point is followed by a digit")
    } else if text.contains(['_', ',']) {
        Some("digits are written without separators")
    } else {
        None
    }
}
