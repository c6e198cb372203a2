//! A compiled rule and the attributes of a subject: what is the truth?
//!
//! AND and OR stop as soon as the rest cannot change the result, and an attribute is fetched
//! only when its condition is reached. Comparing an attribute with a literal allocates nothing
//! as long as fetching the attribute does not.

use crate::attributes::{Attributes, Path, Value};
use crate::targeting::ast::Comparison;
use crate::targeting::datum::Datum;
use crate::targeting::limits::MAX_AUDIENCES;
use crate::targeting::program::{Check, Node, Term, Tested};
use crate::targeting::truth::Truth;

/// One evaluation of a rule.
pub(super) struct Evaluation<'e> {
    attributes: &'e dyn Attributes,
    audiences: &'e [Node],
    /// What each audience has turned out to be. Without it, audiences that each name the next
    /// one twice would double the work at every step.
    known: [Option<Truth>; MAX_AUDIENCES],
}

impl<'e> Evaluation<'e> {
    pub(super) fn new(attributes: &'e dyn Attributes, audiences: &'e [Node]) -> Self {
        Self {
            attributes,
            audiences,
            known: [None; MAX_AUDIENCES],
        }
    }

    pub(super) fn truth(&mut self, node: &Node) -> Truth {
        match node {
            Node::Constant(truth) => *truth,
            Node::Attribute(path) => self.flag(path),
            Node::Audience(index) => self.audience(*index),
            Node::Not(inner) => !self.truth(inner),
            Node::All(parts) => self.all(parts),
            Node::Any(parts) => self.any(parts),
            Node::Compare(compared) => {
                let (left, comparison, right) = &**compared;
                self.datum(left).compare(*comparison, &self.datum(right))
            }
            Node::Test(tested) => self.test(tested),
        }
    }

    fn all(&mut self, parts: &[Node]) -> Truth {
        let mut result = Truth::True;
        for part in parts {
            result = result.and(self.truth(part));
            if result == Truth::False {
                break;
            }
        }
        result
    }

    fn any(&mut self, parts: &[Node]) -> Truth {
        let mut result = Truth::False;
        for part in parts {
            result = result.or(self.truth(part));
            if result == Truth::True {
                break;
            }
        }
        result
    }

    fn audience(&mut self, index: usize) -> Truth {
        if let Some(&Some(known)) = self.known.get(index) {
            return known;
        }
        let Some(node) = self.audiences.get(index) else {
            return Truth::Unknown;
        };
        let truth = self.truth(node);
        if let Some(known) = self.known.get_mut(index) {
            *known = Some(truth);
        }
        truth
    }

    /// An attribute by itself.
    fn flag(&self, path: &Path) -> Truth {
        match self.attributes.get(path) {
            Value::Bool(value) => Truth::from(value),
            _ => Truth::Unknown,
        }
    }

    fn test(&self, tested: &Tested) -> Truth {
        let truth = self.check(&self.datum(&tested.term), &tested.check);
        if tested.negated { !truth } else { truth }
    }

    fn check(&self, datum: &Datum<'_>, check: &Check) -> Truth {
        self.attributes.interruption_point();
        match check {
            Check::InList(members) => self.is_member(datum, members),
            Check::InTexts(texts) => is_text_member(datum, texts),
            Check::InAttribute(path) => match self.attributes.get(path) {
                Value::Array(elements) => datum.is_among(&*elements),
                _ => Truth::Unknown,
            },
            Check::Contains(item) => datum.contains(&self.datum(item)),
            Check::StartsWith(prefix) => datum.test_text(|text| text.starts_with(&**prefix)),
            Check::EndsWith(suffix) => datum.test_text(|text| text.ends_with(&**suffix)),
            Check::Matches(pattern) => datum.match_text(pattern),
            Check::Between(low, high) => {
                let above = datum.compare(Comparison::GreaterOrEqual, &self.datum(low));
                above.and(datum.compare(Comparison::LessOrEqual, &self.datum(high)))
            }
            Check::Null => Truth::from(datum.is_null()),
            Check::Exists => Truth::from(!datum.is_null()),
        }
    }

    fn is_member(&self, datum: &Datum<'_>, members: &[Term]) -> Truth {
        let mut found = Truth::False;
        for member in members {
            self.attributes.interruption_point();
            found = found.or(datum.equals(&self.datum(member)));
            if found.is_true() {
                break;
            }
        }
        found
    }

    fn datum<'t>(&self, term: &'t Term) -> Datum<'t>
    where
        'e: 't,
    {
        match term {
            Term::Literal(literal) => literal.datum(),
            Term::Attribute(path) => Datum::from(self.attributes.get(path)),
            Term::Call(function, argument) => {
                let argument = self.datum(argument);
                self.attributes.interruption_point();
                function.of(argument)
            }
        }
    }
}

/// Whether a value is in a sorted list of strings.
fn is_text_member(datum: &Datum<'_>, texts: &[Box<str>]) -> Truth {
    let text_is_member = |text: &str| {
        let found = texts.binary_search_by(|member| (**member).cmp(text));
        Truth::from(found.is_ok())
    };
    match datum {
        Datum::Text(text) => text_is_member(text),
        // Versions are not sorted as strings are.
        Datum::Version(_) | Datum::OptimizelyVersion(_) => {
            texts.iter().fold(Truth::False, |found, text| {
                found.or(datum.equals(&Datum::Text((&**text).into())))
            })
        }
        _ => Truth::Unknown,
    }
}
