//! How large a configuration document may become.
//!
//! A flag's values repeat all of its variables for each variation, and an experiment may belong to
//! many flags, so a datafile can stand for far more than it holds. What is written is counted before
//! it is built.

use crate::optimizely::error::DatafileError;
use crate::optimizely::place::Place;

/// The most bytes that the rows may take, roughly: what jsonb holds in one array.
const MAX_BYTES: usize = 0x0fff_ffff;

/// About what a row takes in jsonb besides its texts: keys, identifiers, and the head of each.
const ROW_BYTES: usize = 160;

/// About what a member of a row takes besides its text: a variable, or a range.
pub(super) const PART_BYTES: usize = 64;

/// The bytes that are left.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(MAX_BYTES)
    }

    /// Takes a row with so many bytes of texts from the budget.
    pub(super) fn row(&mut self, bytes: usize, place: &Place<'_>) -> Result<(), DatafileError> {
        place.pause();
        let row = bytes.saturating_add(ROW_BYTES);
        match self.0.checked_sub(row) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => {
                let message = format!("configuration would take more than {MAX_BYTES} bytes here");
                let hint = "flags, experiments and variables multiply each other's values";
                Err(place.error(message).with_hint(hint))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_budget_is_refused() {
        let mut budget = Budget::new();
        let place = Place::ROOT.key("experiments");
        budget.row(MAX_BYTES / 2, &place).unwrap();
        let error = budget.row(MAX_BYTES / 2, &place).unwrap_err();
        assert_eq!(error.path, "$.experiments");
        assert!(budget.row(usize::MAX, &place).is_err());
        assert!(budget.row(1, &place).is_ok());
    }
}
