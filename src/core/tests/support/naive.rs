//! The rules of the language once more, as plainly as they can be said: no short cuts, no
//! laziness, everything owned, truth as `Option<bool>`. It shares the syntax tree with the
//! implementation and nothing else.

use std::cmp::Ordering;
use std::sync::LazyLock;

use lotty_core::attributes::{Path, Segment};
use lotty_core::targeting::{Comparison, Expr, List, Operand, Test};
use regex::Regex;
use serde_json::Value as Json;

#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Nothing,
    Bool(bool),
    Number(String),
    Float(f64),
    Text(String),
    Version(String),
    OptimizelyVersion(String),
    Array(Vec<Plain>),
    Object,
}

pub fn truth(expr: &Expr, document: &Json) -> Option<bool> {
    match expr {
        Expr::Constant(value) => value.known(),
        Expr::Attribute(path) => match fetch(path, document) {
            Plain::Bool(value) => Some(value),
            _ => None,
        },
        Expr::Audience(_) => None,
        Expr::Not(inner) => not(truth(inner, document)),
        Expr::And(parts) => {
            let all: Vec<_> = parts.iter().map(|part| truth(part, document)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else if all.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Expr::Or(parts) => any(parts.iter().map(|part| truth(part, document)).collect()),
        Expr::Compare {
            left,
            comparison,
            right,
        } => compare(&plain(left, document), *comparison, &plain(right, document)),
        Expr::Test {
            operand,
            negated,
            test,
        } => {
            let result = check(&plain(operand, document), test, document);
            if *negated { not(result) } else { result }
        }
    }
}

fn not(truth: Option<bool>) -> Option<bool> {
    truth.map(|value| !value)
}

fn any(all: Vec<Option<bool>>) -> Option<bool> {
    if all.contains(&Some(true)) {
        Some(true)
    } else if all.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn check(left: &Plain, test: &Test, document: &Json) -> Option<bool> {
    let among = |list: Vec<Plain>| {
        any(list
            .iter()
            .map(|item| compare(left, Comparison::Equal, item))
            .collect())
    };
    match (test, left) {
        (Test::Null, _) => Some(*left == Plain::Nothing),
        (Test::Exists, _) => Some(*left != Plain::Nothing),
        (Test::In(List::Members(members)), _) => among(
            members
                .iter()
                .map(|member| plain(member, document))
                .collect(),
        ),
        (Test::In(List::Attribute(path)), _) => match fetch(path, document) {
            Plain::Array(list) => among(list),
            _ => None,
        },
        (Test::Between(low, high), _) => {
            let low = compare(left, Comparison::GreaterOrEqual, &plain(low, document));
            let high = compare(left, Comparison::LessOrEqual, &plain(high, document));
            not(any(vec![not(low), not(high)]))
        }
        (Test::Contains(item), Plain::Array(list)) => {
            let item = plain(item, document);
            any(list
                .iter()
                .map(|element| compare(element, Comparison::Equal, &item))
                .collect())
        }
        (Test::Contains(item), Plain::Text(text)) => match plain(item, document) {
            Plain::Text(part) => Some(occurs(&part, text)),
            _ => None,
        },
        (Test::StartsWith(part), Plain::Text(text)) => {
            Some(text.get(..part.len()) == Some(&**part))
        }
        (Test::EndsWith(part), Plain::Text(text)) => {
            let start = text.len().checked_sub(part.len());
            Some(start.and_then(|start| text.get(start..)) == Some(&**part))
        }
        (Test::Matches(_), Plain::Text(text)) if text.len() > 65_536 => None,
        (Test::Matches(pattern), Plain::Text(text)) => {
            Some(Regex::new(pattern.source()).unwrap().find(text).is_some())
        }
        _ => None,
    }
}

fn occurs(part: &str, text: &str) -> bool {
    (0..=text.len()).any(|start| text.as_bytes()[start..].starts_with(part.as_bytes()))
}

fn compare(left: &Plain, comparison: Comparison, right: &Plain) -> Option<bool> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let order = match (left, right) {
        (Plain::Bool(left), Plain::Bool(right)) => {
            return match comparison {
                Equal => Some(left == right),
                NotEqual => Some(left != right),
                _ => None,
            };
        }
        (Plain::Number(left), Plain::Number(right)) => compare_numbers(left, right),
        (Plain::Float(left), Plain::Float(right)) => left.partial_cmp(right).unwrap(),
        (Plain::Float(left), Plain::Number(right)) => left.partial_cmp(&float(right)?).unwrap(),
        (Plain::Number(left), Plain::Float(right)) => float(left)?.partial_cmp(right).unwrap(),
        (Plain::Text(left), Plain::Text(right)) => left.chars().cmp(right.chars()),
        (Plain::OptimizelyVersion(user), Plain::Text(target)) => compare_to_target(target, user)?,
        (Plain::Text(target), Plain::OptimizelyVersion(user)) => {
            compare_to_target(target, user)?.reverse()
        }
        (Plain::Version(left), Plain::Version(right) | Plain::Text(right))
        | (Plain::Text(left), Plain::Version(right)) => compare_versions(left, right)?,
        _ => return None,
    };
    Some(match order {
        Ordering::Less => matches!(comparison, NotEqual | Less | LessOrEqual),
        Ordering::Equal => matches!(comparison, Equal | LessOrEqual | GreaterOrEqual),
        Ordering::Greater => matches!(comparison, NotEqual | Greater | GreaterOrEqual),
    })
}

fn plain(operand: &Operand, document: &Json) -> Plain {
    match operand {
        Operand::Attribute(path) => fetch(path, document),
        Operand::Text(text) => Plain::Text(text.to_string()),
        Operand::Number(number) => Plain::Number(number.to_string()),
        Operand::Bool(value) => Plain::Bool(*value),
        Operand::Null => Plain::Nothing,
        Operand::Float(argument) => match plain(argument, document) {
            Plain::Number(text) => float(&text).map_or(Plain::Nothing, Plain::Float),
            Plain::Float(value) => Plain::Float(value),
            _ => Plain::Nothing,
        },
        Operand::String(argument) => match plain(argument, document) {
            Plain::Text(text) => Plain::Text(text),
            _ => Plain::Nothing,
        },
        Operand::OptimizelyVersion(argument) => match plain(argument, document) {
            Plain::Text(text) if split_version(&text).is_some() => Plain::OptimizelyVersion(text),
            _ => Plain::Nothing,
        },
        Operand::Lower(argument) => match plain(argument, document) {
            Plain::Text(text) => Plain::Text(text.to_lowercase()),
            _ => Plain::Nothing,
        },
        Operand::Semver(argument) => match plain(argument, document) {
            Plain::Text(text) if compare_versions(&text, "1").is_some() => Plain::Version(text),
            _ => Plain::Nothing,
        },
    }
}

fn fetch(path: &Path, document: &Json) -> Plain {
    let mut json = document.clone();
    for segment in path.segments() {
        json = match segment {
            Segment::Key(key) if json.is_object() => json[&**key].clone(),
            Segment::Index(index) if json.is_array() => json[*index as usize].clone(),
            _ => Json::Null,
        };
    }
    from_json(json)
}

fn from_json(json: Json) -> Plain {
    match json {
        Json::Null => Plain::Nothing,
        Json::Bool(value) => Plain::Bool(value),
        Json::Number(number) => Plain::Number(number.to_string()),
        Json::String(text) => Plain::Text(text),
        Json::Array(list) => Plain::Array(list.into_iter().map(from_json).collect()),
        Json::Object(_) => Plain::Object,
    }
}

/// How many places before and after the point numbers are written out to.
const PLACES: i64 = 700;

/// Writes both numbers out in full, padded to the same length, and compares the texts.
pub fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (left_negative, left) = written_out(left);
    let (right_negative, right) = written_out(right);
    let zero = "0".repeat(left.len());
    match (
        left_negative && left != zero,
        right_negative && right != zero,
    ) {
        (false, false) => left.cmp(&right),
        (true, true) => right.cmp(&left),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

fn written_out(text: &str) -> (bool, String) {
    let negative = text.starts_with('-');
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((&unsigned, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut places = vec![b'0'; usize::try_from(2 * PLACES).unwrap()];
    let first = PLACES - exponent - i64::try_from(whole.len()).unwrap();
    for (offset, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let place = usize::try_from(first).unwrap() + offset;
        places[place] = digit;
    }
    (negative, String::from_utf8(places).unwrap())
}

/// The precedence of semver.org, with numbers padded to the same length; `None` if one of the
/// texts is no version.
pub fn compare_versions(left: &str, right: &str) -> Option<Ordering> {
    Some(version_key(left)?.cmp(&version_key(right)?))
}

/// A version as something that compares by itself: the numbers; whether it is a release; its
/// identifiers, each as whether it is a word, and its text, numbers padded.
type Key = (Vec<String>, bool, Vec<(bool, String)>);

fn version_key(text: &str) -> Option<Key> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        let number = r"(\d+)";
        let identifiers = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*";
        let text = format!(
            r"^{number}(?:\.{number})?(?:\.{number})?(?:-({identifiers}))?(?:\+{identifiers})?$"
        );
        Regex::new(&text).unwrap()
    });
    if !text.is_ascii() {
        return None;
    }
    let groups = PATTERN.captures(text)?;
    let padded = |number: &str| format!("{number:0>200}");
    let numbers = (1..=3).map(|group| padded(groups.get(group).map_or("", |found| found.as_str())));
    let identifiers = match groups.get(4) {
        None => Vec::new(),
        Some(found) => found
            .as_str()
            .split('.')
            .map(
                |identifier| match identifier.chars().all(|c| c.is_ascii_digit()) {
                    true => (false, padded(identifier)),
                    false => (true, identifier.to_owned()),
                },
            )
            .collect(),
    };
    Some((numbers.collect(), groups.get(4).is_none(), identifiers))
}

/// The number as a float, within the bounds of Optimizely: integers are judged as they are.
fn float(text: &str) -> Option<f64> {
    const LARGEST: &str = "9007199254740992";
    let next = ["9007199254740993", "-9007199254740993"];
    let value: f64 = text.parse().unwrap();
    let is_next = next.iter().any(|next| compare_numbers(next, text).is_eq());
    (value.abs() <= LARGEST.parse().unwrap() && !is_next).then_some(value)
}

/// `compare_user_version_with_target_version` of Optimizely's Python SDK 5.7.0, step by step.
/// Where that raises an exception, semver.org decides what is greater.
pub fn compare_to_target(target: &str, user: &str) -> Option<Ordering> {
    let target_is_pre_release = is_pre_release(target);
    let user_is_pre_release = is_pre_release(user);
    let target_has_suffix = target.contains(['-', '+']);
    let targets = split_version(target)?;
    let users = split_version(user)?;
    for (index, target) in targets.iter().enumerate() {
        let Some(user) = users.get(index) else {
            return Some(if target_has_suffix {
                Ordering::Greater
            } else {
                Ordering::Less
            });
        };
        if !is_digits(user) {
            match user.chars().cmp(target.chars()) {
                Ordering::Less if target_is_pre_release && !user_is_pre_release => {
                    return Some(Ordering::Greater);
                }
                Ordering::Greater if user_is_pre_release && !target_is_pre_release => {
                    return Some(Ordering::Less);
                }
                Ordering::Equal => {}
                order => return Some(order),
            }
            continue;
        }
        let unsigned = target.strip_prefix(['+', '-']).unwrap_or(target);
        if !is_digits(unsigned) {
            return Some(if user_is_pre_release {
                Ordering::Less
            } else {
                Ordering::Greater
            });
        }
        let order = compare_numbers(user, target);
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(if user_is_pre_release && !target_is_pre_release {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}

fn is_pre_release(version: &str) -> bool {
    match (version.find('-'), version.find('+')) {
        (Some(_), None) => true,
        (Some(pre_release), Some(build)) => pre_release < build,
        (None, _) => false,
    }
}

fn split_version(version: &str) -> Option<Vec<String>> {
    let separator = if is_pre_release(version) { '-' } else { '+' };
    let (numbers, suffix) = match version.split_once(separator) {
        Some((numbers, suffix)) => (numbers, Some(suffix)),
        None => (version, None),
    };
    let mut parts: Vec<String> = numbers.split('.').map(String::from).collect();
    if version.contains(' ') || parts.len() > 3 || !parts.iter().all(|part| is_digits(part)) {
        return None;
    }
    parts.extend(suffix.map(String::from));
    Some(parts)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}
