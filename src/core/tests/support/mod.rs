//! What the targeting tests share: attributes as JSON, and a second opinion on every rule.
#![allow(dead_code, missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod datafiles;
pub mod deciding;
pub mod fuzz;
pub mod generate;
pub mod naive;
pub mod texts;

use std::ops::ControlFlow;

use lotty_core::attributes::{Attributes, Elements, Path, Segment, Value};
use lotty_core::number::Number;
use lotty_core::targeting::{Rule, Truth};
use serde_json::Value as Json;

/// The reference implementation of attributes: a JSON document.
pub struct Document(pub Json);

impl Attributes for Document {
    fn get(&self, path: &Path) -> Value<'_> {
        let mut at = Some(&self.0);
        for segment in path.segments() {
            at = match (segment, at) {
                (Segment::Key(key), Some(Json::Object(members))) => members.get(&**key),
                (Segment::Index(index), Some(Json::Array(list))) => list.get(*index as usize),
                _ => None,
            };
        }
        at.map_or(Value::Missing, value)
    }
}

fn value(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(Number::parse(&number.to_string()).unwrap()),
        Json::String(text) => Value::Text(text.into()),
        Json::Array(list) => Value::Array(Box::new(List(list))),
        Json::Object(_) => Value::Object,
    }
}

struct List<'a>(&'a [Json]);

impl Elements for List<'_> {
    fn visit(&self, f: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) {
        let _ = self.0.iter().try_for_each(|element| f(value(element)));
    }
}

/// Compiles a rule that names no audience.
pub fn rule(source: &str) -> Rule {
    Rule::compile(source, &mut |_| None).unwrap_or_else(|error| {
        panic!(
            "{source}\nat {}: {error}\n{}",
            error.position(),
            error.caret()
        )
    })
}

pub fn evaluate(source: &str, document: &Json) -> Truth {
    rule(source).evaluate(&Document(document.clone()))
}
