//! The settings (GUCs). Those that are policy can be changed in a session only by a superuser,
//! or a role with `GRANT SET`.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys;

static COOLDOWN_DAYS: GucSetting<i32> = GucSetting::<i32>::new(7);
static IGNORE_STICKY: GucSetting<bool> = GucSetting::<bool>::new(false);
static MAX_CONCURRENT_EXPERIMENTS: GucSetting<i32> = GucSetting::<i32>::new(3);
static REQUIRE_REVIEW: GucSetting<bool> = GucSetting::<bool>::new(false);

/// `lotty.cooldown_days`, 0 to 3650.
pub fn cooldown_days() -> i32 {
    COOLDOWN_DAYS.get()
}

/// `lotty.ignore_sticky`.
pub fn ignore_sticky() -> bool {
    IGNORE_STICKY.get()
}

/// `lotty.max_concurrent_experiments`, 0 to 32767.
pub fn max_concurrent_experiments() -> i16 {
    i16::try_from(MAX_CONCURRENT_EXPERIMENTS.get()).unwrap_or(i16::MAX)
}

/// `lotty.require_review`.
pub fn require_review() -> bool {
    REQUIRE_REVIEW.get()
}

/// Defines the settings and reserves the prefix; called once, when the library is loaded.
pub fn init() {
    GucRegistry::define_int_guc(
        c"lotty.cooldown_days",
        c"Days for which a subject enters no other experiment after one that ended.",
        c"Counted from the last decision that assigned the subject. 0 switches the cool-down off.",
        &COOLDOWN_DAYS,
        0,
        3650,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"lotty.ignore_sticky",
        c"Whether sticky experiments decide as if nobody had been in them.",
        c"When on, they neither look at nor record the variant that a subject was given before.",
        &IGNORE_STICKY,
        // Not policy: it gives nobody a place in an experiment that he could not get.
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"lotty.max_concurrent_experiments",
        c"Most running or paused experiments that a subject may be in at a time.",
        c"0 lets nobody into any experiment.",
        &MAX_CONCURRENT_EXPERIMENTS,
        0,
        i32::from(i16::MAX),
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"lotty.require_review",
        c"Whether an experiment must be approved before it can run.",
        c"When on, draft experiments cannot become running, only approved ones.",
        &REQUIRE_REVIEW,
        GucContext::Suset,
        GucFlags::default(),
    );
    // SAFETY: a NUL-terminated name; _PG_init is the place that the function is made for.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"lotty".as_ptr()) };
}
