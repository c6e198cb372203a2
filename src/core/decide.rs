//! The steps of a decision, in order.
//!
//! One function a step, so that a step to come (overrides and sticky before targeting,
//! conflict domains after participation, rollout rules after the experiments) has its place
//! in [`enter`] or [`decide`] and changes no other.

use uuid::Uuid;

use crate::attributes::Attributes;
use crate::bucket::{ALLOCATION_SALT, VARIANT_SALT, bucket};
use crate::flag::{Experiment, Flag, Variant};
use crate::ledger::{Claim, Ledger};
use crate::participation::{Participation, Policy, participation, releasable};
use crate::reason::Reason;
use crate::targeting::Truth;

/// Who is decided for.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The subject's id, as it is hashed and recorded.
    pub id: &'a str,
    /// What targeting rules look at.
    pub attributes: &'a dyn Attributes,
}

/// An answered decision.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision<'f, V> {
    /// The answer; none only if there is no such flag.
    pub value: Option<&'f V>,
    /// The experiment that assigned the subject or turned it away last.
    pub experiment: Option<Uuid>,
    /// The variant, if one was given.
    pub variant: Option<Uuid>,
    /// Why.
    pub reason: Reason,
}

/// Decides a flag for a subject; `flag` is none if no flag has the key asked for.
///
/// The first running experiment, by rank, that assigns the subject gives the answer;
/// otherwise it is the flag's default value, with the reason of the last experiment looked
/// at. The ledger is read at most once per experiment unless another transaction gets in the
/// way, and written only when the subject enters an experiment or changes its variant.
pub fn decide<'f, V>(
    flag: Option<&'f Flag<V>>,
    subject: &Subject<'_>,
    policy: &Policy,
    ledger: &mut dyn Ledger,
) -> Decision<'f, V> {
    let Some(flag) = flag else {
        return Decision {
            value: None,
            experiment: None,
            variant: None,
            reason: Reason::FlagNotFound,
        };
    };
    let default = |experiment, reason| Decision {
        value: Some(&flag.default_value),
        experiment,
        variant: None,
        reason,
    };
    if !flag.enabled {
        return default(None, Reason::FlagDisabled);
    }
    let mut answer = default(None, Reason::NoActiveExperiment);
    for experiment in &flag.experiments {
        match enter(experiment, subject, policy, ledger) {
            Ok(variant) => {
                return Decision {
                    value: Some(&variant.value),
                    experiment: Some(experiment.id),
                    variant: Some(variant.id),
                    reason: Reason::ExperimentAssigned,
                };
            }
            Err(reason) => answer = default(Some(experiment.id), reason),
        }
    }
    answer
}

/// Leads the subject through one running experiment: its variant, or why not.
fn enter<'f, V>(
    experiment: &'f Experiment<V>,
    subject: &Subject<'_>,
    policy: &Policy,
    ledger: &mut dyn Ledger,
) -> Result<&'f Variant<V>, Reason> {
    if experiment.rule.evaluate(subject.attributes) != Truth::True {
        return Err(Reason::TargetingMismatch);
    }
    let standing = may_participate(experiment.id, policy, ledger)?;
    if !experiment.traffic.admits(bucket(subject.id, &experiment.hash_key, ALLOCATION_SALT)) {
        return Err(Reason::OutsideTrafficAllocation);
    }
    let variants = experiment.variants.as_ref().ok_or(Reason::NoVariants)?;
    let variant = variants
        .pick(bucket(subject.id, &experiment.hash_key, VARIANT_SALT))
        .ok_or(Reason::NoVariants)?;
    assign(experiment.id, variant.id, standing, policy, ledger)?;
    Ok(variant)
}

/// How a subject stands to an experiment that it may take part in.
#[derive(Clone, Copy)]
enum Standing {
    Member(Option<Uuid>),
    Free(i16),
}

/// The participation step; slots of experiments that ended are released on the way.
fn may_participate(
    experiment: Uuid,
    policy: &Policy,
    ledger: &mut dyn Ledger,
) -> Result<Standing, Reason> {
    let memberships = ledger.memberships();
    let standing = match participation(&memberships, experiment, policy) {
        Participation::Member { variant } => Standing::Member(variant),
        Participation::Free { slot } => Standing::Free(slot),
        Participation::Full { .. } | Participation::CoolingDown { .. } => {
            return Err(Reason::ParticipationLimit);
        }
    };
    let ended = releasable(&memberships);
    if !ended.is_empty() {
        ledger.release(&ended);
    }
    Ok(standing)
}

/// A claim is lost to another transaction that took a slot, so the subject's slots fill up
/// and the loop ends; the bound is for the case that others also leave all the time.
const MAX_CLAIMS: usize = 1_000;

/// Enters the subject in the ledger, or finds that another transaction was faster.
fn assign(
    experiment: Uuid,
    variant: Uuid,
    mut standing: Standing,
    policy: &Policy,
    ledger: &mut dyn Ledger,
) -> Result<(), Reason> {
    for _ in 0..MAX_CLAIMS {
        match standing {
            Standing::Member(known) => {
                if known != Some(variant) {
                    ledger.revise(experiment, variant);
                }
                return Ok(());
            }
            Standing::Free(slot) => {
                if ledger.claim(&Claim { experiment, variant, slot }) {
                    return Ok(());
                }
                standing = may_participate(experiment, policy, ledger)?;
            }
        }
    }
    Err(Reason::ParticipationLimit)
}
