//! A datafile, read: its experiments, groups, rollouts and flags, with their references
//! resolved.

use std::collections::{HashMap, HashSet};
use std::ops;
use std::rc::Rc;

use crate::optimizely::document::ExperimentKind;
use crate::optimizely::error::DatafileError;
use crate::optimizely::experiment::{Experiment, Variation};
use crate::optimizely::place::{Place, shown};
use crate::optimizely::range::{self, BUCKETS, Entity, Range};
use crate::optimizely::read::{Names, Node, Object};
use crate::optimizely::variable::{self, Usages, Variable};
use crate::optimizely::warning::{Tally, Warning};

/// The versions of datafiles that there are kits for.
const VERSIONS: [&str; 3] = ["2", "3", "4"];

/// What decides, of a datafile.
pub(super) struct Project<'d> {
    /// The experiments of the project, then the rules of rollouts, then the experiments of groups:
    /// the order in which `project_config.py` knows them.
    pub(super) experiments: Vec<Experiment<'d>>,
    pub(super) groups: Vec<Group<'d>>,
    pub(super) flags: Vec<Flag<'d>>,
    /// The variables that a variation sets, by its id.
    usages: HashMap<&'d str, Rc<Usages<'d>>>,
}

/// A group whose experiments exclude each other.
pub(super) struct Group<'d> {
    pub(super) id: &'d str,
    pub(super) place: Place<'d>,
    /// Its experiments, as places among all.
    pub(super) members: ops::Range<usize>,
    pub(super) ranges: Vec<Range<'d>>,
}

/// A feature flag.
pub(super) struct Flag<'d> {
    /// Its id; its key if it has none.
    pub(super) id: &'d str,
    pub(super) key: &'d str,
    /// Its experiments in the order in which they decide, as places among all.
    pub(super) experiments: Vec<usize>,
    /// The rules of its rollout, likewise.
    pub(super) rollout: ops::Range<usize>,
    pub(super) variables: Vec<Variable<'d>>,
    pub(super) place: Place<'d>,
}

impl<'d> Project<'d> {
    /// Reads all of a datafile that decides, but for its audiences.
    pub(super) fn read(
        datafile: &Object<'d>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, DatafileError> {
        check_supported(datafile)?;
        let mut reader = Reader {
            experiments: Vec::new(),
            by_id: HashMap::new(),
            ids: Names::new("experiment id"),
            keys: Names::new("experiment key"),
        };
        for node in datafile.list("experiments")? {
            reader
                .add(&node, ExperimentKind::Experiment)?
                .check_ungrouped()?;
        }
        let rollouts = reader.rollouts(datafile)?;
        let groups = reader.groups(datafile, warnings)?;
        let flags = reader.flags(datafile, &rollouts, warnings)?;
        let mut project = Self {
            experiments: reader.experiments,
            groups,
            flags,
            usages: HashMap::new(),
        };
        project.note_usages(warnings);
        project.add_everyone_else()?;
        Ok(project)
    }

    /// The variables that a variation sets.
    pub(super) fn usages<'u>(&'u self, variation: &'u Variation<'d>) -> &'u Usages<'d> {
        self.usages.get(variation.id).unwrap_or(&variation.usages)
    }

    /// Rules of one flag have the same variations, so their ids repeat. The kits keep the variables
    /// by the id of the variation alone; should they differ, the last ones count
    /// (`variation_variable_usage_map` in `project_config.py`).
    fn note_usages(&mut self, warnings: &mut Vec<Warning>) {
        let mut differing = Tally::default();
        for variation in self
            .experiments
            .iter()
            .flat_map(|experiment| experiment.variations.iter())
        {
            let earlier = self
                .usages
                .insert(variation.id, Rc::clone(&variation.usages));
            if earlier.is_some_and(|earlier| !variable::are_same(&earlier, &variation.usages)) {
                differing.add(&variation.place);
            }
        }
        let message =
            "variation sets other variables than an earlier one of its id, which has these as well";
        differing.report(warnings, message);
    }

    /// Completes the experiments of type feature rollout: whoever is in none of their ranges gets
    /// the first variation of the last rule of the flag's rollout (`ProjectConfig.__init__` and
    /// `_get_everyone_else_variation` in `project_config.py`).
    fn add_everyone_else(&mut self) -> Result<(), DatafileError> {
        for flag in &self.flags {
            let rules = self
                .experiments
                .get(flag.rollout.clone())
                .unwrap_or_default();
            let everyone_else = rules.last().and_then(|rule| rule.variations.iter().next());
            let Some(everyone_else) = everyone_else.cloned() else {
                continue;
            };
            for &index in &flag.experiments {
                let experiment = self.experiments.get_mut(index);
                let Some(experiment) =
                    experiment.filter(|experiment| experiment.is_feature_rollout)
                else {
                    continue;
                };
                self.usages
                    .insert(everyone_else.id, Rc::clone(&everyone_else.usages));
                add_variation(experiment, everyone_else.clone())?;
            }
        }
        Ok(())
    }
}

fn add_variation<'d>(
    experiment: &mut Experiment<'d>,
    variation: Variation<'d>,
) -> Result<(), DatafileError> {
    let id = variation.id;
    let (shown_id, shown_key) = (shown(id), shown(variation.key));
    if experiment.variations.merge(variation).is_none() {
        let message = format!(
            "feature rollout has a variation with the id {shown_id} or the key {shown_key}, but not \
             with both, as the variation for everyone else has"
        );
        return Err(experiment.fields.place.error(message));
    }
    let entity = Some(Entity { id, place: None });
    let end = BUCKETS;
    experiment.ranges.push(Range { end, entity });
    Ok(())
}

fn check_supported(datafile: &Object<'_>) -> Result<(), DatafileError> {
    let version = datafile.required("version")?;
    if !VERSIONS.contains(&version.text()?) {
        let message = format!("unknown version {} of a datafile", shown(version.text()?));
        let hint = "versions 2, 3 and 4 are known";
        return Err(version.error(message).with_hint(hint));
    }
    for key in ["holdouts", "localHoldouts"] {
        if datafile.list(key)?.next().is_some() {
            let error = datafile.place.key(key).error("holdouts are not supported");
            let hint = "a project can be imported when its holdouts have ended";
            return Err(error.with_hint(hint));
        }
    }
    Ok(())
}

/// Collects experiments while the rest of the datafile is read.
struct Reader<'d> {
    experiments: Vec<Experiment<'d>>,
    by_id: HashMap<&'d str, usize>,
    ids: Names<'d>,
    keys: Names<'d>,
}

impl<'d> Reader<'d> {
    fn add(
        &mut self,
        node: &Node<'d>,
        kind: ExperimentKind,
    ) -> Result<&Experiment<'d>, DatafileError> {
        let experiment = Experiment::read(node, kind)?;
        let place = &experiment.fields.place;
        self.ids.add(experiment.id, &place.key("id"))?;
        self.keys.add(experiment.key, &place.key("key"))?;
        self.by_id.insert(experiment.id, self.experiments.len());
        Ok(self.experiments.push_mut(experiment))
    }
}

impl<'d> Reader<'d> {
    /// Reads the rollouts; gives the rules of each by its id.
    fn rollouts(
        &mut self,
        datafile: &Object<'d>,
    ) -> Result<HashMap<&'d str, ops::Range<usize>>, DatafileError> {
        let mut ids = Names::new("rollout id");
        let mut rollouts = HashMap::new();
        for node in datafile.list("rollouts")? {
            let rollout = node.object()?;
            let id = rollout.required("id")?;
            ids.add(id.text()?, &id.place)?;
            let first = self.experiments.len();
            for rule in rollout.required("experiments")?.elements()? {
                self.add(&rule, ExperimentKind::Rollout)?
                    .check_ungrouped()?;
            }
            rollouts.insert(id.text()?, first..self.experiments.len());
        }
        Ok(rollouts)
    }

    /// Reads the groups; gives those of the policy `random`. Any other policy, as a rule
    /// `overlapping`, does not make a group exclude anything (`bucket_to_entity_id` in
    /// `bucketer.py`), so what is left of it are experiments.
    fn groups(
        &mut self,
        datafile: &Object<'d>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<Group<'d>>, DatafileError> {
        let mut ids = Names::new("group id");
        let mut groups = Vec::new();
        for node in datafile.list("groups")? {
            let group = node.object()?;
            let id = group.required("id")?.name()?;
            ids.add(id, &group.place.key("id"))?;
            let policy = group.required("policy")?.text()?;
            let first = self.experiments.len();
            for experiment in group.required("experiments")?.elements()? {
                self.add(&experiment, ExperimentKind::Experiment)?;
            }
            if policy != "random" {
                continue;
            }
            let mut skipped = Tally::default();
            let ranges = range::read(&group.required("trafficAllocation")?, &mut skipped)?;
            skipped.report(warnings, range::SKIPPED);
            groups.push(Group {
                id,
                place: group.place,
                members: first..self.experiments.len(),
                ranges,
            });
        }
        Ok(groups)
    }

    fn flags(
        &self,
        datafile: &Object<'d>,
        rollouts: &HashMap<&'d str, ops::Range<usize>>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<Flag<'d>>, DatafileError> {
        let mut ids = Names::new("flag id");
        let mut keys = Names::new("flag key");
        let mut flags = Vec::new();
        for node in datafile.list("featureFlags")? {
            let flag = self.flag(&node.object()?, rollouts, warnings)?;
            ids.add(flag.id, &node.place.key("id"))?;
            keys.add(flag.key, &node.place.key("key"))?;
            flags.push(flag);
        }
        Ok(flags)
    }

    fn flag(
        &self,
        flag: &Object<'d>,
        rollouts: &HashMap<&'d str, ops::Range<usize>>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Flag<'d>, DatafileError> {
        let key = flag.required("key")?.name()?;
        let id = match flag.optional("id") {
            Some(id) => id.name()?,
            None => key,
        };
        let mut failed = Tally::default();
        let variables = variable::read(&flag.required("variables")?, &mut failed)?;
        failed.report(warnings, variable::FAILED);
        Ok(Flag {
            id,
            key,
            experiments: self.experiments_of(&flag.required("experimentIds")?, warnings)?,
            rollout: rollout_of(flag, rollouts, warnings)?,
            variables,
            place: flag.place.clone(),
        })
    }

    /// The experiments that a flag names, each once: a second time it could only answer the same.
    ///
    /// An id that is not in the datafile ends the list, as in Ruby's kit 3.5: what is behind it
    /// is never asked, and the rollout follows. Python refuses such a datafile.
    fn experiments_of(
        &self,
        ids: &Node<'d>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<usize>, DatafileError> {
        let mut experiments = Vec::new();
        let mut seen = HashSet::new();
        let mut repeated = Tally::default();
        for node in ids.elements()? {
            let id = node.text()?;
            let Some(&index) = self.by_id.get(id) else {
                let mut unknown = Tally::default();
                unknown.add(&node.place);
                let message = format!(
                    "experiment {} is not in the datafile; the flag's experiments end there",
                    shown(id)
                );
                unknown.report(warnings, &message);
                break;
            };
            let kind = self
                .experiments
                .get(index)
                .map(|experiment| experiment.kind);
            if kind == Some(ExperimentKind::Rollout) {
                let message = format!("{} is a rule of a rollout, not an experiment", shown(id));
                return Err(node.error(message));
            }
            if seen.insert(index) {
                experiments.push(index);
            } else {
                repeated.add(&node.place);
            }
        }
        repeated.report(warnings, "experiment that the flag has already");
        Ok(experiments)
    }
}

/// The rules of a flag's rollout. A flag may have none; an id that is not in the datafile is none,
/// as in Ruby's kits.
fn rollout_of<'d>(
    flag: &Object<'d>,
    rollouts: &HashMap<&'d str, ops::Range<usize>>,
    warnings: &mut Vec<Warning>,
) -> Result<ops::Range<usize>, DatafileError> {
    let Some(node) = flag.optional("rolloutId") else {
        return Ok(0..0);
    };
    let id = node.text()?;
    if id.is_empty() {
        return Ok(0..0);
    }
    Ok(rollouts.get(id).cloned().unwrap_or_else(|| {
        let mut unknown = Tally::default();
        unknown.add(&node.place);
        let message = format!("rollout {} is not in the datafile", shown(id));
        unknown.report(warnings, &message);
        0..0
    }))
}
