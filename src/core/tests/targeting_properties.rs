//! Properties of the targeting language over random rules and attributes.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use lotty_core::targeting::{Expr, parse};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::texts::check_any;
use support::{Document, generate, naive, rule};

/// Pieces that an edit may put into a rule.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "\"",
    "'",
    "`",
    "\\",
    "\\u",
    "{",
    ".",
    ",",
    "=",
    "!",
    "<",
    ">",
    "&",
    "|",
    "NOT",
    " AND ",
    " OR ",
    " IN ",
    " IS ",
    "NULL",
    "BETWEEN",
    "1",
    "1e",
    "-",
    "\0",
    "\n",
    "ü",
    "\u{1f600}",
    "semver(",
    "float(",
    "string(",
    "optimizely_version(",
    "lower",
    "audience(",
    "MATCHES",
    "\"(\"",
];

/// A rule's text after some random edits, most of them fatal.
fn edited(expr: &Expr, edits: Vec<(Index, bool, &str)>) -> String {
    let mut chars: Vec<String> = expr.to_string().chars().map(String::from).collect();
    for (place, delete, piece) in edits {
        let place = place.index(chars.len() + 1);
        if delete && place < chars.len() {
            chars.remove(place);
        } else {
            chars.insert(place, piece.to_owned());
        }
    }
    chars.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn printed_rules_parse_to_the_same_tree(expr in generate::expr()) {
        let printed = expr.to_string();
        prop_assert_eq!(parse(&printed).unwrap(), expr, "{}", printed);
    }

    #[test]
    fn evaluation_agrees_with_the_naive_evaluator(
        expr in generate::expr(),
        document in generate::document(),
    ) {
        let printed = expr.to_string();
        let expected = naive::truth(&expr, &document);
        let found = rule(&printed).evaluate(&Document(document)).known();
        prop_assert_eq!(found, expected, "{}", printed);
    }

    #[test]
    fn any_text_is_parsed_or_refused(source in any::<String>()) {
        check_any(&source);
    }

    #[test]
    fn any_pieces_are_parsed_or_refused(pieces in vec(select(PIECES), 0..20)) {
        check_any(&pieces.concat());
        check_any(&pieces.join(" "));
    }

    #[test]
    fn edited_rules_are_parsed_or_refused(
        expr in generate::expr(),
        edits in vec((any::<Index>(), any::<bool>(), select(PIECES)), 1..4),
    ) {
        check_any(&edited(&expr, edits));
    }
}
