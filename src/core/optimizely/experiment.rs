//! Experiments and rules of rollouts as they stand in the datafile.

use std::collections::HashMap;
use std::rc::Rc;

use crate::optimizely::document::ExperimentKind;
use crate::optimizely::error::DatafileError;
use crate::optimizely::place::Place;
use crate::optimizely::range::{self, Range};
use crate::optimizely::read::{Names, Node, Object};
use crate::optimizely::variable::{self, Usages};
use crate::optimizely::warning::Tally;

/// An experiment or a rule of a rollout.
pub(super) struct Experiment<'d> {
    pub(super) fields: Object<'d>,
    pub(super) id: &'d str,
    pub(super) key: &'d str,
    pub(super) kind: ExperimentKind,
    /// Lotty's name of the status.
    pub(super) status: &'static str,
    /// Whether the flag's variation for everyone else is added to it.
    pub(super) is_feature_rollout: bool,
    pub(super) variations: Variations<'d>,
    pub(super) ranges: Vec<Range<'d>>,
    /// Ranges without an end.
    pub(super) skipped: Tally,
}

/// A variation of an experiment.
#[derive(Clone)]
pub(super) struct Variation<'d> {
    pub(super) id: &'d str,
    pub(super) key: &'d str,
    pub(super) enabled: bool,
    pub(super) usages: Rc<Usages<'d>>,
    pub(super) place: Place<'d>,
}

/// The variations of an experiment in their order; ids and keys are unique among them.
#[derive(Default)]
pub(super) struct Variations<'d> {
    list: Vec<Variation<'d>>,
    by_id: HashMap<&'d str, usize>,
    by_key: HashMap<&'d str, usize>,
}

impl<'d> Experiment<'d> {
    /// Reads an experiment. Of a rule of a rollout the status is never read: a rule is always
    /// running (`get_variation_for_rollout` in `decision_service.py`).
    pub(super) fn read(node: &Node<'d>, kind: ExperimentKind) -> Result<Self, DatafileError> {
        let fields = node.object()?;
        let id = fields.required("id")?.name()?;
        let key = fields.required("key")?.name()?;
        let status = match kind {
            ExperimentKind::Experiment => status(fields.required("status")?.text()?),
            ExperimentKind::Rollout => "running",
        };
        if let Some(cmab) = fields.optional("cmab") {
            let message = "contextual multi-armed bandits are not supported";
            let hint = "an outside service picks the variation of such an experiment for each user";
            return Err(cmab.error(message).with_hint(hint));
        }
        let kind_of_rule = match fields.optional("type") {
            Some(node) => node.text()?,
            None => "",
        };
        let mut skipped = Tally::default();
        let ranges = range::read(&fields.required("trafficAllocation")?, &mut skipped)?;
        Ok(Self {
            variations: Variations::read(&fields)?,
            is_feature_rollout: kind_of_rule == "fr",
            fields,
            id,
            key,
            kind,
            status,
            ranges,
            skipped,
        })
    }

    /// Refuses an experiment outside of groups that says it is in one: kits do not agree on
    /// whether it then is.
    pub(super) fn check_ungrouped(&self) -> Result<(), DatafileError> {
        let node = ["groupId", "groupPolicy"]
            .into_iter()
            .find_map(|key| self.fields.optional(key));
        match node {
            Some(node) => {
                let message = "experiment of a group outside of the group";
                let hint = "the experiments of a group stand in groups[].experiments";
                Err(node.error(message).with_hint(hint))
            }
            None => Ok(()),
        }
    }
}

/// Lotty's name of a status. Only `Running` decides anything (`is_experiment_running` in
/// `experiment.py`); case matters.
fn status(status: &str) -> &'static str {
    match status {
        "Running" => "running",
        "Not started" => "draft",
        // `archived` is for what the datafile no longer has.
        "Launched" | "Archived" => "completed",
        _ => "paused",
    }
}

impl<'d> Variations<'d> {
    fn read(experiment: &Object<'d>) -> Result<Self, DatafileError> {
        let mut variations = Self::default();
        let mut ids = Names::new("variation id");
        let mut keys = Names::new("variation key");
        for node in experiment.required("variations")?.elements()? {
            let variation = Variation::read(&node)?;
            ids.add(variation.id, &variation.place.key("id"))?;
            keys.add(variation.key, &variation.place.key("key"))?;
            variations.push(variation);
        }
        Ok(variations)
    }

    fn push(&mut self, variation: Variation<'d>) {
        let index = self.list.len();
        self.by_id.insert(variation.id, index);
        self.by_key.insert(variation.key, index);
        self.list.push(variation);
    }

    /// Adds a variation unless there is one of its id and key, which it then replaces. `None` if
    /// it has only one of the two in common with another.
    pub(super) fn merge(&mut self, variation: Variation<'d>) -> Option<()> {
        match (self.id(variation.id), self.key(variation.key)) {
            (None, None) => self.push(variation),
            (Some(id), Some(key)) if id == key => *self.list.get_mut(id)? = variation,
            _ => return None,
        }
        Some(())
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Variation<'d>> {
        self.list.iter()
    }

    /// The place of the variation of that id.
    pub(super) fn id(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The place of the variation of that key.
    pub(super) fn key(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }
}

impl<'d> Variation<'d> {
    fn read(node: &Node<'d>) -> Result<Self, DatafileError> {
        let fields = node.object()?;
        let enabled = match fields.optional("featureEnabled") {
            Some(enabled) => enabled.bool()?,
            None => false,
        };
        let usages = match fields.optional("variables") {
            Some(variables) => variable::usages(&variables)?,
            None => Usages::default(),
        };
        Ok(Self {
            id: fields.required("id")?.name()?,
            key: fields.required("key")?.name()?,
            enabled,
            usages: Rc::new(usages),
            place: fields.place,
        })
    }
}
