//! What `sql/75_events.sql` and `sql/76_subjects.sql` call.

use std::time::{Duration, Instant};

use pgrx::prelude::*;

use crate::decision_log::{self, pending};
use crate::errors;
use crate::pg::{clock, snapshot};

/// The writer needs milliseconds for what is in the queue, and a second to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// An identifier for an event that comes without one: a UUID version 7, so that new rows land at
/// the right end of the primary key.
#[pg_extern(schema = "lotty", volatile, parallel_safe, requires = ["schema"])]
fn new_event_id() -> String {
    decision_log::next_id().to_string()
}

/// Raises 40001 if the transaction keeps one snapshot (`REPEATABLE READ`, `SERIALIZABLE`) and
/// the log has rows of the subject that it does not show, such as those that the background
/// writer has written since it was taken.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_all_seen(subject: &str) {
    if snapshot::is_of_transaction() && snapshot::with_newest(|| decision_log::has_rows_of(subject))
    {
        errors::older_snapshot();
    }
}

/// Sees to it that no decision for the subject is still on its way to the log
/// (`lotty.decision_write_mode`): those of this transaction are written at once, those that have
/// been committed are waited for. Error 55000 if they do not get there within ten seconds, or
/// belong to the part of the transaction before a savepoint.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
fn settle_log(subject: &str) {
    if !pending::write_those_of(subject) {
        errors::decided_before_savepoint();
    }
    let since = Instant::now();
    while decision_log::awaits_writer(subject) {
        if since.elapsed() > PATIENCE {
            errors::log_not_settled();
        }
        clock::nap();
    }
}
