//! Whether subjects were split as the weights say (sample ratio mismatch).
//!
//! Weights that were changed are no mismatch: every period with its own weights brings its own
//! expectation.

use crate::{chi_squared, gamma};

/// How firmly the alternative of the Bayes factor holds to the weights: its Dirichlet
/// distribution has parameters of this sum (Lindon and Malek, arXiv 2011.03567).
const CONCENTRATION: f64 = 10_000.0;

/// A time in which the weights stayed the same.
#[derive(Clone, Copy, Debug)]
pub struct Period<'a> {
    /// Subjects first exposed in this time, for each variant.
    pub observed: &'a [u64],
    /// Weights of the variants in the same order; only their proportions matter.
    pub weights: &'a [f64],
}

/// What the split looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRatio {
    /// Pearson's statistic, or its like for several periods; `None` if `impossible` is not zero.
    pub chi_squared: Option<f64>,
    /// Degrees of freedom of the statistic.
    pub degrees_of_freedom: u32,
    /// p-value of the statistic, for one look.
    pub p_value: f64,
    /// Logarithm of the Bayes factor against the weights; infinite if `impossible` is not zero.
    pub log_bayes_factor: f64,
    /// 1 / Bayes factor, at most 1: a p-value that may be looked at again and again.
    pub sequential_p_value: f64,
    /// Subjects seen in a variant while its weight was zero. A single one contradicts the
    /// weights, so that both p-values are zero then.
    pub impossible: u64,
}

/// The split of one or more periods.
///
/// One period is Pearson's test. Of several, all with the same variants, observed and expected
/// counts are added up: (O - E)' V⁻¹ (O - E), where V is the sum of n (diag(w) - w w'). Variants
/// without weight are left out, and one variant is left out as the others determine it. If the
/// periods fall into groups of variants that were never split between, that holds for each group.
/// Bayes factors are multiplied.
///
/// `None` if there is nothing to test: no subjects, no two variants with weight at a time, counts
/// and weights of different lengths, or weights that are negative, not finite or all zero.
///
/// ```
/// use lotty_statistics::sample_ratio::{Period, test};
/// let period = Period { observed: &[821, 1_000], weights: &[0.5, 0.5] };
/// let split = test(&[period]).unwrap();
/// assert!(split.p_value < 0.001 && split.degrees_of_freedom == 1);
/// ```
pub fn test(periods: &[Period]) -> Option<SampleRatio> {
    let variants = periods.first()?.weights.len();
    let periods = periods
        .iter()
        .map(|period| Split::new(period, variants))
        .collect::<Option<Vec<Split>>>()?;
    let impossible = periods
        .iter()
        .map(|period| period.impossible)
        .fold(0, u64::saturating_add);
    // A time without subjects says nothing, not even which variants were there.
    let periods: Vec<Split> = periods.into_iter().filter(|p| p.subjects > 0.0).collect();
    let kept = kept_variants(&periods, variants);
    if impossible > 0 {
        return Some(SampleRatio {
            chi_squared: None,
            degrees_of_freedom: count(kept.len())?,
            p_value: 0.0,
            log_bayes_factor: f64::INFINITY,
            sequential_p_value: 0.0,
            impossible,
        });
    }
    if kept.is_empty() {
        return None;
    }
    let statistic = match periods.as_slice() {
        [only] => only.pearson(),
        several => quadratic_form(several, &kept)?,
    };
    let log_bayes_factor: f64 = periods.iter().map(Split::log_bayes_factor).sum();
    if !(statistic.is_finite() && log_bayes_factor.is_finite()) {
        return None;
    }
    let degrees_of_freedom = count(kept.len())?;
    Some(SampleRatio {
        chi_squared: Some(statistic),
        degrees_of_freedom,
        p_value: chi_squared::upper_tail(statistic, f64::from(degrees_of_freedom))?,
        log_bayes_factor,
        sequential_p_value: (-log_bayes_factor).exp().min(1.0),
        impossible,
    })
}

/// A period with weights that add up to one.
struct Split {
    /// Number of subjects.
    subjects: f64,
    /// For each variant its weight and how many subjects more than expected it has.
    variants: Vec<(f64, f64)>,
    /// Subjects in variants of weight zero.
    impossible: u64,
}

impl Split {
    fn new(period: &Period, variants: usize) -> Option<Self> {
        if period.weights.len() != variants || period.observed.len() != variants {
            return None;
        }
        let total: f64 = period.weights.iter().sum();
        let valid = period.weights.iter().all(|weight| *weight >= 0.0);
        if !(valid && total > 0.0 && total.is_finite()) {
            return None;
        }
        let pairs = || period.observed.iter().zip(period.weights);
        let subjects: f64 = pairs().map(|(observed, _)| *observed as f64).sum();
        Some(Self {
            subjects,
            variants: pairs()
                .map(|(observed, weight)| {
                    let weight = weight / total;
                    (weight, *observed as f64 - subjects * weight)
                })
                .collect(),
            impossible: pairs()
                .filter(|(_, weight)| **weight / total == 0.0)
                .map(|(observed, _)| *observed)
                .fold(0, u64::saturating_add),
        })
    }

    /// Weight and surplus of the variants that have weight.
    fn weighted(&self) -> impl Iterator<Item = (f64, f64)> {
        self.variants
            .iter()
            .copied()
            .filter(|(weight, _)| *weight > 0.0)
    }

    /// Σ (O - E)² / E.
    fn pearson(&self) -> f64 {
        self.weighted()
            .map(|(weight, surplus)| surplus / (self.subjects * weight) * surplus)
            .sum()
    }

    /// ln Γ(Σa) - ln Γ(Σa + n) + Σ (ln Γ(a + O) - ln Γ(a) - O ln w), with a = c w.
    ///
    /// The terms grow with n ln n while the sum may be near zero, so Stirling's formula is put in
    /// for ln Γ and what cancels is left out. With z = a + O, Z = c + n and
    /// z = Z w (1 + δ) there remain: Z w ((1 + δ) ln(1 + δ) - δ) - ½ ln(1 + δ) for each of K
    /// variants, -½ (K - 1) ln(Z / c), and the corrections of Stirling's formula.
    fn log_bayes_factor(&self) -> f64 {
        let after = CONCENTRATION + self.subjects;
        let mut sum = gamma::stirling_correction(CONCENTRATION) - gamma::stirling_correction(after)
            + 0.5 * libm::log1p(self.subjects / CONCENTRATION);
        for (weight, surplus) in self.weighted() {
            let expected = after * weight;
            let delta = surplus / expected;
            let ln = libm::log1p(delta);
            sum += expected * ((1.0 + delta) * ln - delta)
                - 0.5 * ln
                - 0.5 * libm::log1p(self.subjects / CONCENTRATION)
                + gamma::stirling_correction(expected * (1.0 + delta))
                - gamma::stirling_correction(CONCENTRATION * weight);
        }
        sum
    }
}

/// The places of the variants that the statistic is made of.
///
/// Variants hang together if they had weight in the same period; of each such group all but the
/// last are kept. Variants without weight are groups of their own.
fn kept_variants(periods: &[Split], variants: usize) -> Vec<usize> {
    let mut groups: Vec<usize> = (0..variants).collect();
    for period in periods {
        let members: Vec<usize> = groups
            .iter()
            .zip(&period.variants)
            .filter(|(_, (weight, _))| *weight > 0.0)
            .map(|(group, _)| *group)
            .collect();
        let Some(highest) = members.iter().copied().max() else {
            continue;
        };
        for group in &mut groups {
            if members.contains(group) {
                *group = highest;
            }
        }
    }
    // A group has the number of its last variant.
    groups
        .iter()
        .enumerate()
        .filter(|(variant, group)| variant != *group)
        .map(|(variant, _)| variant)
        .collect()
}

/// (O - E)' V⁻¹ (O - E) over the kept variants: the squared length of L⁻¹ (O - E) for V = L L'
/// (Cholesky); `None` if V has no inverse to working precision.
fn quadratic_form(periods: &[Split], kept: &[usize]) -> Option<f64> {
    let mut rows: Vec<(Vec<f64>, f64)> = Vec::with_capacity(kept.len());
    let mut solved: Vec<f64> = Vec::with_capacity(kept.len());
    for variant in kept {
        let mut row: Vec<f64> = Vec::with_capacity(rows.len());
        for (other, (other_row, pivot)) in kept.iter().zip(&rows) {
            let value = covariance(periods, *variant, *other) - dot(&row, other_row);
            row.push(value / pivot);
        }
        let square = covariance(periods, *variant, *variant) - dot(&row, &row);
        if !(square > 0.0 && square.is_finite()) {
            return None;
        }
        let pivot = square.sqrt();
        let surplus: f64 = periods.iter().map(|period| at(period, *variant).1).sum();
        solved.push((surplus - dot(&row, &solved)) / pivot);
        rows.push((row, pivot));
    }
    Some(dot(&solved, &solved))
}

/// The covariance of the counts of two variants.
fn covariance(periods: &[Split], one: usize, other: usize) -> f64 {
    periods
        .iter()
        .map(|period| {
            let weight = at(period, one).0;
            let rest = if one == other {
                1.0 - weight
            } else {
                -at(period, other).0
            };
            period.subjects * weight * rest
        })
        .sum()
}

/// Weight and surplus of a variant.
fn at(period: &Split, variant: usize) -> (f64, f64) {
    period.variants.get(variant).copied().unwrap_or_default()
}

/// The inner product, over as many elements as the shorter one has.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// A number of variants.
fn count(number: usize) -> Option<u32> {
    u32::try_from(number).ok()
}
