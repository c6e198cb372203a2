//! Lotty: feature flags and experiments inside PostgreSQL.
//!
//! | where | what |
//! |---|---|
//! | `core/` | the engine, a crate of its own: no PostgreSQL, no `unsafe` |
//! | `statistics/` | what reports say of metrics, such a crate too |
//! | `picture/` | the picture of a report, and another |
//! | `pg/` | the boundary: everything `unsafe`, behind safe functions |
//! | `config.rs`, `cache.rs` | a flag from the tables, compiled once a session |
//! | `result_cache.rs` | answers that a session repeats |
//! | `config_checks.rs` | what the triggers of the configuration tables look up |
//! | `extension_version.rs` | refusing to decide with a library of another version |
//! | `ledger.rs`, `overrides.rs`, `decision_log/` | what a decision reads and writes |
//! | `metrics.rs` | counters |
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
mod extension_version;
mod ledger;
mod metrics;
mod overrides;
#[allow(unsafe_code)]
mod pg;
mod result_cache;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

use pgrx::prelude::*;

pg_module_magic!(name, version);

extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);
extension_sql_file!(
    "../sql/12_versions.sql",
    name = "versions",
    requires = [
        api::extension_version::library_version,
        api::extension_version::begin_update
    ]
);
extension_sql_file!(
    "../sql/20_tables.sql",
    name = "tables",
    requires = ["schema"]
);
extension_sql_file!(
    "../sql/22_decision_log.sql",
    name = "decision_log",
    requires = ["tables"]
);
extension_sql_file!(
    "../sql/30_checks.sql",
    name = "checks",
    requires = [
        "decision_log",
        api::config_checks::check_targeting,
        api::config_checks::check_audience_cycle,
        api::config_checks::check_audience_unused,
        api::config_checks::check_can_start,
        api::config_checks::check_variants_fit,
        api::config_checks::targeting_audiences,
        api::settings::review_required,
        api::config_checks::invalidate_cache,
        api::config_checks::announce_change
    ]
);
extension_sql_file!(
    "../sql/31_flag.sql",
    name = "flag_triggers",
    requires = ["checks"]
);
extension_sql_file!(
    "../sql/32_review.sql",
    name = "review",
    requires = ["flag_triggers"]
);
extension_sql_file!(
    "../sql/33_experiment.sql",
    name = "experiment_triggers",
    requires = ["review"]
);
extension_sql_file!(
    "../sql/34_variant.sql",
    name = "variant_triggers",
    requires = ["experiment_triggers"]
);
extension_sql_file!(
    "../sql/35_override.sql",
    name = "override_triggers",
    requires = ["variant_triggers"]
);
extension_sql_file!(
    "../sql/36_audience.sql",
    name = "audience_triggers",
    requires = ["override_triggers"]
);
extension_sql_file!(
    "../sql/37_conflict_domain.sql",
    name = "conflict_domain_triggers",
    requires = ["audience_triggers"]
);
extension_sql_file!(
    "../sql/38_invalidation.sql",
    name = "triggers",
    requires = ["conflict_domain_triggers"]
);
extension_sql_file!(
    "../sql/40_reports.sql",
    name = "reports",
    requires = ["decision_log"]
);
extension_sql_file!(
    "../sql/41_statistics_types.sql",
    name = "statistics_shell",
    requires = ["schema"]
);
extension_sql_file!(
    "../sql/42_statistics.sql",
    name = "statistics",
    requires = [
        "reports",
        "stats_type",
        api::statistics::accessors::kind,
        api::statistics::accessors::n,
        api::statistics::accessors::mean,
        api::statistics::accessors::variance,
        api::statistics::accessors::std_err,
        api::statistics::accessors::sum,
        api::statistics::accessors::sum_products,
        api::statistics::accessors::has_covariate,
        api::statistics::accessors::covariate,
        api::statistics::aggregates::mean_add,
        api::statistics::aggregates::mean_add_with_covariate,
        api::statistics::aggregates::proportion_add,
        api::statistics::aggregates::proportion_add_with_covariate,
        api::statistics::aggregates::ratio_add,
        api::statistics::aggregates::ratio_add_with_covariates,
        api::statistics::aggregates::rollup_add,
        api::statistics::aggregates::stats_combine,
        api::statistics::aggregates::stats_serialize,
        api::statistics::aggregates::stats_deserialize,
        api::statistics::aggregates::stats_finish,
        api::statistics::construction::stats_from_moments,
        api::statistics::construction::quantile_bounds,
        api::statistics::construction::quantile_stats,
        api::statistics::accessors::wilson,
        api::statistics::compare::compare,
        api::statistics::compare::compare_cuped,
        api::statistics::compare::compare_stratified,
        api::statistics::sample_ratio::srm,
        api::statistics::multiple::holm,
        api::statistics::multiple::benjamini_hochberg,
        api::statistics::planning::sample_size,
        api::statistics::planning::power
    ]
);
extension_sql_file!(
    "../sql/45_metrics.sql",
    name = "metrics",
    requires = [
        api::metrics::metric_values,
        api::metrics::lotty_prometheus_metrics
    ]
);
extension_sql_file!(
    "../sql/50_ledger.sql",
    name = "ledger",
    requires = ["decision_log"]
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
    "../sql/74_applications.sql",
    name = "applications",
    requires = [
        api::decide_many::lotty_decide_all,
        api::decide_many::lotty_decide_many,
        api::decide_many::lotty_evaluate_all,
        api::decide_many::lotty_evaluate_many,
        api::getters::lotty_boolean,
        api::getters::lotty_string,
        api::getters::lotty_number,
        api::getters::lotty_json
    ]
);
extension_sql_file!(
    "../sql/75_events.sql",
    name = "events",
    requires = ["decision_log", api::subjects::new_event_id]
);
extension_sql_file!(
    "../sql/76_subjects.sql",
    name = "subjects",
    requires = [
        "events",
        "triggers",
        api::settings::participation_limit,
        api::subjects::check_all_seen,
        api::subjects::settle_log
    ]
);
extension_sql_file!(
    "../sql/77_retention.sql",
    name = "retention",
    requires = ["triggers", api::settings::cooldown_days]
);
extension_sql_file!(
    "../sql/78_publication.sql",
    name = "publication",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/80_life_cycle.sql",
    name = "life_cycle",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/reports/10_definition.sql",
    name = "report_definition",
    requires = ["events", "triggers", api::queries::query_columns]
);
extension_sql_file!(
    "../sql/82_change.sql",
    name = "change",
    requires = ["triggers", "report_definition"]
);
extension_sql_file!(
    "../sql/reports/15_weights.sql",
    name = "report_weights",
    requires = ["change"]
);
extension_sql_file!(
    "../sql/reports/20_queries.sql",
    name = "report_queries",
    requires = ["report_weights"]
);
extension_sql_file!(
    "../sql/reports/25_metric_queries.sql",
    name = "report_metric_queries",
    requires = ["report_queries", "statistics"]
);
extension_sql_file!(
    "../sql/reports/30_cache.sql",
    name = "report_cache",
    requires = ["report_metric_queries", api::events::note_old_event]
);
extension_sql_file!(
    "../sql/reports/35_sample_ratio.sql",
    name = "sample_ratio",
    requires = ["report_cache"]
);
extension_sql_file!(
    "../sql/reports/40_report.sql",
    name = "report",
    requires = ["sample_ratio"]
);
extension_sql_file!(
    "../sql/reports/45_daily.sql",
    name = "report_daily",
    requires = ["report"]
);
extension_sql_file!(
    "../sql/reports/50_health.sql",
    name = "report_health",
    requires = ["report_daily"]
);
extension_sql_file!(
    "../sql/reports/60_guardrails.sql",
    name = "guardrails",
    requires = ["report_health", "life_cycle"]
);
extension_sql_file!(
    "../sql/reports/70_picture.sql",
    name = "report_picture",
    requires = ["guardrails", api::picture::draw_report]
);
extension_sql_file!(
    "../sql/83_restore.sql",
    name = "restore",
    requires = ["change", "report_picture"]
);
extension_sql_file!(
    "../sql/84_export.sql",
    name = "export",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/85_document_check.sql",
    name = "document_check",
    requires = ["export"]
);
extension_sql_file!(
    "../sql/86_apply.sql",
    name = "apply",
    requires = ["document_check"]
);
extension_sql_file!(
    "../sql/88_rights.sql",
    name = "rights",
    requires = ["apply", "retention"]
);
extension_sql_file!("../sql/90_functions.sql", name = "functions", finalize);

/// Called once, when a session, or the server at its start, loads the library.
#[pg_guard]
#[allow(unsafe_code)]
pub extern "C-unwind" fn _PG_init() {
    pg::settings::init();
    pg::invalidation::init();
    pg::transaction::init();
    if pg::preload::in_progress() {
        pg::preload::init();
    }
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
