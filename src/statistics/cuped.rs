//! Comparison of means that are adjusted by what subjects did before (CUPED: Deng, Xu, Kohavi, Walker
//! 2013).

use crate::comparison::{Comparison, Settings, compare, missing, of_effect};
use crate::effect::{Effect, Spread};
use crate::moments::{MAX_VARIABLES, Moments};
use crate::stats::{Kind, Stats};

/// A comparison whose means are adjusted by the covariates.
///
/// Of means and proportions, y - theta (x - mean of x), with theta = cov(y, x) / var(x) over `pooled`:
/// all subjects of all variants, or those of both if it is `None`. Of ratios the same with the
/// linearised ratios of both periods, theta = (cov C + cov T) / (var C + var T) of the pair. Lifts are
/// relative to the control's mean as it is, and their variance counts how that goes along with the
/// adjusted one.
///
/// Without a covariate that varies it is the plain comparison, with a note.
#[must_use]
pub fn compare_adjusted(
    control: &Stats,
    treatment: &Stats,
    pooled: Option<&Stats>,
    settings: &Settings,
) -> Comparison {
    let plain = |note| Comparison {
        note: missing(control, treatment).or(Some(note)),
        ..compare(control, treatment, settings)
    };
    if !(control.has_covariate() && treatment.has_covariate()) {
        return plain("there is no covariate, so nothing is adjusted");
    }
    let merged = match pooled {
        Some(pooled) => Some(*pooled),
        None => {
            let mut both = *control;
            both.merge(treatment).is_ok().then_some(both)
        }
    };
    let adjusted = merged
        .filter(Stats::has_covariate)
        .and_then(|pooled| Adjustment::of(control, treatment, &pooled));
    let Some(adjustment) = adjusted else {
        return plain("the covariate does not vary, so nothing is adjusted");
    };
    let effect = adjustment.effect(control, treatment);
    let mut comparison = of_effect(&effect, settings);
    comparison.note = missing(control, treatment).or(comparison.note);
    comparison.theta = Some(adjustment.theta);
    // With n - 1 for proportions too, as the adjusted variance: so it does not grow by adjusting.
    let raw = adjustment.base(control).zip(adjustment.base(treatment));
    let raw = raw.map(|(control, treatment)| control.0 + treatment.0);
    comparison.variance_reduction = raw
        .zip(effect.spread)
        .map(|(raw, spread)| 1.0 - spread.diff / raw)
        .filter(|reduction| reduction.is_finite());
    comparison
}

/// How means are adjusted.
struct Adjustment {
    theta: f64,
    /// The covariate's value of all, to which means are adjusted.
    level: f64,
}

impl Adjustment {
    /// `None` if the covariate does not vary, or has no value.
    fn of(control: &Stats, treatment: &Stats, pooled: &Stats) -> Option<Self> {
        let level = covariate(pooled)?;
        let theta = if pooled.kind() == Kind::Ratio {
            let (first, second) = (products(control)?, products(treatment)?);
            (first.0 + second.0) / (first.1 + second.1)
        } else {
            let moments = pooled.moments()?;
            moments.product(0, 1) / moments.product(1, 1)
        };
        theta.is_finite().then_some(Self { theta, level })
    }

    fn effect(&self, control: &Stats, treatment: &Stats) -> Effect {
        let spread = self
            .variance(control)
            .zip(self.variance(treatment))
            .map(|(a, b)| {
                let means = Spread::of_means((a, control.count()), (b, treatment.count()));
                let (base, covariance) = self.base(control).unwrap_or((a, a));
                Spread {
                    base,
                    covariance: -covariance,
                    ..means
                }
            });
        Effect {
            control_count: control.count(),
            treatment_count: treatment.count(),
            control_mean: self.mean(control),
            treatment_mean: self.mean(treatment),
            base: control.mean(),
            spread,
        }
    }

    fn mean(&self, stats: &Stats) -> Option<f64> {
        Some(stats.mean()? - self.theta * (covariate(stats)? - self.level))
    }

    /// Weights of the adjusted value of a subject.
    fn weights(&self, stats: &Stats) -> Option<[f64; MAX_VARIABLES]> {
        let mut weights = stats.weights()?;
        for (weight, other) in weights.iter_mut().zip(covariate_weights(stats)?) {
            *weight -= self.theta * other;
        }
        Some(weights)
    }

    /// Variance of the adjusted mean.
    fn variance(&self, stats: &Stats) -> Option<f64> {
        let weights = self.weights(stats)?;
        mean_product(stats, &weights, &weights).map(|variance| variance.max(0.0))
    }

    /// Variance of the mean as it is, and its covariance with the adjusted one.
    fn base(&self, stats: &Stats) -> Option<(f64, f64)> {
        let (raw, adjusted) = (stats.weights()?, self.weights(stats)?);
        Some((
            mean_product(stats, &raw, &raw)?,
            mean_product(stats, &raw, &adjusted)?,
        ))
    }
}

/// Covariance of the value with the covariate, and variance of the covariate, of one subject.
fn products(stats: &Stats) -> Option<(f64, f64)> {
    let (value, other) = (stats.weights()?, covariate_weights(stats)?);
    let moments = stats.moments()?;
    let degrees = degrees(moments)?;
    Some((
        moments.combined(&value, &other) / degrees,
        moments.combined(&other, &other) / degrees,
    ))
}

/// Covariance of the means of two linear combinations.
fn mean_product(
    stats: &Stats,
    first: &[f64; MAX_VARIABLES],
    second: &[f64; MAX_VARIABLES],
) -> Option<f64> {
    let moments = stats.moments()?;
    Some(moments.combined(first, second) / degrees(moments)? / moments.count() as f64)
        .filter(|product| product.is_finite())
}

fn degrees(moments: &Moments) -> Option<f64> {
    (moments.count() > 1).then(|| (moments.count() - 1) as f64)
}

/// The covariate's mean, or ratio.
fn covariate(stats: &Stats) -> Option<f64> {
    let moments = stats.moments().filter(|moments| moments.count() > 0)?;
    match stats.kind() {
        Kind::Ratio if moments.mean(3) == 0.0 => None,
        Kind::Ratio => Some(moments.mean(2) / moments.mean(3)),
        _ => Some(moments.mean(1)),
    }
}

/// The weights of the covariate, as those of the value.
fn covariate_weights(stats: &Stats) -> Option<[f64; MAX_VARIABLES]> {
    let ratio = covariate(stats)?;
    let moments = stats.moments()?;
    Some(match stats.kind() {
        Kind::Ratio => {
            let denominator = moments.mean(3);
            [0.0, 0.0, 1.0 / denominator, -ratio / denominator]
        }
        _ => [0.0, 1.0, 0.0, 0.0],
    })
}
