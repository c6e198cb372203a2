//! From a datafile to the rows of Lotty's tables.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};
use uuid::Uuid;

use crate::optimizely::audience::Audiences;
use crate::optimizely::budget::{Budget, PART_BYTES};
use crate::optimizely::document::{
    Configuration, DomainRow, ExperimentFlagRow, ExperimentKind, ExperimentRange, ExperimentRow,
    FlagRow, MemberRow, OverrideRow, VariantRange, VariantRow, VariantValueRow,
};
use crate::optimizely::error::DatafileError;
use crate::optimizely::experiment::{Experiment, Variation};
use crate::optimizely::identity::Identity;
use crate::optimizely::place::{Place, shown};
use crate::optimizely::project::{Flag, Group, Project};
use crate::optimizely::range;
use crate::optimizely::read::{Node, check_length};
use crate::optimizely::variable;
use crate::optimizely::warning::Tally;

/// Translates a datafile of Optimizely.
///
/// An error when something in it decides about users and cannot be represented: see
/// [the module](crate::optimizely).
pub fn translate(datafile: &Value) -> Result<Configuration, DatafileError> {
    translate_with_pauses(datafile, &|| ())
}

/// [`translate`], with a function that is called whenever something in the datafile is looked at
/// or a row is written. Where a translation can be cancelled, it may look whether one is, and
/// unwind.
pub fn translate_with_pauses<'d>(
    datafile: &'d Value,
    pause: &'d dyn Fn(),
) -> Result<Configuration, DatafileError> {
    let root = Node {
        value: datafile,
        place: Place::root(pause),
    };
    let datafile = root.object()?;
    let mut warnings = Vec::new();
    let project = Project::read(&datafile, &mut warnings)?;
    let id = datafile.required("projectId")?.name()?;
    let identity = Identity::new(id);
    let configuration = Configuration {
        source: identity.source(),
        revision: datafile.required("revision")?.text()?.to_owned(),
        flags: Vec::new(),
        audiences: Vec::new(),
        experiments: Vec::new(),
        variants: Vec::new(),
        experiment_flags: Vec::new(),
        variant_values: Vec::new(),
        domains: Vec::new(),
        members: Vec::new(),
        overrides: Vec::new(),
        warnings,
    };
    let mut budget = Budget::new();
    let uses = uses(&project, &mut budget)?;
    let mut translation = Translation {
        project: &project,
        identity,
        audiences: Audiences::read(&datafile)?,
        variants: HashSet::new(),
        budget,
        configuration,
    };
    for flag in &project.flags {
        translation.flag(flag);
    }
    for (experiment, uses) in project.experiments.iter().zip(&uses) {
        let is_in_use = experiment.kind == ExperimentKind::Experiment || !uses.is_empty();
        if is_in_use {
            translation.experiment(experiment, uses)?;
        }
    }
    for group in &project.groups {
        translation.group(group)?;
    }
    let warnings = &mut translation.configuration.warnings;
    translation.configuration.audiences = translation.audiences.rows(warnings)?;
    Ok(translation.configuration)
}

/// A flag that has an experiment, and the place of the experiment with it.
struct Use<'p, 'd> {
    flag: &'p Flag<'d>,
    rank: usize,
}

/// The flags that have each experiment, in their order.
fn uses<'p, 'd>(
    project: &'p Project<'d>,
    budget: &mut Budget,
) -> Result<Vec<Vec<Use<'p, 'd>>>, DatafileError> {
    let mut uses: Vec<Vec<Use<'p, 'd>>> = Vec::new();
    uses.resize_with(project.experiments.len(), Vec::new);
    for flag in &project.flags {
        let experiments = flag.experiments.iter().copied().enumerate();
        let rules = flag.rollout.clone().enumerate();
        for (rank, experiment) in experiments.chain(rules) {
            budget.row(0, &flag.place)?;
            if let Some(uses) = uses.get_mut(experiment) {
                uses.push(Use { flag, rank });
            }
        }
    }
    Ok(uses)
}

struct Translation<'p, 'd> {
    project: &'p Project<'d>,
    identity: Identity,
    audiences: Audiences<'d>,
    /// The ids of all variants.
    variants: HashSet<Uuid>,
    budget: Budget,
    configuration: Configuration,
}

impl<'d> Translation<'_, 'd> {
    fn flag(&mut self, flag: &Flag<'d>) {
        let defaults = variable::defaults(&flag.variables);
        self.configuration.flags.push(FlagRow {
            flag_id: self.identity.flag(flag.id),
            key: flag.key.to_owned(),
            default_value: answer(false, None, defaults),
            description: format!("Optimizely feature flag {}", flag.id),
        });
    }

    fn experiment(
        &mut self,
        experiment: &Experiment<'d>,
        uses: &[Use<'_, 'd>],
    ) -> Result<(), DatafileError> {
        let experiment_id = self.identity.experiment(experiment.kind, experiment.id);
        let (traffic_ranges, shares) = self.ranges(experiment);
        let buckets = shares.iter().copied().map(u32::from).sum();
        let warnings = &mut self.configuration.warnings;
        let targeting = self.audiences.targeting(&experiment.fields, warnings)?;
        let size = targeting.len() + traffic_ranges.len() * PART_BYTES;
        self.budget.row(size, &experiment.fields.place)?;
        self.configuration.experiments.push(ExperimentRow {
            experiment_id,
            flag_id: uses.first().map(|first| self.identity.flag(first.flag.id)),
            key: experiment.key.to_owned(),
            kind: experiment.kind,
            rank: uses.first().map_or(0, |first| first.rank),
            status: experiment.status,
            targeting,
            hash_key: experiment.id.to_owned(),
            traffic_allocation: percent(buckets),
            traffic_ranges,
        });
        self.variants(experiment, uses, &shares)?;
        self.further_flags(experiment, uses)?;
        self.whitelist(experiment)
    }

    /// The ranges of an experiment, and how many buckets each of its variations has.
    fn ranges(&mut self, experiment: &Experiment<'d>) -> (Vec<VariantRange>, Vec<u16>) {
        let mut unknown = Tally::default();
        let mut targets = Vec::with_capacity(experiment.ranges.len());
        let mut ranges = Vec::with_capacity(experiment.ranges.len());
        for range in &experiment.ranges {
            let entity = range.entity.as_ref();
            let target = entity.and_then(|entity| experiment.variations.id(entity.id));
            if target.is_none()
                && let Some(place) = entity.and_then(|entity| entity.place.as_ref())
            {
                unknown.add(place);
            }
            targets.push((range.end, target));
            let variant_id = entity.filter(|_| target.is_some());
            ranges.push(VariantRange {
                end_of_range: range.end,
                variant_id: variant_id.map(|entity| {
                    self.identity
                        .variant(experiment.kind, experiment.id, entity.id)
                }),
            });
        }
        let warnings = &mut self.configuration.warnings;
        experiment.skipped.clone().report(warnings, range::SKIPPED);
        let message = "range of a variation that the experiment does not have, which gives none";
        unknown.report(warnings, message);
        (
            ranges,
            range::shares(targets, experiment.variations.iter().len()),
        )
    }

    fn variants(
        &mut self,
        experiment: &Experiment<'d>,
        uses: &[Use<'_, 'd>],
        shares: &[u16],
    ) -> Result<(), DatafileError> {
        let experiment_id = self.identity.experiment(experiment.kind, experiment.id);
        let mut failed = Tally::default();
        for (rank, (variation, &weight)) in experiment.variations.iter().zip(shares).enumerate() {
            let variant_id = self
                .identity
                .variant(experiment.kind, experiment.id, variation.id);
            if !self.variants.insert(variant_id) {
                let message = format!("id {} cannot be told from another", shown(variation.id));
                return Err(variation.place.key("id").error(message));
            }
            let flag = uses.first().map(|first| first.flag);
            let value = self.value(variation, flag, &mut failed)?;
            self.configuration.variants.push(VariantRow {
                variant_id,
                experiment_id,
                name: variation.key.to_owned(),
                value,
                weight,
                rank,
            });
        }
        failed.report(&mut self.configuration.warnings, variable::FAILED);
        Ok(())
    }

    /// What the experiment is to all its flags but the first.
    fn further_flags(
        &mut self,
        experiment: &Experiment<'d>,
        uses: &[Use<'_, 'd>],
    ) -> Result<(), DatafileError> {
        let experiment_id = self.identity.experiment(experiment.kind, experiment.id);
        let mut failed = Tally::default();
        for Use { flag, rank } in uses.iter().skip(1) {
            let flag_id = self.identity.flag(flag.id);
            self.configuration.experiment_flags.push(ExperimentFlagRow {
                experiment_id,
                flag_id,
                rank: *rank,
            });
            for variation in experiment.variations.iter() {
                let value = self.value(variation, Some(flag), &mut failed)?;
                self.configuration.variant_values.push(VariantValueRow {
                    variant_id: self
                        .identity
                        .variant(experiment.kind, experiment.id, variation.id),
                    flag_id,
                    value,
                });
            }
        }
        failed.report(&mut self.configuration.warnings, variable::FAILED);
        Ok(())
    }

    /// What a variation answers for a flag. Variables keep their defaults unless it enables the
    /// flag (`_create_optimizely_decision` in `optimizely.py`).
    fn value(
        &mut self,
        variation: &Variation<'d>,
        flag: Option<&Flag<'d>>,
        failed: &mut Tally,
    ) -> Result<Value, DatafileError> {
        let variables: &[_] = flag.map_or(&[], |flag| &flag.variables);
        let project = self.project;
        let usages = project.usages(variation);
        self.budget
            .row(variable::size(variables, usages), &variation.place)?;
        let variables = match variation.enabled {
            true => variable::overridden(variables, usages, failed)?,
            false => variable::defaults(variables),
        };
        Ok(answer(variation.enabled, Some(variation.key), variables))
    }

    /// The whitelist of an experiment. A rule of a rollout has none, whatever it holds
    /// (`get_variation_for_rollout` in `decision_service.py`), and an entry for a variation that the
    /// experiment does not have is ignored (`get_whitelisted_variation`).
    fn whitelist(&mut self, experiment: &Experiment<'d>) -> Result<(), DatafileError> {
        let list = experiment.fields.optional("forcedVariations");
        let Some(list) = list.filter(|_| experiment.kind == ExperimentKind::Experiment) else {
            return Ok(());
        };
        let experiment_id = self.identity.experiment(experiment.kind, experiment.id);
        let mut variants: Vec<Uuid> = Vec::with_capacity(experiment.variations.iter().len());
        for variation in experiment.variations.iter() {
            variants.push(
                self.identity
                    .variant(experiment.kind, experiment.id, variation.id),
            );
        }
        let mut unknown = Tally::default();
        for (subject, entry) in list.object()?.members() {
            let variation = experiment.variations.key(entry.text()?);
            let Some(&variant_id) = variation.and_then(|index| variants.get(index)) else {
                unknown.add(&entry.place);
                continue;
            };
            if subject.contains('\0') {
                return Err(
                    entry.error("user has the character U+0000, which PostgreSQL cannot store")
                );
            }
            self.budget.row(subject.len(), &entry.place)?;
            self.configuration.overrides.push(OverrideRow {
                experiment_id,
                subject_id: subject.to_owned(),
                variant_id,
            });
        }
        let message = "whitelist entry with a variation that the experiment does not have";
        unknown.report(&mut self.configuration.warnings, message);
        Ok(())
    }

    fn group(&mut self, group: &Group<'d>) -> Result<(), DatafileError> {
        let domain_id = self.identity.group(group.id);
        let key = format!("{}:{}", self.configuration.source, group.id);
        check_length(&key, &group.place.key("id"))?;
        let members = self.project.experiments.get(group.members.clone());
        let members = members.unwrap_or_default();
        let ids: HashSet<&str> = members.iter().map(|experiment| experiment.id).collect();
        let mut unknown = Tally::default();
        let mut traffic_ranges = Vec::with_capacity(group.ranges.len());
        for range in &group.ranges {
            let entity = range.entity.as_ref();
            let member = entity.filter(|entity| ids.contains(entity.id));
            if member.is_none()
                && let Some(place) = entity.and_then(|entity| entity.place.as_ref())
            {
                unknown.add(place);
            }
            traffic_ranges.push(ExperimentRange {
                end_of_range: range.end,
                experiment_id: member.map(|entity| {
                    self.identity
                        .experiment(ExperimentKind::Experiment, entity.id)
                }),
            });
        }
        let message = "range of an experiment that the group does not have, which gives none";
        unknown.report(&mut self.configuration.warnings, message);
        self.configuration.domains.push(DomainRow {
            domain_id,
            key,
            hash_key: group.id.to_owned(),
            traffic_ranges,
        });
        let identity = &self.identity;
        self.configuration
            .members
            .extend(members.iter().map(|experiment| MemberRow {
                domain_id,
                experiment_id: identity.experiment(experiment.kind, experiment.id),
            }));
        Ok(())
    }
}

/// What a decision answers.
fn answer(enabled: bool, variation: Option<&str>, variables: Map<String, Value>) -> Value {
    let variation = variation.map_or(Value::Null, Value::from);
    Value::Object(Map::from_iter([
        ("enabled".to_owned(), Value::Bool(enabled)),
        ("variation".to_owned(), variation),
        ("variables".to_owned(), Value::Object(variables)),
    ]))
}

/// So many of 10 000 buckets as a percentage, exact.
fn percent(buckets: u32) -> Number {
    let (whole, rest) = (buckets / 100, buckets % 100);
    let text = match (rest / 10, rest % 10) {
        (0, 0) => format!("{whole}"),
        (tenths, 0) => format!("{whole}.{tenths}"),
        (tenths, hundredths) => format!("{whole}.{tenths}{hundredths}"),
    };
    text.parse().unwrap_or_else(|_| Number::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_no_superfluous_digits() {
        for (buckets, text) in [
            (0, "0"),
            (5, "0.05"),
            (8590, "85.9"),
            (10_000, "100"),
            (101, "1.01"),
        ] {
            assert_eq!(percent(buckets).to_string(), text);
        }
    }
}
