//! The steps of a decision, in order.
//!
//! One function a step; `Entry::enter` and `roll_out` have the order.

use std::borrow::Cow;
use std::slice;
use std::sync::LazyLock;

use uuid::Uuid;

use crate::attributes::{Attributes, Path, Value};
use crate::bucket::{ALLOCATION_SALT, VARIANT_SALT, bucket, murmur3_bucket};
use crate::flag::{Bucketing, Experiment, Flag, LoneExperiment, Variant};
use crate::ledger::{Claim, FIRST_SLOT, Ledger, Membership};
use crate::overrides::Overrides;
use crate::participation::{Policy, Verdict, participation, releasable};
use crate::reason::Reason;
use crate::targeting::Truth;
use crate::trace::{Step, Trace};

/// The attribute that is hashed in place of the subject by `optimizely_murmur3`, if it is a
/// string, be it empty (`get_bucketing_id` of the Optimizely seed).
pub const BUCKETING_ID: &str = "$opt_bucketing_id";

/// Who is decided for.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The subject's id, as it is hashed and recorded.
    pub id: &'a str,
    /// What targeting rules look at.
    pub attributes: &'a dyn Attributes,
}

impl<'a> Subject<'a> {
    /// What Optimizely's bucketing hashes.
    pub fn bucketing_id(&self) -> Cow<'a, str> {
        static PATH: LazyLock<Path> = LazyLock::new(|| Path::new(BUCKETING_ID));
        match self.attributes.get(&PATH) {
            Value::Text(id) => id,
            _ => Cow::Borrowed(self.id),
        }
    }
}

/// What a decision is made with, besides the configuration and the subject.
pub struct Means<'a> {
    /// Limits, and the time.
    pub policy: &'a Policy,
    /// The subject's page of the ledger.
    pub ledger: &'a mut dyn Ledger,
    /// The subject's overrides.
    pub overrides: &'a mut dyn Overrides,
    /// Who wants to know of the steps.
    pub trace: &'a mut dyn Trace,
}

/// An answered decision.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision<'f, V> {
    /// The answer; none if there is no such flag.
    pub value: Option<&'f V>,
    /// The experiment that assigned the subject or turned it away last.
    pub experiment: Option<Uuid>,
    /// The variant, if one was given.
    pub variant: Option<Uuid>,
    /// Why.
    pub reason: Reason,
}

impl<'f, V> Decision<'f, V> {
    fn given(experiment: Uuid, variant: &'f Variant<V>, reason: Reason) -> Self {
        Self {
            value: Some(&variant.value),
            experiment: Some(experiment),
            variant: Some(variant.id),
            reason,
        }
    }

    fn default(value: Option<&'f V>, experiment: Option<Uuid>, reason: Reason) -> Self {
        Self {
            value,
            experiment,
            variant: None,
            reason,
        }
    }
}

/// Decides a flag for a subject; `flag` is none if no flag has the key asked for.
///
/// The first running experiment, by rank, that assigns the subject gives the answer, else the
/// rollout rules; otherwise it is the flag's default value, with the reason of the last
/// experiment looked at. The ledger is read once per experiment that gets as far, and written
/// only when the subject enters an experiment or changes its variant. Each step is reported.
pub fn decide<'f, V>(
    flag: Option<&'f Flag<V>>,
    subject: &Subject<'_>,
    means: &mut Means<'_>,
) -> Decision<'f, V> {
    means.trace.step(
        None,
        &Step::Flag {
            found: flag.is_some(),
            enabled: flag.is_some_and(|flag| flag.enabled),
            experiments: flag.map_or(0, |flag| flag.experiments.len()),
            rollouts: flag.map_or(0, |flag| flag.rollouts.len()),
        },
    );
    let Some(flag) = flag else {
        return Decision::default(None, None, Reason::FlagNotFound);
    };
    let value = Some(&flag.default_value);
    if !flag.enabled {
        return Decision::default(value, None, Reason::FlagDisabled);
    }
    let mut answer = Decision::default(value, None, Reason::NoActiveExperiment);
    for experiment in &flag.experiments {
        match Entry::new(experiment, subject, means).enter() {
            Ok((variant, reason)) => return Decision::given(experiment.id, variant, reason),
            Err(reason) => answer = Decision::default(value, Some(experiment.id), reason),
        }
    }
    match roll_out(&flag.rollouts, subject, means) {
        Some((rule, variant)) => Decision::given(rule, variant, Reason::Rollout),
        None => answer,
    }
}

/// Decides a single experiment for a subject (`get_variation` of the Optimizely seed);
/// `experiment` is none if no experiment has the key asked for. The same steps as in
/// [`decide`], without other experiments and rollout rules.
pub fn decide_experiment<'f, V>(
    experiment: Option<&'f LoneExperiment<V>>,
    subject: &Subject<'_>,
    means: &mut Means<'_>,
) -> Decision<'f, V> {
    let Some(lone) = experiment else {
        return Decision::default(None, None, Reason::ExperimentNotFound);
    };
    let value = lone.default_value.as_ref();
    if !lone.enabled {
        return Decision::default(value, None, Reason::FlagDisabled);
    }
    let Some(experiment) = &lone.running else {
        return Decision::default(value, None, Reason::NoActiveExperiment);
    };
    match Entry::new(experiment, subject, means).enter() {
        Ok((variant, reason)) => Decision::given(experiment.id, variant, reason),
        Err(reason) => Decision::default(value, Some(experiment.id), reason),
    }
}

/// The rollout rule that gives the subject a variant, with the variant.
///
/// The first rule whose targeting is true decides; if the subject is outside its traffic, only
/// the last rule ("everyone else") is left, and those in between are passed over
/// (`get_variation_for_feature_rollout` of the Optimizely seed). No limits, no ledger.
fn roll_out<'f, V>(
    rules: &'f [Experiment<V>],
    subject: &Subject<'_>,
    means: &mut Means<'_>,
) -> Option<(Uuid, &'f Variant<V>)> {
    let mut left = rules;
    while let Some((rule, after)) = left.split_first() {
        let mut entry = Entry::new(rule, subject, means);
        left = if entry.is_targeted().is_err() {
            after
        } else if let Ok(variant) = entry.pick_variant() {
            return Some((rule.id, variant));
        } else {
            if let Some(skipped) = after.len().checked_sub(1) {
                entry.report(&Step::EveryoneElse { skipped });
            }
            after.last().map_or(&[], slice::from_ref)
        };
    }
    None
}

/// A subject on its way into a running experiment.
struct Entry<'a, 'm, 'f, V> {
    experiment: &'f Experiment<V>,
    subject: &'a Subject<'a>,
    means: &'a mut Means<'m>,
    /// Steps are taken again after another transaction came in between, but told once.
    told: bool,
}

/// How the subject stands to the experiment, if it may be in it.
#[derive(Clone, Copy)]
enum Admission {
    /// It is in, with this variant.
    Member(Option<Uuid>),
    /// It may enter under this slot; none if the experiment is exempt from the limits.
    Free(Option<i16>),
}

/// A claim is lost to another transaction that took a slot, so the subject's slots fill up
/// and the loop ends; the bound is for the case that others also leave all the time.
const MAX_CLAIMS: usize = 1_000;

impl<'a, 'm, 'f, V> Entry<'a, 'm, 'f, V> {
    fn new(
        experiment: &'f Experiment<V>,
        subject: &'a Subject<'a>,
        means: &'a mut Means<'m>,
    ) -> Self {
        Self {
            experiment,
            subject,
            means,
            told: false,
        }
    }

    /// The variant that the subject gets, and why, or why none.
    fn enter(&mut self) -> Result<(&'f Variant<V>, Reason), Reason> {
        if let Some(given) = self.overridden() {
            return Ok(given);
        }
        // Not sticky and exempt from the limits: the ledger has no say.
        let uses_ledger = self.experiment.limited || self.is_sticky();
        let mut memberships = None;
        if self.is_sticky() {
            let page = self.means.ledger.memberships();
            if let Some(variant) = self.kept(&page) {
                return Ok((variant, Reason::Sticky));
            }
            memberships = Some(page);
        }
        self.is_targeted()?;
        if uses_ledger && memberships.is_none() {
            memberships = Some(self.means.ledger.memberships());
        }
        let memberships = memberships.unwrap_or_default();
        let admission = self.is_admitted(&memberships)?;
        let variant = match self.remembered(&memberships) {
            Some(variant) => variant,
            None => self.pick_variant()?,
        };
        if uses_ledger {
            self.assign(variant, admission, &memberships)
        } else {
            Ok((variant, Reason::ExperimentAssigned))
        }
    }

    fn report(&mut self, step: &Step<'_>) {
        if !self.told {
            self.means.trace.step(Some(self.experiment.id), step);
        }
    }

    /// A sticky experiment that is to be treated as one.
    fn is_sticky(&self) -> bool {
        self.experiment.sticky && !self.means.policy.ignore_sticky
    }

    /// The variant given by hand, the forced one first; one that is gone does not count.
    fn overridden(&mut self) -> Option<(&'f Variant<V>, Reason)> {
        if !self.experiment.has_overrides {
            return None;
        }
        let found = self.means.overrides.of(self.experiment.id);
        let existing = |id: Option<Uuid>| self.experiment.variant(id?);
        let forced = existing(found.forced).map(|variant| (variant, Reason::Forced));
        let given = forced
            .or_else(|| existing(found.whitelisted).map(|variant| (variant, Reason::Whitelisted)));
        let variant = given.map(|(variant, _)| variant.id);
        self.report(&Step::Override { found, variant });
        given
    }

    /// The variant that the subject was given before, if it still exists.
    fn kept(&mut self, memberships: &[Membership]) -> Option<&'f Variant<V>> {
        let limited = self.experiment.limited;
        let own = memberships
            .iter()
            .find(|m| m.experiment == self.experiment.id && (m.slot.is_some() || !limited));
        let variant = own.and_then(|own| self.experiment.variant(own.variant?));
        self.report(&Step::Sticky {
            member: own.is_some(),
            variant: variant.map(|variant| variant.id),
        });
        variant
    }

    /// The variant that the subject had in a sticky experiment before it lost its place there
    /// (to a merge of subjects), and gets again now that it enters anew.
    fn remembered(&mut self, memberships: &[Membership]) -> Option<&'f Variant<V>> {
        if !self.is_sticky() {
            return None;
        }
        let mut all = memberships.iter();
        let own = all.find(|m| m.experiment == self.experiment.id && m.slot.is_none())?;
        let variant = self.experiment.variant(own.variant?)?;
        self.report(&Step::Sticky {
            member: true,
            variant: Some(variant.id),
        });
        Some(variant)
    }

    fn is_targeted(&mut self) -> Result<(), Reason> {
        let truth = self.experiment.rule.evaluate(self.subject.attributes);
        self.report(&Step::Targeting { truth });
        if truth == Truth::True {
            Ok(())
        } else {
            Err(Reason::TargetingMismatch)
        }
    }

    /// Participation, then conflict domains: the steps that depend on the ledger.
    fn is_admitted(&mut self, memberships: &[Membership]) -> Result<Admission, Reason> {
        let admission = if self.experiment.limited {
            self.participates(memberships)?
        } else {
            let mut all = memberships.iter();
            all.find(|m| m.experiment == self.experiment.id)
                .map_or(Admission::Free(None), |own| Admission::Member(own.variant))
        };
        for domain in &self.experiment.domains {
            let winner = domain.winner(self.subject, memberships);
            self.report(&Step::Domain {
                key: &domain.key,
                policy: domain.policy,
                winner,
            });
            if winner.experiment != Some(self.experiment.id) {
                return Err(Reason::DomainConflict);
            }
        }
        Ok(admission)
    }

    fn participates(&mut self, memberships: &[Membership]) -> Result<Admission, Reason> {
        let found = participation(memberships, self.experiment.id, self.means.policy);
        self.report(&Step::Participation(&found));
        match found.verdict {
            Verdict::Member { variant } => Ok(Admission::Member(variant)),
            Verdict::Free { slot } => Ok(Admission::Free(Some(slot))),
            Verdict::Full | Verdict::CoolingDown { .. } => Err(Reason::ParticipationLimit),
        }
    }

    fn pick_variant(&mut self) -> Result<&'f Variant<V>, Reason> {
        let experiment = self.experiment;
        let (variant, otherwise) = match &experiment.bucketing {
            Bucketing::Sha256 { traffic, split } => {
                let (id, hash_key) = (self.subject.id, &experiment.hash_key);
                // One of two hashes, 0.14 us of 0.9 (release build), that is of no use at 100 %.
                if !traffic.admits_everyone() || self.means.trace.listens() {
                    let inside = bucket(id, hash_key, ALLOCATION_SALT);
                    self.report(&Step::Traffic {
                        bucket: inside.get(),
                        threshold: traffic.threshold(),
                    });
                    if !traffic.admits(inside) {
                        return Err(Reason::OutsideTrafficAllocation);
                    }
                }
                let bucket = bucket(id, hash_key, VARIANT_SALT);
                let index = split.as_ref().and_then(|split| split.pick(bucket));
                let variant = experiment.variant_at(index);
                self.report(&Step::Variant {
                    bucket: bucket.get(),
                    variant: variant.map(|variant| variant.id),
                });
                (variant, Reason::NoVariants)
            }
            Bucketing::Murmur3 { split } => {
                let id = self.subject.bucketing_id();
                let bucket = murmur3_bucket(&id, &experiment.hash_key);
                let variant = experiment.variant_at(split.pick(bucket));
                self.report(&Step::Range {
                    bucketing_id: &id,
                    bucket: bucket.get(),
                    variant: variant.map(|variant| variant.id),
                });
                match experiment.has_variants() {
                    true => (variant, Reason::OutsideTrafficAllocation),
                    false => (variant, Reason::NoVariants),
                }
            }
        };
        variant.ok_or(otherwise)
    }

    /// Enters the subject in the ledger, unless it is there with this variant. What was seen
    /// of the page may be outdated by then, so it is locked and looked at again (see
    /// [`Ledger`]); an empty page has nothing to lock, and the claim for its first slot does
    /// the same. Without a slot to take, the membership itself is what transactions meet on.
    /// A variant that another transaction gave in the meantime is kept if that is sticky.
    fn assign(
        &mut self,
        variant: &'f Variant<V>,
        mut admission: Admission,
        seen: &[Membership],
    ) -> Result<(&'f Variant<V>, Reason), Reason> {
        let assigned = Ok((variant, Reason::ExperimentAssigned));
        if matches!(admission, Admission::Member(known) if known == Some(variant.id)) {
            return assigned;
        }
        self.told = true;
        let (limited, sticky) = (self.experiment.limited, self.is_sticky());
        let mut memberships = Vec::new();
        let mut look_again = limited && !seen.is_empty();
        for _ in 0..MAX_CLAIMS {
            if look_again {
                let locked = limited && self.means.ledger.lock();
                memberships = self.means.ledger.memberships();
                let entered = || memberships.iter().any(|m| m.slot == Some(FIRST_SLOT));
                if limited && !locked && entered() {
                    // Somebody has entered there since.
                    continue;
                }
                if sticky && let Some(kept) = self.kept(&memberships) {
                    return Ok((kept, Reason::Sticky));
                }
                admission = self.is_admitted(&memberships)?;
            }
            if self.write(variant.id, admission, &memberships) {
                return assigned;
            }
            look_again = true;
        }
        Err(Reason::ParticipationLimit)
    }

    /// Writes the membership down; `false` if another transaction was faster.
    fn write(&mut self, variant: Uuid, admission: Admission, memberships: &[Membership]) -> bool {
        let experiment = self.experiment.id;
        match admission {
            Admission::Member(known) => {
                // A sticky experiment that is not to be treated as one leaves no trace there.
                let ignored = self.experiment.sticky && !self.is_sticky();
                known == Some(variant)
                    || ignored
                    || self.means.ledger.revise(experiment, known, variant)
            }
            Admission::Free(slot) => {
                let ended = releasable(memberships);
                if slot.is_some() && !ended.is_empty() {
                    self.means.ledger.release(&ended);
                }
                self.means.ledger.claim(&Claim {
                    experiment,
                    variant,
                    slot,
                })
            }
        }
    }
}
