//! Elements of the picture.

use svg::node::element::Element;
use svg::node::{Node, Text, Value};

/// An element with its attributes and what is in it.
pub struct Tag(Element);

impl Tag {
    /// An empty element of this name.
    pub fn new(name: &str) -> Self {
        Self(Element::new(name))
    }

    /// With an attribute; its value is escaped when it is written.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.assign(name, value);
        self
    }

    /// With an attribute in pixels, rounded to hundredths.
    pub fn at(self, name: &str, pixels: f64) -> Self {
        self.with(name, rounded(pixels))
    }

    /// With an element inside, behind the others.
    pub fn holding(mut self, child: Self) -> Self {
        self.0.append(child.0);
        self
    }

    /// With elements inside, behind the others.
    pub fn holding_all(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::holding)
    }

    /// With a text inside; it is escaped when it is written, but must be clean
    /// ([`crate::text::clean`]).
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.0.append(Text::new(text));
        self
    }

    /// As XML.
    pub fn write(&self) -> String {
        self.0.to_string()
    }
}

/// Pixels in hundredths, without a negative zero.
pub fn rounded(pixels: f64) -> f64 {
    (pixels * 100.0).round() / 100.0 + 0.0
}

/// A rectangle.
pub fn rect(x: f64, y: f64, width: f64, height: f64, fill: &str) -> Tag {
    Tag::new("rect")
        .at("x", x)
        .at("y", y)
        .at("width", width.max(0.0))
        .at("height", height.max(0.0))
        .with("fill", fill)
}

/// A horizontal line.
pub fn horizontal(from: f64, to: f64, y: f64, width: f64, colour: &str) -> Tag {
    line((from, y), (to, y), width, colour)
}

/// A vertical line.
pub fn vertical(x: f64, from: f64, to: f64, width: f64, colour: &str) -> Tag {
    line((x, from), (x, to), width, colour)
}

/// A line from one place to another.
pub fn line(from: (f64, f64), to: (f64, f64), width: f64, colour: &str) -> Tag {
    Tag::new("line")
        .at("x1", from.0)
        .at("y1", from.1)
        .at("x2", to.0)
        .at("y2", to.1)
        .with("stroke", colour)
        .at("stroke-width", width)
}

/// A filled shape between places.
pub fn polygon(places: &[(f64, f64)], fill: &str) -> Tag {
    Tag::new("polygon")
        .with("points", points(places))
        .with("fill", fill)
}

/// A line through places.
pub fn polyline(places: &[(f64, f64)], width: f64, colour: &str) -> Tag {
    Tag::new("polyline")
        .with("points", points(places))
        .with("fill", "none")
        .with("stroke", colour)
        .at("stroke-width", width)
        .with("stroke-linejoin", "round")
}

fn points(places: &[(f64, f64)]) -> String {
    places
        .iter()
        .map(|(x, y)| format!("{},{}", rounded(*x), rounded(*y)))
        .collect::<Vec<_>>()
        .join(" ")
}
