//! Optimizely datafiles as configuration of Lotty.
//!
//! ```
//! use lotty_core::optimizely::translate;
//!
//! let datafile = serde_json::json!({
//!     "version": "4", "projectId": "111", "revision": "42",
//!     "experiments": [{
//!         "id": "7", "key": "checkout", "status": "Running", "audienceIds": ["8"],
//!         "variations": [{"id": "1", "key": "on", "featureEnabled": true}],
//!         "trafficAllocation": [{"entityId": "1", "endOfRange": 2500}],
//!         "forcedVariations": {"alice": "on"},
//!     }],
//!     "typedAudiences": [{"id": "8", "name": "adults", "conditions":
//!         {"name": "age", "type": "custom_attribute", "match": "ge", "value": 18}}],
//! });
//! let configuration = translate(&datafile)?;
//! let json = serde_json::to_value(&configuration).unwrap();
//! assert_eq!(json["source"], "optimizely:111");
//! assert_eq!(json["experiments"][0]["targeting"], r#"audience("adults (8)")"#);
//! assert_eq!(json["experiments"][0]["traffic_allocation"], 25);
//! assert_eq!(json["audiences"][0]["targeting"], "float(age) >= 18");
//! assert_eq!(json["overrides"][0]["subject_id"], "alice");
//! # Ok::<(), lotty_core::optimizely::DatafileError>(())
//! ```
//!
//! A datafile is the document from which Optimizely's kits decide. [`translate`] turns it into rows
//! of Lotty's tables, which then give every user the variation that the kits would give: flags,
//! experiments and rollout rules with the same ranges of buckets, groups as conflict domains,
//! audiences as rules of the [targeting language](crate::targeting), the whitelist as overrides.
//! There is no second way to decide.
//!
//! The reference is the Python kit in its release 5.7.0, and the Ruby kit where Python raises an
//! error or refuses the datafile. The modules say function by function what they follow.
//!
//! # What is refused, what is warned about
//!
//! What decides about users and cannot be represented is an error with its place in the datafile:
//! holdouts and contextual bandits, fields that are missing or have another type than the format
//! gives them, ids and keys that stand twice, names that the tables cannot hold, rules beyond the
//! limits, and contradictions that the kits resolve differently.
//!
//! What can be left out without changing any answer is left out with a [`Warning`]; so is what
//! decides something that its author may not expect, such as a condition that nobody can meet.
//! Keys that no decision depends on are not looked at.
//!
//! # Time and space
//!
//! Everything is a pass over the datafile or a look-up in a hash table. Recursion is as deep as a rule
//! may nest or as the JSON parser allows, and what the rows take is bounded.

mod audience;
mod budget;
mod cast;
mod condition;
mod conditions;
mod document;
mod error;
mod experiment;
mod identity;
mod place;
mod project;
mod range;
mod read;
mod translate;
mod tree;
mod variable;
mod warning;

pub use self::conditions::conditions_to_rule;
pub use self::document::{
    AudienceRow, Configuration, DomainRow, ExperimentFlagRow, ExperimentKind, ExperimentRange,
    ExperimentRow, FlagRow, MemberRow, OverrideRow, VariantRange, VariantRow, VariantValueRow,
};
pub use self::error::DatafileError;
pub use self::identity::variant_id;
pub use self::translate::{translate, translate_with_pauses};
pub use self::warning::Warning;
