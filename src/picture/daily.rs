//! The effect on one metric by day, a line for each variant.

use crate::axis::Axis;
use crate::colour;
use crate::date::{self, Day};
use crate::document::Daily;
use crate::figure;
use crate::font::Font;
use crate::forest::better;
use crate::page::{LEFT, Part, RIGHT};
use crate::range::range;
use crate::series::{Places, Series};
use crate::tag::{Tag, horizontal, line, vertical};

const HEADING: Font = Font::new(15.0, colour::INK).strong();
const SMALL: Font = Font::new(11.0, colour::MUTED);
const NAME: Font = Font::new(12.0, colour::INK);
const EMPTY: Font = Font::new(13.0, colour::MUTED);

/// Where the plot begins; labels of the axis are before it.
const PLOT_LEFT: f64 = LEFT + 56.0;
/// Where it ends; names of variants are behind it.
const PLOT_RIGHT: f64 = 712.0;
/// Between the ends of lines and the edges of the plot.
const MARGIN: f64 = 10.0;
const NAME_LEFT: f64 = PLOT_RIGHT + 46.0;
/// Height of the plot, unless there are more names than fit.
const PLOT_HEIGHT: f64 = 230.0;
const NAME_HEIGHT: f64 = 18.0;
const MOST_DATES: i32 = 8;

/// The part, from `top` on; `alpha` is that of the bands.
pub fn draw(daily: &Daily, alpha: Option<f64>, top: f64) -> Part {
    let series: Vec<Series<'_>> = daily
        .variants
        .iter()
        .enumerate()
        .map(|(number, variant)| Series::new(variant, number))
        .collect();
    let mut tags = heading(daily, top + 16.0);
    let first = series.iter().flat_map(Series::days).min();
    let last = series.iter().flat_map(Series::days).max();
    let Some((first, last)) = first.zip(last) else {
        tags.push(EMPTY.write(LEFT, top + 42.0, "No days yet."));
        return Part {
            tags,
            bottom: top + 48.0,
        };
    };
    let plot_top = top + 62.0;
    let names = series.iter().map(|_| NAME_HEIGHT).sum::<f64>();
    let plot_bottom = plot_top + names.max(PLOT_HEIGHT);
    let spans: Vec<_> = series.iter().flat_map(Series::spans).collect();
    let axis = Axis::new(range(&spans), plot_bottom, plot_top, 5.0);
    let places = |day: Day| place(day, first, last);
    let is_cut = spans.iter().any(|span| axis.cuts(*span));
    tags.push(SMALL.write(LEFT, top + 38.0, &legend(alpha, is_cut)));
    tags.extend(levels(&axis));
    tags.extend(dates(first, last, plot_top, plot_bottom));
    tags.push(plot(&series, &places, &axis, plot_top, plot_bottom));
    tags.extend(names_of(&series, &axis, plot_top, plot_bottom));
    Part {
        tags,
        bottom: plot_bottom + 36.0,
    }
}

fn heading(daily: &Daily, y: f64) -> Vec<Tag> {
    let label = "Lift by day";
    let mut right = RIGHT - 8.0;
    let mut tags = vec![HEADING.write(LEFT, y, label)];
    if let Some(direction) = better(&daily.direction) {
        tags.push(SMALL.to_the_left().write(right, y, direction));
        right -= SMALL.width(direction) + 16.0;
    }
    let x = LEFT + HEADING.width(label) + 12.0;
    let metric = HEADING.in_colour(colour::MUTED);
    tags.push(metric.write_within(x, y, right - x, &daily.metric));
    tags
}

fn legend(alpha: Option<f64>, is_cut: bool) -> String {
    let coverage = figure::coverage(alpha).map_or_else(String::new, |coverage| coverage + " ");
    let cut = if is_cut {
        " Some go on beyond the axis."
    } else {
        ""
    };
    format!("Lines: lift up to that day. Bands: {coverage}always-valid interval.{cut}")
}

fn place(day: Day, first: Day, last: Day) -> f64 {
    let (from, to) = (PLOT_LEFT + MARGIN, PLOT_RIGHT - MARGIN);
    if first == last {
        return (from + to) / 2.0;
    }
    from + day.since(first) / last.since(first) * (to - from)
}

fn levels(axis: &Axis) -> Vec<Tag> {
    let labels = SMALL.to_the_left();
    axis.ticks()
        .flat_map(|(y, label)| {
            [
                horizontal(PLOT_LEFT, PLOT_RIGHT, y, 1.0, colour::GRID),
                labels.write(PLOT_LEFT - 8.0, y + 4.0, &label),
            ]
        })
        .collect()
}

fn dates(first: Day, last: Day, top: f64, bottom: f64) -> Vec<Tag> {
    let labels = SMALL.centred();
    let mut tags = Vec::new();
    for tick in date::ticks(first, last, MOST_DATES) {
        let x = place(tick.day, first, last);
        tags.push(vertical(x, top, bottom + 4.0, 1.0, colour::GRID));
        tags.push(labels.write(x, bottom + 17.0, &tick.label));
        if let Some(year) = tick.year {
            tags.push(labels.write(x, bottom + 31.0, &year));
        }
    }
    tags
}

/// The lines, cut at the edges: an inner picture does so without an identifier, which would have
/// to be unlike those of other pictures on the same page.
fn plot(series: &[Series<'_>], places: Places<'_>, axis: &Axis, top: f64, bottom: f64) -> Tag {
    let (width, height) = (PLOT_RIGHT - PLOT_LEFT, bottom - top);
    let zero = axis.place(0.0);
    Tag::new("svg")
        .at("x", PLOT_LEFT)
        .at("y", top)
        .at("width", width)
        .at("height", height)
        .with(
            "viewBox",
            format!("{PLOT_LEFT} {} {width} {height}", crate::tag::rounded(top)),
        )
        .with("overflow", "hidden")
        .holding_all(series.iter().flat_map(|series| series.bands(places, axis)))
        .holding(horizontal(PLOT_LEFT, PLOT_RIGHT, zero, 1.25, colour::ZERO).with("class", "zero"))
        .holding_all(series.iter().flat_map(|series| series.lines(places, axis)))
}

/// The names of the variants, each where its line ends, or as near as the others let it.
fn names_of(series: &[Series<'_>], axis: &Axis, top: f64, bottom: f64) -> Vec<Tag> {
    let mut ends: Vec<_> = series
        .iter()
        .map(|series| (series, series.last().map(|lift| axis.place(lift))))
        .collect();
    ends.sort_by(|(_, one), (_, other)| {
        let (one, other) = (one.unwrap_or(bottom), other.unwrap_or(bottom));
        one.total_cmp(&other)
    });
    let wanted: Vec<f64> = ends.iter().map(|(_, end)| end.unwrap_or(bottom)).collect();
    let mut tags = Vec::new();
    for ((series, end), y) in ends.iter().zip(apart(&wanted, top, bottom)) {
        if let Some(end) = end {
            let from = (PLOT_RIGHT - MARGIN + 4.0, *end);
            tags.push(line(from, (PLOT_RIGHT + 14.0, y), 1.0, colour::BORDER));
        }
        let sample = horizontal(PLOT_RIGHT + 16.0, NAME_LEFT - 6.0, y, 3.0, series.colour);
        tags.push(sample.with("stroke-dasharray", series.dashes));
        tags.push(NAME.write_within(NAME_LEFT, y + 4.0, RIGHT - NAME_LEFT, series.variant));
    }
    tags
}

/// Places in order, moved until names at them do not overlap.
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut places = Vec::with_capacity(wanted.len());
    let mut free = top + NAME_HEIGHT / 2.0;
    for y in wanted {
        let y = y.max(free);
        places.push(y);
        free = y + NAME_HEIGHT;
    }
    let mut free = bottom - NAME_HEIGHT / 2.0;
    for y in places.iter_mut().rev() {
        *y = y.min(free);
        free = *y - NAME_HEIGHT;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_overlap() {
        let places = apart(&[50.0, 51.0, 52.0, 300.0, 300.0], 0.0, 300.0);
        for (one, next) in places.iter().zip(places.iter().skip(1)) {
            assert!(next - one >= NAME_HEIGHT, "{places:?}");
        }
        assert!(
            places.iter().all(|y| (0.0..=300.0).contains(y)),
            "{places:?}"
        );
        assert_eq!(apart(&[100.0], 0.0, 300.0), [100.0]);
    }
}
