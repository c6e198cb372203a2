//! A flag: as stored, and compiled for deciding.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::allocation::{AllocationError, Split, Traffic, TrafficRange};
use crate::domain::{Domain, DomainPolicy, Member};
use crate::targeting::{Rule, TargetingError};

/// A flag with what of it is running, as the tables hold it. `V` is the type of values, which
/// the engine hands through and never looks into.
#[derive(Clone, Debug)]
pub struct FlagSource<V> {
    /// The kill switch.
    pub enabled: bool,
    /// The value when no variant is given.
    pub default_value: V,
    /// The running experiments by rank.
    pub experiments: Vec<ExperimentSource<V>>,
    /// The running rollout rules by rank.
    pub rollouts: Vec<ExperimentSource<V>>,
}

/// A running experiment or rollout rule, as the tables hold it.
#[derive(Clone, Debug)]
pub struct ExperimentSource<V> {
    /// Its id.
    pub id: Uuid,
    /// Its key, for messages.
    pub key: String,
    /// What is hashed for it; by default the text of its id.
    pub hash_key: String,
    /// The targeting rule; empty means everyone.
    pub targeting: String,
    /// Who takes part, and how the variants share them.
    pub bucketing: BucketingSource,
    /// Whether who is in stays in.
    pub sticky: bool,
    /// Whether participation limits it, and counts it.
    pub limited: bool,
    /// Whether any subject has an override for it.
    pub has_overrides: bool,
    /// The variants in storage order, without retired ones.
    pub variants: Vec<VariantSource<V>>,
    /// The conflict domains that it belongs to.
    pub domains: Vec<DomainSource>,
}

/// A way of bucketing, as the tables hold it.
#[derive(Clone, Debug)]
pub enum BucketingSource {
    /// `lotty_sha256`: a part of the traffic, shared by the variants' weights.
    Sha256 {
        /// Percentage, 0 to 100.
        traffic_allocation: Decimal,
    },
    /// `optimizely_murmur3`: explicit ranges, in Optimizely's order.
    Murmur3 {
        /// The ranges, of the variants' ids.
        ranges: Vec<TrafficRange<Uuid>>,
    },
}

/// A conflict domain, as the tables hold it.
#[derive(Clone, Debug)]
pub struct DomainSource {
    /// Its key.
    pub key: String,
    /// How it picks.
    pub policy: DomainPolicy,
    /// What is hashed for it under [`DomainPolicy::OptimizelyGroup`].
    pub hash_key: String,
    /// The ranges under [`DomainPolicy::OptimizelyGroup`], of the experiments' ids.
    pub ranges: Vec<TrafficRange<Uuid>>,
    /// All experiments that belong to it.
    pub members: Vec<MemberSource>,
}

/// An experiment of a conflict domain, as the tables hold it.
#[derive(Clone, Debug)]
pub struct MemberSource {
    /// The experiment.
    pub experiment: Uuid,
    /// Its key, for messages.
    pub key: String,
    /// Whether it is running.
    pub running: bool,
    /// What is hashed for it.
    pub hash_key: String,
    /// Its targeting rule.
    pub targeting: String,
    /// Rank in the domain; the highest wins.
    pub priority: i32,
    /// Share in the domain.
    pub weight: Decimal,
}

/// A variant, as the tables hold it.
#[derive(Clone, Debug)]
pub struct VariantSource<V> {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the experiment.
    pub name: String,
    /// What a decision for it answers.
    pub value: V,
    /// Its relative weight.
    pub weight: Decimal,
}

/// A flag, compiled: nothing about it can be invalid any more.
#[derive(Debug)]
pub struct Flag<V> {
    /// The kill switch.
    pub enabled: bool,
    /// The value when no variant is given.
    pub default_value: V,
    /// The running experiments by rank.
    pub experiments: Box<[Experiment<V>]>,
    /// The running rollout rules by rank.
    pub rollouts: Box<[Experiment<V>]>,
}

/// An experiment by itself, with what it needs of its flag.
#[derive(Debug)]
pub struct LoneExperiment<V> {
    /// The key of its flag, if it has one.
    pub flag: Option<Box<str>>,
    /// The kill switch of its flag; on if it has none.
    pub enabled: bool,
    /// The value when no variant is given: that of its flag, if it has one.
    pub default_value: Option<V>,
    /// The experiment, if it is running.
    pub running: Option<Experiment<V>>,
}

/// A running experiment or rollout rule, compiled.
#[derive(Debug)]
pub struct Experiment<V> {
    /// Its id.
    pub id: Uuid,
    /// Its key.
    pub key: Box<str>,
    /// What is hashed for it.
    pub hash_key: Box<str>,
    /// Whom it is for.
    pub rule: Rule,
    /// Who takes part, and which bucket gets which variant.
    pub bucketing: Bucketing,
    /// Whether who is in stays in.
    pub sticky: bool,
    /// Whether participation limits it, and counts it.
    pub limited: bool,
    /// Whether any subject has an override for it.
    pub has_overrides: bool,
    /// The conflict domains that it belongs to.
    pub domains: Box<[Domain]>,
    /// The variants in storage order.
    variants: Box<[Variant<V>]>,
}

/// A way of bucketing, compiled.
#[derive(Debug)]
pub enum Bucketing {
    /// One bucket decides whether the subject takes part, another one picks the variant.
    Sha256 {
        /// The part of the subjects that takes part.
        traffic: Traffic,
        /// Which bucket gets which variant; none if there are no variants.
        split: Option<Split>,
    },
    /// One bucket decides both.
    Murmur3 {
        /// Which bucket gets which variant.
        split: Split,
    },
}

/// A variant.
#[derive(Clone, Debug)]
pub struct Variant<V> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: Box<str>,
    /// What a decision for it answers.
    pub value: V,
}

/// Why a flag as stored cannot be compiled. The triggers of the configuration tables refuse
/// such rows, so this takes somebody who got around them.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// The experiment's numbers are out of bounds.
    #[error("experiment \"{key}\": {source}")]
    Allocation {
        /// The experiment's key.
        key: String,
        /// What is wrong.
        source: AllocationError,
    },
}

/// A rule that stood in the tables although it is not valid: it admits nobody, as in the
/// Lotty seed (`_check_targeting`).
#[derive(Clone, Debug)]
pub struct BrokenRule {
    /// The experiment's key.
    pub experiment: String,
    /// What is wrong with the rule.
    pub error: TargetingError,
}

impl<V> Flag<V> {
    /// Compiles a flag. `audiences` gives the rule of a named audience. Broken rules are
    /// appended to `broken`, and admit nobody.
    ///
    /// # Errors
    /// [`FlagError`] if a percentage or a weight is out of bounds.
    pub fn compile(
        source: FlagSource<V>,
        audiences: &mut dyn FnMut(&str) -> Option<String>,
        broken: &mut Vec<BrokenRule>,
    ) -> Result<Self, FlagError> {
        let mut compile = |all: Vec<ExperimentSource<V>>| {
            all.into_iter()
                .map(|experiment| Experiment::compile(experiment, audiences, broken))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            enabled: source.enabled,
            default_value: source.default_value,
            experiments: compile(source.experiments)?,
            rollouts: compile(source.rollouts)?,
        })
    }
}

impl<V> Experiment<V> {
    /// Compiles a running experiment; see [`Flag::compile`].
    ///
    /// # Errors
    /// [`FlagError`] if a percentage or a weight is out of bounds.
    pub fn compile(
        source: ExperimentSource<V>,
        audiences: &mut dyn FnMut(&str) -> Option<String>,
        broken: &mut Vec<BrokenRule>,
    ) -> Result<Self, FlagError> {
        let blame = |error| FlagError::Allocation {
            key: source.key.clone(),
            source: error,
        };
        Ok(Self {
            id: source.id,
            rule: rule_or_nobody(&source.key, &source.targeting, audiences, broken),
            bucketing: Bucketing::compile(&source.bucketing, &source.variants).map_err(blame)?,
            sticky: source.sticky,
            limited: source.limited,
            has_overrides: source.has_overrides,
            variants: source.variants.into_iter().map(Variant::from).collect(),
            domains: source
                .domains
                .into_iter()
                .map(|domain| Domain::compile(domain, audiences, broken))
                .collect(),
            hash_key: source.hash_key.into(),
            key: source.key.into(),
        })
    }

    /// The variant of that id.
    pub fn variant(&self, id: Uuid) -> Option<&Variant<V>> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    /// The variant that a [`Split`] means by an index.
    pub fn variant_at(&self, index: Option<usize>) -> Option<&Variant<V>> {
        self.variants.get(index?)
    }

    /// Whether it has any variants.
    pub fn has_variants(&self) -> bool {
        !self.variants.is_empty()
    }
}

impl Bucketing {
    fn compile<V>(
        source: &BucketingSource,
        variants: &[VariantSource<V>],
    ) -> Result<Self, AllocationError> {
        match source {
            BucketingSource::Sha256 { traffic_allocation } => {
                let weights: Vec<(&str, Decimal)> = variants
                    .iter()
                    .map(|variant| (variant.name.as_str(), variant.weight))
                    .collect();
                Ok(Self::Sha256 {
                    traffic: Traffic::from_percent(*traffic_allocation)?,
                    split: Split::from_weights(&weights)?,
                })
            }
            BucketingSource::Murmur3 { ranges } => Ok(Self::Murmur3 {
                split: Split::from_ranges(ranges, |id| {
                    variants.iter().position(|variant| variant.id == *id)
                }),
            }),
        }
    }
}

impl<V> From<VariantSource<V>> for Variant<V> {
    fn from(source: VariantSource<V>) -> Self {
        Self {
            id: source.id,
            name: source.name.into(),
            value: source.value,
        }
    }
}

fn rule_or_nobody(
    experiment: &str,
    targeting: &str,
    audiences: &mut dyn FnMut(&str) -> Option<String>,
    broken: &mut Vec<BrokenRule>,
) -> Rule {
    Rule::compile(targeting, audiences).unwrap_or_else(|error| {
        broken.push(BrokenRule {
            experiment: experiment.to_owned(),
            error,
        });
        Rule::nobody()
    })
}

impl Domain {
    fn compile(
        source: DomainSource,
        audiences: &mut dyn FnMut(&str) -> Option<String>,
        broken: &mut Vec<BrokenRule>,
    ) -> Self {
        let experiments: Box<[Uuid]> = source
            .members
            .iter()
            .map(|member| member.experiment)
            .collect();
        let ranges = Split::from_ranges(&source.ranges, |id| {
            experiments.iter().position(|experiment| experiment == id)
        });
        let members = source
            .members
            .into_iter()
            .filter(|member| member.running)
            .map(|member| Member {
                experiment: member.experiment,
                rule: match source.policy {
                    DomainPolicy::Priority => {
                        rule_or_nobody(&member.key, &member.targeting, audiences, broken)
                    }
                    DomainPolicy::MutualExclusion
                    | DomainPolicy::Weighted
                    | DomainPolicy::OptimizelyGroup => Rule::nobody(),
                },
                hash_key: member.hash_key.into(),
                priority: member.priority,
                weight: member.weight,
            })
            .collect();
        Self {
            key: source.key.into(),
            policy: source.policy,
            hash_key: source.hash_key.into(),
            ranges,
            experiments,
            members,
        }
    }
}
