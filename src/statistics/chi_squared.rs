//! The chi-squared distribution.

use crate::gamma::ln_power_term;

/// Both expansions need about the square root of the degrees of freedom; more than this many
/// terms are not tried.
const MOST_TERMS: u32 = 100_000;

/// P(X > x) with `dof` degrees of freedom, with all its digits in the upper tail; `None` unless
/// x >= 0 and dof > 0 (and not so large, beyond 10⁸, that it would take long).
///
/// It is Q(dof / 2, x / 2), the incomplete gamma function: its power series below the mean, its
/// continued fraction above.
///
/// ```
/// use lotty_statistics::chi_squared::upper_tail;
/// // Two degrees of freedom are an exponential distribution.
/// assert!(upper_tail(6.0, 2.0).is_some_and(|p| (p - (-3_f64).exp()).abs() < 1e-16));
/// assert_eq!(upper_tail(-1.0, 2.0), None);
/// ```
pub fn upper_tail(x: f64, dof: f64) -> Option<f64> {
    if !(x >= 0.0 && dof > 0.0 && dof <= 1e8) {
        return None;
    }
    if x == 0.0 {
        return Some(1.0);
    }
    if x.is_infinite() {
        return Some(0.0);
    }
    let (a, x) = (0.5 * dof, 0.5 * x);
    let power = ln_power_term(a, x);
    let p = if x < a + 1.0 {
        1.0 - (power + series(a, x)?.ln()).exp()
    } else {
        (power - fraction(a, x)?.ln()).exp()
    };
    Some(p.clamp(0.0, 1.0))
}

/// Σ xⁿ / (a (a + 1) ... (a + n)): P(a, x) but for its power term.
fn series(a: f64, x: f64) -> Option<f64> {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..MOST_TERMS {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < 1e-17 * sum {
            return Some(sum);
        }
    }
    None
}

/// The continued fraction by which the power term is divided to give Q(a, x), by Lentz's method.
fn fraction(a: f64, x: f64) -> Option<f64> {
    let mut value = x + 1.0 - a;
    let mut c = value;
    let mut d = 0.0;
    for n in 1..MOST_TERMS {
        let n = f64::from(n);
        let numerator = n * (a - n);
        let denominator = x + 1.0 - a + 2.0 * n;
        d = 1.0 / (denominator + numerator * d);
        c = denominator + numerator / c;
        let change = c * d;
        value *= change;
        if (change - 1.0).abs() < 1e-16 {
            return Some(value);
        }
    }
    None
}
