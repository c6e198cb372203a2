//! What a translation left out without changing any answer.

use serde::Serialize;

use crate::optimizely::place::Place;

/// Something in the datafile that decides nothing, or not what it seems to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The place in the datafile; of several, the first.
    pub path: String,
    /// What was found there, and what follows from it.
    pub message: String,
}

/// Counts what is to become one warning, and remembers where it was met first.
#[derive(Clone, Default)]
pub(super) struct Tally {
    first: Option<String>,
    count: usize,
}

impl Tally {
    /// Counts what was found at this place.
    pub(super) fn add(&mut self, place: &Place<'_>) {
        self.count += 1;
        self.first.get_or_insert_with(|| place.to_string());
    }

    /// Appends the warning, if there was anything. A count is put behind the message when there
    /// was more than one.
    pub(super) fn report(self, warnings: &mut Vec<Warning>, message: &str) {
        let Some(path) = self.first else {
            return;
        };
        let message = match self.count {
            1 => message.to_owned(),
            count => format!("{message} ({count} times)"),
        };
        warnings.push(Warning { path, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_stands_for_all_of_a_kind() {
        let mut warnings = Vec::new();
        let mut tally = Tally::default();
        tally.clone().report(&mut warnings, "nothing");
        tally.add(&Place::ROOT.key("a"));
        tally.clone().report(&mut warnings, "one");
        tally.add(&Place::ROOT.key("b"));
        tally.report(&mut warnings, "two");
        let texts: Vec<String> = warnings
            .iter()
            .map(|warning| format!("{}: {}", warning.path, warning.message))
            .collect();
        assert_eq!(texts, ["$.a: one", "$.a: two (2 times)"]);
    }
}
