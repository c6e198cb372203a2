//! Several flags at once, for one subject: a row each.
//!
//! All of them are decided before the first row is handed out, in one call: so what is recorded
//! does not depend on how many rows the caller fetches.

use std::collections::HashSet;

use lotty_core::trace::NoTrace;
use pgrx::prelude::*;

use super::decide::{decide_and_record, refuse_where_nothing_can_be_written, row};
use super::question::Asker;
use crate::cache;
use crate::errors;
use crate::ledger::{ReadOnlyLedger, TableLedger};
use crate::pg::decision_row::DecisionRow;
use crate::pg::jsonb::JsonbArgument;

/// Decides all flags for a subject, in the order of their keys by code point, each as
/// `lotty_decide` does, and records each. What one enters the subject in counts for the next.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`. For 10,000
/// flags with an experiment each: 0.5 s, and 2 s in a session that has to compile them first
/// (development build, PostgreSQL 15); as many calls of `lotty_decide` take the same time.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 1000, requires = ["schema"])]
fn lotty_decide_all(
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> SetOfIterator<'static, DecisionRow> {
    refuse_where_nothing_can_be_written("lotty_decide_all");
    let asker = Asker::new("lotty_decide_all", subject, attrs);
    decide(&asker, &cache::flag_keys())
}

/// Decides the given flags for a subject, in the given order, each as `lotty_decide` does, and
/// records each; a key that is given twice is decided once.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`; also 22004
/// for a key that is NULL.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 1000, requires = ["schema"])]
fn lotty_decide_many(
    flags: Option<Vec<Option<String>>>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> SetOfIterator<'static, DecisionRow> {
    refuse_where_nothing_can_be_written("lotty_decide_many");
    let keys = checked_keys("lotty_decide_many", flags);
    decide(&Asker::new("lotty_decide_many", subject, attrs), &keys)
}

/// The rows of `lotty_decide_all`, with nothing written. What the subject would enter with one
/// flag counts for the next, as if it had.
///
/// Stable, parallel safe, runs with the owner's rights. Errors: 22004 and 22023 as
/// `lotty_decide`.
#[pg_extern(stable, parallel_safe, security_definer, cost = 1000, requires = ["schema"])]
fn lotty_evaluate_all(
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> SetOfIterator<'static, DecisionRow> {
    let asker = Asker::new("lotty_evaluate_all", subject, attrs);
    evaluate(&asker, &cache::flag_keys())
}

/// The rows of `lotty_decide_many`, with nothing written.
///
/// Stable, parallel safe, runs with the owner's rights. Errors: 22004 and 22023 as
/// `lotty_decide_many`.
#[pg_extern(stable, parallel_safe, security_definer, cost = 1000, requires = ["schema"])]
fn lotty_evaluate_many(
    flags: Option<Vec<Option<String>>>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> SetOfIterator<'static, DecisionRow> {
    let keys = checked_keys("lotty_evaluate_many", flags);
    evaluate(&Asker::new("lotty_evaluate_many", subject, attrs), &keys)
}

fn decide<'a>(asker: &Asker<'a>, keys: &'a [String]) -> SetOfIterator<'static, DecisionRow> {
    let mut ledger = TableLedger::new(asker.subject, &asker.policy);
    rows(keys, |key| {
        let question = asker.about_flag(key);
        let (decision, id) = decide_and_record(&question, &mut ledger);
        row(Some(key), &decision, id)
    })
}

fn evaluate<'a>(asker: &Asker<'a>, keys: &'a [String]) -> SetOfIterator<'static, DecisionRow> {
    let mut ledger = ReadOnlyLedger::new(asker.subject, &asker.policy);
    rows(keys, |key| {
        let question = asker.about_flag(key);
        row(Some(key), &question.decide(&mut ledger, &mut NoTrace), None)
    })
}

fn rows<'a>(
    keys: &'a [String],
    mut answer: impl FnMut(&'a str) -> DecisionRow,
) -> SetOfIterator<'static, DecisionRow> {
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        check_for_interrupts!();
        rows.push(answer(key));
    }
    SetOfIterator::new(rows)
}

/// Each key once, in the order of their first places.
fn checked_keys(function: &str, flags: Option<Vec<Option<String>>>) -> Vec<String> {
    let Some(flags) = flags else {
        errors::null_argument(function, "flags", "lotty_decide_all asks for all flags.");
    };
    let mut seen = HashSet::with_capacity(flags.len());
    let mut keys = Vec::with_capacity(flags.len());
    for (index, flag) in flags.into_iter().enumerate() {
        check_for_interrupts!();
        let key = flag.unwrap_or_else(|| errors::null_element(function, "flags", index + 1));
        if seen.insert(key.clone()) {
            keys.push(key);
        }
    }
    keys
}
