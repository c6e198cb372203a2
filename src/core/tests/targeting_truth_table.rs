//! What every rule means: a table written by hand, and every operator over every pair of types.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use lotty_core::targeting::{Truth, parse};
use serde_json::{Value as Json, json};
use support::{Document, evaluate, naive, rule};

/// One JSON object per line, so that SQL can read the same table:
/// `{"rule": "…", "attributes": {…}, "truth": true|false|null}`.
const CASES: &str = include_str!("targeting_cases.txt");

#[test]
fn every_case_of_the_table_holds() {
    let mut count = 0;
    for (line, case) in CASES.lines().enumerate() {
        let case: Json = serde_json::from_str(case).unwrap();
        let source = case["rule"].as_str().unwrap();
        let found = evaluate(source, &case["attributes"]).known();
        assert_eq!(found, case["truth"].as_bool(), "line {}: {case}", line + 1);
        count += 1;
    }
    assert!(count > 400, "the table has only {count} lines");
}

/// The naive evaluator is trusted elsewhere, so it has to know the table too.
#[test]
fn every_case_of_the_table_holds_for_the_naive_evaluator() {
    for (line, case) in CASES.lines().enumerate() {
        let case: Json = serde_json::from_str(case).unwrap();
        let expr = parse(case["rule"].as_str().unwrap()).unwrap();
        let found = naive::truth(&expr, &case["attributes"]);
        assert_eq!(found, case["truth"].as_bool(), "line {}: {case}", line + 1);
    }
}

/// Values of every type that an attribute can have; `missing` is in no document.
fn document() -> Json {
    serde_json::from_str(
        r#"{
            "null": null, "yes": true, "no": false,
            "empty": "", "word": "beta", "upper": "BETA", "version": "2.10.0", "old": "2.9",
            "release_candidate": "2.10.0-rc.1", "text_number": "5",
            "zero": -0.0, "five": 5, "five_point": 5.00, "big": 12345678901234567890123456789012,
            "nothing": [], "words": ["alpha", "beta"], "mixed": [null, 5, "beta", true, [5], {}, 6, "b", false],
            "versions": ["2.9", "2.10.0"], "object": {"beta": 1}
        }"#,
    )
    .unwrap()
}

const OPERANDS: &[&str] = &[
    "missing",
    "`null`",
    "yes",
    "no",
    "empty",
    "word",
    "upper",
    "version",
    "old",
    "release_candidate",
    "text_number",
    "zero",
    "five",
    "five_point",
    "big",
    "nothing",
    "words",
    "mixed",
    "versions",
    "object",
    "object.beta",
    "mixed[1]",
    "object[0]",
    "words.beta",
    "semver(version)",
    "semver(old)",
    "semver(word)",
    "semver(five)",
    "semver(missing)",
    "lower(upper)",
    "lower(five)",
    "lower(semver(version))",
    "float(five_point)",
    "float(big)",
    "float(word)",
    "string(word)",
    "string(five)",
    "optimizely_version(version)",
    "optimizely_version(release_candidate)",
    "optimizely_version(word)",
    "NULL",
    "TRUE",
    "FALSE",
    "\"\"",
    "\"beta\"",
    "\"et\"",
    "\"2.9\"",
    "5",
    "0",
    "-5.0",
    "12345678901234567890123456789013",
    "semver(\"2.10\")",
    "semver(\"beta\")",
    "lower(\"BETA\")",
    "float(5)",
    "float(0.1000000000000000055)",
    "0.1",
    "9007199254740993",
    "string(\"beta\")",
    "optimizely_version(\"2.10.3\")",
];

const LISTS: &[&str] = &[
    "[]",
    "(NULL)",
    "(\"beta\")",
    "(5, 6)",
    "(\"alpha\", 5)",
    "(5, NULL, \"beta\")",
    "(TRUE, FALSE)",
    "(word, five, missing)",
    "(semver(\"2.10.0\"), \"x\")",
    "missing",
    "`null`",
    "nothing",
    "words",
    "mixed",
    "versions",
    "word",
    "five",
    "object",
    // Long enough to be searched by halves.
    "('a','b','c','d','e','f','g','h','i','j','k','l','m','beta','o','p','q','2.10')",
];

const TEXTS: &[&str] = &[
    "\"\"",
    "\"be\"",
    "\"ta\"",
    "\"beta\"",
    "\"2.1\"",
    "\"betabeta\"",
    "'5'",
];

/// Every operator with everything that can stand around it.
fn conditions() -> Vec<String> {
    let mut all = Vec::new();
    for left in OPERANDS {
        for negation in ["", "NOT "] {
            all.push(format!("{left} {negation}EXISTS"));
            all.push(format!("{left} IS {negation}NULL"));
            for text in TEXTS {
                for operator in ["STARTS_WITH", "ENDS_WITH", "MATCHES"] {
                    all.push(format!("{left} {negation}{operator} {text}"));
                }
            }
            for list in LISTS {
                all.push(format!("{left} {negation}IN {list}"));
            }
            for right in OPERANDS {
                all.push(format!("{left} {negation}CONTAINS {right}"));
                all.push(format!("{left} {negation}BETWEEN {right} AND \"beta\""));
                all.push(format!("{left} {negation}BETWEEN 0 AND {right}"));
            }
        }
        for right in OPERANDS {
            for operator in ["=", "==", "!=", "<>", "<", "<=", ">", ">="] {
                all.push(format!("{left} {operator} {right}"));
            }
        }
    }
    all
}

#[test]
fn every_operator_over_every_pair_of_types_agrees_with_the_naive_evaluator() {
    let document = document();
    let attributes = Document(document.clone());
    let mut counts = [0; 3];
    for source in conditions() {
        let expected = naive::truth(&parse(&source).unwrap(), &document);
        let found = rule(&source).evaluate(&attributes);
        assert_eq!(found.known(), expected, "{source}");
        counts[found as usize] += 1;
    }
    assert!(
        counts.iter().all(|&count| count > 500),
        "one-sided table: {counts:?}"
    );
}

#[test]
fn connectives_follow_the_tables_of_three_valued_logic() {
    let document = json!({"t": true, "f": false});
    let operands = [("t", Some(true)), ("f", Some(false)), ("u", None)];
    for (left, p) in operands {
        assert_eq!(
            evaluate(&format!("NOT {left}"), &document).known(),
            p.map(|p| !p)
        );
        for (right, q) in operands {
            let and = match (p, q) {
                (Some(true), Some(true)) => Some(true),
                (Some(false), _) | (_, Some(false)) => Some(false),
                _ => None,
            };
            let or = match (p, q) {
                (Some(false), Some(false)) => Some(false),
                (Some(true), _) | (_, Some(true)) => Some(true),
                _ => None,
            };
            assert_eq!(
                evaluate(&format!("{left} AND {right}"), &document).known(),
                and
            );
            assert_eq!(
                evaluate(&format!("{left} OR {right}"), &document).known(),
                or
            );
        }
    }
}

#[test]
fn truths_combine_and_convert() {
    assert_eq!(Truth::from(true).and(Truth::Unknown), Truth::Unknown);
    assert_eq!(Truth::from(false).or(Truth::Unknown), Truth::Unknown);
    assert!(Truth::True.is_true() && !Truth::Unknown.is_true() && !Truth::False.is_true());
}

#[test]
fn only_blank_and_true_are_everyone() {
    for everyone in ["", " \n\t\u{a0}", "TRUE", "(true)"] {
        assert!(rule(everyone).is_everyone(), "{everyone:?}");
        assert_eq!(evaluate(everyone, &json!({})), Truth::True);
    }
    for not_everyone in ["FALSE", "NULL", "NOT NULL", "a", "TRUE = TRUE", "a OR TRUE"] {
        assert!(!rule(not_everyone).is_everyone(), "{not_everyone:?}");
    }
}

#[test]
fn spelling_is_printed_in_one_way() {
    for (source, printed) in [
        ("", "TRUE"),
        ("((a))", "a"),
        ("a&&b||c and!d", "a AND b OR c AND NOT d"),
        ("(a AND b) AND (c AND d)", "a AND b AND c AND d"),
        ("a AND (b OR c)", "a AND (b OR c)"),
        ("(a AND b) OR c", "a AND b OR c"),
        ("NOT (a OR b)", "NOT (a OR b)"),
        ("NOT (NOT (a = 1))", "NOT NOT a = 1"),
        ("a=='x'", "a = \"x\""),
        ("a<>+1.50", "a != 1.5"),
        ("a in[1,2]", "a IN (1, 2)"),
        ("a not in []", "a NOT IN []"),
        ("a is not null", "a IS NOT NULL"),
        ("a not exists", "a NOT EXISTS"),
        ("`a`.`b` = 1", ""),
        ("`plain`.in[\"x y\"]['z'][007]", "plain.in[\"x y\"].z[7]"),
        ("`in` = 1 or `a b` or `a``b`", "`in` = 1 OR `a b` OR `a``b`"),
        ("lower = semver", "lower = semver"),
        (
            "SEMVER ( Lower(x) ) > 'é\\u0041\\u{1F600}\\ud83d\\ude00\\/'",
            "semver(lower(x)) > \"éA😀😀/\"",
        ),
        (
            "a = \"\\b\\f\\n\\r\\t\\\\\\\"\\'\u{1}\"",
            "a = \"\\b\\f\\n\\r\\t\\\\\\\"'\\u{1}\"",
        ),
        ("AUDIENCE('x')", "audience(\"x\")"),
        ("true = x OR TRUE", "TRUE = x OR TRUE"),
        ("(null)", "NULL"),
        ("!null||(null and x)", "NOT NULL OR NULL AND x"),
        ("null is not null", "NULL IS NOT NULL"),
        ("`null` or `NULL` = NULL", "`null` OR `NULL` = NULL"),
        ("Float ( x ) = FLOAT(1.50)", "float(x) = float(1.5)"),
        (
            "String(x) contains string('a')",
            "string(x) CONTAINS string(\"a\")",
        ),
        (
            "'2.1'<=OPTIMIZELY_VERSION(app.version)",
            "\"2.1\" <= optimizely_version(app.version)",
        ),
        (
            "float = string or optimizely_version.x",
            "float = string OR optimizely_version.x",
        ),
        ("a between 1 and 2 and b", "a BETWEEN 1 AND 2 AND b"),
        ("a = 100000000000000000000000000", "a = 1e26"),
    ] {
        match parse(source) {
            Ok(expr) => assert_eq!(expr.to_string(), printed, "{source}"),
            Err(error) => assert_eq!(printed, "", "{source}: {error}"),
        }
    }
}
