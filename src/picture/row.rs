//! A row of the forest: what one variant does to one metric.

use crate::axis::Axis;
use crate::colour;
use crate::document::Effect;
use crate::figure;
use crate::font::Font;
use crate::forest::{PLOT_LEFT, PLOT_RIGHT, mark};
use crate::mark::tip;
use crate::page::{LEFT, RIGHT};
use crate::span::Span;
use crate::tag::{Tag, rect};
use crate::text;
use crate::verdict::Verdict;

/// Height of a row, unless its note is long.
const HEIGHT: f64 = 38.0;
/// Where the numbers of the lift end.
pub const LIFT_RIGHT: f64 = 566.0;
/// Where those of the interval end.
pub const INTERVAL_RIGHT: f64 = 690.0;
/// Where the p-value ends.
pub const P_RIGHT: f64 = 744.0;
/// Where the verdict begins.
pub const VERDICT_LEFT: f64 = 756.0;

/// Where notes begin.
const NOTE_LEFT: f64 = 516.0;
const NOTE_WIDTH: f64 = P_RIGHT - NOTE_LEFT;
const MOST_NOTE_LINES: usize = 2;
/// Between the base lines of a row.
const SECOND_LINE: f64 = 15.0;

const VARIANT: Font = Font::new(13.0, colour::INK);
const SMALL: Font = Font::new(10.5, colour::MUTED);
const NUMBER: Font = Font::new(12.0, colour::INK).to_the_left();
const NOTE: Font = Font::new(10.5, colour::MUTED).slanted();
const VERDICT: Font = Font::new(11.5, colour::INK).strong();

/// The values that a row shows; none if it has none.
pub fn span(effect: &Effect) -> Option<Span> {
    let point = Span::between(effect.lift, effect.lift);
    Span::around(
        [point, fixed(effect), sequential(effect)]
            .into_iter()
            .flatten(),
    )
}

fn fixed(effect: &Effect) -> Option<Span> {
    Span::between(effect.lift_ci_lower, effect.lift_ci_upper)
}

fn sequential(effect: &Effect) -> Option<Span> {
    Span::between(effect.seq_lift_ci_lower, effect.seq_lift_ci_upper)
}

/// Height of the row.
pub fn height(effect: &Effect) -> f64 {
    let note = NOTE.lines(NOTE_WIDTH, MOST_NOTE_LINES, &effect.note);
    if note > 1 && has_numbers(effect) {
        HEIGHT + NOTE.leading()
    } else {
        HEIGHT
    }
}

fn has_numbers(effect: &Effect) -> bool {
    effect.lift.is_some() || sequential(effect).is_some() || effect.seq_p_value.is_some()
}

/// The row, from `top` on.
pub fn draw(effect: &Effect, axis: &Axis, top: f64) -> Tag {
    let verdict = Verdict::of(&effect.verdict);
    let line = top + 16.0;
    Tag::new("g")
        .with("class", "row")
        .holding(Tag::new("title").saying(hint(effect)))
        // Makes the whole row show its title, not only its texts.
        .holding(
            rect(LEFT, top, RIGHT - LEFT, height(effect), "none").with("pointer-events", "all"),
        )
        .holding_all(label(effect, line))
        .holding_all(plot(effect, verdict, axis, top + HEIGHT / 2.0))
        .holding_all(numbers(effect, axis, line))
        .holding_all(words(effect, verdict, line))
}

/// What a pointer over the row tells: everything that is shortened.
fn hint(effect: &Effect) -> String {
    let [metric, variant, control, verdict, note] = [
        &effect.metric,
        &effect.variant,
        &effect.control,
        &effect.verdict,
        &effect.note,
    ]
    .map(|text| text::clean(text));
    let mut lines = vec![format!("{metric}: {variant} against {control}")];
    lines.extend(means(effect));
    lines.extend(
        effect
            .p_value
            .and_then(figure::p_value)
            .map(|p| format!("p at the planned end: {p}")),
    );
    lines.extend([verdict, note].into_iter().filter(|line| !line.is_empty()));
    lines.join("\n")
}

fn means(effect: &Effect) -> Option<String> {
    let (mean, control) = (effect.mean?, effect.control_mean?);
    Some(format!(
        "mean {} vs {}",
        figure::mean(mean),
        figure::mean(control)
    ))
}

fn label(effect: &Effect, line: f64) -> Vec<Tag> {
    let x = LEFT + 8.0;
    let width = PLOT_LEFT - 8.0 - x;
    let mut tags = vec![VARIANT.write_within(x, line, width, &effect.variant)];
    if let Some(n) = effect.n {
        let n = format!("n {}", figure::count(n));
        tags.push(SMALL.write_within(x, line + SECOND_LINE, width, &n));
    }
    tags
}

fn plot(effect: &Effect, verdict: Verdict, axis: &Axis, y: f64) -> Vec<Tag> {
    let colour = verdict.colour();
    let mut tags = Vec::new();
    for (span, thickness, class) in [
        (sequential(effect), 2.0, "always"),
        (fixed(effect), 8.0, "fixed"),
    ] {
        let Some(span) = span else { continue };
        if axis.is_above(span.low) || axis.is_below(span.high) {
            continue;
        }
        let (from, to) = (axis.place(span.low), axis.place(span.high));
        // An interval between two pixels is still one.
        let bar = rect(
            from,
            y - thickness / 2.0,
            (to - from).max(1.0),
            thickness,
            colour,
        );
        tags.push(bar.with("class", class).with("rx", thickness / 4.0));
    }
    if let Some(span) = span(effect) {
        if axis.is_below(span.low) {
            tags.push(tip(PLOT_LEFT, y, false, colour).with("class", "cut"));
        }
        if axis.is_above(span.high) {
            tags.push(tip(PLOT_RIGHT, y, true, colour).with("class", "cut"));
        }
    }
    // A point beyond the axis has no place; the tip tells which way it is.
    let point = effect
        .lift
        .filter(|lift| !axis.is_below(*lift) && !axis.is_above(*lift));
    if let Some(lift) = point {
        let (x, radius) = (axis.place(lift), 6.0);
        tags.push(
            verdict
                .mark()
                .draw(x, y, radius, colour)
                .with("class", "point"),
        );
    }
    tags
}

fn numbers(effect: &Effect, axis: &Axis, line: f64) -> Vec<Tag> {
    let interval = sequential(effect);
    let p = effect.seq_p_value.and_then(figure::p_value);
    if !has_numbers(effect) {
        let why = if effect.note.is_empty() {
            "no effect can be told"
        } else {
            &effect.note
        };
        return NOTE.write_lines(NOTE_LEFT, line, NOTE_WIDTH, MOST_NOTE_LINES, why);
    }
    let or_none = |number: Option<String>| number.unwrap_or_else(|| figure::NONE.to_owned());
    let percent = |value: f64| figure::percent(value, axis.decimals());
    let lift = effect.lift.map(|lift| percent(lift) + "%");
    let interval = interval.map(|span| format!("{} to {}%", percent(span.low), percent(span.high)));
    let interval = or_none(interval);
    let mut tags = vec![
        NUMBER.strong().write(LIFT_RIGHT, line, &or_none(lift)),
        fitting(&interval).write(INTERVAL_RIGHT, line, &interval),
        NUMBER.write(P_RIGHT, line, &or_none(p)),
    ];
    let below = line + SECOND_LINE;
    if !effect.note.is_empty() {
        tags.extend(NOTE.write_lines(NOTE_LEFT, below, NOTE_WIDTH, MOST_NOTE_LINES, &effect.note));
    } else if let Some(means) = means(effect) {
        tags.push(SMALL.to_the_left().write(INTERVAL_RIGHT, below, &means));
    }
    tags
}

/// The font in which an interval leaves room for the lift before it.
fn fitting(interval: &str) -> Font {
    if NUMBER.width(interval) > INTERVAL_RIGHT - LIFT_RIGHT - 6.0 {
        NUMBER.of_size(10.0)
    } else {
        NUMBER
    }
}

fn words(effect: &Effect, verdict: Verdict, line: f64) -> Vec<Tag> {
    if effect.verdict.is_empty() {
        return Vec::new();
    }
    let x = VERDICT_LEFT + 16.0;
    let mut tags = vec![mark(verdict, VERDICT_LEFT + 6.0, line - 4.0)];
    let font = VERDICT.in_colour(verdict.colour());
    tags.extend(font.write_lines(x, line, RIGHT - x, 2, &effect.verdict));
    tags
}
