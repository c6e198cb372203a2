//! Every document is drawn, and its picture is well-formed and inside its frame.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lotty_picture::draw;
use proptest::prelude::*;
use roxmltree::Document;
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<String>().prop_map(Value::from),
        ".{0,200}".prop_map(Value::from),
        prop::sample::select(vec![
            "goal",
            "guardrail",
            "increase",
            "decrease",
            "ok",
            "warn",
            "fail",
            "better",
            "worse",
            "\u{202e}שלום",
            "👩‍👩‍👧‍👦",
            "]]>",
            "&#0;",
            "<!--",
            "\u{0}\u{b}\u{fffe}",
        ])
        .prop_map(Value::from),
    ]
}

/// As JSON has them: of any size, and null.
fn number() -> impl Strategy<Value = Value> {
    let read = |text: String| serde_json::from_str::<Value>(&text).unwrap_or(Value::Null);
    prop_oneof![
        2 => Just(Value::Null),
        4 => (-0.5..0.5_f64).prop_map(Value::from),
        2 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-999_i64..999, -500_i64..500).prop_map(move |(digits, power)| read(format!("{digits}e{power}"))),
        1 => Just(json!(0)),
    ]
}

fn day() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => text(),
        6 => (0..10_000, 0..14, 0..33).prop_map(|(y, m, d)| json!(format!("{y:04}-{m:02}-{d:02}"))),
        6 => (1..13, 1..29).prop_map(|(m, d)| json!(format!("2026-{m:02}-{d:02}"))),
    ]
}

fn object(
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
) -> impl Strategy<Value = Value> {
    let texts = prop::collection::vec(text(), texts.len()).prop_map(move |values| {
        texts
            .iter()
            .map(|key| (*key).to_owned())
            .zip(values)
            .collect::<Vec<_>>()
    });
    let numbers = prop::collection::vec(number(), numbers.len()).prop_map(move |values| {
        numbers
            .iter()
            .map(|key| (*key).to_owned())
            .zip(values)
            .collect::<Vec<_>>()
    });
    (texts, numbers).prop_map(|(texts, numbers)| Value::from_iter(texts.into_iter().chain(numbers)))
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
    object
}

fn daily() -> impl Strategy<Value = Value> {
    let bounds = &["lift", "seq_lift_ci_lower", "seq_lift_ci_upper"];
    let effect = (object(&[], bounds), day()).prop_map(|(effect, day)| with(effect, "day", day));
    let variant = (
        object(&["variant"], &[]),
        prop::collection::vec(effect, 0..12),
    )
        .prop_map(|(variant, days)| with(variant, "days", days.into()));
    (
        object(&["metric", "direction"], &[]),
        prop::collection::vec(variant, 0..8),
    )
        .prop_map(|(daily, variants)| with(daily, "variants", variants.into()))
}

fn document() -> impl Strategy<Value = Value> {
    let effect = object(
        &[
            "metric",
            "role",
            "direction",
            "variant",
            "control",
            "verdict",
            "note",
        ],
        &[
            "lift",
            "lift_ci_lower",
            "lift_ci_upper",
            "seq_lift_ci_lower",
            "seq_lift_ci_upper",
            "p_value",
            "seq_p_value",
            "control_mean",
            "mean",
            "n",
        ],
    );
    let check = object(&["check_name", "status", "detail"], &[]);
    (
        object(
            &["experiment", "status", "as_of", "decision"],
            &["subjects", "alpha"],
        ),
        prop::collection::vec(check, 0..10),
        prop::collection::vec(effect, 0..12),
        prop::option::of(daily()),
    )
        .prop_map(|(document, health, metrics, daily)| {
            let document = with(document, "health", health.into());
            let document = with(document, "metrics", metrics.into());
            with(document, "daily", daily.into())
        })
}

/// Whether every number of a list of places is one.
fn is_places(value: &str) -> bool {
    value
        .split([' ', ','])
        .all(|place| place.parse::<f64>().is_ok_and(f64::is_finite))
}

proptest! {
    #[test]
    fn every_document_is_drawn(document in document()) {
        let json = document.to_string();
        let drawn = draw(&json).expect("a document of this shape");
        prop_assert_eq!(&drawn, &draw(&json).expect("the same document"));
        let xml = Document::parse(&drawn).expect("well-formed");
        let height: f64 = xml.root_element().attribute("height").unwrap().parse().unwrap();
        for node in xml.descendants().filter(roxmltree::Node::is_element) {
            for name in ["x", "y", "width", "height", "cx", "cy", "x1", "x2", "y1", "y2", "points"] {
                if let Some(value) = node.attribute(name) {
                    prop_assert!(is_places(value), "{} = {}", name, value);
                }
            }
            for (name, most) in [("x", 900.0), ("y", height), ("x1", 900.0), ("y1", height)] {
                let value = node.attribute(name).and_then(|value| value.parse::<f64>().ok());
                // Bands are cut by the picture that they are in.
                let is_band = node.attribute("class") == Some("band");
                prop_assert!(is_band || value.is_none_or(|value| (0.0..=most).contains(&value)), "{:?}", node);
            }
        }
    }

    #[test]
    fn what_is_no_document_is_an_error(json in any::<String>()) {
        if serde_json::from_str::<Value>(&json).is_err() {
            prop_assert!(draw(&json).is_err());
        }
    }
}
