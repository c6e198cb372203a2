//! Snapshots.

use pgrx::pg_sys;

/// Runs `body` with the newest snapshot as the active one, as PostgreSQL reads its own
/// catalogs: everything committed by now is seen, and the transaction's own changes, at every
/// isolation level and on standbys.
///
/// `GetCatalogSnapshot` rather than `GetLatestSnapshot`, because the latter is refused while a
/// parallel query runs (`src/backend/utils/time/snapmgr.c`). For a table that is no system
/// catalog it is never reused, so it is always fresh.
pub fn with_newest<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: inside a transaction, as every SQL function is. PushActiveSnapshot copies the
    // static catalog snapshot. If `body` raises an error, the abort of the (sub)transaction
    // pops the snapshot (AtEOXact_Snapshot, AtEOSubXact_Snapshot).
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid));
    }
    let result = body();
    // SAFETY: pops what was pushed above; `body` leaves the stack as it found it.
    unsafe { pg_sys::PopActiveSnapshot() };
    result
}

/// Whether all statements of the transaction share its first snapshot
/// (`IsolationUsesXactSnapshot` of `xact.h`).
pub fn is_of_transaction() -> bool {
    // SAFETY: a plain variable of the process.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}
