//! The picture of an experiment's report: a JSON document in, an SVG document out.
//!
//! ```
//! let picture = lotty_picture::draw(r#"{"experiment": "checkout", "metrics": []}"#)?;
//! assert!(picture.starts_with("<svg"));
//! # Ok::<(), lotty_picture::Error>(())
//! ```
//!
//! The picture stands alone: no script, no reference to anything outside, text as text. It is the
//! same for the same document. All texts of the document may be any Unicode.
//!
//! | module | what it holds |
//! |---|---|
//! | [`document`] | what is drawn, as it is read |
//! | `page` | the parts below each other |
//! | `header` | experiment, figures, health |
//! | `forest`, `row` | effects with their intervals, one row a metric and variant |
//! | `daily`, `series`, `date` | the effect by day |
//! | `axis`, `range`, `span` | values → places |
//! | `verdict`, `colour`, `mark` | how a verdict looks |
//! | `font`, `text`, `figure` | texts and numbers |
//! | `tag` | elements |
#![forbid(unsafe_code)]

mod axis;
mod colour;
mod daily;
mod date;
pub mod document;
mod figure;
mod font;
mod forest;
mod header;
mod mark;
mod page;
mod range;
mod row;
mod series;
mod span;
mod tag;
mod text;
mod verdict;

use document::Document;

/// Why there is no picture: the document is no JSON, or not of the shape of [`Document`].
///
/// [`Display`](std::fmt::Display) prints what is wrong, and line and column of the document.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] serde_json::Error);

/// Draws a report.
///
/// `document` is the JSON text of a [`Document`]. The answer is a whole SVG document, 900 pixels
/// wide and as high as it needs to be.
///
/// # Errors
/// [`Error`] if the document cannot be read. What is null or missing is no error.
pub fn draw(document: &str) -> Result<String, Error> {
    Ok(page::draw(&Document::read(document)?))
}
