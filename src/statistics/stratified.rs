//! Comparison of variants whose shares were changed on the way: inside each period of constant shares,
//! then taken together (post-stratification). Compared as a whole, the variants would differ by when
//! their subjects came.

use crate::comparison::{Comparison, Settings, of_effect};
use crate::effect::{Effect, Spread, welch};
use crate::stats::Stats;

/// A comparison of two variants period by period, where the pairs are of one kind.
///
/// With nu the share of a period in the subjects of all periods and N their number: the difference is
/// the mean of those of the periods, weighted with nu; its variance the sum of nu² (var T + var C),
/// and, as the shares are as random as the subjects, the variance of the differences between periods
/// over N. A period in which a variant has fewer than two subjects, or no variance, says nothing of
/// the difference and is left out.
#[must_use]
pub fn compare_stratified(
    periods: &[(Option<Stats>, Option<Stats>)],
    settings: &Settings,
) -> Comparison {
    let strata: Vec<Stratum> = periods
        .iter()
        .filter_map(|(control, treatment)| Stratum::of(control.as_ref()?, treatment.as_ref()?))
        .collect();
    let Some(effect) = taken_together(&strata) else {
        return Comparison {
            control_count: Some(subjects(periods.iter().map(|period| period.0))),
            treatment_count: Some(subjects(periods.iter().map(|period| period.1))),
            note: Some("no period has two subjects in each variant"),
            ..Comparison::default()
        };
    };
    let mut comparison = of_effect(&effect, settings);
    let counted = |stats: &Option<Stats>| stats.is_some_and(|stats| stats.count() > 0);
    let with_subjects = periods
        .iter()
        .filter(|(control, treatment)| counted(control) || counted(treatment));
    if with_subjects.count() > strata.len() {
        comparison.note = comparison.note.or(Some(
            "a period with fewer than two subjects in a variant is left out",
        ));
    }
    comparison
}

fn subjects(stats: impl Iterator<Item = Option<Stats>>) -> u64 {
    stats
        .flatten()
        .map(|stats| stats.count())
        .fold(0, u64::saturating_add)
}

struct Stratum {
    control: Side,
    treatment: Side,
}

#[derive(Clone, Copy)]
struct Side {
    count: u64,
    mean: f64,
    /// Variance of the mean.
    variance: f64,
}

impl Side {
    fn of(stats: &Stats) -> Option<Self> {
        Some(Self {
            count: stats.count(),
            mean: stats.mean()?,
            variance: stats.variance()? / stats.count() as f64,
        })
    }
}

impl Stratum {
    fn of(control: &Stats, treatment: &Stats) -> Option<Self> {
        Some(Self {
            control: Side::of(control)?,
            treatment: Side::of(treatment)?,
        })
    }

    fn count(&self) -> f64 {
        self.control.count.saturating_add(self.treatment.count) as f64
    }

    fn diff(&self) -> f64 {
        self.treatment.mean - self.control.mean
    }
}

/// `None` without strata.
fn taken_together(strata: &[Stratum]) -> Option<Effect> {
    if strata.is_empty() {
        return None;
    }
    let subjects: f64 = strata.iter().map(Stratum::count).sum();
    let weighted = |of: &dyn Fn(&Stratum) -> f64| -> f64 {
        let terms = strata
            .iter()
            .map(|stratum| stratum.count() / subjects * of(stratum));
        terms.sum()
    };
    // A share times the share again: the variance of a weighted mean.
    let squared = |of: &dyn Fn(&Stratum) -> f64| -> f64 {
        weighted(&|stratum| stratum.count() / subjects * of(stratum))
    };
    let control = weighted(&|stratum| stratum.control.mean);
    let treatment = weighted(&|stratum| stratum.treatment.mean);
    let diff = weighted(&Stratum::diff);
    // How means vary between the periods, and so with the periods' shares.
    let between = |first: &dyn Fn(&Stratum) -> f64, second: &dyn Fn(&Stratum) -> f64| {
        let (one, other) = (weighted(first), weighted(second));
        weighted(&|stratum| (first(stratum) - one) * (second(stratum) - other)) / subjects
    };
    let of_control = |stratum: &Stratum| stratum.control.mean;
    let of_treatment = |stratum: &Stratum| stratum.treatment.mean;
    let within_control = squared(&|stratum| stratum.control.variance);
    let within_treatment = squared(&|stratum| stratum.treatment.variance);
    let variance = within_control + within_treatment + between(&Stratum::diff, &Stratum::diff);
    let sides = strata.iter().flat_map(|stratum| {
        let share = stratum.count() / subjects;
        [stratum.control, stratum.treatment].map(|side| (share * share * side.variance, side.count))
    });
    let count = |of: fn(&Stratum) -> u64| strata.iter().map(of).fold(0, u64::saturating_add);
    Some(Effect {
        control_count: count(|stratum| stratum.control.count),
        treatment_count: count(|stratum| stratum.treatment.count),
        control_mean: Some(control),
        // So that means and difference agree.
        treatment_mean: Some(if strata.len() == 1 {
            treatment
        } else {
            control + diff
        }),
        base: Some(control),
        spread: Some(Spread {
            control: within_control + between(&of_control, &of_control),
            treatment: within_treatment + between(&of_treatment, &of_treatment),
            diff: variance,
            dof: welch(sides, variance),
            base: within_control + between(&of_control, &of_control),
            covariance: between(&Stratum::diff, &of_control) - within_control,
        }),
    })
}
