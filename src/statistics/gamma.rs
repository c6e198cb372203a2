//! What the distributions need of the gamma function.

/// From here on the asymptotic series below are exact to the last digits.
const ASYMPTOTIC: f64 = 16.0;

/// ln(√(2π)).
const LN_SQRT_2_PI: f64 = 0.918_938_533_204_672_8;

/// The natural logarithm of Γ(x) for x > 0; `None` for anything else.
///
/// ```
/// use lotty_statistics::gamma::ln_gamma;
/// assert!(ln_gamma(5.0).is_some_and(|ln| (ln - 24_f64.ln()).abs() < 1e-15));
/// assert_eq!(ln_gamma(0.0), None);
/// ```
pub fn ln_gamma(x: f64) -> Option<f64> {
    (x > 0.0 && x.is_finite()).then(|| libm::lgamma(x))
}

/// What Stirling's formula lacks for x > 0: ln Γ(x) - ((x - ½) ln x - x + ½ ln 2π).
///
/// Sums of ln Γ whose large parts cancel are computed with this, as Bayes factors of counts
/// are: they keep their digits however large the counts.
pub fn stirling_correction(x: f64) -> f64 {
    let mut x = x;
    let mut sum = 0.0;
    while x < ASYMPTOTIC {
        // From Γ(x + 1) = x Γ(x).
        sum += (x + 0.5) * libm::log1p(1.0 / x) - 1.0;
        x += 1.0;
    }
    sum + stirling_series(x)
}

/// The asymptotic series of [`stirling_correction`]: its terms are B₂ₖ / (2k (2k - 1) x²ᵏ⁻¹)
/// with the Bernoulli numbers B.
fn stirling_series(x: f64) -> f64 {
    let w = 1.0 / (x * x);
    let coefficients = [
        -691.0 / 360_360.0,
        1.0 / 1188.0,
        -1.0 / 1680.0,
        1.0 / 1260.0,
        -1.0 / 360.0,
        1.0 / 12.0,
    ];
    horner(w, &coefficients) / x
}

/// The natural logarithm of Γ(x + ½) / Γ(x), for x > 0.
///
/// The difference of two ln Γ would lose what they have in common: at x = 10⁹ ten digits.
pub(crate) fn ln_half_step(x: f64) -> f64 {
    let mut x = x;
    let mut factor = 1.0;
    while x < ASYMPTOTIC {
        // From Γ(x + 1) = x Γ(x), above and below.
        factor *= x / (x + 0.5);
        x += 1.0;
    }
    let w = 1.0 / (x * x);
    // The asymptotic series of the difference of the two logarithms, beyond ½ ln x.
    let coefficients = [
        691.0 / 180_224.0,
        -31.0 / 18_432.0,
        17.0 / 14_336.0,
        -1.0 / 640.0,
        1.0 / 192.0,
        -1.0 / 8.0,
    ];
    factor.ln() + 0.5 * x.ln() + horner(w, &coefficients) / x
}

/// ln(xᵃ e⁻ˣ / Γ(a)) for a, x > 0: what both expansions of the incomplete gamma function are
/// multiplied by.
pub(crate) fn ln_power_term(a: f64, x: f64) -> f64 {
    if a < ASYMPTOTIC {
        return a * x.ln() - x - libm::lgamma(a);
    }
    // Stirling's formula taken out: a ln x - x and ln Γ(a) nearly cancel when a is large.
    let m = (x - a) / a;
    let log = if m > -0.5 {
        libm::log1p(m)
    } else {
        (x / a).ln()
    };
    a * (log - m) + 0.5 * a.ln() - LN_SQRT_2_PI - stirling_series(a)
}

/// The value at w of the polynomial with these coefficients, highest power first.
fn horner(w: f64, coefficients: &[f64]) -> f64 {
    coefficients
        .iter()
        .fold(0.0, |sum, coefficient| sum * w + coefficient)
}
