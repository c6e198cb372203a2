//! Versions as Optimizely compares them.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::cmp::Ordering::{self, Equal, Greater, Less};
use std::time::{Duration, Instant};

use lotty_core::optimizely_version::OptimizelyVersion;
use proptest::prelude::*;
use serde_json::json;
use support::{evaluate, naive};

/// What the Python SDK 5.7.0 says about random versions: the user's version, `<`, `=`, `>` or,
/// where it knows no answer, `?`, and the target, with tabs between them. Each sign stands for
/// the answers of `semver_eq`, `_gt`, `_ge`, `_lt` and `_le` together. Left out are the pairs
/// that make it raise an exception, and digits beyond ASCII.
const ANSWERS: &str = include_str!("targeting_versions.txt");

fn compare(user: &str, target: &str) -> Option<Ordering> {
    let target = OptimizelyVersion::parse(target)?;
    Some(OptimizelyVersion::parse(user)?.compare_to_target(&target))
}

fn answers() -> impl Iterator<Item = (&'static str, Option<Ordering>, &'static str)> {
    ANSWERS.lines().map(|line| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap();
        let (user, sign, target) = (field(), field(), field());
        let order = match sign {
            "<" => Some(Less),
            "=" => Some(Equal),
            ">" => Some(Greater),
            _ => None,
        };
        (user, order, target)
    })
}

#[test]
fn every_recorded_answer_is_given() {
    let mut count = 0;
    for (user, order, target) in answers() {
        assert_eq!(compare(user, target), order, "{user:?} {target:?}");
        count += 1;
    }
    assert!(count > 2000, "the table has only {count} lines");
}

/// The naive evaluator is trusted elsewhere, so it has to know the answers too.
#[test]
fn every_recorded_answer_is_given_by_the_naive_comparison() {
    for (user, order, target) in answers() {
        let found = naive::compare_to_target(target, user);
        assert_eq!(found, order, "{user:?} {target:?}");
    }
}

#[test]
fn every_operator_gives_the_recorded_answers_from_either_side() {
    for (user, order, target) in answers().step_by(7) {
        let attributes = json!({"user": user, "target": target});
        for (operator, mirrored, orders) in [
            ("=", "=", &[Equal][..]),
            ("!=", "!=", &[Less, Greater]),
            ("<", ">", &[Less]),
            ("<=", ">=", &[Less, Equal]),
            (">", "<", &[Greater]),
            (">=", "<=", &[Greater, Equal]),
        ] {
            let expected = order.map(|order| orders.contains(&order));
            for rule in [
                format!("optimizely_version(user) {operator} target"),
                format!("target {mirrored} optimizely_version(user)"),
                format!("optimizely_version({}) {operator} target", json!(user)),
                format!("optimizely_version(user) {operator} {}", json!(target)),
            ] {
                let found = evaluate(&rule, &attributes).known();
                assert_eq!(found, expected, "{rule} {attributes}");
            }
        }
    }
}

#[test]
fn where_the_sdk_raises_an_exception_only_pre_releases_of_the_user_are_below() {
    for (user, target, order) in [
        ("2.0.0", "2.0-beta", Greater),
        ("2.0.0+5", "2.0.0-beta", Greater),
        ("2.0.0-5", "2.0.0-beta", Less),
        ("2.0.0-5", "2.0.0+b", Less),
        ("2.0.0+5", "2.0.0+b", Greater),
        ("2.1", "2-beta", Greater),
        ("2.1-rc", "2-beta", Less),
        ("2.0.0+5", "2.0.0-", Greater),
        ("2.0.0-5", "2.0.0-1_0", Less),
    ] {
        assert_eq!(compare(user, target), Some(order), "{user} {target}");
        assert_eq!(naive::compare_to_target(target, user), Some(order));
    }
}

#[test]
fn only_ascii_digits_are_digits() {
    for text in [
        "٢.0.0", "2.²", "1_0", "1e3", "0x1f", "２", "\u{a0}2", "2\t", "+2", "-2",
    ] {
        assert_eq!(compare(text, "2"), None, "{text:?}");
        assert_eq!(compare("2", text), None, "{text:?}");
    }
    // In a suffix they are text.
    assert_eq!(compare("2-٢", "2-٢"), Some(Equal));
    assert_eq!(compare("2-٢", "2-5"), Some(Greater));
}

#[test]
fn a_version_can_outlive_its_text() {
    for (user, order, target) in answers().step_by(11) {
        let owned = |text: &str| {
            let text = String::from(text);
            Some(OptimizelyVersion::parse(&text)?.into_owned())
        };
        let found = owned(user).zip(owned(target));
        let found = found.map(|(user, target)| user.borrowed().compare_to_target(&target));
        assert_eq!(found, order, "{user:?} {target:?}");
    }
}

#[test]
fn versions_of_megabytes_take_linear_time() {
    let start = Instant::now();
    let nines = "9".repeat(5_000_000);
    let zeros = "0".repeat(5_000_000);
    assert_eq!(compare(&nines, &format!("{zeros}{nines}")), Some(Equal));
    assert_eq!(compare(&format!("{nines}9"), &nines), Some(Greater));
    assert_eq!(
        compare(&format!("1-{nines}a"), &format!("1-{nines}b")),
        Some(Less)
    );
    assert_eq!(compare(&"1.".repeat(2_000_000), "1"), None);
    assert_eq!(compare(&"-+".repeat(2_000_000), "1"), None);

    // A long version is read once, and each of many targets costs no more than its own length.
    let targets: Vec<_> = (0..20_000).map(|target| target.to_string()).collect();
    for user in [
        format!("{zeros}x"),
        zeros.clone(),
        format!("1-{zeros}"),
        nines,
    ] {
        let attributes = json!({"user": user, "targets": targets});
        evaluate("optimizely_version(user) IN targets", &attributes);
        evaluate("targets CONTAINS optimizely_version(user)", &attributes);
    }
    // Seconds, however busy the machine is; days, were any of it quadratic.
    assert!(
        start.elapsed() < Duration::from_secs(120),
        "{:?}",
        start.elapsed()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_two_texts_agree_with_the_naive_comparison(
        user in "[01]{1,2}(\\.[01]){0,2}([-+][-+.01a]{0,3})?",
        target in "[01]{1,2}(\\.[01]){0,2}([-+][-+.01a]{0,3})?",
        any in "[-+.01a ]{0,6}",
        text in any::<String>(),
    ) {
        for (user, target) in [(&user, &target), (&user, &any), (&any, &target), (&text, &any)] {
            let expected = naive::compare_to_target(target, user);
            prop_assert_eq!(compare(user, target), expected, "{:?} {:?}", user, target);
        }
    }
}
