//! The effect of one variant by day, as a line with a band.

use crate::axis::Axis;
use crate::colour::{DASHES, LINES};
use crate::date::Day;
use crate::document::DailyVariant;
use crate::span::Span;
use crate::tag::{Tag, polygon, polyline, rect};

/// Lines of so few days have a mark on each.
const FEW: usize = 45;

/// What is known of a day.
struct Point {
    day: Day,
    lift: Option<f64>,
    band: Option<Span>,
}

/// A variant's days in order.
pub struct Series<'a> {
    /// Key of the variant.
    pub variant: &'a str,
    /// Its colour.
    pub colour: &'static str,
    /// Its dashes.
    pub dashes: &'static str,
    points: Vec<Point>,
}

/// The place of a day, in pixels.
pub type Places<'a> = &'a dyn Fn(Day) -> f64;

impl<'a> Series<'a> {
    /// The days that are dates, of the variant with this number.
    pub fn new(variant: &'a DailyVariant, number: usize) -> Self {
        let mut points: Vec<_> = variant
            .days
            .iter()
            .filter_map(|effect| {
                Some(Point {
                    day: Day::read(&effect.day)?,
                    lift: effect.lift,
                    band: Span::between(effect.seq_lift_ci_lower, effect.seq_lift_ci_upper),
                })
            })
            .collect();
        points.sort_by_key(|point| point.day);
        Self {
            variant: &variant.variant,
            colour: cycled(&LINES, number),
            // After all colours, each comes again with other dashes.
            dashes: cycled(&DASHES, number + number / LINES.len()),
            points,
        }
    }

    /// The days of which something is known.
    pub fn days(&self) -> impl Iterator<Item = Day> {
        self.points
            .iter()
            .filter(|point| point.lift.is_some() || point.band.is_some())
            .map(|point| point.day)
    }

    /// The values of each day.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        self.points.iter().filter_map(|point| {
            let lift = Span::between(point.lift, point.lift);
            Span::around([lift, point.band].into_iter().flatten())
        })
    }

    /// The lift known last.
    pub fn last(&self) -> Option<f64> {
        self.points.iter().rev().find_map(|point| point.lift)
    }

    /// The bands: one shape for each run of days that have one.
    pub fn bands(&self, places: Places<'_>, axis: &Axis) -> Vec<Tag> {
        let edges = |point: &Point| {
            point.band.map(|band| {
                let (low, high) = (axis.free_place(band.low), axis.free_place(band.high));
                (places(point.day), low, high)
            })
        };
        runs(&self.points, edges)
            .into_iter()
            .map(|run| match run.as_slice() {
                [(x, low, high)] => rect(x - 4.0, *high, 8.0, low - high, self.colour),
                run => {
                    let above = run.iter().map(|(x, _, high)| (*x, *high));
                    let below = run.iter().rev().map(|(x, low, _)| (*x, *low));
                    polygon(&above.chain(below).collect::<Vec<_>>(), self.colour)
                }
            })
            .map(|band| band.with("fill-opacity", 0.13).with("class", "band"))
            .collect()
    }

    /// The lines: one for each run of days that have a lift, and marks if they are few.
    pub fn lines(&self, places: Places<'_>, axis: &Axis) -> Vec<Tag> {
        let place = |point: &Point| {
            let lift = point.lift?;
            Some((places(point.day), axis.free_place(lift)))
        };
        let runs = runs(&self.points, place);
        let mut tags = Vec::new();
        for run in &runs {
            if run.len() > 1 {
                tags.push(polyline(run, 2.0, self.colour).with("stroke-dasharray", self.dashes));
            }
            if self.points.len() <= FEW || run.len() == 1 {
                tags.extend(run.iter().map(|(x, y)| dot(*x, *y, self.colour)));
            }
        }
        tags
    }
}

fn dot(x: f64, y: f64, colour: &str) -> Tag {
    Tag::new("circle")
        .at("cx", x)
        .at("cy", y)
        .with("r", 2.5)
        .with("fill", colour)
}

/// What follows each other without a gap.
fn runs<T>(points: &[Point], place: impl Fn(&Point) -> Option<T>) -> Vec<Vec<T>> {
    let mut runs = vec![Vec::new()];
    for place in points.iter().map(place) {
        match (place, runs.last_mut()) {
            (Some(place), Some(run)) => run.push(place),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn cycled(values: &[&'static str], number: usize) -> &'static str {
    values
        .get(number % values.len())
        .copied()
        .unwrap_or_default()
}
