//! A flag: as stored, and compiled for deciding.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::allocation::{AllocationError, Split, Traffic};
use crate::domain::{Domain, DomainPolicy, Member};
use crate::targeting::{Rule, TargetingError};

/// A flag with its running experiments, as the tables hold them. `V` is the type of values,
/// which the engine hands through and never looks into.
#[derive(Clone, Debug)]
pub struct FlagSource<V> {
    /// The kill switch.
    pub enabled: bool,
    /// The value when no variant is given.
    pub default_value: V,
    /// The running experiments by rank.
    pub experiments: Vec<ExperimentSource<V>>,
}

/// A running experiment, as the tables hold it.
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
    /// Percentage, 0 to 100.
    pub traffic_allocation: Decimal,
    /// The variants in storage order.
    pub variants: Vec<VariantSource<V>>,
    /// The conflict domains that it belongs to.
    pub domains: Vec<DomainSource>,
}

/// A conflict domain, as the tables hold it.
#[derive(Clone, Debug)]
pub struct DomainSource {
    /// Its key.
    pub key: String,
    /// How it picks.
    pub policy: DomainPolicy,
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
    pub experiments: Vec<Experiment<V>>,
}

/// A running experiment, compiled.
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
    /// The part of the subjects that takes part.
    pub traffic: Traffic,
    /// The variants and which bucket gets which; none if there are no variants.
    pub variants: Option<Variants<V>>,
    /// The conflict domains that it belongs to.
    pub domains: Box<[Domain]>,
}

/// The variants of an experiment; at least one.
#[derive(Debug)]
pub struct Variants<V> {
    stored: Vec<Variant<V>>,
    split: Split,
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
        let experiments = source
            .experiments
            .into_iter()
            .map(|experiment| Experiment::compile(experiment, audiences, broken))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            enabled: source.enabled,
            default_value: source.default_value,
            experiments,
        })
    }
}

impl<V> Experiment<V> {
    fn compile(
        source: ExperimentSource<V>,
        audiences: &mut dyn FnMut(&str) -> Option<String>,
        broken: &mut Vec<BrokenRule>,
    ) -> Result<Self, FlagError> {
        let traffic = Traffic::from_percent(source.traffic_allocation);
        let variants = Variants::compile(source.variants);
        let blame = |error| FlagError::Allocation {
            key: source.key.clone(),
            source: error,
        };
        Ok(Self {
            id: source.id,
            rule: rule_or_nobody(&source.key, &source.targeting, audiences, broken),
            traffic: traffic.map_err(blame)?,
            variants: variants.map_err(blame)?,
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
        self.variants
            .as_ref()?
            .stored
            .iter()
            .find(|variant| variant.id == id)
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
        let experiments = source
            .members
            .iter()
            .map(|member| member.experiment)
            .collect();
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
                    DomainPolicy::MutualExclusion | DomainPolicy::Weighted => Rule::nobody(),
                },
                hash_key: member.hash_key.into(),
                priority: member.priority,
                weight: member.weight,
            })
            .collect();
        Self {
            key: source.key.into(),
            policy: source.policy,
            experiments,
            members,
        }
    }
}

impl<V> Variants<V> {
    fn compile(source: Vec<VariantSource<V>>) -> Result<Option<Self>, AllocationError> {
        let weights: Vec<(&str, Decimal)> = source
            .iter()
            .map(|variant| (variant.name.as_str(), variant.weight))
            .collect();
        let Some(split) = Split::from_weights(&weights)? else {
            return Ok(None);
        };
        let stored = source
            .into_iter()
            .map(|variant| Variant {
                id: variant.id,
                name: variant.name.into(),
                value: variant.value,
            })
            .collect();
        Ok(Some(Self { stored, split }))
    }

    /// The variant of a bucket.
    pub fn pick(&self, bucket: crate::bucket::Bucket) -> Option<&Variant<V>> {
        self.stored.get(self.split.pick(bucket))
    }
}
