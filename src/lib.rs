//! Lotty: feature flags and experiments inside PostgreSQL.
//!
//! | where | what |
//! |---|---|
//! | `core/` | the engine, a crate of its own: no PostgreSQL, no `unsafe` |
//! | `pg/` | the boundary: everything `unsafe`, behind safe functions |
//! | `config.rs`, `cache.rs` | a flag from the tables, compiled once a session |
//! | `config_checks.rs` | what the triggers of the configuration tables look up |
//! | `ledger.rs`, `overrides.rs`, `decision_log.rs` | what a decision reads and writes |
//! | `errors.rs` | the errors that users see |
//! | `api/` | the SQL functions: check arguments, call, convert |
//! | `../sql/` | schema, tables, triggers, reports, privileges |
#![deny(unsafe_code)]

mod api;
mod cache;
mod config;
mod config_checks;
mod decision_log;
mod errors;
mod ledger;
mod overrides;
#[allow(unsafe_code)]
mod pg;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

use pgrx::prelude::*;

pg_module_magic!(name, version);

extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);
extension_sql_file!(
    "../sql/20_tables.sql",
    name = "tables",
    requires = ["schema"]
);
extension_sql_file!(
    "../sql/30_triggers.sql",
    name = "triggers",
    requires = [
        "tables",
        api::config_checks::check_targeting,
        api::config_checks::check_audience_cycle,
        api::config_checks::check_audience_unused,
        api::config_checks::check_can_start,
        api::config_checks::check_variants_fit,
        api::config_checks::targeting_audiences,
        api::config_checks::review_required,
        api::config_checks::invalidate_cache
    ]
);
extension_sql_file!(
    "../sql/40_reports.sql",
    name = "reports",
    requires = ["tables"]
);
extension_sql_file!(
    "../sql/50_ledger.sql",
    name = "ledger",
    requires = ["tables"]
);
extension_sql_file!(
    "../sql/60_configuration.sql",
    name = "configuration",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/70_optimizely.sql",
    name = "optimizely",
    requires = [
        "configuration",
        api::optimizely::optimizely_configuration,
        api::optimizely::optimizely_variant_id
    ]
);
extension_sql_file!(
    "../sql/80_life_cycle.sql",
    name = "life_cycle",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/82_change.sql",
    name = "change",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/84_document.sql",
    name = "document",
    requires = ["triggers"]
);
extension_sql_file!("../sql/90_functions.sql", name = "functions", finalize);

/// Called once, when a session loads the library.
#[pg_guard]
#[allow(unsafe_code)]
pub extern "C-unwind" fn _PG_init() {
    pg::settings::init();
    pg::invalidation::init();
}

/// What cargo-pgrx needs to start a server for the `#[pg_test]`s.
#[cfg(test)]
pub mod pg_test {
    /// Called once before the tests.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings of the test server.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec![]
    }
}
