//! Settings, for functions that are written in SQL. Not by `current_setting()`: that would take what
//! anybody has set before the library was loaded.

use pgrx::prelude::*;

use crate::pg::settings;

/// The setting `lotty.max_concurrent_experiments`.
#[pg_extern(schema = "lotty", stable, parallel_safe, requires = ["schema"])]
fn participation_limit() -> i16 {
    settings::max_concurrent_experiments()
}

/// The setting `lotty.cooldown_days`.
#[pg_extern(schema = "lotty", stable, parallel_safe, requires = ["schema"])]
fn cooldown_days() -> i32 {
    settings::cooldown_days()
}

/// The setting `lotty.require_review`.
#[pg_extern(schema = "lotty", stable, parallel_safe, requires = ["schema"])]
fn review_required() -> bool {
    settings::require_review()
}
