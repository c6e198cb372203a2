//! The row trigger of `lotty.event`.

use pgrx::datum::TryFromDatumError;
use pgrx::prelude::*;

use crate::pg::clock;
use crate::pg::parameter::Parameter;
use crate::pg::rights;
use crate::pg::spi::{Statement, View, connect};

/// Row trigger, before the INSERT of an event: one that says it was received earlier than now (it is
/// loaded from elsewhere, or replicated) is not among those that the next report takes for new, so its
/// subject is noted down, with the rights of the table's owner.
///
/// In C because PostgreSQL reads the condition of a trigger from its text at each statement: with
/// `WHEN (NEW.received_at < now())` `lotty_track` took 6 us longer (22 us without; debug build, 20,000
/// calls in a loop, PostgreSQL 15).
#[pg_trigger(
    sql = "CREATE FUNCTION lotty.note_old_event() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'note_old_event_wrapper';"
)]
fn note_old_event<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, TryFromDatumError> {
    static NOTE: Statement = Statement::new(
        c"INSERT INTO lotty.report_stale (subject_id) SELECT $1 WHERE lotty.is_kept()",
    );
    let Some(event) = trigger.new() else {
        return Ok(None);
    };
    let received_at = event.get_by_name::<TimestampWithTimeZone>("received_at")?;
    if received_at.is_some_and(|at| i64::from(at) < clock::transaction_start())
        && let Some(subject) = event.get_by_name::<String>("subject_id")?
        && let Ok(table) = trigger.relation()
    {
        rights::with_rights_of(rights::owner_of(&table), || {
            connect(|spi| spi.execute(&NOTE, &[Parameter::Text(&subject)], View::Fresh));
        });
    }
    Ok(Some(event))
}
