//! A rule, ready to be evaluated.

use crate::attributes::Attributes;
use crate::targeting::audience::{Loaded, Loader, Lookup, State};
use crate::targeting::error::TargetingError;
use crate::targeting::eval::Evaluation;
use crate::targeting::parse;
use crate::targeting::program::Node;
use crate::targeting::truth::Truth;

/// A rule in compiled form, with all audiences that it reaches. It cannot be invalid, so
/// evaluating it cannot fail.
///
/// ```
/// use lotty_core::attributes::{Attributes, Path, Value};
/// use lotty_core::targeting::{Rule, Truth};
///
/// struct Age(i64);
///
/// impl Attributes for Age {
///     fn get(&self, path: &Path) -> Value<'_> {
///         if *path == Path::new("age") { Value::Number(self.0.into()) } else { Value::Missing }
///     }
/// }
///
/// let mut audiences = |name: &str| (name == "adults").then(|| "age >= 18".to_owned());
/// let rule = Rule::compile(r#"audience("adults") AND NOT blocked IS NULL"#, &mut audiences)?;
/// assert_eq!(rule.evaluate(&Age(17)), Truth::False);
///
/// let rule = Rule::compile(r#"audience("adults") OR audience("friends")"#, &mut audiences)?;
/// assert_eq!(rule.evaluate(&Age(18)), Truth::True);
/// assert_eq!(rule.evaluate(&Age(17)), Truth::Unknown);
/// assert_eq!(rule.unresolved(), ["friends"]);
/// # Ok::<(), lotty_core::targeting::TargetingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    root: Node,
    audiences: Box<[Node]>,
    unresolved: Box<[String]>,
}

impl Rule {
    /// Compiles a rule; `audiences` gives the text of an audience by name, and is asked for
    /// each name at most once.
    ///
    /// An error when the rule's own text is not valid. An audience that cannot be used is not
    /// an error: it is unknown for every subject, and its name is in
    /// [`unresolved`](Self::unresolved).
    pub fn compile(source: &str, audiences: Lookup<'_>) -> Result<Self, TargetingError> {
        let parsed = parse::parse(source)?;
        let mut nodes = Vec::new();
        let mut ready = |_: &str, expr, loaded: &Loaded| {
            nodes.push(Node::new(expr, &|name| index(loaded, name)))
        };
        let mut loader = Loader::new(audiences, &mut ready);
        for reference in &parsed.references {
            loader.load(&reference.name);
        }
        let root = Node::new(parsed.expr, &|name| index(loader.loaded(), name));
        let unresolved = loader.unresolved.into();
        Ok(Self {
            root,
            audiences: nodes.into(),
            unresolved,
        })
    }

    /// The rule that admits no subject at all.
    pub fn nobody() -> Self {
        let root = Node::Constant(Truth::False);
        Self {
            root,
            audiences: Box::default(),
            unresolved: Box::default(),
        }
    }

    /// What the rule says about the subject with these attributes.
    pub fn evaluate(&self, attributes: &dyn Attributes) -> Truth {
        Evaluation::new(attributes, &self.audiences).truth(&self.root)
    }

    /// Whether the rule is blank or `TRUE`, so that no attribute is needed to evaluate it.
    pub fn is_everyone(&self) -> bool {
        matches!(self.root, Node::Constant(Truth::True))
    }

    /// The names of audiences, referred to by the rule or by an audience it reaches, that
    /// cannot be used: there is none of that name, its text is not valid, it refers back to
    /// itself, or it lies beyond the limits. Each once, in order of appearance, and no more than
    /// [`MAX_AUDIENCES`](crate::targeting::limits::MAX_AUDIENCES).
    pub fn unresolved(&self) -> &[String] {
        &self.unresolved
    }
}

fn index(loaded: &Loaded, name: &str) -> Option<usize> {
    match loaded.get(name) {
        Some(State::Ready { index, .. }) => Some(*index),
        _ => None,
    }
}
