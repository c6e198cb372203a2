//! `lotty_decide` and `lotty_evaluate`.

use lotty_core::decide::Decision;
use lotty_core::trace::NoTrace;
use pgrx::prelude::*;
use uuid::Uuid;

use super::question::Question;
use crate::decision_log;
use crate::errors;
use crate::ledger::{ReadOnlyLedger, TableLedger};
use crate::pg::decision_row::{DecisionRow, ValueDatum};
use crate::pg::jsonb::{Jsonb, JsonbArgument};
use crate::pg::session;

/// Decides a flag for a subject, and records the decision in the caller's transaction.
///
/// Volatile, parallel unsafe, runs with the owner's rights (the caller needs none on the
/// tables). Errors: 22004 flag, subject or attrs is NULL; 22023 flag or subject over 512
/// bytes, or attrs is no JSON object; 25006 the transaction is read-only or the server a
/// standby; at REPEATABLE READ and above 40001. Order and reasons: `decide_for_flag` of the
/// Lotty seed, see [`lotty_core::decide`].
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn lotty_decide(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> DecisionRow {
    if session::in_recovery() || session::read_only() {
        errors::cannot_record(session::in_recovery());
    }
    let question = Question::new("lotty_decide", flag, subject, attrs);
    let mut ledger = TableLedger::new(question.subject, &question.policy);
    let decision = question.decide(&mut ledger, &mut NoTrace);
    let id = decision_log::record(question.key, question.subject, &decision);
    row(&question, &decision, Some(id))
}

/// The same answer, with nothing written: for standbys, read-only transactions and previews.
/// Its `decision_id` is NULL.
///
/// Stable, parallel safe, runs with the owner's rights. Errors: 22004 and 22023 as
/// `lotty_decide`.
#[pg_extern(stable, parallel_safe, security_definer, cost = 50, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn lotty_evaluate(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> DecisionRow {
    let question = Question::new("lotty_evaluate", flag, subject, attrs);
    let mut ledger = ReadOnlyLedger::new(question.subject, &question.policy);
    let decision = question.decide(&mut ledger, &mut NoTrace);
    row(&question, &decision, None)
}

fn row(question: &Question<'_>, decision: &Decision<'_, Jsonb>, id: Option<Uuid>) -> DecisionRow {
    DecisionRow {
        flag: question.key.to_owned(),
        value: decision.value.map(ValueDatum::from),
        decision_id: id,
        experiment_id: decision.experiment,
        variant_id: decision.variant,
        reason: decision.reason,
    }
}
