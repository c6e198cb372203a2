//! The steps of a decision, in order.
//!
//! One function a step, so that a step to come (overrides and sticky before targeting,
//! rollout rules after the experiments) has its place in [`Entry::enter`] or [`decide`] and
//! changes no other.

use uuid::Uuid;

use crate::attributes::Attributes;
use crate::bucket::{ALLOCATION_SALT, VARIANT_SALT, bucket};
use crate::flag::{Experiment, Flag, Variant};
use crate::ledger::{Claim, FIRST_SLOT, Ledger, Membership};
use crate::participation::{Policy, Verdict, participation, releasable};
use crate::reason::Reason;
use crate::targeting::Truth;
use crate::trace::{Step, Trace};

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
/// at. The ledger is read once per experiment that gets as far, and written only when the
/// subject enters an experiment or changes its variant. Each step is reported to `trace`.
pub fn decide<'f, V>(
    flag: Option<&'f Flag<V>>,
    subject: &Subject<'_>,
    policy: &Policy,
    ledger: &mut dyn Ledger,
    trace: &mut dyn Trace,
) -> Decision<'f, V> {
    trace.step(
        None,
        &Step::Flag {
            found: flag.is_some(),
            enabled: flag.is_some_and(|flag| flag.enabled),
            experiments: flag.map_or(0, |flag| flag.experiments.len()),
        },
    );
    let value = flag.map(|flag| &flag.default_value);
    let default = |experiment, reason| Decision {
        value,
        experiment,
        variant: None,
        reason,
    };
    let Some(flag) = flag else {
        return default(None, Reason::FlagNotFound);
    };
    if !flag.enabled {
        return default(None, Reason::FlagDisabled);
    }
    let mut answer = default(None, Reason::NoActiveExperiment);
    for experiment in &flag.experiments {
        let mut entry = Entry {
            experiment,
            subject,
            policy,
            ledger,
            trace,
        };
        match entry.enter() {
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

/// A subject on its way into a running experiment.
struct Entry<'a, 'f, V> {
    experiment: &'f Experiment<V>,
    subject: &'a Subject<'a>,
    policy: &'a Policy,
    ledger: &'a mut dyn Ledger,
    trace: &'a mut dyn Trace,
}

/// How the subject stands to the experiment, if it may be in it.
#[derive(Clone, Copy)]
enum Admission {
    Member(Option<Uuid>),
    Free(i16),
}

/// A claim is lost to another transaction that took a slot, so the subject's slots fill up
/// and the loop ends; the bound is for the case that others also leave all the time.
const MAX_CLAIMS: usize = 1_000;

impl<'f, V> Entry<'_, 'f, V> {
    /// The variant that the subject gets, or why none.
    fn enter(&mut self) -> Result<&'f Variant<V>, Reason> {
        self.is_targeted()?;
        let memberships = self.ledger.memberships();
        let admission = self.is_admitted(&memberships)?;
        self.is_in_traffic()?;
        let variant = self.pick_variant()?;
        self.assign(variant.id, admission, &memberships)?;
        Ok(variant)
    }

    fn report(&mut self, step: &Step<'_>) {
        self.trace.step(Some(self.experiment.id), step);
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
        let found = participation(memberships, self.experiment.id, self.policy);
        self.report(&Step::Participation(&found));
        let admission = match found.verdict {
            Verdict::Member { variant } => Admission::Member(variant),
            Verdict::Free { slot } => Admission::Free(slot),
            Verdict::Full | Verdict::CoolingDown { .. } => return Err(Reason::ParticipationLimit),
        };
        for domain in &self.experiment.domains {
            let winner = domain.winner(self.subject, memberships);
            self.report(&Step::Domain {
                key: &domain.key,
                policy: domain.policy,
                winner,
            });
            if winner != Some(self.experiment.id) {
                return Err(Reason::DomainConflict);
            }
        }
        Ok(admission)
    }

    fn is_in_traffic(&mut self) -> Result<(), Reason> {
        let bucket = bucket(self.subject.id, &self.experiment.hash_key, ALLOCATION_SALT);
        let traffic = self.experiment.traffic;
        self.report(&Step::Traffic {
            bucket: bucket.get(),
            threshold: traffic.threshold(),
        });
        if traffic.admits(bucket) {
            Ok(())
        } else {
            Err(Reason::OutsideTrafficAllocation)
        }
    }

    fn pick_variant(&mut self) -> Result<&'f Variant<V>, Reason> {
        let bucket = bucket(self.subject.id, &self.experiment.hash_key, VARIANT_SALT);
        let variant = self
            .experiment
            .variants
            .as_ref()
            .and_then(|all| all.pick(bucket));
        self.report(&Step::Variant {
            bucket: bucket.get(),
            variant: variant.map(|v| v.id),
        });
        variant.ok_or(Reason::NoVariants)
    }

    /// Enters the subject in the ledger, unless it is there with this variant. What was seen
    /// of the page may be outdated by then, so it is locked and looked at again (see
    /// [`Ledger`]); an empty page has nothing to lock, and the claim for its first slot does
    /// the same.
    fn assign(
        &mut self,
        variant: Uuid,
        mut admission: Admission,
        seen: &[Membership],
    ) -> Result<(), Reason> {
        if matches!(admission, Admission::Member(known) if known == Some(variant)) {
            return Ok(());
        }
        let mut memberships = Vec::new();
        let mut look_again = !seen.is_empty();
        for _ in 0..MAX_CLAIMS {
            if look_again {
                let locked = self.ledger.lock();
                memberships = self.ledger.memberships();
                if !locked && memberships.iter().any(|m| m.slot == Some(FIRST_SLOT)) {
                    // Somebody has entered there since.
                    continue;
                }
                admission = self.is_admitted(&memberships)?;
            }
            let done = match admission {
                Admission::Member(known) => {
                    if known != Some(variant) {
                        self.ledger.revise(self.experiment.id, variant);
                    }
                    true
                }
                Admission::Free(slot) => {
                    let ended = releasable(&memberships);
                    if !ended.is_empty() {
                        self.ledger.release(&ended);
                    }
                    self.ledger.claim(&Claim {
                        experiment: self.experiment.id,
                        variant,
                        slot,
                    })
                }
            };
            if done {
                return Ok(());
            }
            look_again = true;
        }
        Err(Reason::ParticipationLimit)
    }
}
