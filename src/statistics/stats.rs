//! What is kept of a metric for a group of subjects, to be merged and compared later.

use crate::moments::{MAX_VARIABLES, Moments};

/// What a metric's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The mean of a number per subject.
    Mean,
    /// The share of subjects that did something.
    Proportion,
    /// The sum of one number over that of another.
    Ratio,
    /// A value with a variance from elsewhere, such as a quantile.
    Estimate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mean, Self::Proportion, Self::Ratio, Self::Estimate];

    /// The name in SQL and in the text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Proportion => "proportion",
            Self::Ratio => "ratio",
            Self::Estimate => "estimate",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A value with a variance from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Subjects, or events, that it is from.
    pub count: u64,
    /// The value.
    pub value: f64,
    /// Variance of one of them: the square of the standard error is this over `count`. `None` where
    /// it is not defined.
    pub variance: Option<f64>,
}

/// What is kept of a metric for a group of subjects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stats {
    /// Moments of `y`, or of `y` and its covariate.
    Mean(Moments),
    /// Moments of 0 and 1, or of those and a covariate.
    Proportion(Moments),
    /// Moments of numerator and denominator, or of those and the same two as covariates.
    Ratio(Moments),
    /// A value that cannot be merged.
    Estimate(Estimate),
}

/// Why two cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeError {
    /// They are of different kinds.
    Kinds(Kind, Kind),
    /// One has a covariate, the other has none.
    Covariate,
    /// Estimates have nothing that could be added up.
    Estimates,
}

impl Stats {
    /// Those of no subjects; `None` for an estimate.
    #[must_use]
    pub fn new(kind: Kind, has_covariate: bool) -> Option<Self> {
        let pairs = if has_covariate { 2 } else { 1 };
        Some(match kind {
            Kind::Mean => Self::Mean(Moments::new(pairs)),
            Kind::Proportion => Self::Proportion(Moments::new(pairs)),
            Kind::Ratio => Self::Ratio(Moments::new(2 * pairs)),
            Kind::Estimate => return None,
        })
    }

    /// From moments; `None` if the kind has another number of variables, or the mean of a proportion
    /// is not between 0 and 1.
    #[must_use]
    pub fn from_moments(kind: Kind, moments: Moments) -> Option<Self> {
        let stats = match kind {
            Kind::Mean if matches!(moments.variables(), 1 | 2) => Self::Mean(moments),
            Kind::Proportion
                if matches!(moments.variables(), 1 | 2)
                    && (0.0..=1.0).contains(&moments.mean(0)) =>
            {
                Self::Proportion(moments)
            }
            Kind::Ratio if matches!(moments.variables(), 2 | 4) => Self::Ratio(moments),
            _ => return None,
        };
        (stats.count() <= MAX_COUNT && moments.is_finite()).then_some(stats)
    }

    /// From a value and the variance of one subject; `None` if a number is not finite, or the variance
    /// negative.
    #[must_use]
    pub fn from_estimate(count: u64, value: f64, variance: Option<f64>) -> Option<Self> {
        let fits = value.is_finite()
            && count <= MAX_COUNT
            && variance.is_none_or(|variance| variance.is_finite() && variance >= 0.0);
        fits.then_some(Self::Estimate(Estimate {
            count,
            value,
            variance,
        }))
    }

    /// What it is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Mean(_) => Kind::Mean,
            Self::Proportion(_) => Kind::Proportion,
            Self::Ratio(_) => Kind::Ratio,
            Self::Estimate(_) => Kind::Estimate,
        }
    }

    /// The moments, except of an estimate.
    #[must_use]
    pub fn moments(&self) -> Option<&Moments> {
        match self {
            Self::Mean(moments) | Self::Proportion(moments) | Self::Ratio(moments) => Some(moments),
            Self::Estimate(_) => None,
        }
    }

    fn moments_mut(&mut self) -> Option<&mut Moments> {
        match self {
            Self::Mean(moments) | Self::Proportion(moments) | Self::Ratio(moments) => Some(moments),
            Self::Estimate(_) => None,
        }
    }

    /// How many subjects (or events, of an estimate).
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Estimate(estimate) => estimate.count,
            Self::Mean(moments) | Self::Proportion(moments) | Self::Ratio(moments) => {
                moments.count()
            }
        }
    }

    /// Whether each subject has a covariate.
    #[must_use]
    pub fn has_covariate(&self) -> bool {
        let without = if self.kind() == Kind::Ratio { 2 } else { 1 };
        self.moments()
            .is_some_and(|moments| moments.variables() > without)
    }

    /// The covariates by themselves: a mean or, of a ratio, a ratio. `None` if there are none.
    #[must_use]
    pub fn covariate(&self) -> Option<Self> {
        let moments = self.moments().filter(|_| self.has_covariate())?;
        let (count, mean) = (moments.count(), |i| moments.mean(i));
        let product = |i, j| moments.product(i, j);
        match self {
            Self::Ratio(_) => {
                let products = [product(2, 2), product(2, 3), product(3, 3)];
                Moments::from_parts(count, &[mean(2), mean(3)], &products).map(Self::Ratio)
            }
            _ => Moments::from_parts(count, &[mean(1)], &[product(1, 1)]).map(Self::Mean),
        }
    }

    /// Adds a subject: its values in the order of the variables. Does nothing to an estimate.
    pub fn add(&mut self, row: &[f64]) {
        if let Some(moments) = self.moments_mut() {
            moments.add(row);
        }
    }

    /// Adds the subjects of another.
    ///
    /// # Errors
    /// The two have to be of the same kind and variables, and no estimates.
    pub fn merge(&mut self, other: &Self) -> Result<(), MergeError> {
        if self.kind() != other.kind() {
            return Err(MergeError::Kinds(self.kind(), other.kind()));
        }
        if self.has_covariate() != other.has_covariate() {
            return Err(MergeError::Covariate);
        }
        match (self.moments_mut(), other.moments()) {
            (Some(mine), Some(theirs)) => {
                mine.merge(theirs);
                Ok(())
            }
            _ => Err(MergeError::Estimates),
        }
    }

    /// As it is kept: how many succeeded is a whole number, so that a proportion does not depend on
    /// the order of the rows. `None` if a number has overflowed.
    #[must_use]
    pub fn finished(self) -> Option<Self> {
        let kind = self.kind();
        let Some(moments) = self.moments() else {
            return Some(self);
        };
        let mut moments = *moments;
        if let (Kind::Proportion, Some(successes)) = (kind, self.successes()) {
            let (count, part) = (moments.count() as f64, successes as f64);
            let mut means: Vec<f64> = moments.means().collect();
            let mut products: Vec<f64> = moments.products().collect();
            if let (Some(mean), Some(product)) = (means.first_mut(), products.first_mut()) {
                *mean = part / count;
                *product = part * ((count - part) / count);
            }
            moments = Moments::from_parts(moments.count(), &means, &products)?;
        }
        Self::from_moments(kind, moments)
    }

    /// How many succeeded, of a proportion with subjects.
    #[must_use]
    pub fn successes(&self) -> Option<u64> {
        match self {
            Self::Proportion(moments) if moments.count() > 0 => {
                let count = moments.count();
                // Not below 0, as the mean is not; a number beyond the count would be rounding.
                Some(((moments.mean(0) * count as f64).round() as u64).min(count))
            }
            _ => None,
        }
    }

    /// Sum of a variable over the subjects, variables counted from 0; `None` if there is no such
    /// variable.
    #[must_use]
    pub fn sum(&self, variable: usize) -> Option<f64> {
        let moments = self.moments()?;
        if variable >= moments.variables() {
            return None;
        }
        if variable == 0
            && let Some(successes) = self.successes()
        {
            return Some(successes as f64);
        }
        Some(moments.count() as f64 * moments.mean(variable)).filter(|sum| sum.is_finite())
    }

    /// Sum of the product of two variables (or of a variable's square) over the subjects, not centred;
    /// `None` if there is no such variable, or it overflows.
    #[must_use]
    pub fn sum_products(&self, variable: usize, other: usize) -> Option<f64> {
        let moments = self.moments()?;
        if variable.max(other) >= moments.variables() {
            return None;
        }
        if (variable, other) == (0, 0)
            && let Some(successes) = self.successes()
        {
            return Some(successes as f64);
        }
        let product = moments.mean(variable) * moments.mean(other);
        Some(moments.product(variable, other) + moments.count() as f64 * product)
            .filter(|sum| sum.is_finite())
    }

    /// The metric's value; `None` without subjects, or if the denominators add up to 0.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let value = match self {
            Self::Estimate(estimate) => return (estimate.count > 0).then_some(estimate.value),
            _ if self.count() == 0 => return None,
            Self::Proportion(moments) => self.successes()? as f64 / moments.count() as f64,
            Self::Mean(moments) => moments.mean(0),
            Self::Ratio(moments) if moments.mean(1) == 0.0 => return None,
            Self::Ratio(moments) => moments.mean(0) / moments.mean(1),
        };
        Some(value).filter(|value| value.is_finite())
    }

    /// Variance of one subject: the square of the standard error is this over the count. Of a
    /// proportion `m (1 - m)`, else with `n - 1`; of a ratio by the delta method (Deng, Knoblich, Lu
    /// 2018). `None` for fewer than two subjects.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let variance = match self {
            Self::Estimate(estimate) => estimate.variance.filter(|_| estimate.count > 1)?,
            _ if self.count() < 2 => return None,
            Self::Proportion(_) => {
                let mean = self.mean()?;
                mean * (1.0 - mean)
            }
            Self::Mean(moments) => moments.product(0, 0) / (moments.count() - 1) as f64,
            Self::Ratio(moments) => {
                let weights = self.weights()?;
                moments.combined(&weights, &weights) / (moments.count() - 1) as f64
            }
        };
        Some(variance.max(0.0)).filter(|variance| variance.is_finite())
    }

    /// Standard error of [`Stats::mean`]; `None` for fewer than two subjects.
    #[must_use]
    pub fn std_err(&self) -> Option<f64> {
        Some((self.variance()? / self.count() as f64).sqrt())
    }

    /// The linear combination of the variables whose mean has the variance of the metric: of a ratio
    /// `(num - R den) / mean(den)`, else the first variable. `None` where the metric has no value.
    pub(crate) fn weights(&self) -> Option<[f64; MAX_VARIABLES]> {
        match self {
            Self::Mean(_) | Self::Proportion(_) => Some([1.0, 0.0, 0.0, 0.0]),
            Self::Ratio(moments) => {
                let ratio = self.mean()?;
                let denominator = moments.mean(1);
                Some([1.0 / denominator, -ratio / denominator, 0.0, 0.0])
            }
            Self::Estimate(_) => None,
        }
    }
}

/// The count is a `bigint` in SQL.
const MAX_COUNT: u64 = i64::MAX as u64;
