//! What `sql/70_optimizely.sql` calls: the translation of Optimizely's datafiles.

use lotty_core::optimizely;
use pgrx::Uuid;
use pgrx::prelude::*;
use serde_json::Value;

use crate::errors;
use crate::pg::jsonb::{JsonbArgument, JsonbResult};
use crate::pg::uuid;

/// The configuration document of a datafile, for `lotty.apply_configuration`.
///
/// Immutable, parallel safe; NULL for NULL. Errors: 22023 with the JSON path if the datafile is
/// none, or has what cannot be represented.
#[pg_extern(schema = "lotty", immutable, strict, parallel_safe, requires = ["schema"])]
fn optimizely_configuration(datafile: JsonbArgument<'_>) -> JsonbResult {
    match optimizely::translate_with_pauses(&json(&datafile), &check_for_interrupts) {
        Ok(configuration) => {
            JsonbResult::written(|text| serde_json::to_writer(text, &configuration)).unwrap_or_else(
                |error| error!("lotty: configuration cannot be written as JSON: {error}"),
            )
        }
        Err(error) => errors::invalid_datafile(&error),
    }
}

/// The targeting rule that says what an audience's conditions say.
///
/// Immutable, parallel safe; NULL for NULL. Errors: 22023 with the JSON path if they are none,
/// or are beyond the limits of rules.
#[pg_extern(schema = "lotty", immutable, strict, parallel_safe, requires = ["schema"])]
fn optimizely_rule(conditions: JsonbArgument<'_>) -> String {
    match optimizely::conditions_to_rule(&json(&conditions)) {
        Ok(rule) => rule.to_string(),
        Err(error) => errors::invalid_datafile(&error),
    }
}

/// The identifier of the variant that stands for a variation of an imported project.
///
/// Immutable, parallel safe; NULL if an argument is NULL.
#[pg_extern(schema = "lotty", immutable, strict, parallel_safe, requires = ["schema"])]
fn optimizely_variant_id(project_id: &str, experiment_id: &str, variation_id: &str) -> Uuid {
    uuid::to_pgrx(optimizely::variant_id(
        project_id,
        experiment_id,
        variation_id,
    ))
}

/// Ends a query that was cancelled.
fn check_for_interrupts() {
    check_for_interrupts!();
}

fn json(argument: &JsonbArgument<'_>) -> Value {
    argument
        .to_json()
        .unwrap_or_else(|error| errors::unreadable_json(&error))
}
