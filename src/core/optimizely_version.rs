//! Versions, compared as Optimizely's SDKs compare them.
//!
//! ```
//! use std::cmp::Ordering::{Equal, Greater, Less};
//!
//! use lotty_core::optimizely_version::OptimizelyVersion;
//!
//! let compare = |user, target| {
//!     let target = OptimizelyVersion::parse(target)?;
//!     Some(OptimizelyVersion::parse(user)?.compare_to_target(&target))
//! };
//! assert_eq!(compare("2.1.9", "2.1"), Some(Equal));
//! assert_eq!(compare("2", "2.1"), Some(Less));
//! assert_eq!(compare("2.1.0-beta", "2.1.0"), Some(Less));
//! assert_eq!(compare("2.1.0-beta.10", "2.1.0-beta.9"), Some(Less));
//! assert_eq!(compare("2.1.0", "2.1.0-beta"), Some(Greater));
//! assert_eq!(compare("v2", "2"), None);
//! ```
//!
//! This is not the order of semver.org, which is [`version`](crate::version), and no order at
//! all: the two sides have roles. A *user* has a version and a condition names a *target*,
//! whose precision decides, so that a target of 2.1 means all of 2.1.x. Each is one to three
//! numbers and then, behind the first `-` or `+`, a suffix of any characters but blanks, which
//! is compared as one text: a pre-release behind `-`, a build behind `+`.
//!
//! The answers are those of the Python SDK 5.7.0 wherever it has one, and its oddities are kept:
//! a short user version is above every target with a suffix. It has none for a user's number
//! against a target's text, as in 2.0.0 against 2.0.0-beta; here the user is then below with a
//! pre-release and above otherwise. Only ASCII digits are digits.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A version that borrows from the text it was read from.
#[derive(Clone, Debug)]
pub struct OptimizelyVersion<'a> {
    /// One to three numbers, then the suffix if there is one.
    parts: [Option<Part<'a>>; 4],
    suffix: Suffix,
}

/// What the suffix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    None,
    PreRelease,
    Build,
}

#[derive(Clone, Debug)]
struct Part<'a> {
    text: Cow<'a, str>,
    /// How many zeros a number begins with; `None` for a part that is no number. Counted once,
    /// so that comparing costs no more than the target is long.
    zeros: Option<usize>,
}

impl<'a> OptimizelyVersion<'a> {
    /// Reads a version, `None` when the text is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.contains(' ') {
            return None;
        }
        let (numbers, suffix) = match text.split_once(['-', '+']) {
            Some((numbers, suffix)) => (numbers, Some(suffix)),
            None => (text, None),
        };
        let kind = match text
            .get(numbers.len()..)
            .and_then(|rest| rest.chars().next())
        {
            Some('-') => Suffix::PreRelease,
            Some(_) => Suffix::Build,
            None => Suffix::None,
        };
        let mut parts = [const { None }; 4];
        let mut slots = parts.iter_mut();
        for number in numbers.split('.') {
            let part = Part::new(number);
            if part.zeros.is_none() || slots.len() == 1 {
                return None;
            }
            *slots.next()? = Some(part);
        }
        if let Some(suffix) = suffix {
            *slots.next()? = Some(Part::new(suffix));
        }
        Some(Self {
            parts,
            suffix: kind,
        })
    }

    /// The order of this version, the user's, and the one that a condition names.
    pub fn compare_to_target(&self, target: &OptimizelyVersion<'_>) -> Ordering {
        let mut parts = self.parts.iter().flatten();
        for target_part in target.parts.iter().flatten() {
            let order = match parts.next() {
                Some(part) => self.compare_part(part, target, target_part),
                None if target.suffix == Suffix::None => Ordering::Less,
                None => Ordering::Greater,
            };
            if order.is_ne() {
                return order;
            }
        }
        if self.is_pre_release() && !target.is_pre_release() {
            return Ordering::Less;
        }
        Ordering::Equal
    }

    fn compare_part(
        &self,
        part: &Part<'_>,
        target: &OptimizelyVersion<'_>,
        target_part: &Part<'_>,
    ) -> Ordering {
        let Some(number) = part.digits() else {
            // One of the two being a pre-release outweighs the texts, but not their equality.
            return match part.text.cmp(&target_part.text) {
                Ordering::Less if target.is_pre_release() && !self.is_pre_release() => {
                    Ordering::Greater
                }
                Ordering::Greater if self.is_pre_release() && !target.is_pre_release() => {
                    Ordering::Less
                }
                order => order,
            };
        };
        match target_part.digits() {
            Some(digits) => compare_numbers(number, digits),
            None => compare_to_signed(number, &target_part.text).unwrap_or({
                if self.is_pre_release() {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }),
        }
    }

    fn is_pre_release(&self) -> bool {
        self.suffix == Suffix::PreRelease
    }

    /// The same version, independent of the text it was read from.
    pub fn into_owned(self) -> OptimizelyVersion<'static> {
        OptimizelyVersion {
            parts: self.parts.map(|part| part.map(Part::into_owned)),
            suffix: self.suffix,
        }
    }

    /// The same version, borrowing from this one.
    pub fn borrowed(&self) -> OptimizelyVersion<'_> {
        OptimizelyVersion {
            parts: self
                .parts
                .each_ref()
                .map(|part| part.as_ref().map(Part::borrowed)),
            suffix: self.suffix,
        }
    }
}

impl<'a> Part<'a> {
    fn new(text: &'a str) -> Self {
        let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Self {
            text: Cow::Borrowed(text),
            zeros: number.then(|| text.len() - text.trim_start_matches('0').len()),
        }
    }

    /// The digits of a number without its leading zeros.
    fn digits(&self) -> Option<&str> {
        self.text.get(self.zeros?..)
    }

    fn into_owned(self) -> Part<'static> {
        Part {
            text: Cow::Owned(self.text.into_owned()),
            zeros: self.zeros,
        }
    }

    fn borrowed(&self) -> Part<'_> {
        Part {
            text: Cow::Borrowed(&self.text),
            zeros: self.zeros,
        }
    }
}

/// Compares numbers that have no leading zeros: the longer one is the greater one.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Compares a number without leading zeros with the suffix of a target that is a number behind
/// a sign, as in `2.0.0+-5`; `None` if it is none.
fn compare_to_signed(number: &str, suffix: &str) -> Option<Ordering> {
    let part = Part::new(suffix.strip_prefix(['+', '-'])?);
    let digits = part.digits()?;
    let negative = suffix.starts_with('-') && !digits.is_empty();
    Some(if negative {
        Ordering::Greater
    } else {
        compare_numbers(number, digits)
    })
}
