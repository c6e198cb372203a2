//! A rule as it was written: the syntax tree.
//!
//! The tree carries no positions, so two rules that say the same thing are equal. Everything
//! that can be wrong with a rule is found while parsing, where positions are at hand.

use crate::attributes::Path;
use crate::number::Number;
use crate::targeting::pattern::Pattern;
use crate::targeting::truth::Truth;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// `TRUE`, `FALSE`, or `NULL` for unknown; a blank rule is `TRUE`.
    Constant(Truth),
    /// A boolean attribute by itself.
    Attribute(Path),
    /// `audience("name")`.
    Audience(Box<str>),
    /// `NOT x`.
    Not(Box<Expr>),
    /// `x AND y AND …`. Built by [`Expr::and`]: at least two, none of them an `And`.
    And(Vec<Expr>),
    /// `x OR y OR …`. Built by [`Expr::or`]: at least two, none of them an `Or`.
    Or(Vec<Expr>),
    /// `x = y` and its kin.
    Compare {
        /// The left side.
        left: Operand,
        /// The operator.
        comparison: Comparison,
        /// The right side.
        right: Operand,
    },
    /// `x IN …`, `x CONTAINS …`, and every other test that `NOT` may precede.
    Test {
        /// What is tested.
        operand: Operand,
        /// Whether `NOT` precedes the test.
        negated: bool,
        /// The test.
        test: Test,
    },
}

/// The test of an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `IN`.
    In(List),
    /// `CONTAINS`.
    Contains(Operand),
    /// `STARTS_WITH`.
    StartsWith(Box<str>),
    /// `ENDS_WITH`.
    EndsWith(Box<str>),
    /// `MATCHES`.
    Matches(Pattern),
    /// `BETWEEN low AND high`.
    Between(Operand, Operand),
    /// `IS NULL`; negated, `IS NOT NULL`.
    Null,
    /// `EXISTS`.
    Exists,
}

/// What stands to the right of `IN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// The members, written out.
    Members(Vec<Operand>),
    /// An attribute that should be an array.
    Attribute(Path),
}

/// A value inside a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The value of an attribute.
    Attribute(Path),
    /// A string.
    Text(Box<str>),
    /// A number.
    Number(Number),
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// `NULL`.
    Null,
    /// `float(x)`: a number rounded to 64-bit floating point.
    Float(Box<Operand>),
    /// `lower(x)`: a string in lower case.
    Lower(Box<Operand>),
    /// `optimizely_version(x)`: a string read as a version by Optimizely's rules.
    OptimizelyVersion(Box<Operand>),
    /// `semver(x)`: a string read as a version.
    Semver(Box<Operand>),
    /// `string(x)`: a string, and nothing else.
    String(Box<Operand>),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=` or `==`.
    Equal,
    /// `!=` or `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

impl Expr {
    /// The conjunction of conditions. Conjunctions among them are merged, as AND is
    /// associative; of one condition it is that condition, of none it is `TRUE`.
    pub fn and(conditions: Vec<Self>) -> Self {
        let mut merged = Vec::with_capacity(conditions.len());
        for condition in conditions {
            match condition {
                Self::And(inner) => merged.extend(inner),
                other => merged.push(other),
            }
        }
        single(merged).unwrap_or_else(|many| match many.is_empty() {
            true => Self::Constant(Truth::True),
            false => Self::And(many),
        })
    }

    /// The disjunction of conditions. Disjunctions among them are merged, as OR is
    /// associative; of one condition it is that condition, of none it is `FALSE`.
    pub fn or(conditions: Vec<Self>) -> Self {
        let mut merged = Vec::with_capacity(conditions.len());
        for condition in conditions {
            match condition {
                Self::Or(inner) => merged.extend(inner),
                other => merged.push(other),
            }
        }
        single(merged).unwrap_or_else(|many| match many.is_empty() {
            true => Self::Constant(Truth::False),
            false => Self::Or(many),
        })
    }
}

/// The only element, or all of them.
fn single<T>(mut list: Vec<T>) -> Result<T, Vec<T>> {
    match (list.len(), list.pop()) {
        (1, Some(only)) => Ok(only),
        (_, last) => {
            list.extend(last);
            Err(list)
        }
    }
}
