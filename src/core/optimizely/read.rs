//! Reading a datafile: values that know where they stand.
//!
//! Optimizely's own kits differ in what they do with a value of the wrong type (an exception
//! while loading or deciding, a default, another answer), so whatever matters for a decision
//! has to have the type that the format gives it. Anything else is refused with its path.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter::Enumerate;
use std::slice;

use serde_json::{Map, Number, Value};

use crate::optimizely::error::DatafileError;
use crate::optimizely::place::{Place, shown};

/// The longest name that Lotty stores, in bytes; the tables check it as well.
pub(super) const MAX_NAME_BYTES: usize = 512;

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node<'d> {
    pub(super) value: &'d Value,
    pub(super) place: Place<'d>,
}

/// An object and its place.
pub(super) struct Object<'d> {
    fields: &'d Map<String, Value>,
    pub(super) place: Place<'d>,
}

/// The elements of an array, each with its place.
pub(super) struct Elements<'d> {
    values: Enumerate<slice::Iter<'d, Value>>,
    place: Place<'d>,
}

impl<'d> Node<'d> {
    /// The whole document.
    pub(super) fn root(value: &'d Value) -> Self {
        Self {
            value,
            place: Place::ROOT,
        }
    }

    /// The error of this value.
    pub(super) fn error(&self, message: impl Into<String>) -> DatafileError {
        self.place.error(message)
    }

    fn expected(&self, expected: &str) -> DatafileError {
        self.error(format!("expected {expected}, found {}", kind(self.value)))
    }

    pub(super) fn object(&self) -> Result<Object<'d>, DatafileError> {
        match self.value {
            Value::Object(fields) => Ok(Object {
                fields,
                place: self.place.clone(),
            }),
            _ => Err(self.expected("an object")),
        }
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Result<Elements<'d>, DatafileError> {
        match self.value {
            Value::Array(values) => Ok(Elements::new(values, &self.place)),
            _ => Err(self.expected("an array")),
        }
    }

    /// A string. PostgreSQL has no U+0000, in no text and in no jsonb.
    pub(super) fn text(&self) -> Result<&'d str, DatafileError> {
        match self.value {
            Value::String(text) if text.contains('\0') => {
                Err(self.error("text contains the character U+0000, which PostgreSQL cannot store"))
            }
            Value::String(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    /// A string that is stored as a name: an id or a key.
    pub(super) fn name(&self) -> Result<&'d str, DatafileError> {
        let name = self.text()?;
        if name.trim().is_empty() {
            return Err(self.error("must not be blank"));
        }
        check_length(name, &self.place)?;
        Ok(name)
    }

    pub(super) fn bool(&self) -> Result<bool, DatafileError> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A number, as the nearest 64-bit float; infinite beyond them.
    pub(super) fn number(&self) -> Result<f64, DatafileError> {
        match self.value {
            Value::Number(number) => float(number).ok_or_else(|| self.expected("a number")),
            _ => Err(self.expected("a number")),
        }
    }
}

impl<'d> Object<'d> {
    /// The member of that key unless it is absent or null.
    pub(super) fn optional(&self, key: &'static str) -> Option<Node<'d>> {
        let value = self.fields.get(key).filter(|value| !value.is_null())?;
        Some(Node {
            value,
            place: self.place.key(key),
        })
    }

    /// The member of that key, which may be null but not absent.
    pub(super) fn required(&self, key: &'static str) -> Result<Node<'d>, DatafileError> {
        let place = self.place.key(key);
        match self.fields.get(key) {
            Some(value) => Ok(Node { value, place }),
            None => Err(place.error("field is missing")),
        }
    }

    /// The elements of an array; none if it is absent or null.
    pub(super) fn list(&self, key: &'static str) -> Result<Elements<'d>, DatafileError> {
        match self.optional(key) {
            Some(node) => node.elements(),
            None => Ok(Elements::new(&[], &self.place)),
        }
    }

    /// All members.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'d str, Node<'d>)> + use<'d> {
        let place = self.place.clone();
        self.fields.iter().map(move |(key, value)| {
            let node = Node {
                value,
                place: place.key(key),
            };
            (key.as_str(), node)
        })
    }
}

impl<'d> Elements<'d> {
    fn new(values: &'d [Value], place: &Place<'d>) -> Self {
        Self {
            values: values.iter().enumerate(),
            place: place.clone(),
        }
    }
}

impl<'d> Iterator for Elements<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        let (index, value) = self.values.next()?;
        let place = self.place.index(index);
        Some(Node { value, place })
    }
}

/// The float nearest to a number; infinite beyond the largest.
pub(super) fn float(number: &Number) -> Option<f64> {
    number.as_str().parse().ok()
}

/// Refuses a name that Lotty's tables could not hold.
pub(super) fn check_length(name: &str, place: &Place<'_>) -> Result<(), DatafileError> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let message = format!(
        "{} of {} bytes is longer than the {MAX_NAME_BYTES} that a name may have",
        shown(name),
        name.len()
    );
    Err(place.error(message))
}

/// What a value is, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Names of one kind, each of which may stand in the datafile once.
pub(super) struct Names<'d> {
    what: &'static str,
    seen: HashMap<&'d str, Place<'d>>,
}

impl<'d> Names<'d> {
    /// `what` is the kind of the names, for messages.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            seen: HashMap::new(),
        }
    }

    /// Notes a name that stands at this place; refuses one that has been noted before.
    pub(super) fn add(&mut self, name: &'d str, place: &Place<'d>) -> Result<(), DatafileError> {
        match self.seen.entry(name) {
            Entry::Vacant(vacant) => {
                vacant.insert(place.clone());
                Ok(())
            }
            Entry::Occupied(first) => {
                let message = format!("duplicate {} {}", self.what, shown(name));
                let hint = format!("the first one is at {}", first.get());
                Err(place.error(message).with_hint(hint))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message<T>(result: Result<T, DatafileError>) -> String {
        result.map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let value = json!({"a": [{"key": 1}, {}, {"key": " "}, {"key": "x\0"}]});
        let object = Node::root(&value).object().unwrap();
        let messages: Vec<String> = object
            .list("a")
            .unwrap()
            .map(|node| {
                message(
                    node.object()
                        .unwrap()
                        .required("key")
                        .and_then(|key| key.name()),
                )
            })
            .collect();
        assert_eq!(
            messages,
            [
                "$.a[0].key: expected a string, found a number",
                "$.a[1].key: field is missing",
                "$.a[2].key: must not be blank",
                "$.a[3].key: text contains the character U+0000, which PostgreSQL cannot store",
            ]
        );
    }

    #[test]
    fn an_absent_list_is_empty_and_another_type_is_not_a_list() {
        let value = json!({"a": null, "b": {}});
        let object = Node::root(&value).object().unwrap();
        assert_eq!(object.list("a").unwrap().count(), 0);
        assert_eq!(object.list("c").unwrap().count(), 0);
        assert_eq!(
            message(object.list("b")),
            "$.b: expected an array, found an object"
        );
    }

    #[test]
    fn a_name_has_the_length_that_tables_hold() {
        let value = json!(["n".repeat(512), "n".repeat(513)]);
        let names: Vec<bool> = Node::root(&value)
            .elements()
            .unwrap()
            .map(|node| node.name().is_ok())
            .collect();
        assert_eq!(names, [true, false]);
    }

    #[test]
    fn a_second_name_tells_where_the_first_is() {
        let mut names = Names::new("experiment id");
        names.add("1", &Place::ROOT.key("a")).unwrap();
        names.add("2", &Place::ROOT.key("b")).unwrap();
        let error = names.add("1", &Place::ROOT.key("c")).unwrap_err();
        assert_eq!(error.to_string(), "$.c: duplicate experiment id \"1\"");
        assert_eq!(error.hint.unwrap(), "the first one is at $.a");
    }
}
