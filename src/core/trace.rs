//! What the steps of a decision found, for whoever wants to know.
//!
//! [`crate::decide::decide`] reports each step as it takes it, so an explanation is the
//! decision itself and cannot differ from it.

use uuid::Uuid;

use crate::domain::{DomainPolicy, Winner};
use crate::overrides::Overridden;
use crate::participation::Participation;
use crate::targeting::Truth;

/// A step, with the numbers that it looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// The flag was looked up.
    Flag {
        /// Whether there is one of that key.
        found: bool,
        /// Its kill switch.
        enabled: bool,
        /// How many running experiments it has.
        experiments: usize,
        /// How many running rollout rules it has.
        rollouts: usize,
    },
    /// Overrides were looked up; only for an experiment that has any.
    Override {
        /// Those of the subject.
        found: Overridden,
        /// The variant that is given for them; none if there are none, or their variants are
        /// gone.
        variant: Option<Uuid>,
    },
    /// The ledger was asked for the variant that the subject was given before; only for a
    /// sticky experiment.
    Sticky {
        /// Whether the subject is in the experiment.
        member: bool,
        /// The variant that it keeps; none if that is gone.
        variant: Option<Uuid>,
    },
    /// The targeting rule was evaluated; only true admits.
    Targeting {
        /// What it says.
        truth: Truth,
    },
    /// The limit of concurrent experiments and the cool-down were looked at.
    Participation(&'a Participation),
    /// A conflict domain was looked at.
    Domain {
        /// Its key.
        key: &'a str,
        /// How it picks.
        policy: DomainPolicy,
        /// The experiment that has the subject, if any.
        winner: Winner,
    },
    /// The bucket was compared with the traffic allocation; a bucket below it is inside.
    Traffic {
        /// The subject's bucket with the salt `allocation`.
        bucket: u16,
        /// The first bucket outside.
        threshold: u16,
    },
    /// The variant was picked.
    Variant {
        /// The subject's bucket with the salt `variant`.
        bucket: u16,
        /// The variant; none if there are none.
        variant: Option<Uuid>,
    },
    /// The bucket was looked up in explicit ranges, which says both whether the subject takes
    /// part and with which variant.
    Range {
        /// What was hashed in place of the subject.
        bucketing_id: &'a str,
        /// Its bucket.
        bucket: u16,
        /// The variant; none if the bucket belongs to nobody.
        variant: Option<Uuid>,
    },
    /// A rollout rule admits the subject but has no traffic for it, which leaves only the last
    /// rule.
    EveryoneElse {
        /// How many rules in between are passed over.
        skipped: usize,
    },
}

/// Listens to the steps of a decision.
pub trait Trace {
    /// A step was taken; `experiment` is none for those of the flag.
    fn step(&mut self, experiment: Option<Uuid>, step: &Step<'_>);

    /// Whether somebody listens: numbers that do not bear on the answer are computed only then.
    fn listens(&self) -> bool {
        true
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn step(&mut self, _: Option<Uuid>, _: &Step<'_>) {}

    fn listens(&self) -> bool {
        false
    }
}
