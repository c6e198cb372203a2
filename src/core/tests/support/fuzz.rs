//! What the fuzz targets in `tests/fuzz` do with their input. The inputs that once found
//! something are given to the same functions by `cargo test` (`fuzz_found.rs`).
//!
//! An input that begins with a NUL byte is the seed of what the strategies of the property tests
//! draw. Any other is text.

use std::fmt::Debug;
use std::thread::LocalKey;

use lotty_core::targeting::{Expr, parse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value as Json;

use super::datafiles::{any_json, check_translation, mutated};
use super::texts::check_any;
use super::{Document, generate, naive, rule};

/// A fuzz target, by its name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    match name {
        "targeting_parse" => Some(targeting_parse),
        "targeting_eval" => Some(targeting_eval),
        "optimizely_import" => Some(optimizely_import),
        _ => None,
    }
}

/// A rule. What is accepted prints and parses to the same; an error lies inside the text.
pub fn targeting_parse(data: &[u8]) {
    if let Some(expr) = drawn(data, &RULES) {
        check_any(&expr.to_string());
    } else if let Ok(source) = str::from_utf8(data) {
        check_any(source);
    }
}

/// A rule, a NUL byte, and attributes as JSON. The evaluator says what the naive one says, of
/// the rule as it was written and as it is printed.
pub fn targeting_eval(data: &[u8]) {
    if let Some((expr, document)) = drawn(data, &QUESTIONS) {
        check_truth(&expr.to_string(), &expr, document);
    } else if let Some((source, document)) = rule_and_attributes(data)
        && let Ok(expr) = parse(source)
    {
        check_truth(source, &expr, document);
    }
}

/// A datafile. It is refused with a place, or becomes rows with which flags can be decided.
pub fn optimizely_import(data: &[u8]) {
    if let Some(datafile) = drawn(data, &DATAFILES) {
        let _ = check_translation(&datafile);
    } else if let Ok(datafile) = serde_json::from_slice(data) {
        let _ = check_translation(&datafile);
    }
}

fn check_truth(source: &str, expr: &Expr, document: Json) {
    let expected = naive::truth(expr, &document);
    let document = Document(document);
    let printed = expr.to_string();
    for text in [source, &printed] {
        let found = rule(text).evaluate(&document).known();
        assert_eq!(found, expected, "{text:?} for {}", document.0);
    }
}

thread_local! {
    static RULES: BoxedStrategy<Expr> = generate::expr();
    static QUESTIONS: BoxedStrategy<(Expr, Json)> = (generate::expr(), generate::document()).boxed();
    static DATAFILES: BoxedStrategy<Json> = prop_oneof![9 => mutated(), 1 => any_json()].boxed();
}

/// What a strategy makes of the bytes behind the first NUL.
fn drawn<T: Debug>(data: &[u8], from: &'static LocalKey<BoxedStrategy<T>>) -> Option<T> {
    let bytes = data.strip_prefix(b"\0")?;
    // The bytes are a seed. Used as the random numbers themselves they run out soon, because each
    // choice hands half of what is left on, and rand never accepts the zeros that come then.
    let mut seed = [0; 32];
    for (place, byte) in seed.iter_mut().zip(bytes) {
        *place = *byte;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    // What a strategy filters away it draws again, some times.
    let tree = from.with(|strategy| strategy.new_tree(&mut runner)).ok()?;
    Some(tree.current())
}

fn rule_and_attributes(data: &[u8]) -> Option<(&str, Json)> {
    let text = str::from_utf8(data).ok()?;
    if !can_be_written_out(text) {
        return None;
    }
    let (source, document) = text.split_once('\0')?;
    let document: Json = serde_json::from_str(document).ok()?;
    document.is_object().then_some((source, document))
}

/// The naive evaluator writes numbers out in full, to some hundred places.
fn can_be_written_out(text: &str) -> bool {
    const MOST_DIGITS: usize = 190;
    const LARGEST_EXPONENT: u16 = 400;
    let exponents = text.split(['e', 'E']).skip(1).map(|rest| {
        let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let end = digits.find(|c: char| !c.is_ascii_digit());
        &digits[..end.unwrap_or(digits.len())]
    });
    text.bytes().filter(u8::is_ascii_digit).count() <= MOST_DIGITS
        && exponents
            .filter(|exponent| !exponent.is_empty())
            .all(|exponent| {
                exponent
                    .parse()
                    .is_ok_and(|value: u16| value <= LARGEST_EXPONENT)
            })
}
