//! Values of type `lotty.stats` from numbers that were computed elsewhere.

use lotty_statistics::moments::Moments;
use lotty_statistics::quantile;
use lotty_statistics::stats::{Kind, Stats};
use pgrx::prelude::*;

use crate::errors;
use crate::pg::stats::StatsValue;

/// From a count, the means of the variables, and the upper triangle, row by row, of the sums over the
/// subjects of the products of the variables' distances from their means.
///
/// NULL if an argument is NULL. Errors: 22023 for another kind than `mean`, `proportion` or `ratio`,
/// for a negative count, and for numbers that cannot be of any values; 22004 for a NULL among them.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn stats_from_moments(
    kind: &str,
    n: i64,
    means: Vec<Option<f64>>,
    products: Vec<Option<f64>>,
) -> StatsValue {
    const FUNCTION: &str = "lotty.stats_from_moments";
    let named = Kind::from_name(kind).filter(|kind| *kind != Kind::Estimate);
    let Some(named) = named else {
        errors::argument_out_of_range(
            FUNCTION,
            "kind",
            "be mean, proportion or ratio",
            &format!("\"{kind}\""),
        )
    };
    let count = count(FUNCTION, n);
    let means = without_null(FUNCTION, "means", means);
    let products = without_null(FUNCTION, "products", products);
    let stats = Moments::from_parts(count, &means, &products)
        .filter(Moments::is_possible)
        .and_then(|moments| Stats::from_moments(named, moments))
        .and_then(Stats::finished);
    match stats {
        Some(stats) => StatsValue(stats),
        None => errors::arguments_do_not_fit(
            FUNCTION,
            "arguments",
            format!(
                "No values of kind {kind} have these moments: n {n}, means {}, products {}.",
                list(&means),
                list(&products)
            ),
            "A mean or proportion has one variable, or two with a covariate; a ratio two, or four. Products are the upper triangle of the centred sums, row by row.",
        ),
    }
}

/// The probabilities of the three quantiles that `lotty.quantile_stats` wants: below, at and above the
/// one that is asked for; NULL where there are too few values to say how precise it is.
///
/// Errors: 22023 for a probability that is not between 0 and 1, and for a negative count.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn quantile_bounds(n: i64, probability: f64) -> Option<Vec<f64>> {
    let count = count("lotty.quantile_bounds", n);
    check_probability("lotty.quantile_bounds", probability);
    let half_width = quantile::half_width(count, probability)?;
    Some(vec![
        probability - half_width,
        probability,
        probability + half_width,
    ])
}

/// A quantile with its variance: from how many values, which quantile, its value, and the values of the
/// quantiles that `lotty.quantile_bounds` says. `clusters` if the values are events of subjects:
/// `lotty.ratio_stats`, over all subjects, of how many of their events are at most the value, and how
/// many there are.
///
/// NULL without a value. Without one of the two other quantiles there is no variance. Errors: 22023
/// for numbers that do not fit.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["stats_type"])]
fn quantile_stats(
    n: Option<i64>,
    probability: Option<f64>,
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    clusters: default!(Option<StatsValue>, "NULL"),
) -> Option<StatsValue> {
    const FUNCTION: &str = "lotty.quantile_stats";
    let (n, probability, value) = (n?, probability?, value?);
    let count = count(FUNCTION, n);
    check_probability(FUNCTION, probability);
    if let Some(StatsValue(clusters)) = clusters
        && clusters.kind() != Kind::Ratio
    {
        errors::argument_out_of_range(
            FUNCTION,
            "clusters",
            "be of kind ratio",
            clusters.kind().as_str(),
        )
    }
    let clusters = clusters.as_ref().map(|StatsValue(clusters)| clusters);
    let null = || "NULL".to_owned();
    let estimate = quantile::estimate(count, probability, value, lower.zip(upper), clusters);
    match estimate {
        Some(stats) => Some(StatsValue(stats)),
        None => errors::arguments_do_not_fit(
            FUNCTION,
            "arguments",
            format!(
                "The value is {}, the bounds are {} and {}.",
                errors::number(value),
                lower.map_or_else(null, errors::number),
                upper.map_or_else(null, errors::number)
            ),
            "Numbers must be finite, and the value between the bounds.",
        ),
    }
}

/// As an array literal.
fn list(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers
        .iter()
        .map(|number| errors::number(*number))
        .collect();
    format!("{{{}}}", numbers.join(","))
}

fn check_probability(function: &str, probability: f64) {
    if !(probability > 0.0 && probability < 1.0) {
        errors::argument_out_of_range(
            function,
            "probability",
            "be between 0 and 1",
            &errors::number(probability),
        );
    }
}

fn count(function: &str, n: i64) -> u64 {
    u64::try_from(n).unwrap_or_else(|_| {
        errors::argument_out_of_range(function, "n", "be 0 or more", &n.to_string())
    })
}

fn without_null(function: &str, argument: &str, numbers: Vec<Option<f64>>) -> Vec<f64> {
    let numbers = numbers.into_iter().enumerate();
    numbers
        .map(|(index, number)| {
            number.unwrap_or_else(|| errors::null_element(function, argument, index + 1))
        })
        .collect()
}
