//! No rule, however it was made, overflows the stack or takes long.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::cell::Cell;
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use lotty_core::attributes::{Attributes, Path, Value};
use lotty_core::targeting::limits::{
    MAX_AUDIENCE_DEPTH, MAX_AUDIENCES, MAX_DEPTH, MAX_MATCHED_BYTES, MAX_NODES, MAX_PATTERNS,
    MAX_SOURCE_BYTES,
};
use lotty_core::targeting::{ErrorKind, Rule, Truth, audiences, find_cycle, parse};
use serde_json::json;
use support::{Document, evaluate, rule};

/// Far more than any of this takes, far less than super-linear time would.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stack much smaller than PostgreSQL's, in a build without optimisation.
const STACK: usize = 1024 * 1024;

fn bounded<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let start = Instant::now();
    let result = thread::Builder::new()
        .stack_size(STACK)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
    assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
    result
}

fn kind(source: &str) -> Option<ErrorKind> {
    parse(source).err().map(|error| error.kind())
}

#[test]
fn sixteen_kilobytes_of_anything_are_refused_or_parsed() {
    use ErrorKind::{TooDeep, TooManyNodes, UnexpectedEnd, UnexpectedToken, UnterminatedString};
    for (piece, expected) in [
        ("(", Some(TooDeep)),
        ("!", Some(TooDeep)),
        ("NOT ", Some(TooDeep)),
        ("!(", Some(TooDeep)),
        ("lower(", Some(TooDeep)),
        ("optimizely_version(", Some(TooDeep)),
        ("NULL OR ", Some(UnexpectedEnd)),
        ("a AND ", Some(UnexpectedEnd)),
        ("a OR ", Some(UnexpectedEnd)),
        ("a AND b OR ", Some(TooManyNodes)),
        ("[", Some(UnexpectedToken)),
        ("a[", Some(UnexpectedToken)),
        ("a.", None),
        ("a IN (", Some(UnexpectedToken)),
        (")", Some(UnexpectedToken)),
        (" ", None),
        ("\n", None),
        ("\"", None),
        ("'\\", None),
        ("`", None),
        ("\\", None),
        ("a BETWEEN ", Some(UnexpectedToken)),
        ("a = ", Some(UnexpectedToken)),
        ("a\u{a0}", Some(UnexpectedToken)),
        ("1", None),
        ("1e", None),
        ("\u{1f600}", None),
    ] {
        let source = piece.repeat(MAX_SOURCE_BYTES / piece.len());
        let found = bounded(move || kind(&source));
        if expected.is_some() {
            assert_eq!(found, expected, "{piece:?}");
        }
    }
    assert_eq!(
        kind(&format!("\"{}", "x".repeat(1000))),
        Some(UnterminatedString)
    );
}

#[test]
fn flat_chains_do_not_nest() {
    for connective in [" AND ", " OR ", "&&", "||"] {
        let source = vec!["a"; 2000].join(connective);
        let printed = bounded(move || parse(&source).unwrap().to_string());
        assert!(printed.starts_with("a "));
    }
    let expr = bounded(|| parse(&vec!["a AND b"; 1000].join(" OR ")).unwrap());
    assert_eq!(parse(&expr.to_string()).unwrap(), expr);
}

#[test]
fn the_limits_are_exact() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(kind(&nested(MAX_DEPTH)), None);
    assert_eq!(kind(&nested(MAX_DEPTH + 1)), Some(ErrorKind::TooDeep));
    assert_eq!(kind(&format!("{}a", "NOT ".repeat(MAX_DEPTH))), None);
    assert_eq!(
        kind(&format!("{}a", "NOT ".repeat(MAX_DEPTH + 1))),
        Some(ErrorKind::TooDeep)
    );

    let long = |bytes: usize| format!("a{}", " ".repeat(bytes - 1));
    assert_eq!(kind(&long(MAX_SOURCE_BYTES)), None);
    assert_eq!(
        kind(&long(MAX_SOURCE_BYTES + 1)),
        Some(ErrorKind::SourceTooLong)
    );
    assert_eq!(
        kind(&"ü".repeat(50_000_000)),
        Some(ErrorKind::SourceTooLong)
    );

    // The left side is a part as well.
    let list = |members: usize| format!("a IN ({})", vec!["1"; members].join(","));
    assert_eq!(kind(&list(MAX_NODES - 1)), None);
    assert_eq!(kind(&list(MAX_NODES)), Some(ErrorKind::TooManyNodes));

    let patterns = |count: usize| vec!["a MATCHES 'x'"; count].join(" OR ");
    assert_eq!(kind(&patterns(MAX_PATTERNS)), None);
    assert_eq!(
        kind(&patterns(MAX_PATTERNS + 1)),
        Some(ErrorKind::TooManyPatterns)
    );
}

#[test]
fn the_deepest_rule_is_evaluated_and_dropped() {
    let source = format!("{}a", "NOT ".repeat(MAX_DEPTH));
    assert_eq!(
        bounded(move || evaluate(&source, &json!({"a": true}))),
        Truth::True
    );
}

#[test]
fn regular_expressions_are_bounded() {
    use ErrorKind::{InvalidPattern, PatternTooLarge};
    for (pattern, expected) in [
        ("(a{1000}){1000}", PatternTooLarge),
        ("((a{100}){100}){100}", PatternTooLarge),
        ("\\\\w{1000}", PatternTooLarge),
        ("[^x]{5000}", PatternTooLarge),
        ("(", InvalidPattern),
        ("a**{", InvalidPattern),
        ("(?=x)", InvalidPattern),
        ("(a)\\\\1", InvalidPattern),
        ("[z-a]", InvalidPattern),
        ("a{2,1}", InvalidPattern),
    ] {
        let source = format!("a MATCHES \"{pattern}\"");
        assert_eq!(bounded(move || kind(&source)), Some(expected), "{pattern}");
    }
    let source = format!("a MATCHES \"{}a{}\"", "(".repeat(8000), ")".repeat(8000));
    assert_eq!(bounded(move || kind(&source)), Some(InvalidPattern));
}

#[test]
fn as_many_large_patterns_as_a_rule_may_have_finish() {
    let source = vec!["a MATCHES '(x+x+)+y|[a-w]{500}'"; MAX_PATTERNS].join(" OR ");
    let document = json!({"a": "x".repeat(50_000)});
    assert_eq!(bounded(move || evaluate(&source, &document)), Truth::False);
}

#[test]
fn an_email_pattern_is_within_the_limits() {
    let source = r#"e MATCHES "^[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+$""#;
    assert_eq!(
        evaluate(source, &json!({"e": "jürgen@example.org"})),
        Truth::True
    );
}

/// Audiences by name; the rule itself asks for each at most once.
fn compile(source: &str, stored: &HashMap<String, String>) -> Rule {
    let mut asked = Vec::new();
    let rule = Rule::compile(source, &mut |name| {
        asked.push(name.to_owned());
        stored.get(name).cloned()
    });
    asked.sort();
    let count = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), count, "an audience was asked for twice");
    rule.unwrap()
}

/// Audiences `0`, `1`, …: each the given text with `#` replaced by the next one's name, the
/// last one a plain attribute.
fn chain(length: usize, text: &str) -> HashMap<String, String> {
    let link = |n: usize| match n + 1 == length {
        true => (n.to_string(), "a".to_owned()),
        false => (n.to_string(), text.replace('#', &(n + 1).to_string())),
    };
    (0..length).map(link).collect()
}

/// Attributes that are all missing, and count how often they are asked for.
struct Counted(Cell<usize>);

impl Attributes for Counted {
    fn get(&self, _: &Path) -> Value<'_> {
        self.0.set(self.0.get() + 1);
        Value::Missing
    }
}

#[test]
fn audiences_that_double_at_every_step_are_evaluated_once_each() {
    // Unknown on both sides, so that nothing is skipped.
    let stored = chain(
        MAX_AUDIENCE_DEPTH,
        "(a OR audience('#')) AND (audience('#') OR b)",
    );
    let rule = compile("audience('0')", &stored);
    assert!(rule.unresolved().is_empty());
    let attributes = Counted(Cell::new(0));
    assert_eq!(rule.evaluate(&attributes), Truth::Unknown);
    assert_eq!(attributes.0.get(), 2 * (MAX_AUDIENCE_DEPTH - 1) + 1);
}

#[test]
fn attributes_are_not_asked_for_once_the_truth_is_known() {
    for (source, fetched) in [
        ("FALSE AND a", 0),
        ("TRUE OR a", 0),
        ("a IS NULL OR b", 1),
        ("a EXISTS AND b = 1 AND c", 1),
        ("'x' IN ('y', 'x', a)", 0),
        ("a AND FALSE AND b", 1),
        ("a OR b", 2),
    ] {
        let attributes = Counted(Cell::new(0));
        rule(source).evaluate(&attributes);
        assert_eq!(attributes.0.get(), fetched, "{source}");
    }
}

#[test]
fn audiences_nest_to_the_limit_and_no_further() {
    let deepest = chain(MAX_AUDIENCE_DEPTH, "audience('#')");
    let rule = compile("audience('0')", &deepest);
    assert_eq!(rule.evaluate(&Document(json!({"a": true}))), Truth::True);
    assert!(rule.unresolved().is_empty());

    let mut deeper = chain(MAX_AUDIENCE_DEPTH + 1, "audience('#')");
    let rule = compile("audience('0') OR audience('1')", &deeper);
    assert_eq!(rule.unresolved(), ["0"]);
    assert_eq!(
        rule.evaluate(&Document(json!({"a": false}))),
        Truth::Unknown
    );
    assert_eq!(rule.evaluate(&Document(json!({"a": true}))), Truth::True);

    let source = deeper.remove("0").unwrap();
    let error = find_cycle("0", &source, &mut |name| deeper.get(name).cloned()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AudiencesTooDeep);
    assert_eq!(error.position(), 1);
    let found = find_cycle("00", "audience('2')", &mut |name| deeper.get(name).cloned());
    assert_eq!(found, Ok(None));
}

#[test]
fn a_very_long_chain_of_audiences_ends() {
    let text = format!("{}audience('#'){}", "!(".repeat(30), ")".repeat(30));
    let stored = chain(10_000, &text);
    let rule = bounded(move || compile("audience('0')", &stored));
    assert!(!rule.unresolved().is_empty() && rule.unresolved().len() <= MAX_AUDIENCES);
    assert_eq!(rule.evaluate(&Document(json!({"a": true}))), Truth::Unknown);
}

#[test]
fn the_deepest_rules_in_the_deepest_audiences_are_evaluated() {
    let text = "!".repeat(MAX_DEPTH) + "audience('#')";
    let stored = chain(MAX_AUDIENCE_DEPTH, &text);
    let source = "!".repeat(MAX_DEPTH) + "audience('0')";
    let truth = bounded(move || compile(&source, &stored).evaluate(&Document(json!({"a": true}))));
    assert_eq!(truth, Truth::True);
}

#[test]
fn too_many_audiences_are_unknown_and_refused_when_written() {
    let stored: HashMap<_, _> = (0..1000).map(|n| (n.to_string(), "a".to_owned())).collect();
    let reaching = |count: usize| {
        (0..count)
            .map(|n| format!("audience('{n}')"))
            .collect::<Vec<_>>()
            .join("AND ")
    };
    let rule = compile(&reaching(MAX_AUDIENCES), &stored);
    assert_eq!(rule.evaluate(&Document(json!({"a": true}))), Truth::True);
    let rule = compile(&reaching(MAX_AUDIENCES + 1), &stored);
    assert_eq!(rule.unresolved(), [MAX_AUDIENCES.to_string()]);
    assert_eq!(rule.evaluate(&Document(json!({"a": true}))), Truth::Unknown);

    let mut lookup = |name: &str| stored.get(name).cloned();
    let error = find_cycle("new", &reaching(MAX_AUDIENCES), &mut lookup).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyAudiences);
    assert_eq!(
        find_cycle("new", &reaching(MAX_AUDIENCES - 1), &mut lookup),
        Ok(None)
    );
}

#[test]
fn missing_names_without_end_stay_cheap() {
    // Every audience names hundreds that do not exist.
    let text = |n: usize| {
        (0..800)
            .map(|m| format!("audience('{n}.{m}')"))
            .collect::<Vec<_>>()
            .join("||")
    };
    let stored: HashMap<_, _> = (0..300).map(|n| (n.to_string(), text(n))).collect();
    let source = (0..300)
        .map(|n| format!("audience('{n}')"))
        .collect::<Vec<_>>()
        .join("||");
    let rule = bounded(move || compile(&source, &stored));
    assert_eq!(rule.unresolved().len(), MAX_AUDIENCES);
}

#[test]
fn cycles_are_found_when_written_and_harmless_when_stored() {
    let stored: HashMap<String, String> = [
        ("a", "x OR audience('b')"),
        ("b", "y OR audience('c')"),
        ("c", "z OR audience('a')"),
        ("self", "NOT audience('self')"),
        ("broken", "x AND"),
        ("other", "x"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    let mut lookup = |name: &str| stored.get(name).cloned();
    let mut cycle = |name, source| {
        find_cycle(name, source, &mut lookup)
            .unwrap()
            .unwrap_or_default()
    };
    assert_eq!(cycle("self", "NOT audience('self')"), ["self", "self"]);
    assert_eq!(
        cycle("a", "audience('other') AND audience('b')"),
        ["a", "b", "c", "a"]
    );
    assert_eq!(cycle("new", "audience('b')"), ["b", "c", "a", "b"]);
    assert!(cycle("a", "audience('other')").is_empty());
    assert!(cycle("new", "audience('broken') OR audience('nowhere')").is_empty());
    assert_eq!(
        find_cycle("a", "x AND", &mut lookup).unwrap_err().kind(),
        ErrorKind::UnexpectedEnd
    );

    for source in [
        "audience('a')",
        "audience('self')",
        "NOT audience('self')",
        "audience('broken')",
    ] {
        let rule = compile(source, &stored);
        assert_eq!(rule.unresolved().len(), 1, "{source}");
        assert_eq!(
            rule.evaluate(&Document(json!({}))),
            Truth::Unknown,
            "{source}"
        );
    }
    assert_eq!(
        compile("audience('a')", &stored).evaluate(&Document(json!({"z": true}))),
        Truth::True
    );
}

#[test]
fn audiences_are_listed_once_in_order_of_appearance() {
    let expr = parse("NOT (audience('b') OR audience('a')) AND audience('b') AND c = 'audience'");
    assert_eq!(audiences(&expr.unwrap()), ["b", "a"]);
    assert!(rule("audience('b') AND audience('a')").unresolved() == ["b", "a"]);
}

/// Patterns that no finite automaton of their size limit can follow quickly, on a text that gives
/// it a new state at every byte.
#[test]
fn the_longest_text_is_searched_in_bounded_time_and_a_longer_one_not_at_all() {
    let text = |length: usize| {
        let mut number = 1_u32;
        let letter = |_: usize| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if number >> 31 == 0 { 'a' } else { 'b' }
        };
        (0..length).map(letter).collect::<String>()
    };
    let source = "a MATCHES '[ab]*a[ab]{500}c'";
    let longest = json!({ "a": text(MAX_MATCHED_BYTES) });
    let found = bounded(move || evaluate(source, &longest));
    assert_eq!(found, Truth::False);
    let longer = json!({ "a": text(MAX_MATCHED_BYTES + 1) });
    assert_eq!(evaluate(source, &longer), Truth::Unknown);
    assert_eq!(evaluate("a NOT MATCHES ''", &longer), Truth::Unknown);
    assert_eq!(evaluate("a ENDS_WITH ''", &longer), Truth::True);
}
