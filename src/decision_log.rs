//! Writing the log, `lotty.decision`, in the caller's transaction.

use std::cell::RefCell;

use lotty_core::decide::Decision;
use lotty_core::decision_id::DecisionIds;
use uuid::Uuid;

use crate::errors;
use crate::pg::clock;
use crate::pg::jsonb::Jsonb;
use crate::pg::spi::{Parameter, Statement, View, connect};

thread_local! {
    static IDS: RefCell<DecisionIds> = RefCell::new(DecisionIds::default());
}

/// Writes a decision and answers its id. `created_at` is the column's default: the start of
/// the transaction, so that a row written beside it with `now()` is never earlier.
pub fn record(flag_key: Option<&str>, subject: &str, decision: &Decision<'_, Jsonb>) -> Uuid {
    static RECORD: Statement = Statement::new(
        c"INSERT INTO lotty.decision
              (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason)
          VALUES ($1, $2, $3, $4, $5, $6, $7::lotty.reason)",
    );
    let id = next_id();
    let row = [
        Parameter::Uuid(Some(id)),
        Parameter::OptionalText(flag_key),
        Parameter::Text(subject),
        Parameter::Uuid(decision.experiment),
        Parameter::Uuid(decision.variant),
        Parameter::Jsonb(decision.value),
        Parameter::Text(decision.reason.as_str()),
    ];
    connect(|spi| spi.execute(&RECORD, &row, View::Fresh));
    id
}

/// An identifier that no other row has: a UUID version 7.
pub fn next_id() -> Uuid {
    let random = clock::strong_random().unwrap_or_else(|| errors::no_randomness());
    IDS.with_borrow_mut(|ids| ids.next(clock::unix_nanos(), random))
}
