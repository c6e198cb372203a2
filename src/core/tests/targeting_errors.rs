//! What is said about bad rules, word for word.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fmt::Write;

use lotty_core::targeting::limits::MAX_SOURCE_BYTES;
use lotty_core::targeting::{ErrorKind, parse};

/// Blocks of a rule as a JSON string, then what is said about it. The rules are the input; the
/// rest is compared.
const ERRORS: &str = include_str!("targeting_errors.txt");

fn report(line: &str) -> String {
    let source: String = serde_json::from_str(line).unwrap();
    let Err(error) = parse(&source) else {
        return format!("{line}\n  accepted\n\n");
    };
    let mut text = format!("{line}\n  {:?}: {error}\n", error.kind());
    write!(text, "  at {} (line {}", error.position(), error.line()).unwrap();
    writeln!(text, ", column {})", error.column()).unwrap();
    if let Some(hint) = error.hint() {
        writeln!(text, "  hint: {hint}").unwrap();
    }
    for line in error.caret().lines() {
        writeln!(text, "  | {line}").unwrap();
    }
    text + "\n"
}

#[test]
fn bad_rules_are_reported_as_listed() {
    let rules = ERRORS.lines().filter(|line| line.starts_with('"'));
    let found: String = rules.map(report).collect();
    let unequal = found
        .lines()
        .zip(ERRORS.lines())
        .position(|(found, listed)| found != listed);
    assert!(
        found == ERRORS,
        "line {unequal:?} from 0 differs; the list should be:\n{found}"
    );
    assert!(!found.contains("accepted"));
}

#[test]
fn a_rule_that_is_too_long_is_reported_at_the_limit() {
    let error = parse(&"ä".repeat(MAX_SOURCE_BYTES)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceTooLong);
    assert_eq!(
        error.message(),
        "rule of 32768 bytes is longer than 16384 bytes"
    );
    assert_eq!(error.position(), MAX_SOURCE_BYTES / 2 + 1);
    assert!(error.caret().chars().count() < 160, "{}", error.caret());
}

#[test]
fn spans_and_positions_count_bytes_and_characters() {
    let error = parse("größe = 1 AND\n  straße ~ 'x'").unwrap_err();
    assert_eq!(
        (error.line(), error.column(), error.position()),
        (2, 10, 24)
    );
    assert_eq!(error.span(), 26..27);
    let as_error: &dyn std::error::Error = &error;
    assert_eq!(as_error.to_string(), error.message());
}

#[test]
fn the_position_of_a_stray_sign_is_its_own_wherever_it_stands() {
    for before in 0..200 {
        let source = format!("{}a = 1 ; {}", "a AND ".repeat(before), "b".repeat(before));
        let error = parse(&source).unwrap_err();
        assert_eq!(error.position(), before * 6 + 7);
        let mut lines = error.caret().lines();
        let (line, caret) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(line.chars().count() <= 80);
        assert_eq!(
            line.chars().nth(caret.chars().count() - 1),
            Some(';'),
            "{}",
            error.caret()
        );
    }
}
