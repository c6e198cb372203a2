//! What `sql/75_events.sql` and `sql/76_subjects.sql` call.

use pgrx::prelude::*;

use crate::decision_log;
use crate::pg::settings;

/// An identifier for an event that comes without one: a UUID version 7, so that new rows land at
/// the right end of the primary key.
#[pg_extern(schema = "lotty", volatile, parallel_safe, requires = ["schema"])]
fn new_event_id() -> String {
    decision_log::next_id().to_string()
}

/// The setting `lotty.max_concurrent_experiments`. Not by `current_setting()`: that would take
/// what anybody has set before the library was loaded.
#[pg_extern(schema = "lotty", stable, parallel_safe, requires = ["schema"])]
fn participation_limit() -> i16 {
    settings::max_concurrent_experiments()
}
