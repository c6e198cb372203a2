//! A stretch of values.

/// From a lower to an upper bound; both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The lower bound.
    pub low: f64,
    /// The upper bound, not below the lower one.
    pub high: f64,
}

impl Span {
    /// Between two bounds, whichever is the lower one; none if one is missing.
    pub fn between(one: Option<f64>, other: Option<f64>) -> Option<Self> {
        let (one, other) = (one?, other?);
        Some(Self {
            low: one.min(other),
            high: one.max(other),
        })
    }

    /// The least span that holds both.
    pub fn with(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// The least span that holds all; none if there is none.
    pub fn around(spans: impl IntoIterator<Item = Self>) -> Option<Self> {
        spans.into_iter().reduce(Self::with)
    }

    /// How far it gets from zero.
    pub fn reach(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}
