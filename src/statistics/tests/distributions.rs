//! The distributions against numbers of high precision, and against themselves.
#![allow(clippy::unwrap_used)]

mod support;

use lotty_statistics::{chi_squared, gamma, normal, student_t};
use proptest::prelude::*;
use support::assert_near;
use support::reference::{CHI_SQUARED, EXCESS, NORMAL_QUANTILE, NORMAL_TAIL, STIRLING, STUDENT_T};

#[test]
fn tails_of_the_normal_distribution() {
    for &(z, tail) in NORMAL_TAIL {
        let what = format!("z {z}");
        assert_near(normal::upper_tail(z), tail, 2e-13, &what);
        assert_near(normal::cumulative(-z), tail, 2e-13, &what);
    }
    for &(z, excess) in EXCESS {
        assert_near(normal::expected_excess(z), excess, 5e-14, &format!("z {z}"));
    }
}

#[test]
fn quantiles_of_the_normal_distribution() {
    for &(p, z) in NORMAL_QUANTILE {
        assert_near(normal::quantile(p).unwrap(), z, 5e-16, &format!("p {p}"));
    }
    assert_eq!(normal::quantile(0.5), Some(0.0));
    for p in [0.0, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(normal::quantile(p), None, "p {p}");
    }
}

#[test]
fn p_values_of_student_t() {
    for &(t, dof, p) in STUDENT_T {
        let what = format!("t {t}, dof {dof}");
        assert_near(student_t::two_sided_p(t, dof).unwrap(), p, 4e-13, &what);
        assert_near(student_t::two_sided_p(-t, dof).unwrap(), p, 4e-13, &what);
        assert_near(
            student_t::upper_tail(t, dof).unwrap(),
            p / 2.0,
            4e-13,
            &what,
        );
    }
}

#[test]
fn quantiles_of_student_t() {
    for &(t, dof, p) in STUDENT_T {
        // One minus a small t's p-value has no digits of t left.
        if t < 0.01 {
            continue;
        }
        let what = format!("t {t}, dof {dof}");
        let found = student_t::critical_value(p, dof).unwrap();
        assert_near(found, t, 1e-13 / dof.min(1.0), &what);
    }
}

#[test]
fn tails_of_chi_squared() {
    for &(x, dof, p) in CHI_SQUARED {
        let found = chi_squared::upper_tail(x, dof).unwrap();
        assert_near(found, p, 2e-12, &format!("x {x}, dof {dof}"));
    }
}

#[test]
fn corrections_of_stirling() {
    for &(x, correction) in STIRLING {
        let found = gamma::stirling_correction(x);
        assert!(
            (found - correction).abs() < 1e-15 + 1e-14 * correction.abs(),
            "x {x}: {found}"
        );
    }
}

#[test]
fn what_is_not_defined_has_no_value() {
    for dof in [0.0, -1.0, f64::NAN] {
        assert_eq!(student_t::two_sided_p(1.0, dof), None);
        assert_eq!(student_t::upper_tail(1.0, dof), None);
        assert_eq!(student_t::quantile(0.9, dof), None);
        assert_eq!(chi_squared::upper_tail(1.0, dof), None);
    }
    assert_eq!(student_t::two_sided_p(f64::NAN, 1.0), None);
    assert_eq!(student_t::two_sided_p(f64::INFINITY, 1.0), Some(0.0));
    assert_eq!(student_t::critical_value(1.0, 3.0), None);
    assert_eq!(chi_squared::upper_tail(f64::NAN, 1.0), None);
    assert_eq!(gamma::ln_gamma(-1.0), None);
}

/// Positive numbers of every size.
fn positive() -> impl Strategy<Value = f64> {
    (-300.0..300.0).prop_map(|power: f64| 10_f64.powf(power))
}

proptest! {
    #[test]
    fn the_quantile_is_the_inverse(p in prop_oneof![1e-300..1e-200, 1e-9..1e-3, 0.001..0.999], dof in 0.5..1e9) {
        let t = student_t::quantile(p, dof).unwrap();
        let back = student_t::upper_tail(-t, dof).unwrap();
        prop_assert!((back / p - 1.0).abs() < 1e-11, "t {t}, back {back}");
        let z = normal::quantile(p).unwrap();
        prop_assert!((normal::cumulative(z) / p - 1.0).abs() < 1e-11);
    }

    #[test]
    fn tails_fall(t in 0.0..40.0, step in 1e-6..1.0, dof in positive()) {
        let (near, far) = (student_t::two_sided_p(t, dof).unwrap(), student_t::two_sided_p(t + step, dof).unwrap());
        prop_assert!((0.0..=1.0).contains(&near));
        prop_assert!(far <= near * (1.0 + 1e-12));
    }

    #[test]
    fn nothing_panics(x in any::<f64>(), y in any::<f64>()) {
        let _ = (normal::density(x), normal::upper_tail(x), normal::expected_excess(x), normal::quantile(x));
        let in_range = |p: Option<f64>| p.is_none_or(|p| (0.0..=1.0).contains(&p));
        prop_assert!(in_range(student_t::two_sided_p(x, y)));
        prop_assert!(in_range(student_t::upper_tail(x, y)));
        prop_assert!(in_range(chi_squared::upper_tail(x, y)));
        let _ = (student_t::quantile(x, y), gamma::ln_gamma(x));
    }

    #[test]
    fn quantiles_of_every_dof_are_numbers_or_nothing(p in 0.0..1.0, dof in positive()) {
        let t = student_t::quantile(p, dof);
        prop_assert!(t.is_none_or(f64::is_finite));
        if dof >= 1.0 && p > 0.0 {
            prop_assert!(t.is_some());
        }
    }
}
