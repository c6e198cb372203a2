//! The colours. Those that tell things apart differ in lightness too, and are told apart by
//! people who cannot tell red from green.

/// Behind everything: the picture is light on dark pages as well.
pub const PAPER: &str = "#ffffff";
/// Border of the picture.
pub const BORDER: &str = "#dde2e8";
/// Behind headings within a table.
pub const SHADE: &str = "#f3f5f8";
/// Texts that come first.
pub const INK: &str = "#18212c";
/// Texts that come second.
pub const MUTED: &str = "#5a6572";
/// Lines at ticks, and between rows.
pub const GRID: &str = "#e7ebf0";
/// The line at zero.
pub const ZERO: &str = "#6b7683";
/// What is better.
pub const BETTER: &str = "#0b63b0";
/// What is worse.
pub const WORSE: &str = "#c8500a";
/// What is neither.
pub const NEITHER: &str = "#66717e";
/// A check that passed.
pub const FINE: &str = "#0a7a5c";
/// A check that warns.
pub const WARNING: &str = "#9a5b00";
/// A check that failed.
pub const FAILURE: &str = "#b0153a";

/// Lines of variants, one after the other.
pub const LINES: [&str; 6] = [
    "#0b63b0", "#d2660a", "#0a8a68", "#9a4791", "#4a5563", "#3fa0d8",
];

/// Dashes of lines, so that colour is not all that tells them apart.
pub const DASHES: [&str; 5] = ["none", "7 3", "2 3", "9 3 2 3", "4 2"];
