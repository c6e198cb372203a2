//! The settings (GUCs). Those that are policy can be changed in a session only by a superuser,
//! or a role with `GRANT SET`.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::pg_sys;

use super::preload;

/// How decisions other than assignments are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
pub enum WriteMode {
    /// In the caller's transaction.
    #[name = c"sync"]
    Sync,
    /// By a background worker, after the commit.
    #[name = c"async"]
    Async,
    /// Not at all.
    #[name = c"disabled"]
    Disabled,
}

static COOLDOWN_DAYS: GucSetting<i32> = GucSetting::<i32>::new(7);
static DECISION_CACHE_TTL: GucSetting<i32> = GucSetting::<i32>::new(0);
static DECISION_WRITE_MODE: GucSetting<WriteMode> = GucSetting::<WriteMode>::new(WriteMode::Sync);
static FLAG_CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(65_536);
static IGNORE_STICKY: GucSetting<bool> = GucSetting::<bool>::new(false);
static MAX_CONCURRENT_EXPERIMENTS: GucSetting<i32> = GucSetting::<i32>::new(3);
static QUEUE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(4096);
static REQUIRE_REVIEW: GucSetting<bool> = GucSetting::<bool>::new(false);

/// `lotty.cooldown_days`, 0 to 3650.
pub fn cooldown_days() -> i32 {
    COOLDOWN_DAYS.get()
}

/// `lotty.decision_cache_ttl`, in seconds; 0 is off.
pub fn decision_cache_ttl() -> i32 {
    DECISION_CACHE_TTL.get()
}

/// `lotty.decision_write_mode`.
pub fn decision_write_mode() -> WriteMode {
    DECISION_WRITE_MODE.get()
}

/// `lotty.flag_cache_size`, in bytes.
pub fn flag_cache_size() -> usize {
    usize::try_from(FLAG_CACHE_SIZE.get()).unwrap_or_default() * 1024
}

/// `lotty.queue_size`, in kilobytes.
pub fn queue_size() -> i32 {
    QUEUE_SIZE.get()
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
    GucRegistry::define_int_guc(
        c"lotty.decision_cache_ttl",
        c"Seconds for which a session answers the same question from memory.",
        c"Only answers that depend on nothing but the configuration and the attributes are kept. 0 switches it off.",
        &DECISION_CACHE_TTL,
        0,
        86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_enum_guc(
        c"lotty.decision_write_mode",
        c"How decisions are written that assign nobody to an experiment.",
        c"sync: in the caller's transaction; async: by a background worker, after the commit; disabled: not at all. Assignments are always written in the caller's transaction.",
        &DECISION_WRITE_MODE,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"lotty.flag_cache_size",
        c"Memory in which a session keeps compiled flags.",
        c"When it is full, the session starts anew with the flags that it is asked for.",
        &FLAG_CACHE_SIZE,
        64,
        1_048_576,
        // Not policy, but memory of the own session, as work_mem.
        GucContext::Userset,
        GucFlags::UNIT_KB,
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
        c"When on, draft experiments cannot become running, only those that another role than the author has approved; and what was submitted for review does not change.",
        &REQUIRE_REVIEW,
        GucContext::Suset,
        GucFlags::default(),
    );
    if preload::in_progress() {
        GucRegistry::define_int_guc(
            c"lotty.queue_size",
            c"Size of the queue for decisions that a background worker writes.",
            c"Shared by all databases. A decision takes about 256 bytes; when the queue is full, decisions are written in the caller's transaction.",
            &QUEUE_SIZE,
            64,
            1_048_576,
            GucContext::Postmaster,
            GucFlags::UNIT_KB,
        );
    }
    // SAFETY: a NUL-terminated name; _PG_init is the place that the function is made for.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"lotty".as_ptr()) };
}
