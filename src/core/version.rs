//! Versions, ordered as semver.org 2.0.0 orders them.
//!
//! ```
//! use lotty_core::version::Version;
//!
//! let version = |text| Version::parse(text).ok_or(text);
//! assert!(version("2.10.0")? > version("2.9.9")?);
//! assert!(version("2.0.0-rc.1")? < version("2.0.0")?);
//! assert_eq!(version("2.1")?, version("2.1.0+build.7")?);
//! assert!(Version::parse("v2").is_none());
//! # Ok::<(), &str>(())
//! ```
//!
//! Reading is more lenient than the standard in two ways, because applications report what
//! their stores call a version: the second and third number may be left out and are then zero
//! (`2.1-rc.1` is `2.1.0-rc.1`), and a number may have leading zeros (`2024.06.1`). Numbers may
//! have any length. Anything else, a leading `v` or a blank included, is not a version.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A version that borrows from the text it was read from.
///
/// Equality is that of the ordering: build metadata and leading zeros do not count.
#[derive(Clone, Debug)]
pub struct Version<'a> {
    /// Major, minor and patch, without leading zeros; zero is the empty text.
    numbers: [Cow<'a, str>; 3],
    /// The pre-release identifiers joined by dots; empty for a release.
    pre_release: Cow<'a, str>,
}

impl<'a> Version<'a> {
    /// Reads a version, `None` when the text is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (text, build) = split_suffix(text, '+');
        let (core, pre_release) = split_suffix(text, '-');
        if !build.is_none_or(are_identifiers) || !pre_release.is_none_or(are_identifiers) {
            return None;
        }
        let mut parts = core.split('.');
        let numbers = [
            number(parts.next())?,
            number(parts.next())?,
            number(parts.next())?,
        ];
        if core.is_empty() || parts.next().is_some() {
            return None;
        }
        Some(Self {
            numbers: numbers.map(Cow::Borrowed),
            pre_release: Cow::Borrowed(pre_release.unwrap_or_default()),
        })
    }

    /// The same version, independent of the text it was read from.
    pub fn into_owned(self) -> Version<'static> {
        Version {
            numbers: self.numbers.map(|number| Cow::Owned(number.into_owned())),
            pre_release: Cow::Owned(self.pre_release.into_owned()),
        }
    }

    /// The same version, borrowing from this one.
    pub fn borrowed(&self) -> Version<'_> {
        Version {
            numbers: self
                .numbers
                .each_ref()
                .map(|number| Cow::Borrowed(&**number)),
            pre_release: Cow::Borrowed(&self.pre_release),
        }
    }
}

fn split_suffix(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((text, suffix)) => (text, Some(suffix)),
        None => (text, None),
    }
}

/// A number without its leading zeros; the empty text where the part is absent.
fn number(part: Option<&str>) -> Option<&str> {
    match part {
        None => Some(""),
        Some(digits) if is_numeric(digits) => Some(digits.trim_start_matches('0')),
        Some(_) => None,
    }
}

fn is_numeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn are_identifiers(text: &str) -> bool {
    let is_identifier = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.').all(is_identifier)
}

/// Compares numbers that have no leading zeros: the longer one is the greater one.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Rule 11 of semver.org: numbers below words, numbers by value, words by ASCII.
fn compare_identifiers(left: &str, right: &str) -> Ordering {
    match (is_numeric(left), is_numeric(right)) {
        (true, true) => {
            compare_numbers(left.trim_start_matches('0'), right.trim_start_matches('0'))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.cmp(right),
    }
}

fn compare_pre_releases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let mut others = right.split('.');
    for identifier in left.split('.') {
        let Some(other) = others.next() else {
            return Ordering::Greater;
        };
        let order = compare_identifiers(identifier, other);
        if order.is_ne() {
            return order;
        }
    }
    // Equal as far as the left goes: the one with more identifiers is the greater one.
    others.next().map_or(Ordering::Equal, |_| Ordering::Less)
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.iter().zip(&other.numbers);
        numbers
            .map(|(left, right)| compare_numbers(left, right))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| compare_pre_releases(&self.pre_release, &other.pre_release))
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version<'_> {}
