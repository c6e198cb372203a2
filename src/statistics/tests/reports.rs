//! Comparisons of made-up experiments against numbers of other libraries: means and tests by SciPy,
//! mpmath and statsmodels, confidence sequences, posteriors and adjusted means by GrowthBook's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::HashMap;

use lotty_statistics::comparison::{Comparison, Settings, compare};
use lotty_statistics::cuped::compare_adjusted;
use lotty_statistics::small_counts::wilson;
use lotty_statistics::stats::Stats;
use lotty_statistics::text;

/// A block of the file: a title, stats, and what is expected of them.
struct Case {
    title: &'static str,
    stats: HashMap<&'static str, Stats>,
    decrease: bool,
    expected: Vec<(&'static str, Option<f64>)>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("data/reports.txt").lines() {
        if let Some(title) = line.strip_prefix('[') {
            cases.push(Case {
                title,
                stats: HashMap::new(),
                decrease: false,
                expected: Vec::new(),
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        match line.split_once(' ') {
            Some((name @ ("arm" | "control" | "treatment" | "pooled"), stats)) => {
                case.stats.insert(name, text::parse(stats).expect(stats));
            }
            Some((name, "NULL")) => case.expected.push((name, None)),
            Some((name, number)) => case.expected.push((name, Some(number.parse().unwrap()))),
            None => case.decrease |= line == "decrease",
        }
    }
    cases
}

fn settings(case: &Case, prior: Option<(f64, f64)>) -> Settings {
    Settings {
        alpha: 0.05,
        planned_subjects: 5000.0,
        decrease: case.decrease,
        prior,
        power: 0.8,
    }
}

fn check(case: &Case, name: &str, got: Option<f64>, expected: Option<f64>) {
    let close = match (got, expected) {
        (None, None) => true,
        (Some(got), Some(expected)) => (got - expected).abs() <= (1e-9 * expected.abs()).max(1e-12),
        _ => false,
    };
    assert!(close, "{} {name}: {got:?}, not {expected:?}", case.title);
}

/// Of a comparison with a flat prior and one with a prior; `None` for a name that is unknown.
fn number(flat: &Comparison, believed: &Comparison, name: &str) -> Option<Option<f64>> {
    let (of, name) = match name.strip_prefix("bayes_prior_") {
        Some(name) => (believed, name),
        None => (flat, name.strip_prefix("bayes_flat_").unwrap_or(name)),
    };
    let posterior = of.posterior;
    Some(match name {
        "mean" => posterior.map(|p| p.mean),
        "stddev" => posterior.map(|p| p.stddev),
        "chance_to_beat_control" => posterior.map(|p| p.chance_to_beat_control),
        "risk_ship" => posterior.map(|p| p.risk_ship),
        "risk_keep" => posterior.map(|p| p.risk_keep),
        "control_mean" => of.control_mean,
        "treatment_mean" => of.treatment_mean,
        "diff" => of.diff,
        "se_diff" => of.std_err,
        "t_stat" => of.t_stat,
        "dof" => of.dof,
        "p_value" => of.p_value,
        "ci_lower" => of.ci.lower,
        "ci_upper" => of.ci.upper,
        "p_value_z" => of.p_value_z,
        "ci_lower_z" => of.ci_z.lower,
        "ci_upper_z" => of.ci_z.upper,
        "seq_p_value" => of.seq_p_value,
        "seq_ci_lower" => of.seq_ci.lower,
        "seq_ci_upper" => of.seq_ci.upper,
        "lift" => of.lift,
        "se_lift" => of.lift_std_err,
        "lift_ci_lower" => of.lift_delta_ci.lower,
        "lift_ci_upper" => of.lift_delta_ci.upper,
        "lift_p_value" => of.lift_p_value,
        "lift_fieller_lower" => of.lift_ci.lower,
        "lift_fieller_upper" => of.lift_ci.upper,
        "seq_lift_p_value" => of.seq_lift_p_value,
        "seq_lift_ci_lower" => of.seq_lift_ci.lower,
        "seq_lift_ci_upper" => of.seq_lift_ci.upper,
        "mde_abs" => of.mde_abs,
        "mde_lift" => of.mde_lift,
        "fisher_p_value" => of.fisher_p_value,
        "newcombe_ci_lower" => of.newcombe_ci.lower,
        "newcombe_ci_upper" => of.newcombe_ci.upper,
        "theta" => of.theta,
        "variance_reduction" => of.variance_reduction,
        _ => return None,
    })
}

fn check_comparison(case: &Case, of: impl Fn(&Settings) -> Comparison) -> usize {
    let flat = of(&settings(case, None));
    let believed = of(&settings(case, Some((0.0, 0.3))));
    for (name, expected) in &case.expected {
        let got = match *name {
            "bayes_flat_ci_lower" => flat.posterior.map(|p| p.ci_lower),
            "bayes_flat_ci_upper" => flat.posterior.map(|p| p.ci_upper),
            "bayes_prior_ci_lower" => believed.posterior.map(|p| p.ci_lower),
            "bayes_prior_ci_upper" => believed.posterior.map(|p| p.ci_upper),
            name => number(&flat, &believed, name).unwrap_or_else(|| panic!("{name}")),
        };
        check(case, name, got, *expected);
        // Whatever is missing is explained.
        assert!(
            got.is_some() || flat.note.is_some() || *name == "mde_lift",
            "{}",
            case.title
        );
    }
    case.expected.len()
}

#[test]
fn variants() {
    let mut numbers = 0;
    for case in cases() {
        let Some(arm) = case.stats.get("arm") else {
            continue;
        };
        let bounds = arm.successes().and_then(|s| wilson(s, arm.count(), 0.05));
        for (name, expected) in &case.expected {
            let got = match *name {
                "mean" => arm.mean(),
                "variance" => arm.variance(),
                "std_err" => arm.std_err(),
                "wilson_lower" => bounds.map(|bounds| bounds.0),
                "wilson_upper" => bounds.map(|bounds| bounds.1),
                "sum" | "numerator_sum" => arm.sum(0),
                "sum_squares" | "numerator_sum_squares" => arm.sum_products(0, 0),
                "denominator_sum" => arm.sum(1),
                "denominator_sum_squares" => arm.sum_products(1, 1),
                "sum_product" => arm.sum_products(0, 1),
                name => panic!("{name}"),
            };
            check(&case, name, got, *expected);
            numbers += 1;
        }
    }
    assert!(numbers > 800, "{numbers}");
}

#[test]
fn comparisons() {
    let mut numbers = 0;
    for case in cases() {
        if let (Some(control), Some(treatment), None) = (
            case.stats.get("control"),
            case.stats.get("treatment"),
            case.stats.get("pooled"),
        ) {
            numbers += check_comparison(&case, |settings| compare(control, treatment, settings));
        }
    }
    assert!(numbers > 2000, "{numbers}");
}

#[test]
fn adjusted_comparisons() {
    let mut numbers = 0;
    for case in cases() {
        if let (Some(control), Some(treatment), Some(pooled)) = (
            case.stats.get("control"),
            case.stats.get("treatment"),
            case.stats.get("pooled"),
        ) {
            numbers += check_comparison(&case, |settings| {
                compare_adjusted(control, treatment, Some(pooled), settings)
            });
        }
    }
    assert!(numbers > 200, "{numbers}");
}
