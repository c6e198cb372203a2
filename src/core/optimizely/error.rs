//! Why a datafile was refused.

/// What a datafile holds that cannot be translated, and where.
///
/// [`Display`](std::fmt::Display) prints place and message; the hint is apart, so that a caller
/// with its own field for hints can fill it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct DatafileError {
    /// The place in the datafile: `$.experiments[3].key`. Inside a text that is JSON itself the
    /// path goes on as if the text were not there.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, where there is something useful to say.
    pub hint: Option<String>,
}

impl DatafileError {
    /// Adds what to do about it.
    #[must_use]
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
