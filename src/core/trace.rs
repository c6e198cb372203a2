//! What the steps of a decision found, for whoever wants to know.
//!
//! [`crate::decide::decide`] reports each step as it takes it, so an explanation is the
//! decision itself and cannot differ from it.

use uuid::Uuid;

use crate::domain::DomainPolicy;
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
        winner: Option<Uuid>,
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
}

/// Listens to the steps of a decision.
pub trait Trace {
    /// A step was taken; `experiment` is none for those of the flag.
    fn step(&mut self, experiment: Option<Uuid>, step: &Step<'_>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn step(&mut self, _: Option<Uuid>, _: &Step<'_>) {}
}
