//! `lotty_decide` and `lotty_evaluate`.

use lotty_core::decide::{Decision, Subject, decide};
use lotty_core::ledger::Ledger;
use lotty_core::participation::Policy;
use pgrx::prelude::*;
use uuid::Uuid;

use crate::cache;
use crate::decision_log;
use crate::errors;
use crate::ledger::{ReadOnlyLedger, TableLedger};
use crate::pg::decision_row::{DecisionRow, ValueDatum};
use crate::pg::jsonb::{Jsonb, JsonbArgument};
use crate::pg::{clock, session, settings};

/// Longest flag key and subject, in bytes: both are stored with each decision and indexed.
const MAX_BYTES: usize = 512;

const MICROS_PER_DAY: i64 = 86_400_000_000;

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
    let policy = policy();
    question.answer(&policy, &mut TableLedger::new(question.subject, &policy), |decision| {
        Some(decision_log::record(question.flag, question.subject, decision))
    })
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
    let policy = policy();
    question.answer(&policy, &mut ReadOnlyLedger::new(question.subject, &policy), |_| None)
}

/// Checked arguments.
struct Question<'a> {
    flag: &'a str,
    subject: &'a str,
    attributes: JsonbArgument<'a>,
}

impl<'a> Question<'a> {
    fn new(
        function: &str,
        flag: Option<&'a str>,
        subject: Option<&'a str>,
        attributes: Option<JsonbArgument<'a>>,
    ) -> Self {
        let flag = checked_text(function, "flag", flag);
        let subject = checked_text(function, "subject", subject);
        let Some(attributes) = attributes else {
            errors::null_argument(
                function,
                "attrs",
                "Pass '{}' for no attributes, for example by coalesce(attrs, '{}').",
            )
        };
        if !attributes.is_object() {
            errors::attributes_not_an_object(function, attributes.type_name());
        }
        Self { flag, subject, attributes }
    }

    fn answer(
        &self,
        policy: &Policy,
        ledger: &mut dyn Ledger,
        record: impl FnOnce(&Decision<'_, Jsonb>) -> Option<Uuid>,
    ) -> DecisionRow {
        let flag = cache::flag(self.flag);
        let subject = Subject { id: self.subject, attributes: &self.attributes };
        let decision = decide(flag.as_deref(), &subject, policy, ledger);
        DecisionRow {
            flag: self.flag.to_owned(),
            decision_id: record(&decision),
            value: decision.value.map(ValueDatum::from),
            experiment_id: decision.experiment,
            variant_id: decision.variant,
            reason: decision.reason,
        }
    }
}

fn checked_text<'a>(function: &str, argument: &str, text: Option<&'a str>) -> &'a str {
    let Some(text) = text else {
        errors::null_argument(function, argument, "");
    };
    if text.len() > MAX_BYTES {
        errors::too_long(function, argument, text.len(), MAX_BYTES);
    }
    text
}

/// The settings, and the start of the transaction as the time of the decision.
fn policy() -> Policy {
    Policy {
        max_concurrent: settings::max_concurrent_experiments(),
        cooldown: i64::from(settings::cooldown_days()) * MICROS_PER_DAY,
        now: clock::transaction_start(),
    }
}
