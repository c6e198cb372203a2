//! Properties of translating datafiles, whatever is in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use lotty_core::optimizely::{conditions_to_rule, translate};
use lotty_core::targeting::parse;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::datafiles::{any_json, check_translation, mutated};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mutated_datafile_is_refused_with_a_place_or_gives_consistent_rows(datafile in mutated()) {
        let first = check_translation(&datafile);
        let second = translate(&datafile);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn anything_at_all_is_no_reason_to_panic(value in any_json()) {
        let _ = translate(&value);
        let datafile = json!({
            "version": "4", "projectId": "1", "revision": "1",
            "experiments": value, "featureFlags": value, "rollouts": value, "groups": value,
            "audiences": value, "typedAudiences": value,
        });
        let _ = translate(&datafile);
    }

    #[test]
    fn conditions_give_a_rule_that_prints_and_parses(value in any_json()) {
        let mut conditions = value;
        for _ in 0..2 {
            if let Ok(rule) = conditions_to_rule(&conditions) {
                prop_assert_eq!(parse(&rule.to_string()), Ok(rule));
            }
            conditions = Value::String(conditions.to_string());
        }
    }
}
