//! What a value of type `lotty.stats` says.

use lotty_statistics::small_counts;
use pgrx::prelude::*;

use super::arguments;
use crate::errors;
use crate::pg::bounds_row::BoundsRow;
use crate::pg::stats::StatsValue;

/// `mean`, `proportion`, `ratio` or `estimate`.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn kind(stats: StatsValue) -> &'static str {
    stats.0.kind().as_str()
}

/// How many subjects; of an estimate from events, how many events.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn n(stats: StatsValue) -> i64 {
    i64::try_from(stats.0.count()).unwrap_or(i64::MAX)
}

/// The metric's value; NULL without subjects, or if the denominators of a ratio add up to 0.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn mean(stats: StatsValue) -> Option<f64> {
    stats.0.mean()
}

/// Variance of one subject; NULL for fewer than two.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn variance(stats: StatsValue) -> Option<f64> {
    stats.0.variance()
}

/// Standard error of the metric's value; NULL for fewer than two subjects.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn std_err(stats: StatsValue) -> Option<f64> {
    stats.0.std_err()
}

/// Whether each subject has a covariate.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn has_covariate(stats: StatsValue) -> bool {
    stats.0.has_covariate()
}

/// The covariates by themselves: stats of a mean or, of a ratio, of a ratio; NULL if there are none.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn covariate(stats: StatsValue) -> Option<StatsValue> {
    stats.0.covariate().map(StatsValue)
}

/// Sum of a variable over the subjects; NULL if the kind has no such variable. Variables are counted
/// from 1: of a mean or proportion the value and its covariate, of a ratio numerator, denominator and
/// the covariates of both.
///
/// Errors: 22023 for a variable below 1.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn sum(stats: StatsValue, variable: default!(i32, 1)) -> Option<f64> {
    stats.0.sum(index("lotty.sum", "variable", variable))
}

/// Sum over the subjects of the product of two variables, or of a variable's square, not centred;
/// NULL if the kind has no such variable.
///
/// Errors: 22023 for a variable below 1.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn sum_products(
    stats: StatsValue,
    variable: default!(i32, 1),
    other: default!(i32, 1),
) -> Option<f64> {
    stats.0.sum_products(
        index("lotty.sum_products", "variable", variable),
        index("lotty.sum_products", "other", other),
    )
}

/// Interval of a proportion by Wilson's method; NULLs for other kinds.
///
/// Errors: 22023 for an alpha that is not between 0 and 1.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn wilson(stats: StatsValue, alpha: default!(f64, 0.05)) -> BoundsRow {
    let alpha = arguments::share("lotty.wilson", "alpha", Some(alpha));
    let bounds = stats
        .0
        .successes()
        .and_then(|successes| small_counts::wilson(successes, stats.0.count(), alpha));
    BoundsRow(bounds)
}

fn index(function: &str, argument: &str, number: i32) -> usize {
    usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1))
        .unwrap_or_else(|| {
            errors::argument_out_of_range(function, argument, "be 1 or more", &number.to_string())
        })
}
