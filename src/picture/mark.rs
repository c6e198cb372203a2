//! Small shapes, drawn rather than written: no font is sure to have them.

use crate::colour;
use crate::tag::{Tag, polygon, polyline};

/// A small shape around a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A triangle that points up.
    Up,
    /// A triangle that points down.
    Down,
    /// A disc.
    Dot,
}

impl Mark {
    /// The shape with its middle at a place, `radius` pixels large, with a light edge that keeps
    /// it apart from lines behind it.
    pub fn draw(self, x: f64, y: f64, radius: f64, fill: &str) -> Tag {
        let (wide, tall) = (radius * 1.15, radius);
        let tag = match self {
            Self::Up => polygon(
                &[(x - wide, y + tall), (x, y - tall), (x + wide, y + tall)],
                fill,
            ),
            Self::Down => polygon(
                &[(x - wide, y - tall), (x, y + tall), (x + wide, y - tall)],
                fill,
            ),
            Self::Dot => Tag::new("circle")
                .at("cx", x)
                .at("cy", y)
                .at("r", radius)
                .with("fill", fill),
        };
        tag.with("stroke", colour::PAPER)
            .with("stroke-width", 1.5)
            .with("stroke-linejoin", "round")
            .with("paint-order", "stroke")
    }
}

/// A tip at the end of an axis: what goes on beyond. It points to the right, or to the left.
pub fn tip(x: f64, y: f64, to_the_right: bool, fill: &str) -> Tag {
    let back = if to_the_right { x - 7.0 } else { x + 7.0 };
    polygon(&[(back, y - 5.0), (x, y), (back, y + 5.0)], fill)
}

/// A tick, for what is fine.
pub fn tick(x: f64, y: f64, stroke: &str) -> Tag {
    polyline(
        &[(x - 4.5, y), (x - 1.0, y + 3.5), (x + 5.0, y - 4.0)],
        2.2,
        stroke,
    )
    .with("stroke-linecap", "round")
}

/// A cross, for what failed.
pub fn cross(x: f64, y: f64, stroke: &str) -> Tag {
    Tag::new("path")
        .with(
            "d",
            format!(
                "M{} {}l8 8m0 -8l-8 8",
                crate::tag::rounded(x - 4.0),
                crate::tag::rounded(y - 4.0)
            ),
        )
        .with("fill", "none")
        .with("stroke", stroke)
        .with("stroke-width", 2.2)
        .with("stroke-linecap", "round")
}
