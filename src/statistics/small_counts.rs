//! Intervals and a test for shares of small counts, where the normal approximation fails.

use crate::normal;

/// The most tables that Fisher's test adds up: a tenth of a second. With more the normal
/// approximation has long been good.
const MOST_TABLES: u64 = 1_000_000;

/// How much more probable than the observed table one may be and still counts as equal, as ties
/// are broken by rounding: the logarithm of 1 + 10⁻⁷.
const TIE: f64 = 1e-7;

/// Wilson's interval of a share at level 1 - alpha: (lower, upper).
///
/// (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n). `None` unless 0 < n,
/// successes <= n and 0 < alpha < 1.
///
/// ```
/// use lotty_statistics::small_counts::wilson;
/// let (lower, upper) = wilson(0, 10, 0.05).unwrap();
/// assert!(lower == 0.0 && (upper - 0.277_5).abs() < 1e-4);
/// ```
pub fn wilson(successes: u64, n: u64, alpha: f64) -> Option<(f64, f64)> {
    let failures = n.checked_sub(successes).filter(|_| n > 0)?;
    let z = normal::critical_value(alpha)?;
    let upper = wilson_upper(successes, n, z);
    Some((1.0 - wilson_upper(failures, n, z), upper)).map(|(lower, upper)| {
        // The product of both ends is p² / (1 + z²/n): a small lower end keeps its digits so.
        let p = successes as f64 / n as f64;
        if p < 0.5 {
            (p / upper * (p / (1.0 + z * z / n as f64)), upper)
        } else {
            (lower, upper)
        }
    })
}

/// Newcombe's interval of the difference of two shares, treatment less control (his method 10):
/// (lower, upper).
///
/// Each pair is (successes, n). With Wilson's intervals (l, u):
/// d - √((pₜ - lₜ)² + (u꜀ - p꜀)²) and d + √((uₜ - pₜ)² + (p꜀ - l꜀)²). `None` where [`wilson`]
/// has none.
pub fn newcombe(control: (u64, u64), treatment: (u64, u64), alpha: f64) -> Option<(f64, f64)> {
    let (control_lower, control_upper) = wilson(control.0, control.1, alpha)?;
    let (treatment_lower, treatment_upper) = wilson(treatment.0, treatment.1, alpha)?;
    let p_control = control.0 as f64 / control.1 as f64;
    let p_treatment = treatment.0 as f64 / treatment.1 as f64;
    let difference = p_treatment - p_control;
    let down = libm::hypot(p_treatment - treatment_lower, control_upper - p_control);
    let up = libm::hypot(treatment_upper - p_treatment, p_control - control_lower);
    Some((difference - down, difference + up))
}

/// Fisher's exact test of two shares, two-sided: the probability, margins given, of a table that
/// is as improbable as the observed one or more so.
///
/// Each pair is (successes, n). `None` if a group is empty or has more successes than subjects,
/// and if the smallest margin is above a million: the test is for small counts.
///
/// ```
/// use lotty_statistics::small_counts::fisher;
/// // The lady tasting tea, with one pair wrong.
/// let p = fisher((1, 4), (3, 4)).unwrap();
/// assert!((p - 34.0 / 70.0).abs() < 1e-15);
/// ```
pub fn fisher(control: (u64, u64), treatment: (u64, u64)) -> Option<f64> {
    let control_failures = control.1.checked_sub(control.0).filter(|_| control.1 > 0)?;
    let treatment_failures = treatment
        .1
        .checked_sub(treatment.0)
        .filter(|_| treatment.1 > 0)?;
    // From the observed table one subject at a time is moved along the margins: towards more
    // successes of the control, and towards fewer.
    let more = control_failures.min(treatment.0);
    let fewer = control.0.min(treatment_failures);
    if more.saturating_add(fewer) > MOST_TABLES {
        return None;
    }
    let steps_up = Steps {
        falling: (control_failures, treatment.0),
        growing: (control.0, treatment_failures),
    };
    let steps_down = Steps {
        falling: steps_up.growing,
        growing: steps_up.falling,
    };
    // Logarithms relative to the observed table, which has zero.
    let tables = || {
        std::iter::once(0.0)
            .chain(steps_up.ln_probabilities(more))
            .chain(steps_down.ln_probabilities(fewer))
    };
    let highest = tables().fold(0.0, f64::max);
    let all: f64 = tables().map(|ln| (ln - highest).exp()).sum();
    let as_improbable: f64 = tables().filter(|ln| *ln <= TIE).map(f64::exp).sum();
    let p = (as_improbable.ln() - highest - all.ln()).exp();
    Some(p.min(1.0))
}

/// The upper end of Wilson's interval.
fn wilson_upper(successes: u64, n: u64, z: f64) -> f64 {
    if successes == n {
        return 1.0;
    }
    let n = n as f64;
    let p = successes as f64 / n;
    let half = 0.5 * z * z / n;
    let root = (z / n.sqrt()) * (p * (1.0 - p) + 0.5 * half).sqrt();
    (p + half + root) / (1.0 + 2.0 * half)
}

/// Tables one after the other: with each step both cells of one diagonal lose a subject and
/// both of the other one gain one.
struct Steps {
    falling: (u64, u64),
    growing: (u64, u64),
}

impl Steps {
    /// The logarithms of the probabilities after each of so many steps, zero before the first.
    fn ln_probabilities(&self, steps: u64) -> impl Iterator<Item = f64> {
        let cells = [
            self.falling.0,
            self.falling.1,
            self.growing.0,
            self.growing.1,
        ]
        .map(|count| count as f64);
        // Compensated (Kahan): a million roundings would cost digits.
        let mut ln = 0.0;
        let mut lost = 0.0;
        (0..steps).map(move |step| {
            let step = step as f64;
            let [a, d, b, c] = cells;
            let ratio = ((a - step) / (b + step + 1.0)) * ((d - step) / (c + step + 1.0));
            let next = ratio.ln() - lost;
            let sum = ln + next;
            lost = (sum - ln) - next;
            ln = sum;
            ln
        })
    }
}
