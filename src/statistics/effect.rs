//! The difference of two variants and how sure it is: what every comparison starts from, however the
//! means were come by.

use crate::stats::Stats;

/// The difference of two means, and the mean of the control that a lift is relative to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Subjects of the control.
    pub control_count: u64,
    /// Subjects of the treatment.
    pub treatment_count: u64,
    /// Mean of the control, adjusted if it is a comparison of adjusted means.
    pub control_mean: Option<f64>,
    /// Mean of the treatment, adjusted likewise.
    pub treatment_mean: Option<f64>,
    /// The mean that lifts are relative to: that of the control, never adjusted.
    pub base: Option<f64>,
    /// `None` where a variance is not defined.
    pub spread: Option<Spread>,
}

/// The variances of the means of an [`Effect`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Variance of the mean of the control.
    pub control: f64,
    /// Variance of the mean of the treatment.
    pub treatment: f64,
    /// Variance of the difference.
    pub diff: f64,
    /// Degrees of freedom of that (Welch and Satterthwaite); `None` if it is 0.
    pub dof: Option<f64>,
    /// Variance of [`Effect::base`].
    pub base: f64,
    /// Covariance of the difference and [`Effect::base`].
    pub covariance: f64,
}

impl Effect {
    /// Of two means as they are.
    #[must_use]
    pub fn of(control: &Stats, treatment: &Stats) -> Self {
        let spread = mean_variance(control)
            .zip(mean_variance(treatment))
            .map(|(a, b)| Spread::of_means((a, control.count()), (b, treatment.count())));
        Self {
            control_count: control.count(),
            treatment_count: treatment.count(),
            control_mean: control.mean(),
            treatment_mean: treatment.mean(),
            base: control.mean(),
            spread,
        }
    }

    /// Treatment less control.
    #[must_use]
    pub fn diff(&self) -> Option<f64> {
        Some(self.treatment_mean? - self.control_mean?).filter(|diff| diff.is_finite())
    }

    /// The difference relative to the size of the control's mean.
    #[must_use]
    pub fn lift(&self) -> Option<f64> {
        let base = self.base.filter(|base| *base != 0.0)?;
        Some(self.diff()? / base.abs()).filter(|lift| lift.is_finite())
    }

    /// Variance of the lift by the delta method: with r the difference over the base, (var(diff) -
    /// 2 r cov + r² var(base)) / base². `None` if it is 0, or nothing but rounding.
    #[must_use]
    pub fn lift_variance(&self) -> Option<f64> {
        let base = self.base.filter(|base| *base != 0.0)?;
        let variance = self.spread?.of_multiple(self.diff()? / base)?;
        Some(variance / base / base).filter(|variance| *variance > 0.0 && variance.is_finite())
    }

    /// Interval of the lift by Fieller's theorem, for an interval of the difference that is
    /// `critical_value` standard errors wide on each side: the values of r for which the difference
    /// less r times the base is not further from 0 than that. So it leaves out 0 exactly if the
    /// interval of the difference does.
    ///
    /// `None` if the base cannot be told from 0, or if there is no width.
    #[must_use]
    pub fn fieller(&self, critical_value: f64) -> Option<(f64, f64)> {
        let base = self.base.filter(|base| *base != 0.0)?;
        let spread = self.spread?;
        // Everything relative to the base, so that no square overflows.
        let ratio = self.diff()? / base;
        let relative = |variance: f64| variance / base / base * critical_value * critical_value;
        let (diff, own) = (relative(spread.diff), relative(spread.base));
        let covariance = relative(spread.covariance);
        let rest = 1.0 - own;
        let width = relative(spread.of_multiple(ratio)?) + covariance * covariance - own * diff;
        if !(rest > 0.0 && width > 0.0) {
            return None;
        }
        let (middle, half) = (ratio - covariance, width.sqrt());
        let (lower, upper) = ((middle - half) / rest, (middle + half) / rest);
        let (lower, upper) = if base < 0.0 {
            (-upper, -lower)
        } else {
            (lower, upper)
        };
        (lower.is_finite() && upper.is_finite()).then_some((lower, upper))
    }
}

impl Spread {
    /// Of two independent means, each with its variance and number of subjects; the control's is the
    /// base.
    #[must_use]
    pub fn of_means(control: (f64, u64), treatment: (f64, u64)) -> Self {
        let diff = control.0 + treatment.0;
        Self {
            control: control.0,
            treatment: treatment.0,
            diff,
            dof: welch([control, treatment], diff),
            base: control.0,
            covariance: -control.0,
        }
    }

    /// Variance of the difference less `ratio` times the base; `None` if it is nothing but rounding.
    fn of_multiple(&self, ratio: f64) -> Option<f64> {
        let (cross, own) = (-2.0 * ratio * self.covariance, ratio * ratio * self.base);
        let variance = self.diff + cross + own;
        let noise = 8.0 * f64::EPSILON * (self.diff + cross.abs() + own);
        (variance > noise).then_some(variance)
    }
}

/// Degrees of freedom of a sum of independent variances of means, each with how many subjects it is
/// from (Welch and Satterthwaite). `None` if `total` is 0.
pub(crate) fn welch(variances: impl IntoIterator<Item = (f64, u64)>, total: f64) -> Option<f64> {
    let inverse: f64 = variances
        .into_iter()
        .map(|(variance, count)| {
            let share = variance / total;
            share * share / (count as f64 - 1.0)
        })
        .sum();
    Some(1.0 / inverse).filter(|dof| *dof > 0.0 && dof.is_finite())
}

/// Variance of the mean.
fn mean_variance(stats: &Stats) -> Option<f64> {
    Some(stats.variance()? / stats.count() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn effect(control: (f64, f64), treatment: (f64, f64)) -> Effect {
        Effect {
            control_count: 100,
            treatment_count: 120,
            control_mean: Some(control.0),
            treatment_mean: Some(treatment.0),
            base: Some(control.0),
            spread: Some(Spread::of_means((control.1, 100), (treatment.1, 120))),
        }
    }

    proptest! {
        /// A multiple of the control is inside exactly if the difference from it is not significant.
        #[test]
        fn fieller_inverts_the_test(
            control in -9.0..9.0_f64,
            treatment in -9.0..9.0_f64,
            a in 1e-3..2.0_f64,
            b in 1e-3..2.0_f64,
            multiple in -4.0..4.0_f64,
        ) {
            let effect = effect((control, a), (treatment, b));
            let c: f64 = 1.96;
            let significant = |r: f64| {
                let excess = (treatment - r * control).powi(2) / (c * c * (b + r * r * a));
                (excess - 1.0).abs() > 1e-9 && excess > 1.0
            };
            match effect.fieller(c) {
                None => prop_assert!(c * c * a >= control * control),
                Some((lower, upper)) => {
                    let lift = (multiple - 1.0) * control.signum();
                    let inside = lower <= lift && lift <= upper;
                    let near = (lift - lower).abs().min((lift - upper).abs()) < 1e-9;
                    prop_assert!(near || inside != significant(multiple));
                }
            }
        }
    }

    #[test]
    fn a_control_that_may_be_zero_has_no_fieller_interval() {
        assert_eq!(effect((1.0, 1.0), (2.0, 0.1)).fieller(1.96), None);
        assert_eq!(effect((0.0, 1.0), (2.0, 0.1)).fieller(1.96), None);
        assert!(effect((3.0, 1.0), (2.0, 0.1)).fieller(1.96).is_some());
    }

    #[test]
    fn a_treatment_of_nothing_has_no_interval_of_the_lift() {
        let effect = effect((0.05, 2e-4), (0.0, 0.0));
        assert_eq!(effect.lift(), Some(-1.0));
        assert_eq!(effect.lift_variance(), None);
        assert_eq!(effect.fieller(1.96), None);
    }
}
