//! The conditions of an audience, as a rule.

use serde_json::Value;

use crate::optimizely::condition::{self, Findings};
use crate::optimizely::error::DatafileError;
use crate::optimizely::place::{Place, shown};
use crate::optimizely::read::Node;
use crate::optimizely::tree;
use crate::targeting::{self, Expr};

/// Translates the conditions of one audience: a tree as JSON, or as a text that holds it.
///
/// An error when a leaf is not a condition, when something cannot be said in a rule, and when the
/// rule would be beyond the [limits](crate::targeting::limits).
///
/// ```
/// use lotty_core::optimizely::conditions_to_rule;
/// use serde_json::json;
///
/// let adult = json!({"name": "age", "type": "custom_attribute", "match": "ge", "value": 18});
/// let rule = conditions_to_rule(&json!(["not", adult]))?;
/// assert_eq!(rule.to_string(), "NOT float(age) >= 18");
/// # Ok::<(), lotty_core::optimizely::DatafileError>(())
/// ```
pub fn conditions_to_rule(conditions: &Value) -> Result<Expr, DatafileError> {
    let node = Node::root(conditions);
    let expr = translate(&node, &mut Findings::default())?;
    print(&expr, &node.place)?;
    Ok(expr)
}

/// Translates the conditions of one audience.
pub(super) fn translate(node: &Node<'_>, findings: &mut Findings) -> Result<Expr, DatafileError> {
    let Value::String(_) = node.value else {
        return translate_tree(node, findings);
    };
    let text = node.text()?;
    let parsed: Value = serde_json::from_str(text).map_err(|error| {
        let message = format!("{} is not JSON: {error}", shown(text));
        node.error(message)
    })?;
    // The conditions stand, as far as the reader of a path is concerned, where their text does.
    let node = Node {
        value: &parsed,
        place: node.place.clone(),
    };
    translate_tree(&node, findings)
}

fn translate_tree(node: &Node<'_>, findings: &mut Findings) -> Result<Expr, DatafileError> {
    let mut ignored = std::mem::take(&mut findings.ignored);
    let leaf = &mut |node: &Node<'_>| condition::translate(node, findings);
    let expr = tree::translate(node, leaf, &mut ignored);
    findings.ignored = ignored;
    expr
}

/// The text of a rule, which is within the limits of rules.
pub(super) fn print(expr: &Expr, place: &Place<'_>) -> Result<String, DatafileError> {
    let text = expr.to_string();
    match targeting::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let refused = place.error(error.message());
            Err(match error.hint() {
                Some(hint) => refused.with_hint(hint),
                None => refused,
            })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(name: &str) -> Value {
        json!({"name": name, "type": "custom_attribute", "match": "exists"})
    }

    fn rule(conditions: &Value) -> String {
        let expr = conditions_to_rule(conditions);
        expr.map_or_else(|error| error.to_string(), |expr| expr.to_string())
    }

    #[test]
    fn conditions_may_be_text() {
        let tree = json!(["and", condition("a"), ["not", condition("b")]]);
        assert_eq!(rule(&tree), "a EXISTS AND NOT b EXISTS");
        assert_eq!(rule(&Value::String(tree.to_string())), rule(&tree));
    }

    #[test]
    fn errors_name_the_place_inside_the_text() {
        let tree = json!(["or", condition("a"), ["not", 5]]);
        let message = "$[2][1]: expected a condition, found a number";
        assert_eq!(rule(&tree), message);
        assert_eq!(rule(&Value::String(tree.to_string())), message);
        assert!(rule(&json!("[")).starts_with("$: \"[\" is not JSON: "));
        assert!(rule(&json!(["or", null])).starts_with("$[1]: "));
        assert!(rule(&json!(null)).starts_with("$: "));
        assert_eq!(rule(&json!([])), "FALSE");
    }

    #[test]
    fn limits_of_rules_are_kept() {
        let many = Value::Array((0..2000).map(|_| condition("a")).collect());
        let error = conditions_to_rule(&many).unwrap_err();
        assert_eq!(error.path, "$");
        assert!(error.message.contains("longer than 16384 bytes"));
        assert!(error.hint.is_some());
        let nested = (0..64).fold(condition("a"), |tree, _| json!(["not", tree]));
        assert!(conditions_to_rule(&nested).is_ok());
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(rule(&Value::String(text)).contains("is not JSON"));
    }
}
