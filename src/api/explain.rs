//! `lotty_explain`: the decision that `lotty_evaluate` would make, step by step.

use lotty_core::domain::{DomainPolicy, Winner};
use lotty_core::participation::{Participation, Policy, Verdict};
use lotty_core::reason::Reason;
use lotty_core::targeting::Truth;
use lotty_core::trace::{Step, Trace};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::question::Question;
use crate::config::{ExperimentText, describe_experiment, variant_name};
use crate::ledger::ReadOnlyLedger;
use crate::pg::jsonb::{Jsonb, JsonbArgument};
use crate::pg::snapshot;

/// Every step of a decision, for every experiment and rollout rule that is looked at: what was
/// checked, the outcome (`passed`, `none` for a look-up that found nothing, or the reason for which the subject is turned away) and the numbers.
/// The last row is the decision. Nothing is written; it is the very code that decides.
///
/// Stable, parallel restricted, runs with the owner's rights. Errors: 22004 and 22023 as
/// `lotty_decide`.
#[pg_extern(stable, parallel_restricted, security_definer, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn lotty_explain(
    flag: Option<&str>,
    subject: Option<&str>,
    attrs: default!(Option<JsonbArgument<'_>>, "'{}'"),
) -> TableIterator<
    'static,
    (
        name!(step, i32),
        name!(experiment, Option<String>),
        name!(checked, String),
        name!(outcome, String),
        name!(detail, JsonB),
    ),
> {
    let question = Question::about_flag("lotty_explain", flag, subject, attrs);
    let mut account = Account::new(&question.policy);
    let mut ledger = ReadOnlyLedger::new(question.subject, &question.policy);
    let decision = question.decide(&mut ledger, &mut account);
    let variant = decision
        .experiment
        .zip(decision.variant)
        .and_then(|(experiment, variant)| {
            let flag = question.found.as_ref()?;
            let mut all = flag.experiments.iter().chain(&flag.rollouts);
            let experiment = all.find(|e| e.id == experiment)?;
            Some(experiment.variant(variant)?.name.to_string())
        });
    account.lines.push(Line {
        experiment: decision.experiment,
        checked: "decision",
        outcome: decision.reason.as_str(),
        detail: json!({ "value": decision.value.map(Jsonb::to_json), "variant": variant }),
    });
    TableIterator::new(account.rows())
}

/// A row of the explanation.
struct Line {
    experiment: Option<Uuid>,
    checked: &'static str,
    outcome: &'static str,
    detail: Value,
}

/// Writes the steps down.
struct Account<'a> {
    policy: &'a Policy,
    lines: Vec<Line>,
}

/// The outcome of a step that lets the subject pass.
const PASSED: &str = "passed";

/// The outcome of a step that looked for something and found nothing.
const NONE: &str = "none";

impl Trace for Account<'_> {
    fn step(&mut self, experiment: Option<Uuid>, step: &Step<'_>) {
        let refused = |passed: bool, reason: Reason| if passed { PASSED } else { reason.as_str() };
        let (checked, outcome, detail) = match step {
            Step::Flag {
                found,
                enabled,
                experiments,
                rollouts,
            } => (
                "flag",
                match (found, enabled, experiments + rollouts) {
                    (false, ..) => Reason::FlagNotFound.as_str(),
                    (_, false, _) => Reason::FlagDisabled.as_str(),
                    (.., 0) => Reason::NoActiveExperiment.as_str(),
                    _ => PASSED,
                },
                json!({
                    "enabled": found.then_some(enabled),
                    "running_experiments": experiments,
                    "rollout_rules": rollouts,
                }),
            ),
            Step::Override { found, variant } => {
                let reason = match found.forced.is_some() && found.forced == *variant {
                    true => Reason::Forced,
                    false => Reason::Whitelisted,
                };
                let outcome = variant.map_or(NONE, |_| reason.as_str());
                let detail = json!({
                    "forced": found.forced.and_then(name_of),
                    "whitelisted": found.whitelisted.and_then(name_of),
                });
                ("override", outcome, detail)
            }
            Step::Sticky { member, variant } => (
                "sticky",
                variant.map_or(NONE, |_| Reason::Sticky.as_str()),
                json!({ "member": member, "variant": variant.and_then(name_of) }),
            ),
            Step::Targeting { truth } => (
                "targeting",
                refused(*truth == Truth::True, Reason::TargetingMismatch),
                json!({
                    "rule": experiment.and_then(text_of).map(|text| text.targeting),
                    "truth": truth.known(),
                }),
            ),
            Step::Participation(found) => (
                "participation",
                refused(
                    matches!(found.verdict, Verdict::Member { .. } | Verdict::Free { .. }),
                    Reason::ParticipationLimit,
                ),
                self.participation(found),
            ),
            Step::Domain {
                key,
                policy,
                winner,
            } => (
                "domain",
                refused(winner.experiment == experiment, Reason::DomainConflict),
                domain(key, *policy, winner),
            ),
            Step::Traffic { bucket, threshold } => (
                "traffic",
                refused(bucket < threshold, Reason::OutsideTrafficAllocation),
                json!({ "bucket": bucket, "threshold": threshold }),
            ),
            Step::Variant { bucket, variant } => (
                "variant",
                refused(variant.is_some(), Reason::NoVariants),
                json!({ "bucket": bucket }),
            ),
            Step::Range {
                bucketing_id,
                bucket,
                variant,
            } => (
                "range",
                refused(variant.is_some(), Reason::OutsideTrafficAllocation),
                json!({ "bucketing_id": bucketing_id, "bucket": bucket }),
            ),
            Step::EveryoneElse { skipped } => {
                ("everyone_else", PASSED, json!({ "skipped_rules": skipped }))
            }
        };
        self.lines.push(Line {
            experiment,
            checked,
            outcome,
            detail,
        });
    }
}

impl<'a> Account<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            lines: Vec::new(),
        }
    }

    fn participation(&self, found: &Participation) -> Value {
        let (ended, until) = match found.verdict {
            Verdict::CoolingDown { experiment, until } => {
                let until = TimestampWithTimeZone::try_from(until).ok();
                (
                    text_of(experiment),
                    until.map(|until| until.to_iso_string()),
                )
            }
            _ => (None, None),
        };
        json!({
            "other_active": found.active,
            "limit": self.policy.max_concurrent,
            "member": matches!(found.verdict, Verdict::Member { .. }),
            "cooling_down_from": ended.map(|text| text.key),
            "cooling_down_until": until,
        })
    }

    fn rows(self) -> Vec<(i32, Option<String>, String, String, JsonB)> {
        (1..)
            .zip(self.lines)
            .map(|(step, line)| {
                let experiment = line.experiment.and_then(text_of).map(|text| text.key);
                let (checked, outcome) = (line.checked.to_owned(), line.outcome.to_owned());
                (step, experiment, checked, outcome, JsonB(line.detail))
            })
            .collect()
    }
}

/// What the account says of a conflict domain; the bucket where that is what counts.
fn domain(key: &str, policy: DomainPolicy, winner: &Winner) -> Value {
    let mut detail = json!({
        "domain": key,
        "policy": policy.as_str(),
        "winner": winner.experiment.and_then(text_of).map(|text| text.key),
    });
    if let (Some(bucket), Some(members)) = (winner.bucket, detail.as_object_mut()) {
        members.insert("bucket".to_owned(), json!(bucket.get()));
    }
    detail
}

fn name_of(variant: Uuid) -> Option<String> {
    snapshot::with_newest(|| variant_name(variant))
}

fn text_of(experiment: Uuid) -> Option<ExperimentText> {
    snapshot::with_newest(|| describe_experiment(experiment))
}
