//! The values that a rule compares, and what comparing them says.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use crate::attributes::{Elements, Value};
use crate::float::Float;
use crate::number::Number;
use crate::optimizely_version::OptimizelyVersion;
use crate::targeting::ast::Comparison;
use crate::targeting::limits::MAX_MATCHED_BYTES;
use crate::targeting::pattern::Pattern;
use crate::targeting::truth::Truth;
use crate::version::Version;

/// A value while a rule is evaluated; borrowed from the rule or from the attributes.
///
/// Missing and null are one, for no rule tells them apart, and there are versions and floats,
/// which attributes do not have.
pub(super) enum Datum<'a> {
    Null,
    Bool(bool),
    Number(Cow<'a, Number>),
    Float(Float),
    Text(Cow<'a, str>),
    Version(Version<'a>),
    OptimizelyVersion(OptimizelyVersion<'a>),
    Array(Box<dyn Elements + 'a>),
    Object,
}

impl<'a> From<Value<'a>> for Datum<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Missing | Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(Cow::Owned(number)),
            Value::Text(text) => Self::Text(text),
            Value::Array(elements) => Self::Array(elements),
            Value::Object => Self::Object,
        }
    }
}

impl Datum<'_> {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What `self comparison other` says.
    pub(super) fn compare(&self, comparison: Comparison, other: &Self) -> Truth {
        if let (Self::Bool(left), Self::Bool(right)) = (self, other) {
            return match comparison {
                Comparison::Equal => Truth::from(left == right),
                Comparison::NotEqual => Truth::from(left != right),
                _ => Truth::Unknown,
            };
        }
        match self.order(other) {
            Some(order) => Truth::from(comparison.admits(order)),
            None => Truth::Unknown,
        }
    }

    pub(super) fn equals(&self, other: &Self) -> Truth {
        self.compare(Comparison::Equal, other)
    }

    /// The order of two values, if they have one.
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Some(left.cmp(right)),
            (Self::Float(left), Self::Float(right)) => Some(left.cmp(right)),
            (Self::Float(left), Self::Number(right)) => Some(left.cmp(&Float::nearest(right)?)),
            (Self::Number(left), Self::Float(right)) => Some(Float::nearest(left)?.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Version(left), Self::Version(right)) => Some(left.cmp(right)),
            (Self::Version(left), Self::Text(right)) => Some(left.cmp(&Version::parse(right)?)),
            (Self::Text(left), Self::Version(right)) => Some(Version::parse(left)?.cmp(right)),
            (Self::OptimizelyVersion(user), Self::Text(target)) => {
                Some(user.compare_to_target(&OptimizelyVersion::parse(target)?))
            }
            (Self::Text(_), Self::OptimizelyVersion(_)) => other.order(self).map(Ordering::reverse),
            _ => None,
        }
    }

    /// Whether `self CONTAINS item`.
    pub(super) fn contains(&self, item: &Self) -> Truth {
        match (self, item) {
            (Self::Text(text), Self::Text(part)) => Truth::from(text.contains(&**part)),
            (Self::Array(elements), item) => item.is_among(&**elements),
            _ => Truth::Unknown,
        }
    }

    /// Whether this value equals one of the elements.
    pub(super) fn is_among(&self, elements: &dyn Elements) -> Truth {
        let mut found = Truth::False;
        elements.visit(&mut |element| {
            found = found.or(self.equals(&Datum::from(element)));
            if found.is_true() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        found
    }

    /// What a test of strings says about this value.
    pub(super) fn test_text(&self, test: impl FnOnce(&str) -> bool) -> Truth {
        match self {
            Self::Text(text) => Truth::from(test(text)),
            _ => Truth::Unknown,
        }
    }

    /// Whether the pattern occurs in this value: unknown in a text beyond
    /// [`MAX_MATCHED_BYTES`].
    pub(super) fn match_text(&self, pattern: &Pattern) -> Truth {
        match self {
            Self::Text(text) if text.len() <= MAX_MATCHED_BYTES => {
                Truth::from(pattern.is_match(text))
            }
            _ => Truth::Unknown,
        }
    }

    /// `float(self)`.
    pub(super) fn float(self) -> Self {
        match self {
            Self::Number(number) => Float::nearest(&number).map_or(Self::Null, Self::Float),
            Self::Float(float) => Self::Float(float),
            _ => Self::Null,
        }
    }

    /// `string(self)`.
    pub(super) fn string(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text),
            _ => Self::Null,
        }
    }

    /// `lower(self)`.
    pub(super) fn lower(self) -> Self {
        match self {
            Self::Text(text) if is_lower_ascii(&text) => Self::Text(text),
            Self::Text(text) => Self::Text(Cow::Owned(text.to_lowercase())),
            _ => Self::Null,
        }
    }

    /// `semver(self)`.
    pub(super) fn semver(self) -> Self {
        let version = match self {
            Self::Text(Cow::Borrowed(text)) => Version::parse(text),
            Self::Text(Cow::Owned(text)) => Version::parse(&text).map(Version::into_owned),
            _ => None,
        };
        version.map_or(Self::Null, Self::Version)
    }

    /// `optimizely_version(self)`.
    pub(super) fn optimizely_version(self) -> Self {
        let version = match self {
            Self::Text(Cow::Borrowed(text)) => OptimizelyVersion::parse(text),
            Self::Text(Cow::Owned(text)) => {
                OptimizelyVersion::parse(&text).map(OptimizelyVersion::into_owned)
            }
            _ => None,
        };
        version.map_or(Self::Null, Self::OptimizelyVersion)
    }
}

/// Whether lower-casing would only copy the text.
fn is_lower_ascii(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

impl Comparison {
    /// Whether two values in this order satisfy the comparison.
    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}
