//! Pictures, read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use lotty_picture::draw;
use roxmltree::{Document, Node};
use serde_json::{Value, json};

fn picture(document: &Value) -> String {
    draw(&document.to_string()).expect("the document is one")
}

fn effect(variant: &str, lift: f64, half: f64) -> Value {
    json!({
        "metric": "checkout", "role": "goal", "direction": "increase",
        "variant": variant, "control": "control", "lift": lift,
        "lift_ci_lower": lift - half, "lift_ci_upper": lift + half,
        "seq_lift_ci_lower": lift - 2.0 * half, "seq_lift_ci_upper": lift + 2.0 * half,
        "p_value": 0.2, "seq_p_value": 0.4, "verdict": "no difference yet", "note": null,
        "control_mean": 0.1, "mean": 0.1 * (1.0 + lift), "n": 1000
    })
}

fn report(metrics: &[Value]) -> Value {
    json!({
        "experiment": "e", "status": "running", "subjects": 2000, "as_of": "2026-03-29",
        "alpha": 0.05, "decision": null, "health": [], "metrics": metrics, "daily": null
    })
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name)
        .and_then(|value| value.parse().ok())
        .expect(name)
}

fn classed<'a>(xml: &'a Document<'_>, class: &str) -> Vec<Node<'a, 'a>> {
    xml.descendants()
        .filter(|node| node.attribute("class") == Some(class))
        .collect()
}

fn texts(xml: &Document<'_>) -> Vec<String> {
    xml.descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .filter_map(|node| node.text().map(str::to_owned))
        .collect()
}

fn has(texts: &[String], wanted: &str) -> bool {
    texts.iter().any(|text| text == wanted)
}

/// From the left to the right end of a bar.
fn ends(bar: Node<'_, '_>) -> (f64, f64) {
    let left = number(bar, "x");
    (left, left + number(bar, "width"))
}

#[test]
fn a_point_at_no_lift_is_on_the_zero_line() {
    let drawn = picture(&report(&[effect("a", 0.0, 0.02), effect("b", 0.05, 0.01)]));
    let xml = Document::parse(&drawn).unwrap();
    let zero = number(classed(&xml, "zero")[0], "x1");
    let points = classed(&xml, "point");
    assert_eq!(number(points[0], "cx"), zero);
    assert!(number(points[1], "cx") > zero);
}

#[test]
fn the_point_is_in_the_thick_bar_which_is_in_the_thin_one() {
    let lifts = [-0.08, -0.01, 0.0, 0.03, 0.07];
    let rows: Vec<_> = lifts.map(|lift| effect("v", lift, 0.013)).to_vec();
    let drawn = picture(&report(&rows));
    let xml = Document::parse(&drawn).unwrap();
    let (thin, thick) = (classed(&xml, "always"), classed(&xml, "fixed"));
    let points = classed(&xml, "point");
    assert_eq!((thin.len(), thick.len(), points.len()), (5, 5, 5));
    for ((thin, thick), point) in thin.into_iter().zip(thick).zip(points) {
        let (thin, thick, point) = (ends(thin), ends(thick), number(point, "cx"));
        assert!(
            thin.0 < thick.0 && thick.0 < point,
            "{thin:?} {thick:?} {point}"
        );
        assert!(
            point < thick.1 && thick.1 < thin.1,
            "{thin:?} {thick:?} {point}"
        );
        // Twice as wide, around the same place, to the rounding of places.
        assert!((thin.1 - thin.0 - 2.0 * (thick.1 - thick.0)).abs() < 0.05);
    }
    assert!(classed(&xml, "cut").is_empty());
}

#[test]
fn bounds_in_the_wrong_order_are_the_same_interval() {
    let right = effect("a", 0.01, 0.02);
    let mut wrong = right.clone();
    wrong["lift_ci_lower"] = right["lift_ci_upper"].clone();
    wrong["lift_ci_upper"] = right["lift_ci_lower"].clone();
    assert_eq!(picture(&report(&[wrong])), picture(&report(&[right])));
}

#[test]
fn a_far_interval_is_cut_and_says_so() {
    let usual = [effect("a", 0.01, 0.01), effect("b", 0.02, 0.01)];
    let far = [&usual[..], &[effect("c", 4.0, 9.0)]].concat();
    let (usual, far) = (picture(&report(&usual)), picture(&report(&far)));
    let (usual, far) = (
        Document::parse(&usual).unwrap(),
        Document::parse(&far).unwrap(),
    );
    for class in ["always", "fixed"] {
        let of = |xml: &Document<'_>| {
            let bars = classed(xml, class);
            [ends(bars[0]), ends(bars[1])]
        };
        assert_eq!(of(&usual), of(&far), "the others are not squashed");
    }
    assert_eq!(classed(&far, "cut").len(), 2);
    assert!(has(&texts(&far), "beyond the axis"));
    assert!(has(&texts(&far), "+400%"), "the number stays");
}

#[test]
fn numbers_are_written() {
    let mut row = effect("treatment", 0.0624, 0.01);
    row["seq_p_value"] = json!(0.00001);
    row["verdict"] = json!("better");
    let drawn = picture(&report(&[row]));
    let texts = texts(&Document::parse(&drawn).unwrap());
    for wanted in [
        "+6.2%",
        "+4.2 to +8.2%",
        "<0.001",
        "better",
        "n 1,000",
        "treatment",
        "control",
        "goal",
        "higher is better",
        "mean 0.1062 vs 0.1000",
        "0%",
        "95% always valid",
        "running",
        "2,000",
    ] {
        assert!(has(&texts, wanted), "{wanted} is not among {texts:?}");
    }
}

#[test]
fn a_verdict_has_a_shape_of_its_own() {
    let shapes: Vec<_> = ["better", "worse", "no difference yet"]
        .map(|verdict| {
            let mut row = effect("a", 0.0, 0.01);
            row["verdict"] = json!(verdict);
            let drawn = picture(&report(&[row]));
            let xml = Document::parse(&drawn).unwrap();
            let point = classed(&xml, "point")[0];
            let shape = point.attribute("points").unwrap_or("circle").to_owned();
            (shape, point.attribute("fill").unwrap().to_owned())
        })
        .to_vec();
    for one in 0..3 {
        for other in 0..one {
            assert_ne!(shapes[one].0, shapes[other].0);
            assert_ne!(shapes[one].1, shapes[other].1);
        }
    }
}

#[test]
fn a_row_without_numbers_says_why() {
    let row = json!({"metric": "m", "variant": "v", "note": "no events"});
    let drawn = picture(&report(&[row, json!({"metric": "m", "variant": "w"})]));
    let xml = Document::parse(&drawn).unwrap();
    let texts = texts(&xml);
    assert!(has(&texts, "no events"), "{texts:?}");
    assert!(has(&texts, "no effect can be told"), "{texts:?}");
    for class in ["point", "fixed", "always"] {
        assert!(classed(&xml, class).is_empty());
    }
}

#[test]
fn an_interval_without_both_bounds_is_not_drawn() {
    let mut row = effect("a", 0.01, 0.02);
    row["seq_lift_ci_upper"] = Value::Null;
    let drawn = picture(&report(&[row]));
    let xml = Document::parse(&drawn).unwrap();
    assert!(classed(&xml, "always").is_empty());
    assert_eq!(classed(&xml, "fixed").len(), 1);
    assert!(has(&texts(&xml), "–"));
}

#[test]
fn effects_of_a_metric_come_together() {
    let mut other = effect("other", 0.01, 0.01);
    other["metric"] = json!("revenue");
    let rows = [
        effect("first", 0.01, 0.01),
        other,
        effect("second", 0.01, 0.01),
    ];
    let drawn = picture(&report(&rows));
    let texts = texts(&Document::parse(&drawn).unwrap());
    let at = |wanted: &str| texts.iter().position(|text| text == wanted).expect(wanted);
    assert!(at("first") < at("second") && at("second") < at("other"));
    assert_eq!(texts.iter().filter(|text| *text == "checkout").count(), 1);
}

#[test]
fn health_is_told() {
    let told = |health: Value| {
        let drawn = picture(&json!({ "health": health }));
        texts(&Document::parse(&drawn).unwrap())
    };
    let check =
        |name: &str, status: &str| json!({"check_name": name, "status": status, "detail": "d"});
    assert!(has(&told(json!([])), "Health: not checked"));
    let healthy = told(json!([check("a", "ok"), check("b", "ok")]));
    assert!(has(&healthy, "Healthy: all 2 checks passed"), "{healthy:?}");
    let ill = told(json!([
        check("a", "ok"),
        check("b", "warn"),
        check("c", "fail")
    ]));
    let at = |wanted: &str| ill.iter().position(|text| text == wanted);
    assert!(at("c") < at("b") && at("c").is_some(), "{ill:?}");
    assert_eq!(at("a"), None);
    let many = told(Value::from_iter(
        (0..9).map(|n| check(&n.to_string(), "warn")),
    ));
    assert!(has(&many, "and 4 more"), "{many:?}");
}

#[test]
fn texts_are_escaped() {
    let hostile = "</text><script>alert('1')</script>&amp;\"]]>\u{1}";
    let mut row = effect(hostile, 0.01, 0.01);
    for key in ["metric", "role", "direction", "control", "verdict", "note"] {
        row[key] = json!(hostile);
    }
    let drawn = picture(&json!({
        "experiment": hostile, "status": hostile, "as_of": hostile, "decision": hostile,
        "health": [{"check_name": hostile, "status": hostile, "detail": hostile}],
        "metrics": [row],
        "daily": {"metric": hostile, "variants": [{"variant": hostile, "days": [{"day": "2026-03-02", "lift": 0.1}]}]}
    }));
    let xml = Document::parse(&drawn).unwrap();
    let known = [
        "svg", "title", "rect", "text", "line", "g", "circle", "polygon", "polyline", "path",
    ];
    for node in xml.descendants().filter(Node::is_element) {
        assert!(known.contains(&node.tag_name().name()), "{node:?}");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on") && !attribute.name().contains("href"));
        }
    }
    let decision = "</text><script>alert('1')</script>&amp;\"]]>\u{FFFD}";
    assert!(
        has(&texts(&xml), decision),
        "a text that fits is the same text"
    );
}

#[test]
fn days_are_drawn_as_a_line_with_a_band() {
    let days: Vec<_> = (1..=20)
        .map(|day| {
            json!({
                "day": format!("2026-03-{day:02}"), "lift": 0.0,
                "seq_lift_ci_lower": -0.1, "seq_lift_ci_upper": 0.1
            })
        })
        .collect();
    let drawn =
        picture(&json!({"daily": {"metric": "m", "variants": [{"variant": "v", "days": days}]}}));
    let xml = Document::parse(&drawn).unwrap();
    let zero = number(classed(&xml, "zero")[0], "y1");
    let band = classed(&xml, "band")[0].attribute("points").unwrap();
    assert_eq!(band.split(' ').count(), 40);
    let line = xml
        .descendants()
        .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "polyline")))
        .unwrap();
    let places: Vec<(f64, f64)> = line
        .attribute("points")
        .unwrap()
        .split(' ')
        .map(|place| {
            let (x, y) = place.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        })
        .collect();
    assert_eq!(places.len(), 20);
    assert!(places.iter().all(|(_, y)| *y == zero));
    assert!(places.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let texts = texts(&xml);
    assert!(has(&texts, "1 Mar") && has(&texts, "2026"), "{texts:?}");
}

#[test]
fn a_day_without_numbers_is_a_gap() {
    let day = |day: &str, lift: Option<f64>| json!({"day": day, "lift": lift});
    let days = [
        day("2026-03-05", Some(0.1)),
        day("2026-03-01", Some(0.1)),
        day("2026-03-02", Some(0.2)),
        day("2026-03-03", None),
        day("no day", Some(9.0)),
        day("2026-03-04", Some(0.1)),
    ];
    let drawn = picture(&json!({"daily": {"variants": [{"variant": "v", "days": days}]}}));
    let xml = Document::parse(&drawn).unwrap();
    let lines = xml
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "polyline")))
        .map(|node| node.attribute("points").unwrap().split(' ').count());
    assert_eq!(lines.collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn nothing_is_drawn_as_nothing() {
    let drawn = picture(&json!({"daily": {"variants": []}}));
    let texts = texts(&Document::parse(&drawn).unwrap());
    assert!(
        has(&texts, "No metrics yet.") && has(&texts, "No days yet."),
        "{texts:?}"
    );
}

#[test]
fn the_picture_is_as_high_as_its_contents() {
    let rows: Vec<_> = (0..200)
        .map(|row| {
            let mut effect = effect(&format!("v{}", row % 5), 0.01, 0.01);
            effect["metric"] = json!(format!("m{}", row / 5));
            effect
        })
        .collect();
    let drawn = picture(&report(&rows));
    let xml = Document::parse(&drawn).unwrap();
    let height = number(xml.root_element(), "height");
    let lowest = xml
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .map(|node| number(node, "y"))
        .fold(0.0, f64::max);
    assert!(
        lowest < height && height - lowest < 80.0,
        "{lowest} {height}"
    );
    let mut tops: Vec<_> = classed(&xml, "row")
        .iter()
        .map(|row| {
            number(
                row.children()
                    .find(|child| child.has_attribute("pointer-events"))
                    .unwrap(),
                "y",
            )
        })
        .collect();
    assert_eq!(tops.len(), 200);
    tops.dedup();
    assert!(
        tops.windows(2).all(|pair| pair[1] - pair[0] >= 38.0),
        "rows do not overlap"
    );
}
