//! The effects with their intervals on one axis, a row for each metric and variant.

use crate::axis::Axis;
use crate::colour;
use crate::document::{Document, Effect};
use crate::figure;
use crate::font::Font;
use crate::mark::{Mark, tip};
use crate::page::{LEFT, Part, RIGHT};
use crate::range::range;
use crate::row;
use crate::tag::{Tag, rect, vertical};
use crate::verdict::Verdict;

/// Where the plot begins.
pub const PLOT_LEFT: f64 = 196.0;
/// Where it ends.
pub const PLOT_RIGHT: f64 = 504.0;

const HEADING: Font = Font::new(15.0, colour::INK).strong();
const COLUMN: Font = Font::new(11.0, colour::MUTED);
const TICK: Font = Font::new(11.0, colour::MUTED).centred();
const METRIC: Font = Font::new(13.0, colour::INK).strong();
const TAG: Font = Font::new(10.5, colour::MUTED).strong().centred();
const EMPTY: Font = Font::new(13.0, colour::MUTED);

/// Height of the heading of a metric.
const METRIC_HEIGHT: f64 = 28.0;
/// Above the first and below the last row of a metric.
const PADDING: f64 = 4.0;
/// Width of a tag.
const TAG_WIDTH: f64 = 84.0;
/// From this number of rows on, the axis stands below them too.
const MANY: usize = 8;

/// The part, from `top` on.
pub fn draw(document: &Document, top: f64) -> Part {
    let mut tags = vec![HEADING.write(LEFT, top + 16.0, "Effect on each metric")];
    if document.metrics.is_empty() {
        tags.push(EMPTY.write(LEFT, top + 42.0, "No metrics yet."));
        return Part {
            tags,
            bottom: top + 48.0,
        };
    }
    let spans: Vec<_> = document.metrics.iter().filter_map(row::span).collect();
    let axis = Axis::new(range(&spans), PLOT_LEFT + 10.0, PLOT_RIGHT - 10.0, 6.0);
    let coverage = figure::coverage(document.alpha).unwrap_or_default();
    let is_cut = spans.iter().any(|span| axis.cuts(*span));
    tags.extend(legend(top + 42.0, &coverage, is_cut));
    tags.extend(columns(document, top + 70.0, &coverage));
    tags.extend(tick_labels(&axis, top + 86.0));
    let body = body(document, &axis, top + 94.0);
    tags.extend(body.tags);
    let mut bottom = body.bottom;
    if document.metrics.len() >= MANY {
        tags.extend(tick_labels(&axis, bottom + 15.0));
        bottom += 20.0;
    }
    Part { tags, bottom }
}

/// Metrics in the order of their first effects, each with its effects.
fn groups(metrics: &[Effect]) -> Vec<Vec<&Effect>> {
    let mut groups: Vec<Vec<&Effect>> = Vec::new();
    for effect in metrics {
        let same = groups.iter_mut().find(|group| {
            group
                .first()
                .is_some_and(|first| first.metric == effect.metric)
        });
        match same {
            Some(group) => group.push(effect),
            None => groups.push(vec![effect]),
        }
    }
    groups
}

fn body(document: &Document, axis: &Axis, top: f64) -> Part {
    let mut tags = Vec::new();
    let mut y = top;
    for group in groups(&document.metrics) {
        let Some(first) = group.first() else { continue };
        tags.extend(metric(first, y));
        y += METRIC_HEIGHT;
        let rows = group.iter().map(|effect| row::height(effect)).sum::<f64>() + 2.0 * PADDING;
        tags.extend(grid(axis, y, y + rows));
        y += PADDING;
        for effect in group {
            tags.push(row::draw(effect, axis, y));
            y += row::height(effect);
        }
        y += PADDING;
    }
    Part { tags, bottom: y }
}

fn grid(axis: &Axis, from: f64, to: f64) -> Vec<Tag> {
    let ticks = axis
        .ticks()
        .map(|(x, _)| vertical(x, from, to, 1.0, colour::GRID));
    let zero = vertical(axis.place(0.0), from, to, 1.25, colour::ZERO).with("class", "zero");
    ticks.chain([zero]).collect()
}

fn tick_labels(axis: &Axis, y: f64) -> impl Iterator<Item = Tag> {
    axis.ticks().map(move |(x, label)| TICK.write(x, y, &label))
}

fn metric(effect: &Effect, top: f64) -> Vec<Tag> {
    let y = top + 18.5;
    let mut right = RIGHT - 8.0;
    let mut tags = vec![rect(LEFT, top, RIGHT - LEFT, METRIC_HEIGHT, colour::SHADE).with("rx", 4)];
    if !effect.role.is_empty() {
        tags.push(
            rect(right - TAG_WIDTH, top + 5.0, TAG_WIDTH, 18.0, colour::PAPER)
                .with("stroke", colour::BORDER)
                .with("rx", 9),
        );
        let middle = right - TAG_WIDTH / 2.0;
        tags.push(TAG.write_within(middle, top + 17.7, TAG_WIDTH - 12.0, &effect.role));
        right -= TAG_WIDTH + 12.0;
    }
    if let Some(direction) = better(&effect.direction) {
        tags.push(COLUMN.to_the_left().write(right, y - 0.5, direction));
        right -= COLUMN.width(direction) + 16.0;
    }
    tags.push(METRIC.write_within(LEFT + 8.0, y, right - LEFT - 8.0, &effect.metric));
    tags
}

/// Which way is better, in words; none if it is not known.
pub fn better(direction: &str) -> Option<&'static str> {
    match direction {
        "increase" => Some("higher is better"),
        "decrease" => Some("lower is better"),
        _ => None,
    }
}

fn columns(document: &Document, y: f64, coverage: &str) -> Vec<Tag> {
    let right = COLUMN.to_the_left();
    let mut tags = vec![
        right.write(row::LIFT_RIGHT, y + 14.0, "lift"),
        right.write(row::INTERVAL_RIGHT, y, &format!("{coverage} always valid")),
        right.write(row::INTERVAL_RIGHT, y + 14.0, "interval"),
        right.write(row::P_RIGHT, y + 14.0, "p"),
        COLUMN.write(row::VERDICT_LEFT, y + 14.0, "verdict"),
    ];
    let mut controls: Vec<&str> = document
        .metrics
        .iter()
        .map(|effect| effect.control.as_str())
        .collect();
    controls.dedup();
    match controls.as_slice() {
        [control] if !control.is_empty() => {
            tags.push(COLUMN.write(LEFT + 8.0, y, "compared with"));
            let strong = COLUMN.strong().in_colour(colour::INK);
            tags.push(strong.write_within(LEFT + 8.0, y + 14.0, 144.0, control));
        }
        _ => tags.push(COLUMN.write(LEFT + 8.0, y + 14.0, "variant")),
    }
    tags
}

/// What bars and marks mean, in a line.
fn legend(y: f64, coverage: &str, is_cut: bool) -> Vec<Tag> {
    let middle = y - 4.0;
    let mark = |verdict: Verdict| {
        move |x: f64| verdict.mark().draw(x + 6.0, middle, 5.0, verdict.colour())
    };
    let mut tags = Vec::new();
    let mut x = LEFT;
    let mut entry = |sample: &dyn Fn(f64) -> Tag, width: f64, label: &str| {
        tags.push(sample(x));
        tags.push(COLUMN.write(x + width + 6.0, y, label));
        x += width + 6.0 + COLUMN.width(label) + 14.0;
    };
    entry(
        &|x| rect(x, middle - 4.0, 26.0, 8.0, colour::NEITHER).with("rx", 2),
        26.0,
        format!("{coverage} at the planned end").trim(),
    );
    entry(
        &|x| rect(x, middle - 1.0, 26.0, 2.0, colour::NEITHER),
        26.0,
        format!("{coverage} always valid, on any day").trim(),
    );
    entry(&mark(Verdict::Better), 12.0, "better");
    entry(&mark(Verdict::Worse), 12.0, "worse");
    entry(&mark(Verdict::Neither), 12.0, "no difference shown");
    if is_cut {
        entry(
            &|x| tip(x + 8.0, middle, true, colour::NEITHER),
            8.0,
            "beyond the axis",
        );
    }
    tags
}

/// The mark of a verdict is the same in the plot and next to its words.
pub fn mark(verdict: Verdict, x: f64, y: f64) -> Tag {
    let radius = if verdict.mark() == Mark::Dot {
        5.0
    } else {
        5.5
    };
    verdict.mark().draw(x, y, radius, verdict.colour())
}
