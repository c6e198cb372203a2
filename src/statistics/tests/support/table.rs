//! Tables of expected numbers: comma-separated, the names of the columns in the first line.

use std::collections::HashMap;

/// A line of a table.
pub struct Row<'a>(HashMap<&'a str, &'a str>);

impl<'a> Row<'a> {
    /// The text of a column.
    #[track_caller]
    pub fn text(&self, column: &str) -> &'a str {
        self.0
            .get(column)
            .unwrap_or_else(|| panic!("no column {column}"))
    }

    /// The number in a column, if there is one.
    #[track_caller]
    pub fn maybe(&self, column: &str) -> Option<f64> {
        let text = self.text(column);
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    /// The number in a column.
    #[track_caller]
    pub fn number(&self, column: &str) -> f64 {
        self.text(column).parse().unwrap()
    }

    /// The count in a column.
    #[track_caller]
    pub fn count(&self, column: &str) -> u64 {
        self.text(column).parse().unwrap()
    }

    /// Panics unless a number is the one in a column, to relative 1e-9 or absolute 1e-12.
    #[track_caller]
    pub fn assert(&self, column: &str, found: f64) {
        let expected = self.number(column);
        let difference = (found - expected).abs();
        assert!(
            difference <= (1e-9 * expected.abs()).max(1e-12),
            "{column} of {} {}: found {found:e}, expected {expected:e}",
            self.text("set"),
            self.0.get("metric").unwrap_or(&"")
        );
    }
}

/// The lines of a table.
pub fn rows(table: &str) -> Vec<Row<'_>> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| Row(names.iter().copied().zip(line.split(',')).collect()))
        .collect()
}
