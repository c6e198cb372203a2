//! Properties of comparisons: what must agree, and what must be missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use lotty_statistics::comparison::{Comparison, Settings, compare};
use lotty_statistics::cuped::compare_adjusted;
use lotty_statistics::stats::{Kind, Stats};
use lotty_statistics::stratified::compare_stratified;
use lotty_statistics::text::parse;
use proptest::prelude::*;

const SETTINGS: Settings = Settings {
    alpha: 0.05,
    planned_subjects: 5000.0,
    decrease: false,
    prior: None,
    power: 0.8,
};

fn stats(kind: Kind, rows: &[[f64; 4]]) -> Stats {
    let mut stats = Stats::new(kind, true).unwrap();
    for row in rows {
        let mut row = *row;
        if kind == Kind::Proportion {
            row[0] = f64::from(row[0] > 0.0);
        }
        stats.add(&row);
    }
    stats.finished().unwrap()
}

fn read(text: &str) -> Stats {
    parse(text).expect(text)
}

fn rows() -> impl Strategy<Value = Vec<[f64; 4]>> {
    let number = || prop_oneof![-50.0..50.0_f64, Just(0.0), Just(1.0), Just(7.0)];
    prop::collection::vec([number(), number(), number(), number()], 0..40)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Mean, Kind::Proportion, Kind::Ratio])
}

fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1e-3),
        (a, b) => a == b,
    }
}

/// Intervals, p-values and bounds that say the same must agree.
fn check_agreement(c: &Comparison) -> Result<(), TestCaseError> {
    let excludes = |lower: Option<f64>, upper: Option<f64>| {
        lower.zip(upper).map(|(lower, upper)| {
            prop_assert!(lower <= upper);
            Ok(lower > 0.0 || upper < 0.0)
        })
    };
    let near = |p: Option<f64>| p.is_some_and(|p| (p - 0.05).abs() < 1e-6);
    let agree = |interval: (Option<f64>, Option<f64>), p: Option<f64>| {
        if let (Some(significant), Some(p)) = (excludes(interval.0, interval.1), p)
            && !near(Some(p))
        {
            prop_assert_eq!(significant?, p < 0.05);
        }
        Ok(())
    };
    agree((c.ci.lower, c.ci.upper), c.p_value)?;
    agree((c.ci_z.lower, c.ci_z.upper), c.p_value_z)?;
    agree((c.lift_ci.lower, c.lift_ci.upper), c.p_value)?;
    agree(
        (c.lift_delta_ci.lower, c.lift_delta_ci.upper),
        c.lift_p_value,
    )?;
    agree((c.seq_ci.lower, c.seq_ci.upper), c.seq_p_value)?;
    agree(
        (c.seq_lift_ci.lower, c.seq_lift_ci.upper),
        c.seq_lift_p_value,
    )?;
    if let (Some(lower), Some(p)) = (c.seq.lower, c.seq_greater_p_value)
        && !near(Some(p))
    {
        prop_assert_eq!(lower > 0.0, p < 0.05);
    }
    if let (Some(upper), Some(p)) = (c.seq.upper, c.seq_less_p_value)
        && !near(Some(p))
    {
        prop_assert_eq!(upper < 0.0, p < 0.05);
    }
    // Looking often costs width.
    if let (Some(often), Some(once)) = (c.seq_ci.lower, c.ci_z.lower) {
        prop_assert!(often <= once);
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_says_the_same_agrees(kind in kind(), control in rows(), treatment in rows()) {
        let (control, treatment) = (stats(kind, &control), stats(kind, &treatment));
        let plain = compare(&control, &treatment, &SETTINGS);
        check_agreement(&plain)?;
        prop_assert!(plain.lift_std_err.is_some() || plain.note.is_some());
        let adjusted = compare_adjusted(&control, &treatment, None, &SETTINGS);
        check_agreement(&adjusted)?;
        prop_assert!(adjusted.theta.is_some() || adjusted.note.is_some());
    }

    /// A covariate that is the same for all changes nothing, and says so.
    #[test]
    fn a_constant_covariate(kind in kind(), control in rows(), treatment in rows()) {
        let constant = |rows: &[[f64; 4]]| {
            let first = if kind == Kind::Ratio { 1.0 } else { 3.0 };
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    let mut row = *row;
                    if kind != Kind::Ratio {
                        row[1] = first;
                    }
                    (row[2], row[3]) = (first, first);
                    row
                })
                .collect();
            stats(kind, &rows)
        };
        let (control, treatment) = (constant(&control), constant(&treatment));
        let plain = compare(&control, &treatment, &SETTINGS);
        let adjusted = compare_adjusted(&control, &treatment, None, &SETTINGS);
        prop_assert_eq!(adjusted.theta, None);
        prop_assert!(adjusted.note.is_some());
        prop_assert_eq!(adjusted.p_value, plain.p_value);
    }

    /// One period is the plain comparison.
    #[test]
    fn one_period(kind in kind(), control in rows(), treatment in rows()) {
        let (control, treatment) = (stats(kind, &control), stats(kind, &treatment));
        let plain = compare(&control, &treatment, &SETTINGS);
        let period = compare_stratified(&[(Some(control), Some(treatment))], &SETTINGS);
        prop_assume!(plain.std_err.is_some());
        prop_assert!(same(plain.diff, period.diff));
        prop_assert!(same(plain.std_err, period.std_err));
        prop_assert!(same(plain.p_value, period.p_value));
        prop_assert!(same(plain.lift_std_err, period.lift_std_err));
        prop_assert!(same(plain.lift_ci.lower, period.lift_ci.lower));
        prop_assert!(same(plain.mde_lift, period.mde_lift));
    }

    /// No input stops anything.
    #[test]
    fn any_numbers(
        n in any::<(u64, u64)>(),
        means in any::<[f64; 4]>(),
        products in any::<[f64; 6]>(),
        alpha in any::<f64>(),
        planned_subjects in any::<f64>(),
    ) {
        let of = |n: u64, means: &[f64], products: &[f64]| {
            let moments = lotty_statistics::moments::Moments::from_parts(n >> 1, means, products)?;
            Stats::from_moments(Kind::Ratio, moments)
        };
        let settings = Settings { alpha, planned_subjects, ..SETTINGS };
        if let (Some(control), Some(treatment)) = (
            of(n.0, &means[..2], &products[..3]),
            of(n.1, &means[2..], &products[3..]),
        ) {
            for comparison in [
                compare(&control, &treatment, &settings),
                compare_adjusted(&control, &treatment, None, &settings),
                compare_stratified(&[(Some(control), Some(treatment)), (None, None)], &settings),
            ] {
                let one = [comparison.p_value, comparison.seq_p_value, comparison.lift_p_value];
                for p in one.into_iter().flatten() {
                    prop_assert!((0.0..=1.0).contains(&p));
                }
                for number in [comparison.diff, comparison.lift, comparison.ci.lower] {
                    prop_assert!(number.is_none_or(f64::is_finite));
                }
            }
        }
    }
}

/// Within each period nothing changes; taken as a whole the treatment, which got more of the later and
/// worse period, seems to be worse (Simpson's paradox). The numbers by hand.
#[test]
fn two_periods() {
    let proportion = |n: f64, successes: f64| {
        read(&format!(
            "proportion n={n} means={} products={}",
            successes / n,
            successes * (n - successes) / n
        ))
    };
    let early = (proportion(900.0, 450.0), proportion(100.0, 50.0));
    let late = (proportion(500.0, 50.0), proportion(500.0, 60.0));
    let periods = [(Some(early.0), Some(early.1)), (Some(late.0), Some(late.1))];
    let comparison = compare_stratified(&periods, &SETTINGS);
    assert_eq!(comparison.note, None);
    assert_eq!(comparison.control_count, Some(1400));
    let close = |got: Option<f64>, expected: f64| {
        let got = got.unwrap();
        assert!((got - expected).abs() < 1e-12, "{got}, not {expected}");
    };
    // Half of the subjects in each: differences of 0 and 0.02.
    close(comparison.diff, 0.01);
    close(comparison.control_mean, 0.3);
    let within = 0.25 * (0.25 / 900.0 + 0.25 / 100.0 + 0.09 / 500.0 + 0.1056 / 500.0);
    let variance = within + (0.5 * 0.02 * 0.02 - 0.01 * 0.01) / 2000.0;
    close(comparison.std_err, f64::sqrt(variance));
    close(comparison.lift, 0.01 / 0.3);

    let mut whole = (early.0, early.1);
    whole.0.merge(&late.0).unwrap();
    whole.1.merge(&late.1).unwrap();
    assert!(compare(&whole.0, &whole.1, &SETTINGS).diff.unwrap() < -0.1);
}

#[test]
fn periods_that_say_nothing() {
    let two = read("mean n=2 means=90 products=2");
    let one = read("mean n=1 means=90 products=0");
    let left_out = "a period with fewer than two subjects in a variant is left out";
    for other in [(Some(two), Some(one)), (None, Some(two)), (Some(two), None)] {
        let comparison = compare_stratified(&[(Some(two), Some(two)), other], &SETTINGS);
        assert_eq!(
            (comparison.diff, comparison.note),
            (Some(0.0), Some(left_out))
        );
        let comparison = compare_stratified(&[other], &SETTINGS);
        assert_eq!((comparison.diff, comparison.p_value), (None, None));
        assert!(comparison.note.is_some());
    }
    let comparison = compare_stratified(&[(Some(two), Some(two)), (None, None)], &SETTINGS);
    assert_eq!(comparison.note, None);
    assert!(compare_stratified(&[], &SETTINGS).note.is_some());
}

/// What is not defined is missing, and a note says why.
#[test]
fn notes() {
    for (control, treatment, note) in [
        (
            "mean n=0 means=0 products=0",
            "mean n=5 means=1 products=2",
            "a variant has no subjects",
        ),
        (
            "mean n=1 means=1 products=0",
            "mean n=5 means=1 products=2",
            "a variant has fewer than two subjects",
        ),
        (
            "ratio n=5 means=0,0 products=0,0,0",
            "ratio n=5 means=1,1 products=1,1,3",
            "the denominators of a variant add up to 0",
        ),
        (
            "estimate n=5 value=1 variance=none",
            "estimate n=50 value=1 variance=3",
            "a variant has too few values for a variance",
        ),
        (
            "mean n=5 means=1 products=0",
            "mean n=5 means=2 products=0",
            "nothing varies in either variant",
        ),
        (
            "mean n=5 means=0 products=2",
            "mean n=5 means=1 products=2",
            "the mean of the control is 0, so there is no lift",
        ),
        (
            "mean n=5 means=0.1 products=20",
            "mean n=5 means=1 products=2",
            "the mean of the control cannot be told from 0, so the lift has no interval",
        ),
        (
            "proportion n=100 means=0.5 products=25",
            "proportion n=100 means=0 products=0",
            "the lift has no variance, so no interval",
        ),
    ] {
        let comparison = compare(&read(control), &read(treatment), &SETTINGS);
        assert_eq!(comparison.note, Some(note));
        assert_eq!(comparison.lift_ci.lower, None);
    }
}

/// Treatment and covariate are the same number: what is left does not vary.
#[test]
fn a_covariate_that_says_all() {
    let of = |shift: f64| {
        let rows: Vec<_> = (0..100)
            .map(|i| [f64::from(i % 13) + shift, f64::from(i % 13), 0.0, 0.0])
            .collect();
        stats(Kind::Mean, &rows)
    };
    let comparison = compare_adjusted(&of(0.0), &of(0.0), None, &SETTINGS);
    assert_eq!(comparison.std_err, Some(0.0));
    assert_eq!(comparison.variance_reduction, Some(1.0));
    assert_eq!(comparison.note, Some("nothing varies in either variant"));
    assert_eq!((comparison.p_value, comparison.seq_p_value), (None, None));
}

#[test]
fn without_a_covariate_it_is_the_plain_comparison() {
    let control = read("mean n=50 means=3 products=90");
    let treatment = read("mean n=50 means=4 products=90");
    let plain = compare(&control, &treatment, &SETTINGS);
    let adjusted = compare_adjusted(&control, &treatment, None, &SETTINGS);
    assert_eq!(adjusted.p_value, plain.p_value);
    assert_eq!(
        adjusted.note,
        Some("there is no covariate, so nothing is adjusted")
    );
}
