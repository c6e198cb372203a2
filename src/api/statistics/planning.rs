//! How many subjects an experiment needs, and what it finds with those it has.

use lotty_statistics::power::{Design, Test};
use pgrx::prelude::*;

use super::arguments;
use crate::errors;

/// Subjects of both variants together for which a lift is found significant with the given power.
/// `allocation` is the treatment's share of them. `stddev` NULL: the baseline is a proportion.
///
/// NULL if an argument but `stddev` is NULL, and if no number of subjects will do. Errors: 22023 for
/// arguments out of range.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn sample_size(
    baseline: Option<f64>,
    lift: Option<f64>,
    stddev: default!(Option<f64>, "NULL"),
    alpha: default!(Option<f64>, 0.05),
    power: default!(Option<f64>, 0.8),
    allocation: default!(Option<f64>, 0.5),
    sequential: default!(Option<bool>, false),
) -> Option<i64> {
    const FUNCTION: &str = "lotty.sample_size";
    let (alpha, power) = (Some(alpha?), Some(power?));
    let design = design(FUNCTION, baseline?, lift?, stddev, allocation?);
    let alpha = arguments::share(FUNCTION, "alpha", alpha);
    let power = arguments::share(FUNCTION, "power", power);
    let size = design?.sample_size(alpha, power, test(sequential?))?;
    i64::try_from(size.total()).ok()
}

/// Probability with which a lift is found significant with so many subjects of both variants together.
/// The other arguments as of `lotty.sample_size`.
///
/// NULL if an argument but `stddev` is NULL. Errors: 22023 for arguments out of range.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn power(
    baseline: Option<f64>,
    lift: Option<f64>,
    subjects: Option<i64>,
    stddev: default!(Option<f64>, "NULL"),
    alpha: default!(Option<f64>, 0.05),
    allocation: default!(Option<f64>, 0.5),
    sequential: default!(Option<bool>, false),
) -> Option<f64> {
    const FUNCTION: &str = "lotty.power";
    let (alpha, subjects) = (Some(alpha?), subjects?);
    let design = design(FUNCTION, baseline?, lift?, stddev, allocation?);
    let alpha = arguments::share(FUNCTION, "alpha", alpha);
    if subjects < 1 {
        errors::argument_out_of_range(FUNCTION, "subjects", "be 1 or more", &subjects.to_string());
    }
    design?.power(subjects as f64, alpha, test(sequential?))
}

fn design(
    function: &str,
    baseline: f64,
    lift: f64,
    stddev: Option<f64>,
    allocation: f64,
) -> Option<Design> {
    let lift = arguments::finite(function, "lift", Some(lift));
    let allocation = arguments::share(function, "allocation", Some(allocation));
    if lift == 0.0 {
        arguments::refuse(function, "lift", "differ from 0", lift);
    }
    match stddev {
        Some(stddev) => {
            let stddev = arguments::positive(function, "stddev", Some(stddev));
            let baseline = arguments::finite(function, "baseline", Some(baseline));
            if baseline == 0.0 {
                arguments::refuse(function, "baseline", "differ from 0", baseline);
            }
            Design::of_mean(baseline, stddev, lift, allocation)
        }
        None => {
            let baseline = arguments::share(function, "baseline", Some(baseline));
            let changed = baseline * (1.0 + lift);
            if !(0.0..=1.0).contains(&changed) {
                let must = "leave the proportion between 0 and 1";
                arguments::refuse(function, "lift", must, lift);
            }
            Design::of_proportion(baseline, lift, allocation)
        }
    }
}

fn test(sequential: bool) -> Test {
    if sequential {
        Test::Sequential {
            planned_subjects: None,
        }
    } else {
        Test::FixedHorizon
    }
}
