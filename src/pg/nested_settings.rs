//! Settings for the time of a piece of work, as functions with a SET clause have them.

use std::ffi::CStr;

use pgrx::pg_sys;

/// The `search_path` under which SQL of ours runs, whoever calls: nothing that a user has made can
/// stand in the place of PostgreSQL's own functions and operators.
pub const PINNED_PATH: (&CStr, &CStr) = (c"search_path", c"pg_catalog, pg_temp");

/// Whether that is the `search_path` already.
pub fn path_is_pinned() -> bool {
    // SAFETY: the setting's variable, a C string that lives until the next change.
    unsafe { CStr::from_ptr(pg_sys::namespace_search_path) == PINNED_PATH.1 }
}

/// Runs `body` with settings that every role may change. They are put back afterwards, by the
/// abort of the (sub)transaction if `body` raises an error.
pub fn with_settings<R>(settings: &[(&CStr, &CStr)], body: impl FnOnce() -> R) -> R {
    // SAFETY: as fmgr_security_definer in fmgr.c does it, inside a transaction, for the time of a
    // nesting level.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in settings {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        let result = body();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}
