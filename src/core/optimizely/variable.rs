//! Variables of flags, and the values that variations give them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::optimizely::budget::PART_BYTES;
use crate::optimizely::cast::Kind;
use crate::optimizely::error::DatafileError;
use crate::optimizely::read::Node;
use crate::optimizely::warning::Tally;

/// The warning about texts that cannot be cast.
pub(super) const FAILED: &str = "text that is no value of the variable's type, which gives null";

/// A variable of a flag.
pub(super) struct Variable<'d> {
    id: &'d str,
    key: &'d str,
    kind: Kind,
    /// Null where the text cannot be cast.
    default: Value,
    /// The length of that text.
    size: usize,
}

/// The texts that a variation sets variables to, by the id of the variable.
pub(super) type Usages<'d> = HashMap<&'d str, Node<'d>>;

/// Reads the variables of a flag. Of several with one key the last counts, as in `_generate_key_map`
/// of `project_config.py`.
pub(super) fn read<'d>(
    node: &Node<'d>,
    failed: &mut Tally,
) -> Result<Vec<Variable<'d>>, DatafileError> {
    let mut variables: Vec<Variable<'d>> = Vec::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for element in node.elements()? {
        let variable = variable(&element, failed)?;
        let next = variables.len();
        let place = *by_key.entry(variable.key).or_insert(next);
        match variables.get_mut(place) {
            Some(earlier) => *earlier = variable,
            None => variables.push(variable),
        }
    }
    Ok(variables)
}

fn variable<'d>(node: &Node<'d>, failed: &mut Tally) -> Result<Variable<'d>, DatafileError> {
    let fields = node.object()?;
    let sub_type = match fields.optional("subType") {
        Some(sub_type) => Some(sub_type.text()?),
        None => None,
    };
    let kind = Kind::new(fields.required("type")?.text()?, sub_type);
    let default = fields.required("defaultValue")?;
    Ok(Variable {
        id: fields.required("id")?.text()?,
        key: fields.required("key")?.text()?,
        kind,
        default: cast(kind, &default, failed)?,
        size: default.text()?.len(),
    })
}

/// Reads the variables of a variation; the last usage of a variable counts.
pub(super) fn usages<'d>(node: &Node<'d>) -> Result<Usages<'d>, DatafileError> {
    node.elements()?
        .map(|element| {
            let fields = element.object()?;
            let value = fields.required("value")?;
            value.text()?;
            Ok((fields.required("id")?.text()?, value))
        })
        .collect()
}

/// Whether two variations set the same variables to the same texts.
pub(super) fn are_same(left: &Usages<'_>, right: &Usages<'_>) -> bool {
    let same = |(id, node): (&&str, &Node<'_>)| {
        right
            .get(*id)
            .is_some_and(|other| other.value == node.value)
    };
    left.len() == right.len() && left.iter().all(same)
}

/// About how many bytes the variables of a flag take when a variation sets them.
pub(super) fn size(variables: &[Variable<'_>], usages: &Usages<'_>) -> usize {
    let size = |variable: &Variable<'_>| {
        let usage = usages
            .get(variable.id)
            .and_then(|usage| usage.value.as_str());
        PART_BYTES + variable.key.len() + usage.map_or(variable.size, str::len)
    };
    variables.iter().map(size).sum()
}

/// The variables of a flag with their default values.
pub(super) fn defaults(variables: &[Variable<'_>]) -> Map<String, Value> {
    variables
        .iter()
        .map(|variable| (variable.key.to_owned(), variable.default.clone()))
        .collect()
}

/// The variables of a flag as a variation sets them.
pub(super) fn overridden(
    variables: &[Variable<'_>],
    usages: &Usages<'_>,
    failed: &mut Tally,
) -> Result<Map<String, Value>, DatafileError> {
    variables
        .iter()
        .map(|variable| {
            let value = match usages.get(variable.id) {
                Some(usage) => cast(variable.kind, usage, failed)?,
                None => variable.default.clone(),
            };
            Ok((variable.key.to_owned(), value))
        })
        .collect()
}

fn cast(kind: Kind, node: &Node<'_>, failed: &mut Tally) -> Result<Value, DatafileError> {
    let value = kind.cast(node.text()?);
    if value.as_ref().is_some_and(has_nul) {
        return Err(node.error("JSON contains the character U+0000, which PostgreSQL cannot store"));
    }
    Ok(value.unwrap_or_else(|| {
        failed.add(&node.place);
        Value::Null
    }))
}

/// Whether a text inside a value contains the character that jsonb cannot hold. The recursion is
/// as deep as the value, which the parser has bounded.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables(value: &Value) -> Result<Vec<Variable<'_>>, DatafileError> {
        read(&Node::root(value), &mut Tally::default())
    }

    fn declared() -> Value {
        json!([
            {"id": "1", "key": "size", "type": "integer", "defaultValue": "1"},
            {"id": "2", "key": "text", "type": "string", "defaultValue": "first"},
            {"id": "3", "key": "text", "type": "string", "defaultValue": "last"},
            {"id": "4", "key": "doc", "type": "string", "subType": "json", "defaultValue": "{"}
        ])
    }

    #[test]
    fn defaults_are_typed_and_the_last_of_a_key_counts() {
        let declared = declared();
        let mut failed = Tally::default();
        let variables = read(&Node::root(&declared), &mut failed).unwrap();
        let expected = json!({"size": 1, "text": "last", "doc": null});
        assert_eq!(Value::Object(defaults(&variables)), expected);
        let mut warnings = Vec::new();
        failed.report(&mut warnings, "x");
        assert_eq!(warnings.first().unwrap().path, "$[3].defaultValue");
    }

    #[test]
    fn a_variation_overrides_by_id() {
        let declared = declared();
        let variables = variables(&declared).unwrap();
        let set = json!([
            {"id": "1", "value": "x"},
            {"id": "1", "value": "2"},
            {"id": "3", "value": "set"},
            {"id": "of another flag", "value": "?"}
        ]);
        let usages = usages(&Node::root(&set)).unwrap();
        let values = overridden(&variables, &usages, &mut Tally::default()).unwrap();
        let expected = json!({"size": 2, "text": "set", "doc": null});
        assert_eq!(Value::Object(values), expected);
    }

    #[test]
    fn what_jsonb_cannot_hold_is_refused() {
        let kind = |kind: &str, text: &str| json!([{"id": "1", "key": "k", "type": kind, "defaultValue": text}]);
        for text in [r#""\u0000""#, r#"{"\u0000": 1}"#, r#"[["a\u0000"]]"#] {
            let error = variables(&kind("json", text)).err().unwrap();
            assert_eq!(error.path, "$[0].defaultValue");
            assert!(variables(&kind("string", text)).is_ok());
        }
        assert!(variables(&kind("string", "\0")).is_err());
    }
}
