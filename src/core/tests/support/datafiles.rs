//! Datafiles of Optimizely, damaged in any way, and what holds for what they become.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use lotty_core::allocation::TrafficRange;
use lotty_core::decide::{Means, Subject, decide};
use lotty_core::domain::DomainPolicy;
use lotty_core::flag::{
    BucketingSource, DomainSource, ExperimentSource, Flag, FlagSource, MemberSource, VariantSource,
};
use lotty_core::optimizely::{
    Configuration, DatafileError, ExperimentKind, ExperimentRow, FlagRow, translate,
};
use lotty_core::overrides::Overridden;
use lotty_core::targeting::parse;
use lotty_core::trace::NoTrace;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Document;
use super::deciding::{Books, Given, POLICY, Page};

const PROJECT: &str = include_str!("../optimizely/project.json");

/// Words that mean something in a datafile, and texts that are none.
const WORDS: &[&str] = &[
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
];

/// JSON of any shape, with the words and values that mean something in a datafile.
pub fn any_json() -> impl Strategy<Value = Value> {
    let word = proptest::sample::select(WORDS);
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
    /// Another key for a member.
    Rename(&'static str),
    Remove,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any_json().prop_map(Mutation::Replace),
        any::<usize>().prop_map(Mutation::Copy),
        any_json().prop_map(Mutation::Append),
        proptest::sample::select(WORDS).prop_map(Mutation::Rename),
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
        Mutation::Rename(to) => {
            if let Some((parent, key)) = pointer.rsplit_once('/')
                && let Some(Value::Object(members)) = datafile.pointer_mut(parent)
                && let Some(value) = members.remove(key)
            {
                members.insert(to.to_owned(), value);
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

pub fn mutated() -> impl Strategy<Value = Value> {
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

/// Translates a datafile. It is refused with a place and a reason, or gives rows that fit
/// together and with which every flag can be decided.
pub fn check_translation(datafile: &Value) -> Result<Configuration, DatafileError> {
    let translated = translate(datafile);
    match &translated {
        Ok(configuration) => {
            check(configuration);
            decide_everything(configuration);
        }
        Err(error) => {
            assert!(error.path.starts_with('$'), "{error:?}");
            assert!(!error.message.is_empty(), "{error:?}");
        }
    }
    translated
}

/// Compiles each flag as the server does, and asks for some subjects what they get.
fn decide_everything(configuration: &Configuration) {
    let attributes = Document(json!({"country": "fr", "age": 31.5, "a": true, "": "1.2.3"}));
    let books = books(configuration);
    let named = configuration.overrides.iter().map(|row| &*row.subject_id);
    let subjects: Vec<_> = ["", "u", "ä"].into_iter().chain(named.take(3)).collect();
    for row in &configuration.flags {
        let mut broken = Vec::new();
        let mut audience = |name: &str| {
            let mut all = configuration.audiences.iter();
            let found = all.find(|row| row.name == name)?;
            Some(found.targeting.clone())
        };
        let flag = Flag::compile(source(configuration, row), &mut audience, &mut broken).unwrap();
        assert!(broken.is_empty(), "{broken:?}");
        for experiment in flag.experiments.iter().chain(&flag.rollouts) {
            for name in experiment.rule.unresolved() {
                let mut warnings = configuration.warnings.iter();
                assert!(
                    warnings.any(|warning| warning.message.contains("audience")),
                    "{name}"
                );
            }
        }
        for id in &subjects {
            let mut means = Means {
                policy: &POLICY,
                overrides: &mut Given(&books, id),
                ledger: &mut Page::new(&books, id),
                trace: &mut NoTrace,
            };
            let subject = Subject {
                id,
                attributes: &attributes,
            };
            decide(Some(&flag), &subject, &mut means);
        }
    }
}

fn books(configuration: &Configuration) -> Rc<RefCell<Books>> {
    let overrides = configuration.overrides.iter().map(|row| {
        let given = Overridden {
            forced: None,
            whitelisted: Some(row.variant_id),
        };
        ((row.subject_id.clone(), row.experiment_id), given)
    });
    Rc::new(RefCell::new(Books {
        overrides: overrides.collect(),
        ..Books::default()
    }))
}

/// What of a flag is running, as the server reads it from the tables.
fn source(configuration: &Configuration, flag: &FlagRow) -> FlagSource<Value> {
    let shares = |experiment: &ExperimentRow| {
        let mut shared = configuration.experiment_flags.iter();
        experiment.flag_id == Some(flag.flag_id)
            || shared.any(|row| {
                row.flag_id == flag.flag_id && row.experiment_id == experiment.experiment_id
            })
    };
    let of_kind = |kind| {
        let running = |row: &&ExperimentRow| row.kind == kind && row.status == "running";
        configuration
            .experiments
            .iter()
            .filter(running)
            .filter(|row| shares(row))
            .map(|row| experiment(configuration, row))
            .collect()
    };
    FlagSource {
        enabled: true,
        default_value: flag.default_value.clone(),
        experiments: of_kind(ExperimentKind::Experiment),
        rollouts: of_kind(ExperimentKind::Rollout),
    }
}

fn experiment(configuration: &Configuration, row: &ExperimentRow) -> ExperimentSource<Value> {
    let range = |range: &lotty_core::optimizely::VariantRange| TrafficRange {
        end: range.end_of_range,
        entity: range.variant_id,
    };
    let variants = configuration.variants.iter();
    let domains = configuration.members.iter();
    ExperimentSource {
        id: row.experiment_id,
        key: row.key.clone(),
        hash_key: row.hash_key.clone(),
        targeting: row.targeting.clone(),
        bucketing: BucketingSource::Murmur3 {
            ranges: row.traffic_ranges.iter().map(range).collect(),
        },
        sticky: false,
        limited: false,
        has_overrides: true,
        variants: variants
            .filter(|variant| variant.experiment_id == row.experiment_id)
            .map(|variant| VariantSource {
                id: variant.variant_id,
                name: variant.name.clone(),
                value: variant.value.clone(),
                weight: variant.weight.into(),
            })
            .collect(),
        domains: domains
            .filter(|member| member.experiment_id == row.experiment_id)
            .map(|member| domain(configuration, member.domain_id))
            .collect(),
    }
}

fn domain(configuration: &Configuration, id: Uuid) -> DomainSource {
    let mut all = configuration.domains.iter();
    let row = all.find(|domain| domain.domain_id == id).unwrap();
    let range = |range: &lotty_core::optimizely::ExperimentRange| TrafficRange {
        end: range.end_of_range,
        entity: range.experiment_id,
    };
    let member = |member: &lotty_core::optimizely::MemberRow| {
        let mut all = configuration.experiments.iter();
        let row = all.find(|row| row.experiment_id == member.experiment_id);
        let row = row.unwrap();
        MemberSource {
            experiment: row.experiment_id,
            key: row.key.clone(),
            running: row.status == "running",
            hash_key: row.hash_key.clone(),
            targeting: row.targeting.clone(),
            priority: 0,
            weight: 1.into(),
        }
    };
    DomainSource {
        key: row.key.clone(),
        policy: DomainPolicy::OptimizelyGroup,
        hash_key: row.hash_key.clone(),
        ranges: row.traffic_ranges.iter().map(range).collect(),
        members: configuration
            .members
            .iter()
            .filter(|member| member.domain_id == id)
            .map(member)
            .collect(),
    }
}
