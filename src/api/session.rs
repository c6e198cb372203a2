//! What this session keeps, and a setting of it.

use pgrx::prelude::*;

use crate::cache;
use crate::pg::settings;

/// The cache of compiled flags of this session: flags kept, look-ups that found one, flags
/// compiled so far. Volatile, parallel restricted (it speaks of this very process).
#[pg_extern(schema = "lotty", volatile, parallel_restricted, requires = ["schema"])]
fn session_cache()
-> TableIterator<'static, (name!(entries, i64), name!(hits, i64), name!(builds, i64))> {
    let statistics = cache::statistics();
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    TableIterator::once((
        i64::try_from(statistics.entries).unwrap_or(i64::MAX),
        count(statistics.hits),
        count(statistics.builds),
    ))
}

/// The setting `lotty.cooldown_days`. Not by `current_setting()`: that would take what anybody has
/// set before the library was loaded.
#[pg_extern(schema = "lotty", stable, parallel_safe, requires = ["schema"])]
fn cooldown_days() -> i32 {
    settings::cooldown_days()
}
