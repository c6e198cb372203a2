//! The standard normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// 1 / √(2π), the density at zero.
const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// The density at z.
///
/// ```
/// assert!((lotty_statistics::normal::density(0.0) - 0.398_942_280_401_432_7).abs() < 1e-16);
/// ```
pub fn density(z: f64) -> f64 {
    if z.is_infinite() {
        return 0.0;
    }
    // The square is split in two, or its rounding would cost three digits in the far tails.
    let head = (z * 16.0).trunc() / 16.0;
    let rest = (z - head) * (z + head);
    DENSITY_AT_ZERO * (-0.5 * head * head).exp() * (-0.5 * rest).exp()
}

/// P(Z <= z), with all its digits in the lower tail.
///
/// ```
/// assert_eq!(lotty_statistics::normal::cumulative(0.0), 0.5);
/// ```
pub fn cumulative(z: f64) -> f64 {
    upper_tail(-z)
}

/// P(Z > z), with all its digits in the upper tail: it reaches zero only beyond z = 38.
///
/// ```
/// assert!(lotty_statistics::normal::upper_tail(37.0) > 0.0);
/// ```
pub fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// The z with P(Z <= z) = p, for 0 < p < 1; `None` for every other p.
///
/// Half of a small significance level goes in as it is (`-quantile(alpha / 2.0)`): one minus it
/// has lost its digits already.
///
/// ```
/// use lotty_statistics::normal::quantile;
/// assert!(quantile(0.975).is_some_and(|z| (z - 1.959_963_984_540_054).abs() < 1e-15));
/// assert_eq!(quantile(0.0), None);
/// ```
pub fn quantile(p: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    // Exact where it is used, and so is one minus p: they are near enough to each other.
    let from_middle = p - 0.5;
    if from_middle.abs() < 0.25 {
        return Some(middle_quantile(from_middle));
    }
    let z = tail_quantile(if p < 0.5 { p } else { 1.0 - p });
    Some(if p < 0.5 { -z } else { z })
}

/// The critical value of a two-sided test at level alpha: P(|Z| > c) = alpha; `None` unless
/// 0 < alpha < 1.
pub fn critical_value(alpha: f64) -> Option<f64> {
    quantile(0.5 * Some(alpha).filter(|alpha| *alpha < 1.0)?).map(|z| -z)
}

/// The mean of what Z exceeds z by, E max(Z - z, 0) = φ(z) - z P(Z > z), with all its digits.
///
/// ```
/// // Nothing of it cancels out in the tail.
/// assert!(lotty_statistics::normal::expected_excess(30.0) > 0.0);
/// ```
pub fn expected_excess(z: f64) -> f64 {
    if z < 4.0 {
        return density(z) - z * upper_tail(z);
    }
    // P(Z > z) = φ(z) / (z + 1/(z + 2/(z + 3/...))); the difference is taken by hand.
    let inner = (2..60).rev().fold(0.0, |sum, k| f64::from(k) / (z + sum));
    let outer = 1.0 / (z + inner);
    density(z) * outer / (z + outer)
}

/// The z with P(0 < Z < z) = share, for |share| < 1/4.
fn middle_quantile(share: f64) -> f64 {
    let mut z = share / DENSITY_AT_ZERO;
    for _ in 0..6 {
        let error = (0.5 * libm::erf(z * FRAC_1_SQRT_2) - share) / density(z);
        z -= error / (1.0 + 0.5 * z * error);
    }
    z
}

/// The z > 0 with P(Z > z) = p, for 0 < p <= 1/4.
fn tail_quantile(p: f64) -> f64 {
    // P(Z > z) is about φ(z) / z: solved for z, a start that is right to a few hundredths.
    let l = -2.0 * p.ln();
    let mut z = (l - (2.0 * PI * l.max(1.0)).ln()).max(0.5).sqrt();
    for _ in 0..8 {
        let tail = upper_tail(z);
        let density = density(z);
        if !(tail > 0.0 && density > 0.0) {
            break;
        }
        // Newton's step for ln P: its slope changes slowly even where P falls by powers of ten.
        let step = (tail / p).ln() * tail / density;
        z += step;
        if step.abs() <= 1e-16 * z {
            break;
        }
    }
    z
}
