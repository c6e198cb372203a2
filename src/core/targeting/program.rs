//! The compiled form of a rule, and how a syntax tree becomes one.
//!
//! It is a tree like the syntax tree, prepared for being evaluated many times: functions of
//! literals are computed, long lists are sorted, and audiences are numbers.

use std::borrow::Cow;

use crate::attributes::Path;
use crate::float::Float;
use crate::number::Number;
use crate::optimizely_version::OptimizelyVersion;
use crate::targeting::ast::{Comparison, Expr, List, Operand, Test};
use crate::targeting::datum::Datum;
use crate::targeting::pattern::Pattern;
use crate::targeting::truth::Truth;
use crate::version::Version;

/// From this many strings on, a list is searched by halves rather than from its start.
///
/// Measured on a virtual x86-64 machine, release build, for a string that is not in the list:
/// a list of 8 takes 118 ns from its start and one of 15 takes 208 ns; by halves, one of 16
/// takes 85 ns and one of 600 takes 167 ns. They meet at about five.
const SORTED_FROM: usize = 6;

/// A compiled condition.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(Truth),
    Attribute(Path),
    /// An audience, by its place among the rule's audiences.
    Audience(usize),
    Not(Box<Node>),
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Compare(Box<(Term, Comparison, Term)>),
    Test(Box<Tested>),
}

/// A compiled test.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) term: Term,
    pub(super) negated: bool,
    pub(super) check: Check,
}

/// What a test checks.
#[derive(Clone, Debug)]
pub(super) enum Check {
    InList(Box<[Term]>),
    /// Strings alone, sorted.
    InTexts(Box<[Box<str>]>),
    InAttribute(Path),
    Contains(Term),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Matches(Pattern),
    Between(Term, Term),
    Null,
    Exists,
}

/// A compiled operand.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Literal(Literal),
    Attribute(Path),
    Call(Function, Box<Term>),
}

/// A function that gives a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Float,
    Lower,
    OptimizelyVersion,
    Semver,
    String,
}

/// A value that the rule itself contains.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(Number),
    Float(Float),
    Text(Box<str>),
    Version(Version<'static>),
    OptimizelyVersion(OptimizelyVersion<'static>),
}

impl Node {
    /// Compiles a condition. `audience` gives the place of an audience, `None` for one that
    /// does not count.
    pub(super) fn new(expr: Expr, audience: &dyn Fn(&str) -> Option<usize>) -> Self {
        let all = |parts: Vec<Expr>| parts.into_iter().map(|part| Self::new(part, audience));
        match expr {
            Expr::Constant(value) => Self::Constant(value),
            Expr::Attribute(path) => Self::Attribute(path),
            Expr::Audience(name) => {
                audience(&name).map_or(Self::Constant(Truth::Unknown), Self::Audience)
            }
            Expr::Not(inner) => Self::Not(Box::new(Self::new(*inner, audience))),
            Expr::And(parts) => Self::All(all(parts).collect()),
            Expr::Or(parts) => Self::Any(all(parts).collect()),
            Expr::Compare {
                left,
                comparison,
                right,
            } => Self::Compare(Box::new((Term::new(left), comparison, Term::new(right)))),
            Expr::Test {
                operand,
                negated,
                test,
            } => {
                let tested = Tested {
                    term: Term::new(operand),
                    negated,
                    check: Check::new(test),
                };
                Self::Test(Box::new(tested))
            }
        }
    }
}

impl Check {
    fn new(test: Test) -> Self {
        match test {
            Test::In(List::Members(members)) => Self::list(members),
            Test::In(List::Attribute(path)) => Self::InAttribute(path),
            Test::Contains(item) => Self::Contains(Term::new(item)),
            Test::StartsWith(prefix) => Self::StartsWith(prefix),
            Test::EndsWith(suffix) => Self::EndsWith(suffix),
            Test::Matches(pattern) => Self::Matches(pattern),
            Test::Between(low, high) => Self::Between(Term::new(low), Term::new(high)),
            Test::Null => Self::Null,
            Test::Exists => Self::Exists,
        }
    }

    fn list(members: Vec<Operand>) -> Self {
        let only_texts = members
            .iter()
            .all(|member| matches!(member, Operand::Text(_)));
        if members.len() < SORTED_FROM || !only_texts {
            return Self::InList(members.into_iter().map(Term::new).collect());
        }
        let text = |member| match member {
            Operand::Text(text) => Some(text),
            _ => None,
        };
        let mut texts: Vec<Box<str>> = members.into_iter().filter_map(text).collect();
        texts.sort_unstable();
        Self::InTexts(texts.into())
    }
}

impl Term {
    fn new(operand: Operand) -> Self {
        match operand {
            Operand::Attribute(path) => Self::Attribute(path),
            Operand::Text(text) => Self::Literal(Literal::Text(text)),
            Operand::Number(number) => Self::Literal(Literal::Number(number)),
            Operand::Bool(value) => Self::Literal(Literal::Bool(value)),
            Operand::Null => Self::Literal(Literal::Null),
            Operand::Float(argument) => Self::call(Function::Float, *argument),
            Operand::Lower(argument) => Self::call(Function::Lower, *argument),
            Operand::OptimizelyVersion(argument) => {
                Self::call(Function::OptimizelyVersion, *argument)
            }
            Operand::Semver(argument) => Self::call(Function::Semver, *argument),
            Operand::String(argument) => Self::call(Function::String, *argument),
        }
    }

    fn call(function: Function, argument: Operand) -> Self {
        match Self::new(argument) {
            Self::Literal(literal) => Self::Literal(Literal::new(function.of(literal.datum()))),
            term => Self::Call(function, Box::new(term)),
        }
    }
}

impl Function {
    /// The function's value for this argument.
    pub(super) fn of(self, argument: Datum<'_>) -> Datum<'_> {
        match self {
            Self::Float => argument.float(),
            Self::Lower => argument.lower(),
            Self::OptimizelyVersion => argument.optimizely_version(),
            Self::Semver => argument.semver(),
            Self::String => argument.string(),
        }
    }
}

impl Literal {
    fn new(datum: Datum<'_>) -> Self {
        match datum {
            Datum::Null | Datum::Array(_) | Datum::Object => Self::Null,
            Datum::Bool(value) => Self::Bool(value),
            Datum::Number(number) => Self::Number(number.into_owned()),
            Datum::Float(float) => Self::Float(float),
            Datum::Text(text) => Self::Text(text.into()),
            Datum::Version(version) => Self::Version(version.into_owned()),
            Datum::OptimizelyVersion(version) => Self::OptimizelyVersion(version.into_owned()),
        }
    }

    /// The value, borrowed.
    pub(super) fn datum(&self) -> Datum<'_> {
        match self {
            Self::Null => Datum::Null,
            Self::Bool(value) => Datum::Bool(*value),
            Self::Number(number) => Datum::Number(Cow::Borrowed(number)),
            Self::Float(float) => Datum::Float(*float),
            Self::Text(text) => Datum::Text(Cow::Borrowed(text)),
            Self::Version(version) => Datum::Version(version.borrowed()),
            Self::OptimizelyVersion(version) => Datum::OptimizelyVersion(version.borrowed()),
        }
    }
}
