//! `lotty.draw_report`: what `lotty_report_svg` (`sql/reports/70_picture.sql`) has collected, drawn.

use pgrx::prelude::*;

use crate::errors;

/// The picture (SVG) of a report, of which a JSON document has the numbers (`lotty_picture::document`).
///
/// Immutable, parallel safe; NULL for NULL. Errors: 22023 if the document is not one of a report.
#[pg_extern(schema = "lotty", immutable, strict, parallel_safe, requires = ["schema"])]
fn draw_report(document: &str) -> String {
    lotty_picture::draw(document).unwrap_or_else(|error| errors::not_a_report(&error.to_string()))
}
