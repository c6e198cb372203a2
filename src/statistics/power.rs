//! How large an effect a number of subjects shows, and how many subjects an effect needs.

use crate::normal;
use crate::sequential::Sequential;

/// More subjects than this are not worth planning for.
const MOST_SUBJECTS: f64 = 1e15;

/// The difference of two means that is found significant with probability `power`:
/// (z at 1 - alpha/2 + z at power) standard errors.
///
/// `None` unless the standard error is a positive number, 0 < alpha < 1 and
/// alpha/2 < power < 1.
///
/// ```
/// use lotty_statistics::power::minimum_detectable_effect;
/// let effect = minimum_detectable_effect(1.0, 0.05, 0.8).unwrap();
/// assert!((effect - 2.801_585).abs() < 1e-6);
/// ```
pub fn minimum_detectable_effect(std_err: f64, alpha: f64, power: f64) -> Option<f64> {
    let k = standard_errors(normal::critical_value(alpha)?, power)?;
    positive(k * std_err)
}

/// The lift that is found significant with probability `power`, by the delta method.
///
/// `a` and `b` are the variances of the means of treatment and control, both divided by the
/// squared mean of the control. With k as in [`minimum_detectable_effect`] and q = 1 - k² b:
/// (k² b + √(k⁴ b² + q k² (a + b))) / q. `None` unless q > 0: the mean of the control is too
/// uncertain for any lift to be found.
pub fn minimum_detectable_lift(a: f64, b: f64, alpha: f64, power: f64) -> Option<f64> {
    if !(a >= 0.0 && b >= 0.0) {
        return None;
    }
    let k = standard_errors(normal::critical_value(alpha)?, power)?;
    let kb = k * k * b;
    let q = 1.0 - kb;
    positive(q)?;
    positive((kb + (kb * kb + q * k * k * (a + b)).sqrt()) / q)
}

/// The subjects of both variants together that a lift needs, judged by what `n_total` subjects
/// have shown: n (k √(a + b (1 + lift)²) / lift)².
///
/// `a`, `b` and k as in [`minimum_detectable_lift`], of which it is the inverse. Not rounded.
pub fn total_subjects_needed(
    n_total: f64,
    a: f64,
    b: f64,
    lift: f64,
    alpha: f64,
    power: f64,
) -> Option<f64> {
    if !(a >= 0.0 && b >= 0.0 && n_total > 0.0) {
        return None;
    }
    let k = standard_errors(normal::critical_value(alpha)?, power)?;
    let base = 1.0 + lift;
    let root = k * (a + b * base * base).sqrt() / lift;
    positive(n_total * root * root)
}

/// Which test the subjects are planned for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// One look, when all subjects are there.
    FixedHorizon,
    /// The always valid test. Power is that of the look when all subjects are there; earlier
    /// looks add a little to it.
    Sequential {
        /// At how many subjects the test is most sensitive; `None`: at those asked about.
        planned_subjects: Option<f64>,
    },
}

impl Test {
    /// How many standard errors from zero an estimate is significant, with `subjects` in both
    /// variants together; `None` unless 0 < alpha < 1 and the subjects are a positive number.
    pub fn critical_value(self, alpha: f64, subjects: f64) -> Option<f64> {
        match self {
            Self::FixedHorizon => normal::critical_value(alpha),
            Self::Sequential { planned_subjects } => {
                Sequential::new(alpha, planned_subjects.unwrap_or(subjects))?
                    .critical_value(subjects)
            }
        }
    }
}

/// An experiment to be: two variants and what the treatment is expected to change.
///
/// What is planned for is the test of the difference of both means, with known variances.
///
/// ```
/// use lotty_statistics::power::{Design, Test};
/// // From 10 % to 11 %: 14 749 subjects in each variant.
/// let design = Design::of_proportion(0.10, 0.10, 0.5).unwrap();
/// let size = design.sample_size(0.05, 0.8, Test::FixedHorizon).unwrap();
/// assert_eq!((size.control, size.treatment), (14_749, 14_749));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Expected difference of the means, without sign.
    effect: f64,
    /// Variance of the estimated difference, for one subject of both variants together.
    variance: f64,
    /// Share of the subjects that the treatment gets.
    treatment_share: f64,
}

/// Subjects that an experiment needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SampleSize {
    /// Subjects of the control.
    pub control: u64,
    /// Subjects of the treatment.
    pub treatment: u64,
}

impl SampleSize {
    /// Subjects of both.
    pub fn total(self) -> u64 {
        self.control.saturating_add(self.treatment)
    }
}

impl Design {
    /// A mean `baseline`, with one standard deviation in both variants, of which the treatment
    /// makes baseline · (1 + lift).
    ///
    /// `None` unless baseline and lift are numbers, the baseline is not zero, the deviation is
    /// positive and the treatment's share of the subjects lies between 0 and 1.
    pub fn of_mean(baseline: f64, stddev: f64, lift: f64, treatment_share: f64) -> Option<Self> {
        let variance = positive(stddev).map(|stddev| stddev * stddev)?;
        Self::new(baseline, lift, (variance, variance), treatment_share)
    }

    /// A proportion `baseline`, of which the treatment makes baseline · (1 + lift); each has the
    /// variance p (1 - p).
    ///
    /// `None` unless 0 < baseline < 1 and the other proportion is one too (0 and 1 are allowed
    /// there), and as for a mean.
    pub fn of_proportion(baseline: f64, lift: f64, treatment_share: f64) -> Option<Self> {
        let treated = baseline * (1.0 + lift);
        if !(baseline > 0.0 && baseline < 1.0 && (0.0..=1.0).contains(&treated)) {
            return None;
        }
        let variance = |p: f64| p * (1.0 - p);
        let variances = (variance(baseline), variance(treated));
        Self::new(baseline, lift, variances, treatment_share)
    }

    /// `variances` are those of one subject of control and treatment.
    fn new(baseline: f64, lift: f64, variances: (f64, f64), share: f64) -> Option<Self> {
        if !(share > 0.0 && share < 1.0) || baseline == 0.0 {
            return None;
        }
        let effect = (baseline * lift).abs();
        Some(Self {
            effect: effect.is_finite().then_some(effect)?,
            variance: positive(variances.0 / (1.0 - share) + variances.1 / share)?,
            treatment_share: share,
        })
    }

    /// The subjects with which the effect is found significant with probability `power`, each
    /// variant's number rounded up.
    ///
    /// Solves subjects = variance · ((critical value + z at power) / effect)², where the critical
    /// value of the sequential test depends on the subjects. `None` unless alpha and power are as
    /// for [`minimum_detectable_effect`] and there is an effect; also above 10¹⁵ subjects.
    pub fn sample_size(&self, alpha: f64, power: f64, test: Test) -> Option<SampleSize> {
        let missing = |subjects: f64| {
            let k = standard_errors(test.critical_value(alpha, subjects)?, power)?;
            let root = k / self.effect;
            Some(self.variance * root * root / subjects)
        };
        // Needed subjects for each one there is: falls as subjects grow, so it is 1 only once.
        let (mut few, mut many) = (1e-3, MOST_SUBJECTS);
        missing(many).filter(|share| *share <= 1.0)?;
        for _ in 0..200 {
            let middle = (few * many).sqrt();
            if middle <= few || middle >= many {
                break;
            }
            if missing(middle)? <= 1.0 {
                many = middle;
            } else {
                few = middle;
            }
        }
        Some(SampleSize {
            control: round_up(many * (1.0 - self.treatment_share)),
            treatment: round_up(many * self.treatment_share),
        })
    }

    /// The probability that the effect is found significant, on either side, when both variants
    /// together have `subjects`; alpha if there is no effect and one look.
    ///
    /// `None` unless 0 < alpha < 1 and the subjects are a positive number.
    pub fn power(&self, subjects: f64, alpha: f64, test: Test) -> Option<f64> {
        if !(subjects > 0.0 && subjects.is_finite()) {
            return None;
        }
        let critical = test.critical_value(alpha, subjects)?;
        let distance = self.effect * (subjects / self.variance).sqrt();
        let power =
            normal::upper_tail(critical - distance) + normal::upper_tail(critical + distance);
        (!power.is_nan()).then(|| power.min(1.0))
    }
}

/// How many standard errors an effect must be to exceed a critical value with probability
/// `power`.
fn standard_errors(critical: f64, power: f64) -> Option<f64> {
    positive(critical + normal::quantile(power)?)
}

/// Whole subjects. What is above a whole number by rounding alone is that number.
fn round_up(subjects: f64) -> u64 {
    (subjects * (1.0 - 1e-12)).ceil().max(1.0) as u64
}

/// A number above zero.
fn positive(x: f64) -> Option<f64> {
    (x > 0.0 && x.is_finite()).then_some(x)
}
