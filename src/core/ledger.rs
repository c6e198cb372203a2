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
    /// In microseconds of the same clock as [`crate::participation::Policy::now`]: when the
    /// subject entered the experiment or, once that has [`Standing::Ended`], the last
    /// decision that assigned the subject.
    pub assigned_at: i64,
}

impl Membership {
    /// Whether the subject is in the experiment, and that is active.
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }
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
/// The page is what makes limits and conflict domains hold when several transactions decide
/// for the subject at once. Whoever enters the subject locks the rows of the page, looks
/// again, and takes the *lowest* free slot. So of two such transactions one waits for the
/// other: on a row of the page or, if they saw an empty page, on the lowest slot, which both
/// want. Thereafter it looks again. Slots are released only by who then takes the lowest one,
/// so a page that is not empty always has it occupied, and nobody enters past rows not seen.
///
/// Errors of the store are the implementation's to raise (PostgreSQL unwinds); the engine
/// never sees them.
pub trait Ledger {
    /// All memberships of the subject, as they are at this moment.
    fn memberships(&mut self) -> Vec<Membership>;

    /// Locks the rows of the page until the end of the transaction, always in the same order,
    /// after waiting for whoever holds them.
    fn lock(&mut self);

    /// Takes the slots of these experiments, which are no longer active, off the subject.
    fn release(&mut self, experiments: &[Uuid]);

    /// Enters a membership. `false` if another transaction was faster, be it with the slot
    /// or with the very same membership: then nothing is changed.
    fn claim(&mut self, claim: &Claim) -> bool;

    /// Records that an existing membership now has another variant.
    fn revise(&mut self, experiment: Uuid, variant: Uuid);
}
