//! How a verdict looks. Its words are the document's, and are shown as they are.

use crate::colour;
use crate::mark::Mark;

/// What a verdict says of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is better than the control.
    Better,
    /// It is worse.
    Worse,
    /// Neither, or not known.
    Neither,
}

const BETTER: [&str; 8] = [
    "better",
    "improved",
    "improves",
    "improvement",
    "win",
    "wins",
    "winner",
    "superior",
];
const WORSE: [&str; 11] = [
    "worse",
    "worsened",
    "harm",
    "harms",
    "harmed",
    "harmful",
    "degraded",
    "regression",
    "loses",
    "loser",
    "inferior",
];
const NEGATION: [&str; 6] = ["no", "not", "non", "never", "neither", "nor"];

impl Verdict {
    /// By the words of a verdict: `better`, `worse` and their like. A negation, or words of both
    /// kinds, make it neither.
    pub fn of(verdict: &str) -> Self {
        let verdict = verdict.to_lowercase();
        let has = |words: &[&str]| {
            verdict
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| words.contains(&word))
        };
        match (has(&NEGATION), has(&BETTER), has(&WORSE)) {
            (false, true, false) => Self::Better,
            (false, false, true) => Self::Worse,
            _ => Self::Neither,
        }
    }

    /// Its colour.
    pub fn colour(self) -> &'static str {
        match self {
            Self::Better => colour::BETTER,
            Self::Worse => colour::WORSE,
            Self::Neither => colour::NEITHER,
        }
    }

    /// Its shape, so that colour is not all that tells it.
    pub fn mark(self) -> Mark {
        match self {
            Self::Better => Mark::Up,
            Self::Worse => Mark::Down,
            Self::Neither => Mark::Dot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_words() {
        for (verdict, expected) in [
            ("better", Verdict::Better),
            ("Better than control", Verdict::Better),
            ("significantly_worse", Verdict::Worse),
            ("worse", Verdict::Worse),
            ("no difference yet", Verdict::Neither),
            ("not worse", Verdict::Neither),
            ("better or worse", Verdict::Neither),
            ("twin", Verdict::Neither),
            ("", Verdict::Neither),
        ] {
            assert_eq!(Verdict::of(verdict), expected, "{verdict}");
        }
    }
}
