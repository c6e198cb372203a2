//! What experiment it is, how large, what was decided, and whether it can be trusted.

use crate::colour;
use crate::document::{Check, Document};
use crate::figure;
use crate::font::Font;
use crate::mark::{cross, tick};
use crate::page::{LEFT, Part, RIGHT};
use crate::tag::{Tag, polygon, rect, vertical};

const KEY: Font = Font::new(22.0, colour::INK).strong();
const STATUS: Font = Font::new(12.0, colour::MUTED).strong().centred();
const LABEL: Font = Font::new(11.0, colour::MUTED);
const VALUE: Font = Font::new(14.0, colour::INK).strong();
const FINDING: Font = Font::new(12.5, colour::INK);

/// Checks that warn or fail are shown up to this number.
const MOST_FINDINGS: usize = 6;
const FINDING_HEIGHT: f64 = 22.0;

/// Where the figures begin.
const FIGURES: [f64; 3] = [LEFT, LEFT + 150.0, LEFT + 380.0];

/// The part, from `top` on.
pub fn draw(document: &Document, top: f64) -> Part {
    let mut tags = title(document, top);
    tags.extend(figures(document, top + 50.0));
    let findings = findings(&document.health);
    let mut y = top + 110.0;
    for finding in &findings {
        tags.extend(finding.draw(y));
        y += FINDING_HEIGHT;
    }
    Part {
        tags,
        bottom: y - FINDING_HEIGHT + 8.0,
    }
}

fn title(document: &Document, top: f64) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut right = RIGHT;
    if !document.status.is_empty() {
        let width = (STATUS.width(&document.status) + 28.0).clamp(72.0, 200.0);
        right -= width;
        tags.push(rect(right, top, width, 26.0, colour::SHADE).with("rx", 13));
        tags.push(STATUS.write_within(right + width / 2.0, top + 17.5, 176.0, &document.status));
    }
    tags.push(KEY.write_within(LEFT, top + 21.0, right - LEFT - 24.0, &document.experiment));
    tags
}

fn figures(document: &Document, top: f64) -> Vec<Tag> {
    let subjects = document
        .subjects
        .map_or_else(|| figure::NONE.to_owned(), figure::count);
    let values = [
        ("Subjects", subjects.as_str()),
        ("As of", &document.as_of),
        ("Decision", &document.decision),
    ];
    let ends = FIGURES
        .iter()
        .skip(1)
        .map(|next| next - 24.0)
        .chain([RIGHT]);
    let mut tags = Vec::new();
    for ((x, end), (label, value)) in FIGURES.into_iter().zip(ends).zip(values) {
        // As long as nothing is decided there is nothing to say.
        if label == "Decision" && value.is_empty() {
            continue;
        }
        let value = if value.is_empty() {
            figure::NONE
        } else {
            value
        };
        tags.push(LABEL.write(x, top, label));
        tags.push(VALUE.write_within(x, top + 20.0, end - x, value));
        if x > LEFT {
            tags.push(vertical(
                x - 16.0,
                top - 10.0,
                top + 24.0,
                1.0,
                colour::GRID,
            ));
        }
    }
    tags
}

/// A line about the experiment's health.
enum Finding<'a> {
    /// Nothing was checked.
    Unchecked,
    /// So many checks, all of them passed.
    Passed(usize),
    /// A check that did not pass.
    Check(&'a Check),
    /// So many more.
    More(usize),
}

fn findings(health: &[Check]) -> Vec<Finding<'_>> {
    if health.is_empty() {
        return vec![Finding::Unchecked];
    }
    // What failed comes first.
    let (failed, rest): (Vec<_>, Vec<_>) = health.iter().partition(|check| check.status == "fail");
    let warned: Vec<_> = rest
        .into_iter()
        .filter(|check| check.status != "ok")
        .collect();
    let bad = failed.len() + warned.len();
    if bad == 0 {
        return vec![Finding::Passed(health.len())];
    }
    let shown = if bad > MOST_FINDINGS {
        MOST_FINDINGS - 1
    } else {
        bad
    };
    let mut findings: Vec<_> = failed
        .into_iter()
        .chain(warned)
        .take(shown)
        .map(Finding::Check)
        .collect();
    if bad > shown {
        findings.push(Finding::More(bad - shown));
    }
    findings
}

impl Finding<'_> {
    /// The line, with its base line at `y`.
    fn draw(&self, y: f64) -> Vec<Tag> {
        let (x, middle) = (LEFT + 6.0, y - 4.5);
        let text = LEFT + 22.0;
        let plain = |line: String| FINDING.in_colour(colour::MUTED).write(text, y, &line);
        match self {
            Self::Unchecked => {
                vec![
                    FINDING
                        .in_colour(colour::MUTED)
                        .write(LEFT, y, "Health: not checked"),
                ]
            }
            Self::Passed(checks) => {
                let all = match checks {
                    1 => "the check passed".to_owned(),
                    checks => format!("all {checks} checks passed"),
                };
                let line = format!("Healthy: {all}");
                let font = FINDING.in_colour(colour::FINE);
                vec![tick(x, middle, colour::FINE), font.write(text, y, &line)]
            }
            Self::More(checks) => vec![plain(format!("and {checks} more"))],
            Self::Check(check) => {
                let (mark, colour) = if check.status == "fail" {
                    (cross(x, middle, colour::FAILURE), colour::FAILURE)
                } else {
                    (warning(x, middle), colour::WARNING)
                };
                let name = FINDING.strong().in_colour(colour);
                let width = name.width(&check.check_name).min(260.0);
                let detail = text + width + 10.0;
                vec![
                    mark,
                    name.write_within(text, y, width, &check.check_name),
                    FINDING.write_within(detail, y, RIGHT - detail, &check.detail),
                ]
            }
        }
    }
}

/// A triangle with an exclamation mark, which is drawn.
fn warning(x: f64, y: f64) -> Tag {
    Tag::new("g")
        .holding(
            polygon(
                &[(x - 5.5, y + 4.5), (x, y - 5.0), (x + 5.5, y + 4.5)],
                colour::WARNING,
            )
            .with("stroke", colour::WARNING)
            .with("stroke-width", 2)
            .with("stroke-linejoin", "round"),
        )
        .holding(vertical(x, y - 2.0, y + 1.5, 1.6, colour::PAPER))
        .holding(vertical(x, y + 3.0, y + 4.6, 1.6, colour::PAPER))
}
