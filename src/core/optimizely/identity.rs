//! Identifiers of what is imported.
//!
//! They are derived from Optimizely's ids, so that the same datafile gives the same rows in every
//! database, and the next revision of it updates rather than replaces them.

use uuid::Uuid;

use crate::optimizely::document::ExperimentKind;

/// The identifier of the variant that stands for a variation of an experiment, by the ids of project, experiment
/// and variation; whether or not there is one.
pub fn variant_id(project: &str, experiment: &str, variation: &str) -> Uuid {
    Identity::new(project).variant(ExperimentKind::Experiment, experiment, variation)
}

/// Derives the identifiers of one project.
pub(super) struct Identity {
    namespace: Uuid,
    project: String,
}

impl Identity {
    /// The identifiers of the project of that id.
    pub(super) fn new(project: &str) -> Self {
        Self {
            namespace: Uuid::new_v5(&Uuid::NAMESPACE_URL, b"lotty:optimizely"),
            project: project.to_owned(),
        }
    }

    /// What the rows of the project are marked with.
    pub(super) fn source(&self) -> String {
        format!("optimizely:{}", self.project)
    }

    /// A flag, by its id or, where it has none, by its key.
    pub(super) fn flag(&self, id: &str) -> Uuid {
        self.derive(&format!("flag:{}:{id}", self.project))
    }

    /// An experiment or a rollout rule: what was one and is the other in a later revision is
    /// another row, since the kind of a row never changes.
    pub(super) fn experiment(&self, kind: ExperimentKind, id: &str) -> Uuid {
        let kind = match kind {
            ExperimentKind::Experiment => "experiment",
            ExperimentKind::Rollout => "rule",
        };
        self.derive(&format!("{kind}:{}:{id}", self.project))
    }

    /// A variation of an experiment or a rollout rule: rules of one flag share the ids of their
    /// variations.
    pub(super) fn variant(&self, kind: ExperimentKind, experiment: &str, id: &str) -> Uuid {
        let kind = match kind {
            ExperimentKind::Experiment => "variant",
            ExperimentKind::Rollout => "rule variant",
        };
        self.derive(&format!("{kind}:{}:{experiment}:{id}", self.project))
    }

    /// A group.
    pub(super) fn group(&self, id: &str) -> Uuid {
        self.derive(&format!("group:{}:{id}", self.project))
    }

    fn derive(&self, name: &str) -> Uuid {
        Uuid::new_v5(&self.namespace, name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Python's `uuid.uuid5`.
    #[test]
    fn identifiers_never_change() {
        let identity = Identity::new("111001");
        assert_eq!(
            [
                identity.flag("f"),
                identity.experiment(ExperimentKind::Experiment, "1"),
                identity.variant(ExperimentKind::Experiment, "1", "2"),
                identity.group("3"),
            ]
            .map(|id| id.to_string()),
            [
                "e385e57d-f0e0-5f23-8fc3-bf31d44888f2",
                "f8211141-0273-57b1-9419-cb616a47e971",
                "191b59b2-e806-5d56-a179-97ad07b6e1fc",
                "ab5ec41c-734a-5569-9d95-4053097b287b"
            ]
        );
        assert_eq!(identity.source(), "optimizely:111001");
    }
}
