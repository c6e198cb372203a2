//! Two variants compared: `lotty.compare` and its kin.

use lotty_statistics::comparison::{self, Comparison, Settings};
use lotty_statistics::cuped;
use lotty_statistics::stats::{Kind, Stats};
use lotty_statistics::stratified;
use pgrx::prelude::*;

use super::arguments;
use crate::errors;
use crate::pg::comparison_row::ComparisonRow;
use crate::pg::stats::StatsValue;

/// Compares the stats of a treatment with those of a control. Covariates are left aside.
///
/// All NULL with a note if one of the two is NULL. Errors: 22023 for stats of different kinds and for
/// settings out of range, 22004 for settings that are NULL.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
#[allow(clippy::too_many_arguments)]
fn compare(
    control: Option<StatsValue>,
    treatment: Option<StatsValue>,
    alpha: default!(Option<f64>, 0.05),
    planned_subjects: default!(Option<f64>, 5000.0),
    direction: default!(Option<&str>, "'increase'"),
    prior_mean: default!(Option<f64>, 0.0),
    prior_stddev: default!(Option<f64>, "NULL"),
    power: default!(Option<f64>, 0.8),
) -> ComparisonRow {
    let function = "lotty.compare";
    let prior = (prior_mean, prior_stddev);
    let settings = settings(function, alpha, planned_subjects, direction, prior, power);
    ComparisonRow(match pair(function, control, treatment) {
        Some((control, treatment)) => comparison::compare(&control, &treatment, &settings),
        None => without(control, treatment),
    })
}

/// Compares the stats of a treatment with those of a control, both adjusted by their covariates
/// (CUPED). `pooled` are the stats of all variants together; NULL stands for those of the two. Without
/// covariates it is the answer of `lotty.compare`, with a note.
///
/// Errors as `lotty.compare`.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
#[allow(clippy::too_many_arguments)]
fn compare_cuped(
    control: Option<StatsValue>,
    treatment: Option<StatsValue>,
    pooled: default!(Option<StatsValue>, "NULL"),
    alpha: default!(Option<f64>, 0.05),
    planned_subjects: default!(Option<f64>, 5000.0),
    direction: default!(Option<&str>, "'increase'"),
    prior_mean: default!(Option<f64>, 0.0),
    prior_stddev: default!(Option<f64>, "NULL"),
    power: default!(Option<f64>, 0.8),
) -> ComparisonRow {
    let function = "lotty.compare_cuped";
    let prior = (prior_mean, prior_stddev);
    let settings = settings(function, alpha, planned_subjects, direction, prior, power);
    let pooled = pooled.map(|StatsValue(pooled)| pooled);
    ComparisonRow(match pair(function, control, treatment) {
        Some((control, treatment)) => {
            if let Some(pooled) = &pooled {
                check_kinds(function, &control, pooled);
            }
            cuped::compare_adjusted(&control, &treatment, pooled.as_ref(), &settings)
        }
        None => without(control, treatment),
    })
}

/// Compares a treatment with a control period by period, where the shares of the variants were changed
/// in between: an element of each array for each period, NULL if a variant had no subjects in it.
///
/// NULL for an array stands for one of NULLs. Errors as `lotty.compare`; also 22023 for arrays of
/// different lengths.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
#[allow(clippy::too_many_arguments)]
fn compare_stratified(
    control: Option<Vec<Option<StatsValue>>>,
    treatment: Option<Vec<Option<StatsValue>>>,
    alpha: default!(Option<f64>, 0.05),
    planned_subjects: default!(Option<f64>, 5000.0),
    direction: default!(Option<&str>, "'increase'"),
    prior_mean: default!(Option<f64>, 0.0),
    prior_stddev: default!(Option<f64>, "NULL"),
    power: default!(Option<f64>, 0.8),
) -> ComparisonRow {
    let function = "lotty.compare_stratified";
    let prior = (prior_mean, prior_stddev);
    let settings = settings(function, alpha, planned_subjects, direction, prior, power);
    let nothing = |other: &Option<Vec<_>>| vec![None; other.as_ref().map_or(0, Vec::len)];
    let control_or = control.clone().unwrap_or_else(|| nothing(&treatment));
    let treatment = treatment.unwrap_or_else(|| nothing(&control));
    let control = control_or;
    if control.len() != treatment.len() {
        errors::arguments_do_not_fit(
            function,
            "arrays",
            format!(
                "\"control\" has {} periods, \"treatment\" {}.",
                control.len(),
                treatment.len()
            ),
            "Pass an element for each period in both, NULL where there are no subjects.",
        );
    }
    let stats = |value: Option<StatsValue>| value.map(|StatsValue(stats)| stats);
    let mut first = None;
    for given in control.iter().chain(&treatment).copied().filter_map(stats) {
        check_kinds(function, first.get_or_insert(given), &given);
    }
    let periods: Vec<_> = control
        .into_iter()
        .map(stats)
        .zip(treatment.into_iter().map(stats))
        .collect();
    ComparisonRow(stratified::compare_stratified(&periods, &settings))
}

fn settings(
    function: &str,
    alpha: Option<f64>,
    planned_subjects: Option<f64>,
    direction: Option<&str>,
    (prior_mean, prior_stddev): (Option<f64>, Option<f64>),
    power: Option<f64>,
) -> Settings {
    let prior_mean = arguments::finite(function, "prior_mean", prior_mean);
    Settings {
        alpha: arguments::share(function, "alpha", alpha),
        planned_subjects: arguments::positive(function, "planned_subjects", planned_subjects),
        decrease: match direction {
            Some("increase") => false,
            Some("decrease") => true,
            Some(other) => errors::argument_out_of_range(
                function,
                "direction",
                "be increase or decrease",
                &format!("\"{other}\""),
            ),
            None => errors::null_argument(function, "direction", ""),
        },
        prior: prior_stddev.map(|stddev| {
            let stddev = arguments::positive(function, "prior_stddev", Some(stddev));
            (prior_mean, stddev)
        }),
        power: arguments::share(function, "power", power),
    }
}

fn pair(
    function: &str,
    control: Option<StatsValue>,
    treatment: Option<StatsValue>,
) -> Option<(Stats, Stats)> {
    let (StatsValue(control), StatsValue(treatment)) = control.zip(treatment)?;
    check_kinds(function, &control, &treatment);
    Some((control, treatment))
}

fn check_kinds(function: &str, first: &Stats, second: &Stats) {
    let kinds: (Kind, Kind) = (first.kind(), second.kind());
    if kinds.0 != kinds.1 {
        errors::stats_differ(function, kinds.0.as_str(), kinds.1.as_str());
    }
}

/// Without one of the two, which has no subjects then.
fn without(control: Option<StatsValue>, treatment: Option<StatsValue>) -> Comparison {
    Comparison {
        note: Some(match (control, treatment) {
            (None, None) => "neither variant has subjects",
            (None, _) => "the control has no subjects",
            _ => "the treatment has no subjects",
        }),
        ..Comparison::default()
    }
}
