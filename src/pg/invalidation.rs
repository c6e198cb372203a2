//! Hearing of changes to the configuration tables.
//!
//! Row triggers on those tables send PostgreSQL's relcache invalidation for the table that
//! changed. It is transactional: the own session hears it at the end of the command and again
//! when the change is rolled back, all others when (and only if) it commits, standbys when
//! they replay the commit. Here a callback turns each such message into a new *generation*;
//! whoever keeps something compiled compares generations.
//!
//! The callback runs at any point where PostgreSQL takes locks, also during an abort, so it
//! does no look-up and allocates nothing: it compares object ids that were noted before, and
//! while they are not known it takes every message for one of ours.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use pgrx::prelude::*;

/// The tables whose rows are compiled.
const TABLES: [&std::ffi::CStr; 9] = [
    c"flag",
    c"experiment",
    c"experiment_flag",
    c"variant",
    c"variant_value",
    c"override",
    c"audience",
    c"conflict_domain",
    c"experiment_conflict_domain",
];

static GENERATION: AtomicU64 = AtomicU64::new(1);
static WATCHED: [AtomicU32; TABLES.len()] = [const { AtomicU32::new(0) }; TABLES.len()];

/// Registers the callback; called once, when the library is loaded.
pub fn init() {
    // SAFETY: the callback is a plain function that lives as long as the library, which is
    // never unloaded.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_relcache), pg_sys::Datum::from(0));
    }
}

/// Takes in what other sessions have committed since, and answers the current generation.
///
/// PostgreSQL listens only when it takes a lock. A statement in a long transaction, on tables
/// that it has locked already, takes none, and would not hear of a change.
pub fn current_generation() -> u64 {
    // SAFETY: allowed wherever a lock may be taken; costs 0.07 us if nothing is pending.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    generation()
}

/// Builds something from the configuration, and says whether it may be kept as belonging to
/// `generation`, which was read before: not if a change has been heard of meanwhile.
pub fn build<T>(generation: u64, build: impl FnOnce() -> T) -> (T, bool) {
    watch();
    let built = build();
    (built, self::generation() == generation)
}

/// The current generation, without listening.
pub fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// Notes the object ids of the tables, so that changes of other tables are told apart.
/// To be called before something is compiled.
fn watch() {
    if WATCHED.iter().all(|oid| oid.load(Relaxed) != 0) {
        return;
    }
    for (table, oid) in TABLES.iter().zip(&WATCHED) {
        // SAFETY: look-ups in the system caches with NUL-terminated names; a name that does
        // not exist gives 0, which means "not known".
        let found = unsafe {
            let schema = pg_sys::get_namespace_oid(c"lotty".as_ptr(), true);
            pg_sys::get_relname_relid(table.as_ptr(), schema)
        };
        oid.store(found.to_u32(), Relaxed);
    }
}

/// Tells all sessions, when the transaction commits, that rows of `table` have changed.
pub fn announce_change_of(table: pg_sys::Oid) {
    // SAFETY: the caller passes a table that is open and locked (a trigger's).
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}

/// Tells all sessions, when the transaction commits, that nothing is as it was: for an update of the
/// extension, after which tables may have other names.
pub fn announce_everything() {
    // SAFETY: inside a transaction, as every SQL function is.
    unsafe { pg_sys::CacheInvalidateRelcacheAll() };
}

/// A message for relation 0 means "everything". After a message of ours the ids are forgotten:
/// it may be the one of DROP EXTENSION, after which a new CREATE EXTENSION has other ids.
#[pg_guard]
unsafe extern "C-unwind" fn on_relcache(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    let relation = relation.to_u32();
    super::direct::on_relcache(relation);
    let ours = relation == 0
        || WATCHED
            .iter()
            .any(|oid| matches!(oid.load(Relaxed), 0) || oid.load(Relaxed) == relation);
    if ours {
        GENERATION.fetch_add(1, Relaxed);
        for oid in &WATCHED {
            oid.store(0, Relaxed);
        }
    }
}
