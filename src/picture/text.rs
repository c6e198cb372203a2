//! Texts of any Unicode, made fit for XML and for the width that there is for them.
//!
//! There is no font to measure with, and the reader's is not known: widths are estimated, for a
//! font as wide as the widest usual ones.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar as _;

/// Marks upon a character, or parts of an emoji, that are kept: enough for every written
/// language and every emoji, too few to write across other rows.
const MOST_PARTS: usize = 12;

/// Marks without a width that are kept in a row.
const MOST_MARKS: usize = 3;

/// What is written in place of a part that does not fit.
const ELLIPSIS: &str = "…";

/// The text without what XML forbids and what turns the direction of its surroundings; white
/// space is single spaces.
pub fn clean(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter_map(|c| match c {
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => None,
            c if c.is_whitespace() => Some(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                Some(char::REPLACEMENT_CHARACTER)
            }
            c => Some(c),
        })
        .collect();
    visible
        .split_whitespace()
        .map(without_piled_marks)
        .collect::<Vec<_>>()
        .join(" ")
}

fn without_piled_marks(word: &str) -> String {
    let mut kept = String::with_capacity(word.len());
    for cluster in word.graphemes(true) {
        let mut marks = 0;
        kept.extend(cluster.chars().take(MOST_PARTS).filter(|c| {
            marks = if c.width() == Some(0) { marks + 1 } else { 0 };
            marks <= MOST_MARKS
        }));
    }
    kept
}

/// The estimated width of a text in a font of that size.
pub fn width(text: &str, size: f64) -> f64 {
    text.graphemes(true).map(cluster_width).sum::<f64>() * size
}

/// In parts of the font's size.
fn cluster_width(cluster: &str) -> f64 {
    match cluster.chars().next() {
        None => 0.0,
        Some('i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ') => 0.36,
        Some('f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/') => 0.43,
        Some('m' | 'w' | 'M' | 'W' | '@' | '%' | '…') => 1.0,
        Some('A'..='Z' | '+' | '−' | '<' | '>' | '=') => 0.78,
        Some(c) if c.is_ascii() => 0.65,
        // A font that lacks an emoji of several parts shows the parts.
        Some(_) => cluster.chars().map(part_width).sum::<f64>().max(0.8),
    }
}

fn part_width(part: char) -> f64 {
    match part.width() {
        // An emoji is wider than high in the fonts of most systems.
        Some(2..) => 1.3,
        Some(1) => 0.8,
        _ => 0.0,
    }
}

/// The cleaned text, with an ellipsis in place of what does not fit.
pub fn shorten(text: &str, available: f64, size: f64) -> String {
    fit(&clean(text), available, size)
}

fn fit(clean: &str, available: f64, size: f64) -> String {
    if width(clean, size) <= available {
        return clean.to_owned();
    }
    let mut left = available / size - cluster_width(ELLIPSIS);
    let mut kept = String::new();
    for cluster in clean.graphemes(true) {
        left -= cluster_width(cluster);
        if left < 0.0 {
            break;
        }
        kept.push_str(cluster);
    }
    kept.truncate(kept.trim_end().len());
    kept + ELLIPSIS
}

/// The cleaned text in at most that many lines, cut between words where it can be; the last one
/// has an ellipsis if there is more.
pub fn wrap(text: &str, available: f64, size: f64, lines: usize) -> Vec<String> {
    let clean = clean(text);
    let mut rest = clean.as_str();
    let mut wrapped = Vec::new();
    while !rest.is_empty() {
        let line = if wrapped.len() + 1 == lines {
            rest
        } else {
            first_line(rest, available, size)
        };
        wrapped.push(fit(line, available, size));
        rest = rest.get(line.len()..).unwrap_or_default().trim_start();
    }
    wrapped
}

/// The words that fit; at least one, be it too long.
fn first_line(text: &str, available: f64, size: f64) -> &str {
    let mut line = "";
    for (end, _) in text.match_indices(' ').chain([(text.len(), "")]) {
        let longer = text.get(..end).unwrap_or(text);
        if !line.is_empty() && width(longer, size) > available {
            break;
        }
        line = longer;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(
            clean("a\u{0}b\u{1}c\u{FFFF}"),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}"
        );
        assert_eq!(clean(" a\tb\r\n c "), "a b c");
        assert_eq!(clean("a\u{202E}b\u{2067}c"), "abc");
        assert_eq!(clean("<&>\"'"), "<&>\"'");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let piled = format!("Z{}b", "\u{301}".repeat(200));
        assert_eq!(clean(&piled), "Z\u{301}\u{301}\u{301}b");
        assert_eq!(clean("👩‍👩‍👧‍👦"), "👩‍👩‍👧‍👦");
        assert_eq!(clean("👍🏽 ❤️"), "👍🏽 ❤️");
    }

    #[test]
    fn what_fits_is_not_cut() {
        assert_eq!(shorten("checkout", 200.0, 12.0), "checkout");
        assert_eq!(
            wrap("no difference yet", 500.0, 12.0, 2),
            ["no difference yet"]
        );
        assert!(wrap("", 500.0, 12.0, 2).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        for text in ["a".repeat(512), "👩‍👩‍👧‍👦".repeat(20), "שלום".repeat(60)]
        {
            let short = shorten(&text, 100.0, 12.0);
            assert!(short.ends_with('…'), "{short}");
            assert!(width(&short, 12.0) <= 100.0, "{short}");
            assert!(text.starts_with(short.trim_end_matches('…')), "{short}");
        }
        assert_eq!(shorten("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 80.0, 12.0), "👩‍👩‍👧‍👦…");
    }

    #[test]
    fn lines_are_cut_between_words() {
        let lines = wrap(
            "the variance cannot be estimated from one subject",
            130.0,
            11.0,
            2,
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines.first().map(String::as_str),
            Some("the variance cannot")
        );
        assert!(
            lines.iter().all(|line| width(line, 11.0) <= 130.0),
            "{lines:?}"
        );
        assert!(lines.last().is_some_and(|line| line.ends_with('…')));
    }
}
