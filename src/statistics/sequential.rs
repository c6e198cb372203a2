//! The always valid test of reports: a normal mixture confidence sequence.
//!
//! It may be looked at as often as one likes: at level alpha the intervals of all looks together
//! miss the true effect with probability alpha at most, once there are about a hundred subjects
//! in each variant (asymptotic confidence sequence, Waudby-Smith et al., arXiv 2103.06476; with
//! ρ = 1/ρ² the bound of Howard et al., arXiv 1810.08240, eq. 14, term by term).

/// The test at one significance level, most sensitive at one number of subjects.
///
/// Both are to stay the same for the whole life of an experiment.
///
/// ```
/// use lotty_statistics::sequential::Sequential;
/// let test = Sequential::new(0.05, 5_000.0).unwrap();
/// let bound = test.critical_value(5_000.0).unwrap();
/// assert!((bound - 3.0).abs() < 0.1);
/// // An estimate so many standard errors from zero has just the p-value alpha.
/// assert!((test.p_value(bound, 5_000.0).unwrap() - 0.05).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequential {
    /// Significance level of two sides together, or of the one side.
    alpha: f64,
    /// ρ² of the two-sided mixture, for each subject.
    two_sided: f64,
    /// ρ² of the one-sided mixture; `None` for alpha >= ½, where there is none.
    one_sided: Option<f64>,
}

impl Sequential {
    /// The test at level `alpha` that is narrowest when both variants together have
    /// `planned_subjects`; `None` unless 0 < alpha < 1 and the subjects are a positive number.
    pub fn new(alpha: f64, planned_subjects: f64) -> Option<Self> {
        let defined =
            alpha > 0.0 && alpha < 1.0 && planned_subjects > 0.0 && planned_subjects.is_finite();
        if !defined {
            return None;
        }
        let two_sided = mixture(alpha, planned_subjects)?;
        Some(Self {
            alpha,
            two_sided,
            // The one-sided bound at alpha is tuned like the two-sided one at 2 alpha.
            one_sided: mixture(2.0 * alpha, planned_subjects),
        })
    }

    /// B with `n` subjects in both variants together: the confidence interval is the estimate
    /// ± B standard errors, where B² = u / (u - 1) · ln(u / alpha²) and u = 1 + n ρ².
    ///
    /// `None` unless n is a positive number.
    pub fn critical_value(&self, n: f64) -> Option<f64> {
        let information = information(n, self.two_sided)?;
        let ln_u = libm::log1p(information);
        finite(((1.0 + 1.0 / information) * (ln_u - 2.0 * self.alpha.ln())).sqrt())
    }

    /// The p-value of an estimate that is `t` standard errors from zero:
    /// min(1, √u · exp(-t² (u - 1) / 2u)).
    ///
    /// Below alpha exactly if the interval of [`Self::critical_value`] excludes zero. `None`
    /// unless t and n are numbers and n is positive.
    pub fn p_value(&self, t: f64, n: f64) -> Option<f64> {
        let information = information(n, self.two_sided)?;
        if t.is_nan() {
            return None;
        }
        let ln_p = 0.5 * libm::log1p(information) - half_square(t, information);
        Some(ln_p.exp().min(1.0))
    }

    /// B₁ with `n` subjects: estimate - B₁ standard errors is a lower bound at level alpha, and
    /// estimate + B₁ standard errors an upper one; either alone, not both together.
    ///
    /// B₁² = 2u / (u - 1) · ln(1 + √u / (2 alpha)) (arXiv 2103.06476, eq. 134). `None` unless n
    /// is a positive number, and for alpha >= ½.
    pub fn one_sided_critical_value(&self, n: f64) -> Option<f64> {
        let information = information(n, self.one_sided?)?;
        let root_u = (0.5 * libm::log1p(information)).exp();
        let square = 2.0 * (1.0 + 1.0 / information) * libm::log1p(root_u / (2.0 * self.alpha));
        finite(square.sqrt())
    }

    /// The p-value of an estimate `t` standard errors above zero, against zero or less. For the
    /// other side pass -t.
    ///
    /// It is the level at which the lower bound would touch zero, the mixture being kept:
    /// t = B₁ solved for alpha, √u / (2 (exp(t² (u - 1) / 2u) - 1)), at most 1, and 1 if t is
    /// not positive. So it is below alpha exactly if t > B₁. `None` as for the bound.
    pub fn one_sided_p_value(&self, t: f64, n: f64) -> Option<f64> {
        let information = information(n, self.one_sided?)?;
        if t.is_nan() {
            return None;
        }
        if t <= 0.0 {
            return Some(1.0);
        }
        let exponent = half_square(t, information);
        let ln_half_root_u = 0.5 * libm::log1p(information) - std::f64::consts::LN_2;
        // ln(eˣ - 1) = x + ln(1 - e⁻ˣ)
        let ln_p = ln_half_root_u - exponent - (-libm::expm1(-exponent)).ln();
        Some(ln_p.exp().min(1.0))
    }
}

/// ρ² at which the bound at level alpha is narrowest with so many subjects, nearly:
/// (-2 ln alpha + ln(1 - 2 ln alpha)) / subjects.
fn mixture(alpha: f64, subjects: f64) -> Option<f64> {
    let l = -2.0 * alpha.ln();
    let rho = (l + libm::log1p(l)) / subjects;
    (rho > 0.0 && rho.is_finite()).then_some(rho)
}

/// u - 1 = n ρ²; `None` unless it is a positive number.
fn information(n: f64, rho: f64) -> Option<f64> {
    let information = n * rho;
    (n > 0.0 && information > 0.0 && information.is_finite()).then_some(information)
}

/// t² (u - 1) / 2u.
fn half_square(t: f64, information: f64) -> f64 {
    0.5 * t * t / (1.0 + 1.0 / information)
}

/// A number that is neither infinite nor NaN.
fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
