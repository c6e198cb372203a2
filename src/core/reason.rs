//! Why a decision came out as it did.

use std::fmt;

/// The closed set of reasons; the labels of the SQL type `lotty.reason`, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No flag has that key.
    FlagNotFound,
    /// No experiment has that key.
    ExperimentNotFound,
    /// The flag's kill switch is off.
    FlagDisabled,
    /// The flag has no running experiment.
    NoActiveExperiment,
    /// The targeting rule is not true of the attributes.
    TargetingMismatch,
    /// The subject is in as many experiments as allowed, or cooling down from one.
    ParticipationLimit,
    /// Another experiment of a conflict domain has the subject.
    DomainConflict,
    /// The subject's bucket is outside the traffic allocation.
    OutsideTrafficAllocation,
    /// The experiment has no variants.
    NoVariants,
    /// Assigned to a variant by hash.
    ExperimentAssigned,
    /// A variant was forced on this subject.
    Forced,
    /// The subject is on the experiment's whitelist.
    Whitelisted,
    /// The variant that the subject was given before.
    Sticky,
    /// A rollout rule gave the variant.
    Rollout,
}

impl Reason {
    /// All reasons, in the order of the pipeline.
    pub const ALL: [Self; 14] = [
        Self::FlagNotFound,
        Self::ExperimentNotFound,
        Self::FlagDisabled,
        Self::NoActiveExperiment,
        Self::TargetingMismatch,
        Self::ParticipationLimit,
        Self::DomainConflict,
        Self::OutsideTrafficAllocation,
        Self::NoVariants,
        Self::ExperimentAssigned,
        Self::Forced,
        Self::Whitelisted,
        Self::Sticky,
        Self::Rollout,
    ];

    /// The label in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FlagNotFound => "flag_not_found",
            Self::ExperimentNotFound => "experiment_not_found",
            Self::FlagDisabled => "flag_disabled",
            Self::NoActiveExperiment => "no_active_experiment",
            Self::TargetingMismatch => "targeting_mismatch",
            Self::ParticipationLimit => "participation_limit",
            Self::DomainConflict => "domain_conflict",
            Self::OutsideTrafficAllocation => "outside_traffic_allocation",
            Self::NoVariants => "no_variants",
            Self::ExperimentAssigned => "experiment_assigned",
            Self::Forced => "forced",
            Self::Whitelisted => "whitelisted",
            Self::Sticky => "sticky",
            Self::Rollout => "rollout",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
