//! Tests, intervals and planning: numbers of high precision (mpmath, 80 digits), and what must
//! hold for all numbers.
#![allow(clippy::unwrap_used, clippy::excessive_precision)]

mod support;

use lotty_statistics::bayes::posterior;
use lotty_statistics::multiple::{benjamini_hochberg, holm};
use lotty_statistics::power::{self, Design, Test};
use lotty_statistics::sample_ratio::{self, Period, SampleRatio};
use lotty_statistics::sequential::Sequential;
use lotty_statistics::small_counts::{fisher, newcombe, wilson};
use lotty_statistics::{chi_squared, normal};
use proptest::prelude::*;
use support::assert_near;

/// Level, planned subjects, subjects, t: B, p, one-sided B, one-sided p.
type Look = ([f64; 4], [f64; 4]);

const LOOKS: [Look; 6] = [
    (
        [0.05, 5_000.0, 5_000.0, 3.5],
        [
            3.03520899037625289,
            1.29776133671064354e-2,
            2.7790942353135217,
            6.86415832232750117e-3,
        ],
    ),
    (
        [0.05, 5_000.0, 12.0, 8.0],
        [
            17.9322843300119783,
            5.55064539911859482e-1,
            17.9289606150304591,
            8.20345835815067704e-1,
        ],
    ),
    (
        [0.01, 20_000.0, 1e9, 7.0],
        [
            4.74082652423166799,
            1.73889807384061091e-8,
            4.5767523941357661,
            8.09645779612252526e-9,
        ],
    ),
    (
        [0.1, 1e4, 2e4, 2.5],
        [
            2.79102785828844822,
            2.04121631782518136e-1,
            2.50647412528764999,
            1.01567543423275039e-1,
        ],
    ),
    (
        [1e-6, 1_000.0, 5_000.0, 35.0],
        [
            5.7350983086258817,
            6.26680361382764755e-264,
            5.60878495555249592,
            3.69931698618686474e-264,
        ],
    ),
    (
        [0.05, 5_000.0, 8_122.0, 2.40315],
        [
            3.04821451630825291,
            2.55620588074792592e-1,
            2.78859875561524245,
            1.30222734320806298e-1,
        ],
    ),
];

#[test]
fn always_valid_bounds_and_p_values() {
    for ([alpha, planned, n, t], [bound, p, one_sided_bound, one_sided_p]) in LOOKS {
        let test = Sequential::new(alpha, planned).unwrap();
        let what = format!("alpha {alpha}, n {n}");
        assert_near(test.critical_value(n).unwrap(), bound, 1e-14, &what);
        assert_near(test.p_value(t, n).unwrap(), p, 5e-13, &what);
        assert_near(test.p_value(-t, n).unwrap(), p, 5e-13, &what);
        assert_near(
            test.one_sided_critical_value(n).unwrap(),
            one_sided_bound,
            1e-14,
            &what,
        );
        assert_near(
            test.one_sided_p_value(t, n).unwrap(),
            one_sided_p,
            5e-13,
            &what,
        );
        assert_eq!(test.one_sided_p_value(-t, n), Some(1.0));
    }
}

#[test]
fn looking_often_raises_few_false_alarms() {
    // Means of standard normal numbers, looked at 28 times.
    let test = Sequential::new(0.05, 2_800.0).unwrap();
    let mut seed = 7_u64;
    let mut uniform = move || {
        // SplitMix64.
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + 1e-17
    };
    let (mut always_valid, mut one_sided, mut fixed) = (0, 0, 0);
    for _ in 0..4_000 {
        let mut sum = 0.0;
        let (mut found, mut found_above, mut found_fixed) = (false, false, false);
        for look in 1..=28 {
            sum += 10.0 * normal::quantile(uniform()).unwrap();
            let n = 100.0 * f64::from(look);
            let t = sum / n.sqrt();
            found |= test.p_value(t, n).unwrap() < 0.05;
            found_above |= test.one_sided_p_value(t, n).unwrap() < 0.05;
            found_fixed |= 2.0 * normal::upper_tail(t.abs()) < 0.05;
        }
        always_valid += u32::from(found);
        one_sided += u32::from(found_above);
        fixed += u32::from(found_fixed);
    }
    assert!(
        always_valid < 120 && one_sided < 160,
        "{always_valid}, {one_sided}"
    );
    assert!(
        always_valid > 10 && one_sided > 10,
        "{always_valid}, {one_sided}"
    );
    assert!(fixed > 900, "{fixed}");
}

fn split(periods: &[(&[u64], &[f64])]) -> Option<SampleRatio> {
    let periods: Vec<Period> = periods
        .iter()
        .map(|(observed, weights)| Period { observed, weights })
        .collect();
    sample_ratio::test(&periods)
}

#[test]
fn periods_of_different_weights() {
    let assert_split = |periods: &[(&[u64], &[f64])], dof, chi_squared, p, ln_bayes_factor| {
        let found = split(periods).unwrap();
        assert_eq!(found.degrees_of_freedom, dof);
        assert_near(
            found.chi_squared.unwrap(),
            chi_squared,
            1e-11,
            "chi-squared",
        );
        assert_near(found.p_value, p, 1e-10, "p");
        assert_near(
            found.log_bayes_factor,
            ln_bayes_factor,
            1e-9,
            "ln Bayes factor",
        );
    };
    // A third variant joins.
    assert_split(
        &[
            (&[9_000, 1_000, 0], &[9.0, 1.0, 0.0]),
            (&[4_000, 3_100, 2_900], &[0.4, 0.3, 0.3]),
        ],
        2,
        6.0109289617486304373,
        0.049515749867500563589,
        0.62708582339125837114,
    );
    // Two pairs that were never split between.
    assert_split(
        &[
            (&[500, 500, 0, 0], &[0.5, 0.5, 0.0, 0.0]),
            (&[0, 0, 420, 480], &[0.0, 0.0, 0.5, 0.5]),
        ],
        2,
        4.0,
        0.13533528323661269189,
        0.074405325073101940914,
    );
    // Every variant paused or turned up at some time.
    assert_split(
        &[
            (&[70, 20, 10, 900], &[0.07, 0.02, 0.01, 0.9]),
            (&[300, 0, 30, 40], &[0.8, 0.0, 0.1, 0.1]),
            (&[5, 6, 70, 8], &[0.1, 0.1, 0.7, 0.1]),
        ],
        3,
        0.30475363270785455627,
        0.95913198514496440336,
        -0.1424458397149930557,
    );
    // A thousand million subjects.
    let half: &[f64] = &[1.0, 1.0];
    assert_split(
        &[(&[500_000_123, 499_999_877], half)],
        1,
        0.000060516,
        0.99379315659811609728,
        -5.7564624745126219265,
    );
    assert_split(
        &[(&[500_100_000, 499_900_000], half)],
        1,
        40.0,
        2.5396285894708649707e-10,
        14.243307423118840756,
    );
}

#[test]
fn changed_weights_are_no_mismatch() {
    // Each period is split as it should be; their sum looks like neither's weights.
    let found = split(&[(&[900, 100], &[0.9, 0.1]), (&[5_000, 5_000], &[0.5, 0.5])]).unwrap();
    assert_near(found.p_value, 1.0, 1e-12, "p");
    let wrong = split(&[(&[5_900, 5_100], &[0.5, 0.5])]).unwrap();
    assert!(wrong.p_value < 1e-12);
    // A time without subjects, and its weights, change nothing.
    let with_empty = split(&[(&[0, 0], &[0.0, 1.0]), (&[5_900, 5_100], &[0.5, 0.5])]);
    assert_eq!(with_empty, Some(wrong));
}

#[test]
fn subjects_in_a_variant_without_weight() {
    let found = split(&[(&[100, 100, 1], &[0.5, 0.5, 0.0])]).unwrap();
    assert_eq!(found.impossible, 1);
    assert_eq!((found.chi_squared, found.p_value), (None, 0.0));
    assert_eq!(
        (found.log_bayes_factor, found.sequential_p_value),
        (f64::INFINITY, 0.0)
    );
    // A variant without weight and without subjects is not there.
    let none = split(&[(&[100, 110, 0], &[0.5, 0.5, 0.0])]).unwrap();
    assert_eq!(Some(none), split(&[(&[100, 110], &[0.5, 0.5])]));
}

#[test]
fn no_split_to_test() {
    assert_eq!(split(&[]), None);
    assert_eq!(split(&[(&[], &[])]), None);
    assert_eq!(split(&[(&[7], &[1.0])]), None);
    assert_eq!(split(&[(&[7, 0], &[1.0, 0.0])]), None);
    assert_eq!(split(&[(&[0, 0], &[0.5, 0.5])]), None);
    assert_eq!(split(&[(&[1, 2], &[0.0, 0.0])]), None);
    assert_eq!(split(&[(&[1, 2], &[1.0])]), None);
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(split(&[(&[1, 2], &[1.0, weight])]), None);
    }
}

#[test]
fn fishers_test() {
    for (control, treatment, p) in [
        ((0, 10), (10, 10), 0.000010825088224469029423),
        ((3, 5), (1, 7), 0.22222222222222222222),
        ((0, 500), (500, 700), 1.208776282011054218e-172),
        ((17, 40), (21, 39), 0.3710896231297409029),
        ((1, 100), (4, 100), 0.36867076499247506568),
        ((2, 1_000), (9, 500), 0.001320128495541942707),
        ((0, 5), (0, 6), 1.0),
    ] {
        let what = format!("{control:?} {treatment:?}");
        assert_near(fisher(control, treatment).unwrap(), p, 1e-12, &what);
        assert_near(fisher(treatment, control).unwrap(), p, 1e-12, &what);
    }
    // 6e-1183 is no number.
    assert_eq!(fisher((0, 3_000), (2_500, 3_000)), Some(0.0));
    assert_eq!(fisher((1, 0), (1, 2)), None);
    assert_eq!(fisher((0, 0), (1, 2)), None);
    assert_eq!(fisher((3, 2), (1, 2)), None);
    // Much work, or overflowing margins.
    assert_eq!(fisher((1 << 40, 1 << 41), (1 << 40, 1 << 41)), None);
    assert_eq!(fisher((u64::MAX, u64::MAX), (0, u64::MAX)), None);
    // Few successes of many subjects are small counts.
    assert!(fisher((3, u64::MAX), (7, u64::MAX)).is_some_and(|p| (p - 0.343_75).abs() < 1e-12));
}

#[test]
fn families_of_any_kind() {
    assert_eq!(holm(&[]), []);
    assert_eq!(benjamini_hochberg(&[None]), [None]);
    let odd = [Some(f64::NAN), Some(-0.1), Some(1.5), Some(0.25)];
    assert_eq!(holm(&odd), [None, None, None, Some(0.25)]);
    assert_eq!(benjamini_hochberg(&odd), [None, None, None, Some(0.25)]);
    // Steps do not overtake one another.
    let close = [Some(0.25), Some(0.125), Some(0.1875)];
    assert_eq!(holm(&close), [Some(0.375); 3]);
    assert_eq!(benjamini_hochberg(&close), [Some(0.25); 3]);
}

#[test]
fn subjects_for_a_mean() {
    // 2 · 10² · 2.8016² = 1569.8 in each variant for a difference of one.
    let design = Design::of_mean(10.0, 10.0, 0.1, 0.5).unwrap();
    let size = design.sample_size(0.05, 0.8, Test::FixedHorizon).unwrap();
    assert_eq!(
        (size.control, size.treatment, size.total()),
        (1_570, 1_570, 3_140)
    );
    assert_near(
        design.power(3_140.0, 0.05, Test::FixedHorizon).unwrap(),
        0.8,
        1e-4,
        "power",
    );
    // Nine of ten in the control: 1 / (4 · 0.9 · 0.1) times as many.
    let uneven = Design::of_mean(-10.0, 10.0, -0.1, 0.1).unwrap();
    let size = uneven.sample_size(0.05, 0.8, Test::FixedHorizon).unwrap();
    assert_eq!((size.control, size.treatment), (7_849, 873));
    let nothing = Design::of_mean(10.0, 10.0, 0.0, 0.5).unwrap();
    assert_eq!(nothing.sample_size(0.05, 0.8, Test::FixedHorizon), None);
    assert_near(
        nothing.power(100.0, 0.05, Test::FixedHorizon).unwrap(),
        0.05,
        1e-14,
        "level",
    );
}

#[test]
fn what_cannot_be_planned() {
    assert_eq!(Design::of_mean(0.0, 1.0, 0.1, 0.5), None);
    assert_eq!(Design::of_mean(1.0, 0.0, 0.1, 0.5), None);
    assert_eq!(Design::of_mean(1.0, 1.0, 0.1, 1.0), None);
    assert_eq!(Design::of_mean(1.0, 1.0, f64::NAN, 0.5), None);
    assert_eq!(Design::of_proportion(0.5, 1.5, 0.5), None);
    assert_eq!(Design::of_proportion(1.0, -0.1, 0.5), None);
    let design = Design::of_proportion(0.5, 0.1, 0.5).unwrap();
    assert_eq!(design.sample_size(0.0, 0.8, Test::FixedHorizon), None);
    assert_eq!(design.sample_size(0.05, 1.0, Test::FixedHorizon), None);
    assert_eq!(design.sample_size(0.05, 0.02, Test::FixedHorizon), None);
    assert_eq!(design.power(0.0, 0.05, Test::FixedHorizon), None);
    assert_eq!(power::minimum_detectable_effect(0.0, 0.05, 0.8), None);
    // A control whose mean is 2.8 standard errors from zero or less.
    assert_eq!(
        power::minimum_detectable_lift(0.1, 1.0 / 7.8, 0.05, 0.8),
        None
    );
    assert!(power::minimum_detectable_lift(0.1, 1.0 / 7.9, 0.05, 0.8).is_some());
    assert_eq!(
        power::total_subjects_needed(100.0, 0.1, 0.1, 0.0, 0.05, 0.8),
        None
    );
}

#[test]
fn posteriors_of_every_size() {
    // Far out, where φ(z) - z P(Z > z) written down as it stands has no digits left.
    let belief = posterior(10.0, 1.0, None, 0.05, false).unwrap();
    assert_near(belief.risk_ship, 7.4745602545893280366e-25, 1e-9, "risk");
    assert_near(belief.risk_keep, 10.0, 1e-12, "risk");
    assert!(posterior(1e-180, 1e-170, Some((0.0, 1e-175)), 0.05, false).is_some());
    for (lift, se, prior) in [
        (f64::NAN, 1.0, None),
        (0.0, 0.0, None),
        (0.0, f64::INFINITY, None),
        (0.0, 1.0, Some((0.0, 0.0))),
        (0.0, 1.0, Some((f64::NAN, 1.0))),
    ] {
        assert_eq!(posterior(lift, se, prior, 0.05, false), None);
    }
}

proptest! {
    #[test]
    fn the_p_value_is_below_alpha_where_the_bound_is_passed(
        alpha in 1e-9..0.49, planned in 10.0..1e9, n in 1.0..1e10, share in 0.5_f64..2.0,
    ) {
        prop_assume!((share - 1.0).abs() > 1e-9);
        let test = Sequential::new(alpha, planned).unwrap();
        let t = share * test.critical_value(n).unwrap();
        prop_assert_eq!(test.p_value(t, n).unwrap() < alpha, share > 1.0);
        let t = share * test.one_sided_critical_value(n).unwrap();
        prop_assert_eq!(test.one_sided_p_value(t, n).unwrap() < alpha, share > 1.0);
    }

    #[test]
    fn periods_of_the_same_weights_are_one(
        first in prop::array::uniform4(0_u64..10_000),
        second in prop::array::uniform4(0_u64..10_000),
        weights in prop::array::uniform4(0.01..10.0),
    ) {
        let sum: Vec<u64> = first.iter().zip(second).map(|(a, b)| a + b).collect();
        let whole = split(&[(&sum, &weights)]);
        let parts = split(&[(&first, &weights), (&second, &weights)]);
        prop_assert_eq!(whole.is_some(), parts.is_some());
        if let (Some(whole), Some(parts)) = (whole, parts) {
            let (whole_x, parts_x) = (whole.chi_squared.unwrap(), parts.chi_squared.unwrap());
            prop_assert!((whole_x - parts_x).abs() <= 1e-8 * whole_x.max(1e-3));
            prop_assert_eq!(whole.degrees_of_freedom, parts.degrees_of_freedom);
            let p = chi_squared::upper_tail(whole_x, 3.0).unwrap();
            prop_assert_eq!(whole.p_value, p);
        }
    }

    #[test]
    fn any_split_is_tested_or_not(
        counts in prop::collection::vec((any::<u64>(), any::<u64>(), any::<f64>(), 0.0..1.0), 0..6),
    ) {
        let first: Vec<u64> = counts.iter().map(|c| c.0).collect();
        let second: Vec<u64> = counts.iter().map(|c| c.1 >> 40).collect();
        let wild: Vec<f64> = counts.iter().map(|c| c.2.abs()).collect();
        let tame: Vec<f64> = counts.iter().map(|c| c.3).collect();
        for periods in [[(&first, &wild), (&second, &tame)], [(&second, &tame), (&second, &wild)]] {
            let periods: Vec<(&[u64], &[f64])> =
                periods.iter().map(|(o, w)| (o.as_slice(), w.as_slice())).collect();
            if let Some(found) = split(&periods) {
                prop_assert!((0.0..=1.0).contains(&found.p_value));
                prop_assert!((0.0..=1.0).contains(&found.sequential_p_value));
            }
        }
    }

    #[test]
    fn intervals_hold_the_share(successes in 0_u64..2_000, failures in 0_u64..2_000, alpha in 1e-6..0.9) {
        let n = successes + failures;
        prop_assume!(n > 0);
        let p = successes as f64 / n as f64;
        let (lower, upper) = wilson(successes, n, alpha).unwrap();
        prop_assert!(0.0 <= lower && lower <= p && p <= upper && upper <= 1.0);
        let (mirrored, _) = wilson(failures, n, alpha).unwrap();
        prop_assert!((mirrored - (1.0 - upper)).abs() < 1e-14);
        let (lower, upper) = newcombe((successes, n), (failures, n), alpha).unwrap();
        let difference = failures as f64 / n as f64 - p;
        prop_assert!(-1.0 - 1e-12 <= lower && lower <= difference && difference <= upper && upper <= 1.0 + 1e-12);
    }

    #[test]
    fn adjusted_p_values_keep_the_order(p in prop::collection::vec(prop::option::of(0.0..1.0), 0..30)) {
        let (strict, mild) = (holm(&p), benjamini_hochberg(&p));
        for ((p, strict), mild) in p.iter().zip(&strict).zip(&mild) {
            prop_assert_eq!(p.is_some(), strict.is_some() && mild.is_some());
            if let (Some(p), Some(strict), Some(mild)) = (p, strict, mild) {
                prop_assert!(p <= mild && *mild <= strict * (1.0 + 1e-15) && *strict <= 1.0);
            }
        }
    }

    #[test]
    fn a_sample_size_has_its_power(
        baseline in 0.01..0.9, lift in prop_oneof![-0.5..-0.01, 0.01..0.1],
        share in 0.05..0.95, alpha in 0.001..0.06, power in 0.5..0.99, planned in 100.0..1e6,
    ) {
        let design = Design::of_proportion(baseline, lift, share).unwrap();
        for test in [
            Test::FixedHorizon,
            Test::Sequential { planned_subjects: None },
            Test::Sequential { planned_subjects: Some(planned) },
        ] {
            let size = design.sample_size(alpha, power, test).unwrap().total() as f64;
            prop_assert!(design.power(size, alpha, test).unwrap() >= power - 1e-9);
            // Two are added at most by rounding, and the far side adds little.
            if size > 50.0 {
                let fewer = design.power(size - 2.5, alpha, test).unwrap();
                prop_assert!(fewer < power + 1e-3, "{fewer} with {size}");
            }
        }
    }

    #[test]
    fn nothing_panics(a in any::<f64>(), b in any::<f64>(), c in any::<f64>(), d in any::<f64>(), n in any::<u64>(), m in any::<u64>()) {
        if let Some(test) = Sequential::new(a, b).or_else(|| Sequential::new(0.05, b)) {
            for p in [test.p_value(c, d), test.one_sided_p_value(c, d)] {
                prop_assert!(p.is_none_or(|p| (0.0..=1.0).contains(&p)));
            }
            prop_assert!(test.critical_value(d).is_none_or(f64::is_finite));
            prop_assert!(test.one_sided_critical_value(d).is_none_or(f64::is_finite));
        }
        if let Some(belief) = posterior(a, b.abs(), Some((c, d.abs())), 0.05, true) {
            prop_assert!((0.0..=1.0).contains(&belief.chance_to_beat_control));
            prop_assert!(belief.risk_ship >= 0.0 && belief.risk_keep >= 0.0);
        }
        let _ = (wilson(n, m, a), wilson(n, m, 0.05), newcombe((n, m), (m, n), 0.05), fisher((n >> 47, n >> 45), (m >> 50, m >> 44)));
        let _ = (power::minimum_detectable_effect(a, b, c), power::minimum_detectable_lift(a, b, 0.05, 0.8));
        let _ = power::total_subjects_needed(a, b, c, d, 0.05, 0.8);
        for design in [Design::of_mean(a, b, c, 0.5), Design::of_proportion(a, b, 0.5), Design::of_mean(a, b, 0.1, d)] {
            for test in [Test::FixedHorizon, Test::Sequential { planned_subjects: Some(d) }, Test::Sequential { planned_subjects: None }] {
                if let Some(design) = design {
                    let _ = design.sample_size(0.05, 0.8, test);
                    prop_assert!(design.power(c, 0.05, test).is_none_or(|p| (0.0..=1.0).contains(&p)));
                }
            }
        }
    }
}
