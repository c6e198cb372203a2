//! The reports of seven experiments, as gbstats, scipy, statsmodels, mpmath and ssrm-test
//! compute them: all of them were run with alpha 0.05, power 0.8, 5 000 planned subjects and the
//! prior N(0, 0.3²).
#![allow(clippy::unwrap_used)]

mod support;

use lotty_statistics::bayes::{Posterior, posterior};
use lotty_statistics::multiple::{benjamini_hochberg, holm};
use lotty_statistics::sample_ratio::{self, Period};
use lotty_statistics::sequential::Sequential;
use lotty_statistics::small_counts::{fisher, newcombe, wilson};
use lotty_statistics::{normal, power, student_t};
use support::table::{Row, rows};

const ALPHA: f64 = 0.05;
const EFFECTS: &str = include_str!("expected/effects.csv");
const SHARES: &str = include_str!("expected/shares.csv");
const FAMILIES: &str = include_str!("expected/families.csv");
const SPLITS: &str = include_str!("expected/splits.csv");

#[test]
fn p_values_and_intervals() {
    for row in rows(EFFECTS) {
        let (t, dof) = (row.number("t_stat"), row.number("dof"));
        row.assert("p_value", student_t::two_sided_p(t, dof).unwrap());
        row.assert("p_value_z", 2.0 * normal::upper_tail(t.abs()));
        let c = student_t::critical_value(ALPHA, dof).unwrap();
        let z = normal::critical_value(ALPHA).unwrap();
        let (diff, se) = (row.number("diff"), row.number("se_diff"));
        row.assert("ci_lower", diff - c * se);
        row.assert("ci_upper", diff + c * se);
        row.assert("ci_lower_z", diff - z * se);
        row.assert("ci_upper_z", diff + z * se);
        let t_lift = row.number("lift") / row.number("se_lift");
        row.assert("lift_p_value", student_t::two_sided_p(t_lift, dof).unwrap());
    }
}

#[test]
fn the_always_valid_test() {
    let test = Sequential::new(ALPHA, 5_000.0).unwrap();
    for row in rows(EFFECTS) {
        let n = row.number("n");
        let bound = test.critical_value(n).unwrap();
        let (diff, se) = (row.number("diff"), row.number("se_diff"));
        row.assert("seq_ci_lower", diff - bound * se);
        row.assert("seq_ci_upper", diff + bound * se);
        row.assert("seq_p_value", test.p_value(diff / se, n).unwrap());
        let (lift, se) = (row.number("lift"), row.number("se_lift"));
        row.assert("seq_lift_ci_lower", lift - bound * se);
        row.assert("seq_lift_ci_upper", lift + bound * se);
        row.assert("seq_lift_p_value", test.p_value(lift / se, n).unwrap());
    }
}

#[test]
fn posteriors() {
    let mut decreases = 0;
    for row in rows(EFFECTS) {
        let (lift, se) = (row.number("lift"), row.number("se_lift"));
        let decrease = row.count("decrease") == 1;
        decreases += u32::from(decrease);
        for (name, prior) in [("flat", None), ("prior", Some((0.0, 0.3)))] {
            let belief = posterior(lift, se, prior, ALPHA, decrease).unwrap();
            assert_posterior(&row, name, &belief);
        }
    }
    assert!(decreases > 0);
}

fn assert_posterior(row: &Row, prior: &str, belief: &Posterior) {
    for (stat, found) in [
        ("mean", belief.mean),
        ("stddev", belief.stddev),
        ("chance_to_beat_control", belief.chance_to_beat_control),
        ("risk_ship", belief.risk_ship),
        ("risk_keep", belief.risk_keep),
        ("ci_lower", belief.ci_lower),
        ("ci_upper", belief.ci_upper),
    ] {
        row.assert(&format!("bayes_{prior}_{stat}"), found);
    }
}

#[test]
fn detectable_effects() {
    let mut lifts = 0;
    for row in rows(EFFECTS) {
        let se = row.number("se_diff");
        row.assert(
            "mde_abs",
            power::minimum_detectable_effect(se, ALPHA, 0.8).unwrap(),
        );
        let Some(mean) = row.maybe("mean_c") else {
            continue;
        };
        let of = |variance, n| row.number(variance) / (row.number(n) * mean * mean);
        let (a, b) = (of("variance_t", "n_t"), of("variance_c", "n_c"));
        let lift = power::minimum_detectable_lift(a, b, ALPHA, 0.8);
        assert_eq!(lift.is_some(), row.maybe("mde_lift").is_some());
        let Some(lift) = lift else {
            continue;
        };
        lifts += 1;
        row.assert("mde_lift", lift);
        let n = row.number("n");
        let needed = power::total_subjects_needed(n, a, b, lift, ALPHA, 0.8).unwrap();
        assert!((needed / n - 1.0).abs() < 1e-9);
    }
    assert!(lifts >= 30, "{lifts}");
}

#[test]
fn small_counts() {
    for row in rows(SHARES) {
        let (n_c, n_t) = (row.count("n_c"), row.count("n_t"));
        let (s_c, s_t) = (row.count("successes_c"), row.count("successes_t"));
        for (variant, successes, n) in [("c", s_c, n_c), ("t", s_t, n_t)] {
            let (lower, upper) = wilson(successes, n, ALPHA).unwrap();
            row.assert(&format!("wilson_lower_{variant}"), lower);
            row.assert(&format!("wilson_upper_{variant}"), upper);
        }
        let (lower, upper) = newcombe((s_c, n_c), (s_t, n_t), ALPHA).unwrap();
        row.assert("newcombe_lower", lower);
        row.assert("newcombe_upper", upper);
        let p = fisher((s_c, n_c), (s_t, n_t)).unwrap();
        if row.maybe("fisher_p_value").is_some() {
            row.assert("fisher_p_value", p);
        }
    }
}

#[test]
fn families() {
    let rows = rows(FAMILIES);
    let same = |a: &Row, b: &Row| {
        (a.text("set"), a.text("scenario")) == (b.text("set"), b.text("scenario"))
    };
    let mut families = 0;
    for family in rows.chunk_by(same) {
        families += 1;
        let p: Vec<Option<f64>> = family.iter().map(|row| row.maybe("p_value")).collect();
        for ((row, holm), bh) in family.iter().zip(holm(&p)).zip(benjamini_hochberg(&p)) {
            row.assert("holm", holm.unwrap());
            row.assert("benjamini_hochberg", bh.unwrap());
        }
    }
    assert_eq!(families, 9);
}

#[test]
fn splits() {
    for row in rows(SPLITS) {
        let observed: Vec<u64> = row
            .text("observed")
            .split(' ')
            .map(|n| n.parse().unwrap())
            .collect();
        let weights: Vec<f64> = row
            .text("weights")
            .split(' ')
            .map(|w| w.parse().unwrap())
            .collect();
        let period = Period {
            observed: &observed,
            weights: &weights,
        };
        let split = sample_ratio::test(&[period]).unwrap();
        row.assert("chi_squared", split.chi_squared.unwrap());
        row.assert("degrees_of_freedom", f64::from(split.degrees_of_freedom));
        row.assert("p_value", split.p_value);
        row.assert("log_bayes_factor", split.log_bayes_factor);
        row.assert("sequential_p_value", split.sequential_p_value);
        assert_eq!(split.impossible, 0);
    }
}
