//! The regular expressions of `MATCHES`.

use regex::{Regex, RegexBuilder};

use crate::targeting::limits::{MAX_DEPTH, MAX_PATTERN_BYTES, MAX_PATTERN_CACHE_BYTES};

/// A regular expression, compiled.
///
/// Matching takes time linear in the text, whatever the pattern: the library has neither
/// backtracking nor back-references. Two patterns are equal when their sources are.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern, or says why it cannot be one.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(source)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_CACHE_BYTES)
            .nest_limit(u32::try_from(MAX_DEPTH).unwrap_or(u32::MAX))
            .build()
            .map_err(PatternError::from)?;
        Ok(Self { regex })
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether the pattern occurs anywhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Pattern {}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The syntax is wrong.
    #[error("invalid regular expression: {0}")]
    Syntax(String),
    /// The compiled pattern would exceed [`MAX_PATTERN_BYTES`].
    #[error("regular expression needs more than {MAX_PATTERN_BYTES} bytes when compiled")]
    TooLarge,
}

impl From<regex::Error> for PatternError {
    fn from(error: regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::TooLarge,
            other => Self::Syntax(reason(&other.to_string())),
        }
    }
}

/// The reason alone: the library's message is a drawing of several lines that ends in
/// `error: the reason`, and the rule's own caret already shows the place.
fn reason(message: &str) -> String {
    let (_, reason) = message.rsplit_once("error: ").unwrap_or(("", message));
    reason.trim().replace('\n', " ")
}
