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
    /// Anything else, or exempt from participation, or without a place since subjects were
    /// merged: the membership counts for nothing.
    Idle,
}

/// The slot on which transactions for one subject meet.
pub const FIRST_SLOT: i16 = 1;

/// A new membership, to be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The experiment.
    pub experiment: Uuid,
    /// The variant that was picked.
    pub variant: Uuid,
    /// The slot, from 1; none for an experiment that participation does not count.
    pub slot: Option<i16>,
}

/// One subject's page of the ledger, as the engine sees it.
///
/// The page is what makes limits and conflict domains hold when several transactions decide
/// for the subject at once. They meet on the subject's *first slot*: whoever writes the page
/// first takes hold of the row that occupies it ([`Ledger::lock`]) or, if none does, enters
/// there, since a claim is always for the lowest free slot. One of two such transactions then
/// waits for the other, and looks again. It is the only place where they meet before they
/// hold anything, so they cannot wait for each other in a circle; and since taking hold
/// changes the row, a transaction with an older snapshot fails instead of overlooking what
/// was entered since. Should all this fail, the slots are unique still.
///
/// Errors of the store are the implementation's to raise (PostgreSQL unwinds); the engine
/// never sees them.
pub trait Ledger {
    /// All memberships of the subject, as they are at this moment.
    fn memberships(&mut self) -> Vec<Membership>;

    /// Takes hold of the membership that occupies the first slot until the end of the
    /// transaction, after waiting for whoever has it. `false` if there is none, or if it has
    /// left the slot meanwhile.
    fn lock(&mut self) -> bool;

    /// Takes the slots of these experiments, which are no longer active, off the subject.
    fn release(&mut self, experiments: &[Uuid]);

    /// Enters a membership. `false` if another transaction was faster, be it with the slot
    /// or with the very same membership: then nothing is changed.
    fn claim(&mut self, claim: &Claim) -> bool;

    /// Records that an existing membership now has another variant. `false` if it no longer
    /// had `before`: then nothing is changed.
    fn revise(&mut self, experiment: Uuid, before: Option<Uuid>, variant: Uuid) -> bool;
}
