//! Everything that a report says of two variants.

use crate::bayes::{Posterior, posterior};
use crate::effect::{Effect, Spread};
use crate::power::{minimum_detectable_effect, minimum_detectable_lift};
use crate::sequential::Sequential;
use crate::small_counts::{fisher, newcombe};
use crate::stats::Stats;
use crate::{normal, student_t};

/// What a comparison is made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Two-sided level of tests and intervals, between 0 and 1.
    pub alpha: f64,
    /// Subjects of both variants together at which the sequential intervals are narrowest.
    pub planned_subjects: f64,
    /// Whether less is better.
    pub decrease: bool,
    /// Mean and standard deviation of what was believed of the lift; `None` is a flat prior.
    pub prior: Option<(f64, f64)>,
    /// Power at which effects count as detectable, between 0 and 1.
    pub power: f64,
}

/// An interval; a bound is `None` where it is not defined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
}

impl Interval {
    fn around(middle: f64, half: Option<f64>) -> Self {
        Self {
            lower: half.and_then(|half| finite(middle - half)),
            upper: half.and_then(|half| finite(middle + half)),
        }
    }

    fn of(bounds: Option<(f64, f64)>) -> Self {
        Self {
            lower: bounds.and_then(|(lower, _)| finite(lower)),
            upper: bounds.and_then(|(_, upper)| finite(upper)),
        }
    }
}

/// What can be said of two variants. A number is `None` where it is not defined; `note` then says why.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Subjects of the control.
    pub control_count: Option<u64>,
    /// Subjects of the treatment.
    pub treatment_count: Option<u64>,
    /// Mean of the control.
    pub control_mean: Option<f64>,
    /// Mean of the treatment.
    pub treatment_mean: Option<f64>,
    /// Treatment less control.
    pub diff: Option<f64>,
    /// Standard error of the difference.
    pub std_err: Option<f64>,
    /// The difference in standard errors.
    pub t_stat: Option<f64>,
    /// Degrees of freedom (Welch and Satterthwaite).
    pub dof: Option<f64>,
    /// Two-sided p-value of the difference, for one look (Welch's test).
    pub p_value: Option<f64>,
    /// Interval of the difference, for one look.
    pub ci: Interval,
    /// As `p_value`, with the normal distribution.
    pub p_value_z: Option<f64>,
    /// As `ci`, with the normal distribution.
    pub ci_z: Interval,
    /// Two-sided p-value of the difference that holds at every look.
    pub seq_p_value: Option<f64>,
    /// Interval of the difference that holds at every look.
    pub seq_ci: Interval,
    /// The difference relative to the size of the control's mean.
    pub lift: Option<f64>,
    /// Standard error of the lift, by the delta method.
    pub lift_std_err: Option<f64>,
    /// Interval of the lift by Fieller's theorem: it leaves out 0 exactly if `p_value` < alpha.
    pub lift_ci: Interval,
    /// Interval of the lift by the delta method.
    pub lift_delta_ci: Interval,
    /// p-value of the lift by the delta method.
    pub lift_p_value: Option<f64>,
    /// p-value of the lift that holds at every look, by the delta method.
    pub seq_lift_p_value: Option<f64>,
    /// Interval of the lift that holds at every look, by the delta method.
    pub seq_lift_ci: Interval,
    /// One-sided bounds of the difference at level alpha each, which hold at every look.
    pub seq: Interval,
    /// One-sided bounds of the lift at level alpha each, which hold at every look.
    pub seq_lift: Interval,
    /// p-value, at every look, of the difference being below 0.
    pub seq_less_p_value: Option<f64>,
    /// p-value, at every look, of the difference being above 0.
    pub seq_greater_p_value: Option<f64>,
    /// What is believed of the lift.
    pub posterior: Option<Posterior>,
    /// Smallest difference that is found significant with the settings' power.
    pub mde_abs: Option<f64>,
    /// Smallest lift that is found significant with the settings' power.
    pub mde_lift: Option<f64>,
    /// p-value of Fisher's exact test, of proportions.
    pub fisher_p_value: Option<f64>,
    /// Newcombe's interval of the difference of proportions.
    pub newcombe_ci: Interval,
    /// Coefficient of the covariate, of a comparison of adjusted means.
    pub theta: Option<f64>,
    /// Share of the variance of the difference that the covariate has taken away.
    pub variance_reduction: Option<f64>,
    /// Why a number is missing.
    pub note: Option<&'static str>,
}

/// Subjects of both variants together up to which Fisher's test is always made; beyond that only if
/// one of the four cells is below [`SMALL_CELL`].
const FISHER_SUBJECTS: u64 = 25_000;
/// Below that many successes or failures, the normal approximation is in doubt.
const SMALL_CELL: u64 = 5;

/// Compares a treatment with a control of the same kind; covariates are left aside.
#[must_use]
pub fn compare(control: &Stats, treatment: &Stats, settings: &Settings) -> Comparison {
    let mut comparison = of_effect(&Effect::of(control, treatment), settings);
    comparison.note = missing(control, treatment).or(comparison.note);
    if let (Some(part), Some(other)) = (control.successes(), treatment.successes()) {
        let control = (part, control.count());
        let treatment = (other, treatment.count());
        comparison.newcombe_ci = Interval::of(newcombe(control, treatment, settings.alpha));
        let cells = [part, control.1 - part, other, treatment.1 - other];
        let is_small = cells.iter().any(|cell| *cell < SMALL_CELL);
        if is_small || control.1.saturating_add(treatment.1) <= FISHER_SUBJECTS {
            comparison.fisher_p_value = fisher(control, treatment);
        }
    }
    comparison
}

/// Why two cannot be compared in full, if it is because of one of them.
pub(crate) fn missing(control: &Stats, treatment: &Stats) -> Option<&'static str> {
    let both = [control, treatment];
    if both.iter().any(|stats| stats.count() == 0) {
        Some("a variant has no subjects")
    } else if both.iter().any(|stats| stats.mean().is_none()) {
        Some("the denominators of a variant add up to 0")
    } else if both.iter().any(|stats| stats.count() < 2) {
        Some("a variant has fewer than two subjects")
    } else if both.iter().any(|stats| stats.variance().is_none()) {
        Some("a variant has too few values for a variance")
    } else {
        None
    }
}

/// What follows from a difference and its variance.
#[must_use]
pub fn of_effect(effect: &Effect, settings: &Settings) -> Comparison {
    let subjects = effect.control_count.saturating_add(effect.treatment_count) as f64;
    let sequential = Sequential::new(settings.alpha, settings.planned_subjects);
    let mut comparison = Comparison {
        control_count: Some(effect.control_count),
        treatment_count: Some(effect.treatment_count),
        control_mean: effect.control_mean.and_then(finite),
        treatment_mean: effect.treatment_mean.and_then(finite),
        diff: effect.diff(),
        std_err: effect.spread.and_then(|spread| finite(spread.diff.sqrt())),
        lift: effect.lift(),
        note: note(effect),
        ..Comparison::default()
    };
    let (Some(diff), Some(spread)) = (comparison.diff, effect.spread) else {
        return comparison;
    };
    let Some(std_err) = comparison.std_err.filter(|std_err| *std_err > 0.0) else {
        return comparison;
    };
    let critical = spread
        .dof
        .and_then(|dof| student_t::critical_value(settings.alpha, dof));
    let bound = sequential.and_then(|test| test.critical_value(subjects));
    let one_sided = sequential.and_then(|test| test.one_sided_critical_value(subjects));
    let times = |factor: Option<f64>, std_err: f64| factor.map(|factor| factor * std_err);

    if let Some(t) = finite(diff / std_err) {
        comparison.t_stat = Some(t);
        comparison.p_value = spread.dof.and_then(|dof| student_t::two_sided_p(t, dof));
        comparison.p_value_z = Some(2.0 * normal::upper_tail(t.abs()));
        comparison.seq_p_value = sequential.and_then(|test| test.p_value(t, subjects));
        let one_sided = |t: f64| sequential.and_then(|test| test.one_sided_p_value(t, subjects));
        comparison.seq_less_p_value = one_sided(-t);
        comparison.seq_greater_p_value = one_sided(t);
    }
    comparison.dof = spread.dof;
    comparison.ci = Interval::around(diff, times(critical, std_err));
    comparison.ci_z =
        Interval::around(diff, times(normal::critical_value(settings.alpha), std_err));
    comparison.seq_ci = Interval::around(diff, times(bound, std_err));
    comparison.seq = Interval::around(diff, times(one_sided, std_err));
    comparison.mde_abs = minimum_detectable_effect(std_err, settings.alpha, settings.power);
    comparison.mde_lift = detectable_lift(effect, &spread, settings);

    comparison.lift_ci = Interval::of(critical.and_then(|critical| effect.fieller(critical)));
    if critical.is_some() && comparison.lift_ci.lower.is_none() {
        let reason = "the mean of the control cannot be told from 0, so the lift has no interval";
        comparison.note = comparison.note.or(Some(reason));
    }
    let Some((lift, std_err)) = comparison.lift.zip(effect.lift_variance().map(f64::sqrt)) else {
        return comparison;
    };
    comparison.lift_std_err = Some(std_err);
    if let Some(t) = finite(lift / std_err) {
        comparison.lift_p_value = spread.dof.and_then(|dof| student_t::two_sided_p(t, dof));
        comparison.seq_lift_p_value = sequential.and_then(|test| test.p_value(t, subjects));
    }
    comparison.lift_delta_ci = Interval::around(lift, times(critical, std_err));
    comparison.seq_lift_ci = Interval::around(lift, times(bound, std_err));
    comparison.seq_lift = Interval::around(lift, times(one_sided, std_err));
    let (prior, alpha) = (settings.prior, settings.alpha);
    comparison.posterior = posterior(lift, std_err, prior, alpha, settings.decrease);
    comparison
}

fn detectable_lift(effect: &Effect, spread: &Spread, settings: &Settings) -> Option<f64> {
    let base = effect.base.filter(|base| *base != 0.0)?;
    let (a, b) = (spread.treatment / base / base, spread.control / base / base);
    minimum_detectable_lift(a, b, settings.alpha, settings.power)
}

/// The first reason for which a number is missing.
fn note(effect: &Effect) -> Option<&'static str> {
    if effect.diff().is_none() {
        Some("a variant has no mean")
    } else if effect.spread.is_none() {
        Some("a variant has no variance")
    } else if effect.spread.is_some_and(|spread| spread.diff <= 0.0) {
        Some("nothing varies in either variant")
    } else if effect.base == Some(0.0) {
        Some("the mean of the control is 0, so there is no lift")
    } else if effect.lift_variance().is_none() {
        Some("the lift has no variance, so no interval")
    } else {
        None
    }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}
