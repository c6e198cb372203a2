//! How texts are set.

use crate::tag::Tag;
use crate::text;

/// Fonts of the usual systems; the picture brings none.
pub const FAMILY: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif";

/// Size, colour and style of a text, and which end of it is placed.
#[derive(Clone, Copy)]
pub struct Font {
    size: f64,
    colour: &'static str,
    weight: &'static str,
    style: &'static str,
    anchor: &'static str,
}

impl Font {
    /// Upright, placed by its left end; the size is in pixels.
    pub const fn new(size: f64, colour: &'static str) -> Self {
        Self {
            size,
            colour,
            weight: "400",
            style: "normal",
            anchor: "start",
        }
    }

    /// Half bold.
    pub const fn strong(self) -> Self {
        Self {
            weight: "600",
            ..self
        }
    }

    /// Slanted.
    pub const fn slanted(self) -> Self {
        Self {
            style: "italic",
            ..self
        }
    }

    /// Placed by its right end.
    pub const fn to_the_left(self) -> Self {
        Self {
            anchor: "end",
            ..self
        }
    }

    /// Placed by its middle.
    pub const fn centred(self) -> Self {
        Self {
            anchor: "middle",
            ..self
        }
    }

    /// In another colour.
    pub const fn in_colour(self, colour: &'static str) -> Self {
        Self { colour, ..self }
    }

    /// A text with its base line at `y`, however wide it gets.
    pub fn write(self, x: f64, y: f64, text: &str) -> Tag {
        self.set(x, y, text::clean(text))
    }

    /// A text with its base line at `y`, shortened to a width.
    pub fn write_within(self, x: f64, y: f64, width: f64, text: &str) -> Tag {
        self.set(x, y, text::shorten(text, width, self.measure()))
    }

    /// A text in lines of a width, the first one's base line at `y`.
    pub fn write_lines(self, x: f64, y: f64, width: f64, lines: usize, text: &str) -> Vec<Tag> {
        text::wrap(text, width, self.measure(), lines)
            .into_iter()
            .zip(0_u16..)
            .map(|(line, number)| self.set(x, y + f64::from(number) * self.leading(), line))
            .collect()
    }

    /// From base line to base line.
    pub fn leading(self) -> f64 {
        (self.size * 1.25).round()
    }

    /// The estimated width of a text.
    pub fn width(self, text: &str) -> f64 {
        text::width(&text::clean(text), self.measure())
    }

    /// In how many lines of a width, up to `most`, a text is set.
    pub fn lines(self, width: f64, most: usize, text: &str) -> usize {
        text::wrap(text, width, self.measure(), most).len()
    }

    /// Of another size.
    pub const fn of_size(self, size: f64) -> Self {
        Self { size, ..self }
    }

    /// The size of an upright font that is as wide.
    fn measure(self) -> f64 {
        let bold = if self.weight == "400" { 1.0 } else { 1.14 };
        self.size * bold
    }

    fn set(self, x: f64, y: f64, clean: String) -> Tag {
        let mut tag = Tag::new("text")
            .at("x", x)
            .at("y", y)
            .at("font-size", self.size)
            .with("fill", self.colour);
        for (name, value, usual) in [
            ("font-weight", self.weight, "400"),
            ("font-style", self.style, "normal"),
            ("text-anchor", self.anchor, "start"),
        ] {
            if value != usual {
                tag = tag.with(name, value);
            }
        }
        tag.saying(clean)
    }
}
