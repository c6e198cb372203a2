//! What the triggers of the configuration tables call (`sql/30_checks.sql` and the files after it).

use lotty_core::targeting::{self, Rule};
use pgrx::prelude::*;

use crate::config::read_audience;
use crate::config_checks;
use crate::errors;
use crate::pg::{invalidation, snapshot, uuid};

/// Raises 22023 unless `rule` is a valid targeting rule; `owner` (such as `experiment "x"`) is
/// named in the error. Warns of audiences that do not exist. Locks those that the rule names,
/// so that they are neither deleted nor renamed before it is committed.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_targeting(owner: &str, rule: &str) {
    if let Ok(expr) = targeting::parse(rule) {
        targeting::audiences(&expr)
            .into_iter()
            .for_each(config_checks::lock_audience);
    }
    let compiled = snapshot::with_newest(|| Rule::compile(rule, &mut read_audience));
    match compiled {
        Ok(rule) => {
            rule.unresolved()
                .iter()
                .for_each(|name| errors::unresolved_audience(owner, name));
        }
        Err(error) => errors::invalid_rule(owner, &error),
    }
}

/// Raises 42P19 if audience `name` with the rule `rule` would refer to itself, be it through
/// others.
#[pg_extern(schema = "lotty", stable, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_audience_cycle(name: &str, rule: &str) {
    let cycle = snapshot::with_newest(|| targeting::find_cycle(name, rule, &mut read_audience));
    match cycle {
        Ok(None) => {}
        Ok(Some(cycle)) => errors::audience_cycle(name, &cycle),
        Err(error) => errors::invalid_rule(&format!("audience \"{name}\""), &error),
    }
}

/// Raises 55000 if the experiment has no variants or no weight, by what is committed by now:
/// at REPEATABLE READ the transaction's own snapshot may be too old to tell.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_can_start(experiment_key: &str, experiment_id: pgrx::Uuid) {
    let experiment_id = uuid::from_pgrx(experiment_id);
    match snapshot::with_newest(|| config_checks::count_variants(experiment_id)) {
        (0, _) => errors::no_variants(experiment_key),
        (variants, false) => errors::no_weight(experiment_key, variants),
        (_, true) => {}
    }
}

/// Raises 23514 if a variant of the flag's experiments is not of the type that the flag is to
/// have, by what is committed by now.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_variants_fit(flag_key: &str, flag_id: pgrx::Uuid, value_type: &str) {
    let flag_id = uuid::from_pgrx(flag_id);
    if let Some(misfit) = snapshot::with_newest(|| config_checks::find_misfit(flag_id, value_type))
    {
        errors::misfit(flag_key, value_type, &misfit);
    }
}

/// Raises 23001 if a rule names the audience, by what is committed by now; `what` says what
/// was to be done with it.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_audience_unused(audience_name: &str, what: &str) {
    if let Some(users) = snapshot::with_newest(|| config_checks::users_of_audience(audience_name)) {
        errors::audience_in_use(audience_name, what, &users);
    }
}

/// The audiences that a rule names, in order of appearance; none if the rule is not valid.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn targeting_audiences(rule: &str) -> Vec<String> {
    let Ok(expr) = targeting::parse(rule) else {
        return Vec::new();
    };
    targeting::audiences(&expr)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// What the trigger `invalidate_cache` does, for the table of a trigger written in PL/pgSQL.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
fn announce_change(relation: pg_sys::Oid) {
    invalidation::announce_change_of(relation);
}

/// Row trigger: tells all sessions, when the transaction commits, to compile anew what comes
/// from the table.
#[pg_trigger(
    sql = "CREATE FUNCTION lotty.invalidate_cache() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'invalidate_cache_wrapper';"
)]
fn invalidate_cache<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    invalidation::announce_change_of(trigger.relation()?.oid());
    Ok(trigger.new().or_else(|| trigger.old()))
}
