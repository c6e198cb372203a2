//! What a subject brings with it: values, and the paths that reach them.
//!
//! The engine never owns the attributes. It asks for the few paths a rule names, through the
//! trait [`Attributes`]; whoever implements it reads them where they lie. That keeps a decision
//! independent of how large the document is.
//!
//! ```
//! use lotty_core::attributes::{Attributes, Path, Segment, Value};
//!
//! struct Berlin;
//!
//! impl Attributes for Berlin {
//!     fn get(&self, path: &Path) -> Value<'_> {
//!         match path.segments() {
//!             [Segment::Key(key)] if &**key == "city" => Value::Text("Berlin".into()),
//!             _ => Value::Missing,
//!         }
//!     }
//! }
//!
//! assert!(matches!(Berlin.get(&Path::new("city")), Value::Text(_)));
//! assert!(matches!(Berlin.get(&Path::new("city").key("name")), Value::Missing));
//! ```

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::number::Number;

/// One value of the attributes, borrowed where it can be.
pub enum Value<'a> {
    /// The path leads nowhere.
    Missing,
    /// JSON's `null`. Rules do not tell it from a missing value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, exact.
    Number(Number),
    /// A string.
    Text(Cow<'a, str>),
    /// An array, of any size; its elements are streamed.
    Array(Box<dyn Elements + 'a>),
    /// An object. A rule reaches its members by a path; the object as a whole compares with
    /// nothing.
    Object,
}

/// The elements of an array.
pub trait Elements {
    /// Calls `f` with each element in order, until it breaks.
    fn visit(&self, f: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>);
}

/// A document of attributes, addressed by path.
pub trait Attributes {
    /// The value at `path`, [`Value::Missing`] where there is none.
    ///
    /// A [`Segment::Key`] leads into an object and a [`Segment::Index`] into an array, never
    /// the other way round.
    fn get(&self, path: &Path) -> Value<'_>;

    /// Called between steps of an evaluation that may each take long when values are large. Where
    /// evaluations can be cancelled, this is the place to look whether one is, and to unwind.
    fn interruption_point(&self) {}
}

/// The way to a value inside the attributes: a top-level name, then keys and indexes.
///
/// [`Display`](std::fmt::Display) prints it as the targeting language spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    segments: Vec<Segment>,
}

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The member of an object.
    Key(Box<str>),
    /// The element of an array, counted from 0.
    Index(u32),
}

impl Path {
    /// The path to a top-level attribute.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self {
            segments: vec![Segment::Key(name.into())],
        }
    }

    /// This path, followed by a member's key.
    #[must_use]
    pub fn key(self, key: impl Into<Box<str>>) -> Self {
        self.then(Segment::Key(key.into()))
    }

    /// This path, followed by an element's index.
    #[must_use]
    pub fn index(self, index: u32) -> Self {
        self.then(Segment::Index(index))
    }

    /// This path, followed by one more step.
    #[must_use]
    pub fn then(mut self, segment: Segment) -> Self {
        self.segments.push(segment);
        self
    }

    /// The steps in order. There is at least one, and the first is a key.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}
