//! Whole datafiles, translated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;

use lotty_core::optimizely::{DatafileError, translate};
use serde_json::{Value, json};

const PROJECT: &str = include_str!("optimizely/project.json");

fn project() -> Value {
    serde_json::from_str(PROJECT).unwrap()
}

/// The project with the value at a JSON pointer replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut datafile = project();
    *datafile.pointer_mut(pointer).expect(pointer) = value;
    datafile
}

/// The project without the member at a JSON pointer.
fn without(pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut datafile = project();
    let parent = datafile.pointer_mut(parent).expect(parent);
    parent.as_object_mut().unwrap().remove(key).expect(pointer);
    datafile
}

fn translated(datafile: &Value) -> Result<Value, DatafileError> {
    translate(datafile).map(|configuration| serde_json::to_value(configuration).unwrap())
}

/// One row a line, so that a difference can be read.
fn lines(document: &Value) -> String {
    let mut text = String::new();
    for (key, value) in document.as_object().unwrap() {
        match value {
            Value::Array(rows) => {
                for row in rows {
                    writeln!(text, "{key}: {row}").unwrap();
                }
            }
            value => writeln!(text, "{key}: {value}").unwrap(),
        }
    }
    text
}

#[test]
fn a_project_becomes_these_rows() {
    let document = translated(&project()).unwrap();
    assert_eq!(lines(&document), include_str!("optimizely/project.rows"));
}

#[test]
fn the_smallest_datafile_is_empty() {
    for version in ["2", "3", "4"] {
        let datafile =
            json!({"version": version, "projectId": "1", "revision": "", "rollouts": null});
        let document = translated(&datafile).unwrap();
        let rows = document.as_object().unwrap().values();
        assert!(rows.filter_map(Value::as_array).all(Vec::is_empty));
    }
}

#[test]
fn what_decides_nothing_is_not_looked_at() {
    let expected = translated(&project()).unwrap();
    for (pointer, value) in [
        ("/rollouts/0/experiments/0/status", json!(5)),
        ("/rollouts/0/experiments/0/forcedVariations", json!("none")),
        ("/experiments/0/layerId", json!(null)),
        ("/experiments/0/audienceIds", json!({})),
        ("/groups/1/trafficAllocation", json!("none")),
        ("/audiences/1/conditions", json!("[")),
        ("/audiences/2/name", json!("Other")),
        ("/attributes", json!(1)),
        ("/events", json!({})),
        ("/accountId", json!([])),
    ] {
        assert_eq!(
            translated(&with(pointer, value)),
            Ok(expected.clone()),
            "{pointer}"
        );
    }
}

#[test]
fn missing_fields_are_named() {
    for pointer in [
        "/version",
        "/projectId",
        "/revision",
        "/audiences/0/id",
        "/audiences/0/conditions",
        "/featureFlags/0/key",
        "/featureFlags/0/experimentIds",
        "/featureFlags/0/variables",
        "/featureFlags/0/variables/0/id",
        "/featureFlags/0/variables/0/key",
        "/featureFlags/0/variables/0/type",
        "/featureFlags/0/variables/0/defaultValue",
        "/experiments/0/id",
        "/experiments/0/key",
        "/experiments/0/status",
        "/experiments/0/variations",
        "/experiments/0/trafficAllocation",
        "/experiments/0/variations/1/id",
        "/experiments/0/variations/1/key",
        "/experiments/0/variations/1/variables/0/id",
        "/experiments/0/variations/1/variables/0/value",
        "/experiments/1/audienceIds",
        "/groups/0/id",
        "/groups/0/policy",
        "/groups/0/experiments",
        "/groups/0/trafficAllocation",
        "/rollouts/0/id",
        "/rollouts/0/experiments",
        "/rollouts/0/experiments/0/audienceIds",
    ] {
        let error = translated(&without(pointer)).expect_err(pointer);
        assert_eq!(error.path, path(pointer));
        assert_eq!(error.message, "field is missing");
    }
    for pointer in [
        "/audiences/0/name",
        "/featureFlags/0/id",
        "/featureFlags/0/rolloutId",
        "/experiments/0/variations/0/featureEnabled",
        "/experiments/0/variations/0/variables",
        "/experiments/0/forcedVariations",
        "/experiments/0/audienceConditions",
        "/experiments/0/trafficAllocation/0/entityId",
        "/experiments/0/trafficAllocation/0/endOfRange",
        "/rollouts/0/experiments/0/status",
        "/rollouts/0/experiments/0/forcedVariations",
    ] {
        assert!(translated(&without(pointer)).is_ok(), "{pointer}");
    }
}

/// The path of a JSON pointer without special characters.
fn path(pointer: &str) -> String {
    let step = |step: &str| match step.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{step}"),
    };
    let steps: String = pointer.split('/').skip(1).map(step).collect();
    format!("${steps}")
}

#[test]
fn wrong_types_and_values_are_named() {
    let long = "k".repeat(513);
    for (pointer, value, message) in [
        ("/version", json!(4), "expected a string, found a number"),
        (
            "/version",
            json!("5"),
            "unknown version \"5\" of a datafile",
        ),
        ("/projectId", json!(""), "must not be blank"),
        ("/revision", json!(17), "expected a string, found a number"),
        (
            "/experiments",
            json!({}),
            "expected an array, found an object",
        ),
        (
            "/experiments/0",
            json!(null),
            "expected an object, found null",
        ),
        ("/experiments/0/key", json!(" \t"), "must not be blank"),
        ("/experiments/0/key", json!(long), "longer than the 512"),
        ("/experiments/0/id", json!("a\0"), "U+0000"),
        (
            "/experiments/0/status",
            json!(null),
            "expected a string, found null",
        ),
        (
            "/experiments/0/forcedVariations",
            json!([]),
            "expected an object, found an array",
        ),
        (
            "/experiments/0/forcedVariations/bob",
            json!(null),
            "expected a string, found null",
        ),
        (
            "/experiments/0/variations/0/featureEnabled",
            json!("true"),
            "expected true or false, found a string",
        ),
        (
            "/experiments/0/trafficAllocation/0/endOfRange",
            json!("1000"),
            "expected a number, found a string",
        ),
        (
            "/experiments/0/trafficAllocation/0/entityId",
            json!(81),
            "expected a string, found a number",
        ),
        (
            "/experiments/0/audienceConditions/1",
            json!(21),
            "expected a string, found a number",
        ),
        (
            "/featureFlags/0/variables/0/defaultValue",
            json!(3),
            "expected a string, found a number",
        ),
        (
            "/featureFlags/0/variables/1/defaultValue",
            json!(r#"["\u0000"]"#),
            "U+0000",
        ),
        ("/audiences/0/conditions", json!("{"), "is not JSON"),
        (
            "/typedAudiences/1/conditions",
            json!(null),
            "expected a condition, found null",
        ),
        (
            "/typedAudiences/1/conditions/name",
            json!(""),
            "an attribute without characters",
        ),
        (
            "/typedAudiences/1/conditions/value",
            json!("v".repeat(20_000)),
            "",
        ),
        (
            "/groups/0/policy",
            json!(null),
            "expected a string, found null",
        ),
    ] {
        let error = translated(&with(pointer, value)).expect_err(pointer);
        assert!(error.message.contains(message), "{error}");
        let path = path(pointer);
        assert!(path.starts_with(&error.path), "{} of {path}", error.path);
        if !message.is_empty() {
            assert_eq!(error.path, path);
        }
    }
    assert_eq!(
        translated(&json!([])).unwrap_err().to_string(),
        "$: expected an object, found an array"
    );
}

#[test]
fn what_may_stand_once_is_refused_twice() {
    for (pointer, value, message) in [
        ("/experiments/1/id", "41", "duplicate experiment id \"41\""),
        (
            "/groups/0/experiments/0/id",
            "41",
            "duplicate experiment id \"41\"",
        ),
        (
            "/rollouts/0/experiments/0/id",
            "41",
            "duplicate experiment id \"41\"",
        ),
        (
            "/rollouts/0/experiments/0/key",
            "alone",
            "duplicate experiment key \"alone\"",
        ),
        (
            "/experiments/0/variations/1/id",
            "81",
            "duplicate variation id \"81\"",
        ),
        (
            "/experiments/0/variations/1/key",
            "control",
            "duplicate variation key \"control\"",
        ),
        ("/featureFlags/1/id", "31", "duplicate flag id \"31\""),
        (
            "/featureFlags/1/key",
            "checkout",
            "duplicate flag key \"checkout\"",
        ),
        ("/audiences/1/id", "21", "duplicate audience id \"21\""),
        ("/typedAudiences/1/id", "22", "duplicate audience id \"22\""),
        ("/groups/1/id", "91", "duplicate group id \"91\""),
        ("/rollouts/1/id", "61", "duplicate rollout id \"61\""),
    ] {
        let error = translated(&with(pointer, json!(value))).expect_err(pointer);
        assert_eq!(error.message, message);
        assert!(error.hint.unwrap().starts_with("the first one is at $."));
        // A rollout rule is read before the experiments of groups, so it may be the first.
        let twice = [path(pointer), "$.groups[0].experiments[0].id".to_owned()];
        assert!(twice.contains(&error.path), "{}", error.path);
    }
}

#[test]
fn what_cannot_be_represented_is_refused() {
    let add = |pointer: &str, key: &str, value: Value| {
        let mut datafile = project();
        let object = datafile.pointer_mut(pointer).unwrap();
        object
            .as_object_mut()
            .unwrap()
            .insert(key.to_owned(), value);
        translated(&datafile).map_err(|error| (error.path, error.hint.is_some()))
    };
    let refused = |path: &str| Err((path.to_owned(), true));
    assert_eq!(add("", "holdouts", json!([{}])), refused("$.holdouts"));
    assert_eq!(
        add("", "localHoldouts", json!([{}])),
        refused("$.localHoldouts")
    );
    let cmab = json!({"trafficAllocation": 5000});
    assert_eq!(
        add("/experiments/0", "cmab", cmab),
        refused("$.experiments[0].cmab")
    );
    assert_eq!(
        add("/experiments/0", "groupId", json!("91")),
        refused("$.experiments[0].groupId")
    );
    let rule = "/rollouts/0/experiments/0";
    let path = "$.rollouts[0].experiments[0].groupPolicy";
    assert_eq!(add(rule, "groupPolicy", json!("random")), refused(path));

    let expected = translated(&project()).unwrap();
    for (pointer, key, value) in [
        ("", "holdouts", json!([])),
        ("", "localHoldouts", json!(null)),
        ("/experiments/0", "cmab", json!(null)),
        ("/experiments/0", "groupId", json!(null)),
        ("/groups/0/experiments/0", "groupId", json!("91")),
        ("", "region", json!("EU")),
    ] {
        assert_eq!(add(pointer, key, value), Ok(expected.clone()), "{key}");
    }

    let rule_of_a_rollout = with("/featureFlags/0/experimentIds/0", json!("62"));
    let error = translated(&rule_of_a_rollout).unwrap_err();
    assert_eq!(error.path, "$.featureFlags[0].experimentIds[0]");
    // The variation for everyone else has the key of another.
    let contradiction = with("/groups/0/experiments/0/variations/0/key", json!("off"));
    assert_eq!(
        translated(&contradiction).unwrap_err().path,
        "$.groups[0].experiments[0]"
    );
    // The same text from different ids.
    let mut datafile = with("/experiments/0/id", json!("a:b"));
    *datafile
        .pointer_mut("/featureFlags/0/experimentIds")
        .unwrap() = json!([]);
    *datafile.pointer_mut("/experiments/1/id").unwrap() = json!("a");
    *datafile
        .pointer_mut("/experiments/1/variations/0/id")
        .unwrap() = json!("b:81");
    assert_eq!(
        translated(&datafile).unwrap_err().path,
        "$.experiments[1].variations[0].id"
    );
}

#[test]
fn variations_of_one_id_have_the_last_variables() {
    let mut datafile = project();
    let variation = json!({"id": "82", "key": "wide", "featureEnabled": true, "variables": [{"id": "71", "value": "77"}]});
    *datafile
        .pointer_mut("/rollouts/0/experiments/0/variations/0")
        .unwrap() = variation;
    let document = translated(&datafile).unwrap();
    let value = document.pointer("/variants/1/value/variables/columns");
    assert_eq!(value, Some(&json!(77)));
    let warnings = document.pointer("/warnings").unwrap().as_array().unwrap();
    let differing = warnings.iter().any(|warning| {
        warning["path"] == "$.rollouts[0].experiments[0].variations[0]"
            && warning["message"]
                .as_str()
                .unwrap()
                .contains("other variables")
    });
    assert!(differing);
}

#[test]
fn what_many_flags_share_is_bounded() {
    let rules: Vec<Value> = (0..3000)
        .map(|id| {
            let id = id.to_string();
            json!({"id": id, "key": id, "audienceIds": [], "variations": [], "trafficAllocation": []})
        })
        .collect();
    let flags: Vec<Value> = (0..3000)
        .map(|id| json!({"key": id.to_string(), "experimentIds": [], "rolloutId": "r", "variables": []}))
        .collect();
    let datafile = json!({
        "version": "4", "projectId": "1", "revision": "1",
        "featureFlags": flags, "rollouts": [{"id": "r", "experiments": rules}],
    });
    let error = translated(&datafile).unwrap_err();
    assert!(error.message.contains("would take more than"), "{error}");
}

#[test]
fn a_long_whitelist_is_one_pass() {
    let list = (0..100_000).map(|user| (format!("user {user}"), json!("wide")));
    let datafile = with(
        "/experiments/0/forcedVariations",
        Value::Object(list.collect()),
    );
    let configuration = translate(&datafile).unwrap();
    assert_eq!(configuration.overrides.len(), 100_001);
}
