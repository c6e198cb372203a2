//! The functions of the aggregates `lotty.stats`, `lotty.ratio_stats` and `lotty.rollup`.
//!
//! A state is made with the first row that counts, so that nothing aggregated gives NULL.

use lotty_statistics::encoding::{decode, encode};
use lotty_statistics::stats::{Kind, MergeError, Stats};
use pgrx::prelude::*;

use crate::errors;
use crate::pg::aggregate::{AggregateContext, State};
use crate::pg::stats::StatsValue;

/// A row of `lotty.stats(float8)`.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn mean_add(state: Option<State>, y: Option<f64>, context: AggregateContext) -> Option<State> {
    let row = y.map(|y| [finite("y", y)]);
    add(state, &context, Kind::Mean, row)
}

/// A row of `lotty.stats(float8, float8)`; a subject without a covariate has 0.
#[pg_extern(schema = "lotty", name = "mean_add", immutable, parallel_safe, requires = ["schema"])]
fn mean_add_with_covariate(
    state: Option<State>,
    y: Option<f64>,
    x: Option<f64>,
    context: AggregateContext,
) -> Option<State> {
    let row = y.map(|y| [finite("y", y), covariate("x", x)]);
    add(state, &context, Kind::Mean, row)
}

/// A row of `lotty.stats(boolean)`.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn proportion_add(
    state: Option<State>,
    y: Option<bool>,
    context: AggregateContext,
) -> Option<State> {
    let row = y.map(|y| [f64::from(y)]);
    add(state, &context, Kind::Proportion, row)
}

/// A row of `lotty.stats(boolean, float8)`; a subject without a covariate has 0.
#[pg_extern(schema = "lotty", name = "proportion_add", immutable, parallel_safe, requires = ["schema"])]
fn proportion_add_with_covariate(
    state: Option<State>,
    y: Option<bool>,
    x: Option<f64>,
    context: AggregateContext,
) -> Option<State> {
    let row = y.map(|y| [f64::from(y), covariate("x", x)]);
    add(state, &context, Kind::Proportion, row)
}

/// A row of `lotty.ratio_stats(float8, float8)`.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn ratio_add(
    state: Option<State>,
    numerator: Option<f64>,
    denominator: Option<f64>,
    context: AggregateContext,
) -> Option<State> {
    let row = numerator.zip(denominator).map(|(numerator, denominator)| {
        [
            finite("numerator", numerator),
            finite("denominator", denominator),
        ]
    });
    add(state, &context, Kind::Ratio, row)
}

/// A row of `lotty.ratio_stats(float8, float8, float8, float8)`; a subject without covariates has 0.
#[pg_extern(schema = "lotty", name = "ratio_add", immutable, parallel_safe, requires = ["schema"])]
fn ratio_add_with_covariates(
    state: Option<State>,
    numerator: Option<f64>,
    denominator: Option<f64>,
    numerator_x: Option<f64>,
    denominator_x: Option<f64>,
    context: AggregateContext,
) -> Option<State> {
    let row = numerator.zip(denominator).map(|(numerator, denominator)| {
        [
            finite("numerator", numerator),
            finite("denominator", denominator),
            covariate("numerator_x", numerator_x),
            covariate("denominator_x", denominator_x),
        ]
    });
    add(state, &context, Kind::Ratio, row)
}

/// A row of `lotty.rollup`.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn rollup_add(
    state: Option<State>,
    stats: Option<StatsValue>,
    context: AggregateContext,
) -> Option<State> {
    let Some(StatsValue(stats)) = stats else {
        return state;
    };
    Some(merged(state, &stats, &context))
}

/// Two states of one aggregate, from two processes; the second is left as it is.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn stats_combine(
    state: Option<State>,
    other: Option<State>,
    context: AggregateContext,
) -> Option<State> {
    match other {
        Some(other) => Some(merged(state, &other.stats(), &context)),
        None => state,
    }
}

/// A state on its way to another process.
#[pg_extern(schema = "lotty", strict, immutable, parallel_safe, requires = ["schema"])]
fn stats_serialize(state: State) -> Vec<u8> {
    encode(&checked(state.stats()))
}

/// A state from another process.
#[pg_extern(schema = "lotty", strict, immutable, parallel_safe, requires = ["schema"])]
fn stats_deserialize(bytes: &[u8], _type: Option<State>, context: AggregateContext) -> State {
    match decode(bytes) {
        Some(stats) => context.store(stats),
        None => errors::broken_stats(),
    }
}

/// What the aggregate gives.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn stats_finish(state: Option<State>) -> Option<StatsValue> {
    state.map(|state| StatsValue(checked(state.stats())))
}

fn add<const N: usize>(
    state: Option<State>,
    context: &AggregateContext,
    kind: Kind,
    row: Option<[f64; N]>,
) -> Option<State> {
    let Some(row) = row else {
        return state;
    };
    let state = match state {
        Some(state) => state,
        None => {
            let has_covariate = N > if kind == Kind::Ratio { 2 } else { 1 };
            context.store(Stats::new(kind, has_covariate)?)
        }
    };
    Some(state.change(|stats| stats.add(&row)))
}

fn merged(state: Option<State>, other: &Stats, context: &AggregateContext) -> State {
    let Some(state) = state else {
        return context.store(*other);
    };
    let kind = state.stats().kind();
    state.change(|stats| match stats.merge(other) {
        Ok(()) => (),
        Err(MergeError::Kinds(first, second)) => {
            errors::stats_differ("lotty.rollup", first.as_str(), second.as_str())
        }
        Err(MergeError::Covariate) => errors::stats_differ(
            "lotty.rollup",
            &format!("{} with a covariate", kind.as_str()),
            &format!("{} without one", kind.as_str()),
        ),
        Err(MergeError::Estimates) => errors::estimates_do_not_add(),
    })
}

fn checked(stats: Stats) -> Stats {
    stats.finished().unwrap_or_else(|| errors::stats_overflow())
}

fn covariate(what: &str, value: Option<f64>) -> f64 {
    finite(what, value.unwrap_or(0.0))
}

fn finite(what: &str, value: f64) -> f64 {
    if !value.is_finite() {
        errors::not_finite(what, value);
    }
    value
}
