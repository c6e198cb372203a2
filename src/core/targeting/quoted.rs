//! Strings and names in backticks.

use std::ops::Range;
use std::str::Chars;

use crate::targeting::error::{ErrorKind, TargetingError};
use crate::targeting::lexer::Lexer;
use crate::targeting::token::abbreviate;

/// How an escape is wrong, and how many bytes of it there are.
struct BadEscape {
    kind: ErrorKind,
    length: usize,
    hint: &'static str,
}

impl Lexer<'_> {
    /// Reads a string, from its opening quote to its closing one.
    pub(super) fn quoted_text(&mut self, quote: char) -> Result<Box<str>, TargetingError> {
        let start = self.position();
        self.skip(quote.len_utf8());
        let mut text = String::new();
        loop {
            let mut chars = self.rest().chars();
            let character = match chars.next() {
                None => return Err(self.unterminated_text(start, quote)),
                Some('\0') => return Err(self.nul("string")),
                Some('\\') => self.escape(&mut chars)?,
                Some(character) => character,
            };
            let closes = character == quote && self.rest().starts_with(quote);
            let length = self.rest().len() - chars.as_str().len();
            self.skip(length);
            if closes {
                return Ok(text.into());
            }
            text.push(character);
        }
    }

    /// Reads a name in backticks; a doubled backtick is one backtick of the name.
    pub(super) fn quoted_name(&mut self) -> Result<Box<str>, TargetingError> {
        let start = self.position();
        self.skip(1);
        let mut name = String::new();
        loop {
            let rest = self.rest();
            let length = rest.find(['`', '\0']).unwrap_or(rest.len());
            let (piece, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
            name.push_str(piece);
            self.skip(length);
            if rest.starts_with("``") {
                // Could also be the whole of an empty name, but that begins at `start`.
                name.push('`');
                self.skip(2);
            } else if rest.starts_with('`') {
                self.skip(1);
                return self.non_empty(name, start);
            } else if rest.is_empty() {
                let message = "name in backticks is not closed";
                let span = start..start + 1;
                return Err(self.error(ErrorKind::UnterminatedName, span, message));
            } else {
                return Err(self.nul("name"));
            }
        }
    }

    fn non_empty(&self, name: String, start: usize) -> Result<Box<str>, TargetingError> {
        if name.is_empty() {
            let span = start..self.position();
            return Err(self.error(ErrorKind::EmptyName, span, "name in backticks is empty"));
        }
        Ok(name.into())
    }

    fn unterminated_text(&self, start: usize, quote: char) -> TargetingError {
        let span = start..start + quote.len_utf8();
        let hint = format!("close the string with {quote}, or write \\{quote} for one inside it");
        self.error(ErrorKind::UnterminatedString, span, "string is not closed")
            .with_hint(hint)
    }

    fn nul(&self, place: &str) -> TargetingError {
        let span = self.position()..self.position() + 1;
        self.error(
            ErrorKind::NulCharacter,
            span,
            format!("NUL character in a {place}"),
        )
    }

    /// Reads an escape; `chars` is behind its backslash, and afterwards behind all of it.
    fn escape(&self, chars: &mut Chars<'_>) -> Result<char, TargetingError> {
        decode(chars).map_err(|bad| {
            let rest = self.rest();
            let span = self.position()..self.position() + bad.length.min(rest.len());
            let text = abbreviate(rest.get(..span.len()).unwrap_or(rest));
            let message = match bad.kind {
                ErrorKind::NulCharacter => format!("escape \"{text}\" stands for a NUL character"),
                _ => format!("invalid escape \"{text}\""),
            };
            self.error(bad.kind, span, message).with_hint(bad.hint)
        })
    }
}

/// The character of an escape, read from behind its backslash.
fn decode(chars: &mut Chars<'_>) -> Result<char, BadEscape> {
    let character = match chars.next() {
        Some(plain @ ('\\' | '"' | '\'' | '/')) => plain,
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('u') => return decode_code_point(chars),
        Some('0') => return Err(nul(0..2)),
        other => {
            let length = 1 + other.map_or(0, char::len_utf8);
            return Err(bad(length, "a backslash itself is written \\\\"));
        }
    };
    Ok(character)
}

/// The character of `\uXXXX`, of a surrogate pair, or of `\u{X…}`, read from behind the `u`.
fn decode_code_point(chars: &mut Chars<'_>) -> Result<char, BadEscape> {
    const HINT: &str = "a code point is written \\u0041 or \\u{41}";
    let rest = chars.as_str();
    let (code, length) = match rest.strip_prefix('{') {
        Some(braced) => {
            let end = braced.bytes().take(7).position(|byte| byte == b'}');
            let digits = end
                .and_then(|end| braced.get(..end))
                .ok_or_else(|| bad(2, HINT))?;
            (hexadecimal(digits), digits.len() + 2)
        }
        None => match (four_digits(rest), low_surrogate(rest)) {
            (Some(high @ 0xd800..=0xdbff), Some(low)) => {
                (Some(0x10000 + ((high - 0xd800) << 10) + low), 10)
            }
            (code, _) => (code, 4),
        },
    };
    if code == Some(0) {
        return Err(nul(0..length + 2));
    }
    let Some(character) = code.and_then(char::from_u32) else {
        return Err(match code {
            Some(0xd800..=0xdfff) => bad(length + 2, "a surrogate is written as one of a pair"),
            Some(_) => bad(length + 2, "code points end at 10FFFF"),
            None => bad(2, HINT),
        });
    };
    *chars = rest.get(length..).unwrap_or_default().chars();
    Ok(character)
}

/// The payload of the low surrogate in `XXXX\uXXXX`.
fn low_surrogate(text: &str) -> Option<u32> {
    let low = four_digits(text.get(4..)?.strip_prefix("\\u")?)?;
    (0xdc00..=0xdfff).contains(&low).then_some(low & 0x3ff)
}

fn four_digits(text: &str) -> Option<u32> {
    hexadecimal(text.get(..4)?)
}

fn hexadecimal(digits: &str) -> Option<u32> {
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // The library's parser would take a sign.
    if all {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

fn bad(length: usize, hint: &'static str) -> BadEscape {
    BadEscape {
        kind: ErrorKind::InvalidEscape,
        length,
        hint,
    }
}

fn nul(escape: Range<usize>) -> BadEscape {
    let hint = "PostgreSQL's text has no NUL character, so no attribute contains one";
    BadEscape {
        kind: ErrorKind::NulCharacter,
        length: escape.len(),
        hint,
    }
}
