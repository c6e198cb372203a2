//! Properties of translating datafiles, whatever is in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashMap;

use lotty_core::optimizely::{Configuration, conditions_to_rule, translate};
use lotty_core::targeting::parse;
use proptest::prelude::*;
use serde_json::{Value, json};

const PROJECT: &str = include_str!("optimizely/project.json");

/// JSON of any shape, with the words and values that mean something in a datafile.
fn any_json() -> impl Strategy<Value = Value> {
    let word = proptest::sample::select(vec![
        "and",
        "or",
        "not",
        "41",
        "51",
        "61",
        "81",
        "21",
        "Running",
        "random",
        "fr",
        "json",
        "exact",
        "exists",
        "semver_eq",
        "custom_attribute",
        "qualified",
        "true",
        "",
        " ",
        "\0",
        "[1e400]",
        "{",
        "\"\\u0000\"",
        "`",
        "a.b",
        "ä",
    ]);
    let number = proptest::sample::select(vec![
        "0",
        "-1",
        "10000",
        "2500.5",
        "1e400",
        "1e-400",
        "1e999999999",
        "9007199254740993",
        "-9007199254740992.5",
        "123456789012345678901234567890",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(|text| text.parse().unwrap()),
        word.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = proptest::sample::select(vec![
            "id",
            "key",
            "name",
            "type",
            "match",
            "value",
            "conditions",
            "experiments",
            "variations",
            "endOfRange",
            "entityId",
            "variables",
            "groupId",
            "\0",
        ]);
        let members = prop::collection::vec((key, inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            members.prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// What is done to one value of a datafile.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Value),
    /// The value of another place.
    Copy(usize),
    /// One more at the end of an array.
    Append(Value),
    Remove,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any_json().prop_map(Mutation::Replace),
        any::<usize>().prop_map(Mutation::Copy),
        any_json().prop_map(Mutation::Append),
        Just(Mutation::Remove),
    ]
}

/// The JSON pointers of everything inside a value.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                pointers(element, &format!("{at}/{index}"), into);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{at}/{key}"), into);
            }
        }
        _ => {}
    }
}

fn mutate(datafile: &mut Value, place: usize, mutation: Mutation) {
    let mut places = Vec::new();
    pointers(datafile, "", &mut places);
    let pointer = &places[place % places.len()];
    let new = match mutation {
        Mutation::Replace(value) => value,
        Mutation::Copy(other) => datafile
            .pointer(&places[other % places.len()])
            .unwrap()
            .clone(),
        Mutation::Append(value) => {
            if let Some(Value::Array(elements)) = datafile.pointer_mut(pointer) {
                elements.push(value);
            }
            return;
        }
        Mutation::Remove => {
            if let Some((parent, key)) = pointer.rsplit_once('/')
                && let Some(Value::Object(members)) = datafile.pointer_mut(parent)
            {
                members.remove(key);
            }
            return;
        }
    };
    *datafile.pointer_mut(pointer).unwrap() = new;
}

fn mutated() -> impl Strategy<Value = Value> {
    prop::collection::vec((any::<usize>(), mutation()), 1..4).prop_map(|mutations| {
        let mut datafile: Value = serde_json::from_str(PROJECT).unwrap();
        for (place, mutation) in mutations {
            mutate(&mut datafile, place, mutation);
        }
        datafile
    })
}

/// Whether rows refer only to rows that are there, and shares follow from ranges.
fn check(configuration: &Configuration) {
    let flags: Vec<_> = configuration.flags.iter().map(|row| row.flag_id).collect();
    let variants: HashMap<_, _> = configuration
        .variants
        .iter()
        .map(|row| (row.variant_id, row))
        .collect();
    assert_eq!(variants.len(), configuration.variants.len());
    for experiment in &configuration.experiments {
        assert!(experiment.flag_id.is_none_or(|flag| flags.contains(&flag)));
        parse(&experiment.targeting).unwrap();
        let mut weights = HashMap::new();
        for bucket in 0..10_000 {
            let range = experiment
                .traffic_ranges
                .iter()
                .find(|range| bucket < range.end_of_range);
            if let Some(variant) = range.and_then(|range| range.variant_id) {
                *weights.entry(variant).or_insert(0_u16) += 1;
            }
        }
        for (variant, weight) in &weights {
            assert_eq!(variants[variant].experiment_id, experiment.experiment_id);
            assert_eq!(variants[variant].weight, *weight);
        }
        let total: u16 = weights.values().sum();
        let percent = experiment.traffic_allocation.as_f64().unwrap();
        assert!((percent * 100.0 - f64::from(total)).abs() < 1e-6);
    }
    for audience in &configuration.audiences {
        let rule = parse(&audience.targeting).unwrap();
        assert_eq!(rule.to_string(), audience.targeting);
    }
    for row in &configuration.overrides {
        assert_eq!(variants[&row.variant_id].experiment_id, row.experiment_id);
    }
    for row in &configuration.variant_values {
        assert!(variants.contains_key(&row.variant_id) && flags.contains(&row.flag_id));
    }
    let document = serde_json::to_value(configuration).unwrap();
    assert!(!has_nul(&document));
}

/// Whether a text is one that PostgreSQL cannot store.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mutated_datafile_is_refused_with_a_place_or_gives_consistent_rows(datafile in mutated()) {
        let first = translate(&datafile);
        match &first {
            Ok(configuration) => check(configuration),
            Err(error) => {
                prop_assert!(error.path.starts_with('$'));
                prop_assert!(!error.message.is_empty());
            }
        }
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
