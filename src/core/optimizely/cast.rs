//! The text of a variable as the value of its type.
//!
//! Optimizely keeps every value as text and casts it when a user asks; where the text cannot be
//! cast, the answer is null. What counts as a number is the business of the language that the kit
//! is written in. This follows Python, of the released kit 5.7.0 (`get_typecast_value` in
//! `project_config.py`: `int`, `float` and `json.loads`), in what other kits accept as well:
//!
//! | type | accepted | differs from Python |
//! |---|---|---|
//! | boolean | every text; only `true` is true | |
//! | integer | white space, sign, decimal digits, `_` between digits | digits other than 0 to 9 are refused, as by Ruby |
//! | double | the same with point and exponent | infinity and NaN are null: JSON has neither |
//! | json | JSON | `NaN` and `Infinity` are refused, as by Ruby; numbers beyond floats are null |

use serde_json::{Number, Value};

use crate::optimizely::read::float;

/// The most digits of an integer that Python reads (`sys.int_info.default_max_str_digits`).
const MAX_DIGITS: usize = 4300;

/// The type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Double,
    Json,
    /// `string`, and every type that is not known.
    Text,
}

impl Kind {
    /// A type by its name. Datafiles spell JSON as a string of subtype `json`.
    pub(super) fn new(kind: &str, sub_type: Option<&str>) -> Self {
        match (kind, sub_type) {
            ("boolean", _) => Self::Boolean,
            ("integer", _) => Self::Integer,
            ("double", _) => Self::Double,
            ("json", _) | ("string", Some("json")) => Self::Json,
            _ => Self::Text,
        }
    }

    /// The value that a text stands for; `None` if it is none of this type.
    pub(super) fn cast(self, text: &str) -> Option<Value> {
        match self {
            Self::Boolean => Some(Value::Bool(text == "true")),
            Self::Integer => integer(text).map(Value::Number),
            Self::Double => double(text).map(Value::Number),
            Self::Json => json(text),
            Self::Text => Some(Value::String(text.to_owned())),
        }
    }
}

/// Python's `int(text)`.
fn integer(text: &str) -> Option<Number> {
    let digits = without_separators(trimmed(text))?;
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    whole(sign, digits)
}

/// An integer, exact, without the zeros in front of it.
fn whole(sign: &str, digits: &str) -> Option<Number> {
    if digits.len() > MAX_DIGITS {
        return None;
    }
    match digits.trim_start_matches('0') {
        "" => Some(Number::from(0)),
        digits => format!("{sign}{digits}").parse().ok(),
    }
}

/// Python's `float(text)`.
fn double(text: &str) -> Option<Number> {
    // Rust's grammar of floats is Python's but for the separators.
    let text = without_separators(trimmed(text))?;
    text.parse().ok().and_then(Number::from_f64)
}

/// The text without what Python counts as white space at either end.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
    })
}

/// The text without underscores, each of which must have a digit on either side.
fn without_separators(text: &str) -> Option<String> {
    let mut parts = text.split('_');
    let mut joined = parts.next()?.to_owned();
    for part in parts {
        let between = joined.ends_with(is_digit) && part.starts_with(is_digit);
        if !between {
            return None;
        }
        joined.push_str(part);
    }
    Some(joined)
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

/// Python's `json.loads(text)`.
fn json(text: &str) -> Option<Value> {
    let mut value = serde_json::from_str(text).ok()?;
    settle(&mut value)?;
    Some(value)
}

/// Gives each number inside a value the form that Python's reader would: an integer keeps its
/// digits, anything else becomes the nearest float. `None` if Python would refuse an integer.
///
/// The recursion is as deep as the value, which the parser has bounded.
fn settle(value: &mut Value) -> Option<()> {
    match value {
        Value::Number(number) => {
            let text = number.as_str();
            if text.contains(['.', 'e', 'E']) {
                let float = float(number).and_then(Number::from_f64);
                *value = float.map_or(Value::Null, Value::Number);
            } else {
                let digits = text.trim_start_matches('-');
                let sign = if text.starts_with('-') { "-" } else { "" };
                *number = whole(sign, digits)?;
            }
            Some(())
        }
        Value::Array(elements) => elements.iter_mut().try_for_each(settle),
        Value::Object(members) => members.values_mut().try_for_each(settle),
        Value::Null | Value::Bool(_) | Value::String(_) => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(kind: Kind, text: &str) -> String {
        kind.cast(text)
            .map_or_else(|| "none".to_owned(), |value| value.to_string())
    }

    #[test]
    fn types_are_known_by_name() {
        assert_eq!(Kind::new("string", Some("json")), Kind::Json);
        assert_eq!(Kind::new("integer", Some("json")), Kind::Integer);
        assert_eq!(Kind::new("string", Some("")), Kind::Text);
        assert_eq!(Kind::new("colour", None), Kind::Text);
    }

    #[test]
    fn only_the_text_true_is_true() {
        for (text, value) in [
            ("true", "true"),
            ("True", "false"),
            ("", "false"),
            ("1", "false"),
        ] {
            assert_eq!(cast(Kind::Boolean, text), value);
        }
    }

    /// The right side is what Python's `int` gives, but for digits of other scripts.
    #[test]
    fn integers_are_pythons() {
        for (text, value) in [
            ("007", "7"),
            (" \u{1f}+42\u{2003}", "42"),
            ("-0", "0"),
            ("-1_000", "-1000"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("1__0", "none"),
            ("_1", "none"),
            ("1_", "none"),
            ("1.0", "none"),
            ("1e3", "none"),
            ("0x1f", "none"),
            ("+-1", "none"),
            ("", "none"),
            ("٢", "none"),
        ] {
            assert_eq!(cast(Kind::Integer, text), value, "{text:?}");
        }
        assert!(Kind::Integer.cast(&"9".repeat(4300)).is_some());
        assert!(Kind::Integer.cast(&"9".repeat(4301)).is_none());
    }

    #[test]
    fn doubles_are_pythons() {
        for (text, value) in [
            (".5", "0.5"),
            ("5.", "5.0"),
            ("1e3", "1000.0"),
            (" -2.25\n", "-2.25"),
            ("1_0.5_0", "10.5"),
            ("0.1000000000000000055", "0.1"),
            ("1_.5", "none"),
            ("1e400", "none"),
            ("nan", "none"),
            ("-Infinity", "none"),
            ("x1", "none"),
            (".", "none"),
            ("", "none"),
            ("0x10", "none"),
        ] {
            assert_eq!(cast(Kind::Double, text), value, "{text:?}");
        }
    }

    #[test]
    fn json_is_read_as_python_reads_it() {
        for (text, value) in [
            (
                r#" {"a": [1, 2.50, null, true, "s"]} "#,
                r#"{"a":[1,2.5,null,true,"s"]}"#,
            ),
            ("12345678901234567890123", "12345678901234567890123"),
            ("0.30000000000000000001", "0.3"),
            ("[1e400, -0, -0.0]", "[null,0,-0.0]"),
            (r#"{"a": 1, "a": 2}"#, r#"{"a":2}"#),
            ("{broken", "none"),
            ("NaN", "none"),
            ("", "none"),
        ] {
            assert_eq!(cast(Kind::Json, text), value, "{text:?}");
        }
        let digits = "1".repeat(4301);
        assert_eq!(cast(Kind::Json, &format!("[{digits}]")), "none");
        let nested = "[".repeat(10_000);
        assert_eq!(cast(Kind::Json, &nested), "none");
    }
}
