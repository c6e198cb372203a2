//! What the triggers of the configuration tables call (`sql/30_triggers.sql`).

use lotty_core::targeting::{self, Rule};
use pgrx::prelude::*;

use crate::config::read_audience;
use crate::errors;
use crate::pg::{invalidation, settings, snapshot};

/// Raises 22023 unless `rule` is a valid targeting rule; `owner` (such as `experiment "x"`) is
/// named in the error. Warns of audiences that do not exist.
#[pg_extern(schema = "lotty", stable, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn check_targeting(owner: &str, rule: &str) {
    let compiled = snapshot::with_newest(|| Rule::compile(rule, &mut read_audience));
    match compiled {
        Ok(rule) => rule
            .unresolved()
            .iter()
            .for_each(|name| errors::unresolved_audience(owner, name)),
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

/// `lotty.require_review`, also in a session that has not loaded the library yet.
#[pg_extern(schema = "lotty", stable, parallel_safe, requires = ["schema"])]
fn review_required() -> bool {
    settings::require_review()
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
