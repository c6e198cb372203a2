//! The decision engine of Lotty, free of PostgreSQL: what a flag answers to a subject.
//!
//! ```
//! use lotty_core::bucket::{Bucket, bucket};
//! // What the Lotty seed computes for this subject, experiment and salt.
//! let b: Bucket = bucket("user-42", "5f0c8a36-7c4b-4c1e-9d53-6f8f0a1b2c3d", "allocation");
//! assert!(b.get() < 10_000);
//! ```
//!
//! Everything comes in as an argument: the clock, randomness, the subject's attributes
//! ([`attributes::Attributes`]) and its memberships ([`ledger::Ledger`]). So the whole
//! decision is tested without a server, and the PostgreSQL side has nothing to decide.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bucket`] | subject → bucket, the hash |
//! | [`allocation`] | percentages and weights → ranges of buckets |
//! | [`targeting`] | the rule language |
//! | [`attributes`], [`number`], [`float`], [`version`], [`optimizely_version`] | the values that rules compare |
//! | [`flag`] | configuration as stored → compiled flag |
//! | [`optimizely`] | Optimizely datafile → configuration |
//! | [`participation`] | limit of concurrent experiments, cool-down, slots |
//! | [`domain`] | conflict domains: which of several experiments has a subject |
//! | [`ledger`] | what the engine asks of and tells the ledger |
//! | [`decide`] | the steps of a decision, in order |
//! | [`trace`] | what each step found |
//! | [`decision_id`] | time-ordered identifiers of decisions |
#![forbid(unsafe_code)]

pub mod allocation;
pub mod attributes;
pub mod bucket;
pub mod decide;
pub mod decision_id;
pub mod domain;
pub mod flag;
pub mod float;
pub mod ledger;
pub mod number;
pub mod optimizely;
pub mod optimizely_version;
pub mod participation;
pub mod reason;
pub mod targeting;
pub mod trace;
pub mod version;
