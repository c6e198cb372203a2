//! Three-valued truth.

use std::ops::Not;

/// What a rule says about a subject; unknown behaves like SQL's NULL.
///
/// The order `False < Unknown < True` makes AND the lesser and OR the greater of two truths.
///
/// ```
/// use lotty_core::targeting::Truth;
///
/// assert_eq!(Truth::Unknown.and(Truth::False), Truth::False);
/// assert_eq!(Truth::Unknown.or(Truth::True), Truth::True);
/// assert_eq!(!Truth::Unknown, Truth::Unknown);
/// assert_eq!(Truth::Unknown.known(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// The rule excludes the subject.
    False,
    /// The attributes do not tell; the subject is not admitted.
    Unknown,
    /// The rule admits the subject.
    True,
}

impl Truth {
    /// False as soon as one side is false, true only if both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// True as soon as one side is true, false only if both are.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether the subject is admitted.
    pub fn is_true(self) -> bool {
        self == Self::True
    }

    /// The truth as SQL has it: `None` for unknown.
    pub fn known(self) -> Option<bool> {
        match self {
            Self::False => Some(false),
            Self::Unknown => None,
            Self::True => Some(true),
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}
