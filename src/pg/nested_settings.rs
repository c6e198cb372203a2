//! Settings for the time of a piece of work, as functions with a SET clause have them.

use std::ffi::CStr;

use pgrx::pg_sys;

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
