//! Trees of conditions: and, or and not, in JSON arrays.
//!
//! Optimizely has two such trees, of audiences in an experiment and of conditions in an audience,
//! and evaluates them alike (`condition_tree_evaluator.py`, `condition_tree_evaluator.rb`), in the
//! same three values as Lotty:
//!
//! | tree | meaning |
//! |---|---|
//! | `["and", a, b, …]` | AND; true of nothing |
//! | `["or", a, b, …]` | OR; false of nothing |
//! | `["not", a, …]` | NOT of the first operand, the others are ignored; unknown of nothing |
//! | `[a, b, …]`, with any other head | OR of all of them |
//! | `[]` | false, as in Ruby; Python raises an error |
//! | anything else | a leaf |

use serde_json::Value;

use crate::optimizely::error::DatafileError;
use crate::optimizely::read::Node;
use crate::optimizely::warning::Tally;
use crate::targeting::limits::{MAX_DEPTH, MAX_NODES};
use crate::targeting::{Expr, Truth};

/// Translates what is not an array.
pub(super) type Leaf<'l, 'd> = &'l mut dyn FnMut(&Node<'d>) -> Result<Expr, DatafileError>;

/// Translates a tree. The operands that a `not` ignores are counted.
pub(super) fn translate<'d>(
    node: &Node<'d>,
    leaf: Leaf<'_, 'd>,
    ignored: &mut Tally,
) -> Result<Expr, DatafileError> {
    let mut tree = Tree {
        leaf,
        ignored,
        leaves: 0,
    };
    tree.expr(node, 0)
}

struct Tree<'l, 'd> {
    leaf: Leaf<'l, 'd>,
    ignored: &'l mut Tally,
    /// How many leaves there have been.
    leaves: usize,
}

impl<'d> Tree<'_, 'd> {
    /// Recurses once per array around a leaf, of which there may be as many as a rule may nest.
    fn expr(&mut self, node: &Node<'d>, depth: usize) -> Result<Expr, DatafileError> {
        let Value::Array(elements) = node.value else {
            return self.leaf(node);
        };
        if depth == MAX_DEPTH {
            let message = format!("conditions nest deeper than {MAX_DEPTH} levels");
            return Err(node.error(message));
        }
        let mut operands = node.elements()?;
        match elements.first().and_then(Value::as_str) {
            Some("and") => Ok(Expr::and(self.all(operands.skip(1), depth)?)),
            Some("or") => Ok(Expr::or(self.all(operands.skip(1), depth)?)),
            Some("not") => {
                let inner = operands.nth(1);
                operands.for_each(|operand| self.ignored.add(&operand.place));
                match inner {
                    Some(inner) => Ok(Expr::Not(Box::new(self.expr(&inner, depth + 1)?))),
                    None => Ok(Expr::Constant(Truth::Unknown)),
                }
            }
            _ => Ok(Expr::or(self.all(operands, depth)?)),
        }
    }

    /// A rule with so many leaves has too many parts. Noticing that here bounds the memory that
    /// a short reference to a long name could take.
    fn leaf(&mut self, node: &Node<'d>) -> Result<Expr, DatafileError> {
        if self.leaves == MAX_NODES {
            let message = format!("more than {MAX_NODES} conditions in one rule");
            return Err(node.error(message));
        }
        self.leaves += 1;
        (self.leaf)(node)
    }

    fn all(
        &mut self,
        operands: impl Iterator<Item = Node<'d>>,
        depth: usize,
    ) -> Result<Vec<Expr>, DatafileError> {
        operands
            .map(|operand| self.expr(&operand, depth + 1))
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn translated(tree: &Value) -> Result<Expr, DatafileError> {
        let leaf = &mut |node: &Node<'_>| Ok(Expr::Audience(node.text()?.into()));
        translate(&Node::root(tree), leaf, &mut Tally::default())
    }

    #[test]
    fn trees_are_translated_by_their_heads() {
        let (a, b) = (r#"audience("a")"#, r#"audience("b")"#);
        for (tree, rule) in [
            (json!("a"), a.to_owned()),
            (json!(["and", "a", "b"]), format!("{a} AND {b}")),
            (json!(["or", "a", "b"]), format!("{a} OR {b}")),
            (json!(["a", "b"]), format!("{a} OR {b}")),
            (json!(["AND", "a"]), format!(r#"audience("AND") OR {a}"#)),
            (json!(["not", "a", "b"]), format!("NOT {a}")),
            (
                json!([["not", ["or", "a", "b"]], "a"]),
                format!("NOT ({a} OR {b}) OR {a}"),
            ),
            (json!(["and"]), "TRUE".to_owned()),
            (json!(["or"]), "FALSE".to_owned()),
            (json!(["not"]), "NULL".to_owned()),
            (json!([]), "FALSE".to_owned()),
            (json!(["and", [], "a"]), format!("FALSE AND {a}")),
        ] {
            assert_eq!(translated(&tree).unwrap().to_string(), rule, "{tree}");
        }
    }

    #[test]
    fn ignored_operands_are_counted() {
        let tree = json!(["not", "a", "b", 5]);
        let mut ignored = Tally::default();
        let leaf = &mut |node: &Node<'_>| Ok(Expr::Audience(node.text()?.into()));
        translate(&Node::root(&tree), leaf, &mut ignored).unwrap();
        let mut warnings = Vec::new();
        ignored.report(&mut warnings, "ignored");
        let warning = warnings.first().unwrap();
        assert_eq!(
            (&*warning.path, &*warning.message),
            ("$[2]", "ignored (2 times)")
        );
    }

    #[test]
    fn size_is_bounded() {
        let many = |leaves: usize| Value::Array(vec![json!("a"); leaves]);
        assert!(translated(&many(MAX_NODES)).is_ok());
        let error = translated(&many(MAX_NODES + 1)).unwrap_err();
        assert_eq!(error.path, "$[4096]");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| (0..depth).fold(json!("a"), |tree, _| json!([tree]));
        assert!(translated(&nested(MAX_DEPTH)).is_ok());
        let error = translated(&nested(MAX_DEPTH + 1)).unwrap_err();
        assert_eq!(error.path, format!("${}", "[0]".repeat(MAX_DEPTH)));
        assert_eq!(error.message, "conditions nest deeper than 64 levels");
    }
}
