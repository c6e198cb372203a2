//! Conditions on attributes.
//!
//! A condition is an object of name, type, match and value. Each match becomes one condition of
//! the targeting language that is true, false and unknown for the same users (`condition.py` of the
//! Python kit 5.7.0, `evaluate` and the evaluators it calls):
//!
//! | match | value | rule |
//! |---|---|---|
//! | `exact`, null or absent | string | `a = "v"` |
//! | | boolean | `a = TRUE` |
//! | | number | `float(a) = 1.5` |
//! | `gt`, `ge`, `lt`, `le` | number | `float(a) > 1.5` |
//! | `substring` | string | `string(a) CONTAINS "v"` |
//! | `exists` | any | `a EXISTS` |
//! | `semver_eq`, `semver_gt`, … | string | `optimizely_version(a) >= "2.1"` |
//! | `qualified` | string | `` $opt_segments EXISTS AND $opt_segments CONTAINS "v" `` |
//!
//! Every other value makes the condition unknown whatever the user, and so do an unknown match, a
//! type other than `custom_attribute` and `third_party_dimension`, and a number beyond 2^53. A
//! condition without a name asks for an attribute that no user has: `exists` is false, the others
//! are unknown, and `qualified` does not look at the name.
//!
//! The segments that a user qualifies for are not fetched by the database; whoever asks for a
//! decision passes them as the array `$opt_segments`.

use serde_json::{Number as JsonNumber, Value};

use crate::attributes::Path;
use crate::float::Float;
use crate::number::Number;
use crate::optimizely::error::DatafileError;
use crate::optimizely::place::Place;
use crate::optimizely::read::{Node, Object, float, kind};
use crate::optimizely::warning::{Tally, Warning};
use crate::targeting::{Comparison, Expr, Operand, Test, Truth};

/// The attribute that holds a user's segments.
const SEGMENTS: &str = "$opt_segments";

/// The types of conditions that are evaluated.
const TYPES: [&str; 2] = ["custom_attribute", "third_party_dimension"];

/// The largest magnitude that a number may have, as a float.
const LARGEST: i64 = 1 << f64::MANTISSA_DIGITS;

/// What makes a condition the same for every user, counted.
#[derive(Default)]
pub(super) struct Findings {
    kind: Tally,
    matching: Tally,
    name: Tally,
    value: Tally,
    /// Operands that a `not` ignores.
    pub(super) ignored: Tally,
}

impl Findings {
    /// Appends a warning for each kind of finding.
    pub(super) fn report(self, warnings: &mut Vec<Warning>) {
        let Self {
            kind,
            matching,
            name,
            value,
            ignored,
        } = self;
        kind.report(warnings, "unknown type of condition, which nobody meets");
        matching.report(warnings, "unknown match, which nobody meets");
        name.report(
            warnings,
            "condition without the name of an attribute, which nobody meets",
        );
        value.report(
            warnings,
            "value that the match cannot compare, so nobody meets the condition",
        );
        ignored.report(warnings, "ignored: \"not\" takes one operand");
    }
}

/// Translates a condition.
pub(super) fn translate(node: &Node<'_>, findings: &mut Findings) -> Result<Expr, DatafileError> {
    let Value::Object(_) = node.value else {
        let message = format!("expected a condition, found {}", kind(node.value));
        let hint = "a condition is an object of name, type, match and value";
        return Err(node.error(message).with_hint(hint));
    };
    let condition = node.object()?;
    if !text(&condition, "type").is_some_and(|kind| TYPES.contains(&kind)) {
        findings.kind.add(&condition.place);
        return Ok(UNKNOWN);
    }
    let Some(matching) = Match::read(&condition) else {
        findings.matching.add(&condition.place);
        return Ok(UNKNOWN);
    };
    if matching == Match::Qualified {
        return known(
            qualified(&condition)?,
            &condition.place,
            &mut findings.value,
        );
    }
    let Some(attribute) = attribute(&condition)? else {
        findings.name.add(&condition.place);
        return Ok(match matching {
            Match::Exists => Expr::Constant(Truth::False),
            _ => UNKNOWN,
        });
    };
    let expr = matching.expr(attribute, &condition)?;
    known(expr, &condition.place, &mut findings.value)
}

const UNKNOWN: Expr = Expr::Constant(Truth::Unknown);

fn known(
    expr: Option<Expr>,
    place: &Place<'_>,
    unknown: &mut Tally,
) -> Result<Expr, DatafileError> {
    Ok(expr.unwrap_or_else(|| {
        unknown.add(place);
        UNKNOWN
    }))
}

/// How a condition looks at its attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Exact,
    Exists,
    Number(Comparison),
    Substring,
    Version(Comparison),
    Qualified,
}

impl Match {
    fn read(condition: &Object<'_>) -> Option<Self> {
        if condition.optional("match").is_none() {
            return Some(Self::Exact);
        }
        Some(match text(condition, "match")? {
            "exact" => Self::Exact,
            "exists" => Self::Exists,
            "gt" => Self::Number(Comparison::Greater),
            "ge" => Self::Number(Comparison::GreaterOrEqual),
            "lt" => Self::Number(Comparison::Less),
            "le" => Self::Number(Comparison::LessOrEqual),
            "substring" => Self::Substring,
            "semver_eq" => Self::Version(Comparison::Equal),
            "semver_gt" => Self::Version(Comparison::Greater),
            "semver_ge" => Self::Version(Comparison::GreaterOrEqual),
            "semver_lt" => Self::Version(Comparison::Less),
            "semver_le" => Self::Version(Comparison::LessOrEqual),
            "qualified" => Self::Qualified,
            _ => return None,
        })
    }

    /// The condition on an attribute; `None` if its value makes it unknown.
    fn expr(
        self,
        attribute: Operand,
        condition: &Object<'_>,
    ) -> Result<Option<Expr>, DatafileError> {
        let value = condition.optional("value");
        let value = value.as_ref();
        Ok(match self {
            Self::Exists => Some(test(attribute, Test::Exists)),
            Self::Exact => match literal(value)? {
                Some(number @ Operand::Number(_)) => Some(compare(
                    call(Operand::Float, attribute),
                    Comparison::Equal,
                    number,
                )),
                other => other.map(|value| compare(attribute, Comparison::Equal, value)),
            },
            Self::Number(comparison) => match literal(value)? {
                Some(number @ Operand::Number(_)) => {
                    Some(compare(call(Operand::Float, attribute), comparison, number))
                }
                _ => None,
            },
            Self::Substring => match literal(value)? {
                Some(part @ Operand::Text(_)) => {
                    Some(test(call(Operand::String, attribute), Test::Contains(part)))
                }
                _ => None,
            },
            Self::Version(comparison) => match literal(value)? {
                Some(target @ Operand::Text(_)) => {
                    let version = call(Operand::OptimizelyVersion, attribute);
                    Some(compare(version, comparison, target))
                }
                _ => None,
            },
            Self::Qualified => None,
        })
    }
}

/// Whether a segment is among the user's. Without segments that is false, never unknown.
fn qualified(condition: &Object<'_>) -> Result<Option<Expr>, DatafileError> {
    let value = condition.optional("value");
    let Some(segment @ Operand::Text(_)) = literal(value.as_ref())? else {
        return Ok(None);
    };
    let segments = || Operand::Attribute(Path::new(SEGMENTS));
    Ok(Some(Expr::and(vec![
        test(segments(), Test::Exists),
        test(segments(), Test::Contains(segment)),
    ])))
}

/// The attribute that a condition names: a key of the attributes, whatever characters it has.
fn attribute(condition: &Object<'_>) -> Result<Option<Operand>, DatafileError> {
    let Some(node) = condition.optional("name") else {
        return Ok(None);
    };
    if !node.value.is_string() {
        return Ok(None);
    }
    let name = node.text()?;
    if name.is_empty() {
        let message = "an attribute without characters in its name cannot be written in a rule";
        return Err(node.error(message));
    }
    Ok(Some(Operand::Attribute(Path::new(name))))
}

/// The value of a condition; `None` if it compares with nothing.
fn literal(value: Option<&Node<'_>>) -> Result<Option<Operand>, DatafileError> {
    let Some(node) = value else {
        return Ok(None);
    };
    Ok(match node.value {
        Value::String(_) => Some(Operand::Text(node.text()?.into())),
        Value::Bool(value) => Some(Operand::Bool(*value)),
        Value::Number(value) => number(value).map(Operand::Number),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

/// A number that counts: at most 2^53 either way. What is written as an integer is judged exactly,
/// anything else as the float that it is read as (`is_finite_number` in `validator.py`).
fn number(value: &JsonNumber) -> Option<Number> {
    let text = value.as_str();
    let exact = Number::parse(text);
    if !text.contains(['.', 'e', 'E']) {
        return exact.filter(|number| Float::nearest(number).is_some());
    }
    let float = float(value)?;
    let largest = LARGEST as f64;
    if float.abs() > largest {
        return None;
    }
    if float.abs() == largest {
        // Digits behind the point may lie beyond the bound and still be rounded to it.
        let sign = if float < 0.0 { -1 } else { 1 };
        return Some(Number::from(sign * LARGEST));
    }
    // Only a number too close to zero to be a float of its own cannot be parsed here.
    Some(exact.unwrap_or_else(|| Number::from(0)))
}

/// A member that is a string.
fn text<'d>(object: &Object<'d>, key: &'static str) -> Option<&'d str> {
    object.optional(key)?.value.as_str()
}

fn call(function: fn(Box<Operand>) -> Operand, argument: Operand) -> Operand {
    function(Box::new(argument))
}

fn compare(left: Operand, comparison: Comparison, right: Operand) -> Expr {
    Expr::Compare {
        left,
        comparison,
        right,
    }
}

fn test(operand: Operand, test: Test) -> Expr {
    Expr::Test {
        operand,
        negated: false,
        test,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(condition: &Value) -> String {
        let expr = translate(&Node::root(condition), &mut Findings::default());
        expr.map_or_else(|error| format!("error {error}"), |expr| expr.to_string())
    }

    fn of(matching: &str, value: &str) -> String {
        let value: Value = value.parse().unwrap();
        rule(&json!({"name": "a b", "type": "custom_attribute", "match": matching, "value": value}))
    }

    #[test]
    fn each_match_has_its_rule() {
        for (matching, value, expected) in [
            ("exact", r#""it's \"x\"""#, r#"`a b` = "it's \"x\"""#),
            ("exact", "true", "`a b` = TRUE"),
            ("exact", "1.50", "float(`a b`) = 1.5"),
            ("exact", "null", "NULL"),
            ("exact", "[1]", "NULL"),
            ("exact", "{}", "NULL"),
            ("gt", "1e3", "float(`a b`) > 1000"),
            ("ge", "0", "float(`a b`) >= 0"),
            ("lt", "-1", "float(`a b`) < -1"),
            (
                "le",
                "0.1000000000000000055",
                "float(`a b`) <= 0.1000000000000000055",
            ),
            ("le", "true", "NULL"),
            ("gt", r#""1""#, "NULL"),
            ("substring", r#""""#, r#"string(`a b`) CONTAINS """#),
            ("substring", "1", "NULL"),
            ("exists", "null", "`a b` EXISTS"),
            (
                "semver_eq",
                r#""2.1""#,
                r#"optimizely_version(`a b`) = "2.1""#,
            ),
            ("semver_ge", r#""v""#, r#"optimizely_version(`a b`) >= "v""#),
            ("semver_lt", "2", "NULL"),
            (
                "qualified",
                r#""s""#,
                r#"$opt_segments EXISTS AND $opt_segments CONTAINS "s""#,
            ),
            ("qualified", "1", "NULL"),
            ("regex", r#""s""#, "NULL"),
            ("Exact", r#""s""#, "NULL"),
        ] {
            assert_eq!(of(matching, value), expected, "{matching} {value}");
        }
    }

    #[test]
    fn numbers_count_up_to_two_to_the_53rd() {
        for (value, expected) in [
            ("9007199254740992", "float(`a b`) = 9007199254740992"),
            ("-9007199254740992", "float(`a b`) = -9007199254740992"),
            ("9007199254740993", "NULL"),
            ("-9007199254740993", "NULL"),
            ("9007199254740992.3", "float(`a b`) = 9007199254740992"),
            ("9007199254740993.0", "float(`a b`) = 9007199254740992"),
            ("9007199254740994.0", "NULL"),
            ("1e400", "NULL"),
            ("1e999999999999", "NULL"),
            ("1e-400000", "float(`a b`) = 0"),
            ("-0.0", "float(`a b`) = 0"),
        ] {
            assert_eq!(of("exact", value), expected, "{value}");
        }
    }

    #[test]
    fn type_and_match_may_be_wrong_or_absent() {
        let condition = |kind: Value, matching: Value| {
            rule(&json!({"name": "a", "type": kind, "match": matching, "value": "v"}))
        };
        assert_eq!(
            condition(json!("third_party_dimension"), json!(null)),
            r#"a = "v""#
        );
        assert_eq!(condition(json!("weird"), json!("exists")), "NULL");
        assert_eq!(condition(json!(null), json!("exists")), "NULL");
        assert_eq!(condition(json!("custom_attribute"), json!(5)), "NULL");
        assert_eq!(rule(&json!({"name": "a", "value": "v"})), "NULL");
    }

    /// The answers are those of `CustomAttributeConditionEvaluator` in `condition.py`.
    #[test]
    fn a_condition_without_a_name_asks_for_nothing() {
        for name in [json!(null), json!(5), json!(["a"])] {
            let condition = |matching: &str| {
                rule(
                    &json!({"name": name, "type": "custom_attribute", "match": matching, "value": "v"}),
                )
            };
            assert_eq!(condition("exact"), "NULL");
            assert_eq!(condition("exists"), "FALSE");
            assert_eq!(
                condition("qualified"),
                r#"$opt_segments EXISTS AND $opt_segments CONTAINS "v""#
            );
        }
    }

    #[test]
    fn what_no_rule_can_say_is_an_error() {
        let condition = |name: &str, value: &str| {
            rule(&json!({"name": name, "type": "custom_attribute", "value": value}))
        };
        assert!(condition("", "v").starts_with("error $.name: "));
        assert!(condition("a\0", "v").starts_with("error $.name: "));
        assert!(condition("a", "v\0").starts_with("error $.value: "));
        for leaf in [json!(1), json!(null), json!("a"), json!(true)] {
            assert!(rule(&leaf).starts_with("error $: expected a condition"));
        }
    }

    #[test]
    fn a_name_is_a_key_whatever_it_looks_like() {
        for (name, printed) in [
            ("utm.source", "`utm.source`"),
            ("a[0]", "`a[0]`"),
            ("in", "`in`"),
            ("`", "````"),
            ("$opt_bucketing_id", "$opt_bucketing_id"),
            ("a\nb", "`a\nb`"),
            ("ä", "ä"),
        ] {
            let condition = json!({"name": name, "type": "custom_attribute", "match": "exists"});
            assert_eq!(rule(&condition), format!("{printed} EXISTS"));
        }
    }
}
