//! The configuration document: what a datafile becomes.

use serde::Serialize;
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::optimizely::warning::Warning;

/// The rows that an Optimizely project has in Lotty's tables, and what could not be said in them
/// without changing any answer.
///
/// Written as JSON by its `Serialize`, each row as an object whose keys are the columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    /// What the rows are marked with: `optimizely:` and the id of the project.
    pub source: String,
    /// The revision of the datafile.
    pub revision: String,
    /// The feature flags.
    pub flags: Vec<FlagRow>,
    /// The audiences that experiments refer to.
    pub audiences: Vec<AudienceRow>,
    /// The experiments, and the rules of rollouts in use.
    pub experiments: Vec<ExperimentRow>,
    /// Their variants.
    pub variants: Vec<VariantRow>,
    /// Further flags of experiments.
    pub experiment_flags: Vec<ExperimentFlagRow>,
    /// What the variants answer for further flags.
    pub variant_values: Vec<VariantValueRow>,
    /// The groups that exclude each other's experiments.
    pub domains: Vec<DomainRow>,
    /// Which experiments belong to them.
    pub members: Vec<MemberRow>,
    /// The whitelist.
    pub overrides: Vec<OverrideRow>,
    /// What decides nothing, or not what it seems to.
    pub warnings: Vec<Warning>,
}

/// A feature flag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlagRow {
    /// Its id.
    pub flag_id: Uuid,
    /// Its key.
    pub key: String,
    /// What it answers without a variation: disabled, with the defaults of its variables.
    pub default_value: Value,
    /// Where it comes from.
    pub description: String,
}

/// An audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AudienceRow {
    /// Its name, with Optimizely's id in it.
    pub name: String,
    /// Its rule.
    pub targeting: String,
    /// Where it comes from.
    pub description: String,
}

/// Whether an experiment is one or a rule of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExperimentKind {
    /// An experiment.
    Experiment,
    /// A rule of a rollout.
    Rollout,
}

/// An experiment or a rule of a rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExperimentRow {
    /// Its id.
    pub experiment_id: Uuid,
    /// The first flag that has it, if any.
    pub flag_id: Option<Uuid>,
    /// Its key.
    pub key: String,
    /// What it is.
    pub kind: ExperimentKind,
    /// Its place among the experiments of the flag, or in the rollout.
    pub rank: usize,
    /// Lotty's name of its status.
    pub status: &'static str,
    /// Whom it is for; empty for everyone.
    pub targeting: String,
    /// Optimizely's id, which is hashed.
    pub hash_key: String,
    /// The percentage of buckets that have a variant.
    pub traffic_allocation: Number,
    /// Which buckets have which variant.
    pub traffic_ranges: Vec<VariantRange>,
}

/// A range of the buckets of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VariantRange {
    /// The first bucket behind it, at most 10000.
    pub end_of_range: u16,
    /// The variant of these buckets, if any.
    pub variant_id: Option<Uuid>,
}

/// A variant of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantRow {
    /// Its id.
    pub variant_id: Uuid,
    /// Its experiment.
    pub experiment_id: Uuid,
    /// Its key.
    pub name: String,
    /// What it answers for the experiment's flag.
    pub value: Value,
    /// How many buckets it has.
    pub weight: u16,
    /// Its place among the variants of the experiment.
    pub rank: usize,
}

/// A further flag of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExperimentFlagRow {
    /// The experiment.
    pub experiment_id: Uuid,
    /// The flag.
    pub flag_id: Uuid,
    /// The place of the experiment with that flag.
    pub rank: usize,
}

/// What a variant answers for a further flag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantValueRow {
    /// The variant.
    pub variant_id: Uuid,
    /// The flag.
    pub flag_id: Uuid,
    /// What it answers.
    pub value: Value,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainRow {
    /// Its id.
    pub domain_id: Uuid,
    /// Its key: the source and Optimizely's id.
    pub key: String,
    /// Optimizely's id, which is hashed.
    pub hash_key: String,
    /// Which buckets belong to which experiment.
    pub traffic_ranges: Vec<ExperimentRange>,
}

/// A range of the buckets of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExperimentRange {
    /// The first bucket behind it, at most 10000.
    pub end_of_range: u16,
    /// The experiment of these buckets, if any.
    pub experiment_id: Option<Uuid>,
}

/// An experiment of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemberRow {
    /// The group.
    pub domain_id: Uuid,
    /// The experiment.
    pub experiment_id: Uuid,
}

/// A user on the whitelist of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverrideRow {
    /// The experiment.
    pub experiment_id: Uuid,
    /// The user.
    pub subject_id: String,
    /// The variant that the user has.
    pub variant_id: Uuid,
}
