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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::text;

    fn close(got: Option<f64>, expected: f64) {
        let got = got.unwrap();
        assert!(
            (got - expected).abs() <= 1e-9 * expected,
            "{got}, not {expected}"
        );
    }

    /// Numbers of NumPy and of GrowthBook's library.
    #[test]
    fn of_independent_values() {
        let bounds = Some((46.197_855_215_545_97, 50.4));
        let stats = estimate(9949, 0.9, 48.172, bounds, None).unwrap();
        assert_eq!((stats.count(), stats.mean()), (9949, Some(48.172)));
        close(stats.variance(), 11_431.984_502_071_67);
        close(stats.std_err(), 1.071_941_532_602_731_3);
    }

    #[test]
    fn of_events_of_subjects() {
        for (count, value, bounds, clusters, factor, variance) in [
            (
                4011,
                283.61,
                (277.303_933_897_207_7, 295.255_246_732_959_4),
                "ratio n=4074 means=0.8861070201276386,0.9845360824742269 products=5081.153657339224,5229.8247422680415,5818.025773195876",
                1.053_114_033_064_269_9,
                88_563.756_653_246_85,
            ),
            (
                3938,
                278.279,
                (270.186_439_922_404_24, 287.863_230_132_296_1),
                "ratio n=3914 means=0.9054675523760859,1.0061318344404702 products=5257.022994379152,5489.268778742974,6121.852835973429",
                0.945_554_865_227_573_4,
                75_701.204_600_440_37,
            ),
        ] {
            let clusters = text::parse(clusters).unwrap();
            close(cluster_factor(count, 0.9, &clusters), factor);
            let stats = estimate(count, 0.9, value, Some(bounds), Some(&clusters)).unwrap();
            close(stats.variance(), variance);
        }
    }

    #[test]
    fn too_few_values_have_no_variance() {
        // 3.84 times 9 is 34.6.
        assert_eq!(half_width(34, 0.9), None);
        assert!(half_width(35, 0.9).is_some());
        let stats = estimate(34, 0.9, 5.0, Some((4.0, 6.0)), None).unwrap();
        assert_eq!((stats.mean(), stats.variance()), (Some(5.0), None));
        assert_eq!(
            estimate(100, 0.9, 5.0, None, None).unwrap().variance(),
            None
        );
        assert_eq!(estimate(0, 0.9, 5.0, None, None).unwrap().mean(), None);
        for probability in [0.0, 1.0, -1.0, 2.0, f64::NAN] {
            assert_eq!(half_width(100, probability), None);
        }
    }

    #[test]
    fn bounds_that_do_not_enclose_the_value() {
        assert_eq!(estimate(100, 0.5, 5.0, Some((5.5, 6.0)), None), None);
        assert_eq!(estimate(100, 0.5, f64::NAN, Some((5.5, 6.0)), None), None);
        assert_eq!(estimate(100, 0.5, 5.0, Some((f64::NAN, 6.0)), None), None);
    }

    #[test]
    fn clusters_without_a_variance() {
        let clusters = text::parse("ratio n=1 means=1,1 products=0,0,0").unwrap();
        let stats = estimate(100, 0.5, 5.0, Some((4.0, 6.0)), Some(&clusters)).unwrap();
        assert_eq!(stats.variance(), None);
        let clusters = text::parse("mean n=9 means=1 products=4").unwrap();
        assert_eq!(cluster_factor(100, 0.5, &clusters), None);
    }
}
