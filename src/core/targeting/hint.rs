//! What to do about frequent mistakes.

use crate::targeting::parse::comparison;
use crate::targeting::token::{Symbol, Token, TokenKind};

/// Operators of SQL and of other rule languages, and what they are here.
const FOREIGN: &[(&str, &str)] = &[
    ("LIKE", "use CONTAINS, STARTS_WITH, ENDS_WITH or MATCHES"),
    (
        "ILIKE",
        "use lower(…) with CONTAINS, STARTS_WITH or ENDS_WITH",
    ),
    ("SIMILAR", "use MATCHES"),
    ("REGEX", "use MATCHES"),
    ("REGEXP", "use MATCHES"),
    ("RLIKE", "use MATCHES"),
    ("MATCH", "did you mean MATCHES?"),
    ("CONTAIN", "did you mean CONTAINS?"),
    ("HAS", "use CONTAINS"),
    ("INCLUDES", "use CONTAINS"),
    ("EXIST", "did you mean EXISTS?"),
    ("STARTSWITH", "did you mean STARTS_WITH?"),
    ("STARTS", "did you mean STARTS_WITH?"),
    ("ENDSWITH", "did you mean ENDS_WITH?"),
    ("ENDS", "did you mean ENDS_WITH?"),
    ("EQUALS", "use ="),
    ("EQ", "use ="),
    ("NE", "use !="),
    ("XOR", "there is AND, OR and NOT"),
];

const QUOTE: &str = "a quote inside a string is written with a backslash before it";

/// Whether a word or string directly follows a string, which then probably was to go on.
fn follows_quote(token: &Token, source: &str) -> bool {
    let before = source.get(..token.span.start).unwrap_or_default();
    before.ends_with(['"', '\'']) && !matches!(token.kind, TokenKind::End | TokenKind::Symbol(_))
}

/// For a token where an operand should be.
pub(super) fn instead_of_operand(token: &Token, source: &str) -> Option<String> {
    match token.kind {
        TokenKind::Keyword(_) => {
            let word = token.text(source);
            Some(format!("an attribute of this name is written `{word}`"))
        }
        TokenKind::Symbol(Symbol::Dot) => Some("a number begins with a digit: 0.5".to_owned()),
        TokenKind::Symbol(Symbol::LeftParen) => {
            Some("only conditions and lists are put in parentheses".to_owned())
        }
        TokenKind::Symbol(Symbol::LeftBracket) => Some("a list can only follow IN".to_owned()),
        TokenKind::Symbol(Symbol::Equal | Symbol::EqualEqual) => {
            Some("there is one equal sign, or two without a blank".to_owned())
        }
        _ => None,
    }
}

/// For a token behind a complete condition; `bare` when that is an attribute by itself.
pub(super) fn after_condition(token: &Token, source: &str, bare: bool) -> Option<&'static str> {
    if comparison(token).is_some() {
        let before = source.get(..token.span.start).unwrap_or_default();
        if before.trim_end().ends_with(')') {
            return Some("only values are compared; conditions are joined by AND and OR");
        }
        return Some("comparisons do not chain; use BETWEEN, or AND between two of them");
    }
    if follows_quote(token, source) {
        return Some(QUOTE);
    }
    match token.kind {
        TokenKind::Name if bare => {
            let word = token.text(source);
            let foreign = FOREIGN
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(word));
            let blank = "a name with a blank is written in backticks";
            Some(foreign.map_or(blank, |&(_, hint)| hint))
        }
        TokenKind::Symbol(Symbol::Comma) => Some("conditions are joined by AND or OR"),
        TokenKind::Symbol(Symbol::RightParen) => Some("this parenthesis has not been opened"),
        _ => None,
    }
}

/// For a token behind a literal or a function where an operator should be.
pub(super) fn after_literal(token: &Token, literal: &str) -> Option<String> {
    match token.kind {
        TokenKind::Text(_) => Some(QUOTE.to_owned()),
        _ if literal.starts_with(['"', '\'']) => {
            Some("a string is no condition; an attribute is written without quotes".to_owned())
        }
        _ => None,
    }
}
