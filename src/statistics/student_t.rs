//! Student's t distribution with any positive number of degrees of freedom, whole or not.

use std::f64::consts::{LN_2, PI};

use crate::gamma::ln_half_step;
use crate::normal;

/// From so many degrees of freedom on the distribution is the normal one to the last digit, as
/// far out as a p-value can be written.
const AS_GOOD_AS_NORMAL: f64 = 1e20;

/// Neither expansion needs as many terms; a bound all the same.
const MOST_TERMS: u32 = 2_000;

/// P(|T| > |t|) with `dof` degrees of freedom; `None` unless dof > 0 and t is a number.
///
/// ```
/// use lotty_statistics::student_t::two_sided_p;
/// assert!(two_sided_p(1.0, 1.0).is_some_and(|p| (p - 0.5).abs() < 1e-15));
/// assert_eq!(two_sided_p(f64::NAN, 1.0), None);
/// ```
pub fn two_sided_p(t: f64, dof: f64) -> Option<f64> {
    is_defined(t, dof).then(|| ln_two_sided(t.abs(), dof).exp().min(1.0))
}

/// P(T > t) with `dof` degrees of freedom; `None` unless dof > 0 and t is a number.
pub fn upper_tail(t: f64, dof: f64) -> Option<f64> {
    let beyond = 0.5 * two_sided_p(t, dof)?;
    Some(if t < 0.0 { 1.0 - beyond } else { beyond })
}

/// The t with P(T <= t) = p, for 0 < p < 1 and dof > 0; `None` for anything else, and where
/// t is too large for a number (fewer than one degree of freedom have such tails).
///
/// ```
/// use lotty_statistics::student_t::quantile;
/// assert!(quantile(0.75, 1.0).is_some_and(|t| (t - 1.0).abs() < 1e-14));
/// assert_eq!(quantile(1.0, 1.0), None);
/// ```
pub fn quantile(p: f64, dof: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0 && is_defined(0.0, dof)) {
        return None;
    }
    if dof >= AS_GOOD_AS_NORMAL {
        return normal::quantile(p);
    }
    if p == 0.5 {
        return Some(0.0);
    }
    let sign = if p < 0.5 { -1.0 } else { 1.0 };
    let from_middle = (p - 0.5).abs();
    let t = if from_middle < 0.25 {
        solve(from_middle / density_at_zero(dof), |t| {
            let share = 0.5 * -libm::expm1(ln_two_sided(t, dof));
            // The share between 0 and t: the series knows it better where it is small.
            let ln_share = if is_middle(t, dof) {
                ln_middle(t, dof) - LN_2
            } else {
                share.ln()
            };
            let slope = t * (ln_density(t, dof) - ln_share).exp();
            (ln_share - from_middle.ln(), slope)
        })
    } else {
        let tail = if p < 0.5 { p } else { 1.0 - p };
        // Tails of t are heavier, so that the normal quantile is a start from below.
        let start = normal::quantile(tail)?.abs();
        solve(start, |t| {
            let ln_tail = ln_two_sided(t, dof) - LN_2;
            let slope = -t * (ln_density(t, dof) - ln_tail).exp();
            (ln_tail - tail.ln(), slope)
        })
    };
    t.map(|t| sign * t)
}

/// The critical value of a two-sided test at level alpha: P(|T| > c) = alpha; `None` unless
/// 0 < alpha < 1 and dof > 0.
pub fn critical_value(alpha: f64, dof: f64) -> Option<f64> {
    let alpha = Some(alpha).filter(|alpha| *alpha < 1.0)?;
    quantile(0.5 * alpha, dof).map(|t| -t)
}

/// Whether the distribution has a value for these.
fn is_defined(t: f64, dof: f64) -> bool {
    !t.is_nan() && dof > 0.0
}

/// The t > 0 at which a function is zero, by Newton's steps in ln t.
///
/// The function gives its value and its slope in ln t. Logarithms of probabilities are concave
/// in ln t: after the first step the steps only go one way, from any start.
fn solve(start: f64, function: impl Fn(f64) -> (f64, f64)) -> Option<f64> {
    let mut t = start;
    for _ in 0..200 {
        let (value, slope) = function(t);
        let step = -value / slope;
        if !step.is_finite() {
            return None;
        }
        t *= step.clamp(-700.0, 700.0).exp();
        if !(t.is_finite() && t > 0.0) {
            return None;
        }
        // The next step would be of the order of its square.
        if step.abs() < 1e-10 {
            break;
        }
    }
    Some(t)
}

/// ln P(|T| > t) for t >= 0.
fn ln_two_sided(t: f64, dof: f64) -> f64 {
    if t == 0.0 {
        return 0.0;
    }
    if dof >= AS_GOOD_AS_NORMAL {
        return LN_2 + normal::upper_tail(t).ln();
    }
    if t.is_infinite() {
        return f64::NEG_INFINITY;
    }
    if is_middle(t, dof) {
        libm::log1p(-ln_middle(t, dof).exp())
    } else {
        ln_tail(t, dof)
    }
}

/// Whether the series of the middle serves better than the continued fraction of the tail.
///
/// Up to t² = 8, where the tail is a two hundredth and so costs two digits; with few degrees of
/// freedom to where the terms of the series halve.
fn is_middle(t: f64, dof: f64) -> bool {
    t * t < 8.0 * (dof / (dof + 8.0))
}

/// ln P(|T| < t) in the middle.
///
/// With y = t² / (ν + t²) it is Iᵧ(½, ν/2), the incomplete beta function, whose power series has
/// positive terms only and needs few of them however large ν is.
fn ln_middle(t: f64, dof: f64) -> f64 {
    let y = t * t / (dof + t * t);
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 0..MOST_TERMS {
        let n = f64::from(n);
        // Halves of (ν + 1)/2 + n and 3/2 + n are doubled on both sides.
        term *= y * (dof + 1.0 + 2.0 * n) / (3.0 + 2.0 * n);
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    // 2 / √π · Γ((ν + 1)/2) / Γ(ν/2) · √y (1 - y)^(ν/2)
    LN_2 - 0.5 * PI.ln() + ln_half_step(0.5 * dof) + 0.5 * y.ln() + ln_power(t, dof) + sum.ln()
}

/// ln P(|T| > t) in the tail.
///
/// With x = ν / (ν + t²) it is Iₓ(ν/2, ½). The continued fraction is that of Didonato and Morris
/// (ACM TOMS 18, 1992, algorithm 708, eq. 9), with λ = a - (a + b) x written as (a + b) y - b:
/// nothing in it cancels when ν is large.
fn ln_tail(t: f64, dof: f64) -> f64 {
    let a = 0.5 * dof;
    let b = 0.5;
    let ratio = t / dof.sqrt();
    let x = 1.0 / (1.0 + ratio * ratio);
    let y = if ratio > 1.0 {
        1.0 / (1.0 + (1.0 / ratio) * (1.0 / ratio))
    } else {
        ratio * ratio * x
    };
    let lambda = (a + b) * y - b;
    let denominator = |n: f64| {
        n + n * (b - n) * x / (a + 2.0 * n - 1.0)
            + (a + n) / (a + 2.0 * n + 1.0) * (lambda + 1.0 + n * (1.0 + y))
    };
    // Lentz's method as Thompson and Barnett changed it.
    let mut value = a / (a + 1.0) * (lambda + 1.0);
    let mut c = value;
    let mut d = 0.0;
    for n in 1..MOST_TERMS {
        let n = f64::from(n);
        let step = a + 2.0 * n - 1.0;
        let numerator = ((a + n - 1.0) / step) * ((a + b + n - 1.0) / step) * n * (b - n) * x * x;
        let denominator = denominator(n);
        d = 1.0 / (denominator + numerator * d);
        c = denominator + numerator / c;
        let change = c * d;
        value *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    // x^a y^b / B(a, b), and B(a, ½) = √π Γ(a) / Γ(a + ½)
    ln_power(t, dof) + 0.5 * y.ln() + ln_half_step(a) - 0.5 * PI.ln() - value.ln()
}

/// ln of (ν / (ν + t²))^(ν/2).
fn ln_power(t: f64, dof: f64) -> f64 {
    let ratio = t / dof.sqrt();
    let square = ratio * ratio;
    let ln = if square.is_finite() {
        libm::log1p(square)
    } else {
        2.0 * ratio.ln()
    };
    -0.5 * dof * ln
}

/// ln of the density at t.
fn ln_density(t: f64, dof: f64) -> f64 {
    density_at_zero(dof).ln() + ln_power(t, dof) * ((dof + 1.0) / dof)
}

/// The density at zero: Γ((ν + 1)/2) / (Γ(ν/2) √(νπ)).
fn density_at_zero(dof: f64) -> f64 {
    (ln_half_step(0.5 * dof) - 0.5 * (dof * PI).ln()).exp()
}
