//! The value of a flag in a type of SQL. Each decides and records as `lotty_decide` does; a flag
//! that is missing, or whose value is of another type, gives the fallback and is no error.

use pgrx::prelude::*;

use super::decide::{decide_and_record, refuse_where_nothing_can_be_written};
use super::question::Question;
use crate::ledger::TableLedger;
use crate::pg::jsonb::{Jsonb, JsonbArgument, JsonbResult};

/// The boolean that the flag has for the subject.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
fn lotty_boolean(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
    fallback: default!(Option<bool>, "NULL"),
) -> Option<bool> {
    value("lotty_boolean", flag, subject, attrs, Jsonb::to_bool).or(fallback)
}

/// The string that the flag has for the subject, as text.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
fn lotty_string(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
    fallback: default!(Option<&str>, "NULL"),
) -> Option<String> {
    value("lotty_string", flag, subject, attrs, Jsonb::to_text).or(fallback.map(str::to_owned))
}

/// The number that the flag has for the subject, with all its digits.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
fn lotty_number(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
    fallback: default!(Option<AnyNumeric>, "NULL"),
) -> Option<AnyNumeric> {
    value("lotty_number", flag, subject, attrs, Jsonb::to_numeric).or(fallback)
}

/// The value that the flag has for the subject, of whatever type, also `null`.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
fn lotty_json(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
    fallback: default!(Option<JsonbArgument<'_>>, "NULL"),
) -> Option<JsonbResult> {
    let any = |value: &Jsonb| Some(JsonbResult::from(value));
    value("lotty_json", flag, subject, attrs, any).or(fallback.map(JsonbArgument::to_result))
}

fn value<T>(
    function: &'static str,
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: Option<JsonbArgument<'_>>,
    typed: impl FnOnce(&Jsonb) -> Option<T>,
) -> Option<T> {
    refuse_where_nothing_can_be_written(function);
    let question = Question::about_flag(function, flag, subject, attrs);
    let mut ledger = TableLedger::new(question.subject, &question.policy);
    let (decision, _) = decide_and_record(&question, &mut ledger);
    decision.value.and_then(typed)
}
