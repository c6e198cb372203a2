//! `lotty_decide` and `lotty_evaluate`, of a flag and of an experiment by itself.

use lotty_core::decide::Decision;
use lotty_core::flag::Flag;
use lotty_core::ledger::Ledger;
use lotty_core::trace::NoTrace;
use pgrx::prelude::*;
use uuid::Uuid;

use super::question::Question;
use crate::decision_log;
use crate::errors;
use crate::ledger::{ReadOnlyLedger, TableLedger};
use crate::pg::decision_row::DecisionRow;
use crate::pg::jsonb::{Jsonb, JsonbArgument, JsonbResult};
use crate::pg::session;

/// Decides a flag for a subject, and records the decision in the caller's transaction.
///
/// Volatile, parallel unsafe, runs with the owner's rights (the caller needs none on the
/// tables). Errors: 22004 flag, subject or attrs is NULL; 22023 flag or subject over 512
/// bytes, or attrs is no JSON object; 25006 the transaction is read-only or the server a
/// standby; at REPEATABLE READ and above 40001. Order and reasons: `decide_for_flag` of the
/// Lotty seed, see [`lotty_core::decide`].
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
fn lotty_decide(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> DecisionRow {
    refuse_where_nothing_can_be_written("lotty_decide");
    let question = Question::about_flag("lotty_decide", flag, subject, attrs);
    let mut ledger = TableLedger::new(question.subject, &question.policy);
    let (decision, id) = decide_and_record(&question, &mut ledger);
    row(Some(question.key), &decision, id)
}

/// The same answer, with nothing written: for standbys, read-only transactions and previews.
/// Its `decision_id` is NULL.
///
/// Stable, parallel safe, runs with the owner's rights. Errors: 22004 and 22023 as
/// `lotty_decide`.
#[pg_extern(stable, parallel_safe, security_definer, cost = 50, requires = ["schema"])]
fn lotty_evaluate(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> DecisionRow {
    let question = Question::about_flag("lotty_evaluate", flag, subject, attrs);
    let mut ledger = ReadOnlyLedger::new(question.subject, &question.policy);
    let decision = question.decide_or_repeat(&mut ledger);
    row(Some(question.key), &decision, None)
}

/// Decides one experiment, by its key, and records the decision: `activate` of Optimizely's
/// SDKs. Other experiments of the flag and its rollout rules are not looked at; the flag's
/// kill switch counts. `flag` and `value` are those of the experiment's flag; an experiment
/// that has none can be asked for in this way only. Of an experiment that does not exist nothing
/// is recorded, since the log has no place for its key.
///
/// Volatile, parallel unsafe, runs with the owner's rights. Errors as `lotty_decide`.
#[pg_extern(volatile, parallel_unsafe, security_definer, cost = 100, requires = ["schema"])]
fn lotty_decide_experiment(
    experiment: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> DecisionRow {
    refuse_where_nothing_can_be_written("lotty_decide_experiment");
    let question =
        Question::about_experiment("lotty_decide_experiment", experiment, subject, attrs);
    let mut ledger = TableLedger::new(question.subject, &question.policy);
    let decision = question.decide(&mut ledger, &mut NoTrace);
    let known = question.found.is_some().then_some(&decision);
    let id = known
        .and_then(|decision| decision_log::record(question.flag_key(), question.subject, decision));
    row(question.flag_key(), &decision, id)
}

/// The answer of `lotty_decide_experiment`, with nothing written: `get_variation` of
/// Optimizely's SDKs. Its `decision_id` is NULL.
///
/// Stable, parallel safe, runs with the owner's rights. Errors: 22004 and 22023 as
/// `lotty_decide`.
#[pg_extern(stable, parallel_safe, security_definer, cost = 50, requires = ["schema"])]
fn lotty_evaluate_experiment(
    experiment: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> DecisionRow {
    let question =
        Question::about_experiment("lotty_evaluate_experiment", experiment, subject, attrs);
    let mut ledger = ReadOnlyLedger::new(question.subject, &question.policy);
    let decision = question.decide(&mut ledger, &mut NoTrace);
    row(question.flag_key(), &decision, None)
}

/// Decides a flag and records the decision; the id of its row is answered too, if it has one.
pub fn decide_and_record<'q>(
    question: &'q Question<'_, Flag<Jsonb>>,
    ledger: &mut dyn Ledger,
) -> (Decision<'q, Jsonb>, Option<Uuid>) {
    let decision = question.decide_or_repeat(ledger);
    let id = decision_log::record(Some(question.key), question.subject, &decision);
    (decision, id)
}

/// Raises 25006 in read-only transactions and on standbys.
pub fn refuse_where_nothing_can_be_written(function: &str) {
    if session::in_recovery() || session::read_only() {
        errors::cannot_record(function, session::in_recovery());
    }
}

/// The answer as a row; `id` is that of the row in the log, if there is one.
pub fn row(
    flag_key: Option<&str>,
    decision: &Decision<'_, Jsonb>,
    id: Option<Uuid>,
) -> DecisionRow {
    DecisionRow {
        flag: flag_key.map(str::to_owned),
        value: decision.value.map(JsonbResult::from),
        decision_id: id,
        experiment_id: decision.experiment,
        variant_id: decision.variant,
        reason: decision.reason,
    }
}
