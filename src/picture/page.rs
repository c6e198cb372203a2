//! The parts of the picture, below each other.

use crate::colour;
use crate::daily;
use crate::document::Document;
use crate::font::FAMILY;
use crate::forest;
use crate::header;
use crate::tag::{Tag, horizontal, rect};
use crate::text;

/// Width of the picture, in pixels.
pub const WIDTH: f64 = 900.0;
/// Where its contents begin.
pub const LEFT: f64 = 28.0;
/// Where its contents end.
pub const RIGHT: f64 = WIDTH - LEFT;

/// Between parts.
const GAP: f64 = 24.0;

/// A part of the picture.
pub struct Part {
    /// What is in it.
    pub tags: Vec<Tag>,
    /// Where it ends.
    pub bottom: f64,
}

/// The whole picture.
pub fn draw(document: &Document) -> String {
    let header = header::draw(document, LEFT);
    let mut bottom = header.bottom;
    let mut tags = header.tags;
    let mut append = |part: &dyn Fn(f64) -> Part| {
        tags.push(horizontal(
            LEFT,
            RIGHT,
            bottom + GAP / 2.0,
            1.0,
            colour::GRID,
        ));
        let part = part(bottom + GAP);
        tags.extend(part.tags);
        bottom = part.bottom;
    };
    append(&|top| forest::draw(document, top));
    if let Some(daily) = &document.daily {
        append(&|top| daily::draw(daily, document.alpha, top));
    }
    frame(document, bottom + LEFT).holding_all(tags).write()
}

fn frame(document: &Document, height: f64) -> Tag {
    let title = text::clean(&document.experiment);
    Tag::new("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .at("width", WIDTH)
        .at("height", height)
        .with(
            "viewBox",
            format!("0 0 {WIDTH} {}", crate::tag::rounded(height)),
        )
        .with("role", "img")
        .with("font-family", FAMILY)
        // A page that is read from the right would turn the texts around their places.
        .with("direction", "ltr")
        .with("text-rendering", "geometricPrecision")
        // So that digits stand below each other.
        .with("style", "font-variant-numeric: tabular-nums")
        .holding(Tag::new("title").saying(format!("Report of experiment {title}")))
        .holding(
            rect(0.5, 0.5, WIDTH - 1.0, height - 1.0, colour::PAPER)
                .with("stroke", colour::BORDER)
                .with("rx", 8),
        )
}
