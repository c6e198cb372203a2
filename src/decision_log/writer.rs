//! Rows that come out of the queue, into `lotty.decision`.

use uuid::Uuid;

use crate::decision_log::insert_once;
use crate::decision_log::row::Row;
use crate::extension_version;
use crate::pg::invalidation;
use crate::pg::spi::{Statement, View, connect};

/// Writes the rows in the current transaction. Raises 55000 if the extension is not of the library's
/// version: the rows wait in the queue then, over a restart too, until both are. Where the extension has been dropped, or dropped
/// and created anew without the rest of its tables, there is nothing to write to.
pub fn write(rows: &[Vec<u8>]) {
    static LOG: Statement =
        Statement::new(c"SELECT pg_catalog.to_regclass('lotty.decision') IS NOT NULL");
    let exists = connect(|spi| spi.first(&LOG, &[], View::Fresh, |row| row.get::<bool>(1)));
    if exists == Some(true) {
        extension_version::require_same(invalidation::current_generation());
        rows.iter()
            .filter_map(|row| Row::decode(row))
            .for_each(|row| insert_once(&row));
    }
}

/// How a message names a row.
pub fn describe(row: &[u8]) -> String {
    let id = Row::decode(row).map_or(Uuid::nil(), |row| row.id);
    format!("decision {id}")
}
