//! What this session keeps.

use pgrx::prelude::*;

use crate::cache;

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
