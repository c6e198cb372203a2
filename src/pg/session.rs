//! What the current session and transaction may do.

use pgrx::pg_sys;

/// Whether the server is a standby (or otherwise recovering).
pub fn in_recovery() -> bool {
    // SAFETY: no arguments, no preconditions.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Whether the current transaction is read-only.
pub fn read_only() -> bool {
    // SAFETY: a plain variable of the backend, which has one thread.
    unsafe { pg_sys::XactReadOnly }
}
