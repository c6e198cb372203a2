//! The line of an error and the carets under it.

use std::ops::Range;

/// How many characters before the error are shown.
const BEFORE: usize = 40;

/// How many characters from the error's first on are shown.
const AFTER: usize = 32;

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// The line that contains the start of `span`, cut to a window around it, and a line of carets
/// under the part of the span that is visible.
pub(super) fn excerpt(source: &str, span: &Range<usize>) -> String {
    let (before, rest) = source.split_at_checked(span.start).unwrap_or((source, ""));
    let before = before.rsplit('\n').next().unwrap_or_default();
    let rest = rest.split('\n').next().unwrap_or_default();
    let marked = rest.get(..span.len()).unwrap_or(rest).chars().count();

    let left = last_characters(before);
    let right = first_characters(rest);
    let blanks: usize = left.chars().map(width).sum();
    let carets: usize = right.chars().take(marked).map(width).sum();
    let line = format!("{left}{right}");
    format!(
        "{}\n{}{}",
        line.trim_end(),
        " ".repeat(blanks),
        "^".repeat(carets.max(1))
    )
}

fn last_characters(text: &str) -> String {
    let mut tail: Vec<char> = text.chars().rev().take(BEFORE + 1).map(shown).collect();
    if tail.len() > BEFORE {
        tail.truncate(BEFORE - 1);
        tail.push(ELLIPSIS);
    }
    tail.into_iter().rev().collect()
}

fn first_characters(text: &str) -> String {
    let mut head: Vec<char> = text.chars().take(AFTER + 1).map(shown).collect();
    if head.len() > AFTER {
        head.truncate(AFTER - 1);
        head.push(ELLIPSIS);
    }
    head.into_iter().collect()
}

/// A character as it is printed: what would move the cursor, or turn the direction of the
/// text, becomes a blank.
pub(super) fn shown(character: char) -> char {
    match character {
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' => ' ',
        '\u{feff}' => ' ',
        other if other.is_control() => ' ',
        other => other,
    }
}

/// How many columns a terminal gives a character. A rough table is enough: what it gets wrong
/// moves the caret by a column.
fn width(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0xfe00..=0xfe0f | 0x20d0..=0x20ff => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => 2,
        0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
