//! Variants given to one subject by hand.

use uuid::Uuid;

/// The overrides of one subject for one experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overridden {
    /// The variant that was forced, which comes first (`set_forced_variation` of the
    /// Optimizely seed).
    pub forced: Option<Uuid>,
    /// The variant of the whitelist (`forcedVariations` of an experiment in a datafile).
    pub whitelisted: Option<Uuid>,
}

/// What the engine asks about overrides. Only experiments that have any are asked for, so a
/// decision costs nothing where nobody uses them.
pub trait Overrides {
    /// The overrides of the subject that is decided for.
    fn of(&mut self, experiment: Uuid) -> Overridden;
}

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOverrides;

impl Overrides for NoOverrides {
    fn of(&mut self, _: Uuid) -> Overridden {
        Overridden::default()
    }
}
