//! Quantiles as estimates: the value by the caller's sort, the variance from how far apart the
//! quantiles just below and above it are (Deng, Knoblich, Lu 2018; Yao, Li, Lu 2024).

use crate::normal;
use crate::stats::{Kind, Stats};

/// How far on either side of `probability` the two quantiles are taken that say how precise the
/// quantile is; `None` if `probability` is not between 0 and 1, or one of the two would not be.
#[must_use]
pub fn half_width(count: u64, probability: f64) -> Option<f64> {
    let half_width = z()? * (probability * (1.0 - probability) / count as f64).sqrt();
    (half_width > 0.0 && probability - half_width > 0.0 && probability + half_width < 1.0)
        .then_some(half_width)
}

/// The quantile as an estimate from `count` values, where `bounds` are the quantiles a
/// [`half_width`] below and above it: the variance is that of a normal distribution with this
/// interval.
///
/// If the values are events of subjects, `clusters` says how they are spread over the subjects: a
/// ratio whose numerator is how many of a subject's events are at most the quantile, and the
/// denominator how many there are. The variance then is multiplied by [`cluster_factor`].
///
/// `None` if a number is not finite or the bounds do not enclose the value. The variance is not
/// defined without bounds, or where a factor cannot be had.
#[must_use]
pub fn estimate(
    count: u64,
    probability: f64,
    value: f64,
    bounds: Option<(f64, f64)>,
    clusters: Option<&Stats>,
) -> Option<Stats> {
    let mut variance = None;
    if let (Some((lower, upper)), Some(_)) = (bounds, half_width(count, probability)) {
        if !(lower <= value && value <= upper) {
            return None;
        }
        let std_err = (upper - lower) / (2.0 * z()?);
        let factor = match clusters {
            None => Some(1.0),
            Some(clusters) => cluster_factor(count, probability, clusters),
        };
        variance = factor
            .map(|factor| factor * count.saturating_sub(1) as f64 * std_err * std_err)
            .filter(|variance| variance.is_finite());
    }
    Stats::from_estimate(count, value, variance)
}

/// How many times as large the variance of the share of values below the quantile is as it were
/// without clusters; `None` if `clusters` are no ratio of at least two subjects.
#[must_use]
pub fn cluster_factor(count: u64, probability: f64, clusters: &Stats) -> Option<f64> {
    if clusters.kind() != Kind::Ratio {
        return None;
    }
    let clustered = clusters.variance()? / clusters.count() as f64;
    Some(clustered / (probability * (1.0 - probability) / count as f64))
        .filter(|factor| factor.is_finite())
}

/// The interval is one of 95 %, whatever the level of the report.
fn z() -> Option<f64> {
    normal::quantile(0.975)
}
