//! What the engine asks of the ledger of assignments, and tells it.

use uuid::Uuid;

/// A subject's membership of one experiment: a row of the ledger, with what the experiment
/// has become since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The experiment.
    pub experiment: Uuid,
    /// The variant given last; none if it was not recorded.
    pub variant: Option<Uuid>,
    /// The subject's slot that this membership occupies, from 1; none once it was released.
    pub slot: Option<i16>,
    /// What the experiment is now.
    pub standing: Standing,
    /// Time of the last decision that assigned the subject, in microseconds of the same
    /// clock as [`crate::participation::Policy::now`]. Only looked at when
    /// [`Standing::Ended`].
    pub last_assigned_at: i64,
}

/// The part of an experiment's status that participation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Running or paused: the membership counts towards the limit.
    Active,
    /// Completed or archived: the membership starts a cool-down.
    Ended,
    /// Anything else: the membership counts for nothing.
    Idle,
}

/// A new membership, to be entered under a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The experiment.
    pub experiment: Uuid,
    /// The variant that was picked.
    pub variant: Uuid,
    /// The slot, from 1.
    pub slot: i16,
}

/// One subject's page of the ledger, as the engine sees it.
///
/// Errors of the store are the implementation's to raise (PostgreSQL unwinds); the engine
/// never sees them.
pub trait Ledger {
    /// All memberships of the subject, as they are at this moment.
    fn memberships(&mut self) -> Vec<Membership>;

    /// Takes the slots of these experiments, which are no longer active, off the subject.
    fn release(&mut self, experiments: &[Uuid]);

    /// Enters a membership. `false` if another transaction was faster, be it with the slot
    /// or with the very same membership: then nothing is changed.
    fn claim(&mut self, claim: &Claim) -> bool;

    /// Records that an existing membership now has another variant.
    fn revise(&mut self, experiment: Uuid, variant: Uuid);
}
