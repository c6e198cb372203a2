//! The words and signs of the language.

use std::ops::Range;

use crate::number::Number;
use crate::targeting::excerpt::shown;

/// How many characters of a token an error message repeats.
const SHOWN: usize = 40;

/// A token and the bytes of the source it was read from.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name that is not reserved.
    Name,
    /// A name in backticks, unquoted.
    Quoted(Box<str>),
    Keyword(Keyword),
    /// A string, unquoted.
    Text(Box<str>),
    Number(Number),
    Symbol(Symbol),
    /// The end of the source.
    End,
}

/// Defines an enum with the spellings of its variants.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name {
            $($variant,)*
        }

        impl $name {
            pub(super) const ALL: &'static [(&'static str, Self)] =
                &[$(($text, Self::$variant),)*];
        }
    };
}

spelled! {
    /// The reserved words.
    Keyword {
        And = "AND",
        Or = "OR",
        Not = "NOT",
        True = "TRUE",
        False = "FALSE",
        Null = "NULL",
        In = "IN",
        Contains = "CONTAINS",
        StartsWith = "STARTS_WITH",
        EndsWith = "ENDS_WITH",
        Matches = "MATCHES",
        Between = "BETWEEN",
        Is = "IS",
        Exists = "EXISTS",
    }
}

spelled! {
    /// The signs. One that begins another comes after it, so that the longest is found first.
    Symbol {
        And = "&&",
        Or = "||",
        EqualEqual = "==",
        Equal = "=",
        BangEqual = "!=",
        Bang = "!",
        LessGreater = "<>",
        LessEqual = "<=",
        Less = "<",
        GreaterEqual = ">=",
        Greater = ">",
        LeftParen = "(",
        RightParen = ")",
        LeftBracket = "[",
        RightBracket = "]",
        Comma = ",",
        Dot = ".",
    }
}

impl Keyword {
    /// The keyword that a word spells, in any case.
    pub(super) fn of(word: &str) -> Option<Self> {
        let spelling = Self::ALL
            .iter()
            .find(|(text, _)| text.eq_ignore_ascii_case(word));
        spelling.map(|&(_, keyword)| keyword)
    }
}

/// Whether a name may begin with this character.
pub(super) fn starts_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

/// Whether a name may go on with this character.
pub(super) fn continues_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

impl Token {
    /// The token as it was written.
    pub(super) fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.span.clone()).unwrap_or_default()
    }

    /// The token as an error message names it.
    pub(super) fn describe(&self, source: &str) -> String {
        let text = abbreviate(self.text(source));
        match &self.kind {
            TokenKind::End => "end of rule".to_owned(),
            TokenKind::Keyword(_) => format!("keyword {}", text.to_ascii_uppercase()),
            TokenKind::Name => format!("name \"{text}\""),
            TokenKind::Quoted(_) => format!("name {text}"),
            TokenKind::Text(_) => format!("string {text}"),
            TokenKind::Number(_) => format!("number {text}"),
            TokenKind::Symbol(_) => format!("\"{text}\""),
        }
    }
}

/// The start of a text, printable, for a message.
pub(super) fn abbreviate(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).map(shown).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}
