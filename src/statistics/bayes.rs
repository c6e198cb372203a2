//! What is believed of a lift once it has been estimated: a normal posterior.

use crate::normal;

/// The belief about a lift.
///
/// Chance and risks are about what is to be achieved: with `decrease` a negative lift is better.
/// With a flat prior none of it is protected against looking often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    /// Mean of the lift.
    pub mean: f64,
    /// Standard deviation of the lift.
    pub stddev: f64,
    /// Probability that the treatment is better than the control.
    pub chance_to_beat_control: f64,
    /// Lift that is lost on average by shipping the treatment, where it is worse.
    pub risk_ship: f64,
    /// Lift that is lost on average by keeping the control, where the treatment is better.
    pub risk_keep: f64,
    /// Lower end of the interval that has the lift with probability 1 - alpha.
    pub ci_lower: f64,
    /// Upper end of that interval.
    pub ci_upper: f64,
}

/// The posterior of a lift estimated with a standard error, from a normal prior (mean, standard
/// deviation) or, without one, a flat prior.
///
/// `None` unless the lift is a number, standard error and prior deviation are positive numbers
/// and 0 < alpha < 1.
///
/// ```
/// use lotty_statistics::bayes::posterior;
/// // As sure of the prior as of the estimate: halfway between them.
/// let belief = posterior(0.1, 0.05, Some((0.0, 0.05)), 0.05, false).unwrap();
/// assert!((belief.mean - 0.05).abs() < 1e-15);
/// assert!(belief.chance_to_beat_control > 0.9 && belief.risk_ship < belief.risk_keep);
/// ```
pub fn posterior(
    lift: f64,
    std_err: f64,
    prior: Option<(f64, f64)>,
    alpha: f64,
    decrease: bool,
) -> Option<Posterior> {
    let is_deviation = |s: f64| s > 0.0 && s.is_finite();
    if !(lift.is_finite() && is_deviation(std_err)) {
        return None;
    }
    let (mean, stddev) = match prior {
        None => (lift, std_err),
        Some((prior_mean, prior_stddev)) => {
            if !(prior_mean.is_finite() && is_deviation(prior_stddev)) {
                return None;
            }
            // Precisions as shares, so that no square of a small number underflows.
            let ratio = std_err / prior_stddev;
            let share = 1.0 / (1.0 + ratio * ratio);
            let inverse = prior_stddev / std_err;
            let prior_share = 1.0 / (1.0 + inverse * inverse);
            (
                lift * share + prior_mean * prior_share,
                std_err * share.sqrt(),
            )
        }
    };
    let z = mean / stddev;
    let width = normal::critical_value(alpha)? * stddev;
    let (ci_lower, ci_upper) = (mean - width, mean + width);
    let better = if decrease { -z } else { z };
    let belief = Posterior {
        mean,
        stddev,
        chance_to_beat_control: normal::cumulative(better),
        risk_ship: stddev * normal::expected_excess(better),
        risk_keep: stddev * normal::expected_excess(-better),
        ci_lower,
        ci_upper,
    };
    let all = [
        z,
        stddev,
        belief.risk_ship,
        belief.risk_keep,
        ci_lower,
        ci_upper,
    ];
    (stddev > 0.0 && all.iter().all(|x| x.is_finite())).then_some(belief)
}
