//! Writing the log, `lotty.decision`: in the caller's transaction, or by handing the row to the
//! background writer.

pub mod pending;
mod row;
pub mod writer;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use lotty_core::decide::Decision;
use lotty_core::decision_id::DecisionIds;
use lotty_core::reason::Reason;
use uuid::Uuid;

use self::row::Row;
use crate::errors;
use crate::metrics::{self, Counter};
use crate::pg::clock;
use crate::pg::direct::Type;
use crate::pg::direct::writer::Writer;
use crate::pg::jsonb::Jsonb;
use crate::pg::parameter::Parameter;
use crate::pg::settings::{self, WriteMode};
use crate::pg::shared::{Room, shared};
use crate::pg::spi::{Statement, View, connect};

thread_local! {
    static IDS: RefCell<DecisionIds> = RefCell::new(DecisionIds::default());
}

/// Largest row that goes through the queue: one that is larger would take the place of
/// hundreds, and is better written at once.
const MAX_QUEUED_BYTES: usize = 64 * 1024;

/// Records a decision as `lotty.decision_write_mode` says, and answers its id; `None` if it is
/// not recorded. `created_at` is the start of the transaction, so that a row written beside it
/// with `now()` is never earlier.
///
/// As in the Lotty seed (`_persist_decision`), assignments are written at once in every mode.
pub fn record(
    flag_key: Option<&str>,
    subject: &str,
    decision: &Decision<'_, Jsonb>,
) -> Option<Uuid> {
    let row = Row {
        id: Uuid::nil(),
        created_at: clock::transaction_start(),
        flag_key,
        subject,
        experiment: decision.experiment,
        variant: decision.variant,
        value: decision.value.map(Jsonb::bytes),
        reason: decision.reason,
    };
    metrics::count(Counter::Requests(decision.reason));
    let is_assignment = matches!(decision.reason, Reason::ExperimentAssigned | Reason::Sticky);
    let mode = match settings::decision_write_mode() {
        _ if is_assignment => WriteMode::Sync,
        mode => mode,
    };
    if mode == WriteMode::Disabled {
        metrics::count(Counter::NotWritten);
        return None;
    }
    let row = Row {
        id: next_id(),
        ..row
    };
    if mode == WriteMode::Async && hand_over(&row) {
        metrics::count(Counter::WrittenAsync);
    } else {
        insert(&row);
        metrics::count(Counter::WrittenSync);
    }
    Some(row.id)
}

/// Gives the row to the background writer; `false` if that cannot take it.
fn hand_over(row: &Row<'_>) -> bool {
    let Some(shared) = shared() else {
        static WARNED: AtomicBool = AtomicBool::new(false);
        metrics::count(Counter::NotPreloaded);
        if !WARNED.swap(true, Relaxed) {
            errors::not_preloaded();
        }
        return false;
    };
    if !shared.has_launcher() || shared.own_database().is_none() {
        metrics::count(Counter::NoWriter);
        return false;
    }
    let bytes = row.encode();
    if bytes.len() > MAX_QUEUED_BYTES || !shared.reserve(Room::of_row(bytes.len())) {
        metrics::count(Counter::QueueFull);
        return false;
    }
    pending::add(bytes);
    true
}

/// Whether rows of the subject, of transactions that have been committed, still wait for the
/// background writer, which is woken then.
pub fn awaits_writer(subject: &str) -> bool {
    let Some((shared, (_, database))) =
        shared().and_then(|shared| Some((shared, shared.own_database()?)))
    else {
        return false;
    };
    let waits = database.queued() > 0
        && shared
            .peek(database, usize::MAX)
            .iter()
            .any(|row| Row::decode(row).is_some_and(|row| row.subject == subject));
    if waits {
        shared.wake(database);
    }
    waits
}

/// Whether the log has rows of the subject; to be called with a snapshot active.
pub fn has_rows_of(subject: &str) -> bool {
    // One look in each of the two indexes that share the log.
    static ROWS: Statement = Statement::new(
        c"SELECT EXISTS (SELECT FROM lotty.decision d WHERE d.subject_id = $1
                            AND d.reason IN ('experiment_assigned', 'sticky'))
              OR EXISTS (SELECT FROM lotty.decision d WHERE d.subject_id = $1
                            AND d.reason NOT IN ('experiment_assigned', 'sticky'))",
    );
    let subject = [Parameter::Text(subject)];
    connect(|spi| spi.first(&ROWS, &subject, View::Active, |row| row.get::<bool>(1))) == Some(true)
}

/// Writes the row in the current transaction.
fn insert(row: &Row<'_>) {
    static INSERT: Statement = Statement::new(
        c"INSERT INTO lotty.decision
              (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7::lotty.reason, $8)",
    );
    static WRITER: Writer = Writer::new(
        c"decision",
        &[
            (c"decision_id", Type::UUID),
            (c"flag_key", Type::TEXT),
            (c"subject_id", Type::TEXT),
            (c"experiment_id", Type::UUID),
            (c"variant_id", Type::UUID),
            (c"value", Type::JSONB),
            (c"reason", Type::Enum),
            (c"created_at", Type::TIMESTAMPTZ),
        ],
        &[c"_assigned_idx", c"_other_idx"],
        Some(7),
    );
    with_columns(row, |columns| {
        if WRITER.insert(columns).is_none() {
            metrics::count(Counter::WrittenBySql);
            connect(|spi| spi.execute(&INSERT, columns, View::Fresh));
        }
    });
}

/// Writes a row that came out of the queue. It may be there already: a writer that was killed
/// after its commit could not take it off any more.
fn insert_once(row: &Row<'_>) {
    static INSERT: Statement = Statement::new(
        c"INSERT INTO lotty.decision
              (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7::lotty.reason, $8) ON CONFLICT DO NOTHING",
    );
    with_columns(row, |columns| {
        connect(|spi| spi.execute(&INSERT, columns, View::Fresh));
    });
}

/// Runs `body` with the columns of the table, in their order.
fn with_columns(row: &Row<'_>, body: impl FnOnce(&[Parameter<'_>])) {
    let value = row.jsonb();
    body(&[
        Parameter::Uuid(Some(row.id)),
        Parameter::OptionalText(row.flag_key),
        Parameter::Text(row.subject),
        Parameter::Uuid(row.experiment),
        Parameter::Uuid(row.variant),
        Parameter::Jsonb(value.as_ref()),
        Parameter::Label(row.reason.as_str()),
        Parameter::Timestamp(Some(row.created_at)),
    ]);
}

/// An identifier that no other row has: a UUID version 7.
pub fn next_id() -> Uuid {
    let random = clock::strong_random().unwrap_or_else(|| errors::no_randomness());
    IDS.with_borrow_mut(|ids| ids.next(clock::unix_nanos(), random))
}
