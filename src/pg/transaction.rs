//! Hearing of the end of transactions and subtransactions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pgrx::prelude::*;

use crate::decision_log::pending;

/// Number of a subtransaction within its transaction; the transaction itself is 1.
pub type Subtransaction = u32;

/// The subtransaction that is running.
pub fn current_subtransaction() -> Subtransaction {
    // SAFETY: inside a transaction, as every SQL function is.
    unsafe { pg_sys::GetCurrentSubTransactionId() }
}

static EPOCH: AtomicU64 = AtomicU64::new(1);

/// While this stays the same, so do the locks that were taken: it changes when a transaction ends and
/// when a subtransaction is rolled back.
pub fn epoch() -> u64 {
    EPOCH.load(Relaxed)
}

/// Registers the callbacks; called once, when the library is loaded.
pub fn init() {
    // SAFETY: plain functions that live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(on_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut());
    }
}

/// After the commit nothing may fail any more; before it, and before a PREPARE, the transaction
/// can still write.
#[pg_guard]
unsafe extern "C-unwind" fn on_end(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    use pg_sys::XactEvent::*;
    EPOCH.fetch_add(1, Relaxed);
    match event {
        XACT_EVENT_COMMIT => pending::hand_over(),
        XACT_EVENT_ABORT => pending::forget(),
        XACT_EVENT_PRE_PREPARE => pending::write_now(),
        _ => {}
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    own: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    use pg_sys::SubXactEvent::*;
    match event {
        SUBXACT_EVENT_COMMIT_SUB => pending::merge(own, parent),
        SUBXACT_EVENT_ABORT_SUB => {
            EPOCH.fetch_add(1, Relaxed);
            pending::forget_subtransaction(own);
        }
        _ => {}
    }
}
